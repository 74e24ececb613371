package ctxinfo_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/labstack/echo/v4"
	"golang.org/x/text/language"

	"github.com/reecho-go/reecho/ctxinfo"
	"github.com/reecho-go/reecho/ctxinfo/client"
	"github.com/reecho-go/reecho/echov4"
	"github.com/reecho-go/reecho/internal/scope"
	"github.com/reecho-go/reecho/observe"
)

// serve runs handler behind the plugin alone and returns the response.
func serve(t testing.TB, p *ctxinfo.Plugin, r *http.Request, handler func(c echo.Context, in *ctxinfo.Info)) *http.Response {
	t.Helper()
	e := echo.New()
	e.Use(echov4.Use(p))
	e.GET("/*", func(c echo.Context) error {
		handler(c, ctxinfo.From(c))
		return c.String(http.StatusOK, "ok")
	})
	if r.URL == nil {
		withURL(t, r, "/")
	}
	w := httptest.NewRecorder()
	e.ServeHTTP(w, r)
	return w.Result()
}

func TestFromWithoutMiddlewareKnowsOnlyTheConnection(t *testing.T) {
	t.Parallel()
	c := echo.New().NewContext(request(xff, wanted, "Accept-Language", "de"), httptest.NewRecorder())
	in := ctxinfo.From(c)
	if got := in.IP().String(); got != peerIP {
		t.Errorf("IP() = %s, want the peer", got)
	}
	if got := in.Locale(); got != language.German {
		t.Errorf("Locale() = %v, want de", got)
	}
	if in := ctxinfo.FromContext(t.Context()); in == nil || in.IP().IsValid() {
		t.Errorf("FromContext() of a bare context = %v, want an Info that knows nothing", in)
	}
}

func TestFromNeverPanics(t *testing.T) {
	t.Parallel()
	var none context.Context
	for name, in := range map[string]*ctxinfo.Info{
		"no context":                ctxinfo.From(nil),
		"a context without request": ctxinfo.From(echo.New().NewContext(nil, nil)),
		"no request":                ctxinfo.FromRequest(nil),
		"an empty request":          ctxinfo.FromRequest(&http.Request{}),
		"no context.Context":        ctxinfo.FromContext(none),
		"a context of no request":   ctxinfo.FromContext(t.Context()),
		"no request, a plugin":      mustNew(t, behindPrivate()).FromRequest(nil),
	} {
		if in.IP().IsValid() || in.Host() != "" || in.Scheme() != "http" || in.Theme() != (ctxinfo.Theme{}) || fmt.Sprint(in) == "" {
			t.Errorf("%s: the Info knows something: %v", name, in)
		}
	}
}

func TestFromIsOnePerRequest(t *testing.T) {
	t.Parallel()
	serve(t, mustNew(t, behindPrivate()), request(xff, wanted), func(c echo.Context, in *ctxinfo.Info) {
		if ctxinfo.FromContext(c.Request().Context()) != in || ctxinfo.FromRequest(c.Request()) != in || ctxinfo.From(c) != in {
			t.Error("From, FromContext and FromRequest differ")
		}
		if got := in.IP().String(); got != wanted {
			t.Errorf("IP() = %s, want %s", got, wanted)
		}
	})
}

func TestSharedLoadSeesNoVisitor(t *testing.T) {
	t.Parallel()
	serve(t, mustNew(t, behindPrivate()), request("Cookie", "ctx_theme=dark"), func(c echo.Context, _ *ctxinfo.Info) {
		mask := scope.Hide(c.Request().Context())
		in := ctxinfo.FromContext(mask)
		if in == nil || in.IP().IsValid() || in.Theme() != (ctxinfo.Theme{}) {
			t.Errorf("FromContext() in a shared load = %v, want an Info that knows nothing", in)
		}
		if err := mask.Violation(); !errors.Is(err, scope.ErrVisitorInGlobalLoad) {
			t.Errorf("Violation() = %v, want it recorded", err)
		}
		if in := ctxinfo.FromRequest(c.Request().WithContext(mask)); in.IP().IsValid() {
			t.Errorf("FromRequest() in a shared load = %v, want an Info that knows nothing", in)
		}
	})
}

func TestVaryIsExactlyWhatWasRead(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		read    func(in *ctxinfo.Info)
		vary    string
		private bool
	}{
		{"nothing", func(*ctxinfo.Info) {}, "", false},
		{"IP", func(in *ctxinfo.Info) { in.IP() }, "X-Forwarded-For", true},
		{"hops", func(in *ctxinfo.Info) { in.Hops() }, "X-Forwarded-For", true},
		{"scheme", func(in *ctxinfo.Info) { in.Scheme() }, "X-Forwarded-Proto", false},
		{"prefix", func(in *ctxinfo.Info) { in.Prefix() }, "X-Forwarded-Prefix", false},
		{"URL", func(in *ctxinfo.Info) { in.URL() }, "X-Forwarded-Host, X-Forwarded-Port, X-Forwarded-Prefix, X-Forwarded-Proto", false},
		{"locale", func(in *ctxinfo.Info) { in.Locale() }, "Accept-Language, Cookie", true},
		{"zone", func(in *ctxinfo.Info) { in.Timezone() }, "Cookie", true},
		{"zone's source", func(in *ctxinfo.Info) { in.Source(ctxinfo.FacetTimezone) }, "Cookie", true},
		{"theme", func(in *ctxinfo.Info) { in.Theme() }, "Cookie, Sec-Ch-Prefers-Color-Scheme, Sec-Ch-Prefers-Contrast, Sec-Ch-Prefers-Reduced-Motion", true},
		{"embedding", func(in *ctxinfo.Info) { in.IsEmbedded() }, "Hx-Current-Url, Sec-Fetch-Dest, X-Ctx-Embedded", false},
		{"htmx", func(in *ctxinfo.Info) { client.HTMXOf(in) }, "Hx-Request", false},
		{"fetch", func(in *ctxinfo.Info) { client.FetchOf(in) }, "Sec-Fetch-Dest, Sec-Fetch-Mode, Sec-Fetch-Site, Sec-Fetch-User", false},
		{"cookies", func(in *ctxinfo.Info) { in.Cookies().Get("a") }, "Cookie", true},
		{"a header", func(in *ctxinfo.Info) { in.Headers().Get("x-thing"); in.Headers().GetAll("X-Thing") }, "X-Thing", false},
		{"the cookie header", func(in *ctxinfo.Info) { in.Headers().Get("cookie") }, "Cookie", true},
		{"the address's header", func(in *ctxinfo.Info) { in.Headers().Get("x-forwarded-for") }, "X-Forwarded-For", true},
		{"all headers", func(in *ctxinfo.Info) { in.Scheme(); _ = maps.Collect(in.Headers().All()) }, "*", true},
		{"trace", func(in *ctxinfo.Info) { client.TraceOf(in) }, "Traceparent", false},
		{"request id", func(in *ctxinfo.Info) { in.RequestID() }, "X-Request-Id", false},
		{"logging", func(in *ctxinfo.Info) { in.LogValue(); _ = fmt.Sprint(in) }, "", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			cfg := behindPrivate()
			cfg.AllowedHosts, cfg.AllowedPrefixes = []string{"example.com"}, []string{"/app"}
			res := serve(t, mustNew(t, cfg), request(), func(_ echo.Context, in *ctxinfo.Info) { tt.read(in) })
			if got := res.Header.Get("Vary"); got != tt.vary {
				t.Errorf("Vary = %q, want %q", got, tt.vary)
			}
			if got := res.Header.Get("Cache-Control") == "private"; got != tt.private {
				t.Errorf("Cache-Control = %q, want private: %v", res.Header.Get("Cache-Control"), tt.private)
			}
			cfg.SharedCaching = true
			res = serve(t, mustNew(t, cfg), request(), func(_ echo.Context, in *ctxinfo.Info) { tt.read(in) })
			if got := res.Header.Get("Cache-Control"); got != "" {
				t.Errorf("Cache-Control with SharedCaching = %q, want none", got)
			}
		})
	}
}

func TestVaryStopsAtWhatDecided(t *testing.T) {
	t.Parallel()
	p := mustNew(t, ctxinfo.Config{})
	res := serve(t, p, request("Cookie", "ctx_locale=de", "Accept-Language", "fr"), func(_ echo.Context, in *ctxinfo.Info) { in.Locale() })
	if got := res.Header.Get("Vary"); got != "Cookie" {
		t.Errorf("Vary = %q, want Cookie: Accept-Language was not looked at", got)
	}
	res = serve(t, mustNew(t, behindPrivate()), request(), func(_ echo.Context, in *ctxinfo.Info) { in.URL() })
	if got := res.Header.Get("Vary"); got != "X-Forwarded-Proto" {
		t.Errorf("Vary = %q, want X-Forwarded-Proto: no other header could have been believed", got)
	}
	res = serve(t, p, request(xff, wanted), func(_ echo.Context, in *ctxinfo.Info) { in.IP() })
	if got := res.Header.Get("Vary"); got != "" {
		t.Errorf("Vary = %q, want none: with nobody trusted no header is looked at", got)
	}
}

func TestVaryAndCacheControlMergeWithTheHandlers(t *testing.T) {
	t.Parallel()
	res := serve(t, mustNew(t, ctxinfo.Config{}), request(), func(c echo.Context, in *ctxinfo.Info) {
		c.Response().Header().Set("Vary", "Accept-Encoding")
		c.Response().Header().Set("Cache-Control", "public, max-age=60")
		in.Timezone()
	})
	if got := res.Header.Get("Vary"); got != "Accept-Encoding, Cookie" {
		t.Errorf("Vary = %q, want both", got)
	}
	if got := res.Header.Get("Cache-Control"); strings.Contains(got, "public") || !strings.Contains(got, "private") || !strings.Contains(got, "max-age=60") {
		t.Errorf("Cache-Control = %q, want private, max-age=60", got)
	}
}

func TestManyHeaderNamesBecomeAStar(t *testing.T) {
	t.Parallel()
	res := serve(t, mustNew(t, ctxinfo.Config{}), request(), func(_ echo.Context, in *ctxinfo.Info) {
		for i := range 40 {
			in.Headers().Get("X-" + string(rune('A'+i%26)) + strings.Repeat("x", i/26))
		}
	})
	if got := res.Header.Get("Vary"); got != "*" {
		t.Errorf("Vary = %q, want *", got)
	}
}

func TestRequestIDIsEchoed(t *testing.T) {
	t.Parallel()
	cfg := behindPrivate()
	cfg.RequestIDHeader = "x-correlation-id"
	res := serve(t, mustNew(t, cfg), request("X-Correlation-Id", "abcdefgh"), func(_ echo.Context, in *ctxinfo.Info) { in.RequestID() })
	if got := res.Header.Get("X-Correlation-Id"); got != "abcdefgh" {
		t.Errorf("X-Correlation-Id = %q, want the id", got)
	}
	res = serve(t, mustNew(t, cfg), request("X-Correlation-Id", "abcdefgh"), func(echo.Context, *ctxinfo.Info) {})
	if got, ok := res.Header["X-Correlation-Id"]; ok {
		t.Errorf("X-Correlation-Id = %q on a response whose handler did not ask", got)
	}
}

func TestHintTheme(t *testing.T) {
	t.Parallel()
	res := serve(t, mustNew(t, ctxinfo.Config{HintTheme: true}), request(), func(echo.Context, *ctxinfo.Info) {})
	const want = "Sec-Ch-Prefers-Color-Scheme, Sec-Ch-Prefers-Reduced-Motion, Sec-Ch-Prefers-Contrast"
	for _, name := range []string{"Accept-Ch", "Critical-Ch"} {
		if got := res.Header.Get(name); got != want {
			t.Errorf("%s = %q, want %q", name, got, want)
		}
	}
}

func TestAnomaliesAreObserved(t *testing.T) {
	t.Parallel()
	rec := new(observe.Recorder)
	cfg := behindPrivate()
	cfg.Observer = rec
	p := mustNew(t, cfg)
	serve(t, p, request(xff, "nonsense", "X-Forwarded-Host", "evil.example"), func(_ echo.Context, in *ctxinfo.Info) { in.IP() })
	got := observe.Of[observe.Anomaly](rec)
	if len(got) != 1 || got[0].Header != xff {
		t.Errorf("observed %v, want one anomaly of %s: the host was not looked at", got, xff)
	}
}

func TestIPExtractor(t *testing.T) {
	t.Parallel()
	p := mustNew(t, behindPrivate())
	e := echo.New()
	e.IPExtractor = p.IPExtractor()
	if got := e.NewContext(request(xff, "6.6.6.6, 198.51.100.7"), nil).RealIP(); got != wanted {
		t.Errorf("RealIP() = %q, want %s", got, wanted)
	}
	if got := e.NewContext(from("@", request()), nil).RealIP(); got != "" {
		t.Errorf("RealIP() through a unix socket = %q, want none", got)
	}
}

func TestTwoPluginsInOneApp(t *testing.T) {
	t.Parallel()
	outer, inner := mustNew(t, ctxinfo.Config{}), mustNew(t, behindPrivate())
	e := echo.New()
	var ips []string
	note := func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			ips = append(ips, ctxinfo.From(c).IP().String())
			return next(c)
		}
	}
	e.Use(echov4.Use(outer), note)
	g := e.Group("/admin", echov4.Use(inner), note)
	g.GET("", func(c echo.Context) error { return c.NoContent(http.StatusNoContent) })
	w := httptest.NewRecorder()
	r := httptest.NewRequest(http.MethodGet, "/admin", http.NoBody)
	r.RemoteAddr = "10.0.0.2:1"
	r.Header.Set(xff, wanted)
	e.ServeHTTP(w, r)
	if want := []string{peerIP, wanted}; !slices.Equal(ips, want) {
		t.Errorf("addresses = %v, want %v", ips, want)
	}
	if got := w.Header().Get("Vary"); got != xff {
		t.Errorf("Vary = %q, want that of both", got)
	}
}

func TestInfoOutlivesTheRequest(t *testing.T) {
	t.Parallel()
	var kept *ctxinfo.Info
	r := withURL(t, request(xff, wanted, "Accept-Language", "de", "Cookie", "ctx_theme=dark; a=1", "X-Thing", "x"), "/page?x=1")
	ctx, cancel := context.WithCancel(r.Context())
	r = r.WithContext(ctx)
	serve(t, mustNew(t, behindPrivate()), r, func(c echo.Context, in *ctxinfo.Info) {
		kept = in
		// What a careless handler or a pool does afterwards:
		for name, values := range c.Request().Header {
			values[0] = "overwritten"
			c.Request().Header.Del(name)
		}
		c.Request().URL.Path = "/overwritten"
		c.Request().RemoteAddr = "6.6.6.6:6"
		c.Request().Host = "overwritten"
	})
	cancel()
	if got := kept.IP().String(); got != wanted {
		t.Errorf("IP() = %s, want %s", got, wanted)
	}
	if got := kept.Locale(); got != language.German {
		t.Errorf("Locale() = %v, want de", got)
	}
	if got := kept.Theme().Type; got != "dark" {
		t.Errorf("Theme().Type = %v, want dark", got)
	}
	if got := kept.URL().String(); got != "http://example.com/page?x=1" {
		t.Errorf("URL() = %s", got)
	}
	if got, _ := kept.Cookies().Get("a"); got != "1" {
		t.Errorf("cookie a = %q, want 1", got)
	}
	if diff := cmp.Diff([]string{"x"}, kept.Headers().GetAll("X-Thing")); diff != "" {
		t.Errorf("X-Thing (-want +got):\n%s", diff)
	}
}

func TestMiddlewareAloneAllocatesOnce(t *testing.T) {
	p := mustNew(t, behindPrivate())
	h := echov4.Use(p)(func(echo.Context) error { return nil })
	r := browser()
	c := echo.New().NewContext(r, httptest.NewRecorder())
	w := c.Response().Writer
	n := testing.AllocsPerRun(200, func() {
		c.SetRequest(r)
		c.Response().Writer = w
		_ = h(c)
	})
	if n > 1 {
		t.Errorf("a request that asks for nothing costs %v allocations, want 1, the host's", n)
	}
}
