package contracts

import (
	"context"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"strconv"
	"testing"

	"github.com/gorilla/sessions"
	"github.com/labstack/echo-contrib/session"
	"github.com/labstack/echo/v4"

	"github.com/reecho-go/reecho/echov4"
	"github.com/reecho-go/reecho/observe"
	"github.com/reecho-go/reecho/sessionstate"
	"github.com/reecho-go/reecho/sessionstate/gorillastate"
	"github.com/reecho-go/reecho/store/memstore"
)

var quiet observe.Func = func(context.Context, observe.Event) {}

func newManager(t *testing.T, c sessionstate.Config) *sessionstate.Manager {
	t.Helper()
	c.Secrets = []sessionstate.Secret{{ID: "test", Key: []byte("hZ6uWqk0Jm2nT8sPx4vRb1yLd7fGc3eA")}}
	c.Observer = quiet
	m, err := sessionstate.New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = m.Close(context.Background()) }) // nothing is in flight
	return m
}

// modes runs f for cookie mode and for server mode.
func modes(t *testing.T, f func(t *testing.T, c sessionstate.Config)) {
	t.Run("cookie", func(t *testing.T) { f(t, sessionstate.Config{}) })
	t.Run("memstore", func(t *testing.T) {
		s := memstore.Must(memstore.New(memstore.Config{}))
		t.Cleanup(func() { _ = s.Close(context.Background()) })
		f(t, sessionstate.Config{Store: s})
	})
}

// What code behind the Manager asks for with Options changes no attribute of
// its cookie, but for how long the session lives.
func TestOptionsCannotWeakenTheCookie(t *testing.T) {
	modes(t, func(t *testing.T, cfg sessionstate.Config) {
		store := gorillastate.New(newManager(t, cfg))
		save := func(o sessions.Options, cookies ...*http.Cookie) *http.Cookie {
			r := httptest.NewRequest(http.MethodGet, "/", http.NoBody)
			for _, c := range cookies {
				r.AddCookie(c)
			}
			s, err := store.Get(r, "__Host-id")
			if err != nil {
				t.Fatal(err)
			}
			s.Values["key"], s.Options = "value", &o
			rec := httptest.NewRecorder()
			if err := s.Save(r, rec); err != nil {
				t.Fatal(err)
			}
			return rec.Result().Cookies()[0]
		}
		c := save(sessions.Options{Path: "/x", Domain: "example.org", MaxAge: 5, SameSite: http.SameSiteNoneMode})
		if c.Path != "/" || c.Domain != "" || !c.Secure || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.MaxAge != 5 {
			t.Errorf("the cookie is %v", c)
		}
		if gone := save(sessions.Options{MaxAge: -1}, c); gone.MaxAge >= 0 || gone.Value != "" {
			t.Errorf("a deleted session leaves %v", gone)
		}
	})
}

// The real echo-contrib/session shares the session with typed keys.
func TestEchoContribSharesTheSession(t *testing.T) {
	count := sessionstate.NewKey("count", sessionstate.KeyConfig[int]{})
	modes(t, func(t *testing.T, cfg sessionstate.Config) {
		m := newManager(t, cfg)
		e := echo.New()
		e.Use(echov4.Use(m), session.Middleware(gorillastate.New(m)))
		e.GET("/", func(c echo.Context) error {
			s, err := session.Get("__Host-id", c)
			if err != nil {
				return err
			}
			n, _ := s.Values["n"].(int)
			s.Values["n"] = n + 1
			if err := s.Save(c.Request(), c.Response()); err != nil {
				return err
			}
			ours, err := sessionstate.Incr(count, sessionstate.From(c), 1)
			if err != nil {
				return err
			}
			return c.String(http.StatusOK, strconv.Itoa(n+1)+" "+strconv.Itoa(ours))
		})
		srv := httptest.NewTLSServer(e)
		t.Cleanup(srv.Close)
		client := srv.Client()
		client.Jar, _ = cookiejar.New(nil) // never fails
		for i := range 3 {
			res, err := client.Get(srv.URL)
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(res.Body)
			res.Body.Close()
			want := strconv.Itoa(i+1) + " " + strconv.Itoa(i+1)
			if err != nil || string(body) != want {
				t.Errorf("request %d: %q, %v, want %q", i+1, body, err, want)
			}
			if n := len(res.Header["Set-Cookie"]); n > 1 {
				t.Errorf("request %d: %d cookies", i+1, n)
			}
		}
	})
}
