package peers

import (
	"github.com/VictoriaMetrics/fastcache"
	"github.com/fxamacker/cbor/v2"
)

// Fastcache is VictoriaMetrics/fastcache with values in fxamacker/cbor. Its
// memory lies outside the heap; release gives it back.
func Fastcache[V any](entries map[string]V) (get Lookup[string, V], release func(), err error) {
	c := fastcache.New(64 << 20)
	get, err = encoded(codec{cbor.Marshal, cbor.Unmarshal}, entries,
		func(k string, b []byte) error {
			c.Set([]byte(k), b)
			return nil
		},
		func(k string) ([]byte, error) {
			b, ok := c.HasGet(nil, []byte(k))
			if !ok {
				return nil, errMiss
			}
			return b, nil
		})
	return get, c.Reset, err
}
