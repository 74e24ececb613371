package echov5_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"

	"github.com/labstack/echo/v5"

	"github.com/reecho-go/reecho/echov5"
	"github.com/reecho-go/reecho/internal/scope"
	"github.com/reecho-go/reecho/middleware"
)

// typical has the hooks of an ordinary plugin: Begin, an on-demand commit, End.
type typical struct{ name string }

func (p *typical) Name() string { return p.name }
func (p *typical) Begin(c middleware.Context) error {
	scope.Fill(c.Request().Context(), scope.Info, p)
	return nil
}
func (p *typical) BeforeHeaders(context.Context, int, http.Header) error { return nil }
func (p *typical) CommitOnDemand()                                       {}
func (p *typical) End(_ middleware.Context, err error) error             { return err }

// app serves one empty route behind the given middlewares.
func app(mws ...echo.MiddlewareFunc) func() {
	e := echo.New()
	e.Use(mws...)
	e.GET("/", func(*echo.Context) error { return nil })
	req := httptest.NewRequest(http.MethodGet, "/", http.NoBody)
	w := httptest.NewRecorder()
	return func() { e.ServeHTTP(w, req) }
}

func stackOfFive() func() {
	var ps []middleware.Plugin
	for i := range 5 {
		ps = append(ps, &typical{"p" + strconv.Itoa(i)})
	}
	return app(echov5.Use(ps...))
}

func TestOneAllocationBeyondEchosOwn(t *testing.T) {
	empty := testing.AllocsPerRun(200, app(func(next echo.HandlerFunc) echo.HandlerFunc { return next }))
	if got := testing.AllocsPerRun(200, stackOfFive()); got > empty+1 {
		t.Errorf("a stack of five plugins allocates %v times a request, want at most %v: the request's state", got, empty+1)
	}
}

// BenchmarkStack is what package middleware measures as the stack of M5 on echo v4.
func BenchmarkStack(b *testing.B) {
	serve := stackOfFive()
	b.ReportAllocs()
	for b.Loop() {
		serve()
	}
}
