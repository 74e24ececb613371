package cacheresource

import (
	"context"
	"fmt"
	"reflect"
	"unsafe"

	"github.com/reecho-go/reecho/internal/linewise"
)

// Resource keeps one live value per key. Make it with [New]. All methods are
// safe for concurrent use.
type Resource[K, V any] struct{ core *core }

// New makes a resource of what open returns and adds it to its group, where its
// name must be unique. K is of any type that can be compared as data; see
// cachedata.
//
// open must be safe for concurrent use with different keys. It runs once at a time
// per key, in a goroutine of its own. Its context ends when nobody waits any more or
// OpenTimeout has passed. A Delete or Clear does not stop it, but only those who
// waited before get what it opens; the next call waits for its end and opens again.
// A value that it returns together with an error is ignored.
//
// open must return a new value each time, because the Release of an earlier one can
// begin at any moment. Only a refresh (StaleFor) may return the value that it is to
// replace. Resources that open uses with its context stay leased for as long as what
// it has opened.
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

// Do calls fn with the instance for key, opened if there is none, and leases it for
// the call: it is not released before fn has returned or panicked. The error is
// that of fn as it is, or one of [Resource.Acquire]. If the instance is open, Do
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

// Acquire leases the instance for key, opened if there is none, until the lease is
// released. It returns when the instance is open and has passed its check, or when
// ctx ends. An open goes on while anybody waits for it.
//
// The error is that of ctx, that of open as it is, [ErrOpenTimeout], a
// [*observe.PanicError], a [*observe.CycleError], [ErrVisitorInGlobalLoad], [ErrNoSession],
// [ErrClosed] or a [*observe.KeyError]. Errors are not kept, unless ErrorTTL is set: the
// next call opens again. If open panics, Acquire panics too in the call that
// started it.
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

// Pin returns the instance for key, opened if there is none, and keeps it until the
// resource or its group is closed, even if it is deleted, cleared or expires before.
// Use it for values that live as long as the program. With Scope [Session] it is an
// error. The other errors are those of [Resource.Acquire], and [ErrClosed] if the
// resource was closed meanwhile.
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
// started before. With Scope [Session] it removes that of the visitor. The error is
// [ErrClosed], [ErrNoSession], [ErrVisitorInGlobalLoad] or a [*observe.KeyError].
func (r *Resource[K, V]) Delete(ctx context.Context, key K) error {
	return r.core.delete(ctx, at(&key))
}

// Clear removes all instances; each is released when its leases end. A call that
// starts after Clear has returned never gets an instance whose open had started
// before. Clear then runs the hooks of the resource and of its group. The error is
// [ErrClosed], or joins a [*observe.PanicError] for each hook that panicked; the instances
// are removed then too.
func (r *Resource[K, V]) Clear(ctx context.Context) error { return r.core.clear(ctx) }
