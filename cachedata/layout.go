package cachedata

import (
	"math"
	"time"
	"unsafe"
)

// form says what stands behind an entry in memory.
type form uint32

const (
	plain form = iota // nothing
	timed             // life
	rich              // life and more
	keyed form = 4    // and then the key, which the identity does not give back

	formBits = 7
)

// An entry is allocated together with what stands behind it.
type (
	timedEntry[K, V any] struct {
		entry[K, V]
		life life
	}
	richEntry[K, V any] struct {
		entry[K, V]
		life life
		more more
	}
	keyedEntry[E, K any] struct {
		entry E
		key   K
	}
)

// allocate returns an entry of form f.
func allocate[K, V any](f form) (e *entry[K, V]) {
	switch f {
	case plain:
		e = new(entry[K, V])
	case timed:
		e = &new(timedEntry[K, V]).entry
	case rich:
		e = &new(richEntry[K, V]).entry
	case plain | keyed:
		e = &new(keyedEntry[entry[K, V], K]).entry
	case timed | keyed:
		e = &new(keyedEntry[timedEntry[K, V], K]).entry.entry
	case rich | keyed:
		e = &new(keyedEntry[richEntry[K, V], K]).entry.entry
	}
	e.load = loadTime(f)
	return e
}

// bytesOf returns the size of an entry of form f.
func bytesOf[K, V any](f form) int64 {
	var n uintptr
	switch f {
	case plain:
		n = unsafe.Sizeof(entry[K, V]{})
	case timed:
		n = unsafe.Sizeof(timedEntry[K, V]{})
	case rich:
		n = unsafe.Sizeof(richEntry[K, V]{})
	case plain | keyed:
		n = unsafe.Sizeof(keyedEntry[entry[K, V], K]{})
	case timed | keyed:
		n = unsafe.Sizeof(keyedEntry[timedEntry[K, V], K]{})
	case rich | keyed:
		n = unsafe.Sizeof(keyedEntry[richEntry[K, V], K]{})
	}
	return int64(n)
}

// What follows is sound since an entry is allocated by [allocate] alone, as the
// type that its form names, at the beginning of which it stands. The layout of
// a rich entry begins with that of a timed one.

// form says what stands behind e, a key apart.
func (e *entry[K, V]) form() form { return e.load.form() &^ keyed }

// life returns what stands behind e about time, or nil.
func (e *entry[K, V]) life() *life {
	if e.form() == plain {
		return nil
	}
	return &(*timedEntry[K, V])(unsafe.Pointer(e)).life
}

// more returns what stands behind e beyond a TTL, or nil.
func (e *entry[K, V]) more() *more {
	if e.form() != rich {
		return nil
	}
	return &(*richEntry[K, V])(unsafe.Pointer(e)).more
}

// ownKey returns where the key of e is, or nil if its identity says it all.
func (e *entry[K, V]) ownKey() *K {
	switch e.load.form() {
	case plain | keyed:
		return &(*keyedEntry[entry[K, V], K])(unsafe.Pointer(e)).key
	case timed | keyed:
		return &(*keyedEntry[timedEntry[K, V], K])(unsafe.Pointer(e)).key
	case rich | keyed:
		return &(*keyedEntry[richEntry[K, V], K])(unsafe.Pointer(e)).key
	}
	return nil
}

// keyOr returns the own key of e, or key, which is equal, if it has none.
func (e *entry[K, V]) keyOr(key K) K {
	if own := e.ownKey(); own != nil {
		return *own
	}
	return key
}

// loadTime is how long a load took, as the bits of a float32 of nanoseconds,
// of which the last three are the entry's form: that leaves six digits.
type loadTime uint32

func (t loadTime) form() form { return form(t & formBits) }

func (t loadTime) took() time.Duration {
	return time.Duration(math.Float32frombits(uint32(t &^ formBits)))
}

// of returns t with another duration.
func (t loadTime) of(took time.Duration) loadTime {
	// Half of what is cut off is added, so that it is rounded.
	return loadTime(math.Float32bits(float32(took))+formBits/2)&^formBits | t&formBits
}
