package commit

import (
	"context"
	"net/http"
)

// Context has the methods that the toolkit needs, and that the contexts of echo v4 and echo v5
// have in common with the same signatures.
type Context interface {
	// Request returns the current request.
	Request() *http.Request
	// SetRequest replaces the request for the handlers that follow.
	SetRequest(r *http.Request)
}

// Host is a web framework with the handler of a route. It has no data of requests: these are
// in the Context, which the framework has made.
type Host interface {
	// Serve calls the handler.
	Serve(c Context) error
	// Install replaces the writer of c's response by w, and returns the previous one.
	Install(c Context, w http.ResponseWriter) (under http.ResponseWriter)
	// Writer returns the current writer of c's response.
	Writer(c Context) http.ResponseWriter
	// Committed reports whether the framework considers c's response sent.
	Committed(c Context) bool
	// FrameworkError returns the outermost error in err's tree that the framework answers
	// by itself and that was not made by the toolkit, or nil. The status of the answer is
	// that of its method StatusCode() int, if it has one; 0 means 500.
	FrameworkError(err error) error
	// Wrap wraps err, an error of the toolkit, so that the framework's default error
	// handler answers with its status and its problem details.
	Wrap(err error) error
	// Server returns the handler that serves complete requests, with all middlewares, or
	// nil if the framework does not give access to it.
	Server(c Context) http.Handler
	// ErrorHandler returns the function that answers the errors of c's handlers, or nil.
	ErrorHandler(c Context) any

	// ImpliedStatus returns the status of a body that is written to w without a status.
	ImpliedStatus(w http.ResponseWriter) int

	// The methods below concern the response that r writes.

	// StatusSent is called when a final status is sent to the client.
	StatusSent(r *Run, status int)
	// Settle corrects the framework's state, if it has taken an informational status for
	// the final one.
	Settle(r *Run)
	// Watch is called when the handler has failed, and an outer handler will answer. It
	// makes sure that [Run.Answer] is called before that answer is sent, even if it is not
	// written to r.
	Watch(r *Run)
}

// Init prepares r for the response to own, a context of h. ctx is the context for the hooks. If
// always is set, they run without a request.
func (r *Run) Init(ctx context.Context, h Host, own Context, hooks Hooks, always bool) {
	r.ctx, r.Host, r.Own, r.hooks = ctx, h, own, hooks
	if always {
		r.state.Store(wanted)
	}
}

// Install replaces the response's writer by r.
func (r *Run) Install() { r.under = r.Host.Install(r.Own, r) }

// Settle must be called when the handler has returned, before its error is answered. Without
// it, a framework that has taken an informational status for the final one would not answer.
func (r *Run) Settle() { r.Host.Settle(r) }

// Finish must be called when the handler has returned without an error. If nothing was written
// to r yet, it commits the response with status 200, as net/http does, even if the framework
// considers the response sent. It returns the error of [Run.Err].
func (r *Run) Finish() error {
	if !r.commit(http.StatusOK, r.under.Header()) {
		_ = r.sendError() // if it fails, the client has left
	}
	return r.Err()
}

// Watch must be called when the handler has ended with an error or a panic that an outer
// handler will answer. The hooks run when that answer is sent, whichever writer it uses.
func (r *Run) Watch() { r.Host.Watch(r) }

// Answer commits an answer that is not written to r, before its status and headers are sent. If
// a hook fails, Answer replaces *writer, to which the answer is written, by r, so that the
// client gets the error instead. If writer is nil, Answer sends the error itself.
func (r *Run) Answer(status int, h http.Header, writer *http.ResponseWriter) {
	if Informational(status) || r.commit(status, h) || r.sent || r.Err() == nil {
		return
	}
	if writer == nil {
		_ = r.sendError() // if it fails, the client has left
		return
	}
	for w := *writer; w != nil; {
		if w == http.ResponseWriter(r) {
			return
		}
		u, ok := w.(interface{ Unwrap() http.ResponseWriter })
		if !ok {
			break
		}
		w = u.Unwrap()
	}
	r.under, *writer = *writer, r
}
