package workloads

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/reecho-go/reecho/benchmarks/bench"
	"github.com/reecho-go/reecho/benchmarks/peers"
	"github.com/reecho-go/reecho/benchmarks/workloads/answers"
	"github.com/reecho-go/reecho/cachedata"
	"github.com/reecho-go/reecho/echov4"
	"github.com/reecho-go/reecho/middleware/respcache"
)

// bareRoute is a route of echo without a cache.
const bareRoute = "echo alone"

// Responses are caches of whole responses: what a hit costs, how often the handler
// runs for requests that come at once, how long those wait whose response cannot be
// shared, and how much memory many keys take.
func Responses() []bench.Workload {
	return []bench.Workload{
		{Group: "responses", Name: "a hit of 4 KiB", Reference: bareRoute, Prepare: responseHit},
		{Group: "responses", Name: "50 requests at once for what is missing: runs of the handler", Reference: Ours, Unit: "runs", Prepare: responsesAtOnce},
		{Group: "responses", Name: "10 requests at once to a route of 300 ms that sets a cookie, the first burst", Reference: Ours, Unit: "ms", Once: true, Prepare: func() ([]bench.Row, error) { return responseBurst(1) }},
		{Group: "responses", Name: "10 requests at once to a route of 300 ms that sets a cookie, the second burst", Reference: Ours, Unit: "ms", Once: true, Prepare: func() ([]bench.Row, error) { return responseBurst(2) }},
		{Group: "responses", Name: "10 requests at once to a route that sets a cookie: visitors with the page of another", Reference: Ours, Unit: "visitors", Once: true, Prepare: responseLeak},
		{Group: "responses", Name: "100,000 keys of 1 KiB in a cache of 8 MiB: MiB that it holds", Reference: Ours, Unit: "MiB", Once: true, Prepare: responseKeys},
	}
}

// echoCached is a route of echo behind our cache, or alone.
func echoCached(cfg *respcache.Config) func(peers.Route) (peers.Responding, *respcache.Cache, error) {
	return func(route peers.Route) (peers.Responding, *respcache.Cache, error) {
		var mws []echo.MiddlewareFunc
		var c *respcache.Cache
		if cfg != nil {
			g, err := cachedata.NewGroup("responses", cachedata.GroupConfig{Observer: unread})
			if err != nil {
				return peers.Responding{}, nil, err
			}
			own := *cfg
			own.Group, own.Observer = g, unread
			if c, err = respcache.New("pages", own); err != nil {
				return peers.Responding{}, nil, err
			}
			mws = append(mws, echov4.Use(c))
		}
		e := echo.New()
		e.GET("/*", func(c echo.Context) error {
			body, cookie := route(c.Request().URL.Path)
			if cookie != "" {
				c.Response().Header().Set("Set-Cookie", cookie)
			}
			return c.Blob(http.StatusOK, "text/plain", body)
		}, mws...)
		return peers.Responding{
			Do: func(path string) ([]byte, error) {
				w := responseRead{discardResponse: discardResponse{}, status: http.StatusOK}
				e.ServeHTTP(&w, requestOf(path))
				if w.status != http.StatusOK {
					return nil, fmt.Errorf("status %d", w.status)
				}
				return w.body.Bytes(), nil
			},
			Op: func(path string) func() error {
				r := requestOf(path)
				r.Header = http.Header{"Accept": {"text/html"}, "Accept-Language": {"en"}, "User-Agent": {"benchmarks"}}
				w := discardResponse{}
				return func() error {
					clear(w)
					e.ServeHTTP(w, r)
					return nil
				}
			},
		}, c, nil
	}
}

// requestOf is a request as a server reads one.
func requestOf(path string) *http.Request {
	return &http.Request{
		Method: http.MethodGet, Host: "example.com", URL: &url.URL{Path: path}, RequestURI: path,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: http.Header{}, Body: http.NoBody, RemoteAddr: "192.0.2.1:1234",
	}
}

// responseRead is one whose status and body are looked at.
type responseRead struct {
	discardResponse
	status int
	body   bytes.Buffer
}

func (a *responseRead) WriteHeader(status int)      { a.status = status }
func (a *responseRead) Write(b []byte) (int, error) { return a.body.Write(b) }

// responders are ours and the peers.
func responders() []peers.Responder {
	open := echoCached(&respcache.Config{})
	return append([]peers.Responder{{Name: Ours, Open: func(route peers.Route) (peers.Responding, error) {
		r, _, err := open(route)
		return r, err
	}}}, peers.Responders()...)
}

func responseHit() (rows []bench.Row, _ error) {
	page := []byte(strings.Repeat("x", 4<<10))
	route := func(string) ([]byte, string) { return page, "" }
	bare, _, err := echoCached(nil)(route)
	if err != nil {
		return nil, err
	}
	add := func(name, note string, r peers.Responding) {
		op := r.Op("/page")
		rows = append(rows, bench.Row{Peer: name, Note: note, Op: func(int) error { return op() }, Check: func() error {
			for range 2 {
				if body, err := r.Do("/page"); err != nil || !bytes.Equal(body, page) {
					return errors.Join(answers.ErrChanged, err)
				}
			}
			return nil
		}})
	}
	add(bareRoute, "", bare)
	for _, peer := range responders() {
		r, err := peer.Open(route)
		if err != nil {
			return rows, err
		}
		add(peer.Name, peer.Note, r)
	}
	return rows, nil
}

// perResponder makes a row of each, with a figure that a new cache has of a route.
func perResponder(route func() peers.Route, figure func(peers.Responding) (float64, error)) (rows []bench.Row, _ error) {
	for _, peer := range responders() {
		rows = append(rows, bench.Row{Peer: peer.Name, Figure: func() (float64, error) {
			r, err := peer.Open(route())
			if err != nil {
				return 0, err
			}
			return figure(r)
		}})
	}
	return rows, nil
}

// burst sends n requests at once, and returns the bodies.
func burst(r peers.Responding, n int, path string) ([]string, error) {
	bodies, errs := make([]string, n), make([]error, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			body, err := r.Do(path)
			bodies[i], errs[i] = string(body), err
		})
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	return bodies, nil
}

func responsesAtOnce() ([]bench.Row, error) {
	var runs atomic.Int64
	return perResponder(func() peers.Route {
		runs.Store(0)
		return func(string) ([]byte, string) {
			runs.Add(1)
			time.Sleep(20 * time.Millisecond)
			return []byte("page"), ""
		}
	}, func(r peers.Responding) (float64, error) {
		_, err := burst(r, 50, "/page")
		return float64(runs.Load()), err
	})
}

// personal is a route whose responses are each for one visitor.
func personal(took time.Duration) func() peers.Route {
	return func() peers.Route {
		var n atomic.Int64
		return func(string) ([]byte, string) {
			id := strconv.FormatInt(n.Add(1), 10)
			time.Sleep(took)
			return []byte("page of " + id), "id=" + id
		}
	}
}

func responseBurst(at int) ([]bench.Row, error) {
	return perResponder(personal(300*time.Millisecond), func(r peers.Responding) (float64, error) {
		var took time.Duration
		for range at {
			began := time.Now()
			if _, err := burst(r, 10, "/page"); err != nil {
				return 0, err
			}
			took = time.Since(began)
		}
		return float64(took) / float64(time.Millisecond), nil
	})
}

func responseLeak() ([]bench.Row, error) {
	return perResponder(personal(10*time.Millisecond), func(r peers.Responding) (float64, error) {
		seen := make(map[string]bool)
		for range 2 {
			bodies, err := burst(r, 10, "/page")
			if err != nil {
				return 0, err
			}
			for _, body := range bodies {
				seen[body] = true
			}
		}
		return float64(20 - len(seen)), nil
	})
}

func responseKeys() ([]bench.Row, error) {
	const most = 8 << 20
	return []bench.Row{{Peer: Ours, Figure: func() (float64, error) {
		page := []byte(strings.Repeat("x", 1<<10))
		r, c, err := echoCached(&respcache.Config{MaxBytes: most})(func(string) ([]byte, string) { return page, "" })
		if err != nil {
			return 0, err
		}
		largest := int64(0)
		for i := range 100_000 {
			if err := r.Op("/" + strconv.Itoa(i))(); err != nil {
				return 0, err
			}
			if i%1000 == 0 {
				largest = max(largest, c.Stats().Bytes)
			}
		}
		return float64(largest) / (1 << 20), c.Close(context.Background())
	}}}, nil
}
