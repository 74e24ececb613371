package cacheresource_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/reecho-go/reecho/cacheresource"
	"github.com/reecho-go/reecho/internal/scope"
	"github.com/reecho-go/reecho/internal/scope/scopetest"
	"github.com/reecho-go/reecho/internal/soaktest"
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
		r := newResource(t, w, cacheresource.Config[string, *thing]{Scope: cacheresource.Session})
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
		if _, err := r.Get(alice.In(t.Context()), "k"); err == nil || !strings.Contains(err.Error(), "use Do or Acquire") {
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
				r := newResource(t, w, cacheresource.Config[string, *thing]{Scope: cacheresource.Session})
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
				if s := r.Stats(); s.Releases.Session != 2 || s.Releases.Orphan != 1 || s.Open != 1 {
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
func TestD11_AnOpenOfASessionSeesItsVisitor(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g, err := cacheresource.NewGroup("g", cacheresource.GroupConfig{})
		must(t, err)
		alice := scopetest.New()
		mine, err := cacheresource.New("mine", func(ctx context.Context, _ string) (*thing, error) {
			life, err := scope.Lend(ctx)
			if err != nil {
				return nil, err
			}
			return &thing{key: life.ID()}, nil
		}, cacheresource.Config[string, *thing]{Group: g, Scope: cacheresource.Session})
		must(t, err)
		if th := using(t, mine, alice, "k"); th.key != alice.ID() {
			t.Errorf("opened for %q, want %q", th.key, alice.ID())
		}
		ours, err := cacheresource.New("ours", func(ctx context.Context, _ string) (*thing, error) {
			return &thing{}, mine.Do(ctx, "k", func(*thing) error { return nil })
		}, cacheresource.Config[string, *thing]{Group: g})
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
		r := newResource(t, w, cacheresource.Config[string, *thing]{Scope: cacheresource.Session, TTL: time.Minute, StaleFor: time.Minute})
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
		if s := r.Stats(); s.Open != 1 || s.Releases.Replaced != 1 || s.Releases.Session != 1 || s.Releases.Orphan != 1 {
			t.Errorf("stats %+v, want what was refreshed for bob released", s)
		}
		closeAll(t, r)
		w.everythingReleased()
	})
}

// Everything at once, for everybody and for visitors: every value is released
// once, never while leased, and nothing is opened twice at a time.
func TestR8_RandomHistoryOfEverything(t *testing.T) {
	t.Parallel()
	for _, sc := range []cacheresource.Scope{cacheresource.Global, cacheresource.Session} {
		t.Run(fmt.Sprintf("scope %d", sc), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				h := &history{world: world{t: t}, scope: sc}
				h.run(t, soaktest.Rounds(1000))
			})
		})
	}
}

// history is a random one.
type history struct {
	world
	scope    cacheresource.Scope
	resource *cacheresource.Resource[string, *thing]
	group    *cacheresource.Group
	visitors [4]struct {
		sync.Mutex
		*scopetest.Session
	}
	opening sync.Map // life and key -> struct{}
}

func (h *history) nap() { time.Sleep(rand.N(300 * time.Millisecond)) }

// open is slow, deaf at times, fails and panics.
func (h *history) open(ctx context.Context, key string) (*thing, error) {
	at := key
	if h.scope == cacheresource.Session {
		life, err := scope.Lend(ctx)
		if err != nil {
			return nil, err
		}
		at += life.ID()
	}
	if _, twice := h.opening.LoadOrStore(at, struct{}{}); twice {
		h.t.Errorf("%s is opened twice at a time", at)
	}
	defer h.opening.Delete(at)
	h.nap()
	switch rand.IntN(10) {
	case 0:
		return nil, errors.New("down")
	case 1:
		panic("boom")
	case 2:
		time.Sleep(2 * time.Second) // deaf
	case 3:
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return h.world.open(ctx, key)
}

func (h *history) check(_ context.Context, _ string, th *thing) error {
	if th.released.Load() != 0 {
		h.t.Error("checked after its release")
	}
	h.nap()
	if rand.IntN(10) == 0 {
		return errors.New("broken")
	}
	return nil
}

func (h *history) use(th *thing) error {
	th.users.Add(1)
	defer th.users.Add(-1)
	if th.released.Load() != 0 {
		h.t.Error("used after its release")
	}
	h.nap()
	return nil
}

// visitor is one of a few, who may come back with another session.
func (h *history) visitor(end bool) *scopetest.Session {
	v := &h.visitors[rand.IntN(len(h.visitors))]
	v.Lock()
	defer v.Unlock()
	if v.Session != nil && end {
		v.End()
		v.Session = nil
	}
	if v.Session == nil {
		v.Session = scopetest.New()
		if rand.IntN(2) == 0 {
			v.Until(rand.N(time.Minute))
		}
	}
	return v.Session
}

func (h *history) step(ctx context.Context) {
	key := fmt.Sprint(rand.IntN(4))
	ctx, cancel := context.WithCancel(h.visitor(rand.IntN(300) == 0).In(ctx))
	defer cancel()
	if rand.IntN(5) == 0 {
		time.AfterFunc(rand.N(time.Second), cancel)
	}
	defer func() { _ = recover() }() // opens panic
	switch n := rand.IntN(1000); {
	case n < 1:
		_ = h.group.Clear(ctx)
	case n < 3:
		_ = h.resource.Clear(ctx)
	case n < 10:
		_ = h.resource.Delete(ctx, key)
	case n < 200:
		if l, err := h.resource.Acquire(ctx, key); err == nil {
			_ = h.use(l.Value())
			l.Release()
			if rand.IntN(5) == 0 {
				l.Release()
			}
		}
	default:
		_ = h.resource.Do(ctx, key, h.use)
	}
	if rand.IntN(10) == 0 {
		time.Sleep(rand.N(3 * time.Second))
	}
}

func (h *history) run(t *testing.T, rounds int) {
	var err error
	h.group, err = cacheresource.NewGroup("g", cacheresource.GroupConfig{})
	must(t, err)
	h.resource, err = cacheresource.New("things", h.open, cacheresource.Config[string, *thing]{
		Group: h.group, Scope: h.scope, Release: h.release, Check: h.check, CheckEvery: time.Second,
		TTL: 3 * time.Second, StaleFor: 2 * time.Second, IdleTTL: 2 * time.Second, MaxEntries: 3,
		OpenTimeout: time.Second, ErrorTTL: 100 * time.Millisecond, LeakAge: 200 * time.Millisecond,
	})
	must(t, err)
	var wg sync.WaitGroup
	for range 64 {
		wg.Go(func() {
			for range rounds {
				h.step(t.Context())
			}
		})
	}
	wg.Wait()
	must(t, h.group.Close(context.Background()))
	h.everythingReleased()
	s := h.resource.Stats()
	if s.Open != 0 || s.Leases != 0 || s.InFlight != 0 || s.Waiters != 0 {
		t.Errorf("stats at the end %+v, want nothing left", s)
	}
	byTime := s.Releases.Expired + s.Releases.Idle + s.Releases.Size + s.Releases.Replaced + s.Releases.Unsound
	if min(byTime, s.Releases.Cleared, s.Releases.Deleted, s.Releases.Orphan, s.Leaks) == 0 {
		t.Errorf("the history is too tame: %+v", s)
	}
}
