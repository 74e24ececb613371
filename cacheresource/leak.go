package cacheresource

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/reecho-go/reecho/internal/group"
	"github.com/reecho-go/reecho/observe"
)

// callers returns the callers of the function that called it.
func callers() (s stack) {
	runtime.Callers(3, s[:])
	return s
}

// pkg is the prefix of the names of this package's functions.
const pkg = "github.com/reecho-go/reecho/cacheresource."

// site returns the first place outside of this package.
func (s stack) site() string {
	frames := runtime.CallersFrames(s[:])
	for {
		frame, further := frames.Next()
		if frame.PC != 0 && !strings.HasPrefix(frame.Function, pkg) {
			return fmt.Sprintf("%s:%d", frame.File, frame.Line)
		}
		if !further {
			return ""
		}
	}
}

func newLedger(g *group.Group, age time.Duration) *ledger {
	return &ledger{group: g, age: age, notes: make(map[*note]struct{})}
}

// note notes a lease, for which the caller has a hold.
func (l *ledger) note(in *instance) *note {
	n := &note{ledger: l, of: in, since: l.group.Now(), stack: callers()}
	l.mu.Lock()
	l.notes[n] = struct{}{}
	l.mu.Unlock()
	l.group.Arm(after(n.since, l.age))
	return n
}

// giveBack ends the lease.
func (n *note) giveBack() {
	if !n.released.CompareAndSwap(false, true) {
		return
	}
	if !n.lost.Load() {
		n.cleanup.Stop()
	}
	n.ledger.mu.Lock()
	delete(n.ledger.notes, n)
	n.ledger.mu.Unlock()
	n.of.giveBack()
}

func (n *note) givenTwice(site string) { n.of.givenTwice(site) }

// sweep reports the leases that are too old, each once, gives back the lost ones, and
// returns when to look again. It reports a lost lease before it gives it back, so that a
// Close that waits for the lease returns after the report.
func (l *ledger) sweep(now int64) (next int64) {
	if l == nil {
		return never
	}
	overdue, next := l.overdue(now)
	for _, n := range overdue {
		lost, why := n.lost.Load(), observe.LeakOverdue
		if lost {
			why = observe.LeakLost
		}
		n.of.leaked(observe.ResourceLeak{Why: why, Held: time.Duration(now - n.since), Site: n.stack.site()})
		if lost {
			n.giveBack()
		}
	}
	return next
}

// overdue finds the leases that have to be reported, the oldest first.
func (l *ledger) overdue(now int64) (out []*note, next int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	next = never
	for n := range l.notes {
		due := after(n.since, l.age)
		switch {
		case n.lost.Load(), now >= due && !n.reported:
			n.reported = true
			out = append(out, n)
			fallthrough
		case n.reported:
			next = min(next, after(now, l.age)) // the lease may be lost by then
		default:
			next = min(next, due)
		}
	}
	slices.SortFunc(out, func(a, b *note) int { return int(a.since - b.since) })
	return out, next
}

// sites returns the places where the leases of an instance were taken.
func (l *ledger) sites(in *instance) (sites []string) {
	if l == nil {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for n := range l.notes {
		if n.of == in {
			sites = append(sites, n.stack.site())
		}
	}
	slices.Sort(sites)
	return slices.Compact(sites)
}

// givenTwice reports a lease that was released twice.
func (in *instance) givenTwice(site string) {
	in.leaked(observe.ResourceLeak{Why: observe.LeakTwice, Site: site})
}

// leaked counts and reports a misuse of a lease.
func (in *instance) leaked(event observe.ResourceLeak) {
	in.core.counters.leaks.Add(1)
	if in.core.observed() {
		event.Source = in.source()
		observe.Emit(context.Background(), in.core.observer, event)
	}
}
