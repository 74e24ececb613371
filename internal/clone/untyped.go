package clone

import (
	"reflect"
	"runtime"
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/reecho-go/reecho/internal/raw"
)

// Untyped is a [Plan] of a type that is known only at run time. It takes the addresses of values. It is safe for
// concurrent use, also on one shared value.
type Untyped struct {
	c      *compiler
	root   *node
	t      raw.Type
	inside bool // values may have pointers into the middle of their parts
	links  Links
	trees  bool         // values are supposed to be trees: see runs.go
	toSkip atomic.Int32 // how many copies do not suppose that
	runs   sync.Pool    // *Run
}

// Links says how the references in a value lead to each other.
type Links uint8

const (
	// Shared says that several references may lead to one place.
	Shared Links = iota
	// Tree says that no two references lead to one place, so that a copy need not track references.
	Tree
	// Inside says that some references lead into the middle of something that is reached in another way as well.
	Inside
)

// Flat reports whether the type is free of references that could be written through: copying is assignment and cannot
// fail. A caller that asks once can then assign values instead of calling Copy.
func (u *Untyped) Flat() bool { return u.root.flat }

// Links returns the links of every copy, as far as the type determines them: Tree, or Shared if they depend on the
// value.
func (u *Untyped) Links() Links { return u.links }

// CopyTo makes the value at dst a deep copy of the value at src, which shares nothing with it that could be written.
// It fails as [Plan.Copy] does; do not use the value at dst then. It only reads the value at src. dst must not be on
// a stack.
func (u *Untyped) CopyTo(dst, src unsafe.Pointer) error { return u.CopyOver(dst, src, "") }

// CopyOver is CopyTo for a plan with [Config.Strings]. Strings of the copy are parts of text where they can be: where
// text has the strings of the value one after the other, with up to 64 other bytes before each. [Untyped.SizeOver]
// does not count them then.
func (u *Untyped) CopyOver(dst, src unsafe.Pointer, text string) error {
	u.t.Move(dst, src)
	if u.root.flat {
		return nil
	}
	r := u.Begin()
	r.text = text
	r.fix(dst)
	r.text = ""
	err := r.End()
	runtime.KeepAlive(src) // the table of seen references knows the original by address alone
	return err
}

// Run is the working memory of one copy. It is pooled, so that a copy allocates only the memory of the copy itself.
// Code that knows the type V at compile time copies *v without reflection:
//
//	r := u.Begin()
//	*(*V)(r.At) = *v
//	r.Fix(links)
//	runtime.KeepAlive(v)
//	out := *(*V)(r.At)
//	*(*V)(r.At) = zero
//	err := r.End()
type Run struct {
	state
	of *Untyped
	// At is the address of a value of the type. The value is zero after Begin, and must be zero again before End.
	At unsafe.Pointer
}

// Begin returns working memory for one copy. Call [Run.End] when the copy is made.
func (u *Untyped) Begin() *Run {
	r, _ := u.runs.Get().(*Run)
	if r == nil {
		r = &Run{state: state{c: u.c}, of: u, At: reflect.New(u.root.typ).UnsafePointer()}
	}
	return r
}

// Fix makes the shallow copy at r.At a deep one. links is the result of [Untyped.CopyExactly] for the original, or
// Shared. If the links of the original are Inside, Fix gives each pointer a target of its own, as CopyTo does: use
// CopyInside to keep them.
func (r *Run) Fix(links Links) {
	r.tree = links == Tree
	r.fix(r.At)
}

func (r *Run) fix(p unsafe.Pointer) {
	r.begin()
	r.of.root.fix(p, &r.state) // sound: p addresses a whole value that belongs to the copy
	r.drain()
}

// End returns the working memory to the pool. If it returns an error, the copy has failed and must not be used.
func (r *Run) End() error {
	err := r.end(r.of.root.typ)
	r.of.runs.Put(r)
	return err
}
