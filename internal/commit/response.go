package commit

import (
	"context"
	"net/http"
)

// Context is what the contexts of echo v4 and of echo v5 have in common, word
// for word, and the toolkit needs.
type Context interface {
	// Request returns the request as it is now.
	Request() *http.Request
	// SetRequest replaces it for what comes after.
	SetRequest(r *http.Request)
}

// Host is a web framework, with the handler that a request goes to. It keeps
// nothing else: what belongs to a request comes of its Context, which is one that
// the framework itself has made.
type Host interface {
	// Serve calls the handler.
	Serve(c Context) error
	// Install puts w in the place of the writer of c's response, and returns the
	// one that was there.
	Install(c Context, w http.ResponseWriter) (under http.ResponseWriter)
	// Writer returns the writer that answers c.
	Writer(c Context) http.ResponseWriter
	// Committed reports whether the framework takes c's response for sent.
	Committed(c Context) bool
	// Own returns the outermost error in err's tree that the framework answers
	// by itself, and the toolkit has not made; nil if there is none. Its method
	// StatusCode() int, if it has one, says with which status; 0 is 500.
	Own(err error) error
	// Wrap returns err, which is the toolkit's, so that the framework's default
	// error handler answers with its status and its problem details.
	Wrap(err error) error
	// Server returns what serves requests from the start, with all middlewares; nil:
	// that is out of reach.
	Server(c Context) http.Handler
	// ErrorHandler returns the function that answers the errors of c's handlers,
	// nil if there is none.
	ErrorHandler(c Context) any

	// Implied is the status of a body that is written to w without one.
	Implied(w http.ResponseWriter) int

	// What follows is about the response whose writer r is.

	// Left notes that a final status is on its way to the client.
	Left(r *Run, status int)
	// Settle makes the framework forget that it has taken an informational
	// status for the final one, if it has.
	Settle(r *Run)
	// Watch is told that the handler has failed, so that somebody further out
	// will answer, perhaps past r: [Run.Answer] must be called before that leaves.
	Watch(r *Run)
}

// Init makes r usable for the response to own in h. ctx is what the hooks get;
// always says that they run even if nobody asks for them.
func (r *Run) Init(ctx context.Context, h Host, own Context, hooks Hooks, always bool) {
	r.ctx, r.Host, r.Own, r.hooks = ctx, h, own, hooks
	if always {
		r.state.Store(wanted)
	}
}

// Install puts r in the place of the response's writer.
func (r *Run) Install() { r.under = r.Host.Install(r.Own, r) }

// Settle is called when the handler is done, before anything is made of how it
// ended: what takes an informational status for the final one would not answer
// any more.
func (r *Run) Settle() { r.Host.Settle(r) }

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
func (r *Run) Watch() { r.Host.Watch(r) }

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
