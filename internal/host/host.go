// Package host is what the plugin host of package middleware asks of the web
// framework that it serves. echo v4, echo v5 and net/http answer, each in the
// package that speaks it; everything else is written once, without them.
package host

import (
	"context"
	"net/http"

	"github.com/reecho-go/reecho/internal/commit"
	"github.com/reecho-go/reecho/internal/problem"
)

// Context is what the contexts of echo v4 and of echo v5 have in common, word
// for word, and the toolkit needs.
type Context interface {
	// Request returns the request as it is now.
	Request() *http.Request
	// SetRequest replaces it for what comes after.
	SetRequest(r *http.Request)
}

// Host is a web framework. It keeps nothing: what belongs to a request comes of
// its Context, which is always one that the framework itself has made.
type Host interface {
	// Install puts w in the place of the writer of c's response. It returns the
	// writer that was there, and what the framework notes about the response.
	Install(c Context, w http.ResponseWriter) (under http.ResponseWriter, res commit.Response)
	// Writer returns the writer that answers c.
	Writer(c Context) http.ResponseWriter
	// Committed reports whether the framework takes c's response for sent.
	Committed(c Context) bool
	// Own returns the outermost error in err's tree that the framework answers
	// by itself, and the toolkit has not made; nil if there is none.
	Own(err error) error
	// Wrap returns err, which is the toolkit's, so that the framework's default
	// error handler answers with its status and its problem details.
	Wrap(err error) error
	// ErrorHandler returns the function that answers the errors of c's handlers,
	// nil if there is none.
	ErrorHandler(c Context) any
}

// Next is the handler of a request, or the rest of the chain.
type Next interface {
	Serve(c Context) error
}

// Key is the context key under which a request's state gives itself out, as a
// [Request].
type Key struct{}

// Request is the state of a request in a host.
type Request interface {
	// Host returns the host, and the context that it has made for the request.
	Host() (Host, Context)
}

// Of returns the innermost host around the request of ctx, and the context that
// it has made for the request; nil and nil outside of any.
func Of(ctx context.Context) (Host, Context) {
	if r, ok := ctx.Value(Key{}).(Request); ok {
		return r.Host()
	}
	return nil, nil
}

// Wrap is [Host.Wrap] for an error of the toolkit that the program has not
// overruled. Other errors come back unchanged.
func Wrap(h Host, err error) error {
	if _, ok := problem.From(err); !ok || overruled(h, err) {
		return err
	}
	return h.Wrap(err)
}

// overruled reports whether the program has given an error of ours an answer of
// its own: one of the framework's errors around it.
func overruled(h Host, err error) bool {
	own := h.Own(err)
	if own == nil {
		return false
	}
	_, around := problem.From(own)
	return around
}

// Render answers c with err's problem details if err is ours, the program has no
// answer of its own for it, and nothing has been sent yet. It reports whether it
// did, and whether writing failed.
func Render(h Host, c Context, err error) (bool, error) {
	pe, ok := problem.From(err)
	if !ok || overruled(h, err) || h.Committed(c) {
		return false, nil
	}
	return true, problem.Write(h.Writer(c), c.Request(), problem.DetailsOf(pe))
}
