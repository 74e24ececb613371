package queryparams

import (
	"fmt"
	"reflect"
)

// texts turns values into texts, as the leaf of own writes those of its type; a
// slice counts as its elements. own may be nil.
func texts(key string, values []any, own *leaf) ([]string, error) {
	out := make([]string, 0, len(values))
	for _, v := range values {
		if s, ok := v.(string); ok { // as it is
			out = append(out, s)
			continue
		}
		rv := reflect.ValueOf(v)
		if s, ok := textOf(rv, own); ok {
			out = append(out, s)
			continue
		}
		if k := rv.Kind(); k != reflect.Slice && k != reflect.Array || rv.Type().Elem().Kind() == reflect.Uint8 {
			return nil, notAText(key, v)
		}
		for i := range rv.Len() {
			s, ok := textOf(rv.Index(i), own)
			if !ok {
				return nil, notAText(key, v)
			}
			out = append(out, s)
		}
	}
	return out, nil
}

func notAText(key string, v any) error {
	f := writeFault(key, CodeNotAText)
	f.Detail = details[CodeNotAText] + ": " + typeName(reflect.TypeOf(v))
	return f
}

// textOf is the text of one value, as a schema would write it.
func textOf(v reflect.Value, own *leaf) (string, bool) {
	for v.Kind() == reflect.Interface || v.Kind() == reflect.Pointer {
		if v.IsNil() {
			return "", false
		}
		v = v.Elem()
	}
	if !v.IsValid() {
		return "", false
	}
	box := reflect.New(v.Type())
	box.Elem().Set(v)
	c, err := scalar(v.Type(), &tagSet{}, nil)
	if own != nil && v.Type() == own.elem && own.codec != nil {
		c, err = own.codec, nil
	}
	if err == nil && c != nil {
		text, err := c.appendText(nil, box.Elem())
		return string(text), err == nil
	}
	if s, ok := reflect.TypeAssert[fmt.Stringer](box); ok {
		return s.String(), true
	}
	return "", false
}

func writeFault(key string, code Code) *FieldError {
	name := *safeValue(key)
	return &FieldError{Parameter: name, Path: name, Code: code, Detail: details[code], Offset: -1}
}
