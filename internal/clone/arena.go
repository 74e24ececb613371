package clone

import (
	"unsafe"

	"github.com/reecho-go/reecho/internal/raw"
)

// The small slices in the elements of a slice of structs are copied into few blocks, and so are the targets of their
// pointers: the tags of 100 rows take two allocations, not 100. A block stays in memory as long as one of its parts is
// used. So blocks are small, and parts of more than smallBytes, or with references that are copied too, have memory of
// their own. The capacity of each slice ends where the next one begins, so that append stays safe.
const (
	blockBytes = 4 << 10
	smallBytes = 512
)

// linkInside makes n, a slice of structs, copy the parts of its elements in one loop. Fields that go into blocks are
// copied before the others.
func (n *node) linkInside() {
	if n.deep || n.elem.flat || n.elem.role != roleStruct {
		return
	}
	arenas, parts := arenasOf(n.elem.flatten(nil, 0))
	targets, parts := targetsOf(parts)
	stride := n.elem.typ.Size()
	n.inside = func(p unsafe.Pointer, count int, s *state) {
		for _, a := range arenas {
			a.fix(p, stride, count, s)
		}
		for _, t := range targets {
			t.fix(p, stride, count, s)
		}
		if len(parts) == 1 {
			fix, off := parts[0].n.fix, parts[0].off
			for i := range uintptr(count) {
				fix(unsafe.Add(p, i*stride+off), s)
			}
			return
		}
		for i := range uintptr(count) {
			for j := range parts {
				f := &parts[j]
				f.n.fix(unsafe.Add(p, i*stride+f.off), s)
			}
		}
	}
}

// arenasOf groups those of parts that can be copied into blocks as slices, and returns the others as rest.
func arenasOf(parts []part) (arenas []*arena, rest []part) {
	byType := map[*node]*arena{}
	for _, f := range parts {
		m := f.n
		if m.role != roleSlice || !m.elem.flat || m.tracked {
			rest = append(rest, f)
			continue
		}
		carve := memoryOf(m.elem.typ).carve
		if carve == nil || m.elem.typ.Size() > smallBytes {
			rest = append(rest, f)
			continue
		}
		a := byType[m.elem]
		if a == nil {
			a = &arena{of: m, carve: carve}
			byType[m.elem] = a
			arenas = append(arenas, a)
		}
		a.offs = append(a.offs, f.off)
		a.small = min(smallBytes, blockBytes/len(a.offs)) / int(m.elem.typ.Size())
	}
	return arenas, rest
}

// targets is a set of pointer fields of one type, whose targets have no references that are copied.
type targets struct {
	of    *node // the type of the fields
	offs  []uintptr
	most  int // targets in a block
	alloc func(s *state, n int) unsafe.Pointer
	move  raw.Type
}

// targetsOf groups those of parts that are pointers whose targets can be copied into blocks, and returns the others as
// rest.
func targetsOf(parts []part) (all []*targets, rest []part) {
	byType := map[*node]*targets{}
	for _, f := range parts {
		n := f.n
		if n.role != rolePointer || n.deep || !n.tracked || !n.elem.flat || n.elem.typ.Size() == 0 || n.elem.typ.Size() > smallBytes {
			rest = append(rest, f)
			continue
		}
		t := byType[n]
		if t == nil {
			t = &targets{of: n, most: blockBytes / int(n.elem.typ.Size()), alloc: memoryOf(n.elem.typ).alloc, move: raw.Of(n.elem.typ)}
			byType[n] = t
			all = append(all, t)
		}
		t.offs = append(t.offs, f.off)
	}
	return all, rest
}

// reference is a pointer whose target will be copied: its offset in the structs, and the target's slot in the table of
// seen targets. It contains no Go pointer, so that a list of references costs the collector nothing.
type reference struct {
	off  uintptr
	slot int
}

// unplaced stands for the copy of a target that will be in the next block.
var unplaced byte

// fix copies the targets of t in count structs at p, as fixPointer copies one. Pointers may share a target, so fix first
// collects targets without a copy, as many as fit into a block, and then copies them into one.
func (t *targets) fix(p unsafe.Pointer, stride uintptr, count int, s *state) {
	switch {
	case s.supposed:
		t.fixSupposed(p, stride, count, s)
		return
	case s.tree:
		t.fixTree(p, stride, count, s)
		return
	}
	n, size := t.of, int(t.of.elem.typ.Size())
	s.seen.moved = false
	if most := min(t.most, count*len(t.offs)); cap(s.refs) < most {
		s.refs = make([]reference, 0, most)
	}
	for i := range count {
		for _, off := range t.offs {
			off += uintptr(i) * stride
			old := *(*unsafe.Pointer)(unsafe.Add(p, off))
			if old == nil {
				continue
			}
			if s.careful {
				if moved := s.meets(n, old, size, n.dom.id); moved != nil {
					*(*unsafe.Pointer)(unsafe.Add(p, off)) = moved
					continue
				}
			}
			slot := s.seen.find(old, n.dom.id)
			if slot.copy != nil {
				s.shared = true
			} else {
				if !s.charge(n, size) {
					t.place(p, s)
					return
				}
				s.seen.put(slot, old, n.dom.id, unsafe.Pointer(&unplaced))
				s.unplaced++
			}
			if s.refs = append(s.refs, reference{off, s.seen.index(slot)}); len(s.refs) == t.most {
				t.place(p, s)
			}
		}
	}
	t.place(p, s)
}

// place copies the collected targets that have no copy yet into a block, and makes all collected references point to
// the copies. It does not if the copy has failed, whose result nobody uses.
func (t *targets) place(p unsafe.Pointer, s *state) {
	size := t.of.elem.typ.Size()
	var next unsafe.Pointer
	if s.unplaced > 0 {
		next = t.alloc(s, s.unplaced)
	}
	for _, r := range s.refs {
		if s.err != nil {
			break
		}
		at := (*unsafe.Pointer)(unsafe.Add(p, r.off))
		slot := &s.seen.slots[r.slot]
		if s.seen.moved { // the table has grown since the slot was found
			slot = s.seen.probe(uintptr(*at), t.of.dom.id)
		}
		if slot.copy == unsafe.Pointer(&unplaced) {
			t.move.Move(next, *at)
			slot.copy = next
			if s.unplaced--; s.unplaced > 0 { // never computes an address behind the block
				next = unsafe.Add(next, size)
			}
		}
		*at = slot.copy
	}
	s.refs, s.unplaced, s.seen.moved = s.refs[:0], 0, false
}

// fixTree is fix for a value in which no two references lead to one place. Such a value is itself a copy, so its targets
// are in blocks already, one after the other, and fixTree copies each block as a whole. It ends a block after t.most
// targets, as the first copy did, so it never takes two neighbouring blocks for one.
func (t *targets) fixTree(p unsafe.Pointer, stride uintptr, count int, s *state) {
	size := t.of.elem.typ.Size()
	var first unsafe.Pointer // the first of a row of targets
	length := 0
	var fields [2]int // the struct and the field in it at which the row begins
	flush := func(end, field int) bool {
		if length == 0 {
			return true
		}
		s.nodes -= length - 1
		if !s.charge(t.of, length*int(size)) {
			return false
		}
		copied := t.of.elem.mem.clone(s, first, length)
		done := 0
		for i, j := fields[0], fields[1]; i < end || i == end && j < field; {
			if q := (*unsafe.Pointer)(unsafe.Add(p, uintptr(i)*stride+t.offs[j])); *q != nil {
				*q = unsafe.Add(copied, uintptr(done)*size)
				done++
			}
			if j++; j == len(t.offs) {
				i, j = i+1, 0
			}
		}
		length = 0
		return true
	}
	for i := range count {
		for j, off := range t.offs {
			old := *(*unsafe.Pointer)(unsafe.Add(p, uintptr(i)*stride+off))
			if old == nil {
				continue
			}
			if length > 0 && (length == t.most || uintptr(old) != uintptr(first)+uintptr(length)*size) {
				if !flush(i, j) {
					return
				}
			}
			if length == 0 {
				first, fields = old, [2]int{i, j}
			}
			length++
		}
	}
	flush(count, 0)
}

// fix copies the fields of a in count structs at p.
func (a *arena) fix(p unsafe.Pointer, stride uintptr, count int, s *state) {
	if s.careful {
		copied := len(s.blocks) > 0 // the memory that pointers lead into is copied already
		for i := range uintptr(count) {
			for _, off := range a.offs {
				if at := unsafe.Add(p, i*stride+off); copied {
					a.of.fix(at, s)
				} else if h := (*header)(at); h.len <= a.small {
					s.moveSlice(a.of, h) // notes the slice
				}
			}
		}
		if copied {
			return
		}
	}
	size := int(a.of.elem.typ.Size())
	first, total := 0, 0
	for i := range count {
		own := 0
		for _, off := range a.offs {
			q := unsafe.Add(p, uintptr(i)*stride+off)
			if h := (*header)(q); h.len <= a.small {
				own += h.len
			} else {
				a.of.fix(q, s)
			}
		}
		if (total+own)*size > blockBytes {
			a.block(unsafe.Add(p, uintptr(first)*stride), stride, i-first, total, s)
			first, total = i, 0
		}
		total += own
	}
	a.block(unsafe.Add(p, uintptr(first)*stride), stride, count-first, total, s)
}

// block copies the small fields of count structs at p, with total elements together, into one block.
func (a *arena) block(p unsafe.Pointer, stride uintptr, count, total int, s *state) {
	if !s.charge(a.of, total*int(a.of.elem.typ.Size())) {
		return
	}
	if s.tree && !s.supposed && total > 0 && a.inOne(p, stride, count) {
		a.copyBlock(p, stride, count, total, s)
		return
	}
	a.carve(a, p, stride, count, total)
}

// inOne reports whether the small fields of count structs at p are one after the other in memory, as the fields of a
// copy are. The blocks of a copy begin and end at the same structs as those of a copy of it.
func (a *arena) inOne(p unsafe.Pointer, stride uintptr, count int) bool {
	size := a.of.elem.typ.Size()
	var next uintptr
	for i := range uintptr(count) {
		for _, off := range a.offs {
			h := (*header)(unsafe.Add(p, i*stride+off))
			if h.len == 0 || h.len > a.small {
				continue
			}
			if next != 0 && uintptr(h.data) != next {
				return false
			}
			next = uintptr(h.data) + uintptr(h.len)*size
		}
	}
	return true
}

// copyBlock copies the block that holds the small fields of count structs at p.
func (a *arena) copyBlock(p unsafe.Pointer, stride uintptr, count, total int, s *state) {
	size := a.of.elem.typ.Size()
	var block unsafe.Pointer
	done := 0
	for i := range uintptr(count) {
		for _, off := range a.offs {
			h := (*header)(unsafe.Add(p, i*stride+off))
			switch {
			case h.data == nil, h.len > a.small:
			case h.len == 0:
				*h = header{data: unsafe.Pointer(&nothing)}
			default:
				if block == nil {
					block = a.of.elem.mem.clone(s, h.data, total)
				}
				*h = header{unsafe.Add(block, uintptr(done)*size), h.len, h.len}
				done += h.len
			}
		}
	}
}
