package peers

import (
	"context"
	"sync"
	"time"

	"github.com/Yiling-J/theine-go"
	"github.com/bluele/gcache"
	"github.com/jellydator/ttlcache/v3"
	"github.com/maypok86/otter/v2"
	"github.com/viccon/sturdyc"
	"golang.org/x/sync/singleflight"
)

// Loading is a cache of a load function, by keys that are strings, as its
// users set it up. A nil function is something that it cannot do.
type Loading[V any] struct {
	Get    func(ctx context.Context, key string) (V, error)
	Put    func(key string, v V)
	Delete func(key string)
	Clear  func()
	Close  func()
	// NoContext says that a caller has no way to stop waiting.
	NoContext bool
	// LoadsTwice says that a caller who misses right before a load ends, and
	// asks for one right after it, loads again.
	LoadsTwice bool
}

// Load is the slow function.
type Load[V any] func(ctx context.Context, key string) (V, error)

// Loader is a library that loads.
type Loader[V any] struct {
	Name string
	Open func(Load[V]) (Loading[V], error)
}

// loadingSize is the bound of those that have one.
const loadingSize = 10_000

// Loaders are all libraries that load.
func Loaders[V any]() []Loader[V] {
	return []Loader[V]{
		{SingleflightName, loadingMap[V]},
		{"otter", loadingOtter[V]},
		{"theine", loadingTheine[V]},
		{"sturdyc", loadingSturdyc[V]},
		{"ttlcache", loadingTTLCache[V]},
		{"gcache", loadingGcache[V]},
	}
}

// SingleflightName is what everybody writes first: the least that a stampede
// can cost.
const SingleflightName = "singleflight + map"

func loadingMap[V any](load Load[V]) (Loading[V], error) {
	var mu sync.RWMutex
	entries := map[string]V{}
	var group singleflight.Group
	put := func(key string, v V) {
		mu.Lock()
		defer mu.Unlock()
		entries[key] = v
	}
	get := func(key string) (V, bool) {
		mu.RLock()
		defer mu.RUnlock()
		v, ok := entries[key]
		return v, ok
	}
	return Loading[V]{
		Get: func(ctx context.Context, key string) (none V, _ error) {
			if v, ok := get(key); ok {
				return v, nil
			}
			v, err, _ := group.Do(key, func() (any, error) {
				v, err := load(ctx, key)
				if err == nil {
					put(key, v)
				}
				return v, err
			})
			if err != nil {
				return none, err
			}
			return v.(V), nil
		},
		Put: put,
		Delete: func(key string) {
			mu.Lock()
			defer mu.Unlock()
			delete(entries, key)
		},
		Clear: func() {
			mu.Lock()
			defer mu.Unlock()
			clear(entries)
		},
		LoadsTwice: true,
	}, nil
}

func loadingOtter[V any](load Load[V]) (Loading[V], error) {
	c, err := otter.New(&otter.Options[string, V]{MaximumSize: loadingSize})
	if err != nil {
		return Loading[V]{}, err
	}
	return Loading[V]{
		Get: func(ctx context.Context, key string) (V, error) {
			return c.Get(ctx, key, otter.LoaderFunc[string, V](load))
		},
		Put:    func(key string, v V) { c.Set(key, v) },
		Delete: func(key string) { c.Invalidate(key) },
		Clear:  c.InvalidateAll,
	}, nil
}

func loadingTheine[V any](load Load[V]) (Loading[V], error) {
	c, err := theine.NewBuilder[string, V](loadingSize).BuildWithLoader(func(ctx context.Context, key string) (theine.Loaded[V], error) {
		v, err := load(ctx, key)
		return theine.Loaded[V]{Value: v, Cost: 1}, err
	})
	if err != nil {
		return Loading[V]{}, err
	}
	return Loading[V]{
		Get:    c.Get,
		Put:    func(key string, v V) { c.Set(key, v, 1) },
		Delete: c.Delete,
		Close:  c.Close,
	}, nil
}

func loadingSturdyc[V any](load Load[V]) (Loading[V], error) {
	c := sturdyc.New[V](loadingSize, 16, time.Hour, 10, sturdyc.WithNoContinuousEvictions())
	return Loading[V]{
		Get: func(ctx context.Context, key string) (V, error) {
			return c.GetOrFetch(ctx, key, func(ctx context.Context) (V, error) { return load(ctx, key) })
		},
		Put:        func(key string, v V) { c.Set(key, v) },
		Delete:     c.Delete,
		LoadsTwice: true,
	}, nil
}

func loadingTTLCache[V any](load Load[V]) (Loading[V], error) {
	c := ttlcache.New(ttlcache.WithTTL[string, V](time.Hour), ttlcache.WithCapacity[string, V](loadingSize),
		ttlcache.WithLoader(ttlcache.NewSuppressedLoader(ttlcache.LoaderFunc[string, V](
			func(c *ttlcache.Cache[string, V], key string) *ttlcache.Item[string, V] {
				v, err := load(context.Background(), key)
				if err != nil {
					return nil
				}
				return c.Set(key, v, ttlcache.DefaultTTL)
			}), nil)))
	return Loading[V]{
		Get: func(_ context.Context, key string) (none V, _ error) {
			if it := c.Get(key); it != nil {
				return it.Value(), nil
			}
			return none, errMiss
		},
		Put:        func(key string, v V) { c.Set(key, v, ttlcache.DefaultTTL) },
		Delete:     c.Delete,
		Clear:      c.DeleteAll,
		NoContext:  true,
		LoadsTwice: true,
	}, nil
}

func loadingGcache[V any](load Load[V]) (Loading[V], error) {
	c := gcache.New(loadingSize).LRU().LoaderFunc(func(key any) (any, error) {
		return load(context.Background(), key.(string))
	}).Build()
	return Loading[V]{
		Get: func(_ context.Context, key string) (none V, _ error) {
			v, err := c.Get(key)
			if err != nil {
				return none, err
			}
			return v.(V), nil
		},
		Put:       func(key string, v V) { _ = c.Set(key, v) }, // fails only for a serializer
		Delete:    func(key string) { c.Remove(key) },
		Clear:     c.Purge,
		NoContext: true,
	}, nil
}
