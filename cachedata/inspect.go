package cachedata

import (
	"iter"
	"reflect"
	"slices"
	"time"
	"unsafe"
)

// EntryState says what an entry is good for.
type EntryState string

// The states.
const (
	StateFresh    EntryState = "fresh"
	StateEarly    EntryState = "early"     // fresh, and its next read refreshes it; see Config.Stale.EagerAt
	StateStale    EntryState = "stale"     // expired, and served while it is refreshed
	StateFailSafe EntryState = "fail-safe" // expired, and served if a load fails
	StateExpired  EntryState = "expired"   // of no use, and about to be swept
	StateError    EntryState = "error"     // a remembered error
	StateNotFound EntryState = "not found" // a remembered answer that there is nothing
	StateLoading  EntryState = "loading"   // nothing yet, but a load is in flight
)

// EntryInfo describes one entry of a cache at one moment.
type EntryInfo[K any] struct {
	Key      K // the caller's own; what the key leaves out, such as hash:"-" fields, is zero
	State    EntryState
	Age      time.Duration // since it was loaded or put; 0 while it is loading
	Expires  time.Time     // until when it is fresh; zero: for ever
	LoadTook time.Duration // to six digits; 0 if it was put
	Hits     uint64        // reads of it, if Config.CountHits is set
	Bytes    int64         // what it counts; see Config.MaxBytes
	Tags     []string      // sorted
	Loading  bool          // a load of its key is in flight
	Waiters  int           // callers who wait for that load

	fingerprint func() (uint64, error)
}

// Fingerprint returns the key's short name in events; see [Cache.Fingerprint].
// It is computed on demand, which costs microseconds.
func (e EntryInfo[K]) Fingerprint() (uint64, error) {
	if e.fingerprint == nil {
		return 0, nil
	}
	return e.fingerprint()
}

// Entries iterates over what is in the cache, and over the keys that are being
// loaded, in no order; in session scope over those of all visitors. It is for
// looking into a cache: it walks all entries, at about a tenth of a microsecond
// each and a copy of the key, and is no read, so it neither counts nor
// refreshes.
//
// It holds nothing up, and the cache may change meanwhile, also by the loop
// itself: an entry that is there all the time is seen, and what comes or goes
// may be or not. Nothing of a clear that came before the call is seen.
func (c *Cache[K, V]) Entries() iter.Seq[EntryInfo[K]] {
	return func(yield func(EntryInfo[K]) bool) {
		c.core.table.inspect(func(key unsafe.Pointer, e EntryInfo[any]) bool {
			return yield(EntryInfo[K]{
				Key: *(*K)(key), State: e.State, Age: e.Age, Expires: e.Expires, LoadTook: e.LoadTook, Hits: e.Hits,
				Bytes: e.Bytes, Tags: e.Tags, Loading: e.Loading, Waiters: e.Waiters, fingerprint: e.fingerprint,
			})
		})
	}
}

// Inspect is [Cache.Entries] for those who do not know K.
func (c *Cache[K, V]) Inspect() iter.Seq[EntryInfo[any]] { return c.core.inspect }

func (c *core) inspect(yield func(EntryInfo[any]) bool) {
	c.table.inspect(func(key unsafe.Pointer, e EntryInfo[any]) bool {
		e.Key = reflect.NewAt(c.key.Type, key).Elem().Interface()
		return yield(e)
	})
}

// inspect yields what there is to say about each entry, with its key beside it.
func (t *table) inspect(yield func(key unsafe.Pointer, e EntryInfo[any]) bool) {
	r := t.era.Load()
	flights := r.flights.Calls()
	for id, e := range r.entries.all() {
		if t.core.tagCleared(e.extra()) {
			continue // its key may be in flight
		}
		key, info, ok := t.core.info(t.keyOf(id, e))
		if !ok {
			continue
		}
		t.core.describe(&info, e)
		if f, ok := flights[id]; ok {
			info.Loading, info.Waiters = true, f.Waiting
			delete(flights, id)
		}
		if !yield(key, info) {
			return
		}
	}
	for id, f := range flights {
		if e := r.entries.get(id); e != nil && !t.core.tagCleared(e.extra()) {
			continue // it has come meanwhile, and been seen or not
		}
		key, info, ok := t.core.info(f.Task.(*load).key)
		info.State, info.Loading, info.Waiters = StateLoading, true, f.Waiting
		if ok && !yield(key, info) {
			return
		}
	}
}

// info returns what there is to say about an entry of key, which is ours, and
// the key for the caller.
func (c *core) info(key unsafe.Pointer) (own unsafe.Pointer, _ EntryInfo[any], ok bool) {
	own, err := c.shown(key)
	return own, EntryInfo[any]{fingerprint: func() (uint64, error) { return c.keys.Fingerprint(key) }}, err == nil
}

// describe adds what there is to say about e.
func (c *core) describe(info *EntryInfo[any], e *entry) {
	now := c.group.Now()
	m := c.meta(e, Hit)
	info.Age, info.Expires, info.LoadTook, info.Bytes = m.Age, m.Expires, m.LoadTook, e.bytes()
	switch st, err := c.state(e, now), e.err(); {
	case st == gone:
		info.State = StateExpired
	case err != nil && c.missing(err):
		info.State = StateNotFound
	case err != nil:
		info.State = StateError
	case st == spare:
		info.State = StateFailSafe
	case st == stale:
		info.State = StateStale
	case st == early:
		info.State = StateEarly
	default:
		info.State = StateFresh
	}
	if m := e.more(); m != nil {
		info.Hits = m.hits.Load()
		if m.extra != nil {
			info.Tags = slices.Clone(m.extra.tags)
		}
	}
}
