package respcache_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/labstack/echo/v4"
	echomiddleware "github.com/labstack/echo/v4/middleware"

	"github.com/reecho-go/reecho/cachedata/persist"
	"github.com/reecho-go/reecho/echov4"
	"github.com/reecho-go/reecho/middleware"
	"github.com/reecho-go/reecho/middleware/respcache"
)

func TestPartsAndConditionsAreAnsweredFromOneEntry(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, serve server) {
		const body = "0123456789"
		const modified = "Mon, 02 Jan 2006 15:04:05 GMT"
		var runs atomic.Int64
		h := serve(func(c middleware.Context) error {
			runs.Add(1)
			middleware.Response(c).Header().Set("Last-Modified", modified)
			return text(c, body)
		}, newCache(t, respcache.Config{}))
		get(h, "/")
		etag := get(h, "/").Header().Get("Etag")
		many := "bytes=0-0" + strings.Repeat(",0-0", 16)
		for _, tt := range []struct {
			name   string
			method string
			header []string
			status int
			body   string
		}{
			{name: "whole", status: 200, body: body},
			{name: "HEAD", method: "HEAD", status: 200},
			{name: "its tag", header: []string{"If-None-Match", etag}, status: 304},
			{name: "its tag among others", header: []string{"If-None-Match", `"x", W/` + etag}, status: 304},
			{name: "any tag", header: []string{"If-None-Match", "*"}, status: 304},
			{name: "another tag", header: []string{"If-None-Match", `"x"`}, status: 200, body: body},
			{name: "the tag counts before the time", header: []string{"If-None-Match", `"x"`, "If-Modified-Since", modified}, status: 200, body: body},
			{name: "not modified since", header: []string{"If-Modified-Since", modified}, status: 304},
			{name: "a HEAD with its tag", method: "HEAD", header: []string{"If-None-Match", etag}, status: 304},
			{name: "a range", header: []string{"Range", "bytes=2-4"}, status: 206, body: "234"},
			{name: "the end", header: []string{"Range", "bytes=-3"}, status: 206, body: "789"},
			{name: "more than there is", header: []string{"Range", "bytes=-999999"}, status: 206, body: body},
			{name: "a range the wrong way round", header: []string{"Range", "bytes=5-2"}, status: 416, body: "invalid range\n"},
			{name: "beyond the end", header: []string{"Range", "bytes=10-"}, status: 416, body: "invalid range: failed to overlap\n"},
			{name: "a range if it is this one", header: []string{"Range", "bytes=0-1", "If-Range", etag}, status: 206, body: "01"},
			{name: "a range if it is another one", header: []string{"Range", "bytes=0-1", "If-Range", `"x"`}, status: 200, body: body},
			{name: "too many ranges", header: []string{"Range", many}, status: 200, body: body},
			{name: "if it is another one", header: []string{"If-Match", `"x"`}, status: 412},
		} {
			r := request("/", tt.header...)
			if tt.method != "" {
				r.Method = tt.method
			}
			w := do(h, r)
			if w.Code != tt.status || tt.method == "" && w.Body.String() != tt.body || !isHit(w) {
				t.Errorf("%s: %d %q, want %d %q; %v", tt.name, w.Code, w.Body, tt.status, tt.body, w.Header())
			}
			if got := w.Header().Get("Content-Length"); tt.status == 200 && got != "10" {
				t.Errorf("%s: Content-Length = %q", tt.name, got)
			}
		}
		if runs.Load() != 1 {
			t.Errorf("the handler ran %d times", runs.Load())
		}
	})
}

func TestStatusesAreReplayedAsTheyWere(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, serve server) {
		h := serve(func(c middleware.Context) error {
			w := middleware.Response(c)
			var status int
			if _, err := fmt.Sscanf(c.Request().URL.Path, "/%d", &status); err != nil {
				return err
			}
			w.Header().Set("Location", "/elsewhere")
			w.WriteHeader(status)
			return nil
		}, newCache(t, respcache.Config{Status: map[int]time.Duration{204: time.Minute, 404: time.Minute, 302: time.Minute}}))
		for _, status := range []int{204, 301, 302, 308, 404} {
			get(h, fmt.Sprintf("/%d", status))
			w := get(h, fmt.Sprintf("/%d", status))
			if w.Code != status || !isHit(w) || w.Header().Get("Location") != "/elsewhere" {
				t.Errorf("%d: %d %v", status, w.Code, w.Header())
			}
			if _, has := w.Header()["Content-Length"]; has != (status != 204) {
				t.Errorf("%d: Content-Length: %v", status, w.Header())
			}
		}
	})
}

// What an outer middleware sets belongs to each request; what a handler adds to it
// is replayed.
func TestHeadersOfOuterMiddlewaresAreNotStored(t *testing.T) {
	t.Parallel()
	var runs, requests atomic.Int64
	e := echo.New()
	e.Use(func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			h := c.Response().Header()
			h.Set("X-Request", fmt.Sprint(requests.Add(1)))
			h.Add("Vary", "Accept-Encoding")
			h.Set("X-Frame-Options", "DENY")
			return next(c)
		}
	})
	e.GET("/", func(c echo.Context) error {
		h := c.Response().Header()
		h.Add("Vary", "Accept")
		h.Del("X-Frame-Options")
		h.Set("X-Request-Id", "one")
		return c.String(200, fmt.Sprint(runs.Add(1)))
	}, echov4.Use(newCache(t, respcache.Config{})))
	get(e, "/")
	w := get(e, "/")
	if !isHit(w) || w.Body.String() != "1" {
		t.Fatalf("%q %v", w.Body, w.Header())
	}
	if got := fmt.Sprint(w.Header()["Vary"], w.Header()["X-Request"], w.Header()["X-Frame-Options"], w.Header()["X-Request-Id"]); got != "[Accept-Encoding Accept] [2] [] []" {
		t.Errorf("headers: %s", got)
	}
}

func TestWhatIsCompressedOutsideIsStoredAsItIs(t *testing.T) {
	t.Parallel()
	var runs atomic.Int64
	e := echo.New()
	e.Use(echomiddleware.Gzip())
	e.GET("/", func(c echo.Context) error {
		return c.String(200, strings.Repeat(fmt.Sprint(runs.Add(1)), 1000))
	}, echov4.Use(newCache(t, respcache.Config{})))
	for _, header := range [][]string{{"Accept-Encoding", "gzip"}, {}, {"Accept-Encoding", "gzip"}, {}} {
		w := get(e, "/", header...)
		if zipped := w.Header().Get("Content-Encoding") == "gzip"; zipped != (len(header) > 0) {
			t.Errorf("%v: %v", header, w.Header())
		}
		if len(header) == 0 && w.Body.String() != strings.Repeat("1", 1000) {
			t.Errorf("%.20q", w.Body)
		}
	}
	if runs.Load() != 1 {
		t.Errorf("the handler ran %d times", runs.Load())
	}
}

// Loggers and hooks further out see a hit as they see the handler's response.
func TestEchoKnowsWhatWasReplayed(t *testing.T) {
	t.Parallel()
	var seen []string
	var hooks, runs int
	e := echo.New()
	e.Use(func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			writer := c.Response().Writer
			err := next(c)
			res := c.Response()
			seen = append(seen, fmt.Sprint(res.Status, res.Size, res.Committed, res.Writer == writer))
			return err
		}
	})
	e.GET("/", func(c echo.Context) error {
		runs++
		c.Response().Before(func() { hooks++ })
		c.Response().After(func() { hooks++ })
		return c.String(200, "four")
	}, echov4.Use(newCache(t, respcache.Config{})))
	get(e, "/")
	get(e, "/")
	if fmt.Sprint(seen) != "[200 4 true true 200 4 true true]" || runs != 1 || hooks > 2 {
		t.Errorf("seen %v, %d runs, %d hooks", seen, runs, hooks)
	}
}

func TestAConnectionThatWasTakenOverIsNotStored(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, serve server) {
		var runs atomic.Int64
		srv := httptest.NewServer(serve(func(c middleware.Context) error {
			runs.Add(1)
			conn, buf, err := http.NewResponseController(middleware.Response(c)).Hijack()
			if err != nil {
				return err
			}
			defer conn.Close()
			if _, err := buf.WriteString("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi"); err != nil {
				return err
			}
			return buf.Flush()
		}, newCache(t, respcache.Config{})))
		defer srv.Close()
		for range 2 {
			conn, err := net.Dial("tcp", srv.Listener.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprint(conn, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
			res, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				t.Fatal(err)
			}
			body, _ := io.ReadAll(res.Body)
			if string(body) != "hi" {
				t.Errorf("%q", body)
			}
			conn.Close()
		}
		if runs.Load() != 2 {
			t.Errorf("the handler ran %d times", runs.Load())
		}
	})
}

// Over a real connection: informational statuses, files, streams and replays.
func TestServersSendWhatHandlersWrite(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, serve server) {
		big := strings.Repeat("0123456789", 10_000)
		var runs atomic.Int64
		srv := httptest.NewServer(serve(func(c middleware.Context) error {
			w := middleware.Response(c)
			runs.Add(1)
			switch c.Request().URL.Path {
			case "/hints":
				w.Header().Set("Link", "</a.css>; rel=preload")
				w.WriteHeader(http.StatusEarlyHints)
				return text(c, "hinted")
			case "/copy":
				_, err := io.Copy(w, strings.NewReader(big))
				return err
			case "/stream":
				for range 3 {
					if _, err := io.WriteString(w, "tick "); err != nil {
						return err
					}
					if err := http.NewResponseController(w).Flush(); err != nil {
						return err
					}
				}
				return nil
			case "/abort":
				if _, err := io.WriteString(w, "half"); err != nil {
					return err
				}
				panic(http.ErrAbortHandler)
			}
			return text(c, "plain")
		}, newCache(t, respcache.Config{})))
		defer srv.Close()
		for _, tt := range []struct {
			path, body string
			runs       int64
		}{{"/hints", "hinted", 1}, {"/copy", big, 1}, {"/stream", "tick tick tick ", 2}, {"/plain", "plain", 1}} {
			runs.Store(0)
			for range 2 {
				res, err := http.Get(srv.URL + tt.path)
				if err != nil {
					t.Fatal(err)
				}
				body, err := io.ReadAll(res.Body)
				if string(body) != tt.body || res.StatusCode != http.StatusOK || err != nil {
					t.Errorf("%s: %d %.40q, %v", tt.path, res.StatusCode, body, err)
				}
				res.Body.Close()
			}
			if runs.Load() != tt.runs {
				t.Errorf("%s: the handler ran %d times, want %d", tt.path, runs.Load(), tt.runs)
			}
		}
		for range 2 {
			res, err := http.Get(srv.URL + "/abort")
			if err == nil {
				_, err = io.ReadAll(res.Body)
				res.Body.Close()
			}
			if err == nil {
				t.Error("half a response was sent as a whole")
			}
		}
	})
}

// vandalized is h behind a middleware that overwrites, when h has answered, all header
// values in place, and appends to them.
func vandalized(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.ServeHTTP(w, r)
		for _, values := range w.Header() {
			for i := range values {
				values[i] = "overwritten"
			}
			_ = append(values, "appended")
		}
	})
}

func TestHeaderValuesThatAreChangedInPlaceAreNotThoseThatAreKept(t *testing.T) {
	t.Parallel()
	for name, cfg := range map[string]respcache.Config{
		"in memory":      {},
		"in a store":     {Store: persist.In(memory(t), persist.Config{Budget: time.Minute})},
		"a shared cache": {RFC: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			everywhere(t, func(t *testing.T, serve server) {
				own := cfg
				own.Group = nil // each framework has a cache of its own
				h := serve(func(c middleware.Context) error {
					h := middleware.Response(c).Header()
					h["X-Many"] = []string{"one", "two", "three"}
					h["Cache-Control"] = []string{"max-age=60"}
					h["Etag"] = []string{`"x"`}
					if c.Request().URL.Query().Has("silent") {
						delete(h, "Cache-Control")
						delete(h, "Etag")
					}
					return text(c, "hello")
				}, newCache(t, own))
				h = vandalized(h)
				targets := []string{"/" + t.Name(), "/" + t.Name() + "?silent"}
				if own.RFC {
					targets = targets[:1] // what says nothing is not stored
				}
				for _, target := range targets {
					want := get(h, target).Result().Header
					if want.Get("Cache-Control") == "" || len(want["X-Many"]) != 3 {
						t.Fatalf("%s: the first response has %v", target, want)
					}
					for range 2 {
						for _, header := range [][]string{nil, {"If-None-Match", `"x"`}, {"Range", "bytes=0-1"}} {
							w := get(h, target, header...)
							got := w.Result().Header
							hit := got.Get("Cache-Status")
							if _, err := strconv.Atoi(got.Get("Age")); err != nil || !strings.Contains(hit, "; hit; ttl=") {
								t.Errorf("%s %q: Cache-Status = %q, Age = %q", target, header, hit, got.Get("Age"))
							}
							for _, name := range []string{"X-Many", "Cache-Control", "Etag", "Content-Type"} {
								if header != nil && name == "Content-Type" {
									continue // a part has its own, a 304 none
								}
								if name == "Etag" && want[name] == nil { // it is made of the whole body
									want[name] = slices.Clone(got[name])
								}
								if !slices.Equal(got[name], want[name]) {
									t.Errorf("%s %q: %s = %q, want %q", target, header, name, got[name], want[name])
								}
							}
							if w.Code == http.StatusOK && got.Get("Content-Length") != "5" {
								t.Errorf("%s %q: Content-Length = %q", target, header, got.Get("Content-Length"))
							}
						}
					}
				}
			})
		})
	}
}

func TestAHitSaysItsAgeAndHowLongItIsFreshAtThatMoment(t *testing.T) {
	t.Parallel()
	everywhereInTime(t, respcache.Config{TTL: 150 * time.Second}, func(t *testing.T, serve server, c *respcache.Cache) {
		h := serve(func(c middleware.Context) error { return text(c, "hello") }, c)
		get(h, "/")
		for _, tt := range []struct {
			wait   time.Duration
			age    string
			status string
		}{
			{0, "0", "reecho; hit; ttl=150"},
			{0, "0", "reecho; hit; ttl=150"},
			{300 * time.Millisecond, "0", "reecho; hit; ttl=149"},
			{600 * time.Millisecond, "0", "reecho; hit; ttl=149"},
			{100 * time.Millisecond, "1", "reecho; hit; ttl=149"},
			{98 * time.Second, "99", "reecho; hit; ttl=51"},
			{time.Second, "100", "reecho; hit; ttl=50"},
			{49*time.Second + 999*time.Millisecond, "149", "reecho; hit; ttl=0"},
		} {
			time.Sleep(tt.wait)
			w := get(h, "/")
			if age, status := w.Header().Get("Age"), w.Header().Get("Cache-Status"); age != tt.age || status != tt.status {
				t.Errorf("Age = %s, Cache-Status = %s, want %s, %s", age, status, tt.age, tt.status)
			}
		}
	})
}
