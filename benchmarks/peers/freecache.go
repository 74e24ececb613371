package peers

import (
	"github.com/coocood/freecache"
	"github.com/vmihailenco/msgpack/v5"
)

// Freecache is coocood/freecache with values in vmihailenco/msgpack. Its room
// is for values of up to 32 KB.
func Freecache[V any](entries map[string]V) (Lookup[string, V], func(), error) {
	c := freecache.NewCache(32 << 20)
	get, err := encoded(codec{msgpack.Marshal, msgpack.Unmarshal}, entries,
		func(k string, b []byte) error { return c.Set([]byte(k), b, 3600) },
		func(k string) ([]byte, error) { return c.Get([]byte(k)) })
	return get, nil, err
}
