package cachedata

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/reecho-go/reecho/observe"
)

// errNoTag says that a clear names no tag.
var errNoTag = errors.New("the tag is empty: name one, or use Clear for everything")

// ClearTag drops all results of this cache that have the tag, by Config.Tags or
// [Loading.AddTags], in constant time. When it has returned, no call that
// starts later gets such a result whose load had started before. Their memory
// comes back within seconds. Then it runs the hooks of the cache and of its
// group.
//
// There are no lists of who has a tag: a clear is a number, which the first
// read of a tagged result after it compares, in two lookups for each of the
// result's tags. Numbers are forgotten when no older result or load is left. Of
// more than 65,536 tags that are cleared until then, everything in the group
// that has a tag is dropped.
//
// The error is [ErrClosed], says that the tag is empty, or joins a
// [*PanicError] for each hook that panicked; the clear has taken effect then.
func (c *Cache[K, V]) ClearTag(ctx context.Context, tag string) error {
	return c.core.clearTag(ctx, tag)
}

func (c *core) clearTag(ctx context.Context, tag string) error {
	err := c.open()
	switch {
	case err != nil:
		return err
	case tag == "":
		err = errNoTag
	default:
		err = c.group.ClearTagOf(ctx, c.member, c.observer, tag)
	}
	if err != nil {
		return fmt.Errorf("cachedata: %s: ClearTag: %w", c.name, err)
	}
	return nil
}

// ClearTag drops all results of all caches that have the tag, in one step; see
// [Cache.ClearTag]. A cache's results that were derived from another's have to
// have the tag, too.
func (g *Group) ClearTag(ctx context.Context, tag string) error {
	err := errNoTag
	if tag != "" {
		err = g.group.ClearTag(ctx, tag)
	}
	if err != nil {
		return fmt.Errorf("cachedata: group %s: ClearTag: %w", g.Name(), err)
	}
	return nil
}

// ClearTag is [Group.ClearTag] of the default group.
func ClearTag(ctx context.Context, tag string) error { return Default().ClearTag(ctx, tag) }

// tagged returns tags without those that are empty or stand twice, sorted and
// in a slice of its own.
func tagged(tags ...[]string) []string {
	own := slices.Concat(tags...)
	slices.Sort(own)
	own = slices.Compact(own)
	if len(own) > 0 && own[0] == "" {
		own = own[1:]
	}
	return slices.Clip(own)
}

// tagCleared reports whether a tag of x, which may be nil, has been cleared
// since its load began. It looks at the tags only if any has been cleared since
// it did so last. Once it is true it stays so: the clear may be forgotten while
// somebody holds an entry that a sweep has found to be cleared.
func (c *core) tagCleared(x *extra) bool {
	if x == nil || len(x.tags) == 0 {
		return false
	}
	tags := c.group.Tags()
	checked := x.checked.Load()
	if checked == dead || checked == tags.Now() {
		return checked == dead
	}
	over, until := tags.Cleared(c.name, x.tags, x.born)
	if over {
		x.checked.Store(dead)
		return true
	}
	return !x.checked.CompareAndSwap(checked, until) && x.checked.Load() == dead
}

// dead is what stands in extra.checked once a tag has been cleared.
const dead = math.MaxUint64

// SweepTags implements group.Tagged.
func (m *member) SweepTags(walk bool) (oldest uint64) {
	return m.core.table.sweepTags(walk)
}

// sweepTags frees the entries that have a tag which was cleared. It returns the
// least number of clears before a load that is in flight.
func (t *table) sweepTags(walk bool) (oldest uint64) {
	r := t.era.Load()
	// The loads first: one that has ended by then has its entry in the engine.
	oldest = math.MaxUint64
	for _, task := range r.flights.Tasks() {
		oldest = min(oldest, task.(*load).oldest())
	}
	// Looked at second: what was being stored until then has set it.
	if !walk || !t.core.hasTags.Load() {
		return oldest
	}
	for id, e := range r.entries.all() {
		if !t.core.tagCleared(e.extra()) {
			continue
		}
		removed := false
		r.flights.Guard(id, func() { removed = r.entries.removeIf(id, e) })
		if removed {
			t.left(context.Background(), id, e, observe.CauseCleared)
		}
	}
	return oldest
}
