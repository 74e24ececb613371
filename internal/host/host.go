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

// Key is the context key under which a request's state gives itself out, as a
// [Request].
type Key struct{}

// Request is the state of a request in a host.
type Request interface {
	// Host returns the host, and the context that it has made for the request.
	Host() (Host, Context)
	// Server returns what serves requests from as far out as can be reached, and the
	// context with which this one has come there.
	Server() (http.Handler, context.Context)
}

// Of returns the innermost host around the request of ctx, and the context that
// it has made for the request; nil and nil outside of any.
func Of(ctx context.Context) (Host, Context) {
	if r, ok := ctx.Value(Key{}).(Request); ok {
		return r.Host()
	}
	return nil, nil
}

// Server returns what serves requests like that of ctx from as far out as can be
// reached: the framework, or on net/http the innermost Stack; and the context with
// which that request has come there. They are nil outside of any.
func Server(ctx context.Context) (http.Handler, context.Context) {
	if r, ok := ctx.Value(Key{}).(Request); ok {
		return r.Server()
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
