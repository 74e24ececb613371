package clone

import (
	"reflect"
	"unsafe"
)

// This file and fix.go, maps.go hold the package's unsafe code. It rests on three facts:
//
//   - Every pointer p that a plan gets addresses a whole, properly aligned value of the plan's type, in memory that
//     reflect, make or append allocated with that type's own pointer layout. unsafe.Add moves only inside it.
//   - The representation of slices (header), interfaces (two words) and maps (one pointer) in the gc toolchain, which
//     TestLayout checks at the first run under a new Go version.
//   - References are written through unsafe.Pointer, so that the compiler emits the write barriers.

// header is the representation of a slice.
type header struct {
	data     unsafe.Pointer
	len, cap int
}

// face is the representation of an interface: its type, and its value or a pointer to it.
type face struct{ typ, data unsafe.Pointer }

// nothing is what an empty slice points to.
var nothing struct{}

// memory allocates values of one type.
type memory struct {
	size uintptr
	// clone returns new memory with the n values at src in it, shallow.
	clone func(s *state, src unsafe.Pointer, n int) unsafe.Pointer
}

// memoryOf chooses the cheapest allocation that gives the garbage collector the exact layout of t.
func memoryOf(t reflect.Type) memory {
	m := memory{size: t.Size()}
	switch {
	case t.Size() == 0:
		m.clone = func(*state, unsafe.Pointer, int) unsafe.Pointer { return unsafe.Pointer(&nothing) }
	case !hasPointers(t):
		// Without pointers only size and alignment matter, and append does not clear what it fills.
		switch t.Align() {
		case 8:
			m.clone = cloneAs[uint64](t)
		case 4:
			m.clone = cloneAs[uint32](t)
		case 2:
			m.clone = cloneAs[uint16](t)
		default:
			m.clone = cloneAs[uint8](t)
		}
	default:
		switch t.Kind() {
		case reflect.String:
			m.clone = cloneAs[string](t)
		case reflect.Slice:
			m.clone = cloneAs[[]byte](t)
		case reflect.Interface:
			m.clone = cloneAs[any](t)
		case reflect.Pointer, reflect.Map, reflect.Chan, reflect.Func, reflect.UnsafePointer:
			m.clone = cloneAs[unsafe.Pointer](t)
		default:
			m.clone = cloneReflected(t)
		}
	}
	return m
}

// cloneAs clones values of t as values of T, of which each t is a whole number, with the same alignment and the same
// words that are pointers: a named string as string, any slice as []byte, a struct of floats as uint64.
func cloneAs[T any](t reflect.Type) func(*state, unsafe.Pointer, int) unsafe.Pointer {
	per := int(t.Size() / unsafe.Sizeof(*new(T)))
	return func(_ *state, src unsafe.Pointer, n int) unsafe.Pointer {
		return unsafe.Pointer(unsafe.SliceData(append([]T(nil), unsafe.Slice((*T)(src), n*per)...)))
	}
}

// cloneReflected clones values of any type. It works on slice headers in the state, since reflect's own
// (MakeSlice) would cost an allocation each.
func cloneReflected(t reflect.Type) func(*state, unsafe.Pointer, int) unsafe.Pointer {
	st := reflect.SliceOf(t)
	return func(s *state, src unsafe.Pointer, n int) unsafe.Pointer {
		if n == 1 {
			v := reflect.New(t)
			v.Elem().Set(reflect.NewAt(t, src).Elem()) // NewAt, so that unexported fields are copied too
			return v.UnsafePointer()
		}
		s.from, s.to = header{src, n, n}, header{}
		to := reflect.NewAt(st, unsafe.Pointer(&s.to)).Elem()
		to.Grow(n)
		to.SetLen(n)
		reflect.Copy(to, reflect.NewAt(st, unsafe.Pointer(&s.from)).Elem())
		data := s.to.data
		s.from, s.to = header{}, header{}
		return data
	}
}

// hasPointers reports whether the garbage collector finds pointers in a t.
func hasPointers(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Array:
		return t.Len() > 0 && hasPointers(t.Elem())
	case reflect.Struct:
		for f := range fieldsOf(t) {
			if hasPointers(f.Type) {
				return true
			}
		}
		return false
	case reflect.String, reflect.Slice, reflect.Interface, reflect.Pointer, reflect.Map, reflect.Chan, reflect.Func, reflect.UnsafePointer:
		return true
	}
	return false
}

// isDirect reports whether an interface that holds a t holds the t itself, as it does for pointers and maps and what
// consists of one. The zero t tells: held itself its word is nil, otherwise the word is its address.
func isDirect(t reflect.Type) bool {
	zero := reflect.Zero(t).Interface()
	return (*face)(unsafe.Pointer(&zero)).data == nil
}
