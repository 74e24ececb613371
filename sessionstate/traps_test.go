package sessionstate_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gorilla/sessions"
	"github.com/labstack/echo/v4"

	"github.com/reecho-go/reecho/middleware"
	"github.com/reecho-go/reecho/sessionstate"
	"github.com/reecho-go/reecho/sessionstate/gorillastate"
)

// What trips users of gorilla/sessions, gorilla/securecookie and echo must not
// reach ours: copies of a request with sessions of their own, two stores that get
// one session for one name, a bad cookie that is an error for ever, a Save after
// the first byte that is lost without an error, contexts that are used again.

func TestTheSessionPassesCopiedRequestsAndWrappedMiddlewares(t *testing.T) {
	t.Parallel()
	around := map[string]echo.MiddlewareFunc{
		"copied request": func(next echo.HandlerFunc) echo.HandlerFunc {
			return func(c echo.Context) error {
				c.SetRequest(c.Request().Clone(c.Request().Context()))
				return next(c)
			}
		},
		"echo.WrapMiddleware": echo.WrapMiddleware(func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				next.ServeHTTP(struct{ http.ResponseWriter }{w}, r.Clone(r.Context()))
			})
		}),
	}
	modes(t, func(t *testing.T, cfg sessionstate.Config) {
		for what, mw := range around {
			a := newApp(t, cfg)
			a.Use(func(next echo.HandlerFunc) echo.HandlerFunc {
				return func(c echo.Context) error {
					if _, err := sessionstate.Incr(count, sessionstate.From(c), 1); err != nil {
						return err
					}
					before, err := gorillastate.New(a.m).Get(c.Request(), "__Host-id")
					if err != nil {
						return err
					}
					before.Values["outside"] = "kept"
					if err := before.Save(c.Request(), c.Response()); err != nil {
						return err
					}
					return next(c)
				}
			}, mw)
			a.handle("/", func(c echo.Context, s *sessionstate.State) error {
				inside, err := gorillastate.New(a.m).Get(c.Request(), "__Host-id")
				if err != nil || inside.Values["outside"] != "kept" {
					t.Errorf("%s: the handler finds %v, %v", what, inside.Values, err)
				}
				return incr(c, s)
			})
			a.handle("/fails", func(echo.Context, *sessionstate.State) error { return echo.ErrTeapot })
			v := a.visitor()
			v.get(t, "/").wants(t, 200, "2")
			v.get(t, "/fails").status(t, 418)
			v.get(t, "/").wants(t, 200, "5")
		}
	})
}

func TestAnotherStoresSessionOfTheSameNameIsRefused(t *testing.T) {
	t.Parallel()
	modes(t, func(t *testing.T, cfg sessionstate.Config) {
		a, other := newApp(t, cfg), newApp(t, cfg)
		for _, name := range []string{"__Host-id", "another"} {
			for what, theirs := range map[string]sessions.Store{"a CookieStore": sessions.NewCookieStore(gorillaKey), "another Manager": gorillastate.New(other.m)} {
				r := a.visitor().request("/")
				if _, err := theirs.Get(r, name); err != nil {
					t.Fatal(err)
				}
				if s, err := gorillastate.New(a.m).Get(r, name); err == nil || !strings.Contains(err.Error(), name) {
					t.Errorf("%s has opened %q before: %v, %v, want an error that names it", what, name, s, err)
				}
			}
		}
	})
}

func TestABadCookieIsANewSessionAndNoError(t *testing.T) {
	t.Parallel()
	modes(t, func(t *testing.T, cfg sessionstate.Config) {
		a := newApp(t, cfg)
		for _, name := range []string{"__Host-id", "another"} {
			for _, value := range []string{"junk", "", strings.Repeat("A", 5000)} {
				v := a.visitor()
				v.jar[name] = value
				for range 2 { // and not for ever: the first answer mends it
					r, rec := v.request("/"), httptest.NewRecorder()
					s, err := gorillastate.New(a.m).Get(r, name)
					if err != nil || s == nil {
						t.Fatalf("%s=%.9q: %v, %v, want a session", name, value, s, err)
					}
					s.Values["k"] = 1
					if err := s.Save(r, rec); err != nil {
						t.Fatalf("%s=%.9q: %v", name, value, err)
					}
					v.take(t, rec.Result())
				}
				s, err := gorillastate.New(a.m).Get(v.request("/"), name)
				if err != nil || s.IsNew || s.Values["k"] != 1 {
					t.Errorf("%s=%.9q: then %+v, %v", name, value, s, err)
				}
			}
		}
	})
}

func TestSaveAfterTheFirstByteFails(t *testing.T) {
	t.Parallel()
	modes(t, func(t *testing.T, cfg sessionstate.Config) {
		for _, name := range []string{"__Host-id", "another"} {
			a := newApp(t, cfg)
			a.GET("/", func(c echo.Context) error {
				s, err := gorillastate.New(a.m).Get(c.Request(), name)
				if err != nil {
					return err
				}
				if err := c.String(http.StatusOK, "first byte"); err != nil {
					return err
				}
				for _, age := range []int{0, -1} {
					s.Values["k"], s.Options.MaxAge = 1, age
					if err := s.Save(c.Request(), c.Response()); !errors.Is(err, middleware.ErrCommitted) {
						t.Errorf("%s: Save() with MaxAge %d = %v, want ErrCommitted", name, age, err)
					}
				}
				return nil
			})
			a.visitor().get(t, "/").wants(t, 200, "first byte")
		}
	})
}

// echo.Contexts and their requests' memory are used again: a State that is kept
// for too long must never show the next visitor's session.
func TestAStateThatIsKeptShowsNobodyElse(t *testing.T) {
	t.Parallel()
	modes(t, func(t *testing.T, cfg sessionstate.Config) {
		a := newApp(t, cfg)
		var kept []*sessionstate.State
		a.handle("/", func(c echo.Context, s *sessionstate.State) error {
			kept = append(kept, s)
			if err := name.Set(s, c.QueryParam("n")); err != nil {
				return err
			}
			return c.NoContent(http.StatusNoContent)
		})
		for i := range 50 {
			a.visitor().get(t, fmt.Sprintf("/?n=%d", i)).status(t, 204)
		}
		for i, s := range kept {
			if got := name.Get(s); got != fmt.Sprint(i) {
				t.Errorf("the state of request %d now reads %q", i, got)
			}
			if err := name.Set(s, "late"); !errors.Is(err, middleware.ErrCommitted) {
				t.Errorf("the state of request %d can still be changed: %v", i, err)
			}
		}
	})
}
