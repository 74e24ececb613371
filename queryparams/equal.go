package queryparams

import (
	"reflect"
	"time"
)

// maxParts is the depth to which equal compares.
const maxParts = 32

// equal reports whether a and b, of one type, are the same to a program: by the
// type's method Equal, Cmp or Compare, if it has one for its own type, and by
// their parts otherwise. Slices and maps of the length 0 are the same as nil,
// and so are times of the same instant. What cannot be compared, such as two
// functions, counts as the same.
func equal(a, b reflect.Value, depth int) bool {
	if depth > maxParts {
		return true
	}
	if a.Comparable() && b.Comparable() && a.Equal(b) {
		return true
	}
	if a.CanAddr() && b.CanAddr() {
		a, b = visible(a), visible(b)
		if x, ok := reflect.TypeAssert[*time.Time](a.Addr()); ok {
			y, _ := reflect.TypeAssert[*time.Time](b.Addr())
			return x.Equal(*y)
		}
		if same, ok := equalByMethod(a, b); ok {
			return same
		}
	}
	switch a.Kind() {
	case reflect.Float32, reflect.Float64:
		return a.Float() == b.Float() || a.Float() != a.Float() && b.Float() != b.Float()
	case reflect.Pointer:
		if a.IsNil() || b.IsNil() || a.Pointer() == b.Pointer() {
			return a.IsNil() == b.IsNil()
		}
		return equal(a.Elem(), b.Elem(), depth+1)
	case reflect.Interface:
		if a.IsNil() || b.IsNil() {
			return a.IsNil() == b.IsNil()
		}
		return a.Elem().Type() == b.Elem().Type() && equal(a.Elem(), b.Elem(), depth+1)
	case reflect.Struct:
		for i := range a.NumField() {
			if !equal(a.Field(i), b.Field(i), depth+1) {
				return false
			}
		}
		return true
	case reflect.Slice, reflect.Array:
		if a.Len() != b.Len() {
			return false
		}
		for i := range a.Len() {
			if !equal(a.Index(i), b.Index(i), depth+1) {
				return false
			}
		}
		return true
	case reflect.Map:
		if a.Len() != b.Len() {
			return false
		}
		for it := a.MapRange(); it.Next(); {
			other := b.MapIndex(it.Key())
			if !other.IsValid() || !equal(it.Value(), other, depth+1) {
				return false
			}
		}
		return true
	case reflect.Func, reflect.Chan, reflect.UnsafePointer:
		return true
	}
	return false
}

// visible returns v, an addressable value, without the flag of an unexported field,
// because reflection calls no methods of such a value.
func visible(v reflect.Value) reflect.Value {
	if v.CanInterface() {
		return v
	}
	return reflect.NewAt(v.Type(), v.Addr().UnsafePointer()).Elem()
}

// equalByMethod compares with the type's own method, if it has one.
func equalByMethod(a, b reflect.Value) (same, ok bool) {
	t := a.Type()
	if t.Name() == "" {
		return false, false
	}
	call := func(m reflect.Value, result reflect.Type) (reflect.Value, bool) {
		if !m.IsValid() || m.Type().NumIn() != 1 || m.Type().NumOut() != 1 || m.Type().Out(0) != result {
			return reflect.Value{}, false
		}
		switch m.Type().In(0) {
		case t:
			return m.Call([]reflect.Value{b})[0], true
		case reflect.PointerTo(t):
			return m.Call([]reflect.Value{b.Addr()})[0], true
		}
		return reflect.Value{}, false
	}
	p := a.Addr()
	if r, ok := call(p.MethodByName("Equal"), reflect.TypeFor[bool]()); ok {
		return r.Bool(), true
	}
	if r, ok := call(p.MethodByName("Cmp"), reflect.TypeFor[int]()); ok {
		return r.Int() == 0, true
	}
	if r, ok := call(p.MethodByName("Compare"), reflect.TypeFor[int]()); ok {
		return r.Int() == 0, true
	}
	return false, false
}
