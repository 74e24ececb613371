package clone

import (
	"reflect"
	"unsafe"
)

// Node describes a type in a plan, for packages that check other copy engines. Nodes of one plan are equal if they are of one type.
type Node struct{ n *node }

// Field is a field of a struct.
type Field struct {
	Name string
	Node Node
}

// Root returns the node of the plan's type.
func (u *Untyped) Root() Node { return Node{u.root} }

// Whole returns an error if the value at src has a pointer into the middle of
// something that is also part of the value.
func (u *Untyped) Whole(src unsafe.Pointer) error { return u.checkWhole(src) }

// Type returns the type.
func (n Node) Type() reflect.Type { return n.n.typ }

// Flat reports whether a value has no references that could be written through.
func (n Node) Flat() bool { return n.n.flat }

// Opaque reports whether the plan does not look into the fields of a value.
func (n Node) Opaque() bool { return n.n.opaque }

// Deep reports whether values can be cyclic.
func (n Node) Deep() bool { return n.n.deep }

// Tracked reports whether several references can lead to one value.
func (n Node) Tracked() bool { return n.n.tracked }

// Elem returns the node of the element of a pointer, slice, map or array.
func (n Node) Elem() Node { return Node{n.n.elem} }

// Key returns the node of the key of a map.
func (n Node) Key() Node { return Node{n.n.key} }

// Fields returns the fields of a struct, in order.
func (n Node) Fields() []Field {
	fields := make([]Field, len(n.n.fields))
	for i, f := range n.n.fields {
		fields[i] = Field{f.name, Node{f.to}}
	}
	return fields
}
