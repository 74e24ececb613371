// Package cachedata caches the results of slow functions. Wrap a function: each
// result is loaded by one call at a time, and every caller gets a copy of its
// own.
//
//	var users = cachedata.Must(cachedata.New("users", loadUser, cachedata.Config{TTL: time.Minute}))
//
//	u, err := users.Get(ctx, 42)
//
// # Promises
//
// Identity: two arguments that differ as data never share a result, whatever a
// client sends, and two that are equal always do. Keys may be of any type that
// can be compared as data: numbers, strings, structs, slices, maps, pointers,
// interfaces. For a type that cannot identify anything, such as a function, [New]
// returns an error that says where it is and what to do.
//
// Copies: no change that a caller makes to a result is visible to other callers
// or to the loader. For a type that cannot be copied exactly, [New] returns an
// error; keep live values, such as a connection pool, in package cacheresource.
//
// One load: one goroutine at a time loads a key, however many callers ask for it.
// Each caller waits until the caller's own context ends, and can leave without
// the others. The load's context has the values of the caller that started it,
// and is cancelled when the last caller has left. A panic of the load function
// reaches all callers who wait, and the next call loads again.
//
// Several at once: a [Batch] has a loader for many keys, and GetMany calls it
// with those that are neither in memory nor in flight. All promises for one key
// hold for each key of a batch.
//
// Clearing: once Delete, Clear, ClearTag, ClearFunc or a clear of the group has
// returned, no call that starts later gets a result whose load had started before
// it, and a Put wins over a load in flight. Callers who were already waiting get
// the result of the load that they waited for. Clears take constant time, except
// ClearFunc, which looks at every key.
//
// No visitor: all visitors share the result of a load, so the context of a load
// hides the visitor whose request caused it. A load that asks for the session,
// the request or the query fails with [ErrVisitorInGlobalLoad], and so does one
// that asks for the logged-in user in the context, if the program has declared
// that value (middleware.Visitor). With Config.Scope set to [Session] a load sees
// the visitor: every visitor has results of their own, which end with the
// session, and sees no others. In global scope a load can still see what its
// function has captured, and context values that are not declared; the event
// observe.ContextRead reports those that it reads.
//
// Errors are returned, and remembered only if [ErrorConfig] says so. Where the
// comment of an error names an HTTP status, such as 404 for [ErrNotFound], its
// method StatusCode returns that status, and the answer's body is problem details
// (RFC 9457). Handlers return such errors as they are: any middleware of the
// toolkit answers with that status. On an echo without one, set
//
//	e.HTTPErrorHandler = echov4.ErrorHandler(nil)
//
// or return echov4.HTTPError(err): echo's own error handler answers 500 to
// every error that it does not know.
//
// # Cost
//
// A hit takes no lock and reads no clock unless there is a TTL. It costs a lookup
// in the engine (maypok86/otter) and a copy; a result without references needs no
// allocation. A miss starts one goroutine. Expired results are freed within two
// seconds, by a timer per group that exists only while something is due; no cache
// has a goroutine of its own.
//
// # Keys
//
// Fields tagged hash:"ignore" are left out of the key, such as a connection that
// the loader needs; hash:"set" and hash:"string", Includable and IncludableMap of
// mitchellh/hashstructure are honoured, and KeyConfig.HashFuncs gives a type a
// stand-in. The loader gets a copy of the key, so that the caller may change its
// own at once; the loader shares what is left out of the key with the caller, and
// the cache does not keep it: it is zero in the keys of Entries and ClearFunc.
//
// Equal as data means: the same type and content, through pointers, also of
// unexported fields, maps in any order. nil, empty and a pointer to zero are
// three keys. Every NaN is one key, +0 and -0 are two. Inside an interface the
// type counts: int 1, uint 1 and "1" differ. A time is its instant and its zone;
// its monotonic reading does not count. A key that nests deeper than 1000
// levels, or has more than 1 MiB or KeyConfig.MaxBytes, is a [*KeyError]; a digest
// by HashFuncs makes it short.
//
// Types that carry a visitor are refused anywhere in K, also in fields that are
// left out of the key, because the load would see the first visitor's value for
// all: a context, an *http.Request, http.ResponseWriter, echo.Context, a session,
// *ctxinfo.Info and *queryparams.Params. If a key contains interfaces, a call
// that has to load checks the types of the values in them, and fails with a
// [*KeyError] if one carries a visitor. A left-out handle of another module, such
// as a *gorm.DB, is not searched.
//
// # Copies
//
// A copy equals its original in every way that can be observed: nil and empty
// stay what they were, pointers that share a target share its copy, cycles stay
// cycles, NaN, -0, zones and unexported fields survive; capacity ends at the
// length. Times, addresses of net/netip, unique.Handle and errors behind an
// interface are shared. So are strings: a result must not hold one over a buffer
// that is used again, such as those that unsafe.String and some web frameworks
// make; strings.Clone copies it. Slices of bytes may lie over such a buffer. A
// type of the program that has a method Clone which returns the same type is
// copied by that method, at any depth.
//
// A pointer into the middle of something that is also part of the result (Current
// = &Items[1]) points to the same place in the copy. Such a result takes several
// times as long to copy; other results cost nothing more. Slices are values: the
// copies of overlapping slices have arrays of their own, unless a pointer leads
// into them. If a pointer leads into something that a Clone method copies, the
// call that would store the result fails with a [*CopyError].
//
// Small slices, and small targets of pointers, in the elements of one slice may
// be allocated together in blocks of up to 4 KB, so none of them can have a
// finalizer. [CopyConfig] and Funcs.Clone select other ways to copy.
//
// # Types of other modules
//
// A private field that holds a pointer, an interface, a function or a uintptr may
// mean more than its type says: the copy of a list that leads back into itself is
// broken, and a number whose sign is the address of a variable changes. So such
// types are copied and compared only if it is known how:
//
//   - Types of the program (its main module and its workspace) are treated as
//     data: their author can make sure that they are.
//   - Types of the standard library are known one by one; a slog.Value, a
//     *url.URL, a *big.Int, a *regexp.Regexp or an x509.Certificate is copied, a
//     list.List, a template or a tls.Config is refused.
//   - Other modules' types without such fields are data. Those with them are
//     copied and compared by MarshalBinary and UnmarshalBinary, or GobEncode and
//     GobDecode, and messages of Protocol Buffers are copied as proto.Clone does
//     it. The tests of this module vouch for some well-known types. All others
//     are refused, unless Config.Trusted names them: by [New], or by the call if
//     they are behind an interface.
//
// # Sharing a package variable among tests
//
// A cache that is a package variable may be used inside and outside of
// testing/synctest bubbles. Call Default().Clear between tests that must not see each
// other's results, or make caches in a [Group] of the test.
package cachedata
