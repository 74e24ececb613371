package peers

import (
	"time"

	"github.com/hashicorp/golang-lru/v2/expirable"
)

// GolangLRU is hashicorp/golang-lru's expirable cache. Its goroutine never
// ends; purge gives up what it holds.
func GolangLRU[K comparable, V any](entries map[K]V) (get Lookup[K, V], purge func(), _ error) {
	c := expirable.NewLRU[K, V](10_000, nil, time.Hour)
	for k, v := range entries {
		c.Add(k, v)
	}
	return func(k K) (V, error) {
		v, ok := c.Get(k)
		if !ok {
			return v, errMiss
		}
		return v, nil
	}, c.Purge, nil
}
