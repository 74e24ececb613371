package cachedata

import (
	"iter"
	"math"

	"github.com/maypok86/otter/v2"
)

// engine holds the entries of one era: a concurrent map with a bound, which
// evicts by adaptive W-TinyLFU. It is the only place that knows otter, and uses
// it as a store only: expiry, loading and clearing are ours.
//
// otter runs its maintenance in short-lived goroutines of its own; without an
// expiry calculator it keeps none.
type engine[I comparable, E any] struct {
	cache *otter.Cache[I, *E]
}

// bounds are what an engine holds at most.
type bounds struct {
	entries int   // if there is no bound on bytes
	bytes   int64 // 0: any number
	cold    bool  // its cold end will be asked for
}

// warmUp is for how many entries an engine whose cold end will be asked for
// counts from the beginning how often each is used; others begin when they are
// half full, as they evict nothing before.
const warmUp = 1024

// newEngine returns an engine, whose bound a burst may exceed for a moment. gone is called for each entry that leaves, evicted or
// not, under locks of otter: it must be short and not use the engine.
func newEngine[I comparable, E any](most bounds, size func(*E) int64, gone func(id I, e *E, evicted bool)) engine[I, E] {
	o := &otter.Options[I, *E]{
		MaximumSize: most.entries,
		OnAtomicDeletion: func(d otter.DeletionEvent[I, *E]) {
			gone(d.Key, d.Value, d.WasEvicted())
		},
	}
	if most.bytes > 0 {
		// Weights have 32 bits.
		unit := most.bytes>>32 + 1
		weight := func(bytes int64) int64 { return (max(bytes, 1)-1)/unit + 1 }
		o.MaximumSize, o.MaximumWeight = 0, uint64(weight(most.bytes))
		o.Weigher = func(_ I, e *E) uint32 { return uint32(min(weight(size(e)), math.MaxUint32)) }
	}
	if most.cold {
		o.InitialCapacity = warmUp
	}
	return engine[I, E]{otter.Must(o)}
}

// get returns id's entry, or nil, without a lock.
func (g engine[I, E]) get(id I) *E {
	e, _ := g.cache.GetIfPresent(id)
	return e
}

// set stores e under id and returns what it replaced, or nil.
func (g engine[I, E]) set(id I, e *E) *E {
	old, inserted := g.cache.Set(id, e)
	if inserted {
		return nil
	}
	return old
}

// remove drops id's entry and returns it, or nil.
func (g engine[I, E]) remove(id I) *E {
	old, _ := g.cache.Invalidate(id)
	return old
}

// removeIf drops id's entry if it is e, and reports whether it was.
func (g engine[I, E]) removeIf(id I, e *E) bool {
	removed := false
	g.cache.ComputeIfPresent(id, func(now *E) (*E, otter.ComputeOp) {
		if now != e {
			return now, otter.CancelOp
		}
		removed = true
		return nil, otter.InvalidateOp
	})
	return removed
}

// coldest iterates over the entries, those first that are least likely to be
// used again. It holds evictions up: the loop must be short, and not change the
// engine.
func (g engine[I, E]) coldest() iter.Seq2[I, *E] {
	return func(yield func(I, *E) bool) {
		for e := range g.cache.Coldest() {
			if !yield(e.Key, e.Value) {
				return
			}
		}
	}
}

// all iterates over the entries. It sees each that was there before it began
// and is still there when it ends, or another one in its place; it holds
// nothing up.
func (g engine[I, E]) all() iter.Seq2[I, *E] { return g.cache.All() }

// len returns about how many entries there are.
func (g engine[I, E]) len() int { return g.cache.EstimatedSize() }
