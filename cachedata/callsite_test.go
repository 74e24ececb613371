package cachedata_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/reecho-go/reecho/cachedata"
	"github.com/reecho-go/reecho/internal/scope"
	"github.com/reecho-go/reecho/observe"
)

func TestGetOrLoadUsesTheFunctionOfItsCall(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx := t.Context()
		own := func(_ context.Context, k int) (string, error) { return fmt.Sprint("own ", k), nil }
		var c *cachedata.Cache[int, string]
		var reads []string
		observer := observe.Func(func(_ context.Context, e observe.Event) {
			if r, ok := e.(observe.ContextRead); ok {
				reads = append(reads, r.Key)
			}
		})
		c = newCache(t, own, cachedata.Config{TTL: time.Minute, Stale: cachedata.StaleConfig{For: time.Minute}, Observer: observer})
		nested := func(ctx context.Context, k int) (string, error) {
			inner, err := c.Get(ctx, k+100)
			return "call " + inner, err
		}
		for range 2 {
			if v, err := c.GetOrLoad(ctx, 1, nested); v != "call own 101" || err != nil {
				t.Errorf("%q, %v: a load inside of it is not its own", v, err)
			}
		}
		want(t, c, 2, "own 2")
		time.Sleep(time.Minute)
		if v, err := c.GetOrLoad(ctx, 2, func(context.Context, int) (string, error) { return "renewed", nil }); v != "own 2" || err != nil {
			t.Errorf("stale: %q, %v", v, err)
		}
		synctest.Wait()
		want(t, c, 2, "renewed")
		if _, err := c.GetOrLoad(ctx, 3, nil); err == nil || !strings.Contains(err.Error(), "nil") {
			t.Errorf("a nil function: %v", err)
		}
		if len(reads) > 0 {
			t.Errorf("the context was read: %q", reads)
		}
	})
}

func TestBypassLeavesTheCacheAlone(t *testing.T) {
	t.Parallel()
	var n atomic.Int32
	keep := make([]int, 1)
	load := func(ctx context.Context, k string) ([]int, error) {
		switch k {
		case "fail":
			return nil, errDown
		case "nosy":
			_, _ = scope.Get(ctx, scope.Session, func(*scope.Request, any) *int { return new(int) })
		}
		cachedata.LoadingFrom(ctx).AddTags("t")
		keep[0] = int(n.Add(1))
		return keep, nil
	}
	c := newCache(t, load, cachedata.Config{})
	for _, wanted := range []int{1, 2} {
		v, err := c.Bypass(t.Context(), "k")
		if err != nil || v[0] != wanted {
			t.Errorf("got %v, %v, want %d", v, err, wanted)
		}
		v[0] = 99
		if keep[0] == 99 {
			t.Error("the result is not the caller's own")
		}
	}
	if s := c.Stats(); s.Entries != 0 || s.Misses != 0 || s.Loads != 0 {
		t.Errorf("%+v", s)
	}
	if _, err := c.Bypass(t.Context(), "fail"); !errors.Is(err, errDown) {
		t.Errorf("the error of the load: %v", err)
	}
	if _, err := c.Bypass(t.Context(), "nosy"); !errors.Is(err, cachedata.ErrVisitorInGlobalLoad) {
		t.Errorf("a load that reads the session: %v", err)
	}
	if err := c.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Bypass(t.Context(), "k"); !errors.Is(err, cachedata.ErrClosed) {
		t.Errorf("closed: %v", err)
	}
}

func TestGetOrNewMakesOneCachePerName(t *testing.T) {
	t.Parallel()
	g := newGroup(t, cachedata.GroupConfig{})
	cfg := cachedata.Config{Group: g}
	var loads atomic.Int32
	load := func(_ context.Context, k int) (int, error) { loads.Add(1); return k, nil }
	var wg sync.WaitGroup
	caches := make([]*cachedata.Cache[int, int], 20)
	for i := range caches {
		wg.Go(func() {
			c, err := cachedata.GetOrNew("c", load, cfg)
			if err != nil {
				t.Error(err)
				return
			}
			caches[i] = c
			want(t, c, 1, 1)
		})
	}
	wg.Wait()
	if len(slices.Compact(caches)) != 1 || loads.Load() != 1 {
		t.Errorf("%d loads of %v", loads.Load(), caches)
	}
	if _, err := cachedata.GetOrNew("c", func(context.Context, string) (int, error) { return 0, nil }, cfg); !errors.Is(err, cachedata.ErrDuplicate) {
		t.Errorf("other types: %v", err)
	}
	if _, err := cachedata.GetOrNew[int, int]("d", nil, cfg); err == nil {
		t.Error("no load function, and no error")
	}
}

func TestAGroupIsObservedFromThenOn(t *testing.T) {
	t.Parallel()
	g := newGroup(t, cachedata.GroupConfig{})
	c := cachedata.Must(cachedata.New("c", func(_ context.Context, k int) (int, error) { return k, nil }, cachedata.Config{Group: g}))
	want(t, c, 1, 1)
	var first, second observe.Recorder
	g.Observe(nil)
	g.Observe(&first)
	want(t, c, 2, 2)
	g.Observe(&second)
	want(t, c, 3, 3)
	if err := g.Clear(t.Context()); err != nil {
		t.Error(err)
	}
	loads := func(r *observe.Recorder) (n int) {
		for _, e := range r.Events() {
			if _, ok := e.(observe.CacheLoad); ok {
				n++
			}
		}
		return n
	}
	if a, b := loads(&first), loads(&second); a != 2 || b != 1 {
		t.Errorf("%d and %d loads were told, want 2 and 1", a, b)
	}
}

func TestHitRatio(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		s    cachedata.Stats
		want float64
	}{
		{cachedata.Stats{}, 0},
		{cachedata.Stats{Misses: 2}, 0},
		{cachedata.Stats{Hits: 2, StaleHits: 1, Misses: 1}, 0.75},
		{cachedata.Stats{Hits: 3}, 1},
	} {
		if got := tt.s.HitRatio(); got != tt.want {
			t.Errorf("%+v: %v, want %v", tt.s, got, tt.want)
		}
	}
}

func TestOneFuncsAtMost(t *testing.T) {
	t.Parallel()
	g := newGroup(t, cachedata.GroupConfig{})
	var f cachedata.Funcs[int, int]
	_, err := cachedata.New("c", func(_ context.Context, k int) (int, error) { return k, nil }, cachedata.Config{Group: g, TTL: -1}, f, f)
	if err == nil || !strings.Contains(err.Error(), "2 Funcs") || !strings.Contains(err.Error(), "TTL is -1ns") {
		t.Errorf("%v, want both mistakes", err)
	}
}
