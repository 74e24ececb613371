package ctxinfo_test

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/reecho-go/reecho/ctxinfo"
	"github.com/reecho-go/reecho/observe"
)

// request is a bare request from 10.0.0.2 with the given headers, name and
// value in turn.
func request(headers ...string) *http.Request {
	r := &http.Request{Method: http.MethodGet, RemoteAddr: "10.0.0.2:4711", Host: "example.com", Header: http.Header{}}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	return r
}

func from(remote string, r *http.Request) *http.Request {
	r.RemoteAddr = remote
	return r
}

func mustNew(t testing.TB, cfg ctxinfo.Config) *ctxinfo.Plugin {
	t.Helper()
	p, err := ctxinfo.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// behindPrivate trusts loopback and private peers, as the table does.
func behindPrivate() ctxinfo.Config {
	return ctxinfo.Config{Proxies: ctxinfo.Behind(ctxinfo.Private())}
}

const (
	xff    = "X-Forwarded-For"
	peerIP = "10.0.0.2"
	wanted = "198.51.100.7"
)

// TestIPTable is the table of measured behaviours, row by row.
func TestIPTable(t *testing.T) {
	t.Parallel()
	viaForwarded := behindPrivate()
	viaForwarded.Header = "Forwarded"
	viaRealIP := behindPrivate()
	viaRealIP.Header = "x-real-ip"
	viaSocket := ctxinfo.Config{TrustUnixSocket: true}

	tests := []struct {
		name      string
		cfg       ctxinfo.Config
		r         *http.Request
		want      string
		anomalous bool
		internal  bool
	}{
		{"direct peer sends XFF", behindPrivate(), from("203.0.113.9:1", request(xff, "1.1.1.1")), "203.0.113.9", false, false},
		{"XFF is a script", behindPrivate(), request(xff, "<script>alert(1)</script>"), peerIP, true, false},
		{"spoofed element on the left", behindPrivate(), request(xff, "6.6.6.6, 198.51.100.7"), wanted, false, false},
		{"IPv4 with port", behindPrivate(), request(xff, "198.51.100.7:4711"), wanted, false, false},
		{"IPv6 with port", behindPrivate(), request(xff, "[2001:db8::7]:4711"), "2001:db8::7", false, false},
		{"bad hop next to us", behindPrivate(), request(xff, "198.51.100.7, unknown"), peerIP, true, false},
		{"bad hop beyond the client", behindPrivate(), request(xff, "unknown, 198.51.100.7"), wanted, false, false},
		{"all hops trusted", behindPrivate(), request(xff, "192.168.7.7, 10.0.0.9"), "192.168.7.7", false, true},
		{"unspecified address", behindPrivate(), request(xff, "0.0.0.0"), peerIP, true, false},
		{"link-local peer with zone", behindPrivate(), from("[fe80::1%eth0]:99", request(xff, wanted)), wanted, false, false},
		{"unix socket, not trusted", behindPrivate(), from("@", request(xff, wanted)), "", false, false},
		{"unix socket, trusted", viaSocket, from("@", request(xff, wanted)), wanted, false, false},
		{"X-Real-IP twice", viaRealIP, request("X-Real-Ip", "6.6.6.6", "X-Real-Ip", wanted), peerIP, true, false},
		{"X-Real-IP once", viaRealIP, request("X-Real-Ip", wanted), wanted, false, false},
		{"Forwarded, quoted IPv6 with port", viaForwarded, request("Forwarded", `for="[2001:db8:cafe::17]:4711"`), "2001:db8:cafe::17", false, false},
		{"Forwarded, comma in quotes", viaForwarded, request("Forwarded", `for=198.51.100.7;host="a,for=6.6.6.6"`), wanted, false, false},
		{"Forwarded, duplicate for", viaForwarded, request("Forwarded", "for=6.6.6.6;for=198.51.100.7"), peerIP, true, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := mustNew(t, tt.cfg)
			in := p.FromRequest(tt.r)
			got := ""
			if ip := in.IP(); ip.IsValid() {
				got = ip.String()
			}
			if got != tt.want {
				t.Errorf("IP() = %q, want %q", got, tt.want)
			}
			if got := p.ClientIP(tt.r); got != in.IP() {
				t.Errorf("ClientIP() = %v, IP() = %v: want the same", got, in.IP())
			}
			if got := in.Anomalies(); (len(got) > 0) != tt.anomalous {
				t.Errorf("Anomalies() = %v, want any: %v", got, tt.anomalous)
			}
			if got := in.Source(ctxinfo.FacetIP).Internal; got != tt.internal {
				t.Errorf("Source(FacetIP).Internal = %v, want %v", got, tt.internal)
			}
		})
	}
}

func TestZeroConfigBelievesNoForwardingHeader(t *testing.T) {
	t.Parallel()
	p := mustNew(t, ctxinfo.Config{})
	for _, remote := range []string{"127.0.0.1:1", "10.0.0.2:1", "203.0.113.9:1", "[::1]:1", "@"} {
		plain := p.FromRequest(from(remote, request()))
		spoofed := p.FromRequest(from(remote, request(
			xff, "1.1.1.1", "X-Real-Ip", "1.1.1.1", "Forwarded", "for=1.1.1.1;proto=https;host=evil.example",
			"Cf-Connecting-Ip", "1.1.1.1", "True-Client-Ip", "1.1.1.1", "X-Client-Ip", "1.1.1.1",
			"X-Forwarded-Proto", "https", "X-Forwarded-Scheme", "https", "X-Forwarded-Ssl", "on",
			"X-Forwarded-Host", "evil.example", "X-Forwarded-Port", "8443", "X-Forwarded-Prefix", "/evil",
			"X-Request-Id", "chosen-by-the-client",
		)))
		if got, want := spoofed.IP(), plain.IP(); got != want {
			t.Errorf("%s: IP() = %v, want %v", remote, got, want)
		}
		if got, want := spoofed.URL().String(), plain.URL().String(); got != want {
			t.Errorf("%s: URL() = %s, want %s", remote, got, want)
		}
		if got := spoofed.RequestID(); got == "chosen-by-the-client" {
			t.Errorf("%s: RequestID() is the client's", remote)
		}
	}
}

func TestPeerIsVerifiedFirst(t *testing.T) {
	t.Parallel()
	cfg := ctxinfo.Config{Proxies: ctxinfo.Behind(ctxinfo.Prefixes("10.0.0.0/29"))}
	for _, header := range []string{"X-Forwarded-For", "Forwarded", "X-Real-Ip"} {
		cfg.Header = header
		p := mustNew(t, cfg)
		value := "192.0.2.1"
		if header == "Forwarded" {
			value = "for=192.0.2.1"
		}
		if got := p.ClientIP(from("10.0.0.2:1", request(string(header), value))); got.String() != "192.0.2.1" {
			t.Errorf("%s from a trusted peer: ClientIP() = %v, want 192.0.2.1", header, got)
		}
		if got := p.ClientIP(from("10.0.0.8:1", request(string(header), value))); got.String() != "10.0.0.8" {
			t.Errorf("%s from a peer just outside: ClientIP() = %v, want the peer", header, got)
		}
	}
}

func TestMalformedElementStopsAtTheLastVerifiedHop(t *testing.T) {
	t.Parallel()
	p := mustNew(t, behindPrivate())
	for _, bad := range []string{
		"unknown", "_hidden", "localhost", "1.2.3", "1.2.3.4.5", "198.51.100.7:99999", "198.51.100.7:", "198.51.100.7:x",
		"[198.51.100.7]", "[2001:db8::1", "2001:db8::1]", "[2001:db8::1]x", "198.51.100.7%eth0", "fe80::1%", "198.51.100.7 6.6.6.6",
		"\"198.51.100.7\"", "010.0.0.1", "0x7f.1", "2130706433", strings.Repeat("1", 5000), strings.Repeat(" ", 5000) + "198.51.100.7",
	} {
		in := p.FromRequest(request(xff, "198.51.100.7, "+bad+", 10.0.0.9"))
		if got := in.IP().String(); got != "10.0.0.9" {
			t.Errorf("%.40q: IP() = %s, want 10.0.0.9, the last verified hop", bad, got)
		}
		want := []netip.Addr{netip.MustParseAddr(peerIP), netip.MustParseAddr("10.0.0.9")}
		if diff := cmp.Diff(want, in.Hops(), cmpopts.EquateComparable(netip.Addr{})); diff != "" {
			t.Errorf("%.40q: Hops() (-want +got):\n%s", bad, diff)
		}
		got := in.Anomalies()
		if len(got) != 1 || got[0].Header != xff {
			t.Errorf("%.40q: Anomalies() = %v, want one of %s", bad, got, xff)
		}
		if strings.Contains(got[0].Reason, bad) {
			t.Errorf("%.40q: the anomaly repeats what was sent", bad)
		}
	}
}

func TestAddressForms(t *testing.T) {
	t.Parallel()
	p := mustNew(t, behindPrivate())
	tests := []struct{ remote, xff, want string }{
		{"10.0.0.2:1", "::ffff:198.51.100.7", "198.51.100.7"},
		{"10.0.0.2:1", "[::ffff:198.51.100.7]:80", "198.51.100.7"},
		{"[::ffff:10.0.0.2]:1", wanted, wanted},
		{"[::ffff:10.0.0.2]:1", "198.51.100.7, ::ffff:10.0.0.3", wanted},
		{"10.0.0.2:1", "198.51.100.7, fe80::1%eth0", wanted},
		{"10.0.0.2:1", "198.51.100.7, [fe80::1%25eth0]:80", wanted},
		{"10.0.0.2:1", "2001:db8::7%eth0", "2001:db8::7"},
		{"10.0.0.2:1", "010.0.0.1", "10.0.0.2"},
		{"10.0.0.2:1", "0.0.0.0", "10.0.0.2"},
		{"10.0.0.2:1", "::", "10.0.0.2"},
		{"10.0.0.2:1", "::ffff:0.0.0.0", "10.0.0.2"},
		{"10.0.0.2:1", "224.0.0.1", "10.0.0.2"},
		{"10.0.0.2:1", "ff02::1", "10.0.0.2"},
		{"10.0.0.2:1", "198.51.100.7:0", "198.51.100.7"},
		{"10.0.0.2", wanted, wanted},
		{"[fe80::1%eth0]:1", "", "fe80::1"},
		{"not an address", wanted, "invalid IP"},
	}
	for _, tt := range tests {
		r := from(tt.remote, request())
		if tt.xff != "" {
			r.Header.Set(xff, tt.xff)
		}
		if got := p.ClientIP(r).String(); got != tt.want {
			t.Errorf("peer %s, XFF %q: ClientIP() = %s, want %s", tt.remote, tt.xff, got, tt.want)
		}
	}
}

func TestOnlyTheConfiguredHeaderIsRead(t *testing.T) {
	t.Parallel()
	tests := []struct {
		header string
		want   string
		about  string
	}{
		{"X-Forwarded-For", "198.51.100.7", "Forwarded"},
		{"Forwarded", "203.0.113.5", xff},
	}
	for _, tt := range tests {
		cfg := behindPrivate()
		cfg.Header = tt.header
		in := mustNew(t, cfg).FromRequest(request(xff, "198.51.100.7", "Forwarded", "for=203.0.113.5"))
		if got := in.IP().String(); got != tt.want {
			t.Errorf("%s: IP() = %s, want %s", tt.header, got, tt.want)
		}
		if !slices.ContainsFunc(in.Anomalies(), func(a observe.Anomaly) bool { return a.Header == tt.about }) {
			t.Errorf("%s: Anomalies() = %v, want one about %s", tt.header, in.Anomalies(), tt.about)
		}
	}
}

func TestWalkAcrossLinesAndEmptyElements(t *testing.T) {
	t.Parallel()
	p := mustNew(t, behindPrivate())
	tests := []struct {
		lines []string
		want  string
	}{
		{[]string{"6.6.6.6", "198.51.100.7", "10.0.0.3"}, wanted},
		{[]string{"6.6.6.6, 198.51.100.7", "10.0.0.3, 10.0.0.4"}, wanted},
		{[]string{"198.51.100.7,, ,\t10.0.0.3 ,"}, wanted},
		{[]string{"198.51.100.7", ""}, wanted},
		{[]string{""}, peerIP},
		{[]string{strings.Repeat(",", 1<<20)}, peerIP},
		{[]string{"198.51.100.7" + strings.Repeat(", 10.0.0.3", 31)}, wanted},
		{[]string{"198.51.100.7" + strings.Repeat(", 10.0.0.3", 32)}, "10.0.0.3"},
	}
	for _, tt := range tests {
		r := request()
		r.Header[xff] = tt.lines
		if got := p.ClientIP(r).String(); got != tt.want {
			t.Errorf("%.80q: ClientIP() = %s, want %s", tt.lines, got, tt.want)
		}
	}
}

func TestHopCount(t *testing.T) {
	t.Parallel()
	tests := []struct {
		n         int
		xff, want string
		anomalous bool
	}{
		{1, "6.6.6.6, 198.51.100.7", wanted, false},
		{2, "6.6.6.6, 198.51.100.7, 203.0.113.1", wanted, false},
		{2, "198.51.100.7, 10.0.0.3", wanted, false},
		{1, "198.51.100.7, 10.0.0.3", "10.0.0.3", false},
		{2, "198.51.100.7", peerIP, true},
		{2, "198.51.100.7, bad", peerIP, true},
		{2, "bad, 198.51.100.7", peerIP, true},
	}
	for _, tt := range tests {
		cfg := behindPrivate()
		cfg.HopCount = tt.n
		in := mustNew(t, cfg).FromRequest(request(xff, tt.xff))
		if got := in.IP().String(); got != tt.want {
			t.Errorf("HopCount %d, XFF %q: IP() = %s, want %s", tt.n, tt.xff, got, tt.want)
		}
		if got := len(in.Anomalies()) > 0; got != tt.anomalous {
			t.Errorf("HopCount %d, XFF %q: anomalies %v, want %v", tt.n, tt.xff, in.Anomalies(), tt.anomalous)
		}
		if n := len(in.Hops()); tt.anomalous && n != 1 {
			t.Errorf("HopCount %d, XFF %q: Hops() has %d hops, want the peer alone", tt.n, tt.xff, n)
		}
	}
	socket := mustNew(t, ctxinfo.Config{TrustUnixSocket: true, HopCount: 2}).FromRequest(from("@", request(xff, "198.51.100.7")))
	if got := socket.Hops(); len(got) != 0 || socket.IP().IsValid() {
		t.Errorf("HopCount 2, one hop through a unix socket: Hops() = %v, IP() = %v; want none", got, socket.IP())
	}
	cfg := behindPrivate()
	cfg.HopCount = 1
	if got := mustNew(t, cfg).ClientIP(from("203.0.113.9:1", request(xff, wanted))).String(); got != "203.0.113.9" {
		t.Errorf("HopCount with an untrusted peer: ClientIP() = %s, want the peer", got)
	}
}

func TestTrustPeerTrustsNobodyBeyond(t *testing.T) {
	t.Parallel()
	p := mustNew(t, ctxinfo.Config{Proxies: ctxinfo.Behind(ctxinfo.TrustPeer())})
	if got := p.ClientIP(from("203.0.113.9:1", request(xff, "6.6.6.6, 198.51.100.7"))).String(); got != wanted {
		t.Errorf("ClientIP() = %s, want %s", got, wanted)
	}
}

func TestNewReportsAllProblemsTogether(t *testing.T) {
	t.Parallel()
	_, err := ctxinfo.New(ctxinfo.Config{
		Proxies:         ctxinfo.Behind(ctxinfo.Prefixes("10.0.0.1/8", "nonsense", "0.0.0.0/0"), ctxinfo.ProxySet{}),
		Header:          "X Real",
		HopCount:        -1,
		AllowedHosts:    []string{"*.example.com", "exa mple.com", "https://example.com"},
		AllowedPrefixes: []string{"app", "/a/../b"},
		RequestIDHeader: "a b",
		Privacy:         ctxinfo.HashedIP([]byte("short")),
	})
	if err == nil {
		t.Fatal("New() accepts a config full of mistakes")
	}
	for _, want := range []string{
		"10.0.0.0/8", `"nonsense"`, "whole internet", "empty ProxySet", `"X Real"`, "HopCount -1", `"*.example.com"`, `"exa mple.com"`,
		`"https://example.com"`, `"app"`, `"/a/../b"`, `"a b"`, "HashedIP",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("New() error does not mention %s:\n%v", want, err)
		}
	}
	if _, err := ctxinfo.New(ctxinfo.Config{Header: "Forwarded"}); err == nil {
		t.Error("New() accepts a Header that nobody is trusted to send")
	}
	cfg := behindPrivate()
	cfg.Header, cfg.HopCount = "X-Real-Ip", 2
	if _, err := ctxinfo.New(cfg); err == nil {
		t.Error("New() accepts HopCount with a header that holds one address")
	}
}

func TestEachBadNetworkSaysWhereItIsFrom(t *testing.T) {
	t.Parallel()
	_, err := ctxinfo.New(ctxinfo.Config{Proxies: ctxinfo.Behind(ctxinfo.Prefixes("10.0.0.1/8", "nonsense", "::ffff:0:0/90"))})
	if err == nil {
		t.Fatal("three bad networks are accepted")
	}
	lines := strings.Split(err.Error(), "\n")
	if len(lines) != 3 {
		t.Errorf("%d lines, want one for each network:\n%v", len(lines), err)
	}
	for _, line := range lines {
		if !strings.HasPrefix(line, "ctxinfo: Config.Proxies: Prefixes: ") {
			t.Errorf("%q does not say where it is from", line)
		}
	}
}
