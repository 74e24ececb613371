package queryparams

import (
	"iter"
	"net/http"
	"slices"
	"sync"
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

// queryChange is one call of an OnChange function.
type queryChange struct {
	query string
	push  bool
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

// dirty returns the present query, and whether it was changed.
func (p *Params) dirty() (raw string, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.touched == nil {
		return "", false
	}
	return string(appendEntries(nil, p.entries)), true
}
