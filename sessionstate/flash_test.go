package sessionstate_test

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/reecho-go/reecho/sessionstate"
)

// flashes adds routes that add, show, keep and show some messages.
func flashes(a *app) *visitor {
	text := func(s *sessionstate.State, most int) string {
		var out []string
		for f := range s.Flashes() {
			out = append(out, f.Kind+":"+f.Text)
			if len(out) == most {
				break
			}
		}
		return strings.Join(out, " ")
	}
	a.handle("/add", func(c echo.Context, s *sessionstate.State) error {
		if err := s.Flash("success", c.QueryParam("t")); err != nil {
			return err
		}
		return c.Redirect(303, "/show")
	})
	a.handle("/show", func(c echo.Context, s *sessionstate.State) error { return c.String(200, text(s, -1)) })
	a.handle("/one", func(c echo.Context, s *sessionstate.State) error { return c.String(200, text(s, 1)) })
	a.handle("/fail", func(c echo.Context, s *sessionstate.State) error { return c.String(500, text(s, -1)) })
	a.handle("/now", func(c echo.Context, s *sessionstate.State) error {
		if err := s.Flash("warning", "now"); err != nil {
			return err
		}
		return c.String(200, text(s, -1))
	})
	a.handle("/out", func(c echo.Context, s *sessionstate.State) error {
		if err := errors.Join(s.Destroy(), s.Flash("info", "bye")); err != nil {
			return err
		}
		return c.NoContent(204)
	})
	return a.visitor()
}

func TestFlashesAreShownOnce(t *testing.T) {
	t.Parallel()
	modes(t, func(t *testing.T, cfg sessionstate.Config) {
		v := flashes(newApp(t, cfg))
		v.get(t, "/show").wants(t, 200, "")
		v.get(t, "/add?t=a").status(t, 303)
		v.get(t, "/add?t=b")
		v.get(t, "/one").wants(t, 200, "success:a")
		v.get(t, "/fail").wants(t, 500, "success:b")
		v.get(t, "/now").wants(t, 200, "success:b warning:now")
		if v.jar["__Host-id-f"] != "" {
			t.Error("the cookie of the messages is left")
		}
		v.get(t, "/show").wants(t, 200, "")
		if v.cookie() != "" {
			t.Error("messages have made a session")
		}
	})
}

func TestFlashesEndWithTheSession(t *testing.T) {
	t.Parallel()
	modes(t, func(t *testing.T, cfg sessionstate.Config) {
		v := flashes(newApp(t, cfg))
		v.get(t, "/add?t=private")
		v.get(t, "/out").status(t, 204)
		v.get(t, "/show").wants(t, 200, "info:bye")
	})
}

func TestFlashesWaitAnHour(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		v := flashes(newApp(t, sessionstate.Config{}))
		v.get(t, "/add?t=a")
		w := v.clone()
		time.Sleep(time.Hour - time.Second)
		v.get(t, "/show").wants(t, 200, "success:a")
		time.Sleep(time.Second)
		w.get(t, "/show").wants(t, 200, "")
	})
}

func TestFlashesThatDoNotFitAreRefused(t *testing.T) {
	t.Parallel()
	v := flashes(newApp(t, sessionstate.Config{}))
	v.get(t, "/add?t=kept")
	v.get(t, "/add?t="+strings.Repeat("x", 3000)).status(t, 500)
	v.get(t, "/show").wants(t, 200, "success:kept")
	v.jar["__Host-id-f"] = "junk"
	r := v.get(t, "/show")
	r.wants(t, 200, "")
	if r.setCookies("__Host-id-f") != 1 || v.jar["__Host-id-f"] != "" {
		t.Error("a junk cookie is not deleted")
	}
}
