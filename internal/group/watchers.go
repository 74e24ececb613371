package group

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/reecho-go/reecho/observe"
)

// watchers are the observers of a group. It is an observer that tells them all,
// and safe for concurrent use.
type watchers struct {
	mu  sync.Mutex // held while one is added
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

// Observe implements observe.Observer.
func (w *watchers) Observe(ctx context.Context, ev observe.Event) {
	if all := w.all.Load(); all != nil {
		observe.Emit(ctx, *all, ev)
	}
}
