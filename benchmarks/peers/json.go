package peers

import (
	"encoding/json"

	"github.com/cespare/xxhash/v2"
)

// JSONKey is cespare/xxhash over the standard library's JSON.
func JSONKey[K any](k K) (uint64, error) {
	b, err := json.Marshal(k)
	return xxhash.Sum64(b), err
}

// JSONCopy encodes and decodes with the standard library's JSON.
func JSONCopy[V any](v V) (V, error) {
	return roundTrip(codec{json.Marshal, json.Unmarshal}, v)
}
