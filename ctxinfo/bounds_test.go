package ctxinfo_test

import (
	"fmt"
	"maps"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"testing"

	"golang.org/x/text/language"

	"github.com/reecho-go/reecho/ctxinfo"
	"github.com/reecho-go/reecho/ctxinfo/client"
)

// hugeSize is 1 MB.
const hugeSize = 1 << 20

// hugePatterns are what headers of 1 MB are made of: all that makes a parser
// go on.
var hugePatterns = []string{
	"a", ",", " ", "\t,", ", 10.0.0.3", "10.0.0.3,", "[fd00::1]:80, ", "10.0.0.3" + strings.Repeat(" ", 99) + ",",
	"fd00:1111:2222:3333:4444:5555:6666:7777%eth0,", "en,", "de-Latn-DE-1996-u-co-phonebk;q=0.5,", "de;q=0,*,", "a-", ";q=", "=;",
	"a=1; ", "a=1;", ";", "ctx=1&tz=x; ", "ctx_theme=x; ", "ctx=1&", "&", "?embed=maybe&", "%65", `"`, `\"`, `\\`, "[", "(", ":", "-", ".", "_",
	"for=10.0.0.3,", "for=10.0.0.3;x=\"" + strings.Repeat("a", 900) + "\",", "for=10.0.0.3;x=\"" + strings.Repeat(`\"`, 450) + "\",",
	"for=10.0.0.3" + strings.Repeat(";a=b", 200) + ",", `"a";v="1", `, "Chrome/", "00-", "http://example.com/", "https, ", "\x00", "\xff", "é",
}

// everyFacet reads one facet each.
var everyFacet = map[string]func(in *ctxinfo.Info){
	"ip": func(in *ctxinfo.Info) { in.IP() }, "hops": func(in *ctxinfo.Info) { in.Hops() }, "peer": func(in *ctxinfo.Info) { in.Peer() },
	"anomalies": func(in *ctxinfo.Info) { in.Anomalies() },
	"scheme":    func(in *ctxinfo.Info) { in.Scheme() }, "host": func(in *ctxinfo.Info) { in.Host() }, "prefix": func(in *ctxinfo.Info) { in.Prefix() },
	"url": func(in *ctxinfo.Info) { in.URL() }, "page": func(in *ctxinfo.Info) { in.PageURL() }, "id": func(in *ctxinfo.Info) { in.RequestID() },
	"locale": func(in *ctxinfo.Info) { in.Locale() }, "locales": func(in *ctxinfo.Info) { in.Locales() },
	"zone": func(in *ctxinfo.Info) { in.Timezone() }, "theme": func(in *ctxinfo.Info) { in.Theme() },
	"embedded": func(in *ctxinfo.Info) { in.IsEmbedded() }, "trace": func(in *ctxinfo.Info) { client.TraceOf(in) },
	"client": func(in *ctxinfo.Info) { client.AgentOf(in) }, "geo": func(in *ctxinfo.Info) { client.GeoOf(in) },
	"fetch": func(in *ctxinfo.Info) { client.FetchOf(in) }, "htmx": func(in *ctxinfo.Info) { client.HTMXOf(in) },
	"cookie": func(in *ctxinfo.Info) { in.Cookies().Get("b") },
	"all cookies": func(in *ctxinfo.Info) {
		for range in.Cookies().All() {
		}
	},
	"log": func(in *ctxinfo.Info) { _ = fmt.Sprint(in) },
}

// boundedConfigs are one for each kind of walk.
func boundedConfigs(t testing.TB) map[string]*ctxinfo.Plugin {
	t.Helper()
	base := ctxinfo.Config{
		Proxies:         ctxinfo.Behind(ctxinfo.Private()),
		AllowedHosts:    []string{"example.com"},
		AllowedPrefixes: []string{"/app"},
		Locales:         []language.Tag{language.English, language.German},
	}
	forwarded, count, single, front, cloudflare := base, base, base, base, base
	forwarded.Header = "Forwarded"
	count.HopCount = 32
	single.Header = "X-Real-Ip"
	front.Proxies, front.Header = ctxinfo.Behind(ctxinfo.CloudFront("10.0.0.0/29")), "CloudFront-Viewer-Address"
	cloudflare.Proxies = ctxinfo.Behind(ctxinfo.Cloudflare("10.0.0.0/29").WithLocation())
	return map[string]*ctxinfo.Plugin{
		"nobody": mustNew(t, ctxinfo.Config{}), "list": mustNew(t, base), "Forwarded": mustNew(t, forwarded),
		"count": mustNew(t, count), "single": mustNew(t, single), "CloudFront": mustNew(t, front), "Cloudflare": mustNew(t, cloudflare),
	}
}

// hugeRequest is one whose every header and whose query are huge.
func hugeRequest(huge string) *http.Request {
	r := request()
	for name := range varied {
		r.Header[name] = []string{huge}
	}
	for _, name := range []string{
		"X-Real-Ip", "Cloudfront-Viewer-Address", "Cloudfront-Viewer-Country", "Cf-Ipcity", "Cf-Iplatitude", "Cf-Iplongitude", "Hx-Trigger", "Hx-Trigger-Name",
	} {
		r.Header[name] = []string{huge}
	}
	r.Host = huge
	return r
}

// what all facets together allocate on headers of 1 MB is bounded; see
// also TestNoFacetReadsAMegabyte.
func TestMemoryOnAMegabyteIsBounded(t *testing.T) {
	plugins := boundedConfigs(t)
	var before, after runtime.MemStats
	for _, pattern := range hugePatterns {
		r := hugeRequest(strings.Repeat(pattern, hugeSize/len(pattern)))
		for config, p := range plugins {
			in := p.FromRequest(r)
			runtime.ReadMemStats(&before)
			for _, read := range everyFacet {
				read(in)
			}
			runtime.ReadMemStats(&after)
			// The most are some 16 language tags that x/text parses.
			if n, size := after.Mallocs-before.Mallocs, after.TotalAlloc-before.TotalAlloc; n > 500 || size > 64<<10 {
				t.Errorf("%.20q x 1 MB, %s: %d allocations, %d bytes", pattern, config, n, size)
			}
		}
	}
}

// BenchmarkOneMegabyte measures every facet on headers of 1 MB, made of what is
// worst for it; "snapshot" is the part of each that is no facet's.
func BenchmarkOneMegabyte(b *testing.B) {
	cases := []struct{ facet, config, pattern string }{
		{"snapshot", "list", "a"},
		{"ip", "list", ", 10.0.0.3"},
		{"ip", "list", "fd00:1111:2222:3333:4444:5555:6666:7777%eth0,"},
		{"ip", "Forwarded", "for=10.0.0.3" + strings.Repeat(";a=b", 200) + ","},
		{"ip", "single", " "},
		{"host", "list", "https, "},
		{"page", "list", "http://example.com/"},
		{"locale", "list", "en,"},
		{"zone", "list", "ctx=1&tz=x; "},
		{"theme", "list", "a=1;"},
		{"embedded", "list", "%65mbed=x&"},
		{"client", "list", `"a";v="1", `},
		{"trace", "list", "00-"},
		{"geo", "Cloudflare", "é"},
	}
	plugins := boundedConfigs(b)
	read := maps.Clone(everyFacet)
	read["snapshot"] = func(*ctxinfo.Info) {}
	for _, c := range cases {
		r := hugeRequest(strings.Repeat(c.pattern, hugeSize/len(c.pattern)))
		b.Run(c.facet+"/"+c.config, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				read[c.facet](plugins[c.config].FromRequest(r))
			}
		})
	}
}

func TestManyShortLinesAreJoinedInBoundedMemory(t *testing.T) {
	p := mustNew(t, behindPrivate())
	for _, fill := range []string{"", "a", "en,"} {
		r := request()
		for _, name := range []string{"Accept-Language", "Sec-Ch-Ua", "Tracestate"} {
			r.Header[name] = slices.Repeat([]string{fill}, 10_000)
		}
		n := testing.AllocsPerRun(2, func() {
			in := p.FromRequest(r)
			in.Locale()
			client.AgentOf(in)
			client.TraceOf(in)
		})
		if n > 150 {
			t.Errorf("%q x 10000 lines: %v allocations", fill, n)
		}
	}
}
