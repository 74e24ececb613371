package clone

import (
	"cmp"
	"fmt"
	"reflect"
	"runtime"
	"slices"
	"unsafe"
)

// Whole returns an error for a value, that at v, in which a pointer leads into the middle of something that is copied too: to a field of a struct, or
// an element of an array or slice, that is reached in another way as well. What is one place there would be two in a copy. Copies that Copy
// has made are whole. It costs about as much as a walk over the value, and nothing for types that cannot have such pointers.
func (u *Untyped) Whole(v unsafe.Pointer) error {
	if !u.inside {
		return nil
	}
	w := insideWalk{c: u.c}
	w.values(u.root, v, 1)
	for len(w.later) > 0 {
		l := w.later[len(w.later)-1]
		w.later = w.later[:len(w.later)-1]
		w.values(l.n, l.p, l.count)
	}
	err := w.overlap(u.root.typ)
	runtime.KeepAlive(v)
	return err
}

// mayPointInside reports whether a value of root can have a pointer into the middle of another part: there is a pointer to a type of which
// values lie inside of something else, or an interface, which may hold both.
func (c *compiler) mayPointInside(root *node) bool {
	all := c.reachable(root)
	inside := map[reflect.Type]bool{}
	var add func(n *node)
	add = func(n *node) {
		if inside[n.typ] {
			return
		}
		inside[n.typ] = true
		switch n.role {
		case roleStruct, roleArray, roleShared:
			addParts(n.typ, inside)
		}
		if n.role == roleStruct || n.role == roleArray {
			n.parts(func(to *node, _ string, _ int) { add(to) })
		}
	}
	for _, n := range all {
		switch n.role {
		case rolePointer:
			if n.elem.role == roleStruct || n.elem.role == roleArray || n.elem.role == roleShared {
				addParts(n.elem.typ, inside)
			}
		case roleSlice:
			add(n.elem)
		}
	}
	for _, n := range all {
		if n.open() || n.role == rolePointer && inside[n.elem.typ] {
			return true
		}
	}
	return false
}

// addParts adds the types of all that lies inside of a t.
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

// block is memory that a pointer or a slice leads to.
type block struct {
	lo, hi uintptr
	to     *node // the pointer or slice
}

// insideWalk lists the blocks of a value. Their addresses are good as long as the value is alive.
type insideWalk struct {
	c      *compiler
	seen   seenTable
	blocks []block
	depth  int
	later  []pending
}

func (w *insideWalk) values(n *node, p unsafe.Pointer, count int) {
	if n.flat || n.opaque || n.role == roleMethod || count == 0 {
		return
	}
	if w.depth >= stackDepth {
		w.later = append(w.later, pending{n: n, p: p, count: count})
		return
	}
	w.depth++
	for i := range uintptr(count) {
		w.value(n, unsafe.Add(p, i*n.typ.Size()))
	}
	w.depth--
}

// block notes count values at p that n, a pointer or slice, leads to, and reports whether that is new.
func (w *insideWalk) block(n *node, p unsafe.Pointer, count int, tag uint64) bool {
	size := uintptr(count) * n.elem.typ.Size()
	if p == nil || size == 0 {
		return false
	}
	slot := w.seen.find(p, tag)
	if slot.copy != nil {
		return false
	}
	w.seen.put(slot, p, tag, p)
	w.blocks = append(w.blocks, block{uintptr(p), uintptr(p) + size, n})
	return true
}

func (w *insideWalk) value(n *node, p unsafe.Pointer) {
	switch n.role {
	case rolePointer:
		if to := *(*unsafe.Pointer)(p); w.block(n, to, 1, n.dom.id) {
			w.values(n.elem, to, 1)
		}
	case roleSlice:
		if h := *(*header)(p); w.block(n, h.data, h.len, n.sliceTag(h.len)) {
			w.values(n.elem, h.data, h.len)
		}
	case roleStruct:
		for _, e := range n.fields {
			w.values(e.to, unsafe.Add(p, e.off), 1)
		}
	case roleArray:
		w.values(n.elem, p, n.typ.Len())
	case roleMap:
		to := *(*unsafe.Pointer)(p)
		if to == nil || n.key.flat && n.elem.flat {
			return
		}
		if slot := w.seen.find(to, n.dom.id); slot.copy == nil {
			w.seen.put(slot, to, n.dom.id, to)
			w.entries(n, reflect.NewAt(n.typ, p).Elem())
		}
	case roleInterface:
		v := reflect.NewAt(n.typ, p).Elem()
		if v.IsNil() {
			return
		}
		d, f := w.c.behind(v.Elem().Type()), (*face)(p)
		switch {
		case d.err != nil: // Copy says so
		case d.n.direct:
			w.values(d.n, unsafe.Pointer(&f.data), 1)
		default:
			w.values(d.n, f.data, 1)
		}
	}
}

func (w *insideWalk) entries(n *node, m reflect.Value) {
	for it := m.MapRange(); it.Next(); {
		// New variables for each entry, since its values may be looked at later.
		k, v := reflect.New(n.key.typ), reflect.New(n.elem.typ)
		k.Elem().SetIterKey(it)
		v.Elem().SetIterValue(it)
		w.values(n.key, k.UnsafePointer(), 1)
		w.values(n.elem, v.UnsafePointer(), 1)
	}
}

// overlap returns an error if the target of a pointer lies in another block. Slices may overlap: each is a value of its own.
func (w *insideWalk) overlap(root reflect.Type) error {
	slices.SortFunc(w.blocks, func(a, b block) int { return cmp.Or(cmp.Compare(a.lo, b.lo), cmp.Compare(b.hi, a.hi)) })
	var all, targets block // those that end last so far: of all blocks, of the targets of pointers
	for _, b := range w.blocks {
		other := targets
		if b.to.role == rolePointer {
			other = all
		}
		if b.lo < other.hi {
			pointer, holder := b.to, other.to
			if pointer.role != rolePointer {
				pointer, holder = holder, pointer
			}
			return &ValueError{Root: root, Type: pointer.typ, Reason: fmt.Sprintf(
				"this pointer leads into what a %s leads to, so that one place would become two: "+
					"use an index or a copy instead; or %s", holder.typ, waysOut)}
		}
		if b.hi > all.hi {
			all = b
		}
		if b.to.role == rolePointer && b.hi > targets.hi {
			targets = b
		}
	}
	return nil
}
