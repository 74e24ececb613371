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

// A page in the store names, in its parts, the results that it is made of. Every process can
// compare these with the results in the store, so a page ends with its results, whichever
// process clears them. A page whose results cannot be named is kept in memory only.

// shared connects a Cache with its store.
type shared struct {
	dependency func(name string) level.Dependency
	backend    any
}

// How many results a page in the store may be made of, and how many tags these may have. A
// read of the page reads all their records and marks.
const (
	maxParts = 100
	maxTags  = 1000
)

// storage returns the store of the configuration, adapted to pages.
func (c *Cache) storage() cachedata.Storage {
	open := c.cfg.Store
	if open == nil {
		return nil
	}
	return func(of level.Cache) (level.Level, error) {
		of.Codec, of.Version, of.Keep, of.Admit = pageCodec{}, c.keyVersion(), mayStore, c.admit
		l, err := open(of)
		if err != nil {
			return nil, err
		}
		c.shared = &shared{dependency: of.Dependency, backend: l.Backend()}
		return pageStore{l}, nil
	}
}

// pageStore is a store for pages.
type pageStore struct{ level.Level }

// droppedKey is the context key of a Delete that drops a page from memory only.
type droppedKey struct{}

// Delete implements level.Level.
func (k pageStore) Delete(ctx context.Context, key level.Key) {
	if ctx.Value(droppedKey{}) == nil {
		k.Level.Delete(ctx, key)
	}
}

// dropPage drops p, which is no longer current, from memory. It does so once, because a newer
// page may replace p. The page in the store may be newer, and is checked when it is read.
func (c *Cache) dropPage(ctx context.Context, key string, p *page) {
	p.drop.Do(func() { _ = c.pages.Delete(context.WithValue(ctx, droppedKey{}, true), key) })
}

// keyVersion describes how keys are made. A process with another configuration makes other
// keys, and must not share the pages.
func (c *Cache) keyVersion() string {
	return fmt.Sprintf("keys %d of query %t %q, headers %q", keyFormat, c.query != nil, c.query, c.headers)
}

// share sets in p the names of its results for other processes, or the reason why p is kept
// in memory only.
func (s *shared) share(p *page) {
	parts := make([]level.Part, 0, len(p.stamps))
	for _, stamp := range p.stamps {
		known, ok := stamp.(interface {
			Part() (level.Part, level.Dependency)
		})
		if !ok {
			p.memoryOnly = "a result that no store has was used"
			return
		}
		part, of := known.Part()
		switch {
		case of == nil:
			p.memoryOnly = "a result of a function without a store was used"
			return
		case s.dependency(part.Cache) != of:
			p.memoryOnly = "a result of another group of caches was used"
			return
		case !same(of.Backend(), s.backend):
			p.memoryOnly = "a result of another store was used"
			return
		case part.Revision.Version == 0:
			p.memoryOnly = "a result that is not in the store was used"
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
	if len(parts) > maxParts || tags > maxTags {
		p.memoryOnly = "too many results for the store were used"
		return
	}
	p.parts = parts
}

// same reports whether a and b are one store.
func same(a, b any) bool {
	return a != nil && reflect.TypeOf(a) == reflect.TypeOf(b) && reflect.TypeOf(a).Comparable() && a == b
}

// mayStore reports whether a page may be in the store. If not, over reports whether the page
// in the store must be deleted, because the response can no longer be stored.
func mayStore(value any) (keep, over bool) {
	p := *value.(**page)
	return p.why == "" && p.memoryOnly == "", p.why != ""
}

// admit reports whether a page from the store may be replayed.
func (c *Cache) admit(ctx context.Context, value any, age time.Duration) bool {
	p := *value.(**page)
	p.made, p.fromStore = time.Now().Add(-age), true
	if p.mustRevalidate && p.expired() {
		return false
	}
	var ok bool
	p.stamps, ok = c.shared.stamps(ctx, p.parts)
	return ok
}

// stamps returns stamps of the results that a page is made of, if all of them are still
// current in the store.
func (s *shared) stamps(ctx context.Context, parts []level.Part) (stamps []uses.Stamp, ok bool) {
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
		stamps = append(stamps, of.Stamps(rest[:n:n])...) // before the store is read, so that the stamps see every later change
		rest = rest[n:]
	}
	var checks sync.WaitGroup
	var outdated atomic.Bool
	for i, of := range sources {
		judge := func() {
			if !of.AreCurrent(ctx, of.parts) {
				outdated.Store(true)
			}
		}
		if i == len(sources)-1 {
			judge()
		} else {
			checks.Go(judge)
		}
	}
	checks.Wait()
	return stamps, !outdated.Load()
}

// renewal has the new stamps of a page that is in the store.
type renewal struct {
	mu         sync.Mutex
	notCurrent bool // the page is no longer current
	stamps     atomic.Pointer[[]uses.Stamp]
}

// holds reports whether all results that p is made of are still current. A stamp also ends
// when another key with the same counter changes, so if a stamp has ended, holds reads the
// store.
func (c *Cache) holds(ctx context.Context, p *page) bool {
	if p.holds() {
		return true
	}
	if len(p.parts) == 0 {
		return false
	}
	p.renewal.mu.Lock()
	defer p.renewal.mu.Unlock()
	if p.renewal.notCurrent {
		return false
	}
	if p.holds() { // another request has renewed the stamps
		return true
	}
	stamps, ok := c.shared.stamps(ctx, p.parts)
	switch {
	case ok:
		p.renewal.stamps.Store(&stamps)
	case ctx.Err() == nil:
		p.renewal.notCurrent = true
	}
	return ok
}

// remakeFromStore returns the load function of remake for a page that is read from the store
// and may be stale. It is nil if the cache replays no stale pages of a store.
func (q *call) remakeFromStore() func(context.Context, string) (*page, error) {
	if q.cache.shared == nil || q.cache.cfg.Stale.For == 0 {
		return nil
	}
	return q.remake(nil)
}

// replacesStale reports whether a load replaces a stale page that is replayed in the meantime.
func (c *Cache) replacesStale(load context.Context) bool {
	old, ok := cachedata.Old[*page](cachedata.LoadingFrom(load))
	return ok && old.expired() && time.Since(old.made) < old.ttl+c.cfg.Stale.For
}
