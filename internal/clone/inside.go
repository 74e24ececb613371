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
// lead to the same place of its own, and slices that overlap do so there, too. links says how the references of the
// copy lead to each other: if that is not Inside, CopyTo makes the same copy; else CopyInside does. All may take a
// copy as the original.
//
// It makes the copy as CopyTo does, and notes where references lead: see notes. Only if some may lead into the middle of
// something is that copy thrown away, and another one made by CopyInside. It fails if a pointer leads into what is
// copied by a method of its own.
func (u *Untyped) CopyExactly(dst, src unsafe.Pointer) (links Links, err error) {
	u.t.Move(dst, src)
	if u.root.flat {
		return Tree, nil
	}
	r := u.Begin()
	r.begin()
	r.noting, r.careful = u.inside, u.inside
	u.root.fix(dst, &r.state)
	r.drain()
	if u.inside && r.notes.meet() {
		_ = r.End() // it may be too large since it has several places for one
		return u.CopyInside(dst, src)
	}
	if !r.shared {
		links = Tree
	}
	err = r.End()
	runtime.KeepAlive(src) // what it refers to is known by its addresses alone
	return links, err
}

// CopyInside is CopyExactly for a value in which pointers are known to lead into the middle of something, or likely to.
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
	runtime.KeepAlive(src) // its blocks are known by their addresses alone
	return links, err
}

// checkWhole returns an error for a value, that at v, in which a pointer leads into the middle of something else of it: for a way
// of copying that would make two places of one.
func (u *Untyped) checkWhole(v unsafe.Pointer) error {
	if !u.inside {
		return nil
	}
	r := u.Begin()
	if r.findBlocks(u.root, v) && r.err == nil {
		r.fail(&ValueError{Type: u.root.typ, Reason: "copier.CopyWithOption: a pointer leads into the middle of something that is copied too, so that one place would become two; use an index or a copy instead, or " + waysOut})
	}
	err := r.End()
	runtime.KeepAlive(v)
	return err
}

// mayPointInside reports whether a value of root can have a pointer into the middle of another part: there is a pointer to a type of which
// values lie inside of something else, or one of another type to the same place, or a slice of the elements of an array that a pointer leads to,
// or an interface, which may hold all of these.
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

// insideOf returns the types of what lies inside of something that the nodes lead to, and those of the elements of arrays
// that pointers lead to.
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

// pointer reports whether n is a pointer whose target is copied.
func (n *node) pointer() bool {
	return n.typ.Kind() == reflect.Pointer && !n.flat && n.role != roleDropped
}

// alike reports whether one of all is a pointer of another type that may lead to where n does.
func (n *node) alike(all []*node) bool {
	return slices.ContainsFunc(all, func(m *node) bool { return m.pointer() && m.dom != n.dom && same(m.typ.Elem(), n.typ.Elem()) })
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

// block is memory of the original that pointers and slices lead to. Its address is good as long as the original is alive.
type block struct {
	lo, hi uintptr
	of     *node          // what it consists of
	by     *node          // a pointer or slice that leads to it
	copied unsafe.Pointer // where it is in the copy
}

// moved returns where in the copy that is which was at old, or nil if it is in no block.
func (s *state) moved(old uintptr) unsafe.Pointer {
	i, _ := slices.BinarySearchFunc(s.blocks, old, func(b block, at uintptr) int {
		if b.lo <= at {
			return -1
		}
		return 1
	})
	if i == 0 || old >= s.blocks[i-1].hi {
		return nil
	}
	b := &s.blocks[i-1]
	return unsafe.Add(b.copied, old-b.lo)
}

// copyBlocks gives the copy all its blocks, and then replaces the references in them.
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
// does, they are not needed.
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
		s.spare = nil // they will know where the copy is
	}
	s.tree = !w.shared && !inside
	if err != nil {
		s.fail(err)
	}
	if inside {
		s.blocks, s.careful = w.blocks, true
	}
	return inside
}

// maxSpare bounds the blocks for which memory is kept.
const maxSpare = 1 << 12

// blockWalk lists the blocks of a value.
type blockWalk struct {
	c       *compiler
	seen    seenTable
	blocks  []block
	methods []block // that methods of their own copy
	shared  bool    // several references may lead to one place
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

// block returns count values of n at p, to which by leads, and whether that is new.
func (w *blockWalk) block(by *node, p unsafe.Pointer, size uintptr, tag uint64) (block, bool) {
	if p == nil || size == 0 {
		return block{}, false
	}
	slot := w.seen.find(p, tag)
	if slot.copy != nil {
		w.shared = w.shared || by.tracked
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
		if slot := w.seen.find(to, n.dom.id); slot.copy != nil {
			w.shared = true
		} else {
			w.seen.put(slot, to, n.dom.id, to)
			if !n.key.flat || !n.elem.flat {
				w.entries(n, reflect.NewAt(n.typ, p).Elem())
			}
		}
	case roleSpecial:
		w.shared = true // it is not looked into
	case roleMethod:
		w.shared = true // what the method returns may be shared
		switch n.typ.Kind() {
		case reflect.Pointer:
			// Another tag than that of a pointer to the same place which is copied as its memory says.
			if b, ok := w.block(n, *(*unsafe.Pointer)(p), n.typ.Elem().Size(), ^n.dom.id); ok {
				w.methods = append(w.methods, b)
			}
		case reflect.Interface:
			w.heldMethod(n, p)
		}
	case roleInterface:
		w.held(n, p)
	}
}

// heldMethod is held for an interface with a method Clone.
func (w *blockWalk) heldMethod(n *node, p unsafe.Pointer) {
	v := reflect.NewAt(n.typ, p).Elem()
	if v.IsNil() {
		return
	}
	t := v.Elem().Type()
	switch d := w.c.behind(t); {
	case !w.c.types.Owns(t):
		w.held(n, p)
	case t.Kind() == reflect.Pointer && d.err == nil && d.n.dom != nil:
		by := &node{typ: t, dom: d.n.dom}
		if b, ok := w.block(by, (*face)(p).data, t.Elem().Size(), ^by.dom.id); ok {
			w.methods = append(w.methods, b)
		}
	}
}

// held lists the blocks of what the interface at p holds.
func (w *blockWalk) held(n *node, p unsafe.Pointer) {
	v := reflect.NewAt(n.typ, p).Elem()
	if v.IsNil() {
		return
	}
	d, f := w.c.behind(v.Elem().Type()), (*face)(p)
	switch {
	case d.err != nil: // fixHeld says so
	case d.n.direct:
		w.values(d.n, unsafe.Pointer(&f.data), 1)
	default:
		w.values(d.n, f.data, 1)
	}
}

func (w *blockWalk) entries(n *node, m reflect.Value) {
	for it := m.MapRange(); it.Next(); {
		// New variables for each entry, since its values may be looked at later.
		k, v := reflect.New(n.key.typ), reflect.New(n.elem.typ)
		k.Elem().SetIterKey(it)
		v.Elem().SetIterValue(it)
		w.values(n.key, k.UnsafePointer(), 1)
		w.values(n.elem, v.UnsafePointer(), 1)
	}
}

// byAddress sorts blocks, those that others lie in before these.
type byAddress []block

func (b byAddress) Len() int      { return len(b) }
func (b byAddress) Swap(i, j int) { b[i], b[j] = b[j], b[i] }
func (b byAddress) Less(i, j int) bool {
	return b[i].lo < b[j].lo || b[i].lo == b[j].lo && b[i].hi > b[j].hi
}

// merge makes one block of those that lie in each other or overlap, and reports whether a pointer led to one of them.
// Slices alone do not count: each is a value of its own.
func (w *blockWalk) merge() (inside bool, _ *ValueError) {
	sort.Sort(byAddress(w.blocks))
	joined := w.blocks[:0] // it never gets ahead of what is read
	var target uintptr     // where the targets of pointers end
	for _, b := range w.blocks {
		pointer := b.by.role == rolePointer
		if last := len(joined) - 1; last >= 0 && b.lo < joined[last].hi {
			inside = inside || pointer || b.lo < target
			if !joined[last].add(b) {
				return true, b.strange(joined[last])
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
				"this leads into what a %s leads to, which is copied by a method of its own, so that one place would become two: use an index or a copy instead; or %s", m.by.typ, waysOut)}
		}
		inside = true
	}
	return inside, nil
}

// strange returns the error for blocks that overlap in a way which only package unsafe makes.
func (b *block) strange(other block) *ValueError {
	return &ValueError{Type: b.by.typ, Reason: fmt.Sprintf(
		"this leads into what a %s leads to, to memory that has another type there: use an index or a copy instead; or %s", other.by.typ, waysOut)}
}

// add makes b, which does not begin later than other, include it.
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
		*b = other // the struct of which b is the only field
	default:
		return false
	}
	return true
}

// has reports whether a t can be at that address in b.
func (b *block) has(at uintptr, t reflect.Type) bool {
	return lies(t, (at-b.lo)%b.of.typ.Size(), b.of.typ)
}

// lies reports whether at off in an outer there is a t.
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

// same reports whether a pointer to an a can be converted to one to a b.
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
		return false // they are not copied
	}
	return true
}
