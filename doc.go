// Package reecho is the landing page of a caching-and-state toolkit for web
// applications on echo v4. It holds no code; the parts are:
//
//   - [github.com/reecho-go/reecho/middleware]: the plugin host
//   - [github.com/reecho-go/reecho/cachedata]: function-result caching
//   - [github.com/reecho-go/reecho/cacheresource]: shared live values, leased and released exactly once
//   - [github.com/reecho-go/reecho/sessionstate]: typed state per visitor
//   - [github.com/reecho-go/reecho/queryparams]: the URL's query as a type
//   - [github.com/reecho-go/reecho/ctxinfo]: who is asking, and how that is known
//   - [github.com/reecho-go/reecho/store]: the byte-store contract behind caches and sessions
//   - [github.com/reecho-go/reecho/observe]: typed events
package reecho
