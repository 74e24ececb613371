package cachedata

// Tests of moments that only a look inside can hold up. They hold locks while
// they wait, and so cannot use the time of testing/synctest.

import (
	"context"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"

	"github.com/reecho-go/reecho/internal/group"
)

// slowMember is a member whose Reset takes as long as the test likes.
type slowMember struct {
	hooks   group.Hooks
	entered chan chan struct{}
}

func (m *slowMember) Name() string { return "slow" }
func (m *slowMember) Reset(context.Context) int {
	release := make(chan struct{})
	m.entered <- release
	<-release
	return 0
}
func (m *slowMember) Hooks() *group.Hooks         { return &m.hooks }
func (m *slowMember) Sweep(int64) int64           { return group.Never }
func (m *slowMember) Close(context.Context) error { return nil }
func (m *slowMember) bytes() int64                { return 0 }
func (m *slowMember) shrink(int64) int64          { return 0 }
func (m *slowMember) calls() uint64               { return 0 }
func (m *slowMember) usage() *usage               { return new(usage) }
func (m *slowMember) full(int64, bool)            {}

// X1: of two clears of a group that overlap, the first has returned: a call
// that starts later must not get what was derived, while it ran, from what it had
// not reached yet.
func TestOverlappingClearsOfAGroup(t *testing.T) {
	t.Parallel()
	g, err := NewGroup("g", GroupConfig{})
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	var origin, loads atomic.Int64
	origin.Store(1)
	read, goOn := make(chan struct{}), make(chan struct{})
	var a *Cache[int, int64]
	derived := Must(New("derived", func(ctx context.Context, k int) (int64, error) {
		v, err := a.Get(ctx, k)
		if loads.Add(1) == 1 {
			close(read)
			<-goOn
		}
		return v, err
	}, Config{Group: g}))
	slow := &slowMember{entered: make(chan chan struct{})}
	if err := g.group.Add(slow); err != nil {
		t.Fatal(err)
	}
	a = Must(New("a", func(context.Context, int) (int64, error) { return origin.Load(), nil }, Config{Group: g}))

	if v, _ := a.Get(ctx, 7); v != 1 {
		t.Fatal(v)
	}
	origin.Store(2)
	first, second := make(chan struct{}), make(chan struct{})
	go func() { _ = g.Clear(ctx); close(first) }()
	releaseFirst := <-slow.entered
	go func() { _ = g.Clear(ctx); close(second) }()
	releaseSecond := <-slow.entered
	go func() { _, _ = derived.Get(ctx, 7) }() // while both run: it reads 1 from a
	<-read
	close(releaseFirst)
	<-first // the first clear has returned

	later := make(chan int64)
	go func() { v, _ := derived.Get(ctx, 7); later <- v }()
	var v int64
	select {
	case v = <-later:
	case <-time.After(time.Second):
		close(goOn)
		goOn = nil
		v = <-later
	}
	if v != 2 {
		t.Errorf("a call after a Group.Clear that has returned got %d, derived from what the clear dropped; want 2", v)
	}
	if goOn != nil {
		close(goOn)
	}
	close(releaseSecond)
	<-second
}

// stalled holds up a commit between its look at the tags and its store.
type stalled struct {
	once             atomic.Bool
	entered, release chan struct{}
}

func (s *stalled) admit(*era, id, *entry) bool {
	if s.once.CompareAndSwap(false, true) {
		close(s.entered)
		<-s.release
	}
	return true
}
func (s *stalled) forget(id, *entry) {}
func (s *stalled) settle(*visitor)   {}
func (s *stalled) sweep(int64) int64 { return never }

// X1: the first tagged result of a cache is being stored while a clear of its
// tag comes and a sweep begins: the sweep has looked at hasTags before, does not
// walk, and forgets the clear.
func TestASweepSeesTheFirstTaggedResult(t *testing.T) {
	t.Parallel()
	g, err := NewGroup("g", GroupConfig{})
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	c := Must(New("c", func(context.Context, string) (int, error) { return 1, nil },
		Config{Group: g}, Funcs[string, int]{Tags: func(string, int) []string { return []string{"t"} }}))
	s := &stalled{entered: make(chan struct{}), release: make(chan struct{})}
	c.core.table.owners = s
	got := make(chan int)
	go func() { v, _ := c.Get(ctx, "k"); got <- v }()
	<-s.entered
	if err := c.ClearTag(ctx, "t"); err != nil {
		t.Fatal(err)
	}
	time.Sleep(1500 * time.Millisecond) // the sweep has begun
	close(s.release)
	<-got
	for g.TagsCleared() > 0 {
		time.Sleep(10 * time.Millisecond)
	}
	if _, m, err := c.GetMeta(ctx, "k"); err != nil || m.Source != Load {
		t.Errorf("after ClearTag: source %v, %v; want load", m.Source, err)
	}
}

// X1: a load has its old result, but its loader has not begun, while a clear of
// the old result's tag comes, is swept and forgotten: the loader gets the old
// result all the same and revives it.
func TestAForgottenClearLeavesNoOldResult(t *testing.T) {
	t.Parallel()
	g, err := NewGroup("g", GroupConfig{})
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	n := 0
	c := Must(New("c", func(ctx context.Context, _ string) (int, error) {
		e := LoadingFrom(ctx)
		e.AddTags("t")
		if _, ok := Old[int](e); ok {
			e.NotModified()
			return 0, nil
		}
		n++
		return n, nil
	}, Config{Group: g, TTL: time.Nanosecond, Stale: StaleConfig{OnError: time.Hour}}))
	if v, err := c.Get(ctx, "k"); v != 1 || err != nil {
		t.Fatal(v, err)
	}
	// What a caller does up to "go t.load".
	key := "k"
	var p slot
	if err := c.core.findSlot(ctx, unsafe.Pointer(&key), &p); err != nil {
		t.Fatal(err)
	}
	in := p.era.Load()
	l := p.newLoad(in, g.group.Gate().Mark(), toGet)
	if _, ok := l.Find(); ok || l.prior == nil {
		t.Fatal("no prior")
	}
	// Meanwhile.
	if err := c.ClearTag(ctx, "t"); err != nil {
		t.Fatal(err)
	}
	for g.TagsCleared() > 0 {
		time.Sleep(10 * time.Millisecond)
	}
	// What the goroutine of the load does.
	e, err := l.Load(ctx)
	if err != nil {
		t.Fatal(err)
	}
	l.Commit(e)
	if v := *(*int)(c.core.valueOf(e.(*entry))); v != 2 || l.same {
		t.Errorf("the load revived %d, which ClearTag had dropped before its loader began (refused: %q)", v, l.refused)
	}
}

// T2, L7: an entry that is deleted while a sweep looks at it stays in the queue.
func TestASweepQueuesNothingThatWasDeleted(t *testing.T) {
	t.Parallel()
	g, err := NewGroup("g", GroupConfig{})
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	c := Must(New("c", func(context.Context, int) (int, error) { return 1, nil }, Config{Group: g, IdleTTL: time.Hour}))
	for k := range 64 {
		_, _ = c.Get(ctx, k)
	}
	r := c.core.table.era.Load()
	// Hold up the sweep at one key, when all have been taken from the queue.
	hold, held := make(chan struct{}), make(chan struct{})
	go r.flights.Guard(id{}, func() { close(held); <-hold })
	<-held
	// As if they had been read just now: used is what decides, so the sweep is told a
	// time before their end, and the queue one after it.
	done := make(chan struct{})
	taken, _ := r.entries.overdue(never)
	for _, d := range taken {
		r.entries.queue(d.id, d.entry, 1)
	}
	go func() { c.core.table.sweep(g.group.Now()); close(done) }()
	time.Sleep(100 * time.Millisecond)
	deleted := make(chan struct{}, 64)
	for k := range 64 {
		go func() { _ = c.Delete(ctx, k); deleted <- struct{}{} }()
	}
	time.Sleep(100 * time.Millisecond)
	close(hold)
	<-done
	for range 64 {
		<-deleted
	}
	if n := Queued(c); n > 0 || c.Stats().Entries > 0 {
		t.Errorf("%d queued of %d entries", n, c.Stats().Entries)
	}
}

// A reader has found an entry and stalls. Meanwhile a tag of it is cleared, the
// entry leaves by whatever way before a sweep looks at it, and the clear is
// forgotten: then the reader must not serve it.
func TestAForgottenClearIsStillSeenByAReaderThatStalls(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	for name, leave := range map[string]func(*Cache[string, int]) error{
		"deleted":  func(c *Cache[string, int]) error { return c.Delete(ctx, "k") },
		"replaced": func(c *Cache[string, int]) error { return c.Put(ctx, "k", 2) },
		"cleared":  func(c *Cache[string, int]) error { return c.Clear(ctx) },
		"chosen":   func(c *Cache[string, int]) error { return c.ClearFunc(ctx, func(string) bool { return true }) },
		"evicted": func(c *Cache[string, int]) error {
			c.core.table.shrink(1 << 40)
			return nil
		},
		"still there": func(*Cache[string, int]) error { return nil },
	} {
		for _, other := range []bool{false, true} {
			g, err := NewGroup("g", GroupConfig{})
			if err != nil {
				t.Fatal(err)
			}
			c := Must(New("c", func(context.Context, string) (int, error) { return 1, nil },
				Config{Group: g}, Funcs[string, int]{Tags: func(string, int) []string { return []string{"t"} }}))
			if _, err := c.Get(ctx, "k"); err != nil {
				t.Fatal(err)
			}
			e := c.core.table.era.Load().entries.get(id{Text: "k"})
			if c.core.stateOf(e) != fresh {
				t.Fatal("it is not fresh")
			}
			tag := "t"
			if other {
				tag = "other"
			}
			if err := c.ClearTag(ctx, tag); err != nil {
				t.Error(err)
			}
			if err := leave(c); err != nil {
				t.Error(err)
			}
			g.SweepTags()
			if g.TagsCleared() > 0 {
				t.Errorf("%s: the clear is not forgotten", name)
			}
			if got := c.core.stateOf(e); got != gone && !other {
				t.Errorf("%s: the reader serves it, in state %d", name, got)
			}
			if got := c.core.stateOf(e); got != fresh && other && name == "still there" {
				t.Errorf("%s: the clear of another tag has dropped it", name)
			}
		}
	}
}

// A put is being stored while its tag is cleared: what it puts is newer.
func TestAPutIsNotLostToAClearOfItsTag(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	for _, sweep := range []bool{false, true} {
		g, err := NewGroup("g", GroupConfig{})
		if err != nil {
			t.Fatal(err)
		}
		c := Must(New("c", func(context.Context, string) (int, error) { return 1, nil },
			Config{Group: g}, Funcs[string, int]{Tags: func(string, int) []string { return []string{"t"} }}))
		s := &stalled{entered: make(chan struct{}), release: make(chan struct{})}
		c.core.table.owners = s
		done := make(chan error)
		go func() { done <- c.Put(ctx, "k", 2) }()
		<-s.entered
		if err := c.ClearTag(ctx, "t"); err != nil {
			t.Fatal(err)
		}
		if sweep {
			time.Sleep(1500 * time.Millisecond) // it has begun
		}
		close(s.release)
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		if v, ok := c.Peek(ctx, "k"); v != 2 || !ok {
			t.Errorf("after a Put that a clear of its tag overlapped: %d, %v; want 2", v, ok)
		}
		for g.TagsCleared() > 0 {
			time.Sleep(10 * time.Millisecond)
		}
		if v, ok := c.Peek(ctx, "k"); v != 2 || !ok {
			t.Errorf("after the sweep: %d, %v; want 2", v, ok)
		}
		if st := c.Stats(); st.Entries != 1 {
			t.Errorf("%+v", st)
		}
		if err := c.ClearTag(ctx, "t"); err != nil {
			t.Fatal(err)
		}
		if v, ok := c.Peek(ctx, "k"); ok {
			t.Errorf("after a clear that came later: %d", v)
		}
	}
}
