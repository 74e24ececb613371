package peers

import "github.com/vmihailenco/msgpack/v5"

// MsgpackCopy encodes and decodes with vmihailenco/msgpack.
func MsgpackCopy[V any](v V) (V, error) {
	return roundTrip(codec{msgpack.Marshal, msgpack.Unmarshal}, v)
}
