package cachedata

import (
	"context"
	"errors"
	"math"
	"time"

	"github.com/reecho-go/reecho/internal/flight"
)

// safe reports whether there is something to serve if the load fails or takes
// long: not for who asked for a new result.
func (l *load) safe() bool {
	return l.core.cfg.FailSafe > 0 && l.why == toGet && l.prior != nil
}

// throttled reports whether e has expired and is to be served without a load,
// since one has failed lately: perhaps after the caller looked and before it came.
func (l *load) throttled(e *entry) bool {
	if l.core.cfg.FailSafe == 0 || l.core.stateOf(e) != spare {
		return false
	}
	return l.core.group.Now() < e.details().retry.Load()
}

// fallback returns what to serve instead of err, if there is anything: an
// expired entry that is still there, since a clear takes it away at once, or one
// that has taken its place.
func (l *load) fallback(ctx context.Context, err error) (*entry, Source) {
	slow := err == flight.ErrImpatient // it is of this very call
	if err == nil || !l.safe() || !slow && (ctx.Err() != nil || isMisuse(err) || l.core.missing(err)) {
		return nil, 0
	}
	e := l.era.Load().entries.get(l.id)
	switch st := l.core.stateOf(e); {
	case st == gone || e.err() != nil || !l.core.intact(e):
		return nil, 0
	case st >= early:
		return e, Hit
	case slow:
		return e, Stale
	}
	return e, FailSafe
}

// missing reports whether err says that there is nothing for a key.
func (c *core) missing(err error) bool {
	return (errors.Is(err, ErrNotFound) || c.cfg.NotFound != nil && c.cfg.NotFound(err)) && !isMisuse(err)
}

// maxBackoff is how often RetryAfter is doubled.
const maxBackoff = 3

// retryLater notes that a load has failed that was to replace the entry of m.
func (m *details) retryLater(now int64, after time.Duration) {
	for n := min(m.failures.Add(1)-1, maxBackoff); n > 0 && after < math.MaxInt64/2; n-- {
		after *= 2
	}
	m.retry.Store(later(now, after))
	m.told.Store(false)
}
