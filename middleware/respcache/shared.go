package respcache

import (
	"cmp"
	"context"
	"fmt"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/reecho-go/reecho/cachedata"
	"github.com/reecho-go/reecho/internal/level"
	"github.com/reecho-go/reecho/internal/uses"
)

// A page in the store says what it is made of by parts, which every process can compare
// with what the store has of the functions: so it ends with them wherever they are
// cleared. A page of which that cannot be said is in memory only.

// shared is what a Cache with a store knows of it.
type shared struct {
	beside func(name string) level.Neighbour
	place  any
}

// How many results a page in the store may be made of, and tags they may have: their
// records and marks are read when it is.
const (
	mostParts = 100
	mostTags  = 1000
)

// storage is the store of the configuration, which keeps pages.
func (c *Cache) storage() cachedata.Storage {
	open := c.cfg.Store
	if open == nil {
		return nil
	}
	return func(of level.Cache) (level.Level, error) {
		of.Codec, of.Version, of.Keep, of.Admit = pageCodec{}, c.keyVersion(), keep, c.admit
		l, err := open(of)
		if err != nil {
			return nil, err
		}
		c.shared = &shared{beside: of.Beside, place: l.Place()}
		return kept{l}, nil
	}
}

// kept is where pages are kept.
type kept struct{ level.Level }

// droppedKey is the context key that says that a page is dropped from memory only.
type droppedKey struct{}

// Delete implements level.Level.
func (k kept) Delete(ctx context.Context, key level.Key) {
	if ctx.Value(droppedKey{}) == nil {
		k.Level.Delete(ctx, key)
	}
}

// dropPage drops p, which does not hold any more, once: another one may be on its way.
// What the store has is judged when it is read, and may be a newer one.
func (c *Cache) dropPage(ctx context.Context, key string, p *page) {
	p.drop.Do(func() { _ = c.pages.Delete(context.WithValue(ctx, droppedKey{}, true), key) })
}

// keyVersion says how keys are made, of which a process with another configuration
// makes others.
func (c *Cache) keyVersion() string {
	return fmt.Sprintf("keys %d of query %t %q, headers %q", keyFormat, c.query != nil, c.query, c.headers)
}

// share notes in p what other processes know it to be made of, or why it is for this
// process alone.
func (s *shared) share(p *page) {
	parts := make([]level.Part, 0, len(p.stamps))
	for _, stamp := range p.stamps {
		known, ok := stamp.(interface {
			Part() (level.Part, level.Neighbour)
		})
		if !ok {
			p.only = "a result that no store has was used"
			return
		}
		part, of := known.Part()
		switch {
		case of == nil:
			p.only = "a result of a function without a store was used"
			return
		case s.beside(part.Cache) != of:
			p.only = "a result of another group of caches was used"
			return
		case !same(of.Place(), s.place):
			p.only = "a result of another store was used"
			return
		case part.Birth.Version == 0:
			p.only = "a result that is not in the store was used"
			return
		}
		parts = append(parts, part)
	}
	slices.SortFunc(parts, func(a, b level.Part) int {
		return cmp.Or(cmp.Compare(a.Cache, b.Cache), slices.Compare(a.Sum[:], b.Sum[:]), cmp.Compare(a.Birth.Version, b.Birth.Version))
	})
	parts = slices.CompactFunc(parts, func(a, b level.Part) bool {
		return a.Cache == b.Cache && a.Sum == b.Sum && a.Birth.Version == b.Birth.Version
	})
	tags := 0
	for i := range parts {
		tags += len(parts[i].Tags)
	}
	if len(parts) > mostParts || tags > mostTags {
		p.only = "too many results for the store were used"
		return
	}
	p.parts = parts
}

// same reports whether two stores are one.
func same(a, b any) bool {
	return a != nil && reflect.TypeOf(a) == reflect.TypeOf(b) && reflect.TypeOf(a).Comparable() && a == b
}

// keep reports whether a page is for the store, and if it is not, whether what is there
// is over: so it is when the response cannot be stored any more.
func keep(value any) (keep, over bool) {
	p := *value.(**page)
	return p.why == "" && p.only == "", p.why != ""
}

// admit reports whether a page that the store has may be replayed.
func (c *Cache) admit(ctx context.Context, value any, age time.Duration) bool {
	p := *value.(**page)
	p.made, p.kept = time.Now().Add(-age), true
	if p.strict && p.over() {
		return false
	}
	var ok bool
	p.stamps, ok = c.shared.recall(ctx, p.parts)
	return ok
}

// recall returns stamps of what a page is made of, if the store says that all of it
// still holds.
func (s *shared) recall(ctx context.Context, parts []level.Part) (stamps []uses.Stamp, ok bool) {
	type source struct {
		level.Neighbour
		parts []level.Part
	}
	var sources []source
	for rest := parts; len(rest) > 0; {
		n := 1
		for n < len(rest) && rest[n].Cache == rest[0].Cache {
			n++
		}
		of := s.beside(rest[0].Cache)
		if of == nil {
			return nil, false
		}
		sources = append(sources, source{of, rest[:n:n]})
		stamps = append(stamps, of.Recall(rest[:n:n])...) // before the store is asked: what changes from now on is heard
		rest = rest[n:]
	}
	var asked sync.WaitGroup
	var wrong atomic.Bool
	for i, of := range sources {
		judge := func() {
			if !of.Judge(ctx, of.parts) {
				wrong.Store(true)
			}
		}
		if i == len(sources)-1 {
			judge()
		} else {
			asked.Go(judge)
		}
	}
	asked.Wait()
	return stamps, !wrong.Load()
}

// renewal is what has become of the stamps of a page that is in the store.
type renewal struct {
	mu     sync.Mutex
	over   bool // the page does not hold any more
	stamps atomic.Pointer[[]uses.Stamp]
}

// holds reports whether all that p is made of still holds. Stamps of keys that share a
// counter end with each other: then the store knows better.
func (c *Cache) holds(ctx context.Context, p *page) bool {
	if p.holds() {
		return true
	}
	if len(p.parts) == 0 {
		return false
	}
	p.renewal.mu.Lock()
	defer p.renewal.mu.Unlock()
	if p.renewal.over {
		return false
	}
	if p.holds() { // by now
		return true
	}
	stamps, ok := c.shared.recall(ctx, p.parts)
	switch {
	case ok:
		p.renewal.stamps.Store(&stamps)
	case ctx.Err() == nil:
		p.renewal.over = true
	}
	return ok
}

// againFromStore is again for a page that may come from the store and be stale, or nil.
func (q *call) againFromStore() func(context.Context, string) (*page, error) {
	if q.cache.shared == nil || q.cache.cfg.Stale.For == 0 {
		return nil
	}
	return q.again(nil)
}

// renews reports whether a load replaces a page that is replayed meanwhile.
func (c *Cache) renews(load context.Context) bool {
	old, ok := cachedata.Old[*page](cachedata.LoadingFrom(load))
	return ok && old.over() && time.Since(old.made) < old.ttl+c.cfg.Stale.For
}
