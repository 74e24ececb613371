package cacheresource

import (
	"cmp"
	"context"
	"math"
	"time"

	"github.com/reecho-go/reecho/observe"
)

// never is a time that does not come.
const never = math.MaxInt64

// after is a time that comes d later; d of zero, and what overflows, is never.
func after(t int64, d time.Duration) int64 {
	if d == 0 || t > never-int64(d) {
		return never
	}
	return t + int64(d)
}

// hold adds a hold. The caller must know that the instance has not been
// retired: it is in the cache, under the resource's lock, or held already.
func (in *instance) hold() { in.holds.Add(1) }

// tryHold adds a hold, unless the last one has ended for good.
func (in *instance) tryHold() bool {
	for {
		n := in.holds.Load()
		if n == retired {
			return false
		}
		if in.holds.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

// lease adds a hold that is a use.
func (in *instance) lease() {
	n := in.holds.Add(1)
	for peak := in.peak.Load(); n > peak; peak = in.peak.Load() {
		if in.peak.CompareAndSwap(peak, n) {
			return
		}
	}
}

// tryLease adds a hold for a use, if the instance is there and may be used at now,
// and returns it. It is in the cache, under the resource's lock.
func (in *instance) tryLease(now int64) *instance {
	if in == nil || in.core.clocked && in.expired(now) != "" {
		return nil
	}
	in.lease()
	if in.core.recency {
		in.used.Store(now)
	}
	return in
}

// expired says why the instance must not be handed out any more at now; empty: it
// may be.
func (in *instance) expired(now int64) observe.Cause {
	switch {
	case now >= in.expiry:
		return observe.CauseExpired
	case in.core.idleTTL > 0 && in.holds.Load() == 0 && now >= after(in.used.Load(), in.core.idleTTL):
		return observe.CauseIdle
	}
	return ""
}

// expires is when the instance will be over, if nobody uses it before.
func (in *instance) expires(now int64) int64 {
	idle := in.core.idleTTL
	if idle == 0 {
		return in.expiry
	}
	since := in.used.Load()
	if in.holds.Load() > 0 {
		since = now
	}
	return min(in.expiry, after(since, idle))
}

// due is when something has to be done about the instance: it is over, or
// wants a check.
func (in *instance) due(now int64) int64 { return min(in.expires(now), in.checkDue()) }

// checkDue is when the instance wants a background check.
func (in *instance) checkDue() int64 {
	if r := in.core; r.fns.check == nil || r.checkEvery == 0 || in.probed.Load() || in.leaving.Load() {
		return never
	}
	return after(in.checked.Load(), in.core.checkEvery)
}

// goesBefore reports whether in makes room before other does.
func (in *instance) goesBefore(other *instance) bool {
	if a, b := in.holds.Load() > 0, other.holds.Load() > 0; a != b {
		return b
	}
	return cmp.Or(cmp.Compare(in.used.Load(), other.used.Load()), cmp.Compare(in.seq, other.seq)) < 0
}

// leases is how many leases there are, the pin not included.
func (in *instance) leases() int {
	n := in.holds.Load() &^ retired
	if in.pinned.Load() {
		n--
	}
	return int(max(n, 0))
}

// source names the instance in an event.
func (in *instance) source() observe.Source { return in.core.source(in.key) }

// The time after which a failed renewal is tried again: it doubles up to a
// bound.
const (
	minBackoff = time.Second
	maxBackoff = time.Minute
)

// begin returns the context of a renewal that may run now.
func (w *renewal) begin(ctx context.Context, now int64) (context.Context, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.stopped || w.cancel != nil || now < w.next {
		return nil, false
	}
	ctx, w.cancel = context.WithCancel(ctx)
	return ctx, true
}

// end is called when a renewal has ended.
func (w *renewal) end(now int64, failed bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cancel()
	w.cancel = nil
	if failed {
		w.next = now + int64(min(minBackoff<<min(w.tries, 10), maxBackoff))
		w.tries++
	}
}

// stop lets nothing be renewed any more. A renewal that runs ends, unless
// somebody waits for what it opens.
func (w *renewal) stop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stopped = true
	if w.cancel != nil {
		w.cancel()
	}
}
