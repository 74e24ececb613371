package cachedata

import (
	"context"
	"time"
	"unsafe"

	"github.com/reecho-go/reecho/observe"
)

// lookup returns the entry in memory that may be served for *key, or nil. It counts
// the hit, and starts a refresh if one is due.
func (c *core) lookup(ctx context.Context, key unsafe.Pointer) (*entry, Source, error) {
	r := c.recorder(ctx)
	if r == nil {
		return c.inMemory(ctx, key)
	}
	u := c.use(ctx, key)
	e, source, err := c.inMemory(ctx, key)
	if e != nil {
		u.tell(r, e)
	}
	return e, source, err
}

// inMemory is lookup without telling a recorder.
func (c *core) inMemory(ctx context.Context, key unsafe.Pointer) (*entry, Source, error) {
	e, err := c.find(ctx, key)
	switch {
	case e == nil:
		return nil, 0, err
	case c.fresh(e):
		c.counters.hit()
		return e, Hit, nil
	}
	return c.aged(ctx, key, e)
}

// lookupWord is lookup for keys of the size of a word, as a shell knows when it is
// compiled: it calls the engine of words, which nothing else links, and calls it
// directly.
func (c *core) lookupWord(ctx context.Context, key unsafe.Pointer) (*entry, Source, error) {
	words := c.table.era.Load().entries.words
	if words == nil || c.recorder(ctx) != nil {
		return c.lookup(ctx, key)
	}
	switch e := (*book[uint64])(words).find(c.keys.Word(key)); {
	case e == nil:
		return nil, 0, nil
	case c.fresh(e):
		c.counters.hit()
		return e, Hit, nil
	default:
		return c.aged(ctx, key, e)
	}
}

// fresh reports whether e may be served as it is. It is false also for entries that
// need a closer look.
func (c *core) fresh(e *entry) bool {
	return e.form() == plain || e.form() == timed && c.group.Now() < e.lifetime().soft
}

// aged is lookup for an entry that may not be fresh.
func (c *core) aged(ctx context.Context, key unsafe.Pointer, e *entry) (*entry, Source, error) {
	if err := c.checkUnmodified(ctx, key, e); err != nil {
		return nil, 0, err
	}
	now := c.clock(e.lifetime())
	st := c.state(e, now)
	switch {
	case st == gone, st == spare && now >= e.details().retry.Load():
		return nil, 0, nil
	case c.cfg.IdleTTL != 0:
		e.details().used.Store(now)
	}
	if c.cfg.CountHits {
		e.details().hits.Add(1)
	}
	source := Hit
	switch st {
	case stale:
		c.refresh(ctx, key, e, now)
		source = Stale
	case early:
		c.refresh(ctx, key, e, now)
	case spare:
		source = FailSafe
	}
	c.counters.served(source)
	c.tellExpired(ctx, key, e, source)
	return e, source, nil
}

// tellExpired tells observers, once for each entry, that an expired result is served.
func (c *core) tellExpired(ctx context.Context, key unsafe.Pointer, e *entry, source Source) {
	if !c.observed() || source != Stale && source != FailSafe || !e.details().told.CompareAndSwap(false, true) {
		return
	}
	age := time.Duration(c.group.Now() - e.storedAt)
	observe.Emit(ctx, c.observer, observe.CacheServed{Source: c.source(key), FailSafe: source == FailSafe, Age: age})
}

// refresh loads key again in the background, to replace e. It does nothing if such a
// load runs already or has failed lately, or if too many others run.
func (c *core) refresh(ctx context.Context, key unsafe.Pointer, e *entry, now int64) {
	m := e.details()
	if now < m.retry.Load() || !m.busy.CompareAndSwap(false, true) {
		return
	}
	if !c.group.Occupy() {
		m.busy.Store(false)
		c.counters.skipped.Add(1)
		return
	}
	started := false
	defer func() { // also if a method of the key panics
		if !started {
			m.busy.Store(false)
			c.group.Vacate()
		}
	}()
	var p slot
	started = c.findSlot(ctx, key, &p) == nil && p.refresh(ctx, e, c.group.Vacate)
}
