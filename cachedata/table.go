package cachedata

import (
	"cmp"
	"context"
	"math"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"github.com/reecho-go/reecho/internal/flight"
	"github.com/reecho-go/reecho/observe"
)

// table is a cache's contents. All changes of one key are ordered by the key's
// lock in the era's flights; reads take no lock.
type table struct {
	core     *core
	owners   owners // nil: the entries are everybody's
	era      atomic.Pointer[era]
	changes  atomic.Pointer[changes] // nil: nobody wants to know
	evicting sync.Mutex              // held while the bound on entries is kept
}

// owners is what a table asks about those whom its entries belong to.
type owners interface {
	// admit notes that e becomes the entry of id in r, and reports whether it
	// may. The key's lock is held.
	admit(r *era, id id, e *entry) bool
	// forget notes that e is no longer an entry. Locks of the engine are held.
	forget(id id, e *entry)
	// settle does what is left to be done after an entry of v was admitted,
	// outside locks.
	settle(v *visitor)
	// sweep lets those go who are no longer there at now, and returns when
	// more will be.
	sweep(now int64) (next int64)
}

// era is what a cache holds between two clears: the entries and the loads that
// were started for them. A clear puts a new era in place. Whatever still runs
// in the old one ends there, where nobody looks any more: so a load can never
// store across a clear, and no later call joins it.
//
// When an era is over, it lets go of its entries: loads that hang keep what they
// know of it, and nothing else.
type era struct {
	entries engine
	stored  atomic.Int64 // entries that have come and not been counted as gone; far below 0 once the era is over
	bytes   atomic.Int64 // of all entries
	room    room
	flights *flight.Table // of *entry
}

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
	r.entries.start(c.shape, c.cfg.Scope, most, func(id id, e *entry, evicted bool) {
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

// enter counts an entry that comes; false: the era is over.
func (r *era) enter() bool { return r.stored.Add(1) > 0 }

// leave counts an entry that has gone; false: the clear that has ended the era
// has counted it. So each entry counts once, whatever happens at a time.
func (r *era) leave() bool { return r.stored.Add(-1) >= 0 }

// end lets go of everything and returns how many entries that were.
func (r *era) end() int {
	n := r.stored.Swap(math.MinInt64 / 2)
	r.entries.release()
	return int(n)
}

// over reports whether the era has ended.
func (r *era) over() bool { return r.stored.Load() < 0 }

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

// slot is one key of a table, with an identity and a key that no caller can change.
type slot struct {
	*table
	id      id
	own     unsafe.Pointer // the key; nil: it is in id
	visitor *visitor       // whose it is, in session scope
}

// key returns the address of the key, which is in the slot if its identity says all of
// it.
func (p *slot) key() unsafe.Pointer {
	if p.own != nil {
		return p.own
	}
	return p.core.keyOf(&p.id)
}

// put stores a copy of the result at v, as how says. It is there for nobody until
// it is newer than all clears of tags that have come: so none of these can take it
// away.
func (p *slot) put(ctx context.Context, v unsafe.Pointer, how PutOptions) error {
	c := p.core
	tags, err := p.tags(how.Tags, v)
	if err != nil {
		return err
	}
	x := loadSettings{}.annotations(tags)
	e, err := p.make(making{from: v, ttl: cmp.Or(how.TTL, c.cfg.TTL), annotations: x})
	if err != nil {
		return err
	}
	clears := c.group.Tags()
	var replaced, undone *entry
	var refused string
	var in *era
	change := func(overtaken func() bool) {
		in = p.era.Load()
		in.flights.Override(p.id, "put", func() {
			if x != nil {
				x.clearsBefore = clears.Now()
				x.checked.Store(beingPut)
			}
			replaced, refused = p.store(in, p.id, e)
			if x != nil {
				x.checked.Store(clears.Now())
			}
			if overtaken != nil && overtaken() { // last: what comes later finds the entry
				undone = in.entries.remove(p.id)
			}
		})
	}
	if c.second != nil {
		c.second.put(ctx, p, e, change)
	} else {
		change(nil)
	}
	p.changed(p.id)
	p.settle()
	p.left(ctx, in, p.id, replaced, observe.CauseReplaced)
	p.left(ctx, in, p.id, undone, observe.CauseDeleted)
	if refused != "" {
		c.refused(ctx, p.key(), refused)
	}
	return nil
}

// tags returns those that were said, those of the key, and those of the result
// at v, unless that is nil.
func (p *slot) tags(set []string, v unsafe.Pointer) ([]string, error) {
	fns := &p.core.fns
	if len(set) == 0 && fns.keyTags == nil && fns.tags == nil {
		return nil, nil
	}
	if fns.keyTags == nil && (fns.tags == nil || v == nil) {
		return tagged(set), nil
	}
	key, err := p.core.copyOfKey(p.key())
	if err != nil {
		return nil, err
	}
	var ofKey, ofResult []string
	if fns.keyTags != nil {
		ofKey = fns.keyTags(key)
	}
	if fns.tags != nil && v != nil {
		ofResult = fns.tags(key, v)
	}
	return tagged(set, ofKey, ofResult), nil
}

func (p *slot) delete(ctx context.Context) {
	change := func() { p.drop(ctx, p.id, "delete", observe.CauseDeleted) }
	if p.core.second != nil {
		p.core.second.drop(ctx, p, change)
	} else {
		change()
	}
	p.changed(p.id)
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

// keyOf returns the key of an entry by its identity, if that says it all. It is
// ours.
func (t *table) keyOf(id id, e *entry) unsafe.Pointer {
	c := t.core
	if own := c.ownKey(e); own != nil {
		return own
	}
	if c.sessions != nil {
		return c.sessions.keyOf(id)
	}
	return c.keyOf(&id)
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
