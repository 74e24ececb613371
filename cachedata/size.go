package cachedata

import (
	"context"
	"fmt"
	"math"
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/reecho-go/reecho/internal/clone"
	"github.com/reecho-go/reecho/internal/panics"
	"github.com/reecho-go/reecho/observe"
)

// What an entry takes in memory beside ours, as measured: in the engine, in the
// queue of what expires, and in what a visitor keeps.
const (
	engineBytes = 96
	queueBytes  = 24
	keptBytes   = 176
)

// largest is what a bound on bytes counts as if it is larger, which exceeds any
// memory. So sums of what is within their bounds never overflow.
const largest = 1 << 56

// compileSizes finds out how many bytes a V counts. plan copies a V if that is
// not nil.
func (c *Cache[K, V]) compileSizes(cfg Config[K, V], plan *clone.Plan[V]) error {
	if cfg.Size != nil {
		return nil
	}
	if plan == nil {
		var err error
		plan, err = clone.For[V](clone.Config{})
		if err != nil && (cfg.MaxBytes > 0 || c.budget != nil && c.budget.given) {
			return fmt.Errorf("results cannot be measured for MaxBytes: set Size: %w", err)
		}
	}
	if plan != nil {
		c.estimate = plan.Size
	}
	return nil
}

// measure returns how many bytes v counts, its entry and its key apart.
func (c *Cache[K, V]) measure(v V) (int64, error) {
	switch {
	case c.cfg.Size != nil:
		n := c.cfg.Size(v)
		if n < 0 {
			return 0, fmt.Errorf("cachedata: %s: Size returned %d: it must be 0 or more", c.name, n)
		}
		return n, nil
	case c.estimate != nil:
		return c.estimate(v), nil
	}
	return int64(unsafe.Sizeof(v)), nil
}

// beside returns how many bytes an entry counts beside its result: what is ours,
// and what clients may have chosen, as keys, tags and the texts of errors.
func (p *place[I, K, V]) beside(f form, key K, err error, x *extra) int64 {
	var v V
	n := engineBytes + bytesOf[K, V](f) - int64(unsafe.Sizeof(v)) + int64(unsafe.Sizeof(p.id)) + idBytes(p.id)
	if f&^keyed != plain {
		n += queueBytes + int64(unsafe.Sizeof(p.id))
	}
	if f&keyed != 0 {
		n += p.cache.keys.Size(key) - int64(unsafe.Sizeof(key))
	}
	if x != nil {
		n += int64(unsafe.Sizeof(*x)) + int64(len(x.etag))
		for _, tag := range x.tags {
			n += int64(unsafe.Sizeof(tag)) + int64(len(tag))
		}
	}
	if err != nil {
		n += errorBytes(err)
	}
	return n
}

// idBytes returns what the identity of a key refers to.
func idBytes[I comparable](id I) int64 {
	switch id := any(id).(type) {
	case string:
		return int64(len(id))
	case sessionKey:
		return keptBytes + int64(len(id.id))
	}
	return 0
}

// Of how many errors in an error the bytes count, and what each takes beside
// its text.
const (
	errorsCounted = 64
	errorBytesOf  = 64
)

// errorBytes estimates what an error takes: each of those that it wraps mostly
// has a text of its own.
func errorBytes(err error) (n int64) {
	todo := []error{err}
	for i := 0; i < len(todo) && i < errorsCounted; i++ {
		n += errorBytesOf
		// It is user code, which may panic; then its text is not known.
		_ = panics.Catch(func() error {
			n += int64(len(todo[i].Error()))
			switch err := todo[i].(type) { //nolint:errorlint // each of them is looked at
			case interface{ Unwrap() error }:
				if inner := err.Unwrap(); inner != nil {
					todo = append(todo, inner)
				}
			case interface{ Unwrap() []error }:
				for _, inner := range err.Unwrap() {
					if inner != nil {
						todo = append(todo, inner)
					}
				}
			}
			return nil
		})
	}
	return n
}

// plus is a + b, or the largest number if that would overflow. Both must not be
// negative.
func plus(a, b int64) int64 {
	if a > math.MaxInt64-b {
		return math.MaxInt64
	}
	return a + b
}

// bounds are what an engine of the cache holds at most.
func (c *Cache[K, V]) bounds() bounds {
	return bounds{entries: c.maxEntries(), bytes: min(c.cfg.MaxBytes, largest)}
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
	return c.cfg.MaxBytes > 0 && n > min(c.cfg.MaxBytes, largest) || c.budget != nil && n > c.budget.most()
}

// refused counts and reports a result that was not stored.
func (c *Cache[K, V]) refused(ctx context.Context, key K, reason string) {
	c.counters.refused.Add(1)
	if c.observer != nil {
		observe.Emit(ctx, c.observer, observe.CacheRefused{Source: c.source(key), Reason: reason})
	}
}

// room is what weight an engine is to hold at the moment: less than its bound
// if there are too many entries, or too much in the group. So it is always the
// engine's policy that chooses what leaves.
type room struct {
	most int64        // the bound
	used atomic.Int64 // by all entries

	mu  sync.Mutex
	now atomic.Int64 // changed under mu
}

// count adds e to what is there n times.
func (r *era[I, K, V]) count(e *entry[K, V], n int64) {
	bytes := e.bytes()
	r.bytes.Add(n * bytes)
	r.room.used.Add(n * r.entries.weight(bytes))
}

// grow lets the engine hold what it has been given, and somewhat more, so that
// it need not grow with each entry.
func (r *era[I, K, V]) grow() {
	if now := r.room.now.Load(); now == r.room.most || r.room.used.Load() <= now {
		return
	}
	r.room.mu.Lock()
	defer r.room.mu.Unlock()
	used := r.room.used.Load()
	r.limit(max(used+used/8, r.room.now.Load()))
}

// shrink makes the engine hold that many bytes less, and returns how many it
// has let go. Where entries weigh 1 each, it lets go of as many as have so many
// bytes on average.
func (r *era[I, K, V]) shrink(bytes int64) (freed int64) {
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

func (r *era[I, K, V]) limit(weight int64) {
	weight = min(weight, r.room.most)
	r.entries.limit(weight)
	r.room.now.Store(weight)
}

// makeRoom keeps the bound on entries where the engine keeps that on bytes.
func (t *table[I, K, V]) makeRoom() {
	r, most := t.era.Load(), t.cache.maxEntries()
	if r.entries.unit == 0 || most == 0 {
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
