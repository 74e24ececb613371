package flight

import (
	"context"
	"slices"
	"sync"

	"github.com/reecho-go/reecho/observe"
)

// CycleError says that a load was about to wait, directly or through other
// loads, for itself.
type CycleError = observe.CycleError

// node is a load in the graph of who waits for whom. A load that calls another
// cache is known by the node in its context.
type node struct {
	name    func() string
	tracker *Tracker
	parent  *node // the load that has started it and waits; nil: none
	keys    []Key // what it loads; written before the load begins

	mu    sync.Mutex
	waits map[*node]int // for how many of this load's callers
}

type nodeKey struct{}

type nodeContext struct {
	context.Context
	node *node
}

// Value implements context.Context.
func (c *nodeContext) Value(key any) any {
	if key == (nodeKey{}) {
		return c.node
	}
	return c.Context.Value(key)
}

func withNode(ctx context.Context, n *node) context.Context { return &nodeContext{ctx, n} }

// nodeOf returns the load that ctx belongs to, or nil.
func nodeOf(ctx context.Context) *node {
	n, _ := ctx.Value(nodeKey{}).(*node)
	return n
}

// await notes that n waits for target, unless that would close a circle.
//
// The edge is there before the search begins. So of several loads that close a
// circle together, the last one to add its edge sees all the others, and no
// lock is ever held on two nodes.
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
	e := &CycleError{Path: []string{n.name()}}
	for _, p := range path {
		e.Path = append(e.Path, p.name())
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
