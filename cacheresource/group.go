package cacheresource

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"

	"github.com/reecho-go/reecho/internal/group"
	"github.com/reecho-go/reecho/observe"
)

var defaultGroup = &Group{group.New("cacheresource", nil)}

// Default returns the group of the resources whose Config has no Group. Its name is
// "cacheresource". It lives as long as the program: close it only at the end.
func Default() *Group { return defaultGroup }

// NewGroup returns an empty group. Events carry its name, and in a Stack it must be
// unique.
func NewGroup(name string, cfg GroupConfig) (*Group, error) {
	if name == "" {
		return nil, errors.New("cacheresource: NewGroup: the name is empty")
	}
	return &Group{group.New(name, cfg.Observer)}, nil
}

// Name returns the group's name.
func (g *Group) Name() string { return g.group.Name() }

// Observe adds an observer, which receives the events of all resources of the group
// from now on. Use it to watch the group that [Default] returns. Nil does nothing.
// An observer cannot be removed.
func (g *Group) Observe(o observe.Observer) {
	if o != nil {
		g.group.Observe(o)
	}
}

// OnClear adds a hook that runs after each clear of the group or of one of its
// resources. A hook cannot be removed.
func (g *Group) OnClear(hook func(ctx context.Context, what observe.CacheClear)) {
	g.group.Hooks().Add(hook)
}

// Clear removes all instances of all resources; see [Resource.Clear].
func (g *Group) Clear(ctx context.Context) error {
	if err := g.group.Clear(ctx); err != nil {
		return fmt.Errorf("cacheresource: group %s: %w", g.Name(), err)
	}
	return nil
}

// query is what [Group.ClearBy] understands.
var query = group.Query{Who: "cacheresource: ClearBy", Name: "resource"}

// ClearBy clears what the query of an HTTP request names. Use it with a framework
// for which there is no ClearHandler. resource=NAME clears that resource, and an
// empty query clears all. Instances that are leased stay open until their leases
// end; the next call opens again. Any other query is an error and clears nothing:
// over HTTP it is 400 Bad Request, and an unknown resource is 404 Not Found. The
// other errors are those of Clear.
//
// A client who clears often makes every request slow: authorize it, as
// echov4.ClearHandler does.
func (g *Group) ClearBy(ctx context.Context, asked map[string][]string) error {
	if err := query.Check(asked); err != nil {
		return err
	}
	names := asked[query.Name]
	if len(names) == 0 {
		return g.Clear(ctx)
	}
	m := g.group.Member(names[0])
	if m == nil {
		return query.Unknown()
	}
	return m.(closer).clear(ctx)
}

// Close closes all resources of the group. It releases the instances of all
// resources in the reverse order of their opening, so an instance that was opened
// with the help of another one is released before that one. See [Resource.Close]
// for what it waits for.
func (g *Group) Close(ctx context.Context) error {
	ctx = drainFromNow(ctx)
	members := g.group.Seal()
	for _, m := range members {
		m.(closer).shut()
	}
	var all []*instance
	for _, m := range members {
		_ = m.(closer).settle(ctx) // the resource's own Close reports what is left
		all = append(all, m.(closer).unreleased()...)
	}
	_ = endAll(ctx, all) // what is left is reported by each resource
	if err := g.group.Close(ctx); err != nil {
		return fmt.Errorf("cacheresource: group %s: close: %w", g.Name(), err)
	}
	return nil
}

// Leased lists the instances that are leased now, in the order in which they were
// opened, and where their leases were taken, if LeakAge is set. Running checks
// and refreshes count as leases. Pins do not, nor do instances that were opened
// with the help of this one. It scans all instances.
func (g *Group) Leased() []LeasedInstance {
	var all []*instance
	for _, m := range g.group.Members() {
		all = append(all, m.(closer).unreleased()...)
	}
	slices.SortFunc(all, older)
	var leased []LeasedInstance
	for _, in := range all {
		if n := in.leases() - in.dependents.count(); n > 0 {
			leased = append(leased, LeasedInstance{Name: nameOf(in.source()), Leases: n, Sites: in.core.ledger.sites(in)})
		}
	}
	return leased
}

// Stats returns the sums of the counters of the resources that are in the
// group now.
func (g *Group) Stats() Stats {
	var sum Stats
	for _, m := range g.group.Members() {
		sum.add(m.(closer).stats())
	}
	return sum
}

// Resources returns the names of the resources of the group, in order of
// creation, and their counters.
func (g *Group) Resources() iter.Seq2[string, Stats] {
	return func(yield func(string, Stats) bool) {
		for _, m := range g.group.Members() {
			if !yield(m.Name(), m.(closer).stats()) {
				return
			}
		}
	}
}

// closer is what a group needs of a member beyond group.Member.
type closer interface {
	shut()
	settle(ctx context.Context) error
	unreleased() []*instance
	stats() Stats
	clear(ctx context.Context) error
}

// Name implements group.Member.
func (m *member) Name() string { return m.core.name }

// Reset implements group.Member.
func (m *member) Reset(context.Context) int { return m.core.reset() }

// Hooks implements group.Member.
func (m *member) Hooks() *group.Hooks { return &m.core.hooks }

// Sweep implements group.Member.
func (m *member) Sweep(now int64) int64 { return m.core.sweep(now) }

// Close implements group.Member.
func (m *member) Close(ctx context.Context) error { return m.core.close(ctx) }

func (m *member) settle(ctx context.Context) error { return m.core.settle(ctx) }

func (m *member) shut()                   { m.core.shut() }
func (m *member) unreleased() []*instance { return m.core.unreleased() }
func (m *member) stats() Stats            { return m.core.stats() }

func (m *member) clear(ctx context.Context) error { return m.core.clear(ctx) }
