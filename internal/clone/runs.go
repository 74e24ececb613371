package clone

import "unsafe"

// A value that was just made is mostly a tree, and its parts of one type lie one after the other in memory, as they were
// allocated. So [Untyped.CopyExactly] first copies a value as if it were a tree, without a table of what was met, and
// records where its references lead as runs: ranges of memory with parts of one type in them. If no runs overlap that
// must not, the value is a tree in which no pointer leads into the middle of another part. If some do, or there are too
// many, the copy ends at once, and is made again in the way that looks at each part.

// run is a range of memory that has the parts to which references of one type have led, each behind the one before it.
type run struct {
	lo, hi uintptr
	to     *node // the type of the references
}

const (
	maxRuns = 32
	runGap  = 4 << 10 // how far the next part of a run may be: as far as parts that are allocated together are
	skipped = 15      // after a value that was no tree, how many copies of the type do not suppose one
)

// supposesTrees reports whether copies look at where references lead, and the type says all about these.
func (u *Untyped) supposesTrees() bool {
	worth := u.inside
	for _, n := range u.c.reachable(u.root) {
		if n.mayShare() && n.role != rolePointer && n.role != roleMap {
			return false
		}
		worth = worth || n.tracked
	}
	return worth
}

// triesTree reports whether a copy supposes that its value is a tree.
func (u *Untyped) triesTree() bool {
	if !u.trees {
		return false
	}
	left := u.toSkip.Load()
	if left > 0 {
		u.toSkip.Store(left - 1) // it does not matter if two copies count as one
	}
	return left == 0
}

// fixSupposed is fix for a value that is supposed to be a tree. It reports whether it is one.
func (r *Run) fixSupposed(p unsafe.Pointer) bool {
	r.supposed, r.careful, r.tree = true, true, true
	r.fix(p)
	if r.err == nil && !r.runsMeet() {
		return true
	}
	r.of.toSkip.Store(skipped)
	return false
}

// inRun records that a reference of type n leads to size bytes at p. The copy fails if the value may not be a tree.
func (s *state) inRun(n *node, p unsafe.Pointer, size int) {
	if size == 0 || p == nil || !n.tracked && !n.holds && !n.leads {
		return
	}
	lo, hi := uintptr(p), uintptr(p)+uintptr(size)
	for i := len(s.runs) - 1; i >= 0; i-- {
		if r := &s.runs[i]; r.to == n {
			if lo >= r.hi && lo-r.hi <= runGap {
				r.hi = hi
				return
			}
			break
		}
	}
	next := run{lo, hi, n}
	for i := range s.runs {
		if next.meets(&s.runs[i]) { // found here, a cycle ends
			s.fail(&ValueError{Type: n.typ})
			return
		}
	}
	if len(s.runs) == maxRuns {
		s.fail(&ValueError{Type: n.typ})
		return
	}
	s.runs = append(s.runs, next)
}

// runsMeet reports whether runs overlap that must not. Runs that were extended may do.
func (s *state) runsMeet() bool {
	for i := range s.runs {
		for j := range i {
			if s.runs[i].meets(&s.runs[j]) {
				return true
			}
		}
	}
	return false
}

// meets reports whether the runs overlap, and then two pointers may lead to one place, or one of them into the middle of
// something else. Slices that overlap are values of their own.
func (r *run) meets(other *run) bool {
	if r.lo >= other.hi || other.lo >= r.hi || r.to.role == roleSlice && other.to.role == roleSlice {
		return false
	}
	a, b := r.to, other.to
	return a.dom == b.dom || a.holds && (b.holds || b.leads) || a.leads && b.holds
}

// fixSupposed is fix for a value that is supposed to be a tree.
func (t *targets) fixSupposed(p unsafe.Pointer, stride uintptr, count int, s *state) {
	size := t.of.elem.typ.Size()
	left := 0
	for i := range uintptr(count) {
		for _, off := range t.offs {
			if *(*unsafe.Pointer)(unsafe.Add(p, i*stride+off)) != nil {
				left++
			}
		}
	}
	var next unsafe.Pointer
	room := 0 // in the block
	for i := range uintptr(count) {
		for _, off := range t.offs {
			at := (*unsafe.Pointer)(unsafe.Add(p, i*stride+off))
			if *at == nil {
				continue
			}
			if s.inRun(t.of, *at, int(size)); !s.charge(t.of, int(size)) {
				return
			}
			if room == 0 {
				room = min(left, t.most)
				next = t.alloc(s, room)
			} else {
				next = unsafe.Add(next, size)
			}
			t.move.Move(next, *at)
			*at = next
			room--
			left--
		}
	}
}
