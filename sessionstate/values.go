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

// encodeValue returns the encoding of what v points to. varies says that JSON may
// lose a part of some values of its type.
func encodeValue(c Codec, v any, varies bool) (string, error) {
	if c != nil {
		if held := reflect.ValueOf(v).Elem(); held.Kind() != reflect.Interface || held.IsNil() {
			v = held.Interface() // of an interface, the Codec gets the pointer, so that it sees that it is one
		}
		b, err := c.Marshal(v)
		return codedMark + string(b), err
	}
	raw, err := encodeJSON(v)
	// encoding/json writes this for bytes that are not UTF-8, among others.
	if err == nil && (varies || strings.Contains(raw, `\ufffd`)) {
		err = lossless.JSON.Value(v)
	}
	return raw, err
}

// decodeValue decodes JSON and what c has written to what v points to.
func decodeValue(c Codec, raw string, v any) error {
	coded, ok := strings.CutPrefix(raw, codedMark)
	switch {
	case !ok:
		return decodeJSON(raw, v)
	case c == nil:
		return errNoCodec
	}
	return c.Unmarshal([]byte(coded), v)
}

// asJSON returns a stored value as JSON, if it can be shown so.
func asJSON(c Codec, raw string) (json.RawMessage, bool) {
	if !strings.HasPrefix(raw, codedMark) {
		return json.RawMessage(raw), true
	}
	var v any
	if err := decodeValue(c, raw, &v); err != nil {
		return nil, false
	}
	b, err := json.Marshal(v)
	return b, err == nil
}

// encodeJSON is json.Marshal by a pointer, so that methods of pointers are found.
func encodeJSON(v any) (string, error) {
	b, err := json.Marshal(v)
	return string(b), err
}

var (
	// errNull is the error of a null for a type that has no nil.
	errNull = errors.New("the value is null")

	errChanged = errors.New("it does not come back as it was, such as an empty slice that omitempty leaves out, or a field that UnmarshalJSON does not read")
)

// decodeJSON is json.Unmarshal with short ways for the commonest types.
func decodeJSON(raw string, v any) error {
	switch p := v.(type) {
	case *int:
		n, err := strconv.Atoi(raw)
		*p = n
		return err
	case *bool:
		if raw == "true" || raw == "false" {
			*p = raw == "true"
			return nil
		}
	case *string:
		if n := len(raw); n >= 2 && raw[0] == '"' && strings.IndexByte(raw, '\\') < 0 {
			*p = strings.Clone(raw[1 : n-1]) // a value must not hold on to the whole record
			return nil
		}
	}
	if raw == "null" && !hasNil(reflect.TypeOf(v).Elem()) {
		return errNull
	}
	return json.Unmarshal([]byte(raw), v)
}

// hasNil reports whether null is a value of t.
func hasNil(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Pointer, reflect.Map, reflect.Slice, reflect.Interface:
		return true
	}
	return reflect.PointerTo(t).Implements(reflect.TypeFor[json.Unmarshaler]())
}
