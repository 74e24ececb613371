// Package raw moves values by their addresses, for code that knows their type at
// run time only.
package raw

import (
	"reflect"
	"unsafe"
)

// Hide returns p in a way that lets the variable that it is the address of stay
// on the stack. It is for the last function that reads the variable: it calls
// nothing that keeps the address, and whoever called it has the plain one, so that
// the compiler knows for how long the variable is in use.
//
// Sound: a stack is moved by calls alone, so not between the two lines, and it
// takes along the addresses in its frames.
func Hide(p unsafe.Pointer) unsafe.Pointer {
	at := uintptr(p)
	return *(*unsafe.Pointer)(unsafe.Pointer(&at))
}

// Type is a type whose values are moved and made often.
type Type struct {
	Type reflect.Type   // not embedded: reflect takes no other reflect.Type than its own
	word unsafe.Pointer // with which an interface begins that holds an address of one
}

// Of returns t as a Type.
func Of(t reflect.Type) Type {
	address := reflect.Zero(reflect.PointerTo(t)).Interface()
	return Type{t, (*face)(unsafe.Pointer(&address)).word}
}

// face is the representation of an interface that holds an address.
type face struct{ word, data unsafe.Pointer }

// at returns the value at p: what reflect.NewAt does, without a look for the type
// of p.
func (t Type) at(p unsafe.Pointer) reflect.Value {
	return reflect.ValueOf(t.Pointer(p)).Elem()
}

// Pointer returns p, which is the address of a value, with the type that it has:
// what Interface of reflect.NewAt does, without a look for the type of p.
func (t Type) Pointer(p unsafe.Pointer) any {
	f := face{t.word, p}
	return *(*any)(unsafe.Pointer(&f))
}

// New returns the address of a new value, which is zero.
func (t Type) New() unsafe.Pointer { return reflect.New(t.Type).UnsafePointer() }

// Size is the size of a value.
func (t Type) Size() uintptr { return t.Type.Size() }

// Move assigns the value at src to the one at dst. src is not kept, so a variable
// at src may stay on the stack.
func (t Type) Move(dst, src unsafe.Pointer) { t.at(dst).Set(t.at(Hide(src))) }

// HasPointers reports whether the garbage collector finds pointers in a t, as it does
// in strings, slices and interfaces too.
func HasPointers(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Array:
		return t.Len() > 0 && HasPointers(t.Elem())
	case reflect.Struct:
		for i := range t.NumField() {
			if HasPointers(t.Field(i).Type) {
				return true
			}
		}
		return false
	case reflect.String, reflect.Slice, reflect.Interface, reflect.Pointer, reflect.Map, reflect.Chan, reflect.Func, reflect.UnsafePointer:
		return true
	}
	return false
}
