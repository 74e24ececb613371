package ctxinfo

import (
	"iter"
	"maps"
	"net/http"
	"net/textproto"
	"slices"
)

// Headers is a read-only view of the request's headers as they were when the
// Info was made, Host among them. Names are matched without regard to case.
type Headers struct{ in *Info }

// Headers returns the headers.
func (in *Info) Headers() Headers { return Headers{in} }

// Get returns the first value of the header. The name goes into Vary.
func (h Headers) Get(name string) (string, bool) {
	if v := h.values(name); len(v) > 0 {
		return v[0], true
	}
	return "", false
}

// GetAll returns all values of the header, in the order sent. The slice is
// the caller's; the name goes into Vary.
func (h Headers) GetAll(name string) []string { return slices.Clone(h.values(name)) }

// All yields every header with its values, sorted by canonical name. The
// slices are the caller's. Since the response may then depend on anything,
// Vary becomes "*".
func (h Headers) All() iter.Seq2[string, []string] {
	h.in.noteHeader("*")
	return func(yield func(string, []string) bool) {
		for _, name := range slices.Sorted(maps.Keys(h.in.header)) {
			if !yield(name, slices.Clone(h.in.header[name])) {
				return
			}
		}
	}
}

// ToMap returns a copy of all headers. As with All, Vary becomes "*".
func (h Headers) ToMap() http.Header {
	h.in.noteHeader("*")
	return h.in.header.Clone()
}

// String says nothing about the headers: some are secrets.
func (h Headers) String() string { return "headers (redacted)" }

func (h Headers) values(name string) []string {
	name = textproto.CanonicalMIMEHeaderKey(name)
	h.in.noteHeader(name)
	return h.in.header[name]
}
