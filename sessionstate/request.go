package sessionstate

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/reecho-go/reecho/internal/scope"
	"github.com/reecho-go/reecho/internal/visit"
)

// FromContext returns the session of the request whose context ctx is, or
// descends from. The error is [ErrNoSession], or that of a load whose result
// all visitors share, and which therefore may not see one visitor's session.
func FromContext(ctx context.Context) (*State, error) {
	s, err := scope.Get(ctx, scope.Session, build)
	if err != nil {
		if errors.Is(err, scope.ErrNone) {
			err = ErrNoSession
		}
		return nil, err
	}
	return &s.State, nil
}

// requestState is the content of a request's slot after the session was first used.
type requestState struct{ State }

var (
	_ scope.LifetimeSource = (*begun)(nil)
	_ scope.LifetimeSource = (*requestState)(nil)
	_ visit.Carrier        = (*begun)(nil)
	_ visit.Carrier        = (*requestState)(nil)
	_ visit.Opener         = (*requestState)(nil)
)

// Carries implements visit.Carrier.
func (b *begun) Carries(cookie string) bool { return b.m.carries(cookie) }

// Carries implements visit.Carrier.
func (s *requestState) Carries(cookie string) bool { return s.m.carries(cookie) }

// Opened implements visit.Opener.
func (s *requestState) Opened() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.loaded || s.flash.loaded
}

// carries reports whether a cookie of that name is the Manager's.
func (m *Manager) carries(cookie string) bool {
	if m.local != nil && strings.HasPrefix(cookie, m.local.bare) {
		cookie = m.local.prefix + cookie
	}
	return cookie == m.cookie.Name || cookie == m.flashName || cookie == m.visitName
}

func build(r *scope.Request, filled any) *requestState {
	s := new(requestState)
	m := filled.(*begun).m
	s.m, s.req = m, m.local.incoming(&r.HTTP)
	return s
}

// Lifetime implements scope.LifetimeSource for caches and resources in session scope.
func (b *begun) Lifetime(ctx context.Context) (scope.Lifetime, error) {
	s, err := FromContext(ctx)
	if err != nil {
		return nil, err
	}
	return s.scopeLifetime()
}

// Lifetime implements scope.LifetimeSource for caches and resources in session scope.
func (s *requestState) Lifetime(context.Context) (scope.Lifetime, error) { return s.scopeLifetime() }

// peek returns the State of this Manager, if the request has used it.
func (m *Manager) peek(ctx context.Context) (*State, bool) {
	s, ok := scope.Peek[requestState](ctx, scope.Session)
	if !ok || s.m != m {
		return nil, false
	}
	return &s.State, true
}

// of returns the State of a request that has to be behind this Manager.
func (m *Manager) of(ctx context.Context) (*State, error) {
	s, err := FromContext(ctx)
	if err == nil && s.m != m {
		err = ErrNoSession
	}
	if err != nil {
		return nil, err
	}
	return s, nil
}

// fromRequest returns the session of a request. If there is none, it returns a State whose
// error says why.
func fromRequest(r *http.Request) *State {
	s, err := FromContext(r.Context())
	if err != nil {
		return &State{m: new(Manager), req: r, err: err, none: true}
	}
	return s
}
