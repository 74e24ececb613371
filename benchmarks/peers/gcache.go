package peers

import "github.com/bluele/gcache"

// Gcache is bluele/gcache with an LRU bound.
func Gcache[K comparable, V any](entries map[K]V) (Lookup[K, V], func(), error) {
	c := gcache.New(10_000).LRU().Build()
	for k, v := range entries {
		if err := c.Set(k, v); err != nil {
			return nil, nil, err
		}
	}
	return func(k K) (none V, _ error) {
		v, err := c.Get(k)
		if err != nil {
			return none, err
		}
		return v.(V), nil
	}, nil, nil
}
