package cacheresource

import (
	"context"
	"slices"
)

type dependenciesKey struct{}

// openContext is the context of an open. Resources that the open uses find the
// dependencies in it, to add their leases. In the context of a check these are nil.
type openContext struct {
	context.Context
	dependencies *dependencies
}

// Value implements context.Context.
func (c *openContext) Value(key any) any {
	if key == (dependenciesKey{}) {
		return c.dependencies
	}
	return c.Context.Value(key)
}

// lease leases in, which the caller holds, until the instance that is being opened has
// been released. It does nothing if the open is over.
func (d *dependencies) lease(in *instance) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.sealed {
		return
	}
	in.lease()
	in.dependents.add(d.of)
	d.leased = append(d.leased, in)
}

func (d *dependencies) seal() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.sealed = true
}

// detach ends the collecting of leases and returns them.
func (d *dependencies) detach() []*instance {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.sealed = true
	leased := d.leased
	d.leased = nil
	return leased
}

func (d *dependents) add(user *instance) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.list = append(d.list, user)
}

func (d *dependents) remove(user *instance) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if i := slices.Index(d.list, user); i >= 0 {
		d.list = slices.Delete(d.list, i, i+1)
	}
}

func (d *dependents) count() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.list)
}

// names returns the names of the instances in the list.
func (d *dependents) names() []string {
	d.mu.Lock()
	users := slices.Clone(d.list)
	d.mu.Unlock()
	var names []string
	for _, user := range users {
		names = append(names, nameOf(user.source()))
	}
	slices.Sort(names)
	return slices.Compact(names)
}
