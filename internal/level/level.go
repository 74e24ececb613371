// Package level is what a cache asks of a place where results are kept beside the
// memory. It is apart from what does it, package tier, so that a cache without such
// a place links nothing of it.
package level

import (
	"context"
	"reflect"
	"time"

	"github.com/reecho-go/reecho/internal/uses"
	"github.com/reecho-go/reecho/observe"
)

// Opener makes the Level of a cache, or says what is wrong.
type Opener func(Cache) (Level, error)

// Cache is who asks.
type Cache struct {
	Group, Name string
	Key, Result reflect.Type
	Observer    observe.Observer
	Batch       bool // it loads several keys at a time

	// Beside returns the cache of that name in the same group, if it has a Level, or nil.
	Beside func(name string) Neighbour

	// What follows is for results that are made of results of other caches, and nil for
	// all others.

	// Codec is the cache's own, and Version a part of what identifies the results.
	Codec   Codec
	Version string
	// Keep reports whether the result at value is to be kept here, and if it is not,
	// whether what is here is over.
	Keep func(value any) (keep, over bool)
	// Admit reports whether what the result at value, which was found here and is that
	// old, is made of still holds. It obeys ctx.
	Admit func(ctx context.Context, value any, age time.Duration) bool
}

// Codec turns results into bytes and back; it is persist.Codec, which may not show an
// internal type.
type Codec interface {
	Marshal(v any) ([]byte, error)
	Unmarshal(data []byte, v any) error
}

// Neighbour is another cache, of whose results a result may be made.
type Neighbour interface {
	// Recall returns stamps of results that parts stand for: as of now, and of this
	// process. Only if Judge, asked after that, says so, there is something that they
	// hold for.
	Recall(parts []Part) []uses.Stamp
	// Judge reports whether all that parts stand for is the last result of its key, in
	// the place where all processes look, and was not cleared.
	Judge(ctx context.Context, parts []Part) bool
	// Place is where the results are.
	Place() any
}

// Part is what is kept of a result that another one is made of.
type Part struct {
	Cache       string
	Fingerprint uint64
	Sum         Sum
	Birth       Birth
	Tags        []string
}

// Birth says as what a result is kept.
type Birth struct {
	Version uint64 // of the record; 0: other processes cannot be told
	Clock   *Clock // not changed any more; nil: it is not kept
}

// Clock is what was known of the clears of a cache when a result of it was born.
type Clock struct {
	Life   [16]byte
	Clears uint64
	Kind   uint64 // of its results: other types, and other codecs, have another one
}

// Level keeps the results of a cache. No method fails: what cannot be had is a
// miss, and what cannot be told is told later.
type Level interface {
	// Get returns the results of those keys that have one that holds, or nil, and a
	// ticket for a load of each, or nil.
	Get(ctx context.Context, keys ...Key) ([]*Result, []Ticket)
	// Lead is asked before a load: where several processes are to load a key once, it
	// returns when this one may, with a ticket for that and what is to be called when
	// the load is over, or with what another one has loaded meanwhile.
	Lead(ctx context.Context, t Ticket) (r *Result, own Ticket, over func())
	// Store keeps the result of a load, unless something has come since its ticket
	// was taken that it does not know of.
	Store(ctx context.Context, t Ticket, r Result) Birth
	// Put keeps a result that comes from elsewhere.
	Put(ctx context.Context, k Key, r Result) Birth
	// Judge and Place are those of Neighbour.
	Judge(ctx context.Context, parts []Part) bool
	Place() any
	// Delete drops a result, and takes from loads that have begun the right to store
	// theirs. ClearTag and Clear do so for all with one of the tags, and for all.
	Delete(ctx context.Context, k Key)
	ClearTag(ctx context.Context, tags ...string)
	Clear(ctx context.Context)
	// Watch has m told of what other processes change until Close, and reports
	// whether they can be heard. Sum is what m knows a key by.
	Watch(m Memory) bool
	Sum(k Key) Sum
	// Stats returns what has been counted.
	Stats() Stats
	// Close waits for what runs.
	Close(ctx context.Context) error
}

// Memory is what a cache has of the results in memory, and on their way there. It is
// told of what others change one thing at a time, and answers quickly.
type Memory interface {
	// Changed says that the result of a key is not the last one any more.
	Changed(s Sum)
	// ClearTag and Clear say so of all results with a tag, and of all.
	ClearTag(tag string)
	Clear()
	// Distrust says that changes may have been missed.
	Distrust()
}

// Sum stands for a key: no two that anybody has found have the same one.
type Sum [16]byte

// Stats are the counters of a Level.
type Stats struct {
	Errors  uint64 // calls of the place that failed or took too long
	Skipped uint64 // calls that were not made, since it is left alone
	Down    bool   // it is left alone for a while now
}

// Key is the argument of a call.
type Key struct {
	Fingerprint uint64
	Canonical   []byte // what tells it from all others; not changed any more
}

// Result is what is kept of a load.
type Result struct {
	Value    any // a pointer to a result
	Birth    Birth
	Age      time.Duration
	Fresh    time.Duration // for how long it is, from its load on; for ever: math.MaxInt64
	Spare    time.Duration // for how long it is of use after that
	Took     time.Duration
	Tags     []string
	ETag     string
	Modified time.Time
}

// Ticket is what a load must show to store its result: it was taken before the load
// began.
type Ticket interface {
	// Known reports whether there is something for the key already.
	Known() bool
}
