package cachedata

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/reecho-go/reecho/internal/group"
	"github.com/reecho-go/reecho/observe"
)

// Group is a set of caches that are cleared, closed and watched together. Each has
// a name that is unique in the group. Make it with [NewGroup], or use [Default]. All methods
// are safe for concurrent use. A Group is a plugin for a middleware.Stack: then
// the Stack's Close closes it.
type Group struct {
	group  *group.Group
	budget *budget
}

// GroupConfig configures a [Group]. The zero value is fine.
type GroupConfig struct {
	// MaxBytes bounds how many bytes the results of all caches of the group take
	// together, beside the bounds of each cache; see Config.MaxBytes. Each cache is
	// sure of an equal share. If all together exceed the bound, the results least
	// likely to be used again leave: from the cache with more than its share that
	// was called least, lately, for the bytes it holds. The first time is an event,
	// [observe.CacheFull]. A burst may exceed the bound for a moment.
	// Default 0: an eighth of the memory that the process may use when the first
	// result is stored, and at least 32 MiB, for those caches of this group that
	// have no MaxBytes of their own. The memory is the least of GOMEMLIMIT, the
	// limits of the cgroup and, on Linux, what the machine has; 2 GiB where none
	// of these is known. Use math.MaxInt64 for no bound. Negative is an error.
	MaxBytes int64
	// Observer receives the events of all caches of the group; see Config.Observer
	// for its cost. Default nil: none.
	Observer observe.Observer
}

var defaultGroup = newGroup("cachedata", GroupConfig{})

func newGroup(name string, cfg GroupConfig) *Group {
	g := group.NewCollectable(name, cfg.Observer)
	return &Group{group: g, budget: newBudget(g, cfg.MaxBytes)}
}

// Default returns the group of the caches whose Config has no Group. Its name is
// "cachedata", and its GroupConfig is zero. It lives as long as the program: close
// it only at the end.
func Default() *Group { return defaultGroup }

// NewGroup returns an empty group. Events carry its name, and in a Stack it must be
// unique.
func NewGroup(name string, cfg GroupConfig) (*Group, error) {
	if name == "" {
		return nil, errors.New("cachedata: NewGroup: the name is empty")
	}
	if cfg.MaxBytes < 0 {
		return nil, fmt.Errorf("cachedata: NewGroup(%q): MaxBytes is %d: use 0 for the default, or math.MaxInt64 for no bound", name, cfg.MaxBytes)
	}
	return newGroup(name, cfg), nil
}

// Name returns the group's name.
func (g *Group) Name() string { return g.group.Name() }

// Observe adds an observer, which receives the events of all caches of the group
// from now on. Use it to watch the group that [Default] returns. Nil does nothing.
// An observer cannot be removed.
func (g *Group) Observe(o observe.Observer) {
	if o != nil {
		g.group.Observe(o)
	}
}

// OnClear adds a hook that runs after each clear of the group or of one of its
// caches; see Config.OnClear. A hook cannot be removed.
func (g *Group) OnClear(hook func(ctx context.Context, what observe.CacheClear)) {
	g.group.Hooks().Add(hook)
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

// needs returns an error if ctx is nil.
func (g *Group) needs(ctx context.Context) error {
	if ctx == nil {
		return fmt.Errorf("cachedata: group %s: the context is nil: pass that of the request, or context.Background()", g.Name())
	}
	return nil
}

// query is what [Group.ClearBy] understands.
var query = group.Query{Who: "cachedata: ClearBy", Name: "cache", Tags: "tag"}

// ClearBy clears what the query of a request names, for hosts of other frameworks
// than those with a ClearHandler:
//
//   - cache=NAME clears that cache;
//   - tag=TAG, once or several times, clears what has one of the tags, as
//     [Group.ClearTag] does;
//   - both together clear what has one of the tags in that cache;
//   - an empty query clears everything.
//
// Any other query, such as an empty tag, is an error and clears nothing, so that a
// typing error does not clear everything. Over HTTP it is 400 Bad Request, and an
// unknown cache is 404 Not Found. The other errors are those of Clear and ClearTag.
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

// Close closes all caches of the group, the youngest first; see [Cache.Close].
// No cache can be added any more. It waits for observers that are being told
// about evictions. The error joins those of the caches.
func (g *Group) Close(ctx context.Context) error { return g.group.Close(ctx) }

// Stats returns the sums of the counters of the caches that are in the group
// now.
func (g *Group) Stats() Stats {
	var sum Stats
	for _, c := range g.Caches() {
		sum.add(c.Stats())
	}
	return sum
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

// AnyCache is a [Cache] whose types are not known, for dashboards and other code
// that lists the caches of a group.
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

// Close implements group.Member.
func (m *member) Close(ctx context.Context) error { return m.core.close(ctx) }
