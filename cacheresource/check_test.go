package cacheresource_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/reecho-go/reecho/cacheresource"
)

// A check that asks for the instance that it is checking learns so at once.
func TestR3_ACheckThatUsesItsOwnInstanceIsACycle(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := &world{t: t}
		var r *cacheresource.Resource[string, *thing]
		var inside atomic.Pointer[error]
		var asked atomic.Int32
		r = newResource(t, w, cacheresource.Config[string, *thing]{
			CheckEvery: cacheresource.EveryAcquire,
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
		if _, ok := errors.AsType[*cacheresource.CycleError](*inside.Load()); !ok {
			t.Errorf("inside the check: %v, want a CycleError", *inside.Load())
		}
		closeAll(t, r)
		w.everythingReleased()
	})
}

// What a check uses is leased for the check only, also when an open causes it.
func TestR6_ACheckInsideAnOpenKeepsNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := &world{t: t}
		probe := newResource(t, w, cacheresource.Config[string, *thing]{})
		base := newResource(t, w, cacheresource.Config[string, *thing]{
			CheckEvery: cacheresource.EveryAcquire,
			Check: func(ctx context.Context, _ string, _ *thing) error {
				return probe.Do(ctx, "probe", func(*thing) error { return nil })
			},
		})
		must(t, base.Do(t.Context(), "base", func(*thing) error { return nil }))
		g, err := cacheresource.NewGroup("g", cacheresource.GroupConfig{})
		must(t, err)
		top, err := cacheresource.New("top", func(ctx context.Context, key string) (*thing, error) {
			return &thing{key: key}, base.Do(ctx, "base", func(*thing) error { return nil })
		}, cacheresource.Config[string, *thing]{Group: g})
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
