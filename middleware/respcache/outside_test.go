package respcache_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/labstack/echo/v4"
	echomiddleware "github.com/labstack/echo/v4/middleware"

	"github.com/reecho-go/reecho/ctxinfo"
	"github.com/reecho-go/reecho/echov4"
	"github.com/reecho-go/reecho/middleware"
	"github.com/reecho-go/reecho/middleware/respcache"
	"github.com/reecho-go/reecho/sessionstate"
)

// A token that an outer middleware has made for one visitor reaches nobody else.
func TestAFormWithATokenOfOneVisitorIsNotShared(t *testing.T) {
	t.Parallel()
	e := echo.New()
	e.Use(echomiddleware.CSRF())
	e.GET("/form", func(c echo.Context) error {
		return c.String(http.StatusOK, fmt.Sprint(c.Get(echomiddleware.DefaultCSRFConfig.ContextKey)))
	}, echov4.Use(newCache(t, respcache.Config{})))
	seen := make(map[string]bool)
	for range 5 {
		w := get(e, "/form")
		if seen[w.Body.String()] || isHit(w) {
			t.Errorf("%q again; %v", w.Body, w.Header())
		}
		seen[w.Body.String()] = true
	}
}

// A cookie that an outer middleware sets after the handler is that of each request.
func TestCookiesOfOuterMiddlewaresAreNotReplayed(t *testing.T) {
	t.Parallel()
	var n, runs atomic.Int64
	e := echo.New()
	e.Use(func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			id := n.Add(1)
			c.Response().Before(func() { c.Response().Header().Add("Set-Cookie", fmt.Sprintf("id=%d", id)) })
			return next(c)
		}
	})
	e.GET("/", func(c echo.Context) error { return c.String(http.StatusOK, fmt.Sprint(runs.Add(1))) }, echov4.Use(newCache(t, respcache.Config{})))
	for i := range 3 {
		w := get(e, "/")
		if got := w.Header()["Set-Cookie"]; len(got) != 1 || got[0] != fmt.Sprintf("id=%d", i+1) {
			t.Errorf("Set-Cookie = %q", got)
		}
	}
}

// A session that an outer middleware has read may show in what it hands on.
func TestASessionThatWasReadOutsideKeepsTheCacheOut(t *testing.T) {
	t.Parallel()
	sessions := newSessions(t)
	var runs atomic.Int64
	e := echo.New()
	e.Use(echov4.Use(sessions))
	e.Use(func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			c.Set("user", visits.Get(sessionstate.From(c)))
			return next(c)
		}
	})
	e.GET("/", func(c echo.Context) error {
		return c.String(http.StatusOK, fmt.Sprint(c.Get("user"), runs.Add(1)))
	}, echov4.Use(newCache(t, respcache.Config{})))
	get(e, "/")
	if w := get(e, "/"); isHit(w) || !strings.Contains(w.Header().Get("Cache-Status"), "the session was read before") {
		t.Errorf("%q %v", w.Body, w.Header())
	}
}

// A cache inside of another one leaves the response to that one.
func TestACacheInsideOfAnother(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, serve server) {
		var runs atomic.Int64
		inner := middleware.Must(middleware.New(newCache(t, respcache.Config{Keys: respcache.KeyConfig{Headers: []string{"Accept"}}})))
		h := serve(func(c middleware.Context) error {
			w := middleware.Response(c)
			inner.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				fmt.Fprint(w, runs.Add(1), r.Header["Accept"])
			})).ServeHTTP(w, c.Request())
			return nil
		}, newCache(t, respcache.Config{Keys: respcache.KeyConfig{Headers: []string{}}}))
		for range 2 {
			if w := get(h, "/", "Accept", "a"); w.Body.String() != "1 []" {
				t.Errorf("%q", w.Body)
			}
		}
	})
}

// Who makes up values of a header that responses vary by does not fill the cache.
func TestKindsUnderOneKeyAreBounded(t *testing.T) {
	t.Parallel()
	var runs atomic.Int64
	c := newCache(t, respcache.Config{TTL: time.Hour})
	h := frameworks["echo v4"](func(c middleware.Context) error {
		agent, _ := ctxinfo.From(c).Headers().Get("User-Agent")
		return text(c, fmt.Sprint(runs.Add(1), agent))
	}, middleware.Must(ctxinfo.New(ctxinfo.Config{})), c)
	for i := range 300 {
		agent := fmt.Sprint("agent", i)
		if w := get(h, "/", "User-Agent", agent); !strings.HasSuffix(w.Body.String(), agent) {
			t.Errorf("%q for %s", w.Body, agent)
		}
	}
	hits := 0
	for i := range 300 {
		if isHit(get(h, "/", "User-Agent", fmt.Sprint("agent", i))) {
			hits++
		}
	}
	if hits != 64 {
		t.Errorf("%d kinds were stored, want 64", hits)
	}
}
