package peers

import "github.com/Yiling-J/theine-go"

// Theine is Yiling-J/theine-go with a bound; stop ends its goroutines.
func Theine[K comparable, V any](entries map[K]V) (get Lookup[K, V], stop func(), err error) {
	c, err := theine.NewBuilder[K, V](10_000).Build()
	if err != nil {
		return nil, nil, err
	}
	for k, v := range entries {
		c.Set(k, v, 1)
	}
	return func(k K) (V, error) {
		v, ok := c.Get(k)
		if !ok {
			return v, errMiss
		}
		return v, nil
	}, c.Close, nil
}
