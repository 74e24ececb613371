package queryparams

import (
	"fmt"
	"iter"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/reecho-go/reecho/internal/commit"
)

// Params is the query of one request as an ordered dictionary, with the
// semantics of Streamlit's st.query_params: reading a repeated key gives its
// last value, writes are seen at once in the same request (by [Bind] too), and
// reach the browser with the response. Values are read as browsers read them:
// a broken escape is text.
//
// Reserved keys (embed and embed_options, unless Config.Reserved names others;
// in upper or lower case) are kept, but can be neither read nor written.
//
// All methods are safe for concurrent use. Those that write make all of their
// changes or none. They fail with [middleware.ErrCommitted] when the headers
// have been sent, and with a [*FieldError] for a key or a value that cannot be
// written.
type Params struct {
	plugin   *Plugin // nil: not of a request
	reserved []string
	limits   Limits
	req      *http.Request // nil: not of a request

	mu       sync.Mutex
	entries  []entry
	touched  map[string]bool // keys that were written
	all      bool            // every key that is not reserved was
	explicit bool            // the program wrote, not only a correction
	notified bool            // the change is on its way to the browser, or not to be told
	scripted bool            // by a script, after which there can be no other
	status   int             // of the response, once its headers are on their way
	push     bool            // the change is a new entry of the browser's history
	err      error           // why the query could not be read

	corrections []*FieldError // faults that a default has taken the place of

	onChange   func(query string, push bool)
	changes    []queryChange // onChange has not been called with them yet
	delivering bool
}

// ParseParams reads a raw query, without the question mark, into Params that
// belong to no request: for tests and for code that builds URLs. Its error is
// an [*Errors], for a query beyond the default [Limits].
func ParseParams(raw string) (*Params, error) {
	p := &Params{reserved: defaultReserved(), limits: Limits{}.withDefaults()}
	if p.entries, p.err = parseEntries(raw, &p.limits); p.err != nil {
		return nil, p.err
	}
	return p, nil
}

func (p *Params) isReserved(key string) bool {
	return containsFold(p.reserved, key)
}

func containsFold(keys []string, key string) bool {
	return slices.ContainsFunc(keys, func(k string) bool { return strings.EqualFold(k, key) })
}

// Get returns the last value of key and whether it is there.
func (p *Params) Get(key string) (string, bool) {
	if p.isReserved(key) {
		return "", false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, e := range slices.Backward(p.entries) {
		if e.key == key {
			return e.value, true
		}
	}
	return "", false
}

// GetAll returns all values of key in order: a slice of the caller's own,
// empty if there are none.
func (p *Params) GetAll(key string) []string {
	values := []string{}
	if p.isReserved(key) {
		return values
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, e := range p.entries {
		if e.key == key {
			values = append(values, e.value)
		}
	}
	return values
}

func (p *Params) keys(entries []entry) []string {
	keys := make([]string, 0, len(entries))
	seen := make(map[string]bool, len(entries))
	for _, e := range entries {
		if !seen[e.key] && !p.isReserved(e.key) {
			seen[e.key] = true
			keys = append(keys, e.key)
		}
	}
	return keys
}

// Items yields each key, in order of first appearance, with its last value, as
// they were when the iteration began: maps.Collect(p.Items()) is Streamlit's
// to_dict. Earlier values of a repeated key are left out: [Params.ToMap] has them.
func (p *Params) Items() iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		p.mu.Lock()
		entries := slices.Clone(p.entries)
		p.mu.Unlock()
		last := p.lastValues(entries)
		for _, key := range p.keys(entries) {
			if !yield(key, last[key]) {
				return
			}
		}
	}
}

func (p *Params) lastValues(entries []entry) map[string]string {
	m := make(map[string]string, len(entries))
	for _, e := range entries {
		if !p.isReserved(e.key) {
			m[e.key] = e.value
		}
	}
	return m
}

// ToMap returns each key with all its values, as [Params.Replace] takes them.
func (p *Params) ToMap() map[string][]string {
	p.mu.Lock()
	defer p.mu.Unlock()
	m := make(map[string][]string, len(p.entries))
	for _, e := range p.entries {
		if !p.isReserved(e.key) {
			m[e.key] = append(m[e.key], e.value)
		}
	}
	return m
}

// Encode returns the whole query, reserved keys included, in order.
func (p *Params) Encode() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return string(appendEntries(nil, p.entries))
}

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
	raw, err := s.Encode(v)
	if err != nil {
		return err
	}
	return p.store(s.plan, raw)
}

// store replaces the parameters that belong to the plan.
func (p *Params) store(pl *plan, raw string) error {
	fresh, err := parseEntries(raw, &pl.cfg.Limits)
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

func keysOf(entries []entry) []string {
	keys := make([]string, len(entries))
	for i, e := range entries {
		keys[i] = e.key
	}
	return keys
}

// Corrections lists the faults of this request that [Schema.Bind] replaced by a
// default (invalid:"default"), for a page that tells its visitor. The faults are
// shared, the list is the caller's own.
func (p *Params) Corrections() []*FieldError {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.corrections)
}

// PushHistory makes the changes of this request a new entry in the browser's
// history, which the back button undoes. Without it they change the current
// entry.
func (p *Params) PushHistory() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.push = true
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

func writeFault(key string, code Code) *FieldError {
	name := *safeValue(key)
	return &FieldError{Parameter: name, Path: name, Code: code, Detail: details[code], Offset: -1}
}

// dirty reports whether anything was written, and the query as it is now.
func (p *Params) dirty() (raw string, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.touched == nil {
		return "", false
	}
	return string(appendEntries(nil, p.entries)), true
}
