package peers

import "github.com/dgraph-io/ristretto/v2"

// Ristretto is dgraph-io/ristretto with a bound, set up as it recommends; stop
// ends its goroutines.
func Ristretto[K interface {
	comparable
	ristretto.Key
}, V any](entries map[K]V) (get Lookup[K, V], stop func(), err error) {
	c, err := ristretto.NewCache(&ristretto.Config[K, V]{NumCounters: 100_000, MaxCost: 10_000, BufferItems: 64, IgnoreInternalCost: true})
	if err != nil {
		return nil, nil, err
	}
	for k, v := range entries {
		c.Set(k, v, 1)
	}
	c.Wait() // it stores later
	return func(k K) (V, error) {
		v, ok := c.Get(k)
		if !ok {
			return v, errMiss
		}
		return v, nil
	}, c.Close, nil
}
