package peers

// encoded makes a Lookup of a cache of bytes, whose users encode what they
// store, and decode a copy of their own at each hit.
func encoded[V any](c codec, entries map[string]V, set func(string, []byte) error, get func(string) ([]byte, error)) (Lookup[string, V], error) {
	for k, v := range entries {
		b, err := c.marshal(v)
		if err != nil {
			return nil, err
		}
		if err := set(k, b); err != nil {
			return nil, err
		}
	}
	return func(k string) (V, error) {
		var v V
		b, err := get(k)
		if err != nil {
			return v, err
		}
		err = c.unmarshal(b, &v)
		return v, err
	}, nil
}
