package middleware

import (
	"errors"
	"net/http"

	"github.com/reecho-go/reecho/internal/commit"
	"github.com/reecho-go/reecho/internal/host"
	"github.com/reecho-go/reecho/internal/problem"
)

// Handler wraps a handler of net/http, such as a ServeMux or a router of chi, in
// the Stack. The request that the handler gets has the plugins' values in its
// context. The handler must write to the ResponseWriter that it gets, which runs
// the BeforeHeaders hooks, and not to one of an outer middleware.
//
// A handler of net/http returns no error, so End hooks get the errors of hooks and
// wrappers only, and an *[observe.PanicError] after a panic. The Stack answers every error
// itself: one that is not an [Error] with 500, without details. After a panic the
// BeforeHeaders hooks run at once, with status 500, so that their headers are set
// when an outer middleware recovers and answers; then the panic continues.
//
// Handler panics without a next, or on a Stack that [New] has not made.
func (s *Stack) Handler(next http.Handler) http.Handler {
	switch {
	case s == nil || len(s.plugins) == 0:
		panic("middleware: Handler: the Stack is nil: make one with New")
	case next == nil:
		panic("middleware: Handler: next is nil: give the handler that the Stack wraps")
	}
	var then host.Host = plainHost{next}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := &plainContext{r: r, w: w}
		err := s.Serve(then, c)
		if _, answered := problem.From(err); err != nil && !answered {
			c.fail(err)
		}
	})
}

// plainContext is a request of net/http and, in a Stack, the writer of its response.
type plainContext struct {
	r    *http.Request
	w    http.ResponseWriter
	sent bool // a final status was sent
}

// Request implements [Context].
func (c *plainContext) Request() *http.Request { return c.r }

// SetRequest implements [Context].
func (c *plainContext) SetRequest(r *http.Request) { c.r = r }

// fail answers with an error, unless something has been sent already.
func (c *plainContext) fail(err error) {
	rendered, _ := host.Render(plainHost{}, c, err) // the client is gone if writing fails
	if !rendered && !c.sent {
		_ = problem.Write(c.w, c.r, problem.Details{Status: http.StatusInternalServerError, Title: http.StatusText(http.StatusInternalServerError)})
	}
}

// plainHost is the host for net/http, with the handler that the Stack wraps.
type plainHost struct{ http.Handler }

// Serve implements host.Host.
func (h plainHost) Serve(c host.Context) error {
	pc, ok := c.(*plainContext)
	if !ok || pc.w == nil {
		return errors.New("middleware: a wrapper passed on another context than the one that it was given: use its SetRequest")
	}
	h.ServeHTTP(pc.w, pc.r)
	return nil
}

func (plainHost) Install(c host.Context, w http.ResponseWriter) http.ResponseWriter {
	pc := c.(*plainContext)
	under := pc.w
	pc.w = w
	return under
}

func (plainHost) Writer(c host.Context) http.ResponseWriter { return c.(*plainContext).w }
func (plainHost) Committed(c host.Context) bool             { return c.(*plainContext).sent }
func (plainHost) FrameworkError(error) error                { return nil }
func (plainHost) Wrap(err error) error                      { return err }
func (plainHost) Server(host.Context) http.Handler          { return nil }
func (plainHost) ErrorHandler(host.Context) any             { return nil }
func (plainHost) StatusSent(r *commit.Run, _ int)           { r.Own.(*plainContext).sent = true }
func (plainHost) ImpliedStatus(http.ResponseWriter) int     { return http.StatusOK }
func (plainHost) Settle(*commit.Run)                        {}

// Watch implements host.Host. It commits at once, because in net/http the Stack does not
// see how an outer middleware answers an error or a panic.
func (plainHost) Watch(r *commit.Run) {
	r.Answer(http.StatusInternalServerError, r.Header(), nil)
}
