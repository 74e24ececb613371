package flight

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/reecho-go/reecho/observe"
)

// CycleError says that a load was about to wait, directly or through other
// loads, for itself.
type CycleError = observe.CycleError

// node is a load in the graph of loads that wait for each other. The context of a load
// carries its node, by which a call of another cache knows the load.
type node struct {
	named   named
	tracker *Tracker
	parent  *node   // the load that has started it and waits for it; nil: none
	calls   []*call // the calls that it answers; complete before the load begins

	mu    sync.Mutex
	waits map[*node]int // the loads that this one waits for, and how often
}

// named returns the name of a load, which only errors need.
type named interface{ Name() string }

type nodeKey struct{}

// detached is a context with the values of another one, and with a load. Like
// context.WithoutCancel it never ends. But context.Cause would find the cause of the
// other context, so detached must be the parent of a context that can be cancelled.
type detached struct {
	values context.Context // for its values
	node   *node
}

// Deadline implements context.Context.
func (*detached) Deadline() (end time.Time, ok bool) { return end, false }

// Done implements context.Context.
func (*detached) Done() <-chan struct{} { return nil }

// Err implements context.Context.
func (*detached) Err() error { return nil }

// Value implements context.Context.
func (d *detached) Value(key any) any {
	if key == (nodeKey{}) {
		return d.node
	}
	return d.values.Value(key)
}

// nodeOf returns the load that ctx belongs to, or nil.
func nodeOf(ctx context.Context) *node {
	n, _ := ctx.Value(nodeKey{}).(*node)
	return n
}

// await notes that n waits for target, unless that would close a cycle.
//
// It adds the edge before it searches. So if several loads close a cycle together, the
// last one to add its edge sees all other edges, and no goroutine ever locks two nodes.
func (n *node) await(target *node) error {
	n.mu.Lock()
	if n.waits == nil {
		n.waits = make(map[*node]int)
	}
	n.waits[target]++
	n.mu.Unlock()

	path := target.pathTo(n, make(map[*node]bool))
	if path == nil {
		return nil
	}
	n.release(target)
	e := &CycleError{Path: []string{n.named.Name()}}
	for _, p := range path {
		e.Path = append(e.Path, p.named.Name())
	}
	return e
}

func (n *node) release(target *node) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.waits[target]--; n.waits[target] == 0 {
		delete(n.waits, target)
	}
}

// pathTo returns the nodes from n to goal, both included, or nil.
func (n *node) pathTo(goal *node, seen map[*node]bool) []*node {
	if n == goal {
		return []*node{n}
	}
	if seen[n] {
		return nil
	}
	seen[n] = true
	for _, next := range n.targets() {
		if path := next.pathTo(goal, seen); path != nil {
			return slices.Insert(path, 0, n)
		}
	}
	return nil
}

func (n *node) targets() []*node {
	n.mu.Lock()
	defer n.mu.Unlock()
	targets := make([]*node, 0, len(n.waits))
	for t := range n.waits {
		targets = append(targets, t)
	}
	return targets
}
