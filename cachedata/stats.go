package cachedata

import (
	"sync/atomic"
	"time"
	"unsafe"

	"github.com/reecho-go/reecho/observe"
)

// Stats are the counters of a cache since it was made, or the sums over the
// caches of a group. Each counter is exact; together they are not a snapshot of
// one moment.
//
// A call that asks for a result counts once, in Hits, StaleHits, FailSafe or
// Misses: Get, GetMeta, GetOrLoad, and each key of GetMany. Other calls count in
// none of them: Refresh and Bypass, which always load; Peek, Entries and Put; and
// a GetMany that fails before it looks up a key.
type Stats struct {
	Hits       uint64                   // calls that got a fresh result, or a remembered error, from memory
	StaleHits  uint64                   // calls that got an expired result while it was refreshed
	FailSafe   uint64                   // calls that got an expired result because a load had failed
	Misses     uint64                   // other calls: they started a load, waited for one, or failed
	Joined     uint64                   // how many of the misses waited for a load that another call had started
	Stored     uint64                   // results that came from Config.Store instead of a load
	Loads      uint64                   // loads that have ended, or reached Config.Timeout; not those of Bypass
	LoadErrors uint64                   // how many of the loads failed
	Refreshes  uint64                   // how many of the loads ran in the background
	Skipped    uint64                   // refreshes that were due but did not start, because too many were running
	LoadTime   time.Duration            // sum over all loads
	LoadTimes  Histogram                // how long loads took
	Refused    uint64                   // results that were not stored: a clear, delete or put came first, or they are too large
	Evictions  map[observe.Cause]uint64 // results that were removed, by cause; causes that have not occurred are missing
	InFlight   int                      // loads that run now
	Waiters    int                      // callers who wait for them
	Sessions   int                      // visitors with results of their own, with Scope Session
	Bytes      int64                    // the bytes of all results; see Config.MaxBytes
	Entries    int                      // about how many results are stored; expired ones count until they are swept, within seconds

	StoreErrors  uint64 // calls of Config.Store that failed, or took too long
	StoreSkipped uint64 // calls of Config.Store that were skipped while it was paused; see StoreDown
	StoreDown    int    // caches whose Config.Store is paused now, because it has failed several times in a row
}

// HitRatio returns the fraction of calls that got a fresh or stale result from
// memory, from 0 to 1. It is 0 if there were no calls. The calls are those that
// count in Hits, StaleHits, FailSafe or Misses, so Refresh and Bypass do not
// change it.
func (s Stats) HitRatio() float64 {
	served := float64(s.Hits) + float64(s.StaleHits)
	if served == 0 {
		return 0
	}
	return served / (served + float64(s.FailSafe) + float64(s.Misses))
}

// add adds o to s.
func (s *Stats) add(o Stats) {
	s.Hits += o.Hits
	s.StaleHits += o.StaleHits
	s.FailSafe += o.FailSafe
	s.Misses += o.Misses
	s.Joined += o.Joined
	s.Stored += o.Stored
	s.Loads += o.Loads
	s.LoadErrors += o.LoadErrors
	s.Refreshes += o.Refreshes
	s.Skipped += o.Skipped
	s.LoadTime += o.LoadTime
	s.LoadTimes.add(o.LoadTimes)
	s.Refused += o.Refused
	if s.Evictions == nil {
		s.Evictions = make(map[observe.Cause]uint64)
	}
	for cause, n := range o.Evictions {
		s.Evictions[cause] += n
	}
	s.InFlight += o.InFlight
	s.Waiters += o.Waiters
	s.Sessions += o.Sessions
	s.Bytes = plus(s.Bytes, o.Bytes)
	s.Entries += o.Entries
	s.StoreErrors += o.StoreErrors
	s.StoreSkipped += o.StoreSkipped
	s.StoreDown += o.StoreDown
}

// counters are the counters that Stats reads.
type counters struct {
	_        [64]byte // keeps writes from the cache line before, which every hit reads
	hits     [16]stripe
	misses   atomic.Uint64
	stored   atomic.Uint64
	loads    atomic.Uint64
	errors   atomic.Uint64
	loadTime atomic.Int64
	times    histogram
	refused  atomic.Uint64

	stale, failSafe, joined, refreshes, skipped atomic.Uint64

	size, expired, idle, replaced, deleted, cleared, session atomic.Uint64
}

// stripe is a counter with a cache line of its own.
type stripe struct {
	n atomic.Uint64
	_ [56]byte
}

// hit counts a hit on a stripe that the address of the goroutine's stack chooses. So
// goroutines that run at once mostly count on different stripes, even if they read
// one key.
func (c *counters) hit() {
	var here byte
	// Sound: the address is used as a number only, to tell stacks apart, which are
	// at least 2 KB apart.
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

// missed counts a call that found nothing in memory at first, unless it was served
// from memory in the end.
func (c *counters) missed(source Source) {
	switch source {
	case Hit, Stale, FailSafe:
		return
	case Joined:
		c.joined.Add(1)
	}
	c.misses.Add(1)
}

// causes are the causes for which results leave a cache.
var causes = []observe.Cause{
	observe.CauseSize, observe.CauseExpired, observe.CauseIdle, observe.CauseReplaced, observe.CauseDeleted, observe.CauseCleared, observe.CauseSession,
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

// calls returns how many results were asked for.
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
		Joined:     c.joined.Load(),
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
		Evictions:  make(map[observe.Cause]uint64),
	}
	for _, cause := range causes {
		if n := c.evicted(cause).Load(); n > 0 {
			s.Evictions[cause] = n
		}
	}
	for i := range c.hits {
		s.Hits += c.hits[i].n.Load()
	}
	return s
}
