package cachedata

import (
	"context"
	"fmt"
	"math"
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/reecho-go/reecho/internal/clone"
	"github.com/reecho-go/reecho/internal/keys"
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

// compileSizes finds out how many bytes a result counts. plan copies one if that
// is not nil.
func (c *core) compileSizes(plan *clone.Untyped) error {
	if c.fns.size != nil {
		return nil
	}
	if plan == nil {
		var err error
		plan, err = clone.ForType(c.result.Type, clone.Config{Trusted: c.cfg.Trusted})
		if err != nil && (c.cfg.MaxBytes > 0 || c.budget != nil && c.budget.given) {
			return fmt.Errorf("results cannot be measured for MaxBytes: set Funcs.Size: %w", err)
		}
	}
	if plan != nil && !plan.FixedSize() {
		c.estimate = plan.Size
	}
	return nil
}

// measure returns how many bytes the result of e counts, its entry and its key apart.
func (c *core) measure(e *entry) (int64, error) {
	switch {
	case c.fns.size != nil:
		n := c.fns.size(c.valueOf(e))
		if n < 0 {
			return 0, fmt.Errorf("cachedata: %s: Size returned %d: it must be 0 or more", c.name, n)
		}
		return n, nil
	case c.estimate != nil:
		return c.estimate(c.valueOf(e), e.links()), nil
	}
	return int64(c.result.Size()), nil
}

// beside returns how many bytes an entry counts beside its result: what is ours,
// and what clients may have chosen, as keys, tags and the texts of errors.
func (p *slot) beside(f form, err error, x *annotations) int64 {
	c := p.core
	n := engineBytes + c.bytesOf(f) - int64(c.result.Size()) + p.idBytes()
	if f != plain {
		n += queueBytes + c.idSize()
	}
	if c.layout.keyed {
		n += c.keys.Size(p.own) - int64(c.key.Size())
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

// idSize returns what an identity takes, without what it refers to.
func (c *core) idSize() int64 {
	if c.shape == keys.Word && c.sessions == nil {
		return int64(unsafe.Sizeof(id{}.Word))
	}
	return int64(unsafe.Sizeof(id{}.Text))
}

// idBytes returns what the identity of the slot takes.
func (p *slot) idBytes() int64 {
	n := p.core.idSize() + int64(len(p.id.Text))
	if p.visitor != nil {
		n += keptBytes
	}
	return n
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
func (c *core) bounds() bounds {
	return bounds{entries: c.maxEntries(), bytes: min(c.cfg.MaxBytes, largest)}
}

// maxEntries is the bound on entries; 0: none.
func (c *core) maxEntries() int {
	if c.cfg.MaxEntries == 0 && c.cfg.MaxBytes == 0 {
		return defaultMaxEntries
	}
	return c.cfg.MaxEntries
}

// tooLarge reports whether e alone is more than there is room for.
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
func (r *era) count(e *entry, n int64) {
	bytes := e.bytes()
	r.bytes.Add(n * bytes)
	r.room.used.Add(n * r.entries.weight(bytes))
}

// grow lets the engine hold what it has been given, and somewhat more, so that
// it need not grow with each entry.
func (r *era) grow() {
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

// makeRoom keeps the bound on entries where the engine keeps that on bytes.
func (t *table) makeRoom() {
	r, most := t.era.Load(), t.core.maxEntries()
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
func (t *table) shrink(bytes int64) (freed int64) { return t.era.Load().shrink(bytes) }
