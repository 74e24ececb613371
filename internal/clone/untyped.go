package clone

import (
	"reflect"
	"runtime"
	"sync"
	"unsafe"

	"github.com/reecho-go/reecho/internal/raw"
)

// Untyped is a [Plan] of a type that is known at run time only. It knows values by their addresses. It is safe for
// concurrent use, also on one shared value.
type Untyped struct {
	c      *compiler
	root   *node
	t      raw.Type
	inside bool // CopyExactly has something to look for
	links  Links
	runs   sync.Pool // *Run
}

// Links says how the references in a value lead to each other.
type Links uint8

const (
	// Shared says that several may lead to one place.
	Shared Links = iota
	// Tree says that no two lead to one place, so that a copy need not remember what it has met.
	Tree
	// Inside says that some lead into the middle of something that is reached in another way as well.
	Inside
)

// Flat reports whether the type is free of references that could be written through: copying is assignment and cannot
// fail. Who asks it once and then assigns saves the call of Copy too.
func (u *Untyped) Flat() bool { return u.root.flat }

// Links returns what every copy has by its type: Tree, or Shared if that depends on the value.
func (u *Untyped) Links() Links { return u.links }

// CopyTo makes what is at dst a deep copy of what is at src, which shares nothing with it that could be written. It
// fails as [Plan.Copy] does; what is at dst is then of no use. What is at src is only read, and dst is not on a stack.
func (u *Untyped) CopyTo(dst, src unsafe.Pointer) error {
	u.t.Move(dst, src)
	if u.root.flat {
		return nil
	}
	r := u.Begin()
	r.fix(dst)
	err := r.End()
	runtime.KeepAlive(src) // the table of seen references knows the original by address alone
	return err
}

// Run is the working memory of one copy: pooled, so that a copy allocates what the copy itself consists of. Who has
// the type makes a copy of *v without a look at it by reflection:
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
	// At is the address of a value of the type, which is zero at first and has to be in the end.
	At unsafe.Pointer
}

// Begin returns working memory.
func (u *Untyped) Begin() *Run {
	r, _ := u.runs.Get().(*Run)
	if r == nil {
		r = &Run{state: state{c: u.c}, of: u, At: reflect.New(u.root.typ).UnsafePointer()}
	}
	return r
}

// Fix makes the shallow copy at r.At a deep one. links is what [Untyped.CopyExactly] has said of the original, or
// Shared; of one whose links are Inside it makes several places of one.
func (r *Run) Fix(links Links) {
	r.tree = links == Tree
	r.fix(r.At)
}

func (r *Run) fix(p unsafe.Pointer) {
	r.begin()
	r.of.root.fix(p, &r.state) // it is a whole value of ours: the plan may address it
	r.drain()
}

// End gives the working memory back and returns the error of the copy, which is of no use then.
func (r *Run) End() error {
	err := r.end(r.of.root.typ)
	r.of.runs.Put(r)
	return err
}
