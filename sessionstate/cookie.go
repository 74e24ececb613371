package sessionstate

import (
	"encoding/base64"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"strings"
	"time"
)

// maxCookie is how long a cookie's name and value together may be: browsers
// refuse more (RFC 6265, section 6.1; ASVS 3.3.5).
const maxCookie = 4096

// encoding is base64url without padding; Strict refuses trailing bits, so
// that a value has one spelling only.
var encoding = base64.RawURLEncoding.Strict()

// CookieConfig sets the name and the attributes of the session's cookie. The
// cookie is always HttpOnly, and Secure unless Insecure is set.
type CookieConfig struct {
	// Name is the cookie's name. The cookie of flash messages has the name
	// Name+"-f", and the one that notes visits in cookie mode has Name+"-t". Give
	// each app on a host a different name: browsers send cookies to every port of
	// a host, so two apps with the same name overwrite each other's cookies. The
	// seal covers the name, so no app accepts a cookie of another name, even with
	// the same Config.Secrets. Default: "__Host-id", or "__Secure-id" when Domain
	// or Path are set, or "id" when Insecure is set.
	Name string

	// Domain sends the cookie to this domain and its subdomains. Refused with a
	// __Host- name. Default: empty, only the host that set the cookie.
	Domain string

	// Path sends the cookie only to URLs below this path. It is no protection,
	// because scripts of one host can read each other's pages. Refused with a
	// __Host- name. Default: "/".
	Path string

	// SameSite says which requests from other sites carry the cookie.
	// http.SameSiteNoneMode is refused with Insecure, and
	// http.SameSiteDefaultMode always. Default: 0, http.SameSiteLaxMode.
	SameSite http.SameSite

	// Partitioned gives each top-level site its own cookie when the app is
	// shown in a frame (CHIPS). Refused with Insecure. Default: false.
	Partitioned bool

	// Insecure drops Secure from the cookie, so that browsers send it over plain
	// HTTP to any host. Then everybody on the network can take over sessions. You
	// do not need it for HTTPS behind a proxy, nor on localhost, 127.0.0.1 and
	// [::1] with Chromium and Firefox, which keep Secure cookies there; WebKit
	// (Safari) does not, see InsecureLocalhost. Without it, the observer is told
	// when the first Secure cookie is set over plain HTTP. Refused with a name
	// that starts with __Host- or __Secure-, which browsers refuse without
	// Secure. Default: false.
	Insecure bool

	// InsecureLocalhost drops Secure, and a __Host- or __Secure- prefix of the
	// name, from the cookies of visitors on this machine alone: requests over
	// plain HTTP from a loopback address to localhost or a loopback address, with
	// no sign of a proxy. Use it for development: then every browser works,
	// WebKit (Safari) too. If it stays set in production, nothing changes for
	// visitors from other machines. A request through a proxy on the same machine
	// is recognized by its Host, X-Forwarded-..., Forwarded, Via or HTTP/1.0. The
	// cookies of local visitors are Lax instead of None, and not Partitioned.
	// Refused with Insecure. Default: false.
	InsecureLocalhost bool
}

// withDefaults fills in what is empty.
func (c CookieConfig) withDefaults() CookieConfig {
	if c.Name == "" {
		switch {
		case c.Insecure:
			c.Name = "id"
		case c.Domain != "" || c.Path != "" && c.Path != "/":
			c.Name = "__Secure-id"
		default:
			c.Name = "__Host-id"
		}
	}
	if c.Path == "" {
		c.Path = "/"
	}
	if c.SameSite == 0 {
		c.SameSite = http.SameSiteLaxMode
	}
	return c
}

// maxName keeps the name from eating up the cookie.
const maxName = 64

// check finds everything that is wrong with a complete config. Prefixes are
// compared as browsers do, without regard to case.
func (c CookieConfig) check() error {
	var errs []error
	bad := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf("sessionstate: Config.Cookie."+format, args...))
	}
	host, secure := hasPrefixFold(c.Name, "__Host-"), hasPrefixFold(c.Name, "__Secure-")
	if probe := (&http.Cookie{Name: c.Name, Value: "x"}); probe.Valid() != nil || len(c.Name) > maxName {
		bad("Name is %.80q: use a cookie name (RFC 6265) of at most %d bytes", c.Name, maxName)
	}
	if host && c.Domain != "" {
		bad("Domain is %q: the name %q forbids a domain; drop it, or use a name with __Secure-", c.Domain, c.Name)
	}
	if host && c.Path != "/" {
		bad(`Path is %q: the name %q demands "/"; drop it, or use a name with __Secure-`, c.Path, c.Name)
	}
	if (host || secure) && c.Insecure {
		bad("Name is %q, which browsers refuse with Cookie.Insecure: drop one of them", c.Name)
	}
	if !strings.HasPrefix(c.Path, "/") {
		bad(`Path is %q: start it with "/"`, c.Path)
	}
	if probe := (&http.Cookie{Name: "x", Path: c.Path, Domain: c.Domain}); probe.Valid() != nil {
		bad("Domain %q or Path %q is not valid in a cookie: %w", c.Domain, c.Path, probe.Valid())
	}
	switch c.SameSite {
	case http.SameSiteLaxMode, http.SameSiteStrictMode:
	case http.SameSiteNoneMode:
		if c.Insecure {
			bad("SameSite is None, which browsers refuse with Cookie.Insecure: use http.SameSiteLaxMode")
		}
	default:
		bad("SameSite is %d: use http.SameSiteLaxMode, StrictMode or NoneMode", c.SameSite)
	}
	if c.Partitioned && c.Insecure {
		bad("Partitioned is true, which browsers refuse with Cookie.Insecure: drop one of them")
	}
	return errors.Join(errs...)
}

// template is a cookie with these attributes.
func (c CookieConfig) template() http.Cookie {
	return http.Cookie{Path: c.Path, Domain: c.Domain, Secure: !c.Insecure, HttpOnly: true, SameSite: c.SameSite, Partitioned: c.Partitioned}
}

// line is the Set-Cookie header of a cookie. A maxAge of 0 is until the browser
// is closed, a negative one deletes.
func (c CookieConfig) line(name, value string, maxAge int) string {
	cookie := c.template()
	cookie.Name, cookie.Value, cookie.MaxAge = name, value, maxAge
	switch {
	case maxAge > 0:
		cookie.Expires = time.Now().Add(time.Duration(maxAge) * time.Second)
	case maxAge < 0:
		cookie.Expires = time.Unix(1, 0)
	}
	return cookie.String()
}

func hasPrefixFold(s, prefix string) bool {
	return len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix)
}

// cookies yields the values of the request's cookies of that name, in order: a
// browser sends more than one when other hosts of the domain have set theirs.
func cookies(h http.Header, name string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, line := range h["Cookie"] {
			for line != "" {
				var part string
				part, line, _ = strings.Cut(line, ";")
				part = strings.TrimLeft(part, " \t")
				if len(part) <= len(name) || part[len(name)] != '=' || part[:len(name)] != name {
					continue
				}
				if !yield(strings.TrimRight(part[len(name)+1:], " \t")) {
					return
				}
			}
		}
	}
}

// sends reports whether the request has a cookie of that name.
func sends(h http.Header, name string) bool {
	for range cookies(h, name) {
		return true
	}
	return false
}

// setCookie puts a Set-Cookie line into the response's headers in place of
// earlier ones of its name.
func setCookie(h http.Header, name, line string) {
	kept := h["Set-Cookie"][:0:0]
	for _, earlier := range h["Set-Cookie"] {
		if n, _, _ := strings.Cut(earlier, "="); n != name {
			kept = append(kept, earlier)
		}
	}
	h["Set-Cookie"] = append(kept, line)
}
