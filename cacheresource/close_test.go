package cacheresource_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/reecho-go/reecho/cacheresource"
	"github.com/reecho-go/reecho/internal/soaktest"
	"github.com/reecho-go/reecho/observe"
)

// A group waits for what is being opened before it ends the rest: what the
// open has brought may be pinned and hold what it was opened with.
func TestAGroupClosesWhileAPinIsOnItsWay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g, err := cacheresource.NewGroup("g", cacheresource.GroupConfig{})
		must(t, err)
		w := &world{t: t}
		base, err := cacheresource.New("base", w.open, cacheresource.Config{Group: g}, cacheresource.Funcs[string, *thing]{Release: w.release})
		must(t, err)
		top, err := cacheresource.New("top", func(ctx context.Context, key string) (*thing, error) {
			if err := base.Do(ctx, "b", func(*thing) error { return nil }); err != nil {
				return nil, err
			}
			time.Sleep(time.Second)
			return w.open(ctx, key)
		}, cacheresource.Config{Group: g}, cacheresource.Funcs[string, *thing]{Release: w.release})
		must(t, err)
		var wg sync.WaitGroup
		wg.Go(func() { _, _ = top.Pin(t.Context(), "t") })
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
func TestGetAndCloseAtOnce(t *testing.T) {
	t.Parallel()
	for range 200 {
		w := &world{t: t}
		r := newResource(t, w, cacheresource.Config{})
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				for range rand.IntN(4) {
					runtime.Gosched()
				}
				if _, err := r.Pin(t.Context(), "k"); err != nil && !errors.Is(err, cacheresource.ErrClosed) {
					t.Errorf("Get() = %v", err)
				}
			})
		}
		wg.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
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
func TestClosingAgainGoesOnWaiting(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g, err := cacheresource.NewGroup("g", cacheresource.GroupConfig{})
		must(t, err)
		w := &world{t: t}
		r := newResource(t, w, cacheresource.Config{Group: g})
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
func TestAReleaseThatExitsItsGoroutineHasEnded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var rec observe.Recorder
		r := newResource(t, &world{t: t}, cacheresource.Config{
			Observer: &rec,
		}, cacheresource.Funcs[string, *thing]{
			Release: func(context.Context, string, *thing) error { runtime.Goexit(); return nil },
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

// A Release that does not return delays the older instances by its timeout, not
// by all of the time that Close has.
func TestABlockedReleaseDelaysTheOthersByItsTimeout(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g, err := cacheresource.NewGroup("g", cacheresource.GroupConfig{})
		must(t, err)
		start := time.Now()
		var mu sync.Mutex
		released := make(map[string]time.Duration)
		r := newResource(t, &world{t: t}, cacheresource.Config{
			Group: g,
			Close: cacheresource.CloseConfig{ReleaseTimeout: time.Second},
		}, cacheresource.Funcs[string, *thing]{
			Release: func(_ context.Context, key string, _ *thing) error {
				mu.Lock()
				released[key] = time.Since(start)
				mu.Unlock()
				if key == "c" {
					time.Sleep(time.Hour)
				}
				return nil
			},
		})
		for _, k := range []string{"a", "b", "c"} {
			use(t, r, k)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		if err := g.Close(ctx); err == nil || !strings.Contains(err.Error(), "(its release has not returned)") {
			t.Errorf("Close() = %v, want it to say that a release has not returned", err)
		}
		synctest.Wait()
		mu.Lock()
		if want := map[string]time.Duration{"c": 0, "b": time.Second, "a": time.Second}; !maps.Equal(released, want) {
			t.Errorf("released after %v, want %v", released, want)
		}
		mu.Unlock()
		must(t, g.Close(t.Context()))
	})
}

// DrainTimeout is also for opens that do not return, and for a whole group.
func TestDrainTimeoutIsAlsoForOpens(t *testing.T) {
	t.Parallel()
	for _, whole := range []bool{false, true} {
		t.Run(fmt.Sprintf("group %t", whole), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				g, err := cacheresource.NewGroup("g", cacheresource.GroupConfig{})
				must(t, err)
				w := &world{t: t, took: time.Hour} // deaf
				r := newResource(t, w, cacheresource.Config{Group: g, Close: cacheresource.CloseConfig{DrainTimeout: time.Minute}})
				var wg sync.WaitGroup
				wg.Go(func() {
					if _, err := r.Acquire(t.Context(), "k"); !errors.Is(err, cacheresource.ErrClosed) {
						t.Errorf("Acquire() = %v, want ErrClosed", err)
					}
				})
				synctest.Wait()
				end := r.Close
				if whole {
					end = g.Close
				}
				start := time.Now()
				if err := end(t.Context()); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "DrainTimeout has passed") {
					t.Errorf("Close() = %v, want that DrainTimeout has passed", err)
				}
				if took := time.Since(start); took != time.Minute {
					t.Errorf("Close() took %v, want DrainTimeout", took)
				}
				wg.Wait()
				time.Sleep(time.Hour)
				must(t, end(t.Context()))
				w.everythingReleased()
			})
		})
	}
}

// A resource that joined a group while it closes would be closed by nobody.
func TestNothingJoinsAGroupThatCloses(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g, err := cacheresource.NewGroup("g", cacheresource.GroupConfig{})
		must(t, err)
		r := newResource(t, &world{t: t}, cacheresource.Config{Group: g})
		l, err := r.Acquire(t.Context(), "k")
		must(t, err)
		var wg sync.WaitGroup
		wg.Go(func() { must(t, g.Close(t.Context())) })
		synctest.Wait()
		_, err = cacheresource.New("late", (&world{t: t}).open, cacheresource.Config{Group: g})
		if !errors.Is(err, cacheresource.ErrClosed) {
			t.Errorf("New() in a group that closes = %v, want ErrClosed", err)
		}
		l.Release()
		wg.Wait()
	})
}

// The report of a stuck release comes before that of its end, and Close waits
// for both.
func TestAStuckReleaseIsReportedBeforeItsEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var errs []error
		r := newResource(t, &world{t: t}, cacheresource.Config{
			Observer: observe.Func(func(_ context.Context, ev observe.Event) {
				if ev, ok := ev.(observe.ResourceRelease); ok {
					if ev.Err != nil {
						time.Sleep(time.Minute) // slow to write
					}
					errs = append(errs, ev.Err)
				}
			}),
			Close: cacheresource.CloseConfig{ReleaseTimeout: time.Second},
		}, cacheresource.Funcs[string, *thing]{
			Release: func(context.Context, string, *thing) error { time.Sleep(2 * time.Second); return nil },
		})
		use(t, r, "k")
		closeAll(t, r)
		if len(errs) != 2 || errs[0] == nil || errs[1] != nil {
			t.Errorf("reported %v, want the stuck release, then its end", errs)
		}
	})
}

// What runs in the background does not change the order of a close.
func TestABackgroundCheckChangesNoOrder(t *testing.T) {
	t.Parallel()
	for range soaktest.Rounds(300) {
		synctest.Test(t, func(t *testing.T) {
			var order []string
			r := newResource(t, &world{t: t}, cacheresource.Config{
				Check: cacheresource.CheckConfig{Every: time.Second},
			}, cacheresource.Funcs[string, *thing]{
				Check: func(context.Context, string, *thing) error { time.Sleep(3 * time.Second); return nil },
				Release: func(_ context.Context, key string, _ *thing) error {
					time.Sleep(time.Second)
					order = append(order, key)
					return nil
				},
			})
			for _, k := range []string{"a", "b", "c", "d"} {
				use(t, r, k)
			}
			time.Sleep(3 * time.Second)
			if s := r.Stats(); s.InFlight != 4 {
				t.Errorf("stats %+v, want four checks under way", s)
			}
			closeAll(t, r)
			if got := strings.Join(order, ""); got != "dcba" {
				t.Errorf("released in the order %s, want the youngest first", got)
			}
		})
		if t.Failed() {
			return
		}
	}
}
