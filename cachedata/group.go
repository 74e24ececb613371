package cachedata

import (
	"context"
	"errors"
	"fmt"

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
	// together, beside the bounds of each cache; see Config.MaxBytes. Each cache
	// is guaranteed an equal share. If all together exceed the bound, one of the
	// caches with more than its share evicts the results least likely to be used
	// again: the one with the fewest recent calls per byte. The event
	// [observe.CacheFull] reports the first eviction of this kind. A burst may
	// exceed the bound for a moment. Default 0: an eighth of the memory that the
	// process may use when the first result is stored, and at least 32 MiB, for
	// those caches of this group that have no MaxBytes of their own. The memory
	// is the least of GOMEMLIMIT, the limits of the cgroup and, on Linux, what
	// the machine has; 2 GiB where none of these is known. Use math.MaxInt64 for
	// no bound. Negative is an error.
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

// needs returns an error if ctx is nil.
func (g *Group) needs(ctx context.Context) error {
	if ctx == nil {
		return fmt.Errorf("cachedata: group %s: the context is nil: pass that of the request, or context.Background()", g.Name())
	}
	return nil
}

// query is what [Group.ClearBy] understands.
var query = group.Query{Who: "cachedata: ClearBy", Name: "cache", Tags: "tag"}

// Close closes all caches of the group, the youngest first; see [Cache.Close]. No
// cache can be added afterwards. It waits for observers that are receiving events
// of evictions. The error joins those of the caches.
func (g *Group) Close(ctx context.Context) error { return g.group.Close(ctx) }
