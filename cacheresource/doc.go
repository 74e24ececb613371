// Package cacheresource keeps one live value per key: a connection pool, a
// client, a model, a prepared index. The value is opened once, shared by all
// callers, checked, and released exactly once: when it has been removed from the
// cache and its last user is done.
//
//	var pools = cacheresource.Must(cacheresource.New("pool", openPool, cacheresource.Config{}, cacheresource.Funcs[string, *sql.DB]{
//		Check:   func(ctx context.Context, dsn string, db *sql.DB) error { return db.PingContext(ctx) },
//		Release: func(ctx context.Context, dsn string, db *sql.DB) error { return db.Close() },
//	}))
//
//	err := pools.Do(ctx, dsn, func(db *sql.DB) error { ... })
//
// Promises:
//   - all callers get the same instance, and a key is opened once at a time, also
//     if an earlier open has failed or was left; each caller waits until the
//     caller's own context ends; an open that fails or panics blocks no later
//     one, and its error is remembered only for Config.ErrorTTL;
//   - Release runs exactly once for every value that was opened, never while it
//     is leased and never under a lock; an error or a panic of one Release does
//     not prevent others; if open returns a value again, it counts as the same
//     value, and is released when the last instance of it ends;
//   - after Delete, Clear or a group Clear has returned, no call that starts
//     later gets an instance whose open had started before;
//   - an instance that fails its check is removed from the cache, also when
//     nobody uses it; callers who lease it keep it until they are done, and the
//     next call opens a new one;
//   - an instance that has expired, by Config.TTL or IdleTTL, is not handed out
//     from that moment on, and is released within a second or two;
//   - an instance that was used to open another one is released only after the
//     other one;
//   - an open cannot see the visitor who caused it ([ErrVisitorInGlobalLoad]),
//     because all visitors share its result; in Scope [Session] it can, and what
//     it opens ends with the visitor's session.
//
// Use [Resource.Do] or [Resource.Acquire] whenever the use has an end;
// [Resource.Pin] is for values that live as long as the program.
package cacheresource
