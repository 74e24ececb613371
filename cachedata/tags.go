package cachedata

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"sort"
	"strings"

	"github.com/reecho-go/reecho/observe"
)

// errNoTag says that a clear names no tag.
var errNoTag = errors.New("the tag is empty: name one, or use Clear for everything")

// ClearTag drops all results and remembered errors of this cache that have one
// of the tags, by Funcs.Tags, Funcs.KeyTags, [Loading.AddTags] or
// [PutOptions], in one step, whatever it holds. When it has returned, no call
// that starts later gets such a result whose load had started before. Their
// memory comes back within seconds. Then it runs the hooks of the cache and of
// its group, once for each tag.
//
// There are no lists of who has a tag: a clear is a number, which the first
// read of a tagged result after it compares, in two lookups for each of the
// result's tags. Numbers are forgotten when no older result or load is left. Of
// more than 65,536 tags that are cleared until then, or of more than 8 MiB of
// their names, everything in the group that has a tag is dropped.
//
// The error is [ErrClosed], says that there is no tag or an empty one, in which
// case nothing is cleared, or joins a [*PanicError] for each hook that panicked;
// the clear has taken effect then.
func (c *Cache[K, V]) ClearTag(ctx context.Context, tags ...string) error {
	return c.core.clearTag(ctx, tags)
}

func (c *core) clearTag(ctx context.Context, tags []string) error {
	err := errors.Join(c.openTo(ctx), checkTags(tags))
	if err == nil {
		noteClear(ctx, c)
		defer clearing(ctx, tags, c)()
		err = c.group.ClearTagsOf(ctx, c.member, c.observer, tags)
	}
	if err != nil {
		return fmt.Errorf("cachedata: %s: ClearTag: %w", c.name, err)
	}
	return nil
}

// ClearTag drops all results of all caches that have one of the tags, in one
// step; see [Cache.ClearTag]. A cache's results that were derived from another's
// have to have the tag, too.
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

// checkTags says what is wrong with the tags of a clear.
func checkTags(tags []string) error {
	if len(tags) == 0 || slices.Contains(tags, "") {
		return errNoTag
	}
	return nil
}

// tagged returns tags without those that are empty or stand twice, sorted, and
// in memory of its own: they may be parts of something larger.
func tagged(tags ...[]string) []string {
	own := slices.Concat(tags...)
	if !slices.IsSorted(own) {
		sort.Stable(sort.StringSlice(own)) // slices.Sort and sort.Strings are 5 KB more of code
	}
	own = slices.Compact(own)
	if len(own) > 0 && own[0] == "" {
		own = own[1:]
	}
	text := strings.Join(own, "")
	for i, tag := range own {
		own[i], text = text[:len(tag)], text[len(tag):]
	}
	return slices.Clip(own)
}

// tagCleared reports whether a tag of x, which may be nil, has been cleared
// since its load began. It looks at the tags only if any has been cleared since
// it did so last. It stays true: clears are forgotten only when all entries have
// been looked at, and what was none of them by then counts as cleared, for those
// who still hold it.
func (c *core) tagCleared(x *annotations) bool {
	if x == nil || len(x.tags) == 0 {
		return false
	}
	tags := c.group.Tags()
	checked := x.checked.Load()
	if checked == beingPut || checked == tags.Now() {
		return checked == beingPut
	}
	cleared, until := tags.Cleared(c.name, x.tags, checked)
	if !cleared {
		x.checked.CompareAndSwap(checked, until)
	}
	return cleared
}

// beingPut is what stands in annotations.checked of an entry that is being put.
const beingPut = math.MaxUint64

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
		if r.over() {
			break // a clear has come, and freed it all
		}
		if !t.core.tagCleared(e.annotations()) {
			continue
		}
		removed := false
		r.flights.Guard(id, func() {
			removed = t.core.tagCleared(e.annotations()) && r.entries.removeIf(id, e) // it may have been in the middle of a Put
		})
		if removed {
			t.left(context.Background(), r, id, e, observe.CauseCleared)
		}
	}
	return oldest
}
