package clone

import (
	"reflect"
	"unsafe"
)

// notes are where the references of a value lead, as its copy has met them, so that it can be found out whether one leads
// into the middle of something. Most values have none that does. So it is not written down what everything consists of,
// as findBlocks does, but the least that tells that there is none: the memory of which a pointer of the type could lead
// to the middle, and where such pointers lead.
type notes struct {
	holders []extent // of which the middle has a type that pointers lead to
	targets []extent // of such pointers
}

// extent is memory that a reference leads to.
type extent struct {
	lo, hi uintptr
	tag    uint64 // of the reference; pointers of one tag to one address share it, and its copy
	slice  bool   // by a slice, which is a value of its own
}

// meets reports whether the reference at which n is leads to memory of the blocks, and what is to be said of it in the
// copy. If there are no blocks it notes where the reference leads.
func (s *state) meets(n *node, old unsafe.Pointer, size int, tag uint64) (moved unsafe.Pointer) {
	if len(s.blocks) > 0 {
		return s.moved(uintptr(old))
	}
	if s.noting {
		s.notes.add(n, old, size, tag)
	}
	return nil
}

// add notes that a reference of n leads to so many bytes at p.
func (t *notes) add(n *node, p unsafe.Pointer, size int, tag uint64) {
	if size == 0 || p == nil {
		return
	}
	e := extent{uintptr(p), uintptr(p) + uintptr(size), tag, n.role == roleSlice}
	if n.holds {
		t.holders = append(t.holders, e)
	}
	if n.leads {
		t.targets = append(t.targets, e)
	}
}

// meet reports whether a pointer may lead into the middle of what another reference leads to. Slices that overlap do not
// count.
func (t *notes) meet() bool {
	regions, met := mergeExtents(t.holders)
	for i := 0; i < len(t.targets) && !met; i++ {
		met = meets(regions, &t.targets[i])
	}
	return met
}

// reset forgets the notes, and keeps memory for as many.
func (t *notes) reset() {
	t.holders, t.targets = t.holders[:0], t.targets[:0]
	if cap(t.holders) > maxSpare || cap(t.targets) > maxSpare {
		*t = notes{}
	}
}

// severalTags is the tag of memory that several references lead to.
const severalTags = ^uint64(0) >> 1

// mergeExtents sorts the extents and makes one of those that overlap. met: a pointer leads to one of these.
func mergeExtents(all []extent) (regions []extent, met bool) {
	sortExtents(all)
	regions = all[:0] // it never gets ahead of what is read
	for _, e := range all {
		last := len(regions) - 1
		if last < 0 || e.lo >= regions[last].hi {
			regions = append(regions, e)
			continue
		}
		r := &regions[last]
		if *r == e {
			continue
		}
		if !r.slice || !e.slice {
			return nil, true
		}
		r.hi, r.tag = max(r.hi, e.hi), severalTags
	}
	return regions, false
}

// meets reports whether the target overlaps a region and is not that region itself.
func meets(regions []extent, target *extent) bool {
	lo, hi := 0, len(regions) // the regions before lo begin before the end of the target, those from hi on do not
	for lo < hi {
		if mid := int(uint(lo+hi) / 2); regions[mid].lo < target.hi {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo > 0 && regions[lo-1].hi > target.lo && regions[lo-1] != *target
}

// sortExtents sorts by address: a Shell sort, since package slices would be code of its own.
func sortExtents(all []extent) {
	gap := 1
	for gap < len(all)/9 {
		gap = 3*gap + 1
	}
	for ; gap > 0; gap /= 3 {
		for i := gap; i < len(all); i++ {
			e, j := all[i], i
			for ; j >= gap && all[j-gap].lo > e.lo; j -= gap {
				all[j] = all[j-gap]
			}
			all[j] = e
		}
	}
}

// narrow finds out which references of a type without interfaces hold, and which lead into what others hold. Until then
// all do.
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
		default: // a method copies it
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

// hasSame reports whether a pointer to a t may be one to one of types.
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
