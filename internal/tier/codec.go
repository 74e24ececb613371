package tier

import (
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"time"

	"github.com/reecho-go/reecho/internal/level"
	"github.com/reecho-go/reecho/internal/lossless"
)

// Codec turns results into bytes and back.
type Codec = level.Codec

// JSON is the Codec of encoding/json, which refuses what JSON loses.
type JSON struct{}

// Marshal implements Codec.
func (JSON) Marshal(v any) ([]byte, error) {
	p := reflect.New(reflect.TypeOf(v))
	p.Elem().Set(reflect.ValueOf(v))
	if _, err := lossless.JSON.Check(p.Type().Elem()); err != nil {
		return nil, err
	}
	if err := lossless.JSON.Value(p.Interface()); err != nil {
		return nil, err
	}
	return json.Marshal(p.Interface())
}

// Unmarshal implements Codec.
func (JSON) Unmarshal(data []byte, v any) error { return json.Unmarshal(data, v) }

// marshal encodes the value that p points to.
func marshal(c Codec, p any) (b []byte, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("panic: %v", v)
		}
	}()
	return c.Marshal(reflect.ValueOf(p).Elem().Interface())
}

// unmarshal decodes into p.
func unmarshal(c Codec, b []byte, p any) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("panic: %v", v)
		}
	}()
	return c.Unmarshal(b, p)
}

// checkCodec returns an error if the codec changes values of a type. It encodes and decodes
// a sample that has something in each exported field.
func checkCodec(c Codec, t reflect.Type) error {
	if t.Kind() == reflect.Interface {
		return fmt.Errorf("results have the interface type %v, so that a stored one could not be decoded into the type that it had: use a concrete type", t)
	}
	fail := func(err error) error {
		return fmt.Errorf("the codec %T does not bring back a %v as it was: %w: use another codec, or another type", c, t, err)
	}
	p := reflect.New(t)
	fillSample(p.Elem(), 4)
	b, err := marshal(c, p.Interface())
	if err != nil {
		return fail(err)
	}
	back := reflect.New(t)
	if err := unmarshal(c, b, back.Interface()); err != nil {
		return fail(err)
	}
	if !reflect.DeepEqual(p.Interface(), back.Interface()) {
		return fail(errors.New("of a sample something is missing or different afterwards"))
	}
	return nil
}

// fillSample sets the parts of a value, up to that depth, to something. It does not set
// values whose types encode themselves, because these may differ after decoding and still
// mean the same.
func fillSample(v reflect.Value, depth int) {
	if depth == 0 {
		return
	}
	if v.Type() == reflect.TypeFor[time.Time]() {
		v.Set(reflect.ValueOf(time.Date(2001, 2, 3, 4, 5, 6, 7000, time.UTC)))
		return
	}
	if encodes(v.Type()) {
		return
	}
	switch v.Kind() {
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		v.SetInt(-7)
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		v.SetUint(7)
	case reflect.Float32, reflect.Float64:
		v.SetFloat(7.25)
	case reflect.Complex64, reflect.Complex128:
		v.SetComplex(7.25i)
	case reflect.String:
		v.SetString("text")
	case reflect.Pointer:
		p := reflect.New(v.Type().Elem())
		fillSample(p.Elem(), depth-1)
		v.Set(p)
	case reflect.Slice:
		s := reflect.MakeSlice(v.Type(), 2, 2)
		fillSample(s.Index(0), depth-1)
		fillSample(s.Index(1), depth-1)
		v.Set(s)
	case reflect.Array:
		for i := range v.Len() {
			fillSample(v.Index(i), depth-1)
		}
	case reflect.Map:
		key, elem := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		fillSample(key, depth-1)
		fillSample(elem, depth-1)
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(key, elem)
	case reflect.Struct:
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() && f.Tag.Get("json") != "-" && f.Tag.Get("cbor") != "-" {
				fillSample(v.Field(i), depth-1)
			}
		}
	}
}

// encoderTypes are the interfaces of types that encode themselves. A search for the methods
// by name would make the linker keep the methods of all types.
var encoderTypes = []reflect.Type{
	reflect.TypeFor[json.Marshaler](), reflect.TypeFor[encoding.TextMarshaler](), reflect.TypeFor[encoding.BinaryMarshaler](),
	reflect.TypeFor[interface{ MarshalCBOR() ([]byte, error) }](),
}

// encodes reports whether a type may encode itself.
func encodes(t reflect.Type) bool {
	return slices.ContainsFunc(encoderTypes, reflect.PointerTo(t).Implements)
}
