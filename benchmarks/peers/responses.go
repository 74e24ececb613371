package peers

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/middleware/cache"
	"github.com/gregjones/httpcache"
	"github.com/valyala/fasthttp"
)

// Route makes the response of a path; a cookie, if it is not empty, makes it one that
// must not be shared.
type Route func(path string) (body []byte, cookie string)

// Responder is a cache of responses in front of a route.
type Responder struct {
	Name string
	Note string
	Open func(Route) (Responding, error)
}

// Responding is one that was opened.
type Responding struct {
	// Do returns the body of the response to a path.
	Do func(path string) ([]byte, error)
	// Op returns a function that requests a path, with as little beside it as there
	// can be.
	Op func(path string) func() error
}

// Responders are the peers.
func Responders() []Responder {
	return []Responder{
		{Name: "fiber cache", Open: fiberCache, Note: "on fasthttp, without net/http"},
		{Name: "gregjones/httpcache", Open: httpCache, Note: "a cache of clients: a round trip, without a server"},
	}
}

// FiberCached is an app of fiber that has its cache in front of a route, as its
// documentation sets it up.
func FiberCached(route Route) *fiber.App {
	app := fiber.New(fiber.Config{DisableStartupMessage: true})
	app.Use(cache.New(cache.Config{Expiration: time.Hour}))
	app.Get("/*", func(c *fiber.Ctx) error {
		body, cookie := route(c.Path())
		if cookie != "" {
			c.Set(fiber.HeaderSetCookie, cookie)
		}
		c.Type("txt")
		return c.Send(body)
	})
	return app
}

// fiberCache is fiber without a connection.
func fiberCache(route Route) (Responding, error) {
	handler := FiberCached(route).Handler()
	request := func(path string) *fasthttp.RequestCtx {
		ctx := new(fasthttp.RequestCtx)
		ctx.Request.SetRequestURI(path)
		return ctx
	}
	return Responding{
		Do: func(path string) ([]byte, error) {
			ctx := request(path)
			handler(ctx)
			if status := ctx.Response.StatusCode(); status != http.StatusOK {
				return nil, fmt.Errorf("status %d", status)
			}
			return bytes.Clone(ctx.Response.Body()), nil
		},
		Op: func(path string) func() error {
			ctx := request(path)
			return func() error {
				ctx.Response.Reset()
				handler(ctx)
				return nil
			}
		},
	}, nil
}

// httpCache is a transport of clients whose origin is the route.
func httpCache(route Route) (Responding, error) {
	t := httpcache.NewMemoryCacheTransport()
	t.Transport = origin(route)
	do := func(r *http.Request) ([]byte, error) {
		res, err := t.RoundTrip(r)
		if err != nil {
			return nil, err
		}
		body, err := io.ReadAll(res.Body)
		return body, errors.Join(err, res.Body.Close())
	}
	request := func(path string) *http.Request {
		r, err := http.NewRequestWithContext(context.Background(), http.MethodGet, "http://example.com"+path, nil)
		if err != nil {
			panic(err) // of the program's own path
		}
		return r
	}
	return Responding{
		Do: func(path string) ([]byte, error) { return do(request(path)) },
		Op: func(path string) func() error {
			r := request(path)
			return func() error {
				_, err := do(r)
				return err
			}
		},
	}, nil
}

// origin is a route as what a transport asks.
type origin Route

// RoundTrip implements http.RoundTripper.
func (o origin) RoundTrip(r *http.Request) (*http.Response, error) {
	body, cookie := o(r.URL.Path)
	h := http.Header{"Content-Type": {"text/plain"}, "Cache-Control": {"max-age=60"}, "Date": {time.Now().UTC().Format(http.TimeFormat)}}
	if cookie != "" {
		h.Set("Set-Cookie", cookie)
	}
	return &http.Response{
		Status: "200 OK", StatusCode: http.StatusOK, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: h, Body: io.NopCloser(bytes.NewReader(body)), ContentLength: int64(len(body)), Request: r,
	}, nil
}
