package peers

import (
	"bytes"
	"encoding/gob"
)

// GobCopy encodes and decodes with the standard library's gob.
func GobCopy[V any](v V) (V, error) {
	var own V
	var b bytes.Buffer
	if err := gob.NewEncoder(&b).Encode(v); err != nil {
		return own, err
	}
	err := gob.NewDecoder(&b).Decode(&own)
	return own, err
}
