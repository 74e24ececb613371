package ctxinfo_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/reecho-go/reecho/ctxinfo"
)

// TestRFC7239 goes through the RFC by its sections. What the proxy of ours says
// is always the last element.
func TestRFC7239(t *testing.T) {
	t.Parallel()
	cfg := behindPrivate()
	cfg.Header = "Forwarded"
	cfg.AllowedHosts = []string{"example.com", "shop.example.com"}
	p := mustNew(t, cfg)
	const plain, secure = "http://example.com", "https://example.com"
	tests := []struct {
		section string
		lines   []string
		ip, url string
		bad     string // part of the anomaly's reason; empty: there is none
	}{
		{"4: names in any case", []string{`FOR=198.51.100.7;Proto=https`}, wanted, secure, ""},
		{"4: quoted IPv6 with port", []string{`For="[2001:db8:cafe::17]:4711"`}, "2001:db8:cafe::17", plain, ""},
		{"4: for, proto and by", []string{`for=192.0.2.60;proto=http;by=203.0.113.43`}, "192.0.2.60", plain, ""},
		{"4: a list", []string{`for=192.0.2.43, for=198.51.100.17`}, "198.51.100.17", plain, ""},
		{"4: a list over lines", []string{`for=192.0.2.43, for="[2001:db8:cafe::17]"`, `for=10.0.0.3`}, "2001:db8:cafe::17", plain, ""},
		{"4: pairs may be empty", []string{`;;for=198.51.100.7;;proto=https;`}, wanted, secure, ""},
		{"4: elements may be empty", []string{`, for=198.51.100.7,,`, ``}, wanted, plain, ""},
		{"4: each parameter once, for", []string{`for=198.51.100.7;For=6.6.6.6`}, peerIP, plain, "no address"},
		{"4: each parameter once, by", []string{`for=198.51.100.7;by=10.0.0.1;by=10.0.0.2`}, peerIP, plain, "no address"},
		{"4: each parameter once, host", []string{`for=198.51.100.7;host=example.com;Host=shop.example.com`}, peerIP, plain, "no address"},
		{"4: each parameter once, proto", []string{`for=198.51.100.7;proto=https;proto=http`}, peerIP, plain, "no address"},
		{"4: the same twice is twice", []string{`for=198.51.100.7;for=198.51.100.7`}, peerIP, plain, "no address"},
		{"4: no space around =", []string{`for =198.51.100.7`}, peerIP, plain, "no address"},
		{"4: no space behind =", []string{`for= 198.51.100.7`}, peerIP, plain, "no address"},
		{"4: a pair needs =", []string{`for`}, peerIP, plain, "no address"},
		{"4: a name is a token", []string{`f(r=198.51.100.7`}, peerIP, plain, "no address"},
		{"4: quoted-pair", []string{`for="198.51.100.\7";proto="h\ttps"`}, wanted, secure, ""},
		{"4: quoted comma and semicolon", []string{`for=198.51.100.7;ext="a,for=6.6.6.6;proto=https"`}, wanted, plain, ""},
		{"4: quoted quote and backslash", []string{`for=198.51.100.7;ext="\",for=6.6.6.6,\\";proto=https`}, wanted, secure, ""},
		{"4: a quote that stays open", []string{`for=198.51.100.7;ext="a`}, peerIP, plain, "no address"},
		{"4: a backslash at the end", []string{`for=198.51.100.7;ext="a\`}, peerIP, plain, "no address"},
		{"4: a client's quote does not reach our element", []string{`for=6.6.6.6;ext="a, for=198.51.100.7`}, wanted, plain, ""},
		{"5.1: by is an identifier of ours", []string{`for=198.51.100.7;by=_proxy-1.a;proto=https`}, wanted, secure, ""},
		{"5.1: by with port", []string{`by="10.0.0.2:8080";for=198.51.100.7`}, wanted, plain, ""},
		{"5.3: host", []string{`for=198.51.100.7;host=shop.example.com`}, wanted, "http://shop.example.com", ""},
		{"5.3: host with port", []string{`for=198.51.100.7;host="shop.example.com:8443"`}, wanted, "http://shop.example.com:8443", ""},
		{"5.3: host that is not ours", []string{`for=198.51.100.7;host=evil.example`}, wanted, plain, "AllowedHosts"},
		{"5.4: proto", []string{`proto=https;for=198.51.100.7`}, wanted, secure, ""},
		{"5.4: proto that is none of HTTP's", []string{`proto=javascript;for=198.51.100.7`}, wanted, plain, "not http or https"},
		{"5.5: extensions", []string{`for=198.51.100.7;secret=egah2CGj55fSJFs;x-y="z"`}, wanted, plain, ""},
		{"6: port by number", []string{`for="198.51.100.7:47011"`}, wanted, plain, ""},
		{"6: port beyond 65535", []string{`for="198.51.100.7:99999"`}, peerIP, plain, "no address"},
		{"6: obfuscated port", []string{`for="198.51.100.7:_x.y-z"`}, wanted, plain, ""},
		{"6: obfuscated port without a name", []string{`for="198.51.100.7:_"`}, peerIP, plain, "no address"},
		{"6.1: IPv4", []string{`for=198.51.100.7`}, wanted, plain, ""},
		{"6.1: quoted IPv4", []string{`for="198.51.100.7"`}, wanted, plain, ""},
		{"6.1: IPv6", []string{`for="[2001:db8::7]"`}, "2001:db8::7", plain, ""},
		{"6.1: IPv6 of an IPv4", []string{`for="[::ffff:198.51.100.7]"`}, wanted, plain, ""},
		{"6.1: IPv4 in brackets", []string{`for="[198.51.100.7]"`}, peerIP, plain, "no address"},
		{"6.2: unknown", []string{`for=unknown`}, peerIP, plain, "hides"},
		{"6.2: unknown with port", []string{`for="Unknown:4711"`}, peerIP, plain, "hides"},
		{"6.3: obfuscated", []string{`for=_gazonk`}, peerIP, plain, "hides"},
		{"6.3: obfuscated, all characters", []string{`for=_aZ0._-`}, peerIP, plain, "hides"},
		{"6.3: obfuscated with port", []string{`for="_SEVKISEK:_p"`}, peerIP, plain, "hides"},
		{"6.3: obfuscated without a name", []string{`for=_`}, peerIP, plain, "no address"},
		{"6.3: a word without the underscore", []string{`for=gazonk`}, peerIP, plain, "no address"},
		{"7.1: hidden hops beyond the client's", []string{`for=_hidden, for=_SEVKISEK, for=198.51.100.7`}, wanted, plain, ""},
		{"7.1: a hidden hop before the client's", []string{`for=198.51.100.7, for=_hidden, for=10.0.0.3`}, "10.0.0.3", plain, "hides"},
		{"8.1: what the client wrote is not read", []string{`for=6.6.6.6;proto=https;host=shop.example.com`, `for=198.51.100.7`}, wanted, plain, ""},
		{"a malformed element before the client's", []string{`for=198.51.100.7;proto=https, for=, for=10.0.0.3`}, "10.0.0.3", plain, "no address"},
		{"the outermost verified hop tells of the site", []string{`for=198.51.100.7;proto=https, for=10.0.0.3;proto=http`}, wanted, secure, ""},
		{"an inner hop does when that does not", []string{`for=198.51.100.7, for=10.0.0.3;proto=https`}, wanted, secure, ""},
		{"space around semicolons, as some write", []string{`for=198.51.100.7 ; proto=https`}, wanted, secure, ""},
		{"4: every parameter is optional", []string{`proto=https;host=shop.example.com`}, peerIP, "https://shop.example.com", "hides"},
		{"a hidden client leaves the rest", []string{`for=unknown;proto=https`}, peerIP, secure, "hides"},
		{"no value", []string{`for=`}, peerIP, plain, "no address"},
		{"text behind the quotes", []string{`for="198.51.100.7"x`}, peerIP, plain, "no address"},
		{"a control character", []string{"for=\"198.51.100.7\x01\""}, peerIP, plain, "no address"},
		{"an element of 2 KB", []string{`for=198.51.100.7;x="` + strings.Repeat("a", 2000) + `"`}, peerIP, plain, "no address"},
		{"32 elements", []string{`for=198.51.100.7` + strings.Repeat(", for=10.0.0.3", 31)}, wanted, plain, ""},
		{"33 elements", []string{`for=198.51.100.7` + strings.Repeat(", for=10.0.0.3", 32)}, "10.0.0.3", plain, "more than 32"},
		{"more than 4 KB", []string{`for=198.51.100.7` + strings.Repeat(`, for=10.0.0.3;x="`+strings.Repeat("a", 900)+`"`, 6)}, "10.0.0.3", plain, "4 KB"},
	}
	for _, tt := range tests {
		r := request()
		r.Header["Forwarded"] = tt.lines
		in := p.FromRequest(r)
		if got := in.IP().String(); got != tt.ip {
			t.Errorf("%s: IP() = %s, want %s", tt.section, got, tt.ip)
		}
		if got := in.URL().String(); got != tt.url {
			t.Errorf("%s: URL() = %s, want %s", tt.section, got, tt.url)
		}
		got := in.Anomalies()
		if tt.bad == "" && len(got) > 0 || tt.bad != "" && (len(got) != 1 || !strings.Contains(got[0].Reason, tt.bad)) {
			t.Errorf("%s: Anomalies() = %v, want one with %q", tt.section, got, tt.bad)
		}
	}
}

// TestForwardedAsProxiesWriteIt goes through headers that real proxies and
// gateways sent, whether they follow RFC 7239 or not. From a proxy of ours they
// are understood; from anybody else nothing is.
func TestForwardedAsProxiesWriteIt(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, source string
		header       string
		ip, url      string
		bad          string
	}{
		{
			"AWS API Gateway", "github.com/expressjs/session/issues/886",
			`by=1.2.3.4;for=5.6.7.8;host=my.example.com;proto=https`, "5.6.7.8", "https://my.example.com", "",
		},
		{
			"AWS API Gateway behind CloudFront, IPv6 without quotes and brackets", "github.com/lpinca/forwarded-parse/issues/7",
			`by=3.235.38.58;for=2001:861:3a42:b7b0:9971:120a:391f:f585,for=64.252.138.139;host=api.whatever.tld;proto=https`,
			"2001:861:3a42:b7b0:9971:120a:391f:f585", "https://api.whatever.tld", "",
		},
		{
			"a chain of proxies, ports without quotes", "github.com/spring-cloud/spring-cloud-gateway/issues/2656",
			`by=62.1.2.3:443;for=89.1.2.3:42857;host=www.mysite.com;proto=https`, "89.1.2.3", "https://www.mysite.com", "",
		},
		{
			"Spring Cloud Gateway", "github.com/spring-cloud/spring-cloud-gateway/issues/2656",
			`proto=http;host=www.mysite.com;for="89.1.2.3:36286"`, "89.1.2.3", "http://www.mysite.com", "",
		},
		{
			"Spring Cloud Gateway, IPv6 with a port and no brackets", "github.com/spring-cloud/spring-cloud-gateway/issues/2214",
			`for="2001:db8:cafe:0:0:0:0:17:4711"`, "2001:db8:cafe::17", "http://example.com", "",
		},
		{
			"Spring Cloud Gateway in front of another, no for at all", "github.com/spring-cloud/spring-cloud-gateway/issues/4214",
			`host=upstream.example.com;proto=https, host=www.mysite.com;proto=https`, peerIP, "https://www.mysite.com", "hides",
		},
		{
			"OpenShift 3.9, IPv6 in brackets without quotes", "github.com/openshift/origin/issues/20211",
			`for=[::ffff:1.2.3.4];host=my.dns.domain;proto=https`, "1.2.3.4", "https://my.dns.domain", "",
		},
		{
			"OpenShift, a parameter of its own that is empty", "github.com/openshift/router/pull/8",
			`for=1.2.3.4;host=my.dns.domain;proto=https;proto-version=`, "1.2.3.4", "https://my.dns.domain", "",
		},
		{
			"OpenShift, the same with quotes", "github.com/openshift/router/pull/8",
			`for=1.2.3.4;host=my.dns.domain;proto=https;proto-version=""`, "1.2.3.4", "https://my.dns.domain", "",
		},
		{
			"GenHTTP, IPv6 of an IPv4", "github.com/Kaliumhexacyanoferrat/GenHTTP/issues/724",
			`for=::ffff:127.0.0.1;host=::ffff:127.0.0.1:8080;proto=http`, "127.0.0.1", "http://example.com", "AllowedHosts",
		},
		{
			"GenHTTP, as it should have been", "github.com/Kaliumhexacyanoferrat/GenHTTP/issues/724",
			`for=[::ffff:1.2.3.4]:8080;host=[2001:db8::1]:8080;proto=http`, "1.2.3.4", "http://[2001:db8::1]:8080", "",
		},
		{
			"nxt, a host with a port without quotes", "github.com/lpinca/forwarded-parse/issues/3",
			`by="[::1]:4430";for="[::1]:57096";proto=https;host=localhost:4430`, "::1", "https://localhost:4430", "",
		},
		{
			"Sozu, IPv6 with a port that may be its end", "github.com/sozu-proxy/sozu/issues/1254",
			`proto=https;for="2001:db8::1:8080";by="2001:db8::2"`, peerIP, "https://example.com", "no address",
		},
		{
			"Sozu, a port that is not", "github.com/sozu-proxy/sozu/issues/1254",
			`proto=https;for="2001:db8::1:57096";by="2001:db8::2"`, "2001:db8::1", "https://example.com", "",
		},
		{
			"Hiawatha, quotes around IPv4", "github.com/domoticz/domoticz/issues/5683",
			`for="198.51.100.7"`, wanted, "http://example.com", "",
		},
		{
			"nginx by its wiki", "www.nginx.com/resources/wiki/start/topics/examples/forwarded",
			`for="[2001:db8::7]";proto=https`, "2001:db8::7", "https://example.com", "",
		},
		{
			"nginx by its wiki, a unix socket", "www.nginx.com/resources/wiki/start/topics/examples/forwarded",
			`for=unknown;proto=https`, peerIP, "https://example.com", "hides",
		},
		{
			"HAProxy, option forwarded", "github.com/haproxy/haproxy, reg-tests/http-rules/forwarded-header-7239.vtc",
			`proto=http;for=198.51.100.7`, wanted, "http://example.com", "",
		},

		// Neighbours of theirs.
		{"IPv6, a short one", "", `for=2001:db8::7`, "2001:db8::7", "http://example.com", ""},
		{"IPv6, the shortest", "", `for=::7`, "::7", "http://example.com", ""},
		{"IPv6 with a well-known end", "", `for=2001:db8::1:53`, "2001:db8::1:53", "http://example.com", ""},
		{"IPv6 with an end in letters", "", `for=2001:db8::1:80ab`, "2001:db8::1:80ab", "http://example.com", ""},
		{"IPv6 and a port, no quotes", "", `for=[2001:db8::7]:4711;proto=https`, "2001:db8::7", "https://example.com", ""},
		{"IPv6 with a zone", "", `for=[fe80::7%eth0]`, "fe80::7", "http://example.com", ""},
		{"IPv4 with two ports", "", `for=198.51.100.7:80:90`, peerIP, "http://example.com", "no address"},
		{"IPv4 with a colon", "", `for=198.51.100.7:`, peerIP, "http://example.com", "no address"},
		{"IPv4 with a port beyond", "", `for=198.51.100.7:99999`, peerIP, "http://example.com", "no address"},
		{"half a bracket", "", `for=[2001:db8::7`, peerIP, "http://example.com", "no address"},
		{"an obfuscated port without quotes", "", `for=198.51.100.7:_x`, wanted, "http://example.com", ""},
		{"hidden with a port without quotes", "", `for=_hidden:80;proto=https`, peerIP, "https://example.com", "hides"},
		{"empty by, host and proto", "", `by=;for=198.51.100.7;host=;proto=`, wanted, "http://example.com", ""},
		{"empty for", "", `for=;proto=https`, peerIP, "http://example.com", "no address"},
		{"empty twice is twice", "", `for=198.51.100.7;host=;host=my.example.com`, peerIP, "http://example.com", "no address"},
		{"an element within a host", "", `for=198.51.100.7;host=x;for=6.6.6.6`, peerIP, "http://example.com", "no address"},
		{"no other character without quotes", "", `for=198.51.100.7;path=/a`, peerIP, "http://example.com", "no address"},
	}
	cfg := ctxinfo.Config{
		Proxies: ctxinfo.Behind(ctxinfo.Private(), ctxinfo.Prefixes("64.252.138.139")), Header: "Forwarded",
		AllowedHosts: []string{"example.com", "my.example.com", "api.whatever.tld", "www.mysite.com", "my.dns.domain", "localhost:4430", "[2001:db8::1]:8080"},
	}
	p := mustNew(t, cfg)
	for _, tt := range tests {
		in := p.FromRequest(request("Forwarded", tt.header))
		if got := in.IP().String(); got != tt.ip {
			t.Errorf("%s: IP() = %s, want %s", tt.name, got, tt.ip)
		}
		if got := p.ClientIP(request("Forwarded", tt.header)).String(); got != tt.ip {
			t.Errorf("%s: ClientIP() = %s, want %s", tt.name, got, tt.ip)
		}
		if got := in.URL().String(); got != tt.url {
			t.Errorf("%s: URL() = %s, want %s", tt.name, got, tt.url)
		}
		got := in.Anomalies()
		if tt.bad == "" && len(got) > 0 || tt.bad != "" && (len(got) != 1 || !strings.Contains(got[0].Reason, tt.bad)) {
			t.Errorf("%s: Anomalies() = %v, want one with %q", tt.name, got, tt.bad)
		}

		// The same from a stranger, and from one beyond a proxy of ours.
		stranger := p.FromRequest(from("203.0.113.9:1", request("Forwarded", tt.header)))
		if got := stranger.IP().String() + stranger.URL().String(); got != "203.0.113.9http://example.com" || len(stranger.Anomalies()) > 0 {
			t.Errorf("%s: from a stranger it is %s, %v", tt.name, got, stranger.Anomalies())
		}
		r := request()
		r.Header = http.Header{"Forwarded": {tt.header, "for=198.51.100.9"}}
		if got := p.ClientIP(r).String(); got != "198.51.100.9" {
			t.Errorf("%s: written by the client in front: ClientIP() = %s", tt.name, got)
		}
	}
}

func TestAnomaliesNameTheHeaderThatWasSent(t *testing.T) {
	t.Parallel()
	p := ctxinfo.Must(ctxinfo.New(ctxinfo.Config{Proxies: ctxinfo.Behind(ctxinfo.Private()), Header: "Forwarded", AllowedHosts: []string{"example.com"}}))
	r := httptest.NewRequest(http.MethodGet, "http://example.com/", nil)
	r.RemoteAddr = "10.0.0.9:1"
	r.Header.Set("Forwarded", "for=9.9.9.9;proto=ftp;host=evil.example")
	in := p.FromRequest(r)
	in.URL()
	found := in.Anomalies()
	if len(found) != 2 {
		t.Errorf("found %v, want two", found)
	}
	for _, a := range found {
		if a.Header != "Forwarded" {
			t.Errorf("%s is said of a header that nobody sent", a)
		}
	}
}
