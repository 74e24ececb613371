package peers

import "github.com/puzpuzpuz/xsync/v4"

// Xsync is puzpuzpuz/xsync's Map, a concurrent hash table without a bound, without an
// expiry and without loads: the limit that a cache can come near to.
func Xsync[K comparable, V any](entries map[K]V) (Lookup[K, V], func(), error) {
	m := xsync.NewMap[K, V]()
	for k, v := range entries {
		m.Store(k, v)
	}
	return func(k K) (V, error) {
		v, ok := m.Load(k)
		if !ok {
			return v, errMiss
		}
		return v, nil
	}, nil, nil
}
