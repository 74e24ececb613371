package cachedata

import (
	"math"
	"sync/atomic"
	"time"

	"github.com/reecho-go/reecho/internal/flight"
	"github.com/reecho-go/reecho/internal/group"
)

// entry is one stored result. Except for atomic fields and what a comment names,
// it does not change once it is published. There may be millions of entries, so
// fields that only some need are behind the entry in memory, as its form says. The
// value, a copy that belongs to the cache, is before it: see layout.go.
type entry struct {
	storedAt int64
	load     loadTime
	size     uint32 // see bytes; and the treeBit
}

// loadTime is how long a load took: the bits of a float32 of nanoseconds. Its last
// three bits are the entry's form and insideBit, so the duration is exact to six
// digits.
type loadTime uint32

// lifetime is behind an entry that does not stay fresh for ever, and behind every
// entry with details.
type lifetime struct {
	soft      int64 // fresh until then; never: math.MaxInt64
	heapIndex int32 // where it is in the expiry queue, plus one, guarded by the queue's lock
}

// details are behind an entry if its cache has rules beyond a TTL, or if it has an
// error or annotations.
type details struct {
	err   error // what the load returned instead of a value; nil: a value
	size  int64 // bytes
	eager int64 // when a refresh is due although it is fresh; never: math.MaxInt64

	annotations *annotations // what its load has set; nil: nothing

	hits     atomic.Uint64 // reads of it, if they are counted
	used     atomic.Int64  // when it was last read, if there is an IdleTTL
	retry    atomic.Int64  // no refresh and, once it has expired, no load before
	failures atomic.Uint32 // loads that have failed in a row since it was loaded
	busy     atomic.Bool   // a background refresh runs
	told     atomic.Bool   // observers were told that it is served although it has expired
}

// annotations are what the load of an entry has set; see [Loading].
type annotations struct {
	passing      bool          // the result is returned, but not stored
	tags         []string      // sorted
	set          group.TagSet  // of tags
	clearsBefore uint64        // the clears of tags before its load
	checked      atomic.Uint64 // no clear up to this one was of these tags; or beingPut
	expired      atomic.Int64  // when ExpireTag of one of the tags was noticed; 0: it was not
	etag         string
	modified     time.Time
	seal         uint64 // of the value, if writes are looked for
}

// setClearsBefore sets the clears of tags before the load.
func (x *annotations) setClearsBefore(clears uint64) {
	x.clearsBefore = clears
	x.checked.Store(clears)
}

const never = math.MaxInt64

// Source says where a result came from.
type Source uint8

// The sources.
const (
	// Hit: the result was in memory.
	Hit Source = iota + 1
	// Load: this call loaded it.
	Load
	// Joined: this call waited for a load that another one had started.
	Joined
	// Stale: the result was in memory and had expired, and is being refreshed;
	// see Config.Stale.For and Config.Stale.SoftTimeout.
	Stale
	// FailSafe: the result was in memory and had expired, and the load of a new
	// one has failed, now or lately; see Config.Stale.OnError.
	FailSafe
	// Stored: the result was in the store; see Config.Store.
	Stored
)

// String returns the name of s in lower case.
func (s Source) String() string {
	switch s {
	case Hit:
		return "hit"
	case Load:
		return "load"
	case Joined:
		return "joined"
	case Stale:
		return "stale"
	case FailSafe:
		return "fail-safe"
	case Stored:
		return "stored"
	}
	return "none"
}

// Meta says where the result of a call came from, and how old it is.
type Meta struct {
	// Source is where the result came from; zero if the call failed.
	Source Source
	// Age is how long ago the result was loaded or put.
	Age time.Duration
	// Expires is when the result stops being fresh; zero means never. It is in
	// the past if Source is Stale or FailSafe.
	Expires time.Time
	// LoadTook is how long its load took, rounded to six digits; zero if it was
	// put.
	LoadTook time.Duration
}

// id identifies an entry: by a word or by a text, depending on the type of the
// cache's keys. In session scope it is a text that begins with the visitor's prefix.
type id = flight.Key

// word is the type by which an engine identifies entries. Entries of numbers take
// less memory by a uint64.
type word interface{ uint64 | string }

// idOf returns the id for the engine's identifier i.
func idOf[I word](i I) id {
	switch i := any(&i).(type) {
	case *uint64:
		return id{Word: *i}
	case *string:
		return id{Text: *i}
	}
	panic("unreachable")
}

// wordOf returns the engine's identifier for an id.
func wordOf[I word](id id) (i I) {
	switch i := any(&i).(type) {
	case *uint64:
		*i = id.Word
	case *string:
		*i = id.Text
	}
	return i
}
