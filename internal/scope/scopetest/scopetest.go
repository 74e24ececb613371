// Package scopetest lends the lives of sessions that a test makes up.
package scopetest

import (
	"context"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/reecho-go/reecho/internal/scope"
)

var sessions atomic.Uint64

// Session is the lifetime of a visitor's session, and the source of it. It is safe
// for concurrent use.
type Session struct {
	id string

	mu       sync.Mutex
	deadline time.Time
	ended    bool
	next     int
	onEnd    map[int]func()
}

var (
	_ scope.Lifetime       = (*Session)(nil)
	_ scope.LifetimeSource = (*Session)(nil)
)

// New returns a session without a deadline.
func New() *Session {
	return &Session{id: "session-" + strconv.FormatUint(sessions.Add(1), 10), onEnd: map[int]func(){}}
}

// In returns a context in which the session is the visitor's.
func (s *Session) In(parent context.Context) context.Context {
	return scope.WithLifetimeSource(parent, s)
}

// Lifetime implements scope.LifetimeSource.
func (s *Session) Lifetime(context.Context) (scope.Lifetime, error) { return s, nil }

// ID implements scope.Lifetime.
func (s *Session) ID() string { return s.id }

// Deadline implements scope.Lifetime.
func (s *Session) Deadline() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.deadline
}

// Until moves the deadline to d from now.
func (s *Session) Until(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.deadline = time.Now().Add(d)
}

// OnEnd implements scope.Lifetime.
func (s *Session) OnEnd(fn func()) (stop func()) {
	s.mu.Lock()
	if s.ended {
		s.mu.Unlock()
		fn()
		return func() {}
	}
	n := s.next
	s.next++
	s.onEnd[n] = fn
	s.mu.Unlock()
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.onEnd, n)
	}
}

// End ends the session before its time.
func (s *Session) End() {
	s.mu.Lock()
	s.ended = true
	fns := s.onEnd
	s.onEnd = map[int]func(){}
	s.mu.Unlock()
	for _, fn := range fns {
		fn()
	}
}

// Watchers returns how many functions wait for the end.
func (s *Session) Watchers() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.onEnd)
}
