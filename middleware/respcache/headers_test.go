package respcache_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/reecho-go/reecho/middleware"
	"github.com/reecho-go/reecho/middleware/respcache"
)

func TestHeadersCountBySomeOtherSpellingToo(t *testing.T) {
	t.Parallel()
	for name, value := range map[string]string{
		"set-cookie": "sid=1", "SET-COOKIE": "sid=1", "cache-control": "no-store", "vary": "*", "VARY": "Cookie", "content-range": "bytes 0-1/5",
		"trailer": "X-Sum", "content-type": "text/event-stream", "expires": "0", "access-control-allow-origin": "https://a.example", "content-length": "9",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			everywhere(t, func(t *testing.T, serve server) {
				h := serve(func(c middleware.Context) error {
					w := middleware.Response(c)
					w.Header()[name] = []string{value}
					_, err := w.Write([]byte("page"))
					return err
				}, newCache(t, respcache.Config{}))
				get(h, "/")
				if w := get(h, "/"); isHit(w) {
					t.Errorf("replayed: %v", w.Header())
				}
			})
		})
	}
}

func TestAReplayHasTheHeadersOfItsHandler(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(h http.Header){
		"a tag by another name":        func(h http.Header) { h["ETag"] = []string{`"mine"`} },
		"no type, on purpose":          func(h http.Header) { h["Content-Type"] = nil },
		"what a middleware had set":    func(h http.Header) { h.Set("X-Outer", "first") },
		"one more":                     func(h http.Header) { h.Add("X-Outer", "more") },
		"none of what had been set":    func(h http.Header) { h.Del("X-Outer") },
		"a name that is not canonical": func(h http.Header) { h["x-lower"] = []string{"a", "b"} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			everywhere(t, func(t *testing.T, serve server) {
				page := func(c middleware.Context) error {
					w := middleware.Response(c)
					change(w.Header())
					_, err := w.Write([]byte("<html>"))
					return err
				}
				outer := func() middleware.Plugin {
					n := 0
					return wrapper{"outer", func(next middleware.Handler) middleware.Handler {
						return func(c middleware.Context) error {
							n++
							middleware.Response(c).Header().Set("X-Outer", []string{"first", "second"}[n-1])
							return next(c)
						}
					}}
				}
				bare := httptest.NewServer(serve(page, outer()))
				defer bare.Close()
				kept := httptest.NewServer(serve(page, outer(), newCache(t, respcache.Config{})))
				defer kept.Close()
				for range 2 {
					want, got := headersOf(t, bare.URL), headersOf(t, kept.URL)
					if !strings.Contains(want, "ETag") {
						got = slicesWithout(got, "ETag") // the cache makes one
					}
					if got != want {
						t.Errorf("%s, want %s", got, want)
					}
				}
			})
		})
	}
}

// headersOf returns the headers of a response that a handler can set, as they arrive.
func headersOf(t *testing.T, url string) string {
	t.Helper()
	res, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var lines []string
	for name, values := range res.Header {
		switch name {
		case "Date", "Age", "Cache-Status", "Cache-Control":
			continue
		case "Etag":
			name = "ETag"
		}
		lines = append(lines, fmt.Sprint(name, values))
	}
	slices.Sort(lines)
	return strings.Join(lines, "; ")
}

// slicesWithout returns the lines without the one of a name.
func slicesWithout(lines, name string) string {
	kept := slices.DeleteFunc(strings.Split(lines, "; "), func(line string) bool { return strings.HasPrefix(line, name) })
	return strings.Join(kept, "; ")
}

// wrapper is a plugin that wraps the handler.
type wrapper struct {
	name string
	wrap func(next middleware.Handler) middleware.Handler
}

// Name implements middleware.Plugin.
func (w wrapper) Name() string { return w.name }

// Wrap implements middleware.Wrapper.
func (w wrapper) Wrap(next middleware.Handler) middleware.Handler { return w.wrap(next) }

func TestASharedCacheSelectsByWhatAnOuterMiddlewareNamesToo(t *testing.T) {
	t.Parallel()
	for name, vary := range map[string]func(h http.Header){
		"added": func(h http.Header) { h.Add("Vary", "Accept-Encoding") },
		"set":   func(h http.Header) { h.Set("Vary", "Accept-Encoding") },
	} {
		everywhere(t, func(t *testing.T, serve server) {
			compresses := wrapper{"compresses", func(next middleware.Handler) middleware.Handler {
				return func(c middleware.Context) error {
					middleware.Response(c).Header().Add("Vary", "Accept-Encoding")
					return next(c)
				}
			}}
			h := serve(func(c middleware.Context) error {
				w := middleware.Response(c)
				w.Header().Set("Cache-Control", "max-age=60")
				vary(w.Header())
				return text(c, "for "+c.Request().Header.Get("Accept-Encoding"))
			}, compresses, newCache(t, respcache.Config{RFC: true}))
			for range 2 {
				for _, coding := range []string{"gzip", "br"} {
					if w := get(h, "/", "Accept-Encoding", coding); w.Body.String() != "for "+coding {
						t.Errorf("%s: %q for %s", name, w.Body, coding)
					}
				}
			}
		})
	}
}

func TestASharedCacheBelievesNoVaryThatIsNoName(t *testing.T) {
	t.Parallel()
	for _, vary := range []string{";", "?", "a b", `"x"`} {
		everywhere(t, func(t *testing.T, serve server) {
			h := serve(func(c middleware.Context) error {
				middleware.Response(c).Header().Set("Cache-Control", "max-age=60")
				middleware.Response(c).Header().Set("Vary", vary)
				return text(c, "page")
			}, newCache(t, respcache.Config{RFC: true}))
			get(h, "/")
			if w := get(h, "/"); isHit(w) || !strings.Contains(w.Header().Get("Cache-Status"), "vary ") {
				t.Errorf("%s: %v", vary, w.Header())
			}
		})
	}
}
