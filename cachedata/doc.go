// Package cachedata remembers the results of slow functions: wrap one, and
// every caller gets a copy of its own of the result, loaded at most once.
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
// interfaces. A type that cannot identify anything, such as a function, is an
// error in [New] that says where it is and what to do.
//
// Copies: nothing that one caller does to a result is seen by another, nor by
// the loader. A type that cannot be copied truthfully is an error in [New];
// keep live values, such as a connection pool, in package cacheresource.
//
// One load: a key is loaded by one goroutine at a time, whoever asks. Each
// caller waits on a context of their own, and can leave without the others; the
// load's context has the values of the caller that started it, and is cancelled
// when the last caller has left. A panic of the load function reaches all who wait,
// and the next call loads again.
//
// Several at once: a [Batch] has a loader for many keys, and GetMany asks it for
// those that are neither in memory nor in flight. Whatever is said
// here of one key holds for each key of a batch.
//
// Clearing: once Delete, Clear, ClearTag, ClearFunc or a clear of the group has
// returned, no call that starts later gets a result whose load had started
// before it, and a Put wins over a load in flight. Those who were waiting
// already get what they waited for. Clears take constant time, except
// ClearFunc, which looks at every key.
//
// No visitor: the result of a load is everybody's, so the context of a load
// hides whose request caused it. A load that asks for the session, the request
// or the query fails with [ErrVisitorInGlobalLoad], and so does one that asks
// for the user whom a login has put into the context, once the program has
// declared that (middleware.Visitor). With Config.Scope set to [Session] it is
// the other way round: every visitor has results of their own, which end with
// the session, and nobody sees another's. A load can still see what its function
// has captured, and context values that nobody has declared; the event
// observe.ContextRead reports those that it reads.
//
// Errors are returned, and kept only where [ErrorConfig] says so. Where
// the comment of an error names an HTTP status, such as 404 for [ErrNotFound], its
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
// A hit takes no lock and reads no clock unless there is a TTL. It costs a
// lookup in the engine (maypok86/otter) and a copy; a result without references
// needs no allocation. A miss starts one goroutine. What has expired is freed
// within two seconds, by a timer per group that exists only while something is
// due; no cache has a goroutine of its own.
//
// # Keys
//
// Fields tagged hash:"ignore" are left out of the key, such as a connection
// that the loader needs; hash:"set" and hash:"string", Includable and
// IncludableMap of mitchellh/hashstructure are honoured, and KeyConfig.HashFuncs
// gives a type a stand-in. The loader gets a copy of the key, so that the caller
// may change its own at once; what is left out of the key is shared, and nothing
// of it is kept: it is zero in the keys of Entries and ClearFunc.
//
// Equal as data means: the same type and content, through pointers, also of
// unexported fields, maps in any order. nil, empty and a pointer to zero are
// three keys. Every NaN is one key, +0 and -0 are two. Inside an interface the
// type counts: int 1, uint 1 and "1" differ. A time is its instant and its zone;
// its monotonic reading does not count. A key that nests deeper than 1000
// levels, or has more than 1 MiB or KeyConfig.MaxBytes, is a [*KeyError]; a digest
// by HashFuncs makes it short.
//
// What carries a visitor is refused anywhere in K, left out of the key or not,
// since the load would see the first visitor's for all: a context, an
// *http.Request, http.ResponseWriter, echo.Context, a session, *ctxinfo.Info and
// *queryparams.Params. Of an interface in a key, left out or not, a call that
// has to load looks at the type of what it holds, and fails with a [*KeyError]. A
// handle of another module that is left out, such as a *gorm.DB, is not looked
// into.
//
// # Copies
//
// A copy equals its original in every way that can be observed: nil and empty
// stay what they were, pointers that share a target share its copy, cycles stay
// cycles, NaN, -0, zones and unexported fields survive; capacity ends at the
// length. Times, addresses of net/netip, unique.Handle and errors behind an
// interface are shared. So are strings: a result must not hold one over a buffer
// that is used again, such as those that unsafe.String and some web frameworks
// make; strings.Clone copies it. Slices of bytes may lie over such a buffer. A type of the program that has a method Clone of its own
// type is copied by it, at any depth. A pointer into the middle of something that
// is part of the result too (Current = &Items[1]) leads to the same place of the
// copy. Such a result takes several times as long to copy, others cost nothing
// more. Slices are values: those that overlap have arrays of their own, unless a
// pointer leads into them. A pointer into what a method of its own copies is a
// [*CopyError] of the call that would store it. Small slices, and small targets of
// pointers, in the elements of one slice may lie in blocks of 4 KB at most, so none
// of them can have a finalizer. Funcs.Clone and [CopyConfig] change this.
//
// # Types of other modules
//
// A private field that holds a pointer, an interface, a function or a uintptr
// may mean more than its type says: the copy of a list that leads back into
// itself is broken, and a number whose sign is the address of a variable changes.
// So such types are copied and compared only where it is known how:
//
//   - Types of the program (its main module and its workspace) are
//     treated as data: their author can see to it that they are.
//   - Types of the standard library are known one by one; a slog.Value, a
//     *url.URL, a *big.Int, a *regexp.Regexp or an x509.Certificate is copied, a
//     list.List, a template or a tls.Config is refused.
//   - Other modules' types without such fields are data. Those with them are
//     copied and compared by MarshalBinary and UnmarshalBinary, or GobEncode and
//     GobDecode, and messages of Protocol Buffers are copied as proto.Clone does
//     it. Some well-known types are vouched for by the tests of this module. All
//     others are refused by [New], or by the call if they are behind an
//     interface, unless Config.Trusted names them.
//
// # Sharing a package variable among tests
//
// A cache that is a package variable may be used inside and outside of
// testing/synctest bubbles. Call Default().Clear between tests that must not see each
// other's results, or make caches in a [Group] of the test.
package cachedata
