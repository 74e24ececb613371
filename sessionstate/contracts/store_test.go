package contracts

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"

	"github.com/gorilla/sessions"
	"github.com/labstack/echo-contrib/session"
	"github.com/labstack/echo/v4"

	"github.com/reecho-go/reecho/sessionstate"
	"github.com/reecho-go/reecho/sessionstate/gorillastate"
)

// use is what a handler does with a session: it gets it by its name, reads and
// changes it, and saves it.
type use struct {
	session string
	how     func(t *testing.T, s *sessions.Session)
}

// What code over gorilla/sessions expects of every store, behind echo-contrib's
// middleware. Each cookie makes another of the sessions the visitor's own, or none,
// and the others stand beside it.
func TestStoreKeepsWhatHandlersSave(t *testing.T) {
	cases := []struct {
		name     string
		requests [][]use
	}{
		{"a value", [][]use{
			{{"mysession", puts("key", "ok")}},
			{{"mysession", has("key", "ok")}},
		}},
		{"a deleted value", [][]use{
			{{"mysession", puts("key", "ok")}},
			{{"mysession", func(_ *testing.T, s *sessions.Session) { delete(s.Values, "key") }}},
			{{"mysession", has("key", nil)}},
		}},
		{"flashes", [][]use{
			{{"mysession", func(_ *testing.T, s *sessions.Session) { s.AddFlash("ok") }}},
			{{"mysession", takes("ok")}},
			{{"mysession", takes()}},
		}},
		{"a cleared session", [][]use{
			{{"mysession", func(t *testing.T, s *sessions.Session) {
				puts("key", "val")(t, s)
				puts("foo", "bar")(t, s)
				clear(s.Values)
			}}},
			{{"mysession", has("key", nil)}, {"mysession", has("foo", nil)}},
		}},
		{"two sessions", [][]use{
			{{"a", puts("hello", "world")}, {"b", puts("foo", "bar")}},
			{{"a", has("hello", "world")}, {"b", has("foo", "bar")}},
		}},
	}
	modes(t, func(t *testing.T, cfg sessionstate.Config) {
		for _, tt := range cases {
			for _, cookie := range []string{"mysession", "a", "__Host-id"} {
				t.Run(tt.name+"/"+cookie, func(t *testing.T) {
					cfg.Cookie.Name = cookie
					store := gorillastate.New(newManager(t, cfg))
					browser := map[string]*http.Cookie{}
					for _, uses := range tt.requests {
						for _, c := range serve(t, store, browser, uses) {
							browser[c.Name] = c
							if c.MaxAge < 0 {
								delete(browser, c.Name)
							}
						}
					}
				})
			}
		}
	})
}

// serve answers one request with those cookies, and returns those of the response.
func serve(t *testing.T, store sessions.Store, browser map[string]*http.Cookie, uses []use) []*http.Cookie {
	t.Helper()
	e := echo.New()
	e.Use(session.Middleware(store))
	e.GET("/", func(c echo.Context) error {
		for _, u := range uses {
			s, err := session.Get(u.session, c)
			if err != nil {
				return err
			}
			u.how(t, s)
			if err := s.Save(c.Request(), c.Response()); err != nil {
				return err
			}
		}
		return c.NoContent(http.StatusOK)
	})
	r := httptest.NewRequest(http.MethodGet, "/", http.NoBody)
	for _, c := range browser {
		r.AddCookie(c)
	}
	rec := httptest.NewRecorder()
	e.ServeHTTP(rec, r)
	if rec.Code != http.StatusOK {
		t.Errorf("the response is %d %s", rec.Code, rec.Body)
	}
	return rec.Result().Cookies()
}

func puts(key, value string) func(*testing.T, *sessions.Session) {
	return func(_ *testing.T, s *sessions.Session) { s.Values[key] = value }
}

func has(key string, want any) func(*testing.T, *sessions.Session) {
	return func(t *testing.T, s *sessions.Session) {
		if got := s.Values[key]; got != want {
			t.Errorf("session %s has %q = %v, want %v", s.Name(), key, got, want)
		}
	}
}

func takes(want ...any) func(*testing.T, *sessions.Session) {
	return func(t *testing.T, s *sessions.Session) {
		if got := s.Flashes(); !slices.Equal(got, want) {
			t.Errorf("the flashes are %v, want %v", got, want)
		}
	}
}
