package middleware_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/labstack/echo/v4"
	echomw "github.com/labstack/echo/v4/middleware"

	"github.com/reecho-go/reecho/middleware"
)

// stamp commits one header and counts how often it was asked to.
type stamp struct {
	name   string
	fail   error
	runs   atomic.Int32
	status atomic.Int32
}

func (s *stamp) Name() string { return s.name }

func (s *stamp) BeforeHeaders(_ context.Context, status int, h http.Header) error {
	s.runs.Add(1)
	s.status.Store(int32(status))
	if s.fail != nil {
		return s.fail
	}
	h.Add("X-"+s.name, "committed")
	return nil
}

// way is one way out of a handler, as the client sees it.
type way struct {
	name    string
	handler func(file string) echo.HandlerFunc
	method  string
	status  int
	body    string // the client's body, unless it is to be ignored
	anyBody bool
	hijack  bool
	panics  bool
}

var ways = []way{
	{name: "String", status: 200, body: "hello", handler: fixed(func(c echo.Context) error { return c.String(200, "hello") })},
	{name: "long String", status: 200, body: strings.Repeat("x", 100_000), handler: fixed(func(c echo.Context) error { return c.String(200, strings.Repeat("x", 100_000)) })},
	{name: "JSON", status: 201, body: "1\n", handler: fixed(func(c echo.Context) error { return c.JSON(201, 1) })},
	{name: "nothing written", status: 200, handler: fixed(func(echo.Context) error { return nil })},
	{name: "NoContent", status: 204, handler: fixed(func(c echo.Context) error { return c.NoContent(204) })},
	{name: "echo error", status: 404, anyBody: true, handler: fixed(func(echo.Context) error { return echo.ErrNotFound })},
	{name: "plain error", status: 500, anyBody: true, handler: fixed(func(echo.Context) error { return errors.New("boom") })},
	{name: "our error", status: 418, anyBody: true, handler: fixed(func(echo.Context) error { return middleware.HTTPError(teapot{}) })},
	{name: "redirect", status: 303, handler: fixed(func(c echo.Context) error { return c.Redirect(303, "/elsewhere") })},
	{name: "Flush first", status: 200, body: "data: 1\n\n", handler: fixed(func(c echo.Context) error {
		c.Response().Flush()
		_, err := io.WriteString(c.Response().Writer, "data: 1\n\n")
		return err
	})},
	{name: "direct Writer", status: 200, body: "direct", handler: fixed(func(c echo.Context) error {
		_, err := c.Response().Writer.Write([]byte("direct"))
		return err
	})},
	{name: "direct WriteHeader", status: 202, body: "", handler: fixed(func(c echo.Context) error {
		c.Response().Writer.WriteHeader(202)
		return nil
	})},
	{name: "ReadFrom", status: 200, body: "from a file", handler: func(file string) echo.HandlerFunc {
		return func(c echo.Context) error {
			f, err := os.Open(file)
			if err != nil {
				return err
			}
			defer f.Close()
			_, err = io.Copy(c.Response().Writer, f)
			return err
		}
	}},
	{name: "File", status: 200, body: "from a file", handler: func(file string) echo.HandlerFunc {
		return func(c echo.Context) error {
			http.ServeFile(c.Response(), c.Request(), file)
			return nil
		}
	}},
	{name: "103 first", status: 200, body: "after", handler: fixed(func(c echo.Context) error {
		c.Response().Header().Set("Link", "</x.css>; rel=preload")
		c.Response().Writer.WriteHeader(http.StatusEarlyHints)
		return c.String(200, "after")
	})},
	{name: "HEAD", method: http.MethodHead, status: 200, handler: fixed(func(c echo.Context) error { return c.String(200, "hello") })},
	{name: "panic", status: 500, anyBody: true, panics: true, handler: fixed(func(echo.Context) error { panic("boom") })},
	{name: "hijack", status: 101, hijack: true, handler: fixed(func(c echo.Context) error {
		conn, rw, err := c.Response().Hijack()
		if err != nil {
			return err
		}
		defer conn.Close()
		_, err = rw.WriteString("HTTP/1.1 101 Switching Protocols\r\nUpgrade: test\r\nConnection: Upgrade\r\n\r\n")
		return errors.Join(err, rw.Flush())
	})},
}

func fixed(h echo.HandlerFunc) func(string) echo.HandlerFunc {
	return func(string) echo.HandlerFunc { return h }
}

type teapot struct{}

func (teapot) Error() string               { return "teapot" }
func (teapot) StatusCode() int             { return http.StatusTeapot }
func (teapot) Problem() middleware.Problem { return middleware.Problem{Detail: "short and stout"} }

// around is a mix of other middlewares outside and inside of ours.
type around struct {
	name            string
	outside, inside []echo.MiddlewareFunc
	noHijack        bool
}

func arounds() []around {
	gz := echomw.GzipWithConfig(echomw.GzipConfig{MinLength: 64})
	gzAll := echomw.Gzip()
	dump := echomw.BodyDump(func(echo.Context, []byte, []byte) {})
	timeout := echomw.ContextTimeout(time.Minute)
	rec := echomw.RecoverWithConfig(echomw.RecoverConfig{DisablePrintStack: true, LogErrorFunc: func(_ echo.Context, err error, _ []byte) error { return err }})
	mw := func(m ...echo.MiddlewareFunc) []echo.MiddlewareFunc { return m }
	return []around{
		{name: "Recover outside", outside: mw(rec)},
		{name: "Recover inside", outside: mw(rec), inside: mw(rec)},
		{name: "gzip outside", outside: mw(rec, gz), noHijack: true},
		{name: "gzip inside", outside: mw(rec), inside: mw(gz), noHijack: true},
		{name: "gzip of everything outside", outside: mw(rec, gzAll), noHijack: true},
		{name: "gzip of everything inside", outside: mw(rec), inside: mw(gzAll), noHijack: true},
		{name: "BodyDump outside", outside: mw(rec, dump)},
		{name: "BodyDump inside", outside: mw(rec), inside: mw(dump)},
		{name: "ContextTimeout outside", outside: mw(rec, timeout)},
		{name: "ContextTimeout inside", outside: mw(rec), inside: mw(timeout)},
		{name: "all of them", outside: mw(rec, gz, dump, timeout), inside: mw(timeout, dump, rec), noHijack: true},
	}
}

// host puts the committers into an app.
type host struct {
	name  string
	names []string // what is stamped, each exactly once
	make  func(t *testing.T, fail error) ([]*stamp, []echo.MiddlewareFunc)
}

func hosts() []host {
	stack := func(t *testing.T, ps ...*stamp) echo.MiddlewareFunc {
		t.Helper()
		var plugins []middleware.Plugin
		for _, p := range ps {
			plugins = append(plugins, p)
		}
		s, err := middleware.New(plugins...)
		if err != nil {
			t.Fatal(err)
		}
		return s.Middleware()
	}
	return []host{
		{"alone", []string{"A"}, func(_ *testing.T, fail error) ([]*stamp, []echo.MiddlewareFunc) {
			a := &stamp{name: "A", fail: fail}
			return []*stamp{a}, []echo.MiddlewareFunc{middleware.Alone(a)}
		}},
		{"stack of two", []string{"A", "B"}, func(t *testing.T, fail error) ([]*stamp, []echo.MiddlewareFunc) {
			a, b := &stamp{name: "A"}, &stamp{name: "B", fail: fail}
			return []*stamp{a, b}, []echo.MiddlewareFunc{stack(t, a, b)}
		}},
		{"stack in a stack", []string{"A", "B"}, func(t *testing.T, fail error) ([]*stamp, []echo.MiddlewareFunc) {
			a, b := &stamp{name: "A"}, &stamp{name: "B", fail: fail}
			return []*stamp{a, b}, []echo.MiddlewareFunc{stack(t, a), stack(t, b)}
		}},
	}
}

func TestM1_CommitRunsOnceOnEveryWayOut(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "f.txt")
	if err := os.WriteFile(file, []byte("from a file"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, h2 := range []bool{false, true} {
		for _, ho := range hosts() {
			for _, ar := range arounds() {
				for _, w := range ways {
					if w.hijack && (ar.noHijack || h2) {
						continue // gzip buffers and HTTP/2 cannot hijack
					}
					t.Run(fmt.Sprintf("%s/%s/%s/http2=%v", w.name, ho.name, ar.name, h2), func(t *testing.T) {
						t.Parallel()
						stamps, mws := ho.make(t, nil)
						res, body := roundTrip(t, w, ar, mws, file, h2)
						if res.StatusCode != w.status {
							t.Errorf("status = %d, want %d", res.StatusCode, w.status)
						}
						if !w.anyBody && !w.hijack && body != w.body {
							t.Errorf("body = %.80q, want %.80q", body, w.body)
						}
						for i, name := range ho.names {
							if got := stamps[i].runs.Load(); got != 1 {
								t.Errorf("committer %s ran %d times, want 1", name, got)
							}
							if got := int(stamps[i].status.Load()); got != w.status {
								t.Errorf("committer %s saw status %d, want %d", name, got, w.status)
							}
							if got := res.Header.Values("X-" + name); !w.hijack && len(got) != 1 {
								t.Errorf("header X-%s = %q, want it once", name, got)
							}
						}
					})
				}
			}
		}
	}
}

type unavailable struct{}

func (unavailable) Error() string               { return "store down: secret host name" }
func (unavailable) StatusCode() int             { return http.StatusServiceUnavailable }
func (unavailable) Problem() middleware.Problem { return middleware.Problem{Detail: "try later"} }

func TestM1_AFailedCommitBecomesTheResponse(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "f.txt")
	if err := os.WriteFile(file, []byte("from a file"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, fail := range []error{unavailable{}, errors.New("secret reason")} {
		for _, ho := range hosts() {
			for _, ar := range arounds() {
				for _, w := range ways {
					if w.hijack {
						continue // see TestM1_AFailedCommitRefusesAHijack
					}
					t.Run(fmt.Sprintf("%T/%s/%s/%s", fail, w.name, ho.name, ar.name), func(t *testing.T) {
						t.Parallel()
						_, mws := ho.make(t, fail)
						res, body := roundTrip(t, w, ar, mws, file, false)
						want := http.StatusInternalServerError
						if _, ok := errors.AsType[unavailable](fail); ok {
							want = http.StatusServiceUnavailable
						}
						if res.StatusCode != want {
							t.Errorf("status = %d, want %d", res.StatusCode, want)
						}
						if got := res.Header.Get("Content-Type"); got != "application/problem+json" {
							t.Errorf("content type = %q, want a problem", got)
						}
						if w.method != http.MethodHead && !strings.Contains(body, fmt.Sprintf(`"status":%d`, want)) {
							t.Errorf("body = %.200q, want the problem alone", body)
						}
						if strings.Contains(body, "secret") || (w.body != "" && strings.Contains(body, w.body)) {
							t.Errorf("body = %.200q leaks the cause or what the handler wrote", body)
						}
					})
				}
			}
		}
	}
}

func TestM1_AFailedCommitRefusesAHijack(t *testing.T) {
	t.Parallel()
	a := &stamp{name: "A", fail: unavailable{}}
	e := echo.New()
	e.Use(middleware.Alone(a))
	e.GET("/", ways[len(ways)-1].handler(""))
	srv := httptest.NewServer(e)
	defer srv.Close()
	res, err := srv.Client().Get(srv.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("status = %d, want 503", res.StatusCode)
	}
}

// roundTrip serves one request over a real connection.
func roundTrip(t *testing.T, w way, ar around, ours []echo.MiddlewareFunc, file string, h2 bool) (*http.Response, string) {
	t.Helper()
	e := echo.New()
	e.Logger.SetOutput(io.Discard)
	e.Use(ar.outside...)
	e.Use(ours...)
	e.Use(ar.inside...)
	e.Any("/", w.handler(file))
	srv := httptest.NewUnstartedServer(e)
	srv.Config.ErrorLog = nil
	srv.EnableHTTP2 = h2
	if h2 {
		srv.StartTLS()
	} else {
		srv.Start()
	}
	defer srv.Close()
	if w.hijack {
		return hijacked(t, srv)
	}
	method := w.method
	if method == "" {
		method = http.MethodGet
	}
	req, err := http.NewRequestWithContext(t.Context(), method, srv.URL, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	client := srv.Client()
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
	if h2 && res.ProtoMajor != 2 {
		t.Fatalf("protocol = %s, want HTTP/2", res.Proto)
	}
	return res, string(body)
}

func hijacked(t *testing.T, srv *httptest.Server) (*http.Response, string) {
	t.Helper()
	conn, err := net.Dial("tcp", srv.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "GET / HTTP/1.1\r\nHost: test\r\n\r\n")
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	return res, ""
}

func TestM1_OnDemandCommitsOnlyWhenAsked(t *testing.T) {
	t.Parallel()
	p := &lazyStamp{stamp{name: "A"}}
	e := echo.New()
	e.Use(middleware.Alone(p))
	e.GET("/no", func(c echo.Context) error { return c.String(200, "no") })
	e.GET("/yes", func(c echo.Context) error {
		if err := middleware.RequestCommit(c.Request().Context()); err != nil {
			return err
		}
		return c.String(200, "yes")
	})
	e.GET("/late", func(c echo.Context) error {
		if err := c.String(200, "late"); err != nil {
			return err
		}
		if err := middleware.RequestCommit(c.Request().Context()); !errors.Is(err, middleware.ErrCommitted) {
			t.Errorf("RequestCommit() after the headers = %v, want ErrCommitted", err)
		}
		return nil
	})
	for path, want := range map[string]int32{"/no": 0, "/yes": 1, "/late": 0} {
		p.runs.Store(0)
		rec := httptest.NewRecorder()
		e.ServeHTTP(rec, httptest.NewRequest(http.MethodGet, path, http.NoBody))
		if got := p.runs.Load(); got != want {
			t.Errorf("%s: committed %d times, want %d", path, got, want)
		}
	}
	if err := middleware.RequestCommit(t.Context()); err != nil {
		t.Errorf("RequestCommit() outside a stack = %v, want nil", err)
	}
}

type lazyStamp struct{ stamp }

func (*lazyStamp) CommitOnDemand() {}

func TestM1_ACommitterCannotWriteTheResponse(t *testing.T) {
	t.Parallel()
	var got error
	p := &writer{write: func(c echo.Context) { _, got = c.Response().Writer.Write([]byte("no")) }}
	e := echo.New()
	e.Use(middleware.Alone(p))
	e.GET("/", func(c echo.Context) error { return c.String(200, "hello") })
	rec := httptest.NewRecorder()
	e.ServeHTTP(rec, httptest.NewRequest(http.MethodGet, "/", http.NoBody))
	if got == nil || rec.Body.String() != "hello" {
		t.Errorf("write inside BeforeHeaders: error = %v, body = %q; want an error and the handler's body", got, rec.Body)
	}
}

type writer struct {
	c     echo.Context
	write func(echo.Context)
}

func (*writer) Name() string                 { return "writer" }
func (w *writer) Begin(c echo.Context) error { w.c = c; return nil }
func (w *writer) BeforeHeaders(context.Context, int, http.Header) error {
	w.write(w.c)
	return nil
}

func TestM1_VaryAndCacheControlAreMerged(t *testing.T) {
	t.Parallel()
	e := echo.New()
	e.Use(middleware.Must(middleware.New(
		&setter{"one", http.Header{"Vary": {"Cookie"}, "Cache-Control": {"private, max-age=600"}}},
		&setter{"two", http.Header{"Vary": {"Accept-Language, cookie"}, "Cache-Control": {"no-store"}}},
		&setter{"three", http.Header{"Vary": {"X-Other"}, "Cache-Control": {"public, max-age=60"}}},
	)).Middleware())
	e.GET("/", func(c echo.Context) error {
		c.Response().Header().Set("Vary", "Accept")
		c.Response().Header().Set("Cache-Control", "max-age=3600")
		return c.NoContent(204)
	})
	rec := httptest.NewRecorder()
	e.ServeHTTP(rec, httptest.NewRequest(http.MethodGet, "/", http.NoBody))
	if got, want := rec.Header().Values("Vary"), "Accept, Cookie, Accept-Language, X-Other"; len(got) != 1 || got[0] != want {
		t.Errorf("Vary = %q, want %q", got, want)
	}
	if got, want := rec.Header().Values("Cache-Control"), "private, no-store"; len(got) != 1 || got[0] != want {
		t.Errorf("Cache-Control = %q, want %q", got, want)
	}
}

type setter struct {
	name string
	h    http.Header
}

func (s *setter) Name() string { return s.name }
func (s *setter) BeforeHeaders(_ context.Context, _ int, h http.Header) error {
	maps.Copy(h, s.h)
	return nil
}

func TestM2_TheWriterKeepsItsAbilities(t *testing.T) {
	t.Parallel()
	e := echo.New()
	e.Use(middleware.Alone(&stamp{name: "A"}))
	e.GET("/", func(c echo.Context) error {
		w := c.Response().Writer
		rc := http.NewResponseController(w)
		if err := rc.SetWriteDeadline(time.Now().Add(time.Minute)); err != nil {
			t.Errorf("SetWriteDeadline() = %v", err)
		}
		if err := rc.EnableFullDuplex(); err != nil && c.Request().ProtoMajor == 1 {
			t.Errorf("EnableFullDuplex() = %v", err)
		}
		if _, ok := w.(io.ReaderFrom); !ok {
			t.Error("the writer is no io.ReaderFrom")
		}
		p, ok := w.(http.Pusher)
		if !ok {
			t.Fatal("the writer is no http.Pusher")
		}
		if err := p.Push("/x", nil); c.Request().ProtoMajor == 1 && !errors.Is(err, http.ErrNotSupported) {
			t.Errorf("Push() over HTTP/1.1 = %v, want ErrNotSupported", err)
		} else if c.Request().ProtoMajor == 2 && errors.Is(err, errors.ErrUnsupported) && !errors.Is(err, http.ErrNotSupported) {
			t.Errorf("Push() over HTTP/2 = %v", err)
		}
		return rc.Flush()
	})
	for _, h2 := range []bool{false, true} {
		srv := httptest.NewUnstartedServer(e)
		srv.EnableHTTP2 = h2
		srv.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
		if h2 {
			srv.StartTLS()
		} else {
			srv.Start()
		}
		res, err := srv.Client().Get(srv.URL)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if got := res.Header.Get("X-A"); got != "committed" {
			t.Errorf("http2=%v: X-A = %q, want it committed", h2, got)
		}
		srv.Close()
	}
}
