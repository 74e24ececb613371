package cacheresource

import (
	"cmp"
	"context"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"

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
// is checked, and until the callers of its open have their leases, by its
// birth. All times are those of the group.
type instance[K, V any] struct {
	res    *Resource[K, V]
	home   *era[K, V]
	id     string
	key    K // our own
	value  V
	seq    uint64 // order of opening within the process
	opened int64
	stale  int64 // when a new one is to be opened; never: it has no TTL
	dies   int64 // when it is not handed out any more

	holds   atomic.Int64 // plus retired
	peak    atomic.Int64 // the most holds there were
	leaving atomic.Bool  // retire has been called
	pinned  atomic.Bool
	checked atomic.Int64 // time of the last passed check, or of the opening
	probed  atomic.Bool  // a background check has been started
	used    atomic.Int64 // when it was last handed out or given back; kept only if somebody asks
	renewal renewal

	cause observe.Cause // why it left; written before retired is added
	done  chan struct{} // closed when it has been released

	inner inner // what it was opened with
}

// hold adds a hold. The caller must know that the instance has not been
// retired: it is in the cache, under the resource's lock, or held already.
func (in *instance[K, V]) hold() {
	n := in.holds.Add(1)
	for peak := in.peak.Load(); n > peak; peak = in.peak.Load() {
		if in.peak.CompareAndSwap(peak, n) {
			return
		}
	}
}

// drop ends a hold.
func (in *instance[K, V]) drop() {
	if in.holds.Add(-1) == retired {
		in.res.release(in)
	}
}

// giveBack ends a hold that was a use.
func (in *instance[K, V]) giveBack() {
	if in.res.recency {
		in.used.Store(in.res.group.Now())
	}
	in.drop()
}

// lent adds a hold for a use, if the instance is there and may be used at now,
// and returns it. It is in the cache, under the resource's lock.
func (in *instance[K, V]) lent(now int64) *instance[K, V] {
	if in == nil || in.res.clocked && in.over(now) != "" {
		return nil
	}
	in.hold()
	if in.res.recency {
		in.used.Store(now)
	}
	return in
}

// over says why the instance must not be handed out any more at now; empty: it
// may be.
func (in *instance[K, V]) over(now int64) observe.Cause {
	switch {
	case now >= in.dies:
		return observe.CauseExpired
	case in.res.idleTTL > 0 && in.holds.Load() == 0 && now >= after(in.used.Load(), in.res.idleTTL):
		return observe.CauseIdle
	}
	return ""
}

// due is when something has to be done about the instance: it dies, has been
// idle for too long, or wants a check.
func (in *instance[K, V]) due(now int64) int64 {
	due := in.dies
	if idle := in.res.idleTTL; idle > 0 {
		since := in.used.Load()
		if in.holds.Load() > 0 {
			since = now
		}
		due = min(due, after(since, idle))
	}
	return min(due, in.checkDue())
}

// goesBefore reports whether in makes room before other does.
func (in *instance[K, V]) goesBefore(other *instance[K, V]) bool {
	if a, b := in.holds.Load() > 0, other.holds.Load() > 0; a != b {
		return b
	}
	return cmp.Or(cmp.Compare(in.used.Load(), other.used.Load()), cmp.Compare(in.seq, other.seq)) < 0
}

// retire makes the instance release itself when its last hold ends. It must
// be out of the cache. Only the first call counts.
func (in *instance[K, V]) retire(cause observe.Cause) {
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
		in.res.release(in)
	}
}

// unpin ends the hold of Get.
func (in *instance[K, V]) unpin() {
	if in.pinned.CompareAndSwap(true, false) {
		in.drop()
	}
}

// The methods of held.

func (in *instance[K, V]) order() uint64           { return in.seq }
func (in *instance[K, V]) released() chan struct{} { return in.done }
func (in *instance[K, V]) source() observe.Source  { return in.res.source(in.key) }
func (in *instance[K, V]) drain() time.Duration    { return in.res.drainTimeout }
func (in *instance[K, V]) sites() []string         { return in.res.ledger.sites(in) }
func (in *instance[K, V]) uses(other held) bool    { return in.inner.has(other) }

// leases is how many leases there are, the pin not included.
func (in *instance[K, V]) leases() int {
	n := in.holds.Load() &^ retired
	if in.pinned.Load() {
		n--
	}
	return int(max(n, 0))
}

// end retires the instance for good, with its pin.
func (in *instance[K, V]) end() {
	in.res.takeOut(in)
	in.retire(observe.CauseClosed)
	in.unpin()
}

// held is an instance of whatever types, as a close sees it.
type held interface {
	order() uint64
	leases() int
	end()
	released() chan struct{}
	source() observe.Source
	drain() time.Duration
	sites() []string
	uses(other held) bool
	giveBack()
}

// inner are the leases of what an instance was opened with. They end when it
// has been released, so that nothing is taken from under it.
type inner struct {
	mu     sync.Mutex
	sealed bool // the open is over: nothing is added any more
	held   []held
}

type innerKey struct{}

// innerContext is the context of an open; resources that are used in it find
// what holds them. In that of a check they find nil.
type innerContext struct {
	context.Context
	inner *inner
}

// Value implements context.Context.
func (c *innerContext) Value(key any) any {
	if key == (innerKey{}) {
		return c.inner
	}
	return c.Context.Value(key)
}

// add keeps a hold on an instance until the outer one has been released. It
// reports false when the open is over.
func (i *inner) add(in held) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	if !i.sealed {
		i.held = append(i.held, in)
	}
	return !i.sealed
}

func (i *inner) seal() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.sealed = true
}

func (i *inner) has(in held) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	return slices.Contains(i.held, in)
}

// drop ends the holds, the last one first.
func (i *inner) drop() {
	i.mu.Lock()
	i.sealed = true
	held := i.held
	i.held = nil
	i.mu.Unlock()
	for _, in := range slices.Backward(held) {
		in.giveBack()
	}
}
