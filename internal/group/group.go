// Package group implements the groups of cachedata and cacheresource: unique
// names, a clear of all members with its hooks, one timer for expiry, and a close
// in order.
//
// Promises:
//   - after Clear has returned, no member returns a result that was loaded
//     before, nor one that was made from such a result while the clear ran;
//   - hooks and observers run outside all locks;
//   - no goroutine exists while nothing is due, and none after Close.
package group

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/reecho-go/reecho/internal/flight"
	"github.com/reecho-go/reecho/observe"
)

// Errors of [Group.Add].
var (
	ErrDuplicate = errors.New("the name is taken")
	ErrClosed    = errors.New("the group is closed")
)

// Member is a cache or resource of a group.
type Member interface {
	// Name is unique in the group and does not change.
	Name() string
	// Reset drops everything, so that nothing that was loaded before it
	// returned is found afterwards, and returns how many entries that were.
	// It runs no hooks.
	Reset(ctx context.Context) int
	// Hooks returns the hooks that run after a clear of this member.
	Hooks() *Hooks
	// Sweep frees what is due at now, in the nanoseconds of Group.Now, and
	// returns when something will be due next, or Never. It is called once at a
	// time; a slow Sweep does not delay those of other members.
	Sweep(now int64) (next int64)
	// Close closes the member and waits until its goroutines have ended or ctx
	// ends. It must be possible to call it twice. It calls [Group.Remove].
	Close(ctx context.Context) error
}

// Group is a set of members. Create it with [New]. It is safe for concurrent
// use.
type Group struct {
	name     string
	watchers watchers
	base     time.Time
	gate     flight.Gate
	hooks    Hooks
	tags     Tags
	alarm    alarm
	mailbox  mailbox
	tasks    Tasks // sweeps and posted calls

	background Tasks // goroutines that Background or Occupy has counted

	collectable bool // timers do not keep the group from being collected

	mu      sync.Mutex
	members []Member // in order of creation; a change makes a new slice
	seats   []*seat  // of members; a change makes a new slice
	closed  bool
}

// seat is the state of a member's sweeps.
type seat struct {
	member Member
	turn   atomic.Int32  // idle, sweeping or awaited
	swept  atomic.Uint64 // the member has freed all entries of the clears up to this number
	walked uint64        // the number of clears before its last walk; used by the sweeping goroutine
	after  int64         // no sweep of tags before this time; used by the sweeping goroutine
}

// New returns an empty group that stays reachable until it is closed, because the
// values of its members have to be released.
func New(name string, observer observe.Observer) *Group {
	g := &Group{name: name, base: time.Now()}
	if observer != nil {
		g.watchers.add(observer)
	}
	return g
}

// NewCollectable is New for members that hold only memory. The garbage collector
// can free the group and its members without a Close, even if a sweep is due.
func NewCollectable(name string, observer observe.Observer) *Group {
	g := New(name, observer)
	g.collectable = true
	return g
}

// Name returns the group's name.
func (g *Group) Name() string { return g.name }

// Observer returns an observer that passes events on to all observers of the
// group, also to those that are added later.
func (g *Group) Observer() observe.Observer { return &g.watchers }

// Observed reports whether the group has an observer.
func (g *Group) Observed() bool { return g.watchers.all.Load() != nil }

// Observe adds an observer.
func (g *Group) Observe(o observe.Observer) { g.watchers.add(o) }

// Gate returns the gate that orders the group's clears and its members' loads.
func (g *Group) Gate() *flight.Gate { return &g.gate }

// Hooks returns the hooks that run after a clear of the group or of one of its
// members.
func (g *Group) Hooks() *Hooks { return &g.hooks }

// Now returns the monotonic time since the group was made, in nanoseconds.
func (g *Group) Now() int64 { return int64(time.Since(g.base)) }

// At is [Group.Now] for the moment t.
func (g *Group) At(t time.Time) int64 { return int64(t.Sub(g.base)) }

// Add makes m a member. It fails with [ErrDuplicate] or [ErrClosed].
func (g *Group) Add(m Member) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return ErrClosed
	}
	if slices.ContainsFunc(g.members, func(o Member) bool { return o.Name() == m.Name() }) {
		return ErrDuplicate
	}
	s := &seat{member: m}
	s.swept.Store(g.tags.Now())
	if _, ok := m.(Tagged); !ok {
		s.swept.Store(math.MaxUint64)
	}
	g.members = append(slices.Clip(g.members), m)
	g.seats = append(slices.Clip(g.seats), s)
	return nil
}

// Remove removes m from the group and frees its name.
func (g *Group) Remove(m Member) {
	defer g.forget() // clears that were remembered for m alone
	g.mu.Lock()
	defer g.mu.Unlock()
	g.members = slices.DeleteFunc(slices.Clone(g.members), func(o Member) bool { return o == m })
	g.seats = slices.DeleteFunc(slices.Clone(g.seats), func(s *seat) bool { return s.member == m })
}

// Members returns the members in order of creation, in a slice that the caller must
// not change.
func (g *Group) Members() []Member {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.members
}

// Member returns the member of that name, or nil.
func (g *Group) Member(name string) Member {
	for _, m := range g.Members() {
		if m.Name() == name {
			return m
		}
	}
	return nil
}

// everybody returns the seats of the members, in a slice that must not be changed.
func (g *Group) everybody() []*seat {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.seats
}

// Clear resets all members, tells the observer, and runs the hooks of every
// member and of the group. It costs what the members' resets cost. The error
// joins the panics of hooks; the clear has taken effect all the same.
func (g *Group) Clear(ctx context.Context) error {
	var members []Member
	var counts []int
	total := 0
	g.gate.Clear(func() {
		members = g.Members() // a member that is added later stores nothing before the clear has ended
		for _, m := range members {
			n := m.Reset(ctx)
			counts = append(counts, n)
			total += n
		}
	})
	what := observe.CacheClear{Source: observe.Source{Group: g.name}, Entries: total}
	observe.Emit(ctx, &g.watchers, what)

	var errs []error
	for i, m := range members {
		errs = append(errs, m.Hooks().run(ctx, observe.CacheClear{Source: observe.Source{Group: g.name, Cache: m.Name()}, Entries: counts[i]}))
	}
	errs = append(errs, g.hooks.run(ctx, what))
	return errors.Join(errs...)
}

// ClearMember resets one member, tells observer, and runs its hooks and those
// of the group. The error joins the panics of hooks; the clear has taken
// effect all the same.
func (g *Group) ClearMember(ctx context.Context, m Member, observer observe.Observer) error {
	return g.Tell(ctx, m, observer, observe.CacheClear{Entries: m.Reset(ctx)})
}

// Tell sends the event what, of a clear of m, to observer, and runs the hooks of
// m and of the group. The error joins the panics of hooks.
func (g *Group) Tell(ctx context.Context, m Member, observer observe.Observer, what observe.CacheClear) error {
	what.Source = observe.Source{Group: g.name, Cache: m.Name()}
	observe.Emit(ctx, observer, what)
	return errors.Join(m.Hooks().run(ctx, what), g.hooks.run(ctx, what))
}

// Seal makes Add fail from now on, and returns the members in order of creation.
func (g *Group) Seal() []Member {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.closed = true
	return slices.Clone(g.members)
}

// Close closes the members in reverse order of creation and stops the timer. Then
// it waits for sweeps and posted calls, which are short, and for background tasks
// until ctx ends. No member can be added afterwards. It may be called twice. The
// error joins those of the members, each with its name.
func (g *Group) Close(ctx context.Context) error {
	var errs []error
	for _, m := range slices.Backward(g.Seal()) {
		if err := m.Close(ctx); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", m.Name(), err))
		}
	}
	g.alarm.close()
	g.tasks.Close()
	g.background.Close()
	g.tasks.Wait(context.WithoutCancel(ctx))
	if n := g.background.Wait(ctx); n > 0 {
		errs = append(errs, fmt.Errorf("%d background tasks still run: %w", n, context.Cause(ctx)))
	}
	return errors.Join(errs...)
}
