package queryparams

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// validators are tags of other libraries by which values are checked. They are
// not read here, and NewSchema says so.
var validators = []string{"validate", "binding", "valid"}

// neighbours are tags of other tools that are spelled nearly like ours.
var neighbours = []string{"enums", "log", "map"}

// tagKeys lists the names in a struct tag, and reports whether all of it could
// be read (see reflect.StructTag).
func tagKeys(tag reflect.StructTag) (keys []string, complete bool) {
	rest := strings.TrimLeft(string(tag), " ")
	for rest != "" {
		key, after, ok := strings.Cut(rest, ":")
		if !ok || key == "" || strings.ContainsAny(key, " \"\t\n") {
			return keys, false
		}
		quoted, err := strconv.QuotedPrefix(after)
		if err != nil || quoted[0] != '"' {
			return keys, false
		}
		keys = append(keys, key)
		rest = strings.TrimLeft(after[len(quoted):], " ")
	}
	return keys, true
}

// misspelt is the name that key was meant to be; empty if it is one of them,
// or something else.
func misspelt(key string, names []string) string {
	if slices.Contains(names, key) || slices.Contains(neighbours, key) || key == "query" || key == "" {
		return ""
	}
	plainKey := strings.NewReplacer("_", "", "-", "", ",", "", ";", "").Replace(strings.ToLower(key))
	best, at := "", maxEdits+1
	for _, name := range names {
		most := maxEdits
		if len(name) <= len("enum") {
			most = 1
		}
		if plainKey == "" || plainKey[0] != name[0] || max(len(plainKey)-len(name), len(name)-len(plainKey)) > maxEdits {
			continue
		}
		if d := edits(plainKey, name); d <= most && d < at {
			best, at = name, d
		}
	}
	return best
}

// misspeltQuery finds a query tag that is not read since it is misspelt or
// malformed.
func misspeltQuery(tag reflect.StructTag) error {
	keys, complete := tagKeys(tag)
	for _, key := range keys {
		if misspelt(key, []string{"query"}) != "" {
			return fmt.Errorf("there is no tag %s: did you mean query?", key)
		}
	}
	if !complete && strings.Contains(strings.ToLower(string(tag)), "query") {
		return fmt.Errorf("the tags %q are malformed: write query:\"name\"", string(tag))
	}
	return nil
}
