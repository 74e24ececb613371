package middleware

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"

	"github.com/labstack/echo/v4"

	"github.com/reecho-go/reecho/internal/commit"
	"github.com/reecho-go/reecho/internal/panics"
	"github.com/reecho-go/reecho/internal/problem"
	"github.com/reecho-go/reecho/internal/scope"
)

// Beginner is called before the handler, in list order. An error keeps the
// handler and the later plugins from running; End runs for those begun, and
// the error is answered. Begin should do next to nothing: put what the handler
// and the plugin's other hooks may ask for into the request's context, with
// c.SetRequest, and compute it when they do.
type Beginner interface {
	Plugin
	Begin(c echo.Context) error
}

// Wrapper owns the call of the handler: it may skip it, replace it or look at
// it from both sides. The first of the list is the outermost. Wrap is called
// once, in New; the handler that it returns serves all requests. Wrappers run
// after every Begin and before every End.
type Wrapper interface {
	Plugin
	Wrap(next echo.HandlerFunc) echo.HandlerFunc
}

// Ender is called after the handler, in reverse list order, for every plugin
// whose turn to Begin came and did not fail. err is what the handler or an
// earlier End returned, a *[PanicError] if it panicked; End returns the error
// to pass on, usually err. What End returns after a panic is dropped, and a
// panic in End is contained and joined to err. A response that the handler
// did not write has not been committed yet.
type Ender interface {
	Plugin
	End(c echo.Context, err error) error
}

// echoHooks are the capabilities that speak echo, and what is made of them.
type echoHooks struct {
	beginners []hook[Beginner]
	wrappers  []hook[Wrapper]
	enders    []hook[Ender]
	handler   echo.HandlerFunc // the wrappers around the request's handler
}

func (s *Stack) collectEcho(at int, name string, p Plugin) {
	collect(&s.beginners, at, name, p)
	collect(&s.wrappers, at, name, p)
	collect(&s.enders, at, name, p)
}

// compose wraps, once, the handler that finds the request's own.
func (s *Stack) compose() {
	s.handler = func(c echo.Context) error {
		r, ok := c.Request().Context().Value(s).(*request)
		if !ok {
			return errors.New("middleware: a wrapper replaced the request's context by one that does not descend from it")
		}
		return r.next(c)
	}
	for _, w := range slices.Backward(s.wrappers) {
		s.handler = w.call.Wrap(s.handler)
	}
}

// request is everything that the Stack allocates for a request.
type request struct {
	scope.Request
	run   commit.Run
	stack *Stack
	next  echo.HandlerFunc
}

// Value implements context.Context.
func (r *request) Value(key any) any {
	switch key := key.(type) {
	case commit.Key:
		if len(r.stack.committers) > 0 {
			return &r.run
		}
	case *Stack:
		if key == r.stack {
			return r
		}
	}
	return r.Request.Value(key)
}

// Middleware returns the Stack as one echo middleware, for e.Use, a group or a
// route. It may be used in several places, but a request should meet it once:
// what meets it twice, by e.Use and by a group, runs all its hooks twice. A
// Stack within another Stack works, each with its own plugins.
func (s *Stack) Middleware() echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error { return s.serve(c, next) }
	}
}

// serve takes one request through all hooks.
func (s *Stack) serve(c echo.Context, next echo.HandlerFunc) error {
	if err := s.begin(c.Request().Context()); err != nil {
		_, err = answer(c, err)
		return err
	}
	r := &request{stack: s, next: next}
	r.Init(r, c.Request())
	defer r.Finish()
	c.SetRequest(&r.HTTP)
	commits := len(s.committers) > 0
	if commits {
		r.run.Init(r, c, s.hooks, s.always)
	}
	err := s.call(c, r)
	if commits {
		r.run.Settle()
	}
	if err == nil {
		if commits {
			err = r.run.Finish()
		}
		return problem.HTTPError(err)
	}
	rendered, err := answer(c, err)
	if commits && !rendered {
		r.run.Watch()
	}
	return err
}

// call runs Begin, handler and End. After a panic of the first two it runs
// End with the panic and lets it go on.
func (s *Stack) call(c echo.Context, r *request) (err error) {
	begun, returned := 0, false
	defer func() {
		if returned {
			return
		}
		v := recover()
		pe := panics.New(v)
		if v == nil {
			pe.Value = panics.ErrGoexit
		}
		_ = s.end(c, r, begun, pe) // a panic cannot be replaced
		if len(s.committers) > 0 {
			r.run.Settle()
			r.run.Watch()
		}
		if v != nil {
			panic(v)
		}
	}()
	for _, b := range s.beginners {
		begun = b.at
		if err = b.call.Begin(c); err != nil {
			err = s.named(r, b.name, "Begin", err)
			break
		}
	}
	r.run.In(c.Request().Context()) // with what the plugins have put there
	if err == nil {
		begun = len(s.plugins)
		err = s.handler(c)
	}
	returned = true
	return s.end(c, r, begun, err)
}

// end runs End of the first begun plugins, last first. They see the Stack's
// own request state even if another Stack further in has left its own behind.
func (s *Stack) end(c echo.Context, r *request, begun int, err error) error {
	if len(s.enders) == 0 {
		return err
	}
	if seen := c.Request(); !r.Innermost(seen.Context()) {
		c.SetRequest(&r.HTTP)
		defer c.SetRequest(seen)
	}
	for _, e := range slices.Backward(s.enders) {
		if e.at < begun {
			err = s.endOne(c, r, e, err)
		}
	}
	return err
}

func (s *Stack) endOne(c echo.Context, r *request, e hook[Ender], err error) (out error) {
	defer func() {
		if v := recover(); v != nil {
			out = errors.Join(err, s.failed(r, e.name, "End", panics.New(v)))
		}
	}()
	return e.call.End(c, err)
}

// named reports an error of a hook. Errors made for HTTP pass as they are.
func (s *Stack) named(ctx context.Context, plugin, hook string, err error) error {
	if _, ok := errors.AsType[*echo.HTTPError](err); ok {
		return err
	}
	return s.failed(ctx, plugin, hook, err)
}

// answer renders an error of ours, and reports whether it did. The error is
// passed on either way, so that loggers see it: echo's error handler leaves a
// response alone that has been written.
func answer(c echo.Context, err error) (rendered bool, _ error) {
	rendered, _ = problem.Render(c, err) // a failed write means that the client is gone
	return rendered, problem.HTTPError(err)
}

// HTTPError wraps an [Error] for echo: an *echo.HTTPError with its status and
// problem details, which even echo's default error handler answers with, and
// err within reach of errors.As. Return it from handlers that must work
// without a Stack; every handler function of the toolkit does. Other errors
// come back unchanged.
func HTTPError(err error) error { return problem.HTTPError(err) }

// Alone makes one plugin a middleware: a Stack of its own. It panics if the
// plugin is not fit for a Stack, which is a mistake in the program. The
// caller, not the middleware, closes the plugin.
func Alone(p Plugin) echo.MiddlewareFunc { return Must(New(p)).Middleware() }

var (
	_ Beginner = (*Visitor)(nil)
	_ Ender    = (*Visitor)(nil)
)

// Begin makes the declaration hold for the request.
func (v *Visitor) Begin(c echo.Context) error {
	var named func(string) any
	if v.visitor.Named() {
		named = c.Get
	}
	v.visitor.Declare(c.Request().Context(), named)
	return nil
}

// End keeps what the id is made of for what goes on after the request.
func (v *Visitor) End(c echo.Context, err error) error {
	scope.Settle(c.Request().Context())
	return err
}

// Middleware returns the declaration as an echo middleware by itself.
func (v *Visitor) Middleware() echo.MiddlewareFunc { return Alone(v) }

// FromEcho makes a plugin of any echo middleware, as a [Wrapper]: it runs
// inside every Begin of the Stack.
func FromEcho(name string, mw echo.MiddlewareFunc) Plugin { return &fromEcho{name, mw} }

type fromEcho struct {
	name string
	mw   echo.MiddlewareFunc
}

var _ Wrapper = (*fromEcho)(nil)

// Name implements Plugin.
func (f *fromEcho) Name() string { return f.name }

// Wrap implements Wrapper.
func (f *fromEcho) Wrap(next echo.HandlerFunc) echo.HandlerFunc { return f.mw(next) }

// ErrorHandler returns an echo error handler that answers every [Error], the
// toolkit's and that of other plugins, with its problem details (RFC 9457), as
// JSON or as HTML for clients that prefer it. Everything else, such as an
// *echo.HTTPError of the program's own with one of them as Internal, and every
// response that has been sent already, goes to next unchanged; nil is echo's
// default handler. The middlewares of the toolkit answer errors by themselves:
// this handler is for apps or routes without them, where echo would answer 500.
//
//	e.HTTPErrorHandler = middleware.ErrorHandler(nil)
func ErrorHandler(next echo.HTTPErrorHandler) echo.HTTPErrorHandler {
	return func(err error, c echo.Context) {
		if rendered, writeErr := problem.Render(c, err); rendered {
			if writeErr != nil {
				c.Logger().Error(writeErr)
			}
			return
		}
		if next == nil {
			c.Echo().DefaultHTTPErrorHandler(err, c)
			return
		}
		next(err, c)
	}
}

// Clearer is what [ClearHandler] clears: a *cachedata.Group or a
// *cacheresource.Group.
type Clearer interface {
	// ClearBy clears what the query of a request says.
	ClearBy(ctx context.Context, query map[string][]string) error
}

// ClearHandler returns an echo handler that clears what the query of a request
// says, by what's ClearBy, and answers 204 No Content. A nil what or authorize is
// an error: whoever may clear can make every request slow.
//
// authorize is called first. Its error is the answer if it has a status of its
// own, as echo's and this toolkit's errors do; otherwise the answer is 403
// Forbidden, which says no more. Besides that, the handler accepts only POST,
// and refuses requests that a browser sends for another origin (see
// http.CrossOriginProtection): a page elsewhere cannot make an administrator's
// browser clear the cache.
func ClearHandler(what Clearer, authorize func(echo.Context) error) (echo.HandlerFunc, error) {
	switch {
	case what == nil:
		return nil, errors.New("middleware: ClearHandler: there is nothing to clear: give a group of caches or resources, such as cachedata.Default()")
	case authorize == nil:
		return nil, errors.New("middleware: ClearHandler: authorize is nil: say who may clear")
	}
	sameOrigin := http.NewCrossOriginProtection()
	clearAsAsked := func(c echo.Context) error {
		r := c.Request()
		if r.Method != http.MethodPost {
			c.Response().Header().Set(echo.HeaderAllow, http.MethodPost)
			return refuse(http.StatusMethodNotAllowed, "Use POST.", nil)
		}
		if err := sameOrigin.Check(r); err != nil {
			return refuse(http.StatusForbidden, "This request comes from another site.", err)
		}
		if err := authorize(c); err != nil {
			return denied(err)
		}
		query, err := url.ParseQuery(r.URL.RawQuery)
		if err != nil {
			return refuse(http.StatusBadRequest, "The query cannot be read.", err)
		}
		return what.ClearBy(r.Context(), query)
	}
	return func(c echo.Context) error {
		if err := clearAsAsked(c); err != nil {
			return problem.HTTPError(err)
		}
		return c.NoContent(http.StatusNoContent)
	}, nil
}

// denied is what to answer when authorize has failed with err: err itself if it
// is meant for clients.
func denied(err error) error {
	if _, ok := errors.AsType[*echo.HTTPError](err); ok {
		return err
	}
	if _, ok := problem.From(err); ok {
		return err
	}
	return refuse(http.StatusForbidden, "You may not clear this.", err)
}

func refuse(status int, detail string, cause error) error {
	return &problem.RefusalError{Who: "middleware: ClearHandler", Status: status, Detail: detail, Cause: cause}
}
