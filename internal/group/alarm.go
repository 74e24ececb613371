package group

import (
	"math"
	"sync"
	"sync/atomic"
	"time"
)

// Never is a time that does not come.
const Never = math.MaxInt64

// tick is how finely sweeps are timed: what is due within the same tick is
// freed by one sweep.
const tick = int64(time.Second)

// alarm calls for a sweep when something is due. Between sweeps it is at most
// a timer of the runtime, never a goroutine.
//
// It does not stop or reset timers, since that is not allowed across
// testing/synctest bubbles and a group may be a package variable: a timer that
// has been superseded fires and finds itself so.
type alarm struct {
	due atomic.Int64 // when the timer fires, in whole ticks; 0: it is not armed. Written under mu.

	mu      sync.Mutex
	current *ring
	closed  bool
}

// ring is one arming. It lets go of the group when it is superseded, so that
// a timer that is still far off keeps nothing alive.
type ring struct{ group atomic.Pointer[Group] }

// Arm makes sure that the members are swept within a tick after due, a time
// of [Group.Now]. It costs one atomic load when a sweep is due by then anyway.
func (g *Group) Arm(due int64) {
	if due > Never-2*tick {
		return
	}
	due = (due/tick + 1) * tick
	a := &g.alarm
	if armed := a.due.Load(); armed != 0 && armed <= due {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if armed := a.due.Load(); a.closed || armed != 0 && armed <= due {
		return
	}
	a.set(due)
	r := a.current
	r.group.Store(g)
	time.AfterFunc(time.Duration(due-g.Now()), r.fire)
}

// set replaces the current ring. a.mu is held.
func (a *alarm) set(due int64) {
	if a.current != nil {
		a.current.group.Store(nil)
	}
	a.current = new(ring)
	a.due.Store(due)
}

// fire is what the timer calls.
func (r *ring) fire() {
	g := r.group.Load()
	if g == nil || !g.alarm.ringing(r) || !g.tasks.Begin() {
		return
	}
	defer g.tasks.End()
	now, next := g.Now(), int64(Never)
	for _, m := range g.Members() {
		next = min(next, m.Sweep(now))
	}
	g.Arm(min(next, g.sweepTags(now)))
}

// ringing reports whether r is the current ring, which then is over.
func (a *alarm) ringing(r *ring) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.current != r {
		return false
	}
	a.set(0)
	return true
}

// close lets nothing fire any more.
func (a *alarm) close() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.closed = true
	a.set(0)
}
