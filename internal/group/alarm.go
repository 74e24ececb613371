package group

import (
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"
	"weak"
)

// Never is the time of an event that is never due.
const Never = math.MaxInt64

// tick is the resolution of the times of sweeps: one sweep frees everything that is due
// within the same tick.
const tick = int64(time.Second)

// alarm starts a sweep when something is due. Between sweeps it consists of a few
// timers of the runtime at most, never of a goroutine.
//
// It neither stops nor resets timers: a group may be a package variable, and
// testing/synctest does not allow that across bubbles. So when an earlier timer is
// needed, the later one stays set, and is used when its time comes.
type alarm struct {
	due atomic.Int64 // when the first timer fires, in whole ticks; 0: there is none. Written under mu.

	mu     sync.Mutex
	rings  []*ring // the timers that are set; the first to fire is last
	closed bool
}

// ring is one timer that was set.
type ring struct {
	due   int64
	group weak.Pointer[Group]
	kept  atomic.Pointer[Group] // keeps the group from being collected; nil: it may be
	over  atomic.Bool           // the group is closed
}

// Arm makes sure that the members are swept within a tick after due, a time of
// [Group.Now]. If a sweep is due by then anyway, it costs one reading of the
// clock.
func (g *Group) Arm(due int64) {
	if due > Never-2*tick {
		return
	}
	due = (due/tick + 1) * tick
	a, now := &g.alarm, g.Now()
	if a.armed(due, now) {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	// Timers of a bubble that has ended never fire.
	a.rings = slices.DeleteFunc(a.rings, func(r *ring) bool { return lost(r.due, now) })
	a.set()
	if a.closed || a.armed(due, now) {
		return
	}
	r := &ring{due: due, group: weak.Make(g)}
	if !g.collectable {
		r.kept.Store(g)
	}
	a.rings = append(a.rings, r)
	a.set()
	time.AfterFunc(time.Duration(due-now), r.fire)
}

// armed reports whether a timer fires by due.
func (a *alarm) armed(due, now int64) bool {
	first := a.due.Load()
	return first != 0 && first <= due && !lost(first, now)
}

// lost reports whether a timer for due ought to have fired long ago.
func lost(due, now int64) bool { return due < now-2*tick }

// set notes when the first timer fires. a.mu is held.
func (a *alarm) set() {
	first := int64(0)
	if n := len(a.rings); n > 0 {
		first = a.rings[n-1].due
	}
	a.due.Store(first)
}

// fire is called by the timer.
func (r *ring) fire() {
	g := r.group.Value()
	if r.over.Load() || g == nil || !g.alarm.ringing(r) {
		return
	}
	for _, s := range g.everybody() {
		if !s.claim() {
			continue
		}
		if !g.tasks.Begin() {
			return
		}
		go func() {
			defer g.tasks.End()
			g.sweep(s)
		}()
	}
}

// The turns of a seat.
const (
	idle     int32 = iota
	sweeping       // a goroutine sweeps the member
	awaited        // a goroutine sweeps the member, and another sweep must follow
)

// claim reports whether the caller must sweep the member. If not, the goroutine that
// sweeps it now will see to another sweep.
func (s *seat) claim() bool {
	for {
		if s.turn.CompareAndSwap(idle, sweeping) {
			return true
		}
		if s.turn.CompareAndSwap(sweeping, awaited) || s.turn.Load() == awaited {
			return false
		}
	}
}

// sweep sweeps one member, after the caller's claim.
func (g *Group) sweep(s *seat) {
	now := g.Now()
	next := min(s.member.Sweep(now), g.sweepTags(s))
	if s.turn.Swap(idle) == awaited {
		next = min(next, now)
	}
	g.Arm(next)
}

// ringing removes r from the timers that are set, and reports whether it was there.
func (a *alarm) ringing(r *ring) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	i := slices.Index(a.rings, r)
	if i < 0 {
		return false
	}
	a.rings = slices.Delete(a.rings, i, i+1)
	a.set()
	return true
}

// close keeps all timers from starting sweeps.
func (a *alarm) close() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.closed = true
	for _, r := range a.rings {
		r.over.Store(true)
		r.kept.Store(nil)
	}
	a.rings = nil
	a.set()
}
