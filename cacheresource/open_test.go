package cacheresource_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/reecho-go/reecho/cacheresource"
	"github.com/reecho-go/reecho/internal/group"
)

// While nothing is deleted, cleared or given up, nothing is opened twice at a
// time, whatever opens and checks come to.
func TestOneOpenAtATime(t *testing.T) {
	t.Parallel()
	g, err := cacheresource.NewGroup("g", cacheresource.GroupConfig{})
	must(t, err)
	w := &world{t: t, fail: func() error {
		switch rand.IntN(4) {
		case 0:
			return errors.New("boom")
		case 1:
			panic("boom")
		}
		return nil
	}}
	var under [3]atomic.Int32
	r, err := cacheresource.New("things", func(ctx context.Context, key int) (*thing, error) {
		if n := under[key].Add(1); n != 1 {
			t.Errorf("%d opens of key %d at a time", n, key)
		}
		defer under[key].Add(-1)
		return w.open(ctx, "k")
	}, cacheresource.Config{
		Group: g,
		Check: cacheresource.CheckConfig{EachUse: true},
	}, cacheresource.Funcs[int, *thing]{
		Check: func(context.Context, int, *thing) error {
			if rand.IntN(3) == 0 {
				return errors.New("broken")
			}
			return nil
		},
		Release: func(ctx context.Context, _ int, th *thing) error { return w.release(ctx, "k", th) },
	})
	must(t, err)
	var wg sync.WaitGroup
	for range 64 {
		wg.Go(func() {
			for range 30 {
				func() {
					defer func() { _ = recover() }() // opens panic
					_ = r.Do(t.Context(), rand.IntN(len(under)), func(*thing) error { return nil })
				}()
			}
		})
	}
	wg.Wait()
	must(t, g.Close(t.Context()))
	w.everythingReleased()
}

// between is a member of a group that does something in the middle of a clear.
type between struct {
	hooks group.Hooks
	do    func()
}

func (*between) Name() string                { return "between" }
func (b *between) Reset(context.Context) int { b.do(); return 0 }
func (b *between) Hooks() *group.Hooks       { return &b.hooks }
func (*between) Sweep(int64) int64           { return group.Never }
func (*between) Close(context.Context) error { return nil }

// Once a clear of the group has returned, nothing is found that was opened
// with something from before it, not even what was opened while it ran.
func TestAGroupClearLeavesNothingDerived(t *testing.T) {
	t.Parallel()
	g, err := cacheresource.NewGroup("g", cacheresource.GroupConfig{})
	must(t, err)
	var base *cacheresource.Resource[int, *thing]
	var opened atomic.Int64
	top, err := cacheresource.New("top", func(ctx context.Context, _ int) (*thing, error) {
		var out *thing
		err := base.Do(ctx, 1, func(of *thing) error { out = &thing{n: of.n}; return nil })
		return out, err
	}, cacheresource.Config{Group: g})
	must(t, err)
	get := func() (n int64) {
		must(t, top.Do(t.Context(), 1, func(th *thing) error { n = th.n; return nil }))
		return n
	}
	must(t, g.AddMember(&between{do: func() { // top is cleared, base is not
		if n := get(); n != 1 {
			t.Errorf("while the clear runs: opened with base %d, want the first", n)
		}
	}}))
	base, err = cacheresource.New("base", func(context.Context, int) (*thing, error) { return &thing{n: opened.Add(1)}, nil },
		cacheresource.Config{Group: g})
	must(t, err)
	get()
	must(t, g.Clear(t.Context()))
	if n := get(); n != 2 {
		t.Errorf("after the clear: opened with base %d, want the second", n)
	}
	must(t, top.Close(t.Context()))
	must(t, base.Close(t.Context()))
}

// Neither the caller nor the open can change the key that Release gets.
func TestReleaseGetsTheKeyAsItWas(t *testing.T) {
	t.Parallel()
	g, err := cacheresource.NewGroup("g", cacheresource.GroupConfig{})
	must(t, err)
	var released []string
	r, err := cacheresource.New("things", func(_ context.Context, key []string) (int, error) {
		key[0] = "changed by open"
		return 1, nil
	}, cacheresource.Config{
		Group: g,
	}, cacheresource.Funcs[[]string, int]{
		Release: func(_ context.Context, key []string, _ int) error { released = append(released, key[0]); return nil },
	})
	must(t, err)
	key := []string{"k"}
	must(t, r.Do(t.Context(), key, func(int) error { return nil }))
	if key[0] != "k" {
		t.Errorf("the caller's key became %q", key[0])
	}
	key[0] = "changed by the caller"
	must(t, g.Close(t.Context()))
	if len(released) != 1 || released[0] != "k" {
		t.Errorf("released %q, want the key of the open", released)
	}
}

// A goroutine that outlives its open leases for itself.
func TestWhatIsUsedAfterTheOpenIsNotKept(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := &world{t: t}
		base := newResource(t, w, cacheresource.Config{})
		g, err := cacheresource.NewGroup("g", cacheresource.GroupConfig{})
		must(t, err)
		used := make(chan error, 1)
		top, err := cacheresource.New("top", func(ctx context.Context, key string) (*thing, error) {
			go func() {
				time.Sleep(time.Second)
				used <- base.Do(context.WithoutCancel(ctx), "base", func(*thing) error { return nil })
			}()
			return &thing{key: key}, nil
		}, cacheresource.Config{Group: g})
		must(t, err)
		must(t, top.Do(t.Context(), "top", func(*thing) error { return nil }))
		must(t, <-used)
		if n := base.Stats().Leases; n != 0 {
			t.Errorf("%d leases of base after its use, want 0", n)
		}
		must(t, top.Close(t.Context()))
		closeAll(t, base)
	})
}

// A check that was broken off, since everybody who waited has left, says
// nothing about the instance.
func TestABrokenOffCheckSaysNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := &world{t: t}
		r := newResource(t, w, cacheresource.Config{
			Check: cacheresource.CheckConfig{EachUse: true, Timeout: time.Hour},
		}, cacheresource.Funcs[string, *thing]{
			Check: func(ctx context.Context, _ string, _ *thing) error {
				select {
				case <-ctx.Done():
					return ctx.Err()
				case <-time.After(time.Minute):
					return nil
				}
			},
		})
		must(t, r.Do(t.Context(), "k", func(*thing) error { return nil }))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := r.Do(ctx, "k", func(*thing) error { return nil }); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Do() = %v, want the caller's own timeout", err)
		}
		synctest.Wait()
		must(t, r.Do(t.Context(), "k", func(th *thing) error {
			if th.n != 1 {
				t.Errorf("got instance %d, want the first", th.n)
			}
			return nil
		}))
		if s := r.Stats(); s.Checks != 1 || s.FailedChecks != 0 || s.Leases != 0 {
			t.Errorf("stats %+v, want one check that passed", s)
		}
		closeAll(t, r)
		w.everythingReleased()
	})
}
