package sessionstate_test

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/sessions"
	"github.com/labstack/echo/v4"

	"github.com/reecho-go/reecho/observe"
	"github.com/reecho-go/reecho/sessionstate"
	"github.com/reecho-go/reecho/sessionstate/gorillastate"
)

// gorillaCount is a net/http handler written for gorilla/sessions.
func gorillaCount(store sessions.Store, name string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		s, err := store.Get(r, name)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		n, _ := s.Values["n"].(int)
		switch r.URL.Path {
		case "/out":
			s.Options.MaxAge = -1
		case "/g":
			n++
			s.Values["n"] = n
		}
		if r.URL.Path != "/read" {
			if err := s.Save(r, w); err != nil {
				http.Error(w, err.Error(), http.StatusInternalServerError)
				return
			}
		}
		fmt.Fprint(w, n, s.IsNew)
	}
}

func TestGorillaCodeSharesTheSession(t *testing.T) {
	t.Parallel()
	modes(t, func(t *testing.T, cfg sessionstate.Config) {
		a := newVisit(t, cfg)
		h := gorillaCount(gorillastate.New(a.m), "__Host-id")
		for _, path := range []string{"/g", "/read", "/out", "/same"} {
			a.Any(path, echo.WrapHandler(h))
		}
		v := a.visitor()
		v.get(t, "/g").wants(t, 200, "1 true")
		v.get(t, "/incr").wants(t, 200, "1")
		r := v.get(t, "/g")
		r.wants(t, 200, "2 false")
		v.get(t, "/incr").wants(t, 200, "2")
		v.get(t, "/login")
		v.get(t, "/read").wants(t, 200, "2 false")
		if r := v.get(t, "/same"); len(r.Header["Set-Cookie"]) != 0 {
			t.Error("saving the same values sets a cookie")
		}
		v.get(t, "/who").wants(t, 200, "ada 2")
		copied := v.clone()
		v.get(t, "/out").status(t, 200)
		if v.cookie() != "" {
			t.Error("MaxAge < 0 has left the cookie")
		}
		copied.get(t, "/read").wants(t, 200, "0 true")
		copied.get(t, "/who").wants(t, 200, "0")
	})
}

func TestGorillaWithoutOurMiddlewareReadsOurCookiesAndWeReadIts(t *testing.T) {
	t.Parallel()
	modes(t, func(t *testing.T, cfg sessionstate.Config) {
		a := newVisit(t, cfg)
		h := gorillaCount(gorillastate.New(a.m), "__Host-id")
		a.Any("/read", echo.WrapHandler(h))
		plain := func(v *visitor, path string) reply {
			rec := httptest.NewRecorder()
			h.ServeHTTP(rec, v.request(path))
			return v.take(t, rec.Result())
		}
		v := a.visitor()
		v.get(t, "/incr").wants(t, 200, "1")
		plain(v, "/g").wants(t, 200, "1 false")
		plain(v, "/g").wants(t, 200, "2 false")
		v.get(t, "/").wants(t, 200, "1")
		v.get(t, "/read").wants(t, 200, "2 false")
		w := a.visitor()
		plain(w, "/g").wants(t, 200, "1 true")
		w.get(t, "/incr").wants(t, 200, "1")
		plain(w, "/read").wants(t, 200, "1 false")
		copied := w.clone()
		plain(w, "/out").status(t, 200)
		copied.get(t, "/").wants(t, 200, "0")
		plain(copied, "/read").wants(t, 200, "0 true")
	})
}

func TestGorillaSavesTwiceIntoOneSession(t *testing.T) {
	t.Parallel()
	modes(t, func(t *testing.T, cfg sessionstate.Config) {
		a := newVisit(t, cfg)
		r, rec := a.visitor().request("/"), httptest.NewRecorder()
		for i := range 3 {
			s, err := gorillastate.New(a.m).Get(r, "__Host-id")
			if err != nil {
				t.Fatal(err)
			}
			s.Values["n"] = i
			if err := s.Save(r, rec); err != nil {
				t.Fatal(err)
			}
		}
		if n := len(rec.Header()["Set-Cookie"]); n != 1 {
			t.Errorf("%d cookies are set, want 1", n)
		}
		created := 0
		for _, action := range a.actions() {
			if action == observe.SessionCreated {
				created++
			}
		}
		if created != 1 {
			t.Errorf("%d sessions were made, want 1", created)
		}
	})
}

func TestGorillaSessionsOfOtherNames(t *testing.T) {
	t.Parallel()
	otherNames := func(t *testing.T, cfg sessionstate.Config) {
		a := newVisit(t, cfg)
		h := gorillaCount(gorillastate.New(a.m), "_gothic_session")
		for _, path := range []string{"/g", "/read", "/out"} {
			a.Any(path, echo.WrapHandler(h))
		}
		v := a.visitor()
		v.get(t, "/g").wants(t, 200, "1 true")
		v.get(t, "/g").wants(t, 200, "2 false")
		v.get(t, "/").wants(t, 200, "0")
		raw, err := base64.RawURLEncoding.DecodeString(v.jar["_gothic_session"])
		if err != nil || len(raw) < 60 {
			t.Fatalf("cookie = %q", v.jar["_gothic_session"])
		}
		copied := v.clone()
		r := v.get(t, "/out")
		if line := strings.Join(r.Header["Set-Cookie"], "\n"); !strings.HasPrefix(line, "_gothic_session=;") {
			t.Errorf("deleting sends %q, want an empty cookie", line)
		}
		v.get(t, "/read").wants(t, 200, "0 true")
		copied.get(t, "/read").wants(t, 200, "0 true")
		copied.jar["_gothic_session"] = "junk"
		copied.get(t, "/read").wants(t, 200, "0 true")
	}
	modes(t, otherNames)
	t.Run("third party", func(t *testing.T) {
		t.Parallel()
		otherNames(t, sessionstate.Config{Foreign: gorillastate.KeepIn(sessions.NewFilesystemStore(t.TempDir(), gorillaKey))})
	})
}

func TestGorillaValuesThatDoNotFitFailAtSave(t *testing.T) {
	t.Parallel()
	a := newVisit(t, sessionstate.Config{})
	for _, name := range []string{"__Host-id", "other"} {
		r, rec := a.visitor().request("/"), httptest.NewRecorder()
		s, err := gorillastate.New(a.m).Get(r, name)
		if err != nil {
			t.Fatal(err)
		}
		s.Values["big"] = strings.Repeat("x", 4000)
		if err := s.Save(r, rec); err == nil || len(rec.Header()["Set-Cookie"]) != 0 {
			t.Errorf("%s: Save() = %v, want it refused", name, err)
		}
		s.Values["big"] = make(chan int)
		if err := s.Save(r, rec); err == nil || len(rec.Header()["Set-Cookie"]) != 0 {
			t.Errorf("%s: Save() of a channel = %v, want it refused", name, err)
		}
	}
}

func TestGorillaTimesOutToo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := newVisit(t, sessionstate.Config{Idle: time.Minute})
		h := gorillaCount(gorillastate.New(a.m), "other")
		a.Any("/g", echo.WrapHandler(h))
		v := a.visitor()
		v.get(t, "/g").wants(t, 200, "1 true")
		time.Sleep(59 * time.Second)
		v.get(t, "/g").wants(t, 200, "2 false")
		time.Sleep(61 * time.Second)
		v.get(t, "/g").wants(t, 200, "1 true")
	})
}

// Gorilla code says how long its sessions live by Options.MaxAge.
func TestOptionsOfGorillaCodeSayHowLongASessionLives(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"cookie", "memstore"} {
		synctest.Test(t, func(t *testing.T) {
			var cfg sessionstate.Config
			if mode == "memstore" {
				cfg.Store = newMem(t)
			}
			a := newVisit(t, cfg)
			for path, maxAge := range map[string]int{"/none": 0, "/week": 7 * 86400, "/month": 30 * 86400} {
				a.Any(path, echo.WrapHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					s, err := gorillastate.New(a.m).Get(r, "__Host-id")
					if err == nil {
						s.Values["user"], s.Options.MaxAge = "ada", maxAge
						err = s.Save(r, w)
					}
					if err != nil {
						t.Error(err)
					}
				})))
			}
			const week = 7 * 24 * time.Hour
			v := a.visitor()
			if c := sessionCookie(t, v.get(t, "/week"), "__Host-id"); c.MaxAge != 7*86400 {
				t.Errorf("Max-Age = %d, want a week", c.MaxAge)
			}
			time.Sleep(week / 20)
			if r := v.get(t, "/week"); len(r.Header["Set-Cookie"]) != 0 {
				t.Error("saving the same values a little later sets a cookie")
			}
			time.Sleep(week / 2)
			v.get(t, "/week").status(t, 200) // the week begins again
			v.get(t, "/none").status(t, 200) // 0 has no say
			time.Sleep(week - time.Hour)
			v.get(t, "/incr").wants(t, 200, "1")
			time.Sleep(2 * time.Hour)
			v.get(t, "/incr").wants(t, 200, "1") // it was over
			v.get(t, "/month").status(t, 200)
			v.get(t, "/week").status(t, 200) // shorter counts too
			time.Sleep(week + time.Hour)
			v.get(t, "/").wants(t, 200, "0")

			v.get(t, "/login").status(t, 200)
			if r := v.get(t, "/month"); strings.Contains(fmt.Sprint(r.Header["Set-Cookie"]), "Max-Age") {
				t.Error("gorilla code prolongs a login")
			}
			time.Sleep(time.Hour)
			v.get(t, "/who").wants(t, 200, "0")
		})
	}
}
