package flight

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
)

// ErrClosed says that the owner of the table has been closed.
var ErrClosed = errors.New("closed")

// burst is the peak size up to which an empty map is kept for reuse. A map that was larger is
// dropped, because maps never shrink.
const burst = 64

// Tracker tracks the running loads in all tables of one owner, so that the owner
// can wait for them. The zero Tracker is ready to use.
//
// It does not use a sync.WaitGroup, because that would tie a package variable to
// the first testing/synctest bubble that uses it.
type Tracker struct {
	waiting atomic.Int64

	mu      sync.Mutex
	running map[*run]struct{}
	peak    int
	closed  bool
	idle    []chan struct{} // closed when running is empty
}

// begin adds a load and reports true, unless the tracker is closed.
func (t *Tracker) begin(r *run) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return false
	}
	if t.running == nil {
		t.running = make(map[*run]struct{})
	}
	t.running[r] = struct{}{}
	t.peak = max(t.peak, len(t.running))
	return true
}

func (t *Tracker) end(r *run) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.running, r)
	if len(t.running) > 0 {
		return
	}
	if t.peak > burst {
		t.running, t.peak = nil, 0
	}
	for _, c := range t.idle {
		close(c)
	}
	t.idle = nil
}

// Running returns how many loads are running.
func (t *Tracker) Running() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.running)
}

// Waiting returns how many callers wait for a load.
func (t *Tracker) Waiting() int { return int(t.waiting.Load()) }

// Close makes new loads fail with [ErrClosed] and waits for running loads. If ctx
// ends first, it cancels their contexts with the cause [ErrClosed] and returns an
// error that says how many there were, without further waiting. A second call
// waits again.
func (t *Tracker) Close(ctx context.Context) error {
	idle := t.close()
	if idle == nil {
		return nil
	}
	select {
	case <-idle:
		return nil
	case <-ctx.Done():
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.running) == 0 {
		return nil
	}
	for r := range t.running {
		r.cancel(ErrClosed)
	}
	return fmt.Errorf("%d loads still run: %w", len(t.running), context.Cause(ctx))
}

// close returns a channel that is closed when no load runs, or nil if none runs now.
func (t *Tracker) close() chan struct{} {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.closed = true
	if len(t.running) == 0 {
		return nil
	}
	idle := make(chan struct{})
	t.idle = append(t.idle, idle)
	return idle
}
