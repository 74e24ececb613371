// Package raw handles values whose type is known at run time only, by their
// addresses.
package raw

import (
	"reflect"
	"unsafe"
)

// Hide returns p in a way that lets the variable that it is the address of stay
// on the stack. It is for calls that read the variable, return, and have kept
// nothing of it.
//
// Sound: a stack is moved by calls alone, so not between the two lines, and it
// takes along the addresses in its frames.
func Hide(p unsafe.Pointer) unsafe.Pointer {
	at := uintptr(p)
	return *(*unsafe.Pointer)(unsafe.Pointer(&at))
}

// Move assigns the t at src to the one at dst. src is not kept, so a variable at
// src may stay on the stack.
func Move(t reflect.Type, dst, src unsafe.Pointer) {
	reflect.NewAt(t, dst).Elem().Set(reflect.NewAt(t, Hide(src)).Elem())
}
