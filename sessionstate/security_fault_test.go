package sessionstate_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/reecho-go/reecho/observe"
	"github.com/reecho-go/reecho/sessionstate"
	"github.com/reecho-go/reecho/store"
	"github.com/reecho-go/reecho/store/storetest"
)

// faultyModes runs f for each mode over a store that can be made to fail.
func faultyModes(t *testing.T, f func(t *testing.T, c sessionstate.Config, s *storetest.FaultyStore)) {
	t.Run("cookie", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			s := storetest.Faulty(newMem(t))
			f(t, sessionstate.Config{CookieMode: sessionstate.CookieModeConfig{Revocations: s}}, s)
		})
	})
	t.Run("memstore", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			s := storetest.Faulty(newMem(t))
			f(t, sessionstate.Config{Store: s}, s)
		})
	})
}

// wants503 fails unless the reply is the whole problem page and nothing else.
func wants503(t *testing.T, r reply, what string) {
	t.Helper()
	if r.StatusCode != http.StatusServiceUnavailable || !strings.HasPrefix(r.body, `{"title":"Service Unavailable"`) || strings.Contains(r.body, "injected") {
		t.Errorf("%s: %d %q, want the 503 problem alone", what, r.StatusCode, r.body)
	}
	if n := len(r.Header["Set-Cookie"]); n != 0 {
		t.Errorf("%s: a failed request sets %d cookies", what, n)
	}
}

func TestAStoreThatFailsAnswers503(t *testing.T) {
	t.Parallel()
	faults := map[string]storetest.Fault{
		"error": {Times: -1},
		"hang":  {Times: -1, Hang: true},
		"slow":  {Times: -1, Delay: time.Hour},
	}
	faultyModes(t, func(t *testing.T, cfg sessionstate.Config, s *storetest.FaultyStore) {
		a := newVisit(t, cfg)
		a.handle("/stream", func(c echo.Context, s *sessionstate.State) error {
			if err := count.Set(s, 7); err != nil {
				return c.String(200, "load failed: "+err.Error())
			}
			c.Response().Flush()
			return c.String(200, "body")
		})
		v := a.visitor()
		v.get(t, "/login")
		v.get(t, "/incr")
		for name, fault := range faults {
			s.Inject(fault)
			for _, path := range []string{"/", "/incr", "/login", "/logout", "/stream"} {
				began := time.Now()
				wants503(t, v.clone().get(t, path), name+path)
				if took := time.Since(began); took > 4*time.Second {
					t.Errorf("%s%s took %v, want at most a load and a save of 2 s", name, path, took)
				}
			}
			s.Heal()
			v.get(t, "/who").wants(t, 200, "ada 1") // nothing has happened
		}
		if n := len(observe.Of[observe.StoreFailure](a.rec)); n < 15 {
			t.Errorf("%d failures were observed, want at least one for each request", n)
		}
	})
}

func TestASaveThatFailsReplacesTheBody(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := storetest.Faulty(newMem(t))
		a := newVisit(t, sessionstate.Config{Store: s})
		a.handle("/stream", func(c echo.Context, st *sessionstate.State) error {
			if err := count.Set(st, 7); err != nil {
				return err
			}
			c.Response().Flush()
			return c.String(200, "body")
		})
		v := a.visitor()
		v.get(t, "/incr")
		for _, path := range []string{"/incr", "/stream", "/renew"} {
			s.Inject(storetest.Fault{Op: "swap", Times: -1})
			wants503(t, v.get(t, path), path)
			s.Heal()
			v.get(t, "/").wants(t, 200, "1")
		}
		// The answer of the swap that buries the old id is lost: the store is asked
		// what became of it. When it does not say, the client is a new visitor.
		s.Inject(storetest.Fault{Op: "swap", After: 1, Lost: true})
		v.get(t, "/renew").status(t, 200)
		v.get(t, "/").wants(t, 200, "1")
		s.Inject(storetest.Fault{Op: "swap", After: 1, Lost: true}, storetest.Fault{Op: "get", After: 1})
		wants503(t, v.get(t, "/renew"), "lost reply")
		s.Heal()
		v.get(t, "/").wants(t, 200, "0")
	})
}

func TestFailOpenServesANewVisitor(t *testing.T) {
	t.Parallel()
	faultyModes(t, func(t *testing.T, cfg sessionstate.Config, s *storetest.FaultyStore) {
		cfg.Failures.Open = true
		a := newVisit(t, cfg)
		a.handle("/try", func(c echo.Context, st *sessionstate.State) error {
			if st.Err() == nil {
				t.Error("Err() = nil after a failed load")
			}
			if !errors.Is(count.Set(st, 9), sessionstate.ErrStore) {
				t.Error("Set works after a failed load")
			}
			return show(c, st)
		})
		v := a.visitor()
		v.get(t, "/incr")
		s.Inject(storetest.Fault{Times: -1})
		v.get(t, "/").wants(t, 200, "0")
		r := v.get(t, "/try")
		r.wants(t, 200, "0")
		if len(r.Header["Set-Cookie"]) != 0 {
			t.Error("a cookie is set")
		}
		wants503(t, v.get(t, "/logout"), "logout")
		s.Heal()
		if cfg.Store != nil {
			s.Inject(storetest.Fault{Op: "swap"})
			v.get(t, "/incr").wants(t, 200, "2") // and dropped
		}
		v.get(t, "/").wants(t, 200, "1")
	})
}

func TestGarbageInTheStoreIsANewVisitor(t *testing.T) {
	t.Parallel()
	garbage := [][]byte{nil, {0}, {1}, {2}, {1, 2, 3}, []byte("garbage"), make([]byte, 1000)}
	synctest.Test(t, func(t *testing.T) {
		for _, value := range garbage {
			s := storetest.Faulty(newMem(t))
			a := newVisit(t, sessionstate.Config{Store: s})
			v := a.visitor()
			v.get(t, "/incr")
			s.Inject(storetest.Fault{Op: "get", Answer: func(_ string, it store.Item) store.Item {
				it.Value = value
				return it
			}})
			v.get(t, "/").wants(t, 200, "0")
			s.Heal()
			v.get(t, "/").wants(t, 200, "1")
		}
	})
}

func TestASaveOutlivesTheClient(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := storetest.Faulty(newMem(t))
		a := newVisit(t, sessionstate.Config{Store: s})
		hangUp := func() {}
		a.handle("/slow", func(c echo.Context, st *sessionstate.State) error {
			if _, err := sessionstate.Incr(count, st, 1); err != nil {
				return err
			}
			hangUp()
			return c.String(200, "done")
		})
		v := a.visitor()
		v.get(t, "/incr")

		s.Inject(storetest.Fault{Op: "swap", Delay: time.Second})
		ctx, cancel := context.WithCancel(t.Context())
		hangUp = cancel
		v.do(t, v.request("/slow").WithContext(ctx)).wants(t, 200, "done")
		v.get(t, "/").wants(t, 200, "2")

		// A client that hangs up during the load is not waited for.
		s.Inject(storetest.Fault{Op: "get", Delay: time.Second})
		ctx, cancel = context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		began := time.Now()
		v.do(t, v.request("/").WithContext(ctx)).status(t, 503)
		if took := time.Since(began); took != 100*time.Millisecond {
			t.Errorf("the load took %v, want to end with the request", took)
		}
	})
}

func TestAPanicOfTheStoreIsAFault(t *testing.T) {
	t.Parallel()
	a := newVisit(t, sessionstate.Config{Store: panicky{newMem(t)}})
	v := a.visitor()
	wants503(t, v.get(t, "/incr"), "panic")
	v.get(t, "/").wants(t, 200, "0")
}

type panicky struct{ store.Store }

func (panicky) Swap(context.Context, string, uint64, store.Item) (uint64, error) { panic("store") }
