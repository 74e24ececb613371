package queryparams

import (
	"encoding"
	"errors"
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

var (
	timeType     = reflect.TypeFor[time.Time]()
	durationType = reflect.TypeFor[time.Duration]()
	urlType      = reflect.TypeFor[url.URL]()
	valuesType   = reflect.TypeFor[url.Values]()

	unmarshalerType = reflect.TypeFor[encoding.TextUnmarshaler]()
	marshalerType   = reflect.TypeFor[encoding.TextMarshaler]()
	appenderType    = reflect.TypeFor[encoding.TextAppender]()
)

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
	if err == nil && !isSettled(u) { // such as one with a raw space: take it as it will be written
		u, err = url.Parse(u.String())
	}
	switch {
	case err != nil:
		return CodeType, err
	case !isSettled(u):
		return CodeType, errUnsettledURL
	}
	*v.Addr().Interface().(*url.URL) = *u
	return "", nil
}

var errUnsettledURL = errors.New("the URL does not read back the same from its text")

// isSettled reports whether the text of u reads back as u.
func isSettled(u *url.URL) bool {
	back, err := url.Parse(u.String())
	return err == nil && reflect.DeepEqual(back, u)
}

func (urlCodec) appendText(b []byte, v reflect.Value) ([]byte, error) {
	u := v.Addr().Interface().(*url.URL)
	if !isSettled(u) {
		return b, errUnsettledURL
	}
	return append(b, u.String()...), nil
}

func (urlCodec) expected() string { return "a URL" }
