package sessionstate_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/labstack/echo/v4"
	echomw "github.com/labstack/echo/v4/middleware"

	"github.com/reecho-go/reecho/sessionstate"
)

// way is one way out of a handler that has changed its session.
type way struct {
	name   string
	method string
	status int
	body   string
	any    bool // the body does not matter
	out    func(c echo.Context, file string) error
}

func ways() []way {
	long := strings.Repeat("x", 50_000)
	return []way{
		{name: "String", status: 200, body: "hello", out: func(c echo.Context, _ string) error { return c.String(200, "hello") }},
		{name: "long-String", status: 200, body: long, out: func(c echo.Context, _ string) error { return c.String(200, long) }},
		{name: "JSON", status: 201, body: "1\n", out: func(c echo.Context, _ string) error { return c.JSON(201, 1) }},
		{name: "nothing-written", status: 200, out: func(echo.Context, string) error { return nil }},
		{name: "NoContent", status: 204, out: func(c echo.Context, _ string) error { return c.NoContent(204) }},
		{name: "client-error", status: 404, any: true, out: func(echo.Context, string) error { return echo.ErrNotFound }},
		{name: "server-error", status: 500, any: true, out: func(echo.Context, string) error { return errors.New("boom") }},
		{name: "redirect", status: 303, out: func(c echo.Context, _ string) error { return c.Redirect(303, "/elsewhere") }},
		{name: "Flush-first", status: 200, body: "data: 1\n\n", out: func(c echo.Context, _ string) error {
			c.Response().Flush()
			_, err := io.WriteString(c.Response(), "data: 1\n\n")
			return err
		}},
		{name: "direct-Writer", status: 200, body: "direct", out: func(c echo.Context, _ string) error {
			_, err := io.WriteString(c.Response().Writer, "direct")
			return err
		}},
		{name: "ReadFrom", status: 200, body: "from a file", out: func(c echo.Context, file string) error {
			f, err := os.Open(file)
			if err != nil {
				return err
			}
			defer f.Close()
			_, err = io.Copy(c.Response().Writer, f)
			return err
		}},
		{name: "103-first", status: 200, body: "after", out: func(c echo.Context, _ string) error {
			c.Response().Writer.WriteHeader(http.StatusEarlyHints)
			return c.String(200, "after")
		}},
		{name: "HEAD", method: http.MethodHead, status: 200, out: func(c echo.Context, _ string) error { return c.String(200, "hello") }},
		{name: "panic", status: 500, any: true, out: func(echo.Context, string) error { panic("boom") }},
		{name: "hijack", status: 101, out: func(c echo.Context, _ string) error {
			conn, rw, err := c.Response().Hijack()
			if err != nil {
				return err
			}
			defer conn.Close()
			fmt.Fprint(rw, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: test\r\nConnection: Upgrade\r\n")
			err = c.Response().Header().Write(rw)
			fmt.Fprint(rw, "\r\n")
			return errors.Join(err, rw.Flush())
		}},
	}
}

// around is a mix of other middlewares outside and inside of ours.
type around struct {
	name            string
	outside, inside []echo.MiddlewareFunc
	buffers         bool // cannot be hijacked
}

func arounds() []around {
	rec := echomw.RecoverWithConfig(echomw.RecoverConfig{DisablePrintStack: true, LogErrorFunc: func(_ echo.Context, err error, _ []byte) error { return err }})
	gz := echomw.GzipWithConfig(echomw.GzipConfig{MinLength: 64})
	dump := echomw.BodyDump(func(echo.Context, []byte, []byte) {})
	timeout := echomw.ContextTimeout(time.Minute)
	mw := func(m ...echo.MiddlewareFunc) []echo.MiddlewareFunc { return m }
	return []around{
		{name: "nothing", outside: mw(rec)},
		{name: "Recover-inside", inside: mw(rec)},
		{name: "gzip-outside", outside: mw(rec, gz), buffers: true},
		{name: "gzip-inside", outside: mw(rec), inside: mw(gz), buffers: true},
		{name: "BodyDump-outside", outside: mw(rec, dump)},
		{name: "BodyDump-inside", outside: mw(rec), inside: mw(dump)},
		{name: "ContextTimeout-outside", outside: mw(rec, timeout)},
		{name: "ContextTimeout-inside", outside: mw(rec), inside: mw(timeout)},
		{name: "all", outside: mw(rec, gz, dump, timeout), inside: mw(timeout, dump, rec), buffers: true},
	}
}

func TestAnchor4_TheSessionIsSavedOnEveryWayOut(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "f.txt")
	if err := os.WriteFile(file, []byte("from a file"), 0o600); err != nil {
		t.Fatal(err)
	}
	modes(t, func(t *testing.T, c sessionstate.Config) {
		for _, ar := range arounds() {
			for _, h2 := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s/http2=%v", ar.name, h2), func(t *testing.T) {
					t.Parallel()
					srv := serveWays(t, c, ar, file, h2)
					for _, w := range ways() {
						if w.name == "hijack" && (ar.buffers || h2) {
							continue // gzip buffers and HTTP/2 cannot be hijacked
						}
						t.Run(w.name, func(t *testing.T) { wayOut(t, srv, w) })
					}
				})
			}
		}
	})
}

// serveWays serves every way on a path of its own, and the count on "/".
func serveWays(t *testing.T, c sessionstate.Config, ar around, file string, h2 bool) *httptest.Server {
	t.Helper()
	c.Secrets = []sessionstate.Secret{key1}
	m := newManager(t, c)
	e := echo.New()
	e.Logger.SetOutput(io.Discard)
	e.Use(ar.outside...)
	e.Use(m.Middleware())
	e.Use(ar.inside...)
	e.GET("/", func(c echo.Context) error { return show(c, sessionstate.From(c)) })
	for _, w := range ways() {
		e.Any("/"+w.name, func(c echo.Context) error {
			if _, err := sessionstate.Incr(count, sessionstate.From(c), 1); err != nil {
				return err
			}
			return w.out(c, file)
		})
	}
	srv := httptest.NewUnstartedServer(e)
	srv.Config.ErrorLog = log.New(io.Discard, "", 0)
	srv.EnableHTTP2 = h2
	if h2 {
		srv.StartTLS()
	} else {
		srv.Start()
	}
	t.Cleanup(srv.Close)
	return srv
}

func wayOut(t *testing.T, srv *httptest.Server, w way) {
	res, body := fetch(t, srv, w, "/"+w.name, "")
	if res.StatusCode != w.status {
		t.Errorf("status = %d, want %d", res.StatusCode, w.status)
	}
	if !w.any && body != w.body {
		t.Errorf("body = %.80q, want %.80q", body, w.body)
	}
	cookie, want := "", 1
	if w.status >= 500 {
		want = 0
	}
	for _, c := range res.Cookies() {
		if c.Name == "__Host-id" {
			cookie = c.Name + "=" + c.Value
		}
	}
	if n := len(res.Header["Set-Cookie"]); n != want {
		t.Fatalf("%d cookies set, want %d", n, want)
	}
	if want == 0 {
		return
	}
	if got := res.Header.Get("Cache-Control"); got != "no-store" {
		t.Errorf("Cache-Control = %q beside a cookie, want no-store", got)
	}
	if _, got := fetch(t, srv, way{}, "/", cookie); got != "1" {
		t.Errorf("the next request finds %q, want 1", got)
	}
}

// fetch makes one request of a way.
func fetch(t *testing.T, srv *httptest.Server, w way, path, cookie string) (*http.Response, string) {
	t.Helper()
	if w.name == "hijack" {
		conn, err := net.Dial("tcp", srv.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: test\r\n\r\n", path)
		res, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		return res, ""
	}
	method := w.method
	if method == "" {
		method = http.MethodGet
	}
	req, err := http.NewRequestWithContext(t.Context(), method, srv.URL+path, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	if cookie != "" {
		req.Header.Set("Cookie", cookie)
	}
	client := *srv.Client()
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	res, err := client.Do(req)
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

func TestChangesAfterTheHeadersFail(t *testing.T) {
	t.Parallel()
	modes(t, func(t *testing.T, cfg sessionstate.Config) {
		a := newApp(t, cfg)
		var errs []error
		a.handle("/stream", func(c echo.Context, s *sessionstate.State) error {
			if err := count.Set(s, 1); err != nil {
				return err
			}
			c.Response().Flush()
			_, updateErr := sessionstate.Incr(count, s, 1)
			errs = []error{
				count.Set(s, 2), count.Delete(s), s.Clear(), s.Login("ada"), s.Renew(), s.Destroy(), s.Flash(sessionstate.Info, "late"), updateErr,
			}
			s.Revert() // does nothing
			_, err := fmt.Fprint(c.Response(), count.Get(s))
			return err
		})
		a.handle("/late", func(c echo.Context, s *sessionstate.State) error {
			c.Response().Flush()
			errs = append(errs, count.Set(s, 2))
			_, err := fmt.Fprint(c.Response(), count.Get(s))
			return err
		})
		v := a.visitor()
		v.get(t, "/stream").wants(t, 200, "1")
		v.get(t, "/late").wants(t, 200, "1")
		for i, err := range errs {
			if !errors.Is(err, sessionstate.ErrCommitted) {
				t.Errorf("late change %d: error = %v, want ErrCommitted", i, err)
			}
		}
		if len(errs) != 9 {
			t.Errorf("%d late changes were tried, want 9", len(errs))
		}
	})
}

func TestAnchor8_NothingIsWrittenWhenNothingChanged(t *testing.T) {
	t.Parallel()
	modes(t, func(t *testing.T, c sessionstate.Config) {
		a := newApp(t, c)
		a.handle("/incr", incr)
		a.handle("/", show)
		a.handle("/same", func(c echo.Context, s *sessionstate.State) error {
			now := count.Get(s)
			if err := count.Set(s, now); err != nil {
				return err
			}
			if err := count.Set(s, now+1); err != nil {
				return err
			}
			if err := count.Set(s, now); err != nil {
				return err
			}
			if err := name.Delete(s); err != nil {
				return err
			}
			return c.NoContent(204)
		})
		v := a.visitor()
		v.get(t, "/incr")
		for _, path := range []string{"/", "/same"} {
			r := v.get(t, path)
			if len(r.Header["Set-Cookie"]) != 0 || r.Header.Get("Cache-Control") != "" {
				t.Errorf("%s: headers %v, want no cookie", path, r.Header)
			}
			if got := r.Header.Get("Vary"); got != "Cookie" {
				t.Errorf("%s: Vary = %q, want Cookie", path, got)
			}
		}
	})
}
