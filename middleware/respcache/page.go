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

// page is one of three things: a stored response; a vary marker, if varyOn is set, which
// lists the facts, beside the key, on which the responses under its key depend; or a mark that
// a response cannot be stored, if why is set. A page does not change, except for its counters
// and caches.
type page struct {
	varyOn   []string     // sorted; nil: a response
	variants variantCount // counts the responses that were stored under the keys that a vary marker leads to

	firstPage *page // the response that a vary marker of a shared cache carries; nil: none
	firstKey  string

	why reason // why the response cannot be stored; empty: it is stored

	stamps     []uses.Stamp                   // of the results that it is made of
	drop       sync.Once                      // drops the page when one of these is no longer current
	lastStatus atomic.Pointer[statusOfSecond] // the Cache-Status of the last hit
	parts      []level.Part                   // the names of these results in the store; nil: none, or no store
	renewal    renewal
	fromStore  bool   // it comes from the store
	memoryOnly reason // why it is kept in memory only; empty: it may be in a store

	status         int
	fields         []field
	body           []byte
	length         string // Content-Length
	etag           string
	modified       time.Time // Last-Modified; zero: none
	made           time.Time
	ttl            time.Duration
	mustRevalidate bool // it must not be replayed when it is stale

	shared bool // of a shared cache: it is kept when it is stale, to be validated
	terms
	date time.Time // Date, if shared is set
}

// remaining returns how long p may still be replayed, unless it is expired before.
func (p *page) remaining() time.Duration { return p.ttl - time.Since(p.made) }

// expired reports whether p is stale. A vary marker never is.
func (p *page) expired() bool { return p.varyOn == nil && p.remaining() <= 0 }

// usable reports whether p, which is stale if over is set, may be replayed or followed.
func (c *Cache) usable(ctx context.Context, p *page, over bool) bool {
	onlyFresh := p.mustRevalidate && !p.shared || p.why != ""
	return c.holds(ctx, p) && (!onlyFresh || !over)
}

// hitStatus returns the Cache-Status of a replayed response that is fresh for the time
// left.
func (p *page) hitStatus(left time.Duration) string {
	seconds := int64(left / time.Second)
	if t := p.lastStatus.Load(); t != nil && t.left == seconds {
		return t.status
	}
	t := &statusOfSecond{seconds, hitStatus(seconds)}
	if p.memoryOnly != "" {
		t.status += "; detail=" + quoted("in memory only: "+string(p.memoryOnly))
	}
	p.lastStatus.Store(t)
	return t.status
}

// statusOfSecond is the Cache-Status of all hits within one second.
type statusOfSecond struct {
	left   int64
	status string
}

// variantCount counts the responses that were stored lately under the keys that a vary marker
// leads to.
type variantCount struct {
	mu    sync.Mutex
	since time.Time
	n     int
}

// addVariant counts one more response under the keys that the vary marker p leads to, and
// reports whether it may be stored.
func (p *page) addVariant() bool {
	k := &p.variants
	k.mu.Lock()
	defer k.mu.Unlock()
	if now := time.Now(); now.Sub(k.since) > p.ttl {
		k.since, k.n = now, 0
	}
	k.n++
	return k.n <= maxVariants
}

// field is the change that a handler has made to one response header.
type field struct {
	name   string
	values []string // nil: the header was deleted
	add    bool     // values follow those that outer middlewares have set
}

// size returns the bytes that a page counts for MaxBytes.
func (p *page) size() int64 {
	n := 370 + len(p.body) + len(p.etag) + 80*len(p.stamps) + 240*len(p.parts)
	if p.firstPage != nil {
		n += int(p.firstPage.size()) + len(p.firstKey)
	}
	for _, name := range p.varyOn {
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

// holds reports whether all results that p is made of are still current, as far as this
// process knows.
func (p *page) holds() bool {
	if allHold(p.stamps) {
		return true
	}
	again := p.renewal.stamps.Load()
	return again != nil && allHold(*again)
}

func allHold(stamps []uses.Stamp) bool {
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

// changes returns the differences between the headers before and now. The fields share no
// memory with now.
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
		f.values = make([]string, 0, len(values)) // not nil: that would mean a deleted header
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

// untouched reports whether two lists of values are the same slice. Setting a header makes
// a new slice, even with the same values.
func untouched(before, now []string) bool {
	return len(before) == len(now) && (len(now) == 0 || &before[0] == &now[0])
}

// canonicalNames returns h with canonical names. A handler may have written other spellings
// into the map, which mean the same to clients. The values are shared with h.
func canonicalNames(h http.Header) http.Header {
	named := make(http.Header, len(h))
	for name, values := range h {
		canonical := http.CanonicalHeaderKey(name)
		if other, several := named[canonical]; several {
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

// apply changes the headers in h as p's handler did. Later changes of h, even in place, do
// not change p. It returns memory for reserve further values.
func (p *page) apply(h http.Header, reserve int) (room values) {
	n := reserve
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

// values is unused memory for values of headers. All values of a response share one
// allocation.
type values []string

// of returns texts as a list in that memory.
func (v *values) of(texts ...string) []string {
	n := copy(*v, texts)
	list := (*v)[:n:n]
	*v = (*v)[n:]
	return list
}

// entityTag returns an ETag for a body whose handler has set none.
func entityTag(body []byte) string {
	sum := sha256.Sum256(body)
	return `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`
}

// seal completes a recorded page by the headers h of its response.
func (p *page) seal(h http.Header) {
	control := commit.ParseCacheControl(h["Cache-Control"])
	for _, word := range []string{"must-revalidate", "proxy-revalidate"} {
		if _, ok := control[word]; ok {
			p.mustRevalidate = true
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
