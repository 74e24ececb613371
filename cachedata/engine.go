package cachedata

import "github.com/maypok86/otter/v2"

// engine holds the entries of one era: a concurrent map with a bound, which
// evicts by adaptive W-TinyLFU. It is the only place that knows otter, and uses
// it as a store only: expiry, loading and clearing are ours.
//
// otter runs its maintenance in short-lived goroutines of its own; without an
// expiry calculator it keeps none.
type engine[I comparable, E any] struct {
	cache *otter.Cache[I, *E]
}

// newEngine returns an engine for at most size entries, which a burst may
// exceed for a moment. gone is called for each entry that leaves, evicted or
// not, under locks of otter: it must be short and not use the engine.
func newEngine[I comparable, E any](size int, gone func(id I, e *E, evicted bool)) engine[I, E] {
	return engine[I, E]{otter.Must(&otter.Options[I, *E]{
		MaximumSize: size,
		OnAtomicDeletion: func(d otter.DeletionEvent[I, *E]) {
			gone(d.Key, d.Value, d.WasEvicted())
		},
	})}
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

// len returns about how many entries there are.
func (g engine[I, E]) len() int { return g.cache.EstimatedSize() }
