package cacheresource_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/reecho-go/reecho/cacheresource"
	"github.com/reecho-go/reecho/observe"
)

// use leases key's instance for a moment.
func use(t testing.TB, r *cacheresource.Resource[string, *thing], key string) *thing {
	t.Helper()
	var got *thing
	must(t, r.Do(t.Context(), key, func(th *thing) error { got = th; return nil }))
	return got
}

func TestTTLEndsAtTheVeryMoment(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := &world{t: t}
		r := newResource(t, w, cacheresource.Config{TTL: time.Minute})
		first := use(t, r, "k")
		time.Sleep(time.Minute - 1)
		if use(t, r, "k") != first {
			t.Error("replaced before its TTL")
		}
		time.Sleep(time.Nanosecond)
		second := use(t, r, "k") // its use a nanosecond before has not prolonged the first
		if second == first {
			t.Error("still there at its TTL")
		}
		held, err := r.Acquire(t.Context(), "k")
		must(t, err)
		time.Sleep(time.Minute + time.Second) // nobody asks
		synctest.Wait()
		if first.released.Load() != 1 || second.released.Load() != 0 {
			t.Errorf("released %d and %d times, want the first, and not the second while it is leased", first.released.Load(), second.released.Load())
		}
		if n := r.Stats().Open; n != 1 {
			t.Errorf("%d instances, want the leased one", n)
		}
		held.Release()
		synctest.Wait()
		if s := r.Stats(); s.Releases[observe.CauseExpired] != 2 || s.Open != 0 {
			t.Errorf("stats %+v, want two that have expired", s)
		}
		closeAll(t, r)
		w.everythingReleased()
	})
}

func TestTTLOfAnyLength(t *testing.T) {
	t.Parallel()
	for _, ttl := range []time.Duration{1, 100 * 365 * 24 * time.Hour, 1<<63 - 1} {
		synctest.Test(t, func(t *testing.T) {
			w := &world{t: t}
			r := newResource(t, w, cacheresource.Config{TTL: ttl, StaleFor: ttl, IdleTTL: ttl, ErrorTTL: ttl, LeakAge: ttl})
			first := use(t, r, "k")
			time.Sleep(2 * time.Nanosecond)
			if again := use(t, r, "k"); (again == first) != (ttl > 1) {
				t.Errorf("TTL %v: instance %d after 2 ns", ttl, again.n)
			}
			closeAll(t, r)
			w.everythingReleased()
		})
	}
}

func TestIdleTTL(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := &world{t: t}
		r := newResource(t, w, cacheresource.Config{
			IdleTTL: time.Minute,
			Check:   cacheresource.CheckConfig{Every: 7 * time.Second},
		}, cacheresource.Funcs[string, *thing]{
			Check: func(context.Context, string, *thing) error { return nil }, // no use, so it prolongs nothing
		})
		first := use(t, r, "k")
		for range 3 {
			time.Sleep(time.Minute - 1)
			if use(t, r, "k") != first {
				t.Error("gone although it was used")
			}
		}
		held, err := r.Acquire(t.Context(), "k")
		must(t, err)
		time.Sleep(time.Hour)
		held.Release()
		time.Sleep(time.Minute - 1)
		if use(t, r, "k") != first {
			t.Error("gone although it was leased until just now")
		}
		time.Sleep(time.Minute)
		second := use(t, r, "k")
		if second == first {
			t.Error("still there after its idle time")
		}
		time.Sleep(time.Minute + time.Second)
		synctest.Wait()
		if s := r.Stats(); s.Releases[observe.CauseIdle] != 2 || s.Open != 0 {
			t.Errorf("stats %+v, want both gone, the second without anybody asking", s)
		}
		closeAll(t, r)
		w.everythingReleased()
	})
}

func TestPinnedIsNeverIdle(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := &world{t: t}
		r := newResource(t, w, cacheresource.Config{IdleTTL: time.Minute})
		first, err := r.Pin(t.Context(), "k")
		must(t, err)
		time.Sleep(time.Hour)
		if use(t, r, "k") != first {
			t.Error("a pinned instance was idle")
		}
		closeAll(t, r)
		w.everythingReleased()
	})
}

func TestMaxEntriesTakesTheLeastRecentlyUsed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := &world{t: t}
		var gone []string
		r := newResource(t, w, cacheresource.Config{
			MaxEntries: 2,
		}, cacheresource.Funcs[string, *thing]{
			Release: func(ctx context.Context, key string, th *thing) error {
				gone = append(gone, key)
				return w.release(ctx, key, th)
			},
		})
		step := func(key string) {
			use(t, r, key)
			synctest.Wait()
			time.Sleep(time.Second)
		}
		for _, key := range []string{"10", "11", "12", "11", "13"} { // the read protects 11
			step(key)
		}
		if got := strings.Join(gone, " "); got != "10 12" {
			t.Errorf("%s made room, want 10 12", got)
		}

		a, err := r.Acquire(t.Context(), "13")
		must(t, err)
		step("14") // 11 goes: 13 is leased
		b, err := r.Acquire(t.Context(), "14")
		must(t, err)
		time.Sleep(time.Second)
		step("15") // both are leased: 13 was used before 14
		if got := strings.Join(gone, " "); got != "10 12 11" {
			t.Errorf("%s were released, want 10 12 11 while 13 is leased", got)
		}
		a.Release()
		b.Release()
		synctest.Wait()
		if got := strings.Join(gone, " "); got != "10 12 11 13" {
			t.Errorf("%s were released, want 13 too when it was given back", got)
		}

		if _, err := r.Pin(t.Context(), "14"); err != nil {
			t.Error(err)
		}
		step("16")
		step("17")
		if got := strings.Join(gone, " "); got != "10 12 11 13 15 16" {
			t.Errorf("%s were released, want 15 and 16: 14 is pinned", got)
		}
		if s := r.Stats(); s.Releases[observe.CauseSize] != 6 || s.Open != 2 {
			t.Errorf("stats %+v", s)
		}
		closeAll(t, r)
		w.everythingReleased()
	})
}

func TestStaleForOpensInTheBackground(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := &world{t: t}
		var rec observe.Recorder
		r := newResource(t, w, cacheresource.Config{TTL: time.Minute, StaleFor: time.Minute, Observer: &rec})
		first := use(t, r, "k")
		w.took = time.Second
		time.Sleep(time.Minute)
		held, err := r.Acquire(t.Context(), "k")
		must(t, err)
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() {
				if use(t, r, "k") != first {
					t.Error("a stale instance was not served")
				}
			})
		}
		wg.Wait()
		time.Sleep(time.Second)
		synctest.Wait()
		second := use(t, r, "k")
		if second == first || second.n != 2 {
			t.Errorf("after the refresh: instance %d, want the second", second.n)
		}
		if first.released.Load() != 0 || held.Value() != first {
			t.Error("the stale instance was released while leased")
		}
		held.Release()
		synctest.Wait()
		if s := r.Stats(); s.Releases[observe.CauseReplaced] != 1 || s.Opens != 2 || s.Leases != 0 {
			t.Errorf("stats %+v, want one refresh", s)
		}
		opens := observe.Of[observe.ResourceOpen](&rec)
		if len(opens) != 2 || opens[0].Background || !opens[1].Background {
			t.Errorf("events %+v, want one open in the foreground and one in the background", opens)
		}
		closeAll(t, r)
		w.everythingReleased()
	})
}

func TestAFailedRefreshIsTriedAgainLater(t *testing.T) {
	t.Parallel()
	for name, fail := range map[string]func() error{
		"error": func() error { return errors.New("down") },
		"panic": func() error { panic("down") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := &world{t: t}
				r := newResource(t, w, cacheresource.Config{TTL: time.Minute, StaleFor: 10 * time.Second})
				start := time.Now()
				first := use(t, r, "k")
				var tries []string
				w.fail = func() error {
					tries = append(tries, time.Since(start).String())
					return fail()
				}
				for time.Since(start) < 70*time.Second-100*time.Millisecond {
					if use(t, r, "k") != first {
						t.Error("a failed refresh has replaced the instance")
					}
					time.Sleep(100 * time.Millisecond)
				}
				if got, want := strings.Join(tries, " "), "1m0s 1m1s 1m3s 1m7s"; got != want {
					t.Errorf("tried at %s, want %s", got, want)
				}
				time.Sleep(time.Until(start.Add(70 * time.Second)))
				w.fail = nil
				if use(t, r, "k") == first {
					t.Error("served after StaleFor")
				}
				closeAll(t, r)
				w.everythingReleased()
			})
		})
	}
}

// What open returns again is one thing, however often: it is released once,
// when nothing of it is left.
func TestAnInstanceThatIsReturnedAgainIsNotReleased(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g, err := cacheresource.NewGroup("g", cacheresource.GroupConfig{})
		must(t, err)
		w := &world{t: t}
		only, err := w.open(t.Context(), "k")
		must(t, err)
		opens := 0
		r, err := cacheresource.New("only", func(context.Context, string) (*thing, error) { opens++; return only, nil },
			cacheresource.Config{Group: g, TTL: time.Minute, StaleFor: time.Minute}, cacheresource.Funcs[string, *thing]{Release: w.release})
		must(t, err)
		for range 5 {
			use(t, r, "k")
			time.Sleep(time.Minute)
			use(t, r, "k") // stale
			synctest.Wait()
		}
		held, err := r.Acquire(t.Context(), "k")
		must(t, err)
		must(t, r.Delete(t.Context(), "k"))
		use(t, r, "k") // it comes back while the deleted one is leased
		held.Release()
		synctest.Wait()
		if n := only.released.Load(); opens != 7 || n != 0 {
			t.Errorf("opened %d times and released %d times, want 7 and 0", opens, n)
		}
		must(t, g.Close(t.Context()))
		w.everythingReleased()
	})
}

// Things of no size have no address of their own: each is released.
func TestValuesWithoutIdentityAreReleasedEach(t *testing.T) {
	t.Parallel()
	g, err := cacheresource.NewGroup("g", cacheresource.GroupConfig{})
	must(t, err)
	var released atomic.Int32
	r, err := cacheresource.New("empty", func(context.Context, int) (*struct{}, error) { return new(struct{}), nil },
		cacheresource.Config{Group: g}, cacheresource.Funcs[int, *struct{}]{Release: func(context.Context, int, *struct{}) error { released.Add(1); return nil }})
	must(t, err)
	for i := range 3 {
		must(t, r.Do(t.Context(), i, func(*struct{}) error { return nil }))
	}
	must(t, g.Close(t.Context()))
	if n := released.Load(); n != 3 {
		t.Errorf("%d releases, want 3", n)
	}
}

func TestWhatARefreshBringsTooLateIsReleased(t *testing.T) {
	t.Parallel()
	ends := map[string]func(*testing.T, *cacheresource.Resource[string, *thing]){
		"Clear":  func(t *testing.T, r *cacheresource.Resource[string, *thing]) { must(t, r.Clear(t.Context())) },
		"Delete": func(t *testing.T, r *cacheresource.Resource[string, *thing]) { must(t, r.Delete(t.Context(), "k")) },
		"Close":  closeForTest,
	}
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := &world{t: t}
				r := newResource(t, w, cacheresource.Config{TTL: time.Minute, StaleFor: time.Minute})
				use(t, r, "k")
				w.took = 10 * time.Second
				time.Sleep(time.Minute)
				use(t, r, "k")
				synctest.Wait()
				start := time.Now()
				end(t, r)
				if took := time.Since(start); name != "Close" && took != 0 {
					t.Errorf("took %v", took)
				}
				time.Sleep(time.Minute)
				synctest.Wait()
				if s := r.Stats(); s.Open != 0 || s.Releases[observe.CauseOrphan] != 1 {
					t.Errorf("stats %+v, want the fresh instance released", s)
				}
				closeAll(t, r)
				w.everythingReleased()
			})
		})
	}
}

func closeForTest(t *testing.T, r *cacheresource.Resource[string, *thing]) { closeAll(t, r) }

func TestErrorTTL(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		tries, down := 0, errors.New("down")
		var fail func() error
		w := &world{t: t}
		w.fail = func() error { tries++; return fail() }
		r := newResource(t, w, cacheresource.Config{ErrorTTL: time.Second})
		try := func() error { return r.Do(t.Context(), "k", func(*thing) error { return nil }) }
		fail = func() error { return down }
		for range 10 {
			if err := try(); !errors.Is(err, down) {
				t.Errorf("Do() = %v, want the error of the open", err)
			}
		}
		time.Sleep(time.Second - 1)
		_ = try()
		if tries != 1 {
			t.Errorf("opened %d times within ErrorTTL, want once", tries)
		}
		time.Sleep(time.Nanosecond)
		_ = try()
		must(t, r.Delete(t.Context(), "k"))
		_ = try()
		must(t, r.Clear(t.Context()))
		_ = try()
		if tries != 4 {
			t.Errorf("opened %d times, want again at ErrorTTL, after a Delete, and after a Clear", tries)
		}
		time.Sleep(time.Second)
		fail = func() error { return nil }
		must(t, try())
		must(t, r.Delete(t.Context(), "k"))

		tries, fail = 0, func() error { panic("boom") }
		for range 2 {
			func() {
				defer func() { _ = recover() }()
				_ = try()
			}()
		}
		if tries != 2 {
			t.Errorf("opened %d times, want again after a panic", tries)
		}
		closeAll(t, r)
		w.everythingReleased()
	})
}

// What went wrong with the callers is not kept.
func TestAnOpenThatWasGivenUpIsNotRemembered(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g, err := cacheresource.NewGroup("g", cacheresource.GroupConfig{})
		must(t, err)
		patient := false
		r, err := cacheresource.New("slow", func(ctx context.Context, _ string) (*thing, error) {
			if !patient {
				<-ctx.Done()
				return nil, ctx.Err()
			}
			return &thing{}, nil
		}, cacheresource.Config{Group: g, ErrorTTL: time.Hour})
		must(t, err)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := r.Acquire(ctx, "k"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Acquire() = %v", err)
		}
		synctest.Wait()
		patient = true
		use(t, r, "k")
		must(t, g.Close(t.Context()))
	})
}

func TestRememberedErrorsAreBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := &world{t: t}
		w.fail = func() error { return errors.New("down") }
		r := newResource(t, w, cacheresource.Config{ErrorTTL: time.Hour})
		const keys = 3000
		for i := range keys {
			_ = r.Do(t.Context(), fmt.Sprint(i), func(*thing) error { return nil })
		}
		if n := cacheresource.Faults(r); n != 1024 {
			t.Errorf("%d errors are remembered, want 1024", n)
		}
		time.Sleep(time.Hour + time.Second)
		synctest.Wait()
		if n := cacheresource.Faults(r); n != 0 {
			t.Errorf("%d errors are remembered after ErrorTTL, want none", n)
		}
		closeAll(t, r)
	})
}

// deaf opens things however long it takes.
type deaf struct {
	*world
	under, most atomic.Int32
}

func (d *deaf) open(ctx context.Context, key string) (*thing, error) {
	if n := d.under.Add(1); n > d.most.Load() {
		d.most.Store(n)
	}
	defer d.under.Add(-1)
	return d.world.open(ctx, key)
}

func (d *deaf) resource(t *testing.T, cfg cacheresource.Config) *cacheresource.Resource[string, *thing] {
	t.Helper()
	g, err := cacheresource.NewGroup("g", cacheresource.GroupConfig{})
	must(t, err)
	cfg.Group = g
	r, err := cacheresource.New("deaf", d.open, cfg, cacheresource.Funcs[string, *thing]{Release: d.release})
	must(t, err)
	return r
}

func TestOpenTimeout(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g, err := cacheresource.NewGroup("g", cacheresource.GroupConfig{})
		must(t, err)
		r, err := cacheresource.New("slow", func(ctx context.Context, _ string) (*thing, error) {
			<-ctx.Done()
			return nil, fmt.Errorf("dial: %w", ctx.Err())
		}, cacheresource.Config{Group: g, OpenTimeout: time.Second})
		must(t, err)
		for range 3 {
			start := time.Now()
			_, err := r.Acquire(t.Context(), "k")
			if late, ok := errors.AsType[interface {
				error
				StatusCode() int
			}](err); !ok || late.StatusCode() != 503 || !errors.Is(err, cacheresource.ErrOpenTimeout) || !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("Acquire() = %v, want ErrOpenTimeout", err)
			}
			if took := time.Since(start); took != time.Second {
				t.Errorf("took %v, want OpenTimeout", took)
			}
			synctest.Wait()
		}
		must(t, g.Close(t.Context()))
	})
}

// An open that ignores its context holds its key: others are told, and nothing
// is opened beside it.
func TestADeafOpenIsNeverOverlapped(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := &deaf{world: &world{t: t, took: time.Minute}}
		r := d.resource(t, cacheresource.Config{OpenTimeout: time.Second})
		start := time.Now()
		for i, want := range []time.Duration{
			time.Second,     // its own caller
			2 * time.Second, // a moment later: it might just be about to return
			2 * time.Second, // from then on: at once
			2 * time.Second,
		} {
			_, err := r.Acquire(t.Context(), "k")
			if !errors.Is(err, cacheresource.ErrOpenTimeout) || !strings.HasPrefix(err.Error(), "cacheresource: deaf[") || time.Since(start) != want {
				t.Errorf("call %d: %v after %v, want ErrOpenTimeout after %v", i, err, time.Since(start), want)
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		other, err := r.Acquire(ctx, "other")
		if err == nil {
			t.Errorf("another key: %v, want it to take as long", other)
		}
		time.Sleep(time.Minute)
		synctest.Wait() // both have returned, and their values are released
		if s := r.Stats(); s.Open != 0 || s.Releases[observe.CauseOrphan] != 2 || d.most.Load() != 2 {
			t.Errorf("stats %+v, %d at a time, want two late values released", s, d.most.Load())
		}
		d.took = 0
		use(t, r, "k")
		closeAll(t, r)
		d.everythingReleased()
	})
}

func TestTheNextOpenWaitsForOneThatWasGivenUp(t *testing.T) {
	t.Parallel()
	ends := map[string]func(*testing.T, *cacheresource.Resource[string, *thing]){
		"abandoned": func(*testing.T, *cacheresource.Resource[string, *thing]) {},
		"Clear":     func(t *testing.T, r *cacheresource.Resource[string, *thing]) { must(t, r.Clear(t.Context())) },
		"Delete":    func(t *testing.T, r *cacheresource.Resource[string, *thing]) { must(t, r.Delete(t.Context(), "k")) },
	}
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				d := &deaf{world: &world{t: t, took: time.Minute}}
				r := d.resource(t, cacheresource.Config{})
				start := time.Now()
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				if _, err := r.Acquire(ctx, "k"); !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("Acquire() = %v", err)
				}
				end(t, r)
				impatient, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				if _, err := r.Acquire(impatient, "k"); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != 2*time.Second {
					t.Errorf("Acquire() behind it = %v after %v, want the caller's own timeout", err, time.Since(start))
				}
				if th := use(t, r, "k"); th.n != 2 || time.Since(start) != 2*time.Minute {
					t.Errorf("got instance %d after %v, want the second, opened when the first had returned", th.n, time.Since(start))
				}
				if d.most.Load() != 1 {
					t.Errorf("%d opens at a time", d.most.Load())
				}
				closeAll(t, r)
				d.everythingReleased()
			})
		})
	}
}

// An open that clears its resource and asks for itself would wait for itself.
func TestAnOpenThatClearsAndAsksForItselfIsACycle(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g, err := cacheresource.NewGroup("g", cacheresource.GroupConfig{})
		must(t, err)
		var r *cacheresource.Resource[string, *thing]
		r, err = cacheresource.New("self", func(ctx context.Context, key string) (*thing, error) {
			must(t, r.Clear(ctx))
			return &thing{}, r.Do(ctx, key, func(*thing) error { return nil })
		}, cacheresource.Config{Group: g})
		must(t, err)
		_, err = r.Acquire(t.Context(), "k")
		if _, ok := errors.AsType[*observe.CycleError](err); !ok {
			t.Errorf("Acquire() = %v, want a CycleError", err)
		}
		must(t, g.Close(t.Context()))
	})
}

func TestChecksRunInTheBackground(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := &world{t: t}
		start := time.Now()
		var checks []time.Duration
		r := newResource(t, w, cacheresource.Config{
			Check: cacheresource.CheckConfig{Every: 10 * time.Second},
		}, cacheresource.Funcs[string, *thing]{
			Check: func(context.Context, string, *thing) error {
				checks = append(checks, time.Since(start))
				if len(checks) == 3 {
					return errors.New("broken")
				}
				return nil
			},
		})
		use(t, r, "k")
		time.Sleep(time.Hour)
		synctest.Wait()
		if got, want := fmt.Sprint(checks), "[11s 22s 33s]"; got != want {
			t.Errorf("checked at %s, want %s: within a second after 10 s, and no more once it has failed", got, want)
		}
		if s := r.Stats(); s.Releases[observe.CauseUnsound] != 1 || s.Open != 0 {
			t.Errorf("stats %+v, want it released", s)
		}
		closeAll(t, r)
		w.everythingReleased()
	})
}

func TestEveryAcquireChecksNothingInTheBackground(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := &world{t: t}
		checks := 0
		r := newResource(t, w, cacheresource.Config{
			IdleTTL: time.Hour,
			Check:   cacheresource.CheckConfig{EachUse: true},
		}, cacheresource.Funcs[string, *thing]{
			Check: func(context.Context, string, *thing) error { checks++; return nil },
		})
		use(t, r, "k")
		time.Sleep(time.Hour - 1)
		use(t, r, "k")
		use(t, r, "k")
		if checks != 2 {
			t.Errorf("%d checks, want one for each use after the first", checks)
		}
		closeAll(t, r)
	})
}

// Checks that hang take all workers: the others are made when one is free.
func TestMoreChecksThanWorkers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := &world{t: t}
		var at, most, checks atomic.Int32
		r := newResource(t, w, cacheresource.Config{
			Check: cacheresource.CheckConfig{Every: time.Minute, Timeout: 10 * time.Second},
		}, cacheresource.Funcs[string, *thing]{
			Check: func(ctx context.Context, _ string, _ *thing) error {
				checks.Add(1)
				most.Store(max(most.Load(), at.Add(1)))
				defer at.Add(-1)
				time.Sleep(5 * time.Second)
				return ctx.Err()
			},
		})
		for i := range 40 {
			use(t, r, fmt.Sprint(i))
		}
		time.Sleep(80 * time.Second)
		synctest.Wait()
		if checks.Load() != 40 || most.Load() > 16 {
			t.Errorf("%d checks, %d at a time; want 40, no more than 16", checks.Load(), most.Load())
		}
		closeAll(t, r)
		w.everythingReleased()
	})
}
