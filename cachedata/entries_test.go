package cachedata_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/reecho-go/reecho/cachedata"
)

// listed renders what Entries says, by key.
func listed(c *cachedata.Cache[int, string]) string {
	all := slices.SortedFunc(c.Entries(), func(a, b cachedata.EntryInfo[int]) int { return cmp.Compare(a.Key, b.Key) })
	var out []string
	for _, e := range all {
		text := fmt.Sprintf("%d %s age=%v bytes=%d", e.Key, e.State, e.Age, max(e.Bytes-cachedata.Beside[int, string](0, true, true), 0))
		if !e.Expires.IsZero() {
			text += fmt.Sprintf(" expires=%v", time.Until(e.Expires))
		}
		if e.Hits > 0 {
			text += fmt.Sprintf(" hits=%d", e.Hits)
		}
		if e.Loading {
			text += fmt.Sprintf(" waiters=%d", e.Waiters)
		}
		out = append(out, text)
	}
	return strings.Join(out, "\n")
}

func TestEntries(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx := t.Context()
		errDown := errors.New("down")
		c := newCache(t, func(_ context.Context, k int) (string, error) {
			switch k {
			case 3:
				return "", errDown
			case 4:
				return "", cachedata.ErrNotFound
			case 5:
				time.Sleep(time.Hour)
			}
			return fmt.Sprint("value ", k), nil
		}, cachedata.Config{
			TTL:       10 * time.Second,
			CountHits: true,
			Stale:     cachedata.StaleConfig{For: 10 * time.Second, OnError: time.Minute},
			Errors:    cachedata.ErrorConfig{TTL: time.Minute, NotFoundTTL: time.Minute},
		}, cachedata.Funcs[int, string]{
			Size: length,
		})
		if got := listed(c); got != "" {
			t.Errorf("an empty cache lists\n%s", got)
		}
		for range 3 {
			want(t, c, 1, "value 1")
		}
		_, _ = c.Get(ctx, 3)
		_, _ = c.Get(ctx, 4)
		time.Sleep(time.Second)
		if err := c.Put(ctx, 2, "put"); err != nil {
			t.Fatal(err)
		}
		var callers sync.WaitGroup
		for range 2 {
			callers.Go(func() { _, _ = c.Get(ctx, 5) })
		}
		synctest.Wait()
		compare := func(want string) {
			t.Helper()
			if got := listed(c); got != want {
				t.Errorf("listed\n%s\nwant\n%s", got, want)
			}
		}
		compare(`1 fresh age=1s bytes=7 expires=9s hits=2
2 fresh age=0s bytes=3 expires=10s
3 error age=1s bytes=68 expires=59s
4 not found age=1s bytes=84 expires=59s
5 loading age=0s bytes=0 waiters=2`)
		time.Sleep(9 * time.Second)
		compare(`1 stale age=10s bytes=7 expires=0s hits=2
2 fresh age=9s bytes=3 expires=1s
3 error age=10s bytes=68 expires=50s
4 not found age=10s bytes=84 expires=50s
5 loading age=0s bytes=0 waiters=2`)
		time.Sleep(12 * time.Second)
		compare(`1 fail-safe age=22s bytes=7 expires=-12s hits=2
2 fail-safe age=21s bytes=3 expires=-11s
3 error age=22s bytes=68 expires=38s
4 not found age=22s bytes=84 expires=38s
5 loading age=0s bytes=0 waiters=2`)
		if s := c.Stats(); s.Hits != 2 {
			t.Errorf("looking counted: %d hits", s.Hits)
		}
		for e := range c.Entries() {
			fp, err := e.Fingerprint()
			if want, _ := c.Fingerprint(e.Key); fp != want || err != nil {
				t.Errorf("fingerprint of %d: %x, %v", e.Key, fp, err)
			}
		}
		if err := c.Clear(ctx); err != nil {
			t.Fatal(err)
		}
		compare("")
		callers.Wait()
	})
}

// The cache may change while it is listed, by the loop itself too, and what is
// there all the time is seen.
func TestEntriesWhileTheCacheChanges(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	c := newCache(t, counter[int](), cachedata.Config{MaxEntries: 10_000})
	for k := range 100 {
		want(t, c, k, fmt.Sprintf("%d#1", k))
	}
	done := make(chan struct{})
	var changes sync.WaitGroup
	for i := range 2 {
		changes.Go(func() {
			for k := 100 + i; ; k += 2 {
				select {
				case <-done:
					return
				default:
				}
				_, _ = c.Get(ctx, 100+k%1000)
				_ = c.Delete(ctx, 100+(k*7)%1000)
			}
		})
	}
	for range 50 {
		seen := map[int]bool{}
		for e := range c.Entries() {
			seen[e.Key] = true
			if e.Key%10 == 0 {
				_, _ = c.Refresh(ctx, e.Key)
			}
		}
		for k := range 100 {
			if !seen[k] {
				t.Fatalf("%d was there all the time and not seen", k)
			}
		}
	}
	for range c.Entries() {
		break
	}
	close(done)
	changes.Wait()
}

// Without CountHits nothing is counted per entry, and without knowing types one
// can look as well.
func TestInspect(t *testing.T) {
	t.Parallel()
	g := newGroup(t, cachedata.GroupConfig{})
	c := newCache(t, counter[int](), cachedata.Config{Group: g})
	want(t, c, 7, "7#1")
	want(t, c, 7, "7#1")
	for _, listed := range g.Caches() {
		n := 0
		for e := range listed.Inspect() {
			n++
			fp, _ := e.Fingerprint()
			if own, _ := c.Fingerprint(7); e.Key != 7 || e.State != cachedata.StateFresh || e.Hits != 0 || fp != own {
				t.Errorf("%+v", e)
			}
		}
		if n != 1 {
			t.Errorf("%d entries", n)
		}
	}
}

func TestHistogram(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCache(t, func(_ context.Context, d int) (string, error) {
			time.Sleep(time.Duration(d))
			return "", nil
		}, cachedata.Config{})
		for _, d := range []time.Duration{0, 50 * time.Microsecond, 50*time.Microsecond + 1, 100 * time.Microsecond, time.Millisecond, time.Second, 26 * time.Second, 24 * time.Hour} {
			want(t, c, int(d), "")
		}
		h := c.Stats().LoadTimes
		if got, want := fmt.Sprint(h), "[2 2 0 0 0 1 0 0 0 0 0 0 0 0 0 1 0 0 0 1 1]"; got != want {
			t.Errorf("counted %s, want %s", got, want)
		}
		for _, tt := range []struct {
			q    float64
			want time.Duration
		}{{0, 50 * time.Microsecond}, {0.5, 100 * time.Microsecond}, {0.99, 50 * time.Microsecond << 19}, {1, 50 * time.Microsecond << 20}, {-1, 50 * time.Microsecond}, {2, 50 * time.Microsecond << 20}} {
			if got := h.Quantile(tt.q); got != tt.want {
				t.Errorf("quantile %v: %v, want %v", tt.q, got, tt.want)
			}
		}
		if most, ok := h.Bound(5); most != 1600*time.Microsecond || !ok {
			t.Errorf("bound of 5: %v, %v", most, ok)
		}
		if _, ok := h.Bound(20); ok {
			t.Error("the last element has a bound")
		}
		if got := new(cachedata.Histogram).Quantile(0.5); got != 0 {
			t.Errorf("of nothing: %v", got)
		}
	})
}
