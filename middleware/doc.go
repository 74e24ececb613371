// Package middleware is the plugin host: it turns a list of plugins into one
// middleware and gives each its moments in a request and in the life of the
// server. It speaks no web framework. Package echov4 serves echo v4, module echov5
// echo v5, and [Stack.Handler] net/http:
//
//	e.Use(echov4.Use(sessions, query)) // in one line
//	e.Use(echov4.Middleware(stack))    // a Stack, which the program closes
//	http.ListenAndServe(":8080", stack.Handler(mux))
//
// A [Plugin] is a name plus whichever one-method capabilities it has:
//
//	Dependent   After() []string          names that must come earlier in the list
//	Starter     Start(ctx) error          before the first request, in list order
//	Beginner    Begin(c) error            before the handler, in list order
//	Wrapper     Wrap(next) Handler        around the handler, first is outermost
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
//     of reach: what is answered past the response that the request went in with,
//     and an error or panic that a middleware further out swallows without an
//     answer;
//   - End runs for every plugin whose Begin succeeded, on error and panic too;
//     a panic of the handler goes on afterwards, a panic of End is contained;
//   - [Stack.Close] closes every plugin, also after a failed start.
//
// Hosts may be nested, such as an app of echo behind a Stack of net/http: each
// runs its own plugins, and of one plugin in both the inner one has no effect that
// the outer has not. Outside of every host the functions that handlers call say
// so: sessionstate.From returns a State that reads defaults and refuses changes
// with ErrNoSession, queryparams.From returns ErrNoPlugin, ctxinfo.From knows what the request says
// by itself, queryparams.Bind works, [RequestCommit] does nothing and [Response]
// is nil. A plugin made of a middleware of one echo makes every request fail that
// another host serves.
//
// Middleware that replaces the response from another goroutine (echo's
// middleware.Timeout) breaks the rules of http.ResponseWriter and is not
// supported; use middleware.ContextTimeout.
package middleware
