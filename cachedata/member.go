package cachedata

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/reecho-go/reecho/internal/group"
	"github.com/reecho-go/reecho/observe"
)

// AnyCache is a [Cache] without its type parameters. Use it in dashboards and
// other code that lists the caches of a group.
type AnyCache interface {
	Name() string
	Config() Config
	Stats() Stats
	Entries() iter.Seq[EntryInfo]
	Clear(ctx context.Context) error
	ClearTag(ctx context.Context, tags ...string) error
	Close(ctx context.Context) error
}

// member is a cache as its group sees it.
type member struct {
	core *core
	self AnyCache
	used usage
}

// bytes implements shareholder.
func (m *member) bytes() int64 {
	if m.core.budget == nil {
		return 0
	}
	return m.core.table.bytes()
}

// shrink implements shareholder.
func (m *member) shrink(bytes int64) int64 { return m.core.table.shrink(bytes) }

// calls implements shareholder.
func (m *member) calls() uint64 { return m.core.counters.calls() }

// usage implements shareholder.
func (m *member) usage() *usage { return &m.used }

// full implements shareholder.
func (m *member) full(most int64, given bool) {
	observe.Emit(context.Background(), m.core.observer, observe.CacheFull{
		Source: observe.Source{Group: m.core.group.Name(), Cache: m.core.name}, MaxBytes: most, Default: !given,
	})
}

// Name implements group.Member.
func (m *member) Name() string { return m.core.name }

// Reset implements group.Member.
func (m *member) Reset(context.Context) int { return m.core.reset() }

// Hooks implements group.Member.
func (m *member) Hooks() *group.Hooks { return &m.core.hooks }

// Sweep implements group.Member.
func (m *member) Sweep(now int64) int64 {
	return m.core.table.sweep(now)
}

// SweepTags implements group.Tagged.
func (m *member) SweepTags(walk bool) (oldest uint64) {
	return m.core.table.sweepTags(walk)
}

// Close implements group.Member.
func (m *member) Close(ctx context.Context) error { return m.core.close(ctx) }

// close is [Cache.Close].
func (c *core) close(ctx context.Context) error {
	c.closed.Store(true)
	err := c.tracker.Close(ctx)
	if c.second != nil {
		err = errors.Join(err, c.second.level.Close(ctx))
	}
	c.reset()
	if c.sessions != nil {
		c.sessions.visits.Close()
	}
	c.group.Remove(c.member)
	if err != nil {
		return fmt.Errorf("cachedata: %s: close: %w", c.name, err)
	}
	return nil
}

// Caches returns the caches of the group in order of creation.
func (g *Group) Caches() []AnyCache {
	members := g.group.Members()
	caches := make([]AnyCache, len(members))
	for i, m := range members {
		caches[i] = m.(*member).self
	}
	return caches
}

// cache returns the cache of that name, or nil.
func (g *Group) cache(name string) AnyCache {
	if m, ok := g.group.Member(name).(*member); ok {
		return m.self
	}
	return nil
}

// Stats returns the sums of the counters of the caches that are in the group
// now.
func (g *Group) Stats() Stats {
	var sum Stats
	for _, c := range g.Caches() {
		sum.add(c.Stats())
	}
	return sum
}

// ClearBy clears what the query of an HTTP request names. Use it with a framework
// for which there is no ClearHandler. The query may be:
//
//   - cache=NAME, which clears that cache;
//   - tag=TAG, once or several times, which clears the results that have one of
//     the tags, as [Group.ClearTag] does;
//   - both, which clears the results of that cache that have one of the tags;
//   - empty, which clears everything.
//
// Any other query, such as one with an empty tag, is an error and clears nothing,
// so that a typing error never clears everything. Over HTTP it is 400 Bad
// Request, and an unknown cache is 404 Not Found. The other errors are those of
// Clear and ClearTag.
//
// A client who clears often makes every request slow: authorize it, as
// echov4.ClearHandler does.
func (g *Group) ClearBy(ctx context.Context, asked map[string][]string) error {
	if err := query.Check(asked); err != nil {
		return err
	}
	var what interface {
		Clear(ctx context.Context) error
		ClearTag(ctx context.Context, tags ...string) error
	} = g
	if names := asked[query.Name]; len(names) > 0 {
		cache := g.cache(names[0])
		if cache == nil {
			return query.Unknown()
		}
		what = cache
	}
	if tags := asked[query.Tags]; len(tags) > 0 {
		return what.ClearTag(ctx, tags...)
	}
	return what.Clear(ctx)
}

// Clear drops all results of all caches, in constant time for each. A call that
// starts after Clear has returned never gets a result whose load had started
// before, nor one that a cache has derived from such a result of another. Clear
// then runs the hooks of the caches and of the group. The error joins a
// [*PanicError] for each hook that panicked; the results are dropped then too.
func (g *Group) Clear(ctx context.Context) error {
	if err := g.needs(ctx); err != nil {
		return err
	}
	noteClear(ctx, g.group)
	defer clearing(ctx, nil, g.cores()...)()
	if err := g.group.Clear(ctx); err != nil {
		return fmt.Errorf("cachedata: group %s: %w", g.Name(), err)
	}
	return nil
}

// ClearTag drops all results of all caches that have one of the tags, in one
// step; see [Cache.ClearTag]. Results that one cache derives from those of
// another are dropped only if they have the tag themselves.
func (g *Group) ClearTag(ctx context.Context, tags ...string) error {
	err := errors.Join(g.needs(ctx), checkTags(tags))
	if err == nil {
		noteClear(ctx, g.group)
		defer clearing(ctx, tags, g.cores()...)()
		err = g.group.ClearTags(ctx, tags)
	}
	if err != nil {
		return fmt.Errorf("cachedata: group %s: ClearTag: %w", g.Name(), err)
	}
	return nil
}

// cores are those of the caches that are in the group now.
func (g *Group) cores() (all []*core) {
	for _, m := range g.group.Members() {
		if m, ok := m.(*member); ok {
			all = append(all, m.core)
		}
	}
	return all
}
