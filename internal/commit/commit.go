// Package commit runs the hooks of plugins just before the headers of a response are sent.
// It runs them exactly once, whether the headers are sent by WriteHeader, a first Write,
// Flush, ReadFrom, Hijack, an error page of an outer middleware, or after a handler that
// writes nothing.
//
// While the handler runs, a [Run] replaces the response's writer. If the handler ends with an
// error or a panic, an outer middleware such as gzip may have restored its own writer before
// it answers; so the framework's response is watched too. If a hook fails, its error becomes
// the response, and what the handler writes afterwards is dropped.
package commit

import (
	"context"
	"errors"
	"net/http"
	"sync/atomic"

	"github.com/reecho-go/reecho/internal/problem"
)

// ErrCommitted says that the headers have been sent, so nothing can be added to them.
var ErrCommitted = errors.New("the response's headers have already been sent")

// errReentrant is the error of a hook that writes to the response.
var errReentrant = errors.New("commit: a BeforeHeaders hook must not write to the response")

// Hooks is called once, before the headers are sent. h are these headers, and status is the
// status that the client will see.
type Hooks func(ctx context.Context, status int, h http.Header) error

// The states of a Run. In the states idle and wanted the headers have not been sent.
const (
	idle       uint32 = iota // the hooks were not requested
	wanted                   // the hooks were requested
	committing               // the hooks are running
	done                     // the headers may be sent, or have been sent
	failed                   // a hook has failed, and its error is the response
)

// Run is the commit of one response. Embed it in the request's state; Init
// makes it usable. Request may be called from any goroutine; the writer's
// methods follow the rules of http.ResponseWriter.
type Run struct {
	Host Host
	Own  Context // the context that Host has made for the request

	under http.ResponseWriter
	ctx   context.Context
	hooks Hooks
	err   error // the error of the hooks; written before state becomes failed
	state atomic.Uint32
	sent  bool // a final status has been written: the response's, or that of a failed run
}

// Key is the context key of the *Run of a request.
type Key struct{}

// Request requests that the hooks run for the response of ctx. Without a request they run
// only if a plugin of the same stack always commits. It fails with [ErrCommitted] if the
// headers have been sent, and does nothing in a context without a Run.
//
// A plugin passes the context of the request state in which it has begun
// (scope.Request.HTTP.Context()), not that of an inner stack.
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

// commit runs the hooks if they were requested and have not run yet. It reports whether the
// headers may be sent with the given status; if not, Err returns the reason.
func (r *Run) commit(status int, h http.Header) bool {
	for {
		switch r.state.Load() {
		case idle:
			if r.state.CompareAndSwap(idle, done) {
				return true
			}
		case wanted:
			if !r.state.CompareAndSwap(wanted, committing) {
				continue
			}
			if r.err = r.hooks(r.ctx, status, h); r.err != nil {
				r.state.Store(failed)
				return false
			}
			r.state.Store(done)
			return true
		case done:
			return true
		default:
			return false
		}
	}
}

// SetContext sets the context for the hooks, which must be derived from that of Init.
func (r *Run) SetContext(ctx context.Context) { r.ctx = ctx }

// Err returns the error of a hook that has become the response, or nil.
func (r *Run) Err() error {
	if r.state.Load() != failed {
		return nil
	}
	return r.err
}

// details returns the response for a failed run. An error that is not made for HTTP is not
// shown: the response has only the status 500.
func (r *Run) details() problem.Details {
	if pe, ok := problem.From(r.err); ok {
		return problem.DetailsOf(pe)
	}
	return problem.Details{Status: http.StatusInternalServerError, Title: http.StatusText(http.StatusInternalServerError)}
}

// statusSent records that a final status is being sent.
func (r *Run) statusSent(status int) {
	r.sent = true
	r.Host.StatusSent(r, status)
}

// sendError sends the error of a failed run, once. It does so immediately, because the handler
// may continue for long.
func (r *Run) sendError() error {
	if r.sent || r.state.Load() != failed {
		return nil
	}
	d := r.details()
	r.statusSent(d.Status)
	if err := problem.Write(r.under, r.Own.Request(), d); err != nil {
		return err
	}
	_ = http.NewResponseController(r.under).Flush() // some writers cannot flush
	return nil
}
