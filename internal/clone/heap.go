package clone

import (
	"math/bits"
	"unsafe"
)

// The sizes in which Go's heap gives out memory: objects without pointers of at most tiny bytes share a block of that
// size, objects with pointers of more than unheaded bytes take a word more, and objects of more than large bytes take
// whole pages.
const (
	tiny     = 16
	unheaded = 512
	large    = 32 << 10
	page     = 8 << 10
	wordSize = int(unsafe.Sizeof(uintptr(0)))
)

// Allocated estimates how many bytes of the heap an object of size bytes takes.
func Allocated(size int) int64 { return allocated(size, false) }

// allocated is Allocated for an object that may have pointers. The runtime has 67 sizes of blocks, about eight for each
// power of two.
func allocated(size int, pointers bool) int64 {
	if pointers && size > unheaded && size <= large {
		size += wordSize
	}
	step := page
	switch {
	case size <= tiny/2: // the object shares a block, or has one of 8 bytes
		return int64(size)
	case size <= tiny:
		return tiny
	case size <= 2*tiny:
		step = wordSize
	case size <= large:
		step = max(tiny, 1<<(bits.Len(uint(size-1))-4))
	}
	return int64((size + step - 1) / step * step)
}

// How maps are made since Go 1.24: a map of up to groupSlots entries has one group of as many slots, and any other has
// tables of up to tableSlots, of which seven eighths are used before a table grows to twice the size, or is split. Keys
// and values that are larger than inlineBytes are objects of their own.
const (
	groupSlots   = 8
	controlBytes = 8
	tableSlots   = 1024
	inlineBytes  = 128
	mapHeader    = 48
	tableHeader  = 32
)

// mapBytes estimates the bytes of a map of type n that has grown to length entries, without the memory that the entries
// refer to.
func mapBytes(n *node, length int) int64 {
	if length == 0 {
		return mapHeader
	}
	pointers := n.key.outside || n.elem.outside
	slot, total := 0, int64(mapHeader)
	widest := 1
	for _, part := range []*node{n.key, n.elem} {
		size, align := int(part.typ.Size()), part.typ.Align()
		if size > inlineBytes {
			total += int64(length) * allocated(size, part.outside)
			size, align, pointers = wordSize, wordSize, true
		}
		slot = roundUp(slot, align) + size
		widest = max(widest, align)
	}
	if slot > 0 && n.elem.typ.Size() == 0 {
		slot++ // keeps the address of the value inside of the slot
	}
	group := controlBytes + groupSlots*roundUp(slot, widest)
	if length <= groupSlots {
		return total + allocated(group, pointers)
	}
	slots, tables := roundUpToPower((length*groupSlots+groupSlots-2)/(groupSlots-1)), 1
	if slots > tableSlots {
		slots, tables = tableSlots, slots/tableSlots
	}
	return total + allocated(tables*wordSize, true) + int64(tables)*(tableHeader+allocated(slots/groupSlots*group, pointers))
}

func roundUp(n, to int) int { return (n + to - 1) / to * to }

// roundUpToPower returns the least power of two that is at least n.
func roundUpToPower(n int) int { return 1 << bits.Len(uint(n-1)) }
