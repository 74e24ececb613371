package cacheresource

import (
	"runtime"
)

// Lease keeps an instance from being released while it is used; see
// [Resource.Acquire]. It may be released from any goroutine.
type Lease[V any] struct {
	value V
	lease
}

// Value returns the instance. It must not be used after Release.
func (l *Lease[V]) Value() V { return l.value }

// Release ends the lease. A second call only emits the event observe.ResourceLeak
// with the place of the call. On a nil Lease, which Acquire returns with an
// error, it does nothing.
func (l *Lease[V]) Release() {
	if l == nil {
		return
	}
	l.release()
}

func (l *lease) release() {
	if l.released.CompareAndSwap(false, true) {
		l.of.giveBack()
		return
	}
	l.of.givenTwice(callers().site())
}

// watch makes the ledger give the lease back if the garbage collector finds it unreleased.
func (l *lease) watch(n *note) {
	l.of = n
	// The cleanup only sets a mark, because it runs in a goroutine of the runtime,
	// outside of the testing/synctest bubble that the lease may be in.
	n.cleanup = runtime.AddCleanup(l, func(n *note) { n.lost.Store(true) }, n)
}
