package keys_test

import (
	"math"
	"math/big"
	"net/netip"
	"reflect"
	"time"
	"unsafe"
)

// equal is the definition of "equal as data", written naively and
// independently of the encoder: it walks both values side by side.
func equal(a, b any) bool {
	return sameValue(reflect.ValueOf(&a).Elem(), reflect.ValueOf(&b).Elem(), "", nil, nil)
}

// step is a reference on the way to the current value.
type step struct {
	t   reflect.Type
	p   unsafe.Pointer
	len int
}

// index returns how far back s is on the path, 0 if it is not.
func index(path []step, s step) int {
	for i := len(path) - 1; i >= 0; i-- {
		if path[i] == s {
			return len(path) - i
		}
	}
	return 0
}

func sameValue(a, b reflect.Value, tag string, pa, pb []step) bool {
	if a.Type() != b.Type() {
		return false
	}
	if same, ok := sameContent(a, b); ok {
		return same
	}
	follow := func(p, q unsafe.Pointer, n, m int) (same, done bool) {
		sa, sb := step{a.Type(), p, n}, step{b.Type(), q, m}
		if i, j := index(pa, sa), index(pb, sb); i > 0 || j > 0 {
			return i == j, true
		}
		pa, pb = append(pa[:len(pa):len(pa)], sa), append(pb[:len(pb):len(pb)], sb)
		return false, false
	}
	switch a.Kind() {
	case reflect.Bool:
		return a.Bool() == b.Bool()
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return a.Int() == b.Int()
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		return a.Uint() == b.Uint()
	case reflect.Float32, reflect.Float64:
		return sameFloat(a.Float(), b.Float())
	case reflect.Complex64, reflect.Complex128:
		return sameFloat(real(a.Complex()), real(b.Complex())) && sameFloat(imag(a.Complex()), imag(b.Complex()))
	case reflect.String:
		return a.String() == b.String()
	case reflect.Interface:
		if a.IsNil() || b.IsNil() {
			return a.IsNil() && b.IsNil()
		}
		return sameValue(a.Elem(), b.Elem(), tag, pa, pb)
	case reflect.Pointer:
		if a.IsNil() || b.IsNil() {
			return a.IsNil() && b.IsNil()
		}
		if same, done := follow(a.UnsafePointer(), b.UnsafePointer(), 0, 0); done {
			return same
		}
		return sameValue(a.Elem(), b.Elem(), tag, pa, pb)
	case reflect.Slice:
		if a.IsNil() != b.IsNil() || a.Len() != b.Len() {
			return false
		}
		if a.Len() == 0 {
			return true
		}
		if same, done := follow(a.UnsafePointer(), b.UnsafePointer(), a.Len(), b.Len()); done {
			return same
		}
		if tag == "set" {
			return sameEntries(a.Len(), b.Len(), func(i, j int) bool {
				return sameValue(a.Index(i), b.Index(j), "", pa, pb)
			})
		}
		fallthrough
	case reflect.Array:
		for i := range a.Len() {
			if !sameValue(a.Index(i), b.Index(i), "", pa, pb) {
				return false
			}
		}
		return true
	case reflect.Map:
		if a.IsNil() != b.IsNil() || a.Len() != b.Len() {
			return false
		}
		if a.Len() == 0 {
			return true
		}
		if same, done := follow(a.UnsafePointer(), b.UnsafePointer(), 0, 0); done {
			return same
		}
		ea, eb := entries(a), entries(b)
		return sameEntries(len(ea), len(eb), func(i, j int) bool {
			return sameValue(ea[i][0], eb[j][0], "", pa, pb) && sameValue(ea[i][1], eb[j][1], "", pa, pb)
		})
	case reflect.Struct:
		a, b = addressable(a), addressable(b)
		for i := range a.NumField() {
			f := a.Type().Field(i)
			tag := f.Tag.Get("hash")
			if f.Name == "_" || tag == "ignore" || tag == "-" {
				continue
			}
			if !sameValue(readable(a.Field(i)), readable(b.Field(i)), tag, pa, pb) {
				return false
			}
		}
		return true
	default:
		panic("the oracle does not know " + a.Type().String())
	}
}

// sameEntries says whether each of n things has its own partner among m others.
func sameEntries(n, m int, same func(i, j int) bool) bool {
	taken := make([]bool, m)
	for i := range n {
		found := false
		for j := range m {
			if !taken[j] && same(i, j) {
				taken[j], found = true, true
				break
			}
		}
		if !found {
			return false
		}
	}
	return n == m
}

func entries(m reflect.Value) (out [][2]reflect.Value) {
	for it := m.MapRange(); it.Next(); {
		out = append(out, [2]reflect.Value{it.Key(), it.Value()})
	}
	return out
}

func addressable(v reflect.Value) reflect.Value {
	if v.CanAddr() {
		return v
	}
	c := reflect.New(v.Type()).Elem()
	c.Set(v)
	return c
}

// readable gives access to an unexported field of an addressable struct.
func readable(v reflect.Value) reflect.Value {
	return reflect.NewAt(v.Type(), v.Addr().UnsafePointer()).Elem()
}

func sameFloat(x, y float64) bool {
	return math.IsNaN(x) && math.IsNaN(y) || x == y && math.Signbit(x) == math.Signbit(y)
}

func sameContent(a, b reflect.Value) (same, ok bool) {
	if a.Kind() == reflect.Interface {
		return false, false
	}
	switch x := a.Interface().(type) {
	case time.Time:
		y := b.Interface().(time.Time)
		xn, xo := x.Zone()
		yn, yo := y.Zone()
		return x.Equal(y) && xn == yn && xo == yo && x.Location().String() == y.Location().String() &&
			(x.Location() == time.UTC) == (y.Location() == time.UTC), true
	case netip.Addr:
		return x == b.Interface().(netip.Addr), true
	case big.Int:
		y := b.Interface().(big.Int)
		return x.Cmp(&y) == 0, true
	}
	return false, false
}
