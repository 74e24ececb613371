package cacheresource

import (
	"cmp"
	"math"
	"sync/atomic"
	"time"
	"unsafe"

	"github.com/reecho-go/reecho/observe"
)

// retired is added to an instance's holds when it has left the cache: then no
// hold can be added any more, and the one that ends last releases.
const retired = 1 << 62

// never is a time that does not come.
const never = math.MaxInt64

// after is a time that comes d later; d of zero, and what overflows, is never.
func after(t int64, d time.Duration) int64 {
	if d == 0 || t > never-int64(d) {
		return never
	}
	return t + int64(d)
}

// instance is one opened value. It is held by its leases, by its pin, while it
// is checked, and by its open until the callers of that have their leases.
// All times are those of the group.
type instance struct {
	core   *core
	home   *era
	id     string
	key    unsafe.Pointer // our own
	value  unsafe.Pointer
	seq    uint64 // order of opening within the process
	opened int64
	stale  int64 // when a new one is to be opened; never: it has no TTL
	expiry int64 // when it is not handed out any more

	_     line
	holds atomic.Int64 // plus retired
	peak  atomic.Int64 // the most holds that there were when a use began
	_     line

	leaving atomic.Bool // retire has been called
	pinned  atomic.Bool
	checked atomic.Int64 // time of the last passed check, or of the opening
	probed  atomic.Bool  // a background check has been started
	// checking is full while a check runs, also one that was left behind.
	checking chan struct{}
	used     atomic.Int64 // when it was last handed out or given back; kept only if somebody asks
	renewal  renewal

	cause observe.Cause // why it left; written before retired is added
	done  chan struct{} // closed when it has been released

	dependencies dependencies // what it was opened with
	dependents   dependents   // what was opened with it
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

// drop ends a hold.
func (in *instance) drop() {
	if in.holds.Add(-1) == retired {
		in.core.release(in)
	}
}

// giveBack ends a hold that was a use.
func (in *instance) giveBack() {
	if in.core.recency {
		in.used.Store(in.core.group.Now())
	}
	in.drop()
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

// retire makes the instance release itself when its last hold ends. It must
// be out of the cache. Only the first call counts.
func (in *instance) retire(cause observe.Cause) {
	if !in.leaving.CompareAndSwap(false, true) {
		return
	}
	switch cause {
	case observe.CauseExpired, observe.CauseUnsound, observe.CauseReplaced:
	default:
		in.renewal.stop()
	}
	in.cause = cause
	if in.holds.Add(retired) == retired {
		in.core.release(in)
	}
}

// unpin ends the hold of Pin.
func (in *instance) unpin() {
	if in.pinned.CompareAndSwap(true, false) {
		in.drop()
	}
}

// leases is how many leases there are, the pin not included.
func (in *instance) leases() int {
	n := in.holds.Load() &^ retired
	if in.pinned.Load() {
		n--
	}
	return int(max(n, 0))
}

// end retires the instance for good, with its pin.
func (in *instance) end() {
	in.core.takeOut(in)
	in.retire(observe.CauseClosed)
	in.unpin()
}

// source names the instance in an event.
func (in *instance) source() observe.Source { return in.core.source(in.key) }

// setValue makes in the instance of v.
func (in *instance) setValue(v unsafe.Pointer) {
	r := in.core
	now := r.group.Now()
	in.value, in.opened, in.seq = v, now, sequence.Add(1)
	in.stale = after(now, r.ttl)
	in.expiry = in.stale
	if in.expiry != never && r.staleFor > 0 {
		in.expiry = after(in.expiry, r.staleFor)
	}
	in.checked.Store(now)
	in.used.Store(now)
	r.track(in)
}
