package cachedata

import (
	"context"

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
