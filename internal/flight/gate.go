package flight

import "sync/atomic"

// Gate orders clears and loads: a load takes a Mark when it begins, and may store
// its result only if no clear has run since. It counts the clears of one domain,
// such as a group of caches, that each take effect in several steps. Once a clear
// has ended, nothing that was loaded before its end or while it ran is kept, also
// when it was derived from something that this clear had not reached yet.
//
// The zero Gate is ready to use; all methods are safe for concurrent use and cost
// a few atomic operations.
type Gate struct {
	begun atomic.Uint64
	ended atomic.Uint64 // never more than begun
}

// Mark is a moment of a Gate. The zero Mark never holds.
type Mark struct {
	begun, ended uint64
	quiet        bool // no clear was running
}

// Clear runs the steps of a clear. A Mark that was taken before Clear returned
// does not hold afterwards.
func (g *Gate) Clear(steps func()) {
	g.begun.Add(1)
	defer g.ended.Add(1)
	steps()
}

// Mark returns the present moment. If a clear also replaces the container of the
// results, load the container first and take the mark second: then a new
// container comes with a mark from after its clear, or with one that never holds.
func (g *Gate) Mark() Mark {
	// ended first: it follows begun, so equal values mean that no clear was
	// running at the moment begun was read.
	ended := g.ended.Load()
	begun := g.begun.Load()
	return Mark{begun: begun, ended: ended, quiet: begun == ended}
}

// Holds reports whether no clear was running at m and no clear has begun since.
func (g *Gate) Holds(m Mark) bool { return m.quiet && g.begun.Load() == m.begun }

// Before reports whether a clear has begun or ended between m and later, which
// are marks of one Gate. If so, a caller that came at later must not get the
// result of a load that began at m.
func (m Mark) Before(later Mark) bool {
	return m.begun < later.begun || m.ended < later.ended
}
