// Package peers puts the libraries that are compared behind small shapes, one
// file per peer: a lookup of a key that is present, the identity of a key, and
// the deep copy of a value; beside them, caches that load, readers of queries and
// sessions. What needs a server, such as the client-side caches of Redis, is not
// among them.
package peers

import "errors"

// errMiss is what a hit benchmark must never see.
var errMiss = errors.New("peers: a key that was stored is not there")

// Lookup is a memoized call that hits.
type Lookup[K, V any] func(K) (V, error)

// Fill makes a Lookup of what is to be there, as users of a peer set it up. What
// it returns beside that ends what has been started; nil: nothing.
type Fill[K comparable, V any] func(map[K]V) (Lookup[K, V], func(), error)

// Via makes a Lookup of keys that a peer cannot hold, such as structs with
// slices, through what its users turn them into.
func Via[K any, C comparable, V any](get Lookup[C, V], key func(K) C) Lookup[K, V] {
	return func(k K) (V, error) { return get(key(k)) }
}

// Copying makes a Lookup safe to give out: every caller gets its own copy.
func Copying[K, V any](get Lookup[K, V], clone func(V) V) Lookup[K, V] {
	return func(k K) (V, error) {
		v, err := get(k)
		if err != nil {
			return v, err
		}
		return clone(v), nil
	}
}

// codec is an encoding of values: a deep copy is what it makes of its own bytes.
type codec struct {
	marshal   func(any) ([]byte, error)
	unmarshal func([]byte, any) error
}

func roundTrip[V any](c codec, v V) (V, error) {
	var own V
	b, err := c.marshal(v)
	if err != nil {
		return own, err
	}
	err = c.unmarshal(b, &own)
	return own, err
}
