package cachedata

import (
	"context"
	"math"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"github.com/reecho-go/reecho/internal/flight"
	"github.com/reecho-go/reecho/observe"
)

// table is a cache's contents by the identity I of its keys: a word or a
// string. All changes of one key are ordered by the key's lock in the era's
// flights; reads take no lock.
type table[I comparable, K, V any] struct {
	cache    *Cache[K, V]
	owners   owners[I, K, V] // nil: the entries are everybody's
	era      atomic.Pointer[era[I, K, V]]
	evicting sync.Mutex // held while the bound on entries is kept
}

// owners is what a table asks about those whom its entries belong to.
type owners[I comparable, K, V any] interface {
	// admit notes that e becomes the entry of id in r, and reports whether it
	// may. The key's lock is held.
	admit(r *era[I, K, V], id I, e *entry[K, V]) bool
	// forget notes that e is no longer an entry. Locks of the engine are held.
	forget(id I, e *entry[K, V])
	// settle does what is left to be done after admit, outside locks.
	settle(id I)
}

// contents is a table whatever the identity of its keys.
type contents[K any] interface {
	reset() int
	len() int
	bytes() int64
	shrink(bytes int64) (freed int64)
	sweep(now int64) (next int64)
	sweepTags(walk bool) (oldest uint64)
	clearFunc(match func(K) bool) (int, error)
}

// contents returns the cache's table.
func (c *Cache[K, V]) contents() contents[K] {
	switch {
	case c.sessions != nil:
		return c.sessions
	case c.words != nil:
		return c.words
	}
	return c.texts
}

// era is what a cache holds between two clears: the entries and the loads that
// were started for them. A clear puts a new era in place. Whatever still runs
// in the old one ends there, where nobody looks any more: so a load can never
// store across a clear, and no later call joins it.
//
// When an era is over, it lets go of its entries: loads that hang keep what they
// know of it, and nothing else.
type era[I comparable, K, V any] struct {
	entries engine[I, entry[K, V]]
	stored  atomic.Int64 // entries that have come and not been counted as gone; far below 0 once the era is over
	bytes   atomic.Int64 // of all entries
	room    room
	expiry  expiry[I, K, V]
	flights *flight.Table[I, unsafe.Pointer] // *entry[K, V]; see engine
}

func newTable[I comparable, K, V any](c *Cache[K, V], owners owners[I, K, V]) *table[I, K, V] {
	t := &table[I, K, V]{cache: c, owners: owners}
	t.era.Store(t.newEra())
	return t
}

func (t *table[I, K, V]) newEra() *era[I, K, V] {
	r := &era[I, K, V]{flights: flight.NewTable[I, unsafe.Pointer](&t.cache.tracker)}
	most := t.cache.bounds()
	r.entries.start(most, (*entry[K, V]).bytes, func(id I, e *entry[K, V], evicted bool) {
		r.count(e, -1)
		r.expiry.remove(e)
		if t.owners != nil {
			t.owners.forget(id, e)
		}
		if evicted && r.leave() {
			t.pushedOut(id, e)
		}
	})
	r.room.most = int64(most.entries)
	if most.bytes > 0 {
		r.room.most = r.entries.weight(most.bytes)
	}
	r.room.now.Store(r.room.most)
	return r
}

// enter counts an entry that comes; false: the era is over.
func (r *era[I, K, V]) enter() bool { return r.stored.Add(1) > 0 }

// leave counts an entry that has gone; false: the clear that has ended the era
// has counted it. So each entry counts once, whatever happens at a time.
func (r *era[I, K, V]) leave() bool { return r.stored.Add(-1) >= 0 }

// end lets go of everything and returns how many entries that were.
func (r *era[I, K, V]) end() int {
	n := r.stored.Swap(math.MinInt64 / 2)
	r.entries.release()
	r.expiry.release()
	return int(n)
}

// over reports whether the era has ended.
func (r *era[I, K, V]) over() bool { return r.stored.Load() < 0 }

// find returns id's entry, whatever it is good for, without a lock.
func (t *table[I, K, V]) find(id I) *entry[K, V] { return t.era.Load().entries.get(id) }

// store makes e the entry of id, unless it is refused: since its owner has gone,
// since a clear has come, or since it is too large; then what was there is not
// true any more, and dropped. The key's lock is held; settle is to be called after it. The entry
// is counted and queued first, so that an eviction finds it there.
func (t *table[I, K, V]) store(r *era[I, K, V], id I, e *entry[K, V]) (replaced *entry[K, V], refused string) {
	if t.cache.tooLarge(e) {
		return r.entries.remove(id), refusedSize
	}
	if t.owners != nil && !t.owners.admit(r, id, e) {
		return nil, refusedSession
	}
	if !r.enter() {
		if t.owners != nil {
			t.owners.forget(id, e)
		}
		return nil, refusedClear
	}
	if x := e.extra(); x != nil && len(x.tags) > 0 {
		t.cache.hasTags.Store(true)
	}
	until := t.cache.until(e)
	r.count(e, 1)
	t.cache.budget.spend(e.bytes())
	r.grow()
	r.expiry.add(id, e, until)
	replaced = r.entries.set(id, e)
	if until != never {
		t.cache.group.Arm(until)
	}
	return replaced, ""
}

// Why a result was not stored.
const (
	refusedClear   = "clear"
	refusedSession = "session"
	refusedSize    = "size"
)

// settle is to be called after store: it makes room for what was stored.
func (t *table[I, K, V]) settle(id I) {
	if t.owners != nil {
		t.owners.settle(id)
	}
	t.makeRoom()
	t.cache.budget.makeRoom()
}

// reset starts a new era and returns how many entries the old one had.
func (t *table[I, K, V]) reset() int { return t.era.Swap(t.newEra()).end() }

func (t *table[I, K, V]) len() int { return t.era.Load().entries.len() }

func (t *table[I, K, V]) bytes() int64 { return t.era.Load().bytes.Load() }

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
				if until := t.cache.until(d.entry); until > now && r.entries.get(d.id) == d.entry { // it has been read
					r.expiry.add(d.id, d.entry, until)
					next = min(next, until)
					return
				}
				removed = r.entries.removeIf(d.id, d.entry)
			})
			if removed {
				t.left(context.Background(), r, d.id, d.entry, observe.CauseExpired)
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

// put stores v, which must be our own and counts size bytes, with tags, to be
// fresh for ttl. It is there for nobody until it is newer than all clears of tags
// that have come: so none of these can take it away.
func (p *place[I, K, V]) put(ctx context.Context, v V, size int64, ttl time.Duration, tags []string) {
	clears := p.cache.group.Tags()
	x := said{}.extra(tags)
	e := p.newEntry(v, nil, ttl, size, x)
	var replaced *entry[K, V]
	var refused string
	in := p.era.Load()
	in.flights.Override(p.id, "put", func() {
		if x != nil {
			x.born = clears.Now()
			x.checked.Store(unborn)
		}
		replaced, refused = p.store(in, p.id, e)
		if x != nil {
			x.checked.Store(clears.Now())
		}
	})
	p.settle(p.id)
	p.left(ctx, in, p.id, replaced, observe.CauseReplaced)
	if refused != "" {
		p.cache.refused(ctx, p.key, refused)
	}
}

func (p *place[I, K, V]) delete(ctx context.Context) {
	p.drop(ctx, p.id, "delete", observe.CauseDeleted)
}

// drop removes the entry of id and takes from its load the right to store.
func (t *table[I, K, V]) drop(ctx context.Context, id I, reason string, cause observe.Cause) {
	var removed *entry[K, V]
	in := t.era.Load()
	in.flights.Override(id, reason, func() { removed = in.entries.remove(id) })
	t.left(ctx, in, id, removed, cause)
}

// left counts and reports an entry of id that has left the era r, unless a clear
// has done so; nil is none.
func (t *table[I, K, V]) left(ctx context.Context, r *era[I, K, V], id I, e *entry[K, V], cause observe.Cause) {
	if e == nil || !r.leave() {
		return
	}
	c := t.cache
	now := c.group.Now()
	if (cause == observe.CauseReplaced || cause == observe.CauseExpired) && e.life() != nil {
		cause = c.whyGone(e, now, cause)
	}
	c.counters.evicted(cause).Add(1)
	t.reportLeft(ctx, id, e, cause, now)
}

func (t *table[I, K, V]) reportLeft(ctx context.Context, id I, e *entry[K, V], cause observe.Cause, now int64) {
	if c := t.cache; c.observer != nil {
		observe.Emit(ctx, c.observer, observe.CacheEvict{Source: c.source(t.keyOf(id, e)), Cause: cause, Age: time.Duration(now - e.written)})
	}
}

// keyOf returns the key of an entry by its identity, if that says it all.
func (t *table[I, K, V]) keyOf(id I, e *entry[K, V]) K {
	if own := e.ownKey(); own != nil {
		return *own
	}
	switch id := any(id).(type) {
	case uint64:
		return t.cache.keys.OfWord(id)
	case sessionKey:
		return t.cache.keys.OfID(id.id)
	}
	return t.cache.keys.OfID(any(id).(string))
}

// pushedOut counts an eviction by size, which is decided under locks, and
// leaves the report to the group's mailbox.
func (t *table[I, K, V]) pushedOut(id I, e *entry[K, V]) {
	c := t.cache
	c.counters.size.Add(1)
	if c.observer != nil {
		c.group.Post(func() {
			t.reportLeft(context.Background(), id, e, observe.CauseSize, c.group.Now())
		})
	}
}
