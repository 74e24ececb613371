package cacheresource_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/reecho-go/reecho/cacheresource"
	"github.com/reecho-go/reecho/observe"
)

// here is the line of its caller, as leaks name it.
func here(t *testing.T) string {
	t.Helper()
	_, file, line, ok := runtime.Caller(1)
	if !ok {
		t.Fatal("no caller")
	}
	return fmt.Sprintf("%s:%d", file, line)
}

func leaks(rec *observe.Recorder) (out []string) {
	for _, e := range observe.Of[observe.ResourceLeak](rec) {
		out = append(out, fmt.Sprintf("%s %v %s", e.Why, e.Held, filepath.Base(e.Site)))
	}
	return out
}

func TestLeasesThatAreHeldForLongAreReportedOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := &world{t: t}
		var rec observe.Recorder
		r := newResource(t, w, cacheresource.Config{LeakAge: time.Minute, Observer: &rec})
		brief, err := r.Acquire(t.Context(), "k")
		must(t, err)
		long, err := r.Acquire(t.Context(), "k")
		site := here(t)
		must(t, err)
		line := strings.TrimPrefix(site, filepath.Dir(site)+"/")
		time.Sleep(time.Minute - 1)
		brief.Release()
		time.Sleep(time.Second + 1)
		synctest.Wait()
		got := leaks(&rec)
		if want := "overdue 1m1s leak_test.go:"; len(got) != 1 || !strings.HasPrefix(got[0], want) {
			t.Fatalf("leaks %q, want one at %s", got, line)
		}
		if at := observe.Of[observe.ResourceLeak](&rec)[0].Site; at != siteBefore(site) {
			t.Errorf("site %s, want %s", at, siteBefore(site))
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		if got := leaks(&rec); len(got) != 1 {
			t.Errorf("leaks %q, want it reported once", got)
		}
		long.Release()
		must(t, r.Do(t.Context(), "k", func(*thing) error { time.Sleep(2 * time.Minute); return nil }))
		if got := leaks(&rec); len(got) != 2 {
			t.Errorf("leaks %q, want the long Do too", got)
		}
		if s := r.Stats(); s.Leaks != 2 || s.Leases != 0 || s.PeakLeases != 2 {
			t.Errorf("stats %+v", s)
		}
		closeAll(t, r)
		w.everythingReleased()
	})
}

// siteBefore is the line above.
func siteBefore(site string) string {
	file, line, _ := strings.Cut(site, ".go:")
	var n int
	_, _ = fmt.Sscan(line, &n)
	return fmt.Sprintf("%s.go:%d", file, n-1)
}

// A lease that nobody can release any more is given back, after it has been
// reported; not in a bubble, since the garbage collector is outside of all.
func TestALostLeaseIsGivenBack(t *testing.T) {
	t.Parallel()
	w := &world{t: t}
	var rec observe.Recorder
	var r *cacheresource.Resource[string, *thing]
	leased := -1 // when the loss was reported
	count := observe.Func(func(_ context.Context, e observe.Event) {
		if leak, ok := e.(observe.ResourceLeak); ok && leak.Why == observe.LeakLost {
			leased = r.Stats().Leases
		}
	})
	r = newResource(t, w, cacheresource.Config{LeakAge: time.Millisecond, Observer: observe.Tee(&rec, count)})
	func() {
		_, err := r.Acquire(t.Context(), "k")
		must(t, err)
	}()
	must(t, r.Delete(t.Context(), "k"))
	stop := make(chan struct{})
	go func() {
		for {
			select {
			case <-stop:
				return
			case <-time.After(10 * time.Millisecond):
				runtime.GC()
			}
		}
	}()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	if err := r.Close(ctx); err != nil {
		t.Errorf("Close() = %v, want it to get the lost lease back", err)
	}
	close(stop)
	got := strings.Join(leaks(&rec), "\n")
	if !strings.Contains(got, "lost ") || !strings.Contains(got, "leak_test.go:") {
		t.Errorf("leaks %q, want the lost lease", got)
	}
	if leased != 1 {
		t.Errorf("%d leases when the loss was reported, want it to be one still", leased)
	}
	w.everythingReleased()
}

func TestASecondReleaseIsHarmlessAndReported(t *testing.T) {
	t.Parallel()
	for _, age := range []time.Duration{0, time.Hour} {
		synctest.Test(t, func(t *testing.T) {
			w := &world{t: t}
			var rec observe.Recorder
			r := newResource(t, w, cacheresource.Config{Observer: &rec, LeakAge: age})
			a, err := r.Acquire(t.Context(), "k")
			must(t, err)
			b, err := r.Acquire(t.Context(), "k")
			must(t, err)
			must(t, r.Delete(t.Context(), "k"))
			a.Release()
			a.Release()
			site := here(t)
			synctest.Wait()
			if b.Value().released.Load() != 0 {
				t.Error("a second Release ended somebody else's lease")
			}
			events := observe.Of[observe.ResourceLeak](&rec)
			if len(events) != 1 || events[0].Why != observe.LeakTwice || events[0].Site != siteBefore(site) {
				t.Errorf("events %+v, want the second release at %s", events, siteBefore(site))
			}
			b.Release()
			closeAll(t, r)
			w.everythingReleased()
		})
	}
}

func TestDrainTimeout(t *testing.T) {
	t.Parallel()
	closers := map[string]func(*cacheresource.Group, *cacheresource.Resource[string, *thing], context.Context) error{
		"cacheresource: things: close: ": func(_ *cacheresource.Group, r *cacheresource.Resource[string, *thing], ctx context.Context) error {
			return r.Close(ctx)
		},
		"cacheresource: group g: close: things: ": func(g *cacheresource.Group, _ *cacheresource.Resource[string, *thing], ctx context.Context) error {
			return g.Close(ctx)
		},
	}
	for prefix, end := range closers {
		t.Run(prefix, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				g, err := cacheresource.NewGroup("g", cacheresource.GroupConfig{})
				must(t, err)
				w := &world{t: t}
				r := newResource(t, w, cacheresource.Config{Group: g, LeakAge: time.Hour, Close: cacheresource.CloseConfig{DrainTimeout: time.Minute}})
				base := newResource(t, w, cacheresource.Config{})
				use(t, r, "free")
				l, err := r.Acquire(t.Context(), "k")
				site := siteBefore(here(t))
				must(t, err)
				start := time.Now()
				err = end(g, r, t.Context())
				if took := time.Since(start); took != time.Minute {
					t.Errorf("Close() took %v, want DrainTimeout", took)
				}
				le, ok := errors.AsType[*cacheresource.LeasedError](err)
				if !ok || !errors.Is(err, context.DeadlineExceeded) {
					t.Fatalf("Close() = %v, want a LeasedError by DrainTimeout", err)
				}
				name := le.Instances[0].Name
				if want := prefix + "not released: " + name + " (1 lease: " + site + "): DrainTimeout has passed: context deadline exceeded"; err.Error() != want {
					t.Errorf("Close() = %v\nwant      %v", err, want)
				}
				l.Release()
				must(t, end(g, r, t.Context()))
				closeAll(t, base)
				w.everythingReleased()
			})
		})
	}
}

// An instance that another one was opened with is held by it.
func TestCloseNamesTheUsers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g, err := cacheresource.NewGroup("g", cacheresource.GroupConfig{})
		must(t, err)
		w := &world{t: t}
		base := newResource(t, w, cacheresource.Config{Group: g})
		top, err := cacheresource.New("top", func(ctx context.Context, key string) (*thing, error) {
			if err := base.Do(ctx, "base", func(*thing) error { return nil }); err != nil {
				return nil, err
			}
			return w.open(ctx, key)
		}, cacheresource.Config{Group: g}, cacheresource.Funcs[string, *thing]{Release: w.release})
		must(t, err)
		l, err := top.Acquire(t.Context(), "top")
		must(t, err)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		err = g.Close(ctx)
		if got := err.Error(); !strings.Contains(got, "things[") || !strings.Contains(got, "(1 lease: top[") || !strings.Contains(got, "top: not released: top[") {
			t.Errorf("Close() = %v, want base held by top, and top by one lease", err)
		}
		l.Release()
		must(t, g.Close(t.Context()))
		w.everythingReleased()
	})
}

func TestCloseNamesADeafOpen(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := &deaf{world: &world{t: t, took: time.Hour}}
		r := d.resource(t, cacheresource.Config{OpenTimeout: time.Second})
		_, _ = r.Acquire(t.Context(), "k")
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := r.Close(ctx); err == nil || !strings.Contains(err.Error(), "the open of deaf[") {
			t.Errorf("Close() = %v, want it to name the open that has not returned", err)
		}
		closeAll(t, r)
		d.everythingReleased()
	})
}

// `defer lease.Release()` may stand before the error is looked at.
func TestReleaseOfNoLeaseIsHarmless(t *testing.T) {
	t.Parallel()
	r := newResource(t, &world{t: t, fail: func() error { return errors.New("down") }}, cacheresource.Config{})
	defer closeAll(t, r)
	l, err := r.Acquire(t.Context(), "k")
	defer l.Release()
	if err == nil {
		t.Error("Acquire() succeeded")
	}
}
