package queryparams

import (
	"encoding"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// codec reads and writes the text of one scalar type. The reflect.Value is
// always addressable and of the codec's type.
type codec interface {
	// parse sets v from s. The code is empty when s is fine; cause may say more.
	parse(v reflect.Value, s string) (code Code, cause error)
	// appendText appends the text of v, unescaped.
	appendText(b []byte, v reflect.Value) ([]byte, error)
	// expected says what is allowed, to complete "expected ...".
	expected() string
}

// ordered is a codec whose values compare without being written as text.
type ordered interface {
	codec
	compare(a, b reflect.Value) int
}

// QueryCodec is a type with a text form for queries of its own, which wins over
// its other text methods; a pointer to it has both methods. UnmarshalQuery must
// read what MarshalQuery writes back to the same value, and must not keep a
// reference to what it is given beyond what strings do. Both may be called from
// many goroutines, for different values.
type QueryCodec interface {
	UnmarshalQuery(text string) error
	MarshalQuery() (string, error)
}

// Codec is the text form of one type, for [SchemaConfig.Codecs].
type Codec struct {
	typ reflect.Type
	c   codec
}

// NewCodec makes a codec for T from two functions that undo each other:
// parse(format(v)) must be v for every v that format accepts. expected says
// in a few words what is allowed, such as "a colour like #ff8800"; it is
// shown to clients. Both functions may be called from many goroutines.
func NewCodec[T any](expected string, parse func(string) (T, error), format func(T) (string, error)) Codec {
	if parse == nil || format == nil {
		return Codec{}
	}
	return Codec{typ: reflect.TypeFor[T](), c: &funcCodec[T]{expected, parse, format}}
}

type funcCodec[T any] struct {
	text   string
	read   func(string) (T, error)
	format func(T) (string, error)
}

func (c *funcCodec[T]) parse(v reflect.Value, s string) (Code, error) {
	t, err := c.read(s)
	if err != nil {
		return CodeType, err
	}
	*v.Addr().Interface().(*T) = t
	return "", nil
}

func (c *funcCodec[T]) appendText(b []byte, v reflect.Value) ([]byte, error) {
	s, err := c.format(*v.Addr().Interface().(*T))
	return append(b, s...), err
}

func (c *funcCodec[T]) expected() string { return c.text }

var (
	timeType     = reflect.TypeFor[time.Time]()
	durationType = reflect.TypeFor[time.Duration]()
	urlType      = reflect.TypeFor[url.URL]()
	valuesType   = reflect.TypeFor[url.Values]()

	unmarshalerType = reflect.TypeFor[encoding.TextUnmarshaler]()
	marshalerType   = reflect.TypeFor[encoding.TextMarshaler]()
	queryCodecType  = reflect.TypeFor[QueryCodec]()
)

// scalar finds the codec of t, which is not a pointer. A nil codec without an
// error means that t is not a scalar.
func scalar(t reflect.Type, tags *tagSet, codecs []Codec) (codec, error) {
	for _, k := range codecs {
		if k.typ == t {
			return k.c, nil
		}
	}
	switch t {
	case timeType:
		return newTimeCodec(tags)
	case durationType:
		return newDurationCodec(tags)
	case urlType:
		return urlCodec{}, nil
	}
	p := reflect.PointerTo(t)
	if p.Implements(queryCodecType) {
		return queryCodec{t}, nil
	}
	switch reads, writes := p.Implements(unmarshalerType), p.Implements(marshalerType); {
	case reads && writes:
		return textCodec{t}, nil
	case reads:
		return nil, fmt.Errorf("%s has UnmarshalText but no MarshalText: links could not be written; add it, or a Codec", t)
	}
	switch t.Kind() {
	case reflect.Bool:
		return boolCodec{strict: tags.take("bool") == "strict"}, nil
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return intCodec{t.Bits()}, nil
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return uintCodec{t.Bits()}, nil
	case reflect.Float32, reflect.Float64:
		return floatCodec{t.Bits(), tags.allowed("nan")}, nil
	case reflect.String:
		return stringCodec{}, nil
	}
	return nil, nil
}

type stringCodec struct{}

func (stringCodec) parse(v reflect.Value, s string) (Code, error) {
	v.SetString(s)
	return "", nil
}

func (stringCodec) appendText(b []byte, v reflect.Value) ([]byte, error) {
	return append(b, v.String()...), nil
}

func (stringCodec) compare(a, b reflect.Value) int { return strings.Compare(a.String(), b.String()) }
func (stringCodec) expected() string               { return "text" }

type boolCodec struct{ strict bool }

func (c boolCodec) parse(v reflect.Value, s string) (Code, error) {
	if len(s) > len("false") {
		return CodeType, nil
	}
	if s != "true" { // which is what Encode writes
		s = strings.ToLower(s)
	}
	switch s {
	case "true":
		v.SetBool(true)
		return "", nil
	case "false":
		v.SetBool(false)
		return "", nil
	}
	if c.strict {
		return CodeType, nil
	}
	switch s {
	case "1", "t", "on", "yes":
		v.SetBool(true)
	case "0", "f", "off", "no":
		v.SetBool(false)
	default:
		return CodeType, nil
	}
	return "", nil
}

func (boolCodec) appendText(b []byte, v reflect.Value) ([]byte, error) {
	return strconv.AppendBool(b, v.Bool()), nil
}

func (boolCodec) expected() string { return "true or false" }

// urlCodec is for *url.URL, which has no text methods.
type urlCodec struct{}

func (urlCodec) parse(v reflect.Value, s string) (Code, error) {
	u, err := url.Parse(s)
	if err != nil {
		return CodeType, err
	}
	*v.Addr().Interface().(*url.URL) = *u
	return "", nil
}

func (urlCodec) appendText(b []byte, v reflect.Value) ([]byte, error) {
	u := v.Addr().Interface().(*url.URL)
	s := u.String()
	if back, err := url.Parse(s); err != nil || !reflect.DeepEqual(back, u) {
		return b, errors.New("the URL does not read back the same from its text")
	}
	return append(b, s...), nil
}

func (urlCodec) expected() string { return "a URL" }

type queryCodec struct{ typ reflect.Type }

func (queryCodec) parse(v reflect.Value, s string) (Code, error) {
	if err := v.Addr().Interface().(QueryCodec).UnmarshalQuery(s); err != nil {
		return CodeType, err
	}
	return codeFine, nil
}

func (queryCodec) appendText(b []byte, v reflect.Value) ([]byte, error) {
	s, err := v.Addr().Interface().(QueryCodec).MarshalQuery()
	return append(b, s...), err
}

func (c queryCodec) expected() string { return "a valid " + c.typ.Name() }

type textCodec struct{ typ reflect.Type }

func (textCodec) parse(v reflect.Value, s string) (Code, error) {
	if err := v.Addr().Interface().(encoding.TextUnmarshaler).UnmarshalText([]byte(s)); err != nil {
		return CodeType, err
	}
	return "", nil
}

func (textCodec) appendText(b []byte, v reflect.Value) ([]byte, error) {
	switch m := v.Addr().Interface().(type) {
	case encoding.TextAppender:
		return m.AppendText(b)
	case encoding.TextMarshaler:
		text, err := m.MarshalText()
		return append(b, text...), err
	}
	return b, fmt.Errorf("%s has no MarshalText", v.Type()) // scalar has checked it
}

func (c textCodec) expected() string {
	switch c.typ {
	case reflect.TypeFor[netip.Addr]():
		return "an IP address"
	case reflect.TypeFor[netip.Prefix]():
		return "an IP prefix such as 192.0.2.0/24"
	case reflect.TypeFor[netip.AddrPort]():
		return "an IP address and port"
	}
	return "a valid " + c.typ.Name()
}
