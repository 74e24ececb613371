package respcache

import (
	"errors"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/reecho-go/reecho/cachedata"
)

// Stats are the counters of a [Cache] since it was made. Each GET and HEAD request is
// counted once, when it is over: in Hits, Stale, FailSafe, Joined, Misses, Refused or
// Bypassed. Requests that the cache makes in the background are not counted.
type Stats struct {
	Hits     uint64 // requests that were answered from the cache, in memory or in its store
	Stale    uint64 // requests that got a stale response, while it was made again
	FailSafe uint64 // requests that got a stale response, because the handler had failed
	Joined   uint64 // requests that waited for the response of another request, and got it
	Misses   uint64 // requests whose handler has made a response that can be stored; it was stored, unless something was cleared in the meantime

	// Refused are requests whose handler has made a response that cannot be stored,
	// and Bypassed those for which the cache was not used. They are counted by
	// reason: that of Cache-Status without particulars such as the name of a header.
	// There are some dozens of reasons; those that have not occurred are missing.
	Refused, Bypassed map[string]uint64

	Bytes   int64 // of all responses; see Config.MaxBytes
	Entries int   // the approximate number of stored responses and of marks for responses that cannot be stored
}

// HitRatio returns the part of the requests, from 0 to 1, that were answered from the cache,
// fresh or stale. It is 0 if there were none.
func (s Stats) HitRatio() float64 {
	served := s.Hits + s.Stale
	if served == 0 {
		return 0
	}
	return float64(served) / float64(s.Requests())
}

// Requests returns how many requests were counted.
func (s Stats) Requests() uint64 {
	n := s.Hits + s.Stale + s.FailSafe + s.Joined + s.Misses
	for _, reasons := range []map[string]uint64{s.Refused, s.Bypassed} {
		for _, k := range reasons {
			n += k
		}
	}
	return n
}

// Stats returns the counters.
func (c *Cache) Stats() Stats {
	pages := c.pages.Stats()
	return Stats{
		Hits: c.counts.hits.Load(), Stale: c.counts.stale.Load(), FailSafe: c.counts.failSafe.Load(),
		Joined: c.counts.joined.Load(), Misses: c.counts.misses.Load(),
		Refused: c.counts.refused.read(), Bypassed: c.counts.bypassed.read(),
		Bytes: pages.Bytes, Entries: pages.Entries,
	}
}

// Responses returns the cache of cachedata with the responses. Its counters include loads
// and evictions.
func (c *Cache) Responses() cachedata.AnyCache { return c.pages }

// counts are the counters that Stats reads.
type counts struct {
	hits, stale, failSafe, joined, misses atomic.Uint64

	refused, bypassed tally
}

// forwarded counts a request for which a handler answers.
func (c *counts) forwarded(f forward) {
	if f.fwd == "bypass" {
		c.bypassed.add(f.why)
		return
	}
	c.refused.add(f.why)
}

// waited counts a request that gets p after it waited for the store or for another request.
func (c *counts) waited(p *page) {
	switch {
	case p.expired(): // the handler of the other request has failed
		c.failSafe.Add(1)
	case p.fromStore:
		c.hits.Add(1)
	default:
		c.joined.Add(1)
	}
}

// handled counts a request whose handler has returned, with the result m.
func (c *counts) handled(m fillResult) {
	failed, _ := errors.AsType[*refusal](m.err)
	switch {
	case failed != nil:
		c.refused.add(failed.why)
	case m.err != nil:
		c.refused.add("cancelled")
	case m.page.varyOn != nil:
		c.refused.add("the key was not known")
	case m.page.why != "":
		c.refused.add(m.page.why)
	default:
		c.misses.Add(1)
	}
}

// tally counts requests by their reasons.
type tally struct{ all sync.Map } // of *atomic.Uint64, by the kind of the reason

func (t *tally) add(why reason) {
	kind := why.kind()
	n, ok := t.all.Load(kind)
	if !ok {
		n, _ = t.all.LoadOrStore(kind, new(atomic.Uint64))
	}
	n.(*atomic.Uint64).Add(1)
}

func (t *tally) read() map[string]uint64 {
	all := make(map[string]uint64)
	t.all.Range(func(kind, n any) bool {
		all[kind.(string)] = n.(*atomic.Uint64).Load()
		return true
	})
	return all
}

// kind returns the reason without details such as the name of a header, of which clients and
// handlers could invent any number. The kinds are a fixed set.
func (why reason) kind() string {
	s := string(why)
	for _, k := range []struct{ begins, kind string }{
		{"status ", "status"},
		{"vary ", "vary"},
		{"header ", "a header was read"},
		{"the visitor was read", "the visitor was read"},
		{"max-age", "max-age"},
		{"s-maxage", "s-maxage"},
		{"the cache failed", "the cache failed"},
	} {
		if strings.HasPrefix(s, k.begins) {
			return k.kind
		}
	}
	return s
}
