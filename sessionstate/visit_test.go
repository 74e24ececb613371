package sessionstate_test

import (
	"fmt"
	"math"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/sessions"
	"github.com/labstack/echo/v4"

	"github.com/reecho-go/reecho/sessionstate"
	"github.com/reecho-go/reecho/sessionstate/gorillastate"
)

// visitedKeepers are the keepers whose cookie may hold the session's values.
func visitedKeepers(t *testing.T) map[string]sessionstate.Config {
	return map[string]sessionstate.Config{
		"cookie":              {},
		"store":               {Store: newMem(t)},
		"spill":               {Spill: newMem(t)},
		"third-party cookies": {Foreign: gorillastate.KeepIn(sessions.NewCookieStore(gorillaKey))},
		"third-party files":   {Foreign: gorillastate.KeepIn(sessions.NewFilesystemStore(t.TempDir(), gorillaKey))},
	}
}

func TestAPageThatOnlyReadsUndoesNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for mode, cfg := range visitedKeepers(t) {
			cfg.Idle = 30 * time.Minute
			a := newVisit(t, cfg)
			v := a.visitor()
			v.get(t, "/incr").wants(t, 200, "1")
			var write *visitor
			a.handle("/slow", func(c echo.Context, s *sessionstate.State) error {
				if n := count.Get(s); n != 1 {
					return fmt.Errorf("count is %d", n)
				}
				write = v.clone()
				write.get(t, "/incr").wants(t, 200, "2")
				return c.NoContent(204)
			})
			time.Sleep(20 * time.Minute) // a visit is due to be noted
			read := v.clone()
			r := read.get(t, "/slow")
			r.status(t, 204)
			if len(r.Header["Set-Cookie"]) == 0 && cfg.Store == nil {
				t.Errorf("%s: the visit was not noted", mode)
			}
			for _, c := range r.Cookies() { // the browser gets that response last
				write.jar[c.Name] = c.Value
			}
			write.get(t, "/").wants(t, 200, "2")
			time.Sleep(25 * time.Minute)
			write.get(t, "/").wants(t, 200, "2")

			// A page that is read all the time keeps the session.
			for range 10 {
				time.Sleep(25 * time.Minute)
				write.get(t, "/").wants(t, 200, "2")
			}
			r = write.get(t, "/logout")
			for _, c := range r.Cookies() {
				if c.MaxAge >= 0 {
					t.Errorf("%s: the logout leaves %s", mode, c.Name)
				}
			}
			if len(write.jar) != 0 {
				t.Errorf("%s: cookies are left: %v", mode, write.jar)
			}
		}
	})
}

func TestANoteOfAVisitIsWorthNothingElsewhere(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := newVisit(t, sessionstate.Config{Idle: 10 * time.Minute})
		one, two := a.visitor(), a.visitor()
		one.get(t, "/incr")
		two.get(t, "/incr")
		time.Sleep(9 * time.Minute)
		two.get(t, "/").wants(t, 200, "1")
		note := two.jar["__Host-id-t"]
		if note == "" {
			t.Fatal("the visit was not noted")
		}
		time.Sleep(5 * time.Minute)
		two.get(t, "/").wants(t, 200, "1")
		for name, value := range map[string]string{"another session's": note, "junk": "junk", "the session": one.cookie()} {
			w := one.clone()
			w.jar["__Host-id-t"] = value
			w.get(t, "/").wants(t, 200, "0")
			w = a.visitor()
			w.jar["__Host-id"] = value
			if name != "the session" {
				w.get(t, "/").wants(t, 200, "0")
			}
		}
	})
}

func TestIdleHoldsWithinATenthAtEveryLength(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for _, idle := range []time.Duration{time.Second, 2500 * time.Millisecond, 7 * time.Second, time.Minute, 110 * time.Second, 3 * time.Minute, 10 * time.Minute, time.Hour, 20 * time.Hour} {
			for mode, cfg := range visitedKeepers(t) {
				cfg.Idle, cfg.Absolute = idle, math.MaxInt64
				a := newVisit(t, cfg)
				for _, step := range []time.Duration{idle / 50, idle / 11, idle / 2, idle * 9 / 10} {
					v := a.visitor()
					v.get(t, "/incr").wants(t, 200, "1")
					for range 20 {
						time.Sleep(step)
						v.get(t, "/").wants(t, 200, "1")
					}
					early, late := v.clone(), v.clone()
					time.Sleep(idle*9/10 - time.Millisecond)
					early.get(t, "/").wants(t, 200, "1")
					time.Sleep(idle/10 + 2*time.Millisecond)
					if r := late.get(t, "/"); r.body != "0" && cfg.Store == nil { // in a store, early's visit counts for both
						t.Errorf("%s, Idle %v, visits every %v: alive after the idle time: %q", mode, idle, step, r.body)
					}
					time.Sleep(idle)
					for _, w := range []*visitor{early, late} {
						if r := w.get(t, "/"); r.StatusCode != http.StatusOK || r.body != "0" {
							t.Errorf("%s, Idle %v, visits every %v: %d %q", mode, idle, step, r.StatusCode, r.body)
						}
					}
				}
			}
		}
	})
}

func TestHandlesHearOfVisits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for mode, cfg := range visitedKeepers(t) {
			cfg.Idle = 10 * time.Minute
			a := newVisit(t, cfg)
			var h *sessionstate.Handle
			a.handle("/detach", func(_ echo.Context, s *sessionstate.State) (err error) {
				h, err = s.Detach()
				return err
			})
			v := a.visitor()
			v.get(t, "/incr")
			v.get(t, "/detach").status(t, 200)
			for range 4 {
				time.Sleep(8 * time.Minute)
				v.get(t, "/").wants(t, 200, "1")
			}
			if n, err := seen(t, h); n != 1 || err != nil {
				t.Errorf("%s: View() = %d, %v, want 1", mode, n, err)
			}
			time.Sleep(10*time.Minute + time.Second)
			if _, err := seen(t, h); err == nil {
				t.Errorf("%s: the handle outlives the session", mode)
			}
		}
	})
}
