package middleware

import (
	"context"
	"net/http"

	"github.com/reecho-go/reecho/internal/commit"
)

// Plugin is what every plugin has: a name, unique in a Stack, that does not
// change. Its other methods make its capabilities. A plugin serves many
// requests at once: its hooks must be safe for concurrent use, and keep what
// belongs to a request in the request's context, not in the plugin.
type Plugin interface {
	Name() string
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
