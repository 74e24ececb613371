// Package store is the interface of stores that keep bytes under keys. Package
// sessionstate keeps sessions in one, and the list of sessions that were revoked;
// package cachedata keeps results in one, so that they survive a restart or are
// shared by several processes:
//
//	manager, err := sessionstate.New(sessionstate.Config{Store: s})
//	users, err := cachedata.New("users", load, cachedata.Config{Store: persist.In(s, persist.Config{})})
//
// Package memstore implements it in memory, boltstore in a file and redisstore in
// Redis. For a store of your own, package storetest has the tests of the contract.
//
// # The contract
//
// A [Store] has three methods. Everything else is a capability: a small
// interface that a store may also implement, and that callers find with [As],
// which looks through wrappers. A store does not implement a capability only to
// answer "not supported". The capabilities, and their use:
//
//   - [Swapper]: sessions and their revocations need it.
//   - [Toucher]: extends the life of a session without writing it again.
//   - [Scanner]: lists and ends the sessions of a user.
//   - [Batcher]: reads the marks of a cached result in one exchange.
//   - [Watcher]: tells the caches of one process what another one has changed.
//   - [Closer]: for the program that opened the store. The toolkit does not close
//     a store that it was given.
//
// Keys are arbitrary bytes in a string, the empty string included. A store
// takes keys of at least 1 KiB and values of at least 1 MiB. Those that are too
// large for it fail with [ErrTooLarge] and change nothing.
//
// Values are arbitrary bytes. An empty value is a value: its key is present.
// A store does not tell nil from empty. A slice that a store returns belongs
// to the caller, who may change it; a slice that a store is given is copied
// before the method returns, and never changed.
//
// Expiry is a point in time. A key is absent as soon as now >= Expires, by the
// clock of the store, whether or not its memory was freed yet, and absent
// means absent for every method. The zero Expires never comes. An Expires in
// the past is allowed: the key is absent at once. A store may keep Expires in
// milliseconds, rounded down, so that nothing outlives its deadline.
//
// Versions order the writes of one key. Every Put and every Swap gives its key
// a version that is greater than each one the key had before, and a version is
// never given twice: not after Delete, expiry or eviction either. So a
// Swap that expects the version of a deleted value fails, also when the key
// was created again since. Versions of different keys do not compare. Zero is
// never a version.
//
// Every method is atomic for each key, and a call that starts after another
// one has returned sees its effect (linearizable per key). Nothing is promised
// across keys. All methods are safe for concurrent use.
//
// # Errors
//
// [ErrNotFound] and [ErrConflict] are ordinary results. A store may return them
// unwrapped, which is faster. Every other error is an [*Error] that names the
// operation and the key. Test all of them with errors.Is.
//
// A method whose context is already done does nothing and returns an error
// that wraps ctx.Err(). When a context ends during a write to a remote store,
// or when the answer is lost, the write may or may not have happened.
package store

import (
	"context"
	"time"
)

// Store keeps byte values under keys. The package comment is its contract;
// run [github.com/reecho-go/reecho/store/storetest.Run] on every
// implementation.
type Store interface {
	// Get returns the item of key, or ErrNotFound when it is absent.
	Get(ctx context.Context, key string) (Item, error)

	// Put writes it.Value and it.Expires under key, whatever is there, and
	// gives the key a new version. It ignores it.Version. The expiry of an
	// earlier value does not carry over.
	Put(ctx context.Context, key string, it Item) error

	// Delete removes key. Deleting an absent key is not an error.
	Delete(ctx context.Context, key string) error
}

// Item is a value with its version and its expiry.
type Item struct {
	// Value belongs to the caller. A store copies it when it is written and when it is
	// read.
	Value []byte

	// Version is set by the store. Put and Swap ignore it in their argument.
	Version uint64

	// Expires is the moment from which on the key is absent. Zero: never.
	Expires time.Time

	// Expendable tells a store that must evict something to evict this item first,
	// such as the session of a visitor before that of a user. It is a hint, which a
	// store may ignore. No store returns it.
	Expendable bool
}

// Entry is an item with its key.
type Entry struct {
	Key string
	Item
}
