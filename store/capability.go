package store

import (
	"context"
	"iter"
	"time"
)

// Swapper is the capability of compare-and-swap. It keeps concurrent updates of a
// session from being lost.
type Swapper interface {
	// Swap writes it under key if the key's version is old, and returns the
	// new version. With old 0 it creates: it writes only if the key is absent.
	//
	// Otherwise nothing changes, and the error is ErrConflict if the key is
	// present with another version (with old 0: present at all), or
	// ErrNotFound if old is not 0 and the key is absent. Of several Swaps with
	// the same old version exactly one succeeds.
	Swap(ctx context.Context, key string, old uint64, it Item) (version uint64, err error)
}

// Toucher is the capability of changing a deadline without writing the value, such
// as when a visit extends a session.
type Toucher interface {
	// Touch sets the expiry of key; the zero time means never, a time in the
	// past makes the key absent. Value and version stay as they are, so a
	// Touch neither undoes a concurrent write nor makes a Swap fail. It never
	// brings an absent key back: that is ErrNotFound.
	Touch(ctx context.Context, key string, expires time.Time) error
}

// Scanner is the capability of listing keys, such as the sessions of a user.
type Scanner interface {
	// Scan yields the entries whose keys start with prefix (all for ""), in
	// ascending byte order of the keys, each key at most once.
	//
	// It is no snapshot of the store. A key that is present from before the
	// first step until after the last is yielded; one that comes or goes
	// meanwhile may or may not be. Each entry is the state that its key had at
	// some moment of the scan, and absent keys are not yielded.
	//
	// No lock is held while the loop body runs: it may call any method of the
	// store, and it may stop at any entry. A failure is yielded once, as the
	// last pair, with the zero Entry. A Scanner may need memory for all the
	// matching keys, but not for their values.
	Scan(ctx context.Context, prefix string) iter.Seq2[Entry, error]
}

// Batcher is the capability of reading many keys in one exchange with the store.
type Batcher interface {
	// GetMany returns the items of those keys that are present. The map is the
	// caller's own, and not nil unless there is an error.
	GetMany(ctx context.Context, keys []string) (map[string]Item, error)
}

// Watcher is the capability of reporting changes by others, such as another process
// that drops a result which this process has in memory.
type Watcher interface {
	// Watch reports to l the changes of the keys that start with prefix, until the
	// function that it returns is called; once that has returned, no function of l
	// is called. Watch itself does not wait: Found says when changes begin to be
	// received.
	//
	// Changes that were made through the same Store are left out, as far as the
	// store can tell them apart.
	Watch(prefix string, l Listener) (stop func())
}

// Listener has the functions that a [Watcher] calls, one at a time. They must be quick, must not use the store, and must not begin or end a Watch.
type Listener struct {
	// Found says that changes are received from now on. Those before it, back to the
	// beginning or to Lost, may have been missed.
	Found func()
	// Lost says that changes are no longer received, and why; some may have been
	// missed already. It is called at most once until the next Found.
	Lost func(err error)
	// Changed says that the value of a key was written or deleted, has expired or
	// was evicted; also that an absent key was deleted, since the listener may have
	// a value that the store does not have. Several changes of a key may lead to one
	// call.
	Changed func(key string)
}

// Closer is the capability of being closed, by the program that opened the store.
type Closer interface {
	// Close waits until the store's goroutines have ended, and frees its
	// resources. Every later call of another method fails with ErrClosed. Closing
	// twice is not an error. If ctx ends first, Close returns an error that wraps
	// ctx.Err(); the store is closed nevertheless.
	Close(ctx context.Context) error
}

// As finds the first capability T in the chain that starts at s and follows
// Unwrap() Store. Ask once, when you are given a store, not at every call.
//
// A wrapper that only observes calls may have an Unwrap method that returns the
// wrapped store. A wrapper that changes keys, values or results must not have one,
// because callers of As would bypass it: it implements the capabilities itself.
func As[T any](s Store) (T, bool) {
	for s != nil {
		if t, ok := s.(T); ok {
			return t, true
		}
		u, ok := s.(interface{ Unwrap() Store })
		if !ok {
			break
		}
		s = u.Unwrap()
	}
	var none T
	return none, false
}
