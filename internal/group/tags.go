package group

import (
	"context"
	"errors"

	"github.com/reecho-go/reecho/observe"
)

// tagRest is how long a member's tags are not swept after a sweep, as a multiple of the time
// that the sweep took. So sweeps use at most a twentieth of a processor.
const tagRest = 20

// Tagged is a Member whose entries may have tags.
type Tagged interface {
	// SweepTags frees the entries that have a cleared tag. If walk is false,
	// no entry has one. It returns the least number of [Group.Tags] at which a load
	// began that may still store an entry.
	SweepTags(walk bool) (oldest uint64)
}

// Tags returns the record that orders the clears of tags and the members' loads.
func (g *Group) Tags() *Tags { return &g.tags }

// ClearTags clears the entries of all members that have any of the tags, in one
// step however many they are; later sweeps free them. Then, for each tag, it
// tells the observer, and runs the hooks of every member and of the group. The
// error joins the panics of hooks.
func (g *Group) ClearTags(ctx context.Context, tags []string) error {
	g.CutTags("", tags)
	var errs []error
	for _, tag := range tags {
		what := observe.CacheClear{Source: observe.Source{Group: g.name}, Tag: tag}
		observe.Emit(ctx, &g.watchers, what)
		for _, m := range g.Members() {
			of := what
			of.Cache = m.Name()
			errs = append(errs, m.Hooks().run(ctx, of))
		}
		errs = append(errs, g.hooks.run(ctx, what))
	}
	return errors.Join(errs...)
}

// ClearTagsOf is ClearTags for one member; it tells that member's observer.
func (g *Group) ClearTagsOf(ctx context.Context, m Member, observer observe.Observer, tags []string) error {
	g.CutTags(m.Name(), tags)
	var errs []error
	for _, tag := range tags {
		errs = append(errs, g.Tell(ctx, m, observer, observe.CacheClear{Tag: tag}))
	}
	return errors.Join(errs...)
}

// ExpireTagsOf makes the results of one member that have any of tags stale, and tells
// that member's observer. No hooks run, because it is no clear.
func (g *Group) ExpireTagsOf(ctx context.Context, m Member, observer observe.Observer, tags []string) {
	g.cut(m.Name(), tags, true)
	for _, tag := range tags {
		observe.Emit(ctx, observer, observe.CacheClear{Source: observe.Source{Group: g.name, Cache: m.Name()}, Tag: tag, Soft: true})
	}
}

// CutTags clears the entries with any of the tags names in one member, or in all
// members if member is "". It sends no events and runs no hooks.
func (g *Group) CutTags(member string, names []string) { g.cut(member, names, false) }

func (g *Group) cut(member string, names []string, soft bool) {
	tags := make([]Tag, len(names))
	for i, name := range names {
		tags[i] = Tag{member, name, soft}
	}
	g.tags.Clear(tags...)
	g.Arm(g.Now())
}

// sweepTags frees the entries of a member that have a cleared tag, and returns when to
// sweep again. A clear is remembered while a load is in flight that began before it.
// sweepTags is called once at a time for each member.
func (g *Group) sweepTags(s *seat) (next int64) {
	m, ok := s.member.(Tagged)
	// The member is asked after this line: a load that is not in flight by then
	// begins with a later number.
	count := g.tags.Now()
	if !ok || s.swept.Load() >= count {
		return Never
	}
	began := g.Now()
	if began < s.after {
		return s.after
	}
	swept := min(count, m.SweepTags(count != s.walked))
	s.walked = count
	s.swept.Store(swept)
	g.forget()
	ended := g.Now()
	s.after = ended + tagRest*(ended-began)
	if swept == count {
		return Never
	}
	return s.after
}

// forget forgets the clears of tags whose entries all members have freed.
func (g *Group) forget() {
	until := g.tags.Now()
	for _, s := range g.everybody() {
		until = min(until, s.swept.Load())
	}
	g.tags.Prune(until)
}
