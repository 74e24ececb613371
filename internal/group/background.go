package group

// workers is how many background tasks of a group run at a time.
const workers = 16

// Background runs fn in a goroutine of its own and reports true, unless 16 of the
// group's background tasks are running or the group is closed: then it does not
// run fn and reports false. Use it for refreshes and checks that can wait until
// they are requested again. The caller makes sure that fn ends when its member is
// closed.
func (g *Group) Background(fn func()) bool {
	if !g.Occupy() {
		return false
	}
	go func() {
		defer g.Vacate()
		fn()
	}()
	return true
}

// Occupy reserves the place of a background task for a goroutine of the caller,
// and reports whether a place was free; see [Group.Background]. The goroutine
// must call Vacate when it ends.
func (g *Group) Occupy() bool { return g.background.BeginOf(workers) }

// Vacate frees the place that Occupy reserved.
func (g *Group) Vacate() { g.background.End() }
