package cacheresource

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"reflect"
	"unsafe"

	"github.com/reecho-go/reecho/internal/flight"
	"github.com/reecho-go/reecho/internal/group"
	"github.com/reecho-go/reecho/internal/keys"
	"github.com/reecho-go/reecho/internal/linewise"
	"github.com/reecho-go/reecho/internal/visit"
	"github.com/reecho-go/reecho/observe"
)

// Resource keeps one live value per key. Make it with [New]. All methods are
// safe for concurrent use.
type Resource[K, V any] struct{ core *core }

// New makes a resource whose instances open returns, and adds it to its group,
// where its name must be unique. K is of any type that can be compared as data;
// see cachedata.
//
// open must be safe for concurrent use with different keys. It runs once at a
// time per key, in a goroutine of its own. Its context ends when no caller waits
// any more or OpenTimeout has passed. A Delete or Clear does not stop it, but
// only callers who were waiting before get what it opens; the next call waits for
// it to end and opens again. A value that it returns together with an error is
// ignored.
//
// open must return a new value each time, because the Release of an earlier one
// can begin at any moment. Only a refresh (StaleFor) may return the value that it
// should replace. Instances of other resources that open uses with its context
// stay leased until the instance that it opened is released.
//
// The error joins everything that is wrong: a [*observe.KeyError] for each place in K,
// [ErrDuplicate], [ErrClosed], and one for each field of cfg.
func New[K, V any](name string, open func(context.Context, K) (V, error), cfg Config, funcs ...Funcs[K, V]) (*Resource[K, V], error) {
	settings := cfg.settings()
	var fns functions
	fns, settings.wrong = functionsOf(funcs)
	if open != nil {
		fns.open = func(ctx context.Context, key unsafe.Pointer) (unsafe.Pointer, error) {
			v, err := open(ctx, *(*K)(key))
			return unsafe.Pointer(&v), err
		}
	}
	c, err := newCore(name, reflect.TypeFor[K](), reflect.TypeFor[V](), settings, fns)
	if err != nil {
		return nil, linewise.Prefix(fmt.Sprintf("cacheresource: New(%q): ", name), err, "cacheresource: ", name+": ")
	}
	return &Resource[K, V]{c}, nil
}

// functionsOf are the functions of the user as the core calls them.
func functionsOf[K, V any](funcs []Funcs[K, V]) (fns functions, err error) {
	if len(funcs) == 0 {
		return fns, nil
	}
	if len(funcs) > 1 {
		return fns, fmt.Errorf("there are %d Funcs: put all functions into one", len(funcs))
	}
	if release := funcs[0].Release; release != nil {
		fns.release = func(ctx context.Context, key, v unsafe.Pointer) error { return release(ctx, *(*K)(key), *(*V)(v)) }
	}
	if check := funcs[0].Check; check != nil {
		fns.check = func(ctx context.Context, key, v unsafe.Pointer) error { return check(ctx, *(*K)(key), *(*V)(v)) }
	}
	return fns, nil
}

// newCore makes a core of a resource with keys and values of these types, and
// puts it into its group.
func newCore(name string, key, result reflect.Type, cfg settings, fns functions) (*core, error) {
	r := &core{
		name: name, fns: fns, key: key, result: result,
		ttl: cfg.TTL, staleFor: cfg.StaleFor, idleTTL: cfg.IdleTTL, maxEntries: cmp.Or(cfg.MaxEntries, defaultMaxEntries),
		openTimeout: cfg.OpenTimeout, errorTTL: cfg.ErrorTTL, drainTimeout: cfg.DrainTimeout,
		checkEvery:     max(cmp.Or(cfg.CheckEvery, defaultCheckEvery), 0),
		checkTimeout:   cmp.Or(cfg.CheckTimeout, defaultCheckTimeout),
		releaseTimeout: cmp.Or(cfg.ReleaseTimeout, defaultReleaseTimeout),
		recency:        cfg.IdleTTL > 0 || cfg.MaxEntries > 0,
		group:          cmp.Or(cfg.Group, Default()).group,
		all:            make(map[*instance]struct{}),
		shared:         make(map[pointee]*shared),
	}
	r.clocked = r.recency || r.ttl > 0 || fns.check != nil
	r.observer, r.listens = observe.Tee(r.group.Observer(), cfg.Observer), cfg.Observer != nil
	r.reads = visit.NewReads(r.contextRead)
	var errs []error
	if name == "" {
		errs = append(errs, errors.New("the name is empty: it identifies the resource in its group"))
	}
	if fns.open == nil {
		errs = append(errs, errors.New("the open function is nil"))
	}
	err := cfg.validate(fns)
	if err == nil {
		r.keys, err = keys.For("cacheresource: "+name, key, cfg.identifies())
	}
	if err := errors.Join(append(errs, err)...); err != nil {
		return nil, err
	}
	r.simple = !r.clocked && cfg.Scope == Global && r.keys.Shape() == keys.Word
	r.era = r.newEra()
	if cfg.Scope == Session {
		r.visitors = newVisitors(r, cmp.Or(cfg.MaxSessions, defaultMaxSessions))
	}
	r.checks = flight.NewTable(&r.tracker)
	if cfg.LeakAge > 0 {
		r.ledger = newLedger(r.group, cfg.LeakAge)
	}
	if cfg.OnClear != nil {
		r.hooks.Add(cfg.OnClear)
	}
	r.member = &member{r}
	switch err := r.group.Add(r.member); {
	case errors.Is(err, group.ErrClosed):
		return nil, fmt.Errorf("group %q: %w", r.group.Name(), ErrClosed)
	case err != nil:
		return nil, fmt.Errorf("group %q: %w: give it another name, or close the other resource first", r.group.Name(), err)
	}
	return r, nil
}

// Must returns v, or panics with err if there is one. It is for package
// variables.
func Must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// Name returns the resource's name.
func (r *Resource[K, V]) Name() string { return r.core.name }

// Do calls fn with the instance for key, and opens it if there is none. It leases
// the instance for the call, so that it is not released before fn has returned or
// panicked. The error is the unchanged error of fn, or one of [Resource.Acquire].
// If the instance is already open, Do allocates nothing, unless LeakAge is set.
func (r *Resource[K, V]) Do(ctx context.Context, key K, fn func(V) error) error {
	in, err := r.core.acquire(ctx, at(&key))
	if err != nil {
		return err
	}
	if r.core.ledger != nil {
		defer r.core.ledger.note(in).giveBack()
		return fn(*(*V)(in.value))
	}
	defer in.giveBack()
	return fn(*(*V)(in.value))
}

// Acquire leases the instance for key until the lease is released, and opens the
// instance if there is none. It returns when the instance is open and has passed
// its check, or when ctx ends. An open continues while any caller waits for it.
//
// The error is that of ctx, the unchanged error of open, [ErrOpenTimeout], a
// [*observe.PanicError], a [*observe.CycleError], [ErrVisitorInGlobalLoad],
// [ErrNoSession], [ErrClosed] or a [*observe.KeyError]. Errors are not remembered
// unless ErrorTTL is set: the next call opens again. If open panics, Acquire
// panics too in the call that started it.
func (r *Resource[K, V]) Acquire(ctx context.Context, key K) (*Lease[V], error) {
	in, err := r.core.acquire(ctx, at(&key))
	if err != nil {
		return nil, err
	}
	lease := &Lease[V]{value: *(*V)(in.value)}
	if r.core.ledger == nil {
		lease.of = in
	} else {
		lease.watch(r.core.ledger.note(in))
	}
	return lease, nil
}

// Pin returns the instance for key, and opens it if there is none. It keeps the
// instance from being released until the resource or its group is closed, even if
// it is deleted, cleared or expires before. Use it for values that live as long
// as the program. With Scope [Session] it is an error. The other errors are those
// of [Resource.Acquire], and [ErrClosed] if the resource was closed meanwhile.
func (r *Resource[K, V]) Pin(ctx context.Context, key K) (V, error) {
	in, err := r.core.pin(ctx, at(&key))
	if err != nil {
		var none V
		return none, err
	}
	return *(*V)(in.value), nil
}

// Delete removes the instance for key; it is released when its leases end. A call
// that starts after Delete has returned never gets an instance whose open had
// started before. With Scope [Session] it removes the visitor's instance. The
// error is [ErrClosed], [ErrNoSession], [ErrVisitorInGlobalLoad] or a
// [*observe.KeyError].
func (r *Resource[K, V]) Delete(ctx context.Context, key K) error {
	return r.core.delete(ctx, at(&key))
}

// Clear removes all instances; each is released when its leases end. A call that
// starts after Clear has returned never gets an instance whose open had started
// before. Clear then runs the hooks of the resource and of its group. The error is
// [ErrClosed], or joins a [*observe.PanicError] for each hook that panicked; the instances
// are removed then too.
func (r *Resource[K, V]) Clear(ctx context.Context) error { return r.core.clear(ctx) }

// Stats returns the counters. It takes a lock and scans all instances.
func (r *Resource[K, V]) Stats() Stats { return r.core.stats() }

// Close closes the resource: later calls fail with [ErrClosed]. It waits for
// running opens and releases every instance, the youngest first; a leased
// instance is released when its leases end. Then it frees the name. A Close
// inside of a Do waits for that Do until ctx ends.
//
// If ctx ends or DrainTimeout passes first, the error is a [*LeasedError], joined
// with errors for everything else that still runs. It wraps
// context.DeadlineExceeded or the error of ctx. To continue waiting, call Close
// again.
func (r *Resource[K, V]) Close(ctx context.Context) error { return r.core.closeNow(ctx) }
