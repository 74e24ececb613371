package contracts

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/labstack/echo/v4"
	"github.com/markbates/goth"
	"github.com/markbates/goth/gothic"
	"github.com/markbates/goth/providers/faux"

	"github.com/reecho-go/reecho/echov4"
	"github.com/reecho-go/reecho/sessionstate"
	"github.com/reecho-go/reecho/sessionstate/gorillastate"
)

// The real gothic, with the Manager as its store, keeps what it has to remember
// of a login at another site in a cookie of its own, and the user ends up in the
// visitor's session. gothic.Store is a global variable: no other test may set it.
func TestGothicLogsInThroughTheManager(t *testing.T) {
	goth.UseProviders(new(faux.Provider))
	before := gothic.Store
	t.Cleanup(func() { gothic.Store = before })
	modes(t, func(t *testing.T, cfg sessionstate.Config) {
		m := newManager(t, cfg)
		gothic.Store = gorillastate.New(m)
		e := echo.New()
		e.Use(echov4.Use(m))
		e.GET("/auth", echo.WrapHandler(http.HandlerFunc(gothic.BeginAuthHandler)))
		e.GET("/back", func(c echo.Context) error {
			user, err := gothic.CompleteUserAuth(c.Response(), c.Request())
			if err != nil {
				return echo.NewHTTPError(http.StatusForbidden).SetInternal(err)
			}
			if err := sessionstate.From(c).Login(user.UserID); err != nil {
				return err
			}
			return c.Redirect(http.StatusSeeOther, "/")
		})
		e.GET("/", func(c echo.Context) error {
			return c.String(http.StatusOK, "user "+sessionstate.From(c).User())
		})
		srv := httptest.NewTLSServer(e)
		t.Cleanup(srv.Close)
		client := srv.Client()
		client.Jar, _ = cookiejar.New(nil) // never fails
		client.CheckRedirect = func(r *http.Request, _ []*http.Request) error {
			if r.URL.Host == "example.com" { // the provider
				return http.ErrUseLastResponse
			}
			return nil
		}
		get := func(path string) (*http.Response, string) {
			t.Helper()
			res, err := client.Get(srv.URL + path)
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			body, err := io.ReadAll(res.Body)
			if err != nil {
				t.Fatal(err)
			}
			return res, string(body)
		}
		res, _ := get("/auth?provider=faux")
		provider, err := url.Parse(res.Header.Get("Location"))
		if err != nil || res.StatusCode != http.StatusTemporaryRedirect {
			t.Fatalf("status %d, Location %q", res.StatusCode, res.Header.Get("Location"))
		}
		state := provider.Query().Get("state")
		if res, _ := get("/back?provider=faux&state=forged"); res.StatusCode != http.StatusForbidden {
			t.Errorf("a forged state: status %d, want 403", res.StatusCode)
		}
		res, _ = get("/auth?provider=faux") // what was begun has ended with the failure
		if provider, err = url.Parse(res.Header.Get("Location")); err != nil {
			t.Fatal(err)
		}
		if again := provider.Query().Get("state"); again == state {
			t.Errorf("the state is %q again", again)
		} else {
			state = again
		}
		if res, body := get("/back?provider=faux&state=" + url.QueryEscape(state)); res.StatusCode != http.StatusOK || body != "user id" {
			t.Errorf("after the login: %d %q", res.StatusCode, body)
		}
	})
}
