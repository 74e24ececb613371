package ctxinfo

import (
	"iter"
	"maps"
	"net/textproto"
	"slices"
	"strings"

	"github.com/reecho-go/reecho/internal/syntax"
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
// slices are the caller's. Since the response may then depend on any header,
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

func (h Headers) values(name string) []string {
	name = textproto.CanonicalMIMEHeaderKey(name)
	h.in.noteHeader(name)
	return h.in.header[name]
}

const (
	// maxCookies and maxCookieBytes bound what is read of the Cookie header;
	// browsers send less, and most servers accept no more.
	maxCookies     = 256
	maxCookieBytes = 16 << 10
)

// Cookies is a read-only view of the request's cookies: of the first 16 KB
// and 256 of them, in the order in which they were sent. Pairs that net/http
// would not accept are left out; values are not decoded. Nothing is cached:
// each call scans, without allocating.
type Cookies struct{ in *Info }

// Cookies returns the cookies.
func (in *Info) Cookies() Cookies { return Cookies{in} }

// Get returns the first cookie of that name: if there are several, that of
// the most specific path (RFC 6265, section 5.4). A __Host- cookie that comes
// twice counts as absent: a browser keeps only one, so the other one was injected.
func (c Cookies) Get(name string) (string, bool) { return cookieValue(c.lines(), name) }

// GetAll returns the values of all cookies of that name, in the order sent;
// the last is what Streamlit's mapping holds. The slice is the caller's.
func (c Cookies) GetAll(name string) []string {
	var all []string
	for n, v := range eachCookie(c.lines(), name) {
		if n == name {
			all = append(all, v)
		}
	}
	return all
}

// All yields every cookie, duplicates included, in the order sent.
func (c Cookies) All() iter.Seq2[string, string] { return eachCookie(c.lines(), "") }

func (c Cookies) lines() []string {
	var f facts
	lines := c.in.values(&f, fieldCookie)
	c.in.note(f.read)
	return lines
}

func cookieValue(lines []string, name string) (value string, ok bool) {
	for n, v := range eachCookie(lines, name) {
		if n != name {
			continue
		}
		if ok {
			return "", false
		}
		value, ok = v, true
		if !strings.HasPrefix(name, "__Host-") {
			break
		}
	}
	return value, ok
}

// eachCookie parses Cookie header lines within the limits and yields the
// cookies whose names have the prefix; it looks no closer at the others.
func eachCookie(lines []string, prefix string) iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		left, n := maxCookieBytes, 0
		for _, line := range lines {
			cut := len(line) > left
			if cut {
				line = line[:left]
			}
			left -= len(line)
			for line != "" {
				pair, rest, found := strings.Cut(line, ";")
				if n++; n > maxCookies || cut && !found { // the pair at the cut is left out
					return
				}
				line = rest
				name, value, _ := strings.Cut(syntax.TrimOWS(pair), "=")
				name = syntax.TrimOWS(name)
				if !strings.HasPrefix(name, prefix) || !syntax.IsToken(name) {
					continue
				}
				if value, ok := cookieText(value); ok && !yield(name, value) {
					return
				}
			}
		}
	}
}

// cookieText strips the quotes of a value and checks it as net/http does.
func cookieText(s string) (string, bool) {
	if len(s) > 1 && s[0] == '"' && s[len(s)-1] == '"' {
		s = s[1 : len(s)-1]
	}
	for i := range len(s) {
		if c := s[i]; c < ' ' || c >= 0x7f || c == '"' || c == ';' || c == '\\' {
			return "", false
		}
	}
	return s, true
}
