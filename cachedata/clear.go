package cachedata

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"unsafe"

	"github.com/reecho-go/reecho/observe"
)

// clear is [Cache.Clear].
func (c *core) clear(ctx context.Context) error {
	if err := c.openTo(ctx); err != nil {
		return err
	}
	noteClear(ctx, c)
	defer clearing(ctx, nil, c)()
	if err := c.group.ClearMember(ctx, c.member, c.observer); err != nil {
		return fmt.Errorf("cachedata: %s: %w", c.name, err)
	}
	return nil
}

// clearing clears tags, or everything if there are none, in the stores of these
// caches. All stores are cleared at the same time, so several that are away take no
// longer than one. Loads neither read the stores nor write to them until the caller
// calls ended, after it has cleared the memory.
func clearing(ctx context.Context, tags []string, cores ...*core) (ended func()) {
	ctx = context.WithoutCancel(ctx)
	var told sync.WaitGroup
	var all []*secondLevel
	for _, c := range cores {
		if s := c.second; s != nil {
			all = append(all, s)
			s.clears.Add(1)
			told.Go(func() { s.clear(ctx, tags) })
		}
	}
	told.Wait()
	return func() {
		for _, s := range all {
			s.clears.Add(-1)
		}
	}
}

// clear clears everything, or the results with one of the tags.
func (s *secondLevel) clear(ctx context.Context, tags []string) {
	if tags == nil {
		s.level.Clear(ctx)
	} else {
		s.level.ClearTag(ctx, tags...)
	}
}

func (c *core) clearTag(ctx context.Context, tags []string) error {
	err := errors.Join(c.openTo(ctx), checkTags(tags))
	if err == nil {
		noteClear(ctx, c)
		defer clearing(ctx, tags, c)()
		err = c.group.ClearTagsOf(ctx, c.member, c.observer, tags)
	}
	if err != nil {
		return fmt.Errorf("cachedata: %s: ClearTag: %w", c.name, err)
	}
	return nil
}

func (c *core) clearFunc(ctx context.Context, match func(unsafe.Pointer) bool) error {
	if err := c.openTo(ctx); err != nil {
		return err
	}
	if match == nil {
		return fmt.Errorf("cachedata: %s: ClearFunc: match is nil: say which keys, or use Clear for all", c.name)
	}
	noteClear(ctx, c)
	defer clearing(ctx, nil, c)() // match cannot see the keys in the store, so all of them go
	n, err := c.table.clearFunc(match)
	c.table.changedSome() // also keys that are not in memory may match
	c.counters.cleared.Add(uint64(n))
	if err := errors.Join(err, c.group.Tell(ctx, c.member, c.observer, observe.CacheClear{Chosen: true, Entries: n})); err != nil {
		return fmt.Errorf("cachedata: %s: ClearFunc: %w", c.name, err)
	}
	return nil
}

// expireTag is [Cache.ExpireTag].
func (c *core) expireTag(ctx context.Context, tags []string) error {
	if c.second != nil || c.cfg.StaleFor == 0 && c.cfg.FailSafe == 0 {
		return c.clearTag(ctx, tags)
	}
	if err := errors.Join(c.openTo(ctx), checkTags(tags)); err != nil {
		return fmt.Errorf("cachedata: %s: ExpireTag: %w", c.name, err)
	}
	c.group.ExpireTagsOf(ctx, c.member, c.observer, tags)
	return nil
}

// clearFunc drops the entries of the keys that match, and keeps running loads of
// these keys from storing. It returns the number of dropped entries.
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
	// Loads before entries: a load that has ended by then has stored its entry.
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

func (c *core) clearSession(ctx context.Context) error {
	if err := c.openTo(ctx); err != nil {
		return err
	}
	if c.sessions == nil {
		return fmt.Errorf("cachedata: %s has global scope: %w", c.name, ErrNoSession)
	}
	life, err := c.sessions.sessionOf(ctx)
	if err != nil {
		return err
	}
	c.sessions.visits.Drop(life)
	return nil
}
