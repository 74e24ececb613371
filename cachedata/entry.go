package cachedata

import (
	"math"
	"sync/atomic"
	"time"

	"github.com/reecho-go/reecho/internal/canon"
)

// entry is one stored result. Nothing of it changes once it is published,
// except what says otherwise. There may be millions, so what only some of them
// need stands behind it in memory, as its form says: see layout.go.
type entry[K, V any] struct {
	value   V // our own
	written int64
	load    loadTime
	size    uint32 // see bytes
}

// life is what an entry has that does not stay fresh for ever, or that may be
// neither.
type life struct {
	soft int64 // fresh until then; never: math.MaxInt64
	slot int32 // its place in the expiry queue plus one, guarded by the queue's lock
}

// more is what an entry has in a cache with rules beyond a TTL.
type more struct {
	err   error // what the load returned instead of a value; nil: a value
	size  int64 // bytes
	eager int64 // when a refresh is due although it is fresh; never: math.MaxInt64

	extra *extra // what its load said of it, if anything

	hits     atomic.Uint64 // reads of it, if they are counted
	used     atomic.Int64  // when it was last read, if there is an IdleTTL
	retry    atomic.Int64  // no refresh and, once it has expired, no load before
	failures atomic.Uint32 // loads that have failed in a row since it was loaded
	busy     atomic.Bool   // a background refresh runs
	told     atomic.Bool   // observers know that it is served although it has expired
}

// extra is what an entry has of its own; see [Loading].
type extra struct {
	tags     []string      // sorted
	born     uint64        // the clears of tags before its load
	checked  atomic.Uint64 // until which clear none has been of a tag; or unborn
	etag     string
	modified time.Time
	seal     uint64 // of the value, if writes are looked for
}

// bornAt sets the clears of tags before the load.
func (x *extra) bornAt(clears uint64) {
	x.born = clears
	x.checked.Store(clears)
}

const never = math.MaxInt64

// newEntry returns an entry of now whose result counts size bytes and is fresh
// for ttl, or for ever if ttl is 0; err stands in for the value if it is not nil,
// and own may be nil.
func (p *place[I, K, V]) newEntry(v V, err error, ttl time.Duration, size int64, own *extra) *entry[K, V] {
	c := p.cache
	if err == nil {
		own = c.sealed(own, v)
	}
	now := c.group.Now()
	f := plain
	switch {
	case c.rich || err != nil || own != nil:
		f = rich
	case ttl != 0:
		f = timed
	}
	if c.shape == canon.Encoded {
		f |= keyed
	}
	bytes := plus(size, p.beside(f, p.key, err, own))
	if bytes >= math.MaxUint32 && f&^keyed != rich {
		f = rich | f&keyed
		bytes = plus(size, p.beside(f, p.key, err, own))
	}
	e := allocate[K, V](f)
	e.value, e.written = v, now
	e.size = uint32(min(bytes, math.MaxUint32))
	if k := e.ownKey(); k != nil {
		*k = p.key
	}
	if l := e.life(); l != nil {
		var eager int64
		l.soft, eager = c.freshness(now, ttl)
		if m := e.more(); m != nil {
			m.err, m.size, m.eager, m.extra = err, bytes, eager, own
			m.used.Store(now)
		}
	}
	return e
}

// bytes returns what e counts.
func (e *entry[K, V]) bytes() int64 {
	if e.size == math.MaxUint32 {
		return e.more().size
	}
	return int64(e.size)
}

// err returns the remembered error that e is, or nil.
func (e *entry[K, V]) err() error {
	if m := e.more(); m != nil {
		return m.err
	}
	return nil
}

// extra returns what the load of e said of it, or nil.
func (e *entry[K, V]) extra() *extra {
	if m := e.more(); m != nil {
		return m.extra
	}
	return nil
}

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
	// see Config.StaleFor and Config.SoftTimeout.
	Stale
	// FailSafe: the result was in memory and had expired, and the load of a new
	// one has failed, now or lately; see Config.FailSafe.
	FailSafe
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
	}
	return "none"
}

// Meta says how a call came by its result.
type Meta struct {
	// Source is where the result came from; zero if the call failed.
	Source Source
	// Age is how long ago the result was loaded or put.
	Age time.Duration
	// Expires is until when it is fresh; zero means for ever. That it is in
	// the past goes with the sources Stale and FailSafe.
	Expires time.Time
	// LoadTook is how long the load took that made it, to six digits; zero
	// if it was put.
	LoadTook time.Duration
}

// meta describes e at now.
func (e *entry[K, V]) meta(source Source, now int64) Meta {
	m := Meta{Source: source, Age: time.Duration(max(now-e.written, 0)), LoadTook: e.load.took()}
	if l := e.life(); l != nil && l.soft != never {
		m.Expires = time.Now().Add(time.Duration(l.soft - now))
	}
	return m
}
