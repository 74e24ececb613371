// Package clone makes deep copies by plans that are compiled once per type.
//
// # What a copy is
//
// A copy is exact and it is the caller's own: it equals the original in every observable way, and nothing that
// can be reached from it and be written is shared with the original.
//
//   - Values without references (numbers, strings, time.Time, structs and arrays of them) are returned as they are,
//     without an allocation.
//   - Slices, maps, pointers, structs, arrays and interface contents are copied, unexported fields included.
//     nil stays nil, empty stays empty, capacity is clipped to length. NaN keys, -0, zones and monotonic readings survive.
//   - Shared pointers and shared maps stay shared inside the copy, cycles stay cycles. Where the type proves that no
//     value of it can share (one path to each pointed-to type, no interface), nothing is remembered and nothing is paid.
//     Slices are values here: two slices over one array get an array each. A slice is remembered only where it could
//     contain itself without a pointer or a map between (type T []T, []any).
//   - A pointer into the middle of something that is copied too (a field, an element) gets a target of its own: what was
//     one place in the original are two in the copy. [Untyped.CopyExactly] finds these, and makes them lead into the copy.
//
// # What is shared
//
// time.Time, *time.Location, everything of net/netip, unique.Handle, reflect.Type, what package known says that nobody changes, the types of [Config.Immutable], and
// errors that are reached through an interface: a copied io.EOF would not be io.EOF any more. An error whose static type
// is concrete, such as a field of type *MyError, is data and is copied.
//
// # Clone methods
//
// A type of the program itself, or of Config.Trusted, that has references and a method Clone() of exactly its own type is copied by that method, at any depth where the static
// type has it, and behind interfaces where the dynamic type has it. An interface type with a Clone method that returns the
// same interface counts too. The method is called on the shared original, by many goroutines at once: it must only read.
// It is not called for nil. A panic of it goes to the caller of Copy.
//
// # What is refused
//
// chan, func, unsafe.Pointer, open files and connections, the types of sync and sync/atomic, and those whose private data means something that is not known
// (package known says which) cannot be copied truthfully. [For] refuses a type that
// contains them; behind an interface, where the type is known only later, [Plan.Copy] returns a [*ValueError].
//
// # How it works
//
// Memory is copied as a whole first, with its own pointer layout, and then every reference in the copy is replaced by
// a reference to a copy of its target. Very deep values are put on a work list instead of on the stack: no value
// overflows the stack, whatever its depth.
package clone

import (
	"errors"
	"fmt"
	"reflect"
	"runtime"
	"slices"
	"sync"
	"unsafe"

	"github.com/reecho-go/reecho/internal/known"
	"github.com/reecho-go/reecho/internal/raw"
)

// Defaults of [Config].
const (
	DefaultMaxBytes = 1 << 30
	DefaultMaxNodes = 1 << 26
)

// Config says how values of one type are copied. The zero value is ready to use.
type Config struct {
	// Immutable lists types that are shared as they are, beyond the built-in ones: the caller's word that nobody
	// writes to what they refer to. An interface type shares whatever it holds. Default: none; nil entries are an error.
	Immutable []reflect.Type

	// Trusted lists types of other modules, or of packages of this one, that are copied as those of the program itself: by their
	// method Clone if they have one, else as their memory says, with all that they consist of. Default: none; nil entries and types of the standard library are errors.
	Trusted []reflect.Type

	// Strings copies the bytes of strings, too: they may lie over a buffer that is used again. Default: false.
	Strings bool

	// Keep reports which fields of structs are assigned instead of copied, whatever they hold. Default nil: none.
	Keep func(reflect.StructField) bool

	// Drop reports which fields of structs are left zero in the copy. It goes before Keep. Default nil: none.
	Drop func(reflect.StructField) bool

	// MaxDepth bounds how many references deep a recursive type or an interface may lead.
	// 0: no bound of its own, since depth costs no stack; MaxNodes ends it. Negative is an error.
	MaxDepth int

	// MaxBytes bounds the bytes that one copy may allocate, by estimate. 0: DefaultMaxBytes (1 GiB). Negative is an error.
	MaxBytes int

	// MaxNodes bounds the pointers, slices, maps and interface contents that one copy may hold.
	// 0: DefaultMaxNodes (67,108,864). Negative is an error.
	MaxNodes int
}

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

// ForType is [For] for a type that is known at run time only.
func ForType(t reflect.Type, cfg Config) (*Untyped, error) {
	c, err := newCompiler(cfg)
	if err != nil {
		return nil, err
	}
	root, err := c.compile(t)
	if err != nil {
		return nil, err
	}
	u := &Untyped{c: c, root: root, t: raw.Of(t), inside: c.mayPointInside(root)}
	if u.inside && !c.open {
		c.narrow(root)
	}
	if !slices.ContainsFunc(c.reachable(root), (*node).mayShare) {
		u.links = Tree
	}
	return u, nil
}

// Flat reports whether the type is free of references that could be written through: copying is assignment and cannot
// fail. Who asks it once and then assigns saves the call of Copy too.
func (u *Untyped) Flat() bool { return u.root.flat }

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

// Links returns what every copy has by its type: Tree, or Shared if that depends on the value.
func (u *Untyped) Links() Links { return u.links }

// mayShare reports whether a copy of an n may have several references to one place.
func (n *node) mayShare() bool {
	return n.tracked || n.role == roleMethod || n.role == roleSpecial || n.role == roleInterface
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

// Plan copies values of type V. It is safe for concurrent use, also on one shared value.
type Plan[V any] struct{ *Untyped }

// For compiles the copy plan of V. The error joins a [*TypeError] for each place that cannot be copied, and one error
// for each wrong field of cfg. It takes microseconds to milliseconds, by the size of the type; do it once.
func For[V any](cfg Config) (*Plan[V], error) {
	u, err := ForType(reflect.TypeFor[V](), cfg)
	if err != nil {
		return nil, err
	}
	return &Plan[V]{u}, nil
}

// Copy returns a deep copy of v that shares nothing with it that could be written. It fails with a [*ValueError] when the copy would be deeper or larger than the
// limits of Config, or when an interface holds what cannot be copied; the value returned is then zero. v is only read.
func (p *Plan[V]) Copy(v V) (V, error) {
	if p.Flat() {
		return v, nil
	}
	return p.copy(v)
}

// copy is the part of Copy that is too large to be inlined.
func (p *Plan[V]) copy(v V) (out V, err error) {
	var zero V
	r := p.Begin()
	*(*V)(r.At) = v
	r.Fix(Shared)
	out = *(*V)(r.At)
	*(*V)(r.At) = zero
	err = r.End()
	// The table of seen references knows the original by address alone.
	runtime.KeepAlive(&v)
	if err != nil {
		return zero, err
	}
	return out, nil
}

// Size is [Untyped.Size] of v, of which nothing is known.
func (p *Plan[V]) Size(v V) int64 { return p.Untyped.Size(unsafe.Pointer(&v), Shared) }

// Copyable reports whether every value of t can be copied, within the limits: it holds nothing that is refused, and
// no interface, which could.
func Copyable(t reflect.Type) bool {
	c, err := newCompiler(Config{})
	if err != nil {
		return false
	}
	_, err = c.compile(t)
	return err == nil && !c.open
}

func (cfg Config) validate() error {
	var errs []error
	for i, t := range cfg.Immutable {
		if t == nil {
			errs = append(errs, fmt.Errorf("clone: Config.Immutable[%d] is nil: name a type with reflect.TypeFor", i))
		}
	}
	errs = append(errs, known.Check("clone: Config.Trusted", cfg.Trusted))
	for _, f := range []struct {
		name  string
		value int
	}{{"MaxDepth", cfg.MaxDepth}, {"MaxBytes", cfg.MaxBytes}, {"MaxNodes", cfg.MaxNodes}} {
		if f.value < 0 {
			errs = append(errs, fmt.Errorf("clone: Config.%s is %d: use 0 for the default or a positive limit", f.name, f.value))
		}
	}
	return errors.Join(errs...)
}
