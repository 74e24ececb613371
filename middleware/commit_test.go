package middleware_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/reecho-go/reecho/echov4"
	"github.com/reecho-go/reecho/internal/waysouttest"
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

type teapot = waysouttest.Teapot

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
		return echov4.Middleware(s)
	}
	return []host{
		{"alone", []string{"A"}, func(_ *testing.T, fail error) ([]*stamp, []echo.MiddlewareFunc) {
			a := &stamp{name: "A", fail: fail}
			return []*stamp{a}, []echo.MiddlewareFunc{echov4.Use(a)}
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

func TestCommitRunsOnceOnEveryWayOut(t *testing.T) {
	t.Parallel()
	for _, h2 := range []bool{false, true} {
		for _, ho := range hosts() {
			for _, ar := range waysouttest.Arounds() {
				for _, w := range waysouttest.Ways(t) {
					if !w.Exists(ar, h2) {
						continue
					}
					t.Run(fmt.Sprintf("%s/%s/%s/http2=%v", w.Name, ho.name, ar.Name, h2), func(t *testing.T) {
						t.Parallel()
						stamps, mws := ho.make(t, nil)
						res, body := roundTrip(t, w, ar, mws, h2)
						w.Answered(t, res, body)
						for i, name := range ho.names {
							if got := stamps[i].runs.Load(); got != 1 {
								t.Errorf("committer %s ran %d times, want 1", name, got)
							}
							if got := int(stamps[i].status.Load()); got != w.Status {
								t.Errorf("committer %s saw status %d, want %d", name, got, w.Status)
							}
							if got := res.Header.Values("X-" + name); len(got) != 1 {
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

func TestAFailedCommitBecomesTheResponse(t *testing.T) {
	t.Parallel()
	for _, fail := range []error{unavailable{}, errors.New("secret reason")} {
		for _, ho := range hosts() {
			for _, ar := range waysouttest.Arounds() {
				for _, w := range waysouttest.Ways(t) {
					if w.Hijack && ar.Buffers {
						continue // it cannot be hijacked for another reason
					}
					t.Run(fmt.Sprintf("%T/%s/%s/%s", fail, w.Name, ho.name, ar.Name), func(t *testing.T) {
						t.Parallel()
						_, mws := ho.make(t, fail)
						w.Hijack = false // what comes is an answer with a body
						res, body := roundTrip(t, w, ar, mws, false)
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
						if w.Method != http.MethodHead && !strings.Contains(body, fmt.Sprintf(`"status":%d`, want)) {
							t.Errorf("body = %.200q, want the problem alone", body)
						}
						if strings.Contains(body, "secret") || (w.Body != "" && strings.Contains(body, w.Body)) {
							t.Errorf("body = %.200q leaks the cause or what the handler wrote", body)
						}
					})
				}
			}
		}
	}
}

// roundTrip serves one request over a real connection.
func roundTrip(t *testing.T, w waysouttest.Way, ar waysouttest.Around, ours []echo.MiddlewareFunc, h2 bool) (*http.Response, string) {
	t.Helper()
	e := echo.New()
	e.Any("/", w.Out)
	return w.Take(t, waysouttest.Serve(t, e, ar, h2, ours...), "/")
}

func TestOnDemandCommitsOnlyWhenAsked(t *testing.T) {
	t.Parallel()
	p := &lazyStamp{stamp{name: "A"}}
	e := echo.New()
	e.Use(echov4.Use(p))
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

func TestACommitterCannotWriteTheResponse(t *testing.T) {
	t.Parallel()
	var got error
	p := &writer{write: func(c echo.Context) { _, got = c.Response().Writer.Write([]byte("no")) }}
	e := echo.New()
	e.Use(echov4.Use(p))
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

func (*writer) Name() string                       { return "writer" }
func (w *writer) Begin(c middleware.Context) error { w.c = c.(echo.Context); return nil }
func (w *writer) BeforeHeaders(context.Context, int, http.Header) error {
	w.write(w.c)
	return nil
}

func TestVaryAndCacheControlAreMerged(t *testing.T) {
	t.Parallel()
	e := echo.New()
	e.Use(echov4.Use(
		&setter{"one", http.Header{"Vary": {"Cookie"}, "Cache-Control": {"private, max-age=600"}}},
		&setter{"two", http.Header{"Vary": {"Accept-Language, cookie"}, "Cache-Control": {"no-store"}}},
		&setter{"three", http.Header{"Vary": {"X-Other"}, "Cache-Control": {"public, max-age=60"}}},
	))
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

func TestTheWriterKeepsItsAbilities(t *testing.T) {
	t.Parallel()
	e := echo.New()
	e.Use(echov4.Use(&stamp{name: "A"}))
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
