package cachedata

import (
	"cmp"
	"context"
	"sync/atomic"
	"time"

	"github.com/reecho-go/reecho/internal/flight"
	"github.com/reecho-go/reecho/observe"
)

// table is a cache's contents by the identity I of its keys: a word or a
// string. All changes of one key are ordered by the key's lock in the era's
// flights; reads take no lock.
type table[I comparable, K, V any] struct {
	cache *Cache[K, V]
	era   atomic.Pointer[era[I, K, V]]
}

// era is what a cache holds between two clears: the entries and the loads that
// were started for them. A clear puts a new era in place. Whatever still runs
// in the old one ends there, where nobody looks any more: so a load can never
// store across a clear, and no later call joins it.
type era[I comparable, K, V any] struct {
	entries engine[I, entry[K, V]]
	expiry  expiry[I, K, V]
	flights *flight.Table[I, *entry[K, V]]
}

func newTable[I comparable, K, V any](c *Cache[K, V]) *table[I, K, V] {
	t := &table[I, K, V]{cache: c}
	t.era.Store(t.newEra())
	return t
}

func (t *table[I, K, V]) newEra() *era[I, K, V] {
	r := &era[I, K, V]{flights: flight.NewTable[I, *entry[K, V]](&t.cache.tracker)}
	r.entries = newEngine[I](cmp.Or(t.cache.cfg.MaxEntries, DefaultMaxEntries), func(e *entry[K, V], evicted bool) {
		r.expiry.remove(e)
		if evicted {
			t.cache.pushedOut(e)
		}
	})
	return r
}

// find returns id's entry, whatever it is good for, without a lock.
func (t *table[I, K, V]) find(id I) *entry[K, V] { return t.era.Load().entries.get(id) }

// store makes e the entry of id. The key's lock is held. The entry is queued
// first, so that an eviction finds it in the queue.
func (t *table[I, K, V]) store(r *era[I, K, V], id I, e *entry[K, V]) (replaced *entry[K, V]) {
	until := t.cache.until(e)
	r.expiry.add(id, e, until)
	replaced = r.entries.set(id, e)
	if until != never {
		t.cache.group.Arm(until)
	}
	return replaced
}

// reset starts a new era and returns how many entries the old one had.
func (t *table[I, K, V]) reset() int { return t.era.Swap(t.newEra()).entries.len() }

func (t *table[I, K, V]) len() int { return t.era.Load().entries.len() }

// sweep frees what is gone at now and returns when more will be.
func (t *table[I, K, V]) sweep(now int64) (next int64) {
	r := t.era.Load()
	for {
		taken, next := r.expiry.take(now)
		for _, d := range taken {
			removed := false
			// Under the key's lock, so that an entry that is just being stored
			// is in the engine by now.
			r.flights.Guard(d.id, func() {
				if until := t.cache.until(d.entry); until > now { // it has been read
					r.expiry.add(d.id, d.entry, until)
					next = min(next, until)
					return
				}
				removed = r.entries.removeIf(d.id, d.entry)
			})
			if removed {
				t.cache.left(context.Background(), d.entry, observe.CauseExpired)
			}
		}
		if len(taken) < sweepStep {
			return next
		}
	}
}

// place is one key of a table.
type place[I comparable, K, V any] struct {
	*table[I, K, V]
	id  I // our own
	key K // our own
}

// put stores v, which must be our own.
func (p *place[I, K, V]) put(ctx context.Context, v V) {
	e := p.cache.newEntry(p.key, v, nil, p.cache.cfg.TTL)
	var replaced *entry[K, V]
	in := p.era.Load()
	in.flights.Override(p.id, "put", func() { replaced = p.store(in, p.id, e) })
	p.cache.left(ctx, replaced, observe.CauseReplaced)
}

func (p *place[I, K, V]) delete(ctx context.Context) {
	var removed *entry[K, V]
	in := p.era.Load()
	in.flights.Override(p.id, "delete", func() { removed = in.entries.remove(p.id) })
	p.cache.left(ctx, removed, observe.CauseDeleted)
}

// left counts and reports an entry that has left; nil is none.
func (c *Cache[K, V]) left(ctx context.Context, e *entry[K, V], cause observe.Cause) {
	if e == nil {
		return
	}
	now := c.group.Now()
	if (cause == observe.CauseReplaced || cause == observe.CauseExpired) && e.life != nil {
		cause = c.whyGone(e, now, cause)
	}
	c.counters.evicted(cause).Add(1)
	c.reportLeft(ctx, e, cause, now)
}

func (c *Cache[K, V]) reportLeft(ctx context.Context, e *entry[K, V], cause observe.Cause, now int64) {
	if c.observer != nil {
		observe.Emit(ctx, c.observer, observe.CacheEvict{Source: c.source(e.key), Cause: cause, Age: time.Duration(now - e.written)})
	}
}

// pushedOut counts an eviction by size, which is decided under locks, and
// leaves the report to the group's mailbox.
func (c *Cache[K, V]) pushedOut(e *entry[K, V]) {
	c.counters.size.Add(1)
	if c.observer != nil {
		c.group.Post(func() {
			c.reportLeft(context.Background(), e, observe.CauseSize, c.group.Now())
		})
	}
}
