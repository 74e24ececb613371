package cachedata

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"time"
	"unsafe"
)

// EntryInfo describes one entry of a cache at one moment.
type EntryInfo struct {
	// Key is a copy of the key, of the cache's type K; the caller may change it.
	// Fields that are left out of the key, such as those tagged hash:"-", are
	// zero.
	Key any
	// State is "fresh", "early" (fresh, and its next read refreshes it), "stale"
	// (expired, and served while it is refreshed), "fail-safe" (expired, and served
	// if a load fails), "expired" (never served), "error" (a remembered error), "not
	// found" (a remembered answer that there is nothing) or "loading" (nothing yet,
	// but a load is in flight).
	State    string
	Age      time.Duration // since it was loaded or put; 0 while it is loading
	Expires  time.Time     // when it stops being fresh; zero: never
	LoadTook time.Duration // rounded to six digits; 0 if it was put
	Hits     uint64        // how often it was read, if Config.CountHits is set
	Bytes    int64         // its size for the bounds; see Config.MaxBytes
	Tags     []string      // sorted
	Loading  bool          // whether a load of its key is in flight
	Waiters  int           // callers who wait for that load
	Running  time.Duration // for how long that load has been running

	slot slot // where it is; zero for an EntryInfo that no cache has made
}

// Fingerprint returns the key's short name in events; see [Cache.Fingerprint].
// It is computed on demand, which costs microseconds.
func (e EntryInfo) Fingerprint() (uint64, error) {
	if e.slot.table == nil {
		return 0, nil
	}
	return e.slot.core.keys.Fingerprint(e.slot.key())
}

// Delete drops what the cache has for the key at the moment of the call, as
// [Cache.Delete] does. In session scope it drops the entry of the visitor to whom
// the entry belongs, even if another visitor's request calls it. The error is
// [ErrClosed].
func (e EntryInfo) Delete(ctx context.Context) error {
	if e.slot.table == nil {
		return fmt.Errorf("%w: the entry is of no cache", ErrClosed)
	}
	if err := e.slot.core.openTo(ctx); err != nil {
		return err
	}
	e.slot.delete(ctx)
	return nil
}

// Refresh loads the result for the key again and waits for it, as [Cache.Refresh]
// does. The errors are those of Cache.Refresh. In session scope Refresh always
// fails with [ErrNoSession], because an entry is loaded only in a request of its
// visitor.
func (e EntryInfo) Refresh(ctx context.Context) error {
	if e.slot.table == nil {
		return fmt.Errorf("%w: the entry is of no cache", ErrClosed)
	}
	c := e.slot.core
	switch {
	case ctx == nil:
		return c.noContext()
	case c.sessions != nil:
		return fmt.Errorf("cachedata: %s: Refresh of a visitor's entry: %w", c.name, ErrNoSession)
	}
	_, _, err := e.slot.load(ctx, true)
	return c.loadError(err)
}

func (c *core) inspect(yield func(EntryInfo) bool) {
	c.table.inspect(func(key unsafe.Pointer, e EntryInfo) bool {
		e.Key = reflect.NewAt(c.key.Type, key).Elem().Interface()
		return yield(e)
	})
}

// inspect yields a description of each entry, and its key.
func (t *table) inspect(yield func(key unsafe.Pointer, e EntryInfo) bool) {
	r := t.era.Load()
	flights := r.flights.Calls()
	for id, f := range flights {
		key, info, ok := t.core.info(f.Task.(*load).slot)
		if e := r.entries.get(id); e != nil && !t.core.tagCleared(e.annotations()) {
			t.core.describe(&info, e)
		} else {
			info.State = "loading"
		}
		info.Loading, info.Waiters = true, f.Waiting
		info.Running = time.Duration(t.core.group.Now() - f.Task.(*load).began)
		if ok && !yield(key, info) {
			return
		}
	}
	for id, e := range r.entries.all() {
		if _, seen := flights[id]; seen || t.core.tagCleared(e.annotations()) {
			continue
		}
		key, info, ok := t.core.info(slot{table: t, id: id, own: t.keyOf(id, e)})
		if !ok {
			continue
		}
		t.core.describe(&info, e)
		if !yield(key, info) {
			return
		}
	}
}

// info returns a description of an entry at p, and a copy of its key for the caller.
func (c *core) info(p slot) (own unsafe.Pointer, _ EntryInfo, ok bool) {
	own, err := c.shown(p.key())
	return own, EntryInfo{slot: p}, err == nil
}

// describe adds the properties of e.
func (c *core) describe(info *EntryInfo, e *entry) {
	now := c.group.Now()
	m := c.meta(e, Hit)
	info.Age, info.Expires, info.LoadTook, info.Bytes = m.Age, m.Expires, m.LoadTook, e.bytes()
	switch st, err := c.state(e, now), e.err(); {
	case st == gone:
		info.State = "expired"
	case err != nil && c.missing(err):
		info.State = "not found"
	case err != nil:
		info.State = "error"
	case st == spare:
		info.State = "fail-safe"
	case st == stale:
		info.State = "stale"
	case st == early:
		info.State = "early"
	default:
		info.State = "fresh"
	}
	if m := e.details(); m != nil {
		info.Hits = m.hits.Load()
		if m.annotations != nil {
			info.Tags = slices.Clone(m.annotations.tags)
		}
	}
}

// stats is [Cache.Stats].
func (c *core) stats() Stats {
	s := c.counters.read()
	s.InFlight, s.Waiters = c.tracker.Running(), c.tracker.Waiting()
	s.Entries, s.Bytes = c.table.len(), c.table.bytes()
	if c.sessions != nil {
		s.Sessions = c.sessions.visits.Len()
	}
	if c.second != nil {
		kept := c.second.level.Stats()
		s.StoreErrors, s.StoreSkipped = kept.Errors, kept.Skipped
		if kept.Down {
			s.StoreDown = 1
		}
	}
	return s
}
