// Package reecho is the landing page of a caching-and-state toolkit for web
// applications on echo v4, echo v5 and net/http. It holds no code; the parts are:
//
//   - [github.com/reecho-go/reecho/middleware]: runs the packages below and your own plugins as one middleware
//   - [github.com/reecho-go/reecho/echov4]: that middleware for echo v4; module echov5 has it for echo v5
//   - [github.com/reecho-go/reecho/cachedata]: caches the results of functions
//   - [github.com/reecho-go/reecho/cacheresource]: opens a value once, shares it, and releases it exactly once
//   - [github.com/reecho-go/reecho/sessionstate]: keeps typed values for each visitor
//   - [github.com/reecho-go/reecho/queryparams]: reads the URL's query into a struct, and writes links
//   - [github.com/reecho-go/reecho/ctxinfo]: tells the client's address, language and more, with the source of each
//   - [github.com/reecho-go/reecho/store]: the interface of stores for sessions
//   - [github.com/reecho-go/reecho/observe]: reports what happens as typed events
package reecho
