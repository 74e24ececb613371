package cacheresource

import (
	"context"
	"slices"
	"sync"
)

// inner are the leases of what an instance was opened with. They end when it
// has been released, so that nothing is taken from under it.
type inner struct {
	owner held

	mu     sync.Mutex
	sealed bool // the open is over: nothing is added any more
	held   []held
}

type innerKey struct{}

// innerContext is the context of an open; resources that are used in it find
// what holds them. In that of a check they find nil.
type innerContext struct {
	context.Context
	inner *inner
}

// Value implements context.Context.
func (c *innerContext) Value(key any) any {
	if key == (innerKey{}) {
		return c.inner
	}
	return c.Context.Value(key)
}

// lease leases an instance, which its caller holds, until the outer one has
// been released, unless the open is over.
func (i *inner) lease(in held) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.sealed {
		return
	}
	in.lease()
	in.usedBy().add(i.owner)
	i.held = append(i.held, in)
}

func (i *inner) seal() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.sealed = true
}

// drop ends the leases, the last one first.
func (i *inner) drop() {
	for _, in := range slices.Backward(i.take()) {
		in.usedBy().remove(i.owner)
		in.giveBack()
	}
}

// absorb takes over the leases of another one, without having two of the same
// instance.
func (i *inner) absorb(other *inner) {
	i.mu.Lock()
	defer i.mu.Unlock()
	for _, in := range other.take() {
		in.usedBy().remove(other.owner)
		if slices.Contains(i.held, in) {
			in.giveBack()
			continue
		}
		in.usedBy().add(i.owner)
		i.held = append(i.held, in)
	}
}

// take ends the collecting of leases and returns them.
func (i *inner) take() []held {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.sealed = true
	held := i.held
	i.held = nil
	return held
}

// outer are the instances that were opened with an instance; one may be in it
// several times.
type outer struct {
	mu sync.Mutex
	of []held
}

func (o *outer) add(user held) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.of = append(o.of, user)
}

func (o *outer) remove(user held) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if i := slices.Index(o.of, user); i >= 0 {
		o.of = slices.Delete(o.of, i, i+1)
	}
}

func (o *outer) count() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.of)
}

// names names the users.
func (o *outer) names() []string {
	o.mu.Lock()
	users := slices.Clone(o.of)
	o.mu.Unlock()
	var names []string
	for _, user := range users {
		names = append(names, nameOf(user.source()))
	}
	slices.Sort(names)
	return slices.Compact(names)
}
