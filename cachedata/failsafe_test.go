package cachedata_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/reecho-go/reecho/cachedata"
	"github.com/reecho-go/reecho/observe"
)

func TestFailSafeServesWhatHasExpired(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		fail func() error
	}{
		{"error", func() error { return errDown }},
		{"panic", func() error { panic("boom") }},
		{"Goexit", func() error { runtime.Goexit(); return nil }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var s source
				var rec observe.Recorder
				c := newCache(t, s.load, cachedata.Config{TTL: time.Minute, Observer: &rec, Stale: cachedata.StaleConfig{OnError: time.Hour, RetryAfter: time.Second}})
				gets(t, c, "1 load")
				s.fail(tt.fail)
				time.Sleep(time.Minute)
				if _, ok := c.Peek(t.Context(), "k"); ok {
					t.Error("Peek finds what has expired")
				}
				gets(t, c, "1 fail-safe")
				s.wants(t, 2)
				// The origin is left alone.
				time.Sleep(time.Second - 1)
				gets(t, c, "1 fail-safe")
				s.wants(t, 2)
				time.Sleep(time.Nanosecond)
				gets(t, c, "1 fail-safe")
				s.wants(t, 3)
				time.Sleep(2*time.Second - 1)
				gets(t, c, "1 fail-safe")
				s.wants(t, 3)
				time.Sleep(time.Nanosecond)
				s.heal()
				gets(t, c, "4 load")
				if st := c.Stats(); st.FailSafe != 4 || st.Misses != 2 || st.LoadErrors != 2 || st.Loads != 4 {
					t.Errorf("%+v", st)
				}
				if events := observe.Of[observe.CacheLoad](&rec); len(events) != 4 || events[1].Err == nil || events[2].Err == nil || events[3].Err != nil {
					t.Errorf("events %+v", events)
				}
			})
		})
	}
}

func TestFailSafeEndsAtExactlyFailSafe(t *testing.T) {
	t.Parallel()
	for _, rule := range []struct{ ttl, failSafe time.Duration }{{1, 1}, {time.Second, time.Hour}, {time.Hour, time.Second}, {1, 100 * years}} {
		t.Run(fmt.Sprint(rule), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var s source
				c := newCache(t, s.load, cachedata.Config{TTL: rule.ttl, Stale: cachedata.StaleConfig{OnError: rule.failSafe}})
				gets(t, c, "1 load")
				s.failWith(errDown)
				time.Sleep(rule.ttl + rule.failSafe - 1)
				gets(t, c, "1 fail-safe")
				time.Sleep(time.Nanosecond)
				gets(t, c, "down") // throttled or not
			})
		})
	}
}

// A load that fails after the old result is over has nothing to fall back on.
func TestFailSafeEndsDuringTheLoad(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var s source
		c := newCache(t, s.load, cachedata.Config{TTL: time.Minute, Stale: cachedata.StaleConfig{OnError: time.Minute}})
		gets(t, c, "1 load")
		s.failWith(errDown)
		s.takes.Store(int64(time.Minute))
		time.Sleep(time.Minute)
		gets(t, c, "down")
	})
}

func TestStaleForThenFailSafe(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var s source
		c := newCache(t, s.load, cachedata.Config{TTL: time.Minute, Stale: cachedata.StaleConfig{For: time.Minute, OnError: time.Hour, RetryAfter: time.Second}})
		gets(t, c, "1 load")
		s.failWith(errDown)
		time.Sleep(2*time.Minute - 1)
		gets(t, c, "1 stale")
		synctest.Wait()
		time.Sleep(time.Nanosecond)
		gets(t, c, "1 fail-safe") // the refresh has just failed
		s.wants(t, 2)
		time.Sleep(time.Second)
		gets(t, c, "1 fail-safe")
		s.wants(t, 3)
	})
}

func TestCallersWhoAskedForMoreGetTheError(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var s source
		c := newCache(t, s.load, cachedata.Config{TTL: time.Minute, Stale: cachedata.StaleConfig{OnError: time.Hour}})
		gets(t, c, "1 load")
		s.failWith(errDown)
		s.takes.Store(int64(time.Second))
		time.Sleep(time.Minute)
		var wg sync.WaitGroup
		wg.Go(func() {
			if _, err := c.Refresh(t.Context(), "k"); !errors.Is(err, errDown) {
				t.Errorf("Refresh: %v", err)
			}
		})
		synctest.Wait()
		wg.Go(func() { gets(t, c, "1 fail-safe") }) // joins it
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if _, err := c.Get(ctx, "k"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a caller in a hurry got %v", err)
		}
		wg.Wait()
		s.wants(t, 2)
	})
}

func TestNotFoundIsNoFailure(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var s source
		c := newCache(t, s.load, cachedata.Config{TTL: time.Minute, Stale: cachedata.StaleConfig{For: time.Minute, OnError: time.Hour}})
		gets(t, c, "1 load")
		s.failWith(cachedata.ErrNotFound)
		time.Sleep(time.Minute)
		gets(t, c, "1 stale")
		synctest.Wait() // the refresh finds that it is gone
		if st := c.Stats(); st.Entries != 0 {
			t.Errorf("%+v", st)
		}
		gets(t, c, "cachedata: not found")
		s.wants(t, 3)
	})
}

func TestMistakesAreNotCoveredUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		wrong := false
		c := newCache(t, func(ctx context.Context, k string) (string, error) {
			if wrong {
				return visitor(ctx)
			}
			return "anybody", nil
		}, cachedata.Config{TTL: time.Minute, Stale: cachedata.StaleConfig{OnError: time.Hour}, Errors: cachedata.ErrorConfig{TTL: time.Hour}})
		want(t, c, "k", "anybody")
		wrong = true
		time.Sleep(time.Minute)
		for range 2 {
			if v, err := c.Get(newRequest(t.Context()), "k"); !errors.Is(err, cachedata.ErrVisitorInGlobalLoad) {
				t.Errorf("got %q, %v", v, err)
			}
		}
	})
}

func TestHardTimeoutOfADeafLoad(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var s source
		var rec observe.Recorder
		c := newCache(t, s.load, cachedata.Config{Timeout: time.Second, Observer: &rec})
		s.takes.Store(int64(time.Minute))
		start := time.Now()
		_, err := c.Get(t.Context(), "k")
		var status interface{ StatusCode() int }
		if !errors.Is(err, cachedata.ErrTimeout) || !errors.Is(err, context.DeadlineExceeded) || !errors.As(err, &status) ||
			status.StatusCode() != http.StatusGatewayTimeout || err.Error() != "cachedata: the load took too long: test: after 1s" {
			t.Errorf("got %v", err)
		}
		if took := time.Since(start); took != time.Second {
			t.Errorf("after %v", took)
		}
		s.takes.Store(0)
		gets(t, c, "2 load") // the key is usable again
		synctest.Wait()      // the load of the second call has left
		if st := c.Stats(); st.InFlight != 1 || st.Loads != 2 || st.LoadErrors != 1 {
			t.Errorf("%+v", st)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		gets(t, c, "2 hit") // what came late was thrown away
		if st := c.Stats(); st.InFlight != 0 || st.Loads != 2 {
			t.Errorf("%+v", st)
		}
		overruns := observe.Of[observe.CacheOverrun](&rec)
		if len(overruns) != 1 || overruns[0].Took != time.Minute || overruns[0].Err != nil || overruns[0].Fingerprint == 0 {
			t.Errorf("events %+v", overruns)
		}
	})
}

func TestCloseWaitsForADeafLoad(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var s source
		c := newCache(t, s.load, cachedata.Config{Timeout: time.Second})
		s.takes.Store(int64(time.Minute))
		gets(t, c, "cachedata: the load took too long: test: after 1s")
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		if err := c.Close(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Close: %v", err)
		}
		if err := c.Close(t.Context()); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
}

func TestHardTimeoutEndsTheContextOfALoad(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCache(t, func(ctx context.Context, _ string) (int, error) {
			if d, ok := ctx.Deadline(); !ok || time.Until(d) != time.Second {
				t.Errorf("deadline %v, %v", d, ok)
			}
			<-ctx.Done()
			return 0, ctx.Err()
		}, cachedata.Config{Timeout: time.Second, Errors: cachedata.ErrorConfig{TTL: time.Hour}})
		for range 2 { // the timeout is not remembered
			start := time.Now()
			gets(t, c, "cachedata: the load took too long: test: after 1s")
			if took := time.Since(start); took != time.Second {
				t.Errorf("after %v", took)
			}
		}
	})
}

func TestHardTimeoutIsAFailure(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var s source
		c := newCache(t, s.load, cachedata.Config{TTL: time.Minute, Timeout: time.Second, Stale: cachedata.StaleConfig{OnError: time.Hour, RetryAfter: 10 * time.Second}})
		gets(t, c, "1 load")
		time.Sleep(time.Minute)
		s.takes.Store(int64(5 * time.Second))
		for i, wait := range []time.Duration{time.Second, 0, 0} {
			start := time.Now()
			gets(t, c, "1 fail-safe")
			if took := time.Since(start); took != wait {
				t.Errorf("call %d took %v, want %v", i, took, wait)
			}
		}
		s.wants(t, 2)
		time.Sleep(time.Minute)
	})
}

// Deaf refreshes hold their places among the workers, so that a dead origin
// cannot pile up goroutines.
func TestDeafRefreshesAreBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		deaf := false
		stop := make(chan struct{})
		c := newCache(t, func(_ context.Context, k int) (int, error) {
			if deaf {
				<-stop
			}
			return k, nil
		}, cachedata.Config{TTL: time.Minute, Timeout: time.Second, Stale: cachedata.StaleConfig{For: time.Hour, RetryAfter: time.Second}})
		const keys = 40
		for k := range keys {
			want(t, c, k, k)
		}
		deaf = true
		time.Sleep(time.Minute)
		for range 10 {
			for k := range keys {
				want(t, c, k, k)
			}
			time.Sleep(time.Minute)
		}
		if st := c.Stats(); st.InFlight != 16 || st.LoadErrors != 16 {
			t.Errorf("%+v", st)
		}
		close(stop)
	})
}

func TestSoftTimeoutServesWhatHasExpired(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var s source
		c := newCache(t, s.load, cachedata.Config{TTL: time.Minute, Timeout: 10 * time.Second, Stale: cachedata.StaleConfig{OnError: time.Hour, SoftTimeout: 100 * time.Millisecond}})
		s.takes.Store(int64(time.Second))
		start := time.Now()
		gets(t, c, "1 load") // nothing to serve: it waits
		if took := time.Since(start); took != time.Second {
			t.Errorf("the first load took %v", took)
		}
		time.Sleep(time.Minute)
		for i, wait := range []time.Duration{100 * time.Millisecond, 0, 0} { // the load is known to be slow
			start := time.Now()
			gets(t, c, "1 stale")
			if took := time.Since(start); took != wait {
				t.Errorf("call %d took %v, want %v", i, took, wait)
			}
		}
		s.wants(t, 2)
		time.Sleep(900 * time.Millisecond)
		synctest.Wait()
		gets(t, c, "2 hit") // it was stored although nobody waited
		if st := c.Stats(); st.StaleHits != 3 || st.Misses != 1 {
			t.Errorf("%+v", st)
		}
		s.takes.Store(int64(100*time.Millisecond - 1))
		time.Sleep(time.Minute)
		gets(t, c, "3 load") // just in time
	})
}

// When there is nothing left to serve at the soft timeout, the caller waits on.
func TestSoftTimeoutWithoutAnythingLeft(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		middle func(context.Context, *cachedata.Cache[string, int]) error
		want   string
	}{
		{"deleted", func(ctx context.Context, c *cachedata.Cache[string, int]) error { return c.Delete(ctx, "k") }, "2 load"},
		{"cleared", func(ctx context.Context, c *cachedata.Cache[string, int]) error { return c.Clear(ctx) }, "2 load"},
		{"put", func(ctx context.Context, c *cachedata.Cache[string, int]) error { return c.Put(ctx, "k", 7) }, "7 hit"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var s source
				c := newCache(t, s.load, cachedata.Config{TTL: time.Minute, Stale: cachedata.StaleConfig{OnError: time.Hour, SoftTimeout: 100 * time.Millisecond}})
				gets(t, c, "1 load")
				time.Sleep(time.Minute)
				s.takes.Store(int64(time.Second))
				done := make(chan string)
				go func() { done <- served(t, c) }()
				synctest.Wait()
				if err := tt.middle(t.Context(), c); err != nil {
					t.Error(err)
				}
				if got := <-done; got != tt.want {
					t.Errorf("got %s, want %s", got, tt.want)
				}
				time.Sleep(time.Second)
			})
		})
	}
}

func TestGetManyIsFailSafe(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var fail func() error
		loads := 0
		b := cachedata.Must(cachedata.NewBatch("batch", func(_ context.Context, keys []int) (map[int]int, error) {
			loads++
			if fail != nil {
				return nil, fail()
			}
			m := map[int]int{}
			for _, k := range keys {
				m[k] = k * 10
			}
			return m, nil
		}, cachedata.Config{TTL: time.Minute, Timeout: time.Second, Group: newGroup(t, cachedata.GroupConfig{}), Stale: cachedata.StaleConfig{OnError: time.Hour}}))
		if m, err := b.GetMany(t.Context(), []int{1, 2}); len(m) != 2 || err != nil {
			t.Errorf("got %v, %v", m, err)
		}
		for i, fn := range []func() error{
			func() error { return errDown },
			func() error { panic("boom") },
			func() error { time.Sleep(time.Hour); return nil },
		} {
			fail = fn
			time.Sleep(10 * time.Minute)
			m, err := b.GetMany(t.Context(), []int{1, 2})
			if len(m) != 2 || m[2] != 20 || err != nil {
				t.Errorf("%d: got %v, %v", i, m, err)
			}
		}
		time.Sleep(2 * time.Hour)
		synctest.Wait()
		if loads != 4 {
			t.Errorf("%d loads", loads)
		}
		if st := b.Stats(); st.FailSafe != 6 {
			t.Errorf("%+v", st)
		}
	})
}
