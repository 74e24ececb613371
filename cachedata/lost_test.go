package cachedata_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/reecho-go/reecho/cachedata"
	"github.com/reecho-go/reecho/observe"
)

func TestANilContextIsAnError(t *testing.T) {
	t.Parallel()
	var none context.Context
	group := newGroup(t, cachedata.GroupConfig{})
	load := func(context.Context, int) (int, error) { return 1, nil }
	global := cachedata.Must(cachedata.New("global", load, cachedata.Config{Group: group}))
	session := cachedata.Must(cachedata.New("session", load, cachedata.Config{Group: group, Scope: cachedata.Session}))
	batch := cachedata.Must(cachedata.NewBatch("batch", func(context.Context, []int) (map[int]int, error) { return nil, nil }, cachedata.Config{Group: group}))
	for name, call := range map[string]func() error{
		"Get":            func() error { _, err := global.Get(none, 1); return err },
		"GetMeta":        func() error { _, _, err := global.GetMeta(none, 1); return err },
		"Refresh":        func() error { _, err := global.Refresh(none, 1); return err },
		"Put":            func() error { return global.Put(none, 1, 1) },
		"Delete":         func() error { return global.Delete(none, 1) },
		"Clear":          func() error { return global.Clear(none) },
		"ClearTag":       func() error { return global.ClearTag(none, "t") },
		"ClearFunc":      func() error { return global.ClearFunc(none, func(int) bool { return true }) },
		"group Clear":    func() error { return group.Clear(none) },
		"group ClearTag": func() error { return group.ClearTag(none, "t") },
		"session Get":    func() error { _, err := session.Get(none, 1); return err },
		"ClearSession":   func() error { return session.ClearSession(none) },
		"GetMany":        func() error { _, err := batch.GetMany(none, []int{1}); return err },
	} {
		if err := call(); err == nil || !strings.Contains(err.Error(), "the context is nil") {
			t.Errorf("%s: %v, want an error that says so", name, err)
		}
	}
	if _, ok := session.Peek(none, 1); ok {
		t.Error("Peek finds something for nobody")
	}
}

// That a load waits for itself, with a context that is not its own, cannot be
// told from a slow load: it is told that others wait, and Config.Timeout ends it.
func TestALoadThatUsesItsOwnKeyWithAFreshContextIsTold(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var events observe.Recorder
		var c *cachedata.Cache[int, int]
		end := make(chan struct{})
		c = newCache(t, func(_ context.Context, k int) (int, error) {
			got := make(chan struct{})
			go func() {
				defer close(got)
				ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
				defer cancel()
				_, _ = c.Get(ctx, k)
			}()
			<-got
			<-end
			return 1, nil
		}, cachedata.Config{Observer: &events})
		go func() { time.Sleep(2 * time.Minute); close(end) }()
		if v, err := c.Get(t.Context(), 1); v != 1 || err != nil {
			t.Errorf("Get() = %d, %v", v, err)
		}
		if got := observe.Of[observe.CacheStalled](&events); len(got) != 1 || got[0].Took != 30*time.Second || got[0].Fingerprint == 0 {
			t.Errorf("told of %+v, want once, after 30 s", got)
		}
	})
}

func TestHardTimeoutEndsALoadThatWaitsForItself(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var c *cachedata.Cache[int, int]
		c = newCache(t, func(_ context.Context, k int) (int, error) { return c.Get(context.Background(), k) },
			cachedata.Config{Timeout: time.Minute})
		start := time.Now()
		if _, err := c.Get(t.Context(), 1); !errors.Is(err, cachedata.ErrTimeout) || time.Since(start) != time.Minute {
			t.Errorf("Get() = %v after %v, want ErrTimeout after a minute", err, time.Since(start))
		}
	})
}

// A load may wait for another one for as long as that takes.
func TestALoadMayWaitLongForAnotherOne(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		slow := newCache(t, func(context.Context, int) (int, error) { time.Sleep(5 * time.Minute); return 1, nil }, cachedata.Config{})
		fast := cachedata.Must(cachedata.New("fast", func(_ context.Context, k int) (int, error) { return slow.Get(context.Background(), k) },
			cachedata.Config{Group: newGroup(t, cachedata.GroupConfig{})}))
		go func() { _, _ = slow.Get(context.Background(), 1) }()
		synctest.Wait()
		if v, err := fast.Get(t.Context(), 1); v != 1 || err != nil {
			t.Errorf("Get() = %d, %v", v, err)
		}
	})
}

func TestALoadThatClearsItsOwnCacheIsTold(t *testing.T) {
	t.Parallel()
	group := newGroup(t, cachedata.GroupConfig{})
	var other *cachedata.Cache[int, int]
	for name, test := range map[string]struct {
		clear func(ctx context.Context, c *cachedata.Cache[int, int]) error
		own   bool
		kept  bool
	}{
		"Clear":        {func(ctx context.Context, c *cachedata.Cache[int, int]) error { return c.Clear(ctx) }, true, false},
		"of the group": {func(ctx context.Context, _ *cachedata.Cache[int, int]) error { return group.Clear(ctx) }, true, false},
		"of its tag":   {func(ctx context.Context, c *cachedata.Cache[int, int]) error { return c.ClearTag(ctx, "t") }, true, false},
		"by a function": {func(ctx context.Context, c *cachedata.Cache[int, int]) error {
			return c.ClearFunc(ctx, func(int) bool { return true })
		}, true, false},
		"of another":    {func(ctx context.Context, _ *cachedata.Cache[int, int]) error { return other.Clear(ctx) }, false, true},
		"not by itself": {func(_ context.Context, c *cachedata.Cache[int, int]) error { return c.Clear(context.Background()) }, false, false},
		"and asks for itself": {func(ctx context.Context, c *cachedata.Cache[int, int]) error {
			err := c.Clear(ctx)
			_, got := c.Get(ctx, 1)
			if cycle, ok := errors.AsType[*cachedata.CycleError](got); !ok || len(cycle.Path) != 2 {
				t.Errorf("Get() of the own key after a Clear = %v, want a CycleError", got)
			}
			return err
		}, true, false},
	} {
		var events observe.Recorder
		var c *cachedata.Cache[int, int]
		c = cachedata.Must(cachedata.New(name, func(ctx context.Context, k int) (int, error) { return k, test.clear(ctx, c) },
			cachedata.Config{Group: group, Observer: &events}, cachedata.Funcs[int, int]{Tags: func(int, int) []string { return []string{"t"} }}))
		if other == nil {
			other = cachedata.Must(cachedata.New("other", func(context.Context, int) (int, error) { return 0, nil }, cachedata.Config{Group: group}))
		}
		if got, err := c.Get(t.Context(), 1); got != 1 || err != nil {
			t.Errorf("%s: Get() = %d, %v", name, got, err)
		}
		refused := observe.Of[observe.CacheRefused](&events)
		if _, kept := c.Peek(t.Context(), 1); kept != test.kept || len(refused) > 0 == test.kept || len(refused) > 0 && refused[0].Own != test.own {
			t.Errorf("%s: kept = %v, refused %+v, want kept %v, its own clear %v", name, kept, refused, test.kept, test.own)
		}
	}
}
