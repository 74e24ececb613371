package ctxinfo_test

import (
	"strings"
	"testing"

	"github.com/labstack/echo/v4"

	"github.com/reecho-go/reecho/ctxinfo"
)

const cfRange = "203.0.113.0/24"

func TestPresetHeadersNeedTheProvider(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, header string
		set          ctxinfo.ProxySet
		value        string
	}{
		{"Cloudflare", "CF-Connecting-IP", ctxinfo.Cloudflare(cfRange), wanted},
		{"CloudFront", "CloudFront-Viewer-Address", ctxinfo.CloudFront(cfRange), wanted + ":4711"},
		{"Fly", "Fly-Client-IP", ctxinfo.Fly(cfRange), wanted},
		{"AzureFrontDoor", "X-Azure-SocketIP", ctxinfo.AzureFrontDoor(cfRange), wanted},
		{"Vercel", "X-Vercel-Forwarded-For", ctxinfo.Vercel(cfRange), wanted},
	}
	for _, tt := range tests {
		p := mustNew(t, ctxinfo.Config{Proxies: ctxinfo.Behind(tt.set), Header: ctxinfo.Header(tt.header)})
		if got := p.ClientIP(from("203.0.113.9:1", request(tt.header, tt.value))).String(); got != wanted {
			t.Errorf("%s from its range: ClientIP() = %s, want %s", tt.name, got, wanted)
		}
		for _, other := range []string{"198.51.100.1:1", "10.0.0.2:1", "127.0.0.1:1"} {
			if got := p.ClientIP(from(other, request(tt.header, tt.value))).String(); got+":1" != other {
				t.Errorf("%s spoofed by %s: ClientIP() = %s, want the peer", tt.name, other, got)
			}
		}
		if _, err := ctxinfo.New(ctxinfo.Config{Proxies: ctxinfo.Behind(ctxinfo.Private()), Header: ctxinfo.Header(tt.header)}); err == nil || !strings.Contains(err.Error(), tt.name) {
			t.Errorf("New() with %s from private peers: %v, want it refused and %s named", tt.header, err, tt.name)
		}
		if _, err := ctxinfo.New(ctxinfo.Config{Proxies: ctxinfo.Behind(tt.set, ctxinfo.Private()), Header: ctxinfo.Header(tt.header)}); err == nil {
			t.Errorf("New() with %s from %s and private peers accepts what any private proxy hands on", tt.header, tt.name)
		}
		explicit := mustNew(t, ctxinfo.Config{Proxies: ctxinfo.Behind(ctxinfo.TrustPeer()), Header: ctxinfo.Header(tt.header)})
		if got := explicit.ClientIP(from("198.51.100.1:1", request(tt.header, tt.value))).String(); got != wanted {
			t.Errorf("%s with TrustPeer: ClientIP() = %s, want %s", tt.name, got, wanted)
		}
	}
	if _, err := ctxinfo.New(ctxinfo.Config{Proxies: ctxinfo.Behind(ctxinfo.Fly())}); err == nil {
		t.Error("New() accepts a preset with neither ranges nor TrustPeer")
	}
}

func TestGoogleCloudAndNginx(t *testing.T) {
	t.Parallel()
	const frontEnd, balancer = "35.191.0.1:1", "203.0.113.80"
	byAddress := ctxinfo.Config{Proxies: ctxinfo.Behind(ctxinfo.GoogleCloud("35.191.0.0/16", "130.211.0.0/22", balancer))}
	byCount := ctxinfo.Config{Proxies: ctxinfo.Behind(ctxinfo.GoogleCloud("35.191.0.0/16", "130.211.0.0/22")), HopCount: 2}
	realIP := ctxinfo.Config{Proxies: ctxinfo.Behind(ctxinfo.Nginx("10.0.0.2")), Header: "X-Real-IP"}
	appending := ctxinfo.Config{Proxies: ctxinfo.Behind(ctxinfo.Nginx("10.0.0.2"))}
	for _, tt := range []struct {
		name    string
		cfg     ctxinfo.Config
		remote  string
		headers []string
		want    string
	}{
		{"Google, by address", byAddress, frontEnd, []string{xff, "6.6.6.6, 198.51.100.7," + balancer}, wanted},
		{"Google, by count", byCount, frontEnd, []string{xff, "6.6.6.6, 198.51.100.7," + balancer}, wanted},
		{"Google, past it", byAddress, "198.51.100.9:1", []string{xff, "6.6.6.6," + balancer}, "198.51.100.9"},
		{"nginx, X-Real-IP", realIP, "10.0.0.2:1", []string{"X-Real-IP", wanted, xff, "6.6.6.6"}, wanted},
		{"nginx, X-Real-IP twice", realIP, "10.0.0.2:1", []string{"X-Real-IP", wanted, "X-Real-IP", "6.6.6.6"}, "10.0.0.2"},
		{"nginx, X-Real-IP past it", realIP, "10.0.0.3:1", []string{"X-Real-IP", "6.6.6.6"}, "10.0.0.3"},
		{"nginx, X-Forwarded-For", appending, "10.0.0.2:1", []string{xff, "6.6.6.6, 198.51.100.7"}, wanted},
	} {
		if got := mustNew(t, tt.cfg).ClientIP(from(tt.remote, request(tt.headers...))).String(); got != tt.want {
			t.Errorf("%s: ClientIP() = %s, want %s", tt.name, got, tt.want)
		}
	}
	for _, set := range []ctxinfo.ProxySet{ctxinfo.GoogleCloud(), ctxinfo.Nginx()} {
		if _, err := ctxinfo.New(ctxinfo.Config{Proxies: ctxinfo.Behind(set)}); err == nil || !strings.Contains(err.Error(), "without ranges") {
			t.Errorf("New() without ranges: %v", err)
		}
	}
}

func TestCloudFrontViewerAddress(t *testing.T) {
	t.Parallel()
	p := mustNew(t, ctxinfo.Config{Proxies: ctxinfo.Behind(ctxinfo.CloudFront(cfRange)), Header: "CloudFront-Viewer-Address"})
	for value, want := range map[string]string{
		"198.51.100.7:46532":                          wanted,
		"2001:0db8:85a3:0000:0000:8a2e:0370:7334:443": "2001:db8:85a3::8a2e:370:7334",
		"198.51.100.7":                                "203.0.113.9",
		"198.51.100.7:80:443":                         "203.0.113.9",
		"198.51.100.7:x":                              "203.0.113.9",
		strings.Repeat("1:", 9000):                    "203.0.113.9",
	} {
		if got := p.ClientIP(from("203.0.113.9:1", request("CloudFront-Viewer-Address", value))).String(); got != want {
			t.Errorf("%.60s: ClientIP() = %s, want %s", value, got, want)
		}
	}
}

func cloudflareRequest(headers ...string) []string {
	return append([]string{
		"CF-IPCountry", "CH", "CF-IPContinent", "EU", "CF-Region-Code", "ZH", "CF-IPCity", "Zürich", "CF-Postal-Code", "8001", "CF-Metro-Code", "501",
		"CF-IPLatitude", "47.36667", "CF-IPLongitude", "8.55", "CF-Timezone", "Europe/Zurich",
	}, headers...)
}

func TestGeo(t *testing.T) {
	t.Parallel()
	zurich := ctxinfo.Geo{
		Country: "CH", Continent: "EU", Region: "ZH", City: "Zürich", PostalCode: "8001", MetroCode: "501", Latitude: 47.36667, Longitude: 8.55, Located: true,
		Timezone: "Europe/Zurich", Provider: "Cloudflare",
	}
	direct := ctxinfo.Config{Proxies: ctxinfo.Behind(ctxinfo.Cloudflare(cfRange).WithLocation())}
	behind := ctxinfo.Config{Proxies: ctxinfo.Behind(ctxinfo.Cloudflare(cfRange).WithLocation(), ctxinfo.Private())}
	aws := ctxinfo.Config{Proxies: ctxinfo.Behind(ctxinfo.CloudFront(cfRange).WithLocation())}
	tests := []struct {
		name    string
		cfg     ctxinfo.Config
		remote  string
		headers []string
		want    ctxinfo.Geo
	}{
		{"from Cloudflare", direct, "203.0.113.9:1", cloudflareRequest(), zurich},
		{"through Cloudflare and a proxy of ours", behind, "10.0.0.2:1", cloudflareRequest(xff, "198.51.100.7, 203.0.113.9"), zurich},
		{"past Cloudflare, through a proxy of ours", behind, "10.0.0.2:1", cloudflareRequest(xff, "198.51.100.7"), ctxinfo.Geo{}},
		{"claimed by the client", behind, "10.0.0.2:1", cloudflareRequest(xff, "203.0.113.9, 198.51.100.7"), ctxinfo.Geo{}},
		{"from anybody", direct, "198.51.100.7:1", cloudflareRequest(), ctxinfo.Geo{}},
		{"nobody trusted", ctxinfo.Config{}, "203.0.113.9:1", cloudflareRequest(), ctxinfo.Geo{}},
		{"without a preset", behindPrivate(), "10.0.0.2:1", cloudflareRequest(), ctxinfo.Geo{}},
		{"with TrustPeer", ctxinfo.Config{Proxies: ctxinfo.Behind(ctxinfo.TrustPeer(), ctxinfo.Cloudflare().WithLocation())}, "198.51.100.1:1", cloudflareRequest(), zurich},
		{"Cloudflare, not told to add them", ctxinfo.Config{Proxies: ctxinfo.Behind(ctxinfo.Cloudflare(cfRange))}, "203.0.113.9:1", cloudflareRequest(), ctxinfo.Geo{}},
		{"CloudFront, not told to add them", ctxinfo.Config{Proxies: ctxinfo.Behind(ctxinfo.CloudFront(cfRange))}, "203.0.113.9:1", []string{"CloudFront-Viewer-Country", "BR"}, ctxinfo.Geo{}},
		{"unknown country", direct, "203.0.113.9:1", []string{"CF-IPCountry", "XX"}, ctxinfo.Geo{}},
		{"Tor", direct, "203.0.113.9:1", []string{"CF-IPCountry", "T1"}, ctxinfo.Geo{Tor: true, Provider: "Cloudflare"}},
		{
			"nonsense", direct, "203.0.113.9:1",
			[]string{
				"CF-IPCountry", "ch", "CF-IPCity", "a\x00b", "CF-IPLatitude", "NaN", "CF-IPLongitude", "8", "CF-Timezone", "Local",
				"CF-Postal-Code", strings.Repeat("1", 200), "CF-Region-Code", "\xff",
			},
			ctxinfo.Geo{},
		},
		{"sent twice", direct, "203.0.113.9:1", []string{"CF-IPCountry", "CH", "CF-IPCountry", "DE"}, ctxinfo.Geo{}},
		{
			"CloudFront", aws, "203.0.113.9:1",
			[]string{"CloudFront-Viewer-Metro-Code", "819", "CloudFront-Viewer-Country", "BR", "CloudFront-Viewer-City", "S%C3%A3o%20Paulo", "CF-IPCountry", "CH"},
			ctxinfo.Geo{Country: "BR", City: "São Paulo", MetroCode: "819", Provider: "CloudFront"},
		},
		{
			"Vercel",
			ctxinfo.Config{Proxies: ctxinfo.Behind(ctxinfo.Vercel(cfRange))},
			"203.0.113.9:1",
			[]string{
				"X-Vercel-IP-Country", "BR", "X-Vercel-IP-Country-Region", "SP", "X-Vercel-IP-City", "S%C3%A3o%20Paulo",
				"X-Vercel-IP-Timezone", "America/Sao_Paulo", "X-Vercel-IP-Latitude", "-23.5", "X-Vercel-IP-Longitude", "-46.6",
				"X-Vercel-IP-Continent", "SA", "X-Vercel-IP-Postal-Code", "01000",
			},
			ctxinfo.Geo{
				Country: "BR", Continent: "SA", Region: "SP", City: "São Paulo", PostalCode: "01000", Latitude: -23.5, Longitude: -46.6, Located: true,
				Timezone: "America/Sao_Paulo", Provider: "Vercel",
			},
		},
		{"CloudFront, escapes that are none", aws, "203.0.113.9:1", []string{"CloudFront-Viewer-City", "100%"}, ctxinfo.Geo{}},
	}
	for _, tt := range tests {
		in := mustNew(t, tt.cfg).FromRequest(from(tt.remote, request(tt.headers...)))
		if got := in.Geo(); got != tt.want {
			t.Errorf("%s: Geo() =\n%+v, want\n%+v", tt.name, got, tt.want)
		}
		if got := in.TimezoneName(); got != tt.want.Timezone {
			t.Errorf("%s: TimezoneName() = %q, want %q", tt.name, got, tt.want.Timezone)
		}
	}
}

func TestTimezoneCookieWinsOverGeo(t *testing.T) {
	t.Parallel()
	p := mustNew(t, ctxinfo.Config{Proxies: ctxinfo.Behind(ctxinfo.Cloudflare(cfRange).WithLocation())})
	in := p.FromRequest(from("203.0.113.9:1", request(cloudflareRequest("Cookie", "ctx_tz=+05:30")...)))
	if got := in.TimezoneName(); got != "+05:30" {
		t.Errorf("TimezoneName() = %q, want the visitor's choice", got)
	}
	in = p.FromRequest(from("203.0.113.9:1", request(cloudflareRequest()...)))
	if got := in.Source(ctxinfo.FacetTimezone); got.String() != "header Cf-Timezone" || !got.Trusted {
		t.Errorf("Source(FacetTimezone) = %v, trusted %v", got, got.Trusted)
	}
}

func TestGeoVaries(t *testing.T) {
	t.Parallel()
	p := mustNew(t, ctxinfo.Config{Proxies: ctxinfo.Behind(ctxinfo.Cloudflare(cfRange).WithLocation())})
	res := serve(t, p, from("203.0.113.9:1", request(cloudflareRequest()...)), func(_ echo.Context, in *ctxinfo.Info) { in.Geo() })
	const want = "Cf-Ipcity, Cf-Ipcontinent, Cf-Ipcountry, Cf-Iplatitude, Cf-Iplongitude, Cf-Metro-Code, Cf-Postal-Code, Cf-Region-Code, Cf-Timezone, X-Forwarded-For"
	if got := res.Header.Get("Vary"); got != want {
		t.Errorf("Vary = %q, want %q", got, want)
	}
	if got := res.Header.Get("Cache-Control"); got != "private" {
		t.Errorf("Cache-Control = %q, want private", got)
	}
	res = serve(t, p, from("198.51.100.7:1", request(cloudflareRequest()...)), func(_ echo.Context, in *ctxinfo.Info) { in.Geo() })
	if got := res.Header.Get("Vary"); got != "" {
		t.Errorf("Vary for a stranger = %q, want none", got)
	}
}
