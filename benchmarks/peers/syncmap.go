package peers

import "sync"

// SyncMap is the standard library's sync.Map.
func SyncMap[K comparable, V any](entries map[K]V) (Lookup[K, V], func(), error) {
	var m sync.Map
	for k, v := range entries {
		m.Store(k, v)
	}
	return func(k K) (none V, _ error) {
		v, ok := m.Load(k)
		if !ok {
			return none, errMiss
		}
		return v.(V), nil
	}, nil, nil
}
