// Package echov5 turns plugins of the toolkit into middlewares of echo v5. It is a
// module of its own, with the same functions as package echov4; docs/echo-v5.md
// explains how to move an app from echo v4.
//
//	e := echo.New()
//	e.Use(echov5.Use(sessions, query)) // plugins: sessionstate, queryparams, ctxinfo, others
//
// Handlers pass their *echo.Context to sessionstate.From, queryparams.Bind and
// ctxinfo.From, and return the toolkit's errors: the middleware answers each with
// its own status and problem details. On routes without such a middleware echo's
// error handler sends the status only; set [ErrorHandler] to send the details too.
//
// Handlers may read the Response that echo.UnwrapResponse takes out of
// c.Response(), but must not write to it: the headers of the plugins, such as the
// session's cookie, would be missing.
package echov5

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/labstack/echo/v5"

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
// panics if there is none, or one that [middleware.New] has not made.
func Middleware(s *middleware.Stack) echo.MiddlewareFunc {
	if s == nil || len(s.Plugins()) == 0 {
		panic("echov5: Middleware: the Stack is nil: make one with middleware.New")
	}
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c *echo.Context) error { return s.Serve(echoHost(next), c) }
	}
}

// HTTPError wraps a [middleware.Error] so that echo's default error handler sends
// its problem details too. errors.As still finds err in it. Return it from handlers
// that must work without a Stack and without [ErrorHandler]. Other errors are
// returned unchanged.
func HTTPError(err error) error { return host.Wrap(echoHost(nil), err) }

// ErrorHandler returns an error handler for echo that answers every
// [middleware.Error] with its problem details (RFC 9457), as JSON, or as HTML for
// clients that prefer it. It passes all other errors to next, also an
// *echo.HTTPError of the program that wraps a [middleware.Error], and errors after
// the response was sent; nil means echo's default handler. Routes behind a
// middleware of the toolkit do not need it. In front of
// echo.ProblemDetailsHTTPErrorHandler it keeps the list of faults, which that one
// drops.
//
//	e.HTTPErrorHandler = echov5.ErrorHandler(nil)
func ErrorHandler(next echo.HTTPErrorHandler) echo.HTTPErrorHandler {
	if next == nil {
		next = echo.DefaultHTTPErrorHandler(false)
	}
	return func(c *echo.Context, err error) {
		rendered, writeErr := host.Render(echoHost(nil), c, err)
		switch {
		case writeErr != nil:
			c.Logger().Error("the answer to an error could not be sent", "error", writeErr)
		case !rendered:
			next(c, err)
		}
	}
}

// FromEcho makes a plugin of a middleware of echo v5. It is a [middleware.Wrapper],
// which runs after every Begin of the Stack. In a Stack that serves echo v5 or
// net/http, every request fails with an error that says so.
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
		wrapped = f.mw(func(c *echo.Context) error { return next(c) })
	}
	if wrapped == nil {
		return nil // New says so
	}
	return func(c middleware.Context) error {
		own, ok := c.(*echo.Context)
		if !ok {
			return fmt.Errorf("echov5: plugin %q is a middleware of echo v5, and this request is not echo v5's (its context is a %T): serve the Stack by echov5.Middleware, or take the plugin out", f.name, c)
		}
		return wrapped(own)
	}
}

// ClearHandler is [middleware.ClearHandler] as a handler of echo. An
// error of authorize that echo answers by itself is the answer too.
func ClearHandler(what middleware.Clearer, authorize func(*echo.Context) error) (echo.HandlerFunc, error) {
	clearAsAsked, err := host.ClearHandler("echov5", what, authorize)
	if err != nil {
		return nil, err
	}
	return func(c *echo.Context) error {
		if err := clearAsAsked(echoHost(nil), c); err != nil {
			_, _ = host.Render(echoHost(nil), c, err) // the client is gone if writing fails
			return HTTPError(err)
		}
		return c.NoContent(http.StatusNoContent)
	}, nil
}

// echoHost is echo v5, and a handler of it.
type echoHost echo.HandlerFunc

// Serve implements host.Host.
func (h echoHost) Serve(c host.Context) error {
	own, ok := c.(*echo.Context)
	if !ok {
		return fmt.Errorf("echov5: a wrapper passed on a %T, which is no context of echo: pass on the one that it was given, and use its SetRequest", c)
	}
	return h(own)
}

// Install implements host.Host: w is outermost, and writes to echo's Response
// through what middlewares have put around that. Where one of them hides the
// Response, a new one is outermost, so that echo's error handler sees what was sent.
func (echoHost) Install(c host.Context, w http.ResponseWriter) http.ResponseWriter {
	own := c.(*echo.Context)
	under := own.Response()
	if _, err := echo.UnwrapResponse(under); err != nil {
		w = echo.NewResponse(w, own.Logger())
	}
	own.SetResponse(w)
	return under
}

// Writer implements host.Host.
func (echoHost) Writer(c host.Context) http.ResponseWriter { return c.(*echo.Context).Response() }

// Committed implements host.Host.
func (echoHost) Committed(c host.Context) bool {
	res, err := echo.UnwrapResponse(c.(*echo.Context).Response())
	return err == nil && res.Committed
}

// Server implements host.Host.
func (echoHost) Server(c host.Context) http.Handler { return c.(*echo.Context).Echo() }

// ErrorHandler implements host.Host.
func (echoHost) ErrorHandler(c host.Context) any { return c.(*echo.Context).Echo().HTTPErrorHandler }

// FrameworkError implements host.Host: echo answers the first error with a status.
func (echoHost) FrameworkError(err error) error {
	var first echo.HTTPStatusCoder
	if !errors.As(err, &first) {
		return nil
	}
	switch own := first.(type) {
	case problem.Error, *answerError:
		return nil
	case error:
		return own
	}
	return nil
}

// Wrap implements host.Host.
func (echoHost) Wrap(err error) error {
	pe, ours := problem.From(err)
	if _, done := errors.AsType[*answerError](err); done || !ours {
		return err
	}
	return &answerError{err, problem.DetailsOf(pe)}
}

// answerError is an error of ours with its answer: being a json.Marshaler, echo's
// default error handler sends it whole.
type answerError struct {
	error
	details problem.Details
}

func (a *answerError) Unwrap() error   { return a.error }
func (a *answerError) StatusCode() int { return a.details.Status }

// MarshalJSON implements json.Marshaler.
func (a *answerError) MarshalJSON() ([]byte, error) { return json.Marshal(a.details) }

// responseOf returns echo's Response behind r, and nil if a middleware further out
// hides it.
func responseOf(r *commit.Run) *echo.Response {
	res, err := echo.UnwrapResponse(r.Unwrap())
	if err != nil { // r has moved behind it, to answer with the error of a commit
		res, _ = echo.UnwrapResponse(r.Own.(*echo.Context).Response())
	}
	return res
}

// StatusSent implements host.Host: Committed is for echo to set, when the status gets
// there; set earlier, it would drop the answer.
func (echoHost) StatusSent(r *commit.Run, status int) {
	if res := responseOf(r); res != nil {
		res.Status = status
	}
}

// ImpliedStatus implements host.Host: echo has a status in mind.
func (echoHost) ImpliedStatus(w http.ResponseWriter) int {
	if res, err := echo.UnwrapResponse(w); err == nil && res.Status >= http.StatusOK {
		return res.Status
	}
	return http.StatusOK
}

// Settle implements host.Host, for Responses that middlewares further in have put
// in front of echo's.
func (echoHost) Settle(r *commit.Run) {
	for w := r.Own.(*echo.Context).Response(); w != nil; {
		switch at := w.(type) {
		case *echo.Response:
			if at.Committed && commit.Informational(at.Status) {
				at.Committed, at.Status = false, http.StatusOK
			}
			w = at.ResponseWriter
		case interface{ Unwrap() http.ResponseWriter }:
			w = at.Unwrap()
		default:
			return
		}
	}
}

// Watch implements host.Host.
func (echoHost) Watch(r *commit.Run) {
	if res := responseOf(r); res != nil {
		res.Before(func() { r.Answer(res.Status, res.Header(), &res.ResponseWriter) })
	}
}
