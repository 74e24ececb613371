package observe

import (
	"fmt"
	"log/slog"
	"time"
)

// Source says which cache, and which entry of it, an event is about.
type Source struct {
	Group string // the group's name
	Cache string // the cache's or resource's name within the group
	// Fingerprint is the 64-bit hash of the entry's key (hashstructure), its short
	// name. 0: the event is not about a single entry. Different keys may have the
	// same fingerprint.
	Fingerprint uint64
}

func (s Source) attrs() attrs {
	a := attrs(nil).str("group", s.Group).str("cache", s.Cache)
	if s.Fingerprint != 0 {
		a = a.str("key", fmt.Sprintf("%016x", s.Fingerprint))
	}
	return a
}

// Cause says why an entry left a cache.
type Cause string

// The causes.
const (
	CauseSize     Cause = "size"     // evicted because of a bound on entries or bytes
	CauseExpired  Cause = "expired"  // its TTL was over
	CauseIdle     Cause = "idle"     // it was not used for the idle time
	CauseReplaced Cause = "replaced" // a newer value has replaced it
	CauseDeleted  Cause = "deleted"  // Delete was called
	CauseCleared  Cause = "cleared"  // a clear of the cache, group or tag
	CauseUnsound  Cause = "unsound"  // its check failed
	CauseClosed   Cause = "closed"   // the cache or group was closed
	CauseSession  Cause = "session"  // the visitor's session has ended
	CauseOrphan   Cause = "orphan"   // a clear came while it was opened or loaded, so it was never kept
)

// CacheLoad tells that a load of cachedata has finished.
type CacheLoad struct {
	Source
	Took       time.Duration
	Background bool  // a refresh for which nobody waited
	Unmodified bool  // the origin said that the old value is still current
	Waiters    int   // callers that shared the result, the first one included
	Err        error // nil: the load succeeded
}

// CacheOverrun tells that a load returned after its hard timeout. Its result was
// discarded.
type CacheOverrun struct {
	Source
	Took time.Duration
	Err  error // what the load returned
}

// CacheStalled tells that callers have been waiting for 30 s for a load that has
// no hard timeout. The load may be slow. Or it waits for itself, in another
// goroutine or without its context; in that case it never ends.
type CacheStalled struct {
	Source
	Took time.Duration // until now
}

// CacheRefused tells that a loaded value was returned to its callers but not stored,
// because of a clear, delete or put during the load.
type CacheRefused struct {
	Source
	Reason string
	Own    bool // the load itself has cleared it: such a value is never stored
}

// CacheFull tells that a group of caches has reached its bound on bytes for the
// first time: from now on useful results may be evicted. The source names the
// cache that evicts first.
type CacheFull struct {
	Source
	MaxBytes int64
	Default  bool // the bound is the default, a share of the memory that is available
}

// CacheEvict tells that an entry left a cache.
type CacheEvict struct {
	Source
	Cause Cause
	Age   time.Duration
}

// CacheClear tells that a clear of a cache or group has taken effect.
type CacheClear struct {
	Source
	Tag     string // only entries with this tag were cleared; empty: no tag was given
	Soft    bool   // entries with the tag are stale now, and none was dropped: see cachedata.Cache.ExpireTag
	Chosen  bool   // only entries that a function chose were cleared
	Entries int    // how many entries it dropped; 0 for a tag, whose entries are not counted
}

// ContextRead tells that a load or open whose result all visitors share has read
// a value of the request's context. Check that the result does not depend on the
// visitor. It comes once for each key and type of value of a cache, at most 100
// times. There is none for values of the standard library and of OpenTelemetry's
// spans, nor for values that are known to be a visitor's: reading those fails.
type ContextRead struct {
	Source
	Key   string // the type of the key, and its text or number if it has one
	Value string // the type of the value
}

// CacheServed tells that an expired value of cachedata was served. It comes once
// after the value has expired, and once more after each load of it that failed.
type CacheServed struct {
	Source
	FailSafe bool          // a load has failed; false: it is served while it is refreshed
	Age      time.Duration // since it was loaded
}

func (CacheLoad) kind() string { return "cache.load" }

func (e CacheLoad) level() slog.Level { return failed(e.Err, slog.LevelDebug) }

func (e CacheLoad) attrs() attrs {
	a := e.Source.attrs().add(slog.Duration("took", e.Took), slog.Int("waiters", e.Waiters), slog.Bool("background", e.Background))
	if e.Unmodified {
		a = a.add(slog.Bool("unmodified", true))
	}
	return a.err(e.Err)
}

func (CacheOverrun) kind() string { return "cache.overrun" }

func (CacheOverrun) level() slog.Level { return slog.LevelWarn }

func (e CacheOverrun) attrs() attrs {
	return e.Source.attrs().add(slog.Duration("took", e.Took)).err(e.Err)
}

func (CacheRefused) kind() string { return "cache.refused" }

func (e CacheRefused) level() slog.Level {
	if e.Own {
		return slog.LevelWarn
	}
	return slog.LevelDebug
}

func (e CacheRefused) attrs() attrs {
	a := e.Source.attrs().str("reason", e.Reason)
	if e.Own {
		a = a.add(slog.Bool("own", true))
	}
	return a
}

func (CacheStalled) kind() string { return "cache.stalled" }

func (CacheStalled) level() slog.Level { return slog.LevelWarn }

func (e CacheStalled) attrs() attrs {
	return e.Source.attrs().add(slog.Duration("took", e.Took))
}

func (CacheFull) kind() string { return "cache.full" }

func (CacheFull) level() slog.Level { return slog.LevelWarn }

func (e CacheFull) attrs() attrs {
	return e.Source.attrs().add(slog.Int64("max_bytes", e.MaxBytes), slog.Bool("default", e.Default))
}

func (CacheEvict) kind() string { return "cache.evict" }

func (CacheEvict) level() slog.Level { return slog.LevelDebug }

func (e CacheEvict) attrs() attrs {
	return e.Source.attrs().str("cause", string(e.Cause)).add(slog.Duration("age", e.Age))
}

func (CacheClear) kind() string { return "cache.clear" }

func (CacheClear) level() slog.Level { return slog.LevelInfo }

func (e CacheClear) attrs() attrs {
	a := e.Source.attrs().str("tag", e.Tag)
	if e.Soft {
		a = a.add(slog.Bool("soft", true))
	}
	if e.Chosen {
		a = a.add(slog.Bool("chosen", true))
	}
	return a.add(slog.Int("entries", e.Entries))
}

func (ContextRead) kind() string { return "cache.context" }

func (ContextRead) level() slog.Level { return slog.LevelWarn }

func (e ContextRead) attrs() attrs {
	return e.Source.attrs().str("context_key", e.Key).str("context_value", e.Value)
}

func (CacheServed) kind() string { return "cache.served" }

func (e CacheServed) level() slog.Level {
	if e.FailSafe {
		return slog.LevelWarn
	}
	return slog.LevelDebug
}

func (e CacheServed) attrs() attrs {
	return e.Source.attrs().add(slog.Bool("fail_safe", e.FailSafe), slog.Duration("age", e.Age))
}

// ResourceOpen tells that an open of cacheresource has finished.
type ResourceOpen struct {
	Source
	Took       time.Duration
	Background bool // it replaces an instance that was stale
	Err        error
}

// ResourceCheck tells that the health check of a shared value failed, or passed
// again. Checks that go on passing are counted in Stats.
type ResourceCheck struct {
	Source
	Took time.Duration
	Err  error
}

// ResourceRelease tells that a shared value was released, for good.
type ResourceRelease struct {
	Source
	Cause Cause
	Age   time.Duration // since it was opened
	Took  time.Duration // what the release took
	Err   error         // what the release returned, a *PanicError included
}

// Leak says what is wrong with a lease.
type Leak string

// The leaks.
const (
	LeakOverdue Leak = "overdue" // it has been held for longer than allowed, and still is
	LeakLost    Leak = "lost"    // it was dropped without having been released; that has been done now
	LeakTwice   Leak = "twice"   // it was released a second time, to no effect
)

// ResourceLeak tells that a lease was not released as it should be.
type ResourceLeak struct {
	Source
	Why  Leak
	Held time.Duration // not for LeakTwice
	Site string        // file:line of the acquire; for LeakTwice, of the second release
}

func (ResourceOpen) kind() string { return "resource.open" }

func (e ResourceOpen) level() slog.Level { return failed(e.Err, slog.LevelDebug) }

func (e ResourceOpen) attrs() attrs {
	return e.Source.attrs().add(slog.Duration("took", e.Took), slog.Bool("background", e.Background)).err(e.Err)
}

func (ResourceCheck) kind() string { return "resource.check" }

func (e ResourceCheck) level() slog.Level { return failed(e.Err, slog.LevelInfo) }

func (e ResourceCheck) attrs() attrs {
	return e.Source.attrs().add(slog.Duration("took", e.Took)).err(e.Err)
}

func (ResourceRelease) kind() string { return "resource.release" }

func (e ResourceRelease) level() slog.Level { return failed(e.Err, slog.LevelDebug) }

func (e ResourceRelease) attrs() attrs {
	return e.Source.attrs().str("cause", string(e.Cause)).add(slog.Duration("age", e.Age), slog.Duration("took", e.Took)).err(e.Err)
}

func (ResourceLeak) kind() string { return "resource.leak" }

func (ResourceLeak) level() slog.Level { return slog.LevelWarn }

func (e ResourceLeak) attrs() attrs {
	return e.Source.attrs().str("why", string(e.Why)).add(slog.Duration("held", e.Held)).str("site", e.Site)
}
