package cacheresource_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/reecho-go/reecho/cacheresource"
	"github.com/reecho-go/reecho/observe"
)

// A group waits for what is being opened before it ends the rest: what the
// open has brought may be pinned and hold what it was opened with.
func TestR5_AGroupClosesWhileAPinIsOnItsWay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g, err := cacheresource.NewGroup("g", cacheresource.GroupConfig{})
		must(t, err)
		w := &world{t: t}
		base, err := cacheresource.New("base", w.open, cacheresource.Config[string, *thing]{Group: g, Release: w.release})
		must(t, err)
		top, err := cacheresource.New("top", func(ctx context.Context, key string) (*thing, error) {
			if err := base.Do(ctx, "b", func(*thing) error { return nil }); err != nil {
				return nil, err
			}
			time.Sleep(time.Second)
			return w.open(ctx, key)
		}, cacheresource.Config[string, *thing]{Group: g, Release: w.release})
		must(t, err)
		var wg sync.WaitGroup
		wg.Go(func() { _, _ = top.Get(t.Context(), "t") })
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		if err := g.Close(ctx); err != nil {
			t.Errorf("Close() = %v", err)
		}
		wg.Wait()
		w.everythingReleased()
	})
}

// A pin that comes while Close is under way is no pin any more.
func TestR5_GetAndCloseAtOnce(t *testing.T) {
	t.Parallel()
	for range 200 {
		w := &world{t: t}
		r := newResource(t, w, cacheresource.Config[string, *thing]{})
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				for range rand.IntN(4) {
					runtime.Gosched()
				}
				if _, err := r.Get(t.Context(), "k"); err != nil && !errors.Is(err, cacheresource.ErrClosed) {
					t.Errorf("Get() = %v", err)
				}
			})
		}
		wg.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			if err := r.Close(ctx); err != nil {
				t.Errorf("Close() = %v", err)
			}
		})
		wg.Wait()
		if t.Failed() {
			return
		}
		w.everythingReleased()
	}
}

// A Close that ran out of time is finished by another one.
func TestR5_ClosingAgainGoesOnWaiting(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g, err := cacheresource.NewGroup("g", cacheresource.GroupConfig{})
		must(t, err)
		w := &world{t: t}
		r := newResource(t, w, cacheresource.Config[string, *thing]{Group: g})
		l, err := r.Acquire(t.Context(), "k")
		must(t, err)
		for range 2 {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			if le, ok := errors.AsType[*cacheresource.LeasedError](g.Close(ctx)); !ok || len(le.Instances) != 1 {
				t.Errorf("Close() with a lease = %v, want a LeasedError", le)
			}
			cancel()
		}
		l.Release()
		must(t, g.Close(t.Context()))
		w.everythingReleased()
	})
}

// A Release that calls runtime.Goexit, as t.FailNow does, has failed.
func TestR2_AReleaseThatExitsItsGoroutineHasEnded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var rec observe.Recorder
		r := newResource(t, &world{t: t}, cacheresource.Config[string, *thing]{
			Observer: &rec,
			Release:  func(context.Context, string, *thing) error { runtime.Goexit(); return nil },
		})
		must(t, r.Do(t.Context(), "k", func(*thing) error { return nil }))
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		if err := r.Close(ctx); err != nil {
			t.Errorf("Close() = %v", err)
		}
		if got := observe.Of[observe.ResourceRelease](&rec); len(got) != 1 || got[0].Err == nil {
			t.Errorf("events %+v, want one release that failed", got)
		}
	})
}
