package peers

import "github.com/maypok86/otter/v2"

// Recipe is what one would build by hand of a fast cache, a hash of the
// arguments and a deep copy: otter, hashstructure and copier. Different
// arguments with one hash share an entry.
func Recipe[K, V any](keys []K, value func(i int) V) (Lookup[K, V], error) {
	c, err := otter.New(&otter.Options[int, V]{MaximumSize: 10_000})
	if err != nil {
		return nil, err
	}
	for i, k := range keys {
		h, err := HashstructureKey(k)
		if err != nil {
			return nil, err
		}
		c.Set(int(h), value(i))
	}
	return func(k K) (V, error) {
		h, err := HashstructureKey(k)
		if err != nil {
			var none V
			return none, err
		}
		v, ok := c.GetIfPresent(int(h))
		if !ok {
			return v, errMiss
		}
		return CopierCopy(v)
	}, nil
}
