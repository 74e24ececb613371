package cachedata

import (
	"context"
	"math"
	"time"

	"github.com/reecho-go/reecho/internal/flight"
	"github.com/reecho-go/reecho/internal/keys"
	"github.com/reecho-go/reecho/observe"
)

// init makes t the table of c.
func (t *table) init(c *core) {
	t.core = c
	if c.sessions != nil { // not a nil in an interface
		t.owners = c.sessions
	}
	t.era.Store(t.newEra())
}

func (t *table) newEra() *era {
	c := t.core
	r := &era{flights: flight.NewTable(&c.tracker)}
	most := c.bounds()
	words := c.fns.words
	if c.shape != keys.Word || c.cfg.Scope == Session {
		words = nil
	}
	r.entries.start(words, most, func(id id, e *entry, evicted bool) {
		r.count(e, -1)
		r.entries.unqueue(e)
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

// store makes e the entry of id, unless it is refused: since its owner has gone,
// since a clear has come, or since it is too large; then what was there is not
// true any more, and dropped. The key's lock is held; settle is to be called after it. The entry
// is counted and queued first, so that an eviction finds it there.
func (t *table) store(r *era, id id, e *entry) (replaced *entry, refused string) {
	if t.core.tooLarge(e) {
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
	if x := e.annotations(); x != nil && len(x.tags) > 0 {
		t.core.hasTags.Store(true)
	}
	until := t.core.until(e)
	r.count(e, 1)
	t.core.budget.spend(e.bytes())
	r.grow()
	r.entries.queue(id, e, until)
	replaced = r.entries.set(id, e)
	if until != never {
		t.core.group.Arm(until)
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
func (p *slot) settle() {
	t := p.table
	if t.owners != nil {
		t.owners.settle(p.visitor)
	}
	t.makeRoom()
	t.core.budget.makeRoom()
}

// reset starts a new era and returns how many entries the old one had. In
// session scope the next sweep frees what visitors know of it.
func (t *table) reset() int {
	n := t.era.Swap(t.newEra()).end()
	if t.owners != nil {
		t.core.group.Arm(t.core.group.Now())
	}
	return n
}

// reset drops everything and returns how many entries that were.
func (c *core) reset() int {
	n := c.table.reset()
	c.counters.cleared.Add(uint64(n))
	return n
}

func (t *table) len() int { return t.era.Load().entries.len() }

func (t *table) bytes() int64 { return t.era.Load().bytes.Load() }

// sweep frees what is gone at now and returns when more will be.
func (t *table) sweep(now int64) (next int64) {
	next = t.expire(now)
	if t.owners != nil {
		next = min(next, t.owners.sweep(now))
	}
	return next
}

func (t *table) expire(now int64) (next int64) {
	r := t.era.Load()
	for {
		taken, next := r.entries.overdue(now)
		for _, d := range taken {
			removed := false
			// Under the key's lock, so that an entry that is just being stored
			// is in the engine by now.
			r.flights.Guard(d.id, func() {
				if until := t.core.until(d.entry); until > now && r.entries.get(d.id) == d.entry { // it has been read
					r.entries.queue(d.id, d.entry, until)
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

// drop removes the entry of id and takes from its load the right to store.
func (t *table) drop(ctx context.Context, id id, reason string, cause observe.Cause) {
	var removed *entry
	in := t.era.Load()
	in.flights.Override(id, reason, func() { removed = in.entries.remove(id) })
	t.left(ctx, in, id, removed, cause)
}

// left counts and reports an entry of id that has left the era r, unless a clear
// has done so; nil is none.
func (t *table) left(ctx context.Context, r *era, id id, e *entry, cause observe.Cause) {
	if e == nil || !r.leave() {
		return
	}
	c := t.core
	if (cause == observe.CauseReplaced || cause == observe.CauseExpired) && e.lifetime() != nil {
		cause = c.whyGone(e, c.group.Now(), cause)
	}
	c.counters.evicted(cause).Add(1)
	if c.observed() {
		t.reportLeft(ctx, id, e, cause)
	}
}

// reportLeft tells observers of an entry of id that has left.
func (t *table) reportLeft(ctx context.Context, id id, e *entry, cause observe.Cause) {
	c := t.core
	age := time.Duration(c.group.Now() - e.storedAt)
	observe.Emit(ctx, c.observer, observe.CacheEvict{Source: c.source(t.keyOf(id, e)), Cause: cause, Age: age})
}

// pushedOut counts an eviction by size, which is decided under locks, and
// leaves the report to the group's mailbox.
func (t *table) pushedOut(id id, e *entry) {
	c := t.core
	c.counters.size.Add(1)
	if c.observed() {
		c.group.Post(func() {
			t.reportLeft(context.Background(), id, e, observe.CauseSize)
		})
	}
}

// sweepTags frees the entries that have a tag which was cleared. It returns the
// least number of clears before a load that is in flight.
func (t *table) sweepTags(walk bool) (oldest uint64) {
	r := t.era.Load()
	// The loads first: one that has ended by then has its entry in the engine.
	oldest = math.MaxUint64
	for _, task := range r.flights.Tasks() {
		oldest = min(oldest, task.(*load).oldest())
	}
	// Looked at second: what was being stored until then has set it.
	if !walk || !t.core.hasTags.Load() {
		return oldest
	}
	for id, e := range r.entries.all() {
		if r.over() {
			break // a clear has come, and freed it all
		}
		if !t.core.tagCleared(e.annotations()) {
			continue
		}
		removed := false
		r.flights.Guard(id, func() {
			removed = t.core.tagCleared(e.annotations()) && r.entries.removeIf(id, e) // it may have been in the middle of a Put
		})
		if removed {
			t.left(context.Background(), r, id, e, observe.CauseCleared)
		}
	}
	return oldest
}
