package sessionstate

import (
	"context"
	"errors"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/reecho-go/reecho/internal/problem"
	"github.com/reecho-go/reecho/internal/scope"
	"github.com/reecho-go/reecho/middleware"
)

var (
	_ middleware.Starter   = (*Manager)(nil)
	_ middleware.Beginner  = (*Manager)(nil)
	_ middleware.Ender     = (*Manager)(nil)
	_ middleware.Committer = (*Manager)(nil)
	_ middleware.OnDemand  = (*Manager)(nil)
	_ middleware.Closer    = (*Manager)(nil)
)

// Middleware returns the Manager as an echo middleware of its own, for apps
// without a Stack. Put it outside of whatever uses the session.
func (m *Manager) Middleware() echo.MiddlewareFunc { return middleware.Alone(m) }

// contribKey is where echo-contrib/session looks for its store.
const contribKey = "_session_store"

// Begin puts the Manager within reach of the request. It allocates nothing,
// unless Config.EchoContrib is set.
func (m *Manager) Begin(c echo.Context) error {
	ctx := c.Request().Context()
	if _, again := m.peek(ctx); !again { // a Stack further out may have the Manager too, and its State in use
		scope.Fill(ctx, scope.Session, m)
	}
	if m.contrib {
		c.Set(contribKey, m.gorilla)
	}
	return nil
}

// End drops the changes of a handler that panicked.
func (m *Manager) End(c echo.Context, err error) error {
	if err == nil {
		return nil
	}
	if _, panicked := errors.AsType[*middleware.PanicError](err); panicked {
		if s, ok := m.peek(c.Request().Context()); ok {
			s.panicked()
		}
	}
	return err
}

// BeforeHeaders saves the session of the request and sets its cookies.
func (m *Manager) BeforeHeaders(ctx context.Context, status int, h http.Header) error {
	if s, ok := m.peek(ctx); ok {
		return s.commit(ctx, status, h)
	}
	return nil
}

// CommitOnDemand says that responses of requests that never use the session
// need no commit.
func (*Manager) CommitOnDemand() {}

// peek returns the State of this Manager, if the request has used it.
func (m *Manager) peek(ctx context.Context) (*State, bool) {
	s, ok := scope.Peek[State](ctx, scope.Session)
	return s, ok && s.m == m
}

// CSRF returns a middleware that answers 403 to every request that could change
// something (any method but GET, HEAD, OPTIONS and TRACE) unless it carries a
// token of [State.CSRFToken] for its own session, in the header [CSRFHeader] or
// the form field [CSRFField]. Nothing else a request says of itself, such as
// Sec-Fetch-Site, makes up for the token. Put it behind the Manager's own
// middleware; without that, every such request is refused.
func (m *Manager) CSRF() echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			switch c.Request().Method {
			case http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodTrace:
				return next(c)
			}
			token := c.Request().Header.Get(CSRFHeader)
			if token == "" {
				token = c.FormValue(CSRFField)
			}
			s, ok := FromOK(c)
			if !ok || s.m != m {
				return problem.HTTPError(ErrCSRF)
			}
			if err := s.VerifyCSRF(token); err != nil {
				return problem.HTTPError(err)
			}
			return next(c)
		}
	}
}

// From returns the session of the request. It is lazy: neither cookie nor
// store is touched before the first use. It panics with an [ErrNoSession] if
// the Manager's middleware is missing; see [FromOK].
func From(c echo.Context) *State {
	s, err := FromContext(c.Request().Context())
	if err != nil {
		panic(err)
	}
	return s
}

// FromOK returns the session of the request, and whether there is one.
func FromOK(c echo.Context) (*State, bool) {
	s, err := FromContext(c.Request().Context())
	return s, err == nil
}

// FromContext returns the session of the request whose context ctx is, or
// descends from. The error is [ErrNoSession], or that of a load whose result
// all visitors share, and which therefore may not see one visitor's session.
func FromContext(ctx context.Context) (*State, error) {
	s, err := scope.Get(ctx, scope.Session, build)
	if errors.Is(err, scope.ErrNone) {
		return nil, ErrNoSession
	}
	return s, err
}

func build(r *scope.Request, filled any) *State {
	return newState(filled.(*Manager), &r.HTTP)
}
