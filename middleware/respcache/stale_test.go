package respcache_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/reecho-go/reecho/cachedata"
	"github.com/reecho-go/reecho/middleware"
	"github.com/reecho-go/reecho/middleware/respcache"
)

func TestAnExpiredResponseIsReplayedWhileItIsMadeAgain(t *testing.T) {
	t.Parallel()
	everywhereInTime(t, respcache.Config{TTL: time.Minute, Stale: respcache.StaleConfig{For: time.Minute}}, func(t *testing.T, serve server, c *respcache.Cache) {
		var runs atomic.Int64
		h := serve(func(c middleware.Context) error {
			n := runs.Add(1)
			time.Sleep(time.Second)
			return text(c, fmt.Sprint(n, c.Request().URL, c.Request().Header["Accept"]))
		}, c)
		get(h, "/a?x=1", "Accept", "b")
		time.Sleep(70 * time.Second)
		for _, w := range together(h, 1, "/a?x=1") {
			if w.Body.String() != "2 /a?x=1 []" { // another key
				t.Errorf("%q", w.Body)
			}
		}
		for range 10 {
			began := time.Now()
			w := get(h, "/a?x=1", "Accept", "b")
			if w.Body.String() != "1 /a?x=1 [b]" || time.Since(began) != 0 || !strings.HasPrefix(w.Header().Get("Cache-Status"), "reecho; hit; ttl=-") {
				t.Errorf("%q after %v; %v", w.Body, time.Since(began), w.Header())
			}
		}
		time.Sleep(2 * time.Second)
		if w := get(h, "/a?x=1", "Accept", "b"); w.Body.String() != "3 /a?x=1 [b]" || !isHit(w) {
			t.Errorf("then %q %v", w.Body, w.Header())
		}
		time.Sleep(10 * time.Minute)
		if w := get(h, "/a?x=1", "Accept", "b"); w.Body.String() != "4 /a?x=1 [b]" {
			t.Errorf("much later %q", w.Body)
		}
	})
}

// staysAway is how a handler fails.
type staysAway struct {
	name  string
	fail  handler
	stale bool // the old response is replayed
}

// everyFailure are those of every framework.
var everyFailure = []staysAway{
	{"a status", func(c middleware.Context) error {
		w := middleware.Response(c)
		w.Header().Set("X-Error", "yes")
		w.WriteHeader(http.StatusBadGateway)
		_, err := w.Write([]byte("broken"))
		return err
	}, true},
	{"an error", func(middleware.Context) error { return errors.New("no database") }, true},
	{"an error of ours", func(middleware.Context) error { return cachedata.ErrTimeout }, true},
	{"not found", func(c middleware.Context) error { middleware.Response(c).WriteHeader(404); return nil }, false},
	{"unimplemented", func(c middleware.Context) error { middleware.Response(c).WriteHeader(501); return nil }, false},
}

// manyFailures are those of handlers that do not stop at one.
var manyFailures = []staysAway{
	{"a status twice", func(c middleware.Context) error {
		for range 2 {
			http.Error(middleware.Response(c), "broken", http.StatusBadGateway)
		}
		return nil
	}, true},
	{"a status and another", func(c middleware.Context) error {
		middleware.Response(c).WriteHeader(http.StatusBadGateway)
		return text(c, "other")
	}, true},
	{"a status and an error", func(c middleware.Context) error {
		http.Error(middleware.Response(c), "broken", http.StatusBadGateway)
		return errors.New("no database")
	}, true},
	{"a status and a panic", func(c middleware.Context) error {
		http.Error(middleware.Response(c), "broken", http.StatusBadGateway)
		panic("no database")
	}, true},
	{"a panic", func(middleware.Context) error { panic("no database") }, true},
}

// echoFailures are those of echo v4.
var echoFailures = []staysAway{
	{"echo's error", func(middleware.Context) error { return echo.NewHTTPError(http.StatusBadGateway, "down") }, true},
	{"echo's error around another", func(middleware.Context) error { return echo.ErrServiceUnavailable.WithInternal(errors.New("x")) }, true},
	{"echo's error around one of echo", func(middleware.Context) error {
		return echo.ErrInternalServerError.WithInternal(echo.ErrNotFound) // which is a 404
	}, false},
	{"another error around echo's", func(middleware.Context) error { return fmt.Errorf("page: %w", echo.ErrNotFound) }, true}, // which is a 500
	{"echo's not found", func(middleware.Context) error { return echo.ErrNotFound }, false},
	{"echo's unimplemented", func(middleware.Context) error { return echo.NewHTTPError(http.StatusNotImplemented) }, false},
}

// recovered is h behind a middleware that answers panics.
func recovered(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			if recover() != nil {
				w.WriteHeader(http.StatusInternalServerError)
			}
		}()
		h.ServeHTTP(w, r)
	})
}

func TestAnExpiredResponseStandsInForAnError(t *testing.T) {
	t.Parallel()
	for framework, serve := range frameworks {
		failures := slices.Concat(everyFailure, manyFailures)
		if framework != "net/http" {
			failures = slices.Concat(failures, echoFailures)
		}
		for _, tt := range failures {
			t.Run(framework+"/"+tt.name, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					var broken atomic.Bool
					c := newCache(t, respcache.Config{TTL: time.Minute, Stale: respcache.StaleConfig{OnError: time.Hour}})
					h := serve(func(c middleware.Context) error {
						if broken.Load() {
							time.Sleep(time.Second)
							return tt.fail(c)
						}
						if c.Request().URL.Path == "/strict" {
							middleware.Response(c).Header().Set("Cache-Control", "max-age=60, must-revalidate")
						}
						return text(c, "fine")
					}, c)
					h = recovered(h)
					get(h, "/")
					get(h, "/strict")
					broken.Store(true)
					if w := get(h, "/"); w.Code != 200 {
						t.Errorf("in its time: %d", w.Code)
					}
					time.Sleep(2 * time.Minute)
					for _, w := range append(together(h, 5, "/"), get(h, "/")) {
						if stale := w.Code == 200 && w.Body.String() == "fine" && isHit(w) && w.Header().Get("X-Error") == ""; stale != tt.stale {
							t.Errorf("%d %q %v", w.Code, w.Body, w.Header())
						}
					}
					if w := get(h, "/strict"); w.Code == 200 {
						t.Errorf("must-revalidate: %d %q %v", w.Code, w.Body, w.Header())
					}
					time.Sleep(2 * time.Hour)
					if w := get(h, "/"); w.Code == 200 {
						t.Errorf("much later: %d %q", w.Code, w.Body)
					}
					if err := c.Close(t.Context()); err != nil {
						t.Error(err)
					}
				})
			})
		}
	}
}

func TestAResponseThatWasExpiredIsReplayedWhileItIsMadeAgain(t *testing.T) {
	t.Parallel()
	for name, expire := range map[string]func(ctx context.Context, c *respcache.Cache) error{
		"by its path":   func(ctx context.Context, c *respcache.Cache) error { return c.Expire(ctx, "/a/b") },
		"by its URL":    func(ctx context.Context, c *respcache.Cache) error { return c.Expire(ctx, "/a/b?x=1") },
		"by its folder": func(ctx context.Context, c *respcache.Cache) error { return c.Expire(ctx, "/a/*") },
		"by its tag":    func(ctx context.Context, c *respcache.Cache) error { return c.ExpireTag(ctx, "red") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			everywhere(t, func(t *testing.T, serve server) {
				synctest.Test(t, func(t *testing.T) {
					stale := newCache(t, respcache.Config{TTL: time.Hour, Stale: respcache.StaleConfig{For: time.Minute}})
					plain := newCache(t, respcache.Config{TTL: time.Hour})
					for _, c := range []*respcache.Cache{stale, plain} {
						var runs atomic.Int64
						h := serve(func(c middleware.Context) error {
							cachedata.LoadingFrom(c.Request().Context()).AddTags("red")
							if c.Request().URL.Path == "/a/strict" {
								middleware.Response(c).Header().Set("Cache-Control", "max-age=600, must-revalidate")
							}
							n := runs.Add(1)
							time.Sleep(time.Second)
							return text(c, fmt.Sprint(n))
						}, c)
						want := func(target, want string, hit bool) {
							t.Helper()
							if w := get(h, target); w.Body.String() != want || isHit(w) != hit {
								t.Errorf("%s: %q %v, want %q, replayed: %v", target, w.Body, w.Header(), want, hit)
							}
						}
						do := func() {
							t.Helper()
							if err := expire(t.Context(), c); err != nil {
								t.Error(err)
							}
						}
						want("/a/b?x=1", "1", false)
						want("/c", "2", false)
						do()
						if c == plain {
							want("/a/b?x=1", "3", false)
							want("/a/b?x=1", "3", true)
							continue
						}
						w := get(h, "/a/b?x=1")
						if w.Body.String() != "1" || w.Header().Get("Cache-Status") != "reecho; hit; ttl=0" {
							t.Errorf("after Expire: %q %v", w.Body, w.Header())
						}
						time.Sleep(2 * time.Second)
						next := runs.Load()
						want("/a/b?x=1", fmt.Sprint(next), true)
						do()
						time.Sleep(2 * time.Minute) // longer than For
						want("/a/b?x=1", fmt.Sprint(next+1), false)
						want("/a/strict?x=1", fmt.Sprint(next+2), false)
						if err := c.Expire(t.Context(), "/*"); err != nil {
							t.Error(err)
						}
						want("/a/strict?x=1", fmt.Sprint(next+3), false)
						go get(h, "/a/during?x=1") // which begins before
						synctest.Wait()
						if err := c.Expire(t.Context(), "/a/during"); err != nil {
							t.Error(err)
						}
						want("/a/during?x=1", fmt.Sprint(next+4), true)
						want("/a/during?x=1", fmt.Sprint(next+4), true)
						time.Sleep(2 * time.Second)
						want("/a/during?x=1", fmt.Sprint(next+5), true)
					}
					for _, c := range []*respcache.Cache{stale, plain} {
						if err := c.Expire(t.Context(), "a"); err == nil || !strings.Contains(err.Error(), `Expire: the path "a"`) {
							t.Errorf("%v", err)
						}
						if err := c.Close(t.Context()); err != nil {
							t.Error(err)
						}
					}
				})
			})
		})
	}
}

// Pages that were made together are not made again together.
func TestJitterSpreadsTheEndsOfResponses(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCache(t, respcache.Config{TTL: 1000 * time.Second, Jitter: 0.5, Stale: respcache.StaleConfig{For: time.Hour}})
		var runs atomic.Int64
		h := frameworks["net/http"](counted(&runs), c)
		const n = 50
		for i := range n {
			get(h, fmt.Sprint("/", i))
		}
		times := make(map[string]bool)
		for i := range n {
			status := get(h, fmt.Sprint("/", i)).Header().Get("Cache-Status")
			var left int
			if _, err := fmt.Sscanf(status, "reecho; hit; ttl=%d", &left); err != nil || left < 499 || left > 1000 {
				t.Errorf("%s: %v", status, err)
			}
			times[status] = true
		}
		if len(times) < n/2 {
			t.Errorf("%d times of %d responses", len(times), n)
		}
		time.Sleep(499 * time.Second)
		if runs.Load() != n {
			t.Errorf("made again too early: %d", runs.Load())
		}
		time.Sleep(502 * time.Second)
		for i := range n {
			get(h, fmt.Sprint("/", i))
			synctest.Wait() // only some are made again at once
		}
		if runs.Load() != 2*n {
			t.Errorf("%d runs in the end, want %d", runs.Load(), 2*n)
		}
		if err := c.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// What was held back is not what the client, or a logger, is told.
func TestAResponseInsteadOfAnErrorHasItsOwnStatus(t *testing.T) {
	t.Parallel()
	cfg := respcache.Config{Status: map[int]time.Duration{404: time.Minute}, Stale: respcache.StaleConfig{OnError: time.Hour}}
	everywhereInTime(t, cfg, func(t *testing.T, serve server, c *respcache.Cache) {
		status := http.StatusNotFound
		h := serve(func(c middleware.Context) error {
			w := middleware.Response(c)
			w.WriteHeader(status)
			_, err := fmt.Fprint(w, status)
			return err
		}, c)
		get(h, "/")
		time.Sleep(2 * time.Minute)
		status = http.StatusBadGateway
		if w := get(h, "/"); w.Code != http.StatusNotFound || w.Body.String() != "404" {
			t.Errorf("%d %q", w.Code, w.Body)
		}
	})
}
