package cachedata

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/reecho-go/reecho/internal/level"
	"github.com/reecho-go/reecho/observe"
)

// peers follows the other processes that share the store of a cache. When one of them
// changes a result, peers drops it from the memory of this process. Hits do not use it.
//
// The message about a change has only the sum of the key. So a load notes its key before
// it asks the store, and the note stays at least as long as the entry. A change before the
// note is in the store's answer; a change after it finds the note.
type peers struct {
	core   *core
	clears atomic.Uint64 // clears of everything or of a tag by other processes

	mu       sync.Mutex
	ids      map[level.Sum]id
	pending  map[level.Sum]*pendingKey
	forgetAt int // the number of noted keys at which forget is called
}

// pendingKey is a key for which a load or a put is under way.
type pendingKey struct {
	users   int
	changes uint64 // by other processes
}

// minNotes is the least number of noted keys at which forget is called again.
const minNotes = 1024

// note notes a key before a load or a put of it. The lock is held.
func (o *peers) note(id id, s level.Sum) *pendingKey {
	if len(o.ids) >= o.forgetAt {
		o.forget()
	}
	o.ids[s] = id
	c := o.pending[s]
	if c == nil {
		c = new(pendingKey)
		o.pending[s] = c
	}
	c.users++
	return c
}

// release ends what note began. The lock is held.
func (o *peers) release(s level.Sum) {
	if c := o.pending[s]; c != nil {
		if c.users--; c.users == 0 {
			delete(o.pending, s)
		}
	}
}

// forget drops the notes of keys that are neither in memory nor being loaded or put.
// A load or put that ends meanwhile cannot call release before the lock is free.
func (o *peers) forget() {
	there := make(map[id]struct{}, len(o.ids))
	for id := range o.core.table.era.Load().entries.all() {
		there[id] = struct{}{}
	}
	for s, id := range o.ids {
		if _, ok := there[id]; !ok && o.pending[s] == nil {
			delete(o.ids, s)
		}
	}
	o.forgetAt = 2*len(o.ids) + minNotes
}

// noteLoad notes the key of a load until loadEnded is called.
func (o *peers) noteLoad(l *load, s level.Sum) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !l.waits.over { // an abandoned load stores nothing
		o.note(l.id, s)
		l.waits.sum, l.waits.noted = s, true
	}
}

// loadEnded is called when a load is over.
func (o *peers) loadEnded(l *load) {
	o.mu.Lock()
	defer o.mu.Unlock()
	l.waits.over = true
	if l.waits.noted {
		o.release(l.waits.sum)
	}
}

// noteUntil notes a key until done is called. overtaken reports whether another process
// has changed the key, or cleared something, since then.
func (o *peers) noteUntil(id id, s level.Sum) (overtaken func() bool, done func()) {
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
func (o *peers) Changed(s level.Sum) {
	o.mu.Lock()
	id, noted := o.ids[s]
	if c := o.pending[s]; c != nil {
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
func (o *peers) ClearTag(tag string) {
	o.clears.Add(1)
	o.core.group.CutTags(o.core.name, []string{tag})
}

// Clear implements level.Memory.
func (o *peers) Clear() {
	o.clears.Add(1)
	o.core.reset()
}

// ChangesLost implements level.Memory.
func (o *peers) ChangesLost() { o.Clear() }

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
