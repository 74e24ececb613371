package cachedata

import (
	"math"
	"sync/atomic"
	"time"
)

// entry is one stored result. Nothing of it changes once it is published,
// except what says otherwise. There may be millions: what few of them need
// stands behind life.
type entry[K, V any] struct {
	key     K // our own
	value   V // our own
	written int64
	took    float32 // nanoseconds, to seven digits: half the memory
	life    *life   // nil: always fresh
}

// life is what an entry has that does not stay fresh for ever, or that may be
// neither.
type life struct {
	soft int64 // fresh until then; never: math.MaxInt64
	slot int32 // its place in the expiry queue plus one, guarded by the queue's lock
	more *more // nil: nothing but soft matters
}

// more is what an entry has in a cache with rules beyond a TTL.
type more struct {
	err   error // what the load returned instead of a value; nil: a value
	eager int64 // when a refresh is due although it is fresh; never: math.MaxInt64

	used     atomic.Int64  // when it was last read, if there is an IdleTTL
	retry    atomic.Int64  // no refresh and, once it has expired, no load before
	failures atomic.Uint32 // loads that have failed in a row since it was loaded
	busy     atomic.Bool   // a background refresh runs
}

// An entry is allocated together with what it needs.
type (
	timedEntry[K, V any] struct {
		entry[K, V]
		own life
	}
	richEntry[K, V any] struct {
		timedEntry[K, V]
		rest more
	}
)

const never = math.MaxInt64

// newEntry returns an entry of now that is fresh for ttl, or for ever if ttl is
// 0; err stands in for the value if it is not nil.
func (c *Cache[K, V]) newEntry(key K, v V, err error, ttl time.Duration) *entry[K, V] {
	now := c.group.Now()
	plain := entry[K, V]{key: key, value: v, written: now}
	switch {
	case c.rich || err != nil:
		e := new(richEntry[K, V])
		e.entry = plain
		e.life = &e.own
		e.own.more = &e.rest
		e.rest.err = err
		e.own.soft, e.rest.eager = c.freshness(now, ttl)
		e.rest.used.Store(now)
		return &e.entry
	case ttl != 0:
		e := new(timedEntry[K, V])
		e.entry = plain
		e.life = &e.own
		e.own.soft, _ = c.freshness(now, ttl)
		return &e.entry
	}
	return &plain
}

// more returns what e has beyond a TTL, or nil.
func (e *entry[K, V]) more() *more {
	if e.life == nil {
		return nil
	}
	return e.life.more
}

// err returns the remembered error that e is, or nil.
func (e *entry[K, V]) err() error {
	if m := e.more(); m != nil {
		return m.err
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
	// LoadTook is how long the load took that made it, to seven digits; zero
	// if it was put.
	LoadTook time.Duration
}

// meta describes e at now.
func (e *entry[K, V]) meta(source Source, now int64) Meta {
	m := Meta{Source: source, Age: time.Duration(max(now-e.written, 0)), LoadTook: time.Duration(e.took)}
	if e.life != nil && e.life.soft != never {
		m.Expires = time.Now().Add(time.Duration(e.life.soft - now))
	}
	return m
}
