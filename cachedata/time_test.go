package cachedata_test

import (
	"context"
	"maps"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/reecho-go/reecho/cachedata"
	"github.com/reecho-go/reecho/internal/heaptest"
	"github.com/reecho-go/reecho/internal/soaktest"
	"github.com/reecho-go/reecho/observe"
)

const years = 365 * 24 * time.Hour

func TestServedUntilExactlyTTL(t *testing.T) {
	t.Parallel()
	for _, ttl := range []time.Duration{1, time.Microsecond, time.Second, time.Hour, 100 * years, 290 * years} {
		t.Run(ttl.String(), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := newCache(t, counter[int](), cachedata.Config{TTL: ttl})
				want(t, c, 1, "1#1")
				if ttl > 200*years {
					want(t, c, 1, "1#1") // the clock of a bubble does not go so far
					return
				}
				time.Sleep(ttl / 2)
				want(t, c, 1, "1#1") // which does not prolong it
				time.Sleep(ttl - ttl/2 - 1)
				want(t, c, 1, "1#1")
				time.Sleep(time.Nanosecond)
				if _, ok := c.Peek(t.Context(), 1); ok {
					t.Error("Peek finds an expired result")
				}
				want(t, c, 1, "1#2")
				if err := c.Put(t.Context(), 1, "put"); err != nil {
					t.Error(err)
				}
				time.Sleep(ttl - 1)
				want(t, c, 1, "put")
				time.Sleep(time.Nanosecond)
				want(t, c, 1, "1#3")
			})
		})
	}
}

func TestZeroIsForEver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCache(t, counter[int](), cachedata.Config{})
		want(t, c, 1, "1#1")
		time.Sleep(100 * years)
		want(t, c, 1, "1#1")
		if _, meta, _ := c.GetMeta(t.Context(), 1); !meta.Expires.IsZero() || meta.Age != 100*years {
			t.Errorf("%+v", meta)
		}
	})
}

func TestNegativeIsAnError(t *testing.T) {
	t.Parallel()
	_, err := cachedata.New("", nil, cachedata.Config{
		TTL:        -time.Second,
		MaxEntries: -5,
		Group:      newGroup(t, cachedata.GroupConfig{}),
		Copy:       cachedata.CopyConfig{ReadOnly: true},
	}, cachedata.Funcs[int, int]{
		Clone: func(v int) int { return v },
	})
	for _, want := range []string{"the name is empty", "load function is nil", "TTL is -1s", "MaxEntries is -5", "exclude each other"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("the error does not say %q: %v", want, err)
		}
	}
}

// The memory of expired results comes back without any traffic.
func TestExpiredResultsAreFreed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var rec observe.Recorder
		g := newGroup(t, cachedata.GroupConfig{Observer: &rec})
		words := newCache(t, func(_ context.Context, k int) (int, error) { return k, nil }, cachedata.Config{Group: g, TTL: 10 * time.Second})
		texts := cachedata.Must(cachedata.New("texts", func(_ context.Context, k []int) (int, error) { return k[0], nil }, cachedata.Config{Group: g, TTL: time.Hour}))
		for k := range 1000 {
			want(t, words, k, k)
			want(t, texts, []int{k}, k)
		}
		entries := func(w, x int) {
			t.Helper()
			synctest.Wait()
			if a, b := words.Stats().Entries, texts.Stats().Entries; a != w || b != x {
				t.Errorf("%d and %d entries, want %d and %d", a, b, w, x)
			}
		}
		time.Sleep(10*time.Second - 1)
		entries(1000, 1000)
		time.Sleep(2 * time.Second)
		entries(0, 1000)
		time.Sleep(time.Hour)
		entries(0, 0)
		s := g.Stats()
		if !maps.Equal(s.Evictions, map[observe.Cause]uint64{observe.CauseExpired: 2000}) || s.Loads != 2000 {
			t.Errorf("%+v", s)
		}
		events := observe.Of[observe.CacheEvict](&rec)
		if n := len(events); n != 2000 || events[0].Cause != observe.CauseExpired || events[0].Fingerprint == 0 {
			t.Errorf("%d events, the first is %+v", n, events[0])
		}
	})
}

func TestRefreshedResultsAreNotFreedTooEarly(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCache(t, counter[int](), cachedata.Config{TTL: 10 * time.Second})
		want(t, c, 1, "1#1")
		time.Sleep(5 * time.Second)
		if _, err := c.Refresh(t.Context(), 1); err != nil {
			t.Error(err)
		}
		time.Sleep(7 * time.Second)
		want(t, c, 1, "1#2")
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if s := c.Stats(); s.Entries != 0 || !maps.Equal(s.Evictions, map[observe.Cause]uint64{observe.CauseReplaced: 1, observe.CauseExpired: 1}) {
			t.Errorf("%+v", s)
		}
	})
}

func TestNoGoroutinePerCache(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		before := runtime.NumGoroutine()
		g := newGroup(t, cachedata.GroupConfig{})
		const caches = 100
		for i := range caches {
			c := cachedata.Must(cachedata.New(strings.Repeat("x", i+1), counter[int](), cachedata.Config{Group: g, TTL: time.Hour}))
			want(t, c, 1, "1#1")
		}
		synctest.Wait()
		// the runtime has goroutines of its own that come and go
		if after := runtime.NumGoroutine(); after > before+caches/10 {
			t.Errorf("%d goroutines with %d caches, %d before", after, caches, before)
		}
	})
}

// A package variable is used inside and outside of bubbles.
func TestBubblesShareACache(t *testing.T) {
	c := newCache(t, counter[int](), cachedata.Config{TTL: time.Hour})
	want(t, c, 1, "1#1")
	for i := range 2 {
		synctest.Test(t, func(t *testing.T) {
			want(t, c, 10+i, []string{"10#1", "11#1"}[i])
			if err := c.Delete(t.Context(), 10+i); err != nil {
				t.Error(err)
			}
			want(t, c, 10+i, []string{"10#2", "11#2"}[i])
			if err := c.Clear(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	want(t, c, 1, "1#2")
}

func TestCausesAreReported(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var rec observe.Recorder
		ctx := t.Context()
		c := newCache(t, counter[int](), cachedata.Config{TTL: 10 * time.Second, Observer: &rec})
		want(t, c, 1, "1#1")
		time.Sleep(time.Second)
		_ = c.Put(ctx, 1, "put")
		time.Sleep(time.Second)
		_ = c.Delete(ctx, 1)
		_ = c.Delete(ctx, 1) // nothing is there
		want(t, c, 1, "1#2")
		time.Sleep(10 * time.Second) // expired, not swept yet
		want(t, c, 1, "1#3")
		_ = c.Clear(ctx)
		fp, _ := c.Fingerprint(1)
		source := observe.Source{Group: "group", Cache: "test", Fingerprint: fp}
		wantEvents := []observe.Event{
			observe.CacheLoad{Source: source, Waiters: 1},
			observe.CacheEvict{Source: source, Cause: observe.CauseReplaced, Age: time.Second},
			observe.CacheEvict{Source: source, Cause: observe.CauseDeleted, Age: time.Second},
			observe.CacheLoad{Source: source, Waiters: 1},
			observe.CacheEvict{Source: source, Cause: observe.CauseExpired, Age: 10 * time.Second},
			observe.CacheLoad{Source: source, Waiters: 1},
			observe.CacheClear{Source: observe.Source{Group: "group", Cache: "test"}, Entries: 1},
		}
		if got := rec.Events(); !slices.Equal(got, wantEvents) {
			t.Errorf("events\n%+v\nwant\n%+v", got, wantEvents)
		}
		if s := c.Stats(); !maps.Equal(s.Evictions, map[observe.Cause]uint64{observe.CauseExpired: 1, observe.CauseReplaced: 1, observe.CauseDeleted: 1, observe.CauseCleared: 1}) {
			t.Errorf("%+v", s.Evictions)
		}
	})
}

func TestMaxEntriesBounds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for _, bound := range []int{1, 100} {
			var rec observe.Recorder
			g := newGroup(t, cachedata.GroupConfig{})
			c := newCache(t, func(_ context.Context, k int) (int, error) { return k, nil }, cachedata.Config{Group: g, MaxEntries: bound, Observer: &rec, TTL: time.Hour})
			const n = 1000
			for k := range n {
				want(t, c, k, k)
			}
			synctest.Wait() // for the engine's maintenance and for the mailbox
			s := c.Stats()
			if s.Entries > bound || s.Entries == 0 || s.Evictions[observe.CauseSize] != uint64(n-s.Entries) {
				t.Errorf("bound %d: %d entries, %d evictions", bound, s.Entries, s.Evictions[observe.CauseSize])
			}
			if cachedata.Queued(c) != s.Entries {
				t.Errorf("bound %d: %d wait to expire, of %d entries", bound, cachedata.Queued(c), s.Entries)
			}
			events := observe.Of[observe.CacheEvict](&rec)
			if uint64(len(events)) != s.Evictions[observe.CauseSize] || events[0].Cause != observe.CauseSize {
				t.Errorf("bound %d: %d events for %d evictions", bound, len(events), s.Evictions[observe.CauseSize])
			}
		}
	})
}

func TestClearGivesMemoryBack(t *testing.T) {
	c := newCache(t, func(context.Context, int) ([]byte, error) { return make([]byte, 1<<20), nil }, cachedata.Config{TTL: time.Hour})
	before := heaptest.InUse()
	for k := range 64 {
		if _, err := c.Get(t.Context(), k); err != nil {
			t.Fatal(err)
		}
	}
	if full := heaptest.InUse(); full < before+60<<20 {
		t.Errorf("64 results of 1 MiB take %d bytes", full-before)
	}
	if err := c.Clear(t.Context()); err != nil {
		t.Fatal(err)
	}
	if after := heaptest.AtMost(before + 4<<20); after > before+4<<20 {
		t.Errorf("%d bytes are left after Clear", after-before)
	}
}

// Nothing remains of a key once its result is gone.
func TestNothingRemainsOfAKey(t *testing.T) {
	keys := 10_000
	if soaktest.Long() {
		keys = 1_000_000
	}
	c := newCache(t, func(_ context.Context, k [2]int) (string, error) { return "a result of some length", nil }, cachedata.Config{MaxEntries: 100, TTL: time.Hour})
	use := func(from, to int) {
		for k := from; k < to; k++ {
			key := [2]int{k, k}
			if _, err := c.Get(t.Context(), key); err != nil {
				t.Fatal(err)
			}
			switch k % 4 {
			case 0:
				_ = c.Delete(t.Context(), key)
			case 1:
				_ = c.Put(t.Context(), key, "another")
			case 2:
				_, _ = c.Refresh(t.Context(), key)
			}
		}
	}
	use(0, 1000)
	before := heaptest.InUse()
	use(1000, keys)
	if after := heaptest.AtMost(before + 128<<10); after > before+128<<10 {
		t.Errorf("%d bytes more after %d keys", after-before, keys)
	}
}

func TestHitAllocates(t *testing.T) {
	type small struct {
		A uint32
		B bool
	}
	allocs(t, "int", 0, 7, 7)
	allocs(t, "string", 0, "a", time.Now())
	allocs(t, "small struct", 0, small{1, true}, [4]int{})
	allocs(t, "struct with a slice", 0, query{"Texas", []string{"gull", "dove"}, 1}, 5)
	allocs(t, "no argument", 0, struct{}{}, "text")
	allocs(t, "slice", 1, 1, []int{1, 2, 3})
	allocs(t, "pointer", 1, 1, &[3]int{1})
}

// allocs fails the test unless a hit takes that many allocations.
func allocs[K, V any](t *testing.T, name string, want float64, key K, v V) {
	t.Helper()
	c := newCache(t, func(context.Context, K) (V, error) { return v, nil }, cachedata.Config{TTL: time.Hour})
	ctx := t.Context()
	get := func() {
		if _, err := c.Get(ctx, key); err != nil {
			t.Fatal(err)
		}
	}
	get()
	// The engine now and then tends its books in a goroutine of its own.
	if got := testing.AllocsPerRun(1000, get); got > want && !raced {
		t.Errorf("%s: %v allocations per hit, want %v", name, got, want)
	}
}
