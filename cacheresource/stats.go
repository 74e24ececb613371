package cacheresource

import (
	"sync/atomic"
	"time"

	"github.com/reecho-go/reecho/observe"
)

// Stats are the counters of a resource since it was made, or the sums over the
// resources of a group. Each counter is exact; together they are not a snapshot
// of one moment.
type Stats struct {
	Opens        uint64 // opens that have ended, or were left behind
	OpenErrors   uint64 // how many of the opens failed
	Checks       uint64 // checks that have ended
	FailedChecks uint64 // how many of the checks failed
	// Releases counts by cause how many instances have ended; causes that have
	// not occurred are missing. An instance whose value open has returned again
	// ends without a call of Release.
	Releases   map[observe.Cause]uint64
	Stuck      uint64        // releases that took longer than ReleaseTimeout
	Leaks      uint64        // leases that were overdue, lost or released twice
	Open       int           // instances that have not been released, leased or not
	Oldest     time.Duration // the age of the oldest of these
	Leases     int           // leases now
	PeakLeases int           // the most leases that one instance had at a time
	Pinned     int           // instances that Pin keeps until Close
	InFlight   int           // opens and checks that run now
	Waiters    int           // callers who wait for them
}

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
	if s.Releases == nil {
		s.Releases = make(map[observe.Cause]uint64)
	}
	for cause, n := range o.Releases {
		s.Releases[cause] += n
	}
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

// causes are the causes for which instances end.
var causes = []observe.Cause{
	observe.CauseExpired, observe.CauseIdle, observe.CauseSize, observe.CauseReplaced, observe.CauseDeleted, observe.CauseCleared,
	observe.CauseUnsound, observe.CauseOrphan, observe.CauseSession, observe.CauseClosed,
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
	s := Stats{
		Opens: c.opens.Load(), OpenErrors: c.openErrors.Load(),
		Checks: c.checks.Load(), FailedChecks: c.failedChecks.Load(), Stuck: c.stuck.Load(), Leaks: c.leaks.Load(),
		Releases: make(map[observe.Cause]uint64),
	}
	for _, cause := range causes {
		if n := c.released(cause).Load(); n > 0 {
			s.Releases[cause] = n
		}
	}
	return s
}
