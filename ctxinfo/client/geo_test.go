package client_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"

	"github.com/reecho-go/reecho/ctxinfo"
	"github.com/reecho-go/reecho/ctxinfo/client"
	"github.com/reecho-go/reecho/echov4"
)

const (
	cfRange = "203.0.113.0/24"
	xff     = "X-Forwarded-For"
)

// request is a bare request from 10.0.0.2 with the given headers, name and
// value in turn.
func request(headers ...string) *http.Request { return from("10.0.0.2:4711", headers...) }

func from(remote string, headers ...string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, "/", http.NoBody)
	r.RemoteAddr = remote
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	return r
}

// vary is what a response depends on whose handler reads in.
func vary(p *ctxinfo.Plugin, r *http.Request, read func(in *ctxinfo.Info)) http.Header {
	e := echo.New()
	e.Use(echov4.Use(p))
	e.GET("/", func(c echo.Context) error {
		read(ctxinfo.From(c))
		return c.NoContent(http.StatusNoContent)
	})
	w := httptest.NewRecorder()
	e.ServeHTTP(w, r)
	return w.Header()
}

func cloudflareRequest(headers ...string) []string {
	return append([]string{
		"CF-IPCountry", "CH", "CF-IPContinent", "EU", "CF-Region-Code", "ZH", "CF-IPCity", "Zürich", "CF-Postal-Code", "8001", "CF-Metro-Code", "501",
		"CF-IPLatitude", "47.36667", "CF-IPLongitude", "8.55", "CF-Timezone", "Europe/Zurich",
	}, headers...)
}

func TestGeo(t *testing.T) {
	t.Parallel()
	zurich := client.Geo{
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
		want    client.Geo
	}{
		{"from Cloudflare", direct, "203.0.113.9:1", cloudflareRequest(), zurich},
		{"through Cloudflare and a proxy of ours", behind, "10.0.0.2:1", cloudflareRequest(xff, "198.51.100.7, 203.0.113.9"), zurich},
		{"past Cloudflare, through a proxy of ours", behind, "10.0.0.2:1", cloudflareRequest(xff, "198.51.100.7"), client.Geo{}},
		{"claimed by the client", behind, "10.0.0.2:1", cloudflareRequest(xff, "203.0.113.9, 198.51.100.7"), client.Geo{}},
		{"from anybody", direct, "198.51.100.7:1", cloudflareRequest(), client.Geo{}},
		{"nobody trusted", ctxinfo.Config{}, "203.0.113.9:1", cloudflareRequest(), client.Geo{}},
		{"without a preset", ctxinfo.Config{Proxies: ctxinfo.Behind(ctxinfo.Private())}, "10.0.0.2:1", cloudflareRequest(), client.Geo{}},
		{"with TrustPeer", ctxinfo.Config{Proxies: ctxinfo.Behind(ctxinfo.TrustPeer(), ctxinfo.Cloudflare().WithLocation())}, "198.51.100.1:1", cloudflareRequest(), zurich},
		{"Cloudflare, not told to add them", ctxinfo.Config{Proxies: ctxinfo.Behind(ctxinfo.Cloudflare(cfRange))}, "203.0.113.9:1", cloudflareRequest(), client.Geo{}},
		{"CloudFront, not told to add them", ctxinfo.Config{Proxies: ctxinfo.Behind(ctxinfo.CloudFront(cfRange))}, "203.0.113.9:1", []string{"CloudFront-Viewer-Country", "BR"}, client.Geo{}},
		{"unknown country", direct, "203.0.113.9:1", []string{"CF-IPCountry", "XX"}, client.Geo{}},
		{"Tor", direct, "203.0.113.9:1", []string{"CF-IPCountry", "T1"}, client.Geo{Tor: true, Provider: "Cloudflare"}},
		{
			"nonsense", direct, "203.0.113.9:1",
			[]string{
				"CF-IPCountry", "ch", "CF-IPCity", "a\x00b", "CF-IPLatitude", "NaN", "CF-IPLongitude", "8", "CF-Timezone", "Local",
				"CF-Postal-Code", strings.Repeat("1", 200), "CF-Region-Code", "\xff",
			},
			client.Geo{},
		},
		{"sent twice", direct, "203.0.113.9:1", []string{"CF-IPCountry", "CH", "CF-IPCountry", "DE"}, client.Geo{}},
		{
			"CloudFront", aws, "203.0.113.9:1",
			[]string{"CloudFront-Viewer-Metro-Code", "819", "CloudFront-Viewer-Country", "BR", "CloudFront-Viewer-City", "S%C3%A3o%20Paulo", "CF-IPCountry", "CH"},
			client.Geo{Country: "BR", City: "São Paulo", MetroCode: "819", Provider: "CloudFront"},
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
			client.Geo{
				Country: "BR", Continent: "SA", Region: "SP", City: "São Paulo", PostalCode: "01000", Latitude: -23.5, Longitude: -46.6, Located: true,
				Timezone: "America/Sao_Paulo", Provider: "Vercel",
			},
		},
		{"CloudFront, escapes that are none", aws, "203.0.113.9:1", []string{"CloudFront-Viewer-City", "100%"}, client.Geo{}},
	}
	for _, tt := range tests {
		in := ctxinfo.Must(ctxinfo.New(tt.cfg)).FromRequest(from(tt.remote, tt.headers...))
		if got := client.GeoOf(in); got != tt.want {
			t.Errorf("%s: GeoOf() =\n%+v, want\n%+v", tt.name, got, tt.want)
		}
		if got := in.TimezoneName(); got != tt.want.Timezone {
			t.Errorf("%s: TimezoneName() = %q, want %q", tt.name, got, tt.want.Timezone)
		}
	}
}

func TestGeoVaries(t *testing.T) {
	t.Parallel()
	p := ctxinfo.Must(ctxinfo.New(ctxinfo.Config{Proxies: ctxinfo.Behind(ctxinfo.Cloudflare(cfRange).WithLocation())}))
	read := func(in *ctxinfo.Info) { client.GeoOf(in) }
	h := vary(p, from("203.0.113.9:1", cloudflareRequest()...), read)
	const want = "Cf-Ipcity, Cf-Ipcontinent, Cf-Ipcountry, Cf-Iplatitude, Cf-Iplongitude, Cf-Metro-Code, Cf-Postal-Code, Cf-Region-Code, Cf-Timezone, X-Forwarded-For"
	if got := h.Get("Vary"); got != want {
		t.Errorf("Vary = %q, want %q", got, want)
	}
	if got := h.Get("Cache-Control"); got != "private" {
		t.Errorf("Cache-Control = %q, want private", got)
	}
	if got := vary(p, from("198.51.100.7:1", cloudflareRequest()...), read).Get("Vary"); got != "" {
		t.Errorf("Vary for a stranger = %q, want none", got)
	}
}
