// Package ctxinfotest makes requests for tests, and the [ctxinfo.Info] of them. You
// state the facts of the visitor, such as the language or the theme, and it sets the
// headers and cookies.
//
// A request made here is an ordinary one: send it through the whole
// application, or hand it to echo.NewContext and call the handler; From works
// in both.
package ctxinfotest

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"

	"golang.org/x/text/language"

	"github.com/reecho-go/reecho/ctxinfo"
)

// An Option makes one thing true of a visitor. Later options win.
type Option func(r *http.Request)

// Request returns a GET request of the visitor for target, such as "/?page=2",
// at example.com. Change its method and body as needed.
func Request(target string, options ...Option) *http.Request {
	r := httptest.NewRequest(http.MethodGet, target, http.NoBody)
	for _, o := range options {
		o(r)
	}
	return r
}

// New returns the Info of the visitor's request for "/", by the zero Config.
func New(options ...Option) *ctxinfo.Info { return ctxinfo.FromRequest(Request("/", options...)) }

// IP makes the request come straight from ip. It panics if ip is no address.
func IP(ip string) Option {
	peer := netip.AddrPortFrom(netip.MustParseAddr(ip), 40000).String()
	return func(r *http.Request) { r.RemoteAddr = peer }
}

// Theme is a visitor who prefers pages of that colour scheme: "light" or "dark". It
// panics for any other.
func Theme(scheme string) Option {
	if scheme != "light" && scheme != "dark" {
		panic(fmt.Sprintf("ctxinfotest: Theme(%q): use light or dark", scheme))
	}
	return Cookie(ctxinfo.ThemeCookie, scheme)
}

// Zone is a visitor in the time zone of that name.
func Zone(name string) Option { return Cookie(ctxinfo.TimezoneCookie, name) }

// Locales is a visitor who reads the given languages, the first best. It
// panics if one is no BCP 47 tag.
func Locales(tags ...string) Option {
	for _, t := range tags {
		language.MustParse(t)
	}
	return func(r *http.Request) { r.Header.Set("Accept-Language", strings.Join(tags, ", ")) }
}

// Embedded is a page in a frame of another page.
func Embedded() Option { return Header(ctxinfo.EmbeddedHeader, "?1") }

// HTMX is a request that htmx made for a part of the page that the browser shows:
// url is that page's path and query, at example.com, or its whole URL.
func HTMX(url string) Option {
	if strings.HasPrefix(url, "/") {
		url = "http://example.com" + url
	}
	return func(r *http.Request) {
		r.Header.Set("HX-Request", "true")
		r.Header.Set("HX-Current-URL", url)
	}
}

// Boosted is a request for a page that htmx makes in the browser's stead, for a
// link or a form inside of an element with hx-boost.
func Boosted() Option {
	return func(r *http.Request) {
		r.Header.Set("HX-Request", "true")
		r.Header.Set("HX-Boosted", "true")
	}
}

// Header is a request with the header.
func Header(name, value string) Option {
	return func(r *http.Request) { r.Header.Set(name, value) }
}

// Cookie is a visitor who sends the cookie, in place of an earlier one of that
// name.
func Cookie(name, value string) Option {
	return func(r *http.Request) {
		kept := r.Cookies()
		r.Header.Del("Cookie")
		for _, c := range kept {
			if c.Name != name {
				r.AddCookie(c)
			}
		}
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
}
