package echov5_test

import (
	"io"
	"log/slog"
	"net/http"
	"testing"
	"time"

	"github.com/labstack/echo/v5"
	echomw "github.com/labstack/echo/v5/middleware"

	"github.com/reecho-go/reecho/echov5"
	"github.com/reecho-go/reecho/internal/waysouttest"
)

// framework is echo v5 for tests of the ways out of a handler.
func framework() waysouttest.Framework {
	f := waysouttest.Framework{Handler: handler, Loose: true}
	for name := range middlewares {
		f.Knows = append(f.Knows, name)
	}
	return f
}

var middlewares = map[string]func(t testing.TB) echo.MiddlewareFunc{
	"recover": func(testing.TB) echo.MiddlewareFunc { return echomw.Recover() },
	"gzip": func(testing.TB) echo.MiddlewareFunc {
		return echomw.GzipWithConfig(echomw.GzipConfig{MinLength: 64})
	},
	"gzipAll": func(testing.TB) echo.MiddlewareFunc { return echomw.Gzip() },
	"dump": func(testing.TB) echo.MiddlewareFunc {
		return echomw.BodyDump(func(*echo.Context, []byte, []byte, error) {})
	},
	"timeout": func(testing.TB) echo.MiddlewareFunc { return echomw.ContextTimeout(time.Hour) },
	"secure":  func(testing.TB) echo.MiddlewareFunc { return echomw.Secure() },
	"csrf":    func(testing.TB) echo.MiddlewareFunc { return echomw.CSRF() },
	"inflate": func(testing.TB) echo.MiddlewareFunc { return echomw.Decompress() },
	"rewrite": func(testing.TB) echo.MiddlewareFunc {
		return echomw.Rewrite(map[string]string{"/nowhere": "/"})
	},
	"id":      func(testing.TB) echo.MiddlewareFunc { return echomw.RequestID() },
	"replace": func(testing.TB) echo.MiddlewareFunc { return replace },
}

// replace puts another echo.Response in front of echo's for the handler.
func replace(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c *echo.Context) error {
		old := c.Response()
		c.SetResponse(echo.NewResponse(old, c.Logger()))
		defer c.SetResponse(old)
		return next(c)
	}
}

// quiet returns an echo that logs nowhere.
func quiet() *echo.Echo {
	e := echo.New()
	e.Logger = slog.New(slog.NewTextHandler(io.Discard, nil))
	return e
}

func handler(t testing.TB, layers []waysouttest.Layer, routes map[string]func(waysouttest.Answer) error) http.Handler {
	e := quiet()
	for _, l := range layers {
		if l.Stack != nil {
			e.Use(echov5.Middleware(l.Stack))
		} else {
			e.Use(middlewares[l.Name](t))
		}
	}
	for path, do := range routes {
		e.Any(path, func(c *echo.Context) error { return do(answer{c}) })
	}
	return e
}

type answer struct{ *echo.Context }

func (a answer) Writer() http.ResponseWriter { return a.Response() }
func (a answer) Raw() http.ResponseWriter    { return a.Response() }
func (a answer) Committed() bool {
	res, err := echo.UnwrapResponse(a.Response())
	return err == nil && res.Committed
}
func (a answer) Flush()           { _ = http.NewResponseController(a.Response()).Flush() }
func (answer) NotFound() error    { return echo.ErrNotFound }
func (answer) Ours(e error) error { return echov5.HTTPError(e) }

func TestTheCommitOnEchoV5(t *testing.T) {
	t.Parallel()
	framework().Test(t)
}
