package clone

import (
	"slices"
	"unsafe"
)

// meets returns where in the copy the memory at old is, to which a reference of type n leads, or nil if that memory is in
// no block. If there are no blocks, it notes where the reference leads, while notes are taken or a tree is supposed.
func (s *state) meets(n *node, old unsafe.Pointer, size int, tag uint64) (moved unsafe.Pointer) {
	if len(s.blocks) > 0 {
		return s.moved(uintptr(old))
	}
	switch {
	case s.supposed:
		s.inRun(n, old, size)
	case s.noting:
		s.notes.add(n, old, size, tag)
	}
	return nil
}

// add notes that a reference of type n leads to size bytes at p.
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

// meet reports whether a pointer may lead into the middle of memory to which another reference leads. Overlapping slices
// do not count.
func (t *notes) meet() bool {
	regions, met := mergeExtents(t.holders)
	for i := 0; i < len(t.targets) && !met; i++ {
		met = meets(regions, &t.targets[i])
	}
	return met
}

// reset removes the notes, and keeps their memory.
func (t *notes) reset() {
	t.holders, t.targets = t.holders[:0], t.targets[:0]
	if cap(t.holders) > maxSpare || cap(t.targets) > maxSpare {
		*t = notes{}
	}
}

// severalTags is the tag of memory that several references lead to.
const severalTags = ^uint64(0) >> 1

// mergeExtents sorts the extents and joins overlapping slices. met reports that a pointer leads to an extent that
// overlaps another one.
func mergeExtents(all []extent) (regions []extent, met bool) {
	sortExtents(all)
	regions = all[:0] // writes never overtake the reads
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
	lo, hi := 0, len(regions) // regions before lo begin before the end of the target, regions from hi on do not
	for lo < hi {
		if mid := int(uint(lo+hi) / 2); regions[mid].lo < target.hi {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo > 0 && regions[lo-1].hi > target.lo && regions[lo-1] != *target
}

// sortExtents sorts by address. It is a Shell sort, because package slices would compile a sort for this type.
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

// moved returns where in the copy the memory at old is, or nil if it is in no block.
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

// maxSpare bounds how much memory for blocks and notes is kept for the next copy.
const maxSpare = 1 << 12
