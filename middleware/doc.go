// Package middleware is the plugin host: it turns a list of plugins into one
// echo middleware and gives each its moments in a request and in the life of
// the server.
//
// A [Plugin] is a name plus whichever one-method capabilities it has:
//
//	Dependent   After() []string          names that must come earlier in the list
//	Starter     Start(ctx) error          before the first request, in list order
//	Beginner    Begin(c) error            before the handler, in list order
//	Wrapper     Wrap(next) HandlerFunc    around the handler, first is outermost
//	Committer   BeforeHeaders(...) error  once, before the response's headers leave
//	Ender       End(c, err) error         after the handler, in reverse order
//	Closer      Close(ctx) error          at shutdown, in reverse order
//
// Prefer a hook to a Wrapper: hooks leave the call stack as it is, and cost
// nothing but the call. Wrap only to skip the handler or to own its call.
//
// Promises:
//   - capabilities are found once, in [New]; a request does no type assertion,
//     and costs at most one allocation of the host's own;
//   - [New] reports all problems of the list together;
//   - BeforeHeaders runs exactly once per response that needs it, on every way
//     out of a handler: a body, no body, an error, a redirect, a flush, a
//     direct write, a hijack, an error page written by an outer middleware.
//     Vary and Cache-Control of several plugins are merged: a union, and the
//     strictest. A failed commit becomes the response. Only one thing is out
//     of reach: an error or panic that a middleware further out swallows
//     without an answer, or answers past the echo.Response it went in with;
//   - End runs for every plugin whose Begin succeeded, on error and panic too;
//     a panic of the handler goes on afterwards, a panic of End is contained;
//   - [Stack.Close] closes every plugin, also after a failed start.
//
// Middleware that replaces the response from another goroutine (echo's
// middleware.Timeout) breaks the rules of http.ResponseWriter and is not
// supported; use middleware.ContextTimeout.
package middleware
