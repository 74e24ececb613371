// Package middleware runs a list of plugins as one middleware. It calls their
// hooks before and after each handler, before the headers are sent, at the start
// and at shutdown. It does not depend on a web framework: package echov4 serves
// echo v4, module echov5 serves echo v5, and [Stack.Handler] serves net/http:
//
//	e.Use(echov4.Use(sessions, query)) // in one line
//	e.Use(echov4.Middleware(stack))    // a Stack, which the program closes
//	http.ListenAndServe(":8080", stack.Handler(mux))
//
// A [Plugin] has a name and any of these hooks, each an interface with one method:
//
//	Dependent   After() []string          names that must come earlier in the list
//	Starter     Start(ctx) error          before the first request, in list order
//	Beginner    Begin(c) error            before the handler, in list order
//	Wrapper     Wrap(next) Handler        around the handler, first is outermost
//	Committer   BeforeHeaders(...) error  once, before the response's headers are sent
//	Ender       End(c, err) error         after the handler, in reverse order
//	Closer      Close(ctx) error          at shutdown, in reverse order
//
// Prefer the other hooks to a Wrapper: they cost one call and do not lengthen the
// call stack. Use a Wrapper to skip the handler, or to run code on both sides of
// it.
//
// Promises:
//   - hooks are found once, in [New]; a request makes no type assertion, and at
//     most one allocation for the Stack itself;
//   - [New] reports all problems of the list together;
//   - BeforeHeaders runs exactly once for each response that needs it, however
//     the handler ends: with a body, without one, with an error, a redirect, a
//     flush, a direct write, a hijack, or an error page of an outer middleware.
//     Vary of several plugins is their union, Cache-Control the strictest of
//     them. If BeforeHeaders fails, its error becomes the response. Two cases are
//     out of reach: a response that is written to another ResponseWriter than the
//     one that the request came with, and an error or panic that an outer
//     middleware drops without a response;
//   - End runs for every plugin whose Begin succeeded, also after an error or a
//     panic. A panic of the handler continues afterwards; a panic of End becomes
//     an error;
//   - [Stack.Close] closes every plugin, also after a failed start.
//
// Stacks may be nested, such as an app of echo inside a Stack of net/http. Each
// runs its own plugins; a plugin that is in both takes effect in the outer one
// only. On a route without a Stack, sessionstate.From returns a State that reads
// defaults and refuses changes with ErrNoSession, queryparams.From returns
// ErrNoPlugin, ctxinfo.From knows only what the request itself says,
// queryparams.Bind works as usual, [RequestCommit] does nothing, and [Response]
// returns nil. A plugin that was made of a middleware of echo (FromEcho) fails
// every request of another framework.
//
// Middleware that replaces the response from another goroutine (echo's
// middleware.Timeout) breaks the rules of http.ResponseWriter and is not
// supported; use middleware.ContextTimeout.
package middleware
