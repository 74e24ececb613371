package clone

import (
	"reflect"
	"slices"
)

// mayPointInside reports whether a value of root can have a pointer into the middle of another part. It can if one of
// these is reachable: a pointer to a type whose values also lie inside of other values, two types of pointers that can
// lead to one place, a slice of the elements of an array that a pointer leads to, or an interface, which may hold any of
// these.
func (c *compiler) mayPointInside(root *node) bool {
	all := c.reachable(root)
	inside, elems := insideOf(all)
	for _, n := range all {
		if n.open() || n.role == roleSlice && elems[n.elem.typ] || n.pointer() && (hasSame(inside, n.typ.Elem()) || n.alike(all)) {
			return true
		}
	}
	return false
}

// insideOf returns the types of the values that lie inside of the targets of the nodes, and the element types of arrays
// in the targets of pointers.
func insideOf(all []*node) (inside, elems map[reflect.Type]bool) {
	inside, elems = map[reflect.Type]bool{}, map[reflect.Type]bool{}
	add := func(t reflect.Type) {
		inside[t] = true
		addParts(t, inside)
	}
	for _, n := range all {
		switch {
		case n.role == roleSlice:
			add(n.elem.typ)
		case n.pointer():
			addParts(n.typ.Elem(), inside)
			addElems(n.typ.Elem(), elems)
		}
	}
	return inside, elems
}

// addParts adds the types of all values that lie inside of a t.
func addParts(t reflect.Type, inside map[reflect.Type]bool) {
	switch t.Kind() {
	case reflect.Struct:
		for f := range fieldsOf(t) {
			inside[f.Type] = true
			addParts(f.Type, inside)
		}
	case reflect.Array:
		inside[t.Elem()] = true
		addParts(t.Elem(), inside)
	}
}

// addElems adds the types of the elements of all arrays inside of a t.
func addElems(t reflect.Type, elems map[reflect.Type]bool) {
	switch t.Kind() {
	case reflect.Struct:
		for f := range fieldsOf(t) {
			addElems(f.Type, elems)
		}
	case reflect.Array:
		elems[t.Elem()] = true
		addElems(t.Elem(), elems)
	}
}

// same reports whether a pointer to an a can be converted to a pointer to a b.
func same(a, b reflect.Type) bool {
	if a == b {
		return true
	}
	if a.Kind() != b.Kind() {
		return false
	}
	switch a.Kind() {
	case reflect.Array:
		return a.Len() == b.Len() && a.Elem() == b.Elem()
	case reflect.Pointer, reflect.Slice:
		return a.Elem() == b.Elem()
	case reflect.Map:
		return a.Key() == b.Key() && a.Elem() == b.Elem()
	case reflect.Struct:
		if a.NumField() != b.NumField() {
			return false
		}
		for i := range a.NumField() {
			f, g := a.Field(i), b.Field(i)
			if f.Name != g.Name || f.PkgPath != g.PkgPath || f.Type != g.Type || f.Anonymous != g.Anonymous {
				return false
			}
		}
		return true
	case reflect.Interface:
		return a.Implements(b) && b.Implements(a)
	case reflect.Chan, reflect.Func:
		return false // channels and functions are not copied
	}
	return true
}

// alike reports whether one of all is a pointer of another type than n that may lead to the same place.
func (n *node) alike(all []*node) bool {
	return slices.ContainsFunc(all, func(m *node) bool { return m.pointer() && m.dom != n.dom && same(m.typ.Elem(), n.typ.Elem()) })
}

// lies reports whether there is a t at the offset off in an outer.
func lies(t reflect.Type, off uintptr, outer reflect.Type) bool {
	if off == 0 && same(t, outer) {
		return true
	}
	switch outer.Kind() {
	case reflect.Struct:
		for f := range fieldsOf(outer) {
			if f.Offset <= off && off < f.Offset+f.Type.Size() {
				return lies(t, off-f.Offset, f.Type)
			}
		}
	case reflect.Array:
		if size := outer.Elem().Size(); size > 0 {
			return lies(t, off%size, outer.Elem())
		}
	}
	return false
}

// narrow sets holds and leads of each reference of a type without interfaces. Before narrow, both are true for all.
func (c *compiler) narrow(root *node) {
	all := c.reachable(root)
	inside, elems := insideOf(all)
	targets := map[reflect.Type]bool{}
	for _, n := range all {
		switch n.role {
		case roleSlice:
			n.leads = elems[n.elem.typ]
		case rolePointer:
			n.leads = hasSame(inside, n.typ.Elem())
		default: // copied by a method
			continue
		}
		if n.leads {
			targets[n.typ.Elem()] = true
		}
	}
	for _, n := range all {
		if n.role != roleSlice && n.role != rolePointer {
			continue
		}
		parts := map[reflect.Type]bool{}
		if n.role == roleSlice {
			parts[n.elem.typ] = true
		}
		addParts(n.typ.Elem(), parts)
		n.holds = n.alike(all)
		for t := range parts {
			n.holds = n.holds || hasSame(targets, t)
		}
	}
}

// hasSame reports whether a pointer to a t can be converted to a pointer to one of types.
func hasSame(types map[reflect.Type]bool, t reflect.Type) bool {
	if types[t] {
		return true
	}
	for other := range types {
		if same(other, t) {
			return true
		}
	}
	return false
}
