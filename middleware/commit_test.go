package middleware_test

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/reecho-go/reecho/echov4"
	"github.com/reecho-go/reecho/internal/waysouttest"
	"github.com/reecho-go/reecho/internal/waysouttest/echov4test"
	"github.com/reecho-go/reecho/middleware"
)

type (
	stamp       = waysouttest.Stamp
	teapot      = waysouttest.Teapot
	unavailable = waysouttest.Unavailable
)

func TestTheCommitOnEchoV4(t *testing.T) {
	t.Parallel()
	echov4test.Framework().Test(t)
}

func TestOnDemandCommitsOnlyWhenAsked(t *testing.T) {
	t.Parallel()
	p := &lazyStamp{stamp{Of: "A"}}
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
		p.Runs.Store(0)
		rec := httptest.NewRecorder()
		e.ServeHTTP(rec, httptest.NewRequest(http.MethodGet, path, http.NoBody))
		if got := p.Runs.Load(); got != want {
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
	e.Use(echov4.Use(&stamp{Of: "A"}))
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
