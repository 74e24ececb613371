package cachedata

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/reecho-go/reecho/internal/clone"
	"github.com/reecho-go/reecho/observe"
)

// entryBytes estimates what an entry takes beside its value: in memory of the
// engine, which has its key, and of ours.
const entryBytes = 96

// compileSizes finds out how many bytes a V counts. plan copies a V if that is
// not nil.
func (c *Cache[K, V]) compileSizes(cfg Config[K, V], plan *clone.Plan[V]) error {
	if cfg.Size != nil {
		return nil
	}
	if plan == nil {
		var err error
		plan, err = clone.For[V](clone.Config{Trusted: cfg.Trusted})
		if err != nil && (cfg.MaxBytes > 0 || c.budget != nil) {
			return fmt.Errorf("results cannot be measured for MaxBytes: set Size: %w", err)
		}
	}
	if plan != nil {
		c.estimate = plan.Size
	}
	return nil
}

// measure returns how many bytes v counts.
func (c *Cache[K, V]) measure(v V) (int64, error) {
	if c.cfg.Size != nil {
		n := c.cfg.Size(v)
		if n < 0 {
			return 0, fmt.Errorf("cachedata: %s: Size returned %d: it must be 0 or more", c.name, n)
		}
		return n, nil
	}
	n := int64(unsafe.Sizeof(v))
	if c.estimate != nil {
		n = c.estimate(v)
	}
	return n + entryBytes, nil
}

// bounds are what an engine of the cache holds at most: the bytes of the cache
// or of its whole group, or else entries.
func (c *Cache[K, V]) bounds() bounds {
	most := c.cfg.MaxBytes
	if c.budget != nil && (most == 0 || most > c.budget.most) {
		most = c.budget.most
	}
	return bounds{entries: c.maxEntries(), bytes: most}
}

// maxEntries is the bound on entries; 0: none.
func (c *Cache[K, V]) maxEntries() int {
	if c.cfg.MaxEntries == 0 && c.cfg.MaxBytes == 0 {
		return DefaultMaxEntries
	}
	return c.cfg.MaxEntries
}

// tooLarge reports whether e alone is more than there is room for.
func (c *Cache[K, V]) tooLarge(e *entry[K, V]) bool {
	n := e.bytes()
	return c.cfg.MaxBytes > 0 && n > c.cfg.MaxBytes || c.budget != nil && n > c.budget.most
}

// refused counts and reports a result that was not stored.
func (c *Cache[K, V]) refused(ctx context.Context, key K, reason string) {
	c.counters.refused.Add(1)
	if c.observer != nil {
		observe.Emit(ctx, c.observer, observe.CacheRefused{Source: c.source(key), Reason: reason})
	}
}

// room is what weight an engine with a bound on bytes is to hold at the moment:
// less than the bound if there are too many entries, or too much in the group.
// So it is always the engine's policy that chooses what leaves.
type room struct {
	most int64        // 0: the engine has a bound on entries instead
	used atomic.Int64 // by all entries

	mu  sync.Mutex
	now atomic.Int64 // changed under mu
}

// count adds e to what is there n times.
func (r *era[I, K, V]) count(e *entry[K, V], n int64) {
	bytes := e.bytes()
	r.bytes.Add(n * bytes)
	if r.room.most > 0 {
		r.room.used.Add(n * r.entries.weight(bytes))
	}
}

// grow lets the engine hold what it has been given.
func (r *era[I, K, V]) grow() {
	if now := r.room.now.Load(); now == r.room.most || r.room.used.Load() <= now {
		return
	}
	r.room.mu.Lock()
	defer r.room.mu.Unlock()
	r.limit(max(r.room.used.Load(), r.room.now.Load()))
}

// shrink makes the engine hold that many bytes less, and returns how many it
// has let go.
func (r *era[I, K, V]) shrink(bytes int64) (freed int64) {
	r.room.mu.Lock()
	defer r.room.mu.Unlock()
	before := r.bytes.Load()
	r.limit(max(r.room.used.Load()-r.entries.weight(bytes), 1))
	return before - r.bytes.Load()
}

func (r *era[I, K, V]) limit(weight int64) {
	weight = min(weight, r.room.most)
	r.entries.limit(weight)
	r.room.now.Store(weight)
}

// makeRoom keeps the bound on entries where the engine keeps that on bytes.
func (t *table[I, K, V]) makeRoom() {
	r, most := t.era.Load(), t.cache.maxEntries()
	if r.room.most == 0 || most == 0 {
		return
	}
	relieve(&t.evicting, func() bool { return r.entries.len() > most }, func() int64 {
		n := r.entries.len()
		r.shrink(1) // the coldest, whatever it counts
		return int64(n - r.entries.len())
	})
}

// shrink makes room for that many bytes, if there are so many, and returns how
// many it has freed.
func (t *table[I, K, V]) shrink(bytes int64) (freed int64) { return t.era.Load().shrink(bytes) }
