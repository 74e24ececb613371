package cachedata

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"runtime"
	"time"
	"unsafe"

	"github.com/reecho-go/reecho/internal/clone"
)

// Cache remembers the results of one function by its argument. Make it with
// [New]. All methods are safe for concurrent use.
type Cache[K, V any] struct {
	core  *core
	clone func(V) V // Funcs.Clone
}

// New makes a cache of load's results and puts it into its group, where its
// name must be unique. load must be safe for concurrent use; it runs once at a
// time per key, in a goroutine of its own. It may use other caches, and this
// one with other keys, with the context that it is given or one made from it:
// by that a load that would wait for itself is found, and fails with a
// [*CycleError] at once. With another context, such as context.Background, it
// waits for itself, which cannot be told from a slow load: HardTimeout ends it,
// and without one observe.CacheStalled tells after 30 s. A load that clears its
// own cache is not stored, and observe.CacheRefused says so.
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
func New[K, V any](name string, load func(context.Context, K) (V, error), cfg Config, funcs ...Funcs[K, V]) (*Cache[K, V], error) {
	c := new(Cache[K, V])
	settings := cfg.settings()
	fns, wrong := c.functions(&settings, funcs)
	if load != nil {
		fns.load = loading(load)
	}
	if err := newCore(c, name, reflect.TypeFor[K](), reflect.TypeFor[V](), settings, fns, errors.Join(wrong, settings.withoutBatch())); err != nil {
		return nil, fmt.Errorf("cachedata: New(%q): %w", name, err)
	}
	return c, nil
}

// Must returns v, or panics with err if there is one. It is for package
// variables:
//
//	var users = cachedata.Must(cachedata.New("users", loadUser, cachedata.Config{}))
func Must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// functions returns the functions of the user as the core calls them, and notes
// in cfg whether results have a Clone of their own.
func (c *Cache[K, V]) functions(cfg *settings, funcs []Funcs[K, V]) (fns functions, err error) {
	if len(funcs) == 0 {
		return fns, nil
	}
	if len(funcs) > 1 {
		return fns, fmt.Errorf("there are %d Funcs: put all functions into one", len(funcs))
	}
	f := funcs[0]
	if own := f.Clone; own != nil {
		c.clone, cfg.clones = own, true
		fns.clone = func(dst, src unsafe.Pointer) { *(*V)(dst) = own(*(*V)(src)) }
	}
	if size := f.Size; size != nil {
		fns.size = func(v unsafe.Pointer) int64 { return size(*(*V)(v)) }
	}
	if tags := f.Tags; tags != nil {
		fns.tags = func(k, v unsafe.Pointer) []string { return tags(*(*K)(k), *(*V)(v)) }
	}
	if tags := f.KeyTags; tags != nil {
		fns.keyTags = func(k unsafe.Pointer) []string { return tags(*(*K)(k)) }
	}
	if keep := f.Keep; keep != nil {
		fns.keep = func(k, v unsafe.Pointer) bool { return keep(*(*K)(k), *(*V)(v)) }
	}
	return fns, nil
}

func (c *Cache[K, V]) adopt(core *core) { c.core = core }

// loading is load as the core calls it.
func loading[K, V any](load func(context.Context, K) (V, error)) func(context.Context, unsafe.Pointer) (unsafe.Pointer, error) {
	return func(ctx context.Context, key unsafe.Pointer) (unsafe.Pointer, error) {
		v, err := load(ctx, *(*K)(key))
		return unsafe.Pointer(&v), err
	}
}

// at is the address of key for the core, which keeps it for no longer than the
// call. So the key stays on the stack.
func at[K any](key *K) unsafe.Pointer { return unsafe.Pointer(key) }

// value returns a copy of the result that e has, or the error.
func (c *Cache[K, V]) value(e *entry) (v V, err error) {
	if err := e.err(); err != nil {
		return v, err
	}
	own := (*V)(e.value(unsafe.Sizeof(v)))
	if c.core.copyTo == nil {
		return *own, nil
	}
	return c.copied(e)
}

// copied returns a copy of the value of e.
func (c *Cache[K, V]) copied(e *entry) (v V, err error) {
	own := (*V)(e.value(unsafe.Sizeof(v)))
	switch {
	case e.links() == clone.Inside:
		into := new(V)
		err = c.core.copyOf(unsafe.Pointer(into), e)
		v = *into
	case c.core.plan != nil:
		r := c.core.plan.Begin()
		*(*V)(r.At) = *own
		r.Fix(e.links())
		runtime.KeepAlive(own) // which knows the original by its addresses alone
		var zero V
		v, *(*V)(r.At) = *(*V)(r.At), zero
		err = r.End()
	case c.clone != nil:
		return c.clone(*own), nil
	default:
		into := new(V) // for another engine it has to be on the heap
		err = c.core.copyTo(unsafe.Pointer(into), unsafe.Pointer(own))
		v = *into
	}
	if err != nil {
		var none V
		return none, c.core.copyError(err)
	}
	return v, nil
}

// Name returns the cache's name.
func (c *Cache[K, V]) Name() string { return c.core.name }

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
	e, _, err := c.core.lookup(ctx, at(&key))
	if e == nil {
		if e, _, err = c.core.miss(ctx, at(&key), err); err != nil {
			var none V
			return none, err
		}
	}
	return c.value(e)
}

// GetMeta is [Cache.Get] that also says where the result came from.
func (c *Cache[K, V]) GetMeta(ctx context.Context, key K) (V, Meta, error) {
	e, source, err := c.core.get(ctx, at(&key))
	if err != nil {
		var none V
		return none, Meta{}, err
	}
	v, err := c.value(e)
	if err != nil {
		return v, Meta{}, err
	}
	return v, c.core.meta(e, source), nil
}

// Peek returns a copy of key's result if it is in memory and Get would serve
// it without a load: fresh, or within StaleFor. It never loads or refreshes, is
// no read in the sense of IdleTTL, and counts as neither hit nor miss.
func (c *Cache[K, V]) Peek(ctx context.Context, key K) (V, bool) {
	e := c.core.peek(ctx, at(&key))
	if e == nil {
		var none V
		return none, false
	}
	v, err := c.value(e)
	return v, err == nil
}

// Put stores a copy of v as key's result. It wins over a load that is in
// flight: those who wait for it get what it loads, but it is not stored. What it
// stores is newer than any clear of a tag that comes before it returns. The error
// is [ErrClosed], a [*KeyError] or a [*CopyError].
func (c *Cache[K, V]) Put(ctx context.Context, key K, v V) error {
	return c.PutWith(ctx, key, v, PutOptions{})
}

// PutOptions are what [Cache.PutWith] says of a result, as a load does by its
// [Loading]. The zero value is [Cache.Put].
type PutOptions struct {
	// TTL is for how long the result is fresh; Config.Jitter and EagerAt hold
	// for it too. Default 0: Config.TTL. Use math.MaxInt64 for ever. Negative is
	// an error.
	TTL time.Duration
	// Tags are added to those of Funcs.Tags and Funcs.KeyTags. Default nil:
	// none.
	Tags []string
}

// PutWith is [Cache.Put] with options. The error may also be one of them.
func (c *Cache[K, V]) PutWith(ctx context.Context, key K, v V, how PutOptions) error {
	return c.core.put(ctx, at(&key), unsafe.Pointer(&v), how)
}

// Refresh loads key's result anew and returns a copy of it. The old result is
// served until the new one is there, and stays if the load fails. If key is
// being loaded already, Refresh waits for that load: to make sure that a load
// starts after a change of its origin, use [Cache.Delete] and Get. The errors
// are those of Get.
func (c *Cache[K, V]) Refresh(ctx context.Context, key K) (V, error) {
	e, _, err := c.core.load(ctx, at(&key), true)
	if err != nil {
		var none V
		return none, err
	}
	return c.value(e)
}

// Delete drops key's result. When it has returned, no call that starts later
// gets a result whose load had started before. The error is [ErrClosed] or a
// [*KeyError].
func (c *Cache[K, V]) Delete(ctx context.Context, key K) error { return c.core.delete(ctx, at(&key)) }

// Clear drops all results, in constant time. When it has returned, no call
// that starts later gets a result whose load had started before. Then it runs
// the hooks of the cache and of its group. The error is [ErrClosed], or joins
// a [*PanicError] for each hook that panicked; the clear has taken effect then.
func (c *Cache[K, V]) Clear(ctx context.Context) error { return c.core.clear(ctx) }

// Close drops all results, gives the name free and waits for the loads in
// flight until ctx ends; then it cancels their contexts and returns an error
// that wraps ctx's. Calls that would start a load fail with [ErrClosed] from
// then on. Close may be called several times. A cache that lives as long as
// the program is closed with its group.
func (c *Cache[K, V]) Close(ctx context.Context) error { return c.core.close(ctx) }

// Stats returns the counters. It takes a moment: use it for dashboards, not in
// a request's path.
func (c *Cache[K, V]) Stats() Stats { return c.core.stats() }

// Fingerprint returns the 64-bit hashstructure hash of key: its short name in
// events and logs. Different keys may share it, so it is never an identity. It
// costs microseconds. The error is a [*KeyError].
func (c *Cache[K, V]) Fingerprint(key K) (uint64, error) {
	return c.core.keys.Fingerprint(unsafe.Pointer(&key))
}
