package ctxinfo_test

import (
	"bufio"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/reecho-go/reecho/ctxinfo"
	"github.com/reecho-go/reecho/ctxinfo/client"
)

// The client of each request sends what a provider hands on: no such header
// tells its address, whoever is trusted.
func TestHeadersThatClientsSendAreRefused(t *testing.T) {
	t.Parallel()
	ranges := "203.0.113.0/24"
	tests := []struct {
		name   string
		set    ctxinfo.ProxySet
		header string
		want   []string // in the error: the header, the reason, the way out
	}{
		{"Fastly's own header", ctxinfo.Fastly(ranges), "Fastly-Client-IP", []string{"Fastly-Client-Ip", "hands on", "VCL"}},
		{"Fastly's own header, ranges by hand", ctxinfo.Prefixes(ranges), "Fastly-Client-IP", []string{"Fastly-Client-Ip", "hands on", "VCL"}},
		{"Fastly's own header, any peer", ctxinfo.TrustPeer(), "fastly-client-ip", []string{"Fastly-Client-Ip", "hands on", "VCL"}},
		{"Fastly's list, which it leaves alone without TLS", ctxinfo.Fastly(ranges), "", []string{"X-Forwarded-For", "Fastly", "Prefixes", "TLS"}},
		{"Azure's header of what clients claim", ctxinfo.AzureFrontDoor(ranges), "X-Azure-ClientIP", []string{"X-Azure-Clientip", "X-Azure-SocketIP"}},
		{"Azure's header, any peer", ctxinfo.TrustPeer(), "X-Azure-ClientIP", []string{"X-Azure-Clientip", "X-Azure-SocketIP"}},
		{"Cloudflare's header for enterprises", ctxinfo.Cloudflare(ranges), "True-Client-IP", []string{"True-Client-Ip", "Cloudflare", "Cf-Connecting-Ip", "Prefixes"}},
		{"Forwarded, which Cloudflare does not write", ctxinfo.Cloudflare(ranges), "Forwarded", []string{"Forwarded", "Cloudflare", "Cf-Connecting-Ip"}},
		{"Forwarded, which CloudFront does not write", ctxinfo.CloudFront(ranges), "Forwarded", []string{"Forwarded", "CloudFront"}},
		{"Forwarded, which Google does not write", ctxinfo.GoogleCloud(ranges), "Forwarded", []string{"Forwarded", "GoogleCloud", "X-Forwarded-For"}},
		{"Forwarded, which Fastly does not write", ctxinfo.Fastly(ranges), "Forwarded", []string{"Forwarded", "Fastly", "VCL"}},
		{"X-Real-IP, which Google does not write", ctxinfo.GoogleCloud(ranges), "X-Real-IP", []string{"X-Real-Ip", "GoogleCloud", "Prefixes"}},
		{"places of who has none", ctxinfo.GoogleCloud(ranges).WithLocation(), "", []string{"GoogleCloud", "WithLocation"}},
		{"places of nobody", ctxinfo.Prefixes(ranges).WithLocation(), "", []string{"Prefixes", "WithLocation"}},
	}
	for _, tt := range tests {
		_, err := ctxinfo.New(ctxinfo.Config{Proxies: ctxinfo.Behind(tt.set), Header: tt.header})
		if err == nil {
			t.Errorf("%s: New() accepts it", tt.name)
			continue
		}
		for _, want := range tt.want {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: New() = %v, want %q in it", tt.name, err, want)
			}
		}
	}
	for name, cfg := range map[string]ctxinfo.Config{
		"a header that VCL sets":    {Proxies: ctxinfo.Behind(ctxinfo.Fastly(ranges)), Header: "X-Real-Client"},
		"Fastly that forces TLS":    {Proxies: ctxinfo.Behind(ctxinfo.Prefixes(ranges))},
		"a header of a Worker":      {Proxies: ctxinfo.Behind(ctxinfo.Prefixes(ranges)), Header: "X-Real-Client"},
		"Azure's socket":            {Proxies: ctxinfo.Behind(ctxinfo.AzureFrontDoor(ranges)), Header: "X-Azure-SocketIP"},
		"Azure's socket, any peer":  {Proxies: ctxinfo.Behind(ctxinfo.TrustPeer()), Header: "X-Azure-SocketIP"},
		"a list through two of one": {Proxies: ctxinfo.Behind(ctxinfo.Cloudflare(ranges), ctxinfo.Private())},
		"Vercel's places, twice":    {Proxies: ctxinfo.Behind(ctxinfo.Vercel(ranges).WithLocation())},
	} {
		if _, err := ctxinfo.New(cfg); err != nil {
			t.Errorf("%s: New() = %v", name, err)
		}
	}
}

// realForwarding are headers as providers send them, with a client that wrote
// its own in front.
func TestRequestsThroughProviders(t *testing.T) {
	t.Parallel()
	const edge = "203.0.113.9:4711"
	tests := []struct {
		name, source string
		cfg          ctxinfo.Config
		headers      []string
		ip, url      string
		own          bool // the client's request id counts
	}{
		{
			"Cloudflare appends, and writes over the protocol",
			"developers.cloudflare.com/fundamentals/reference/http-headers",
			ctxinfo.Config{Proxies: ctxinfo.Behind(ctxinfo.Cloudflare(cfRange))},
			[]string{xff, "6.6.6.6,198.51.100.7", "CF-Connecting-IP", wanted, "X-Forwarded-Proto", "https", "CF-Visitor", `{"scheme":"https"}`, "X-Forwarded-Host", "evil.test", "X-Request-Id", "chosen-by-client"},
			wanted, "https://example.com/", false,
		},
		{
			"CloudFront appends, and leaves the rest",
			"docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/RequestAndResponseBehaviorCustomOrigin.html",
			ctxinfo.Config{Proxies: ctxinfo.Behind(ctxinfo.CloudFront(cfRange))},
			[]string{xff, "192.0.2.4,192.0.2.3,192.0.2.2", "X-Forwarded-Prefix", "/app", "X-Forwarded-Host", "shop.example.com", "X-Forwarded-Port", "8443"},
			"192.0.2.2", "http://example.com/", false,
		},
		{
			"Azure appends the socket, and writes over host and protocol",
			"learn.microsoft.com/azure/frontdoor/front-door-http-headers-protocol",
			ctxinfo.Config{Proxies: ctxinfo.Behind(ctxinfo.AzureFrontDoor(cfRange)), Header: "X-Azure-SocketIP"},
			[]string{"X-Azure-ClientIP", "6.6.6.6", "X-Azure-SocketIP", wanted, xff, "6.6.6.6, 198.51.100.7", "X-Forwarded-Host", "shop.example.com", "X-Forwarded-Proto", "https", "X-Forwarded-Prefix", "/app"},
			wanted, "https://shop.example.com/", false,
		},
		{
			"Fly appends the client and then itself",
			"fly.io/docs/networking/request-headers",
			ctxinfo.Config{Proxies: ctxinfo.Behind(ctxinfo.TrustPeer(), ctxinfo.Fly()), HopCount: 2},
			[]string{xff, "6.6.6.6, 77.97.0.98, 77.83.142.33", "X-Forwarded-Proto", "https", "X-Forwarded-Port", "8443"},
			"77.97.0.98", "https://example.com/", false,
		},
		{
			"Google appends the client and then itself",
			"cloud.google.com/load-balancing/docs/https#x-forwarded-for_header",
			ctxinfo.Config{Proxies: ctxinfo.Behind(ctxinfo.GoogleCloud(cfRange)), HopCount: 2},
			[]string{xff, "6.6.6.6,198.51.100.7,192.0.2.80", "X-Forwarded-Proto", "https"},
			wanted, "https://example.com/", false,
		},
		{
			"Vercel writes over the list",
			"vercel.com/docs/headers/request-headers",
			ctxinfo.Config{Proxies: ctxinfo.Behind(ctxinfo.TrustPeer(), ctxinfo.Vercel())},
			[]string{xff, wanted, "X-Vercel-Forwarded-For", wanted, "X-Real-Ip", wanted, "X-Forwarded-Proto", "https", "X-Forwarded-Host", "shop.example.com", "X-Request-Id", "chosen-by-client"},
			wanted, "https://shop.example.com/", false,
		},
		{
			"Fastly, with a header that VCL sets",
			"fastly.com/documentation/reference/http/http-headers/Fastly-Client-IP",
			ctxinfo.Config{Proxies: ctxinfo.Behind(ctxinfo.Fastly(cfRange)), Header: "X-Real-Client"},
			[]string{"Fastly-Client-IP", "6.6.6.6", xff, "6.6.6.6", "X-Real-Client", wanted, "X-Forwarded-Host", "shop.example.com, example.com", "X-Forwarded-Proto", "https", "Fastly-SSL", "1"},
			wanted, "http://example.com/", false,
		},
		{
			"Cloudflare, as the only peer and by its header",
			"developers.cloudflare.com/fundamentals/reference/http-headers",
			ctxinfo.Config{Proxies: ctxinfo.Behind(ctxinfo.TrustPeer()), Header: "CF-Connecting-IP"},
			[]string{"CF-Connecting-IP", wanted, "X-Forwarded-Proto", "https", "X-Forwarded-Host", "shop.example.com", "X-Forwarded-Prefix", "/app", "X-Request-Id", "chosen-by-client"},
			wanted, "https://example.com/", false,
		},
		{
			"nginx, which writes what it is told to",
			"nginx.org/en/docs/http/ngx_http_proxy_module.html",
			ctxinfo.Config{Proxies: ctxinfo.Behind(ctxinfo.Nginx(cfRange))},
			[]string{xff, "6.6.6.6, 198.51.100.7", "X-Forwarded-Proto", "https", "X-Forwarded-Host", "shop.example.com", "X-Forwarded-Prefix", "/app", "X-Request-Id", "given-by-nginx"},
			wanted, "https://shop.example.com/app/", true,
		},
		{
			"a proxy of ours behind Cloudflare",
			"both of the above",
			ctxinfo.Config{Proxies: ctxinfo.Behind(ctxinfo.Cloudflare("192.0.2.0/24"), ctxinfo.Prefixes(cfRange))},
			[]string{xff, "6.6.6.6, 198.51.100.7, 192.0.2.5", "X-Forwarded-Proto", "https", "X-Forwarded-Prefix", "/app", "X-Request-Id", "given-by-nginx"},
			wanted, "https://example.com/app/", true,
		},
	}
	for _, tt := range tests {
		tt.cfg.AllowedHosts = []string{"example.com", "shop.example.com", "example.com:8443"}
		tt.cfg.AllowedPrefixes = []string{"/app"}
		in := mustNew(t, tt.cfg).FromRequest(withURL(t, from(edge, request(tt.headers...)), "/"))
		if got := in.IP().String(); got != tt.ip {
			t.Errorf("%s: IP() = %s, want %s", tt.name, got, tt.ip)
		}
		if got := in.URL().String(); got != tt.url {
			t.Errorf("%s: URL() = %s, want %s", tt.name, got, tt.url)
		}
		in.RequestID()
		if got := in.Source(ctxinfo.FacetRequestID).Kind == "header"; got != tt.own {
			t.Errorf("%s: the request id comes from %v", tt.name, in.Source(ctxinfo.FacetRequestID))
		}
	}
}

func TestProxiesAreReplacedAtRunTime(t *testing.T) {
	t.Parallel()
	p := mustNew(t, ctxinfo.Config{Proxies: ctxinfo.Behind(ctxinfo.Cloudflare("192.0.2.0/24").WithLocation()), Header: "CF-Connecting-IP"})
	ask := func() *ctxinfo.Info {
		return p.FromRequest(from("203.0.113.9:1", request("CF-Connecting-IP", wanted, "CF-IPCountry", "CH")))
	}
	before := ask()
	if got := p.ClientIP(from("203.0.113.9:1", request("CF-Connecting-IP", wanted))).String(); got != "203.0.113.9" {
		t.Fatalf("ClientIP() = %s before the edge is on the list", got)
	}
	for name, bad := range map[string]ctxinfo.Proxies{
		"a list that came back empty": ctxinfo.Behind(ctxinfo.Cloudflare()),
		"an error page for a list":    ctxinfo.Behind(ctxinfo.Cloudflare("<html>")),
		"the whole internet":          ctxinfo.Behind(ctxinfo.Cloudflare("0.0.0.0/0")),
		"nobody":                      {},
		"another provider":            ctxinfo.Behind(ctxinfo.Fly(cfRange)),
		"a second provider":           ctxinfo.Behind(ctxinfo.Cloudflare(cfRange), ctxinfo.Private()),
	} {
		if err := p.SetProxies(bad); err == nil {
			t.Errorf("%s: SetProxies() accepts it", name)
		}
	}
	if got := ask().IP().String(); got != "203.0.113.9" {
		t.Fatalf("IP() = %s after lists that were refused", got)
	}
	if err := p.SetProxies(ctxinfo.Behind(ctxinfo.Cloudflare("192.0.2.0/24", cfRange).WithLocation())); err != nil {
		t.Fatal(err)
	}
	after := ask()
	if got := after.IP().String() + " " + client.GeoOf(after).Country; got != wanted+" CH" {
		t.Errorf("after SetProxies: %s, want %s CH", got, wanted)
	}
	if got := p.ClientIP(from("203.0.113.9:1", request("CF-Connecting-IP", wanted))).String(); got != wanted {
		t.Errorf("ClientIP() = %s, want %s", got, wanted)
	}
	// An Info is of one list, whenever its facts are asked for.
	if got := before.IP().String() + client.GeoOf(before).Country; got != "203.0.113.9" || len(before.Hops()) != 1 {
		t.Errorf("an Info made before is of %s, over %v", got, before.Hops())
	}
}

// Whoever asks while lists are exchanged sees one or the other, whole.
func TestProxiesAreReplacedAtOnce(t *testing.T) {
	t.Parallel()
	sets := []ctxinfo.Proxies{
		ctxinfo.Behind(ctxinfo.Prefixes("10.0.0.0/24")),
		ctxinfo.Behind(ctxinfo.Prefixes("10.0.0.2", "10.0.0.3"), ctxinfo.Prefixes("198.51.100.0/24")),
	}
	want := map[string]bool{"198.51.100.7": true, "6.6.6.6": true}
	p := mustNew(t, ctxinfo.Config{Proxies: sets[0]})
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
				if err := p.SetProxies(sets[i%2]); err != nil {
					t.Error(err)
				}
			}
		}
	})
	for range 2000 {
		r := request(xff, "6.6.6.6, 198.51.100.7, 10.0.0.3")
		if got := p.ClientIP(r).String(); !want[got] {
			t.Errorf("ClientIP() = %s", got)
		}
		in := p.FromRequest(r)
		if hops := in.Hops(); hops[len(hops)-1] != in.IP() {
			t.Errorf("IP() = %v at the end of %v", in.IP(), hops)
		}
	}
	close(stop)
	wg.Wait()
}

// The lists of addresses that Cloudflare publishes are lines, which its preset
// takes as they are.
func TestAListOfRangesIsFetchedAndReplaced(t *testing.T) {
	t.Parallel()
	published := "192.0.2.0/24\n203.0.113.0/24\n2001:db8:ffff::/48\n"
	lists := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(published)) }))
	defer lists.Close()
	p := mustNew(t, ctxinfo.Config{Proxies: ctxinfo.Behind(ctxinfo.Cloudflare("192.0.2.0/24"))})
	res, err := lists.Client().Get(lists.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var ranges []string
	for lines := bufio.NewScanner(res.Body); lines.Scan(); {
		ranges = append(ranges, lines.Text())
	}
	if err := p.SetProxies(ctxinfo.Behind(ctxinfo.Cloudflare(ranges...))); err != nil {
		t.Fatal(err)
	}
	for _, edge := range []string{"192.0.2.1:1", "203.0.113.9:1", "[2001:db8:ffff::1]:1"} {
		if got := p.ClientIP(from(edge, request(xff, wanted))).String(); got != wanted {
			t.Errorf("from %s: ClientIP() = %s, want %s", edge, got, wanted)
		}
	}
}

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
		p := mustNew(t, ctxinfo.Config{Proxies: ctxinfo.Behind(tt.set), Header: tt.header})
		if got := p.ClientIP(from("203.0.113.9:1", request(tt.header, tt.value))).String(); got != wanted {
			t.Errorf("%s from its range: ClientIP() = %s, want %s", tt.name, got, wanted)
		}
		for _, other := range []string{"198.51.100.1:1", "10.0.0.2:1", "127.0.0.1:1"} {
			if got := p.ClientIP(from(other, request(tt.header, tt.value))).String(); got+":1" != other {
				t.Errorf("%s spoofed by %s: ClientIP() = %s, want the peer", tt.name, other, got)
			}
		}
		if _, err := ctxinfo.New(ctxinfo.Config{Proxies: ctxinfo.Behind(ctxinfo.Private()), Header: tt.header}); err == nil || !strings.Contains(err.Error(), tt.name) {
			t.Errorf("New() with %s from private peers: %v, want it refused and %s named", tt.header, err, tt.name)
		}
		if _, err := ctxinfo.New(ctxinfo.Config{Proxies: ctxinfo.Behind(tt.set, ctxinfo.Private()), Header: tt.header}); err == nil {
			t.Errorf("New() with %s from %s and private peers accepts what any private proxy hands on", tt.header, tt.name)
		}
		explicit := mustNew(t, ctxinfo.Config{Proxies: ctxinfo.Behind(ctxinfo.TrustPeer()), Header: tt.header})
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
