package cacheresource

import (
	"context"
	"fmt"
	"reflect"
	"unsafe"
)

// Resource keeps one live value per key. Make it with [New]. All methods are
// safe for concurrent use.
type Resource[K, V any] struct{ core *core }

// New makes a resource of what open returns and puts it into its group, where
// its name must be unique. open must be safe for concurrent use with different
// keys; it runs once at a time per key, in a goroutine of its own, whose
// context is cancelled when everybody who waited has left or OpenTimeout has
// passed. A Delete or Clear does not break it off, but what it brings is for
// those who waited before; the next call waits for its end and opens anew. A
// value that is returned together with an error is ignored. A refresh may return
// the value that it is to replace, which is kept while the refresh runs; any
// other open is to return a value of its own, since the Release of an earlier
// one can begin at any moment. The resources that it uses with its context are
// leased to what it opens.
//
// K is of any type that can be compared as data; see cachedata. The error
// joins everything that is wrong: a [*KeyError] for each place in K,
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
		return nil, fmt.Errorf("cacheresource: New(%q): %w", name, err)
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

// Must returns v, or panics with err if there is one; for package variables.
func Must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// at is the address of key for the core, which keeps it for no longer than the
// call. So the key stays on the stack.
func at[K any](key *K) unsafe.Pointer { return unsafe.Pointer(key) }

// Name returns the resource's name.
func (r *Resource[K, V]) Name() string { return r.core.name }

// Do calls fn with key's instance, opened if there is none, and leases it for
// the call: it is not released before fn has returned or panicked. The error
// is fn's as it is, or one of [Resource.Acquire]. On an open instance Do
// allocates nothing, unless LeakAge is set.
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

// Acquire leases key's instance, opened if there is none, until the lease is
// released. It returns when the instance is there and sound, or ctx ends,
// whichever is first; an open goes on while anybody waits for it.
//
// The error is ctx's, that of open as it is, an [*OpenTimeoutError], a
// [*PanicError], a [*CycleError], [ErrVisitorInGlobalLoad], [ErrNoSession],
// [ErrClosed] or a [*KeyError]. Errors are not kept, except for ErrorTTL: the next call opens
// again. If this call started the open and it panics, Acquire panics too.
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

// Pin returns key's instance, opened if there is none, and keeps it from being
// released until the resource or its group is closed, whatever is deleted,
// cleared or expires before. Use it for values that live as long as the
// program. With Scope [Session] it is an error. The other errors are those of
// [Resource.Acquire], and [ErrClosed] if the resource was closed meanwhile.
func (r *Resource[K, V]) Pin(ctx context.Context, key K) (V, error) {
	in, err := r.core.pin(ctx, at(&key))
	if err != nil {
		var none V
		return none, err
	}
	return *(*V)(in.value), nil
}

// Delete takes key's instance out; it is released when its leases end. When
// Delete has returned, no call that starts later gets an instance whose open
// had started before. In Scope Session it is the visitor's own. The error is
// [ErrClosed], [ErrNoSession], [ErrVisitorInGlobalLoad] or a [*KeyError].
func (r *Resource[K, V]) Delete(ctx context.Context, key K) error {
	return r.core.delete(ctx, at(&key))
}

// Clear takes all instances out; each is released when its leases end. When it
// has returned, no call that starts later gets an instance whose open had
// started before. Then it runs the hooks of the resource and of its group. The
// error is [ErrClosed], or joins a [*PanicError] for each hook that panicked;
// the clear has taken effect then.
func (r *Resource[K, V]) Clear(ctx context.Context) error { return r.core.clear(ctx) }
