// Package raw moves values by their addresses, for code that knows their type at
// run time only.
package raw

import (
	"reflect"
	"slices"
	"unsafe"
)

// Hide returns p in a way that lets the variable that it is the address of stay
// on the stack. It is for the last function that reads the variable: it calls
// nothing that keeps the address, and whoever called it has the plain one, so that
// the compiler knows for how long the variable is in use. What the variable refers
// to is on the heap, so that a copy of the variable may be there too.
//
// Sound: a stack is moved by calls alone, so not between the last two lines, and it
// takes along the addresses in its frames. Checks of pointers, which -race brings, would be
// a call between the lines.
//
//go:nocheckptr
func Hide(p unsafe.Pointer) unsafe.Pointer {
	if never.kept { // tells the compiler that what the variable refers to is kept
		never.sink = *(*unsafe.Pointer)(p)
	}
	at := uintptr(p)
	return *(*unsafe.Pointer)(unsafe.Pointer(&at))
}

// never is what the compiler cannot know that nobody sets.
var never struct {
	kept bool
	sink unsafe.Pointer
}

// Type is a type whose values are moved and made often.
type Type struct {
	Type  reflect.Type   // not embedded: reflect takes no other reflect.Type than its own
	word  unsafe.Pointer // with which an interface begins that holds an address of one
	size  uintptr
	how   assignment
	words uint32 // asWords: a bit for each word that is a pointer
	boxed bool   // an interface that holds a value holds its address
}

// assignment is how a value is assigned.
type assignment uint8

const (
	byReflection assignment = iota
	asBytes                 // there are no pointers in it
	asWord                  // like asBytes, in one step
	asString
	asSlice
	asPointer
	asWords // some of which are pointers
)

// Of returns t as a Type.
func Of(t reflect.Type) Type {
	address := reflect.Zero(reflect.PointerTo(t)).Interface()
	how, words := assignmentOf(t)
	return Type{t, (*face)(unsafe.Pointer(&address)).word, t.Size(), how, words, isBoxed(t)}
}

// isBoxed reports whether an interface that holds a t holds its address. If it holds the
// t itself, which is one pointer, that of a zero t is nil.
func isBoxed(t reflect.Type) bool {
	if t.Kind() == reflect.Interface {
		return false // it holds what the t holds
	}
	if t.Size() != unsafe.Sizeof(uintptr(0)) {
		return true
	}
	zero := reflect.Zero(t).Interface()
	return (*face)(unsafe.Pointer(&zero)).data != nil
}

// wordSize is the size of a pointer, and maxWords how many of them are assigned one by
// one.
const (
	wordSize = unsafe.Sizeof(uintptr(0))
	maxWords = 16
)

func assignmentOf(t reflect.Type) (how assignment, words uint32) {
	switch {
	case !HasPointers(t) && t.Size() == 8 && t.Align() == 8:
		return asWord, 0
	case !HasPointers(t):
		return asBytes, 0
	}
	switch t.Kind() {
	case reflect.String:
		return asString, 0
	case reflect.Slice:
		return asSlice, 0
	case reflect.Pointer, reflect.Map:
		return asPointer, 0
	}
	if t.Size() <= maxWords*wordSize {
		return asWords, pointers(t, 0)
	}
	return byReflection, 0
}

// pointers returns a bit for each word that is a pointer of a t that begins at off.
func pointers(t reflect.Type, off uintptr) (words uint32) {
	first := uint32(1) << (off / wordSize)
	switch t.Kind() {
	case reflect.Array:
		for i := range t.Len() {
			words |= pointers(t.Elem(), off+uintptr(i)*t.Elem().Size())
		}
		return words
	case reflect.Struct:
		for i := range t.NumField() {
			f := t.Field(i)
			words |= pointers(f.Type, off+f.Offset)
		}
		return words
	case reflect.Interface:
		return first | first<<1
	case reflect.String, reflect.Slice, reflect.Pointer, reflect.Map, reflect.Chan, reflect.Func, reflect.UnsafePointer:
		return first
	}
	return 0
}

// face is the representation of an interface that holds an address.
type face struct{ word, data unsafe.Pointer }

// at returns the value at p: what reflect.NewAt does, without a look for the type
// of p.
func (t *Type) at(p unsafe.Pointer) reflect.Value {
	return reflect.ValueOf(t.Pointer(p)).Elem()
}

// Pointer returns p, which is the address of a value, with the type that it has:
// what Interface of reflect.NewAt does, without a look for the type of p.
func (t *Type) Pointer(p unsafe.Pointer) any {
	f := face{t.word, p}
	return *(*any)(unsafe.Pointer(&f))
}

// zeros are where New copies small values from. Nobody writes to them.
var zeros [32]uint64

// New returns the address of a new value, which is zero. It is what reflect.New
// does, which looks up the type of the address each time.
func (t *Type) New() unsafe.Pointer {
	if t.size > unsafe.Sizeof(zeros) {
		return reflect.New(t.Type).UnsafePointer()
	}
	return t.Copy(unsafe.Pointer(&zeros))
}

// Copy returns the address of a new value that is equal to the one at src. As
// with Move, a variable at src may stay on the stack.
func (t *Type) Copy(src unsafe.Pointer) unsafe.Pointer {
	if !t.boxed {
		p := reflect.New(t.Type).UnsafePointer()
		t.Move(p, src)
		return p
	}
	// An interface made from a variable holds the address of a copy that nobody
	// else knows.
	own := t.at(Hide(src)).Interface()
	return (*face)(unsafe.Pointer(&own)).data
}

// Size is the size of a value.
func (t *Type) Size() uintptr { return t.size }

// Move assigns the value at src to the one at dst. src is not kept, so a variable
// at src may stay on the stack, but not what it refers to: see Hide.
//
// Sound: each way assigns all bytes of a value, and those that hold pointers as
// pointers.
func (t *Type) Move(dst, src unsafe.Pointer) {
	switch t.how {
	case asWord:
		*(*uint64)(dst) = *(*uint64)(src)
	case asBytes:
		copy(unsafe.Slice((*byte)(dst), t.size), unsafe.Slice((*byte)(src), t.size))
	case asString:
		*(*string)(dst) = *(*string)(Hide(src))
	case asSlice:
		*(*[]byte)(dst) = *(*[]byte)(Hide(src))
	case asPointer:
		*(*unsafe.Pointer)(dst) = *(*unsafe.Pointer)(Hide(src))
	case asWords:
		t.moveWords(dst, Hide(src))
	default:
		t.at(dst).Set(t.at(Hide(src)))
	}
}

// moveWords is Move word by word: a type with pointers is aligned as they are, so its
// size is a number of words.
func (t *Type) moveWords(dst, src unsafe.Pointer) {
	words := t.words
	for off := uintptr(0); off < t.size; off += wordSize {
		if words&1 != 0 {
			*(*unsafe.Pointer)(unsafe.Add(dst, off)) = *(*unsafe.Pointer)(unsafe.Add(src, off))
		} else {
			*(*uintptr)(unsafe.Add(dst, off)) = *(*uintptr)(unsafe.Add(src, off))
		}
		words >>= 1
	}
}

// Clear makes the value at dst, which is not on a stack, zero.
func (t *Type) Clear(dst unsafe.Pointer) {
	if t.size > unsafe.Sizeof(zeros) {
		t.at(dst).SetZero()
		return
	}
	t.Move(dst, unsafe.Pointer(&zeros))
}

// HasPointers reports whether the garbage collector finds pointers in a t, as it does
// in strings, slices and interfaces too.
func HasPointers(t reflect.Type) bool {
	return Holds(t, reflect.String, reflect.Slice, reflect.Interface, reflect.Pointer, reflect.Map, reflect.Chan, reflect.Func, reflect.UnsafePointer)
}

// Holds reports whether a t is of one of the kinds, or holds such a value in itself: as
// a field or an element, not behind a reference.
func Holds(t reflect.Type, kinds ...reflect.Kind) bool {
	switch t.Kind() {
	case reflect.Array:
		return t.Len() > 0 && Holds(t.Elem(), kinds...)
	case reflect.Struct:
		for i := range t.NumField() {
			if Holds(t.Field(i).Type, kinds...) {
				return true
			}
		}
	}
	return slices.Contains(kinds, t.Kind())
}
