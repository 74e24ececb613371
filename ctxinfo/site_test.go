package ctxinfo_test

import (
	"crypto/tls"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/reecho-go/reecho/ctxinfo"
)

func withURL(t testing.TB, r *http.Request, raw string) *http.Request {
	t.Helper()
	u, err := url.ParseRequestURI(raw)
	if err != nil {
		t.Fatal(err)
	}
	r.URL = u
	return r
}

func TestURL(t *testing.T) {
	t.Parallel()
	hosts := behindPrivate()
	hosts.AllowedHosts = []string{"example.com", "*.example.com", "example.com:8443", "[2001:db8::1]"}
	hosts.AllowedPrefixes = []string{"/app/", "/v1.2"}
	tests := []struct {
		name    string
		cfg     ctxinfo.Config
		host    string
		headers []string
		want    string // of /a%2Fb?x=1
	}{
		{"plain", ctxinfo.Config{}, "example.com", nil, "http://example.com/a%2Fb?x=1"},
		{"port", ctxinfo.Config{}, "EXAMPLE.com:8080", nil, "http://example.com:8080/a%2Fb?x=1"},
		{"default port", ctxinfo.Config{}, "example.com:80", nil, "http://example.com/a%2Fb?x=1"},
		{"root dot", ctxinfo.Config{}, "example.com.", nil, "http://example.com/a%2Fb?x=1"},
		{"IPv6", ctxinfo.Config{}, "[2001:DB8::1]:8080", nil, "http://[2001:db8::1]:8080/a%2Fb?x=1"},
		{"malformed host", ctxinfo.Config{}, "exa mple.com", nil, "http:///a%2Fb?x=1"},
		{"scheme from a trusted proxy", hosts, "example.com", []string{"X-Forwarded-Proto", "https"}, "https://example.com/a%2Fb?x=1"},
		{"default port of the forwarded scheme", hosts, "example.com:443", []string{"X-Forwarded-Proto", "https"}, "https://example.com/a%2Fb?x=1"},
		{"wss", hosts, "example.com", []string{"X-Forwarded-Proto", "wss"}, "https://example.com/a%2Fb?x=1"},
		{"scheme that is none", hosts, "example.com", []string{"X-Forwarded-Proto", "javascript"}, "http://example.com/a%2Fb?x=1"},
		{"schemes in step with the hops", hosts, "example.com", []string{"X-Forwarded-Proto", "http, https, http", xff, "6.6.6.6, 198.51.100.7, 10.0.0.3"}, "https://example.com/a%2Fb?x=1"},
		{"schemes without hops", hosts, "example.com", []string{"X-Forwarded-Proto", "https, https"}, "http://example.com/a%2Fb?x=1"},
		{"schemes out of step", hosts, "example.com", []string{"X-Forwarded-Proto", "https, https", xff, "198.51.100.7, 10.0.0.3, 10.0.0.4"}, "http://example.com/a%2Fb?x=1"},
		{"forwarded host, allowed", hosts, "inner", []string{"X-Forwarded-Host", "shop.example.com"}, "http://shop.example.com/a%2Fb?x=1"},
		{"forwarded port, allowed with the host", hosts, "example.com", []string{"X-Forwarded-Port", "8443"}, "http://example.com:8443/a%2Fb?x=1"},
		{"forwarded port, not allowed", hosts, "example.com", []string{"X-Forwarded-Port", "666"}, "http://example.com/a%2Fb?x=1"},
		{"forwarded port is the default", hosts, "example.com", []string{"X-Forwarded-Port", "443", "X-Forwarded-Proto", "https"}, "https://example.com/a%2Fb?x=1"},
		{"prefix, allowed", hosts, "example.com", []string{"X-Forwarded-Prefix", "/app"}, "http://example.com/app/a%2Fb?x=1"},
		{"prefix, not allowed", hosts, "example.com", []string{"X-Forwarded-Prefix", "//evil.example"}, "http://example.com/a%2Fb?x=1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := withURL(t, request(tt.headers...), "/a%2Fb?x=1")
			r.Host = tt.host
			in := mustNew(t, tt.cfg).FromRequest(r)
			if got := in.URL().String(); got != tt.want {
				t.Errorf("URL() = %s, want %s", got, tt.want)
			}
		})
	}
}

func TestURLOverTLS(t *testing.T) {
	t.Parallel()
	r := withURL(t, request("X-Forwarded-Proto", "http"), "/")
	r.TLS = &tls.ConnectionState{}
	if got := mustNew(t, ctxinfo.Config{}).FromRequest(r).URL().String(); got != "https://example.com/" {
		t.Errorf("URL() = %s, want https://example.com/", got)
	}
}

// TestHostHeaderPoisoning is the attack on a password reset link.
func TestHostHeaderPoisoning(t *testing.T) {
	t.Parallel()
	cfg := behindPrivate()
	cfg.AllowedHosts = []string{"example.com", "*.example.com"}
	p := mustNew(t, cfg)
	for _, remote := range []string{"203.0.113.9:1", "10.0.0.2:1"} {
		for _, host := range []string{
			"evil.example", "evil.example:443", "example.com.evil.example", "evilexample.com", "example.com@evil.example",
			"example.com:80@evil.example", "example.com:evil", "evil.example#example.com", "evil.example/example.com", "evil.example?.example.com",
			"evil.example\\.example.com", " example.com", "example.com,evil.example", ".example.com", "[::1].example.com", "", strings.Repeat("a", 300) + ".example.com",
		} {
			r := withURL(t, from(remote, request("X-Forwarded-Host", host, "Forwarded", "host="+host)), "/reset")
			r.Host = host
			in := p.FromRequest(r)
			if got := in.URL().String(); got != "http://example.com/reset" {
				t.Errorf("peer %s, host %q: URL() = %s, want that of the first allowed host", remote, host, got)
			}
			if host != "" && len(in.Anomalies()) == 0 {
				t.Errorf("peer %s, host %q: no anomaly", remote, host)
			}
		}
	}
}

func TestPageURL(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, current, want, source string }{
		{"no htmx", "", "http://example.com/part?x=1", "connection"},
		{"the page", "http://example.com/page?y=2#frag", "http://example.com/page?y=2", "header Hx-Current-Url"},
		{"the page over TLS that a proxy ends", "https://example.com/page", "https://example.com/page", "header Hx-Current-Url"},
		{"another host", "http://evil.example/page", "http://example.com/part?x=1", "connection"},
		{"another scheme", "javascript:alert(1)", "http://example.com/part?x=1", "connection"},
		{"user info", "http://a:b@example.com/", "http://example.com/part?x=1", "connection"},
		{"relative", "/page", "http://example.com/part?x=1", "connection"},
		{"malformed", "http://example.com/%zz", "http://example.com/part?x=1", "connection"},
		{"too long", "http://example.com/" + strings.Repeat("a", 3000), "http://example.com/part?x=1", "connection"},
	}
	for _, tt := range tests {
		r := request()
		if tt.current != "" {
			r.Header.Set("HX-Current-URL", tt.current)
		}
		in := mustNew(t, ctxinfo.Config{}).FromRequest(withURL(t, r, "/part?x=1"))
		if got := in.PageURL().String(); got != tt.want {
			t.Errorf("%s: PageURL() = %s, want %s", tt.name, got, tt.want)
		}
		if got := in.Source(ctxinfo.FacetPageURL).String(); got != tt.source {
			t.Errorf("%s: Source() = %s, want %s", tt.name, got, tt.source)
		}
	}
}

func TestHTTPSIsWhatATrustedProxySays(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		from, proto string
		tls, want   bool
	}{
		"a trusted proxy's https": {"10.0.0.1:1", "https", false, true},
		"a trusted proxy's http":  {"10.0.0.1:1", "http", false, false},
		"a stranger's https":      {"192.0.2.1:1", "https", false, false},
		"TLS without a proxy":     {"192.0.2.1:1", "", true, true},
	} {
		p := ctxinfo.Must(ctxinfo.New(ctxinfo.Config{Proxies: ctxinfo.Behind(ctxinfo.Prefixes("10.0.0.0/8"))}))
		r := httptest.NewRequest(http.MethodGet, "/", http.NoBody)
		r.RemoteAddr = test.from
		if test.proto != "" {
			r.Header.Set("X-Forwarded-Proto", test.proto)
		}
		if test.tls {
			r.TLS = new(tls.ConnectionState)
		}
		if got := p.HTTPS(r); got != test.want {
			t.Errorf("%s: HTTPS() = %v, want %v", name, got, test.want)
		}
	}
}
