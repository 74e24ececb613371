package clone

import (
	"reflect"
	"unsafe"

	"github.com/reecho-go/reecho/internal/raw"
)

// This file and fix.go, maps.go hold the package's unsafe code. It rests on three facts:
//
//   - Every pointer p that a plan gets addresses a whole, properly aligned value of the plan's type, in memory that
//     reflect, make or append allocated with that type's own pointer layout. unsafe.Add moves only inside it.
//   - The representation of slices (header), interfaces (two words) and maps (one pointer) in the gc toolchain, which
//     TestLayout checks at the first run under a new Go version.
//   - References are written through unsafe.Pointer, so that the compiler emits the write barriers.

// nothing is the array of all empty slices.
var nothing struct{}

// memoryOf chooses the cheapest allocation that gives the garbage collector the exact layout of t.
func memoryOf(t reflect.Type) memory {
	m := memory{size: t.Size()}
	switch {
	case t.Size() == 0:
		m.clone = func(*state, unsafe.Pointer, int) unsafe.Pointer { return unsafe.Pointer(&nothing) }
		m.alloc = func(*state, int) unsafe.Pointer { return unsafe.Pointer(&nothing) }
	case !raw.HasPointers(t):
		// Without pointers only size and alignment matter, and make followed by copy does not clear what it fills.
		switch t.Align() {
		case 8:
			useAs[uint64](&m, t)
		case 4:
			useAs[uint32](&m, t)
		case 2:
			useAs[uint16](&m, t)
		default:
			useAs[uint8](&m, t)
		}
	default:
		switch t.Kind() {
		case reflect.String:
			useAs[string](&m, t)
		case reflect.Slice:
			useAs[[]byte](&m, t)
		case reflect.Interface:
			useAs[any](&m, t)
		case reflect.Pointer, reflect.Map, reflect.Chan, reflect.Func, reflect.UnsafePointer:
			useAs[unsafe.Pointer](&m, t)
		default:
			if isDirect(t) && t.Size() == unsafe.Sizeof(unsafe.Pointer(nil)) {
				useAs[unsafe.Pointer](&m, t)
			} else {
				m.clone, m.alloc = cloneReflected(t), allocReflected(t)
			}
		}
	}
	return m
}

// useAs makes m handle a value of t as one or more values of T. The two have the same alignment, and the same words are
// pointers: a named string is handled as string, any slice as []byte, a struct of floats as uint64.
func useAs[T any](m *memory, t reflect.Type) {
	per := int(t.Size() / unsafe.Sizeof(*new(T)))
	m.clone = func(_ *state, src unsafe.Pointer, n int) unsafe.Pointer {
		return unsafe.Pointer(unsafe.SliceData(duplicate(unsafe.Slice((*T)(src), n*per))))
	}
	m.alloc = func(_ *state, n int) unsafe.Pointer { return unsafe.Pointer(unsafe.SliceData(make([]T, n*per))) }
	m.slice = sliceAs[T](per)
	m.carve = carveAs[T](per)
}

// duplicate has the form that the compiler recognizes, so that it makes and fills the slice in one step.
func duplicate[T any](from []T) []T {
	to := make([]T, len(from))
	copy(to, from)
	return to
}

// sliceAs is fixSlice for slices of flat values that are not tracked, without the checks for other slices.
func sliceAs[T any](per int) func(*node) func(unsafe.Pointer, *state) {
	return func(of *node) func(unsafe.Pointer, *state) {
		size := int(of.elem.typ.Size())
		return func(p unsafe.Pointer, s *state) {
			h := (*header)(p)
			switch {
			case h.data == nil:
			case h.len == 0:
				*h = header{data: unsafe.Pointer(&nothing)}
			case s.careful && s.moveSlice(of, h):
			case s.charge(of, h.len*size):
				to := duplicate(unsafe.Slice((*T)(h.data), h.len*per))
				*h = header{unsafe.Pointer(unsafe.SliceData(to)), h.len, h.len}
			}
		}
	}
}

// moveSlice makes the slice at h, of type n, point into the copied blocks if its array is in one, and reports whether it
// is.
func (s *state) moveSlice(n *node, h *header) bool {
	moved := s.meets(n, h.data, h.len*int(n.elem.mem.size), n.sliceTag(h.len))
	if moved != nil {
		*h = header{moved, h.len, h.len}
	}
	return moved != nil
}

// cloneReflected clones values of any type whose values an interface holds by address.
//
// reflect's obvious ways cost too much here: MakeSlice allocates a header too, and New and NewAt look the pointer type up
// each time. So a Value is made from an interface with a known type word, and the slice headers are in the state.
func cloneReflected(t reflect.Type) func(*state, unsafe.Pointer, int) unsafe.Pointer {
	toOne, toMany := typeWord(reflect.PointerTo(t)), typeWord(reflect.PointerTo(reflect.SliceOf(t)))
	at := func(typ, p unsafe.Pointer) reflect.Value {
		f := face{typ, p}
		return reflect.ValueOf(*(*any)(unsafe.Pointer(&f))).Elem()
	}
	return func(s *state, src unsafe.Pointer, n int) unsafe.Pointer {
		if n == 1 {
			// Interface copies the variable: nobody else has the address of that copy.
			one := at(toOne, src).Interface()
			return (*face)(unsafe.Pointer(&one)).data
		}
		s.from, s.to = header{src, n, n}, header{}
		to := at(toMany, unsafe.Pointer(&s.to))
		to.Grow(n)
		to.SetLen(n)
		reflect.Copy(to, at(toMany, unsafe.Pointer(&s.from)))
		data := s.to.data
		s.from, s.to = header{}, header{}
		return data
	}
}

// allocReflected allocates values of any type whose values an interface holds by address.
func allocReflected(t reflect.Type) func(*state, int) unsafe.Pointer {
	toMany := typeWord(reflect.PointerTo(reflect.SliceOf(t)))
	return func(s *state, n int) unsafe.Pointer {
		s.to = header{}
		f := face{toMany, unsafe.Pointer(&s.to)}
		reflect.ValueOf(*(*any)(unsafe.Pointer(&f))).Elem().Grow(n)
		data := s.to.data
		s.to = header{}
		return data
	}
}

// typeWord returns the first word of an interface that holds a t.
func typeWord(t reflect.Type) unsafe.Pointer {
	zero := reflect.Zero(t).Interface()
	return (*face)(unsafe.Pointer(&zero)).typ
}

// isDirect reports whether an interface that holds a t has the t itself in its data word. That is so for pointers, maps,
// and structs and arrays of one of these. For the zero t such a word is nil; otherwise it is an address.
func isDirect(t reflect.Type) bool {
	zero := reflect.Zero(t).Interface()
	return (*face)(unsafe.Pointer(&zero)).data == nil
}

// nilable reports whether values of the kind can be nil.
func nilable(k reflect.Kind) bool {
	switch k {
	case reflect.Pointer, reflect.Map, reflect.Slice, reflect.Interface, reflect.Func, reflect.Chan:
		return true
	}
	return false
}

// carveAs moves the small fields of an arena into one array.
func carveAs[T any](per int) func(*arena, unsafe.Pointer, uintptr, int, int) {
	return func(a *arena, p unsafe.Pointer, stride uintptr, count, total int) {
		all := make([]T, 0, total*per)
		for i := range uintptr(count) {
			for _, off := range a.offs {
				h := (*header)(unsafe.Add(p, i*stride+off))
				switch {
				case h.data == nil, h.len > a.small:
				case h.len == 0:
					*h = header{data: unsafe.Pointer(&nothing)}
				default:
					start := len(all)
					all = append(all, unsafe.Slice((*T)(h.data), h.len*per)...)
					*h = header{unsafe.Pointer(&all[start]), h.len, h.len}
				}
			}
		}
	}
}
