// Package echov4test is echo v4 for tests of the ways out of a handler.
package echov4test

import (
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/labstack/echo/v4"
	echomw "github.com/labstack/echo/v4/middleware"

	"github.com/reecho-go/reecho/echov4"
	"github.com/reecho-go/reecho/internal/waysouttest"
)

// Framework returns echo v4.
func Framework() waysouttest.Framework {
	f := waysouttest.Framework{Handler: handler}
	for name := range middlewares {
		f.Knows = append(f.Knows, name)
	}
	return f
}

var middlewares = map[string]func(t testing.TB) echo.MiddlewareFunc{
	"recover": func(testing.TB) echo.MiddlewareFunc {
		return echomw.RecoverWithConfig(echomw.RecoverConfig{DisablePrintStack: true, LogErrorFunc: func(_ echo.Context, err error, _ []byte) error { return err }})
	},
	"gzip": func(testing.TB) echo.MiddlewareFunc {
		return echomw.GzipWithConfig(echomw.GzipConfig{MinLength: 64})
	},
	"gzipAll": func(testing.TB) echo.MiddlewareFunc { return echomw.Gzip() },
	"dump": func(testing.TB) echo.MiddlewareFunc {
		return echomw.BodyDump(func(echo.Context, []byte, []byte) {})
	},
	"timeout": func(testing.TB) echo.MiddlewareFunc { return echomw.ContextTimeout(time.Hour) },
	"secure":  func(testing.TB) echo.MiddlewareFunc { return echomw.Secure() },
	"csrf":    func(testing.TB) echo.MiddlewareFunc { return echomw.CSRF() },
	"inflate": func(testing.TB) echo.MiddlewareFunc { return echomw.Decompress() },
	"rewrite": func(testing.TB) echo.MiddlewareFunc {
		return echomw.Rewrite(map[string]string{"/nowhere": "/"})
	},
	"static": func(t testing.TB) echo.MiddlewareFunc {
		return echomw.StaticWithConfig(echomw.StaticConfig{Root: t.TempDir()})
	},
	"id":      func(testing.TB) echo.MiddlewareFunc { return echomw.RequestID() },
	"replace": func(testing.TB) echo.MiddlewareFunc { return replace },
}

// replace puts another echo.Response in the place of echo's for the handler.
func replace(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		old := c.Response()
		own := echo.NewResponse(old.Writer, c.Echo())
		c.SetResponse(own)
		defer func() {
			old.Committed, old.Status = own.Committed, own.Status
			c.SetResponse(old)
		}()
		return next(c)
	}
}

func handler(t testing.TB, layers []waysouttest.Layer, routes map[string]func(waysouttest.Answer) error) http.Handler {
	e := echo.New()
	e.Logger.SetOutput(io.Discard)
	for _, l := range layers {
		if l.Stack != nil {
			e.Use(echov4.Middleware(l.Stack))
		} else {
			e.Use(middlewares[l.Name](t))
		}
	}
	for path, do := range routes {
		e.Any(path, func(c echo.Context) error { return do(answer{c}) })
	}
	return e
}

type answer struct{ echo.Context }

func (a answer) Writer() http.ResponseWriter { return a.Response() }
func (a answer) Raw() http.ResponseWriter    { return a.Response().Writer }
func (a answer) Committed() bool             { return a.Response().Committed }
func (a answer) Flush()                      { a.Response().Flush() }
func (answer) NotFound() error               { return echo.ErrNotFound }
func (answer) Ours(err error) error          { return echov4.HTTPError(err) }
