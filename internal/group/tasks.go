package group

import "sync"

// tasks counts the goroutines that a group has started, so that Close can wait
// for them. It is no sync.WaitGroup, which would tie a package variable to the
// first testing/synctest bubble that uses it.
type tasks struct {
	mu      sync.Mutex
	running int
	closed  bool
	idle    chan struct{} // closed when the last one ends after close
}

// begin notes a task, unless the group is closed.
func (t *tasks) begin() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return false
	}
	t.running++
	return true
}

func (t *tasks) end() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.running--
	if t.running == 0 && t.idle != nil {
		close(t.idle)
		t.idle = nil
	}
}

// close lets no task begin any more and waits for those that run.
func (t *tasks) close() {
	t.mu.Lock()
	t.closed = true
	if t.running > 0 && t.idle == nil {
		t.idle = make(chan struct{})
	}
	idle := t.idle
	t.mu.Unlock()
	if idle != nil {
		<-idle
	}
}
