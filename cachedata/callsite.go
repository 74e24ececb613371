package cachedata

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"unsafe"
)

// GetOrLoad is [Cache.Get] with load instead of the cache's own load function.
// Use it if the load needs something that only the caller has. All load functions
// for a key must return the same result, because callers of one key share the
// load of the call that came first. A refresh in the background uses the function
// of the call that triggered it. A hit costs the same as a hit of Get. To make a
// cache without a load function of its own, use [NoLoad].
func (c *Cache[K, V]) GetOrLoad(ctx context.Context, key K, load func(context.Context, K) (V, error)) (V, error) {
	if ctx == nil || load == nil {
		var none V
		return none, c.core.cannotLoad(ctx)
	}
	if c.core.recorder(ctx) == nil {
		if e, _ := c.core.find(ctx, at(&key)); e != nil && c.core.fresh(e) { // nothing is loaded
			c.core.counters.hit()
			return c.value(e)
		}
	}
	if !c.core.atCalls.Load() {
		c.core.atCalls.Store(true)
	}
	return c.Get(&callContext{ctx, c.core, loading(load)}, key)
}

// cannotLoad is the error of GetOrLoad without a context or without a function.
func (c *core) cannotLoad(ctx context.Context) error {
	if ctx == nil {
		return c.failed(c.noContext())
	}
	return c.failed(fmt.Errorf("cachedata: %s: GetOrLoad: the load function is nil: use Get", c.name))
}

// NoLoad is the load function for a cache that loads only by [Cache.GetOrLoad]. A
// Get that finds no result in such a cache fails.
//
//	var pages = cachedata.Must(cachedata.New("pages", cachedata.NoLoad[string, Page], cachedata.Config{}))
func NoLoad[K, V any](context.Context, K) (v V, err error) { return v, errNoLoad }

var errNoLoad = errors.New("cachedata: there is no result, and the cache has no load function: use GetOrLoad, or Put")

// Bypass calls the load function for this one call and returns its result: the
// cache is neither read nor written, and the call joins no other load. The load
// runs in the caller's goroutine, with the caller's context; in global scope it
// cannot see the visitor, as with [Cache.Get]. Settings that the load function
// makes on its [Loading] have no effect, and Config.Timeout does not apply. To
// store the result too, use [Cache.Refresh].
func (c *Cache[K, V]) Bypass(ctx context.Context, key K) (V, error) {
	own := new(V)
	if err := c.core.bypass(ctx, unsafe.Pointer(&key), unsafe.Pointer(own)); err != nil {
		var none V
		return none, err
	}
	return *own, nil
}

// bypass writes the result that [Cache.Bypass] returns to own.
func (c *core) bypass(ctx context.Context, key, own unsafe.Pointer) error {
	if err := c.openTo(ctx); err != nil {
		return err
	}
	l := new(load)
	if err := c.findSlot(ctx, key, &l.slot); err != nil {
		return err
	}
	return c.callLoader(ctx, l, func(ctx context.Context) error {
		v, err := c.fns.load(ctx, key)
		if err != nil {
			return err
		}
		return c.copied(own, v)
	})
}

// GetOrNew returns the cache with that name in the group of cfg, or makes it with
// [New] if there is none. Use it where a package variable is not possible: in
// generic functions and in methods. The first call makes the cache; load, cfg and
// funcs of later calls are ignored. So name must identify everything that load
// captures, such as the receiver of a method or a type argument:
//
//	func Page[T any](ctx context.Context, id int) (T, error) {
//		pages, err := cachedata.GetOrNew(reflect.TypeFor[T]().String(), loadPage[T], cachedata.Config{TTL: time.Minute})
//		...
//		return pages.Get(ctx, id)
//	}
//
// The error is one of New, or [ErrDuplicate] if the cache with that name has
// other types. If the cache exists, GetOrNew costs a lookup of its name in the
// group.
func GetOrNew[K, V any](name string, load func(context.Context, K) (V, error), cfg Config, funcs ...Funcs[K, V]) (*Cache[K, V], error) {
	g := cfg.Group
	if g == nil {
		g = Default()
	}
	for {
		if m, ok := g.group.Member(name).(*member); ok {
			if c, ok := m.self.(*Cache[K, V]); ok {
				return c, nil
			}
			return nil, fmt.Errorf("cachedata: GetOrNew(%q): group %q: %w by a cache with other types than %v and %v: give it another name",
				name, g.Name(), ErrDuplicate, reflect.TypeFor[K](), reflect.TypeFor[V]())
		}
		c, err := New(name, load, cfg, funcs...)
		if !errors.Is(err, ErrDuplicate) {
			return c, err
		}
	}
}
