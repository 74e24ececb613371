package group

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/reecho-go/reecho/observe"
)

// watchers is an observer that passes events on to all observers of a group. It is
// safe for concurrent use.
type watchers struct {
	mu  sync.Mutex // held while an observer is added
	all atomic.Pointer[observe.Observer]
}

// add adds o.
func (w *watchers) add(o observe.Observer) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if all := w.all.Load(); all != nil {
		o = observe.Tee(*all, o)
	}
	w.all.Store(&o)
}

// StartLoad implements observe.Tracer; a panic changes nothing.
func (w *watchers) StartLoad(ctx context.Context, source observe.Source) (load context.Context) {
	load = ctx
	if t, ok := w.tracer(); ok {
		defer func() { _ = recover() }()
		if own := t.StartLoad(ctx, source); own != nil {
			load = own
		}
	}
	return load
}

// JoinedLoad implements observe.Tracer.
func (w *watchers) JoinedLoad(ctx, load context.Context, source observe.Source) {
	if t, ok := w.tracer(); ok {
		defer func() { _ = recover() }()
		t.JoinedLoad(ctx, load, source)
	}
}

// tracer returns all observers as one Tracer, if one of them is a Tracer.
func (w *watchers) tracer() (observe.Tracer, bool) {
	all := w.all.Load()
	if all == nil {
		return nil, false
	}
	t, ok := (*all).(observe.Tracer)
	return t, ok
}

// Observe implements observe.Observer.
func (w *watchers) Observe(ctx context.Context, ev observe.Event) {
	if all := w.all.Load(); all != nil {
		observe.Emit(ctx, *all, ev)
	}
}
