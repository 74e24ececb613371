package ctxinfo_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"

	"github.com/reecho-go/reecho/ctxinfo"
)

// SC5: with Forwarded, whose host has a port of its own, a client's
// X-Forwarded-Port would be one that no proxy looked at.
func TestSC5_ForwardedLeavesXForwardedPortAlone(t *testing.T) {
	t.Parallel()
	cfg := behindPrivate()
	cfg.Header, cfg.AllowedHosts = ctxinfo.Forwarded, []string{"example.com", "example.com:8443"}
	in := mustNew(t, cfg).FromRequest(request("Forwarded", "for=198.51.100.7", "X-Forwarded-Port", "8443", "X-Forwarded-Host", "example.com:8443", "X-Forwarded-Proto", "https"))
	if got := in.Scheme() + "://" + in.Host(); got != "http://example.com" {
		t.Errorf("the site is %s, by headers that were not configured", got)
	}
}

// SC9: the key of the digests is in no log either.
func TestSC9_NoVerbShowsSecrets(t *testing.T) {
	t.Parallel()
	const key = "0123456789abcdef"
	cfg := ctxinfo.Config{Privacy: ctxinfo.HashedIP([]byte(key))}
	p := mustNew(t, cfg)
	in := p.FromRequest(withURL(t, request("Cookie", "session=secret", "Authorization", "secret"), "/?secret"))
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d", "%t"} {
		for _, v := range []any{in, p, cfg, cfg.Privacy, in.Headers(), in.Cookies(), struct{ I any }{in}, []*ctxinfo.Info{in}} {
			out := fmt.Sprintf(verb, v)
			for _, secret := range []string{key, "48 49 50", "0x30, 0x31", fmt.Sprintf("%x", key), "secret", fmt.Sprintf("%x", "secret"), "115 101 99"} {
				if strings.Contains(out, secret) {
					t.Errorf("%s of %T shows %q: %.300s", verb, v, secret, out)
				}
			}
		}
	}
}

// SC6: beside TrustPeer, two providers without ranges cannot be told apart:
// each hands on what the client wrote into the headers of the other.
func TestSC6_TwoProvidersWithoutRangesAreRefused(t *testing.T) {
	t.Parallel()
	_, err := ctxinfo.New(ctxinfo.Config{Proxies: ctxinfo.Behind(ctxinfo.TrustPeer(), ctxinfo.Cloudflare(), ctxinfo.Vercel())})
	if err == nil || !strings.Contains(err.Error(), "Cloudflare") || !strings.Contains(err.Error(), "Vercel") {
		t.Errorf("New() = %v, want both named", err)
	}
	if _, err := ctxinfo.New(ctxinfo.Config{Proxies: ctxinfo.Behind(ctxinfo.TrustPeer(), ctxinfo.Cloudflare(), ctxinfo.Vercel(cfRange))}); err != nil {
		t.Errorf("New() = %v, want one without ranges let pass", err)
	}
}

// What a client makes a handler ask for is no part of a header of ours.
func TestVaryNamesOnlyWhatCanBeAHeader(t *testing.T) {
	t.Parallel()
	res := serve(t, mustNew(t, ctxinfo.Config{}), request(), func(_ echo.Context, in *ctxinfo.Info) {
		for _, name := range []string{"a, *", "a\r\nSet-Cookie: x=y", "", "ä"} {
			if _, ok := in.Headers().Get(name); ok {
				t.Errorf("there is a header %q", name)
			}
		}
		in.Headers().Get("X-Thing")
	})
	if got := res.Header.Get("Vary"); got != "X-Thing" {
		t.Errorf("Vary = %q, want X-Thing", got)
	}
}
