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
	"math/big"
	"reflect"
	"sync"
	"time"

	"github.com/fxamacker/cbor/v2"

	"github.com/reecho-go/reecho/internal/lossless"
	"github.com/reecho-go/reecho/sessionstate"
)

// Codec is a sessionstate.Codec; [New] makes it. It is safe for concurrent use.
type Codec struct {
	enc   cbor.EncMode
	dec   cbor.DecMode
	types sync.Map // reflect.Type to verdict
}

// verdict is what lossless.Format.Check says of a type.
type verdict struct {
	dynamic bool
	err     error
}

// format is what the options of New keep.
var format = &lossless.Format{
	Name:   "CBOR",
	Tags:   []string{"cbor", "json"},
	Native: []reflect.Type{reflect.TypeFor[time.Time](), reflect.TypeFor[big.Int]()},
	Pairs: []lossless.Pair{
		{Suffix: "CBOR", Encode: reflect.TypeFor[cbor.Marshaler](), Decode: reflect.TypeFor[cbor.Unmarshaler]()},
		lossless.Binary,
	},
	Dynamic: []reflect.Type{reflect.TypeFor[int64](), reflect.TypeFor[[]byte]()},
}

var _ sessionstate.Codec = (*Codec)(nil)

// New returns a Codec. Equal values make equal bytes (RFC 8949, section 4.2);
// times keep their zone and their nanoseconds. Fields are named by their cbor
// or else their json tags.
func New() *Codec {
	encode := cbor.CoreDetEncOptions()
	encode.Time = cbor.TimeRFC3339Nano
	decode := cbor.DecOptions{
		DefaultMapType: reflect.TypeFor[map[string]any](),
		IntDec:         cbor.IntDecConvertSignedOrFail, // into an interface: an int64 stays one
		UTF8:           cbor.UTF8DecodeInvalid,         // strings come back as they were
	}
	// The options are constants that the tests have tried.
	enc, err := encode.EncMode()
	if err != nil {
		panic(err)
	}
	dec, err := decode.DecMode()
	if err != nil {
		panic(err)
	}
	return &Codec{enc: enc, dec: dec}
}

// Marshal implements sessionstate.Codec. It refuses values of which CBOR would lose
// a part, such as those of a struct with unexported fields and without methods
// MarshalCBOR or MarshalBinary, and what comes back from an interface as another
// type; the error names the field.
func (c *Codec) Marshal(v any) ([]byte, error) {
	t := reflect.TypeOf(v)
	if t == nil {
		return c.enc.Marshal(v)
	}
	known, ok := c.types.Load(t)
	if !ok {
		dynamic, err := format.Check(t)
		known, _ = c.types.LoadOrStore(t, verdict{dynamic, err})
	}
	switch of := known.(verdict); {
	case of.err != nil:
		return nil, of.err
	case of.dynamic:
		p := reflect.New(t)
		p.Elem().Set(reflect.ValueOf(v))
		if err := format.Value(p.Interface()); err != nil {
			return nil, err
		}
	}
	return c.enc.Marshal(v)
}

// Unmarshal implements sessionstate.Codec.
func (c *Codec) Unmarshal(data []byte, v any) error { return c.dec.Unmarshal(data, v) }
