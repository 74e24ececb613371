package peers

import (
	"time"

	"github.com/jellydator/ttlcache/v3"
)

// TTLCache is jellydator/ttlcache; reads do not extend the time to live.
func TTLCache[K comparable, V any](entries map[K]V) (Lookup[K, V], func(), error) {
	c := ttlcache.New(
		ttlcache.WithTTL[K, V](time.Hour),
		ttlcache.WithCapacity[K, V](10_000),
		ttlcache.WithDisableTouchOnHit[K, V](),
	)
	for k, v := range entries {
		c.Set(k, v, ttlcache.DefaultTTL)
	}
	return func(k K) (V, error) {
		it := c.Get(k)
		if it == nil {
			var none V
			return none, errMiss
		}
		return it.Value(), nil
	}, nil, nil
}
