package ctxinfo_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/reecho-go/reecho/ctxinfo"
	"github.com/reecho-go/reecho/ctxinfo/client"
)

// FuzzInfo sends anything in any header. Whatever it is, reading everything
// holds, a stranger is believed nothing, and what comes out is well formed.
func FuzzInfo(f *testing.F) {
	for name, values := range varied {
		for _, v := range values {
			f.Add(name, v, "Cookie", "ctx=1&css=1010&tz=Asia/Tokyo")
		}
	}
	for _, spoof := range spoofs {
		f.Add(spoof[0], spoof[1], xff, "198.51.100.7, 10.0.0.3")
	}
	plugins := boundedConfigs(f)
	zero := plugins["nobody"]
	plain := believed(zero.FromRequest(withURL(f, request(), "/")))
	f.Fuzz(func(t *testing.T, name1, value1, name2, value2 string) {
		r := withURL(t, request(name1, value1, name2, value2), "/")
		if got := believed(zero.FromRequest(r)); fmt.Sprint(got) != fmt.Sprint(plain) {
			t.Errorf("the zero Config believes %v, without the headers %v", got, plain)
		}
		for config, p := range plugins {
			in := p.FromRequest(r)
			everything(in)
			if u, err := url.Parse(in.URL().String()); err != nil || u.Host != in.Host() || u.User != nil {
				t.Errorf("%s: URL() = %s, whose host is not %s: %v", config, in.URL(), in.Host(), err)
			}
			if id := in.RequestID(); len(id) < 8 || len(id) > 64 || strings.ContainsFunc(id, func(c rune) bool { return c <= ' ' || c > '~' }) {
				t.Errorf("%s: RequestID() = %q", config, id)
			}
			if g := client.GeoOf(in); g.Country != "" && len(g.Country) != 2 || !utf8.ValidString(g.City+g.Region+g.PostalCode+g.MetroCode) {
				t.Errorf("%s: Geo() = %+v", config, g)
			}
			if page := in.PageURL(); page.Host != in.Host() && page.Scheme == in.Scheme() {
				t.Errorf("%s: PageURL() = %s is not at %s", config, page, in.Host())
			}
		}
	})
}

// FuzzPeer gives the connection any address: it is one, or none, and never
// one of those that the text does not hold.
func FuzzPeer(f *testing.F) {
	for _, s := range []string{"198.51.100.7:1", "[2001:db8::7]:443", "[fe80::1%eth0]:1", "@", "", "/run/x.sock", "::1", "[::1]", "1.2.3.4", "1.2.3.4:99999", "x:1", "[::ffff:1.2.3.4]:1"} {
		f.Add(s)
	}
	p := mustNew(f, ctxinfo.Config{})
	f.Fuzz(func(t *testing.T, remote string) {
		in := p.FromRequest(&http.Request{RemoteAddr: remote})
		ip, peer := in.IP(), in.Peer()
		if ip.Zone() != "" || ip.Is4In6() || ip != peer.Addr().WithZone("") {
			t.Errorf("peer %q: IP() = %v, Peer() = %v", remote, ip, peer)
		}
		if again := p.FromRequest(&http.Request{RemoteAddr: peer.String()}); ip.IsValid() && again.IP() != ip {
			t.Errorf("peer %q is %v, which is read as %v", remote, peer, again.IP())
		}
	})
}

// FuzzTimezone lets a cookie name any zone: a name that is taken is one that
// Go knows by exactly that name, or an offset.
func FuzzTimezone(f *testing.F) {
	for _, s := range []string{"Asia/Kolkata", "Etc/GMT+5", "+05:30", "-12:00", "+14:00", "+14:15", "Local", "", "../UTC", "utc", "+5:30", "−05:30"} {
		f.Add(s)
	}
	p := mustNew(f, ctxinfo.Config{})
	f.Fuzz(func(t *testing.T, name string) {
		in := p.FromRequest(&http.Request{})
		if _, err := in.PreferenceCookie(ctxinfo.TimezoneCookie, name); err != nil || name == "" {
			return
		}
		got := p.FromRequest(request("Cookie", ctxinfo.TimezoneCookie+"="+name))
		if got.TimezoneName() != name {
			t.Errorf("the cookie for %q is not read back: %q", name, got.TimezoneName())
		}
		now := time.Now()
		if at, err := time.Parse("-07:00", name); err == nil {
			_, want := at.Zone()
			if _, offset := now.In(got.Timezone()).Zone(); offset != want {
				t.Errorf("%s is %d s", name, offset)
			}
			return
		}
		want, err := time.LoadLocation(name)
		if err != nil || name == "Local" || now.In(want).Format(time.RFC3339) != now.In(got.Timezone()).Format(time.RFC3339) {
			t.Errorf("%q is %v, in Go %v, %v", name, got.Timezone(), want, err)
		}
	})
}
