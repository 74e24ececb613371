package cachedata_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/reecho-go/reecho/cachedata"
	"github.com/reecho-go/reecho/observe"
)

// source is an origin whose loads are numbered from 1. What the next ones do is
// set from outside.
type source struct {
	loads atomic.Int32
	takes atomic.Int64 // how long a load takes
	fails atomic.Pointer[func() error]
}

func (s *source) load(context.Context, string) (int, error) {
	n := int(s.loads.Add(1))
	time.Sleep(time.Duration(s.takes.Load()))
	if fail := s.fails.Load(); fail != nil {
		return -n, (*fail)()
	}
	return n, nil
}

func (s *source) fail(fn func() error) { s.fails.Store(&fn) }
func (s *source) failWith(err error)   { s.fail(func() error { return err }) }
func (s *source) heal()                { s.fails.Store(nil) }

var errDown = errors.New("down")

// served is what a call of GetMeta came to, in short.
func served(t *testing.T, c *cachedata.Cache[string, int]) string {
	t.Helper()
	v, meta, err := c.GetMeta(t.Context(), "k")
	if err != nil {
		if v != 0 || meta != (cachedata.Meta{}) {
			t.Errorf("%d, %+v beside the error %v", v, meta, err)
		}
		return err.Error()
	}
	return fmt.Sprintf("%d %v", v, meta.Source)
}

// gets fails the test unless a call comes to want.
func gets(t *testing.T, c *cachedata.Cache[string, int], want string) {
	t.Helper()
	if got := served(t, c); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func (s *source) wants(t *testing.T, loads int32) {
	t.Helper()
	if got := s.loads.Load(); got != loads {
		t.Errorf("%d loads, want %d", got, loads)
	}
}

func TestStaleIsServedAndRefreshed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var s source
		var rec observe.Recorder
		c := newCache(t, s.load, cachedata.Config{TTL: time.Minute, Observer: &rec, Stale: cachedata.StaleConfig{For: time.Hour}})
		gets(t, c, "1 load")
		time.Sleep(time.Minute - 1)
		gets(t, c, "1 hit")
		s.takes.Store(int64(time.Second))
		time.Sleep(time.Nanosecond)
		for range 10 {
			gets(t, c, "1 stale")
		}
		if v, ok := c.Peek(t.Context(), "k"); v != 1 || !ok {
			t.Errorf("Peek: %d, %v", v, ok)
		}
		synctest.Wait()
		s.wants(t, 2)
		time.Sleep(time.Second - 1)
		gets(t, c, "1 stale")
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		gets(t, c, "2 hit")
		s.wants(t, 2)
		if st := c.Stats(); st.Hits != 2 || st.StaleHits != 11 || st.Misses != 1 || st.Loads != 2 || st.Refreshes != 1 || st.Evictions[observe.CauseReplaced] != 1 {
			t.Errorf("%+v", st)
		}
		loads := observe.Of[observe.CacheLoad](&rec)
		if len(loads) != 2 || loads[0].Background || !loads[1].Background || loads[1].Waiters != 0 || loads[1].Took != time.Second {
			t.Errorf("events %+v", loads)
		}
	})
}

func TestStaleEndsAtExactlyStaleFor(t *testing.T) {
	t.Parallel()
	for _, rule := range []struct{ ttl, staleFor time.Duration }{{1, 1}, {time.Second, time.Minute}, {time.Minute, time.Second}, {time.Second, 100 * years}} {
		t.Run(fmt.Sprint(rule), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var s source
				c := newCache(t, s.load, cachedata.Config{TTL: rule.ttl, Stale: cachedata.StaleConfig{For: rule.staleFor}})
				gets(t, c, "1 load")
				time.Sleep(rule.ttl + rule.staleFor - 1)
				s.failWith(errDown)
				gets(t, c, "1 stale")
				synctest.Wait()
				time.Sleep(time.Nanosecond)
				if _, ok := c.Peek(t.Context(), "k"); ok {
					t.Error("Peek finds what nobody is served any more")
				}
				gets(t, c, "down")
			})
		})
	}
}

func TestStaleIsFreedWhenItIsOver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var s source
		c := newCache(t, s.load, cachedata.Config{TTL: time.Minute, Stale: cachedata.StaleConfig{For: time.Minute, OnError: time.Hour}})
		gets(t, c, "1 load")
		time.Sleep(time.Hour + time.Minute - 1)
		synctest.Wait()
		if st := c.Stats(); st.Entries != 1 {
			t.Errorf("%+v", st)
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if st := c.Stats(); st.Entries != 0 || !maps.Equal(st.Evictions, map[observe.Cause]uint64{observe.CauseExpired: 1}) || cachedata.Queued(c) != 0 {
			t.Errorf("%+v, %d queued", st, cachedata.Queued(c))
		}
	})
}

func TestFailedRefreshBacksOff(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var s source
		var rec observe.Recorder
		c := newCache(t, s.load, cachedata.Config{TTL: time.Minute, Observer: &rec, Stale: cachedata.StaleConfig{For: time.Hour, RetryAfter: time.Second}})
		gets(t, c, "1 load")
		s.failWith(errDown)
		time.Sleep(time.Minute)
		loads := int32(1)
		for _, pause := range []time.Duration{time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second, 8 * time.Second} {
			gets(t, c, "1 stale")
			synctest.Wait()
			loads++
			s.wants(t, loads)
			time.Sleep(pause - 1)
			gets(t, c, "1 stale")
			synctest.Wait()
			s.wants(t, loads)
			time.Sleep(time.Nanosecond)
		}
		s.heal()
		gets(t, c, "1 stale")
		synctest.Wait()
		gets(t, c, "7 hit")
		// The next row of failures begins from the start.
		s.failWith(errDown)
		time.Sleep(time.Minute)
		gets(t, c, "7 stale")
		time.Sleep(time.Second)
		gets(t, c, "7 stale")
		synctest.Wait()
		s.wants(t, 9)
		if st := c.Stats(); st.LoadErrors != 7 || st.Refreshes != 8 {
			t.Errorf("%+v", st)
		}
		events := observe.Of[observe.CacheLoad](&rec)
		if len(events) != 9 || !errors.Is(events[1].Err, errDown) || !events[1].Background {
			t.Errorf("events %+v", events)
		}
	})
}

func TestDefaultBackoff(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var s source
		c := newCache(t, s.load, cachedata.Config{TTL: time.Minute, Stale: cachedata.StaleConfig{For: time.Hour}})
		gets(t, c, "1 load")
		s.failWith(errDown)
		time.Sleep(time.Minute)
		gets(t, c, "1 stale")
		time.Sleep(5*time.Second - 1)
		gets(t, c, "1 stale")
		synctest.Wait()
		s.wants(t, 2)
		time.Sleep(time.Nanosecond)
		gets(t, c, "1 stale")
		synctest.Wait()
		s.wants(t, 3)
	})
}

// A pause that is too long to be doubled is for ever.
func TestBackoffOf100Years(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var s source
		c := newCache(t, s.load, cachedata.Config{TTL: 1, Stale: cachedata.StaleConfig{For: 200 * years, RetryAfter: 100 * years}})
		gets(t, c, "1 load")
		s.failWith(errDown)
		time.Sleep(time.Nanosecond)
		for i := range int32(2) {
			gets(t, c, "1 stale")
			synctest.Wait()
			s.wants(t, 2+i)
			time.Sleep(100 * years)
		}
	})
}

func TestPanicInTheBackgroundIsAnEvent(t *testing.T) {
	t.Parallel()
	for name, fail := range map[string]func() error{
		"panic":  func() error { panic("boom") },
		"Goexit": func() error { runtime.Goexit(); return nil },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var s source
				var rec observe.Recorder
				c := newCache(t, s.load, cachedata.Config{TTL: time.Minute, Observer: &rec, Stale: cachedata.StaleConfig{For: time.Hour}})
				gets(t, c, "1 load")
				time.Sleep(time.Minute)
				s.fail(fail)
				gets(t, c, "1 stale")
				synctest.Wait()
				gets(t, c, "1 stale")
				events := observe.Of[observe.CacheLoad](&rec)
				if _, ok := errors.AsType[*cachedata.PanicError](events[1].Err); len(events) != 2 || !ok {
					t.Errorf("events %+v", events)
				}
				s.heal()
				time.Sleep(5 * time.Second)
				gets(t, c, "1 stale")
				synctest.Wait()
				gets(t, c, "3 hit")
			})
		})
	}
}

func TestSaturatedWorkersSkip(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const keys, workers = 40, 16
		var slow atomic.Bool
		var running, peak atomic.Int32
		c := newCache(t, func(_ context.Context, k int) (int, error) {
			peak.Store(max(peak.Load(), running.Add(1)))
			defer running.Add(-1)
			if slow.Load() {
				time.Sleep(time.Second)
			}
			return k, nil
		}, cachedata.Config{TTL: time.Minute, Stale: cachedata.StaleConfig{For: time.Hour}})
		read := func() {
			for k := range keys {
				want(t, c, k, k)
			}
			synctest.Wait()
		}
		read()
		slow.Store(true)
		time.Sleep(time.Minute)
		read()
		if st := c.Stats(); st.InFlight != workers || st.StaleHits != keys || st.Skipped != keys-workers {
			t.Errorf("%+v", st)
		}
		for range 2 {
			time.Sleep(time.Second)
			synctest.Wait()
			read()
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if st := c.Stats(); st.Refreshes != keys || peak.Load() != workers {
			t.Errorf("%d at a time, %+v", peak.Load(), st)
		}
	})
}

func TestRefreshMayReadItsOwnKeyWhileItIsStale(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var c *cachedata.Cache[string, int]
		c = newCache(t, func(ctx context.Context, k string) (int, error) {
			old, ok := c.Peek(ctx, k)
			if !ok {
				return 1, nil
			}
			got, err := c.Get(ctx, k)
			if got != old || err != nil {
				t.Errorf("the refresh got %d, %v of its own key, want %d", got, err, old)
			}
			return got + 1, nil
		}, cachedata.Config{TTL: time.Minute, Stale: cachedata.StaleConfig{For: time.Hour}})
		gets(t, c, "1 load")
		time.Sleep(time.Minute)
		gets(t, c, "1 stale")
		synctest.Wait()
		gets(t, c, "2 hit")
	})
}

func TestCycleThroughABackgroundRefresh(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var rec observe.Recorder
		s := &site{links: map[string]string{"a": "b"}, delay: time.Second}
		s.pages = newCache(t, s.load, cachedata.Config{TTL: time.Minute, Observer: &rec, Stale: cachedata.StaleConfig{For: time.Minute}})
		want(t, s.pages, "a", "ab")
		time.Sleep(2*time.Minute - 1)
		s.links["b"] = "a"
		want(t, s.pages, "a", "ab") // stale; its refresh loads b, which then needs a
		time.Sleep(3 * time.Second)
		synctest.Wait()
		a, _ := s.pages.Fingerprint("a")
		b, _ := s.pages.Fingerprint("b")
		path := fmt.Sprintf("test[%016x] -> test[%016x] -> test[%016x]", b, a, b)
		events := observe.Of[observe.CacheLoad](&rec)
		last := events[len(events)-1]
		if !last.Background || last.Err == nil || !strings.Contains(last.Err.Error(), path) {
			t.Errorf("the refresh failed with %v, want %s", last.Err, path)
		}
	})
}

func TestEagerRefresh(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const keys = 200
		var loads atomic.Int32
		c := newCache(t, func(_ context.Context, k int) (int, error) {
			loads.Add(1)
			return k, nil
		}, cachedata.Config{TTL: 100 * time.Second, Stale: cachedata.StaleConfig{EagerAt: 0.8}})
		read := func() int32 {
			for k := range keys {
				_, meta, err := c.GetMeta(t.Context(), k)
				if err != nil || meta.Source == cachedata.Stale {
					t.Errorf("%+v, %v", meta, err)
				}
				synctest.Wait() // so that there are workers
			}
			return loads.Load()
		}
		if n := read(); n != keys {
			t.Errorf("%d loads", n)
		}
		time.Sleep(80*time.Second - 1)
		if n := read(); n != keys {
			t.Errorf("%d loads before EagerAt", n-keys)
		}
		time.Sleep(5 * time.Second) // a quarter of the way to the end
		half := read() - keys
		if half < keys/4 || half > keys*3/4 {
			t.Errorf("%d of %d were refreshed: they do not spread", half, keys)
		}
		time.Sleep(5*time.Second + 1)
		if n := read(); n != 2*keys {
			t.Errorf("%d loads half the way from EagerAt to the end, want %d", n-keys, keys)
		}
	})
}

func TestFailedEagerRefreshBacksOff(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var s source
		c := newCache(t, s.load, cachedata.Config{TTL: time.Minute, Stale: cachedata.StaleConfig{EagerAt: 0.5, RetryAfter: time.Second}})
		gets(t, c, "1 load")
		s.failWith(errDown)
		time.Sleep(45 * time.Second)
		gets(t, c, "1 hit")
		time.Sleep(time.Second - 1)
		gets(t, c, "1 hit")
		synctest.Wait()
		s.wants(t, 2)
		time.Sleep(time.Nanosecond)
		gets(t, c, "1 hit")
		synctest.Wait()
		s.wants(t, 3)
		time.Sleep(14 * time.Second)
		gets(t, c, "down")
	})
}

func TestJitterShortensTTL(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const keys = 200
		c := newCache(t, func(_ context.Context, k int) (int, error) { return k, nil }, cachedata.Config{TTL: 100 * time.Second, Jitter: 0.2})
		present := func() (n int) {
			for k := range keys {
				if _, ok := c.Peek(t.Context(), k); ok {
					n++
				}
			}
			return n
		}
		for k := range keys {
			want(t, c, k, k)
		}
		time.Sleep(80*time.Second - 1)
		if n := present(); n != keys {
			t.Errorf("%d are there, want all", n)
		}
		time.Sleep(10 * time.Second)
		if n := present(); n < keys/4 || n > keys*3/4 {
			t.Errorf("%d of %d are there: they do not spread", n, keys)
		}
		time.Sleep(10*time.Second + 1)
		if n := present(); n != 0 {
			t.Errorf("%d are there after the TTL", n)
		}
	})
}

func TestIdleTTL(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var s source
		var rec observe.Recorder
		c := newCache(t, s.load, cachedata.Config{IdleTTL: time.Minute, TTL: time.Hour, Observer: &rec})
		gets(t, c, "1 load")
		for range 59 {
			time.Sleep(time.Minute - 1)
			gets(t, c, "1 hit")
		}
		synctest.Wait()
		if st := c.Stats(); st.Entries != 1 || cachedata.Queued(c) != 1 {
			t.Errorf("%+v, %d queued", st, cachedata.Queued(c))
		}
		time.Sleep(time.Minute - 1)
		if _, ok := c.Peek(t.Context(), "k"); !ok { // which is no read
			t.Error("Peek finds nothing")
		}
		time.Sleep(time.Nanosecond)
		if _, ok := c.Peek(t.Context(), "k"); ok {
			t.Error("Peek finds what was idle for too long")
		}
		gets(t, c, "2 load")
		time.Sleep(time.Minute + 2*time.Second)
		synctest.Wait()
		if st := c.Stats(); st.Entries != 0 || !maps.Equal(st.Evictions, map[observe.Cause]uint64{observe.CauseIdle: 2}) || cachedata.Queued(c) != 0 {
			t.Errorf("%+v, %d queued", st, cachedata.Queued(c))
		}
		evictions := observe.Of[observe.CacheEvict](&rec)
		if len(evictions) != 2 || evictions[0].Cause != observe.CauseIdle {
			t.Errorf("%+v", evictions)
		}
	})
}

func TestReadsDoNotExtendTTL(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var s source
		c := newCache(t, s.load, cachedata.Config{IdleTTL: time.Minute, TTL: time.Minute + 1})
		gets(t, c, "1 load")
		time.Sleep(time.Minute - 1)
		gets(t, c, "1 hit")
		time.Sleep(time.Nanosecond)
		gets(t, c, "1 hit")
		time.Sleep(time.Nanosecond)
		gets(t, c, "2 load")
	})
}

func TestIdleTTLIsRaceFree(t *testing.T) {
	t.Parallel()
	c := newCache(t, counter[string](), cachedata.Config{IdleTTL: time.Hour, TTL: time.Nanosecond, Stale: cachedata.StaleConfig{For: time.Hour, EagerAt: 0.5}})
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 200 {
				if _, err := c.Get(t.Context(), "k"); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}
