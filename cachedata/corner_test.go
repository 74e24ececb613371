package cachedata_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/reecho-go/reecho/cachedata"
	"github.com/reecho-go/reecho/internal/heaptest"
)

// Config.Timeout must answer the callers also once Close has cancelled the load.
func TestHardTimeoutHoldsAfterClose(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g, _ := cachedata.NewGroup("g", cachedata.GroupConfig{})
		c := newCache(t, func(context.Context, int) (int, error) {
			time.Sleep(time.Hour) // ignores its context
			return 1, nil
		}, cachedata.Config{Group: g, Timeout: 10 * time.Second})
		start := time.Now()
		done := make(chan struct{})
		go func() {
			defer close(done)
			_, err := c.Get(context.Background(), 1)
			if took := time.Since(start); took != 10*time.Second {
				t.Errorf("Get returned after %v with %v, want 10s", took, err)
			}
		}()
		synctest.Wait()
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if err := c.Close(ctx); err == nil {
			t.Error("Close has waited")
		}
		<-done
		time.Sleep(time.Hour)
		_ = g.Close(context.Background())
	})
}

// A Cache takes them, a Batch cannot: its loader returns a map.
func TestKeysThatNoMapTakesAreErrorsOfABatch(t *testing.T) {
	t.Parallel()
	b := newBatch(t, func(_ context.Context, keys []any) (map[any]int, error) {
		return map[any]int{keys[0]: 1}, nil
	}, cachedata.Config{})
	bad := func(err error) {
		t.Helper()
		if ke, ok := errors.AsType[*cachedata.KeyError](err); !ok || !strings.Contains(ke.Error(), "Cache instead of a Batch") {
			t.Errorf("%v, want a KeyError that says what to do", err)
		}
	}
	_, err := b.GetMany(t.Context(), []any{"x", []int{1}})
	bad(err)
	_, err = b.Get(t.Context(), []int{1})
	bad(err)
	if m, err := b.GetMany(t.Context(), []any{"x"}); m["x"] != 1 || err != nil {
		t.Errorf("a key that is fine: %v, %v", m, err)
	}
}

// SoftTimeout: "how long a load may have taken until its callers are given the
// expired result".
func TestSoftTimeoutOfGetMany(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := 0
		b := newBatch(t, func(_ context.Context, keys []int) (map[int]int, error) {
			if n++; n > 1 {
				time.Sleep(10 * time.Second)
			}
			return map[int]int{1: n}, nil
		}, cachedata.Config{TTL: time.Minute, Stale: cachedata.StaleConfig{OnError: time.Hour, SoftTimeout: time.Second}})
		_, _ = b.GetMany(t.Context(), []int{1})
		time.Sleep(2 * time.Minute)
		start := time.Now()
		m, err := b.GetMany(t.Context(), []int{1})
		if took := time.Since(start); took != time.Second {
			t.Errorf("GetMany took %v and returned %v, %v; Get gives the expired result after 1s", took, m, err)
		}
		time.Sleep(time.Hour)
	})
}

// Entries: "Nothing of a clear that came before the call is seen."
func TestEntriesShowNothingOfAClearedTag(t *testing.T) {
	t.Parallel()
	c := newCache(t, func(context.Context, int) (int, error) { return 1, nil },
		cachedata.Config{}, cachedata.Funcs[int, int]{Tags: func(int, int) []string { return []string{"t"} }})
	_, _ = c.Get(t.Context(), 1)
	if err := c.ClearTag(t.Context(), "t"); err != nil {
		t.Fatal(err)
	}
	for e := range c.Entries() {
		t.Errorf("after ClearTag Entries gives key %d, %s", e.Key, e.State)
	}
}

// But the load of such a key is seen.
func TestEntriesShowTheLoadAfterAClearedTag(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCache(t, func(context.Context, int) (int, error) {
			time.Sleep(time.Millisecond)
			return 1, nil
		}, cachedata.Config{}, cachedata.Funcs[int, int]{Tags: func(int, int) []string { return []string{"t"} }})
		_, _ = c.Get(t.Context(), 1)
		if err := c.ClearTag(t.Context(), "t"); err != nil {
			t.Fatal(err)
		}
		go func() { _, _ = c.Get(t.Context(), 1) }()
		synctest.Wait()
		var seen []string
		for e := range c.Entries() {
			seen = append(seen, e.State)
		}
		if len(seen) != 1 || seen[0] != "loading" {
			t.Errorf("Entries gives %q, want the load alone", seen)
		}
		time.Sleep(time.Second) // it ends
	})
}

// VerifyReadOnly: "a read that finds that the result has been changed since it
// was stored drops it"; "Each read walks the whole result".
func TestPeekFindsNothingThatWasChanged(t *testing.T) {
	t.Parallel()
	c := newCache(t, func(context.Context, int) ([]int, error) { return []int{1}, nil },
		cachedata.Config{Copy: cachedata.CopyConfig{ReadOnly: true, Verify: true}})
	v, _ := c.Get(t.Context(), 1)
	v[0] = 2
	if v, ok := c.Peek(t.Context(), 1); ok {
		t.Errorf("Peek gave %v, which somebody has changed", v)
	}
	if _, err := c.Get(t.Context(), 1); err == nil {
		t.Error("Get found nothing")
	}
}

// The same for what FailSafe serves, here what the loader has changed.
func TestFailSafeServesNothingThatWasChanged(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		mine, loaded := []int{1}, false
		c := newCache(t, func(context.Context, int) ([]int, error) {
			if loaded {
				mine[0] = 2
				return nil, errors.New("down")
			}
			loaded = true
			return mine, nil
		}, cachedata.Config{TTL: time.Minute, Copy: cachedata.CopyConfig{ReadOnly: true, Verify: true}, Stale: cachedata.StaleConfig{OnError: time.Hour}})
		if _, err := c.Get(t.Context(), 1); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Minute)
		if v, m, err := c.GetMeta(t.Context(), 1); err == nil {
			t.Errorf("%v gave %v, which the loader has changed", m.Source, v)
		}
	})
}

// B1: one result too many makes room for one, whatever the others count.
func TestMaxEntriesBesideALargeResult(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCache(t, func(_ context.Context, k int) (int64, error) {
			if k == 0 {
				return 100_000_000, nil
			}
			return 100, nil
		}, cachedata.Config{MaxEntries: 100, MaxBytes: 1 << 30}, cachedata.Funcs[int, int64]{Size: func(n int64) int64 { return n }})
		least := 100
		for k := range 1000 {
			_, _ = c.Get(t.Context(), k)
			_, _ = c.Get(t.Context(), 0) // the large one is in use
			synctest.Wait()
			if n := c.Stats().Entries; k >= 100 {
				least = min(least, n)
			}
		}
		if s := c.Stats(); least < 90 || s.Loads > 1010 {
			t.Errorf("at times there were only %d entries of 100; %d loads of 1000 keys", least, s.Loads)
		}
	})
}

// L7, T2: no timers pile up.
func TestTimersDoNotPileUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCache(t, func(context.Context, int) (int, error) { return 1, nil },
			cachedata.Config{TTL: 24 * time.Hour}, cachedata.Funcs[int, int]{Tags: func(int, int) []string { return []string{"never cleared"} }})
		_, _ = c.Get(t.Context(), 1)
		const n = 5_000 // 3 hours
		run := func() {
			for range n {
				_ = c.ClearTag(t.Context(), "other")
				time.Sleep(2 * time.Second)
				synctest.Wait()
			}
		}
		before := heaptest.InUse()
		run()
		if grown := heaptest.InUse() - before; grown > 256<<10 {
			t.Errorf("one result, %d times ClearTag at 2 s each: the heap has grown by %d KB, %d bytes each", n, grown>>10, grown/n)
		}
	})
}

// A remembered error is no old result: the eager refresh of one must not offer a
// zero value that was never loaded, let alone make it a result.
func TestARememberedErrorIsNoOldResult(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCache(t, func(ctx context.Context, _ int) (string, error) {
			e := cachedata.LoadingFrom(ctx)
			if old, ok := cachedata.Old[string](e); ok {
				t.Errorf("the loader is given the old result %q, ETag %q: there never was one", old, e.OldETag())
				e.NotModified() // the origin says 304
				return "", nil
			}
			e.SetETag(`"gone"`) // that of the 404
			return "", fmt.Errorf("no such user: %w", cachedata.ErrNotFound)
		}, cachedata.Config{TTL: time.Minute, Errors: cachedata.ErrorConfig{NotFoundTTL: time.Minute}, Stale: cachedata.StaleConfig{EagerAt: 0.5}})
		if _, err := c.Get(t.Context(), 1); !errors.Is(err, cachedata.ErrNotFound) {
			t.Fatal(err)
		}
		time.Sleep(50 * time.Second)
		_, _ = c.Get(t.Context(), 1) // refreshes in the background
		synctest.Wait()
		if v, err := c.Get(t.Context(), 1); err == nil {
			t.Errorf("Get = %q, nil: a result that nobody has loaded; want ErrNotFound", v)
		}
	})
}

var shared = cachedata.Must(cachedata.New("shared across bubbles", func(context.Context, int) (int, error) { return 1, nil },
	cachedata.Config{TTL: time.Second}))

// A package variable inside and outside of bubbles: what expires is freed.
func TestSharedAcrossBubbles(t *testing.T) {
	ctx := context.Background()
	synctest.Test(t, func(t *testing.T) { _, _ = shared.Get(ctx, 1) })
	_, _ = shared.Get(ctx, 2)
	for end := time.Now().Add(time.Minute); shared.Stats().Entries > 0 && time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		continue // they are freed some seconds after they have expired
	}
	if n := shared.Stats().Entries; n != 0 {
		t.Errorf("%d entries, a minute after the last has expired", n)
	}
}

type slowKey struct{ n int }

// T4: a caller that has found the old result expired, and comes to the flight
// when that has just failed, must not ask the origin again.
func TestThrottledAlsoForWhoLookedBefore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		loads, slow := 0, false
		c := newCache(t, func(context.Context, slowKey) (int, error) {
			if loads++; loads == 1 {
				return 1, nil
			}
			time.Sleep(time.Second)
			return 0, errors.New("down")
		}, cachedata.Config{
			TTL:   time.Minute,
			Stale: cachedata.StaleConfig{OnError: time.Hour, RetryAfter: time.Minute},
			Keys: cachedata.KeyConfig{HashFuncs: map[reflect.Type]func(any) (any, error){reflect.TypeFor[slowKey](): func(v any) (any, error) {
				if slow {
					time.Sleep(700 * time.Millisecond)
				}
				return v.(slowKey).n, nil
			}}},
		})
		_, _ = c.Get(t.Context(), slowKey{1})
		time.Sleep(2 * time.Minute)
		go func() { _, _ = c.Get(t.Context(), slowKey{1}) }()
		synctest.Wait()
		slow = true
		_, m, err := c.GetMeta(t.Context(), slowKey{1}) // looks at 0.7 s, joins at 1.4 s
		t.Log(m.Source, err)
		if loads > 2 {
			t.Errorf("%d loads: the origin has been asked again right after a failure, RetryAfter is 1m", loads-1)
		}
	})
}
