package sessionstate_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"

	"github.com/reecho-go/reecho/echov4"
	"github.com/reecho-go/reecho/observe"
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
	a.POST("/save", func(c echo.Context) error { return incr(c, sessionstate.From(c)) }, echov4.Use(a.m.CSRF()))
	a.GET("/save", func(c echo.Context) error { return show(c, sessionstate.From(c)) }, echov4.Use(a.m.CSRF()))
	return a
}

func TestCSRFTokensAreBoundToTheSession(t *testing.T) {
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

func TestCSRFTokensSurviveARotation(t *testing.T) {
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

func TestCSRFOutsideTheManagerSaysSo(t *testing.T) {
	t.Parallel()
	rec := new(observe.Recorder)
	m := newManager(t, sessionstate.Config{Observer: rec, Secrets: []sessionstate.Secret{key1}})
	other := newManager(t, sessionstate.Config{Observer: rec, Secrets: []sessionstate.Secret{key1}})
	done := func(c echo.Context) error { return c.String(200, "done") }
	for what, middlewares := range map[string][]echo.MiddlewareFunc{
		"without it":         {echov4.Use(m.CSRF())},
		"before it":          {echov4.Use(m.CSRF()), echov4.Use(m)},
		"behind another one": {echov4.Use(other), echov4.Use(m.CSRF())},
	} {
		a := &app{Echo: echo.New(), m: m}
		a.Any("/save", done, middlewares...)
		var got error
		a.HTTPErrorHandler = func(err error, c echo.Context) {
			got = err
			a.DefaultHTTPErrorHandler(err, c)
		}
		r := a.visitor().post(t, "/save", "x", "x")
		if r.StatusCode != http.StatusInternalServerError || !errors.Is(got, sessionstate.ErrNoSession) || strings.Contains(r.body, "out of date") {
			t.Errorf("%s: %d %q, %v, want ErrNoSession", what, r.StatusCode, r.body, got)
		}
		a.visitor().get(t, "/save").wants(t, 200, "done")
	}
	notices := observe.Of[observe.Notice](rec)
	if len(notices) != 1 || !strings.Contains(notices[0].Text, "CSRF") {
		t.Errorf("notices = %q, want one", notices)
	}
}

func TestCSRFTokensComeFromTheHeaderOrTheBody(t *testing.T) {
	t.Parallel()
	modes(t, func(t *testing.T, cfg sessionstate.Config) {
		a := csrfApp(t, cfg)
		v := a.visitor()
		token := v.get(t, "/form").body
		send := func(query, contentType, body string) reply {
			r := v.request("/save?" + query)
			r.Method, r.Body = http.MethodPost, io.NopCloser(strings.NewReader(body))
			r.Header.Set("Content-Type", contentType)
			return v.do(t, r)
		}
		const form = echo.MIMEApplicationForm
		field := sessionstate.CSRFField + "=" + token
		multipart := "--b\r\nContent-Disposition: form-data; name=\"" + sessionstate.CSRFField + "\"\r\n\r\n" + token + "\r\n--b--\r\n"
		send(field, form, "").status(t, http.StatusForbidden)
		send(field, form, "a=b").status(t, http.StatusForbidden)
		send(field, "application/json", "{}").status(t, http.StatusForbidden)
		send(field, "multipart/form-data; boundary=b", "--b--\r\n").status(t, http.StatusForbidden)
		send("", form, field).wants(t, 200, "1")
		send("csrf_token=other", form, field).wants(t, 200, "2")
		send("", "multipart/form-data; boundary=b", multipart).wants(t, 200, "3")
		send("", "multipart/form-data; boundary=other", "--b").status(t, http.StatusBadRequest)
		a.POST("/small", func(c echo.Context) error { return c.NoContent(204) }, func(next echo.HandlerFunc) echo.HandlerFunc {
			return func(c echo.Context) error {
				c.Request().Body = http.MaxBytesReader(nil, c.Request().Body, 10)
				return next(c)
			}
		}, echov4.Use(a.m.CSRF()))
		r := v.request("/small")
		r.Method, r.Body = http.MethodPost, io.NopCloser(strings.NewReader(field))
		r.Header.Set("Content-Type", form)
		v.do(t, r).status(t, http.StatusRequestEntityTooLarge)
	})
}

func TestASVS14_3_1_LogoutCanClearTheSite(t *testing.T) {
	t.Parallel()
	modes(t, func(t *testing.T, cfg sessionstate.Config) {
		a := newVisit(t, cfg)
		a.handle("/clear", func(c echo.Context, s *sessionstate.State) error {
			if err := s.DestroyAndClearSite(); err != nil {
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
