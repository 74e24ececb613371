package cachedata

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/reecho-go/reecho/internal/level"
	"github.com/reecho-go/reecho/observe"
)

// others follows the processes that share the store of a cache: it drops results
// from the memory that another process has changed. Hits do not use it.
//
// The news of a change names a key by its sum only. So each key is noted before the
// store is asked for it, and the note stays at least as long as the entry. A change
// before the note is in what the store returns; one after it finds the note.
type others struct {
	core   *core
	clears atomic.Uint64 // clears of everything or of a tag by other processes

	mu     sync.Mutex
	of     map[level.Sum]id
	coming map[level.Sum]*coming
	enough int // when so many keys are noted, forget is called
}

// coming is a key for which a load or a put is under way.
type coming struct {
	users   int
	changes uint64 // by other processes
}

// moreNames is how many keys are noted at least before forget drops any.
const moreNames = 1024

// note notes a key before a load or a put of it. The lock is held.
func (o *others) note(id id, s level.Sum) *coming {
	if len(o.of) >= o.enough {
		o.forget()
	}
	o.of[s] = id
	c := o.coming[s]
	if c == nil {
		c = new(coming)
		o.coming[s] = c
	}
	c.users++
	return c
}

// release ends what note began. The lock is held.
func (o *others) release(s level.Sum) {
	if c := o.coming[s]; c != nil {
		if c.users--; c.users == 0 {
			delete(o.coming, s)
		}
	}
}

// forget drops the notes of keys that are neither in memory nor being loaded or put.
// A load or put that ends meanwhile cannot call release before the lock is free.
func (o *others) forget() {
	there := make(map[id]struct{}, len(o.of))
	for id := range o.core.table.era.Load().entries.all() {
		there[id] = struct{}{}
	}
	for s, id := range o.of {
		if _, ok := there[id]; !ok && o.coming[s] == nil {
			delete(o.of, s)
		}
	}
	o.enough = 2*len(o.of) + moreNames
}

// expect notes the key of a load until arrived is called.
func (o *others) expect(l *load, s level.Sum) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !l.waits.over { // an abandoned load stores nothing
		o.note(l.id, s)
		l.waits.sum, l.waits.noted = s, true
	}
}

// arrived is called when a load is over.
func (o *others) arrived(l *load) {
	o.mu.Lock()
	defer o.mu.Unlock()
	l.waits.over = true
	if l.waits.noted {
		o.release(l.waits.sum)
	}
}

// during notes a key until done is called. overtaken reports whether another process
// has changed the key, or cleared something, since then.
func (o *others) during(id id, s level.Sum) (overtaken func() bool, done func()) {
	o.mu.Lock()
	defer o.mu.Unlock()
	c, clears := o.note(id, s), o.clears.Load()
	changes := c.changes
	overtaken = func() bool {
		o.mu.Lock()
		defer o.mu.Unlock()
		return c.changes != changes || o.clears.Load() != clears
	}
	done = func() {
		o.mu.Lock()
		defer o.mu.Unlock()
		o.release(s)
	}
	return overtaken, done
}

// Changed implements level.Memory.
func (o *others) Changed(s level.Sum) {
	o.mu.Lock()
	id, noted := o.of[s]
	if c := o.coming[s]; c != nil {
		c.changes++
	}
	o.mu.Unlock()
	if noted {
		o.core.table.overtake(id)
	}
	if c := o.core.table.changes.Load(); c != nil { // also for keys that are not in memory
		c.of(s).Add(1)
	}
}

// ClearTag implements level.Memory.
func (o *others) ClearTag(tag string) {
	o.clears.Add(1)
	o.core.group.CutTags(o.core.name, []string{tag})
}

// Clear implements level.Memory.
func (o *others) Clear() {
	o.clears.Add(1)
	o.core.reset()
}

// ChangesLost implements level.Memory.
func (o *others) ChangesLost() { o.Clear() }

// overtake drops the entry of id, and keeps its load from storing, because another
// process has changed the result. It calls no user code.
func (t *table) overtake(id id) {
	in := t.era.Load()
	var e *entry
	in.flights.Override(id, "changed elsewhere", func() { e = in.entries.remove(id) })
	if e == nil || !in.leave() {
		return
	}
	c := t.core
	c.counters.evicted(observe.CauseDeleted).Add(1)
	if c.observed() {
		c.group.Post(func() {
			t.reportLeft(context.Background(), id, e, observe.CauseDeleted)
		})
	}
}
