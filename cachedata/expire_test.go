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

// numbered is an origin that a cache loads from: its loads are numbered, and have the tag of
// their key.
type numbered struct {
	loads int
	takes time.Duration
	err   error
}

func (o *numbered) load(ctx context.Context, k string) (int, error) {
	o.loads++
	n, err := o.loads, o.err
	cachedata.LoadingFrom(ctx).AddTags(k)
	time.Sleep(o.takes)
	return n, err
}

// wantMeta gets a result and where it came from.
func wantMeta(t *testing.T, c *cachedata.Cache[string, int], key string, want int, source cachedata.Source) {
	t.Helper()
	got, meta, err := c.GetMeta(t.Context(), key)
	if err != nil || got != want || meta.Source != source {
		t.Errorf("Get(%s) = %d by %v, %v, want %d by %v", key, got, meta.Source, err, want, source)
	}
}

func TestAResultThatWasExpiredIsServedWhileItIsRefreshed(t *testing.T) {
	t.Parallel()
	for name, ttl := range map[string]time.Duration{"with a TTL": time.Hour, "for ever": 0} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				o := &numbered{takes: time.Second}
				load := func(ctx context.Context, k string) (int, error) {
					if ttl == 0 {
						cachedata.LoadingFrom(ctx).SetTTL(1<<63 - 1)
					}
					return o.load(ctx, k)
				}
				var rec observe.Recorder
				g := newGroup(t, cachedata.GroupConfig{})
				hooks := 0
				g.OnClear(func(context.Context, observe.CacheClear) { hooks++ })
				c := cachedata.Must(cachedata.New("c", load, cachedata.Config{TTL: time.Hour, Stale: cachedata.StaleConfig{For: time.Minute}, Group: g, Observer: &rec}))
				wantMeta(t, c, "tea", 1, cachedata.Load)
				wantMeta(t, c, "milk", 2, cachedata.Load)
				expire := func() {
					t.Helper()
					if err := c.ExpireTag(t.Context(), "tea"); err != nil {
						t.Error(err)
					}
				}
				expire()
				if v, meta, ok := c.PeekMeta(t.Context(), "tea"); !ok || v != 1 || meta.Source != cachedata.Stale || meta.Expires.After(time.Now()) {
					t.Errorf("PeekMeta = %d, %+v, %v", v, meta, ok)
				}
				wantMeta(t, c, "tea", 1, cachedata.Stale)
				wantMeta(t, c, "tea", 1, cachedata.Stale)
				wantMeta(t, c, "milk", 2, cachedata.Hit)
				time.Sleep(2 * time.Second)
				wantMeta(t, c, "tea", 3, cachedata.Hit)
				if v, meta, ok := c.PeekMeta(t.Context(), "tea"); !ok || v != 3 || meta.Source != cachedata.Hit {
					t.Errorf("PeekMeta = %d, %+v, %v", v, meta, ok)
				}
				expire()
				time.Sleep(50 * time.Second) // sweeps have passed
				wantMeta(t, c, "tea", 3, cachedata.Stale)
				time.Sleep(2 * time.Second)
				wantMeta(t, c, "tea", 4, cachedata.Hit)
				expire()
				time.Sleep(2 * time.Minute)
				wantMeta(t, c, "tea", 5, cachedata.Load)
				if err := c.ClearTag(t.Context(), "tea"); err != nil {
					t.Error(err)
				}
				wantMeta(t, c, "tea", 6, cachedata.Load)
				if hooks != 1 {
					t.Errorf("%d hooks of clears ran, want that of ClearTag", hooks)
				}
				soft := 0
				for _, ev := range rec.Events() {
					if ev, ok := ev.(observe.CacheClear); ok && ev.Soft && ev.Tag == "tea" && ev.Cache == "c" {
						soft++
					}
				}
				if soft != 3 {
					t.Errorf("%d events, want 3", soft)
				}
			})
		})
	}
}

func TestAResultThatWasExpiredStandsInForAnError(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := new(numbered)
		c := cachedata.Must(cachedata.New("c", o.load, cachedata.Config{TTL: time.Hour, Stale: cachedata.StaleConfig{OnError: time.Hour}, Group: newGroup(t, cachedata.GroupConfig{})}))
		wantMeta(t, c, "tea", 1, cachedata.Load)
		o.err = errors.New("down")
		if err := c.ExpireTag(t.Context(), "tea"); err != nil {
			t.Error(err)
		}
		wantMeta(t, c, "tea", 1, cachedata.FailSafe)
		o.err = nil
		time.Sleep(time.Minute)
		wantMeta(t, c, "tea", 3, cachedata.Load)
	})
}

// A load that began before is expired, too.
func TestALoadDuringAnExpireIsStale(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		stale cachedata.StaleConfig
		later int // what a call gets that comes after the expire
	}{
		"while it is refreshed": {cachedata.StaleConfig{For: time.Minute}, 1},
		"only on errors":        {cachedata.StaleConfig{OnError: time.Minute}, 2},
		"not at all":            {cachedata.StaleConfig{}, 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				o := &numbered{takes: time.Second}
				c := cachedata.Must(cachedata.New("c", o.load, cachedata.Config{TTL: time.Hour, Stale: tt.stale, Group: newGroup(t, cachedata.GroupConfig{})}))
				first := make(chan int)
				go func() {
					v, _ := c.Get(t.Context(), "tea")
					first <- v
				}()
				time.Sleep(500 * time.Millisecond)
				if err := c.ExpireTag(t.Context(), "tea"); err != nil {
					t.Error(err)
				}
				later, err := c.Get(t.Context(), "tea")
				if v := <-first; v != 1 || later != tt.later || err != nil {
					t.Errorf("before: %d, later: %d, %v", v, later, err)
				}
				if _, err := c.Get(t.Context(), "tea"); err != nil {
					t.Error(err)
				}
				time.Sleep(3 * time.Second)
				wantMeta(t, c, "tea", 2, cachedata.Hit)
			})
		})
	}
}

func TestAnErrorThatWasExpiredIsForgotten(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := &numbered{err: cachedata.ErrNotFound}
		c := cachedata.Must(cachedata.New("c", o.load, cachedata.Config{
			TTL: time.Hour, Errors: cachedata.ErrorConfig{NotFoundTTL: time.Hour}, Stale: cachedata.StaleConfig{For: time.Hour}, Group: newGroup(t, cachedata.GroupConfig{}),
		}))
		for range 2 {
			if _, err := c.Get(t.Context(), "tea"); !errors.Is(err, cachedata.ErrNotFound) {
				t.Errorf("%v", err)
			}
		}
		o.err = nil
		if err := c.ExpireTag(t.Context(), "tea"); err != nil {
			t.Error(err)
		}
		wantMeta(t, c, "tea", 2, cachedata.Load)
	})
}

func TestWhatExpireTagRefuses(t *testing.T) {
	t.Parallel()
	c := cachedata.Must(cachedata.New("c", new(numbered).load, cachedata.Config{TTL: time.Hour, Stale: cachedata.StaleConfig{For: time.Hour}, Group: newGroup(t, cachedata.GroupConfig{})}))
	for _, tags := range [][]string{nil, {""}, {"a", ""}} {
		if err := c.ExpireTag(t.Context(), tags...); err == nil || !strings.Contains(err.Error(), "the tag is empty") {
			t.Errorf("ExpireTag(%q): %v", tags, err)
		}
	}
	if err := c.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := c.ExpireTag(t.Context(), "a"); !errors.Is(err, cachedata.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}
