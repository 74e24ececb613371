package middleware

import (
	"context"
	"net/http"

	"github.com/reecho-go/reecho/internal/commit"
	"github.com/reecho-go/reecho/internal/host"
)

// Plugin has a name, which is unique in a Stack and does not change. Its other
// methods are its hooks: Starter, Beginner, Wrapper, Committer, Ender and Closer.
// Hooks run for many requests at once: they must be safe for concurrent use, and
// keep the data of a request in the request's context, not in the plugin.
type Plugin interface {
	Name() string
}

// Context is the context of a request in a web framework. It has the two methods
// that echo.Context of echo v4 and *echo.Context of echo v5 have in common, so you
// can pass either to sessionstate.From, queryparams.Bind and the like. Hooks get
// the framework's own context. In handlers of net/http, [ContextOf] makes one from
// the request.
type Context = host.Context

// Handler is the handler of a request that a [Wrapper] gets, in every web
// framework.
type Handler func(c Context) error

// ContextOf returns a Context of r, for handlers of net/http.
func ContextOf(r *http.Request) Context { return &plainContext{r: r} }

// Response returns the ResponseWriter of c, for plugins and for functions that
// handlers call. In echo it is echo's own Response, so that echo knows what was
// sent. It is nil outside of a [Stack].
func Response(c Context) http.ResponseWriter {
	h, own := host.Of(c.Request().Context())
	if h == nil {
		return nil
	}
	return h.Writer(own)
}

// Dependent names the plugins that must come earlier in the list. New refuses a
// list in which one of them is missing or comes later.
type Dependent interface {
	Plugin
	After() []string
}

// Starter runs before the first request, in list order: in [Stack.Start], or in
// the first request if Start was not called. If it fails, the plugin and those
// before it are closed, in reverse order, and the Stack answers all requests with
// 503.
type Starter interface {
	Plugin
	Start(ctx context.Context) error
}

// Beginner runs before the handler, in list order. If it returns an error, the
// later plugins and the handler do not run, End runs for the plugins that have
// begun, and the error is answered. Begin should do little: put a value into the
// request's context with c.SetRequest, and compute its contents when the handler
// or another hook reads it.
type Beginner interface {
	Plugin
	Begin(c Context) error
}

// Wrapper runs around the handler: it may skip or replace the call, and run code
// before and after it. The first of the list is the outermost. Wrap is called
// once, in New; the Handler that it returns serves all requests, and must pass on
// the Context that it gets. Wrappers run after every Begin and before every End.
// To answer instead of the handler, return an [Error] or write to [Response].
type Wrapper interface {
	Plugin
	Wrap(next Handler) Handler
}

// Ender runs after the handler, in reverse list order, for every plugin that was
// reached and whose Begin did not fail. err is the error of the handler or of the
// End before, an *[observe.PanicError] after a panic; End returns the error to pass on,
// usually err. After a panic its result is ignored. A panic in End is recovered
// and joined to err. If the handler has not written a response, its headers have
// not been sent yet.
type Ender interface {
	Plugin
	End(c Context, err error) error
}

// Committer runs just before the headers are sent: it may add headers to h and
// write to a store. It runs at most once for a response, in list order, with the
// status that the client will see (101 for a hijacked connection), and never for
// informational responses. It must not write to the response.
//
// An error stops the commit and becomes the response: that of the error if it is
// an [Error], else 500. ctx is the request's context, and is cancelled if the
// client has gone: for a write that must happen anyway, use
// context.WithoutCancel and a timeout.
//
// Set Vary and Cache-Control as if the plugin were alone: the Stack merges them
// with those of the handler and of the other plugins.
type Committer interface {
	Plugin
	BeforeHeaders(ctx context.Context, status int, h http.Header) error
}

// OnDemand marks a [Committer] that has something to commit only in some
// requests, in which it calls [RequestCommit]. If all committers of a Stack are
// OnDemand, none runs for a response without such a call. With one, all run: a
// committer that has nothing to commit returns at once.
type OnDemand interface {
	Committer
	CommitOnDemand()
}

// Closer runs at shutdown, in reverse list order. It must work if Start failed or
// was never called, and if it is called twice. It waits until the plugin's
// goroutines have ended, or ctx ends.
type Closer interface {
	Plugin
	Close(ctx context.Context) error
}

// ErrCommitted says that the response's headers have been sent.
var ErrCommitted = commit.ErrCommitted

// RequestCommit makes the committers run for the response of a request; ctx is the
// request's context. It fails with [ErrCommitted] if the headers have been sent,
// and does nothing outside of a Stack. It may be called from any goroutine, any
// number of times.
func RequestCommit(ctx context.Context) error { return commit.Request(ctx) }
