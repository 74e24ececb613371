package ctxinfo_test

import (
	"strings"
	"testing"

	"github.com/reecho-go/reecho/ctxinfo"
)

// TestRFC7239 goes through the RFC by its sections. What the proxy of ours says
// is always the last element.
func TestRFC7239(t *testing.T) {
	t.Parallel()
	cfg := behindPrivate()
	cfg.Header = ctxinfo.Forwarded
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
		{"4: a colon needs quotes", []string{`for=198.51.100.7:80`}, peerIP, plain, "no address"},
		{"4: a bracket needs quotes", []string{`for=[2001:db8::1]`}, peerIP, plain, "no address"},
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
		{"no for", []string{`proto=https`}, peerIP, plain, "no address"},
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
