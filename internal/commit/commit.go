// Package commit gives every plugin one last word before a response's headers
// leave, exactly once, whichever way the response leaves: WriteHeader, a first
// Write, Flush, ReadFrom, Hijack, an error page written by an outer
// middleware, or a handler that writes nothing.
//
// It works by standing in the writer's place for as long as the handler runs,
// and, when the handler ended in an error or a panic, by watching the
// framework's own response, since an outer middleware (gzip is one) may then
// have put its own writer back. Both ways lead to the same, single run of the hooks. A run
// that fails turns the response into that error: what the handler writes
// afterwards is dropped.
package commit

import (
	"context"
	"errors"
	"net/http"
	"sync/atomic"

	"github.com/reecho-go/reecho/internal/problem"
)

// ErrCommitted says that the headers have left: what should have been sent
// with them cannot be sent any more.
var ErrCommitted = errors.New("the response's headers have already been sent")

// errReentrant is what a hook gets that writes to the response it is
// committing.
var errReentrant = errors.New("commit: a BeforeHeaders hook must not write to the response")

// Hooks is run once, before the headers leave. h is the header map that will
// be sent, status what the client will see.
type Hooks func(ctx context.Context, status int, h http.Header) error

// The states of a Run. idle and wanted mean that the headers are still here.
const (
	idle       uint32 = iota // nobody has asked for the hooks
	wanted                   // somebody has
	committing               // the hooks are running
	done                     // the headers may leave, or have left
	failed                   // the hooks failed: the response is their error
)

// Run is the commit of one response. Embed it in the request's state; Init
// makes it usable. Request may be called from any goroutine; the writer's
// methods follow the rules of http.ResponseWriter.
type Run struct {
	Host Host
	Own  Context // as Host has made it

	under http.ResponseWriter
	ctx   context.Context
	hooks Hooks
	err   error // why the hooks failed; written before state becomes failed
	state atomic.Uint32
	sent  bool // a final status has been written: the response's, or that of a failed run
}

// Key is the context key under which a request's state gives out its *Run.
type Key struct{}

// Request asks that the hooks run for the response of ctx. They run anyway
// when a plugin of the same stack commits always; otherwise a response for
// which nobody asked leaves untouched. It fails with [ErrCommitted] when the
// headers have left, and does nothing in a context without a run.
//
// A plugin passes the context of the request state that it was begun in
// (scope.Request.HTTP.Context()), not that of a stack further in.
func Request(ctx context.Context) error {
	r, ok := ctx.Value(Key{}).(*Run)
	if !ok {
		return nil
	}
	return r.request()
}

func (r *Run) request() error {
	for {
		switch r.state.Load() {
		case idle:
			if r.state.CompareAndSwap(idle, wanted) {
				return nil
			}
		case wanted, committing:
			return nil
		default:
			return ErrCommitted
		}
	}
}

// leave runs the hooks if they are wanted and have not run, and reports
// whether the headers may leave with the given status. When they may not,
// Err says why.
func (r *Run) leave(status int, h http.Header) bool {
	for {
		switch r.state.Load() {
		case idle:
			if r.state.CompareAndSwap(idle, done) {
				return true
			}
		case wanted:
			if r.state.CompareAndSwap(wanted, committing) {
				return r.run(status, h)
			}
		case done:
			return true
		default:
			return false
		}
	}
}

func (r *Run) run(status int, h http.Header) bool {
	if err := r.hooks(r.ctx, status, h); err != nil {
		r.err = err
		r.state.Store(failed)
		return false
	}
	r.state.Store(done)
	return true
}

// In makes ctx, a descendant of Init's, the context that the hooks get.
func (r *Run) In(ctx context.Context) { r.ctx = ctx }

// Err is the error that the response has become, nil if it has not.
func (r *Run) Err() error {
	if r.state.Load() != failed {
		return nil
	}
	return r.err
}

// details is the answer for a failed run; an error that is not ours says no
// more than its status.
func (r *Run) details() problem.Details {
	if pe, ok := problem.From(r.err); ok {
		return problem.DetailsOf(pe)
	}
	return problem.Details{Status: http.StatusInternalServerError, Title: http.StatusText(http.StatusInternalServerError)}
}

// left notes that a final status is on its way.
func (r *Run) left(status int) {
	r.sent = true
	r.Host.Left(r, status)
}

// sendError writes the error of a failed run, once, and at once: the handler
// may go on for long.
func (r *Run) sendError() error {
	if r.sent || r.state.Load() != failed {
		return nil
	}
	d := r.details()
	r.left(d.Status)
	if err := problem.Write(r.under, r.Own.Request(), d); err != nil {
		return err
	}
	_ = http.NewResponseController(r.under).Flush() // not every writer can
	return nil
}
