package workloads

import (
	"errors"
	"net/http"
	"net/http/httptest"

	"github.com/labstack/echo/v4"

	"github.com/reecho-go/reecho/benchmarks/bench"
	"github.com/reecho-go/reecho/cachedata"
	"github.com/reecho-go/reecho/cacheresource"
	"github.com/reecho-go/reecho/ctxinfo"
	"github.com/reecho-go/reecho/middleware"
	"github.com/reecho-go/reecho/queryparams"
	"github.com/reecho-go/reecho/sessionstate"
)

// Stack is an empty request through echo, with nothing, with our five plugins
// as five middlewares, and with one Stack of them.
func Stack() ([]bench.Workload, error) {
	alone, err := fivePlugins()
	if err != nil {
		return nil, err
	}
	var five []echo.MiddlewareFunc
	for _, p := range alone {
		five = append(five, middleware.Alone(p))
	}
	together, err := fivePlugins()
	if err != nil {
		return nil, err
	}
	stack, err := middleware.New(together...)
	if err != nil {
		return nil, err
	}
	pass := func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error { return next(c) }
	}
	return []bench.Workload{{
		Group: "stack", Name: "an empty request", Reference: "five plugins, five e.Use",
		Rows: []bench.Row{
			serving("echo alone"),
			serving("echo with one empty middleware", pass),
			serving("five plugins, five e.Use", five...),
			serving(Ours, stack.Middleware()),
		},
	}}, nil
}

func fivePlugins() ([]middleware.Plugin, error) {
	info, err1 := ctxinfo.New(ctxinfo.Config{})
	query, err2 := queryparams.New(queryparams.Config{})
	sessions, err3 := sessionstate.New(sessionstate.Config{})
	resources, err4 := cacheresource.NewGroup("resources", cacheresource.GroupConfig{})
	caches, err5 := cachedata.NewGroup("caches", cachedata.GroupConfig{})
	return []middleware.Plugin{info, query, sessions, resources, caches}, errors.Join(err1, err2, err3, err4, err5)
}

// serving is a row that sends one request through the middlewares.
func serving(peer string, mws ...echo.MiddlewareFunc) bench.Row {
	e := echo.New()
	e.Use(mws...)
	e.GET("/", func(echo.Context) error { return nil })
	req := httptest.NewRequest(http.MethodGet, "/", http.NoBody)
	w := httptest.NewRecorder()
	return bench.Row{Peer: peer, Op: func(int) error {
		e.ServeHTTP(w, req)
		return nil
	}}
}
