// Package cacheresource keeps one live value per key: a connection pool, a
// client, a model, a prepared index. It is opened once, shared by everybody,
// checked, and released exactly once, when it has been taken out of the cache
// and nobody uses it any more.
//
//	var pools = cacheresource.Must(cacheresource.New("pool", openPool, cacheresource.Config{}, cacheresource.Funcs[string, *sql.DB]{
//		Check:   func(ctx context.Context, dsn string, db *sql.DB) error { return db.PingContext(ctx) },
//		Release: func(ctx context.Context, dsn string, db *sql.DB) error { return db.Close() },
//	}))
//
//	err := pools.Do(ctx, dsn, func(db *sql.DB) error { ... })
//
// Promises:
//   - everybody gets the same instance, and a key is opened by one caller at a
//     time, whatever became of the one before; waiters obey their own contexts;
//     a failed or panicking open wedges nothing and is not kept, except for
//     Config.ErrorTTL;
//   - Release runs exactly once for every value that was opened, whatever ended
//     it, never while it is leased, never under a lock, and what it returns or
//     panics with stops nothing else; one that open returns again is the same
//     value, and is released when nobody needs it any more;
//   - after Delete, Clear or a group Clear has returned, no call that starts
//     later gets an instance whose open had started before;
//   - an instance that fails its check is taken out, also when nobody uses it;
//     those who lease it keep it until they are done, the next call opens anew;
//   - an instance that has expired, by Config.TTL or IdleTTL, is not handed out
//     at that very moment and later, and is released within a second or two;
//   - a resource that was used to open another one is not released before the
//     other has been;
//   - an open cannot see the visitor that happened to cause it
//     ([ErrVisitorInGlobalLoad]), since its result is everybody's; in Scope
//     [Session] it can, and what it opens ends with the visitor's session.
//
// Use [Resource.Do] or [Resource.Acquire] whenever the use has an end;
// [Resource.Pin] is for values that live as long as the program.
package cacheresource
