// Package echov4 turns plugins of the toolkit into middlewares of echo v4. Package
// echov5, a module of its own, has the same functions for echo v5.
//
//	e := echo.New()
//	e.Use(echov4.Use(sessions, query)) // plugins: sessionstate, queryparams, ctxinfo, others
//
// Handlers pass their echo.Context to sessionstate.From, queryparams.Bind and
// ctxinfo.From, and return the toolkit's errors: the middleware answers each with
// its own status. For routes without such a middleware set [ErrorHandler], because
// echo answers 500 to all errors that it does not know.
package echov4

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/reecho-go/reecho/internal/commit"
	"github.com/reecho-go/reecho/internal/host"
	"github.com/reecho-go/reecho/internal/problem"
	"github.com/reecho-go/reecho/middleware"
)

// Use makes one middleware of plugins, for e.Use, a group or a route. Their Begin
// hooks run in the order of the list. Use panics if [middleware.New] refuses the
// list, such as one with two plugins of the same name. The program must close
// plugins that have a Close method; a Stack with [Middleware] closes them in the
// right order.
func Use(plugins ...middleware.Plugin) echo.MiddlewareFunc {
	return Middleware(middleware.Must(middleware.New(plugins...)))
}

// Middleware returns a Stack as one middleware, for e.Use, a group or a route. It
// panics if there is none, or one that [middleware.New] has not made. In e.Pre, put
// it after what changes the path or the method, such as echo's Rewrite: the router
// reads the request that came in, and not what a later middleware of e.Pre gets.
func Middleware(s *middleware.Stack) echo.MiddlewareFunc {
	if s == nil || len(s.Plugins()) == 0 {
		panic("echov4: Middleware: the Stack is nil: make one with middleware.New")
	}
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error { return s.Serve(echoHost(next), c) }
	}
}

// HTTPError converts a [middleware.Error] to an *echo.HTTPError with the same
// status and problem details, which echo's default error handler sends too. It
// wraps err, for errors.As. Return it from handlers that must work without a Stack
// and without [ErrorHandler]. Other errors are returned unchanged.
func HTTPError(err error) error { return host.Wrap(echoHost(nil), err) }

// ErrorHandler returns an error handler for echo that answers every
// [middleware.Error] with its problem details (RFC 9457), as JSON, or as HTML for
// clients that prefer it. It passes all other errors to next, also an
// *echo.HTTPError of the program that wraps a [middleware.Error], and errors after
// the response was sent; nil means echo's default handler. Routes behind a
// middleware of the toolkit do not need it; on routes without one, echo would
// answer 500.
//
//	e.HTTPErrorHandler = echov4.ErrorHandler(nil)
func ErrorHandler(next echo.HTTPErrorHandler) echo.HTTPErrorHandler {
	return func(err error, c echo.Context) {
		rendered, writeErr := host.Render(echoHost(nil), c, err)
		switch {
		case writeErr != nil:
			c.Logger().Error(writeErr)
		case rendered:
		case next == nil:
			c.Echo().DefaultHTTPErrorHandler(err, c)
		default:
			next(err, c)
		}
	}
}

// FromEcho makes a plugin of a middleware of echo v4. It is a [middleware.Wrapper],
// which runs after every Begin of the Stack. In a Stack that serves echo v5 or
// net/http, every request fails with an error that names the plugin.
func FromEcho(name string, mw echo.MiddlewareFunc) middleware.Plugin { return &fromEcho{name, mw} }

type fromEcho struct {
	name string
	mw   echo.MiddlewareFunc
}

var _ middleware.Wrapper = (*fromEcho)(nil)

// Name implements middleware.Plugin.
func (f *fromEcho) Name() string { return f.name }

// Wrap implements middleware.Wrapper.
func (f *fromEcho) Wrap(next middleware.Handler) middleware.Handler {
	var wrapped echo.HandlerFunc
	if f.mw != nil {
		wrapped = f.mw(func(c echo.Context) error { return next(c) })
	}
	if wrapped == nil {
		return nil // New says so
	}
	return func(c middleware.Context) error {
		own, ok := c.(echo.Context)
		if !ok {
			return fmt.Errorf("echov4: plugin %q is a middleware of echo v4, and this request is not echo v4's (its context is a %T): serve the Stack by echov4.Middleware, or take the plugin out", f.name, c)
		}
		return wrapped(own)
	}
}

// ClearHandler is [middleware.ClearHandler] as a handler of echo. An
// *echo.HTTPError that authorize returns is the response too.
func ClearHandler(what middleware.Clearer, authorize func(echo.Context) error) (echo.HandlerFunc, error) {
	clearAsAsked, err := host.ClearHandler("echov4", what, authorize)
	if err != nil {
		return nil, err
	}
	return func(c echo.Context) error {
		if err := clearAsAsked(echoHost(nil), c); err != nil {
			_, _ = host.Render(echoHost(nil), c, err) // the client is gone if writing fails
			return HTTPError(err)
		}
		return c.NoContent(http.StatusNoContent)
	}, nil
}

// echoHost is echo v4, and a handler of it.
type echoHost echo.HandlerFunc

// Serve implements host.Host.
func (h echoHost) Serve(c host.Context) error {
	own, ok := c.(echo.Context)
	if !ok {
		return fmt.Errorf("echov4: a wrapper passed on a %T, which is no context of echo: pass on the one that it was given, and use its SetRequest", c)
	}
	return h(own)
}

// Install implements host.Host: echo's Response is outermost, and writes to w.
func (echoHost) Install(c host.Context, w http.ResponseWriter) http.ResponseWriter {
	res := c.(echo.Context).Response()
	under := res.Writer
	res.Writer = w
	return under
}

// Writer implements host.Host.
func (echoHost) Writer(c host.Context) http.ResponseWriter { return c.(echo.Context).Response() }

// Committed implements host.Host.
func (echoHost) Committed(c host.Context) bool { return c.(echo.Context).Response().Committed }

// Server implements host.Host.
func (echoHost) Server(c host.Context) http.Handler { return c.(echo.Context).Echo() }

// ErrorHandler implements host.Host.
func (echoHost) ErrorHandler(c host.Context) any { return c.(echo.Context).Echo().HTTPErrorHandler }

// FrameworkError implements host.Host.
func (echoHost) FrameworkError(err error) error {
	if he, ok := errors.AsType[*echo.HTTPError](err); ok {
		if _, ours := he.Message.(message); !ours {
			return &ownError{he, he == err}
		}
	}
	return nil
}

// ownError is an error of echo that has a status, as those of echo v5 have.
type ownError struct {
	*echo.HTTPError
	outermost bool
}

// StatusCode is what echo answers by itself: 500 if another error is around it.
func (e *ownError) StatusCode() int {
	if !e.outermost {
		return http.StatusInternalServerError
	}
	if inner, ok := e.Internal.(*echo.HTTPError); ok { //lint:ignore errorlint as echo does
		return inner.Code
	}
	return e.Code
}

// Wrap implements host.Host.
func (echoHost) Wrap(err error) error {
	if outermost, ok := errors.AsType[*echo.HTTPError](err); ok && outermost == err {
		return err
	}
	pe, ok := problem.From(err)
	if !ok {
		return err
	}
	d := problem.DetailsOf(pe)
	return &echo.HTTPError{Code: d.Status, Message: message{d}, Internal: err}
}

// message is problem details as the Message of an *echo.HTTPError. It is a
// json.Marshaler, so echo's default error handler sends all of it.
type message struct{ problem.Details }

// MarshalJSON implements json.Marshaler.
func (m message) MarshalJSON() ([]byte, error) { return json.Marshal(m.Details) }

// String is the title alone: an *echo.HTTPError shows its Message in its own
// text, for logs, and the error itself beside it.
func (m message) String() string { return m.Title }

// StatusSent implements host.Host: loggers and error handlers read it.
func (echoHost) StatusSent(r *commit.Run, status int) {
	res := r.Own.(echo.Context).Response()
	res.Status, res.Committed = status, true
}

// ImpliedStatus implements host.Host.
func (echoHost) ImpliedStatus(http.ResponseWriter) int { return http.StatusOK }

// Settle implements host.Host.
func (echoHost) Settle(r *commit.Run) {
	if res := r.Own.(echo.Context).Response(); res.Committed && commit.Informational(res.Status) {
		res.Committed = false
	}
}

// Watch implements host.Host.
func (echoHost) Watch(r *commit.Run) {
	res := r.Own.(echo.Context).Response()
	res.Before(func() { r.Answer(res.Status, res.Header(), &res.Writer) })
}
