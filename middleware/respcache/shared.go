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

// A page in the store names the results that it is made of by parts. Every process can
// compare these with the results in the store, so the page ends with them, whichever
// process clears them. A page whose results cannot be named so is kept in memory only.

// shared connects a Cache with its store.
type shared struct {
	dependency func(name string) level.Dependency
	backend    any
}

// How many results a page in the store may be made of, and how many tags these may have:
// reading the page reads their records and marks.
const (
	mostParts = 100
	mostTags  = 1000
)

// storage returns the store of the configuration, adapted to pages.
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
		c.shared = &shared{dependency: of.Dependency, backend: l.Backend()}
		return kept{l}, nil
	}
}

// kept is a store for pages.
type kept struct{ level.Level }

// droppedKey is the context key that says that a page is dropped from memory only.
type droppedKey struct{}

// Delete implements level.Level.
func (k kept) Delete(ctx context.Context, key level.Key) {
	if ctx.Value(droppedKey{}) == nil {
		k.Level.Delete(ctx, key)
	}
}

// dropPage drops p, which no longer holds, from memory. It does so once, because a newer
// page may take its place. The store's page may be newer, and is judged when it is read.
func (c *Cache) dropPage(ctx context.Context, key string, p *page) {
	p.drop.Do(func() { _ = c.pages.Delete(context.WithValue(ctx, droppedKey{}, true), key) })
}

// keyVersion describes how keys are made. A process with another configuration makes other
// keys, and must not share the pages.
func (c *Cache) keyVersion() string {
	return fmt.Sprintf("keys %d of query %t %q, headers %q", keyFormat, c.query != nil, c.query, c.headers)
}

// share notes in p the names of its results for other processes, or why p is for this
// process alone.
func (s *shared) share(p *page) {
	parts := make([]level.Part, 0, len(p.stamps))
	for _, stamp := range p.stamps {
		known, ok := stamp.(interface {
			Part() (level.Part, level.Dependency)
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
		case s.dependency(part.Cache) != of:
			p.only = "a result of another group of caches was used"
			return
		case !same(of.Backend(), s.backend):
			p.only = "a result of another store was used"
			return
		case part.Revision.Version == 0:
			p.only = "a result that is not in the store was used"
			return
		}
		parts = append(parts, part)
	}
	slices.SortFunc(parts, func(a, b level.Part) int {
		return cmp.Or(cmp.Compare(a.Cache, b.Cache), slices.Compare(a.Sum[:], b.Sum[:]), cmp.Compare(a.Revision.Version, b.Revision.Version))
	})
	parts = slices.CompactFunc(parts, func(a, b level.Part) bool {
		return a.Cache == b.Cache && a.Sum == b.Sum && a.Revision.Version == b.Revision.Version
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

// same reports whether a and b are one store.
func same(a, b any) bool {
	return a != nil && reflect.TypeOf(a) == reflect.TypeOf(b) && reflect.TypeOf(a).Comparable() && a == b
}

// keep reports whether a page may be in the store. If not, over reports whether the page in
// the store must go: that is so if the response can no longer be stored.
func keep(value any) (keep, over bool) {
	p := *value.(**page)
	return p.why == "" && p.only == "", p.why != ""
}

// admit reports whether a page from the store may be replayed.
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

// recall returns stamps of the results that a page is made of, if the store says that all of
// them still hold.
func (s *shared) recall(ctx context.Context, parts []level.Part) (stamps []uses.Stamp, ok bool) {
	type source struct {
		level.Dependency
		parts []level.Part
	}
	var sources []source
	for rest := parts; len(rest) > 0; {
		n := 1
		for n < len(rest) && rest[n].Cache == rest[0].Cache {
			n++
		}
		of := s.dependency(rest[0].Cache)
		if of == nil {
			return nil, false
		}
		sources = append(sources, source{of, rest[:n:n]})
		stamps = append(stamps, of.Stamps(rest[:n:n])...) // before the store is asked: the stamps see changes from now on
		rest = rest[n:]
	}
	var asked sync.WaitGroup
	var wrong atomic.Bool
	for i, of := range sources {
		judge := func() {
			if !of.AreCurrent(ctx, of.parts) {
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

// renewal has new stamps for a page that is in the store.
type renewal struct {
	mu     sync.Mutex
	over   bool // the page no longer holds
	stamps atomic.Pointer[[]uses.Stamp]
}

// holds reports whether all results that p is made of still hold. A stamp also ends when
// another key with the same counter changes. So if a stamp has ended, the store is asked.
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
	if p.holds() { // another request has renewed the stamps
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

// againFromStore returns the function of again for a page that may come stale from the
// store. It is nil if there are no such pages.
func (q *call) againFromStore() func(context.Context, string) (*page, error) {
	if q.cache.shared == nil || q.cache.cfg.Stale.For == 0 {
		return nil
	}
	return q.again(nil)
}

// renews reports whether a load replaces a stale page that is replayed meanwhile.
func (c *Cache) renews(load context.Context) bool {
	old, ok := cachedata.Old[*page](cachedata.LoadingFrom(load))
	return ok && old.over() && time.Since(old.made) < old.ttl+c.cfg.Stale.For
}
