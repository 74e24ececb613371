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

	"github.com/labstack/echo/v4"

	"github.com/reecho-go/reecho/cachedata"
	"github.com/reecho-go/reecho/echov4"
	"github.com/reecho-go/reecho/middleware"
	"github.com/reecho-go/reecho/middleware/respcache"
	"github.com/reecho-go/reecho/observe"
	"github.com/reecho-go/reecho/sessionstate"
)

// handler is a handler of every framework.
type handler func(c middleware.Context) error

// server serves a handler at every path, behind plugins.
type server func(h handler, plugins ...middleware.Plugin) http.Handler

// frameworks are the servers of every framework.
var frameworks = map[string]server{
	"echo v4": func(h handler, plugins ...middleware.Plugin) http.Handler {
		e := echo.New()
		e.Use(echov4.Use(plugins...))
		e.Any("/*", func(c echo.Context) error { return h(c) })
		return e
	},
	"echo v4, on the route": func(h handler, plugins ...middleware.Plugin) http.Handler {
		e := echo.New()
		before, last := plugins[:len(plugins)-1], plugins[len(plugins)-1]
		if len(before) > 0 {
			e.Use(echov4.Use(before...))
		}
		e.Any("/*", func(c echo.Context) error { return h(c) }, echov4.Use(last))
		return e
	},
	"net/http": func(h handler, plugins ...middleware.Plugin) http.Handler {
		return middleware.Must(middleware.New(plugins...)).Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if err := h(middleware.ContextOf(r)); err != nil {
				http.Error(w, err.Error(), http.StatusInternalServerError)
			}
		}))
	},
}

// everywhere runs a test in every framework.
func everywhere(t *testing.T, test func(t *testing.T, serve server)) {
	t.Helper()
	for name, serve := range frameworks {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, serve)
		})
	}
}

// everywhereInTime runs a test of a cache in every framework, each with a clock of its
// own. In the end the cache is closed.
func everywhereInTime(t *testing.T, cfg respcache.Config, test func(t *testing.T, serve server, c *respcache.Cache)) {
	t.Helper()
	everywhere(t, func(t *testing.T, serve server) {
		synctest.Test(t, func(t *testing.T) {
			c := newCache(t, cfg)
			test(t, serve, c)
			if err := c.Close(t.Context()); err != nil {
				t.Error(err)
			}
		})
	})
}

// newCache makes a cache in a group of the test.
func newCache(t testing.TB, cfg respcache.Config) *respcache.Cache {
	t.Helper()
	if cfg.Group == nil {
		g, err := cachedata.NewGroup("test", cachedata.GroupConfig{})
		if err != nil {
			t.Fatal(err)
		}
		cfg.Group = g
	}
	if cfg.Observer == nil {
		cfg.Observer = observe.Func(func(context.Context, observe.Event) {})
	}
	c, err := respcache.New("pages", cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// counted is a handler that answers with how often it has run, and the path.
func counted(runs *atomic.Int64) handler {
	return func(c middleware.Context) error {
		return text(c, fmt.Sprintf("%s %d", c.Request().URL.Path, runs.Add(1)))
	}
}

// text answers with s.
func text(c middleware.Context, s string) error {
	w := middleware.Response(c)
	if w.Header().Get("Content-Type") == "" {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	}
	w.WriteHeader(http.StatusOK)
	_, err := io.WriteString(w, s)
	return err
}

// request makes a GET of target; header is pairs of names and values.
func request(target string, header ...string) *http.Request {
	r := httptest.NewRequestWithContext(context.Background(), http.MethodGet, target, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	return r
}

// do serves r.
func do(h http.Handler, r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// get serves a GET of target.
func get(h http.Handler, target string, header ...string) *httptest.ResponseRecorder {
	return do(h, request(target, header...))
}

// isHit reports whether a response was replayed.
func isHit(w *httptest.ResponseRecorder) bool {
	return strings.Contains(w.Header().Get("Cache-Status"), "; hit")
}

type contextOf = context.Context

// withValue is h behind a middleware that puts a value into the context.
func withValue(h http.Handler, key, value any) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), key, value)))
	})
}

// newSessions makes a session manager for plain HTTP.
func newSessions(t testing.TB) *sessionstate.Manager {
	t.Helper()
	m, err := sessionstate.New(sessionstate.Config{
		Secrets:  []sessionstate.Secret{{ID: "a", Key: []byte("q8Zr2vT5xW1yB7nD4kG9mH3jL6pS0cFe")}},
		Cookie:   sessionstate.CookieConfig{Insecure: true},
		Observer: observe.Func(func(context.Context, observe.Event) {}),
	})
	if err != nil {
		t.Fatal(err)
	}
	return m
}
