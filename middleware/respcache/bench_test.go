package respcache_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"

	"github.com/reecho-go/reecho/cachedata/persist"
	"github.com/reecho-go/reecho/echov4"
	"github.com/reecho-go/reecho/middleware/respcache"
)

// discard is a ResponseWriter that keeps nothing.
type discard struct{ h http.Header }

func (d *discard) Header() http.Header         { return d.h }
func (d *discard) Write(b []byte) (int, error) { return len(b), nil }
func (d *discard) WriteHeader(int)             {}

// A route that answers with 4 KiB, and the same from a cache, which may have a store.
func BenchmarkResponses(b *testing.B) {
	body := []byte(strings.Repeat("x", 4<<10))
	route := func(c echo.Context) error { return c.Blob(http.StatusOK, "text/plain", body) }
	e := echo.New()
	e.GET("/bare/:id", route)
	e.GET("/hit/:id", route, echov4.Use(newCache(b, respcache.Config{})))
	e.GET("/stored/:id", route, echov4.Use(newCache(b, respcache.Config{Store: persist.In(memory(b), persist.Config{})})))
	for _, path := range []string{"/bare/42", "/hit/42", "/stored/42"} {
		b.Run(strings.Split(path, "/")[1], func(b *testing.B) {
			r := request(path, "Accept", "text/html", "Accept-Language", "en", "User-Agent", "x")
			w := &discard{h: make(http.Header)}
			e.ServeHTTP(w, r)
			b.ReportAllocs()
			for b.Loop() {
				clear(w.h)
				e.ServeHTTP(w, r)
			}
		})
	}
}
