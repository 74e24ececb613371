package cachedata

import (
	"context"
	"iter"
	"reflect"
	"runtime"
	"unsafe"

	"github.com/reecho-go/reecho/internal/clone"
)

// Cache remembers the results of one function by its argument. Make it with
// [New]. All methods are safe for concurrent use.
type Cache[K, V any] struct {
	core  *core
	clone func(V) V // Funcs.Clone
}

// New makes a cache of the results of load and adds it to its group, where its
// name must be unique. It takes microseconds to milliseconds, because it compiles
// how keys are compared and results are copied.
//
// load must be safe for concurrent use. It runs once at a time per key, in a
// goroutine of its own. It may use other caches, and this one with other keys, if
// it passes on the context that it was given: then a load that would wait for
// itself is found, and fails at once with a [*CycleError]. With another context,
// such as context.Background, it waits for itself until Config.Timeout ends it;
// without a Timeout, the event observe.CacheStalled reports it after 30 seconds.
// If a load clears its own cache, its result is not stored, and the event
// observe.CacheRefused reports it.
//
// K is the argument: any type that can be compared as data. Use [New0] and [New2]
// for functions of no and of two arguments, and a struct for more. V is the
// result: any type that can be copied, unless Config says otherwise. A value
// behind an interface in K or V is checked when it is used: if it cannot be
// compared or copied, the call fails with a [*KeyError] or [*CopyError] that has
// the path to it. A result with a pointer into the middle of something that a
// Clone method copies also fails with a [*CopyError].
//
// The error joins everything that is wrong: a [*KeyError] or [*CopyError] for each
// place in K and V, [ErrDuplicate], [ErrClosed], and one for each field of cfg.
func New[K, V any](name string, load func(context.Context, K) (V, error), cfg Config, funcs ...Funcs[K, V]) (*Cache[K, V], error) {
	c := new(Cache[K, V])
	b := newBuilding(&cfg)
	c.functions(b, funcs)
	if load != nil {
		b.fns.load = loading(load)
	}
	if err := b.finish(c, name, reflect.TypeFor[K](), reflect.TypeFor[V]()); err != nil {
		return nil, err
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

// functions adds the functions of the user to b, as the core calls them.
func (c *Cache[K, V]) functions(b *building, funcs []Funcs[K, V]) {
	fns := &b.fns
	fns.words = wordsOf[K]()
	if len(funcs) != 1 {
		b.noFuncs(len(funcs))
		return
	}
	f := &funcs[0]
	if own := f.Clone; own != nil {
		c.clone, b.cfg.clones = own, true
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
}

func (c *Cache[K, V]) adopt(core *core) { c.core = core }

// loading adapts load to the core, which calls it with addresses.
func loading[K, V any](load func(context.Context, K) (V, error)) func(context.Context, unsafe.Pointer) (unsafe.Pointer, error) {
	return func(ctx context.Context, key unsafe.Pointer) (unsafe.Pointer, error) {
		v, err := load(ctx, *(*K)(key))
		return unsafe.Pointer(&v), err
	}
}

// at returns the address of a variable for the core, which keeps the address for
// no longer than the call. So the variable stays on the stack.
func at[T any](v *T) unsafe.Pointer { return unsafe.Pointer(v) }

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
		runtime.KeepAlive(own) // the core knows the original by addresses alone
		var zero V
		v, *(*V)(r.At) = *(*V)(r.At), zero
		err = r.End()
	case c.clone != nil:
		return c.clone(*own), nil
	default:
		into := new(V) // on the heap: another copy engine may keep the address
		err = c.core.copyTo(unsafe.Pointer(into), unsafe.Pointer(own))
		v = *into
	}
	if err != nil {
		var none V
		return none, c.core.copyError(err)
	}
	return v, nil
}

// Config returns the configuration that the cache was made with, as it was given.
// Do not change its maps and slices.
func (c *Cache[K, V]) Config() Config { return c.core.cfg.config() }

// Name returns the cache's name.
func (c *Cache[K, V]) Name() string { return c.core.name }

// Get returns a copy of the result for key, and loads it if it is not in memory.
// It waits for the load until ctx ends. The load continues while any caller waits
// for it. A result in memory is returned even if ctx has ended.
//
// The error is that of ctx, the unchanged error of the load function, a
// [*PanicError], a [*CycleError], [ErrTimeout], [ErrVisitorInGlobalLoad],
// [ErrNoSession], [ErrClosed], a [*KeyError] or a [*CopyError]. Errors are not
// remembered unless Config.Errors is set: the next call loads again. If the load
// function panics, Get panics too in the call that started the load.
//
// A hit takes no lock and allocates only what the copy needs.
func (c *Cache[K, V]) Get(ctx context.Context, key K) (V, error) {
	var e *entry
	var err error
	if unsafe.Sizeof(key) <= wordSize { // a constant
		e, _, err = c.core.lookupWord(ctx, at(&key))
	} else {
		e, _, err = c.core.lookup(ctx, at(&key))
	}
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

// Peek returns a copy of the result for key if it is in memory and Get would
// return it without a load: it is fresh, or within Stale.For. It never loads or
// refreshes, does not prolong IdleTTL, and counts neither as hit nor as miss.
func (c *Cache[K, V]) Peek(ctx context.Context, key K) (V, bool) {
	e := c.core.peek(ctx, at(&key))
	if e == nil {
		var none V
		return none, false
	}
	v, err := c.value(e)
	return v, err == nil
}

// PeekMeta is [Cache.Peek] that also says how old the result is, and by Source
// whether it is fresh, Hit, or Stale.
func (c *Cache[K, V]) PeekMeta(ctx context.Context, key K) (v V, m Meta, ok bool) {
	e := c.core.peek(ctx, at(&key))
	if e == nil {
		return v, m, false
	}
	v, err := c.value(e)
	return v, c.core.meta(e, Hit), err == nil
}

// Entries iterates over the entries of the cache and over the keys that are being
// loaded. The keys that are being loaded come first; there is no other order. In
// session scope it covers the entries of all visitors. Use it for pages and tools
// that show a cache: it visits every entry and copies every key, which takes 0.1
// to 2 microseconds per entry. Iterating does not read the results: it counts no
// hits and triggers no refresh.
//
// Entries takes no lock, so the cache may change during the iteration, and the
// body of the loop may change it. Entries that exist all the time are visited.
// Entries that are added or removed meanwhile may be missed. Entries that a clear
// dropped before the call are never visited.
func (c *Cache[K, V]) Entries() iter.Seq[EntryInfo] { return c.core.inspect }

// Put stores a copy of v as the result for key. If the key is being loaded,
// callers who already wait get the loaded result, but v stays in the cache. A
// clear of one of its tags that runs at the same time takes effect either before
// the Put, and then v stays, or after it. Pass at most one PutOptions. The error
// is [ErrClosed], [ErrNoSession], a [*KeyError], a [*CopyError], or says what is
// wrong with the options.
func (c *Cache[K, V]) Put(ctx context.Context, key K, v V, how ...PutOptions) error {
	return c.core.put(ctx, at(&key), at(&v), how)
}

// Refresh loads the result for key again and returns a copy of it. The old result
// is served until the new one is loaded, and stays if the load fails. If the key
// is being loaded already, Refresh waits for that load. If you need a load that
// starts after a change at the origin, use [Cache.Delete] and then Get. The
// errors are those of Get.
func (c *Cache[K, V]) Refresh(ctx context.Context, key K) (V, error) {
	e, err := c.core.reload(ctx, at(&key))
	if err != nil {
		var none V
		return none, err
	}
	return c.value(e)
}

// Delete drops the result for key. A call that starts after Delete has returned
// never gets a result whose load had started before. The error is [ErrClosed],
// [ErrNoSession] or a [*KeyError].
func (c *Cache[K, V]) Delete(ctx context.Context, key K) error { return c.core.delete(ctx, at(&key)) }

// Clear drops all results, in constant time. A call that starts after Clear has
// returned never gets a result whose load had started before. Clear then runs the
// hooks of the cache and of its group. The error is [ErrClosed], or joins a
// [*PanicError] for each hook that panicked; the results are dropped then too.
func (c *Cache[K, V]) Clear(ctx context.Context) error { return c.core.clear(ctx) }

// ClearTag drops all results and remembered errors of this cache that have at
// least one of the tags. Tags come from Funcs.Tags, Funcs.KeyTags,
// [Loading.AddTags] and [PutOptions]. The clear is one step, however many results
// there are. A call that starts after ClearTag has returned never gets such a
// result whose load had started before. The memory is freed within seconds.
// ClearTag then runs the hooks of the cache and of its group, once for each tag.
//
// The cache keeps no list of the results of a tag. A clear stores a sequence
// number for the tag. The first read of a tagged result after the clear looks at
// the clears since its last read. If those were more than 256, or more than 16
// for each of its tags, the read takes two or three lookups for each tag instead.
// The number of a tag is removed when no older result or load is left. If more
// than 65,536 tags, or more than 8 MiB of tag names, are cleared before that, all
// tagged results of the group are dropped.
//
// The error is [ErrClosed], or says that no tag or an empty tag was given; then
// nothing is cleared. Otherwise it joins a [*PanicError] for each hook that
// panicked; the results are dropped all the same.
func (c *Cache[K, V]) ClearTag(ctx context.Context, tags ...string) error {
	return c.core.clearTag(ctx, tags)
}

// ExpireTag makes all results stale that have one of the tags, in one step, as if
// their TTLs had ended now: so Config.Stale serves them while they are loaded again,
// or when that fails. Remembered errors with the tag are dropped. It is for changes
// that may show a moment later; [Cache.ClearTag] is for those that may not. No
// hooks run. In a cache without Stale.For and Stale.OnError, or with a Store, it is
// ClearTag. The cost and the errors are those of ClearTag.
func (c *Cache[K, V]) ExpireTag(ctx context.Context, tags ...string) error {
	return c.core.expireTag(ctx, tags)
}

// ClearFunc drops the results of all keys for which match reports true. A call
// that starts after ClearFunc has returned never gets such a result whose load
// had started before. ClearFunc then runs the hooks of the cache and of its
// group. It calls match for every key in memory or in flight, so it takes time in
// proportion to their number, but it blocks no other call. [Cache.ClearTag] takes
// constant time.
//
// match gets copies of the keys, some perhaps twice. It runs in the goroutine of
// the call, outside locks, and may use the cache. If it panics, ClearFunc panics
// too, and keys that match has not seen stay. In session scope ClearFunc covers
// the keys of all visitors.
//
// The error is [ErrClosed], says that match is nil, or joins those of keys that
// could not be copied and a [*PanicError] for each hook that panicked.
func (c *Cache[K, V]) ClearFunc(ctx context.Context, match func(K) bool) error {
	if match == nil {
		return c.core.clearFunc(ctx, nil)
	}
	return c.core.clearFunc(ctx, func(key unsafe.Pointer) bool { return match(*(*K)(key)) })
}

// ClearSession drops the results that a cache in session scope keeps for the
// session, or the declared visitor, of ctx. A call of that session that starts
// after ClearSession has returned never gets a result whose load had started
// before. It runs no hooks. The error is [ErrClosed], [ErrNoSession] (always in
// global scope), or that of the session.
func (c *Cache[K, V]) ClearSession(ctx context.Context) error { return c.core.clearSession(ctx) }

// Close drops all results, frees the name and waits for running loads. If ctx
// ends first, it cancels the contexts of the loads and returns an error that
// wraps that of ctx. Calls that would load fail with [ErrClosed] from now on.
// Close may be called several times. A cache that lives as long as the program
// needs no Close of its own: the Close of its group closes it.
func (c *Cache[K, V]) Close(ctx context.Context) error { return c.core.close(ctx) }

// Stats returns the counters. It costs microseconds: call it for dashboards, not
// for each request.
func (c *Cache[K, V]) Stats() Stats { return c.core.stats() }

// Fingerprint returns the 64-bit hashstructure hash of key: its short name in
// events and logs. Different keys may have the same one, so never use it as an
// identity. It costs microseconds. The error is a [*KeyError].
func (c *Cache[K, V]) Fingerprint(key K) (uint64, error) {
	return c.core.keys.Fingerprint(unsafe.Pointer(&key))
}
