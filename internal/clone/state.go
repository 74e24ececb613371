package clone

import (
	"math"
	"math/bits"
	"reflect"
	"unsafe"
)

// stackDepth is how many counted references Copy follows on the goroutine's stack before it makes a list of the rest.
const stackDepth = 256

// keyDepth bounds interfaces nested in a map key, which must be complete before the key is stored.
const keyDepth = 1000

func (s *state) begin() {
	s.bytes, s.nodes = s.c.cfg.MaxBytes, s.c.cfg.MaxNodes
}

// drain works off the list.
func (s *state) drain() {
	for len(s.pending) > 0 {
		w := s.pending[len(s.pending)-1]
		s.pending = s.pending[:len(s.pending)-1]
		s.depth, s.floor = w.depth, w.depth
		if w.src != nil {
			w.n.put(w.p, w.src, w.n, s)
		} else {
			s.each(w.n, w.p, w.count)
		}
	}
}

// end returns the error of this copy and resets the state for the next one, so that it keeps no value alive.
func (s *state) end(root reflect.Type) error {
	err := s.err
	s.seen.reset()
	if s.noting {
		s.notes.reset()
	}
	s.blocks, s.careful, s.noting, s.tree, s.shared = nil, false, false, false, false
	s.supposed, s.runs = false, s.runs[:0]
	clear(s.pending[:cap(s.pending)])
	if cap(s.pending) > 1<<12 {
		s.pending = nil
	}
	s.err, s.depth, s.floor = nil, 0, 0
	if err == nil {
		return nil
	}
	err.Root = root
	return err
}

// charge takes one reference to size bytes from the limits. If it returns false, the copy has failed, and the target
// need not be copied.
func (s *state) charge(n *node, size int) bool {
	s.bytes -= size
	s.nodes--
	if s.bytes|s.nodes >= 0 {
		return true
	}
	if s.err == nil {
		if s.bytes < 0 {
			s.fail(&ValueError{Type: n.typ, Reason: "the copy is larger than Config.MaxBytes"})
		} else {
			s.fail(&ValueError{Type: n.typ, Reason: "the copy has more references than Config.MaxNodes"})
		}
	}
	s.bytes = math.MinInt / 2 // low enough to stay negative, and too high to overflow
	return false
}

// fail ends the copy: it makes every later charge fail, so that the running code returns soon.
func (s *state) fail(err *ValueError) {
	if s.err == nil {
		s.err = err
	}
	s.bytes = math.MinInt / 2
	s.pending = s.pending[:0]
}

// each replaces the references in count values of n at p. It never computes the address after the last value.
func (s *state) each(n *node, p unsafe.Pointer, count int) {
	fix := n.fix
	for ; count > 1; count-- {
		fix(p, s)
		p = unsafe.Add(p, n.mem.size)
	}
	fix(p, s)
}

// descend is each for the targets of a reference that may be part of a very deep value.
func (s *state) descend(n *node, p unsafe.Pointer, count int) {
	s.depth++
	if s.putOff() {
		s.pending = append(s.pending, pending{n: n, p: p, count: count, depth: s.depth})
	} else {
		s.each(n, p, count)
	}
	s.depth--
}

// putOff reports whether the target of a reference is put on the work list: to save stack, or because a map key must be
// completed first, whose hash does not depend on the targets of its references.
func (s *state) putOff() bool { return s.inKey || s.depth-s.floor >= stackDepth }

// inPlace replaces the references in the value of an interface. It cannot be put off, because the interface may be in a
// map key, whose hash depends on it, or in a variable whose value is stored in a map next. The targets of these
// references can be put off.
func (s *state) inPlace(n *node, p unsafe.Pointer) {
	if s.inKey && s.depth-s.floor >= keyDepth {
		s.fail(&ValueError{Type: n.typ, Reason: "a map key holds interfaces nested too deeply"})
		return
	}
	s.depth++
	n.fix(p, s)
	s.depth--
}

const (
	minSlots  = 32
	keepSlots = 1 << 16
)

// find returns the slot of the object at addr. An empty slot (copy == nil) may be filled with put before the next find.
func (t *seenTable) find(addr unsafe.Pointer, tag uint64) *seenSlot {
	if t.n*8 >= len(t.slots)*5 {
		t.grow()
	}
	return t.probe(uintptr(addr), tag)
}

func (t *seenTable) probe(addr uintptr, tag uint64) *seenSlot {
	mask := uint64(len(t.slots) - 1)
	high, low := bits.Mul64(uint64(addr)^tag*0xff51afd7ed558ccd, 0x9e3779b97f4a7c15)
	for i := (high ^ low) & mask; ; i = (i + 1) & mask {
		slot := &t.slots[i]
		if slot.copy == nil || slot.addr == addr && slot.tag == tag {
			return slot
		}
	}
}

func (t *seenTable) put(slot *seenSlot, addr unsafe.Pointer, tag uint64, copied unsafe.Pointer) {
	*slot = seenSlot{uintptr(addr), tag, copied}
	t.n++
}

// index returns the index of the slot in the table. It is valid until the table grows.
func (t *seenTable) index(slot *seenSlot) int {
	return int((uintptr(unsafe.Pointer(slot)) - uintptr(unsafe.Pointer(&t.slots[0]))) / unsafe.Sizeof(*slot))
}

func (t *seenTable) grow() {
	old := t.slots
	t.slots, t.moved = make([]seenSlot, max(minSlots, 2*len(old))), true
	for i := range old {
		if old[i].copy != nil {
			*t.probe(old[i].addr, old[i].tag) = old[i]
		}
	}
}

// reset empties the table. It drops a table that is much larger than its last use needed.
func (t *seenTable) reset() {
	if len(t.slots) > keepSlots || len(t.slots) > 16*minSlots && t.n*16 < len(t.slots) {
		t.slots = nil
	} else if t.n > 0 {
		clear(t.slots)
	}
	t.n, t.moved = 0, false
}
