// Package level defines the interface between a cache and a second level that keeps its
// results beside the memory, such as a store. The implementation is in package tier. The
// two are separate so that a cache without a second level does not link it.
package level

import (
	"context"
	"reflect"
	"time"

	"github.com/reecho-go/reecho/internal/uses"
	"github.com/reecho-go/reecho/observe"
)

// Opener makes the Level of a cache. The error says what is wrong with the cache's
// configuration.
type Opener func(Cache) (Level, error)

// Cache describes the cache that opens a Level.
type Cache struct {
	Group, Name string
	Key, Result reflect.Type
	Observer    observe.Observer
	Batch       bool // it loads several keys at a time

	// Dependency returns the cache with that name in the same group, or nil if there is
	// none or it has no Level.
	Dependency func(name string) Dependency

	// The fields below are nil or empty, except for a cache whose results are made of
	// the results of other caches.

	// Codec encodes the results in place of the configured codec. Version is added to
	// the configured version.
	Codec   Codec
	Version string
	// Keep reports whether the Level may keep the result at value. If not, over reports
	// whether the result that it keeps already must be deleted.
	Keep func(value any) (keep, over bool)
	// Admit reports whether the result at value, which the Level has kept for age, may
	// be used: whether the results that it is made of are still current. It returns
	// early when ctx ends.
	Admit func(ctx context.Context, value any, age time.Duration) bool
}

// Codec encodes and decodes results. It equals persist.Codec, whose package must not
// expose an internal type.
type Codec interface {
	Marshal(v any) ([]byte, error)
	Unmarshal(data []byte, v any) error
}

// Dependency is a cache whose results other results are made of.
type Dependency interface {
	// Stamps returns the stamps of the results that parts name. They notice only the
	// changes that this process sees after the call. So call AreCurrent afterwards, and
	// use the stamps only if it reports true.
	Stamps(parts []Part) []uses.Stamp
	// AreCurrent reports whether every result that parts name is still the last one
	// that was stored for its key, and was not cleared. It asks the store, which all
	// processes share.
	AreCurrent(ctx context.Context, parts []Part) bool
	// Backend identifies the store. Two caches share a store if their backends are equal.
	Backend() any
}

// Part names a result that another result is made of.
type Part struct {
	Cache       string
	Fingerprint uint64
	Sum         Sum
	Revision    Revision
	Tags        []string
}

// Revision identifies one of the results that were stored for a key, one after another.
type Revision struct {
	Version uint64 // of the record in the store; 0: the result cannot be named to other processes
	Clock   *Clock // immutable; nil: the result is not stored
}

// Clock counts the clears of a cache. A result carries the clock from before its load.
type Clock struct {
	Epoch  [16]byte // a clear of the whole cache begins a new one
	Clears uint64   // the clears of tags in this epoch
	Kind   uint64   // a fingerprint of the type and the codec of the results
}

// Level keeps the results of a cache. Its methods return no errors: a result that cannot
// be read is a miss, and a clear that cannot be carried out is carried out later.
type Level interface {
	// Get returns for each key its result, or nil if there is none that may be used, and
	// a ticket for a load of the key, or nil.
	Get(ctx context.Context, keys ...Key) ([]*Result, []Ticket)
	// Lead is called before a load. If several processes are to load a key only once,
	// it waits until this process may load, and returns a ticket for the load and a
	// function to call when the load is over; or it returns the result that another
	// process has loaded in the meantime.
	Lead(ctx context.Context, t Ticket) (r *Result, own Ticket, over func())
	// Store keeps the result of a load, unless the key was written or cleared after the
	// ticket was taken.
	Store(ctx context.Context, t Ticket, r Result) Revision
	// Put keeps a result that does not come from a load.
	Put(ctx context.Context, k Key, r Result) Revision
	// AreCurrent and Backend are those of Dependency.
	AreCurrent(ctx context.Context, parts []Part) bool
	Backend() any
	// Delete deletes the result of a key. Loads that have begun before do not store
	// their results. ClearTag does the same for all results with one of the tags, Clear
	// for all results.
	Delete(ctx context.Context, k Key)
	ClearTag(ctx context.Context, tags ...string)
	Clear(ctx context.Context)
	// Watch tells m about changes by other processes until Close, and reports whether
	// the store can tell it of them. Sum returns the sum by which m knows a key.
	Watch(m Memory) bool
	Sum(k Key) Sum
	// Stats returns the counters.
	Stats() Stats
	// Close waits for running calls of the store.
	Close(ctx context.Context) error
}

// Memory is the first level: the results of a cache in memory, and those that are being
// loaded. It is told about the changes of other processes, one at a time. Its methods
// return quickly.
type Memory interface {
	// Changed says that the store has another result for a key, or none.
	Changed(s Sum)
	// ClearTag says that all results with a tag were cleared, Clear that all were.
	ClearTag(tag string)
	Clear()
	// ChangesLost says that the Memory may not have been told of all changes.
	ChangesLost()
}

// Sum identifies a key: it is a cryptographic hash, so different keys have different sums.
type Sum [16]byte

// Stats are the counters of a Level.
type Stats struct {
	Errors  uint64 // calls of the store that failed or took too long
	Skipped uint64 // calls that were not made while the store was down
	Down    bool   // the store has failed several times, and is not called for a while
}

// Key is the key of a result.
type Key struct {
	Fingerprint uint64
	Canonical   []byte // the complete encoding; immutable
}

// Result is a stored result.
type Result struct {
	Value    any // a pointer to a result
	Revision Revision
	Age      time.Duration // since its load
	FreshFor time.Duration // how long it is fresh, counted from its load; math.MaxInt64: for ever
	StaleFor time.Duration // how long it may be used after that
	Took     time.Duration // the duration of its load
	Tags     []string
	ETag     string
	Modified time.Time
}

// Ticket is taken before a load begins, and permits the load to store its result.
type Ticket interface {
	// Known reports whether the Level already has something for the key.
	Known() bool
}
