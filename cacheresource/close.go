package cacheresource

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
)

// stragglers counts the goroutines that run user code nobody can break off:
// checks and releases. It is no sync.WaitGroup, which would tie a package
// variable to the first testing/synctest bubble that uses it.
type stragglers struct {
	mu   sync.Mutex
	n    int
	idle []chan struct{} // closed when n is 0
}

func (s *stragglers) add() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.n++
}

func (s *stragglers) done() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.n--; s.n > 0 {
		return
	}
	for _, c := range s.idle {
		close(c)
	}
	s.idle = nil
}

// wait waits until there are none, or ctx ends.
func (s *stragglers) wait(ctx context.Context) error {
	s.mu.Lock()
	if s.n == 0 {
		s.mu.Unlock()
		return nil
	}
	idle := make(chan struct{})
	s.idle = append(s.idle, idle)
	n := s.n
	s.mu.Unlock()
	select {
	case <-idle:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%d checks or releases still run: %w", n, context.Cause(ctx))
	}
}

// LeasedError says that instances were still leased, or not released yet, when
// the context of a Close ended. They are released when their leases end.
type LeasedError struct {
	Keys []string // name[fingerprint] of each, in the order of their opening
	Err  error    // why the Close did not wait longer
}

// Error names the instances.
func (e *LeasedError) Error() string {
	return fmt.Sprintf("cacheresource: not released: %s: %v", strings.Join(e.Keys, ", "), e.Err)
}

// Unwrap returns Err.
func (e *LeasedError) Unwrap() error { return e.Err }

// Close lets nothing be acquired any more ([ErrClosed]), waits for opens under
// way, and releases every instance, the youngest first; those that are leased,
// when their leases end. Then it gives the name free. When ctx ends first it
// returns a [*LeasedError], joined with what else is still under way; call it
// again to go on waiting.
func (r *Resource[K, V]) Close(ctx context.Context) error {
	r.shut()
	err := r.settle(ctx)
	err = errors.Join(err, endAll(ctx, r.held()), r.stragglers.wait(ctx))
	if err != nil {
		return fmt.Errorf("cacheresource: %s: close: %w", r.name, err)
	}
	r.group.Remove(r.member)
	return nil
}

// shut refuses new opens and hides what is open.
func (r *Resource[K, V]) shut() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	r.era = r.newEra()
}

// settle waits for the opens under way.
func (r *Resource[K, V]) settle(ctx context.Context) error { return r.tracker.Close(ctx) }

// held lists the instances that have not been released.
func (r *Resource[K, V]) held() []held {
	r.mu.RLock()
	defer r.mu.RUnlock()
	out := make([]held, 0, len(r.all))
	for in := range r.all {
		out = append(out, in)
	}
	return out
}

// endAll releases the instances, the youngest first: each one that is not
// leased is waited for before the next is begun. Then it waits for the leased.
func endAll(ctx context.Context, all []held) error {
	slices.SortFunc(all, func(a, b held) int {
		if a.order() > b.order() {
			return -1
		}
		return 1
	})
	for _, in := range all {
		in.end()
		if in.leases() == 0 {
			wait(ctx, in)
		}
	}
	var left []string
	for _, in := range slices.Backward(all) {
		if !wait(ctx, in) {
			s := in.source()
			left = append(left, fmt.Sprintf("%s[%016x]", s.Cache, s.Fingerprint))
		}
	}
	if len(left) > 0 {
		return &LeasedError{Keys: left, Err: context.Cause(ctx)}
	}
	return nil
}

// wait reports whether in was released before ctx ended.
func wait(ctx context.Context, in held) bool {
	select {
	case <-in.released():
		return true
	case <-ctx.Done():
	}
	select {
	case <-in.released():
		return true
	default:
		return false
	}
}
