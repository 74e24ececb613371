package cachedata

import (
	"sync/atomic"
	"time"
	"unsafe"

	"github.com/reecho-go/reecho/observe"
)

// Stats are the counters of a cache since it was made, or the sums over the
// caches of a group. Each is exact; together they are no snapshot of one
// moment.
type Stats struct {
	Hits       uint64        // Gets that found a fresh result, or a remembered error, in memory
	StaleHits  uint64        // Gets that were given an expired result while it was refreshed
	FailSafe   uint64        // Gets that were given an expired result since a load had failed
	Misses     uint64        // Gets that started or joined a load, whatever they were given, or failed before
	Stored     uint64        // results that were in the store instead of being loaded
	Loads      uint64        // loads that have ended, or reached HardTimeout
	LoadErrors uint64        // of these, those that failed
	Refreshes  uint64        // of these, those in the background
	Skipped    uint64        // refreshes that were due, but too many were running
	LoadTime   time.Duration // sum over all loads
	LoadTimes  Histogram     // how long loads took
	Refused    uint64        // results that were not stored, since a clear, delete or put came between, or since they are too large
	Evictions  Evictions
	InFlight   int   // loads that run now
	Waiters    int   // callers who wait for them
	Sessions   int   // visitors with results of their own, in session scope
	Bytes      int64 // what the results that are stored count; see Config.MaxBytes
	Entries    int   // about how many results are stored; those that have expired count until they are swept
}

// HitRatio returns which part of the calls was served from memory without a load,
// from 0 to 1, and 0 if there were no calls.
func (s Stats) HitRatio() float64 {
	served := float64(s.Hits) + float64(s.StaleHits)
	if served == 0 {
		return 0
	}
	return served / (served + float64(s.Misses))
}

// Evictions count by cause how many entries have left.
type Evictions struct {
	Size     uint64 // pushed out by a bound on entries or bytes
	Expired  uint64 // their time was over
	Idle     uint64 // nobody had read them for IdleTTL
	Replaced uint64 // by a newer result
	Deleted  uint64 // by Delete
	Cleared  uint64 // by a clear of the cache or group, or of the session
	Session  uint64 // their session has ended
}

// add adds o to s.
func (s *Stats) add(o Stats) {
	s.Hits += o.Hits
	s.StaleHits += o.StaleHits
	s.FailSafe += o.FailSafe
	s.Misses += o.Misses
	s.Stored += o.Stored
	s.Loads += o.Loads
	s.LoadErrors += o.LoadErrors
	s.Refreshes += o.Refreshes
	s.Skipped += o.Skipped
	s.LoadTime += o.LoadTime
	s.LoadTimes.add(o.LoadTimes)
	s.Refused += o.Refused
	s.Evictions.Size += o.Evictions.Size
	s.Evictions.Expired += o.Evictions.Expired
	s.Evictions.Idle += o.Evictions.Idle
	s.Evictions.Replaced += o.Evictions.Replaced
	s.Evictions.Deleted += o.Evictions.Deleted
	s.Evictions.Cleared += o.Evictions.Cleared
	s.Evictions.Session += o.Evictions.Session
	s.InFlight += o.InFlight
	s.Waiters += o.Waiters
	s.Sessions += o.Sessions
	s.Bytes = plus(s.Bytes, o.Bytes)
	s.Entries += o.Entries
}

// counters are what Stats reads.
type counters struct {
	_        [64]byte // what stands before is read by every hit, on all processors
	hits     [16]stripe
	misses   atomic.Uint64
	stored   atomic.Uint64
	loads    atomic.Uint64
	errors   atomic.Uint64
	loadTime atomic.Int64
	times    histogram
	refused  atomic.Uint64

	stale, failSafe, refreshes, skipped atomic.Uint64

	size, expired, idle, replaced, deleted, cleared, session atomic.Uint64
}

// stripe is a counter with a cache line of its own.
type stripe struct {
	n atomic.Uint64
	_ [56]byte
}

// hit counts a hit, on a stripe that is chosen by where the goroutine's stack
// is: goroutines that run at once mostly count on different stripes, also those
// that read one key.
func (c *counters) hit() {
	var here byte
	// Sound: the address is used as a number only, which says nothing more than
	// which stack this is; stacks are 2 KB apart at least.
	stack := uint64(uintptr(unsafe.Pointer(&here))) >> 11
	c.hits[stack*0x9e3779b97f4a7c15>>60].n.Add(1)
}

// served counts a result that was given from source.
func (c *counters) served(source Source) {
	switch source {
	case Hit:
		c.hit()
	case Stale:
		c.stale.Add(1)
	case FailSafe:
		c.failSafe.Add(1)
	}
}

// evicted returns the counter of a cause.
func (c *counters) evicted(cause observe.Cause) *atomic.Uint64 {
	switch cause {
	case observe.CauseSize:
		return &c.size
	case observe.CauseExpired:
		return &c.expired
	case observe.CauseIdle:
		return &c.idle
	case observe.CauseDeleted:
		return &c.deleted
	case observe.CauseCleared:
		return &c.cleared
	case observe.CauseSession:
		return &c.session
	}
	return &c.replaced
}

// calls is how many results were asked for.
func (c *counters) calls() uint64 {
	n := c.misses.Load() + c.stale.Load() + c.failSafe.Load()
	for i := range c.hits {
		n += c.hits[i].n.Load()
	}
	return n
}

func (c *counters) read() Stats {
	s := Stats{
		Misses:     c.misses.Load(),
		Stored:     c.stored.Load(),
		Loads:      c.loads.Load(),
		LoadErrors: c.errors.Load(),
		LoadTime:   time.Duration(c.loadTime.Load()),
		LoadTimes:  c.times.read(),
		Refused:    c.refused.Load(),
		StaleHits:  c.stale.Load(),
		FailSafe:   c.failSafe.Load(),
		Refreshes:  c.refreshes.Load(),
		Skipped:    c.skipped.Load(),
		Evictions: Evictions{
			Size:     c.size.Load(),
			Expired:  c.expired.Load(),
			Idle:     c.idle.Load(),
			Replaced: c.replaced.Load(),
			Deleted:  c.deleted.Load(),
			Cleared:  c.cleared.Load(),
			Session:  c.session.Load(),
		},
	}
	for i := range c.hits {
		s.Hits += c.hits[i].n.Load()
	}
	return s
}
