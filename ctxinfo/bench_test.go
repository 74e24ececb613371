package ctxinfo_test

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"

	"github.com/reecho-go/reecho/ctxinfo"
	"github.com/reecho-go/reecho/echov4"
)

// BenchmarkClientIP compares the walk with echo's extractor, both trusting
// private peers.
func BenchmarkClientIP(b *testing.B) {
	cases := []struct{ name, xff string }{
		{"3hops", "198.51.100.7, 10.0.0.4, 10.0.0.3"},
		{"63KB", strings.Repeat("6.6.6.6, ", 7000) + "198.51.100.7"},
	}
	p := mustNew(b, behindPrivate())
	extract := echo.ExtractIPFromXFFHeader()
	for _, c := range cases {
		r := request(xff, c.xff)
		b.Run(c.name+"/reecho", func(b *testing.B) {
			b.ReportAllocs()
			var ip netip.Addr
			for b.Loop() {
				ip = p.ClientIP(r)
			}
			if ip.String() != wanted {
				b.Fatal(ip)
			}
		})
		b.Run(c.name+"/echo", func(b *testing.B) {
			b.ReportAllocs()
			var ip string
			for b.Loop() {
				ip = extract(r)
			}
			if ip != wanted {
				b.Fatal(ip)
			}
		})
	}
}

// BenchmarkMiddleware measures the middleware alone around a handler that
// asks for nothing, and what asking costs then.
func BenchmarkMiddleware(b *testing.B) {
	p := mustNew(b, behindPrivate())
	handlers := []struct {
		name    string
		handler echo.HandlerFunc
	}{
		{"nothing", func(echo.Context) error { return nil }},
		{"first From", func(c echo.Context) error { ctxinfo.From(c); return nil }},
		{"IP", func(c echo.Context) error { ctxinfo.From(c).IP(); return nil }},
		{"IP locale theme", func(c echo.Context) error {
			in := ctxinfo.From(c)
			in.IP()
			in.Locale()
			in.Theme()
			return nil
		}},
	}
	e := echo.New()
	for _, h := range handlers {
		b.Run(h.name, func(b *testing.B) {
			serve := echov4.Use(p)(h.handler)
			r := browser()
			c := e.NewContext(r, httptest.NewRecorder())
			w := c.Response().Writer
			b.ReportAllocs()
			for b.Loop() {
				c.SetRequest(r)
				c.Response().Writer = w
				if err := serve(c); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkFrom measures From after the first call.
func BenchmarkFrom(b *testing.B) {
	p := mustNew(b, behindPrivate())
	e := echo.New()
	c := e.NewContext(browser(), httptest.NewRecorder())
	err := echov4.Use(p)(func(c echo.Context) error {
		first := ctxinfo.From(c)
		b.ReportAllocs()
		for b.Loop() {
			if ctxinfo.From(c) != first {
				b.Fatal("another Info")
			}
		}
		return nil
	})(c)
	if err != nil {
		b.Fatal(err)
	}
}

// browser is a request with the headers of a browser behind a proxy.
func browser() *http.Request {
	return request(
		xff, "198.51.100.7, 10.0.0.4, 10.0.0.3", "X-Forwarded-Proto", "https", "Accept", "text/html,application/xhtml+xml,*/*;q=0.8",
		"Accept-Encoding", "gzip, deflate, br, zstd", "Accept-Language", "de-CH,de;q=0.9,en-US;q=0.8,en;q=0.7",
		"Cookie", "session=abcdefghijklmnopqrstuvwxyz0123456789; ctx_theme=dark; ctx=1&tz=Asia/Kolkata",
		"User-Agent", "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36",
		"Sec-Fetch-Dest", "document", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Site", "none", "Upgrade-Insecure-Requests", "1",
	)
}
