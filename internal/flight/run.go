package flight

import (
	"context"
	"sync/atomic"
	"time"
)

// run is one load, for one call or for several.
type run struct {
	node
	at     Mark
	ctx    context.Context // the load's own
	values detached        // the parent of ctx
	cancel context.CancelCauseFunc
	// waiting is how many callers wait for its calls together. When it falls to
	// zero, the run is abandoned for good.
	waiting atomic.Int64
	limited bool // it has a time limit
	began   time.Time
	over    atomic.Bool // the callers are being answered, or were
	ended   func()      // called when the load has returned; may be nil

	// Most runs have one call, which then needs no allocation of its own.
	first call
	only  [1]*call
}

// start begins a run with the values of ctx and the limit of terms, unless the
// tracker is closed. loading is the load that waits for it, or nil.
func (t *Tracker) start(ctx context.Context, terms Terms, named named, loading *node) (*run, error) {
	r := &run{node: node{named: named, tracker: t, parent: loading}, at: terms.At, limited: terms.Limit > 0, began: time.Now()}
	r.calls = r.only[:0]
	r.values = detached{ctx, &r.node}
	begun, cancel := context.WithCancelCause(&r.values)
	r.ctx, r.cancel = begun, cancel
	if terms.Limit > 0 {
		limited, release := context.WithDeadlineCause(begun, r.began.Add(terms.Limit), ErrTimeout)
		r.ctx, r.cancel = limited, func(cause error) {
			cancel(cause)
			release()
		}
	}
	if !t.begin(r) {
		r.cancel(ErrClosed)
		return nil, ErrClosed
	}
	return r, nil
}

// enter counts one more waiting caller, unless the run is abandoned.
func (r *run) enter() bool {
	for {
		n := r.waiting.Load()
		if n == 0 {
			return false
		}
		if r.waiting.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

// exit counts a caller that stops waiting; the last one abandons the run.
func (r *run) exit() {
	if r.waiting.Add(-1) == 0 {
		r.cancel(ErrAbandoned)
	}
}

func (r *run) abandoned() bool { return r.waiting.Load() == 0 }
