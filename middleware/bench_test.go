package middleware_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/reecho-go/reecho/echov4"
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
	return app(echov4.Use(fivePlugins()...))
}

func fiveAlone() func() {
	var mws []echo.MiddlewareFunc
	for _, p := range fivePlugins() {
		mws = append(mws, echov4.Use(p))
	}
	return app(mws...)
}

func TestOneAllocationBeyondEchosClosure(t *testing.T) {
	empty := testing.AllocsPerRun(200, app(pass))
	if got := testing.AllocsPerRun(200, stackOfFive()); got > empty+1 {
		t.Errorf("a stack of five plugins allocates %v times a request, want at most %v: one beyond an empty middleware", got, empty+1)
	}
}

// BenchmarkM5 times all in turns, so that what else the machine does hits
// them alike, and demands that five plugins in one Stack take at most half the
// time of five Stacks of one.
func BenchmarkM5(b *testing.B) {
	rows := []struct {
		name  string
		serve func()
		took  time.Duration
	}{
		{name: "echo", serve: app()},
		{name: "empty", serve: app(pass)},
		{name: "five", serve: fiveAlone()},
		{name: "stack", serve: stackOfFive()},
	}
	const batch = 100
	for b.Loop() {
		for i := range rows {
			start := time.Now()
			for range batch {
				rows[i].serve()
			}
			rows[i].took += time.Since(start)
		}
	}
	for _, r := range rows {
		b.ReportMetric(float64(r.took.Nanoseconds())/float64(b.N*batch), r.name+"-ns/request")
	}
	if five, stack := rows[2].took, rows[3].took; b.N > 100 && stack > five/2 {
		b.Errorf("five plugins in one Stack take %v, in five of one %v: want at most half", stack, five)
	}
}
