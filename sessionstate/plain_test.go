package sessionstate_test

import (
	"crypto/tls"
	"net/http"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"

	"github.com/reecho-go/reecho/ctxinfo"
	"github.com/reecho-go/reecho/echov4"
	"github.com/reecho-go/reecho/middleware"
	"github.com/reecho-go/reecho/observe"
	"github.com/reecho-go/reecho/sessionstate"
	"github.com/reecho-go/reecho/sessionstate/gorillastate"
)

// plainNotices are those that name Config.Insecure.
func plainNotices(rec *observe.Recorder) (texts []string) {
	for _, n := range observe.Of[observe.Notice](rec) {
		if strings.Contains(n.Text, "Config.Insecure") {
			texts = append(texts, n.Text)
		}
	}
	return texts
}

func TestSecureCookiesOverPlainHTTPAreNoticedOnce(t *testing.T) {
	t.Parallel()
	behind := func(from string) *ctxinfo.Plugin {
		return ctxinfo.Must(ctxinfo.New(ctxinfo.Config{Proxies: ctxinfo.Behind(ctxinfo.Prefixes(from))}))
	}
	tests := map[string]struct {
		insecure bool
		info     *ctxinfo.Plugin
		built    bool // a handler has asked for the Info before
		request  func(r *http.Request)
		want     int
	}{
		"plain HTTP":              {want: 1},
		"plain HTTP on localhost": {request: func(r *http.Request) { r.Host, r.RemoteAddr = "localhost:8080", "127.0.0.1:5000" }, want: 1},
		"HTTPS":                   {request: func(r *http.Request) { r.TLS = new(tls.ConnectionState) }},
		"Insecure":                {insecure: true},
		"a word that nobody has a reason to believe": {request: func(r *http.Request) { r.Header.Set("X-Forwarded-Proto", "https") }, want: 1},
		"the word of a proxy that is not trusted": {
			info: behind("10.0.0.0/8"), request: func(r *http.Request) { r.Header.Set("X-Forwarded-Proto", "https") }, want: 1,
		},
		"the word of a trusted proxy": {
			info: behind("192.0.2.0/24"), request: func(r *http.Request) { r.Header.Set("X-Forwarded-Proto", "https") },
		},
		"the word of a trusted proxy, read before": {
			info: behind("192.0.2.0/24"), built: true, request: func(r *http.Request) { r.Header.Set("X-Forwarded-Proto", "https") },
		},
		"a trusted proxy's word for plain HTTP": {
			info: behind("192.0.2.0/24"), request: func(r *http.Request) { r.Header.Set("X-Forwarded-Proto", "http") }, want: 1,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rec := new(observe.Recorder)
			m := newManager(t, sessionstate.Config{Secrets: []sessionstate.Secret{key1}, Observer: rec, Insecure: test.insecure})
			plugins := []middleware.Plugin{m}
			if test.info != nil {
				plugins = []middleware.Plugin{test.info, m}
			}
			a := &app{Echo: echo.New(), m: m, rec: rec}
			a.Use(echov4.Use(plugins...))
			a.handle("/", show)
			a.handle("/incr", func(c echo.Context, s *sessionstate.State) error {
				if test.built {
					_ = ctxinfo.From(c).Scheme()
				}
				return incr(c, s)
			})
			do := func(path string) {
				r := a.visitor().request(path)
				r.RemoteAddr = "192.0.2.7:1234"
				if test.request != nil {
					test.request(r)
				}
				a.visitor().do(t, r).status(t, 200)
			}
			do("/")
			if got := plainNotices(rec); len(got) != 0 {
				t.Errorf("a page without a cookie is noticed: %q", got)
			}
			for range 3 {
				do("/incr")
			}
			if got := plainNotices(rec); len(got) != test.want {
				t.Errorf("%d notices, want %d: %q", len(got), test.want, got)
			}
		})
	}
}

func TestGorillaCookiesOverPlainHTTPAreNoticedToo(t *testing.T) {
	t.Parallel()
	rec := new(observe.Recorder)
	m := newManager(t, sessionstate.Config{Secrets: []sessionstate.Secret{key1}, Observer: rec})
	a := &app{Echo: echo.New(), m: m, rec: rec}
	a.Any("/g", echo.WrapHandler(gorillaCount(gorillastate.New(m), "other")))
	a.visitor().get(t, "/g").status(t, 200)
	if got := plainNotices(rec); len(got) != 1 {
		t.Errorf("%d notices, want 1: %q", len(got), got)
	}
}

// localRequest makes a request what a browser on this machine sends.
func localRequest(r *http.Request) {
	r.Host, r.RemoteAddr = "localhost:8080", "127.0.0.1:5000"
}

func TestInsecureLocalhostServesThisMachineAlone(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		change func(r *http.Request)
		local  bool
	}{
		"localhost":                      {local: true},
		"127.0.0.1":                      {func(r *http.Request) { r.Host = "127.0.0.1:8080" }, true},
		"another loopback address":       {func(r *http.Request) { r.Host, r.RemoteAddr = "127.9.9.9", "127.9.9.9:1" }, true},
		"IPv6":                           {func(r *http.Request) { r.Host, r.RemoteAddr = "[::1]:8080", "[::1]:5000" }, true},
		"IPv6 without a port":            {func(r *http.Request) { r.Host, r.RemoteAddr = "[::1]", "[::1]:5000" }, true},
		"a name below localhost":         {func(r *http.Request) { r.Host = "Shop.LOCALHOST." }, true},
		"a public name":                  {func(r *http.Request) { r.Host = "shop.example" }, false},
		"a name that ends like it":       {func(r *http.Request) { r.Host = "notlocalhost" }, false},
		"no name":                        {func(r *http.Request) { r.Host = "" }, false},
		"a client elsewhere":             {func(r *http.Request) { r.RemoteAddr = "192.0.2.7:1234" }, false},
		"a socket without an address":    {func(r *http.Request) { r.RemoteAddr = "@" }, false},
		"HTTPS":                          {func(r *http.Request) { r.TLS = new(tls.ConnectionState) }, false},
		"a proxy with X-Forwarded-For":   {func(r *http.Request) { r.Header.Set("X-Forwarded-For", "203.0.113.9") }, false},
		"a proxy with X-Forwarded-Proto": {func(r *http.Request) { r.Header.Set("X-Forwarded-Proto", "http") }, false},
		"a proxy with Forwarded":         {func(r *http.Request) { r.Header.Set("Forwarded", "for=203.0.113.9") }, false},
		"a proxy with X-Real-IP":         {func(r *http.Request) { r.Header.Set("X-Real-IP", "203.0.113.9") }, false},
		"a proxy with Via":               {func(r *http.Request) { r.Header.Set("Via", "1.1 cache") }, false},
		"a proxy that says nothing":      {func(r *http.Request) { r.Proto, r.ProtoMajor, r.ProtoMinor = "HTTP/1.0", 1, 0 }, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newVisit(t, sessionstate.Config{InsecureLocalhost: true, Cookie: sessionstate.CookieConfig{SameSite: http.SameSiteNoneMode, Partitioned: true}})
			r := a.visitor().request("/incr")
			localRequest(r)
			if test.change != nil {
				test.change(r)
			}
			want, other := "__Host-id", "id"
			if test.local {
				want, other = other, want
			}
			reply := a.visitor().do(t, r)
			c := sessionCookie(t, reply, want)
			if c.Secure == test.local || c.Partitioned == test.local || (c.SameSite == http.SameSiteLaxMode) != test.local || !c.HttpOnly || reply.setCookies(other) != 0 {
				t.Errorf("the cookies are %v", reply.Header["Set-Cookie"])
			}
		})
	}
}

func TestInsecureLocalhostKeepsSessionsAndMessages(t *testing.T) {
	t.Parallel()
	modes(t, func(t *testing.T, cfg sessionstate.Config) {
		cfg.InsecureLocalhost = true
		a := newVisit(t, cfg)
		a.handle("/say", func(c echo.Context, s *sessionstate.State) error {
			if err := s.Flash(sessionstate.Info, "hello"); err != nil {
				return err
			}
			return c.NoContent(204)
		})
		a.handle("/hear", func(c echo.Context, s *sessionstate.State) error {
			var texts []string
			for f := range s.Flashes() {
				texts = append(texts, f.Text)
			}
			return c.String(200, strings.Join(texts, " "))
		})
		a.Any("/g", echo.WrapHandler(gorillaCount(gorillastate.New(a.m), "__Host-id")))
		v := a.visitor()
		get := func(path string) reply {
			t.Helper()
			r := v.request(path)
			localRequest(r)
			return v.do(t, r)
		}
		get("/incr").wants(t, 200, "1")
		get("/incr").wants(t, 200, "2")
		get("/g").wants(t, 200, "1 false")
		get("/g").wants(t, 200, "2 false")
		get("/say").status(t, 204)
		get("/hear").wants(t, 200, "hello")
		get("/hear").wants(t, 200, "")
		get("/login").status(t, 200)
		get("/who").wants(t, 200, "ada 2")
		for name := range v.jar {
			if strings.HasPrefix(name, "__") {
				t.Errorf("a local visitor has the cookie %s", name)
			}
		}
		// The cookie without Secure is worth nothing to visitors from elsewhere,
		// nor the one with it here.
		v.get(t, "/who").wants(t, 200, "0")
		stolen := a.visitor()
		stolen.jar["__Host-id"] = "junk"
		r := stolen.request("/who")
		localRequest(r)
		stolen.do(t, r).wants(t, 200, "0")
		dead := v.clone()
		get("/logout").status(t, 200)
		if len(v.jar) != 0 {
			t.Errorf("after the logout the browser has %v", v.jar)
		}
		r = dead.request("/who")
		localRequest(r)
		dead.do(t, r).wants(t, 200, "0")
		if got := plainNotices(a.rec); len(got) != 0 {
			t.Errorf("notices %q of cookies that stick", got)
		}
	})
}

func TestInsecureLocalhostIsCheckedByNew(t *testing.T) {
	t.Parallel()
	for what, cfg := range map[string]sessionstate.Config{
		"Insecure too":       {InsecureLocalhost: true, Insecure: true},
		"a name of a prefix": {InsecureLocalhost: true, Cookie: sessionstate.CookieConfig{Name: "__Host-"}},
	} {
		if _, err := sessionstate.New(cfg); err == nil || !strings.Contains(err.Error(), "InsecureLocalhost") {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// Cookies know no ports: two apps on one host get each other's.
func TestAppsOnOneHostNeedNamesOfTheirOwn(t *testing.T) {
	t.Parallel()
	modes(t, func(t *testing.T, cfg sessionstate.Config) {
		named := func(name string, secret sessionstate.Secret) *app {
			c := cfg
			c.Cookie.Name, c.Secrets = name, []sessionstate.Secret{secret}
			return newVisit(t, c)
		}
		for _, other := range []sessionstate.Secret{key1, key2} { // the same secret, and another one
			shop, blog := named("__Host-shop", key1), named("__Host-blog", other)
			v := shop.visitor()
			v.get(t, "/login")
			v.get(t, "/incr").wants(t, 200, "1")
			v.a = blog
			v.get(t, "/who").wants(t, 200, "0")
			v.get(t, "/incr").wants(t, 200, "1")
			v.get(t, "/logout")
			v.a = shop
			v.get(t, "/who").wants(t, 200, "ada 1")
			w := blog.visitor()
			w.jar["__Host-blog"] = v.jar["__Host-shop"] // one's cookie is no session of the other
			w.get(t, "/who").wants(t, 200, "0")
		}
		// With one name they take each other for an attacker, who is told why.
		shop, blog := named("__Host-id", key1), named("__Host-id", key2)
		v := shop.visitor()
		v.get(t, "/incr")
		v.a = blog
		v.get(t, "/who")
		refused := observe.Of[observe.SessionRefused](blog.rec)
		if len(refused) != 1 || !strings.Contains(refused[0].Reason, "Cookie.Name") {
			t.Errorf("events %v, want one that names Cookie.Name", refused)
		}
	})
}

func TestPagesOfALoggedInSessionAreNotStored(t *testing.T) {
	t.Parallel()
	modes(t, func(t *testing.T, cfg sessionstate.Config) {
		a := newVisit(t, cfg)
		a.handle("/page", func(c echo.Context, s *sessionstate.State) error {
			if control := c.QueryParam("control"); control != "" {
				c.Response().Header().Set("Cache-Control", control)
			}
			return c.String(200, s.User())
		})
		a.handle("/other", func(c echo.Context, _ *sessionstate.State) error { return c.String(200, "the same for all") })
		a.Any("/g", echo.WrapHandler(gorillaCount(gorillastate.New(a.m), "__Host-id")))
		a.Any("/public", func(c echo.Context) error { return c.String(200, "the same for all") })
		control := func(v *visitor, path, want string) {
			t.Helper()
			if got := strings.Join(v.get(t, path).Header.Values("Cache-Control"), ", "); got != want {
				t.Errorf("%s: Cache-Control = %q, want %q", path, got, want)
			}
		}
		v := a.visitor()
		v.get(t, "/incr")
		control(v, "/page", "") // nobody is logged in
		v.get(t, "/login")
		for range 2 {
			control(v, "/page", "no-store")
		}
		control(v, "/public", "")
		control(v, "/page?control=no-store", "no-store")
		control(v, "/page?control=private,+max-age=60", "private, max-age=60")
		control(v, "/page?control=public,+max-age=60", "max-age=60, private")
		control(v, "/page?control=max-age=60", "max-age=60, private")
		control(v, "/page?control=no-cache", "no-cache, private")
		v.get(t, "/logout")
		control(v, "/page", "")

		old := a.visitor() // gorilla code may keep a login of its own
		old.get(t, "/g")
		control(old, "/page", "no-store")
	})
}
