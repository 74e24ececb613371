package sessionstate_test

import (
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
	"github.com/reecho-go/reecho/store/storetest"
)

// keepers runs f with each place where sessions can live. The config's cookie is
// named "app"; born makes a visitor who has a session there.
func keepers(t *testing.T, f func(t *testing.T, cfg sessionstate.Config, born func(t *testing.T, a *app) *visitor)) {
	cookie := sessionstate.CookieConfig{Name: "app"}
	incr := func(t *testing.T, a *app) *visitor {
		v := a.visitor()
		v.get(t, "/incr").wants(t, 200, "1")
		return v
	}
	t.Run("cookie", func(t *testing.T) {
		t.Parallel()
		f(t, sessionstate.Config{Cookie: cookie}, incr)
	})
	t.Run("store", func(t *testing.T) {
		t.Parallel()
		f(t, sessionstate.Config{Cookie: cookie, Store: newMem(t)}, incr)
	})
	t.Run("spill", func(t *testing.T) {
		t.Parallel()
		f(t, sessionstate.Config{Cookie: cookie, CookieMode: sessionstate.CookieModeConfig{Spill: newMem(t)}}, func(t *testing.T, a *app) *visitor {
			v := incr(t, a)
			v.get(t, "/name?n="+strings.Repeat("n", 5000)).status(t, 200)
			return v
		})
	})
	t.Run("legacy", func(t *testing.T) {
		t.Parallel()
		before := sessions.NewCookieStore(gorillaKey)
		cfg := sessionstate.Config{Cookie: cookie, CookieMode: sessionstate.CookieModeConfig{Foreign: takenOver(before, time.Now().Add(1000*time.Hour))}}
		f(t, cfg, func(t *testing.T, a *app) *visitor { return bornBefore(t, a, before) })
	})
	for name, third := range map[string]sessions.Store{
		"third-party cookies": sessions.NewCookieStore(gorillaKey),
		"third-party files":   sessions.NewFilesystemStore(t.TempDir(), gorillaKey),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := sessionstate.Config{Cookie: cookie, CookieMode: sessionstate.CookieModeConfig{Foreign: gorillastate.KeepIn(third)}}
			f(t, cfg, incr)
		})
		t.Run(name+" of before", func(t *testing.T) {
			t.Parallel()
			cfg := sessionstate.Config{Cookie: cookie, CookieMode: sessionstate.CookieModeConfig{Foreign: gorillastate.KeepIn(third)}}
			f(t, cfg, func(t *testing.T, a *app) *visitor { return bornBefore(t, a, third) })
		})
	}
}

// bornBefore is a visitor with the cookie of an app on gorilla/sessions.
func bornBefore(t *testing.T, a *app, store sessions.Store) *visitor {
	t.Helper()
	before := httptest.NewRecorder()
	gorillaCount(store, "app")(before, httptest.NewRequest(http.MethodGet, "/g", http.NoBody))
	v := a.visitor()
	v.take(t, before.Result())
	return v
}

// endApp has a route that tells whose session it is, and one whose logout lets
// others go first.
func endApp(t *testing.T, cfg sessionstate.Config) (a *app, meanwhile *func()) {
	a = userApp(t, cfg)
	meanwhile = new(func())
	a.handle("/state", func(c echo.Context, s *sessionstate.State) error {
		if err := s.Err(); err != nil {
			return err
		}
		return c.String(200, fmt.Sprint(!s.IsNew()))
	})
	a.handle("/name", func(c echo.Context, s *sessionstate.State) error { return name.Set(s, c.QueryParam("n")) })
	a.handle("/overtaken", func(_ echo.Context, s *sessionstate.State) error {
		if err := s.Err(); err != nil {
			return err
		}
		(*meanwhile)()
		return s.Destroy()
	})
	return a, meanwhile
}

func TestALogoutThatWasOvertakenEndsTheNewIDOrSaysThatItDidNot(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"/renew", "/as?u=ada"} {
		for _, user := range []string{"", "ada", "bob"} {
			t.Run(path+" of "+user, func(t *testing.T) {
				t.Parallel()
				keepers(t, func(t *testing.T, cfg sessionstate.Config, born func(t *testing.T, a *app) *visitor) {
					a, meanwhile := endApp(t, cfg)
					v := born(t, a)
					if user != "" {
						v.get(t, "/as?u="+user).status(t, 204)
					}
					other := v.clone()
					*meanwhile = func() {
						r := other.get(t, path)
						if r.StatusCode > 299 || r.setCookies("app") == 0 {
							t.Fatalf("%s: %d, %d cookies", path, r.StatusCode, r.setCookies("app"))
						}
					}
					r := v.get(t, "/overtaken")
					switch r.StatusCode {
					case http.StatusOK:
					case http.StatusServiceUnavailable:
						if r.setCookies("app") > 0 {
							t.Error("the logout failed, and the browser has lost its cookie")
						}
						if cfg.Store != nil {
							t.Error("the store names the new id, and the logout did not follow")
						}
						other.get(t, "/state").wants(t, 200, "true")
						other.clone().get(t, "/logout").status(t, 200)
					default:
						t.Fatalf("status %d", r.StatusCode)
					}
					for _, copied := range []*visitor{v, other} {
						copied.get(t, "/state").wants(t, 200, "false")
					}
				})
			})
		}
	}
}

func TestALogoutInAServersStoreFollowsEveryRenewal(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for _, test := range []struct {
			name  string
			after time.Duration
			paths []string
			want  int
		}{
			{name: "several", paths: []string{"/renew", "/as?u=bob", "/renew"}, want: 200},
			{name: "by time in between", after: 11 * time.Second, paths: []string{"/renew", "/incr", "/incr", "/as?u=bob", "/incr"}, want: 200},
			{name: "long ago", after: 2 * time.Minute, paths: []string{"/renew", "/who"}, want: 503},
		} {
			a, meanwhile := endApp(t, sessionstate.Config{Cookie: sessionstate.CookieConfig{Name: "app"}, Store: newMem(t), Lifetime: sessionstate.LifetimeConfig{RenewEvery: 15 * time.Second}})
			v := a.login(t, "ada")
			other := v.clone()
			*meanwhile = func() {
				for _, path := range test.paths {
					if r := other.get(t, path); r.StatusCode > 299 {
						t.Errorf("%s: %s: %d", test.name, path, r.StatusCode)
					}
					time.Sleep(test.after)
				}
			}
			v.get(t, "/overtaken").status(t, test.want)
			if test.want == 200 {
				other.get(t, "/state").wants(t, 200, "false")
			} else {
				other.get(t, "/logout").status(t, 200)
			}
			for _, user := range []string{"ada", "bob"} {
				if list := a.list(t, user); len(list) != 0 {
					t.Errorf("%s: %s has %+v", test.name, user, list)
				}
			}
		}
	})
}

func TestALegacyCookieStaysEndedHoweverItIsSpelled(t *testing.T) {
	t.Parallel()
	for name, cfg := range map[string]func(store *sessions.CookieStore) sessionstate.Config{
		"Legacy": func(store *sessions.CookieStore) sessionstate.Config {
			return sessionstate.Config{CookieMode: sessionstate.CookieModeConfig{Foreign: takenOver(store, time.Now().Add(time.Hour))}}
		},
		"Gorilla": func(store *sessions.CookieStore) sessionstate.Config {
			return sessionstate.Config{CookieMode: sessionstate.CookieModeConfig{Foreign: gorillastate.KeepIn(store)}}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			respelled := 0
			for pad := range 6 { // of different lengths
				store := sessions.NewCookieStore(gorillaKey)
				c := cfg(store)
				c.Cookie.Name = "app"
				a, _ := endApp(t, c)
				before := httptest.NewRecorder()
				gorillaSet(store, "app", strings.Repeat("x", pad))(before, httptest.NewRequest(http.MethodGet, "/", http.NoBody))
				v := a.visitor()
				v.take(t, before.Result())
				value := v.jar["app"]
				v.clone().get(t, "/state").wants(t, 200, "true")
				v.get(t, "/logout").status(t, 200)
				for _, spelling := range spellings(value) {
					req := httptest.NewRequest(http.MethodGet, "/state", http.NoBody)
					req.Header.Set("Cookie", "app="+spelling)
					a.visitor().do(t, req).wants(t, 200, "false")
					if session, err := store.New(req, "app"); err == nil && !session.IsNew && spelling != value {
						respelled++
					}
				}
			}
			if respelled == 0 {
				t.Error("gorilla believes no other spelling: this test shows nothing")
			}
		})
	}
}

// spellings are variants of a value of base64, with quotes and with other last
// characters.
func spellings(value string) []string {
	all := []string{value, `"` + value + `"`, value + "=", strings.TrimRight(value, "="), value + " "}
	end := strings.TrimRight(value, "=")
	for _, c := range "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_" {
		all = append(all, end[:len(end)-1]+string(c)+value[len(end):])
	}
	return all
}

// gorillaSet saves one value.
func gorillaSet(store sessions.Store, name, value string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		session, _ := store.Get(r, name)
		session.Values["v"] = value
		_ = session.Save(r, w)
	}
}

func TestALogoutThatFailsLeavesTheBrowserItsCookies(t *testing.T) {
	t.Parallel()
	faultyModes(t, func(t *testing.T, cfg sessionstate.Config, s *storetest.FaultyStore) {
		a := newVisit(t, cfg)
		one, two := a.visitor(), a.visitor()
		one.get(t, "/incr")
		two.get(t, "/incr")
		twice := func() *http.Request { // a browser with cookies of two paths
			r := one.request("/logout")
			r.AddCookie(&http.Cookie{Name: "__Host-id", Value: two.cookie()})
			return r
		}
		v := a.visitor()
		s.Inject(storetest.Fault{Op: "swap", After: 1, Times: -1}) // the first is ended, the second is not
		r := v.do(t, twice())
		wants503(t, r, "the second session cannot be ended")
		if n := r.setCookies("__Host-id"); n != 0 {
			t.Errorf("%d cookies are set: the browser forgets the session that lives", n)
		}
		s.Heal()
		r = v.do(t, twice())
		r.status(t, 200)
		if n := r.setCookies("__Host-id"); n != 1 {
			t.Errorf("after the logout %d cookies are set, want the one that deletes", n)
		}
		for _, w := range []*visitor{one, two} {
			w.get(t, "/").wants(t, 200, "0")
		}
	})
}

func TestAResponseDoesNotSayThatNothingWasChangedWhenThatIsNotKnown(t *testing.T) {
	t.Parallel()
	faultyModes(t, func(t *testing.T, cfg sessionstate.Config, s *storetest.FaultyStore) {
		a := newVisit(t, cfg)
		for _, path := range []string{"/logout", "/login", "/renew", "/incr"} {
			v := a.visitor()
			v.get(t, "/incr")
			s.Inject(storetest.Fault{Op: "swap", Times: -1, Lost: true}, storetest.Fault{Op: "put", Times: -1, Lost: true})
			if r := v.get(t, path); r.StatusCode == http.StatusServiceUnavailable && strings.Contains(r.body, "othing was") {
				t.Errorf("%s: %s", path, r.body)
			}
			s.Heal()
		}
	})
}

func TestALogoutThatAPanicCutsShortIsALogout(t *testing.T) {
	t.Parallel()
	keepers(t, func(t *testing.T, cfg sessionstate.Config, born func(t *testing.T, a *app) *visitor) {
		a, _ := endApp(t, cfg)
		var cause any
		a.handle("/abort", func(_ echo.Context, s *sessionstate.State) error {
			if err := s.Destroy(); err != nil {
				return err
			}
			panic(cause)
		})
		for _, cause = range []any{http.ErrAbortHandler, "a bug"} {
			v := born(t, a)
			v.get(t, "/as?u=ada").status(t, 204)
			func() {
				defer func() {
					if recover() == nil {
						t.Error("the panic did not go on")
					}
				}()
				v.clone().get(t, "/abort")
			}()
			v.get(t, "/state").wants(t, 200, "false")
		}
		ends := 0
		for _, action := range a.actions() {
			if action == observe.SessionDestroyed {
				ends++
			}
		}
		if ends != 2 {
			t.Errorf("%d sessions were destroyed, want 2", ends)
		}
	})
}

func TestJunkCookiesOfTheNameHideNothing(t *testing.T) {
	t.Parallel()
	keepers(t, func(t *testing.T, cfg sessionstate.Config, born func(t *testing.T, a *app) *visitor) {
		a, _ := endApp(t, cfg)
		v := born(t, a)
		v.get(t, "/as?u=ada").status(t, 204)
		dead := a.login(t, "mallory")
		copied := dead.clone()
		dead.get(t, "/logout").status(t, 200)
		for what, junk := range map[string]string{"junk": "junk", "a session that has ended": copied.jar["app"]} {
			r := httptest.NewRequest(http.MethodGet, "/who", http.NoBody)
			for range 30 {
				r.AddCookie(&http.Cookie{Name: "app", Value: junk})
			}
			r.AddCookie(&http.Cookie{Name: "app", Value: v.jar["app"]})
			was := len(a.rec.Events())
			if got := v.clone().do(t, r).body; !strings.HasPrefix(got, "ada ") {
				t.Errorf("behind 30 cookies with %s: %q", what, got)
			}
			if n := len(a.rec.Events()) - was; n > 12 {
				t.Errorf("%s: %d events for one request", what, n)
			}
		}
	})
}

func TestASessionOfAnotherNameEndsWithAllItsCopiesWhateverTheCodeDoesToValues(t *testing.T) {
	t.Parallel()
	for what, forget := range map[string]func(s *sessions.Session){
		"nothing":         func(*sessions.Session) {},
		"replaces Values": func(s *sessions.Session) { s.Values = make(map[any]any) },
		"empties Values":  func(s *sessions.Session) { clear(s.Values) },
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			a := newVisit(t, sessionstate.Config{})
			user := gorillaRoutes(t, a, "other", map[string]func(s *sessions.Session){
				"/in":   func(s *sessions.Session) { s.Values["user"] = "ada" },
				"/anew": func(s *sessions.Session) { forget(s); s.Values["user"] = "bob" },
				"/out":  func(s *sessions.Session) { forget(s); s.Options.MaxAge = -1 },
			})
			v := a.visitor()
			v.get(t, "/in")
			first := v.clone()
			v.get(t, "/anew")
			second := v.clone()
			v.get(t, "/out")
			for name, copied := range map[string]*visitor{"the first": first, "the second": second} {
				if copied.get(t, "/ask"); *user != nil {
					t.Errorf("code that %s: %s copy is still that of %v", what, name, *user)
				}
			}
		})
	}
}

// gorillaRoutes are routes of code that was written for gorilla/sessions, each of
// which does something to a session of one name and saves it.
func gorillaRoutes(t *testing.T, a *app, cookie string, routes map[string]func(s *sessions.Session)) (user *any) {
	user = new(any)
	for path, f := range routes {
		a.Any(path, echo.WrapHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			s, err := gorillastate.New(a.m).Get(r, cookie)
			if err != nil {
				t.Error(err)
			}
			f(s)
			if err := s.Save(r, w); err != nil {
				http.Error(w, err.Error(), http.StatusInternalServerError)
			}
		})))
	}
	a.Any("/ask", echo.WrapHandler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		s, _ := gorillastate.New(a.m).Get(r, cookie)
		*user = s.Values["user"]
	})))
	return user
}

// A browser that has not heard of the logout can log in again.
func TestALostReplyAtTheLogoutOfASessionOfAnotherNameLocksNobodyOut(t *testing.T) {
	t.Parallel()
	a := newVisit(t, sessionstate.Config{})
	user := gorillaRoutes(t, a, "other", map[string]func(s *sessions.Session){
		"/in":  func(s *sessions.Session) { s.Values["user"] = "ada" },
		"/out": func(s *sessions.Session) { s.Options.MaxAge = -1 },
	})
	v := a.visitor()
	v.get(t, "/in").status(t, 200)
	v.clone().get(t, "/out").status(t, 200)
	if v.get(t, "/ask"); *user != nil {
		t.Fatalf("after the logout: %v", *user)
	}
	v.get(t, "/in").status(t, 200)
	if v.get(t, "/ask"); *user != "ada" {
		t.Errorf("after the next login: %v, want ada", *user)
	}
}

// Gorilla code gives a session a longer life and leaves it its id: a logout by an
// older copy of its cookie ends the newer ones until their end.
func TestALogoutByAnOlderCopyOutlastsTheNewerOnes(t *testing.T) {
	t.Parallel()
	for _, cookie := range []string{"__Host-id", "other"} {
		synctest.Test(t, func(t *testing.T) {
			a := newVisit(t, sessionstate.Config{})
			const month = 30 * 24 * time.Hour
			user := gorillaRoutes(t, a, cookie, map[string]func(s *sessions.Session){
				"/begin": func(s *sessions.Session) { s.Values["user"] = "nobody" },
				"/in":    func(s *sessions.Session) { s.Values["user"], s.Options.MaxAge = "ada", int(month/time.Second) },
				"/out":   func(s *sessions.Session) { s.Options.MaxAge = -1 },
			})
			v := a.visitor()
			v.get(t, "/begin").status(t, 200)
			older := v.clone()
			v.get(t, "/in").status(t, 200)
			older.get(t, "/out").status(t, 200)
			for _, later := range []time.Duration{0, time.Hour, 25 * time.Hour, month - 27*time.Hour} {
				time.Sleep(later)
				if v.clone().get(t, "/ask"); *user != nil {
					t.Errorf("%s: %v after the logout the session is that of %v", cookie, later, *user)
				}
			}
		})
	}
}

// How long a third-party store believes a cookie, Options.MaxAge does not say.
func TestALogoutEndsTheCookieOfAThirdPartyStoreForGood(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		third := sessions.NewCookieStore(gorillaKey)
		third.Options.MaxAge = 0 // until the browser is closed; the codec believes it for 30 days
		a, _ := endApp(t, sessionstate.Config{Cookie: sessionstate.CookieConfig{Name: "app"}, CookieMode: sessionstate.CookieModeConfig{Foreign: gorillastate.KeepIn(third)}})
		v := bornBefore(t, a, third)
		copied := v.clone()
		v.get(t, "/logout").status(t, 200)
		for _, later := range []time.Duration{0, time.Hour, 24 * time.Hour, 28 * 24 * time.Hour} {
			time.Sleep(later)
			copied.clone().get(t, "/state").wants(t, 200, "false")
		}
	})
}

// Other hosts of the domain can set cookies of the name, which come first.
func TestJunkCookiesHideNoSessionOfAnotherName(t *testing.T) {
	t.Parallel()
	old := sessions.NewCookieStore(gorillaKey)
	for what, cfg := range map[string]sessionstate.Config{
		"ours":          {},
		"of before":     {CookieMode: sessionstate.CookieModeConfig{Foreign: takenOver(old, time.Now().Add(time.Hour))}},
		"a third party": {CookieMode: sessionstate.CookieModeConfig{Foreign: gorillastate.KeepIn(old)}},
	} {
		a := newVisit(t, cfg)
		user := gorillaRoutes(t, a, "other", map[string]func(s *sessions.Session){
			"/in":  func(s *sessions.Session) { s.Values["user"] = "ada" },
			"/out": func(s *sessions.Session) { s.Options.MaxAge = -1 },
		})
		v := a.visitor()
		if what == "ours" {
			v.get(t, "/in").status(t, 200)
		} else {
			before := httptest.NewRecorder()
			r := httptest.NewRequest(http.MethodGet, "/", http.NoBody)
			session, err := old.New(r, "other")
			if err != nil {
				t.Fatal(err)
			}
			session.Values["user"] = "ada"
			if err := session.Save(r, before); err != nil {
				t.Fatal(err)
			}
			v.take(t, before.Result())
		}
		dead := a.visitor()
		dead.get(t, "/in").status(t, 200)
		ended := dead.jar["other"]
		dead.get(t, "/out").status(t, 200)
		kept := v.jar["other"]
		behind := func(path string) reply {
			r := httptest.NewRequest(http.MethodGet, path, http.NoBody)
			for _, value := range []string{"junk", ended, "", strings.Repeat("A", 200), kept} {
				r.AddCookie(&http.Cookie{Name: "other", Value: value})
			}
			return a.visitor().do(t, r)
		}
		if behind("/ask"); *user != "ada" {
			t.Errorf("%s: behind junk: %v, want ada", what, *user)
		}
		behind("/out").status(t, 200)
		if v.get(t, "/ask"); *user != nil {
			t.Errorf("%s: after a logout behind junk: %v", what, *user)
		}
	}
}

// An empty cookie, as some code deletes them, is no session that all who have one
// share.
func TestAnEmptyCookieIsNoSession(t *testing.T) {
	t.Parallel()
	keepers(t, func(t *testing.T, cfg sessionstate.Config, _ func(t *testing.T, a *app) *visitor) {
		a, _ := endApp(t, cfg)
		handles := make(map[string]bool)
		empty := []string{"app=", "app=", `app=""`, `app=""`}
		for _, cookie := range empty {
			v := a.visitor()
			ask := func(path string) reply {
				r := v.request(path)
				r.Header.Set("Cookie", cookie)
				return v.do(t, r)
			}
			ask("/state").wants(t, 200, "false")
			ask("/incr").wants(t, 200, "1")
			handles[v.get(t, "/handle").body] = true
		}
		if len(handles) != len(empty) {
			t.Errorf("%d visitors with empty cookies have %d sessions", len(empty), len(handles))
		}
	})
}
