package sessionstate_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/reecho-go/reecho/observe"
	"github.com/reecho-go/reecho/sessionstate"
)

// The numbers are those of the package's list of security statements, ASVS is
// the OWASP Application Security Verification Standard 5.0.

// sessionCookie returns the session's cookie as the response sets it.
func sessionCookie(t *testing.T, r reply, name string) *http.Cookie {
	t.Helper()
	for _, c := range r.Cookies() {
		if c.Name == name {
			return c
		}
	}
	t.Fatalf("no cookie %q in %v", name, r.Header)
	return nil
}

// newVisit returns an app with routes that count, log in, log out and show.
func newVisit(t testing.TB, c sessionstate.Config) *app {
	a := newApp(t, c)
	a.handle("/", show)
	a.handle("/incr", incr)
	a.handle("/who", func(c echo.Context, s *sessionstate.State) error {
		return c.String(200, fmt.Sprintf("%s %d", s.User(), count.Get(s)))
	})
	a.handle("/login", func(c echo.Context, s *sessionstate.State) error {
		if err := s.Login("ada"); err != nil {
			return err
		}
		return c.String(200, "in")
	})
	a.handle("/remember", func(c echo.Context, s *sessionstate.State) error {
		if err := s.LoginFor("ada", 30*24*time.Hour); err != nil {
			return err
		}
		return c.String(200, "in")
	})
	a.handle("/logout", func(c echo.Context, s *sessionstate.State) error {
		if err := s.Destroy(); err != nil {
			return err
		}
		return c.String(200, "out")
	})
	a.handle("/renew", func(c echo.Context, s *sessionstate.State) error {
		if err := s.Renew(); err != nil {
			return err
		}
		return c.String(200, "new")
	})
	a.handle("/flash", func(c echo.Context, s *sessionstate.State) error {
		if err := s.Flash(sessionstate.Info, "marker"); err != nil {
			return err
		}
		return c.String(200, "ok")
	})
	return a
}

func TestASVS3_3_1_3_3_3_CookieIsHostBound(t *testing.T) {
	t.Parallel()
	modes(t, func(t *testing.T, cfg sessionstate.Config) {
		a := newVisit(t, cfg)
		c := sessionCookie(t, a.visitor().get(t, "/incr"), "__Host-id")
		if !c.Secure || c.Path != "/" || c.Domain != "" {
			t.Errorf("cookie = %+v, want Secure, Path=/, no Domain", c)
		}
	})
	_, err := sessionstate.New(sessionstate.Config{Cookie: sessionstate.CookieConfig{Name: "__Host-x", Domain: "example.org"}})
	if err == nil || !strings.Contains(err.Error(), "Config.Cookie.Domain") {
		t.Errorf("New(__Host- with Domain) = %v, want an error that names the field", err)
	}
}

func TestASVS3_3_4_CookieIsHttpOnlyWhenSetAndDeleted(t *testing.T) {
	t.Parallel()
	modes(t, func(t *testing.T, cfg sessionstate.Config) {
		v := newVisit(t, cfg).visitor()
		for _, path := range []string{"/incr", "/logout"} {
			if c := sessionCookie(t, v.get(t, path), "__Host-id"); !c.HttpOnly {
				t.Errorf("%s: %v is not HttpOnly", path, c)
			}
		}
		if c := sessionCookie(t, v.get(t, "/flash"), "__Host-id-f"); !c.HttpOnly || !c.Secure {
			t.Errorf("flash: %v is not HttpOnly and Secure", c)
		}
	})
}

func TestASVS3_3_2_SameSiteIsExplicit(t *testing.T) {
	t.Parallel()
	c := sessionCookie(t, newVisit(t, sessionstate.Config{}).visitor().get(t, "/incr"), "__Host-id")
	if c.SameSite != http.SameSiteLaxMode {
		t.Errorf("SameSite = %v, want Lax", c.SameSite)
	}
	refused := map[string]sessionstate.Config{
		"None without Secure":        {Insecure: true, Cookie: sessionstate.CookieConfig{SameSite: http.SameSiteNoneMode}},
		"Partitioned without Secure": {Insecure: true, Cookie: sessionstate.CookieConfig{Partitioned: true}},
		"default SameSite":           {Cookie: sessionstate.CookieConfig{SameSite: http.SameSiteDefaultMode}},
		"__Host- without Secure":     {Insecure: true, Cookie: sessionstate.CookieConfig{Name: "__Host-id"}},
		"__host- without Secure":     {Insecure: true, Cookie: sessionstate.CookieConfig{Name: "__host-id"}},
		"__Secure- without Secure":   {Insecure: true, Cookie: sessionstate.CookieConfig{Name: "__Secure-id"}},
		"__Host- with Path":          {Cookie: sessionstate.CookieConfig{Name: "__Host-id", Path: "/app"}},
	}
	for name, cfg := range refused {
		if _, err := sessionstate.New(cfg); err == nil || !strings.Contains(err.Error(), "Config.Cookie.") {
			t.Errorf("New(%s) = %v, want an error that names the field", name, err)
		}
	}
}

func TestASVS3_3_5_CookieFitsInto4096Bytes(t *testing.T) {
	t.Parallel()
	a := newApp(t, sessionstate.Config{})
	text := sessionstate.NewKey("t", sessionstate.KeyConfig[string]{})
	size := 0
	var setErr error
	a.handle("/", func(c echo.Context, s *sessionstate.State) error {
		setErr = text.Set(s, strings.Repeat("x", size))
		if setErr == nil && len(text.Get(s)) != size {
			t.Errorf("size %d: Get after Set has another value", size)
		}
		return c.NoContent(204)
	})
	largest := 0
	for size = 1; size < 8<<10; size += 1 + size/700 {
		r := a.visitor().get(t, "/")
		if setErr != nil {
			e, ok := errors.AsType[*sessionstate.SizeError](setErr)
			if !ok || !errors.Is(setErr, sessionstate.ErrTooLarge) || e.Size <= 4096 || e.Limit != 4096 || e.Key != "t" || len(e.Largest) != 1 {
				t.Fatalf("size %d: error = %#v, want a SizeError", size, setErr)
			}
			if len(r.Cookies()) != 0 {
				t.Fatalf("size %d: a refused change has set a cookie", size)
			}
			continue
		}
		largest = size
		if c := sessionCookie(t, r, "__Host-id"); len(c.Name)+len(c.Value) > 4096 {
			t.Fatalf("size %d: name and value have %d bytes", size, len(c.Name)+len(c.Value))
		}
	}
	if largest < 2900 || largest > 4000 {
		t.Errorf("the largest value that fits has %d bytes, want at least 2900", largest)
	}
}

func TestDefaultNameTellsNothing(t *testing.T) {
	t.Parallel()
	tests := []struct {
		cfg  sessionstate.Config
		want string
	}{
		{sessionstate.Config{}, "__Host-id"},
		{sessionstate.Config{Insecure: true}, "id"},
		{sessionstate.Config{Cookie: sessionstate.CookieConfig{Domain: "example.org"}}, "__Secure-id"},
		{sessionstate.Config{Cookie: sessionstate.CookieConfig{Path: "/app"}}, "__Secure-id"},
	}
	for _, test := range tests {
		c := sessionCookie(t, newVisit(t, test.cfg).visitor().get(t, "/incr"), test.want)
		if c.Secure == test.cfg.Insecure {
			t.Errorf("%s: Secure = %v", test.want, c.Secure)
		}
	}
}

func TestResponsesWithCookiesAreNotCached(t *testing.T) {
	t.Parallel()
	modes(t, func(t *testing.T, cfg sessionstate.Config) {
		a := newVisit(t, cfg)
		a.handle("/cached", func(c echo.Context, s *sessionstate.State) error {
			c.Response().Header().Set("Cache-Control", "private, max-age=60")
			c.Response().Header().Set("Vary", "Accept-Encoding")
			if c.QueryParam("change") != "" {
				if _, err := sessionstate.Incr(count, s, 1); err != nil {
					return err
				}
			}
			_ = count.Get(s)
			return c.String(200, "x")
		})
		v := a.visitor()
		r := v.get(t, "/cached?change=1")
		if got := r.Header.Get("Cache-Control"); !strings.Contains(got, "no-store") || strings.Contains(got, "max-age") {
			t.Errorf("with a new cookie: Cache-Control = %q, want no-store", got)
		}
		r = v.get(t, "/cached")
		if got := r.Header.Get("Cache-Control"); got != "private, max-age=60" {
			t.Errorf("without a cookie: Cache-Control = %q, want the handler's", got)
		}
		if got := strings.Join(r.Header.Values("Vary"), ", "); !strings.Contains(got, "Cookie") || !strings.Contains(got, "Accept-Encoding") {
			t.Errorf("Vary = %q, want both fields", got)
		}
	})
}

func TestOneSetCookiePerName(t *testing.T) {
	t.Parallel()
	modes(t, func(t *testing.T, cfg sessionstate.Config) {
		a := newVisit(t, cfg)
		a.handle("/much", func(c echo.Context, s *sessionstate.State) error {
			c.SetCookie(&http.Cookie{Name: "other", Value: "kept"})
			c.SetCookie(&http.Cookie{Name: "__Host-id", Value: "dropped"})
			err := errors.Join(s.Renew(), s.Destroy(), count.Set(s, 1), s.Login("ada"), s.Renew(), count.Set(s, 2),
				s.Flash(sessionstate.Info, "a"), s.Flash(sessionstate.Info, "b"))
			if err != nil {
				return err
			}
			return c.String(200, "x")
		})
		v := a.visitor()
		v.get(t, "/incr")
		r := v.get(t, "/much")
		for _, name := range []string{"__Host-id", "__Host-id-f", "other"} {
			if n := r.setCookies(name); n != 1 {
				t.Errorf("cookie %s is set %d times, want 1", name, n)
			}
		}
		v.get(t, "/who").wants(t, 200, "ada 2")
	})
}

func TestDeletedCookieIsEmptyAndOver(t *testing.T) {
	t.Parallel()
	modes(t, func(t *testing.T, cfg sessionstate.Config) {
		cfg.Cookie.Name = "__Secure-s"
		cfg.Cookie.Domain, cfg.Cookie.Path, cfg.Cookie.Partitioned = "example.org", "/app", true
		v := newVisit(t, cfg).visitor()
		set := sessionCookie(t, v.get(t, "/incr"), "__Secure-s")
		gone := sessionCookie(t, v.get(t, "/logout"), "__Secure-s")
		if gone.Value != "" || gone.MaxAge >= 0 || !gone.Expires.Before(time.Now()) {
			t.Errorf("deleting cookie = %v, want it empty and in the past", gone)
		}
		if gone.Path != set.Path || gone.Domain != set.Domain || gone.Partitioned != set.Partitioned || !gone.Partitioned {
			t.Errorf("deleting cookie = %v, want the attributes of %v", gone, set)
		}
	})
}

func TestMaxAgeEndsWithTheSession(t *testing.T) {
	t.Parallel()
	modes(t, func(t *testing.T, cfg sessionstate.Config) {
		synctest.Test(t, func(t *testing.T) {
			if cfg.Store != nil {
				cfg.Store = newMem(t)
			}
			v := newVisit(t, cfg).visitor()
			if c := sessionCookie(t, v.get(t, "/incr"), "__Host-id"); c.MaxAge != 0 {
				t.Errorf("Max-Age = %d, want none: the browser's end is the cookie's", c.MaxAge)
			}
			const month = 30 * 24 * 3600
			if c := sessionCookie(t, v.get(t, "/remember"), "__Host-id"); c.MaxAge != month {
				t.Errorf("Max-Age = %d, want %d", c.MaxAge, month)
			}
			time.Sleep(10 * 24 * time.Hour)
			if c := sessionCookie(t, v.get(t, "/renew"), "__Host-id"); c.MaxAge != month-10*24*3600 {
				t.Errorf("after ten days: Max-Age = %d, want the 20 days that are left", c.MaxAge)
			}
			time.Sleep(20*24*time.Hour - time.Second)
			v.get(t, "/who").wants(t, 200, "ada 1")
			time.Sleep(time.Second)
			v.get(t, "/who").wants(t, 200, "0")
		})
	})
}

// refusedAsNew sends a cookie and wants the answer of a new visitor.
func refusedAsNew(t *testing.T, a *app, value, what string) {
	t.Helper()
	v := a.visitor()
	r := v.request("/")
	r.Header.Set("Cookie", "__Host-id="+value)
	got := v.do(t, r)
	if got.StatusCode != http.StatusOK || got.body != "0" {
		t.Errorf("%s: %d %q, want the answer of a new visitor", what, got.StatusCode, got.body)
	}
}

func TestEveryFlippedBitIsRefused(t *testing.T) {
	t.Parallel()
	modes(t, func(t *testing.T, cfg sessionstate.Config) {
		a := newVisit(t, cfg)
		v := a.visitor()
		v.get(t, "/incr")
		raw, err := base64.RawURLEncoding.DecodeString(v.cookie())
		if err != nil {
			t.Fatal(err)
		}
		for i := range len(raw) * 8 {
			raw[i/8] ^= 1 << (i % 8)
			refusedAsNew(t, a, base64.RawURLEncoding.EncodeToString(raw), fmt.Sprintf("bit %d flipped", i))
			raw[i/8] ^= 1 << (i % 8)
		}
		if n := len(observe.Of[observe.SessionRefused](a.rec)); n != len(raw)*8 {
			t.Errorf("%d events, want one for each of %d bits", n, len(raw)*8)
		}
		v.get(t, "/").wants(t, 200, "1")
	})
}

func TestCookieOfAnotherNameIsRefused(t *testing.T) {
	t.Parallel()
	modes(t, func(t *testing.T, cfg sessionstate.Config) {
		a := newVisit(t, cfg)
		cfg.Cookie.Name = "__Host-other"
		b := newVisit(t, cfg)
		v := b.visitor()
		v.get(t, "/incr")
		refusedAsNew(t, a, v.jar["__Host-other"], "another name")
		// Nor does the cookie of the messages pass for a session.
		v.get(t, "/flash")
		refusedAsNew(t, a, v.jar["__Host-other-f"], "messages")
	})
}

func TestTruncatedAndRespelledCookiesAreRefused(t *testing.T) {
	t.Parallel()
	modes(t, func(t *testing.T, cfg sessionstate.Config) {
		a := newVisit(t, cfg)
		v := a.visitor()
		v.get(t, "/incr")
		whole := v.cookie()
		for n := range len(whole) {
			refusedAsNew(t, a, whole[:n], fmt.Sprintf("cut to %d", n))
		}
		for _, tail := range []string{"=", "==", "A", "AA", "AAAA", ".", "%3D"} {
			refusedAsNew(t, a, whole+tail, "with "+tail)
		}
		const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
		for _, c := range alphabet {
			if s := whole[:len(whole)-1] + string(c); s != whole {
				refusedAsNew(t, a, s, "last character "+string(c))
			}
		}
	})
}

func TestUnknownCookiesNeverBecomeSessions(t *testing.T) {
	t.Parallel()
	modes(t, func(t *testing.T, cfg sessionstate.Config) {
		a := newVisit(t, cfg)
		stranger := newVisit(t, sessionstate.Config{Store: newMem(t)}).visitor() // a well-formed id that a's store does not know
		stranger.get(t, "/incr")
		values := map[string]string{
			"unknown id":  stranger.cookie(),
			"a megabyte":  strings.Repeat("A", 1<<20),
			"path":        "../../etc/passwd",
			"SQL":         "'OR'1'='1",
			"NUL":         "a\x00b",
			"high bytes":  "\xff\xfe",
			"empty":       "",
			"random text": "c29tZSByYW5kb20gdGV4dCB0aGF0IGlzIGxvbmcgZW5vdWdoIHRvIGJlIGEgY29va2ll",
		}
		for what, value := range values {
			v := a.visitor()
			r := v.request("/incr")
			r.Header.Set("Cookie", "__Host-id="+value)
			got := v.do(t, r)
			if got.StatusCode != http.StatusOK || got.body != "1" || v.cookie() == value || v.cookie() == "" {
				t.Errorf("%s: %d %q, cookie kept: %v; want a new session", what, got.StatusCode, got.body, v.cookie() == value)
			}
		}
	})
}

func TestTheFirstValidOfManyCookiesIsTaken(t *testing.T) {
	t.Parallel()
	modes(t, func(t *testing.T, cfg sessionstate.Config) {
		a := newVisit(t, cfg)
		v := a.visitor()
		v.get(t, "/incr")
		for place := range 12 {
			r := v.request("/")
			parts := make([]string, 12)
			for i := range parts {
				parts[i] = "__Host-id=junk"
			}
			parts[place] = "__Host-id=" + v.cookie()
			r.Header["Cookie"] = []string{strings.Join(parts[:6], "; "), strings.Join(parts[6:], ";")}
			v.do(t, r).wants(t, 200, "1")
		}
	})
}

func TestIDsAreTakenFromTheCookieOnly(t *testing.T) {
	t.Parallel()
	modes(t, func(t *testing.T, cfg sessionstate.Config) {
		a := newVisit(t, cfg)
		v := a.visitor()
		v.get(t, "/incr")
		value := v.cookie()
		r := a.visitor().request("/?__Host-id=" + value + "&id=" + value)
		r.Header.Set("Authorization", "Bearer "+value)
		r.Header.Set("__Host-id", value)
		r.Header.Set("X-Session-Id", value)
		r.Header.Set("Cookie", "x__Host-id="+value+"; __HOST-ID="+value+"; a=__Host-id="+value)
		r.Method = http.MethodPost
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Body = io.NopCloser(strings.NewReader("__Host-id=" + value))
		a.visitor().do(t, r).wants(t, 200, "0")
	})
}
