package group

import (
	"context"
	"errors"
	"sync"

	"github.com/reecho-go/reecho/internal/epoch"
	"github.com/reecho-go/reecho/observe"
)

// tagRest is how many times as long as the last sweep of tags took there is
// none: so that they cost at most a twentieth of a processor.
const tagRest = 20

// Tagged is a Member whose entries may have tags.
type Tagged interface {
	// SweepTags frees the entries that have a tag which was cleared, if walk
	// says that any may have. It returns the least number, by [Group.Tags], at
	// which something began that may still become an entry.
	SweepTags(walk bool) (oldest uint64)
}

// tagSweep is what is known of the sweeps of tags.
type tagSweep struct {
	mu     sync.Mutex
	walked uint64 // the clears of tags before the last walk
	after  int64  // when the next sweep may be
}

// Tags orders the clears of tags against the members' loads.
func (g *Group) Tags() *epoch.Tags { return &g.tags }

// ClearTag clears what has a tag in all members, tells the observer, and runs
// the hooks of every member and of the group. It takes one step, whatever the
// members hold; a sweep frees it. The error joins the panics of hooks.
func (g *Group) ClearTag(ctx context.Context, tag string) error {
	g.clearTag(epoch.Tag{Name: tag})
	observe.Emit(ctx, g.observer, observe.CacheClear{Source: observe.Source{Group: g.name}, Tag: tag})
	what := Cleared{Group: g.name, Tag: tag}
	var errs []error
	for _, m := range g.Members() {
		of := what
		of.Cache = m.Name()
		errs = append(errs, m.Hooks().run(ctx, of))
	}
	errs = append(errs, g.hooks.run(ctx, what))
	return errors.Join(errs...)
}

// ClearTagOf is ClearTag for one member; it tells that member's observer.
func (g *Group) ClearTagOf(ctx context.Context, m Member, observer observe.Observer, tag string) error {
	g.clearTag(epoch.Tag{Member: m.Name(), Name: tag})
	return g.Tell(ctx, m, observer, Cleared{Tag: tag})
}

func (g *Group) clearTag(tag epoch.Tag) {
	g.tags.Clear(tag)
	g.Arm(g.Now())
}

// sweepTags frees what has tags that were cleared, forgets these clears, and
// returns when to do so again. While something is in flight that began before a
// clear, the clear is remembered.
func (g *Group) sweepTags(now int64) (next int64) {
	if g.tags.Len() == 0 {
		return Never
	}
	s := &g.tagSweep
	if !s.mu.TryLock() {
		return now // another sweep is not over yet
	}
	defer s.mu.Unlock()
	if now < s.after {
		return s.after
	}
	began := g.Now()
	// Whatever is not among the members' entries, nor in flight in them, when
	// they are asked, begins after this.
	count := g.tags.Now()
	oldest := count
	for _, m := range g.Members() {
		if t, ok := m.(Tagged); ok {
			oldest = min(oldest, t.SweepTags(count != s.walked))
		}
	}
	s.walked = count
	g.tags.Prune(oldest)
	ended := g.Now()
	s.after = ended + tagRest*(ended-began)
	if g.tags.Len() == 0 {
		return Never
	}
	return s.after
}
