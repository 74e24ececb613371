package cachedata

import (
	"context"
	"errors"
	"fmt"
	"unsafe"

	"github.com/reecho-go/reecho/observe"
)

// ClearFunc drops the results of all keys for which match reports true. When it
// has returned, no call that starts later gets such a result whose load had
// started before. Then it runs the hooks of the cache and of its group. It looks
// at every key that is in memory or in flight, so it takes time that grows with
// them, without holding anything up; a tag and [Cache.ClearTag] do it in
// constant time.
//
// match gets keys of its own, some perhaps twice, outside locks, in the
// goroutine of the call; it may use the cache. If it panics, so does ClearFunc,
// and the keys it has not seen stay. In session scope it clears for all
// visitors.
//
// The error is [ErrClosed], says that match is nil, or joins those of keys that
// could not be copied and a [*PanicError] for each hook that panicked.
func (c *Cache[K, V]) ClearFunc(ctx context.Context, match func(K) bool) error {
	if match == nil {
		return c.core.clearFunc(ctx, nil)
	}
	return c.core.clearFunc(ctx, func(key unsafe.Pointer) bool { return match(*(*K)(key)) })
}

func (c *core) clearFunc(ctx context.Context, match func(unsafe.Pointer) bool) error {
	if err := c.openTo(ctx); err != nil {
		return err
	}
	if match == nil {
		return fmt.Errorf("cachedata: %s: ClearFunc: match is nil: say which keys, or use Clear for all", c.name)
	}
	noteClear(ctx, c)
	defer clearing(ctx, nil, c)() // its keys are not decoded
	n, err := c.table.clearFunc(match)
	c.table.changedSome() // also keys that are not in memory may match
	c.counters.cleared.Add(uint64(n))
	if err := errors.Join(err, c.group.Tell(ctx, c.member, c.observer, observe.CacheClear{Chosen: true, Entries: n})); err != nil {
		return fmt.Errorf("cachedata: %s: ClearFunc: %w", c.name, err)
	}
	return nil
}

// clearFunc drops the entries of the keys that match and takes from their loads
// the right to store. It returns how many entries that were.
func (t *table) clearFunc(match func(unsafe.Pointer) bool) (n int, err error) {
	r := t.era.Load()
	var errs []error
	clearKey := func(id id, key unsafe.Pointer) {
		own, err := t.core.shown(key)
		if err != nil {
			errs = append(errs, err)
			return
		}
		if !match(own) {
			return
		}
		removed := false
		r.flights.Override(id, "clear", func() { removed = r.entries.remove(id) != nil })
		if removed && r.leave() {
			n++
		}
	}
	// The loads first: one that has ended by then has its entry in the engine.
	for _, task := range r.flights.Tasks() {
		l := task.(*load)
		clearKey(l.id, l.key())
	}
	for id, e := range r.entries.all() {
		if r.over() {
			break
		}
		clearKey(id, t.keyOf(id, e))
	}
	return n, errors.Join(errs...)
}
