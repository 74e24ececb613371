package sessionstate_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/reecho-go/reecho/observe"
	"github.com/reecho-go/reecho/sessionstate"
	"github.com/reecho-go/reecho/sessionstate/gorillastate"
	"github.com/reecho-go/reecho/store"
	"github.com/reecho-go/reecho/store/memstore"
	"github.com/reecho-go/reecho/store/storetest"
)

var bulk = sessionstate.NewKey("bulk", sessionstate.KeyConfig[string]{Default: "none"})

// spilling is an app whose sessions may be larger than a cookie.
func spilling(t *testing.T, cfg sessionstate.Config) *app {
	a := userApp(t, cfg)
	a.handle("/bulk", func(c echo.Context, s *sessionstate.State) error {
		if size := c.QueryParam("n"); size != "" {
			n, err := strconv.Atoi(size)
			if err == nil {
				err = bulk.Set(s, strings.Repeat(c.QueryParam("of"), n))
			}
			if err != nil {
				return err
			}
		}
		text := bulk.Get(s)
		return c.String(200, fmt.Sprint(len(text), " ", text[:min(1, len(text))]))
	})
	a.handle("/keys", func(c echo.Context, s *sessionstate.State) error {
		return c.String(200, fmt.Sprint(s.Keys(), len(s.Snapshot())))
	})
	a.handle("/clear", func(c echo.Context, s *sessionstate.State) error { return errors.Join(s.Clear(), c.NoContent(204)) })
	a.handle("/remove", func(c echo.Context, s *sessionstate.State) error {
		return errors.Join(bulk.Delete(s), c.NoContent(204))
	})
	return a
}

// entries counts what a store has.
func entries(t *testing.T, s store.Scanner) int {
	t.Helper()
	n := 0
	for _, err := range s.Scan(t.Context(), "") {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	return n
}

func set(n int, of string) string { return "/bulk?n=" + strconv.Itoa(n) + "&of=" + of }

func TestSpillTakesTheLargestValues(t *testing.T) {
	t.Parallel()
	mem := newMem(t)
	s := storetest.Faulty(mem)
	a := spilling(t, sessionstate.Config{CookieMode: sessionstate.CookieModeConfig{Spill: s}})
	v := a.visitor()
	v.get(t, "/incr").wants(t, 200, "1")
	v.get(t, set(2000, "a")).wants(t, 200, "2000 a")
	if n := len(s.Calls()); n != 0 {
		t.Errorf("%d calls of the store for a session that fits", n)
	}
	v.get(t, set(20_000, "b")).wants(t, 200, "20000 b")
	if n := len(v.cookie()); n > 400 {
		t.Errorf("the cookie has %d bytes, want the small values only", n)
	}
	before := len(s.Calls())
	v.get(t, "/").wants(t, 200, "1")
	v.get(t, "/who").status(t, 200)
	if n := len(s.Calls()) - before; n != 0 {
		t.Errorf("%d calls of the store to read what is in the cookie", n)
	}
	v.get(t, "/bulk").wants(t, 200, "20000 b")
	v.get(t, "/keys").wants(t, 200, "[bulk count] 2")
	v.get(t, "/incr").wants(t, 200, "2")
	v.get(t, "/bulk").wants(t, 200, "20000 b")

	// A cookie of before has the session of before.
	old := v.clone()
	v.get(t, set(5000, "c")).wants(t, 200, "5000 c")
	v.get(t, "/incr").wants(t, 200, "3")
	old.get(t, "/bulk").wants(t, 200, "20000 b")
	old.get(t, "/").wants(t, 200, "2")

	// A new id takes all of it along, and the old one is dead.
	old = v.clone()
	for _, path := range []string{"/renew", "/login"} {
		v.get(t, path).status(t, 200)
		v.get(t, "/bulk").wants(t, 200, "5000 c")
		old.get(t, "/bulk").wants(t, 200, "4 n")
		old = v.clone()
	}
	// The store alone is worth nothing.
	for e, err := range mem.Scan(t.Context(), "") {
		if err != nil {
			t.Fatal(err)
		}
		thief := a.visitor()
		thief.jar["__Host-id"] = url.QueryEscape(e.Key[strings.LastIndexByte(e.Key, '/')+1:])
		thief.get(t, "/bulk").wants(t, 200, "4 n")
	}
	v.get(t, "/remove").status(t, 204)
	v.get(t, "/keys").wants(t, 200, "[count] 1")
	v.get(t, set(9000, "d")).wants(t, 200, "9000 d")
	v.get(t, "/clear").status(t, 204)
	v.get(t, "/keys").wants(t, 200, "[] 0")
	v.get(t, set(9000, "e")).wants(t, 200, "9000 e")
	kept := entries(t, mem)
	copied := v.clone()
	v.get(t, "/logout").status(t, 200)
	if entries(t, mem) != kept-1 {
		t.Errorf("after the logout %d entries are left of %d", entries(t, mem), kept)
	}
	copied.get(t, "/bulk").wants(t, 200, "4 n")
	v.get(t, set(1<<20, "f")).status(t, 500)
}

// A session of any size and shape comes back as it was, in a cookie that fits.
func TestASpilledCookieFits(t *testing.T) {
	t.Parallel()
	rnd := rand.New(rand.NewPCG(1, 2))
	a := newApp(t, sessionstate.Config{CookieMode: sessionstate.CookieModeConfig{Spill: newMem(t)}})
	var want map[string]string
	a.handle("/set", func(_ echo.Context, s *sessionstate.State) error {
		for name, value := range want {
			if err := sessionstate.NewKey(name, sessionstate.KeyConfig[string]{}).Set(s, value); err != nil {
				return err
			}
		}
		return nil
	})
	a.handle("/get", func(_ echo.Context, s *sessionstate.State) error {
		for name, value := range want {
			if got := sessionstate.NewKey(name, sessionstate.KeyConfig[string]{}).Get(s); got != value {
				t.Errorf("%s reads %d bytes, want %d", name, len(got), len(value))
			}
		}
		return nil
	})
	for range 200 {
		want = map[string]string{}
		for i := range rnd.IntN(40) {
			want[fmt.Sprintf("key%d", i)] = strings.Repeat("x", rnd.IntN(1<<rnd.IntN(13)))
		}
		v := a.visitor()
		v.get(t, "/set").status(t, 200)
		if n := len("__Host-id") + len(v.cookie()); n > 4096 {
			t.Errorf("the cookie takes %d bytes", n)
		}
		v.get(t, "/get").status(t, 200)
	}
}

func TestSpillLivesAsLongAsTheSession(t *testing.T) {
	t.Parallel()
	for what, wrap := range map[string]func(*memstore.Store) store.Store{
		"touched": func(m *memstore.Store) store.Store { return m },
		"written": func(m *memstore.Store) store.Store { return plain{m} },
	} {
		synctest.Test(t, func(t *testing.T) {
			mem := newMem(t)
			a := spilling(t, sessionstate.Config{CookieMode: sessionstate.CookieModeConfig{Spill: wrap(mem)}})
			v := a.visitor()
			v.get(t, set(5000, "a")).status(t, 200)
			for range 20 {
				time.Sleep(29 * time.Minute)
				v.get(t, "/").wants(t, 200, "0") // it does not look at the value
			}
			v.get(t, "/bulk").wants(t, 200, "5000 a")
			time.Sleep(32 * time.Minute)
			if n := entries(t, mem); n != 0 {
				t.Errorf("%s: %d entries outlive the session", what, n)
			}
			// Of one that is remembered for long, what was replaced goes earlier.
			v = a.visitor()
			v.get(t, "/remember")
			v.get(t, set(5000, "b")).status(t, 200)
			v.get(t, set(5000, "c")).status(t, 200)
			time.Sleep(25 * time.Hour)
			if n := entries(t, mem); n != 1 && what == "touched" {
				t.Errorf("%d entries are left, want what the session has", n)
			}
			v.get(t, "/bulk").wants(t, 200, "5000 c")
		})
	}
}

func TestASpillThatFailsOrForgets(t *testing.T) {
	t.Parallel()
	garbage := func(_ string, it store.Item) store.Item { it.Value = []byte("garbage"); return it }
	s := storetest.Faulty(newMem(t))
	a := spilling(t, sessionstate.Config{CookieMode: sessionstate.CookieModeConfig{Spill: s}})
	v := a.visitor()
	v.get(t, "/incr")
	v.get(t, "/login")
	v.get(t, set(5000, "a")).status(t, 200)

	s.Inject(storetest.Fault{Op: "get", Times: -1})
	v.get(t, "/").wants(t, 200, "1") // the cookie has that
	wants503(t, v.get(t, "/bulk"), "reading")
	wants503(t, v.get(t, "/incr"), "writing")
	copied := v.clone()
	copied.get(t, "/logout").status(t, 200) // one can leave all the same
	v.get(t, "/who").wants(t, 200, "0")
	s.Heal()

	v = a.visitor()
	v.get(t, "/incr")
	v.get(t, "/login")
	s.Inject(storetest.Fault{Op: "put", Times: -1})
	wants503(t, v.get(t, set(5000, "b")), "saving")
	s.Heal()
	v.get(t, "/who").wants(t, 200, "ada 1")
	v.get(t, set(5000, "b")).status(t, 200)

	for what, lose := range map[string]func(){
		"garbage": func() { s.Inject(storetest.Fault{Op: "get", Times: -1, Answer: garbage}) },
		"nothing": func() {
			s.Heal()
			for _, call := range s.Calls() {
				for _, key := range call.Keys {
					if err := s.Delete(t.Context(), key); err != nil {
						t.Fatal(err)
					}
				}
			}
		},
	} {
		lose()
		was := len(observe.Of[observe.StoreFailure](a.rec))
		v.get(t, "/bulk").wants(t, 200, "4 n")
		v.get(t, "/who").wants(t, 200, "ada 1") // the rest of the session is there
		if events := observe.Of[observe.StoreFailure](a.rec); len(events) == was || !strings.Contains(events[was].Err.Error(), "Config.CookieMode.Spill") {
			t.Errorf("%s: events %v, want one that names Config.CookieMode.Spill", what, events[was:])
		}
	}
	s.Heal()
	v.get(t, set(6000, "c")).wants(t, 200, "6000 c")
	v.get(t, "/bulk").wants(t, 200, "6000 c")
	// What was spilled before Spill was dropped from the config is gone, too.
	v.a = spilling(t, sessionstate.Config{})
	v.get(t, "/bulk").wants(t, 200, "4 n")
	v.get(t, "/").wants(t, 200, "1")
}

func TestSpillTakesTheValuesOfGorillaCode(t *testing.T) {
	t.Parallel()
	a := spilling(t, sessionstate.Config{CookieMode: sessionstate.CookieModeConfig{Spill: newMem(t)}})
	h := gorillaCount(gorillastate.New(a.m), "__Host-id")
	for _, path := range []string{"/g", "/read"} {
		a.Any(path, echo.WrapHandler(h))
	}
	v := a.visitor()
	v.get(t, "/g").wants(t, 200, "1 true")
	v.get(t, set(5000, "a")).status(t, 200)
	v.get(t, "/g").wants(t, 200, "2 false")
	v.get(t, "/bulk").wants(t, 200, "5000 a")
	v.get(t, "/read").wants(t, 200, "2 false")
}
