package peers

import (
	"time"

	"github.com/patrickmn/go-cache"
)

// GoCache is patrickmn/go-cache, without the goroutine that cleans up.
func GoCache[V any](entries map[string]V) (Lookup[string, V], func(), error) {
	c := cache.New(time.Hour, 0)
	for k, v := range entries {
		c.SetDefault(k, v)
	}
	return func(k string) (none V, _ error) {
		v, ok := c.Get(k)
		if !ok {
			return none, errMiss
		}
		return v.(V), nil
	}, nil, nil
}
