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

// load is the flight.Work of one key.
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

// Load implements flight.Work.
func (l *load[I, K, V]) Load(ctx context.Context) (*entry[K, V], error) {
	key, err := l.begin()
	if err != nil {
		return nil, err
	}
	var v V
	err = l.cache.hidden(ctx, func(ctx context.Context) (err error) {
		v, err = l.cache.loader(ctx, key)
		return err
	})
	return l.loaded(v, err)
}

// begin starts the clock and returns a key for the loader, of its own.
func (l *load[I, K, V]) begin() (K, error) {
	l.began = l.cache.group.Now()
	return l.cache.keys.Snapshot(l.key)
}

// hidden calls the loader in a context that hides the visitor.
func (c *Cache[K, V]) hidden(ctx context.Context, loader func(context.Context) error) error {
	mask := scope.Hide(ctx)
	err := loader(mask)
	if seen := mask.Violation(); seen != nil && !errors.Is(err, ErrVisitorInGlobalLoad) {
		err = errors.Join(fmt.Errorf("cachedata: %s: %w", c.name, seen), err)
	}
	return err
}

// loaded makes an entry of what the loader returned: of a copy, since the
// loader may keep and change it.
func (l *load[I, K, V]) loaded(v V, err error) (*entry[K, V], error) {
	if err != nil {
		return nil, err
	}
	if v, err = l.cache.own(v); err != nil {
		return nil, err
	}
	e := l.cache.newEntry(l.key, v)
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
