// Package clone makes deep copies by plans that are compiled once per type.
//
// # What a copy is
//
// A copy is exact and belongs to the caller alone: it equals the original in every observable way, and shares no
// memory that can be written with the original.
//
//   - Values without references (numbers, strings, time.Time, structs and arrays of them) are returned as they are,
//     without an allocation.
//   - Slices, maps, pointers, structs, arrays and interface contents are copied, unexported fields included.
//     nil stays nil, empty stays empty, capacity is clipped to length. NaN keys, -0, zones and monotonic readings survive.
//   - Shared pointers and shared maps stay shared inside the copy, cycles stay cycles. If the type proves that its
//     values cannot share (one path to each pointed-to type, no interface), the copy does not track references, which
//     costs nothing. Slices are values here: two slices over one array get an array each. A slice is tracked only if
//     it could contain itself without a pointer or a map between (type T []T, []any).
//   - A pointer into the middle of something that is copied too (a field, an element) gets a target of its own: one
//     place in the original becomes two in the copy. [Untyped.CopyExactly] finds such pointers, and makes them point
//     into the copy.
//
// # What is shared
//
// time.Time, *time.Location, everything of net/netip, unique.Handle, reflect.Type, types that package known lists as
// immutable, the types of [Config.Immutable], and errors behind an interface: a copied io.EOF would not be equal to
// io.EOF any more. An error whose static type is concrete, such as a field of type *MyError, is data and is copied.
//
// # Clone methods
//
// A type of the program itself, or of Config.Trusted, that has references and a method Clone() of exactly its own
// type is copied by that method, at any depth where the static type has it, and behind interfaces where the dynamic
// type has it. An interface type with a Clone method that returns the same interface counts too. The method is called
// on the shared original, by many goroutines at once: it must only read. It is not called for nil. If it panics, Copy
// panics.
//
// # What is refused
//
// chan, func, unsafe.Pointer, open files and connections, the types of sync and sync/atomic, and types whose private
// data has an unknown meaning (package known decides which) cannot be copied exactly. [For] refuses a type that
// contains them; behind an interface, where the type is known only later, [Plan.Copy] returns a [*ValueError].
//
// # How it works
//
// Memory is copied as a whole first, with its own pointer layout, and then every reference in the copy is replaced by
// a reference to a copy of its target. Very deep values are put on a work list instead of on the stack, so no value
// overflows the stack, however deep it is.
package clone

import (
	"reflect"
	"runtime"
	"slices"
	"unsafe"

	"github.com/reecho-go/reecho/internal/raw"
)

// ForType is [For] for a type that is known only at run time.
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
	if !c.open {
		c.narrow(root)
	}
	if !slices.ContainsFunc(c.reachable(root), (*node).mayShare) {
		u.links = Tree
	}
	u.trees = u.supposesTrees()
	return u, nil
}

// mayShare reports whether a copy of an n may have several references to one place.
func (n *node) mayShare() bool {
	return n.tracked || n.role == roleMethod || n.role == roleSpecial || n.role == roleInterface
}

// Plan copies values of type V. It is safe for concurrent use, also on one shared value.
type Plan[V any] struct{ *Untyped }

// For compiles the copy plan of V. The error joins a [*TypeError] for each place that cannot be copied, and one error
// for each wrong field of cfg. It takes microseconds to milliseconds, depending on the size of the type; call it once
// per type.
func For[V any](cfg Config) (*Plan[V], error) {
	u, err := ForType(reflect.TypeFor[V](), cfg)
	if err != nil {
		return nil, err
	}
	return &Plan[V]{u}, nil
}

// Copy returns a deep copy of v that shares nothing with it that could be written. It fails with a [*ValueError] when
// the copy would be deeper or larger than the limits of Config, or when an interface holds a value that cannot be
// copied; it then returns the zero value. It only reads v.
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

// Size is [Untyped.Size] of v, without knowledge of the links in it.
func (p *Plan[V]) Size(v V) int64 { return p.Untyped.Size(unsafe.Pointer(&v), Shared) }

// Copyable reports whether every value of t can be copied, within the limits: it contains no type that is refused,
// and no interface, which could hold one.
func Copyable(t reflect.Type) bool {
	c, err := newCompiler(Config{})
	if err != nil {
		return false
	}
	_, err = c.compile(t)
	return err == nil && !c.open
}
