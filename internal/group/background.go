package group

// workers is how many background tasks of a group run at a time.
const workers = 16

// Background runs fn in a goroutine of its own and reports true, unless 16 of
// the group's background tasks run already or the group is closed: then nothing
// is run. It is for refreshes and checks that can wait until they are asked for
// again; whoever asks makes sure that fn ends when its member is closed.
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

// Occupy takes the place of a background task for a goroutine of the caller's
// and reports true, unless there is none; see [Group.Background]. When the
// goroutine ends, it calls Vacate.
func (g *Group) Occupy() bool { return g.background.BeginOf(workers) }

// Vacate gives back what Occupy took.
func (g *Group) Vacate() { g.background.End() }
