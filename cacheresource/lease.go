package cacheresource

import "sync/atomic"

// Lease is a right to use an instance until it is released. It may be released
// from any goroutine.
type Lease[V any] struct {
	value V
	lease
}

// lease is a Lease without its type.
type lease struct {
	of       lessor
	released atomic.Bool
}

// lessor is who gets back what was leased: an instance, whatever its key, or
// the note of a lease that is watched.
type lessor interface {
	giveBack()
	givenTwice(site string)
}

// Value returns the instance. It must not be used after Release.
func (l *Lease[V]) Value() V { return l.value }

// Release ends the lease. Only the first call counts; another one is reported
// to the observers with the place of the call. That of a nil Lease, which comes
// with an error, does nothing.
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
