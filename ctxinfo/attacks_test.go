package ctxinfo_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
	"weak"

	"github.com/labstack/echo/v4"

	"github.com/reecho-go/reecho/ctxinfo"
	"github.com/reecho-go/reecho/ctxinfo/client"
	"github.com/reecho-go/reecho/echov4"
	"github.com/reecho-go/reecho/internal/heaptest"
	"github.com/reecho-go/reecho/internal/soaktest"
)

// With Forwarded, whose host has a port of its own, a client's
// X-Forwarded-Port would be one that no proxy looked at.
func TestForwardedLeavesXForwardedPortAlone(t *testing.T) {
	t.Parallel()
	cfg := behindPrivate()
	cfg.Header, cfg.AllowedHosts = "Forwarded", []string{"example.com", "example.com:8443"}
	in := mustNew(t, cfg).FromRequest(request("Forwarded", "for=198.51.100.7", "X-Forwarded-Port", "8443", "X-Forwarded-Host", "example.com:8443", "X-Forwarded-Proto", "https"))
	if got := in.Scheme() + "://" + in.Host(); got != "http://example.com" {
		t.Errorf("the site is %s, by headers that were not configured", got)
	}
}

// The key of the digests is in no log either.
func TestNoVerbShowsSecrets(t *testing.T) {
	t.Parallel()
	const key = "0123456789abcdef"
	cfg := ctxinfo.Config{Privacy: ctxinfo.HashedIP([]byte(key))}
	p := mustNew(t, cfg)
	in := p.FromRequest(withURL(t, request("Cookie", "session=secret", "Authorization", "secret"), "/?secret"))
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d", "%t"} {
		for _, v := range []any{in, p, cfg, cfg.Privacy, in.Headers(), in.Cookies(), struct{ I any }{in}, []*ctxinfo.Info{in}} {
			out := fmt.Sprintf(verb, v)
			for _, secret := range []string{key, "48 49 50", "0x30, 0x31", fmt.Sprintf("%x", key), "secret", fmt.Sprintf("%x", "secret"), "115 101 99"} {
				if strings.Contains(out, secret) {
					t.Errorf("%s of %T shows %q: %.300s", verb, v, secret, out)
				}
			}
		}
	}
}

// Beside TrustPeer, two providers without ranges cannot be told apart:
// each hands on what the client wrote into the headers of the other.
func TestTwoProvidersWithoutRangesAreRefused(t *testing.T) {
	t.Parallel()
	_, err := ctxinfo.New(ctxinfo.Config{Proxies: ctxinfo.Behind(ctxinfo.TrustPeer(), ctxinfo.Cloudflare(), ctxinfo.Vercel())})
	if err == nil || !strings.Contains(err.Error(), "Cloudflare") || !strings.Contains(err.Error(), "Vercel") {
		t.Errorf("New() = %v, want both named", err)
	}
	if _, err := ctxinfo.New(ctxinfo.Config{Proxies: ctxinfo.Behind(ctxinfo.TrustPeer(), ctxinfo.Cloudflare(), ctxinfo.Vercel(cfRange))}); err != nil {
		t.Errorf("New() = %v, want one without ranges let pass", err)
	}
}

// What a client makes a handler ask for is no part of a header of ours.
func TestVaryNamesOnlyWhatCanBeAHeader(t *testing.T) {
	t.Parallel()
	res := serve(t, mustNew(t, ctxinfo.Config{}), request(), func(_ echo.Context, in *ctxinfo.Info) {
		for _, name := range []string{"a, *", "a\r\nSet-Cookie: x=y", "", "ä"} {
			if _, ok := in.Headers().Get(name); ok {
				t.Errorf("there is a header %q", name)
			}
		}
		in.Headers().Get("X-Thing")
	})
	if got := res.Header.Get("Vary"); got != "X-Thing" {
		t.Errorf("Vary = %q, want X-Thing", got)
	}
}

// spoofs are what a client may write to seem somebody else, each by itself.
var spoofs = [][2]string{
	{xff, "6.6.6.6"},
	{"Forwarded", "for=6.6.6.6;proto=https;host=shop.example.com"},
	{"X-Real-Ip", "6.6.6.6"},
	{"True-Client-Ip", "6.6.6.6"},
	{"X-Client-Ip", "6.6.6.6"},
	{"X-Cluster-Client-Ip", "6.6.6.6"},
	{"X-Forwarded", "for=6.6.6.6"},
	{"Forwarded-For", "6.6.6.6"},
	{"Via", "1.1 6.6.6.6"},
	{"Cf-Connecting-Ip", "6.6.6.6"},
	{"Cf-Connecting-Ipv6", "2001:db8::666"},
	{"Cloudfront-Viewer-Address", "6.6.6.6:1"},
	{"Fastly-Client-Ip", "6.6.6.6"},
	{"Fly-Client-Ip", "6.6.6.6"},
	{"X-Azure-Clientip", "6.6.6.6"},
	{"X-Azure-Socketip", "6.6.6.6"},
	{"X-Vercel-Forwarded-For", "6.6.6.6"},
	{"X-Appengine-User-Ip", "6.6.6.6"},
	{"X-Forwarded-Proto", "https"},
	{"X-Forwarded-Scheme", "https"},
	{"X-Scheme", "https"},
	{"X-Forwarded-Ssl", "on"},
	{"Front-End-Https", "on"},
	{"X-Url-Scheme", "https"},
	{"X-Forwarded-Host", "shop.example.com"},
	{"X-Host", "shop.example.com"},
	{"X-Original-Host", "shop.example.com"},
	{"X-Forwarded-Port", "8443"},
	{"X-Forwarded-Prefix", "/app"},
	{"X-Script-Name", "/app"},
	{"X-Original-Url", "/admin"},
	{"X-Rewrite-Url", "/admin"},
	{"X-Request-Id", "chosen-by-the-client"},
	{"Cf-Ipcountry", "CH"},
	{"Cf-Timezone", "Asia/Tokyo"},
	{"Cf-Ipcity", "x"},
	{"Cloudfront-Viewer-Country", "CH"},
	{"Cloudfront-Viewer-Time-Zone", "Asia/Tokyo"},
	{"X-Vercel-Ip-Country", "CH"},
	{"X-Vercel-Ip-Timezone", "Asia/Tokyo"},
	{"X-Client-Geo-Location", "CH"},
	{"X-Real-Client", "6.6.6.6"},
	{"Traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"},
}

// believed is all that rests on the trust decision.
func believed(in *ctxinfo.Info) map[string]any {
	all := map[string]any{
		"ip": in.IP(), "hops": in.Hops(), "url": in.URL().String(), "host": in.Host(), "prefix": in.Prefix(), "geo": client.GeoOf(in),
	}
	if in.Source(ctxinfo.FacetTimezone).Trusted {
		all["zone"] = in.TimezoneName()
	}
	if id := in.RequestID(); in.Source(ctxinfo.FacetRequestID).Kind != "generated" {
		all["id"] = id
	}
	return all
}

// With the zero Config, and with every preset from elsewhere than its ranges,
// no header that a client writes changes anything. From its ranges only those
// headers do that the provider writes over a client's, as its documentation has
// it: what the others hold went through it untouched.
func TestSpoofingThroughEachHeader(t *testing.T) {
	t.Parallel()
	presets := map[string]struct {
		set     func(...string) ctxinfo.ProxySet
		headers []string // that the client's address may come in
		writes  []string // and what else of spoofs it writes
	}{
		"Cloudflare": {ctxinfo.Cloudflare, []string{xff, "CF-Connecting-IP"}, []string{"X-Forwarded-Proto"}},
		"Cloudflare, located": {
			func(ranges ...string) ctxinfo.ProxySet { return ctxinfo.Cloudflare(ranges...).WithLocation() },
			[]string{xff, "CF-Connecting-IP"},
			[]string{"X-Forwarded-Proto", "Cf-Ipcountry", "Cf-Timezone", "Cf-Ipcity"},
		},
		"CloudFront": {ctxinfo.CloudFront, []string{xff, "CloudFront-Viewer-Address"}, []string{"X-Forwarded-Proto"}},
		"CloudFront, located": {
			func(ranges ...string) ctxinfo.ProxySet { return ctxinfo.CloudFront(ranges...).WithLocation() },
			[]string{xff, "CloudFront-Viewer-Address"},
			[]string{"X-Forwarded-Proto", "Cloudfront-Viewer-Country", "Cloudfront-Viewer-Time-Zone"},
		},
		"Fastly":         {ctxinfo.Fastly, []string{"X-Real-Client"}, nil},
		"Fly":            {ctxinfo.Fly, []string{xff, "Fly-Client-IP"}, []string{"X-Forwarded-Proto"}},
		"AzureFrontDoor": {ctxinfo.AzureFrontDoor, []string{xff, "X-Azure-SocketIP"}, []string{"X-Forwarded-Proto", "X-Forwarded-Host"}},
		"Vercel": {
			ctxinfo.Vercel,
			[]string{xff, "X-Vercel-Forwarded-For"},
			[]string{"X-Forwarded-Proto", "X-Forwarded-Host", "X-Vercel-Ip-Country", "X-Vercel-Ip-Timezone"},
		},
		"GoogleCloud": {ctxinfo.GoogleCloud, []string{xff}, []string{"X-Forwarded-Proto"}},
		"Nginx": {
			ctxinfo.Nginx,
			[]string{xff, "X-Real-Ip"},
			[]string{"X-Forwarded-Proto", "X-Forwarded-Host", "X-Forwarded-Port", "X-Forwarded-Prefix", "X-Request-Id"},
		},
	}
	type server struct {
		name   string
		plugin *ctxinfo.Plugin
		peer   string
		may    func(header string) bool // what the peer is believed for
	}
	servers := []server{}
	for _, remote := range []string{"127.0.0.1:1", "10.0.0.2:1", "203.0.113.9:1", "[2001:db8::9]:1", "@"} {
		servers = append(servers, server{"zero Config", mustNew(t, ctxinfo.Config{}), remote, func(string) bool { return false }})
	}
	for name, preset := range presets {
		for _, header := range preset.headers {
			cfg := ctxinfo.Config{
				Proxies: ctxinfo.Behind(preset.set(cfRange)), Header: header,
				AllowedHosts: []string{"example.com", "shop.example.com", "example.com:8443"}, AllowedPrefixes: []string{"/app"},
			}
			p := mustNew(t, cfg)
			for _, remote := range []string{"10.0.0.2:1", "203.0.114.9:1"} {
				servers = append(servers, server{name + " past it", p, remote, func(string) bool { return false }})
			}
			may := func(h string) bool { return strings.EqualFold(h, header) || slices.Contains(preset.writes, h) }
			servers = append(servers, server{name, p, "203.0.113.9:1", may})
			cfg.Proxies = ctxinfo.Behind(ctxinfo.TrustPeer(), preset.set())
			servers = append(servers, server{name + ", the only peer", mustNew(t, cfg), "198.51.100.9:1", may})
		}
	}
	for _, s := range servers {
		want := believed(s.plugin.FromRequest(withURL(t, from(s.peer, request()), "/")))
		for _, spoof := range spoofs {
			got := believed(s.plugin.FromRequest(withURL(t, from(s.peer, request(spoof[0], spoof[1])), "/")))
			if !s.may(spoof[0]) && !reflect.DeepEqual(got, want) {
				t.Errorf("%s, peer %s: %s: %s makes of\n%v\n%v", s.name, s.peer, spoof[0], spoof[1], want, got)
			}
		}
	}
}

// An Info that is kept keeps neither the request nor its body.
func TestInfoKeepsNoRequest(t *testing.T) {
	type body struct {
		io.ReadCloser
		big [1 << 20]byte
	}
	var kept *ctxinfo.Info
	var gone weak.Pointer[body]
	func() {
		r := httptest.NewRequest(http.MethodPost, "/", http.NoBody)
		b := &body{ReadCloser: io.NopCloser(strings.NewReader("x"))}
		gone, r.Body = weak.Make(b), b
		e := echo.New()
		e.Use(echov4.Use(mustNew(t, behindPrivate())))
		e.POST("/", func(c echo.Context) error { kept = ctxinfo.From(c); return nil })
		e.ServeHTTP(httptest.NewRecorder(), r)
	}()
	for end := time.Now().Add(time.Minute); gone.Value() != nil && time.Now().Before(end); time.Sleep(time.Millisecond) {
		runtime.GC()
	}
	if gone.Value() != nil {
		t.Error("the body is still there")
	}
	if got := kept.Host(); got != "example.com" {
		t.Errorf("Host() = %q", got)
	}
}

// Clients choose what the caches of languages remember: neither how many nor
// how large headers they send makes them grow without bound.
func TestCachesCannotBeFilled(t *testing.T) {
	p := mustNew(t, ctxinfo.Config{Locales: parseTags(t, "en", "de")})
	send := func(from, to int) {
		for i := from; i < to; i++ {
			pad := strings.Repeat("x", 800)
			in := p.FromRequest(request("Accept-Language", fmt.Sprintf("de-x-a%d, en;q=0.%d,%s", i, i%1000, pad), "Cookie", fmt.Sprintf("ctx_locale=de-x-b%d", i)))
			in.Locale()
			in = p.FromRequest(request("Cookie", fmt.Sprintf("ctx_tz=Zone/N%d", i), "Accept-Language", fmt.Sprintf("fr-x-c%d", i)))
			in.Locale()
			in.Timezone()
		}
	}
	full := soaktest.Size(4000) + 800 // slots are 512
	send(0, full)
	before := heaptest.InUse()
	send(full, 3*full)
	if after := heaptest.AtMost(before + 1<<20); after > before+1<<20 {
		t.Errorf("after 2 x %d more languages the heap is %d KB larger", full, (after-before)>>10)
	}
	runtime.KeepAlive(p)
}
