package sessionstate_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"

	"github.com/reecho-go/reecho/sessionstate"
)

// post sends a form; a token of "" is left out.
func (v *visitor) post(t *testing.T, path, field, header string) reply {
	t.Helper()
	r := v.request(path)
	r.Method = http.MethodPost
	if field != "" {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Body = http.NoBody
		r.URL.RawQuery = ""
		r.PostForm = map[string][]string{sessionstate.CSRFField: {field}}
		r.Form = r.PostForm
	}
	if header != "" {
		r.Header.Set(sessionstate.CSRFHeader, header)
	}
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	r.Header.Set("Origin", "https://example.com")
	return v.do(t, r)
}

func csrfApp(t *testing.T, cfg sessionstate.Config) *app {
	a := newVisit(t, cfg)
	a.handle("/form", func(c echo.Context, s *sessionstate.State) error {
		token, err := s.CSRFToken()
		if err != nil {
			return err
		}
		return c.String(200, token)
	})
	a.handle("/login-form", func(c echo.Context, s *sessionstate.State) error {
		if err := s.Login("ada"); err != nil {
			return err
		}
		token, err := s.CSRFToken()
		if err != nil {
			return err
		}
		return c.String(200, token)
	})
	a.POST("/save", func(c echo.Context) error { return incr(c, sessionstate.From(c)) }, a.m.CSRF())
	a.GET("/save", func(c echo.Context) error { return show(c, sessionstate.From(c)) }, a.m.CSRF())
	return a
}

func TestS37_CSRFTokensAreBoundToTheSession(t *testing.T) {
	t.Parallel()
	modes(t, func(t *testing.T, cfg sessionstate.Config) {
		a := csrfApp(t, cfg)
		v, other := a.visitor(), a.visitor()
		token := v.get(t, "/form").body
		theirs := other.get(t, "/form").body
		if v.cookie() == "" {
			t.Fatal("a visitor with a token has no session")
		}
		if again := v.get(t, "/form").body; again == token || len(again) != len(token) {
			t.Error("two tokens are spelled alike")
		}
		v.get(t, "/save").wants(t, 200, "0")
		v.post(t, "/save", "", token).wants(t, 200, "1")
		v.post(t, "/save", token, "").wants(t, 200, "2")
		bad := map[string]string{
			"none": "", "another session's": theirs, "cut": token[:42], "longer": token + "A", "not base64": strings.Repeat("!", 43), "zero": strings.Repeat("A", 43),
		}
		for what, b := range bad {
			r := v.post(t, "/save", b, b)
			if r.StatusCode != http.StatusForbidden || !strings.Contains(r.body, `"status":403`) {
				t.Errorf("%s token: %d %q, want the 403 problem", what, r.StatusCode, r.body)
			}
		}
		a.visitor().post(t, "/save", token, token).status(t, 403)
		v.get(t, "/save").wants(t, 200, "2")

		for _, path := range []string{"/renew", "/login"} { // a new id, a new token
			before := v.get(t, "/form").body
			v.get(t, path)
			v.post(t, "/save", "", before).status(t, 403)
		}
		v.post(t, "/save", "", v.get(t, "/form").body).wants(t, 200, "3")
		after := v.get(t, "/login-form").body
		v.post(t, "/save", "", after).wants(t, 200, "4")
		v.get(t, "/logout")
		v.post(t, "/save", "", after).status(t, 403)
	})
}

func TestS37_CSRFTokensSurviveARotation(t *testing.T) {
	t.Parallel()
	modes(t, func(t *testing.T, cfg sessionstate.Config) {
		cfg.Secrets = []sessionstate.Secret{key1}
		v := csrfApp(t, cfg).visitor()
		token := v.get(t, "/form").body
		cfg.Secrets = []sessionstate.Secret{key2, key1}
		v.a = csrfApp(t, cfg)
		v.post(t, "/save", "", token).wants(t, 200, "1")
	})
}

func TestS37_CSRFWithoutTheManagerRefuses(t *testing.T) {
	t.Parallel()
	m := newManager(t, sessionstate.Config{})
	a := &app{Echo: echo.New(), m: m}
	a.POST("/save", func(c echo.Context) error { return c.String(200, "done") }, m.CSRF())
	a.visitor().post(t, "/save", "x", "x").status(t, 403)
}

func TestS38_ASVS14_3_1_LogoutCanClearTheSite(t *testing.T) {
	t.Parallel()
	modes(t, func(t *testing.T, cfg sessionstate.Config) {
		a := newVisit(t, cfg)
		a.handle("/clear", func(c echo.Context, s *sessionstate.State) error {
			if err := s.Destroy(sessionstate.ClearSiteData()); err != nil {
				return err
			}
			return c.String(200, fmt.Sprint(s.User()))
		})
		v := a.visitor()
		v.get(t, "/login")
		if got := v.get(t, "/clear").Header.Get("Clear-Site-Data"); got != `"cache", "cookies", "storage"` {
			t.Errorf("Clear-Site-Data = %q", got)
		}
		v.get(t, "/login")
		if got := v.get(t, "/logout").Header.Get("Clear-Site-Data"); got != "" {
			t.Errorf("Clear-Site-Data = %q without being asked for", got)
		}
	})
}
