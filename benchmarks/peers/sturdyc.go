package peers

import (
	"time"

	"github.com/viccon/sturdyc"
)

// Sturdyc is viccon/sturdyc, without the goroutine that evicts, which never
// ends.
func Sturdyc[V any](entries map[string]V) (Lookup[string, V], func(), error) {
	c := sturdyc.New[V](10_000, 16, time.Hour, 10, sturdyc.WithNoContinuousEvictions())
	for k, v := range entries {
		c.Set(k, v)
	}
	return func(k string) (V, error) {
		v, ok := c.Get(k)
		if !ok {
			return v, errMiss
		}
		return v, nil
	}, nil, nil
}
