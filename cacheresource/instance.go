package cacheresource

import (
	"cmp"
	"context"
	"math"
	"time"

	"github.com/reecho-go/reecho/observe"
)

// never is a time that never comes.
const never = math.MaxInt64

// after returns the time that is d later than t. It is never if d is 0 or the sum
// overflows.
func after(t int64, d time.Duration) int64 {
	if d == 0 || t > never-int64(d) {
		return never
	}
	return t + int64(d)
}

// hold adds a hold. The caller must know that the instance has not been
// retired: it is in the cache, under the resource's lock, or held already.
func (in *instance) hold() { in.holds.Add(1) }

// tryHold adds a hold, unless the instance is retired and its last hold has ended.
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

// lease adds a hold for a use.
func (in *instance) lease() {
	n := in.holds.Add(1)
	for peak := in.peak.Load(); n > peak; peak = in.peak.Load() {
		if in.peak.CompareAndSwap(peak, n) {
			return
		}
	}
}

// tryLease adds a hold for a use, and returns the instance, if it is not nil and may be
// used at now. The instance is in the cache, and the resource's lock is held.
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

// expired returns why the instance must not be handed out at now, or "" if it may be.
func (in *instance) expired(now int64) observe.Cause {
	switch {
	case now >= in.expiry:
		return observe.CauseExpired
	case in.core.idleTTL > 0 && in.holds.Load() == 0 && now >= after(in.used.Load(), in.core.idleTTL):
		return observe.CauseIdle
	}
	return ""
}

// expires returns when the instance expires, if nobody uses it before.
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

// due returns when the instance expires or needs a background check.
func (in *instance) due(now int64) int64 { return min(in.expires(now), in.checkDue()) }

// checkDue returns when the instance needs a background check.
func (in *instance) checkDue() int64 {
	if r := in.core; r.fns.check == nil || r.checkEvery == 0 || in.probed.Load() || in.leaving.Load() {
		return never
	}
	return after(in.checked.Load(), in.core.checkEvery)
}

// goesBefore reports whether in is evicted before other.
func (in *instance) goesBefore(other *instance) bool {
	if a, b := in.holds.Load() > 0, other.holds.Load() > 0; a != b {
		return b
	}
	return cmp.Or(cmp.Compare(in.used.Load(), other.used.Load()), cmp.Compare(in.seq, other.seq)) < 0
}

// leases returns how many leases there are, without the pin.
func (in *instance) leases() int {
	n := in.holds.Load() &^ retired
	if in.pinned.Load() {
		n--
	}
	return int(max(n, 0))
}

// source names the instance in an event.
func (in *instance) source() observe.Source { return in.core.source(in.key) }

// The time after which a failed renewal is tried again: it begins with minBackoff and
// doubles up to maxBackoff.
const (
	minBackoff = time.Second
	maxBackoff = time.Minute
)

// begin returns the context of a renewal, or false if none may begin now.
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

// stop lets no renewal begin. It ends a running one, unless a caller waits for the
// instance that it opens.
func (w *renewal) stop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stopped = true
	if w.cancel != nil {
		w.cancel()
	}
}
