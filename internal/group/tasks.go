package group

import (
	"context"
	"sync"
)

// Tasks counts goroutines, so that their owner can wait until they have ended.
// Use it for goroutines that cannot be cancelled: sweeps, observers, and user
// code that may ignore its context. The zero Tasks is ready; it is safe for
// concurrent use.
//
// It does not use a sync.WaitGroup, because that would tie a package variable to
// the first testing/synctest bubble that uses it, and its Wait takes no context.
type Tasks struct {
	mu      sync.Mutex
	running int
	closed  bool
	idle    []chan struct{} // closed when nothing runs
}

// Begin counts a goroutine and reports true, or reports false if c is closed.
func (c *Tasks) Begin() bool { return c.BeginOf(0) }

// BeginOf is Begin with a limit of goroutines at a time; 0 means no limit.
func (c *Tasks) BeginOf(limit int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed || limit > 0 && c.running >= limit {
		return false
	}
	c.running++
	return true
}

// End notes that a goroutine has ended.
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

// Close makes Begin report false from now on.
func (c *Tasks) Close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
}

// Wait waits until all goroutines have ended or ctx ends, and returns how many
// are still running.
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
