package group

import "sync"

// mailboxSize is how many calls may wait; further ones are dropped.
const mailboxSize = 1024

// mailbox holds calls that must not be made under the lock where they were posted.
type mailbox struct {
	mu       sync.Mutex
	calls    []func()
	draining bool
}

// Post queues fn. One goroutine, which exists only while the queue is not empty,
// calls the queued functions in order. Use it to tell observers about events that
// happen under a lock. Post never waits: if 1024 calls are queued, or the group
// is closed, it drops fn.
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
		calls := g.mailbox.drain()
		if calls == nil {
			return
		}
		for _, fn := range calls {
			fn()
		}
	}
}

// drain empties the mailbox and returns its calls. If there are none, it notes that
// draining has ended, and returns nil.
func (m *mailbox) drain() []func() {
	m.mu.Lock()
	defer m.mu.Unlock()
	calls := m.calls
	m.calls = nil
	m.draining = calls != nil
	return calls
}
