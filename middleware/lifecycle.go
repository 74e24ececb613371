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

// phase is where a Stack is in its life; it only grows.
type phase uint32

const (
	fresh phase = iota
	starting
	started
	broken // a Start failed
	closed
)

// lifecycle orders Start, Close and the first requests. Hooks run outside mu.
type lifecycle struct {
	now   atomic.Uint32 // a phase
	mu    sync.Mutex
	err   error         // why the stack is broken
	ready chan struct{} // closed when starting ends
}

// Start starts the plugins in list order. When one fails, those that had
// started and the one that failed are closed in reverse order, and the error
// names it; the Stack is then broken for good. Starting a started Stack does
// nothing; a closed one gives [ErrClosed]. Concurrent calls wait for the first.
func (s *Stack) Start(ctx context.Context) error {
	for {
		s.life.mu.Lock()
		switch phase(s.life.now.Load()) {
		case fresh:
			s.life.ready = make(chan struct{})
			s.life.now.Store(uint32(starting))
			s.life.mu.Unlock()
			return s.start(ctx)
		case starting:
			ready := s.life.ready
			s.life.mu.Unlock()
			select {
			case <-ready:
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		case started:
			s.life.mu.Unlock()
			return nil
		case broken:
			defer s.life.mu.Unlock()
			return s.life.err
		default:
			s.life.mu.Unlock()
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
		s.life.mu.Lock()
		defer s.life.mu.Unlock()
		s.life.err = err
		s.life.now.Store(uint32(next))
		close(s.life.ready)
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
	if phase(s.life.now.Load()) == started {
		return nil
	}
	// A first request must not lend its values or its deadline to what lives
	// as long as the server: only those who wait may leave.
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = s.Start(context.Background())
	}()
	select {
	case <-done:
		return s.Start(ctx) // over by now: it says how it ended
	case <-ctx.Done():
		return &unavailable{fmt.Errorf("middleware: the stack is still starting: %w", context.Cause(ctx))}
	}
}

// Close closes every plugin, in reverse list order, whatever the others
// return; the errors are joined, each naming its plugin. It works on a Stack
// that was never started, or whose start failed, and waits for a start that is
// under way. From then on requests get [ErrClosed]; those that have begun go
// on, so stop the server first. Closing again closes the plugins again, which
// lets a Close that ran out of time be finished.
func (s *Stack) Close(ctx context.Context) error {
	for {
		s.life.mu.Lock()
		if phase(s.life.now.Load()) != starting {
			s.life.now.Store(uint32(closed))
			s.life.mu.Unlock()
			return s.closeUpTo(ctx, len(s.plugins)-1)
		}
		ready := s.life.ready
		s.life.mu.Unlock()
		select {
		case <-ready:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// closeUpTo closes the plugins at and before the given place, last first.
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
