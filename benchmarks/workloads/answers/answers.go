// Package answers says what is wrong with what a peer answers.
package answers

import (
	"errors"
	"reflect"
	"time"
)

// What a peer can do wrong with a value.
var (
	ErrChanged = errors.New("the answer is not what was stored")
	ErrShared  = errors.New("two answers share memory")
)

// CheckCopy says what is wrong with own as a copy of v.
func CheckCopy(own, v any) error {
	if !reflect.DeepEqual(own, v) {
		return ErrChanged
	}
	if shared(reflect.ValueOf(own), reflect.ValueOf(v)) {
		return ErrShared
	}
	return nil
}

// shared reports whether anything that can be written through a can be read
// through b: a reference of one to the memory of the other, in the same place.
// The values are equal.
func shared(a, b reflect.Value) bool {
	switch a.Kind() {
	case reflect.Interface:
		return !a.IsNil() && shared(a.Elem(), b.Elem())
	case reflect.Pointer:
		return !a.IsNil() && (a.Pointer() == b.Pointer() || shared(a.Elem(), b.Elem()))
	case reflect.Slice:
		if a.Len() > 0 && a.Pointer() == b.Pointer() {
			return true
		}
		if k := a.Type().Elem().Kind(); k < reflect.Array || k == reflect.String {
			return false // elements without references
		}
		fallthrough
	case reflect.Array:
		for i := range a.Len() {
			if shared(a.Index(i), b.Index(i)) {
				return true
			}
		}
	case reflect.Map:
		if !a.IsNil() && a.Pointer() == b.Pointer() {
			return true
		}
		for _, k := range a.MapKeys() {
			if shared(a.MapIndex(k), b.MapIndex(k)) {
				return true
			}
		}
	case reflect.Struct:
		if a.Type() == timeType {
			return false // immutable: its location may be shared
		}
		for i := range a.NumField() {
			if shared(a.Field(i), b.Field(i)) {
				return true
			}
		}
	}
	return false
}

var timeType = reflect.TypeFor[time.Time]()
