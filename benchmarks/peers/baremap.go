package peers

import "sync"

// BareMap is a map behind a RWMutex: what one writes without a library.
func BareMap[K comparable, V any](entries map[K]V) (Lookup[K, V], func(), error) {
	var mu sync.RWMutex
	return func(k K) (V, error) {
		mu.RLock()
		v, ok := entries[k]
		mu.RUnlock()
		if !ok {
			return v, errMiss
		}
		return v, nil
	}, nil, nil
}
