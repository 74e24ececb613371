package flight

import "sync/atomic"

// Gate orders clears against loads: a load notes where it began, and may keep its
// result only if no clear has come since. It counts the clears of one domain, such
// as a group of caches, that each take effect in several steps. Once a clear has
// ended, nothing that was loaded before its end or while it ran is kept, also when
// it was derived from something that this clear had not reached yet.
//
// The zero Gate is ready; all methods are safe for concurrent use and cost a few
// atomic operations.
type Gate struct {
	begun atomic.Uint64
	ended atomic.Uint64 // never more than begun
}

// Mark is a moment of a Gate. The zero Mark never holds.
type Mark struct {
	begun, ended uint64
	quiet        bool // no clear was running
}

// Clear runs the steps of a clear. Nothing that is marked before it returns
// holds afterwards.
func (g *Gate) Clear(steps func()) {
	g.begun.Add(1)
	defer g.ended.Add(1)
	steps()
}

// Mark notes the present. Where a clear also replaces what results are kept
// in, take hold of that place first and mark second: then a place that is new
// comes with a mark of after its clear, or with one that never holds.
func (g *Gate) Mark() Mark {
	// ended first: it follows begun, so equal values mean that no clear was
	// running at the moment begun was read.
	ended := g.ended.Load()
	begun := g.begun.Load()
	return Mark{begun: begun, ended: ended, quiet: begun == ended}
}

// Holds reports whether no clear was running at m and none has begun since.
func (g *Gate) Holds(m Mark) bool { return m.quiet && g.begun.Load() == m.begun }

// Before reports whether a clear has begun or ended between m and later, marks
// of one Gate: what began at m then is not for those who came at later.
func (m Mark) Before(later Mark) bool {
	return m.begun < later.begun || m.ended < later.ended
}
