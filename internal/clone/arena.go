package clone

import "unsafe"

// The small slices in the elements of a slice of structs are copied into few blocks: the tags of 100 rows take two
// allocations, not 100. As long as one of them lives, its block does: so blocks are small, and what is larger than
// smallBytes has memory of its own. Capacities end where the next slice begins, so that append stays safe.
const (
	blockBytes = 4 << 10
	smallBytes = 512
)

// arena is a set of slice fields of one element type, which the elements of a slice hold.
type arena struct {
	of    *node // the slice type of the fields
	offs  []uintptr
	small int // elements of a slice that is copied into a block
	carve func(a *arena, p unsafe.Pointer, stride uintptr, count, total int)
}

// linkInside makes n, a slice of structs, copy the parts of its elements in one loop. The fields that are slices of
// flat elements get blocks before.
func (n *node) linkInside() {
	if n.deep || n.elem.flat || n.elem.role != roleStruct {
		return
	}
	arenas, parts := arenasOf(n.elem.flatten(nil, 0))
	stride := n.elem.typ.Size()
	n.inside = func(p unsafe.Pointer, count int, s *state) {
		for _, a := range arenas {
			a.fix(p, stride, count, s)
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
			if length := (*header)(q).len; length <= a.small {
				own += length
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
	if s.charge(a.of, total*int(a.of.elem.typ.Size())) {
		a.carve(a, p, stride, count, total)
	}
}

// carveAs moves the small fields of an arena into one array.
func carveAs[T any](per int) func(*arena, unsafe.Pointer, uintptr, int, int) {
	return func(a *arena, p unsafe.Pointer, stride uintptr, count, total int) {
		all := make([]T, 0, total*per)
		for i := range uintptr(count) {
			for _, off := range a.offs {
				h := (*header)(unsafe.Add(p, i*stride+off))
				switch {
				case h.data == nil, h.len > a.small:
				case h.len == 0:
					*h = header{data: unsafe.Pointer(&nothing)}
				default:
					start := len(all)
					all = append(all, unsafe.Slice((*T)(h.data), h.len*per)...)
					*h = header{unsafe.Pointer(&all[start]), h.len, h.len}
				}
			}
		}
	}
}
