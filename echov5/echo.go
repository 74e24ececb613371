// Package echov5 serves echo v5: it makes the plugins of the toolkit, which speak
// no web framework, middlewares of echo. It is a module of its own, with the
// functions that package echov4 has for echo v4; docs/echo-v5.md says how an app
// moves from one to the other.
//
//	e := echo.New()
//	e.Use(echov5.Use(sessions, query)) // plugins: sessionstate, queryparams, ctxinfo, others
//
// Handlers pass their *echo.Context to sessionstate.From, queryparams.Bind,
// ctxinfo.From and the like as it is. What they return of the toolkit's errors,
// the middlewares answer; on routes without any, echo's own error handler answers
// with the status alone, and [ErrorHandler] with all that there is to say.
//
// Middlewares of echo v5 wrap outside of echo's Response, and so does the writer
// that commits: a handler that takes the Response out of c.Response() with
// echo.UnwrapResponse may read it, but what it writes to it is past the commit.
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

// Use makes one middleware of plugins, in the order of their Begin: a Stack of
// their own, for e.Use, a group or a route. It panics if they do not fit in one
// (see [middleware.New]), which is a mistake in the program. The program closes
// the plugins that are closers; make a Stack for [Middleware] to have that done in
// the right order.
func Use(plugins ...middleware.Plugin) echo.MiddlewareFunc {
	return Middleware(middleware.Must(middleware.New(plugins...)))
}

// Middleware returns a Stack as one middleware, for e.Use, a group or a route.
func Middleware(s *middleware.Stack) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c *echo.Context) error { return s.Serve(echoHost(next), c) }
	}
}

// HTTPError wraps a [middleware.Error] for echo, so that even echo's default error
// handler answers with its problem details, and err stays within reach of
// errors.As. Return it from handlers that must work without a Stack and without
// [ErrorHandler]. Other errors come back unchanged.
func HTTPError(err error) error { return host.Wrap(echoHost(nil), err) }

// ErrorHandler returns an echo error handler that answers every
// [middleware.Error], the toolkit's and that of other plugins, with its problem
// details (RFC 9457), as JSON or as HTML for clients that prefer it. Everything
// else, such as an *echo.HTTPError of the program's own around one of them, and
// every response that has been sent already, goes to next unchanged; nil is echo's
// default handler. The toolkit's middlewares answer errors by themselves: this
// handler is for apps or routes without them. In front of
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

// FromEcho makes a plugin of any middleware of echo v5, as a [middleware.Wrapper]:
// it runs inside every Begin of the Stack. In a Stack that serves echo v5 or
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
	wrapped := f.mw(func(c *echo.Context) error { return next(c) })
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
// through what middlewares have put around that.
func (echoHost) Install(c host.Context, w http.ResponseWriter) http.ResponseWriter {
	own := c.(*echo.Context)
	under := own.Response()
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

// ErrorHandler implements host.Host.
func (echoHost) ErrorHandler(c host.Context) any { return c.(*echo.Context).Echo().HTTPErrorHandler }

// Own implements host.Host: echo answers the first error with a status.
func (echoHost) Own(err error) error {
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

// Left implements host.Host: Committed is for echo to set, when the status gets
// there; set earlier, it would drop the answer.
func (echoHost) Left(r *commit.Run, status int) {
	if res := responseOf(r); res != nil {
		res.Status = status
	}
}

// Implied implements host.Host: echo has a status in mind.
func (echoHost) Implied(r *commit.Run) int {
	if res := responseOf(r); res != nil && res.Status >= http.StatusOK {
		return res.Status
	}
	return http.StatusOK
}

// Informs implements host.Host: it is the server's writer, since echo's Response
// counts an informational status, and gzip keeps it, as the final one.
func (echoHost) Informs(r *commit.Run) http.ResponseWriter {
	if res, err := echo.UnwrapResponse(r.Unwrap()); err == nil {
		return res.ResponseWriter
	}
	return r.Unwrap()
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
