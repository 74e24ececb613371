package queryparams

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Migration changes the queries of links from an older version of the app. Make
// one with [Rename], [Drop] or [Rewrite]; [New] refuses the zero value.
type Migration struct {
	apply func([]entry) []entry
	names []string
	err   error
}

// Rename gives the parameter old, and with it old[...], its new name. Where
// the query has the new name too, that one counts and the old one is dropped.
func Rename(old, name string) Migration {
	m := Migration{names: []string{old, name}, apply: func(entries []entry) []entry {
		before := keysOf(entries)
		kept := entries[:0]
		for _, e := range entries {
			if suffix, ok := cutName(e.key, old); ok {
				if e.key = name + suffix; slices.Contains(before, e.key) {
					continue
				}
			}
			kept = append(kept, e)
		}
		return kept
	}}
	if _, again := cutName(name, old); old == "" || name == "" || again {
		m.err = fmt.Errorf("queryparams: Rename(%q, %q): use two different names", old, name)
	}
	return m
}

// cutName reports whether key is name or name[...], and what follows name.
func cutName(key, name string) (suffix string, ok bool) {
	suffix, ok = strings.CutPrefix(key, name)
	return suffix, ok && (suffix == "" || suffix[0] == '[')
}

// isNamed reports whether e is one of the parameters, or nests in it.
func isNamed(e entry, names []string) bool {
	return slices.ContainsFunc(names, func(name string) bool {
		_, ok := cutName(e.key, name)
		return ok
	})
}

// Drop removes parameters, and what nests in them.
func Drop(names ...string) Migration {
	m := Migration{names: slices.Clone(names), apply: func(entries []entry) []entry {
		return slices.DeleteFunc(entries, func(e entry) bool { return isNamed(e, names) })
	}}
	if len(names) == 0 || slices.Contains(names, "") {
		m.err = errors.New("queryparams: Drop: name the parameters")
	}
	return m
}

// Rewrite replaces the values of a parameter by what fn returns for them;
// false removes the parameter. fn must return its own results unchanged, since
// new links go through it as well. It may be called from many goroutines.
func Rewrite(name string, fn func(value string) (string, bool)) Migration {
	m := Migration{names: []string{name}, apply: func(entries []entry) []entry {
		kept := entries[:0]
		for _, e := range entries {
			if e.key == name {
				value, ok := fn(e.value)
				if !ok {
					continue
				}
				if value != e.value {
					e = entry{key: name, value: strings.ToValidUTF8(value, "\uFFFD")}
				}
			}
			kept = append(kept, e)
		}
		return kept
	}}
	if name == "" || fn == nil {
		m.err = fmt.Errorf("queryparams: Rewrite(%q): name the parameter and give a function", name)
	}
	return m
}

// migrated returns entries after all migrations, and whether they changed
// anything. The entries that are given stay as they are.
func migrated(entries []entry, migrations []Migration) ([]entry, bool) {
	if len(migrations) == 0 || len(entries) == 0 {
		return entries, false
	}
	after := slices.Clone(entries)
	for _, m := range migrations {
		after = m.apply(after)
	}
	return after, !slices.Equal(after, entries)
}
