package cachedata

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/reecho-go/reecho/internal/canon"
	"github.com/reecho-go/reecho/internal/clone"
	"github.com/reecho-go/reecho/internal/flight"
	"github.com/reecho-go/reecho/internal/group"
	"github.com/reecho-go/reecho/internal/identity"
	"github.com/reecho-go/reecho/observe"
)

// Cache remembers the results of one function by its argument. Make it with
// [New]. All methods are safe for concurrent use.
type Cache[K, V any] struct {
	name     string
	loader   func(context.Context, K) (V, error)
	cfg      Config[K, V]
	rich     bool // entries have more than a TTL
	batch    bool // the loader is that of a Batch
	group    *group.Group
	observer observe.Observer // nil: nobody listens

	keys  *identity.Keys[K]
	shape canon.Shape
	copy  func(V) (V, error) // nil: by assignment
	whole func(V) error      // nil: copies lose nothing
	seals *seals             // nil: writes to shared results are not looked for

	estimate func(V) int64 // the bytes of a V; nil: what is behind it is not known
	budget   *budget       // the group's

	words *table[uint64, K, V] // for keys of the shape Word
	texts *table[string, K, V] // for all others

	sessions *sessions[K, V] // instead of these, in session scope

	counters counters
	tracker  flight.Tracker
	hooks    group.Hooks
	member   *member[K, V]
	closed   atomic.Bool
	hasTags  atomic.Bool // entries may have tags
}

// New makes a cache of load's results and puts it into its group, where its
// name must be unique. load must be safe for concurrent use; it runs once at a
// time per key, in a goroutine of its own. It may use other caches, and this
// one with other keys.
//
// K is the argument, of any type that can be compared as data: struct{} for a
// function without arguments, a struct for one with several. V is of any type
// that can be copied, unless Config says otherwise. What an interface in K or V
// holds is known only when it is there: a value that cannot be compared or
// copied makes that call fail, with a [*KeyError] or [*CopyError] that has the
// path to it. So does a result with a pointer into the middle of something
// that is part of it too.
//
// The error joins everything that is wrong: [*KeyError] and [*CopyError] for
// places in K and V, [ErrDuplicate], [ErrClosed], and one for each field of
// cfg. New takes microseconds to milliseconds, to compile the plans of K and V.
func New[K, V any](name string, load func(context.Context, K) (V, error), cfg Config[K, V]) (*Cache[K, V], error) {
	c, err := newCache(name, load, cfg, cfg.withoutBatch())
	if err != nil {
		return nil, fmt.Errorf("cachedata: New(%q): %w", name, err)
	}
	return c, nil
}

// newCache is New with what else is wrong.
func newCache[K, V any](name string, load func(context.Context, K) (V, error), cfg Config[K, V], wrong error) (*Cache[K, V], error) {
	c := &Cache[K, V]{
		name:   name,
		loader: load,
		cfg:    cfg,
		rich:   cfg.IdleTTL > 0 || cfg.StaleFor > 0 || cfg.FailSafe > 0 || cfg.EagerAt > 0 || cfg.CountHits,
		group:  cmp.Or(cfg.Group, Default()).group,
		budget: cmp.Or(cfg.Group, Default()).budget,
	}
	c.observer = observe.Tee(c.group.Observer(), cfg.Observer)

	errs := []error{wrong}
	if name == "" {
		errs = append(errs, errors.New("the name is empty: it identifies the cache in its group"))
	}
	if load == nil {
		errs = append(errs, errors.New("the load function is nil"))
	}
	errs = append(errs, cfg.validate())
	if cfg.validateTypes() == nil { // what the plans are made by
		errs = append(errs, c.compileKeys(cfg), c.compileCopies(cfg))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}

	switch {
	case cfg.Scope == Session:
		c.sessions = newSessions(c, cfg)
	case c.shape == canon.Word:
		c.words = newTable[uint64](c, nil)
	default:
		c.texts = newTable[string](c, nil)
	}
	if cfg.OnClear != nil {
		c.hooks.Add(cfg.OnClear)
	}
	c.member = &member[K, V]{cache: c}
	switch err := c.group.Add(c.member); {
	case errors.Is(err, group.ErrClosed):
		return nil, fmt.Errorf("group %q: %w", c.group.Name(), ErrClosed)
	case err != nil:
		return nil, fmt.Errorf("group %q: %w: give it another name, or close the other cache first", c.group.Name(), err)
	}
	return c, nil
}

// Must returns v, or panics with err if there is one. It is for package
// variables:
//
//	var users = cachedata.Must(cachedata.New("users", loadUser, cachedata.Config[int, User]{}))
func Must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// compileKeys finds out how a K identifies.
func (c *Cache[K, V]) compileKeys(cfg Config[K, V]) error {
	keys, err := identity.For[K]("cachedata: "+c.name, cfg.identifies())
	if err != nil {
		return err
	}
	c.keys, c.shape = keys, keys.Shape()
	return nil
}

// compileCopies finds out how a V is copied.
func (c *Cache[K, V]) compileCopies(cfg Config[K, V]) error {
	switch {
	case cfg.ReadOnly:
		if cfg.VerifyReadOnly {
			var zero V
			var err error
			if c.seals, err = newSeals(zero, cfg.Trusted); err != nil {
				return err
			}
		}
		return c.compileSizes(cfg, nil)
	case cfg.Clone != nil:
		c.copy = func(v V) (V, error) { return cfg.Clone(v), nil }
		return c.compileSizes(cfg, nil)
	case cfg.Copy.copier != nil:
		own, err := clone.WithCopier[V](*cfg.Copy.copier)
		if err != nil {
			return c.copyError(err)
		}
		c.copy = own
		return c.compileSizes(cfg, nil)
	}
	plan, err := clone.For[V](clone.Config{Immutable: cfg.Immutable, Trusted: cfg.Trusted})
	if err != nil {
		return c.copyError(err)
	}
	if !plan.Flat() {
		c.copy, c.whole = plan.Copy, plan.Whole
	}
	return c.compileSizes(cfg, plan)
}

// Name returns the cache's name.
func (c *Cache[K, V]) Name() string { return c.name }

// Get returns a copy of key's result, loading it if there is none. It returns
// when the result is there or ctx ends, whichever is first; the load goes on
// while anybody waits for it. A result in memory is returned even if ctx has
// ended.
//
// The error is ctx's, the loader's as it is, a [*PanicError], a [*CycleError],
// [ErrVisitorInGlobalLoad], [ErrClosed], a [*KeyError] or a [*CopyError].
// Errors are not kept: the next call loads again. If this call started the
// load and the loader panics, Get panics too.
//
// A hit takes no lock. It allocates only what the copy needs.
func (c *Cache[K, V]) Get(ctx context.Context, key K) (V, error) {
	e, _, err := c.lookup(ctx, &key)
	if e == nil {
		v, _, err := c.miss(ctx, key, err)
		return v, err
	}
	return c.value(e)
}

// GetMeta is [Cache.Get] that also says where the result came from.
func (c *Cache[K, V]) GetMeta(ctx context.Context, key K) (V, Meta, error) {
	e, source, err := c.lookup(ctx, &key)
	if e == nil {
		return c.miss(ctx, key, err)
	}
	return c.valueMeta(e, source)
}

// GetInto is [Cache.Get] into another type: it maps the caller's own copy of
// the result into *dst by field name, with jinzhu/copier: its tags, and the
// converters and field-name mappings of opt. dst must be a pointer that is not
// nil; at most one opt is used. It is much slower than Get.
func (c *Cache[K, V]) GetInto(ctx context.Context, key K, dst any, opt ...clone.Option) error {
	v, err := c.Get(ctx, key)
	if err != nil {
		return err
	}
	var o clone.Option
	if len(opt) > 0 {
		o = opt[0]
	}
	if err := clone.Into(dst, v, o); err != nil {
		return fmt.Errorf("cachedata: %s: GetInto: %w", c.name, err)
	}
	return nil
}

// Peek returns a copy of key's result if it is in memory and Get would serve
// it without a load: fresh, or within StaleFor. It never loads or refreshes, is
// no read in the sense of IdleTTL, and counts as neither hit nor miss.
func (c *Cache[K, V]) Peek(ctx context.Context, key K) (V, bool) {
	if e, _ := c.find(ctx, &key); c.good(e) >= stale && c.intact(e) {
		v, err := c.value(e)
		return v, err == nil
	}
	var none V
	return none, false
}

// Put stores a copy of v as key's result. It wins over a load that is in
// flight: those who wait for it get what it loads, but it is not stored. The
// error is [ErrClosed], a [*KeyError] or a [*CopyError].
func (c *Cache[K, V]) Put(ctx context.Context, key K, v V) error {
	if err := c.open(); err != nil {
		return err
	}
	s, err := c.slot(ctx, key)
	if err != nil {
		return err
	}
	var tags []string
	if c.cfg.Tags != nil {
		tags = tagged(c.cfg.Tags(key, v))
	}
	if v, err = c.take(v); err != nil {
		return err
	}
	size, err := c.measure(v)
	if err != nil {
		return err
	}
	s.put(ctx, v, size, tags)
	if err := c.open(); err != nil { // it has been closed meanwhile
		c.reset()
		return err
	}
	return nil
}

// Refresh loads key's result anew and returns a copy of it. The old result is
// served until the new one is there, and stays if the load fails. If key is
// being loaded already, Refresh waits for that load: to make sure that a load
// starts after a change of its origin, use [Cache.Delete] and Get. The errors
// are those of Get.
func (c *Cache[K, V]) Refresh(ctx context.Context, key K) (V, error) {
	v, _, err := c.load(ctx, key, true)
	return v, err
}

// Delete drops key's result. When it has returned, no call that starts later
// gets a result whose load had started before. The error is [ErrClosed] or a
// [*KeyError].
func (c *Cache[K, V]) Delete(ctx context.Context, key K) error {
	if err := c.open(); err != nil {
		return err
	}
	s, err := c.slot(ctx, key)
	if err != nil {
		return err
	}
	s.delete(ctx)
	return nil
}

// Clear drops all results, in constant time. When it has returned, no call
// that starts later gets a result whose load had started before. Then it runs
// the hooks of the cache and of its group. The error is [ErrClosed], or joins
// a [*PanicError] for each hook that panicked; the clear has taken effect then.
func (c *Cache[K, V]) Clear(ctx context.Context) error {
	if err := c.open(); err != nil {
		return err
	}
	if err := c.group.ClearMember(ctx, c.member, c.observer); err != nil {
		return fmt.Errorf("cachedata: %s: %w", c.name, err)
	}
	return nil
}

// Close drops all results, gives the name free and waits for the loads in
// flight until ctx ends; then it cancels their contexts and returns an error
// that wraps ctx's. Calls that would start a load fail with [ErrClosed] from
// then on. Close may be called several times. A cache that lives as long as
// the program is closed with its group.
func (c *Cache[K, V]) Close(ctx context.Context) error {
	c.closed.Store(true)
	err := c.tracker.Close(ctx)
	c.reset()
	if c.sessions != nil {
		c.sessions.visits.Close()
	}
	c.group.Remove(c.member)
	if err != nil {
		return fmt.Errorf("cachedata: %s: close: %w", c.name, err)
	}
	return nil
}

// Stats returns the counters. It takes a moment: use it for dashboards, not in
// a request's path.
func (c *Cache[K, V]) Stats() Stats {
	s := c.counters.read()
	s.InFlight, s.Waiters = c.tracker.Running(), c.tracker.Waiting()
	s.Entries, s.Bytes = c.contents().len(), c.contents().bytes()
	if c.sessions != nil {
		s.Sessions = c.sessions.visits.Len()
	}
	return s
}

// Fingerprint returns the 64-bit hashstructure hash of key: its short name in
// events and logs. Different keys may share it, so it is never an identity. It
// costs microseconds. The error is a [*KeyError].
func (c *Cache[K, V]) Fingerprint(key K) (uint64, error) {
	return c.keys.Fingerprint(key)
}

// miss goes on where find found nothing, or failed.
func (c *Cache[K, V]) miss(ctx context.Context, key K, err error) (V, Meta, error) {
	if err != nil {
		c.counters.misses.Add(1)
		var none V
		return none, Meta{}, err
	}
	return c.load(ctx, key, false)
}

// load returns a copy of what key's call loads, or of what is there by now
// unless force is set.
func (c *Cache[K, V]) load(ctx context.Context, key K, force bool) (none V, _ Meta, _ error) {
	s, err := c.slot(ctx, key)
	if err != nil {
		return none, Meta{}, err
	}
	missed := !force
	defer func() {
		if missed { // also if the load panics
			c.counters.misses.Add(1)
		}
	}()
	e, source, err := s.load(ctx, force)
	if source == Hit {
		missed = false
	}
	if err != nil {
		return none, Meta{}, c.loadError(err)
	}
	c.served(ctx, key, e, source)
	return c.valueMeta(e, source)
}

// loadError says in our words what the flight table says.
func (c *Cache[K, V]) loadError(err error) error {
	switch err {
	case flight.ErrClosed:
		return fmt.Errorf("%w: %s", ErrClosed, c.name)
	case flight.ErrTimeout:
		return fmt.Errorf("%w: %s: after %v", ErrTimeout, c.name, c.cfg.HardTimeout)
	}
	//nolint:errorlint // only a cycle of this very call; a loader's error stays as it is
	if cycle, ok := err.(*CycleError); ok {
		return fmt.Errorf("cachedata: %w", cycle)
	}
	return err
}

// value returns a copy of the value that e has, or the error.
func (c *Cache[K, V]) value(e *entry[K, V]) (V, error) {
	if err := e.err(); err != nil {
		return e.value, err
	}
	return c.own(e.value)
}

// valueMeta is value with what describes it.
func (c *Cache[K, V]) valueMeta(e *entry[K, V], source Source) (V, Meta, error) {
	v, err := c.value(e)
	if err != nil {
		return v, Meta{}, err
	}
	return v, e.meta(source, c.group.Now()), nil
}

// take returns a copy of v that the program has made. Copies are whole, so that
// only here it is looked at whether v is.
func (c *Cache[K, V]) take(v V) (V, error) {
	if c.whole != nil {
		if err := c.whole(v); err != nil {
			return v, c.copyError(err)
		}
	}
	return c.own(v)
}

// own returns a copy of v.
func (c *Cache[K, V]) own(v V) (V, error) {
	if c.copy == nil {
		return v, nil
	}
	return c.copied(v)
}

// copied is the part of own that is too large to be inlined.
func (c *Cache[K, V]) copied(v V) (V, error) {
	v, err := c.copy(v)
	if err != nil {
		return v, c.copyError(err)
	}
	return v, nil
}

func (c *Cache[K, V]) open() error {
	if c.closed.Load() {
		return fmt.Errorf("%w: %s", ErrClosed, c.name)
	}
	return nil
}

// reset drops everything and returns how many entries that were.
func (c *Cache[K, V]) reset() int {
	n := c.contents().reset()
	c.counters.cleared.Add(uint64(n))
	return n
}

// source is what events say about the entry of key.
func (c *Cache[K, V]) source(key K) observe.Source {
	s := observe.Source{Group: c.group.Name(), Cache: c.name}
	if fp, err := c.keys.Fingerprint(key); err == nil {
		s.Fingerprint = fp
	}
	return s
}
