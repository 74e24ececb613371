package group

// workers is how many background tasks of a group run at a time.
const workers = 16

// Background runs fn in a goroutine of its own and reports true, unless 16 of
// the group's background tasks run already or the group is closed: then nothing
// is run. It is for refreshes and checks that can wait until they are asked for
// again; whoever asks makes sure that fn ends when its member is closed.
func (g *Group) Background(fn func()) bool {
	if !g.background.BeginOf(workers) {
		return false
	}
	go func() {
		defer g.background.End()
		fn()
	}()
	return true
}
