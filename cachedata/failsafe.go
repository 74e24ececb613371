package cachedata

import (
	"context"
	"errors"
	"math"
	"time"

	"github.com/reecho-go/reecho/internal/flight"
)

// safe reports whether an old result may be served if the load fails or takes long.
// A Refresh never gets one.
func (l *load) safe() bool {
	return l.core.cfg.FailSafe > 0 && l.why == toGet && l.prior != nil
}

// throttled reports whether e has expired but is served without a load because one
// has failed lately, perhaps since the caller looked for e.
func (l *load) throttled(e *entry) bool {
	if l.core.cfg.FailSafe == 0 || l.core.stateOf(e) != spare {
		return false
	}
	return l.core.group.Now() < e.details().retry.Load()
}

// fallback returns the entry to serve instead of err, or nil. It is the entry that
// the cache has for the key now, expired or newer, because a clear may have dropped
// the one from before the load.
func (l *load) fallback(ctx context.Context, err error) (*entry, Source) {
	slow := err == flight.ErrImpatient // this call has reached Stale.SoftTimeout
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

// maxBackoff is how many times RetryAfter is doubled at most.
const maxBackoff = 3

// retryLater notes that the load of a new result for the entry of m has failed.
func (m *details) retryLater(now int64, after time.Duration) {
	for n := min(m.failures.Add(1)-1, maxBackoff); n > 0 && after < math.MaxInt64/2; n-- {
		after *= 2
	}
	m.retry.Store(later(now, after))
	m.told.Store(false)
}
