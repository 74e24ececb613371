package respcachetest_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"

	"github.com/reecho-go/reecho/cachedata"
	"github.com/reecho-go/reecho/echov4"
	"github.com/reecho-go/reecho/middleware"
	"github.com/reecho-go/reecho/middleware/respcache"
	"github.com/reecho-go/reecho/middleware/respcache/respcachetest"
)

// failures is a testing.TB that notes failures.
type failures struct {
	testing.TB
	said []string
}

func (f *failures) Helper() {}
func (f *failures) Errorf(format string, args ...any) {
	f.said = append(f.said, fmt.Sprintf(format, args...))
}

// app returns what makes an app with that handler behind a cache, and with a
// middleware outside of it.
func app(t *testing.T, cfg respcache.Config, outer echo.MiddlewareFunc, h echo.HandlerFunc) func() http.Handler {
	return func() http.Handler {
		g, err := cachedata.NewGroup("test", cachedata.GroupConfig{})
		if err != nil {
			t.Fatal(err)
		}
		cfg.Group = g
		e := echo.New()
		e.Use(outer)
		e.GET("/*", h, echov4.Use(middleware.Must(respcache.New("pages", cfg))))
		return e
	}
}

func nothing(next echo.HandlerFunc) echo.HandlerFunc { return next }

// tenant hands on a header past the context of the request.
func tenant(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		c.Set("tenant", c.Request().Header.Get("X-Tenant"))
		return next(c)
	}
}

func TestWhatIsFound(t *testing.T) {
	t.Parallel()
	greedy := func(c echo.Context) error { // answers with all that it sees
		r := c.Request()
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return err
		}
		return c.String(200, fmt.Sprint(r.Method, r.Host, r.URL, r.RequestURI, r.RemoteAddr, r.Header, r.Cookies(), c.RealIP(), c.Scheme(), c.QueryParams(), string(body)))
	}
	set := func(c echo.Context) error { return c.String(200, fmt.Sprint(c.Get("tenant"))) }
	for name, tt := range map[string]struct {
		cfg   respcache.Config
		outer echo.MiddlewareFunc
		h     echo.HandlerFunc
		names []string
		want  string // in the failures; empty: none
	}{
		"a handler that answers with all that it sees": {outer: nothing, h: greedy, names: []string{"X-Anything"}},
		"no headers at all":                            {cfg: respcache.Config{Keys: respcache.KeyConfig{Headers: []string{}, Query: []string{"a"}}}, outer: nothing, h: greedy},
		"what a middleware hands on":                   {outer: tenant, h: set, want: "X-Tenant"},
		"and what is in the key, too":                  {cfg: respcache.Config{Keys: respcache.KeyConfig{Headers: []string{"X-Tenant"}}}, outer: tenant, h: set},
		"a handler that answers differently anyway":    {outer: nothing, h: numbered(), want: "equal requests alike"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := &failures{TB: t}
			respcachetest.Unkeyed(f, app(t, tt.cfg, tt.outer, tt.h), "/path?a=1&b=2", tt.names...)
			if got := strings.Join(f.said, "\n"); (tt.want == "") != (got == "") || !strings.Contains(got, tt.want) {
				t.Errorf("it says %q, want %q", got, tt.want)
			}
		})
	}
}

// numbered numbers its responses.
func numbered() echo.HandlerFunc {
	n := 0
	return func(c echo.Context) error {
		n++
		return c.String(200, fmt.Sprint(n))
	}
}
