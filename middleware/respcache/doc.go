// Package respcache keeps whole responses and replays them, safely: one line in
// front of a route that exists already.
//
//	var pages = middleware.Must(respcache.New("pages", respcache.Config{TTL: time.Minute}))
//
//	e.GET("/report/:id", report, echov4.Use(pages))    // one route, on echo v4 or v5
//	e.Use(echov4.Use(info, query, sessions, pages))    // all routes, as the last plugin
//	stack.Handler(mux)                                  // in a Stack of net/http
//
// # Promises
//
// No response of one visitor reaches another. A request is answered by its handler if it
// has Authorization, a client certificate, an unknown cookie, a header by which clients or
// proxies commonly identify the visitor (such as X-Api-Key and X-Forwarded-User, unless
// Config.Keys.Headers names it), or a visitor whom the program has declared
// (middleware.Visitor). If a handler reads the session, the visitor, or by ctxinfo the
// visitor's address or cookies, its response is not stored. Nor is a response with a
// cookie, whether the handler or a middleware has set it. With Config.Keys.Session a
// response whose handler read the session is stored for that session: its key has a digest
// of the session's id, user and values, so that it is not found after a change, a new id or
// a logout, whichever tab or process made that.
//
// The key is all that the handler sees: method, scheme, host, path, query, and the
// headers of Config.Keys. From a handler whose response may be stored everything
// else is hidden: other headers, cookies, the body, the address of the peer,
// parameters that Config.Keys.Query does not name. So what an attacker sends beside
// the key changes nothing. Keys are compared in full, and their parts cannot run
// into each other.
//
// What a handler reads by ctxinfo and queryparams is noted, and becomes part of the
// key by itself: ctxinfo's facts by the headers that they rest on, queryparams by
// the whole query. The first request tells, and its response is not stored; later
// ones have keys of their own.
//
// Only whole responses are stored: not those whose handler failed, panicked, was
// cancelled, wrote nothing, or wrote another number of bytes than announced; nor those that
// were flushed, hijacked, or have trailers; nor those that say no-store, private, no-cache,
// or Vary with a header that is not in the key.
//
// Of several requests for one key, one runs the handler and sends its response to its client
// at once, as without the cache. The others wait, for 5 seconds at most. If the response
// cannot be stored, it is not shared: then the others run their handlers in parallel, and
// for 10 seconds no request waits for that key. If the first request panics or is cancelled,
// another takes its place. While others wait, a client that leaves does not end its handler.
//
// After Delete, ClearTag or Clear have returned, no request that comes later gets a
// response whose handler had begun before. The same holds for a clear of the group, by tag
// or of everything: a Cache is one of the caches of its cachedata.Group, and is listed,
// counted and bounded with them.
//
// A response is made of the results of cachedata that its handler used, of any group. It is
// replayed only while all of them are fresh, and ends when one of them is cleared, deleted,
// put or refreshed, also while the handler runs. If the handler used a result that is not
// stored, or that belongs to one visitor, the response is not stored. A result that is
// evicted because its cache needs room does not end the response.
//
// # What the client is told
//
// Cache-Status (RFC 9211) tells of each response whether it was replayed, and if not,
// why it was not stored, as far as that is known when the headers leave; the requests
// of the next 10 seconds tell the rest. Age and Content-Length are exact. A handler's
// Cache-Control is left alone; where there is none, browsers are told "private,
// no-cache", and get a 304 as long as the ETag is the same: so what is dropped here
// is dropped. HEAD, conditions and ranges are answered from the stored response.
//
// # What a handler says
//
// A handler says of its response what a load of cachedata says of its result:
//
//	cachedata.LoadingFrom(c.Request().Context()).AddTags("report:42")
//
// SetTTL takes the place of Config.TTL, and Cache-Control and Expires of the response
// shorten that. A response with NoStore is not shared with those who wait, either. A
// successful request of an unsafe method (POST, PUT, PATCH, DELETE) drops the responses
// of its path, and of the paths that Location and Content-Location name: before its
// client can know of it, and again when its handler is done.
//
// # Stale responses
//
// With Config.Stale a response whose time is over is still replayed: while it is made
// again in the background (For), or when its handler fails or panics (OnError). Expire
// and ExpireTag end the time of responses at once. What is cleared
// is never replayed, nor is one that said must-revalidate. The background request
// goes through the whole app again, as no context of echo outlives its request. Its
// context has the values with which the first one has come there.
//
// # Stores
//
// With Config.Store pages are in a store too: what one process has made is a hit in the
// others, and after a restart.
//
//	var prices = cachedata.Must(cachedata.New("prices", load, cachedata.Config{Store: persist.In(redis, persist.Config{})}))
//	var pages = middleware.Must(respcache.New("pages", respcache.Config{Store: persist.In(redis, persist.Config{Version: release})}))
//
// A page there ends as one in memory does: with its tags and URL, and with the results that
// it was made of, whichever process clears, deletes, puts or refreshes these. A process that
// reads a page from the store compares it with these results in the store. A page whose
// results are cleared later leaves the memory as results do, see package persist. So the
// functions must use the same store, and their caches must be in the same group as the
// pages, in each process. A page that is made of other results, of a function with
// persist.Config.WriteBehind, or of more than 100 results, stays in the memory of the process
// that made it, and the Cache-Status of its hits says so.
//
// Pages are stored as clients get them, so anybody who can read the store can read them.
// Change Version with each release; otherwise a new release replays the pages of the old
// one. A store that fails or does not answer within persist.Config.Budget is a miss, and
// never an error.
//
// # A shared cache by the RFCs
//
// With Config.RFC the cache is what stands in front of an origin, such as a
// httputil.ReverseProxy: RFC 9111 as a shared cache, with stale-while-revalidate and
// stale-if-error (RFC 5861), CDN-Cache-Control (RFC 9213) and Cache-Groups (RFC 9875).
// The origin decides which responses are stored and by which headers they are selected;
// nothing is hidden from it, and it validates stale responses. A response that sets a cookie
// is stored only if it says public. A response to a known visitor is stored only by the
// rules for Authorization. docs/rfc9111.md lists the public tests that fail, and why.
//
// # Order
//
// Put Recover, a logger, compression, sessions and logins outside of the cache, so
// that they run on hits too; compression then sees a hit as any response. What
// they hand on to the handler by c.Set of echo is not seen, and of the values of the
// context only what is a request, a token, or declared by middleware.Visitor is known to
// be the visitor's; of others the observer is told once, by observe.ContextRead. Where
// it depends on a cookie or on credentials, the cache is not asked anyway; for anything
// else, such as a header that names a tenant, name that in Config.Keys.Headers. A
// middleware inside of the cache does not run on hits. On echo v4 a header that a
// middleware further out adds by Response().Before is stored as one of the handler's,
// and comes twice on hits; one that it sets is right.
//
// respcachetest.Unkeyed finds handlers whose responses depend on more than their
// keys.
//
// # Cost
//
// A hit costs a lookup and one write. A miss costs two goroutines and a copy of the
// response. No goroutine lives longer than a request. With a store, a miss asks it
// first, and writes to it before the request ends, unless persist.Config.WriteBehind is
// set.
package respcache
