package workloads

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/labstack/echo/v4"

	"github.com/reecho-go/reecho/benchmarks/bench"
	"github.com/reecho-go/reecho/cachedata"
	"github.com/reecho-go/reecho/cacheresource"
	"github.com/reecho-go/reecho/ctxinfo"
	"github.com/reecho-go/reecho/echov4"
	"github.com/reecho-go/reecho/middleware"
	"github.com/reecho-go/reecho/observe"
	"github.com/reecho-go/reecho/queryparams"
	"github.com/reecho-go/reecho/sessionstate"
)

// Stack is an empty request through echo, with nothing, with our five plugins
// as five middlewares, and with one Stack of them.
func Stack() []bench.Workload {
	return []bench.Workload{{Group: "stack", Name: "an empty request", Reference: "five plugins, five e.Use", Prepare: stack}}
}

func stack() ([]bench.Row, error) {
	alone, err := fivePlugins()
	if err != nil {
		return nil, err
	}
	var five []echo.MiddlewareFunc
	for _, p := range alone {
		five = append(five, echov4.Use(p))
	}
	together, err := fivePlugins()
	if err != nil {
		return nil, err
	}
	one, err := middleware.New(together...)
	if err != nil {
		return nil, err
	}
	rows := []bench.Row{
		serving("echo alone"),
		serving("echo with one empty middleware", pass),
		serving("five plugins, five e.Use", five...),
		serving(Ours, echov4.Middleware(one)),
	}
	rows[3].Close = func() { _ = one.Close(context.Background()) } // nothing is in flight
	return rows, nil
}

// pass is a middleware that does nothing. echo makes a function of it for each
// request.
func pass(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error { return next(c) }
}

// unread keeps what the session manager has to say about its configuration out
// of the tables.
var unread observe.Func = func(context.Context, observe.Event) {}

func fivePlugins() ([]middleware.Plugin, error) {
	info, err1 := ctxinfo.New(ctxinfo.Config{})
	query, err2 := queryparams.New(queryparams.Config{})
	sessions, err3 := sessionstate.New(sessionstate.Config{Observer: unread})
	resources, err4 := cacheresource.NewGroup("resources", cacheresource.GroupConfig{})
	caches, err5 := cachedata.NewGroup("caches", cachedata.GroupConfig{})
	return []middleware.Plugin{info, query, sessions, resources, caches}, errors.Join(err1, err2, err3, err4, err5)
}

// serving is a row that sends one request through the middlewares.
func serving(peer string, mws ...echo.MiddlewareFunc) bench.Row {
	e := echo.New()
	e.Use(mws...)
	served := 0
	e.GET("/", func(echo.Context) error {
		served++
		return nil
	})
	req := &http.Request{
		Method: http.MethodGet, URL: &url.URL{Path: "/"}, Host: "example.com", RemoteAddr: "192.0.2.1:1234",
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: http.Header{}, Body: http.NoBody,
	}
	w := discardResponse{}
	op := func(int) error {
		clear(w)
		e.ServeHTTP(w, req)
		return nil
	}
	return bench.Row{Peer: peer, Op: op, Check: func() error {
		before := served
		if err := op(0); err != nil || served != before+1 {
			return fmt.Errorf("the handler ran %d times (%w)", served-before, err)
		}
		return nil
	}}
}

// discardResponse is a response writer that discards the body.
type discardResponse http.Header

func (w discardResponse) Header() http.Header       { return http.Header(w) }
func (discardResponse) WriteHeader(int)             {}
func (discardResponse) Write(b []byte) (int, error) { return len(b), nil }
