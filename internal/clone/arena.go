package clone

import (
	"unsafe"

	"github.com/reecho-go/reecho/internal/raw"
)

// The small slices in the elements of a slice of structs are copied into few blocks, and so are the targets of their
// pointers: the tags of 100 rows take two allocations, not 100. As long as one of them lives, its block does: so blocks
// are small, and what is larger than smallBytes has memory of its own, and so has what refers to copies of more.
// Capacities end where the next slice begins, so that append stays safe.
const (
	blockBytes = 4 << 10
	smallBytes = 512
)

// linkInside makes n, a slice of structs, copy the parts of its elements in one loop. The fields that are slices of
// flat elements get blocks before.
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

// arenasOf takes the fields that arenas can serve out of parts.
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

// targetsOf takes the fields whose targets can be copied into blocks out of parts.
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

// reference is a pointer whose target is to be copied: where it is in the structs that are fixed, and which slot of the
// table of what has been met is that of the target. It has no pointers, so that a list of them costs the collector nothing.
type reference struct {
	off  uintptr
	slot int
}

// unplaced stands for the copy of a target that is to have a place in the next block.
var unplaced byte

// fix copies the targets of t in count structs at p, as fixPointer does each. It first looks which of them have no copy
// yet, as many as a block has room for, since pointers may share them, and then makes a block of these.
func (t *targets) fix(p unsafe.Pointer, stride uintptr, count int, s *state) {
	if s.tree {
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

// place copies the targets of the references of s that have no place into a block, and makes all references lead to the
// copies. Of a copy that has failed nothing matters any more.
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
		if s.seen.moved { // by growing, since the slot was found
			slot = s.seen.probe(uintptr(*at), t.of.dom.id)
		}
		if slot.copy == unsafe.Pointer(&unplaced) {
			t.move.Move(next, *at)
			slot.copy = next
			if s.unplaced--; s.unplaced > 0 { // the address after the last one is never made
				next = unsafe.Add(next, size)
			}
		}
		*at = slot.copy
	}
	s.refs, s.unplaced, s.seen.moved = s.refs[:0], 0, false
}

// fixTree is fix for a value in which no two references lead to one place. It is a copy, so its targets lie in blocks
// already, one after the other, and each block is copied as a whole. Blocks end where others do: both hold as many
// targets as they have room for. So none is taken for a part of the one before it in memory.
func (t *targets) fixTree(p unsafe.Pointer, stride uintptr, count int, s *state) {
	size := t.of.elem.typ.Size()
	var first unsafe.Pointer // of a row of targets
	length := 0
	var fields [2]int // where the row begins: a struct, and one of its fields
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
		copied := len(s.blocks) > 0 // what pointers lead into is copied already
		for i := range uintptr(count) {
			for _, off := range a.offs {
				if at := unsafe.Add(p, i*stride+off); copied {
					a.of.fix(at, s)
				} else if h := (*header)(at); h.len <= a.small {
					s.moveSlice(a.of, h) // which notes it
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

// block copies the small fields of count structs at p, which have total elements, into one block.
func (a *arena) block(p unsafe.Pointer, stride uintptr, count, total int, s *state) {
	if !s.charge(a.of, total*int(a.of.elem.typ.Size())) {
		return
	}
	if s.tree && total > 0 && a.inOne(p, stride, count) {
		a.copyBlock(p, stride, count, total, s)
		return
	}
	a.carve(a, p, stride, count, total)
}

// inOne reports whether the small fields of count structs at p are one after the other in memory, as in a block: that of
// a copy begins and ends where this one does.
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

// copyBlock copies the block in which the small fields of count structs at p are.
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
