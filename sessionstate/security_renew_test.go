package sessionstate_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/reecho-go/reecho/echov4"
	"github.com/reecho-go/reecho/observe"
	"github.com/reecho-go/reecho/sessionstate"
	"github.com/reecho-go/reecho/store/storetest"
)

func TestTimedRenewalKeepsTheUserAndConverges(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		mem := newMem(t)
		a := userApp(t, sessionstate.Config{Store: mem, Lifetime: sessionstate.LifetimeConfig{RenewEvery: 10 * time.Minute}})
		var all sync.WaitGroup
		a.handle("/together", func(c echo.Context, s *sessionstate.State) error {
			if _, err := sessionstate.Incr(count, s, 1); err != nil {
				return err
			}
			all.Done()
			all.Wait() // all have loaded the old id
			return c.String(200, "ok")
		})
		v := a.login(t, "ada")
		v.get(t, "/incr")
		first := v.clone()
		time.Sleep(10*time.Minute - time.Second)
		if v.get(t, "/").setCookies("__Host-id") != 0 {
			t.Error("the id was renewed too early")
		}
		time.Sleep(time.Second)

		const n = 20
		all.Add(n)
		old := v.clone()
		visitors := make([]*visitor, n)
		var wg sync.WaitGroup
		for i := range visitors {
			visitors[i] = v.clone()
			wg.Go(func() { visitors[i].get(t, "/together").wants(t, 200, "ok") })
		}
		wg.Wait()
		handle := visitors[0].get(t, "/handle").body
		for i, w := range visitors {
			if w.cookie() == first.cookie() {
				t.Errorf("visitor %d has kept the old cookie", i)
			}
			if got := w.get(t, "/handle").body; got != handle {
				t.Errorf("visitor %d has session %q, want %q", i, got, handle)
			}
		}
		visitors[0].get(t, "/who").wants(t, 200, fmt.Sprintf("ada %d", n+1))
		if sessions := a.list(t, "ada"); len(sessions) != 1 || sessions[0].Handle != handle {
			t.Errorf("sessions = %+v, want the one", sessions)
		}

		time.Sleep(9 * time.Second)
		late := old.clone()
		if r := late.get(t, "/who"); r.body != fmt.Sprintf("ada %d", n+1) || r.setCookies("__Host-id") != 1 {
			t.Errorf("within the grace: %q, cookies %v", r.body, r.Header["Set-Cookie"])
		}
		late.get(t, "/handle").wants(t, 200, handle)
		time.Sleep(time.Second)
		old.get(t, "/who").wants(t, 200, "0")
		late.get(t, "/who").wants(t, 200, fmt.Sprintf("ada %d", n+1))

		renewed := 0
		for _, action := range a.actions() {
			if action == observe.SessionRenewed {
				renewed++
			}
		}
		if renewed != 1 {
			t.Errorf("%d renewals were observed, want 1", renewed)
		}
		for e, err := range mem.Scan(t.Context(), "") {
			if err != nil {
				t.Fatal(err)
			}
			refusedAsNew(t, a, e.Key[strings.LastIndexByte(e.Key, '/')+1:], "a key of the store")
		}
	})
}

func TestLogoutWithinTheGraceEndsTheOldIDToo(t *testing.T) {
	t.Parallel()
	for _, ending := range []string{"/logout", "/renew", "/login"} {
		synctest.Test(t, func(t *testing.T) {
			a := newVisit(t, sessionstate.Config{Store: newMem(t), Lifetime: sessionstate.LifetimeConfig{RenewEvery: time.Minute}})
			v := a.visitor()
			v.get(t, "/login")
			old := v.clone()
			time.Sleep(time.Minute)
			v.get(t, "/incr")
			v.get(t, ending).status(t, 200)
			old.get(t, "/who").wants(t, 200, "0")
		})
	}
}

func TestWithoutGraceTheOldIDIsDeadAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := newVisit(t, sessionstate.Config{Store: newMem(t), Lifetime: sessionstate.LifetimeConfig{RenewEvery: time.Minute, Grace: 1}})
		v := a.visitor()
		v.get(t, "/incr")
		old := v.clone()
		time.Sleep(time.Minute)
		v.get(t, "/").wants(t, 200, "1")
		old.get(t, "/").wants(t, 200, "0")
		v.get(t, "/").wants(t, 200, "1")
	})
	for _, cfg := range []sessionstate.Config{{Lifetime: sessionstate.LifetimeConfig{RenewEvery: time.Minute}}, {Lifetime: sessionstate.LifetimeConfig{RenewEvery: -1}}, {Lifetime: sessionstate.LifetimeConfig{RenewEvery: 1}, Store: newMem(t)}} {
		if _, err := sessionstate.New(cfg); err == nil || !strings.Contains(err.Error(), "Config.Lifetime.RenewEvery") {
			t.Errorf("New(RenewEvery %v) = %v", cfg.Lifetime.RenewEvery, err)
		}
	}
}

func TestATouchThatFailsFailsNothingElse(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		faulty := storetest.Faulty(newMem(t))
		a := newVisit(t, sessionstate.Config{Store: faulty})
		v := a.visitor()
		v.get(t, "/incr")
		time.Sleep(10 * time.Minute)
		faulty.Inject(storetest.Fault{Op: "touch"})
		v.get(t, "/").wants(t, 200, "1")
		if n := len(observe.Of[observe.StoreFailure](a.rec)); n != 1 {
			t.Errorf("%d failures were observed, want 1", n)
		}
	})
}

func TestUpdateStartsAgainWhenAnotherGoroutineWasFaster(t *testing.T) {
	t.Parallel()
	in(t, sessionstate.Config{}, func(s *sessionstate.State) {
		calls := 0
		got, err := count.Update(s, func(n int) int {
			if calls++; calls == 1 {
				var wg sync.WaitGroup
				wg.Go(func() {
					if _, err := sessionstate.Incr(count, s, 10); err != nil {
						t.Error(err)
					}
				})
				wg.Wait()
			}
			return n + 1
		})
		if got != 11 || err != nil || calls != 2 {
			t.Errorf("Update() = %d, %v after %d calls, want 11 after 2", got, err, calls)
		}
	})
}

func TestLoginRefusesWhatMakesNoSense(t *testing.T) {
	t.Parallel()
	in(t, sessionstate.Config{}, func(s *sessionstate.State) {
		for _, err := range []error{
			s.Login(""), s.LoginFor("ada", 0), s.LoginFor("ada", -time.Hour), s.LoginFor("ada", 1<<63-1),
		} {
			if err == nil {
				t.Error("Login takes it")
			}
		}
		if err := s.Login(strings.Repeat("x", 5000)); !errors.Is(err, sessionstate.ErrTooLarge) {
			t.Errorf("Login with a long name = %v, want ErrTooLarge", err)
		}
		if s.User() != "" {
			t.Errorf("User() = %q", s.User())
		}
	})
}

func TestTheManagerTwiceInOneRequestIsOneSession(t *testing.T) {
	t.Parallel()
	modes(t, func(t *testing.T, cfg sessionstate.Config) {
		a := newApp(t, cfg)
		a.Use(func(next echo.HandlerFunc) echo.HandlerFunc {
			return func(c echo.Context) error {
				if _, err := sessionstate.Incr(count, sessionstate.From(c), 1); err != nil {
					return err
				}
				return next(c)
			}
		}, echov4.Use(a.m))
		a.handle("/", incr)
		v := a.visitor()
		r := v.get(t, "/")
		r.wants(t, 200, "2")
		if n := r.setCookies("__Host-id"); n != 1 {
			t.Errorf("%d cookies, want 1", n)
		}
		v.get(t, "/").wants(t, 200, "4")
	})
}

func TestATouchDoesNotStretchTheGrace(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		mem := newMem(t)
		a := newVisit(t, sessionstate.Config{Store: mem, Lifetime: sessionstate.LifetimeConfig{RenewEvery: time.Minute}})
		v := a.visitor()
		v.get(t, "/incr")
		old := v.clone()
		time.Sleep(time.Minute)
		v.get(t, "/").wants(t, 200, "1")
		for e, err := range mem.Scan(t.Context(), "session/") { // as a request under way would
			if err = errors.Join(err, mem.Touch(t.Context(), e.Key, time.Now().Add(time.Hour))); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(10 * time.Second)
		old.get(t, "/").wants(t, 200, "0")
		v.get(t, "/").wants(t, 200, "1")
	})
}

func TestAnAbsoluteLimitThatWasShortenedHoldsForOldSessions(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		mem := newMem(t)
		before := newVisit(t, sessionstate.Config{Store: mem, Lifetime: sessionstate.LifetimeConfig{Idle: 2 * time.Hour}})
		after := newVisit(t, sessionstate.Config{Store: mem, Lifetime: sessionstate.LifetimeConfig{Idle: time.Hour, Absolute: time.Hour}})
		v := before.visitor()
		v.get(t, "/incr")
		v.a = after
		time.Sleep(time.Hour - time.Second)
		v.clone().get(t, "/").wants(t, 200, "1")
		time.Sleep(time.Second)
		v.get(t, "/").wants(t, 200, "0")
	})
}
