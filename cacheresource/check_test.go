package cacheresource_test

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/reecho-go/reecho/cacheresource"
	"github.com/reecho-go/reecho/observe"
)

// A check that asks for the instance that it is checking learns so at once.
func TestACheckThatUsesItsOwnInstanceIsACycle(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := &world{t: t}
		var r *cacheresource.Resource[string, *thing]
		var inside atomic.Pointer[error]
		var asked atomic.Int32
		r = newResource(t, w, cacheresource.Config{
			Check: cacheresource.CheckConfig{EachUse: true},
		}, cacheresource.Funcs[string, *thing]{
			Check: func(ctx context.Context, key string, _ *thing) error {
				asked.Add(1)
				err := r.Do(ctx, key, func(*thing) error { return nil })
				inside.Store(&err)
				return err
			},
		})
		must(t, r.Do(t.Context(), "k", func(*thing) error { return nil }))
		start := time.Now()
		must(t, r.Do(t.Context(), "k", func(th *thing) error {
			if th.n != 2 {
				t.Errorf("got instance %d, want a new one", th.n)
			}
			return nil
		}))
		if took := time.Since(start); took != 0 || asked.Load() != 1 {
			t.Errorf("took %v and %d checks, want one that fails at once", took, asked.Load())
		}
		if _, ok := errors.AsType[*observe.CycleError](*inside.Load()); !ok {
			t.Errorf("inside the check: %v, want a CycleError", *inside.Load())
		}
		closeAll(t, r)
		w.everythingReleased()
	})
}

// What a check uses is leased for the check only, also when an open causes it.
func TestACheckInsideAnOpenKeepsNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := &world{t: t}
		probe := newResource(t, w, cacheresource.Config{})
		base := newResource(t, w, cacheresource.Config{
			Check: cacheresource.CheckConfig{EachUse: true},
		}, cacheresource.Funcs[string, *thing]{
			Check: func(ctx context.Context, _ string, _ *thing) error {
				return probe.Do(ctx, "probe", func(*thing) error { return nil })
			},
		})
		must(t, base.Do(t.Context(), "base", func(*thing) error { return nil }))
		g, err := cacheresource.NewGroup("g", cacheresource.GroupConfig{})
		must(t, err)
		top, err := cacheresource.New("top", func(ctx context.Context, key string) (*thing, error) {
			return &thing{key: key}, base.Do(ctx, "base", func(*thing) error { return nil })
		}, cacheresource.Config{Group: g})
		must(t, err)
		must(t, top.Do(t.Context(), "top", func(*thing) error { return nil }))
		synctest.Wait()
		if n := probe.Stats().Leases; n != 0 {
			t.Errorf("the probe has %d leases after the check, want 0", n)
		}
		if n := base.Stats().Leases; n != 1 {
			t.Errorf("base has %d leases, want that of top", n)
		}
		must(t, top.Close(t.Context()))
		closeAll(t, base)
		closeAll(t, probe)
		w.everythingReleased()
	})
}

// A check that goes on after everybody left is still the only one.
func TestOneCheckAtATimeWhoeverLeaves(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := &world{t: t}
		var running, checks atomic.Int32
		r := newResource(t, w, cacheresource.Config{
			Check: cacheresource.CheckConfig{EachUse: true, Timeout: 6 * time.Second},
		}, cacheresource.Funcs[string, *thing]{
			Check: func(context.Context, string, *thing) error {
				if running.Add(1) > 1 {
					t.Error("two checks of one instance at a time")
				}
				defer running.Add(-1)
				if checks.Add(1); checks.Load() > 2 {
					time.Sleep(time.Hour)
				}
				time.Sleep(3 * time.Second) // deaf
				return nil
			},
		})
		first := use(t, r, "k")
		leave := func() {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			if _, err := r.Acquire(ctx, "k"); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("Acquire() = %v, want the caller's own timeout", err)
			}
		}
		leave()
		start := time.Now()
		if th := use(t, r, "k"); th != first || checks.Load() != 2 {
			t.Errorf("got instance %d after %d checks, want the first one after two", th.n, checks.Load())
		}
		if took := time.Since(start); took != 5*time.Second {
			t.Errorf("took %v, want what is left of the first check, and the second", took)
		}
		// A check that never returns keeps nobody longer than CheckTimeout.
		leave()
		start = time.Now()
		if th := use(t, r, "k"); th == first || time.Since(start) != 6*time.Second {
			t.Errorf("got instance %d after %v, want another one after CheckTimeout", th.n, time.Since(start))
		}
		closeAll(t, r)
		w.everythingReleased()
	})
}

func TestACheckThatExitsItsGoroutineHasFailed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var rec observe.Recorder
		w := &world{t: t}
		r := newResource(t, w, cacheresource.Config{
			Observer: &rec,
			Check:    cacheresource.CheckConfig{EachUse: true},
		}, cacheresource.Funcs[string, *thing]{
			Check: func(context.Context, string, *thing) error { runtime.Goexit(); return nil },
		})
		first := use(t, r, "k")
		if use(t, r, "k") == first {
			t.Error("got the instance whose check failed")
		}
		if got := observe.Of[observe.ResourceCheck](&rec); len(got) != 1 || !strings.Contains(got[0].Err.Error(), "Goexit") {
			t.Errorf("events %+v, want the check that exited", got)
		}
		closeAll(t, r)
		w.everythingReleased()
	})
}
