// Package cborcodec keeps the values of sessionstate's keys as CBOR (RFC 8949)
// instead of JSON, by fxamacker/cbor: smaller numbers, bytes as they are, floats
// without text. It is a module of its own, so that only its users get that
// dependency.
//
//	m, err := sessionstate.New(sessionstate.Config{Codec: cborcodec.New()})
//
// How much smaller a session gets depends on its values: the names of its keys,
// and all else around the values, are the same few bytes with JSON.
package cborcodec

import (
	"reflect"

	"github.com/fxamacker/cbor/v2"

	"github.com/reecho-go/reecho/sessionstate"
)

// Codec is a sessionstate.Codec; [New] makes it. It is safe for concurrent use.
type Codec struct {
	enc cbor.EncMode
	dec cbor.DecMode
}

var _ sessionstate.Codec = (*Codec)(nil)

// New returns a Codec. Equal values make equal bytes (RFC 8949, section 4.2);
// times keep their zone and their nanoseconds. Fields are named by their cbor
// or else their json tags.
func New() *Codec {
	encode := cbor.CoreDetEncOptions()
	encode.Time = cbor.TimeRFC3339Nano
	decode := cbor.DecOptions{DefaultMapType: reflect.TypeFor[map[string]any]()}
	// The options are constants that the tests have tried.
	enc, err := encode.EncMode()
	if err != nil {
		panic(err)
	}
	dec, err := decode.DecMode()
	if err != nil {
		panic(err)
	}
	return &Codec{enc, dec}
}

// Marshal implements sessionstate.Codec.
func (c *Codec) Marshal(v any) ([]byte, error) { return c.enc.Marshal(v) }

// Unmarshal implements sessionstate.Codec.
func (c *Codec) Unmarshal(data []byte, v any) error { return c.dec.Unmarshal(data, v) }
