package cacheresource_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/reecho-go/reecho/cacheresource"
	"github.com/reecho-go/reecho/internal/leaktest"
	"github.com/reecho-go/reecho/internal/scope"
	"github.com/reecho-go/reecho/internal/soaktest"
	"github.com/reecho-go/reecho/middleware"
	"github.com/reecho-go/reecho/observe"
)

func TestMain(m *testing.M) { leaktest.Main(m) }

var _ middleware.Closer = (*cacheresource.Group)(nil)

// thing is a resource that knows how it is treated.
type thing struct {
	key      string
	n        int64
	users    atomic.Int64
	released atomic.Int64
}

// world opens things and watches what happens to them.
type world struct {
	t      testing.TB
	n      atomic.Int64
	opened sync.Map // *thing -> struct{}
	fail   func() error
	took   time.Duration
}

func (w *world) open(_ context.Context, key string) (*thing, error) {
	if w.took > 0 {
		time.Sleep(w.took)
	}
	if w.fail != nil {
		if err := w.fail(); err != nil {
			return nil, err
		}
	}
	th := &thing{key: key, n: w.n.Add(1)}
	w.opened.Store(th, struct{}{})
	return th, nil
}

func (w *world) release(_ context.Context, key string, th *thing) error {
	if th.key != key {
		w.t.Errorf("released %q as %q", th.key, key)
	}
	if n := th.users.Load(); n != 0 {
		w.t.Errorf("released while %d use it", n)
	}
	if n := th.released.Add(1); n != 1 {
		w.t.Errorf("released %d times", n)
	}
	return nil
}

// everythingReleased fails unless every opened thing was released once.
func (w *world) everythingReleased() {
	w.t.Helper()
	w.opened.Range(func(k, _ any) bool {
		if n := k.(*thing).released.Load(); n != 1 {
			w.t.Errorf("thing %d was released %d times, want 1", k.(*thing).n, n)
		}
		return true
	})
}

func newResource(t testing.TB, w *world, cfg cacheresource.Config, funcs ...cacheresource.Funcs[string, *thing]) *cacheresource.Resource[string, *thing] {
	t.Helper()
	g, err := cacheresource.NewGroup("test", cacheresource.GroupConfig{})
	if err != nil {
		t.Fatal(err)
	}
	if cfg.Group == nil {
		cfg.Group = g
	}
	var f cacheresource.Funcs[string, *thing]
	if len(funcs) > 0 {
		f = funcs[0]
	}
	if f.Release == nil {
		f.Release = w.release
	}
	r, err := cacheresource.New("things", w.open, cfg, f)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func closeAll(t testing.TB, r *cacheresource.Resource[string, *thing]) {
	t.Helper()
	if err := r.Close(context.Background()); err != nil {
		t.Errorf("Close() = %v", err)
	}
}

func TestOneInstanceForEverybody(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := &world{t: t, took: time.Second}
		r := newResource(t, w, cacheresource.Config{})
		var wg sync.WaitGroup
		for range 50 {
			wg.Go(func() {
				if err := r.Do(t.Context(), "k", func(th *thing) error {
					th.users.Add(1)
					defer th.users.Add(-1)
					if th.n != 1 {
						t.Errorf("got instance %d, want the first", th.n)
					}
					return nil
				}); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if s := r.Stats(); s.Opens != 1 || s.Leases != 0 || s.Open != 1 {
			t.Errorf("stats %+v, want one open and no lease left", s)
		}
		closeAll(t, r)
		w.everythingReleased()
	})
}

func TestFailuresAreNotKept(t *testing.T) {
	t.Parallel()
	boom := errors.New("boom")
	var fail error
	panics := false
	w := &world{t: t, fail: func() error {
		if panics {
			panic("open")
		}
		return fail
	}}
	r := newResource(t, w, cacheresource.Config{})
	use := func() error { return r.Do(t.Context(), "k", func(*thing) error { return nil }) }
	fail = boom
	if err := use(); !errors.Is(err, boom) {
		t.Errorf("Do() = %v, want open's error", err)
	}
	fail, panics = nil, true
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic of open did not reach its caller")
			}
		}()
		_ = use()
	}()
	panics = false
	if err := use(); err != nil {
		t.Errorf("Do() after failures = %v", err)
	}
	closeAll(t, r) // an open may still be ending when its caller has the result
	if s := r.Stats(); s.Opens != 3 || s.OpenErrors != 2 || s.InFlight != 0 {
		t.Errorf("stats %+v", s)
	}
}

func TestNilWithoutAnErrorIsAnError(t *testing.T) {
	t.Parallel()
	g, _ := cacheresource.NewGroup("g", cacheresource.GroupConfig{})
	r, err := cacheresource.New("nil", func(context.Context, int) (*thing, error) { return nil, nil }, cacheresource.Config{Group: g})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Acquire(t.Context(), 1); err == nil || !strings.Contains(err.Error(), "nil without an error") {
		t.Errorf("Acquire() = %v", err)
	}
}

func TestWaitersObeyTheirOwnContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := &world{t: t, took: time.Second}
		r := newResource(t, w, cacheresource.Config{})
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if _, err := r.Acquire(ctx, "k"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Acquire() = %v, want the caller's own timeout", err)
		}
		// the open goes on, for nobody: what it brings is released
		time.Sleep(2 * time.Second)
		synctest.Wait()
		w.everythingReleased()
		if s := r.Stats(); s.Releases[observe.CauseOrphan] != 1 || s.Open != 0 {
			t.Errorf("stats %+v, want the orphan released", s)
		}
		closeAll(t, r)
	})
}

func TestAnOpenAcrossAClearIsForItsCallersOnly(t *testing.T) {
	t.Parallel()
	ends := map[string]func(*testing.T, *cacheresource.Resource[string, *thing]){
		"Clear":  func(t *testing.T, r *cacheresource.Resource[string, *thing]) { must(t, r.Clear(t.Context())) },
		"Delete": func(t *testing.T, r *cacheresource.Resource[string, *thing]) { must(t, r.Delete(t.Context(), "k")) },
	}
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := &world{t: t, took: time.Second}
				r := newResource(t, w, cacheresource.Config{})
				var wg sync.WaitGroup
				leases := make([]*cacheresource.Lease[*thing], 3)
				for i := range leases {
					wg.Go(func() {
						l, err := r.Acquire(t.Context(), "k")
						must(t, err)
						leases[i] = l
					})
				}
				synctest.Wait()
				end(t, r)
				wg.Wait()
				later, err := r.Acquire(t.Context(), "k")
				must(t, err)
				for i, l := range leases {
					if l.Value() == later.Value() {
						t.Error("a call after the clear got what was opened before it")
					}
					if n := l.Value().released.Load(); n != 0 {
						t.Errorf("released with %d leases left", len(leases)-i)
					}
					l.Release()
					l.Release() // harmless
					synctest.Wait()
				}
				synctest.Wait()
				if n := leases[0].Value().released.Load(); n != 1 {
					t.Errorf("the orphan was released %d times after its last lease, want 1", n)
				}
				later.Release()
				closeAll(t, r)
				w.everythingReleased()
			})
		})
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestReleaseWaitsForTheLastLease(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := &world{t: t}
		r := newResource(t, w, cacheresource.Config{})
		a, err := r.Acquire(t.Context(), "k")
		must(t, err)
		b, err := r.Acquire(t.Context(), "k")
		must(t, err)
		must(t, r.Delete(t.Context(), "k"))
		a.Release()
		synctest.Wait()
		if n := a.Value().released.Load(); n != 0 {
			t.Error("released while leased")
		}
		b.Release()
		synctest.Wait()
		w.everythingReleased()
		closeAll(t, r)
	})
}

func TestAReleaseThatFailsStopsNoOther(t *testing.T) {
	t.Parallel()
	var rec observe.Recorder
	var n atomic.Int64
	w := &world{t: t}
	r := newResource(t, w, cacheresource.Config{
		Observer: &rec,
	}, cacheresource.Funcs[string, *thing]{
		Release: func(context.Context, string, *thing) error {
			if n.Add(1) == 1 {
				panic("release")
			}
			return errors.New("boom")
		},
	})
	for _, k := range []string{"a", "b", "c"} {
		must(t, r.Do(t.Context(), k, func(*thing) error { return nil }))
	}
	closeAll(t, r)
	events := observe.Of[observe.ResourceRelease](&rec)
	if n.Load() != 3 || len(events) != 3 {
		t.Fatalf("%d releases, %d events; want 3", n.Load(), len(events))
	}
	for _, ev := range events {
		if ev.Err == nil || ev.Cause != observe.CauseClosed {
			t.Errorf("event %+v, want its error and cause", ev)
		}
	}
	if _, ok := errors.AsType[*observe.PanicError](events[0].Err); !ok {
		t.Errorf("first release: %v, want the panic", events[0].Err)
	}
}

func TestAStuckReleaseIsReported(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var rec observe.Recorder
		r := newResource(t, &world{t: t}, cacheresource.Config{
			Observer: &rec,
			Close:    cacheresource.CloseConfig{ReleaseTimeout: time.Second},
		}, cacheresource.Funcs[string, *thing]{
			Release: func(context.Context, string, *thing) error { time.Sleep(time.Minute); return nil },
		})
		must(t, r.Do(t.Context(), "k", func(*thing) error { return nil }))
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		err := r.Close(ctx)
		if le, ok := errors.AsType[*cacheresource.LeasedError](err); !ok || len(le.Instances) != 1 {
			t.Errorf("Close() = %v, want it to name what is not released", err)
		}
		if got := observe.Of[observe.ResourceRelease](&rec); len(got) != 1 || !errors.Is(got[0].Err, context.DeadlineExceeded) {
			t.Errorf("events %+v, want the release that has not returned", got)
		}
		must(t, r.Close(t.Context())) // goes on waiting
		if s := r.Stats(); s.Stuck != 1 || s.Open != 0 {
			t.Errorf("stats %+v", s)
		}
	})
}

func TestCheck(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := &world{t: t}
		var bad atomic.Pointer[thing]
		checks := 0
		r := newResource(t, w, cacheresource.Config{
			Check: cacheresource.CheckConfig{Every: time.Minute},
		}, cacheresource.Funcs[string, *thing]{
			Check: func(_ context.Context, key string, th *thing) error {
				checks++
				time.Sleep(time.Second)
				if key != "k" || th == bad.Load() {
					return errors.New("broken")
				}
				return nil
			},
		})
		use := func() *thing {
			l, err := r.Acquire(t.Context(), "k")
			must(t, err)
			defer l.Release()
			return l.Value()
		}
		first := use()
		time.Sleep(time.Minute - 1)
		use()
		if checks != 0 {
			t.Errorf("%d checks before CheckEvery, want none", checks)
		}
		time.Sleep(time.Nanosecond)
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() { use() })
		}
		wg.Wait()
		if checks != 1 {
			t.Errorf("%d checks for ten users at once, want 1", checks)
		}
		held, err := r.Acquire(t.Context(), "k")
		must(t, err)
		bad.Store(first)
		time.Sleep(2 * time.Minute)
		second := use()
		if second == first || checks != 2 {
			t.Errorf("got the broken instance, or %d checks, want 2", checks)
		}
		synctest.Wait()
		if n := first.released.Load(); n != 0 {
			t.Error("the broken instance was released while leased")
		}
		held.Release()
		synctest.Wait()
		if s := r.Stats(); s.Releases[observe.CauseUnsound] != 1 || s.FailedChecks != 1 {
			t.Errorf("stats %+v", s)
		}
		closeAll(t, r)
		w.everythingReleased()
	})
}

func TestAChecksPanicOrHangIsAFailedCheck(t *testing.T) {
	t.Parallel()
	for _, how := range []string{"panic", "hang"} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := &world{t: t}
				var checks atomic.Int32
				r := newResource(t, w, cacheresource.Config{
					Check: cacheresource.CheckConfig{EachUse: true, Timeout: time.Second},
				}, cacheresource.Funcs[string, *thing]{
					Check: func(context.Context, string, *thing) error {
						if checks.Add(1) > 1 {
							return nil
						}
						if how == "panic" {
							panic("check")
						}
						time.Sleep(time.Hour) // deaf to its context
						return nil
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
				if took := time.Since(start); took > time.Second {
					t.Errorf("took %v, want no more than CheckTimeout", took)
				}
				if n := checks.Load(); n != 1 {
					t.Errorf("%d checks, want one: none right after an open", n)
				}
				closeAll(t, r)
				w.everythingReleased()
			})
		})
	}
}

func TestGetPinsUntilClose(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := &world{t: t}
		r := newResource(t, w, cacheresource.Config{})
		var th *thing
		for range 3 {
			var err error
			th, err = r.Pin(t.Context(), "k")
			must(t, err)
		}
		if s := r.Stats(); s.Pinned != 1 || s.Leases != 0 {
			t.Errorf("stats %+v, want one pin", s)
		}
		must(t, r.Delete(t.Context(), "k"))
		must(t, r.Clear(t.Context()))
		synctest.Wait()
		if th.released.Load() != 0 {
			t.Error("a pinned instance was released")
		}
		closeAll(t, r)
		w.everythingReleased()
	})
}

func TestClose(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var order []string
		w := &world{t: t}
		r := newResource(t, w, cacheresource.Config{}, cacheresource.Funcs[string, *thing]{
			Release: func(ctx context.Context, key string, th *thing) error {
				order = append(order, key)
				return w.release(ctx, key, th)
			},
		})
		for _, k := range []string{"a", "b", "c"} {
			must(t, r.Do(t.Context(), k, func(*thing) error { return nil }))
		}
		l, err := r.Acquire(t.Context(), "b")
		must(t, err)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		err = r.Close(ctx)
		if le, ok := errors.AsType[*cacheresource.LeasedError](err); !ok || len(le.Instances) != 1 || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Close() = %v, want it to name the one lease", err)
		}
		if _, err := r.Acquire(t.Context(), "a"); !errors.Is(err, cacheresource.ErrClosed) {
			t.Errorf("Acquire() after Close = %v, want ErrClosed", err)
		}
		for _, err := range []error{r.Delete(t.Context(), "a"), r.Clear(t.Context())} {
			if !errors.Is(err, cacheresource.ErrClosed) {
				t.Errorf("after Close: %v, want ErrClosed", err)
			}
		}
		l.Release()
		closeAll(t, r)
		w.everythingReleased()
		if got := strings.Join(order, ""); got != "cab" {
			t.Errorf("released in the order %s, want the youngest first and the leased one at its end: cab", got)
		}
	})
}

func TestWhatAnotherWasOpenedWithOutlivesIt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g, err := cacheresource.NewGroup("g", cacheresource.GroupConfig{})
		must(t, err)
		var order []string
		note := func(_ context.Context, key string, _ *thing) error {
			order = append(order, key)
			return nil
		}
		var base, top *cacheresource.Resource[string, *thing]
		// top is made first, so that a close by age of the resources would end base first
		top, err = cacheresource.New("top", func(ctx context.Context, key string) (*thing, error) {
			var out *thing
			err := base.Do(ctx, "base", func(*thing) error { out = &thing{key: key}; return nil })
			return out, err
		}, cacheresource.Config{Group: g}, cacheresource.Funcs[string, *thing]{Release: note})
		must(t, err)
		base, err = cacheresource.New("base", func(_ context.Context, key string) (*thing, error) { return &thing{key: key}, nil },
			cacheresource.Config{Group: g}, cacheresource.Funcs[string, *thing]{Release: note})
		must(t, err)

		must(t, top.Do(t.Context(), "top", func(*thing) error { return nil }))
		must(t, base.Delete(t.Context(), "base"))
		synctest.Wait()
		if len(order) != 0 {
			t.Errorf("released %v, though top is still there", order)
		}
		must(t, g.Close(t.Context()))
		if got := strings.Join(order, ","); got != "top,base" {
			t.Errorf("released in the order %s, want top,base", got)
		}
	})
}

func TestAFailedOpenLetsGo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := &world{t: t}
		base := newResource(t, w, cacheresource.Config{})
		top := newResource(t, &world{t: t, fail: func() error { return errors.New("boom") }}, cacheresource.Config{})
		_ = top
		g, err := cacheresource.NewGroup("g", cacheresource.GroupConfig{})
		must(t, err)
		failing, err := cacheresource.New("failing", func(ctx context.Context, _ string) (*thing, error) {
			return nil, errors.Join(errors.New("boom"), base.Do(ctx, "base", func(*thing) error { return nil }))
		}, cacheresource.Config{Group: g})
		must(t, err)
		if _, err := failing.Acquire(t.Context(), "x"); err == nil {
			t.Error("Acquire() succeeded")
		}
		if s := base.Stats(); s.Leases != 0 {
			t.Errorf("%d leases left by a failed open", s.Leases)
		}
		closeAll(t, base)
		closeAll(t, top)
		w.everythingReleased()
	})
}

func TestAnOpenCannotSeeTheVisitor(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g, err := cacheresource.NewGroup("g", cacheresource.GroupConfig{})
		must(t, err)
		w := &world{t: t}
		r, err := cacheresource.New("nosy", func(ctx context.Context, key string) (*thing, error) {
			_, _ = scope.Get(ctx, scope.Session, func(*scope.Request, any) *int { return new(int) })
			return w.open(ctx, key)
		}, cacheresource.Config{Group: g}, cacheresource.Funcs[string, *thing]{Release: w.release})
		must(t, err)
		if _, err := r.Acquire(t.Context(), "k"); !errors.Is(err, cacheresource.ErrVisitorInGlobalLoad) {
			t.Errorf("Acquire() = %v, want ErrVisitorInGlobalLoad", err)
		}
		synctest.Wait()
		w.everythingReleased()
		must(t, g.Close(t.Context()))
	})
}

func TestBadInput(t *testing.T) {
	t.Parallel()
	g, err := cacheresource.NewGroup("g", cacheresource.GroupConfig{})
	must(t, err)
	_, err = cacheresource.New[func(), int]("", nil, cacheresource.Config{Group: g, Check: cacheresource.CheckConfig{Every: -5, Timeout: -1}, Close: cacheresource.CloseConfig{ReleaseTimeout: -1}})
	for _, want := range []string{"the name is empty", "open function is nil", "Check.Every is negative", "Check.Timeout is -1ns", "Close.ReleaseTimeout is -1ns", "without Funcs.Check", "without Funcs.Release"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("New() = %v\nlacks %q", err, want)
		}
	}
	_, err = cacheresource.New("keys", func(context.Context, func()) (int, error) { return 1, nil }, cacheresource.Config{Group: g})
	if ke, ok := errors.AsType[*observe.KeyError](err); !ok || !strings.Contains(ke.Error(), "cacheresource: keys") {
		t.Errorf("New() with a func key = %v, want a KeyError that names the resource", err)
	}
	one := func(context.Context, any) (int, error) { return 1, nil }
	r, err := cacheresource.New("one", one, cacheresource.Config{Group: g})
	must(t, err)
	if _, err := cacheresource.New("one", one, cacheresource.Config{Group: g}); !errors.Is(err, cacheresource.ErrDuplicate) {
		t.Errorf("New() of a taken name = %v, want ErrDuplicate", err)
	}
	for _, err := range []error{
		r.Do(t.Context(), make(chan int), func(int) error { return nil }),
		r.Delete(t.Context(), make(chan int)),
	} {
		if _, ok := errors.AsType[*observe.KeyError](err); !ok {
			t.Errorf("a channel as key: %v, want a KeyError", err)
		}
	}
	must(t, g.Close(t.Context()))
	if _, err := cacheresource.New("late", one, cacheresource.Config{Group: g}); !errors.Is(err, cacheresource.ErrClosed) {
		t.Errorf("New() in a closed group = %v, want ErrClosed", err)
	}
	if _, err := cacheresource.NewGroup("", cacheresource.GroupConfig{}); err == nil {
		t.Error("NewGroup() took an empty name")
	}
}

func TestRandomHistory(t *testing.T) {
	t.Parallel()
	rounds := soaktest.Rounds(2000)
	w := &world{t: t}
	w.fail = func() error {
		switch rand.IntN(10) {
		case 0:
			return errors.New("boom")
		case 1:
			panic("boom")
		}
		return nil
	}
	g, err := cacheresource.NewGroup("g", cacheresource.GroupConfig{})
	must(t, err)
	r, err := cacheresource.New("things", w.open, cacheresource.Config{
		Group: g,
		Check: cacheresource.CheckConfig{EachUse: true},
	}, cacheresource.Funcs[string, *thing]{
		Release: w.release,
		Check: func(_ context.Context, _ string, th *thing) error {
			if th.released.Load() != 0 {
				t.Error("checked after its release")
			}
			if rand.IntN(20) == 0 {
				return errors.New("broken")
			}
			return nil
		},
	})
	must(t, err)
	var wg sync.WaitGroup
	for range 64 {
		wg.Go(func() {
			for range rounds {
				key := fmt.Sprint(rand.IntN(3))
				ctx, cancel := context.WithCancel(t.Context())
				if rand.IntN(10) == 0 {
					go cancel()
				}
				func() {
					defer func() { _ = recover() }() // opens panic
					switch rand.IntN(20) {
					case 0:
						_ = r.Delete(ctx, key)
					case 1:
						_ = r.Clear(ctx)
					case 2:
						_ = g.Clear(ctx)
					default:
						_ = r.Do(ctx, key, func(th *thing) error {
							th.users.Add(1)
							defer th.users.Add(-1)
							if th.released.Load() != 0 {
								t.Error("used after its release")
							}
							return nil
						})
					}
				}()
				cancel()
			}
		})
	}
	wg.Wait()
	must(t, g.Close(context.Background()))
	w.everythingReleased()
	if s := r.Stats(); s.Open != 0 || s.Leases != 0 || s.InFlight != 0 || s.Waiters != 0 {
		t.Errorf("stats at the end %+v, want nothing left", s)
	}
}

func TestAllocationsOfAWarmKey(t *testing.T) {
	if soaktest.Race {
		t.Skip("the race detector makes sync.Pool forget at random")
	}
	type pair struct {
		Host  string
		Ports []int
	}
	g, err := cacheresource.NewGroup("g", cacheresource.GroupConfig{})
	must(t, err)
	ints, err := cacheresource.New("ints", func(context.Context, int) (int, error) { return 1, nil }, cacheresource.Config{Group: g})
	must(t, err)
	texts, err := cacheresource.New("texts", func(context.Context, string) (int, error) { return 1, nil }, cacheresource.Config{Group: g})
	must(t, err)
	pairs, err := cacheresource.New("pairs", func(context.Context, pair) (int, error) { return 1, nil }, cacheresource.Config{Group: g})
	must(t, err)
	ctx, fn, key := context.Background(), func(int) error { return nil }, pair{"h", []int{1, 2}}
	for name, use := range map[string]func(){
		"int":    func() { _ = ints.Do(ctx, 42, fn) },
		"string": func() { _ = texts.Do(ctx, "forty-two", fn) },
		"struct": func() { _ = pairs.Do(ctx, key, fn) },
	} {
		use()
		if n := testing.AllocsPerRun(100, use); n != 0 {
			t.Errorf("Do with a warm %s key allocates %v times, want 0", name, n)
		}
	}
	if n := testing.AllocsPerRun(100, func() {
		l, _ := ints.Acquire(ctx, 42)
		l.Release()
	}); n > 1 {
		t.Errorf("Acquire and Release allocate %v times, want at most 1", n)
	}
	must(t, g.Close(ctx))
}

func BenchmarkR8(b *testing.B) {
	g, err := cacheresource.NewGroup("g", cacheresource.GroupConfig{})
	must(b, err)
	r, err := cacheresource.New("ints", func(context.Context, int) (int, error) { return 1, nil }, cacheresource.Config{Group: g})
	must(b, err)
	ctx, fn := context.Background(), func(int) error { return nil }
	must(b, r.Do(ctx, 42, fn))
	var mu sync.RWMutex
	var leases atomic.Int64
	m := map[int]int{42: 1}
	reference := func(n int) {
		for range n {
			mu.RLock()
			v := m[42]
			leases.Add(1)
			mu.RUnlock()
			_ = fn(v)
			leases.Add(-1)
		}
	}
	do := func(n int) {
		for range n {
			_ = r.Do(ctx, 42, fn)
		}
	}
	for _, cpus := range []int{1, runtime.GOMAXPROCS(0)} {
		b.Run(fmt.Sprintf("CPUs=%d", cpus), func(b *testing.B) {
			b.ReportAllocs()
			var took [2][]time.Duration // of the reference and of Do
			for b.Loop() {              // in turns, so that what else the machine does hits both
				for i, f := range []func(int){reference, do} {
					took[i] = append(took[i], inParallel(cpus, f))
				}
			}
			perUse := func(took []time.Duration) float64 { // the median: now and then others run
				slices.Sort(took)
				return float64(took[len(took)/2].Nanoseconds()) / batch
			}
			mapped, used := perUse(took[0]), perUse(took[1])
			ratio := used / mapped
			b.ReportMetric(mapped, "map-ns/use")
			b.ReportMetric(used, "Do-ns/use")
			b.ReportMetric(ratio, "ratio")
			if b.N > 10 && !soaktest.Race && ratio > 4 {
				b.Errorf("Do takes %.1f times the reference, %.1f ns of %.1f ns, want at most 4", ratio, used, mapped)
			}
		})
	}
	must(b, g.Close(ctx))
}

// batch is how many uses are timed at once: enough for goroutines to meet.
const batch = 50_000

// inParallel returns how long n goroutines that begin at once take for batch uses
// each.
func inParallel(n int, f func(int)) time.Duration {
	var wg sync.WaitGroup
	var ready, took atomic.Int64
	for range n {
		wg.Go(func() {
			for ready.Add(1); ready.Load() < int64(n); {
				continue // without giving the processor up, which the others would run on then
			}
			start := time.Now()
			f(batch)
			took.Add(int64(time.Since(start)))
		})
	}
	wg.Wait()
	return time.Duration(took.Load()) / time.Duration(n)
}

func TestTheDefaultBoundIsTenThousand(t *testing.T) {
	t.Parallel()
	w := &world{t: t}
	r := newResource(t, w, cacheresource.Config{})
	for i := range 10_001 {
		must(t, r.Do(t.Context(), fmt.Sprint(i), func(*thing) error { return nil }))
	}
	must(t, r.Close(t.Context())) // waits for the releases
	if s := r.Stats(); s.Releases[observe.CauseSize] != 1 {
		t.Errorf("%d instances have made room, want 1", s.Releases[observe.CauseSize])
	}
}

func TestEveryAndEachUseExcludeEachOther(t *testing.T) {
	t.Parallel()
	g, err := cacheresource.NewGroup("g", cacheresource.GroupConfig{})
	must(t, err)
	check := cacheresource.Funcs[int, int]{Check: func(context.Context, int, int) error { return nil }}
	open := func(context.Context, int) (int, error) { return 1, nil }
	for _, tt := range []struct {
		check cacheresource.CheckConfig
		want  string
	}{
		{cacheresource.CheckConfig{Every: 1, EachUse: true}, "exclude each other"},
		{cacheresource.CheckConfig{Every: -1}, "Check.Every is negative"},
		{cacheresource.CheckConfig{Every: -1, EachUse: true}, "Check.Every is negative"},
	} {
		if _, err := cacheresource.New("r", open, cacheresource.Config{Group: g, Check: tt.check}, check); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%+v: %v, want %q", tt.check, err, tt.want)
		}
	}
	_, err = cacheresource.New("r", open, cacheresource.Config{Group: g}, check, check)
	if err == nil || !strings.Contains(err.Error(), "2 Funcs") {
		t.Errorf("two Funcs: %v", err)
	}
	cacheresource.Must(cacheresource.New("r", open, cacheresource.Config{Group: g}, check))
	for name, s := range g.Resources() {
		if name != "r" || s.Opens != 0 {
			t.Errorf("%s: %+v", name, s)
		}
	}
}
