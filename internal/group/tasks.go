package group

import (
	"context"
	"sync"
)

// Tasks counts goroutines, so that who has started them can wait until they have
// ended. It is for those that nobody can break off: sweeps, observers, and user
// code that may ignore its context. The zero Tasks is ready; it is safe for
// concurrent use.
//
// It is no sync.WaitGroup, which would tie a package variable to the first
// testing/synctest bubble that uses it, and whose Wait obeys no context.
type Tasks struct {
	mu      sync.Mutex
	running int
	closed  bool
	idle    []chan struct{} // closed when nothing runs
}

// Begin notes that something runs, unless they have been closed.
func (c *Tasks) Begin() bool { return c.BeginOf(0) }

// BeginOf is Begin for at most limit at a time; 0 is no limit.
func (c *Tasks) BeginOf(limit int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed || limit > 0 && c.running >= limit {
		return false
	}
	c.running++
	return true
}

// End notes that something has ended.
func (c *Tasks) End() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.running--; c.running > 0 {
		return
	}
	for _, idle := range c.idle {
		close(idle)
	}
	c.idle = nil
}

// Close lets nothing begin any more.
func (c *Tasks) Close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
}

// Wait waits until nothing runs, or ctx ends, and returns how many still run.
func (c *Tasks) Wait(ctx context.Context) (left int) {
	c.mu.Lock()
	if c.running == 0 {
		c.mu.Unlock()
		return 0
	}
	idle := make(chan struct{})
	c.idle = append(c.idle, idle)
	c.mu.Unlock()
	select {
	case <-idle:
		return 0
	case <-ctx.Done():
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.running
}
