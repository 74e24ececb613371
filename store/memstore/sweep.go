package memstore

import (
	"sync"
	"sync/atomic"
	"time"
)

// step is how many expired entries are freed under one hold of a lock.
const step = 128

// timer calls fire soon after the earliest deadline it was told of. It counts
// in whole seconds, so that deadlines close together cost one call.
type timer struct {
	fire func()
	due  atomic.Int64 // the Unix second it will fire at; 0: not armed. Written under mu.

	mu      sync.Mutex
	timer   *time.Timer
	closed  bool
	running sync.WaitGroup
}

// arm makes sure that fire is called at the first whole second after at, or
// earlier.
func (t *timer) arm(at time.Time) {
	second := at.Unix() + 1
	if due := t.due.Load(); due != 0 && due <= second {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if due := t.due.Load(); t.closed || due != 0 && due <= second {
		return
	}
	t.due.Store(second)
	wait := max(time.Until(time.Unix(second, 0)), 0)
	if t.timer != nil {
		t.timer.Reset(wait)
		return
	}
	t.timer = time.AfterFunc(wait, func() {
		if t.start() {
			defer t.running.Done()
			t.fire()
		}
	})
}

// start records that a call begins, unless the timer is closed.
func (t *timer) start() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return false
	}
	t.due.Store(0)
	t.running.Add(1)
	return true
}

// close stops the timer and waits for a call that is running.
func (t *timer) close() {
	t.mu.Lock()
	t.closed = true
	if t.timer != nil {
		t.timer.Stop()
	}
	t.mu.Unlock()
	t.running.Wait()
}

// sweep frees what has expired, in small steps. It returns how many entries
// that were, and the earliest deadline that is left, or zero.
func (s *Store) sweep() (freed int, next time.Time) {
	now := time.Now()
	for i := range s.shards {
		n, at := s.shards[i].sweep(now, step)
		for freed += n; n == step; freed += n {
			n, at = s.shards[i].sweep(now, step)
		}
		if !at.IsZero() && (next.IsZero() || at.Before(next)) {
			next = at
		}
	}
	return freed, next
}

// sweepOnTime is what the timer calls.
func (s *Store) sweepOnTime() {
	if _, next := s.sweep(); !next.IsZero() {
		s.timer.arm(next)
	}
}
