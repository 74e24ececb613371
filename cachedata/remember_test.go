package cachedata_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/reecho-go/reecho/cachedata"
	"github.com/reecho-go/reecho/observe"
)

func TestErrorTTL(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var s source
		var rec observe.Recorder
		c := newCache(t, s.load, cachedata.Config{Observer: &rec, Errors: cachedata.ErrorConfig{TTL: time.Second}})
		s.failWith(errDown)
		gets(t, c, "down")
		gets(t, c, "down")
		if _, ok := c.Peek(t.Context(), "k"); ok {
			t.Error("Peek finds an error")
		}
		if m, err := c.Get(t.Context(), "k"); err != errDown {
			t.Errorf("got %v, %v: the error is not the loader's own", m, err)
		}
		time.Sleep(time.Second - 1)
		gets(t, c, "down")
		s.wants(t, 1)
		time.Sleep(time.Nanosecond)
		gets(t, c, "down")
		s.wants(t, 2)
		if err := c.Delete(t.Context(), "k"); err != nil {
			t.Error(err)
		}
		s.heal()
		gets(t, c, "3 load")
		time.Sleep(time.Hour)
		gets(t, c, "3 hit") // the TTL of errors is that of errors only
		if st := c.Stats(); st.Loads != 3 || st.LoadErrors != 2 || st.Hits != 4 || !maps.Equal(st.Evictions, map[observe.Cause]uint64{observe.CauseExpired: 1, observe.CauseDeleted: 1}) {
			t.Errorf("%+v", st)
		}
		if events := observe.Of[observe.CacheLoad](&rec); len(events) != 3 || events[0].Err != errDown {
			t.Errorf("%+v", events)
		}
	})
}

func TestErrorsOfTheWrongKindAreNotRemembered(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &site{links: map[string]string{"a": "b", "b": "a"}}
		s.pages = newCache(t, s.load, cachedata.Config{Errors: cachedata.ErrorConfig{TTL: time.Hour}})
		if _, err := s.pages.Get(t.Context(), "a"); err == nil {
			t.Error("no cycle")
		}
		s.links = nil
		want(t, s.pages, "b", "b") // which was part of the circle only because of a

		var o source
		c := cachedata.Must(cachedata.New("panics", o.load, cachedata.Config{Group: newGroup(t, cachedata.GroupConfig{}), Errors: cachedata.ErrorConfig{TTL: time.Hour}}))
		o.fail(func() error { panic("boom") })
		func() {
			defer func() { _ = recover() }()
			_, _ = c.Get(t.Context(), "k")
		}()
		o.heal()
		gets(t, c, "2 load")
	})
}

// Refresh keeps the old result, and no error takes its place.
func TestAnErrorDoesNotReplaceAResult(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var s source
		c := newCache(t, s.load, cachedata.Config{TTL: time.Minute, Stale: cachedata.StaleConfig{For: time.Minute}, Errors: cachedata.ErrorConfig{TTL: time.Hour}})
		gets(t, c, "1 load")
		s.failWith(errDown)
		if _, err := c.Refresh(t.Context(), "k"); err != errDown {
			t.Errorf("Refresh: %v", err)
		}
		gets(t, c, "1 hit")
		time.Sleep(time.Minute)
		gets(t, c, "1 stale")
		synctest.Wait()
		gets(t, c, "1 stale")
		time.Sleep(time.Minute)
		gets(t, c, "down")
		s.wants(t, 4)
		gets(t, c, "down") // now there is nothing better
		s.wants(t, 4)
	})
}

func TestNotFoundTTL(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name              string
		errorTTL, missing time.Duration
		want              time.Duration
	}{
		{"its own", time.Second, time.Minute, time.Minute},
		{"shorter", time.Minute, time.Second, time.Second},
		{"alone", 0, time.Minute, time.Minute},
		{"that of errors", time.Second, 0, time.Second},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				for _, err := range []error{cachedata.ErrNotFound, fmt.Errorf("user 7: %w", cachedata.ErrNotFound), fmt.Errorf("query: %w", sql.ErrNoRows)} {
					var s source
					c := cachedata.Must(cachedata.New("test", s.load, cachedata.Config{
						Group:  newGroup(t, cachedata.GroupConfig{}),
						Errors: cachedata.ErrorConfig{TTL: tt.errorTTL, NotFoundTTL: tt.missing, IsNotFound: func(err error) bool { return errors.Is(err, sql.ErrNoRows) }},
					}))
					s.failWith(err)
					gets(t, c, err.Error())
					time.Sleep(tt.want - 1)
					gets(t, c, err.Error())
					s.wants(t, 1)
					time.Sleep(time.Nanosecond)
					gets(t, c, err.Error())
					s.wants(t, 2)
				}
			})
		})
	}
}

// That there is nothing is an answer, which takes the place of an old result.
func TestNotFoundReplacesAResult(t *testing.T) {
	t.Parallel()
	for _, ttl := range []time.Duration{0, time.Minute} {
		synctest.Test(t, func(t *testing.T) {
			var s source
			c := newCache(t, s.load, cachedata.Config{Errors: cachedata.ErrorConfig{NotFoundTTL: ttl}})
			gets(t, c, "1 load")
			s.failWith(cachedata.ErrNotFound)
			if _, err := c.Refresh(t.Context(), "k"); !errors.Is(err, cachedata.ErrNotFound) {
				t.Errorf("Refresh: %v", err)
			}
			gets(t, c, "cachedata: not found")
			if st := c.Stats(); st.Evictions[observe.CauseReplaced] != 1 {
				t.Errorf("%+v", st)
			}
		})
	}
}

func TestGetManyRemembersErrors(t *testing.T) {
	t.Parallel()
	loads := 0
	b := cachedata.Must(cachedata.NewBatch("batch", func(_ context.Context, keys []int) (map[int]int, error) {
		loads++
		m := map[int]int{}
		for _, k := range keys {
			if k > 0 {
				m[k] = k
			}
		}
		return m, nil
	}, cachedata.Config{Group: newGroup(t, cachedata.GroupConfig{}), Errors: cachedata.ErrorConfig{NotFoundTTL: time.Hour}}))
	for range 2 {
		if m, err := b.GetMany(t.Context(), []int{-1, 0, 1}); len(m) != 1 || err != nil {
			t.Errorf("got %v, %v", m, err)
		}
	}
	if _, err := b.Get(t.Context(), 0); !errors.Is(err, cachedata.ErrNotFound) {
		t.Errorf("Get: %v", err)
	}
	if loads != 1 {
		t.Errorf("%d loads", loads)
	}
}

func TestKeep(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var s source
		var rec observe.Recorder
		c := newCache(t, s.load, cachedata.Config{Observer: &rec}, cachedata.Funcs[string, int]{Keep: func(k string, v int) bool { return k == "k" && v%2 == 0 }})
		gets(t, c, "1 load")
		gets(t, c, "2 load")
		gets(t, c, "2 hit")
		if v, err := c.Refresh(t.Context(), "k"); v != 3 || err != nil {
			t.Errorf("Refresh: %d, %v", v, err)
		}
		gets(t, c, "4 load") // 2 was not true any more
		if st := c.Stats(); st.Refused != 0 || st.Evictions[observe.CauseReplaced] != 1 || len(observe.Of[observe.CacheRefused](&rec)) != 0 {
			t.Errorf("%+v", st)
		}
		if err := c.Put(t.Context(), "k", 7); err != nil {
			t.Error(err)
		}
		gets(t, c, "7 hit") // Put knows what it does
	})
}

func TestKeepMayPanic(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCache(t, counter[string](), cachedata.Config{}, cachedata.Funcs[string, string]{Keep: func(string, string) bool { panic("boom") }})
		defer func() {
			if pe, ok := recover().(*cachedata.PanicError); !ok || pe.Value != "boom" {
				t.Errorf("raised %v", pe)
			}
			synctest.Wait() // the load has left, too
			if st := c.Stats(); st.Entries != 0 || st.InFlight != 0 {
				t.Errorf("%+v", st)
			}
		}()
		_, _ = c.Get(t.Context(), "k")
	})
}

func TestIncoherentConfigsAreRefused(t *testing.T) {
	t.Parallel()
	type config = cachedata.Config
	tests := []struct {
		cfg  config
		want string
	}{
		{config{TTL: -1}, "TTL is -1ns: use 0 to keep results for ever"},
		{config{TTL: 1, Stale: cachedata.StaleConfig{For: -1}}, "Stale.For is -1ns: use 0 not to serve"},
		{config{TTL: 1, Stale: cachedata.StaleConfig{OnError: -1}}, "Stale.OnError is -1ns"},
		{config{TTL: 1, Stale: cachedata.StaleConfig{For: 1, RetryAfter: -1}}, "RetryAfter is -1ns: use 0 for 5s"},
		{config{IdleTTL: -1}, "IdleTTL is -1ns"},
		{config{TTL: 1, Stale: cachedata.StaleConfig{OnError: 1, SoftTimeout: -1}}, "SoftTimeout is -1ns"},
		{config{Timeout: -1}, "Timeout is -1ns"},
		{config{Errors: cachedata.ErrorConfig{TTL: -1}}, "Errors.TTL is -1ns"},
		{config{Errors: cachedata.ErrorConfig{NotFoundTTL: -1}}, "NotFoundTTL is -1ns"},
		{config{TTL: 1, Stale: cachedata.StaleConfig{EagerAt: -0.1}}, "EagerAt is -0.1"},
		{config{TTL: 1, Stale: cachedata.StaleConfig{EagerAt: 1}}, "EagerAt is 1"},
		{config{TTL: 1, Jitter: 1.5}, "Jitter is 1.5"},
		{config{Stale: cachedata.StaleConfig{For: 1}}, "Stale.For is 1ns and Stale.OnError is 0s, but results do not expire"},
		{config{Stale: cachedata.StaleConfig{OnError: 1}}, "but results do not expire"},
		{config{Stale: cachedata.StaleConfig{EagerAt: 0.5}}, "EagerAt is 0.5, but results do not expire"},
		{config{Jitter: 0.5}, "Jitter is 0.5, but nothing expires"},
		{config{TTL: 1, Stale: cachedata.StaleConfig{For: time.Minute, OnError: time.Minute}}, "make Stale.OnError longer"},
		{config{TTL: 1, Stale: cachedata.StaleConfig{RetryAfter: 1}}, "RetryAfter is 1ns, but no old result is served"},
		{config{TTL: 1, Stale: cachedata.StaleConfig{For: 1, SoftTimeout: 1}}, "SoftTimeout is 1ns, but there is no old result"},
		{config{TTL: 1, Timeout: time.Second, Stale: cachedata.StaleConfig{OnError: 1, SoftTimeout: time.Second}}, "Timeout ends the load after 1s"},
	}
	g := newGroup(t, cachedata.GroupConfig{})
	for _, tt := range tests {
		tt.cfg.Group = g
		_, err := cachedata.New("test", new(source).load, tt.cfg)
		if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Count(err.Error(), "\n") > 0 {
			t.Errorf("%+v: got %v, want %q alone", tt.cfg, err, tt.want)
		}
	}
}
