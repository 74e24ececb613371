package peers

import (
	"github.com/cespare/xxhash/v2"
	"github.com/fxamacker/cbor/v2"
)

// CBORKey is cespare/xxhash over the canonical encoding of fxamacker/cbor.
func CBORKey[K any]() (func(K) (uint64, error), error) {
	mode, err := cbor.CanonicalEncOptions().EncMode()
	if err != nil {
		return nil, err
	}
	return func(k K) (uint64, error) {
		b, err := mode.Marshal(k)
		return xxhash.Sum64(b), err
	}, nil
}

// CBORCopy encodes and decodes with fxamacker/cbor, times to the nanosecond.
func CBORCopy[V any]() (func(V) (V, error), error) {
	mode, err := cbor.EncOptions{Time: cbor.TimeRFC3339NanoUTC}.EncMode()
	if err != nil {
		return nil, err
	}
	c := codec{mode.Marshal, cbor.Unmarshal}
	return func(v V) (V, error) { return roundTrip(c, v) }, nil
}
