package cachedata_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/reecho-go/reecho/cachedata"
	"github.com/reecho-go/reecho/internal/heaptest"
	"github.com/reecho-go/reecho/internal/scope"
	"github.com/reecho-go/reecho/internal/scope/scopetest"
	"github.com/reecho-go/reecho/observe"
)

// own returns a cache in session scope whose results say whose they are.
func own(t *testing.T, cfg cachedata.Config) *cachedata.Cache[int, string] {
	t.Helper()
	var n atomic.Int64
	cfg.Scope = cachedata.Session
	return newCache(t, func(ctx context.Context, k int) (string, error) {
		life, err := scope.LifetimeOf(ctx)
		if err != nil {
			return "", err
		}
		return fmt.Sprintf("%s:%d#%d", life.ID(), k, n.Add(1)), nil
	}, cfg)
}

func get(ctx context.Context, t *testing.T, c *cachedata.Cache[int, string], k int) string {
	t.Helper()
	v, err := c.Get(ctx, k)
	if err != nil {
		t.Error(err)
	}
	return v
}

func TestScopeSession_EveryVisitorHasResultsOfTheirOwn(t *testing.T) {
	t.Parallel()
	c := own(t, cachedata.Config{})
	alice, bob := scopetest.New(), scopetest.New()
	a, b := alice.In(t.Context()), bob.In(t.Context())
	for ctx, who := range map[context.Context]string{a: alice.ID(), b: bob.ID()} {
		v := get(ctx, t, c, 1)
		if !strings.HasPrefix(v, who+":1#") {
			t.Errorf("Get() = %q, want that of %s", v, who)
		}
		if again := get(ctx, t, c, 1); again != v {
			t.Errorf("Get() again = %q, want %q", again, v)
		}
		if v2, meta, err := c.GetMeta(ctx, 1); v2 != v || meta.Source != cachedata.Hit || err != nil {
			t.Errorf("GetMeta() = %q, %+v, %v", v2, meta, err)
		}
		if p, ok := c.Peek(ctx, 1); !ok || p != v {
			t.Errorf("Peek() = %q, %v", p, ok)
		}
		if _, ok := c.Peek(ctx, 2); ok {
			t.Error("Peek finds what is not there")
		}
		if v2, err := c.Refresh(ctx, 1); v2 == v || err != nil || get(ctx, t, c, 1) != v2 {
			t.Errorf("Refresh() = %q, %v", v2, err)
		}
	}
	if err := c.Put(a, 1, "put"); err != nil {
		t.Fatal(err)
	}
	if v := get(b, t, c, 1); get(a, t, c, 1) != "put" || v == "put" {
		t.Errorf("after the Put of one, the other has %q", v)
	}
	before := get(a, t, c, 1)
	if err := c.Delete(b, 1); err != nil {
		t.Fatal(err)
	}
	if _, ok := c.Peek(b, 1); ok || get(a, t, c, 1) != before {
		t.Error("Delete of one has not deleted, or has deleted that of the other")
	}
	if s := c.Stats(); s.Sessions != 2 || s.Entries != 1 || s.Evictions[observe.CauseDeleted] != 1 {
		t.Errorf("Stats() = %+v", s)
	}
}

func TestScopeSession_NothingOutsideASession(t *testing.T) {
	t.Parallel()
	c := own(t, cachedata.Config{})
	global := newCache(t, func(ctx context.Context, k int) (string, error) { return c.Get(ctx, k) }, cachedata.Config{})
	alice := scopetest.New()
	for name, call := range map[string]func(context.Context) error{
		"Get":          func(ctx context.Context) error { _, err := c.Get(ctx, 1); return err },
		"GetMeta":      func(ctx context.Context) error { _, _, err := c.GetMeta(ctx, 1); return err },
		"Refresh":      func(ctx context.Context) error { _, err := c.Refresh(ctx, 1); return err },
		"Put":          func(ctx context.Context) error { return c.Put(ctx, 1, "x") },
		"Delete":       func(ctx context.Context) error { return c.Delete(ctx, 1) },
		"ClearSession": c.ClearSession,
	} {
		if err := call(t.Context()); !errors.Is(err, cachedata.ErrNoSession) {
			t.Errorf("%s: %v, want ErrNoSession", name, err)
		}
		if err := call(scope.Hide(alice.In(t.Context()))); !errors.Is(err, cachedata.ErrVisitorInGlobalLoad) {
			t.Errorf("%s in a global load: %v, want ErrVisitorInGlobalLoad", name, err)
		}
	}
	if v, ok := c.Peek(t.Context(), 1); ok {
		t.Errorf("Peek() = %q", v)
	}
	for range 2 {
		if v, err := global.Get(alice.In(t.Context()), 1); !errors.Is(err, cachedata.ErrVisitorInGlobalLoad) {
			t.Errorf("a global load that asks for a visitor's own result: %q, %v", v, err)
		}
	}
	if s := c.Stats(); s.Entries != 0 || s.Sessions != 0 {
		t.Errorf("Stats() = %+v", s)
	}
	if err := global.ClearSession(alice.In(t.Context())); !errors.Is(err, cachedata.ErrNoSession) {
		t.Errorf("ClearSession in global scope: %v", err)
	}
}

// lost is a session that cannot be loaded.
type lost struct{ err error }

func (l lost) Lifetime(context.Context) (scope.Lifetime, error) { return nil, l.err }

func TestScopeSession_ErrorsOfTheSessionAreReturned(t *testing.T) {
	t.Parallel()
	c := own(t, cachedata.Config{})
	down := errors.New("the session store is down")
	if v, err := c.Get(scope.WithLifetimeSource(t.Context(), lost{down}), 1); !errors.Is(err, down) || errors.Is(err, cachedata.ErrNoSession) {
		t.Errorf("Get() = %q, %v", v, err)
	}
	if s := c.Stats(); s.Misses != 1 {
		t.Errorf("Stats() = %+v", s)
	}
}

func TestScopeSession_EntriesEndWithTheSession(t *testing.T) {
	t.Parallel()
	var events counts
	c := own(t, cachedata.Config{Observer: &events})
	alice, bob := scopetest.New(), scopetest.New()
	a, b := alice.In(t.Context()), bob.In(t.Context())
	for k := range 10 {
		get(a, t, c, k)
	}
	kept := get(b, t, c, 1)
	alice.End()
	if s := c.Stats(); s.Entries != 1 || s.Sessions != 1 || s.Evictions[observe.CauseSession] != 10 {
		t.Errorf("Stats() = %+v", s)
	}
	if n := events.of(observe.CauseSession); n != 10 {
		t.Errorf("%d events, want 10", n)
	}
	if v, ok := c.Peek(a, 1); ok {
		t.Errorf("Peek() after the end = %q", v)
	}
	// A request that was already under way still gets an answer, kept by nobody.
	first := get(a, t, c, 1)
	if get(a, t, c, 1) == first {
		t.Error("a result is kept for a session that has ended")
	}
	if err := c.Put(a, 1, "x"); err != nil {
		t.Error(err)
	}
	if s := c.Stats(); s.Entries != 1 || s.Sessions != 1 || alice.Watchers() != 0 {
		t.Errorf("Stats() = %+v, %d watchers", s, alice.Watchers())
	}
	if get(b, t, c, 1) != kept {
		t.Error("the other's result has gone")
	}
}

// counts counts evictions by cause.
type counts struct {
	mu sync.Mutex
	n  map[observe.Cause]int
}

func (c *counts) Observe(_ context.Context, e observe.Event) {
	if e, ok := e.(observe.CacheEvict); ok {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.n == nil {
			c.n = make(map[observe.Cause]int)
		}
		c.n[e.Cause]++
	}
}

func (c *counts) of(cause observe.Cause) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.n[cause]
}

func TestScopeSession_EntriesEndAtTheDeadlineWithoutTraffic(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := own(t, cachedata.Config{})
		alice := scopetest.New()
		alice.Until(time.Hour)
		a := alice.In(t.Context())
		first := get(a, t, c, 1)
		time.Sleep(30 * time.Minute)
		alice.Until(time.Hour) // it was used
		time.Sleep(time.Hour - 1)
		if v := get(a, t, c, 1); v != first {
			t.Errorf("Get() before the deadline = %q, want %q", v, first)
		}
		time.Sleep(time.Nanosecond)
		if v, ok := c.Peek(a, 1); ok {
			t.Errorf("Peek() at the deadline = %q", v)
		}
		if s := c.Stats(); s.Entries != 0 || s.Evictions[observe.CauseSession] != 1 {
			t.Errorf("Stats() = %+v", s)
		}
		bob := scopetest.New()
		bob.Until(time.Minute)
		get(bob.In(t.Context()), t, c, 1)
		time.Sleep(time.Minute + 2*time.Second)
		if s := c.Stats(); s.Entries != 0 || s.Sessions != 0 || s.Evictions[observe.CauseSession] != 2 || bob.Watchers() != 0 {
			t.Errorf("without traffic: %+v", s)
		}
	})
}

func TestScopeSession_TTLHoldsToo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := own(t, cachedata.Config{TTL: time.Minute})
		a := scopetest.New().In(t.Context())
		first := get(a, t, c, 1)
		time.Sleep(time.Minute - 1)
		if get(a, t, c, 1) != first {
			t.Error("it left early")
		}
		time.Sleep(time.Nanosecond)
		if get(a, t, c, 1) == first {
			t.Error("it is served at TTL")
		}
		time.Sleep(time.Minute + 2*time.Second)
		if s := c.Stats(); s.Entries != 0 || cachedata.Kept(c) != 0 || s.Evictions[observe.CauseExpired] != 2 {
			t.Errorf("without traffic: %+v, %d kept", s, cachedata.Kept(c))
		}
	})
}

// A load that is in flight when the session ends is answered, and stored
// nowhere; nobody who comes later joins it.
func TestScopeSession_LoadInFlightWhenItEnds(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(context.Context, *cachedata.Cache[int, string], *scopetest.Session) error{
		"the session ends": func(_ context.Context, _ *cachedata.Cache[int, string], s *scopetest.Session) error {
			s.End()
			return nil
		},
		"its time is over": func(context.Context, *cachedata.Cache[int, string], *scopetest.Session) error {
			time.Sleep(2 * time.Hour)
			return nil
		},
		"it is cleared": func(ctx context.Context, c *cachedata.Cache[int, string], _ *scopetest.Session) error {
			return c.ClearSession(ctx)
		},
		"the cache is cleared": func(ctx context.Context, c *cachedata.Cache[int, string], _ *scopetest.Session) error {
			return c.Clear(ctx)
		},
		"it is deleted": func(ctx context.Context, c *cachedata.Cache[int, string], _ *scopetest.Session) error {
			return c.Delete(ctx, 1)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				alice := scopetest.New()
				alice.Until(time.Hour)
				ctx := alice.In(t.Context())
				var loads atomic.Int64
				release := make(chan struct{})
				c := newCache(t, func(context.Context, int) (string, error) {
					n := loads.Add(1)
					if n == 1 {
						<-release
					}
					return fmt.Sprint("load ", n), nil
				}, cachedata.Config{Scope: cachedata.Session})
				var wg sync.WaitGroup
				wg.Go(func() {
					if v, err := c.Get(ctx, 1); v != "load 1" || err != nil {
						t.Errorf("who was waiting got %q, %v", v, err)
					}
				})
				synctest.Wait()
				if err := end(ctx, c, alice); err != nil {
					t.Error(err)
				}
				if v, err := c.Get(ctx, 1); v != "load 2" || err != nil {
					t.Errorf("who came later got %q, %v", v, err)
				}
				close(release)
				wg.Wait()
				if v, ok := c.Peek(ctx, 1); v == "load 1" {
					t.Errorf("Peek() = %q, %v", v, ok)
				}
				if s := c.Stats(); s.Refused == 0 {
					t.Errorf("Stats() = %+v", s)
				}
			})
		})
	}
}

func TestScopeSession_ClearSessionLeavesTheOthersAlone(t *testing.T) {
	t.Parallel()
	c := own(t, cachedata.Config{})
	a, b := scopetest.New().In(t.Context()), scopetest.New().In(t.Context())
	get(a, t, c, 1)
	v := get(b, t, c, 1)
	if err := c.ClearSession(a); err != nil {
		t.Fatal(err)
	}
	if _, ok := c.Peek(a, 1); ok || get(b, t, c, 1) != v {
		t.Error("the wrong one was cleared")
	}
	again := get(a, t, c, 1)
	if get(a, t, c, 1) != again {
		t.Error("nothing is kept after ClearSession")
	}
	if s := c.Stats(); s.Evictions[observe.CauseCleared] != 1 || s.Sessions != 2 {
		t.Errorf("Stats() = %+v", s)
	}
}

func TestScopeSession_ClearIsForAllAndFreesMemory(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newGroup(t, cachedata.GroupConfig{})
		c := own(t, cachedata.Config{Group: g})
		a, b := scopetest.New().In(t.Context()), scopetest.New().In(t.Context())
		for name, drop := range map[string]func(context.Context) error{"cache": c.Clear, "group": g.Clear} {
			get(a, t, c, 1)
			get(b, t, c, 1)
			if err := drop(t.Context()); err != nil {
				t.Fatal(err)
			}
			_, inA := c.Peek(a, 1)
			_, inB := c.Peek(b, 1)
			if inA || inB {
				t.Errorf("%s: %v, %v", name, inA, inB)
			}
			v := get(a, t, c, 2)
			time.Sleep(2 * time.Second)
			if cachedata.Kept(c) != 1 || get(a, t, c, 2) != v {
				t.Errorf("%s: %d results are noted, want 1", name, cachedata.Kept(c))
			}
		}
	})
}

func TestScopeSession_BoundsPerSession(t *testing.T) {
	t.Parallel()
	var events counts
	c := own(t, cachedata.Config{Observer: &events, Session: cachedata.SessionConfig{MaxEntries: 10}})
	a, b := scopetest.New().In(t.Context()), scopetest.New().In(t.Context())
	v := get(b, t, c, 1)
	for k := range 100 {
		get(a, t, c, k)
	}
	for k := range 100 {
		if _, ok := c.Peek(a, k); ok != (k >= 90) {
			t.Errorf("key %d: kept is %v", k, ok)
		}
	}
	if get(b, t, c, 1) != v {
		t.Error("one visitor has pushed out what is another's")
	}
	if s := c.Stats(); s.Entries != 11 || s.Evictions[observe.CauseSize] != 90 || cachedata.Kept(c) != 11 || events.of(observe.CauseSize) != 90 {
		t.Errorf("Stats() = %+v, %d kept, %d events", s, cachedata.Kept(c), events.of(observe.CauseSize))
	}
}

func TestScopeSession_BoundsInAll(t *testing.T) {
	t.Parallel()
	synctest.Test(t, testScopeSessionBoundsInAll)
}

func testScopeSessionBoundsInAll(t *testing.T) {
	c := own(t, cachedata.Config{MaxEntries: 50, Session: cachedata.SessionConfig{MaxSessions: 100}})
	for range 1000 {
		a := scopetest.New().In(t.Context())
		for k := range 5 {
			get(a, t, c, k)
		}
	}
	s := settled(c)
	if s.Sessions > 100 || s.Sessions < 90 {
		t.Errorf("%d sessions, want at most 100", s.Sessions)
	}
	if s.Entries > 60 || cachedata.Kept(c) > 60 {
		t.Errorf("%d entries and %d kept, want about 50", s.Entries, cachedata.Kept(c))
	}
}

func TestScopeSession_Config(t *testing.T) {
	t.Parallel()
	load := func(context.Context, int) (int, error) { return 0, nil }
	for want, cfg := range map[string]cachedata.Config{
		"Scope is Scope(2)":                                 {Scope: 2},
		"Session.MaxEntries is -1":                          {Scope: cachedata.Session, Session: cachedata.SessionConfig{MaxEntries: -1}},
		"Session.MaxSessions is -1":                         {Scope: cachedata.Session, Session: cachedata.SessionConfig{MaxSessions: -1}},
		"Session.MaxSessions is 5, but the scope is global": {Session: cachedata.SessionConfig{MaxSessions: 5}},
	} {
		if _, err := cachedata.New("x", load, cfg); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("New() = %v, want %q", err, want)
		}
	}
	if cachedata.Session.String() != "session" || cachedata.Global.String() != "global" {
		t.Error("names of scopes")
	}
}

func TestScopeSession_KeysOfEveryShape(t *testing.T) {
	t.Parallel()
	a, b := scopetest.New().In(t.Context()), scopetest.New().In(t.Context())
	sessionShape(t, a, b, 7, 8)
	sessionShape(t, a, b, "x", "y")
	sessionShape(t, a, b, struct{}{}, struct{}{})
	sessionShape(t, a, b, []string{"x"}, []string{"x", ""})
}

func sessionShape[K any](t *testing.T, a, b context.Context, k, other K) {
	var n atomic.Int64
	c := newCache(t, func(context.Context, K) (int64, error) { return n.Add(1), nil }, cachedata.Config{Scope: cachedata.Session})
	want := map[context.Context]int64{}
	for _, ctx := range []context.Context{a, b} {
		v, err := c.Get(ctx, k)
		if err != nil {
			t.Fatal(err)
		}
		want[ctx] = v
	}
	if err := c.Delete(a, other); err != nil {
		t.Fatal(err)
	}
	for ctx, v := range want {
		got, ok := c.Peek(ctx, k)
		if _, unit := any(k).(struct{}); unit && ctx == a {
			v = 0
		}
		if ok != (v != 0) || got != v {
			t.Errorf("%T: Peek() = %d, %v, want %d", k, got, ok, v)
		}
	}
}

func TestScopeSession_GetMany(t *testing.T) {
	t.Parallel()
	b := cachedata.Must(cachedata.NewBatch("batch", func(ctx context.Context, keys []int) (map[int]string, error) {
		life, err := scope.LifetimeOf(ctx)
		if err != nil {
			return nil, err
		}
		out := make(map[int]string)
		for _, k := range keys {
			out[k] = life.ID()
		}
		return out, nil
	}, cachedata.Config{Scope: cachedata.Session, Group: newGroup(t, cachedata.GroupConfig{})}))
	for range 2 {
		for _, s := range []*scopetest.Session{scopetest.New(), scopetest.New()} {
			m, err := b.GetMany(s.In(t.Context()), []int{1, 2})
			if err != nil || m[1] != s.ID() || m[2] != s.ID() {
				t.Errorf("GetMany() = %v, %v, want those of %s", m, err, s.ID())
			}
			if v, ok := b.Peek(s.In(t.Context()), 2); !ok || v != s.ID() {
				t.Errorf("Peek() = %q, %v", v, ok)
			}
		}
	}
	if _, err := b.GetMany(t.Context(), []int{1}); !errors.Is(err, cachedata.ErrNoSession) {
		t.Errorf("GetMany() outside: %v", err)
	}
}

// Sessions that end, clears and loads at once: what has ended leaves nothing.
func TestScopeSession_Race(t *testing.T) {
	t.Parallel()
	c := own(t, cachedata.Config{MaxEntries: 60, Session: cachedata.SessionConfig{MaxEntries: 5, MaxSessions: 20}})
	all := make([]*scopetest.Session, 60)
	for i := range all {
		all[i] = scopetest.New()
	}
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range 600 {
				s := all[(i*7+g*13)%len(all)]
				ctx := s.In(t.Context())
				switch {
				case i%50 == 49 && g < 4:
					s.End()
				case i%90 == 89:
					_ = c.Clear(ctx)
				case i%31 == 30:
					_ = c.ClearSession(ctx)
				case i%11 == 10:
					_ = c.Put(ctx, i%9, s.ID()+":put")
				default:
					if v := get(ctx, t, c, i%9); !strings.HasPrefix(v, s.ID()+":") {
						t.Errorf("%s got %q", s.ID(), v)
					}
				}
				runtime.Gosched()
			}
		})
	}
	wg.Wait()
	for _, s := range all {
		s.End()
	}
	if s := c.Stats(); s.Entries != 0 || s.Sessions != 0 || cachedata.Kept(c) != 0 {
		t.Errorf("something is left: %+v, %d kept", s, cachedata.Kept(c))
	}
}

func TestScopeSession_MemoryComesBack(t *testing.T) {
	// Not parallel: it measures the heap.
	g := newGroup(t, cachedata.GroupConfig{})
	c := cachedata.Must(cachedata.New("heap", func(context.Context, int) ([]byte, error) { return make([]byte, 1<<10), nil },
		cachedata.Config{Group: g, Scope: cachedata.Session, MaxEntries: 100_000}))
	base := heaptest.InUse()
	const sessions = 300
	for range 3 {
		var all []*scopetest.Session
		for range sessions {
			s := scopetest.New()
			all = append(all, s)
			for k := range 10 {
				if _, err := c.Get(s.In(t.Context()), k); err != nil {
					t.Fatal(err)
				}
			}
		}
		if grown := heaptest.InUse() - base; grown < sessions*10<<10 {
			t.Errorf("%d results of 1 KB take %d bytes", sessions*10, grown)
		}
		for _, s := range all {
			s.End()
		}
	}
	if left := heaptest.AtMost(base+1<<20) - base; left > 1<<20 {
		t.Errorf("%d bytes are left after all sessions have ended", left)
	}
	runtime.KeepAlive(c)
}
