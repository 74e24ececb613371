package ctxinfo_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/textproto"
	"slices"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"
	"golang.org/x/text/language"

	"github.com/reecho-go/reecho/ctxinfo"
	"github.com/reecho-go/reecho/ctxinfo/client"
	"github.com/reecho-go/reecho/internal/soaktest"
)

// varied are values for every header that a facet may follow; empty: not sent.
var varied = map[string][]string{
	xff:                             {"", wanted, "198.51.100.7, 10.0.0.3", "198.51.100.7, 10.0.0.4, 10.0.0.3", "bad", "203.0.113.4, 10.0.0.3"},
	"Forwarded":                     {"", "for=198.51.100.7;proto=https;host=shop.example.com", "for=203.0.113.4, for=10.0.0.3;proto=https"},
	"X-Forwarded-Proto":             {"", "https", "https, http", "http, https, http", "x"},
	"X-Forwarded-Host":              {"", "shop.example.com", "shop.example.com, example.com", "evil.test"},
	"X-Forwarded-Port":              {"", "8443", "443", "x"},
	"X-Forwarded-Prefix":            {"", "/app", "/evil"},
	"X-Request-Id":                  {"12345678", "87654321"},
	"Cf-Ipcountry":                  {"", "CH", "DE"},
	"Cf-Timezone":                   {"", "Europe/Zurich", "Asia/Tokyo"},
	"Accept-Language":               {"", "de", "fr, en"},
	"Cookie":                        {"", "ctx=1&tz=+05:30&lang=fr&theme=dark", "ctx_theme=light; ctx_locale=de; ctx_tz=-03:00", "ctx=1&motion=reduce&contrast=more"},
	"User-Agent":                    {"", "curl/8"},
	"Sec-Ch-Ua":                     {"", `"Brave";v="140"`},
	"Sec-Ch-Ua-Mobile":              {"", "?1"},
	"Sec-Ch-Ua-Platform":            {"", `"Linux"`},
	"Sec-Ch-Prefers-Color-Scheme":   {"", `"dark"`, `"light"`},
	"Sec-Ch-Prefers-Reduced-Motion": {"", `"reduce"`},
	"Sec-Ch-Prefers-Contrast":       {"", `"more"`},
	"Save-Data":                     {"", "on"},
	"Sec-Gpc":                       {"", "1"},
	"Sec-Fetch-Dest":                {"", "document", "iframe"},
	"Sec-Fetch-Mode":                {"", "navigate"},
	"Sec-Fetch-Site":                {"", "none"},
	"Sec-Fetch-User":                {"", "?1"},
	ctxinfo.EmbeddedHeader:          {"", "?1", "?0"},
	"Hx-Request":                    {"", "true"},
	"Hx-Boosted":                    {"", "true"},
	"Hx-Current-Url":                {"", "https://example.com/p?embed=true", "http://shop.example.com/"},
	"Hx-Target":                     {"", "list"},
	"Traceparent":                   {"", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"},
	"Tracestate":                    {"", "a=1"},
}

// answers are what a handler can make of an Info.
var answers = map[string]func(in *ctxinfo.Info) any{
	"IP":   func(in *ctxinfo.Info) any { return in.IP() },
	"Hops": func(in *ctxinfo.Info) any { return in.Hops() }, "Peer": func(in *ctxinfo.Info) any { return in.Peer() },
	"Scheme": func(in *ctxinfo.Info) any { return in.Scheme() }, "Host": func(in *ctxinfo.Info) any { return in.Host() },
	"Prefix": func(in *ctxinfo.Info) any { return in.Prefix() }, "URL": func(in *ctxinfo.Info) any { return in.URL() },
	"PageURL": func(in *ctxinfo.Info) any { return in.PageURL() }, "RequestID": func(in *ctxinfo.Info) any {
		if id := in.RequestID(); in.Source(ctxinfo.FacetRequestID).Kind != "generated" {
			return id
		}
		return "generated"
	},
	"Locale": func(in *ctxinfo.Info) any { return in.Locale() }, "Locales": func(in *ctxinfo.Info) any { return in.Locales() },
	"Timezone": func(in *ctxinfo.Info) any { return in.Timezone() }, "TimezoneName": func(in *ctxinfo.Info) any { return in.TimezoneName() },
	"Theme": func(in *ctxinfo.Info) any { return in.Theme() }, "Client": func(in *ctxinfo.Info) any { return client.AgentOf(in) },
	"Geo": func(in *ctxinfo.Info) any { return client.GeoOf(in) }, "Trace": func(in *ctxinfo.Info) any { return client.TraceOf(in) },
	"Fetch": func(in *ctxinfo.Info) any { return client.FetchOf(in) }, "HTMX": func(in *ctxinfo.Info) any { return client.HTMXOf(in) },
	"IsEmbedded": func(in *ctxinfo.Info) any { yes, known := in.IsEmbedded(); return [2]bool{yes, known} },
	"Cookies":    func(in *ctxinfo.Info) any { return in.Cookies().GetAll("ctx") },
	"PreferenceCookie": func(in *ctxinfo.Info) any {
		c, _ := in.PreferenceCookie(ctxinfo.ThemeCookie, "dark")
		return c.String()
	},
}

// a cache that obeys Vary never answers a request with what was made for
// one that would have got another answer. Pairs of requests that agree in all
// the headers that Vary of the first names must have the same answers.
func TestWhatVaryLeavesOutChangesNothing(t *testing.T) {
	t.Parallel()
	seed := soaktest.Seed()
	random := rand.New(rand.NewPCG(seed, seed))
	cfg := ctxinfo.Config{
		Proxies:         ctxinfo.Behind(ctxinfo.Private(), ctxinfo.Cloudflare("10.0.0.3").WithLocation()),
		AllowedHosts:    []string{"example.com", "shop.example.com", "example.com:8443"},
		AllowedPrefixes: []string{"/app"},
		Locales:         []language.Tag{language.English, language.German, language.French},
	}
	viaForwarded := cfg
	viaForwarded.Header, viaForwarded.Proxies = "Forwarded", ctxinfo.Behind(ctxinfo.Private())
	direct := cfg
	direct.Proxies = ctxinfo.Behind(ctxinfo.AzureFrontDoor("10.0.0.2"))
	names := slices.Sorted(func(yield func(string) bool) {
		for name := range varied {
			if !yield(name) {
				return
			}
		}
	})
	draw := func() http.Header {
		h := http.Header{}
		for _, name := range names {
			values := varied[name]
			if v := values[random.IntN(len(values))]; v != "" && random.IntN(3) > 0 || name == "X-Request-Id" {
				h.Set(name, v)
			}
		}
		return h
	}
	hosts := []string{"example.com", "example.com:443", "shop.example.com:80", "example.com:8443", "inner"}
	plugins := []*ctxinfo.Plugin{mustNew(t, cfg), mustNew(t, viaForwarded), mustNew(t, direct)}
	for range soaktest.Rounds(1000) {
		p := plugins[random.IntN(len(plugins))]
		first, other := draw(), draw()
		host := hosts[random.IntN(len(hosts))] // part of every cache's key
		for what, answer := range answers {
			ask := func(h http.Header) (string, http.Header) {
				r := request()
				r.Header, r.Host = h.Clone(), host
				var got string
				res := serve(t, p, r, func(_ echo.Context, in *ctxinfo.Info) { got = fmt.Sprintf("%+v", answer(in)) })
				return got, res.Header
			}
			want, header := ask(first)
			second := other.Clone()
			for name := range strings.SplitSeq(header.Get("Vary"), ", ") {
				name = textproto.CanonicalMIMEHeaderKey(name)
				if v, ok := first[name]; ok {
					second[name] = v
				} else {
					delete(second, name)
				}
			}
			if got, _ := ask(second); got != want {
				t.Fatalf("seed %d: %s is %s for\n%v\nVary: %s, but %s for\n%v", seed, what, want, first, header.Get("Vary"), got, second)
			}
		}
	}
}
