package group_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/reecho-go/reecho/internal/group"
	"github.com/reecho-go/reecho/internal/leaktest"
	"github.com/reecho-go/reecho/internal/panics"
	"github.com/reecho-go/reecho/observe"
)

func TestMain(m *testing.M) { leaktest.Main(m) }

// member is a Member with n entries and a list of times at which it is due.
type member struct {
	name   string
	group  *group.Group
	hooks  group.Hooks
	n      int
	reset  func()
	due    []time.Duration
	swept  []time.Duration
	closed func() error
}

func (m *member) Name() string        { return m.name }
func (m *member) Hooks() *group.Hooks { return &m.hooks }

func (m *member) Reset(context.Context) int {
	if m.reset != nil {
		m.reset()
	}
	n := m.n
	m.n = 0
	return n
}

func (m *member) Sweep(now int64) int64 {
	m.swept = append(m.swept, time.Duration(now))
	for len(m.due) > 0 && int64(m.due[0]) <= now {
		m.due = m.due[1:]
	}
	if len(m.due) == 0 {
		return group.Never
	}
	return int64(m.due[0])
}

func (m *member) Close(context.Context) error {
	m.group.Remove(m)
	if m.closed != nil {
		return m.closed()
	}
	return nil
}

func add(t *testing.T, g *group.Group, names ...string) []*member {
	t.Helper()
	var ms []*member
	for _, name := range names {
		m := &member{name: name, group: g, n: 3}
		if err := g.Add(m); err != nil {
			t.Fatal(err)
		}
		ms = append(ms, m)
	}
	return ms
}

func TestNamesAreUniqueInAGroup(t *testing.T) {
	t.Parallel()
	g := group.New("g", nil)
	m := add(t, g, "users")[0]
	if err := g.Add(&member{name: "users"}); !errors.Is(err, group.ErrDuplicate) {
		t.Errorf("a second member of the same name: %v", err)
	}
	if err := m.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := g.Add(&member{name: "users", group: g}); err != nil {
		t.Errorf("the name is not free after Close: %v", err)
	}
}

func TestHooksRunAfterTheClear(t *testing.T) {
	t.Parallel()
	var rec observe.Recorder
	g := group.New("g", &rec)
	ms := add(t, g, "a", "b")
	var got []observe.CacheClear
	note := func(_ context.Context, c observe.CacheClear) {
		for _, m := range ms {
			if c.Cache == "" && m.n != 0 {
				t.Errorf("a hook ran before %s was cleared", m.name)
			}
		}
		got = append(got, c)
	}
	ms[0].hooks.Add(note)
	g.Hooks().Add(note)
	if err := g.Clear(t.Context()); err != nil {
		t.Fatal(err)
	}
	want := []observe.CacheClear{{Source: observe.Source{Group: "g", Cache: "a"}, Entries: 3}, {Source: observe.Source{Group: "g"}, Entries: 6}}
	if !slices.Equal(got, want) {
		t.Errorf("hooks got %+v, want %+v", got, want)
	}

	got, ms[0].n = nil, 1
	if err := g.ClearMember(t.Context(), ms[0], &rec); err != nil {
		t.Fatal(err)
	}
	want = []observe.CacheClear{{Source: observe.Source{Group: "g", Cache: "a"}, Entries: 1}, {Source: observe.Source{Group: "g", Cache: "a"}, Entries: 1}}
	if !slices.Equal(got, want) {
		t.Errorf("hooks got %+v, want %+v", got, want)
	}
	events := observe.Of[observe.CacheClear](&rec)
	wantEvents := []observe.CacheClear{
		{Source: observe.Source{Group: "g"}, Entries: 6},
		{Source: observe.Source{Group: "g", Cache: "a"}, Entries: 1},
	}
	if !slices.Equal(events, wantEvents) {
		t.Errorf("events %+v, want %+v", events, wantEvents)
	}
}

func TestHooksThatClearEachOtherEnd(t *testing.T) {
	t.Parallel()
	g := group.New("g", nil)
	ms := add(t, g, "a", "b")
	runs := map[string]int{}
	for i, m := range ms {
		other := ms[1-i]
		m.hooks.Add(func(ctx context.Context, c observe.CacheClear) {
			runs[c.Cache]++
			other.n = 1
			if err := g.ClearMember(ctx, other, nil); err != nil {
				t.Error(err)
			}
			if other.n != 0 {
				t.Error("a clear inside a hook did nothing")
			}
		})
	}
	if err := g.ClearMember(t.Context(), ms[0], nil); err != nil {
		t.Fatal(err)
	}
	if runs["a"] != 1 || runs["b"] != 1 {
		t.Errorf("hooks ran %v times, want once each", runs)
	}
}

func TestPanicOfAHookIsAnError(t *testing.T) {
	t.Parallel()
	g := group.New("g", nil)
	ran := false
	g.Hooks().Add(func(context.Context, observe.CacheClear) { panic("boom") })
	g.Hooks().Add(func(context.Context, observe.CacheClear) { ran = true })
	err := g.Clear(t.Context())
	if pe, ok := errors.AsType[*panics.Error](err); !ok || pe.Value != "boom" {
		t.Errorf("Clear returned %v", err)
	}
	if !ran {
		t.Error("the second hook did not run")
	}
}

func TestGroupClearHoldsTheGate(t *testing.T) {
	t.Parallel()
	g := group.New("g", nil)
	ms := add(t, g, "a", "b")
	mark := g.Gate().Mark()
	during := mark
	ms[0].reset = func() { during = g.Gate().Mark() }
	if err := g.Clear(t.Context()); err != nil {
		t.Fatal(err)
	}
	if g.Gate().Holds(mark) || g.Gate().Holds(during) {
		t.Error("a mark survived the clear")
	}
}

func TestSweepsComeWhenSomethingIsDue(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := group.New("g", nil)
		m := add(t, g, "a")[0]
		m.due = []time.Duration{300 * time.Millisecond, 350 * time.Millisecond, 90 * time.Minute}
		g.Arm(int64(time.Hour))
		g.Arm(int64(300 * time.Millisecond))
		g.Arm(int64(350 * time.Millisecond))
		time.Sleep(3 * time.Hour)
		synctest.Wait()
		// The timer of the hour is not stopped, and its sweep finds nothing.
		want := []time.Duration{time.Second, time.Hour + time.Second, 90*time.Minute + time.Second}
		if !slices.Equal(m.swept, want) {
			t.Errorf("swept at %v, want %v", m.swept, want)
		}
	})
}

func TestArmingFarAheadAndNever(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := group.New("g", nil)
		m := add(t, g, "a")[0]
		g.Arm(group.Never)
		g.Arm(int64(100 * 365 * 24 * time.Hour))
		time.Sleep(24 * time.Hour)
		synctest.Wait()
		if len(m.swept) > 0 {
			t.Errorf("swept at %v", m.swept)
		}
		g.Arm(g.Now())
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if len(m.swept) != 1 {
			t.Errorf("an earlier time was ignored: %v", m.swept)
		}
	})
}

// A group may be a package variable that several bubbles use.
func TestBubblesShareAGroup(t *testing.T) {
	g := group.New("g", nil)
	m := add(t, g, "a")[0]
	g.Arm(g.Now() + int64(time.Hour))
	for range 2 {
		synctest.Test(t, func(t *testing.T) {
			g.Arm(g.Now() + int64(10*time.Second))
			g.Arm(g.Now())
			time.Sleep(2 * time.Second)
			synctest.Wait()
		})
	}
	if len(m.swept) == 0 {
		t.Error("nothing was swept")
	}
	if err := g.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestCloseIsInReverseOrder(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := group.New("g", nil)
		ms := add(t, g, "a", "b", "c")
		var order []string
		for _, m := range ms {
			m.closed = func() error {
				order = append(order, m.name)
				return errors.New("stuck")
			}
		}
		g.Arm(0)
		err := g.Close(t.Context())
		if want := []string{"c", "b", "a"}; !slices.Equal(order, want) {
			t.Errorf("closed %v, want %v", order, want)
		}
		if want := "c: stuck\nb: stuck\na: stuck"; err == nil || err.Error() != want {
			t.Errorf("Close returned %v, want %v", err, want)
		}
		if err := g.Add(&member{name: "d"}); !errors.Is(err, group.ErrClosed) {
			t.Errorf("Add after Close: %v", err)
		}
		if err := g.Close(t.Context()); err != nil {
			t.Errorf("the second Close returned %v", err)
		}
		g.Arm(0)
		time.Sleep(time.Minute)
		synctest.Wait()
		for _, m := range ms {
			if len(m.swept) > 0 {
				t.Errorf("%s was swept after Close", m.name)
			}
		}
	})
}

func TestBackgroundTasksAreBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := group.New("g", nil)
		stop, started := make(chan struct{}), 0
		for g.Background(func() { <-stop }) {
			started++
		}
		if started != 16 {
			t.Errorf("%d tasks run at a time, want 16", started)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := g.Close(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Close() beside tasks that do not end = %v, want its timeout", err)
		}
		close(stop)
		if err := g.Close(t.Context()); err != nil {
			t.Errorf("Close() when they have ended = %v", err)
		}
		if g.Background(func() {}) {
			t.Error("a closed group starts tasks")
		}
	})
}
