package sessionstate_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/reecho-go/reecho/internal/scope"
	"github.com/reecho-go/reecho/middleware"
	"github.com/reecho-go/reecho/observe"
	"github.com/reecho-go/reecho/sessionstate"
	"github.com/reecho-go/reecho/store/storetest"
)

// detachApp has a route that leaves a handle behind.
func detachApp(t *testing.T, cfg sessionstate.Config) (a *app, last func() *sessionstate.Detached) {
	a = userApp(t, cfg)
	var h *sessionstate.Detached
	a.handle("/detach", func(c echo.Context, s *sessionstate.State) (err error) {
		h, err = s.Detach()
		return err
	})
	a.handle("/login-detach", func(c echo.Context, s *sessionstate.State) (err error) {
		if err := s.Login("ada"); err != nil {
			return err
		}
		h, err = s.Detach()
		return err
	})
	return a, func() *sessionstate.Detached { return h }
}

// seen returns the count that a handle sees.
func seen(t *testing.T, h *sessionstate.Detached) (n int, err error) {
	t.Helper()
	err = h.View(t.Context(), func(s *sessionstate.State) error {
		n = count.Get(s)
		return nil
	})
	return n, err
}

func add(n int) func(s *sessionstate.State) error {
	return func(s *sessionstate.State) error {
		_, err := sessionstate.Incr(count, s, n)
		return err
	}
}

func TestDetachReadsAndSavesBesideTheRequests(t *testing.T) {
	t.Parallel()
	a, last := detachApp(t, sessionstate.Config{Store: newMem(t)})
	v := a.visitor()
	v.get(t, "/incr")
	v.get(t, "/detach").status(t, 200)
	h := last()
	v.get(t, "/incr").wants(t, 200, "2")
	if n, err := seen(t, h); n != 2 || err != nil {
		t.Errorf("View() sees %d, %v, want 2", n, err)
	}
	if err := h.Update(t.Context(), add(10)); err != nil {
		t.Fatal(err)
	}
	v.get(t, "/").wants(t, 200, "12")

	boom := errors.New("boom")
	err := h.Update(t.Context(), func(s *sessionstate.State) error {
		return errors.Join(count.Set(s, 99), boom)
	})
	if !errors.Is(err, boom) {
		t.Errorf("Update() = %v, want the error of its function", err)
	}
	v.get(t, "/").wants(t, 200, "12")

	err = h.View(t.Context(), func(s *sessionstate.State) error { return count.Set(s, 99) })
	if !errors.Is(err, middleware.ErrCommitted) {
		t.Errorf("Set in View() = %v, want ErrCommitted", err)
	}
	for name, f := range map[string]func(s *sessionstate.State) error{
		"Login": func(s *sessionstate.State) error { return s.Login("ada") },
		"Renew": (*sessionstate.State).Renew,
		"Flash": func(s *sessionstate.State) error { return s.Flash("info", "x") },
	} {
		if err := h.Update(t.Context(), f); !errors.Is(err, sessionstate.ErrNeedsResponse) {
			t.Errorf("%s = %v, want ErrNeedsResponse", name, err)
		}
	}

	v.get(t, "/renew").status(t, 200)
	if _, err := seen(t, h); !errors.Is(err, sessionstate.ErrEnded) {
		t.Errorf("after Renew: View() = %v, want ErrEnded", err)
	}
}

func TestHandlesAndRequestsLoseNoUpdate(t *testing.T) {
	t.Parallel()
	a, last := detachApp(t, sessionstate.Config{Store: newMem(t), Failures: sessionstate.FailureConfig{Timeout: time.Minute}})
	v := a.visitor()
	v.get(t, "/detach")
	h := last()
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			for range 5 {
				if err := h.Update(t.Context(), add(1)); err != nil {
					t.Error(err)
				}
			}
		})
		wg.Go(func() {
			for range 5 {
				v.clone().get(t, "/incr").status(t, 200)
			}
		})
	}
	wg.Wait()
	v.get(t, "/").wants(t, 200, "200")
}

func TestDetachOfANewVisitorSavesTheSession(t *testing.T) {
	t.Parallel()
	modes(t, func(t *testing.T, cfg sessionstate.Config) {
		a, last := detachApp(t, cfg)
		a.handle("/fail", func(_ echo.Context, s *sessionstate.State) error {
			h, err := s.Detach()
			if err != nil {
				return err
			}
			if err := h.View(t.Context(), func(s *sessionstate.State) error {
				if s.IsNew() {
					return errors.New("nothing to hold on to")
				}
				return nil
			}); err != nil {
				t.Error(err)
			}
			return errors.New("500")
		})
		a.handle("/late", func(c echo.Context, s *sessionstate.State) error {
			c.Response().Flush()
			if _, err := s.Detach(); !errors.Is(err, middleware.ErrCommitted) {
				t.Errorf("Detach() after the headers = %v, want ErrCommitted", err)
			}
			return nil
		})
		a.visitor().get(t, "/late")
		v := a.visitor()
		v.get(t, "/fail").status(t, 500)
		if saved := v.cookie() != ""; saved != (cfg.Store != nil) {
			t.Errorf("after a 500 the visitor has a cookie: %v", saved)
		}
		v.get(t, "/login-detach").status(t, 200)
		err := last().View(t.Context(), func(s *sessionstate.State) error {
			if s.User() != "ada" {
				t.Errorf("the handle belongs to %q", s.User())
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
		v.get(t, "/who").wants(t, 200, "ada 0")
	})
}

func TestHandlesEndWithTheSession(t *testing.T) {
	t.Parallel()
	bubbles(t, func(t *testing.T, cfg sessionstate.Config) {
		cfg.Lifetime.Idle = 10 * time.Minute
		a, last := detachApp(t, cfg)
		for name, end := range map[string]func(v *visitor){
			"logout": func(v *visitor) { v.get(t, "/logout").status(t, 200) },
			"time":   func(*visitor) { time.Sleep(11 * time.Minute) },
		} {
			v := a.visitor()
			v.get(t, "/incr")
			v.get(t, "/detach")
			h := last()
			if n, err := seen(t, h); n != 1 || err != nil {
				t.Fatalf("%s: View() = %d, %v", name, n, err)
			}
			if _, err := scope.LifetimeOf(h.Context(t.Context())); err != nil {
				t.Fatal(err)
			}
			end(v)
			if _, err := seen(t, h); !errors.Is(err, sessionstate.ErrEnded) {
				t.Errorf("%s: View() = %v, want ErrEnded", name, err)
			}
			if _, err := scope.LifetimeOf(h.Context(t.Context())); !errors.Is(err, sessionstate.ErrEnded) {
				t.Errorf("%s: LifetimeOf() = %v, want ErrEnded", name, err)
			}
			want := sessionstate.ErrEnded
			if cfg.Store == nil {
				want = sessionstate.ErrNeedsResponse
			}
			if err := h.Update(t.Context(), add(1)); !errors.Is(err, want) {
				t.Errorf("%s: Update() = %v, want %v", name, err, want)
			}
			v.get(t, "/").wants(t, 200, "0")
		}
	})
}

func TestAHandleThatSavesDoesNotBringASessionBack(t *testing.T) {
	t.Parallel()
	a, last := detachApp(t, sessionstate.Config{Store: newMem(t)})
	v := a.visitor()
	v.get(t, "/incr")
	v.get(t, "/detach")
	copied := v.clone()
	err := last().Update(t.Context(), func(s *sessionstate.State) error {
		v.get(t, "/logout").status(t, 200)
		return count.Set(s, 5)
	})
	if !errors.Is(err, sessionstate.ErrEnded) {
		t.Errorf("Update() = %v, want ErrEnded", err)
	}
	copied.get(t, "/").wants(t, 200, "0")
}

func TestAHandleCanDestroyTheSession(t *testing.T) {
	t.Parallel()
	a, last := detachApp(t, sessionstate.Config{Store: newMem(t)})
	v := a.visitor()
	v.get(t, "/incr")
	v.get(t, "/detach")
	err := last().Update(t.Context(), func(s *sessionstate.State) error {
		if err := s.Destroy(); err != nil {
			return err
		}
		if err := count.Set(s, 1); !errors.Is(err, sessionstate.ErrEnded) {
			t.Errorf("Set after Destroy = %v, want ErrEnded", err)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	v.get(t, "/").wants(t, 200, "0")
	if _, err := seen(t, last()); !errors.Is(err, sessionstate.ErrEnded) {
		t.Errorf("View() = %v, want ErrEnded", err)
	}
}

func TestWhatAHandleSavesIsNoVisit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a, last := detachApp(t, sessionstate.Config{Store: newMem(t), Lifetime: sessionstate.LifetimeConfig{Idle: 10 * time.Minute}})
		busy, touched := a.visitor(), a.visitor()
		busy.get(t, "/detach")
		background := last()
		touched.get(t, "/detach")
		socket := last()
		for range 9 {
			time.Sleep(time.Minute)
			if err := background.Update(t.Context(), add(1)); err != nil {
				t.Fatal(err)
			}
			if err := socket.Touch(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(2 * time.Minute)
		busy.get(t, "/who").wants(t, 200, "0")
		touched.get(t, "/who").wants(t, 200, "0")
		if _, err := seen(t, background); !errors.Is(err, sessionstate.ErrEnded) {
			t.Errorf("the handle kept the session alive: %v", err)
		}
		if err := socket.Touch(t.Context()); err != nil {
			t.Errorf("Touch() = %v, want the session alive", err)
		}
	})
}

func TestAHandleFollowsATimedRenewal(t *testing.T) {
	t.Parallel()
	for _, grace := range []time.Duration{0, 1} {
		synctest.Test(t, func(t *testing.T) {
			a, last := detachApp(t, sessionstate.Config{Store: newMem(t), Lifetime: sessionstate.LifetimeConfig{RenewEvery: time.Minute, Grace: grace}})
			v := a.visitor()
			v.get(t, "/incr")
			v.get(t, "/detach")
			h, old := last(), v.clone()
			for range 3 {
				time.Sleep(5 * time.Minute)
				v.get(t, "/incr").status(t, 200)
			}
			if v.cookie() == old.cookie() {
				t.Fatal("the id was not renewed")
			}
			time.Sleep(time.Minute)
			old.get(t, "/").wants(t, 200, "0") // a cookie does not
			if err := h.Update(t.Context(), add(10)); err != nil {
				t.Fatal(err)
			}
			v.get(t, "/").wants(t, 200, "14")
			if n := len(observe.Of[observe.SessionLife](a.rec)); n == 0 {
				t.Error("no events")
			}
		})
	}
}

func TestInCookieModeAHandleOnlyReads(t *testing.T) {
	t.Parallel()
	a, last := detachApp(t, sessionstate.Config{})
	v := a.visitor()
	v.get(t, "/incr")
	v.get(t, "/detach")
	h := last()
	v.get(t, "/incr")
	if n, err := seen(t, h); n != 1 || err != nil {
		t.Errorf("View() = %d, %v, want what it was", n, err)
	}
	called := false
	err := h.Update(t.Context(), func(*sessionstate.State) error { called = true; return nil })
	if !errors.Is(err, sessionstate.ErrNeedsResponse) || called {
		t.Errorf("Update() = %v, called: %v", err, called)
	}
	if err := h.Touch(t.Context()); !errors.Is(err, sessionstate.ErrNeedsResponse) {
		t.Errorf("Touch() = %v", err)
	}
}

func TestHandlesLendTheSessionsLife(t *testing.T) {
	t.Parallel()
	modes(t, func(t *testing.T, cfg sessionstate.Config) {
		a, k := lendApp(t, cfg)
		var h *sessionstate.Detached
		a.handle("/detach", func(_ echo.Context, s *sessionstate.State) (err error) {
			h, err = s.Detach()
			return err
		})
		v := a.visitor()
		id := v.get(t, "/lend").body
		v.get(t, "/detach")
		ctx := h.Context(context.Background())
		life, err := scope.LifetimeOf(ctx)
		if err != nil || life.ID() != id {
			t.Fatalf("LifetimeOf() = %v, %v, want %s", life, err, id)
		}
		if _, err := sessionstate.FromContext(ctx); !errors.Is(err, sessionstate.ErrNoSession) {
			t.Errorf("FromContext() = %v, want ErrNoSession", err)
		}
		v.get(t, "/logout")
		if k.ended(id) != 1 {
			t.Error("the life did not end")
		}
		if _, err := scope.LifetimeOf(ctx); !errors.Is(err, sessionstate.ErrEnded) {
			t.Errorf("LifetimeOf() = %v, want ErrEnded", err)
		}
	})
}

func TestHandlesTellOfStoresThatFail(t *testing.T) {
	t.Parallel()
	for _, failOpen := range []bool{false, true} {
		faulty := storetest.Faulty(newMem(t))
		a, last := detachApp(t, sessionstate.Config{Store: faulty, Failures: sessionstate.FailureConfig{Open: failOpen}})
		v := a.visitor()
		v.get(t, "/incr")
		v.get(t, "/detach")
		h := last()
		for _, op := range []string{"get", "swap"} {
			faulty.Inject(storetest.Fault{Op: op, Times: -1})
			err := h.Update(t.Context(), add(1))
			if fault, ok := errors.AsType[middleware.Error](err); !ok || !errors.Is(err, sessionstate.ErrStore) || fault.StatusCode() != http.StatusServiceUnavailable {
				t.Errorf("Update() = %v, want an ErrStore", err)
			}
			faulty.Heal()
		}
		v.get(t, "/").wants(t, 200, "1")
	}
}

func TestSaveNowIsNotUndone(t *testing.T) {
	t.Parallel()
	a := newVisit(t, sessionstate.Config{Store: newMem(t)})
	v := a.visitor()
	step := func(path string, end func() error) {
		a.handle(path, func(c echo.Context, s *sessionstate.State) error {
			if _, err := sessionstate.Incr(count, s, 1); err != nil {
				return err
			}
			if err := s.SaveNow(c.Request().Context()); err != nil {
				return err
			}
			if !s.IsNew() {
				other := v.clone()
				if other.cookie() != "" {
					other.get(t, "/who").wants(t, 200, fmt.Sprint(count.Get(s)))
				}
			}
			if err := name.Set(s, path); err != nil {
				return err
			}
			return end()
		})
	}
	step("/ok", func() error { return nil })
	step("/500", func() error { return errors.New("boom") })
	step("/panic", func() error { panic("boom") })
	a.handle("/name", func(c echo.Context, s *sessionstate.State) error { return c.String(200, name.Get(s)) })

	r := v.get(t, "/500")
	r.status(t, 500)
	if r.setCookies("__Host-id") != 1 || r.Header.Get("Cache-Control") != "no-store" {
		t.Fatalf("a new session that was saved: headers %v", r.Header)
	}
	v.get(t, "/").wants(t, 200, "1")
	v.get(t, "/name").wants(t, 200, "nobody")
	v.get(t, "/ok").status(t, 200)
	v.get(t, "/name").wants(t, 200, "/ok")
	func() {
		defer func() { _ = recover() }()
		v.get(t, "/panic")
	}()
	v.get(t, "/").wants(t, 200, "3")
	v.get(t, "/name").wants(t, 200, "/ok")
}

func TestSaveNowSaysWhatWentWrong(t *testing.T) {
	t.Parallel()
	faulty := storetest.Faulty(newMem(t))
	a := newVisit(t, sessionstate.Config{Store: faulty})
	v := a.visitor()
	var errs []error
	a.handle("/now", func(c echo.Context, s *sessionstate.State) error {
		if _, err := sessionstate.Incr(count, s, 1); err != nil {
			return err
		}
		faulty.Inject(storetest.Fault{Op: "swap"})
		errs = append(errs, s.SaveNow(c.Request().Context()))
		return nil // the response tries again
	})
	a.handle("/lost", func(c echo.Context, s *sessionstate.State) error {
		if _, err := sessionstate.Incr(count, s, 1); err != nil {
			return err
		}
		v.clone().get(t, "/logout").status(t, 200)
		errs = append(errs, s.SaveNow(c.Request().Context()))
		c.Response().Flush()
		errs = append(errs, s.SaveNow(c.Request().Context()))
		return nil
	})
	v.get(t, "/now").status(t, 200)
	v.get(t, "/").wants(t, 200, "1")
	v.get(t, "/lost").status(t, 200)
	v.get(t, "/").wants(t, 200, "0")
	if !errors.Is(errs[0], sessionstate.ErrStore) {
		t.Errorf("a failing store: %v", errs[0])
	}
	for i, want := range []error{nil, sessionstate.ErrEnded, middleware.ErrCommitted} {
		if want != nil && !errors.Is(errs[i], want) {
			t.Errorf("error %d = %v, want %v", i, errs[i], want)
		}
	}
	b := newVisit(t, sessionstate.Config{})
	b.handle("/now", func(c echo.Context, s *sessionstate.State) error {
		if err := s.SaveNow(c.Request().Context()); !errors.Is(err, sessionstate.ErrNeedsResponse) {
			t.Errorf("in cookie mode: %v, want ErrNeedsResponse", err)
		}
		return nil
	})
	b.visitor().get(t, "/now")
}

func TestSaveNowWaitsForNobodyElsesChange(t *testing.T) {
	t.Parallel()
	a := newVisit(t, sessionstate.Config{Store: newMem(t)})
	a.handle("/many", func(c echo.Context, s *sessionstate.State) error {
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				for range 10 {
					if _, err := sessionstate.Incr(count, s, 1); err != nil {
						t.Error(err)
					}
					if err := s.SaveNow(c.Request().Context()); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		return nil
	})
	v := a.visitor()
	v.get(t, "/many").status(t, 200)
	v.get(t, "/").wants(t, 200, "80")
}
