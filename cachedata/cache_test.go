package cachedata_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/reecho-go/reecho/cachedata"
	"github.com/reecho-go/reecho/internal/leaktest"
)

func TestMain(m *testing.M) { leaktest.Main(m) }

// counter returns a loader that numbers its loads of each key, from 1.
func counter[K comparable]() func(context.Context, K) (string, error) {
	n := make(chan map[K]int, 1)
	n <- map[K]int{}
	return func(_ context.Context, k K) (string, error) {
		m := <-n
		m[k]++
		v := fmt.Sprintf("%v#%d", k, m[k])
		n <- m
		return v, nil
	}
}

// want fails the test unless Get returns v.
func want[K any, V comparable](t *testing.T, c *cachedata.Cache[K, V], k K, v V) {
	t.Helper()
	if got, err := c.Get(t.Context(), k); got != v || err != nil {
		t.Errorf("Get(%v) = %v, %v; want %v", k, got, err, v)
	}
}

func TestGetPeekPutDeleteRefreshClear(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx := t.Context()
		c := newCache(t, counter[string](), cachedata.Config{})
		if v, ok := c.Peek(ctx, "a"); v != "" || ok {
			t.Errorf("Peek of nothing: %q, %v", v, ok)
		}
		want(t, c, "a", "a#1")
		want(t, c, "a", "a#1")
		if v, ok := c.Peek(ctx, "a"); v != "a#1" || !ok {
			t.Errorf("Peek: %q, %v", v, ok)
		}
		if v, err := c.Refresh(ctx, "a"); v != "a#2" || err != nil {
			t.Errorf("Refresh: %q, %v", v, err)
		}
		want(t, c, "a", "a#2")
		if err := c.Put(ctx, "a", "put"); err != nil {
			t.Error(err)
		}
		want(t, c, "a", "put")
		if err := c.Delete(ctx, "a"); err != nil {
			t.Error(err)
		}
		want(t, c, "a", "a#3")
		if err := c.Clear(ctx); err != nil {
			t.Error(err)
		}
		want(t, c, "a", "a#4")
		want(t, c, "b", "b#1")

		synctest.Wait() // the goroutines of the loads have ended
		s := c.Stats()
		got := fmt.Sprint(s.Hits, s.Misses, s.Loads, s.LoadErrors, s.Refused, s.Evictions, s.InFlight, s.Waiters, s.Entries)
		if want := "3 4 5 0 0 map[cleared:1 deleted:1 replaced:2] 0 0 2"; got != want {
			t.Errorf("stats %s, want %s", got, want)
		}
	})
}

func TestGetMeta(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCache(t, func(context.Context, struct{}) (int, error) {
			time.Sleep(50 * time.Millisecond)
			return 7, nil
		}, cachedata.Config{TTL: time.Minute})
		check := func(want cachedata.Meta) {
			t.Helper()
			v, got, err := c.GetMeta(t.Context(), struct{}{})
			if v != 7 || err != nil {
				t.Errorf("got %d, %v", v, err)
			}
			if !got.Expires.Equal(want.Expires) {
				t.Errorf("expires %v, want %v", got.Expires, want.Expires)
			}
			got.Expires, want.Expires = time.Time{}, time.Time{}
			if got != want {
				t.Errorf("got %+v, want %+v", got, want)
			}
		}
		expires := time.Now().Add(50*time.Millisecond + time.Minute)
		go check(cachedata.Meta{Source: cachedata.Load, LoadTook: 50 * time.Millisecond, Expires: expires})
		synctest.Wait()
		check(cachedata.Meta{Source: cachedata.Joined, LoadTook: 50 * time.Millisecond, Expires: expires})
		time.Sleep(time.Second)
		check(cachedata.Meta{Source: cachedata.Hit, Age: time.Second, LoadTook: 50 * time.Millisecond, Expires: expires})
	})
}

func TestDuplicateNameIsAnError(t *testing.T) {
	t.Parallel()
	g := newGroup(t, cachedata.GroupConfig{})
	load := func(context.Context, int) (int, error) { return 1, nil }
	c := newCache(t, load, cachedata.Config{Group: g})
	_, err := cachedata.New("test", load, cachedata.Config{Group: g})
	if !errors.Is(err, cachedata.ErrDuplicate) {
		t.Errorf("a second cache of the same name: %v", err)
	}
	if _, err := cachedata.New("other", load, cachedata.Config{Group: g}); err != nil {
		t.Error(err)
	}
	if err := c.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := cachedata.New("test", load, cachedata.Config{Group: g}); err != nil {
		t.Errorf("the name is not free after Close: %v", err)
	}
}

// Hits are counted exactly, and goroutines that read one key do not all count
// in one place.
func TestStatsCountsEveryHit(t *testing.T) {
	t.Parallel()
	c := newCache(t, func(context.Context, int) (int, error) { return 7, nil }, cachedata.Config{})
	want(t, c, 1, 7)
	var start, wg sync.WaitGroup
	start.Add(64)
	for range 64 {
		wg.Go(func() {
			start.Done()
			start.Wait() // so that each has a stack of its own
			for range 100 {
				_, _ = c.Get(t.Context(), 1)
			}
		})
	}
	wg.Wait()
	if s := c.Stats(); s.Hits != 6400 {
		t.Errorf("%d hits, want 6400", s.Hits)
	}
	if n := cachedata.HitStripes(c); n < 8 {
		t.Errorf("64 goroutines count in %d places", n)
	}
}
