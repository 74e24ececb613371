package cachedata

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/reecho-go/reecho/internal/epoch"
	"github.com/reecho-go/reecho/internal/flight"
	"github.com/reecho-go/reecho/internal/scope"
	"github.com/reecho-go/reecho/observe"
)

// load is the flight.Work of one key. What its goroutine writes is read by
// others only if it has returned in time: not after HardTimeout.
type load[I comparable, K, V any] struct {
	*place[I, K, V]
	in    *era[I, K, V]
	at    epoch.Mark // when the caller came: taken after in
	began int64
	why   purpose
	prior *entry[K, V] // what there is already, in whatever state but gone; or nil

	replaced *entry[K, V]
	refused  string
	failure  error // what the loader returned
	missing  bool  // failure says that there is nothing for the key
	passing  bool  // the result is not to be kept
}

// purpose is what a load is for.
type purpose uint8

const (
	toGet     purpose = iota // what is there by now will do
	toRefresh                // load in any case
	toRenew                  // load in the background, unless prior is no longer there
)

// newLoad returns a load for a caller who comes now.
func (p *place[I, K, V]) newLoad(in *era[I, K, V], at epoch.Mark, why purpose) *load[I, K, V] {
	l := &load[I, K, V]{place: p, in: in, at: at, began: p.cache.group.Now(), why: why}
	if e := in.entries.get(p.id); p.cache.good(e) != gone && e.err() == nil {
		l.prior = e
	}
	return l
}

// load gets the entry by the key's call; with force, also if there is one.
func (p *place[I, K, V]) load(ctx context.Context, force bool) (*entry[K, V], Source, error) {
	in := p.era.Load()
	why := toGet
	if force {
		why = toRefresh
	}
	l := p.newLoad(in, p.cache.group.Gate().Mark(), why)
	terms := l.terms()
	var old *entry[K, V]
	var source Source
	terms.Leave = func() bool {
		old, source = l.instead(ctx, flight.ErrImpatient)
		return old != nil
	}
	e, role, err := in.flights.DoAt(ctx, p.id, terms, l)
	if err != flight.ErrImpatient {
		old, source = l.instead(ctx, err)
	}
	if old != nil {
		return old, source, nil
	}
	if terms.Quiet && role == flight.Led {
		flight.Raise(err)
	}
	return e, sourceOf(role), err
}

// refresh starts a load in the background that is to replace prior, and
// reports whether it did. ended is called when the load has returned.
func (p *place[I, K, V]) refresh(ctx context.Context, prior *entry[K, V], ended func()) bool {
	in := p.era.Load()
	l := p.newLoad(in, p.cache.group.Gate().Mark(), toRenew)
	l.prior = prior
	return in.flights.Start(ctx, p.id, l.terms(), l, ended)
}

// terms are what the caller of l asks of the key's call.
func (l *load[I, K, V]) terms() flight.Terms {
	t := flight.Terms{At: l.at, Limit: l.cache.cfg.HardTimeout}
	if l.safe() {
		t.Patience, t.Quiet = l.cache.cfg.SoftTimeout, true
	}
	return t
}

// sourceOf says how a call came by its result.
func sourceOf(role flight.Role) Source {
	switch role {
	case flight.Joined:
		return Joined
	case flight.Found:
		return Hit
	}
	return Load
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
	if l.why == toRefresh {
		return nil, false
	}
	e := l.in.entries.get(l.id)
	if l.why == toRenew {
		return e, e != l.prior
	}
	return e, l.cache.good(e) >= early
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
	return l.loaded(ctx, v, err)
}

// begin returns a key for the loader, of its own.
func (l *load[I, K, V]) begin() (K, error) { return l.cache.keys.Snapshot(l.key) }

// hidden calls the loader in a context that hides the visitor, unless the
// result is the visitor's own.
func (c *Cache[K, V]) hidden(ctx context.Context, loader func(context.Context) error) error {
	if c.sessions != nil {
		return loader(ctx)
	}
	mask := scope.Hide(ctx)
	err := loader(mask)
	if seen := mask.Violation(); seen != nil && !errors.Is(err, ErrVisitorInGlobalLoad) {
		err = errors.Join(fmt.Errorf("cachedata: %s: %w", c.name, seen), err)
	}
	return err
}

// loaded makes an entry of what the loader returned: of a copy, since the
// loader may keep and change it.
func (l *load[I, K, V]) loaded(ctx context.Context, v V, err error) (*entry[K, V], error) {
	c := l.cache
	if err != nil {
		return l.failed(ctx, err)
	}
	if c.cfg.Keep != nil {
		key, err := l.begin()
		if err != nil {
			return nil, err
		}
		l.passing = !c.cfg.Keep(key, v)
	}
	if v, err = c.own(v); err != nil {
		return nil, err
	}
	size, err := c.measure(v)
	if err != nil {
		return nil, err
	}
	return l.took(c.newEntry(l.key, v, nil, c.cfg.TTL, size)), nil
}

// failed makes an entry of an error that is to be remembered; other errors it
// returns.
func (l *load[I, K, V]) failed(ctx context.Context, err error) (*entry[K, V], error) {
	c := l.cache
	l.failure, l.missing = err, c.missing(err)
	ttl := c.cfg.ErrorTTL
	switch {
	case l.missing:
		ttl = cmp.Or(c.cfg.NotFoundTTL, ttl)
	case l.prior != nil || ours(err): // what is there is worth more than an error
		ttl = 0
	case ctx.Err() != nil: // it is none of the origin
		ttl = 0
	}
	if ttl == 0 {
		return nil, err
	}
	var none V
	return l.took(c.newEntry(l.key, none, err, ttl, entryBytes)), nil
}

func (l *load[I, K, V]) took(e *entry[K, V]) *entry[K, V] {
	e.load = e.load.of(time.Duration(e.written - l.began))
	return e
}

// missing reports whether err says that there is nothing for a key.
func (c *Cache[K, V]) missing(err error) bool {
	return errors.Is(err, ErrNotFound) || c.cfg.NotFound != nil && c.cfg.NotFound(err)
}

// ours reports whether err is no answer of the origin, but tells of a mistake
// in how the loader uses caches. It is neither remembered nor covered up.
func ours(err error) bool {
	_, cycle := errors.AsType[*CycleError](err)
	return cycle || errors.Is(err, ErrVisitorInGlobalLoad) || errors.Is(err, ErrNoSession) || errors.Is(err, ErrClosed)
}

// Commit implements flight.Work.
func (l *load[I, K, V]) Commit(e *entry[K, V]) {
	switch {
	case !l.cache.group.Gate().Holds(l.at):
		l.refused = "clear"
	case l.passing:
		l.replaced = l.in.entries.remove(l.id) // it is not true any more
	default:
		l.replaced, l.refused = l.store(l.in, l.id, e)
	}
}

// Fail implements flight.Failer.
func (l *load[I, K, V]) Fail(err error) {
	if l.prior == nil || ours(err) {
		return
	}
	// After a timeout the loader may be running still, and write to l.
	if err != flight.ErrTimeout && l.missing {
		if l.in.entries.removeIf(l.id, l.prior) {
			l.replaced = l.prior
		}
		return
	}
	if m := l.prior.more(); m != nil {
		m.retryLater(l.cache.group.Now(), cmp.Or(l.cache.cfg.RetryAfter, DefaultRetryAfter))
	}
}

// Done implements flight.Work.
func (l *load[I, K, V]) Done(ctx context.Context, o flight.Outcome) {
	c := l.cache
	l.settle(l.id)
	if l.why == toRenew {
		c.counters.refreshes.Add(1)
		l.prior.more().busy.Store(false)
	}
	took := time.Duration(c.group.Now() - l.began)
	c.counters.loads.Add(1)
	c.counters.loadTime.Add(int64(took))
	c.counters.times.note(took)
	err, refused := o.Err, l.refused
	switch {
	case o.Err != nil:
	case l.failure != nil: // and remembered
		err = l.failure
	case o.Overridden != "":
		refused = o.Overridden
	case l.era.Load() != l.in && !l.passing:
		refused = "clear" // stored, but in an era that is over
	}
	if err != nil {
		c.counters.errors.Add(1)
	}
	if refused != "" {
		c.counters.refused.Add(1)
	}
	l.left(ctx, l.id, l.replaced, observe.CauseReplaced)
	if c.observer == nil {
		return
	}
	source := c.source(l.key)
	observe.Emit(ctx, c.observer, observe.CacheLoad{Source: source, Took: took, Background: l.why == toRenew, Waiters: o.Callers, Err: c.loadError(err)})
	if refused != "" {
		observe.Emit(ctx, c.observer, observe.CacheRefused{Source: source, Reason: refused})
	}
}

// Late implements flight.Later.
func (l *load[I, K, V]) Late(ctx context.Context, err error) {
	if l.cache.observer != nil {
		took := time.Duration(l.cache.group.Now() - l.began)
		observe.Emit(ctx, l.cache.observer, observe.CacheOverrun{Source: l.cache.source(l.key), Took: took, Err: err})
	}
}
