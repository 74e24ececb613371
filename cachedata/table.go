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
	if c.sessions != nil { // a nil pointer in the interface would not equal nil
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

// store makes e the entry of id. It refuses e if the visitor has ended, if a clear
// has come, or if e is too large; in the last case it also drops the outdated entry.
// The key's lock is held, and the caller calls settle afterwards. The entry is
// counted and queued before it is stored, so that an eviction can undo both.
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

// settle evicts entries if store has exceeded a bound. It is called after store.
func (p *slot) settle() {
	t := p.table
	if t.owners != nil {
		t.owners.settle(p.visitor)
	}
	t.makeRoom()
	t.core.budget.makeRoom()
}

// reset starts a new era and returns how many entries the old one had. In session
// scope the next sweep frees the visitors' lists of these entries.
func (t *table) reset() int {
	n := t.era.Swap(t.newEra()).end()
	if t.owners != nil {
		t.core.group.Arm(t.core.group.Now())
	}
	return n
}

// reset drops all entries and returns how many there were.
func (c *core) reset() int {
	n := c.table.reset()
	c.counters.cleared.Add(uint64(n))
	return n
}

func (t *table) len() int { return t.era.Load().entries.len() }

func (t *table) bytes() int64 { return t.era.Load().bytes.Load() }

// sweep frees the entries that are gone at now, and returns when the next one will be.
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
			// store queues an entry before it is in the engine: under the key's lock
			// both are done.
			r.flights.Guard(d.id, func() {
				if until := t.core.until(d.entry); until > now && r.entries.get(d.id) == d.entry { // a read has prolonged IdleTTL
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

// drop removes the entry of id and keeps a running load of it from storing.
func (t *table) drop(ctx context.Context, id id, reason string, cause observe.Cause) {
	var removed *entry
	in := t.era.Load()
	in.flights.Override(id, reason, func() { removed = in.entries.remove(id) })
	t.left(ctx, in, id, removed, cause)
}

// left counts and reports that the entry e of id has left the era r, unless a clear
// has counted it. A nil e is ignored.
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

// reportLeft tells observers that the entry e of id has left.
func (t *table) reportLeft(ctx context.Context, id id, e *entry, cause observe.Cause) {
	c := t.core
	age := time.Duration(c.group.Now() - e.storedAt)
	observe.Emit(ctx, c.observer, observe.CacheEvict{Source: c.source(t.keyOf(id, e)), Cause: cause, Age: age})
}

// pushedOut counts an eviction by size. It is called under locks, so the group's
// mailbox tells observers later.
func (t *table) pushedOut(id id, e *entry) {
	c := t.core
	c.counters.size.Add(1)
	if c.observed() {
		c.group.Post(func() {
			t.reportLeft(context.Background(), id, e, observe.CauseSize)
		})
	}
}

// sweepTags frees, if walk is set, the entries with a tag that was cleared. It returns
// how many clears came before the oldest load in flight.
func (t *table) sweepTags(walk bool) (oldest uint64) {
	r := t.era.Load()
	// Loads before entries: a load that has ended by then has stored its entry.
	oldest = math.MaxUint64
	for _, task := range r.flights.Tasks() {
		oldest = min(oldest, task.(*load).oldest())
	}
	// Read after the loads: a load that has stored a tagged entry has set hasTags.
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
			removed = t.core.tagCleared(e.annotations()) && r.entries.removeIf(id, e) // checked again: a Put may have been under way
		})
		if removed {
			t.left(context.Background(), r, id, e, observe.CauseCleared)
		}
	}
	return oldest
}
