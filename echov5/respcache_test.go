package echov5_test

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/labstack/echo/v5"
	echomiddleware "github.com/labstack/echo/v5/middleware"

	"github.com/reecho-go/reecho/cachedata"
	"github.com/reecho-go/reecho/ctxinfo"
	"github.com/reecho-go/reecho/echov5"
	"github.com/reecho-go/reecho/middleware"
	"github.com/reecho-go/reecho/middleware/respcache"
)

// pages is a cache of responses in a group of its own.
func pages(t *testing.T, cfg respcache.Config) *respcache.Cache {
	t.Helper()
	g, err := cachedata.NewGroup("test", cachedata.GroupConfig{})
	if err != nil {
		t.Fatal(err)
	}
	cfg.Group = g
	return middleware.Must(respcache.New("pages", cfg))
}

func ask(h http.Handler, method, target string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestResponsesAreReplayed(t *testing.T) {
	t.Parallel()
	var seen []string
	runs := 0
	e := echo.New()
	e.Use(func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c *echo.Context) error {
			writer := c.Response()
			err := next(c)
			res, unwrapped := echo.UnwrapResponse(c.Response())
			seen = append(seen, fmt.Sprint(res.Status, res.Size, res.Committed, c.Response() == writer, unwrapped))
			return err
		}
	}, echomiddleware.Gzip())
	e.GET("/page", func(c *echo.Context) error {
		runs++
		return c.String(http.StatusOK, strings.Repeat("x", 100))
	}, echov5.Use(pages(t, respcache.Config{})))
	e.GET("/fails", func(*echo.Context) error {
		runs++
		return echo.NewHTTPError(http.StatusTeapot, "no coffee")
	}, echov5.Use(pages(t, respcache.Config{})))
	e.GET("/empty", func(c *echo.Context) error {
		runs++
		res, err := echo.UnwrapResponse(c.Response())
		if err != nil {
			return err
		}
		res.Status = http.StatusNotFound // a status in mind
		_, err = c.Response().Write([]byte("not here"))
		return err
	}, echov5.Use(pages(t, respcache.Config{})))

	for i := range 3 {
		if w := ask(e, "GET", "/page"); w.Body.String() != strings.Repeat("x", 100) || strings.Contains(w.Header().Get("Cache-Status"), "hit") != (i > 0) {
			t.Errorf("%d: %d %q %v", i, w.Code, w.Body, w.Header())
		}
	}
	if w := ask(e, "HEAD", "/page"); w.Code != http.StatusMethodNotAllowed {
		t.Errorf("a method without a route: %d", w.Code)
	}
	if runs != 1 || seen[0] != seen[1] || !strings.HasPrefix(seen[1], "200 100 true true") {
		t.Errorf("%d runs; seen %v", runs, seen)
	}
	zipped := ask(e, "GET", "/page", "Accept-Encoding", "gzip")
	if zipped.Header().Get("Content-Encoding") != "gzip" || runs != 1 {
		t.Errorf("compressed outside: %v after %d runs", zipped.Header(), runs)
	}
	for range 2 {
		if w := ask(e, "GET", "/fails"); w.Code != http.StatusTeapot {
			t.Errorf("a handler that fails: %d %v", w.Code, w.Header())
		}
		if w := ask(e, "GET", "/empty"); w.Code != http.StatusNotFound || strings.Contains(w.Header().Get("Cache-Status"), "hit") {
			t.Errorf("a status in mind: %d %v", w.Code, w.Header())
		}
	}
}

func TestTheKeyFollowsFromWhatWasRead(t *testing.T) {
	t.Parallel()
	e := echo.New()
	e.Use(echov5.Use(middleware.Must(ctxinfo.New(ctxinfo.Config{})), pages(t, respcache.Config{Keys: respcache.KeyConfig{Query: []string{"page"}}})))
	e.GET("/agent", func(c *echo.Context) error {
		agent, _ := ctxinfo.From(c).Headers().Get("User-Agent")
		return c.String(http.StatusOK, agent)
	})
	e.GET("/query", func(c *echo.Context) error {
		return c.String(http.StatusOK, c.QueryParam("page")+c.QueryParam("utm"))
	})
	for range 3 {
		for _, agent := range []string{"a", "b"} {
			if w := ask(e, "GET", "/agent", "User-Agent", agent); w.Body.String() != agent {
				t.Errorf("for %s: %q", agent, w.Body)
			}
		}
	}
	for _, utm := range []string{"1", "2"} {
		if w := ask(e, "GET", "/query?page=7&utm="+utm); w.Body.String() != "7" {
			t.Errorf("a hidden parameter was seen: %q", w.Body)
		}
	}
}

// What is over is replayed while it is made again, or instead of an error.
func TestExpiredResponsesAreReplayed(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		fail  error
		stale bool
	}{
		"an error":                    {errors.New("no database"), true},
		"echo's error":                {echo.NewHTTPError(http.StatusBadGateway, "down"), true},
		"echo's error around another": {echo.NewHTTPError(http.StatusBadGateway, "down").Wrap(errors.New("x")), true},
		"an error around echo's":      {fmt.Errorf("page: %w", echo.NewHTTPError(http.StatusBadGateway, "down")), true},
		"an error of ours":            {cachedata.ErrTimeout, true},
		"not found":                   {echo.ErrNotFound, false},
		"an error around not found":   {fmt.Errorf("page: %w", echo.ErrNotFound), false},
		"unimplemented":               {echo.NewHTTPError(http.StatusNotImplemented, ""), false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := pages(t, respcache.Config{TTL: time.Minute, Stale: respcache.StaleConfig{For: time.Minute, OnError: time.Hour}})
				runs, broken := 0, false
				e := echo.New()
				e.Logger = slog.New(slog.DiscardHandler)
				e.Use(echov5.Use(c))
				e.GET("/page", func(c *echo.Context) error {
					if broken {
						return tt.fail
					}
					runs++
					time.Sleep(time.Second)
					return c.String(http.StatusOK, fmt.Sprint(runs))
				})
				want := func(when string, status int, body string) {
					t.Helper()
					if w := ask(e, "GET", "/page"); w.Code != status || status == http.StatusOK && w.Body.String() != body {
						t.Errorf("%s: %d %q %v, want %d %q", when, w.Code, w.Body, w.Header(), status, body)
					}
				}
				want("first", 200, "1")
				time.Sleep(70 * time.Second)
				want("while it is made again", 200, "1")
				time.Sleep(2 * time.Second)
				want("then", 200, "2")
				if err := c.Expire(t.Context(), "/page"); err != nil {
					t.Error(err)
				}
				want("after Expire", 200, "2")
				time.Sleep(2 * time.Second)
				want("then", 200, "3")
				broken = true
				time.Sleep(10 * time.Minute) // longer than For
				if tt.stale {
					want("instead of an error", 200, "3")
					want("again", 200, "3")
				} else if w := ask(e, "GET", "/page"); w.Code == 200 {
					t.Errorf("instead of %v: %q %v", tt.fail, w.Body, w.Header())
				}
				time.Sleep(2 * time.Hour)
				if w := ask(e, "GET", "/page"); w.Code == 200 {
					t.Errorf("much later: %q", w.Body)
				}
				if err := c.Close(t.Context()); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// A shared cache validates what is stale, and answers conditions.
func TestASharedCacheValidates(t *testing.T) {
	t.Parallel()
	e := echo.New()
	var statuses []int
	e.Use(func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c *echo.Context) error {
			err := next(c)
			res, _ := echo.UnwrapResponse(c.Response())
			statuses = append(statuses, res.Status)
			return err
		}
	})
	e.GET("/", func(c *echo.Context) error {
		h := c.Response().Header()
		h.Set("Cache-Control", "no-cache")
		h.Set("Etag", `"a"`)
		if c.Request().Header.Get("If-None-Match") == `"a"` {
			return c.NoContent(http.StatusNotModified)
		}
		return c.String(http.StatusNotFound, "page")
	}, echov5.Use(pages(t, respcache.Config{RFC: true})))
	for i, want := range []string{"reecho; fwd=uri-miss", "reecho; fwd=stale; fwd-status=304; ttl=0"} {
		w := ask(e, http.MethodGet, "/")
		if w.Code != http.StatusNotFound || w.Body.String() != "page" || w.Header().Get("Cache-Status") != want {
			t.Errorf("%d: %d %q %v", i, w.Code, w.Body, w.Header())
		}
	}
	if fmt.Sprint(statuses) != "[404 404]" {
		t.Errorf("loggers see %v", statuses)
	}
}
