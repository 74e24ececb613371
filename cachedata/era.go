package cachedata

import (
	"context"
	"math"
	"unsafe"

	"github.com/reecho-go/reecho/observe"
)

// enter counts an entry that is being stored. It reports false if the era is over.
func (r *era) enter() bool { return r.stored.Add(1) > 0 }

// leave counts an entry that has gone. It reports false if the clear that ended
// the era has counted it already. So each entry counts once, whatever runs at the
// same time.
func (r *era) leave() bool { return r.stored.Add(-1) >= 0 }

// end drops all entries and returns how many there were.
func (r *era) end() int {
	n := r.stored.Swap(math.MinInt64 / 2)
	r.entries.release()
	return int(n)
}

// over reports whether the era has ended.
func (r *era) over() bool { return r.stored.Load() < 0 }

// count adds n times the size of e to the sums.
func (r *era) count(e *entry, n int64) {
	bytes := e.bytes()
	r.bytes.Add(n * bytes)
	r.room.used.Add(n * r.entries.weight(bytes))
}

// grow raises the engine's limit to its entries and an eighth more, so that it
// does not rise with each entry.
func (r *era) grow() {
	if now := r.room.now.Load(); now == r.room.most || r.room.used.Load() <= now {
		return
	}
	r.room.mu.Lock()
	defer r.room.mu.Unlock()
	used := r.room.used.Load()
	r.limit(max(used+used/8, r.room.now.Load()))
}

// shrink makes the engine evict that many bytes, and returns how many it freed. If
// each entry weighs 1, the engine evicts the number of entries that have so many
// bytes on average.
func (r *era) shrink(bytes int64) (freed int64) {
	r.room.mu.Lock()
	defer r.room.mu.Unlock()
	before, used := r.bytes.Load(), r.room.used.Load()
	weight := r.entries.weight(bytes)
	if r.entries.unit == 0 {
		weight = (max(bytes, 1)-1)/max(before/max(used, 1), 1) + 1
	}
	r.limit(max(used-weight, 0))
	return before - r.bytes.Load()
}

func (r *era) limit(weight int64) {
	weight = min(weight, r.room.most)
	r.entries.limit(weight)
	r.room.now.Store(weight)
}

// bounds returns the bounds of the cache's engines.
func (c *core) bounds() bounds {
	return bounds{entries: c.maxEntries(), bytes: min(c.cfg.MaxBytes, largest)}
}

// maxEntries returns the bound on entries; 0 means none.
func (c *core) maxEntries() int {
	if c.cfg.MaxEntries == 0 && c.cfg.MaxBytes == 0 {
		return defaultMaxEntries
	}
	return c.cfg.MaxEntries
}

// tooLarge reports whether e alone exceeds the bound of the cache or its group.
func (c *core) tooLarge(e *entry) bool {
	n := e.bytes()
	return c.cfg.MaxBytes > 0 && n > min(c.cfg.MaxBytes, largest) || c.budget != nil && n > c.budget.most()
}

// refused counts and reports a result that was not stored.
func (c *core) refused(ctx context.Context, key unsafe.Pointer, reason string) {
	c.counters.refused.Add(1)
	if c.observed() {
		observe.Emit(ctx, c.observer, observe.CacheRefused{Source: c.source(key), Reason: reason})
	}
}

// makeRoom keeps the bound on entries if the engine counts bytes.
func (t *table) makeRoom() {
	r, most := t.era.Load(), t.core.maxEntries()
	if r.entries.unit == 0 || most == 0 {
		return
	}
	relieve(&t.evicting, func() bool { return r.entries.len() > most }, func() int64 {
		n := r.entries.len()
		r.shrink(1) // evicts the coldest entry, whatever its size
		return int64(n - r.entries.len())
	})
}

// shrink evicts entries of that many bytes, or all if there are fewer, and returns
// how many bytes it freed.
func (t *table) shrink(bytes int64) (freed int64) { return t.era.Load().shrink(bytes) }
