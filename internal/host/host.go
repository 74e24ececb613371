// Package host has the code that echov4, echov5 and the handler of net/http share:
// error responses, and clears over HTTP. Their differences are behind
// [commit.Host].
package host

import (
	"context"
	"net/http"

	"github.com/reecho-go/reecho/internal/commit"
	"github.com/reecho-go/reecho/internal/problem"
)

type (
	// Context is [commit.Context].
	Context = commit.Context
	// Host is [commit.Host].
	Host = commit.Host
)

// Key is the context key of the state of a request, a [Request].
type Key struct{}

// Request is the state of a request in a host.
type Request interface {
	// Host returns the host, and the context that it has made for the request.
	Host() (Host, Context)
	// Server returns the outermost handler that can be reached, and the context with which
	// the request has reached it.
	Server() (http.Handler, context.Context)
}

// Of returns the innermost host around the request of ctx, and the context that the host has
// made for the request. Both are nil outside of any host.
func Of(ctx context.Context) (Host, Context) {
	if r, ok := ctx.Value(Key{}).(Request); ok {
		return r.Host()
	}
	return nil, nil
}

// Server returns the outermost handler around the request of ctx that can be reached: the
// framework, or on net/http the innermost Stack. It also returns the context with which that
// request has reached the handler. Both are nil outside of any host.
func Server(ctx context.Context) (http.Handler, context.Context) {
	if r, ok := ctx.Value(Key{}).(Request); ok {
		return r.Server()
	}
	return nil, nil
}

// Wrap is [Host.Wrap] for an error of the toolkit, unless the program has wrapped it in an error
// of the framework. Other errors are returned unchanged.
func Wrap(h Host, err error) error {
	if _, ok := problem.From(err); !ok || overruled(h, err) {
		return err
	}
	return h.Wrap(err)
}

// overruled reports whether the program has wrapped an error of the toolkit in an error of the
// framework, which is then the answer.
func overruled(h Host, err error) bool {
	own := h.FrameworkError(err)
	if own == nil {
		return false
	}
	_, around := problem.From(own)
	return around
}

// Render answers c with err's problem details if err is an error of the toolkit, is not
// overruled, and nothing has been sent yet. It reports whether it has answered; the error is
// that of writing.
func Render(h Host, c Context, err error) (bool, error) {
	pe, ok := problem.From(err)
	if !ok || overruled(h, err) || h.Committed(c) {
		return false, nil
	}
	return true, problem.Write(h.Writer(c), c.Request(), problem.DetailsOf(pe))
}
