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
	"reflect"
	"runtime"
	"slices"
	"unsafe"

	"github.com/reecho-go/reecho/internal/raw"
)

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

// mayShare reports whether a copy of an n may have several references to one place.
func (n *node) mayShare() bool {
	return n.tracked || n.role == roleMethod || n.role == roleSpecial || n.role == roleInterface
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
