package group_test

import (
	"context"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
	"weak"

	"github.com/reecho-go/reecho/internal/group"
	"github.com/reecho-go/reecho/observe"
)

// tagger is a member that notes its sweeps, of which one may take long.
type tagger struct {
	sweeper
	name  string
	group *group.Group
	hold  chan struct{} // nil, or what a sweep of tags waits for
	tags  atomic.Int64  // sweeps of tags that have ended
	early uint64        // what is in flight since then, plus 1; 0: nothing is
}

func (m *tagger) Name() string { return m.name }
func (m *tagger) SweepTags(bool) uint64 {
	if m.hold != nil {
		<-m.hold
	}
	m.tags.Add(1)
	if m.early > 0 {
		return m.early - 1
	}
	return m.group.Tags().Now()
}

// Each member is swept by itself, and not twice at a time.
func TestASweepIsNothingToOtherMembers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := group.New("g", nil)
		slow := &tagger{name: "slow", group: g, hold: make(chan struct{})}
		fast := &tagger{name: "fast", group: g}
		for _, m := range []group.Member{slow, fast} {
			if err := g.Add(m); err != nil {
				t.Fatal(err)
			}
		}
		for i := range 5 {
			if err := g.ClearTags(t.Context(), []string{"a"}); err != nil {
				t.Error(err)
			}
			g.Arm(g.Now())
			time.Sleep(3 * time.Second)
			synctest.Wait()
			if n := fast.tags.Load(); n != int64(i+1) || fast.sweeps.Load() < n {
				t.Errorf("the fast one was swept %d times and of tags %d times, want %d", fast.sweeps.Load(), n, i+1)
			}
		}
		if slow.sweeps.Load() != 1 || slow.tags.Load() != 0 {
			t.Errorf("the slow one was swept %d times", slow.sweeps.Load())
		}
		if n := g.Tags().Len(); n != 1 {
			t.Errorf("%d clears are remembered, of which the slow one may have something left", n)
		}
		close(slow.hold)
		time.Sleep(time.Hour)
		synctest.Wait()
		if slow.sweeps.Load() < 2 || slow.tags.Load() < 2 || g.Tags().Len() != 0 {
			t.Errorf("then it was swept %d times and of tags %d times, and %d clears are remembered", slow.sweeps.Load(), slow.tags.Load(), g.Tags().Len())
		}
		if err := g.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// A clear is remembered while any member may need it, and no longer.
func TestClearsOfTagsAreForgottenWhenNobodyNeedsThem(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := group.New("g", nil)
		a, b := &tagger{name: "a", group: g, early: 1}, &tagger{name: "b", group: g}
		for _, m := range []group.Member{a, b} {
			if err := g.Add(m); err != nil {
				t.Fatal(err)
			}
		}
		if err := g.ClearTags(t.Context(), []string{"x", "y"}); err != nil {
			t.Error(err)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if n := g.Tags().Len(); n != 2 {
			t.Errorf("%d clears are remembered, want 2", n)
		}
		late := &tagger{name: "late", group: g}
		if err := g.Add(late); err != nil {
			t.Error(err)
		}
		g.Remove(a)
		if n := g.Tags().Len(); n != 0 {
			t.Errorf("%d clears are remembered, want none", n)
		}
		if err := g.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// A timer keeps a group whose members hold more than memory, and no other.
func TestCollectableGroups(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		make func(string, observe.Observer) *group.Group
		want bool
	}{"with what has to be released": {group.New, false}, "memory": {group.NewCollectable, true}} {
		g := func() weak.Pointer[group.Group] {
			g := tt.make("g", nil)
			if err := g.Add(&sweeper{}); err != nil {
				t.Fatal(err)
			}
			g.Arm(g.Now() + int64(time.Hour))
			return weak.Make(g)
		}()
		collected := false
		patience := 20 * time.Millisecond
		if tt.want {
			patience = time.Minute
		}
		for end := time.Now().Add(patience); !collected && time.Now().Before(end); time.Sleep(time.Millisecond) {
			runtime.GC()
			collected = g.Value() == nil
		}
		if collected != tt.want {
			t.Errorf("%s: collected %v, want %v", name, collected, tt.want)
		}
		if g := g.Value(); g != nil {
			if err := g.Close(context.Background()); err != nil {
				t.Error(err)
			}
		}
	}
}
