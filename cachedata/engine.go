package cachedata

import (
	"iter"
	"math"
	"unsafe"

	"github.com/maypok86/otter/v2"
)

// engine holds the entries of one era: a concurrent map with a bound, which
// evicts by adaptive W-TinyLFU. It is the only place that knows otter, and uses
// it as a store only: expiry, loading and clearing are ours.
//
// otter runs its maintenance in short-lived goroutines of its own; without an
// expiry calculator it keeps none.
type engine[I comparable, E any] struct {
	// The values are *E, and nothing else is ever put in. They are kept as plain
	// pointers, which the garbage collector sees alike, since otherwise all of
	// otter would be compiled anew for each type of result.
	cache *otter.Cache[I, unsafe.Pointer]
	unit  int64 // how many bytes weigh 1: more if the bound needs more than 32 bits
}

// bounds are what an engine holds at most.
type bounds struct {
	entries int   // if there is no bound on bytes
	bytes   int64 // 0: any number
}

// warmUp is for how many entries an engine that counts bytes notes from the
// beginning how often each is used; others begin when they are half full, as
// they evict nothing before.
const warmUp = 1024

// newEngine returns an engine, whose bound a burst may exceed for a moment.
// gone is called for each entry that leaves, evicted or not, under locks of
// otter: it must be short and not use the engine.
func newEngine[I comparable, E any](most bounds, size func(*E) int64, gone func(id I, e *E, evicted bool)) engine[I, E] {
	o := &otter.Options[I, unsafe.Pointer]{
		MaximumSize: most.entries,
		OnAtomicDeletion: func(d otter.DeletionEvent[I, unsafe.Pointer]) {
			gone(d.Key, (*E)(d.Value), d.WasEvicted())
		},
	}
	g := engine[I, E]{unit: most.bytes>>32 + 1} // weights have 32 bits
	if most.bytes > 0 {
		o.MaximumSize, o.MaximumWeight = 0, uint64(g.weight(most.bytes))
		o.Weigher = func(_ I, e unsafe.Pointer) uint32 { return uint32(min(g.weight(size((*E)(e))), math.MaxUint32)) }
		o.InitialCapacity = warmUp
	}
	g.cache = otter.Must(o)
	return g
}

// weight is what so many bytes weigh in an engine with a bound on them.
func (g engine[I, E]) weight(bytes int64) int64 { return (max(bytes, 1)-1)/g.unit + 1 }

// limit makes the engine, which must have a bound on bytes, hold at most that
// weight from now on. What has to leave has left when it returns.
func (g engine[I, E]) limit(weight int64) { g.cache.SetMaximum(uint64(weight)) }

// get returns id's entry, or nil, without a lock.
func (g engine[I, E]) get(id I) *E {
	e, _ := g.cache.GetIfPresent(id)
	return (*E)(e)
}

// set stores e under id and returns what it replaced, or nil.
func (g engine[I, E]) set(id I, e *E) *E {
	old, inserted := g.cache.Set(id, unsafe.Pointer(e))
	if inserted {
		return nil
	}
	return (*E)(old)
}

// remove drops id's entry and returns it, or nil.
func (g engine[I, E]) remove(id I) *E {
	old, _ := g.cache.Invalidate(id)
	return (*E)(old)
}

// removeIf drops id's entry if it is e, and reports whether it was.
func (g engine[I, E]) removeIf(id I, e *E) bool {
	removed := false
	g.cache.ComputeIfPresent(id, func(now unsafe.Pointer) (unsafe.Pointer, otter.ComputeOp) {
		if now != unsafe.Pointer(e) {
			return now, otter.CancelOp
		}
		removed = true
		return nil, otter.InvalidateOp
	})
	return removed
}

// all iterates over the entries. It sees each that was there before it began
// and is still there when it ends, or another one in its place; it holds
// nothing up.
func (g engine[I, E]) all() iter.Seq2[I, *E] {
	return func(yield func(I, *E) bool) {
		for id, e := range g.cache.All() {
			if !yield(id, (*E)(e)) {
				return
			}
		}
	}
}

// len returns about how many entries there are.
func (g engine[I, E]) len() int { return g.cache.EstimatedSize() }
