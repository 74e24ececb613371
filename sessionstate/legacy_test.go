package sessionstate_test

import (
	"bytes"
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

// takenOver are the cookies of a CookieStore that does not say how long it lets
// sessions live.
func takenOver(store *sessions.CookieStore, until time.Time) sessionstate.Foreign {
	return gorillastate.TakeOver(&sessions.CookieStore{Codecs: store.Codecs}, until)
}

// takeover is an app that had its sessions in a CookieStore, and a visitor of then.
func takeover(t *testing.T, store *sessions.CookieStore, until time.Time) (*app, *visitor) {
	a := newVisit(t, sessionstate.Config{Cookie: sessionstate.CookieConfig{Name: "app"}, Foreign: takenOver(store, until)})
	a.Any("/read", echo.WrapHandler(gorillaCount(gorillastate.New(a.m), "app")))
	a.handle("/values", func(c echo.Context, s *sessionstate.State) error {
		session, err := gorillastate.New(a.m).Get(c.Request(), "app")
		if err != nil {
			return err
		}
		return c.String(200, fmt.Sprint(session.Values["n"], s.IsNew()))
	})
	before := httptest.NewRecorder()
	gorillaCount(store, "app")(before, httptest.NewRequest(http.MethodGet, "/g", http.NoBody))
	v := a.visitor()
	v.take(t, before.Result())
	return a, v
}

func TestLegacyCookiesAreTakenOver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		old := bytes.Repeat([]byte("o"), 32)
		store := sessions.NewCookieStore(gorillaKey, old, bytes.Repeat([]byte("p"), 32), old[:16])
		until := time.Now().Add(7 * 24 * time.Hour)
		a, v := takeover(t, store, until)
		legacy := v.clone()
		r := v.get(t, "/values")
		r.wants(t, 200, "1 false")
		if r.setCookies("app") != 1 || v.jar["app"] == legacy.jar["app"] {
			t.Fatal("the session was not sealed anew")
		}
		legacy.clone().get(t, "/values").wants(t, 200, "1 false") // a request at the same moment
		v.get(t, "/incr").wants(t, 200, "1")
		v.get(t, "/read").wants(t, 200, "1 false")
		ours := newVisit(t, sessionstate.Config{Cookie: sessionstate.CookieConfig{Name: "app"}})
		w := v.clone()
		w.a = ours
		w.get(t, "/").wants(t, 200, "1") // it does not need Legacy any more

		// What is not theirs is refused as ever.
		for what, value := range map[string]string{
			"cut": legacy.jar["app"][1:], "junk": "junk", "a megabyte": strings.Repeat("A", 1<<20), "of another name": func() string {
				rec := httptest.NewRecorder()
				gorillaCount(store, "other")(rec, httptest.NewRequest(http.MethodGet, "/g", http.NoBody))
				return rec.Result().Cookies()[0].Value
			}(),
		} {
			w := a.visitor()
			w.jar["app"] = value
			if r := w.get(t, "/values"); r.StatusCode != http.StatusOK || r.body != "<nil> true" {
				t.Errorf("%s: %d %q", what, r.StatusCode, r.body)
			}
		}
		// What was logged out, or got a new id, is dead for as long as the
		// cookie of before could be believed.
		copied := v.clone()
		v.get(t, "/logout").status(t, 200)
		_, other := takeover(t, store, until)
		other.a = a
		planted := other.clone()
		other.get(t, "/login").status(t, 200)
		other.get(t, "/values").wants(t, 200, "1 false")
		for range 6 {
			for _, dead := range []*visitor{copied, legacy, planted} {
				dead.clone().get(t, "/values").wants(t, 200, "<nil> true")
			}
			time.Sleep(24 * time.Hour)
		}
		_, late := takeover(t, store, until)
		late.a = a
		late.clone().get(t, "/values").wants(t, 200, "1 false")
		time.Sleep(24 * time.Hour)
		late.get(t, "/values").wants(t, 200, "<nil> true")
		if n := len(observe.Of[observe.StoreFailure](a.rec)); n != 0 {
			t.Errorf("%d failures of stores", n)
		}
	})
}
