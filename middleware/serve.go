package middleware

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/reecho-go/reecho/internal/commit"
	"github.com/reecho-go/reecho/internal/host"
	"github.com/reecho-go/reecho/internal/panics"
	"github.com/reecho-go/reecho/internal/scope"
)

// compose wraps the handler in all wrappers, once for all requests. The innermost function
// calls the handler of the request.
func (s *Stack) compose() error {
	s.handler = func(c Context) error {
		r, ok := c.Request().Context().Value(s).(*request)
		if !ok {
			return errors.New("middleware: a wrapper replaced the request's context by one that does not descend from it")
		}
		return r.run.Host.Serve(c)
	}
	var errs []error
	for _, w := range slices.Backward(s.wrappers) {
		wrapped := w.call.Wrap(s.handler)
		if wrapped == nil {
			errs = append(errs, fmt.Errorf("middleware: plugin %q: Wrap returned nil: return next if there is nothing to wrap, and give FromEcho a middleware", w.name))
			continue
		}
		s.handler = wrapped
	}
	return errors.Join(errs...)
}

// request has all that the Stack allocates for a request.
type request struct {
	scope.Request
	run   commit.Run
	stack *Stack
}

// Host implements host.Request.
func (r *request) Host() (host.Host, host.Context) { return r.run.Host, r.run.Own }

// Server implements host.Request.
func (r *request) Server() (http.Handler, context.Context) {
	came := r.Context
	if plain, ok := r.run.Host.(plainHost); ok {
		return r.stack.Handler(plain.Handler), came
	}
	if outer, ok := came.Value(host.Key{}).(*request); ok && outer.run.Own == r.run.Own {
		return outer.Server()
	}
	return r.run.Host.Server(r.run.Own), came
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
	case host.Key:
		return r
	}
	return r.Request.Value(key)
}

// Serve runs all hooks and the handler for one request. Applications use the
// Middleware of echov4 or echov5, or [Stack.Handler], which call it. It returns the
// error of the handler, of a hook or of the commit; an [Error] has been answered
// already.
func (s *Stack) Serve(h host.Host, c Context) error {
	if err := s.begin(c.Request().Context()); err != nil {
		_, err = answer(h, c, err)
		return err
	}
	r := &request{stack: s}
	r.Init(r, c.Request())
	defer r.Finish()
	c.SetRequest(&r.HTTP)
	r.run.Init(r, h, c, s.hooks, s.always)
	commits := s.commits(h)
	if commits {
		r.run.Install()
	}
	err := s.call(c, r)
	if commits {
		r.run.Settle()
	}
	if err == nil {
		if commits {
			err = r.run.Finish()
		}
		if err != nil {
			err = host.Wrap(h, err)
		}
		return err
	}
	rendered, err := answer(h, c, err)
	if commits && !rendered {
		r.run.Watch()
	}
	return err
}

// commits reports whether the Stack replaces the ResponseWriter: because a plugin is a
// Committer, or because the host cannot tell whether a response was sent.
func (s *Stack) commits(h host.Host) bool {
	_, bare := h.(plainHost)
	return len(s.committers) > 0 || bare
}

// call runs Begin, handler and End. After a panic of the first two it runs
// End with the panic, and then continues the panic.
func (s *Stack) call(c Context, r *request) (err error) {
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
		if s.commits(r.run.Host) {
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
	r.run.SetContext(c.Request().Context()) // has the values that plugins have added
	if err == nil {
		begun = len(s.plugins)
		err = s.handler(c)
	}
	returned = true
	return s.end(c, r, begun, err)
}

// end runs End of the first begun plugins, in reverse order. They see the Stack's own request,
// even if an inner Stack has left another request behind.
func (s *Stack) end(c Context, r *request, begun int, err error) error {
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

func (s *Stack) endOne(c Context, r *request, e hook[Ender], err error) (out error) {
	defer func() {
		if v := recover(); v != nil {
			out = errors.Join(err, s.failed(r, e.name, "End", panics.New(v)))
		}
	}()
	return e.call.End(c, err)
}

// named reports an error of a hook. Errors made for HTTP pass as they are.
func (s *Stack) named(r *request, plugin, hook string, err error) error {
	if r.run.Host.FrameworkError(err) != nil {
		return err
	}
	return s.failed(r, plugin, hook, err)
}

// answer renders an error of the toolkit, and reports whether it did. It returns the
// error in any case, so that loggers see it: a framework's error handler does not touch
// a response that was sent.
func answer(h host.Host, c Context, err error) (rendered bool, _ error) {
	rendered, _ = host.Render(h, c, err) // a failed write means that the client is gone
	return rendered, host.Wrap(h, err)
}
