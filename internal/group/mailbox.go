package group

import "sync"

// mailboxSize is how many calls may wait; more are dropped.
const mailboxSize = 1024

// mailbox holds calls that somebody under a lock has left for later.
type mailbox struct {
	mu       sync.Mutex
	calls    []func()
	draining bool
}

// Post has fn called soon, in order, by one goroutine that lives only while
// there is something to call. It is for telling observers about what happens
// under a lock, and never waits: when 1024 calls are waiting, or the group is
// closed, fn is dropped.
func (g *Group) Post(fn func()) {
	m := &g.mailbox
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.calls) == mailboxSize {
		return
	}
	if !m.draining {
		if !g.tasks.Begin() {
			return
		}
		m.draining = true
		go g.drain()
	}
	m.calls = append(m.calls, fn)
}

func (g *Group) drain() {
	defer g.tasks.End()
	for {
		calls := g.mailbox.take()
		if calls == nil {
			return
		}
		for _, fn := range calls {
			fn()
		}
	}
}

// take empties the mailbox; nil means that the draining has ended.
func (m *mailbox) take() []func() {
	m.mu.Lock()
	defer m.mu.Unlock()
	calls := m.calls
	m.calls = nil
	m.draining = calls != nil
	return calls
}
