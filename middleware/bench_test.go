package middleware_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"

	"github.com/labstack/echo/v4"

	"github.com/reecho-go/reecho/internal/scope"
	"github.com/reecho-go/reecho/middleware"
)

// typical has the hooks of an ordinary plugin: Begin, an on-demand commit, End.
type typical struct{ name string }

func (p *typical) Name() string { return p.name }
func (p *typical) Begin(c echo.Context) error {
	scope.Fill(c.Request().Context(), scope.Info, p)
	return nil
}
func (p *typical) BeforeHeaders(context.Context, int, http.Header) error { return nil }
func (p *typical) CommitOnDemand()                                       {}
func (p *typical) End(_ echo.Context, err error) error                   { return err }

func fivePlugins() []middleware.Plugin {
	var ps []middleware.Plugin
	for i := range 5 {
		ps = append(ps, &typical{"p" + strconv.Itoa(i)})
	}
	return ps
}

// app serves one empty route behind the given middlewares.
func app(mws ...echo.MiddlewareFunc) func() {
	e := echo.New()
	e.Use(mws...)
	e.GET("/", func(echo.Context) error { return nil })
	req := httptest.NewRequest(http.MethodGet, "/", http.NoBody)
	w := httptest.NewRecorder()
	return func() { e.ServeHTTP(w, req) }
}

func pass(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error { return next(c) }
}

func stackOfFive() func() {
	return app(middleware.Must(middleware.New(fivePlugins()...)).Middleware())
}

func fiveAlone() func() {
	var mws []echo.MiddlewareFunc
	for _, p := range fivePlugins() {
		mws = append(mws, middleware.Alone(p))
	}
	return app(mws...)
}

func TestM5_OneAllocationBeyondEchosClosure(t *testing.T) {
	empty := testing.AllocsPerRun(200, app(pass))
	if got := testing.AllocsPerRun(200, stackOfFive()); got > empty+1 {
		t.Errorf("a stack of five plugins allocates %v times a request, want at most %v: one beyond an empty middleware", got, empty+1)
	}
}

func BenchmarkM5(b *testing.B) {
	for _, bb := range []struct {
		name  string
		serve func()
	}{
		{"echo alone", app()},
		{"empty middleware", app(pass)},
		{"five e.Use", fiveAlone()},
		{"stack of five", stackOfFive()},
	} {
		b.Run(bb.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				bb.serve()
			}
		})
	}
}
