package cacheresource

import (
	"sync/atomic"

	"github.com/reecho-go/reecho/observe"
)

// Stats are the counters of a resource since it was made, or the sums over the
// resources of a group. Each is exact; together they are no snapshot of one
// moment.
type Stats struct {
	Opens        uint64 // opens that have ended
	OpenErrors   uint64 // of these, those that failed
	Checks       uint64 // checks that have ended
	FailedChecks uint64 // of these, those that failed
	Releases     Releases
	Stuck        uint64 // releases that took longer than ReleaseTimeout
	Open         int    // instances that have not been released, leased or not
	Leases       int    // leases now
	Pinned       int    // instances that Get keeps until Close
	InFlight     int    // opens and checks that run now
	Waiters      int    // callers who wait for them
}

// Releases count by cause how many instances have been released.
type Releases struct {
	Deleted uint64 // by Delete
	Cleared uint64 // by a clear of the resource or group
	Unsound uint64 // their check failed
	Orphan  uint64 // opened across a clear or delete, or for nobody
	Closed  uint64 // by Close
}

// Stats returns the counters. It costs a lock and a look at each instance.
func (r *Resource[K, V]) Stats() Stats {
	s := r.counters.read()
	s.InFlight, s.Waiters = r.tracker.Running(), r.tracker.Waiting()
	r.mu.RLock()
	defer r.mu.RUnlock()
	s.Open = len(r.all)
	for in := range r.all {
		s.Leases += in.leases()
		if in.pinned.Load() {
			s.Pinned++
		}
	}
	return s
}

func (s *Stats) add(o Stats) {
	s.Opens += o.Opens
	s.OpenErrors += o.OpenErrors
	s.Checks += o.Checks
	s.FailedChecks += o.FailedChecks
	s.Releases.Deleted += o.Releases.Deleted
	s.Releases.Cleared += o.Releases.Cleared
	s.Releases.Unsound += o.Releases.Unsound
	s.Releases.Orphan += o.Releases.Orphan
	s.Releases.Closed += o.Releases.Closed
	s.Stuck += o.Stuck
	s.Open += o.Open
	s.Leases += o.Leases
	s.Pinned += o.Pinned
	s.InFlight += o.InFlight
	s.Waiters += o.Waiters
}

// counters are what Stats reads.
type counters struct {
	opens, openErrors, checks, failedChecks, stuck atomic.Uint64
	deleted, cleared, unsound, orphan, closed      atomic.Uint64
}

// released returns the counter of a cause.
func (c *counters) released(cause observe.Cause) *atomic.Uint64 {
	switch cause {
	case observe.CauseDeleted:
		return &c.deleted
	case observe.CauseCleared:
		return &c.cleared
	case observe.CauseUnsound:
		return &c.unsound
	case observe.CauseOrphan:
		return &c.orphan
	}
	return &c.closed
}

func (c *counters) read() Stats {
	return Stats{
		Opens: c.opens.Load(), OpenErrors: c.openErrors.Load(),
		Checks: c.checks.Load(), FailedChecks: c.failedChecks.Load(), Stuck: c.stuck.Load(),
		Releases: Releases{
			Deleted: c.deleted.Load(), Cleared: c.cleared.Load(), Unsound: c.unsound.Load(),
			Orphan: c.orphan.Load(), Closed: c.closed.Load(),
		},
	}
}
