package peers

import "hash/maphash"

// MaphashKey is the standard library's hash of comparable values.
func MaphashKey[K comparable]() func(K) (uint64, error) {
	seed := maphash.MakeSeed()
	return func(k K) (uint64, error) { return maphash.Comparable(seed, k), nil }
}
