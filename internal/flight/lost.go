package flight

import (
	"errors"
	"slices"
	"time"
)

// tooLong is how long callers wait for a call before its task is told, see [Staller].
const tooLong = 30 * time.Second

// errWithin says that a load would start another load of its own key.
var errWithin = errors.New("within a load of the same key")

// Staller is a Task that is told when its load keeps callers waiting for long.
type Staller interface {
	// Stalled is called once, outside all locks, if callers have waited for long
	// for a load without a limit. The load may be waiting for itself, with a
	// context that is not its own; this cannot be distinguished from a slow load.
	Stalled()
}

// watch starts the timer after which the task is told that callers wait too long. The
// shard's lock is held.
func (c *call) watch() {
	if task, ok := c.task.(Staller); ok && c.alarm == nil {
		c.alarm = time.AfterFunc(tooLong, task.Stalled)
	}
}

// within returns the load of key, of the same owner, that is n or waits for n, or nil.
func (t *Table) within(n *node, key Key) *node {
	for ; n != nil; n = n.parent {
		if n.tracker == t.tracker && slices.ContainsFunc(n.calls, func(c *call) bool { return c.key == key }) {
			return n
		}
	}
	return nil
}

// backTo returns the error of n, which would start another load of a key of outer.
func (n *node) backTo(outer *node) *CycleError {
	path := []string{outer.named.Name()}
	for at := n; at != outer; at = at.parent {
		path = append(path, at.named.Name())
	}
	path = append(path, outer.named.Name())
	slices.Reverse(path)
	return &CycleError{Path: path}
}
