package respcache_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
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

// What comes after the cache has the context of the request, although a middleware in
// between has left another one behind.
func TestTheRequestOutlivesItsHandler(t *testing.T) {
	t.Parallel()
	type key struct{}
	everywhere(t, func(t *testing.T, serve server) {
		var after error
		var value any
		outer := wrapper{"outer", func(next middleware.Handler) middleware.Handler {
			return func(c middleware.Context) error {
				err := next(c)
				ctx, cancel := context.WithCancel(c.Request().Context())
				defer cancel()
				after, value = ctx.Err(), ctx.Value(key{})
				return err
			}
		}}
		inner := middleware.Must(middleware.New(wrapper{"inner", func(next middleware.Handler) middleware.Handler {
			return func(c middleware.Context) error {
				c.SetRequest(c.Request().WithContext(context.WithValue(c.Request().Context(), key{}, "inner")))
				return next(c)
			}
		}}))
		cache := newCache(t, respcache.Config{})
		h := serve(func(c middleware.Context) error { return text(c, "page") }, outer, wrapper{"both", func(next middleware.Handler) middleware.Handler {
			return cache.Wrap(inner.Plugins()[0].(middleware.Wrapper).Wrap(next))
		}})
		if get(h, "/"); after != nil || value != "inner" {
			t.Errorf("after the handler: %v, %v", after, value)
		}
	})
}

// Parts of what is compressed further out are parts of something else.
func TestNoPartOfWhatIsCompressedOutsideIsSent(t *testing.T) {
	t.Parallel()
	e := echo.New()
	e.Use(echomiddleware.Gzip())
	e.GET("/", func(c echo.Context) error { return c.String(http.StatusOK, "0123456789") }, echov4.Use(newCache(t, respcache.Config{})))
	get(e, "/", "Accept-Encoding", "gzip")
	for _, part := range []string{"bytes=0-3", "bytes=100-"} {
		w := get(e, "/", "Accept-Encoding", "gzip", "Range", part)
		if w.Code != http.StatusOK || w.Header().Get("Content-Encoding") != "gzip" || w.Header().Get("Content-Range") != "" || !isHit(w) {
			t.Errorf("%s: %d %v", part, w.Code, w.Header())
		}
	}
}

// A response that is made again in the background is made of the values that the
// handler had at first.
func TestAResponseIsMadeAgainWithTheContextOfItsRequest(t *testing.T) {
	t.Parallel()
	type tenant struct{}
	everywhereInTime(t, respcache.Config{TTL: time.Minute, Stale: respcache.StaleConfig{For: time.Hour}}, func(t *testing.T, serve server, c *respcache.Cache) {
		var runs atomic.Int64
		app := serve(func(c middleware.Context) error {
			return text(c, fmt.Sprint(runs.Add(1), c.Request().Context().Value(tenant{})))
		}, c)
		h := withValue(app, tenant{}, " of shop")
		for i := range 3 {
			get(h, "/") // and has the next one made
			time.Sleep(time.Second)
			if w := get(h, "/"); w.Body.String() != fmt.Sprint(i+1, " of shop") {
				t.Errorf("%q %v", w.Body, w.Header())
			}
			time.Sleep(2 * time.Minute)
		}
	})
}

// A request in the background that is led elsewhere makes no page.
func TestAResponseIsMadeAgainAtItsOwnURL(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCache(t, respcache.Config{TTL: time.Minute, Stale: respcache.StaleConfig{For: time.Hour}})
		var runs atomic.Int64
		e := echo.New()
		e.Pre(func(next echo.HandlerFunc) echo.HandlerFunc {
			return func(c echo.Context) error {
				c.Request().URL.Path = "/v1" + c.Request().URL.Path
				return next(c)
			}
		})
		e.Use(echov4.Use(c))
		e.GET("/v1/a", func(c echo.Context) error { return c.String(http.StatusOK, fmt.Sprint("page ", runs.Add(1))) })
		e.GET("/*", func(c echo.Context) error { return c.String(http.StatusOK, "index") })
		for i := range 3 {
			get(e, "/a")
			time.Sleep(time.Second)
			if w := get(e, "/a"); w.Body.String() != fmt.Sprint("page ", i+1) {
				t.Errorf("%q %v", w.Body, w.Header())
			}
			time.Sleep(2 * time.Minute)
		}
		// What is stripped further out is stripped no more.
		stripped := echo.New()
		stripped.Use(echov4.Use(c))
		stripped.GET("/b", func(c echo.Context) error { return c.String(http.StatusOK, fmt.Sprint("page ", runs.Add(1))) })
		stripped.GET("/*", func(c echo.Context) error { return c.String(http.StatusOK, "index") })
		runs.Store(0)
		h := http.StripPrefix("/app", stripped)
		for i := range 3 {
			get(h, "/app/b")
			time.Sleep(time.Second)
			if w := get(h, "/app/b"); w.Body.String() != fmt.Sprint("page ", i+1) {
				t.Errorf("stripped: %q %v", w.Body, w.Header())
			}
			time.Sleep(2 * time.Minute)
		}
		if err := c.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// Who has read the answer to a change gets nothing that was made before it.
func TestAChangeTakesEffectBeforeItIsAnswered(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(hold chan struct{}) error{
		"while it goes on": func(hold chan struct{}) error { <-hold; return nil },
		"when it fails":    func(chan struct{}) error { return io.ErrUnexpectedEOF },
		"when it panics":   func(chan struct{}) error { panic(http.ErrAbortHandler) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			everywhere(t, func(t *testing.T, serve server) {
				var version atomic.Int64
				hold := make(chan struct{})
				s := httptest.NewServer(serve(func(c middleware.Context) error {
					if c.Request().Method == http.MethodGet {
						return text(c, fmt.Sprint("version ", version.Load()))
					}
					version.Add(1)
					if err := text(c, "done"); err != nil {
						return err
					}
					if err := http.NewResponseController(middleware.Response(c)).Flush(); err != nil {
						return err
					}
					return end(hold)
				}, newCache(t, respcache.Config{})))
				defer s.Close()
				defer close(hold)
				read := func(method string, n int64) string {
					r, err := http.NewRequestWithContext(t.Context(), method, s.URL+"/a", nil)
					if err != nil {
						t.Fatal(err)
					}
					res, err := http.DefaultClient.Do(r)
					if err != nil {
						t.Fatal(err)
					}
					defer res.Body.Close()
					b, _ := io.ReadAll(io.LimitReader(res.Body, n))
					return string(b)
				}
				read(http.MethodGet, 100)
				if got := read(http.MethodPost, 4); got != "done" {
					t.Fatalf("%q", got)
				}
				if got := read(http.MethodGet, 100); got != "version 1" {
					t.Errorf("after the change: %q", got)
				}
			})
		})
	}
}
