package middleware

import (
	"context"
	"net/http"

	"github.com/reecho-go/reecho/internal/commit"
	"github.com/reecho-go/reecho/internal/host"
)

// Plugin is what every plugin has: a name, unique in a Stack, that does not
// change. Its other methods make its capabilities. A plugin serves many
// requests at once: its hooks must be safe for concurrent use, and keep what
// belongs to a request in the request's context, not in the plugin.
type Plugin interface {
	Name() string
}

// Context is what the toolkit needs of a request's context in a web framework:
// two methods that echo.Context of echo v4 and *echo.Context of echo v5 share, so
// both can be passed as they are to sessionstate.From, queryparams.Bind and the
// like. Hooks get the framework's own. In handlers of net/http, [ContextOf] makes
// one of the request.
type Context = host.Context

// Handler is the handler of a request as a [Wrapper] sees it, whatever the web
// framework.
type Handler func(c Context) error

// ContextOf returns a Context of r, for handlers of net/http.
func ContextOf(r *http.Request) Context { return &plainContext{r: r} }

// Response returns the writer that answers c, a request inside a [Stack], for
// plugins and for functions that handlers call: echo's own Response in echo, so
// that it knows what was sent. It is nil outside of a Stack.
func Response(c Context) http.ResponseWriter {
	h, own := host.Of(c.Request().Context())
	if h == nil {
		return nil
	}
	return h.Writer(own)
}

// Dependent names the plugins that must come earlier in the list, if they are
// to come at all in it. New refuses a list in which one is missing or later.
type Dependent interface {
	Plugin
	After() []string
}

// Starter is called before the first request, in list order: by [Stack.Start],
// or by the first request when Start was not called. When it fails the plugins
// before it and the plugin itself are closed, in reverse order, and the Stack
// answers 503 from then on.
type Starter interface {
	Plugin
	Start(ctx context.Context) error
}

// Beginner is called before the handler, in list order. An error keeps the
// handler and the later plugins from running; End runs for those begun, and
// the error is answered. Begin should do next to nothing: put what the handler
// and the plugin's other hooks may ask for into the request's context, with
// c.SetRequest, and compute it when they do.
type Beginner interface {
	Plugin
	Begin(c Context) error
}

// Wrapper owns the call of the handler: it may skip it, replace it or look at
// it from both sides. The first of the list is the outermost. Wrap is called
// once, in New; the handler that it returns serves all requests, and calls next
// with the Context that it was given. Wrappers run after every Begin and before
// every End. To answer in the handler's place, return an [Error] or write to
// [Response].
type Wrapper interface {
	Plugin
	Wrap(next Handler) Handler
}

// Ender is called after the handler, in reverse list order, for every plugin
// whose turn to Begin came and did not fail. err is what the handler or an
// earlier End returned, a *[PanicError] if it panicked; End returns the error
// to pass on, usually err. What End returns after a panic is dropped, and a
// panic in End is contained and joined to err. A response that the handler
// did not write has not been committed yet.
type Ender interface {
	Plugin
	End(c Context, err error) error
}

// Committer has the last word before the headers leave: it may add to h and
// write to a store. It is called at most once per response, in list order,
// with the status that the client is about to see (101 for a hijacked
// connection), never for informational responses, and must not write to the
// response.
//
// An error stops the commit and becomes the response: its own answer if it is
// an [Error], 500 otherwise. ctx is that of the request and may be cancelled
// already, since the client may have gone: detach it with a timeout for what
// must be written all the same.
//
// Set Vary and Cache-Control as if alone: the host merges them with what the
// handler and the other plugins have set.
type Committer interface {
	Plugin
	BeforeHeaders(ctx context.Context, status int, h http.Header) error
}

// OnDemand marks a [Committer] that has something to commit only in some
// requests, and then asks with [RequestCommit]. When all committers of a Stack
// are OnDemand, responses for which none asked leave untouched. (In a Stack
// where one is asked for, all run: a committer with nothing to say returns.)
type OnDemand interface {
	Committer
	CommitOnDemand()
}

// Closer is called at shutdown, in reverse list order. It must work when Start
// was never called or failed, and twice. It waits for what the plugin started,
// until ctx ends.
type Closer interface {
	Plugin
	Close(ctx context.Context) error
}

// ErrCommitted says that the response's headers have left.
var ErrCommitted = commit.ErrCommitted

// RequestCommit asks that the committers run for the response of ctx, the
// context of a request inside a Stack. It fails with [ErrCommitted] when the
// headers have left, and does nothing outside a Stack. It may be called from
// any goroutine, any number of times.
func RequestCommit(ctx context.Context) error { return commit.Request(ctx) }
