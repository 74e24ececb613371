package cachedata

import (
	"math/rand/v2"
	"time"

	"github.com/reecho-go/reecho/observe"
)

// state says how an entry may be used.
type state uint8

const (
	gone  state = iota
	spare       // it has expired, and is served only if a load fails
	stale       // it has expired, and is served while it is refreshed
	early       // it is fresh, and a refresh is due
	fresh
)

// state returns the state of e at now.
func (c *core) state(e *entry, now int64) state {
	l := e.lifetime()
	if l == nil {
		return fresh
	}
	m := e.details()
	if m != nil && (c.idle(m, now) || c.tagCleared(m.annotations)) {
		return gone
	}
	past := now - l.soft
	if m != nil {
		if soft := m.annotations.softly(l.soft); soft < l.soft {
			past = max(now-soft, 0) // now may be a moment before the expiry by tag was noticed
		}
	}
	switch {
	case past < 0 && (m == nil || now < m.eager):
		return fresh
	case past < 0:
		return early
	case m == nil || m.err != nil:
		return gone
	case past < int64(c.cfg.StaleFor):
		return stale
	case past < int64(c.cfg.FailSafe):
		return spare
	}
	return gone
}

// idle reports whether nobody has read the entry of m for too long.
func (c *core) idle(m *details, now int64) bool {
	return c.cfg.IdleTTL != 0 && now-m.used.Load() >= int64(c.cfg.IdleTTL)
}

// stateOf is state for an entry that may be nil.
func (c *core) stateOf(e *entry) state {
	if e == nil {
		return gone
	}
	l := e.lifetime()
	if l == nil {
		return fresh
	}
	return c.state(e, c.clock(l))
}

// clock returns the time, or 0 without reading the clock if no state depends on it.
func (c *core) clock(l *lifetime) int64 {
	if l.soft == never && !c.rich {
		return 0
	}
	return c.group.Now()
}

// freshness returns until when an entry that is stored now is fresh, and when a
// refresh of it is due. A ttl of 0 means for ever.
func (c *core) freshness(now int64, ttl time.Duration) (soft, eager int64) {
	if ttl == 0 {
		return never, never
	}
	if c.cfg.Jitter > 0 {
		ttl = max(ttl-time.Duration(c.cfg.Jitter*rand.Float64()*float64(ttl)), 1) // it only spreads
	}
	soft, eager = later(now, ttl), never
	if at := c.cfg.EagerAt; at > 0 {
		// A random moment between EagerAt and half the way to the end.
		at += (1 - at) / 2 * rand.Float64() // it only spreads
		eager = later(now, time.Duration(at*float64(ttl)))
	}
	return soft, eager
}

// until returns when e is gone, unless it is read before. The time changes only if
// there is an IdleTTL.
func (c *core) until(e *entry) int64 {
	l, m := e.lifetime(), e.details()
	if l == nil {
		return never
	}
	end := l.soft
	if m == nil {
		return end
	}
	if m.err == nil {
		end = later(end, max(c.cfg.StaleFor, c.cfg.FailSafe))
	}
	if c.cfg.IdleTTL != 0 {
		end = min(end, later(m.used.Load(), c.cfg.IdleTTL))
	}
	return end
}

// whyGone returns why e, which is removed at now because of cause, was gone already;
// if it was not, it returns cause.
func (c *core) whyGone(e *entry, now int64, cause observe.Cause) observe.Cause {
	switch m := e.details(); {
	case m != nil && c.tagCleared(m.annotations):
		return observe.CauseCleared
	case m != nil && c.idle(m, now):
		return observe.CauseIdle
	case c.state(e, now) == gone:
		return observe.CauseExpired
	}
	return cause
}

// later is t plus d, or never if that would overflow.
func later(t int64, d time.Duration) int64 {
	if t > never-int64(d) {
		return never
	}
	return t + int64(d)
}

// meta describes e, which is served from source. A Hit that has expired becomes
// Stale.
func (c *core) meta(e *entry, source Source) Meta {
	clock := time.Now()
	now := c.group.At(clock)
	m := Meta{Source: source, Age: time.Duration(max(now-e.storedAt, 0)), LoadTook: e.load.took()}
	if l := e.lifetime(); l != nil {
		if soft := e.annotations().softly(l.soft); soft != never {
			m.Expires = clock.Add(time.Duration(soft - now))
			if source == Hit && soft <= now {
				m.Source = Stale
			}
		}
	}
	return m
}
