package cacheresource

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/reecho-go/reecho/observe"
)

// retired is added to an instance's holds when it has left the cache: then no
// hold can be added any more, and the one that ends last releases.
const retired = 1 << 62

// instance is one opened value. It is held by its leases, by its pin, and
// until the callers of its open have their leases, by its birth.
type instance[K, V any] struct {
	res    *Resource[K, V]
	id     string
	key    K // our own
	value  V
	seq    uint64 // order of opening within the process's group
	opened int64  // time of the group

	holds   atomic.Int64 // plus retired
	leaving atomic.Bool  // retire has been called
	pinned  atomic.Bool
	checked atomic.Int64 // time of the last passed check, or of the opening

	cause observe.Cause // why it left; written before retired is added
	done  chan struct{} // closed when it has been released

	inner inner // what it was opened with
}

// hold adds a lease. The caller must know that the instance has not been
// retired: it is in the cache, under the resource's lock, or held already.
func (in *instance[K, V]) hold() { in.holds.Add(1) }

// held adds a lease, if there is an instance, and returns it.
func (in *instance[K, V]) held() *instance[K, V] {
	if in != nil {
		in.hold()
	}
	return in
}

// drop ends a hold.
func (in *instance[K, V]) drop() {
	if in.holds.Add(-1) == retired {
		in.res.release(in)
	}
}

// retire makes the instance release itself when its last hold ends. It must
// be out of the cache. Only the first call counts.
func (in *instance[K, V]) retire(cause observe.Cause) {
	if !in.leaving.CompareAndSwap(false, true) {
		return
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

// leases is how many leases there are, the pin not included.
func (in *instance[K, V]) leases() int {
	n := in.holds.Load() &^ retired
	if in.pinned.Load() {
		n--
	}
	return int(max(n, 0))
}

// The methods of held.

func (in *instance[K, V]) order() uint64           { return in.seq }
func (in *instance[K, V]) released() chan struct{} { return in.done }
func (in *instance[K, V]) source() observe.Source  { return in.res.source(in.key) }

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
}

// inner are the leases of what an instance was opened with. They end when it
// has been released, so that nothing is taken from under it.
type inner struct {
	mu     sync.Mutex
	sealed bool // the open is over: nothing is added any more
	drops  []func()
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

// add keeps a hold until the outer instance has been released. It reports
// false when the open is over.
func (i *inner) add(drop func()) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	if !i.sealed {
		i.drops = append(i.drops, drop)
	}
	return !i.sealed
}

func (i *inner) seal() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.sealed = true
}

// drop ends the holds, the last one first.
func (i *inner) drop() {
	i.mu.Lock()
	i.sealed = true
	drops := i.drops
	i.drops = nil
	i.mu.Unlock()
	for _, drop := range slices.Backward(drops) {
		drop()
	}
}
