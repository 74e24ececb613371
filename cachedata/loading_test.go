package cachedata_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/reecho-go/reecho/cachedata"
	"github.com/reecho-go/reecho/observe"
)

func TestTTLOfItsOwn(t *testing.T) {
	t.Parallel()
	for _, cfg := range []cachedata.Config{{}, {TTL: time.Hour}, {TTL: time.Second, Stale: cachedata.StaleConfig{For: 100 * years}}} {
		for _, ttl := range []time.Duration{1, time.Minute, 100 * years} {
			t.Run(fmt.Sprint(cfg.TTL, ttl), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					n := 0
					c := newCache(t, func(ctx context.Context, _ string) (int, error) {
						n++
						cachedata.LoadingFrom(ctx).SetTTL(ttl)
						return n, nil
					}, cfg)
					gets(t, c, "1 load")
					time.Sleep(ttl - 1)
					gets(t, c, "1 hit")
					time.Sleep(time.Nanosecond)
					want := "2 load"
					if cfg.Stale.For > 0 {
						want = "1 stale"
					}
					gets(t, c, want)
				})
			})
		}
	}
}

func TestTTLForEver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCache(t, func(ctx context.Context, _ string) (int, error) {
			cachedata.LoadingFrom(ctx).SetTTL(math.MaxInt64)
			return 1, nil
		}, cachedata.Config{TTL: time.Second})
		gets(t, c, "1 load")
		time.Sleep(100 * years)
		gets(t, c, "1 hit")
	})
}

// What is over already, or not to be stored, takes away what was there.
func TestNotStored(t *testing.T) {
	t.Parallel()
	for name, say := range map[string]func(*cachedata.Loading){
		"NoStore":    (*cachedata.Loading).NoStore,
		"TTL of 0":   func(l *cachedata.Loading) { l.SetTTL(0) },
		"TTL of -1s": func(l *cachedata.Loading) { l.SetTTL(-time.Second) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := 0
			c := newCache(t, func(ctx context.Context, _ string) (int, error) {
				if n++; n > 1 {
					say(cachedata.LoadingFrom(ctx))
				}
				return n, nil
			}, cachedata.Config{})
			gets(t, c, "1 load")
			if v, err := c.Refresh(t.Context(), "k"); v != 2 || err != nil {
				t.Error(v, err)
			}
			gets(t, c, "3 load")
			gets(t, c, "4 load")
			if s := c.Stats(); s.Entries != 0 || s.Refused != 0 {
				t.Errorf("%+v", s)
			}
		})
	}
}

// An error that is remembered has tags too.
func TestTagsOfRememberedErrors(t *testing.T) {
	t.Parallel()
	n := 0
	c := newCache(t, func(ctx context.Context, _ string) (int, error) {
		n++
		cachedata.LoadingFrom(ctx).AddTags("users")
		if n == 1 {
			return 0, cachedata.ErrNotFound
		}
		return n, nil
	}, cachedata.Config{Errors: cachedata.ErrorConfig{NotFoundTTL: time.Hour}})
	for range 2 {
		gets(t, c, cachedata.ErrNotFound.Error())
	}
	if err := c.ClearTag(t.Context(), "users"); err != nil {
		t.Error(err)
	}
	gets(t, c, "2 load")
}

func TestNotModified(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var rec observe.Recorder
		var copies atomic.Int32
		modified := time.Unix(1000, 0)
		version, n := "v1", 0
		c := newCache(t, func(ctx context.Context, _ string) ([]string, error) {
			e := cachedata.LoadingFrom(ctx)
			if n++; n == 1 && (e.OldETag() != "" || !e.OldModified().IsZero()) {
				t.Error("there is an old result before the first")
			}
			if e.OldETag() == version && e.OldModified().Equal(modified) {
				e.NotModified()
				return []string{"does not count"}, nil
			}
			if old, ok := cachedata.Old[[]string](e); ok {
				old[0] = "changed" // its own copy
			}
			e.SetETag(version)
			e.SetModified(modified)
			e.AddTags("t")
			return []string{version}, nil
		}, cachedata.Config{
			TTL:      time.Minute,
			Observer: &rec,
			Stale:    cachedata.StaleConfig{For: time.Minute, OnError: time.Hour},
		}, cachedata.Funcs[string, []string]{
			Clone: func(s []string) []string {
				copies.Add(1)
				return append([]string(nil), s...)
			},
		})
		is := func(want string, source cachedata.Source, age time.Duration) {
			t.Helper()
			v, meta, err := c.GetMeta(t.Context(), "k")
			if err != nil || len(v) != 1 || v[0] != want || meta.Source != source || meta.Age != age {
				t.Errorf("got %q, %+v, %v; want %s, %v, %v", v, meta, err, want, source, age)
			}
		}
		is("v1", cachedata.Load, 0)
		for range 3 { // also by a result that was renewed
			time.Sleep(time.Hour)
			before := copies.Load()
			is("v1", cachedata.Load, 0)
			if made := copies.Load() - before; made != 1 { // for the caller
				t.Errorf("%d copies", made)
			}
			time.Sleep(time.Minute - 1)
			is("v1", cachedata.Hit, time.Minute-1)
		}
		time.Sleep(time.Nanosecond)
		is("v1", cachedata.Stale, time.Minute)
		synctest.Wait()
		is("v1", cachedata.Hit, 0)
		version = "v2"
		time.Sleep(time.Hour)
		is("v2", cachedata.Load, 0)
		loads := observe.Of[observe.CacheLoad](&rec)
		if len(loads) != 6 || loads[0].Unmodified || !loads[1].Unmodified || !loads[4].Unmodified || !loads[4].Background || loads[5].Unmodified {
			t.Errorf("events %+v", loads)
		}
		// The tags are kept.
		if _, err := c.Refresh(t.Context(), "k"); err != nil {
			t.Error(err)
		}
		if err := c.ClearTag(t.Context(), "t"); err != nil {
			t.Error(err)
		}
		if _, ok := c.Peek(t.Context(), "k"); ok {
			t.Error("the renewed result has lost its tag")
		}
	})
}

// Once it is over, there is no old result to say anything of.
func TestNotModifiedWithoutAnOldResult(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCache(t, func(ctx context.Context, _ string) (int, error) {
			cachedata.LoadingFrom(ctx).NotModified()
			return 1, nil
		}, cachedata.Config{})
		gets(t, c, "cachedata: test: NotModified: there is no old result")
		if s := c.Stats(); s.LoadErrors != 1 || s.Entries != 0 {
			t.Errorf("%+v", s)
		}
	})
}

// A delete between the read of the old result and the answer of the origin: who
// waited gets it, and it does not come back.
func TestNotModifiedRevivesNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := 0
		c := newCache(t, func(ctx context.Context, _ string) (int, error) {
			e := cachedata.LoadingFrom(ctx)
			if n++; e.OldETag() != "" {
				time.Sleep(time.Second)
				e.NotModified()
			}
			e.SetETag("x")
			return n, nil
		}, cachedata.Config{})
		gets(t, c, "1 load")
		var wg sync.WaitGroup
		wg.Go(func() {
			if v, err := c.Refresh(t.Context(), "k"); v != 1 || err != nil {
				t.Error(v, err)
			}
		})
		synctest.Wait()
		if err := c.Delete(t.Context(), "k"); err != nil {
			t.Error(err)
		}
		wg.Wait()
		gets(t, c, "3 load")
	})
}

func TestEntryForInABatch(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		rounds := 0
		b := newBatch(t, func(ctx context.Context, keys []string) (map[string]int, error) {
			rounds++
			m := make(map[string]int)
			for _, k := range keys {
				e := cachedata.LoadingFor(ctx, k)
				if old, ok := cachedata.Old[int](e); ok && k == "same" {
					if e.OldETag() != fmt.Sprint("etag of ", k) || old != 1 {
						t.Errorf("%s: %d, %q", k, old, e.OldETag())
					}
					e.NotModified()
					continue
				}
				e.SetETag(fmt.Sprint("etag of ", k))
				if k == "short" {
					e.SetTTL(time.Second)
				}
				m[k] = rounds
			}
			return m, errDown // of a key that was not asked for
		}, cachedata.Config{TTL: time.Minute, Stale: cachedata.StaleConfig{OnError: time.Hour}})
		keys := []string{"same", "short", "other"}
		wantMany(t, b, keys, map[string]int{"same": 1, "short": 1, "other": 1})
		time.Sleep(time.Second)
		wantMany(t, b, keys, map[string]int{"same": 1, "short": 2, "other": 1})
		time.Sleep(time.Minute)
		wantMany(t, b, keys, map[string]int{"same": 1, "short": 3, "other": 3})
		if v, err := b.Refresh(t.Context(), "same"); v != 1 || err != nil {
			t.Error(v, err)
		}
		wantMany(t, b, keys, map[string]int{"same": 1, "short": 3, "other": 3})
	})
}

// The keys of a batch are matched as data, as its answers are.
func TestEntryForMatchesKeysAsData(t *testing.T) {
	t.Parallel()
	b := newBatch(t, func(ctx context.Context, keys []*int) (map[*int]int, error) {
		cachedata.LoadingFor(ctx, new(7)).NoStore()
		return map[*int]int{keys[0]: 1}, nil
	}, cachedata.Config{})
	if v, err := b.Get(t.Context(), new(7)); v != 1 || err != nil {
		t.Error(v, err)
	}
	if n := b.Stats().Entries; n != 0 {
		t.Errorf("%d entries", n)
	}
}

// A mistake in a loader is the error of its load, and nothing is stored.
func TestMisuseOfEntryFailsTheLoad(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		say  func(ctx context.Context)
		want string
	}{
		{"a negative cost", func(ctx context.Context) { cachedata.LoadingFor(ctx, "k").SetCost(-1) }, "SetCost(-1): a cost cannot be negative"},
		{"another key", func(ctx context.Context) { cachedata.LoadingFor(ctx, "other").NoStore() }, "LoadingFor: the load was not asked for this key"},
		{"a key of another type", func(ctx context.Context) { cachedata.LoadingFor(ctx, 7).NoStore() }, "LoadingFor: the load was not asked for this key"},
		{"a value of another type", func(ctx context.Context) { _, _ = cachedata.Old[string](cachedata.LoadingFor(ctx, "k")) }, "type string in Old: the results are of another type"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := newCache(t, func(ctx context.Context, _ string) (int, error) {
				tt.say(ctx)
				return 1, nil
			}, cachedata.Config{Errors: cachedata.ErrorConfig{TTL: time.Hour}})
			gets(t, c, "cachedata: test: "+tt.want)
			b := newBatch(t, func(ctx context.Context, keys []string) (map[string]int, error) {
				tt.say(ctx)
				return map[string]int{"k": 1}, nil
			}, cachedata.Config{})
			gets(t, b.Cache, "cachedata: test: "+tt.want)
			if _, err := b.GetMany(t.Context(), []string{"k"}); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("GetMany: %v", err)
			}
			if n := c.Stats().Entries + b.Stats().Entries; n != 0 {
				t.Errorf("%d entries", n)
			}
		})
	}
	b := newBatch(t, func(ctx context.Context, keys []string) (map[string]int, error) {
		cachedata.LoadingFrom(ctx).NoStore()
		return map[string]int{"k": 1}, nil
	}, cachedata.Config{})
	gets(t, b.Cache, "cachedata: test: LoadingFrom: this load is for several keys: use LoadingFor")
	if _, err := b.GetMany(t.Context(), []string{"k"}); err == nil || !strings.Contains(err.Error(), "use LoadingFor") {
		t.Errorf("GetMany: %v", err)
	}
}

// Outside a load, and after it, nothing happens.
func TestEntryOutsideALoad(t *testing.T) {
	t.Parallel()
	say := func(e *cachedata.Loading) {
		e.SetTTL(-1)
		e.NoStore()
		e.AddTags("t")
		e.SetCost(-1)
		e.SetETag("x")
		e.SetModified(time.Now())
		e.NotModified()
	}
	for _, e := range []*cachedata.Loading{cachedata.LoadingFrom(t.Context()), cachedata.LoadingFor(t.Context(), 1), new(cachedata.Loading)} {
		say(e)
		if _, ok := cachedata.Old[int](e); ok || e.OldETag() != "" || !e.OldModified().IsZero() {
			t.Error("there is an old result outside a load")
		}
	}
	var kept *cachedata.Loading
	c := newCache(t, func(ctx context.Context, _ string) (int, error) {
		kept = cachedata.LoadingFrom(ctx)
		return 1, nil
	}, cachedata.Config{})
	gets(t, c, "1 load")
	say(kept)
	gets(t, c, "1 hit")
	if err := c.ClearTag(t.Context(), "t"); err != nil {
		t.Error(err)
	}
	gets(t, c, "1 hit")
}

// What a load says while Config.Timeout passes is not read.
func TestEntryOfALoadThatIsTooLate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCache(t, func(ctx context.Context, _ string) (int, error) {
			time.Sleep(2 * time.Second)
			cachedata.LoadingFrom(ctx).NotModified()
			return 1, nil
		}, cachedata.Config{Timeout: time.Second})
		if _, err := c.Get(t.Context(), "k"); !errors.Is(err, cachedata.ErrTimeout) {
			t.Error(err)
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
	})
}

// The load of another cache inside a load has an entry of its own.
func TestEntryOfTheInnermostLoad(t *testing.T) {
	t.Parallel()
	inner := newCache(t, func(ctx context.Context, k string) (int, error) {
		cachedata.LoadingFrom(ctx).NoStore()
		return 1, nil
	}, cachedata.Config{})
	outer := newCache(t, inner.Get, cachedata.Config{})
	gets(t, outer, "1 load")
	gets(t, outer, "1 hit")
	if n := inner.Stats().Entries; n != 0 {
		t.Errorf("%d entries", n)
	}
}

func TestCostOfALoad(t *testing.T) {
	t.Parallel()
	costs := map[string]int64{"free": 0, "dear": 7000, "too dear": 10_001}
	c := newCache(t, func(ctx context.Context, k string) (int, error) {
		if n, ok := costs[k]; ok {
			cachedata.LoadingFrom(ctx).SetCost(n)
			cachedata.LoadingFrom(ctx).AddTags("b", "a", "b")
		}
		return 1, nil
	}, cachedata.Config{MaxBytes: 10_000}, cachedata.Funcs[string, int]{Size: func(int) int64 { return 1000 }})
	for _, k := range []string{"free", "dear", "too dear", "plain"} {
		want(t, c, k, 1)
	}
	got := map[string]string{}
	for e := range c.Entries() {
		got[e.Key.(string)] = fmt.Sprint(e.Bytes/1000, e.Tags)
	}
	if diff := cmp.Diff(map[string]string{"free": "0 [a b]", "dear": "7 [a b]", "plain": "1 []"}, got); diff != "" {
		t.Error(diff)
	}
	if s := c.Stats(); s.Bytes < 8000 || s.Bytes > 9500 || s.Refused != 1 {
		t.Errorf("%+v", s)
	}
}
