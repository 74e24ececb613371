package respcache

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/reecho-go/reecho/internal/commit"
	"github.com/reecho-go/reecho/internal/level"
	"github.com/reecho-go/reecho/internal/uses"
)

// page is a stored response; or a signpost: then more says what responses under its
// key depend on beside it; or a mark that a response cannot be stored: then why says
// it. Nothing of it changes, but for what it counts and remembers.
type page struct {
	more  []string // sorted; nil: a response
	kinds kinds    // what was stored with more

	first    *page // that a signpost of a shared cache has brought with it; nil: none
	firstKey string

	why reason // the response cannot be stored; empty: it is here

	stamps  []uses.Stamp         // of the results that it is made of
	drop    sync.Once            // when one of them does not hold any more
	told    atomic.Pointer[told] // what the last hit has said
	parts   []level.Part         // as what the store has these results; nil: there are none, or it does not matter
	renewal renewal
	kept    bool   // it comes from the store
	only    reason // why it is for this memory only, such as that it is one visitor's and its key does not say so; empty: it may be in a store

	status   int
	fields   []field
	body     []byte
	length   string // Content-Length
	etag     string
	modified time.Time // Last-Modified; zero: none
	made     time.Time
	ttl      time.Duration
	strict   bool // it must not be replayed when its time is over

	shared bool // by a shared cache: it is kept when its time is over, to be validated
	terms
	date time.Time // of a shared one
}

// left is for how long p may be replayed, unless it is expired before.
func (p *page) left() time.Duration { return p.ttl - time.Since(p.made) }

// over reports whether the time of p is over, unless it is a signpost.
func (p *page) over() bool { return p.more == nil && p.left() <= 0 }

// usable reports whether p, whose time may be over, may be replayed or followed.
func (c *Cache) usable(ctx context.Context, p *page, over bool) bool {
	onlyFresh := p.strict && !p.shared || p.why != ""
	return c.holds(ctx, p) && (!onlyFresh || !over)
}

// hitStatus is the Cache-Status of a response that is replayed, and fresh for as long
// as is left.
func (p *page) hitStatus(left time.Duration) string {
	seconds := int64(left / time.Second)
	if t := p.told.Load(); t != nil && t.left == seconds {
		return t.status
	}
	t := &told{seconds, hitStatus(seconds)}
	if p.only != "" {
		t.status += "; detail=" + quoted("in memory only: "+string(p.only))
	}
	p.told.Store(t)
	return t.status
}

// told is the Cache-Status that hits in one second have.
type told struct {
	left   int64
	status string
}

// kinds counts the responses that were stored behind a signpost, lately.
type kinds struct {
	mu    sync.Mutex
	since time.Time
	n     int
}

// another reports whether one more response may be stored behind the signpost p.
func (p *page) another() bool {
	k := &p.kinds
	k.mu.Lock()
	defer k.mu.Unlock()
	if now := time.Now(); now.Sub(k.since) > p.ttl {
		k.since, k.n = now, 0
	}
	k.n++
	return k.n <= mostKinds
}

// field is what a handler has done to one response header.
type field struct {
	name   string
	values []string // nil: it was deleted
	add    bool     // values come after those that were there already
}

// size is what a page counts for the bound on bytes.
func (p *page) size() int64 {
	n := 370 + len(p.body) + len(p.etag) + 80*len(p.stamps) + 240*len(p.parts)
	if p.first != nil {
		n += int(p.first.size()) + len(p.firstKey)
	}
	for _, name := range p.more {
		n += 16 + len(name)
	}
	for _, f := range p.fields {
		n += 48 + len(f.name)
		for _, v := range f.values {
			n += 16 + len(v)
		}
	}
	return int64(n)
}

// holds reports whether all results that p is made of still hold, as far as the memory
// knows.
func (p *page) holds() bool {
	if hold(p.stamps) {
		return true
	}
	again := p.renewal.stamps.Load()
	return again != nil && hold(*again)
}

func hold(stamps []uses.Stamp) bool {
	for _, s := range stamps {
		if !s.Holds() {
			return false
		}
	}
	return true
}

// neverStored are headers that belong to one response, one connection or one
// client.
var neverStored = map[string]bool{
	"Age": true, "Cache-Status": true, "Connection": true, "Content-Length": true, "Date": true,
	"Keep-Alive": true, "Proxy-Authenticate": true, "Proxy-Authorization": true, "Proxy-Connection": true, "Server-Timing": true,
	"Te": true, "Trailer": true, "Transfer-Encoding": true, "Upgrade": true,
	"Traceparent": true, "Tracestate": true, "X-Correlation-Id": true, "X-Request-Id": true,
}

func isNeverStored(name string) bool {
	return neverStored[name] || strings.HasPrefix(name, "X-Ratelimit-") || strings.HasPrefix(name, "Ratelimit")
}

// changes returns what has become of the headers in before, as fields that share
// nothing with now.
func changes(before, now http.Header, never func(name string) bool) []field {
	var fields []field
	skip := connectionListed(now)
	for name, values := range now {
		old, there := before[name]
		canonical := http.CanonicalHeaderKey(name)
		if never(canonical) || slices.Contains(skip, canonical) || there && untouched(old, values) {
			continue
		}
		f := field{name: name}
		if len(old) > 0 && len(values) > len(old) && slices.Equal(old, values[:len(old)]) {
			f.add, values = true, values[len(old):]
		}
		f.values = make([]string, 0, len(values)) // not nil, which is a header that was deleted
		for _, v := range values {
			f.values = append(f.values, strings.Clone(v))
		}
		f.values = slices.Clip(f.values)
		fields = append(fields, f)
	}
	for name := range before {
		if _, still := now[name]; !still && !never(name) {
			fields = append(fields, field{name: name})
		}
	}
	slices.SortFunc(fields, func(a, b field) int { return strings.Compare(a.name, b.name) })
	return fields
}

// untouched reports whether two values of a header are one: who sets what is there
// already makes another one.
func untouched(before, now []string) bool {
	return len(before) == len(now) && (len(now) == 0 || &before[0] == &now[0])
}

// canonicalNames returns h with the canonical names of all headers: a handler may have
// written others into the map, which mean the same to clients. The values are those of h.
func canonicalNames(h http.Header) http.Header {
	named := make(http.Header, len(h))
	for name, values := range h {
		canonical := http.CanonicalHeaderKey(name)
		if other, twice := named[canonical]; twice {
			values = slices.Concat(other, values)
		}
		named[canonical] = values
	}
	return named
}

// connectionListed returns the headers that Connection names (RFC 9110, section
// 7.6.1).
func connectionListed(h http.Header) []string {
	var names []string
	for _, line := range h["Connection"] {
		for name := range strings.SplitSeq(line, ",") {
			names = append(names, http.CanonicalHeaderKey(strings.TrimSpace(name)))
		}
	}
	return names
}

// apply makes the headers of p's handler out of those that are there. Whoever changes
// one later, in place too, does not change p. It returns room for more values.
func (p *page) apply(h http.Header, more int) (room values) {
	n := more
	for i := range p.fields {
		n += len(p.fields[i].values)
	}
	room = make(values, n)
	for i := range p.fields {
		f := &p.fields[i]
		switch {
		case f.values == nil:
			delete(h, f.name)
		case f.add:
			h[f.name] = append(slices.Clip(h[f.name]), f.values...)
		default:
			h[f.name] = room.of(f.values...)
		}
	}
	return room
}

// values are values of headers that are not used yet: those of a response are in one
// piece of memory.
type values []string

// of returns the values in a list of their own.
func (v *values) of(texts ...string) []string {
	n := copy(*v, texts)
	list := (*v)[:n:n]
	*v = (*v)[n:]
	return list
}

// entityTag returns a validator of a body, of a handler that has set none.
func entityTag(body []byte) string {
	sum := sha256.Sum256(body)
	return `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`
}

// seal completes a page that was recorded.
func (p *page) seal(h http.Header) {
	control := commit.ParseCacheControl(h["Cache-Control"])
	for _, word := range []string{"must-revalidate", "proxy-revalidate"} {
		if _, ok := control[word]; ok {
			p.strict = true
		}
	}
	p.length = strconv.Itoa(len(p.body))
	if etags := h["Etag"]; len(etags) > 0 {
		p.etag = etags[0]
	} else if p.status == http.StatusOK && !p.shared {
		p.etag = entityTag(p.body)
		p.fields = append(p.fields, field{name: "Etag", values: []string{p.etag}})
	}
	if at, err := http.ParseTime(h.Get("Last-Modified")); err == nil {
		p.modified = at
	}
	if p.shared {
		p.date = dateOf(h, p.made)
	}
}
