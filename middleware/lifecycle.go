package middleware

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/reecho-go/reecho/internal/panics"
)

// phase is the state of a Stack from New to Close. It only increases.
type phase uint32

const (
	fresh phase = iota
	starting
	started
	broken // a Start has failed
	closed
)

// lifecycle orders Start, Close and the first requests. Hooks run outside mu.
type lifecycle struct {
	now   atomic.Uint32 // a phase
	mu    sync.Mutex
	err   error         // why the stack is broken
	ready chan struct{} // closed when starting ends
}

// Start starts the plugins in list order. If one fails, Start closes it and those
// before it, in reverse order, and returns an error that names it; the Stack
// cannot be used any more. A second Start does nothing; after Close it returns
// [ErrClosed]. Concurrent calls wait for the first.
func (s *Stack) Start(ctx context.Context) error {
	for {
		s.lifecycle.mu.Lock()
		switch phase(s.lifecycle.now.Load()) {
		case fresh:
			s.lifecycle.ready = make(chan struct{})
			s.lifecycle.now.Store(uint32(starting))
			s.lifecycle.mu.Unlock()
			return s.start(ctx)
		case starting:
			ready := s.lifecycle.ready
			s.lifecycle.mu.Unlock()
			select {
			case <-ready:
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		case started:
			s.lifecycle.mu.Unlock()
			return nil
		case broken:
			defer s.lifecycle.mu.Unlock()
			return s.lifecycle.err
		default:
			s.lifecycle.mu.Unlock()
			return ErrClosed
		}
	}
}

func (s *Stack) start(ctx context.Context) (err error) {
	at, returned := 0, false
	defer func() {
		if !returned {
			err = panics.New(panics.ErrGoexit)
		}
		next := started
		if err != nil {
			h := s.starters[at]
			err = errors.Join(
				&unavailable{s.failed(ctx, h.name, "Start", err)},
				s.closeUpTo(context.WithoutCancel(ctx), h.at))
			next = broken
		}
		s.lifecycle.mu.Lock()
		defer s.lifecycle.mu.Unlock()
		s.lifecycle.err = err
		s.lifecycle.now.Store(uint32(next))
		close(s.lifecycle.ready)
	}()
	for at = range s.starters {
		if err = panics.Catch(func() error { return s.starters[at].call.Start(ctx) }); err != nil {
			break
		}
	}
	returned = true
	return err
}

// begin makes sure that a request finds a started Stack.
func (s *Stack) begin(ctx context.Context) error {
	if phase(s.lifecycle.now.Load()) == started {
		return nil
	}
	// Plugins run as long as the server, so they must not get the values and the
	// deadline of the first request. When the request ends, only its wait ends.
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = s.Start(context.Background())
	}()
	select {
	case <-done:
		return s.Start(ctx) // Start has been called before, and returns the result of that call
	case <-ctx.Done():
		return &unavailable{fmt.Errorf("middleware: the stack is still starting: %w", context.Cause(ctx))}
	}
}

// Close closes every plugin, in reverse list order, also if some of them fail; it
// joins the errors, each with the name of its plugin. It works on a Stack that was
// never started or failed to start, and waits for a start that is under way. New
// requests then fail with [ErrClosed]; requests that have begun continue, so stop
// the server first. If Close ran out of time, call it again: it closes the plugins
// again.
func (s *Stack) Close(ctx context.Context) error {
	for {
		s.lifecycle.mu.Lock()
		if phase(s.lifecycle.now.Load()) != starting {
			s.lifecycle.now.Store(uint32(closed))
			s.lifecycle.mu.Unlock()
			return s.closeUpTo(ctx, len(s.plugins)-1)
		}
		ready := s.lifecycle.ready
		s.lifecycle.mu.Unlock()
		select {
		case <-ready:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// closeUpTo closes the plugins up to and including index last, in reverse order.
func (s *Stack) closeUpTo(ctx context.Context, last int) error {
	var errs []error
	for _, h := range slices.Backward(s.closers) {
		if h.at > last {
			continue
		}
		if err := panics.Catch(func() error { return h.call.Close(ctx) }); err != nil {
			errs = append(errs, s.failed(ctx, h.name, "Close", err))
		}
	}
	return errors.Join(errs...)
}
