package sessionstate

import (
	"net"
	"net/http"
	"net/netip"
	"strings"

	"github.com/reecho-go/reecho/internal/scope"
)

// Browsers drop a cookie with Secure that comes over plain HTTP. Chromium and
// Firefox make an exception of localhost and loopback addresses, WebKit (Safari)
// makes none; docs/browsers.md has what each was seen to do. This file handles that.

// isPlain reports whether the client speaks plain HTTP, as far as is known. It believes a
// proxy if a plugin of the request, such as ctxinfo's, does.
func isPlain(r *http.Request) bool { return r.TLS == nil && !scope.HTTPS(r) }

// style has the attributes of cookies.
type style struct {
	config CookieConfig
	rest   string // the header after the value, for a cookie that lasts until the browser is closed
}

func newStyle(c CookieConfig) style {
	return style{c, strings.TrimPrefix(c.line("x", "", 0), "x=")}
}

// local is the style of cookies for visitors on this machine. If it is nil, they get the same
// as all others.
type local struct {
	prefix, bare string // of the configured name
	style        style
}

// newLocal returns the style for CookieConfig.InsecureLocalhost. Without Secure, browsers
// refuse the prefixes of names, SameSite=None and Partitioned.
func newLocal(c CookieConfig) *local {
	c.SameSite, c.Partitioned, c.Insecure = laxIfNone(c.SameSite), false, true
	bare := withoutPrefix(c.Name)
	return &local{prefix: strings.TrimSuffix(c.Name, bare), bare: bare, style: newStyle(c)}
}

func laxIfNone(s http.SameSite) http.SameSite {
	if s == http.SameSiteNoneMode {
		return http.SameSiteLaxMode
	}
	return s
}

func withoutPrefix(name string) string {
	for _, prefix := range []string{"__Host-", "__Secure-"} {
		if hasPrefixFold(name, prefix) {
			return name[len(prefix):]
		}
	}
	return name
}

// is reports whether r comes over plain HTTP from a browser on this machine, by an address
// that only this machine has. A proxy on this machine, whose visitors may be anywhere, is
// recognized by a public Host, by the headers that it adds, or by HTTP/1.0.
func (l *local) is(r *http.Request) bool {
	if l == nil || !isPlain(r) || !r.ProtoAtLeast(1, 1) || !isLoopback(r.RemoteAddr) || !isLoopback(r.Host) {
		return false
	}
	for name := range r.Header {
		switch {
		case name == "Via", name == "Forwarded", name == "X-Real-Ip", strings.HasPrefix(name, "X-Forwarded-"):
			return false
		}
	}
	return true
}

// isLoopback reports whether an address, with or without a port, is one of this
// machine alone (RFC 6761, section 6.3).
func isLoopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		host = strings.TrimSuffix(strings.TrimPrefix(address, "["), "]")
	}
	if ip, err := netip.ParseAddr(host); err == nil {
		return ip.Unmap().IsLoopback()
	}
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	return host == "localhost" || strings.HasSuffix(host, ".localhost")
}

// incoming gives the cookies of a local request the names that the Manager looks for. It drops
// cookies that have such a name already, because the Manager sets none there.
func (l *local) incoming(r *http.Request) *http.Request {
	if !l.is(r) {
		return r
	}
	var kept []string
	for _, line := range r.Header["Cookie"] {
		for part := range strings.SplitSeq(line, ";") {
			part = strings.TrimLeft(part, " \t")
			switch name, _, _ := strings.Cut(part, "="); {
			case name == l.bare, strings.HasPrefix(name, l.bare+"-"): // the session's cookie, and those beside it
				part = l.prefix + part
			case strings.HasPrefix(name, l.prefix+l.bare):
				continue
			}
			kept = append(kept, part)
		}
	}
	r = r.WithContext(r.Context())
	r.Header = r.Header.Clone()
	r.Header["Cookie"] = []string{strings.Join(kept, "; ")}
	return r
}
