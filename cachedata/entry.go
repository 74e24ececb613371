package cachedata

import (
	"math"
	"time"
)

// entry is one stored result. Nothing of it changes once it is published,
// except slot, which belongs to the expiry queue.
type entry[K, V any] struct {
	key     K // our own copy
	value   V // our own copy
	written int64
	expires int64   // never: math.MaxInt64
	took    float32 // nanoseconds, to seven digits: half the memory
	slot    int32   // its place in the expiry queue plus one, guarded by the queue's lock
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
	}
	return "none"
}

// Meta says how a call came by its result.
type Meta struct {
	// Source is where the result came from; zero if the call failed.
	Source Source
	// Age is how long ago the result was loaded or put.
	Age time.Duration
	// Expires is when it will no longer be served; zero means never.
	Expires time.Time
	// LoadTook is how long the load took that made it, to seven digits; zero
	// if it was put.
	LoadTook time.Duration
}

// meta describes e at now.
func (e *entry[K, V]) meta(source Source, now int64) Meta {
	m := Meta{Source: source, Age: time.Duration(max(now-e.written, 0)), LoadTook: time.Duration(e.took)}
	if e.expires != never {
		m.Expires = time.Now().Add(time.Duration(e.expires - now))
	}
	return m
}

// deadline is now plus ttl; a ttl of zero, and one that would overflow, is never.
func deadline(now int64, ttl time.Duration) int64 {
	if ttl == 0 || now > never-int64(ttl) {
		return never
	}
	return now + int64(ttl)
}
