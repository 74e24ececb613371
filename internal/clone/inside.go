package clone

import (
	"cmp"
	"fmt"
	"reflect"
	"runtime"
	"slices"
	"sort"
	"unsafe"
)

// CopyExactly is CopyTo for a value in which pointers may lead into the middle of something that is copied too: to a
// field of a struct, or an element of an array or slice, that is reached in another way as well. In the copy they
// lead to the same place of the copy, and overlapping slices overlap there, too. links says how the references of the
// copy lead to each other. To copy the value or its copy again, use CopyInside if links is Inside, otherwise CopyTo:
// they make the same copy.
//
// It first supposes that the value is a tree: see runs.go. If it is not, it makes the copy as CopyTo does, and notes where
// references lead: see notes. Only if some may lead into the middle of something, it discards that copy and makes
// another one with CopyInside. It fails if a pointer leads into
// something that a Clone method copies.
func (u *Untyped) CopyExactly(dst, src unsafe.Pointer) (links Links, err error) {
	u.t.Move(dst, src)
	if u.root.flat {
		return Tree, nil
	}
	r := u.Begin()
	if u.triesTree() {
		if r.fixSupposed(dst) {
			err = r.End()
			runtime.KeepAlive(src) // the runs know the original by addresses alone
			return Tree, err
		}
		_ = r.End()
		u.t.Move(dst, src)
		r = u.Begin()
	}
	r.begin()
	r.noting, r.careful = u.inside, u.inside
	u.root.fix(dst, &r.state)
	r.drain()
	if u.inside && r.notes.meet() {
		_ = r.End() // an error does not count: this copy may be larger than the exact one
		return u.CopyInside(dst, src)
	}
	if !r.shared {
		links = Tree
	}
	err = r.End()
	runtime.KeepAlive(src) // the table and the notes know the original by addresses alone
	return links, err
}

// CopyInside is CopyExactly for a value in which pointers are known or likely to lead into the middle of something.
// It takes several times as long.
func (u *Untyped) CopyInside(dst, src unsafe.Pointer) (links Links, err error) {
	u.t.Move(dst, src)
	if u.root.flat {
		return Tree, nil
	}
	r := u.Begin()
	r.begin()
	if r.findBlocks(u.root, dst) {
		links = Inside
		r.copyBlocks()
	}
	u.root.fix(dst, &r.state)
	r.drain()
	if links != Inside && !r.shared {
		links = Tree
	}
	err = r.End()
	runtime.KeepAlive(src) // the blocks know the original by addresses alone
	return links, err
}

// checkWhole returns an error if a pointer in the value at v leads into the middle of another part of the value. It is for
// ways of copying that would give the pointer a target of its own.
func (u *Untyped) checkWhole(v unsafe.Pointer) error {
	if !u.inside {
		return nil
	}
	r := u.Begin()
	if r.findBlocks(u.root, v) && r.err == nil {
		r.fail(&ValueError{Type: u.root.typ, Reason: "copier.CopyWithOption: a pointer points into the middle of something that is copied too, so that its copy would point elsewhere; use an index or a copy instead, or " + waysOut})
	}
	err := r.End()
	runtime.KeepAlive(v)
	return err
}

// copyBlocks copies all blocks, and then replaces the references in them.
func (s *state) copyBlocks() {
	for i := range s.blocks {
		b := &s.blocks[i]
		if !s.charge(b.by, int(b.hi-b.lo)) {
			s.blocks, s.careful = nil, false
			return
		}
		b.copied = b.of.mem.clone(s, *(*unsafe.Pointer)(unsafe.Pointer(&b.lo)), b.len())
	}
	for i := range s.blocks {
		if b := &s.blocks[i]; !b.of.flat {
			s.each(b.of, b.copied, b.len())
			s.drain()
		}
	}
	s.depth, s.floor = 0, 0
}

func (b *block) len() int { return int((b.hi - b.lo) / b.of.typ.Size()) }

// findBlocks finds the blocks of the value at p, and reports whether a pointer leads into the middle of one. If none
// does, it keeps no blocks.
func (s *state) findBlocks(n *node, p unsafe.Pointer) bool {
	w := blockWalk{c: s.c, seen: s.seen, blocks: s.spare[:0]}
	w.values(n, p, 1)
	for len(w.later) > 0 {
		l := w.later[len(w.later)-1]
		w.later = w.later[:len(w.later)-1]
		w.values(l.n, l.p, l.count)
	}
	inside, err := w.merge()
	s.seen = w.seen
	s.seen.reset()
	if s.spare = w.blocks; inside || cap(s.spare) > maxSpare {
		s.spare = nil // the blocks will hold pointers to the copy, or take too much memory
	}
	if err != nil {
		s.fail(err)
	}
	if inside {
		s.blocks, s.careful = w.blocks, true
	}
	return inside
}

// blockWalk lists the blocks of a value.
type blockWalk struct {
	c       *compiler
	seen    seenTable
	blocks  []block
	methods []block // memory that is copied by methods
	depth   int
	later   []pending
}

func (w *blockWalk) values(n *node, p unsafe.Pointer, count int) {
	if n.flat || count == 0 {
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

// block returns the block of size bytes at p, to which a reference of type by leads, and reports whether it is new.
func (w *blockWalk) block(by *node, p unsafe.Pointer, size uintptr, tag uint64) (block, bool) {
	if p == nil || size == 0 {
		return block{}, false
	}
	slot := w.seen.find(p, tag)
	if slot.copy != nil {
		return block{}, false
	}
	w.seen.put(slot, p, tag, p)
	b := block{lo: uintptr(p), hi: uintptr(p) + size, of: by.elem, by: by}
	for b.of != nil && b.of.typ.Kind() == reflect.Array && b.of.elem != nil && b.of.role != roleMethod {
		b.of = b.of.elem // parts of arrays may overlap
	}
	return b, true
}

func (w *blockWalk) value(n *node, p unsafe.Pointer) {
	switch n.role {
	case rolePointer:
		to := *(*unsafe.Pointer)(p)
		if b, ok := w.block(n, to, n.elem.typ.Size(), n.dom.id); ok {
			w.blocks = append(w.blocks, b)
			w.values(n.elem, to, 1)
		}
	case roleSlice:
		h := *(*header)(p)
		if b, ok := w.block(n, h.data, uintptr(h.len)*n.elem.typ.Size(), n.sliceTag(h.len)); ok {
			w.blocks = append(w.blocks, b)
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
		if to == nil {
			return
		}
		if slot := w.seen.find(to, n.dom.id); slot.copy == nil {
			w.seen.put(slot, to, n.dom.id, to)
			if !n.key.flat || !n.elem.flat {
				w.entries(n, reflect.NewAt(n.typ, p).Elem())
			}
		}
	case roleMethod:
		switch n.typ.Kind() {
		case reflect.Pointer:
			// The inverted tag differs from that of a pointer whose target is copied by the plan.
			if b, ok := w.block(n, *(*unsafe.Pointer)(p), n.typ.Elem().Size(), ^n.dom.id); ok {
				w.methods = append(w.methods, b)
			}
		case reflect.Interface:
			w.interfaceWithClone(n, p)
		}
	case roleInterface:
		w.interfaceValue(n, p)
	}
}

// interfaceWithClone is interfaceValue for an interface with a method Clone.
func (w *blockWalk) interfaceWithClone(n *node, p unsafe.Pointer) {
	v := reflect.NewAt(n.typ, p).Elem()
	if v.IsNil() {
		return
	}
	t := v.Elem().Type()
	switch d := w.c.behind(t); {
	case !w.c.types.Owns(t):
		w.interfaceValue(n, p)
	case t.Kind() == reflect.Pointer && d.err == nil && d.n.dom != nil:
		by := &node{typ: t, dom: d.n.dom}
		if b, ok := w.block(by, (*face)(p).data, t.Elem().Size(), ^by.dom.id); ok {
			w.methods = append(w.methods, b)
		}
	}
}

// interfaceValue lists the blocks of the value in the interface at p.
func (w *blockWalk) interfaceValue(n *node, p unsafe.Pointer) {
	v := reflect.NewAt(n.typ, p).Elem()
	if v.IsNil() {
		return
	}
	d, f := w.c.behind(v.Elem().Type()), (*face)(p)
	switch {
	case d.err != nil: // fixHeld reports the error
	case d.n.direct:
		w.values(d.n, unsafe.Pointer(&f.data), 1)
	default:
		w.values(d.n, f.data, 1)
	}
}

func (w *blockWalk) entries(n *node, m reflect.Value) {
	for it := m.MapRange(); it.Next(); {
		// New variables for each entry, because the list may visit them later.
		k, v := reflect.New(n.key.typ), reflect.New(n.elem.typ)
		k.Elem().SetIterKey(it)
		v.Elem().SetIterValue(it)
		w.values(n.key, k.UnsafePointer(), 1)
		w.values(n.elem, v.UnsafePointer(), 1)
	}
}

// byAddress sorts blocks by address, and of those with one address the larger ones first.
type byAddress []block

func (b byAddress) Len() int { return len(b) }

func (b byAddress) Swap(i, j int) { b[i], b[j] = b[j], b[i] }

func (b byAddress) Less(i, j int) bool {
	return b[i].lo < b[j].lo || b[i].lo == b[j].lo && b[i].hi > b[j].hi
}

// merge joins blocks that overlap, and reports whether a pointer leads to one of these. Overlapping slices alone do not
// count: each is a value of its own.
func (w *blockWalk) merge() (inside bool, _ *ValueError) {
	sort.Sort(byAddress(w.blocks))
	joined := w.blocks[:0] // writes never overtake the reads
	var target uintptr     // the end of the targets of pointers so far
	for _, b := range w.blocks {
		pointer := b.by.role == rolePointer
		if last := len(joined) - 1; last >= 0 && b.lo < joined[last].hi {
			inside = inside || pointer || b.lo < target
			if !joined[last].add(b) {
				return true, b.overlapError(joined[last])
			}
		} else {
			joined = append(joined, b)
		}
		if pointer {
			target = max(target, b.hi)
		}
	}
	w.blocks = joined
	for _, m := range w.methods {
		i, _ := slices.BinarySearchFunc(joined, m.lo, func(b block, at uintptr) int { return cmp.Compare(b.hi, at+1) })
		if i == len(joined) || joined[i].lo >= m.hi {
			continue
		}
		if b := joined[i]; m.lo < b.lo || m.hi > b.hi || !b.has(m.lo, m.by.typ.Elem()) {
			return true, &ValueError{Type: b.by.typ, Reason: fmt.Sprintf(
				"it points into the memory of a %s, which is copied by a method of its own, so that its copy would point elsewhere: use an index or a copy instead; or %s", m.by.typ, waysOut)}
		}
		inside = true
	}
	return inside, nil
}

// overlapError returns the error for blocks that overlap in a way that only package unsafe can make.
func (b *block) overlapError(other block) *ValueError {
	return &ValueError{Type: b.by.typ, Reason: fmt.Sprintf(
		"it points into the memory of a %s, which has another type there: use an index or a copy instead; or %s", other.by.typ, waysOut)}
}

// add extends b, which does not begin later than other, to include other. It reports false if their types do not fit.
func (b *block) add(other block) bool {
	switch {
	case same(b.of.typ, other.of.typ):
		if (other.lo-b.lo)%b.of.typ.Size() != 0 {
			return false
		}
		b.hi = max(b.hi, other.hi)
	case other.hi > b.hi:
		return false
	case b.has(other.lo, other.of.typ):
	case b.lo == other.lo && b.hi == other.hi && other.has(b.lo, b.of.typ):
		*b = other // a struct or array with b as its only part
	default:
		return false
	}
	return true
}

// has reports whether there can be a t at that address in b.
func (b *block) has(at uintptr, t reflect.Type) bool {
	return lies(t, (at-b.lo)%b.of.typ.Size(), b.of.typ)
}
