package cacheresource

import (
	"sync/atomic"
	"time"

	"github.com/reecho-go/reecho/observe"
)

// Stats are the counters of a resource since it was made, or the sums over the
// resources of a group. Each is exact; together they are no snapshot of one
// moment.
type Stats struct {
	Opens        uint64 // opens that have ended, or were left behind
	OpenErrors   uint64 // of these, those that failed
	Checks       uint64 // checks that have ended
	FailedChecks uint64 // of these, those that failed
	Releases     Releases
	Stuck        uint64        // releases that took longer than ReleaseTimeout
	Leaks        uint64        // leases that were overdue, lost or released twice
	Open         int           // instances that have not been released, leased or not
	Oldest       time.Duration // the age of the oldest of these
	Leases       int           // leases now
	PeakLeases   int           // the most leases at a time that one of them had
	Pinned       int           // instances that Pin keeps until Close
	InFlight     int           // opens and checks that run now
	Waiters      int           // callers who wait for them
}

// Releases count by cause how many instances have ended. Those whose value open
// has returned again end without a call of Release.
type Releases struct {
	Expired  uint64 // by TTL
	Idle     uint64 // by IdleTTL
	Size     uint64 // by MaxEntries or MaxSessions
	Replaced uint64 // by a new instance, opened in the background
	Deleted  uint64 // by Delete
	Cleared  uint64 // by a clear of the resource or group
	Unsound  uint64 // their check failed
	Orphan   uint64 // opened across a clear or delete, or for nobody
	Session  uint64 // their session has ended
	Closed   uint64 // by Close
}

// Stats returns the counters. It costs a lock and a look at each instance.
func (r *Resource[K, V]) Stats() Stats { return r.core.stats() }

func (r *core) stats() Stats {
	s := r.counters.read()
	s.InFlight, s.Waiters = r.tracker.Running(), r.tracker.Waiting()
	r.mu.RLock()
	defer r.mu.RUnlock()
	s.Open = len(r.all)
	now := r.group.Now()
	for in := range r.all {
		s.Oldest = max(s.Oldest, time.Duration(now-in.opened))
		s.Leases += in.leases()
		s.PeakLeases = max(s.PeakLeases, int(in.peak.Load()))
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
	s.Releases.Expired += o.Releases.Expired
	s.Releases.Idle += o.Releases.Idle
	s.Releases.Size += o.Releases.Size
	s.Releases.Replaced += o.Releases.Replaced
	s.Releases.Deleted += o.Releases.Deleted
	s.Releases.Cleared += o.Releases.Cleared
	s.Releases.Unsound += o.Releases.Unsound
	s.Releases.Orphan += o.Releases.Orphan
	s.Releases.Session += o.Releases.Session
	s.Releases.Closed += o.Releases.Closed
	s.Stuck += o.Stuck
	s.Leaks += o.Leaks
	s.Open += o.Open
	s.Oldest = max(s.Oldest, o.Oldest)
	s.Leases += o.Leases
	s.PeakLeases = max(s.PeakLeases, o.PeakLeases)
	s.Pinned += o.Pinned
	s.InFlight += o.InFlight
	s.Waiters += o.Waiters
}

// counters are what Stats reads.
type counters struct {
	opens, openErrors, checks, failedChecks, stuck, leaks atomic.Uint64
	expired, idle, size, replaced                         atomic.Uint64
	deleted, cleared, unsound, orphan, session, closed    atomic.Uint64
}

// released returns the counter of a cause.
func (c *counters) released(cause observe.Cause) *atomic.Uint64 {
	switch cause {
	case observe.CauseExpired:
		return &c.expired
	case observe.CauseIdle:
		return &c.idle
	case observe.CauseSize:
		return &c.size
	case observe.CauseReplaced:
		return &c.replaced
	case observe.CauseDeleted:
		return &c.deleted
	case observe.CauseCleared:
		return &c.cleared
	case observe.CauseUnsound:
		return &c.unsound
	case observe.CauseOrphan:
		return &c.orphan
	case observe.CauseSession:
		return &c.session
	}
	return &c.closed
}

func (c *counters) read() Stats {
	return Stats{
		Opens: c.opens.Load(), OpenErrors: c.openErrors.Load(),
		Checks: c.checks.Load(), FailedChecks: c.failedChecks.Load(), Stuck: c.stuck.Load(), Leaks: c.leaks.Load(),
		Releases: Releases{
			Expired: c.expired.Load(), Idle: c.idle.Load(), Size: c.size.Load(), Replaced: c.replaced.Load(),
			Deleted: c.deleted.Load(), Cleared: c.cleared.Load(), Unsound: c.unsound.Load(),
			Orphan: c.orphan.Load(), Session: c.session.Load(), Closed: c.closed.Load(),
		},
	}
}
