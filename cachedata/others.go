package cachedata

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/reecho-go/reecho/internal/level"
	"github.com/reecho-go/reecho/observe"
)

// others is what a cache knows of the processes that it shares its store with: it
// drops from the memory what these have changed. Hits know nothing of it.
//
// A change names a key by its sum only. So a key is noted before it is looked for in
// the store, and stays as long as its entry, or a little longer: whatever the memory
// has, or will have, was noted before the store was asked. Of a change that comes
// before that, the store knows.
type others struct {
	core   *core
	clears atomic.Uint64 // of all or of a tag, by others

	mu     sync.Mutex
	of     map[level.Sum]id
	coming map[level.Sum]*coming
	enough int // when so many are noted, those that are of no use are dropped
}

// coming is a key of which something is on its way into the memory.
type coming struct {
	users   int
	changes uint64 // by others
}

// moreNames is how many keys are noted at least before any are dropped.
const moreNames = 1024

// note notes a key of which something is on its way. The lock is held.
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

// release says that it has arrived. The lock is held.
func (o *others) release(s level.Sum) {
	if c := o.coming[s]; c != nil {
		if c.users--; c.users == 0 {
			delete(o.coming, s)
		}
	}
}

// forget drops the keys that are neither in memory nor on their way. What arrives
// meanwhile is on its way until the lock is free.
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

// expect notes the key of a load, until it has arrived.
func (o *others) expect(l *load, s level.Sum) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !l.waits.over { // else nobody waits for it any more, and it changes nothing
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

// during notes a key until done is called. overtaken reports whether others have
// changed it, or cleared something, since.
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
	if c := o.core.table.changes.Load(); c != nil { // also of keys that are not in memory
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

// Distrust implements level.Memory.
func (o *others) Distrust() { o.Clear() }

// overtake drops the entry of id, and takes from its load the right to store, since
// another process has changed it. It calls no user code.
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
