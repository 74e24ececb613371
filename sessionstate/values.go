package sessionstate

import (
	"encoding/json"
	"errors"
	"reflect"
	"strconv"
	"strings"

	"github.com/reecho-go/reecho/internal/lossless"
)

// Codec encodes the values of keys, in place of JSON; see Config.Codec. Marshal
// must always encode equal values as the same bytes; otherwise a Set of the current
// value counts as a change. It must return an error for a value that it cannot encode
// completely, because nothing else checks that. For a key of an interface type it
// gets a pointer to the interface. Unmarshal gets bytes that Marshal has returned, and
// a pointer to a value of the key's type. If the bytes are those of a value of another
// type, it must return an error. Both must be safe for concurrent use.
type Codec interface {
	Marshal(v any) ([]byte, error)
	Unmarshal(data []byte, v any) error
}

// codedMark is the first byte of values that a Codec has encoded. No JSON text begins with it.
const codedMark = "\x01"

// errNoCodec says that a value was written by a Codec, and the Manager has none.
var errNoCodec = errors.New("the value was written with a Config.Codec, and there is none now")

// encodeValue returns the encoding of v. varies says that JSON may lose a part of some
// values of its type.
func encodeValue[T any](c Codec, v T, varies bool) (string, error) {
	if c != nil {
		b, err := marshalBy(c, v)
		return codedMark + string(b), err
	}
	raw, err := encodeJSON(v)
	// encoding/json writes this for bytes that are not UTF-8, among others.
	if err == nil && (varies || strings.Contains(raw, `\ufffd`)) {
		err = checkLossless(v)
	}
	return raw, err
}

func checkLossless[T any](v T) error { return lossless.JSON.Value(&v) }

// marshalBy encodes v with c. If v is an interface, c gets a pointer to it, which shows that it
// is one.
func marshalBy[T any](c Codec, v T) ([]byte, error) {
	if reflect.TypeFor[T]().Kind() == reflect.Interface && any(v) != nil {
		return c.Marshal(&v)
	}
	return c.Marshal(v)
}

// decodeValue decodes a value that is JSON or was encoded by c.
func decodeValue[T any](c Codec, raw string) (T, error) {
	coded, ok := strings.CutPrefix(raw, codedMark)
	if !ok {
		return decodeJSON[T](raw)
	}
	var v, zero T
	if c == nil {
		return zero, errNoCodec
	}
	if err := c.Unmarshal([]byte(coded), &v); err != nil {
		return zero, err
	}
	return v, nil
}

// asJSON returns a stored value as JSON, if it can be shown so.
func asJSON(c Codec, raw string) (json.RawMessage, bool) {
	if !strings.HasPrefix(raw, codedMark) {
		return json.RawMessage(raw), true
	}
	v, err := decodeValue[any](c, raw)
	if err != nil {
		return nil, false
	}
	b, err := json.Marshal(v)
	return b, err == nil
}

// encodeJSON is json.Marshal, with faster code for the most common types.
func encodeJSON[T any](v T) (string, error) {
	switch v := any(v).(type) {
	case int:
		return strconv.Itoa(v), nil
	case bool:
		return strconv.FormatBool(v), nil
	}
	return marshalJSON(v)
}

// marshalJSON is json.Marshal by a pointer, so that methods of pointers are found.
func marshalJSON[T any](v T) (string, error) {
	b, err := json.Marshal(&v)
	return string(b), err
}

var (
	// errNull is the error of a null for a type that has no nil.
	errNull = errors.New("the value is null")

	errChanged = errors.New("it does not come back as it was, such as an empty slice that omitempty leaves out, or a field that UnmarshalJSON does not read")
)

// decodeJSON is json.Unmarshal, with faster code for the most common types.
func decodeJSON[T any](raw string) (T, error) {
	var v T
	switch p := any(&v).(type) {
	case *int:
		n, err := strconv.Atoi(raw)
		*p = n
		return v, err
	case *bool:
		if raw == "true" || raw == "false" {
			*p = raw == "true"
			return v, nil
		}
	case *string:
		if n := len(raw); n >= 2 && raw[0] == '"' && strings.IndexByte(raw, '\\') < 0 {
			*p = strings.Clone(raw[1 : n-1]) // the value must not keep the whole record in memory
			return v, nil
		}
	}
	if raw == "null" && !hasNil(reflect.TypeFor[T]()) {
		return v, errNull
	}
	err := json.Unmarshal([]byte(raw), &v)
	if err != nil {
		var zero T
		return zero, err
	}
	return v, nil
}

// hasNil reports whether null is a value of t.
func hasNil(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Pointer, reflect.Map, reflect.Slice, reflect.Interface:
		return true
	}
	return reflect.PointerTo(t).Implements(reflect.TypeFor[json.Unmarshaler]())
}
