package cacheresource_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/reecho-go/reecho/cacheresource"
	"github.com/reecho-go/reecho/internal/scope"
	"github.com/reecho-go/reecho/internal/scope/scopetest"
	"github.com/reecho-go/reecho/observe"
)

// using leases key's instance for a moment in a session.
func using(t testing.TB, r *cacheresource.Resource[string, *thing], s *scopetest.Session, key string) *thing {
	t.Helper()
	var got *thing
	must(t, r.Do(s.In(t.Context()), key, func(th *thing) error { got = th; return nil }))
	return got
}

func TestSession_EachVisitorHasInstancesOfTheirOwn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := &world{t: t}
		r := newResource(t, w, cacheresource.Config{Scope: cacheresource.Session})
		alice, bob := scopetest.New(), scopetest.New()
		a, b := using(t, r, alice, "k"), using(t, r, bob, "k")
		if a == b || using(t, r, alice, "k") != a || using(t, r, bob, "k") != b {
			t.Error("visitors share an instance, or have several")
		}
		must(t, r.Delete(alice.In(t.Context()), "k"))
		must(t, r.Delete(scopetest.New().In(t.Context()), "k"))
		synctest.Wait()
		if a.released.Load() != 1 || b.released.Load() != 0 || using(t, r, bob, "k") != b {
			t.Error("a visitor's Delete did not end their own instance, or another's")
		}
		if _, err := r.Acquire(t.Context(), "k"); !errors.Is(err, cacheresource.ErrNoSession) {
			t.Errorf("Acquire() outside of a session = %v, want ErrNoSession", err)
		}
		if err := r.Delete(t.Context(), "k"); !errors.Is(err, cacheresource.ErrNoSession) {
			t.Errorf("Delete() outside of a session = %v, want ErrNoSession", err)
		}
		if _, err := r.Pin(alice.In(t.Context()), "k"); err == nil || !strings.Contains(err.Error(), "use Do or Acquire") {
			t.Errorf("Get() = %v, want it refused", err)
		}
		must(t, r.Clear(t.Context()))
		if using(t, r, bob, "k") == b {
			t.Error("still there after a clear")
		}
		closeAll(t, r)
		if _, err := r.Acquire(alice.In(t.Context()), "k"); !errors.Is(err, cacheresource.ErrClosed) {
			t.Errorf("Acquire() after Close = %v, want ErrClosed", err)
		}
		w.everythingReleased()
	})
}

func TestSession_InstancesEndWithIt(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(*scopetest.Session){
		"ended":   (*scopetest.Session).End,
		"expired": func(*scopetest.Session) { time.Sleep(time.Minute + time.Second); synctest.Wait() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := &world{t: t}
				r := newResource(t, w, cacheresource.Config{Scope: cacheresource.Session})
				alice, bob := scopetest.New(), scopetest.New()
				alice.Until(time.Minute)
				free, other := using(t, r, alice, "free"), using(t, r, bob, "k")
				held, err := r.Acquire(alice.In(t.Context()), "held")
				must(t, err)
				end(alice)
				synctest.Wait()
				if free.released.Load() != 1 || held.Value().released.Load() != 0 || other.released.Load() != 0 {
					t.Error("the end of the session did not release exactly what nobody leases")
				}
				late := using(t, r, alice, "late") // for its caller only
				held.Release()
				synctest.Wait()
				if late.released.Load() != 1 || held.Value().released.Load() != 1 {
					t.Error("something of the session is left")
				}
				if s := r.Stats(); s.Releases[observe.CauseSession] != 2 || s.Releases[observe.CauseOrphan] != 1 || s.Open != 1 {
					t.Errorf("stats %+v", s)
				}
				closeAll(t, r)
				w.everythingReleased()
			})
		})
	}
}

// What is opened for one visitor may see the visitor; what is everybody's may
// not use it.
func TestAnOpenOfASessionSeesItsVisitor(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g, err := cacheresource.NewGroup("g", cacheresource.GroupConfig{})
		must(t, err)
		alice := scopetest.New()
		mine, err := cacheresource.New("mine", func(ctx context.Context, _ string) (*thing, error) {
			life, err := scope.LifetimeOf(ctx)
			if err != nil {
				return nil, err
			}
			return &thing{key: life.ID()}, nil
		}, cacheresource.Config{Group: g, Scope: cacheresource.Session})
		must(t, err)
		if th := using(t, mine, alice, "k"); th.key != alice.ID() {
			t.Errorf("opened for %q, want %q", th.key, alice.ID())
		}
		ours, err := cacheresource.New("ours", func(ctx context.Context, _ string) (*thing, error) {
			return &thing{}, mine.Do(ctx, "k", func(*thing) error { return nil })
		}, cacheresource.Config{Group: g})
		must(t, err)
		if _, err := ours.Acquire(alice.In(t.Context()), "k"); !errors.Is(err, cacheresource.ErrVisitorInGlobalLoad) {
			t.Errorf("Acquire() = %v, want ErrVisitorInGlobalLoad", err)
		}
		must(t, g.Close(t.Context()))
	})
}

func TestSession_RefreshesBelongToTheVisitor(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := &world{t: t}
		r := newResource(t, w, cacheresource.Config{Scope: cacheresource.Session, TTL: time.Minute, StaleFor: time.Minute})
		alice, bob := scopetest.New(), scopetest.New()
		using(t, r, alice, "k")
		using(t, r, bob, "k")
		time.Sleep(time.Minute)
		w.took = time.Second
		using(t, r, alice, "k")
		using(t, r, bob, "k")
		synctest.Wait()
		bob.End() // while the refresh runs
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if th := using(t, r, alice, "k"); th.n < 3 {
			t.Errorf("alice has instance %d, want a fresh one", th.n)
		}
		if s := r.Stats(); s.Open != 1 || s.Releases[observe.CauseReplaced] != 1 || s.Releases[observe.CauseSession] != 1 || s.Releases[observe.CauseOrphan] != 1 {
			t.Errorf("stats %+v, want what was refreshed for bob released", s)
		}
		closeAll(t, r)
		w.everythingReleased()
	})
}
