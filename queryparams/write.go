package queryparams

import (
	"fmt"
	"maps"
	"slices"
	"unicode/utf8"

	"github.com/reecho-go/reecho/internal/commit"
)

// Set gives key the values, in the place where the key first was, or at the
// end. Each value is a text, a number, a bool, a time, a duration, a type with
// text methods or a String method, or a slice of these, which counts as its
// elements. Bytes are refused: they could be a text or numbers. No values at
// all delete the key.
func (p *Params) Set(key string, values ...any) error {
	return p.update([]string{key}, func(string) ([]string, error) { return texts(key, values, nil) })
}

// Add appends values to those that key has.
func (p *Params) Add(key string, values ...any) error {
	added, err := texts(key, values, nil)
	if err != nil {
		return err
	}
	fresh := make([]entry, len(added))
	for i, v := range added {
		fresh[i] = entry{key: key, value: v}
	}
	if err := haveNames(fresh); err != nil {
		return err
	}
	keys := []string{key}
	return p.write(keys, false, func(entries []entry) ([]entry, []string) { return append(entries, fresh...), keys })
}

// Delete removes key, also the empty one of ?=x. Removing what is not there
// changes nothing. It fails for a reserved key.
func (p *Params) Delete(key string) error { return p.Set(key) }

// Update sets every key of m, new ones in alphabetical order. A value is what
// [Params.Set] takes as one.
func (p *Params) Update(m map[string]any) error {
	return p.update(slices.Sorted(maps.Keys(m)), func(key string) ([]string, error) { return texts(key, []any{m[key]}, nil) })
}

// Replace replaces everything but the reserved keys by m, in alphabetical
// order. It takes what [Params.ToMap] returns; only the order of different keys is lost.
func (p *Params) Replace(m map[string][]string) error {
	return p.replace(slices.Sorted(maps.Keys(m)), func(key string) ([]string, error) { return m[key], nil })
}

// Clear removes everything but the reserved keys.
func (p *Params) Clear() error { return p.replace(nil, nil) }

// Store writes v into p: the schema's parameters are replaced, others stay.
func (s *Schema[T]) Store(p *Params, v T) error {
	return p.store(s.plan, &v)
}

// store replaces the parameters that belong to the plan by those of what v points to.
func (p *Params) store(pl *plan, v any) error {
	fresh, err := pl.entries(v)
	if err != nil {
		return err
	}
	return p.write(keysOf(fresh), false, func(entries []entry) ([]entry, []string) {
		touched := keysOf(fresh)
		entries = slices.DeleteFunc(entries, func(e entry) bool {
			_, _, owned := pl.lookup(e.key)
			owned = owned && !p.isReserved(e.key)
			if owned {
				touched = append(touched, e.key)
			}
			return owned
		})
		return append(entries, fresh...), touched
	})
}

// collect makes the entries for keys.
func collect(keys []string, values func(string) ([]string, error)) ([]entry, error) {
	var entries []entry
	for _, key := range keys {
		vs, err := values(key)
		if err != nil {
			return nil, err
		}
		for _, v := range vs {
			entries = append(entries, entry{key: key, value: v})
		}
	}
	return entries, nil
}

func (p *Params) update(keys []string, values func(string) ([]string, error)) error {
	fresh, err := collect(keys, values)
	if err == nil {
		err = haveNames(fresh)
	}
	if err != nil {
		return err
	}
	return p.write(keys, false, func(entries []entry) ([]entry, []string) { return merge(entries, keys, fresh), keys })
}

// merge gives keys their fresh values, where they first were or at the end.
func merge(entries []entry, keys []string, fresh []entry) []entry {
	values := make(map[string][]entry, len(keys))
	for _, key := range keys {
		values[key] = nil
	}
	for _, f := range fresh {
		values[f.key] = append(values[f.key], f)
	}
	out := make([]entry, 0, len(entries)+len(fresh))
	for _, e := range entries {
		if vs, owned := values[e.key]; owned {
			out = append(out, vs...)
			values[e.key] = nil // the first place gets them all
			continue
		}
		out = append(out, e)
	}
	for _, key := range keys {
		out = append(out, values[key]...)
		values[key] = nil
	}
	return out
}

func (p *Params) replace(keys []string, values func(string) ([]string, error)) error {
	fresh, err := collect(keys, values)
	if err != nil {
		return err
	}
	return p.write(keys, true, func(entries []entry) ([]entry, []string) {
		return append(slices.DeleteFunc(entries, func(e entry) bool { return !p.isReserved(e.key) }), fresh...), keys
	})
}

// write is the one way to change p. keys are those to be written; change gets
// a copy of the entries and returns them changed, with the keys it touched.
func (p *Params) write(keys []string, all bool, change func([]entry) (changed []entry, touched []string)) error {
	for _, key := range keys {
		if p.isReserved(key) {
			return writeFault(key, CodeReserved)
		}
	}
	if err := p.apply(all, true, change); err != nil {
		return err
	}
	p.deliver()
	return nil
}

// apply makes one change, all of it or nothing. explicit says that the program
// asked for it, so that it is an error if no response carries it.
func (p *Params) apply(all, explicit bool, change func([]entry) (changed []entry, touched []string)) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	entries, touched := change(slices.Clone(p.entries))
	if err := p.fits(entries); err != nil {
		return err
	}
	if p.req != nil && p.onChange == nil {
		switch {
		case p.scripted:
			return fmt.Errorf("queryparams: the page's script has been written: %w", commit.ErrCommitted)
		case p.status != 0:
			return fmt.Errorf("queryparams: %w", commit.ErrCommitted)
		}
		if err := commit.Request(p.req.Context()); err != nil {
			return fmt.Errorf("queryparams: %w", err)
		}
	}
	if p.touched == nil {
		p.touched = map[string]bool{}
	}
	for _, key := range touched {
		p.touched[key] = true
	}
	p.all = p.all || all
	p.explicit = p.explicit || explicit
	changed := p.onChange != nil && !slices.Equal(p.entries, entries)
	p.entries = entries
	if changed {
		p.changes = append(p.changes, p.change())
	}
	return nil
}

// haveNames checks that no entry is one of =value, which can be read, kept and
// deleted, but not written.
func haveNames(entries []entry) error {
	if slices.ContainsFunc(entries, func(e entry) bool { return e.key == "" }) {
		return writeFault("", CodeBadKey)
	}
	return nil
}

// fits checks that what is about to be written can be read back.
func (p *Params) fits(entries []entry) error {
	for _, e := range entries {
		if !utf8.ValidString(e.key) {
			return writeFault(e.key, CodeBadKey)
		}
		if !utf8.ValidString(e.value) {
			return writeFault(e.key, CodeBadUTF8)
		}
	}
	if _, err := parseEntries(string(appendEntries(nil, entries)), &p.limits); err != nil {
		return err
	}
	return nil
}

// OnChange calls fn with every later change of the query, in place of sending it
// with the response's headers: for handlers that hold a connection, such as a
// stream of events or a WebSocket, whose headers have been sent. Writes then no
// longer fail with [middleware.ErrCommitted].
//
// query is the whole raw query, reserved keys included, without the question mark;
// the page's script knows the path. push says to add an entry to the browser's
// history instead of changing the current one: see [Params.PushHistory].
//
// fn is called by the goroutine that writes, or by another one that is writing
// at the time; never twice at once, in the order of the writes, under no lock,
// and not for writes that change nothing. It may write itself. There is one fn:
// the last one given; nil takes it away, with the changes that it has not seen.
func (p *Params) OnChange(fn func(query string, push bool)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.onChange = fn
	p.notified = p.notified || fn != nil
}

// change is the change that has just been made. p.mu is held.
func (p *Params) change() queryChange {
	return queryChange{query: string(appendEntries(nil, p.entries)), push: p.push}
}

// deliver hands out the changes that are waiting, unless somebody is at it.
func (p *Params) deliver() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.delivering {
		return
	}
	p.delivering = true
	defer func() { p.delivering = false }()
	for len(p.changes) > 0 {
		next, fn := p.changes[0], p.onChange
		p.changes = p.changes[1:]
		if fn != nil { // taken away while changes were waiting
			p.unlocked(func() { fn(next.query, next.push) })
		}
	}
}

// unlocked runs fn without p.mu, which is held again even after a panic.
func (p *Params) unlocked(fn func()) {
	p.mu.Unlock()
	defer p.mu.Lock()
	fn()
}
