package cachedata

import (
	"cmp"
	"context"
	"fmt"
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
		plan, err = clone.For[V](clone.Config{})
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

// bounds are what an engine of the cache holds at most.
func (c *Cache[K, V]) bounds() bounds {
	if c.cfg.MaxBytes > 0 {
		return bounds{bytes: c.cfg.MaxBytes, cold: c.cfg.MaxEntries > 0 || c.budget != nil}
	}
	return bounds{entries: cmp.Or(c.cfg.MaxEntries, DefaultMaxEntries), cold: c.budget != nil}
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

// makeRoom keeps the bound on entries where the engine keeps that on bytes.
func (t *table[I, K, V]) makeRoom() {
	if t.cache.cfg.MaxBytes == 0 || t.cache.cfg.MaxEntries == 0 {
		return
	}
	surplus := func(r *era[I, K, V]) int { return r.entries.len() - t.cache.cfg.MaxEntries }
	for r := t.era.Load(); surplus(r) > 0 && t.evicting.TryLock(); { // who holds it looks again
		t.evict(r, 0, surplus(r))
		t.evicting.Unlock()
	}
}

// shrink makes room for that many bytes, if there are so many, and returns how
// many it has freed.
func (t *table[I, K, V]) shrink(bytes int64) (freed int64) {
	return t.evict(t.era.Load(), bytes, 0)
}

// evictStep is how many entries are evicted under one hold of the engine's lock.
const evictStep = 128

// evict evicts from the cold end until that many bytes and entries are gone, or
// enough for one step.
func (t *table[I, K, V]) evict(r *era[I, K, V], bytes int64, entries int) (freed int64) {
	type victim struct {
		id    I
		entry *entry[K, V]
	}
	var victims []victim
	for id, e := range r.entries.coldest() {
		if len(victims) == evictStep || bytes <= 0 && entries <= len(victims) {
			break
		}
		victims = append(victims, victim{id, e})
		bytes -= e.bytes()
	}
	for _, v := range victims {
		if r.entries.removeIf(v.id, v.entry) {
			freed += v.entry.bytes()
			t.pushedOut(v.id, v.entry)
		}
	}
	return freed
}
