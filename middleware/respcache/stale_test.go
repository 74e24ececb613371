package respcache_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

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

func TestAnExpiredResponseStandsInForAnError(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		fail  handler
		stale bool
	}{
		"a status": {func(c middleware.Context) error {
			w := middleware.Response(c)
			w.Header().Set("X-Error", "yes")
			w.WriteHeader(http.StatusBadGateway)
			_, err := w.Write([]byte("broken"))
			return err
		}, true},
		"an error":      {func(middleware.Context) error { return errors.New("no database") }, true},
		"not found":     {func(c middleware.Context) error { middleware.Response(c).WriteHeader(404); return nil }, false},
		"unimplemented": {func(c middleware.Context) error { middleware.Response(c).WriteHeader(501); return nil }, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var broken atomic.Bool
				c := newCache(t, respcache.Config{TTL: time.Minute, Stale: respcache.StaleConfig{OnError: time.Hour}})
				h := frameworks["echo v4"](func(c middleware.Context) error {
					if broken.Load() {
						time.Sleep(time.Second)
						return tt.fail(c)
					}
					if c.Request().URL.Path == "/strict" {
						middleware.Response(c).Header().Set("Cache-Control", "max-age=60, must-revalidate")
					}
					return text(c, "fine")
				}, c)
				get(h, "/")
				get(h, "/strict")
				broken.Store(true)
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
