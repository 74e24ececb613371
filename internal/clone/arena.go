package clone

import "unsafe"

// arena is a set of slice fields of one element type, which the elements of a slice hold.
type arena struct {
	of    *node // the slice type of the fields
	offs  []uintptr
	carve func(a *arena, p unsafe.Pointer, stride uintptr, count, total int)
}

// linkInside makes n, a slice of structs, copy the parts of its elements in one loop. With Config.Arena the
// fields that are slices of flat elements get one array per element type before.
func (n *node) linkInside(withArena bool) {
	if n.deep || n.elem.flat || n.elem.role != roleStruct {
		return
	}
	parts := n.elem.flatten(nil, 0)
	var arenas []*arena
	if withArena {
		arenas, parts = arenasOf(parts)
	}
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
		if carve == nil {
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
	}
	return arenas, rest
}

// fix copies the fields of a in count structs at p.
func (a *arena) fix(p unsafe.Pointer, stride uintptr, count int, s *state) {
	total := 0
	for i := range uintptr(count) {
		for _, off := range a.offs {
			total += (*header)(unsafe.Add(p, i*stride+off)).len
		}
	}
	if s.charge(a.of, total*int(a.of.elem.typ.Size())) {
		a.carve(a, p, stride, count, total)
	}
}

// carveAs moves the fields of an arena into one array. Their capacity ends where the next one begins.
func carveAs[T any](per int) func(*arena, unsafe.Pointer, uintptr, int, int) {
	return func(a *arena, p unsafe.Pointer, stride uintptr, count, total int) {
		all := make([]T, 0, total*per)
		for i := range uintptr(count) {
			for _, off := range a.offs {
				h := (*header)(unsafe.Add(p, i*stride+off))
				switch {
				case h.data == nil:
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
