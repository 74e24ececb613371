package peers

import (
	"time"

	"github.com/maypok86/otter/v2"
)

// Otter is maypok86/otter with a bound, no time rules.
func Otter[K comparable, V any](entries map[K]V) (get Lookup[K, V], stop func(), err error) {
	return newOtter(entries, &otter.Options[K, V]{MaximumSize: 10_000})
}

// OtterTTL is maypok86/otter with a bound and a time to live; stop ends its
// goroutine.
func OtterTTL[K comparable, V any](entries map[K]V) (get Lookup[K, V], stop func(), err error) {
	return newOtter(entries, &otter.Options[K, V]{MaximumSize: 10_000, ExpiryCalculator: otter.ExpiryWriting[K, V](time.Hour)})
}

func newOtter[K comparable, V any](entries map[K]V, o *otter.Options[K, V]) (get Lookup[K, V], stop func(), err error) {
	c, err := otter.New(o)
	if err != nil {
		return nil, nil, err
	}
	for k, v := range entries {
		c.Set(k, v)
	}
	return func(k K) (V, error) {
		v, ok := c.GetIfPresent(k)
		if !ok {
			return v, errMiss
		}
		return v, nil
	}, func() { c.StopAllGoroutines() }, nil
}
