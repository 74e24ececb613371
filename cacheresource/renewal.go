package cacheresource

import (
	"context"
	"sync"
	"time"

	"github.com/reecho-go/reecho/internal/flight"
)

// The time after which a failed renewal is tried again: it doubles up to a
// bound.
const (
	minBackoff = time.Second
	maxBackoff = time.Minute
)

// renewal is the opening of a new instance in the background, while a stale one
// serves.
type renewal struct {
	mu      sync.Mutex
	cancel  context.CancelFunc // of the one that runs; nil: none does
	stopped bool               // nothing is to be renewed any more
	tries   int                // how many have failed
	next    int64              // not before
}

// begin returns the context of a renewal that may run now.
func (w *renewal) begin(ctx context.Context, now int64) (context.Context, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.stopped || w.cancel != nil || now < w.next {
		return nil, false
	}
	ctx, w.cancel = context.WithCancel(ctx)
	return ctx, true
}

// end is called when a renewal has ended.
func (w *renewal) end(now int64, failed bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cancel()
	w.cancel = nil
	if failed {
		w.next = now + int64(min(minBackoff<<min(w.tries, 10), maxBackoff))
		w.tries++
	}
}

// stop lets nothing be renewed any more. A renewal that runs ends, unless
// somebody waits for what it opens.
func (w *renewal) stop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stopped = true
	if w.cancel != nil {
		w.cancel()
	}
}

// renew opens a new instance for in, which is stale, in the background, unless
// that is done already or all workers of the group are busy.
func (r *core) renew(ctx context.Context, at owner, in *instance, now int64) {
	ctx, ok := in.renewal.begin(&openContext{Context: flight.Detach(ctx)}, now)
	if !ok {
		return
	}
	started := r.inBackground(func() {
		o := r.opening(in.home, at.visitor, in.id, in.key)
		o.old = in
		fresh, role, err := o.do(ctx)
		if err == nil && role != flight.Found {
			fresh.giveBack()
		}
		in.renewal.end(r.group.Now(), err != nil)
	})
	if !started {
		in.renewal.end(now, false)
	}
}

// inBackground runs fn in a goroutine of its own and reports true, unless all
// workers of the group are busy.
func (r *core) inBackground(fn func()) bool {
	r.background.Begin()
	if r.group.Background(func() {
		defer r.background.End()
		fn()
	}) {
		return true
	}
	r.background.End()
	return false
}
