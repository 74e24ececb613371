package commit

import (
	"context"
	"net/http"
)

// Response is what a web framework notes about a response, beside the writer
// whose place a [Run] has taken.
type Response interface {
	// Left notes that a final status is on its way to the client.
	Left(status int)
	// Implied is the status of a body that comes without one.
	Implied() int
	// Informs returns the writer that an informational status goes to: under, or one
	// further in, lest the framework or a middleware take it for the final one.
	Informs(under http.ResponseWriter) http.ResponseWriter
	// Settle makes the framework forget that it has taken an informational
	// status for the final one, if it has.
	Settle()
	// Watch is told that the handler has failed, so that somebody further out
	// will answer, perhaps past r: [Run.Answer] must be called before that leaves.
	Watch(r *Run)
}

// Init makes r usable. It stands in front of under, in the writer's place, for
// the response to req, about which the framework notes res. ctx is what the
// hooks get; always says that they run even if nobody asks for them.
func (r *Run) Init(ctx context.Context, req *http.Request, under http.ResponseWriter, res Response, hooks Hooks, always bool) {
	r.ctx, r.req, r.under, r.res, r.hooks = ctx, req, under, res, hooks
	if always {
		r.state.Store(wanted)
	}
}

// Settle is called when the handler is done, before anything is made of how it
// ended: what takes an informational status for the final one would not answer
// any more.
func (r *Run) Settle() { r.res.Settle() }

// Finish is called when the handler is done and has returned no error: a
// response of which nothing has come this far is committed now, as the 200 that
// net/http makes of it, whatever the framework holds for sent. It returns the
// error that the response has become.
func (r *Run) Finish() error {
	if !r.leave(http.StatusOK, r.under.Header()) {
		_ = r.sendError() // the client is gone: nobody is left to tell
	}
	return r.Err()
}

// Watch is called when the handler ended in an error or a panic that somebody
// further out will answer: the commit is then made when that answer is written,
// through whatever writer is in place by then.
func (r *Run) Watch() { r.res.Watch(r) }

// Answer commits an answer that is about to leave past r, with the given status
// and headers. If the commit fails, r takes the place of the writer that the
// answer goes to, so that the error is what gets out; without a place it sends
// the error itself.
func (r *Run) Answer(status int, h http.Header, place *http.ResponseWriter) {
	if Informational(status) || r.leave(status, h) || r.sent || r.Err() == nil {
		return
	}
	if place == nil {
		_ = r.sendError() // the client is gone: nobody is left to tell
		return
	}
	for w := *place; w != nil; {
		if w == http.ResponseWriter(r) {
			return
		}
		u, ok := w.(interface{ Unwrap() http.ResponseWriter })
		if !ok {
			break
		}
		w = u.Unwrap()
	}
	r.under, *place = *place, r
}
