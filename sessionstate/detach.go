package sessionstate

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/reecho-go/reecho/internal/scope"
)

// Detached is a session that is used outside its request: in goroutines, in
// WebSockets, and in streams of server-sent events after their headers have been
// sent. It reads the session as it is now, and saves without a response.
// [State.Detach] makes it. It keeps nothing of the request, needs no closing, and
// is safe for concurrent use.
//
// In server mode it follows the session when Config.Lifetime.RenewEvery gives it a new
// id, for at least a day after it was last used, unless Config.Lifetime.Idle is shorter.
// It ends with the session, and with Login and Renew, because an intruder may
// have the old id.
//
// In cookie mode the only copy travels with the visitor: a Detached has the
// values of the moment at which it was made, and cannot change them.
type Detached struct {
	m *Manager

	mu sync.Mutex
	at snapshot
	of *sessionScope
}

// Detach returns the session for use outside the request, also after its end. In server
// mode a session that is new, or is to get a new id, is saved at once, as by
// [State.SaveNow]. In cookie mode it
// has the values as they are now; a visitor without a session gets one.
//
// Errors are those of loading the session and of SaveNow, and [middleware.ErrCommitted]
// for a visitor without a session when it is too late to give one.
func (s *State) Detach() (*Detached, error) {
	acquired, err := s.scopeLifetime()
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	unsaved := !s.base.known() || s.changes.renew
	s.mu.Unlock()
	if unsaved && s.m.keeps() {
		if err := s.SaveNow(s.context()); err != nil {
			return nil, err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.scopes = slices.DeleteFunc(s.scopes, func(l *sessionScope) bool { return l == acquired }) // the Detached holds it from now on
	at := s.base
	if !s.m.keeps() {
		if at.record = s.current; !s.base.known() || s.changes.renew {
			at.id, at.exists, at.cookie = s.chooseNextID(), true, ""
		}
		at.deadline = s.m.limits.deadline(&at.record, time.Now())
	}
	return &Detached{m: s.m, at: at, of: acquired.(*sessionScope)}, nil
}

// View calls f with the session as it is now. Changes in f
// fail with [middleware.ErrCommitted]. Do not keep s. Errors: [ErrEnded], [ErrStore],
// and those of f.
func (h *Detached) View(ctx context.Context, f func(s *State) error) error {
	s, err := h.open(ctx)
	if err != nil {
		return err
	}
	s.phase = frozen
	return f(s)
}

// Update calls f with the session as it is now, and saves what f has changed
// when it returns. If f fails or panics, nothing is changed. Changes that other
// requests save meanwhile are kept: the changes of f are applied again on top of them,
// without another call of f. It does not count as a visit: the
// session's idle time goes on, see [Detached.Touch].
//
// f may destroy the session. Login, Renew and flash messages need a
// cookie and fail with [ErrNeedsResponse]. In cookie mode Update fails with it
// and does not call f. Other errors: [ErrEnded], [ErrContention], [ErrTooLarge],
// [ErrStore], and those of f.
func (h *Detached) Update(ctx context.Context, f func(s *State) error) error {
	if !h.m.keeps() {
		return ErrNeedsResponse
	}
	s, err := h.open(ctx)
	if err != nil {
		return err
	}
	if err := f(s); err != nil {
		return err
	}
	return h.save(ctx, s)
}

// Touch restarts the idle time, for example when a message has come over a
// WebSocket. It may be called often: it writes only when the deadline moves by a
// tenth of the idle time. Errors: [ErrEnded], [ErrStore], and
// [ErrNeedsResponse] in cookie mode.
func (h *Detached) Touch(ctx context.Context) error {
	if !h.m.keeps() {
		return ErrNeedsResponse
	}
	s, err := h.open(ctx)
	if err != nil {
		return err
	}
	s.present = true
	return h.save(ctx, s)
}

// Context returns a context for work that belongs to the session and to no
// request: caches and resources in session scope work in it, until the session
// ends.
func (h *Detached) Context(parent context.Context) context.Context {
	return scope.WithLifetimeSource(parent, handleScope{h})
}

// handleScope gives caches and resources in session scope the scope of a Detached.
type handleScope struct{ h *Detached }

// Lifetime implements scope.LifetimeSource. It asks the store only when the session may have
// ended. Errors: [ErrEnded] and [ErrStore].
func (hs handleScope) Lifetime(ctx context.Context) (scope.Lifetime, error) {
	h := hs.h
	h.mu.Lock()
	of := h.of
	h.mu.Unlock()
	if !of.over(time.Now()) {
		return of, nil
	}
	at, err := h.reload(ctx)
	if err != nil {
		return nil, err
	}
	of, over := h.m.scopes.acquire(at.lineage(), at.deadline, false)
	runAll(over)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.of = of
	return of, nil
}

// over reports whether the scope has ended, or its deadline has passed.
func (l *sessionScope) over(now time.Time) bool {
	l.scopes.mu.Lock()
	ended := l.ended
	l.scopes.mu.Unlock()
	at := l.Deadline()
	return ended || !at.IsZero() && !now.Before(at)
}

// reload reads the session.
func (h *Detached) reload(ctx context.Context) (snapshot, error) {
	h.mu.Lock()
	at, of := h.at, h.of
	h.mu.Unlock()
	if later := of.Deadline(); !h.m.keeps() && h.m.limits.idle > 0 && later.After(at.deadline) {
		at.touched = max(at.touched, later.Add(-h.m.limits.idle).UnixMilli()) // a visit in this process
	}
	err := h.m.call(ctx, "load", func(ctx context.Context) (err error) {
		at, err = h.m.backend.reload(ctx, &at)
		return err
	})
	if _, gone := errors.AsType[*refusal](err); gone {
		return snapshot{}, ErrEnded
	}
	if err != nil {
		return snapshot{}, err
	}
	if !h.m.keeps() {
		// A visit in this process may have moved the deadline.
		if later := of.Deadline(); later.After(at.deadline) {
			at.deadline = later
		}
		if at.checkDeadline(time.Now()) != nil {
			return snapshot{}, ErrEnded
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.at = at
	return at, nil
}

// open returns a new State with the session as it is now.
func (h *Detached) open(ctx context.Context) (*State, error) {
	at, err := h.reload(ctx)
	if err != nil {
		return nil, err
	}
	s := newState(h.m, new(http.Request).WithContext(ctx))
	s.loading.Do(func() {})
	s.base, s.current, s.loaded, s.detached = at, at.record, true, true
	return s, nil
}

// save saves the changes of a State that open has made.
func (h *Detached) save(ctx context.Context, s *State) error {
	err := s.commit(ctx, http.StatusOK, make(http.Header))
	s.mu.Lock()
	at := s.base
	s.mu.Unlock()
	if err == nil && at.known() {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.at = at
	}
	return err
}
