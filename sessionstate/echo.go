package sessionstate

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

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

// Begin puts the Manager within reach of the request. It allocates nothing.
func (m *Manager) Begin(c echo.Context) error {
	ctx := c.Request().Context()
	if _, again := m.peek(ctx); !again { // a Stack further out may have the Manager too, and its State in use
		scope.Fill(ctx, scope.Session, &m.begun)
	}
	return nil
}

// End drops the changes of a handler that panicked, and ends what it destroyed.
func (m *Manager) End(c echo.Context, err error) error {
	ctx := c.Request().Context()
	s, ok := m.peek(ctx)
	if !ok {
		return err
	}
	if _, panicked := errors.AsType[*middleware.PanicError](err); panicked {
		s.panicked(ctx)
	}
	s.giveBack()
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

// CSRF returns a middleware that answers 403 to every request that could change
// something (any method but GET, HEAD, OPTIONS and TRACE) unless it carries a
// token of [State.CSRFToken] for its own session, in the header [CSRFHeader] or
// the form field [CSRFField] of the body: a token in the query is not looked at,
// since addresses end up in logs and in other sites' Referer. Nothing else a
// request says of itself, such as Sec-Fetch-Site, makes up for the token. Put it
// behind the Manager's own middleware: before or without that, every such request
// fails with [ErrNoSession], and the observer is told once. A form that cannot be
// read is a 400 or 413, as for [Bind].
func (m *Manager) CSRF() echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			switch c.Request().Method {
			case http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodTrace:
				return next(c)
			}
			s, err := m.of(c.Request().Context())
			if err != nil {
				m.misplaced.Do(func() {
					m.tell(c.Request().Context(), "Manager.CSRF refuses all requests that could change something, since it has no session: put it behind Manager.Middleware(), or a Stack with the Manager in it")
				})
				return err
			}
			token := c.Request().Header.Get(CSRFHeader)
			if token == "" {
				if err := readForm(c); err != nil {
					return err
				}
				token = c.Request().PostForm.Get(CSRFField)
			}
			if err := s.VerifyCSRF(token); err != nil {
				return problem.HTTPError(err)
			}
			return next(c)
		}
	}
}

// Exclusive returns a middleware that lets the requests of one session through
// one at a time, in the order in which they came, for routes where doing a thing
// twice at once would be wrong (a checkout) or wasteful. Each finds the session
// as the last one left it. A request waits for its turn at most for wait (0: 10
// seconds; a nanosecond: not at all) and then fails with [ErrBusy], a 503; so do
// more than 64 that wait at once. Its turn ends when its response has saved the
// session and the handler is done, at the latest after hold (0: 10 seconds): then
// the next one goes on beside it. Visitors without a session do not wait. It
// panics if one of them is negative, since it is called when the app is built.
//
// It works within this process: with several, send the requests of a session to
// the same one, or rely on [Key.Update], which needs no turn. In cookie mode
// requests come with the cookie they were sent with, so turns order them, but do
// not show them each other's changes.
//
// Put it behind the Manager's own middleware.
func (m *Manager) Exclusive(wait, hold time.Duration) echo.MiddlewareFunc {
	if wait < 0 || hold < 0 {
		panic(fmt.Sprintf("sessionstate: Manager.Exclusive(%v, %v): use 0 for 10 seconds, or positive times", wait, hold))
	}
	wait, hold = cmp.Or(wait, 10*time.Second), cmp.Or(hold, 10*time.Second)
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			s, err := m.of(c.Request().Context())
			if err != nil {
				return err
			}
			give, err := s.exclusive(wait)
			if errors.Is(err, ErrBusy) {
				c.Response().Header().Set("Retry-After", "1")
			}
			if err != nil {
				return problem.HTTPError(err)
			}
			if give == nil {
				return next(c)
			}
			late := time.AfterFunc(hold, give)
			done := func() {
				late.Stop()
				give()
			}
			returned := false
			defer func() {
				if !returned { // a panic
					done()
				}
			}()
			err = next(c)
			returned = true
			s.whenFrozen(done)
			return err
		}
	}
}

// Bind sets the keys of fields to what the request's form has for them, all or
// none: from the body, or, for GET and HEAD, from the query. OnChange functions
// run before it returns, so the rest of the handler sees what they made of it;
// an error of one takes all fields back. Check the CSRF token first
// ([Manager.CSRF]). Errors: a *[BindError] that names every fault, a 400; those
// of [Key.Set]; and a 400 or 413 for a form that cannot be read.
func Bind(s *State, c echo.Context, fields ...Field) error {
	r := c.Request()
	if err := readForm(c); err != nil {
		return err
	}
	form := r.PostForm
	switch {
	case r.Method == http.MethodGet || r.Method == http.MethodHead:
		form = r.URL.Query()
	case r.MultipartForm != nil:
		form = r.MultipartForm.Value
	}
	return problem.HTTPError(s.bind(form, fields))
}

// readForm reads the form of the request's body. The error is a 400 or 413.
func readForm(c echo.Context) error {
	_, err := c.FormParams()
	if err == nil {
		return nil
	}
	if _, large := errors.AsType[*http.MaxBytesError](err); large {
		return echo.NewHTTPError(http.StatusRequestEntityTooLarge).SetInternal(err)
	}
	if _, answered := errors.AsType[*echo.HTTPError](err); answered {
		return err
	}
	return echo.NewHTTPError(http.StatusBadRequest, "the form cannot be read").SetInternal(err)
}

// Bind returns a middleware that does [Bind] before the handler runs, as
// Streamlit sets its widgets' keys before the script. Put it behind the
// Manager's own middleware, and behind [Manager.CSRF].
func (m *Manager) Bind(fields ...Field) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			s, err := m.of(c.Request().Context())
			if err != nil {
				return err
			}
			if err := Bind(s, c, fields...); err != nil {
				return err
			}
			return next(c)
		}
	}
}

// Tab returns the name of the browser tab that sent the request: the header
// [TabHeader], or the form field or query parameter [TabField]. A tab that gives
// none, or none made of up to 36 letters, digits, "-" and "_", is a new one and
// gets a random name: put that into the page, as a hidden input, in its links, or
// in sessionStorage for a script that sends the header. Without it a reload
// starts anew, as in Streamlit. Keys have values per tab by [Key.In].
func Tab(c echo.Context) TabName {
	if name, ok := c.Get(tabKey).(TabName); ok {
		return name
	}
	name := TabName(c.Request().Header.Get(TabHeader))
	if name == "" {
		name = TabName(c.FormValue(TabField))
	}
	if !name.valid() {
		name = newTabName()
	}
	c.Set(tabKey, name) // a new tab keeps its name for the whole request
	return name
}

// tabKey is where the echo.Context keeps the name of the tab.
const tabKey = "sessionstate.tab"

// From returns the session of the request. It is lazy: neither cookie nor store
// is touched before the first use. It is never nil and never panics. Where no
// Manager is in front of the route, and in a load whose result all visitors
// share, every key reads its default, every change fails, [State.Err] says so
// with [ErrNoSession] or the error of [FromContext], and the first use is logged
// by slog.Default.
func From(c echo.Context) *State { return fromRequest(c.Request()) }
