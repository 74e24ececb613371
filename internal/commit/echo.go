package commit

import (
	"context"
	"net/http"

	"github.com/labstack/echo/v4"
)

// response is echo's response, whose writer this package replaces and whose
// books it keeps true.
type response struct{ echo *echo.Response }

// left records that the headers have left: loggers and error handlers read it.
func (r response) left(status int) {
	r.echo.Status = status
	r.echo.Committed = true
}

// Init puts r in the place of c's response writer. ctx is what the hooks get;
// always says that they run even if nobody asks for them.
func (r *Run) Init(ctx context.Context, c echo.Context, hooks Hooks, always bool) {
	res := c.Response()
	r.under, r.res, r.req = res.Writer, response{res}, c.Request()
	r.ctx, r.hooks = ctx, hooks
	if always {
		r.state.Store(wanted)
	}
	res.Writer = r
}

// Settle is called when the handler is done, before anything is made of how it
// ended: to echo, an informational status that it sent with echo's Response is
// the final one, and nobody would answer any more.
func (r *Run) Settle() {
	if res := r.res.echo; res.Committed && informational(res.Status) {
		res.Committed = false
	}
}

// Finish is called when the handler is done and has returned no error: a
// response of which nothing has come this far is committed now, as the 200 that
// net/http makes of it, whatever echo holds for sent. It returns the error that
// the response has become.
func (r *Run) Finish() error {
	res := r.res.echo
	if !r.leave(http.StatusOK, res.Header()) {
		r.takeOver(res)
		_ = r.sendError() // the client is gone: nobody is left to tell
	}
	return r.Err()
}

// Watch is called when the handler ended in an error or a panic that an outer
// middleware or echo's error handler will answer: the commit is then made
// when that answer is written, through whatever writer is in place by then.
func (r *Run) Watch() {
	res := r.res.echo
	res.Before(func() {
		if informational(res.Status) {
			return
		}
		if !r.leave(res.Status, res.Header()) && !r.sent && r.Err() != nil {
			r.takeOver(res)
		}
	})
}

// takeOver makes sure that r stands between res and the client, so that the
// error of a failed run is what gets out.
func (r *Run) takeOver(res *echo.Response) {
	for w := res.Writer; w != nil; {
		if w == http.ResponseWriter(r) {
			return
		}
		u, ok := w.(interface{ Unwrap() http.ResponseWriter })
		if !ok {
			break
		}
		w = u.Unwrap()
	}
	r.under, res.Writer = res.Writer, r
}
