package cachedata

import (
	"iter"
	"math"
	"sync/atomic"
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
	// otter would be compiled anew for each type of result. It is nil once the
	// engine is released.
	cache atomic.Pointer[otter.Cache[I, unsafe.Pointer]]
	unit  int64 // how many bytes weigh 1: more if the bound needs more than 32 bits; 0: each entry weighs 1
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

// start makes g ready. A burst may exceed its bound for a moment. gone is called
// for each entry that leaves, evicted or not, under locks of otter: it must be
// short and not use the engine.
func (g *engine[I, E]) start(most bounds, size func(*E) int64, gone func(id I, e *E, evicted bool)) {
	o := &otter.Options[I, unsafe.Pointer]{
		MaximumSize: most.entries,
		OnAtomicDeletion: func(d otter.DeletionEvent[I, unsafe.Pointer]) {
			gone(d.Key, (*E)(d.Value), d.WasEvicted())
		},
	}
	if most.bytes > 0 {
		g.unit = most.bytes>>32 + 1 // weights have 32 bits
		o.MaximumSize, o.MaximumWeight = 0, uint64(g.weight(most.bytes))
		o.Weigher = func(_ I, e unsafe.Pointer) uint32 { return uint32(min(g.weight(size((*E)(e))), math.MaxUint32)) }
		o.InitialCapacity = warmUp
	}
	g.cache.Store(otter.Must(o))
}

// release lets go of all entries, without calling gone, in constant time.
// Nothing can be stored any more: set is not heard.
func (g *engine[I, E]) release() { g.cache.Store(nil) }

// weight is what an entry of so many bytes weighs.
func (g *engine[I, E]) weight(bytes int64) int64 {
	if g.unit == 0 {
		return 1
	}
	return (max(bytes, 1)-1)/g.unit + 1
}

// limit makes the engine hold at most that weight from now on. What has to
// leave has left when it returns.
func (g *engine[I, E]) limit(weight int64) {
	if c := g.cache.Load(); c != nil {
		c.SetMaximum(uint64(weight))
	}
}

// get returns id's entry, or nil, without a lock.
func (g *engine[I, E]) get(id I) *E {
	c := g.cache.Load()
	if c == nil {
		return nil
	}
	e, _ := c.GetIfPresent(id)
	return (*E)(e)
}

// set stores e under id and returns what it replaced, or nil.
func (g *engine[I, E]) set(id I, e *E) *E {
	c := g.cache.Load()
	if c == nil {
		return nil
	}
	old, inserted := c.Set(id, unsafe.Pointer(e))
	if inserted {
		return nil
	}
	return (*E)(old)
}

// remove drops id's entry and returns it, or nil.
func (g *engine[I, E]) remove(id I) *E {
	c := g.cache.Load()
	if c == nil {
		return nil
	}
	old, _ := c.Invalidate(id)
	return (*E)(old)
}

// removeIf drops id's entry if it is e, and reports whether it was.
func (g *engine[I, E]) removeIf(id I, e *E) bool {
	c := g.cache.Load()
	if c == nil {
		return false
	}
	removed := false
	c.ComputeIfPresent(id, func(now unsafe.Pointer) (unsafe.Pointer, otter.ComputeOp) {
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
func (g *engine[I, E]) all() iter.Seq2[I, *E] {
	return func(yield func(I, *E) bool) {
		c := g.cache.Load()
		if c == nil {
			return
		}
		for id, e := range c.All() {
			if !yield(id, (*E)(e)) {
				return
			}
		}
	}
}

// len returns about how many entries there are.
func (g *engine[I, E]) len() int {
	c := g.cache.Load()
	if c == nil {
		return 0
	}
	return c.EstimatedSize()
}
