package cachedata

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/reecho-go/reecho/internal/epoch"
	"github.com/reecho-go/reecho/internal/flight"
	"github.com/reecho-go/reecho/internal/scope"
	"github.com/reecho-go/reecho/observe"
)

// load is the flight.Work of one load.
type load[I comparable, K, V any] struct {
	*place[I, K, V]
	in       *era[I, K, V]
	at       epoch.Mark // when the caller came: taken after in
	force    bool       // load although there is an entry
	began    int64
	replaced *entry[K, V]
	refused  string
}

// Name implements flight.Work.
func (l *load[I, K, V]) Name() string {
	fp, err := l.cache.keys.Fingerprint(l.key)
	if err != nil {
		return l.cache.name
	}
	return fmt.Sprintf("%s[%016x]", l.cache.name, fp)
}

// Find implements flight.Work.
func (l *load[I, K, V]) Find() (*entry[K, V], bool) {
	if l.force {
		return nil, false
	}
	e := l.cache.fresh(l.in.entries.get(l.id))
	return e, e != nil
}

// Load implements flight.Work. The entry gets a copy of what the loader
// returns, since the loader may keep and change it; and the loader gets a key
// of its own.
func (l *load[I, K, V]) Load(ctx context.Context) (*entry[K, V], error) {
	c := l.cache
	l.began = c.group.Now()
	key, err := c.keys.Snapshot(l.key)
	if err != nil {
		return nil, err
	}
	mask := scope.Hide(ctx)
	v, err := c.loader(mask, key)
	if seen := mask.Violation(); seen != nil && !errors.Is(err, ErrVisitorInGlobalLoad) {
		err = errors.Join(fmt.Errorf("cachedata: %s: %w", c.name, seen), err)
	}
	if err != nil {
		return nil, err
	}
	if v, err = c.own(v); err != nil {
		return nil, err
	}
	e := c.newEntry(l.key, v)
	e.took = float32(e.written - l.began)
	return e, nil
}

// Commit implements flight.Work.
func (l *load[I, K, V]) Commit(e *entry[K, V]) {
	if !l.cache.group.Gate().Holds(l.at) {
		l.refused = "clear"
		return
	}
	l.replaced = l.store(l.in, l.id, e)
}

// Done implements flight.Work.
func (l *load[I, K, V]) Done(ctx context.Context, o flight.Outcome) {
	c := l.cache
	took := time.Duration(c.group.Now() - l.began)
	c.counters.loads.Add(1)
	c.counters.loadTime.Add(int64(took))
	if o.Err != nil {
		c.counters.errors.Add(1)
	}
	refused := l.refused
	switch {
	case o.Overridden != "":
		refused = o.Overridden
	case o.Err == nil && l.era.Load() != l.in:
		refused = "clear" // stored, but in an era that is over
	}
	if refused != "" {
		c.counters.refused.Add(1)
	}
	c.left(ctx, l.replaced, observe.CauseReplaced)
	if c.observer == nil {
		return
	}
	source := c.source(l.key)
	observe.Emit(ctx, c.observer, observe.CacheLoad{Source: source, Took: took, Waiters: o.Callers, Err: o.Err})
	if refused != "" {
		observe.Emit(ctx, c.observer, observe.CacheRefused{Source: source, Reason: refused})
	}
}
