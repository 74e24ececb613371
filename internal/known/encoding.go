package known

import (
	"encoding"
	"fmt"
	"reflect"

	"github.com/reecho-go/reecho/internal/panics"
)

// gobEncoder and gobDecoder are those of encoding/gob, which is large.
type (
	gobEncoder interface{ GobEncode() ([]byte, error) }
	gobDecoder interface{ GobDecode([]byte) error }
)

// encodes finds the encoding that t has for itself. One that comes from an
// embedded field is none of t.
func encodes(t reflect.Type) (Fact, bool) {
	ptr := reflect.PointerTo(t)
	for _, e := range []struct {
		way      Way
		to, from reflect.Type
	}{
		{Binary, reflect.TypeFor[encoding.BinaryMarshaler](), reflect.TypeFor[encoding.BinaryUnmarshaler]()},
		{Gob, reflect.TypeFor[gobEncoder](), reflect.TypeFor[gobDecoder]()},
	} {
		either := func(t reflect.Type) bool { return t.Implements(e.to) || t.Implements(e.from) }
		if ptr.Implements(e.to) && ptr.Implements(e.from) && !promotes(t, either) {
			return Fact{Way: e.way, Pointer: !t.Implements(e.to)}, true
		}
	}
	return Fact{}, false
}

// Encode returns the encoding of *v by its own methods, for a v of a type that
// is [Binary] or [Gob]. It calls them where the value is, so that one which
// depends on its address is not moved. It must not be changed meanwhile.
func Encode(way Way, v any) (b []byte, err error) {
	err = panics.Catch(func() (err error) {
		if way == Gob {
			b, err = v.(gobEncoder).GobEncode()
		} else {
			b, err = v.(encoding.BinaryMarshaler).MarshalBinary()
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("its own encoding fails: %w", err)
	}
	return b, nil
}

// Decode makes the new *v what Encode has been given. b must not be used again.
func Decode(way Way, v any, b []byte) error {
	err := panics.Catch(func() error {
		if way == Gob {
			return v.(gobDecoder).GobDecode(b)
		}
		return v.(encoding.BinaryUnmarshaler).UnmarshalBinary(b)
	})
	if err != nil {
		return fmt.Errorf("its own encoding cannot be read back: %w", err)
	}
	return nil
}
