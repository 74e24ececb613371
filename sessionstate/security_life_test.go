package sessionstate_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/reecho-go/reecho/observe"
	"github.com/reecho-go/reecho/sessionstate"
	"github.com/reecho-go/reecho/store/storetest"
)

// bubbles runs f in a bubble of synctest for each mode; c's store belongs to
// the bubble.
func bubbles(t *testing.T, f func(t *testing.T, c sessionstate.Config)) {
	t.Run("cookie", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) { f(t, sessionstate.Config{}) })
	})
	t.Run("memstore", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) { f(t, sessionstate.Config{Store: newMem(t)}) })
	})
}

// actions returns what the observer was told of sessions' lives, in order.
func (a *app) actions() []observe.SessionAction {
	var out []observe.SessionAction
	for _, e := range observe.Of[observe.SessionLife](a.rec) {
		out = append(out, e.Action)
	}
	return out
}

func TestASVS7_2_4_LoginGivesANewID(t *testing.T) {
	t.Parallel()
	modes(t, func(t *testing.T, cfg sessionstate.Config) {
		for _, path := range []string{"/login", "/renew"} {
			a := newVisit(t, cfg)
			v := a.visitor()
			v.get(t, "/incr")
			planted := v.clone()
			v.get(t, path).status(t, 200)
			if v.cookie() == planted.cookie() {
				t.Fatalf("%s: the cookie is still the same", path)
			}
			v.get(t, "/").wants(t, 200, "1")
			planted.get(t, "/who").wants(t, 200, "0")
			planted.get(t, "/incr").wants(t, 200, "1")
			v.get(t, "/").wants(t, 200, "1")
		}
	})
}

func TestASVS7_4_1_LogoutEndsEveryCopy(t *testing.T) {
	t.Parallel()
	modes(t, func(t *testing.T, cfg sessionstate.Config) {
		a := newVisit(t, cfg)
		v := a.visitor()
		v.get(t, "/login")
		v.get(t, "/incr")
		older := v.clone()
		v.get(t, "/incr")
		newer := v.clone()
		v.get(t, "/logout").wants(t, 200, "out")
		if v.cookie() != "" {
			t.Error("logging out has left the cookie")
		}
		for _, replay := range []*visitor{older, newer} {
			replay.get(t, "/who").wants(t, 200, "0")
		}
	})
}

func TestAWriteUnderWayDoesNotBringASessionBack(t *testing.T) {
	t.Parallel()
	for _, ending := range []string{"/logout", "/renew"} {
		modes(t, func(t *testing.T, cfg sessionstate.Config) {
			a := newVisit(t, cfg)
			loaded, ended := make(chan struct{}), make(chan struct{})
			a.handle("/slow", func(c echo.Context, s *sessionstate.State) error {
				if _, err := sessionstate.Incr(count, s, 100); err != nil {
					return err
				}
				close(loaded)
				<-ended
				return c.String(200, "done")
			})
			v := a.visitor()
			v.get(t, "/login")
			v.get(t, "/incr")
			slow := v.clone()
			var late reply
			var wg sync.WaitGroup
			wg.Go(func() { late = slow.get(t, "/slow") })
			<-loaded
			v.get(t, ending)
			close(ended)
			wg.Wait()
			late.wants(t, 200, "done")
			if n := len(late.Header["Set-Cookie"]); n != 0 {
				t.Errorf("%s: the late response sets %d cookies, want none", ending, n)
			}
			slow.get(t, "/who").wants(t, 200, "0")
			if ending == "/renew" {
				v.get(t, "/who").wants(t, 200, "ada 1")
			}
			lost := 0
			for _, action := range a.actions() {
				if action == observe.SessionLost {
					lost++
				}
			}
			if lost != 1 {
				t.Errorf("%s: %d lost events, want 1: %v", ending, lost, a.actions())
			}
		})
	}
}

func TestASVS7_3_1_IdleSessionsEnd(t *testing.T) {
	t.Parallel()
	bubbles(t, func(t *testing.T, cfg sessionstate.Config) {
		cfg.Lifetime.Idle = 10 * time.Minute
		v := newVisit(t, cfg).visitor()
		v.get(t, "/incr")
		time.Sleep(10*time.Minute - time.Second)
		v.get(t, "/").wants(t, 200, "1") // which moves the deadline
		time.Sleep(10*time.Minute - time.Second)
		v.get(t, "/").wants(t, 200, "1")
		time.Sleep(10*time.Minute + time.Second)
		v.get(t, "/").wants(t, 200, "0")
	})
}

func TestTheDeadlineMovesOnlyNowAndThen(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		faulty := storetest.Faulty(newMem(t))
		a := newVisit(t, sessionstate.Config{Store: faulty, Lifetime: sessionstate.LifetimeConfig{Idle: time.Hour}})
		v := a.visitor()
		v.get(t, "/incr")
		for range 60 {
			time.Sleep(time.Minute)
			v.get(t, "/").wants(t, 200, "1")
		}
		touches, writes := 0, 0
		for _, call := range faulty.Calls() {
			switch call.Op {
			case "touch":
				touches++
			case "swap", "put":
				writes++
			}
		}
		if touches != 10 || writes != 1 {
			t.Errorf("an hour of reading: %d touches, %d writes; want 10 touches and the write that made it", touches, writes)
		}
	})
}

func TestASVS7_3_2_ActivityDoesNotPassTheAbsoluteLimit(t *testing.T) {
	t.Parallel()
	bubbles(t, func(t *testing.T, cfg sessionstate.Config) {
		cfg.Lifetime.Idle, cfg.Lifetime.Absolute = 10*time.Minute, time.Hour
		v := newVisit(t, cfg).visitor()
		v.get(t, "/incr")
		for i := range 59 {
			time.Sleep(time.Minute)
			if i%7 == 0 {
				v.get(t, "/renew")
			}
			v.get(t, "/").wants(t, 200, "1")
		}
		time.Sleep(time.Minute)
		v.get(t, "/").wants(t, 200, "0")
	})
}

func TestLoginStartsTheAbsoluteLimitAgain(t *testing.T) {
	t.Parallel()
	bubbles(t, func(t *testing.T, cfg sessionstate.Config) {
		cfg.Lifetime.Idle, cfg.Lifetime.Absolute = time.Hour, time.Hour
		v := newVisit(t, cfg).visitor()
		v.get(t, "/incr")
		time.Sleep(59 * time.Minute)
		v.get(t, "/login")
		time.Sleep(59 * time.Minute)
		v.get(t, "/who").wants(t, 200, "ada 1")
		time.Sleep(time.Minute)
		v.get(t, "/who").wants(t, 200, "0")
	})
}

func TestLimitsCanBeSwitchedOff(t *testing.T) {
	t.Parallel()
	bubbles(t, func(t *testing.T, cfg sessionstate.Config) {
		cfg.Lifetime.Idle, cfg.Lifetime.Absolute = math.MaxInt64, math.MaxInt64
		v := newVisit(t, cfg).visitor()
		v.get(t, "/incr")
		time.Sleep(10 * 365 * 24 * time.Hour)
		v.get(t, "/").wants(t, 200, "1")
	})
}

func TestCookiesFromTheFutureAreRefused(t *testing.T) {
	t.Parallel()
	// Two bubbles have two clocks; a cookie goes from one to the other.
	at := func(t *testing.T, ahead time.Duration, cookie, body string) string {
		var got string
		synctest.Test(t, func(t *testing.T) {
			time.Sleep(time.Hour + ahead)
			a := newVisit(t, sessionstate.Config{})
			v := a.visitor()
			if cookie == "" {
				v.get(t, "/incr")
				got = v.cookie()
				return
			}
			v.jar["__Host-id"] = cookie
			v.get(t, "/").wants(t, 200, body)
		})
		return got
	}
	at(t, 0, at(t, 30*time.Second, "", ""), "1")
	at(t, 0, at(t, 2*time.Minute, "", ""), "0")
}

func TestSessionsNeverMix(t *testing.T) {
	t.Parallel()
	modes(t, func(t *testing.T, cfg sessionstate.Config) {
		cfg.Failures.Timeout = time.Minute // a busy machine is no failed store
		a := newApp(t, cfg)
		owner := sessionstate.NewKey("owner", sessionstate.KeyConfig[string]{})
		a.handle("/", func(c echo.Context, s *sessionstate.State) error {
			me := c.QueryParam("me")
			for _, k := range []*sessionstate.Key[string]{owner, name} {
				if got, ok, _ := k.Lookup(s); ok && got != me {
					t.Errorf("%s sees %q", me, got)
				}
			}
			var err error
			switch rand.N(5) {
			case 0:
				err = owner.Set(s, me)
			case 1:
				err = name.Set(s, me)
			case 2:
				err = owner.Delete(s)
			case 3:
				err = s.Renew()
			case 4:
				err = s.Destroy()
			}
			if err != nil {
				return err
			}
			return c.NoContent(204)
		})
		var wg sync.WaitGroup
		for i := range 50 {
			wg.Go(func() {
				v := a.visitor()
				for range 20 {
					v.get(t, fmt.Sprintf("/?me=m%d", i)).status(t, 204)
				}
			})
		}
		wg.Wait()
	})
}

func TestReadersGetNoCookieAndCallNoStore(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"cookie", "memstore"} {
		faulty := storetest.Faulty(newMem(t))
		cfg := sessionstate.Config{Store: faulty}
		if mode == "cookie" {
			cfg = sessionstate.Config{CookieMode: sessionstate.CookieModeConfig{Revocations: faulty}}
		}
		a := newVisit(t, cfg)
		a.handle("/all", func(c echo.Context, s *sessionstate.State) error {
			_, _, err := count.Lookup(s)
			if err != nil || s.Err() != nil || !s.IsNew() || s.ID() != "" || s.User() != "" || len(s.Keys()) != 0 || len(s.Snapshot()) != 0 {
				t.Errorf("%s: a new visitor has something", mode)
			}
			for range s.Flashes() {
				t.Errorf("%s: a new visitor has messages", mode)
			}
			if err := s.Renew(); err != nil { // nothing to renew
				return err
			}
			return c.NoContent(204)
		})
		v := a.visitor()
		for _, path := range []string{"/", "/all"} {
			if r := v.get(t, path); len(r.Header["Set-Cookie"]) != 0 {
				t.Errorf("%s%s sets %v", mode, path, r.Header["Set-Cookie"])
			}
		}
		refusedAsNew(t, a, "c29tZSByYW5kb20gdGV4dCB0aGF0IGlzIGxvbmcgZW5vdWdoIHRvIGJlIGEgY29va2ll", mode)
		if calls := faulty.Calls(); len(calls) != 0 {
			t.Errorf("%s: the store was called: %v", mode, calls)
		}
	}
}

func TestAPanicDropsTheChanges(t *testing.T) {
	t.Parallel()
	modes(t, func(t *testing.T, cfg sessionstate.Config) {
		cfg.Failures.KeepOn5xx = true // so that it is the panic that drops them
		a := newVisit(t, cfg)
		a.handle("/panic", func(_ echo.Context, s *sessionstate.State) error {
			if err := count.Set(s, 100); err != nil {
				return err
			}
			panic("boom")
		})
		v := a.visitor()
		v.get(t, "/incr")
		func() {
			defer func() {
				if recover() == nil {
					t.Error("the panic has been swallowed")
				}
			}()
			v.get(t, "/panic")
		}()
		v.get(t, "/").wants(t, 200, "1")
	})
}

func TestA5xxDropsTheChangesUnlessKept(t *testing.T) {
	t.Parallel()
	for _, keep := range []bool{false, true} {
		modes(t, func(t *testing.T, cfg sessionstate.Config) {
			cfg.Failures.KeepOn5xx = keep
			a := newVisit(t, cfg)
			a.handle("/fail", func(c echo.Context, s *sessionstate.State) error {
				if _, err := sessionstate.Incr(count, s, 1); err != nil {
					return err
				}
				if err := s.Flash("failure", "x"); err != nil {
					return err
				}
				return c.String(http.StatusBadGateway, "fail")
			})
			v := a.visitor()
			v.get(t, "/incr")
			r := v.get(t, "/fail")
			r.wants(t, 502, "fail")
			want := "1"
			if keep {
				want = "2"
			}
			v.get(t, "/").wants(t, 200, want)
			if got := r.setCookies("__Host-id-f") == 1; got != keep {
				t.Errorf("keep=%v: message kept: %v", keep, got)
			}
		})
	}
}

func TestLogoutIsCarriedOutWhateverTheStatus(t *testing.T) {
	t.Parallel()
	modes(t, func(t *testing.T, cfg sessionstate.Config) {
		a := newVisit(t, cfg)
		a.handle("/out", func(_ echo.Context, s *sessionstate.State) error {
			if err := s.Destroy(); err != nil {
				return err
			}
			return echo.ErrInternalServerError
		})
		v := a.visitor()
		v.get(t, "/login")
		copied := v.clone()
		v.get(t, "/out").status(t, 500)
		if v.cookie() != "" {
			t.Error("the cookie is still there")
		}
		copied.get(t, "/who").wants(t, 200, "0")
	})
}

func TestASVS16_3_EachStepIsAnEvent(t *testing.T) {
	t.Parallel()
	bubbles(t, func(t *testing.T, cfg sessionstate.Config) {
		a := newVisit(t, cfg)
		v := a.visitor()
		v.get(t, "/incr")
		v.get(t, "/login")
		copied := v.clone()
		v.get(t, "/logout")
		copied.get(t, "/")
		w := a.visitor()
		w.get(t, "/incr")
		time.Sleep(31 * time.Minute)
		w.get(t, "/")
		last := observe.SessionExpired
		dead := observe.SessionRevoked
		if cfg.Store != nil { // the store does not say why it has no such key
			last, dead = observe.SessionUnknown, observe.SessionUnknown
		}
		want := []observe.SessionAction{observe.SessionCreated, observe.SessionRenewed, observe.SessionDestroyed, dead, observe.SessionCreated, last}
		if got := a.actions(); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("events = %v, want %v", got, want)
		}
		events := observe.Of[observe.SessionLife](a.rec)
		if events[1].ID != events[2].ID || events[2].ID != events[3].ID || events[0].ID == events[1].ID {
			t.Errorf("ids in events do not follow the session: %+v", events)
		}
	})
}

// A longer Idle must not bring sessions back that were logged out before.
func TestALongerIdleBringsNoSessionBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		list := newMem(t)
		before := newVisit(t, sessionstate.Config{CookieMode: sessionstate.CookieModeConfig{Revocations: list}, Lifetime: sessionstate.LifetimeConfig{Idle: 10 * time.Minute}})
		after := newVisit(t, sessionstate.Config{CookieMode: sessionstate.CookieModeConfig{Revocations: list}, Lifetime: sessionstate.LifetimeConfig{Idle: 12 * time.Hour}})
		v := before.visitor()
		v.get(t, "/login")
		copied := v.clone()
		v.get(t, "/logout").status(t, 200)
		copied.a = after
		for range 4 {
			time.Sleep(20 * time.Minute)
			copied.clone().get(t, "/who").wants(t, 200, "0")
		}
	})
}

// A browser may have several cookies of the name, of another path or domain, and
// several of them may be sessions. Who logs out is not to be in the next one.
func TestLogoutEndsEverySessionOfTheRequest(t *testing.T) {
	t.Parallel()
	modes(t, func(t *testing.T, cfg sessionstate.Config) {
		a := newVisit(t, cfg)
		a.handle("/undecided", func(_ echo.Context, s *sessionstate.State) error {
			err := s.Destroy()
			s.Revert()
			return err
		})
		one, two := a.visitor(), a.visitor()
		for _, v := range []*visitor{one, two} {
			v.get(t, "/login").status(t, 200)
			v.get(t, "/incr").wants(t, 200, "1")
		}
		both := func(path string) reply {
			r := a.visitor().request(path)
			r.Header["Cookie"] = []string{"__Host-id=junk; __Host-id=" + one.cookie() + "; __Host-id=" + two.cookie()}
			return a.visitor().do(t, r)
		}
		both("/undecided").status(t, 200)
		both("/who").wants(t, 200, "ada 1")
		was := len(observe.Of[observe.SessionLife](a.rec))
		both("/logout").status(t, 200)
		if n := len(observe.Of[observe.SessionLife](a.rec)) - was; n != 2 {
			t.Errorf("%d events, want one for each session", n)
		}
		both("/who").wants(t, 200, "0")
		one.get(t, "/who").wants(t, 200, "0")
		two.get(t, "/who").wants(t, 200, "0")
	})
}
