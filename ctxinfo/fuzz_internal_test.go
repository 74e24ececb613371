package ctxinfo

import (
	"cmp"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/text/language"
)

// naiveNode reads an address by the standard library's parsers.
func naiveNode(s string) (netip.Addr, bool) {
	if host, port, err := net.SplitHostPort(s); err == nil {
		_, err := strconv.ParseUint(port, 10, 16)
		numeric := err == nil && len(port) <= 5 && !strings.ContainsAny(port, "+-")
		hidden := regexp.MustCompile(`^(?i:_[A-Za-z0-9._-]+)$`).MatchString(port)
		if !numeric && !hidden || strings.HasPrefix(s, "[") != strings.Contains(host, ":") {
			return netip.Addr{}, false
		}
		s = host
	} else if strings.HasPrefix(s, "[") && strings.HasSuffix(s, "]") && strings.Contains(s, ":") {
		s = s[1 : len(s)-1]
	}
	if before, zone, ok := strings.Cut(s, "%"); ok {
		if zone == "" || !strings.Contains(before, ":") {
			return netip.Addr{}, false
		}
		s = before
	}
	a, err := netip.ParseAddr(s)
	a = a.Unmap()
	return a, err == nil && !a.IsUnspecified() && !a.IsMulticast()
}

// naiveWalk follows X-Forwarded-For the slow way.
func naiveWalk(trusted *trustList, peer netip.Addr, header string) netip.Addr {
	ip := peer
	elements := strings.Split(header, ",")
	slices.Reverse(elements)
	for n, e := range elements {
		if n == maxHops || len(e) > maxAddr {
			break
		}
		e = strings.Trim(e, " \t")
		if e == "" {
			continue
		}
		a, ok := naiveNode(e)
		if !ok {
			break
		}
		if ip = a; !trusted.contains(a) {
			break
		}
	}
	return ip
}

func FuzzXForwardedFor(f *testing.F) {
	for _, s := range []string{
		"198.51.100.7", "6.6.6.6, 198.51.100.7, 10.0.0.3", "[2001:db8::7]:4711, 192.168.0.1:80", "unknown, 10.0.0.1,,", "fe80::1%eth0",
		"010.0.0.1", "::ffff:1.2.3.4", "1.2.3.4:_p", "256.1.1.1", "1.1.1.1" + strings.Repeat(" ", 125), "[::1]", "[1.2.3.4]:80", "1.2.3.4:+1",
	} {
		f.Add(s)
	}
	p := Must(New(Config{Proxies: Behind(Private())}))
	peer := netip.MustParseAddr("10.0.0.2")
	f.Fuzz(func(t *testing.T, header string) {
		var read fields
		got := p.walk(p.trusted.Load(), "10.0.0.2:1", http.Header{"X-Forwarded-For": {header}}, &read, nil)
		if want := naiveWalk(&p.trusted.Load().trustList, peer, header); got.ip != want {
			t.Errorf("walk(%q) = %v, want %v", header, got.ip, want)
		}
		// The same list on several lines is the same list.
		lines := strings.Split(header, ",")
		again := p.walk(p.trusted.Load(), "10.0.0.2:1", http.Header{"X-Forwarded-For": lines}, &read, nil)
		if again.ip != got.ip || again.anomalies != got.anomalies {
			t.Errorf("walk(%q) = %v, on %d lines %v", header, got.ip, len(lines), again.ip)
		}
	})
}

// FuzzForwarded lets a client write anything, and the extension parameter of
// our proxy's element hold anything: neither may change what is read.
func FuzzForwarded(f *testing.F) {
	for _, s := range [][2]string{
		{`for=6.6.6.6;x="`, "a"}, {`for="`, `"`}, {`\`, `\",for=6.6.6.6`}, {"", ","}, {`for=10.0.0.9, for="_x`, "\t"}, {`"\"`, `\\"`},
	} {
		f.Add(s[0], s[1])
	}
	p := Must(New(Config{Proxies: Behind(Private()), Header: headerForwarded, AllowedHosts: []string{"example.com"}}))
	quote := strings.NewReplacer(`\`, `\\`, `"`, `\"`)
	f.Fuzz(func(t *testing.T, client, ext string) {
		element := `for="198.51.100.7:99";ext="` + quote.Replace(ext) + `";proto=https`
		if len(element) > maxElement-1 || strings.ContainsFunc(ext, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }) {
			t.Skip()
		}
		want := netip.MustParseAddr("198.51.100.7")
		var read fields
		for _, lines := range [][]string{{client + "," + element}, {client, element}, {client + ", " + element + ", for=10.0.0.3"}} {
			got := p.walk(p.trusted.Load(), "10.0.0.2:1", http.Header{"Forwarded": lines}, &read, nil)
			if got.ip != want || got.proto != "https" || got.anomalies != 0 {
				t.Errorf("walk(%q) = %v, proto %q, anomalies %b", lines, got.ip, got.proto, got.anomalies)
			}
		}
		got := p.walk(p.trusted.Load(), "10.0.0.2:1", http.Header{"Forwarded": {client}}, &read, nil)
		if !got.ip.IsValid() {
			t.Errorf("walk(%q) has no address at all", client)
		}
	})
}

var qvalueRE = regexp.MustCompile(`^(?:0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)$`)

// naiveAcceptLanguage is the grammar of RFC 9110 word by word.
func naiveAcceptLanguage(s string) (tags []string, excluded []string) {
	type ranked struct {
		name string
		q    float64
	}
	var all []ranked
	n := 0
	for part := range strings.SplitSeq(s, ",") {
		part = strings.Trim(part, " \t")
		if part == "" {
			continue
		}
		if n++; n > maxTags {
			break
		}
		params := strings.Split(part, ";")
		r := ranked{strings.Trim(params[0], " \t"), 1}
		bad := false
		for _, param := range params[1:] {
			k, v, ok := strings.Cut(param, "=")
			if !ok || !strings.EqualFold(strings.Trim(k, " \t"), "q") {
				continue
			}
			v = strings.Trim(v, " \t")
			bad = !qvalueRE.MatchString(v)
			r.q, _ = strconv.ParseFloat(v, 64)
			break
		}
		if bad {
			continue
		}
		if r.name != "*" {
			t, err := language.Parse(r.name)
			if err != nil || t == language.Und || len(r.name) > maxTag {
				continue
			}
			r.name = t.String()
		}
		if r.q == 0 {
			if r.name != "*" {
				excluded = append(excluded, r.name)
			}
			continue
		}
		all = append(all, r)
	}
	slices.SortStableFunc(all, func(a, b ranked) int { return cmp.Compare(b.q, a.q) })
	for _, r := range all {
		tags = append(tags, r.name)
	}
	return tags, excluded
}

func FuzzAcceptLanguage(f *testing.F) {
	for _, s := range []string{
		"de-CH, de;q=0.9, en;q=0.5", "xx-invalid-zzzz, C, de", "en;level=1;q=0.5", "de;q=0,*", "de;q=1.5", "de;q=1.000", "de;q=0.", "de;Q=0.1 ; q=2",
		"en-US-u-ca-buddhist", "i-klingon", strings.Repeat("a-", 40), "\tde\t;\tq\t=\t0.3",
	} {
		f.Add(s)
	}
	m := newLocaleMatcher([]language.Tag{language.English, language.German, language.MustParse("zh-Hant")})
	f.Fuzz(func(t *testing.T, s string) {
		if len(s) > maxAcceptLanguage {
			w := m.acceptLanguage(s) // no oracle beyond the cut: it must only hold
			if len(w.ranges) > maxTags {
				t.Errorf("%d ranges", len(w.ranges))
			}
			return
		}
		w := parseAcceptLanguage(s)
		tags, excluded := naiveAcceptLanguage(s)
		var got []string
		for _, c := range w.ranges {
			if c.any {
				got = append(got, "*")
			} else {
				got = append(got, c.tag.String())
			}
		}
		if !slices.Equal(got, tags) {
			t.Errorf("parseAcceptLanguage(%q) = %q, want %q", s, got, tags)
		}
		got = nil
		for _, r := range w.excluded {
			got = append(got, r.String())
		}
		if !slices.Equal(got, excluded) {
			t.Errorf("parseAcceptLanguage(%q) refuses %q, want %q", s, got, excluded)
		}
		if cached := m.acceptLanguage(s); cached.match >= 0 && cached.refuses(m.supported[cached.match]) {
			t.Errorf("for %q it chose %v, which is excluded", s, m.supported[cached.match])
		}
	})
}

func FuzzScriptCookie(f *testing.F) {
	for _, s := range []string{"1&tz=Asia/Kolkata&theme=dark", "1&theme=dark&theme=light", "2&theme=dark", "1&", "1", "1&&theme=&x"} {
		f.Add(s, "theme")
	}
	f.Fuzz(func(t *testing.T, cookie, key string) {
		if strings.ContainsAny(key, "&=") {
			t.Skip()
		}
		parts := strings.Split(cookie, "&")
		var values []string
		for _, pair := range parts[1:] {
			if i := strings.Index(pair, "="); i >= 0 && pair[:i] == key {
				values = append(values, pair[i+1:])
			}
		}
		want := parts[0] == "1" && len(values) == 1 && len(cookie) <= 256
		got, ok := scriptField(cookie, key)
		if ok != want || ok && got != values[0] {
			t.Errorf("scriptField(%q, %q) = %q, %v; want %q, %v", cookie, key, got, ok, values, want)
		}
		// Whatever it holds, every facet stays among what is known.
		in := Must(New(Config{})).FromRequest(&http.Request{Header: http.Header{"Cookie": {scriptCookie + "=" + cookie}}})
		if name := in.TimezoneName(); name != "" && in.Timezone().String() != name {
			t.Errorf("time zone %q is %v", name, in.Timezone())
		}
		if got := in.Theme(); !slices.Contains([]string{"", "light", "dark"}, got.Type) || !slices.Contains([]string{"", "more", "less", "custom"}, got.Contrast) {
			t.Errorf("Theme() = %v", got)
		}
	})
}

func FuzzCookies(f *testing.F) {
	for _, s := range []string{`a=1; b="q"; c`, "a=1;;a=2", "=x", " a = b ", "a=b\\c", `"`, "a=\"", "ä=1", "a=ä", "a=1,b=2"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, line string) {
		if strings.ContainsAny(line, "\r\n") || len(line) > maxCookieBytes || strings.Count(line, ";") >= maxCookies {
			t.Skip()
		}
		h := http.Header{"Cookie": {line}}
		var want, got []string
		for _, c := range (&http.Request{Header: h}).Cookies() {
			want = append(want, c.Name+"="+c.Value)
		}
		for n, v := range eachCookie(h["Cookie"], "") {
			got = append(got, n+"="+v)
		}
		if !slices.Equal(got, want) {
			t.Errorf("cookies of %q = %q, net/http has %q", line, got, want)
		}
	})
}

func FuzzHost(f *testing.F) {
	for _, s := range []string{"example.com", "EXAMPLE.com:8080", "[::1]:80", "a@b", "a:b", "a..b", "[fe80::1%25eth0]", "1.2.3.4", "a:0", "a:"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		h, ok := parseHost(s)
		if !ok {
			return
		}
		u, err := url.Parse("https://" + h.String() + "/path")
		if err != nil || u.Host != h.String() || u.Path != "/path" || u.User != nil {
			t.Errorf("parseHost(%q) = %q, which in a URL is %v, %v", s, h, u, err)
		}
		if again, ok := parseHost(h.String()); !ok || again != h {
			t.Errorf("parseHost(%q) = %q, which is read as %q, %v", s, h, again, ok)
		}
	})
}

func FuzzViewerAddress(f *testing.F) {
	for _, s := range []string{"198.51.100.7:46532", "2001:db8::7:443", "[2001:db8::7]:443", "::1", "1.2.3.4:", ":80", "::ffff:1.2.3.4:1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, ok := viewerAddress(s)
		if !ok {
			return
		}
		colon := strings.LastIndexByte(s, ':')
		want, err := netip.ParseAddr(strings.Trim(s[:colon], "[]"))
		if err != nil || want.Unmap().WithZone("") != got {
			t.Errorf("viewerAddress(%q) = %v, want %v, %v", s, got, want, err)
		}
		if _, err := strconv.ParseUint(s[colon+1:], 10, 16); err != nil {
			t.Errorf("viewerAddress(%q) took the port %q", s, s[colon+1:])
		}
	})
}

func FuzzEmbedParam(f *testing.F) {
	for _, s := range []string{"embed=true", "a=1&embed=false", "%65mbed=true", "embed=1&embed=true", "embed", "x%zz=1&embed=true"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, query string) {
		got, ok := boolParam(query, "embed")
		if len(query) > maxQuery || strings.Contains(query, ";") {
			return
		}
		values, _ := url.ParseQuery(query) // keeps what is well formed
		first := ""
		if v := values["embed"]; len(v) > 0 {
			first = v[0]
		}
		if ok && first != strconv.FormatBool(got) {
			t.Errorf("boolParam(%q) = %v, and the first is %q", query, got, first)
		}
	})
}
