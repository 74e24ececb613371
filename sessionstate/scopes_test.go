package sessionstate_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/reecho-go/reecho/internal/scope"
	"github.com/reecho-go/reecho/middleware"
	"github.com/reecho-go/reecho/sessionstate"
	"github.com/reecho-go/reecho/store/storetest"
)

// backend keeps something for each life, as caches do.
type backend struct {
	mu   sync.Mutex
	kept map[string]scope.Lifetime
	ends map[string]int
}

func (k *backend) lend(c echo.Context) (string, error) {
	l, err := scope.LifetimeOf(c.Request().Context())
	if err != nil {
		return "", err
	}
	k.mu.Lock()
	_, has := k.kept[l.ID()]
	k.kept[l.ID()] = l
	k.mu.Unlock()
	if !has {
		l.OnEnd(func() {
			k.mu.Lock()
			defer k.mu.Unlock()
			delete(k.kept, l.ID())
			k.ends[l.ID()]++
		})
	}
	return l.ID(), nil
}

func (k *backend) size() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return len(k.kept)
}

func (k *backend) ended(id string) int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.ends[id]
}

// deadline returns when the only life that is kept ends.
func (k *backend) deadline(t *testing.T) time.Time {
	t.Helper()
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.kept) != 1 {
		t.Fatalf("%d lives, want 1", len(k.kept))
	}
	for _, l := range k.kept {
		return l.Deadline()
	}
	return time.Time{}
}

// lendApp has routes that borrow the life of the session, before or after they
// do something else.
func lendApp(t *testing.T, cfg sessionstate.Config) (*app, *backend) {
	a := userApp(t, cfg)
	k := &backend{kept: map[string]scope.Lifetime{}, ends: map[string]int{}}
	route := func(path string, then func(c echo.Context, s *sessionstate.State) error) {
		a.handle(path, func(c echo.Context, s *sessionstate.State) error {
			id, err := k.lend(c)
			if err != nil {
				return err
			}
			if err := then(c, s); err != nil {
				return err
			}
			return c.String(200, id)
		})
	}
	route("/lend", func(echo.Context, *sessionstate.State) error { return nil })
	route("/lend-500", func(echo.Context, *sessionstate.State) error { return errors.New("boom") })
	route("/lend-panic", func(echo.Context, *sessionstate.State) error { panic("boom") })
	route("/lend-logout", func(_ echo.Context, s *sessionstate.State) error { return s.Destroy() })
	route("/lend-login", func(c echo.Context, s *sessionstate.State) error { return s.Login(c.QueryParam("u")) })
	a.handle("/login-lend", func(c echo.Context, s *sessionstate.State) error {
		if err := s.Login(c.QueryParam("u")); err != nil {
			return err
		}
		id, err := k.lend(c)
		if err != nil {
			return err
		}
		return c.String(200, id)
	})
	return a, k
}

func TestLendGivesANewVisitorASession(t *testing.T) {
	t.Parallel()
	modes(t, func(t *testing.T, cfg sessionstate.Config) {
		a, k := lendApp(t, cfg)
		v := a.visitor()
		first := v.get(t, "/lend")
		first.status(t, 200)
		if first.body == "" || first.setCookies("__Host-id") != 1 {
			t.Fatalf("life %q, cookies %q", first.body, first.Header["Set-Cookie"])
		}
		again := v.get(t, "/lend")
		again.wants(t, 200, first.body)
		if again.setCookies("__Host-id") != 0 {
			t.Error("asking for the lifetime of a session that exists sets a cookie")
		}
		a.visitor().get(t, "/lend").status(t, 200)
		if k.size() != 2 {
			t.Errorf("%d lives, want one for each visitor", k.size())
		}
		v.get(t, "/logout").status(t, 200)
		if k.size() != 1 || k.ended(first.body) != 1 {
			t.Error("the life did not end with the session")
		}
		if after := v.get(t, "/lend"); after.body == first.body {
			t.Error("the next session has the life of the last")
		}
	})
}

func TestLivesGoOnWhenIDsAreRenewedAndEndWhenTheUserChanges(t *testing.T) {
	t.Parallel()
	modes(t, func(t *testing.T, cfg sessionstate.Config) {
		a, k := lendApp(t, cfg)
		v := a.visitor()
		anonymous := v.get(t, "/lend").body
		for range 2 {
			v.get(t, "/renew").status(t, 200)
			v.get(t, "/lend").wants(t, 200, anonymous)
		}
		v.get(t, "/lend-login?u=ada").wants(t, 200, anonymous)
		if k.ended(anonymous) != 1 {
			t.Error("the life of the anonymous visitor went on for ada")
		}
		ada := v.get(t, "/lend").body
		v.get(t, "/login-lend?u=ada").wants(t, 200, ada) // confirmed her password
		v.get(t, "/renew").status(t, 200)
		v.get(t, "/lend").wants(t, 200, ada)
		bob := v.get(t, "/login-lend?u=bob").body
		v.get(t, "/lend").wants(t, 200, bob)
		if ada == anonymous || bob == ada || k.ended(ada) != 1 || k.ended(bob) != 0 {
			t.Errorf("lives %q, %q, %q; ends %v", anonymous, ada, bob, k.ends)
		}
	})
}

func TestLivesOfSessionsThatDoNotComeAboutAreGivenUp(t *testing.T) {
	t.Parallel()
	modes(t, func(t *testing.T, cfg sessionstate.Config) {
		faulty := storetest.Faulty(newMem(t))
		if cfg.Store != nil {
			cfg.Store = faulty
		} else {
			cfg.CookieMode.Revocations = faulty
		}
		a, k := lendApp(t, cfg)
		v := a.visitor()
		v.get(t, "/lend-500").status(t, 500)
		v.get(t, "/lend-logout").status(t, 200)
		func() {
			defer func() { _ = recover() }()
			v.get(t, "/lend-panic")
		}()
		if k.size() != 0 || len(k.ends) != 3 || v.cookie() != "" {
			t.Errorf("%d lives are left, ends %v", k.size(), k.ends)
		}
		if cfg.Store == nil {
			v.get(t, "/incr")
		}
		faulty.Inject(storetest.Fault{Times: -1})
		wants503(t, v.get(t, "/lend-login?u=ada"), "a save that fails")
		if k.size() != 0 {
			t.Errorf("%d lives are left after a save that failed", k.size())
		}
	})
}

func TestLendIsTooLateOnlyForThoseWithoutASession(t *testing.T) {
	t.Parallel()
	modes(t, func(t *testing.T, cfg sessionstate.Config) {
		a, _ := lendApp(t, cfg)
		a.handle("/late", func(c echo.Context, _ *sessionstate.State) error {
			c.Response().Flush()
			life, err := scope.LifetimeOf(c.Request().Context())
			if err != nil {
				_, err = fmt.Fprint(c.Response(), errors.Is(err, middleware.ErrCommitted))
				return err
			}
			_, err = fmt.Fprint(c.Response(), life.ID())
			return err
		})
		v := a.visitor()
		v.get(t, "/late").wants(t, 200, "true")
		id := v.get(t, "/lend").body
		v.get(t, "/late").wants(t, 200, id)
	})
}

func TestTheDeadlineOfALifeIsThatOfTheSession(t *testing.T) {
	t.Parallel()
	bubbles(t, func(t *testing.T, cfg sessionstate.Config) {
		cfg.Lifetime.Idle, cfg.Lifetime.Absolute = 10*time.Minute, 15*time.Minute
		a, k := lendApp(t, cfg)
		v := a.visitor()
		began := time.Now()
		v.get(t, "/lend")
		for _, test := range []struct{ at, want time.Duration }{
			{0, 10 * time.Minute},
			{2 * time.Minute, 12 * time.Minute},
			{5 * time.Minute, 15 * time.Minute},
			{14 * time.Minute, 15 * time.Minute},
		} {
			time.Sleep(time.Until(began.Add(test.at)))
			v.get(t, "/who") // does not ask for the life, but moves the deadline
			if got := k.deadline(t).Sub(began); got.Round(time.Second) != test.want {
				t.Errorf("after %v: deadline %v, want %v", test.at, got, test.want)
			}
		}
	})
}

func TestLivesEndWhenUsersAreRevoked(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a, k := lendApp(t, sessionstate.Config{Store: newMem(t), Limits: sessionstate.LimitConfig{PerUser: 2}, Lifetime: sessionstate.LifetimeConfig{RenewEvery: time.Minute}})
		first := a.visitor()
		life := first.get(t, "/login-lend?u=ada").body
		time.Sleep(time.Minute)
		first.get(t, "/lend").wants(t, 200, life) // renews the id
		second, third := a.login(t, "ada"), a.visitor()
		third.get(t, "/login-lend?u=ada")
		first.get(t, "/who").wants(t, 200, "0")
		if k.ended(life) != 1 {
			t.Error("the life of the oldest session did not end")
		}
		life = second.get(t, "/lend").body
		if _, err := a.m.Users().Revoke(t.Context(), "ada", nil); err != nil {
			t.Fatal(err)
		}
		if k.ended(life) != 1 || k.size() != 0 {
			t.Errorf("%d lives are left after Revoke", k.size())
		}
	})
}

func TestClientsWithoutCookiesCannotFillTheMemory(t *testing.T) {
	t.Parallel()
	modes(t, func(t *testing.T, cfg sessionstate.Config) {
		cfg.Limits.Newcomers = 3
		a, k := lendApp(t, cfg)
		regular := a.visitor()
		life := regular.get(t, "/lend").body
		regular.get(t, "/lend") // has sent the cookie back
		slow := a.visitor()
		gone := slow.get(t, "/lend").body
		for range 20 {
			a.visitor().get(t, "/lend").status(t, 200)
		}
		if k.size() != 4 || k.ended(life) != 0 || k.ended(gone) != 1 {
			t.Errorf("%d lives, want 4: three newcomers and the one that came back", k.size())
		}
		slow.get(t, "/lend").wants(t, 200, gone) // the session lives, only its entries are gone
	})
}

func TestLivesWhoseTimeIsOverAreForgotten(t *testing.T) {
	t.Parallel()
	bubbles(t, func(t *testing.T, cfg sessionstate.Config) {
		cfg.Lifetime.Idle = time.Minute
		a, k := lendApp(t, cfg)
		for range 200 {
			v := a.visitor()
			v.get(t, "/lend")
			v.get(t, "/lend") // not a newcomer any more
		}
		if k.size() != 200 {
			t.Fatalf("%d lives, want 200", k.size())
		}
		time.Sleep(2 * time.Minute)
		for range 100 {
			a.visitor().get(t, "/lend")
		}
		if k.size() > 120 {
			t.Errorf("%d lives are kept, want those of 100 new visitors and few others", k.size())
		}
	})
}

func TestOnEndRunsAtOnceForALifeThatIsOverAndNotAfterStop(t *testing.T) {
	t.Parallel()
	a, _ := lendApp(t, sessionstate.Config{})
	var life scope.Lifetime
	a.handle("/take", func(c echo.Context, _ *sessionstate.State) (err error) {
		life, err = scope.LifetimeOf(c.Request().Context())
		return err
	})
	v := a.visitor()
	v.get(t, "/take")
	calls := 0
	stop := life.OnEnd(func() { calls += 10 })
	life.OnEnd(func() { calls++ })
	stop()
	v.get(t, "/logout")
	if calls != 1 {
		t.Errorf("calls = %d, want 1", calls)
	}
	life.OnEnd(func() { calls++ })()
	if calls != 2 {
		t.Errorf("calls = %d, want 2", calls)
	}
}
