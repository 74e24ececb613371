package queryparams

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// htmx's headers (htmx 1, 2 and 4).
const (
	hxRequest    = "HX-Request"
	hxBoosted    = "HX-Boosted"
	hxCurrentURL = "HX-Current-URL"
	hxPushURL    = "HX-Push-Url"
	hxReplaceURL = "HX-Replace-Url"
	hxRedirect   = "HX-Redirect"
	hxLocation   = "HX-Location"
)

// page is the URL that the browser shows, as far as the request tells.
func page(r *http.Request, limits *Limits) (*url.URL, []entry) {
	if isFragment(r) {
		if u, ok := currentURL(r, limits.MaxBytes); ok {
			if entries, err := parseEntries(u.RawQuery, limits); err == nil {
				return u, entries
			}
		}
	}
	entries, err := parseEntries(r.URL.RawQuery, limits)
	if err != nil { // a Params of this query would not exist
		entries = nil
	}
	return r.URL, entries
}

// isFragment reports whether htmx asked for a part of a page.
func isFragment(r *http.Request) bool {
	return r.Header.Get(hxRequest) == "true" && r.Header.Get(hxBoosted) != "true"
}

// currentURL is htmx's account of the browser's URL. It is believed only if it
// is on the host that was asked, over HTTP, and without userinfo.
func currentURL(r *http.Request, maxBytes int) (*url.URL, bool) {
	text := r.Header.Get(hxCurrentURL)
	if text == "" || len(text) > 2*maxBytes {
		return nil, false
	}
	u, err := url.Parse(text)
	if err != nil || u.User != nil || u.Opaque != "" || !strings.EqualFold(u.Host, r.Host) || u.Host == "" {
		return nil, false
	}
	return u, u.Scheme == "http" || u.Scheme == "https"
}

// localURL is the path and query of a URL on this host: printable ASCII that
// starts with exactly one slash, so that no browser takes it for another host.
func localURL(u *url.URL, query string, fragment bool) string {
	path := u.EscapedPath()
	if u.Opaque != "" {
		path = ""
	}
	b := append(make([]byte, 0, len(path)+len(query)+2), '/')
	path = strings.TrimLeft(path, `/\`)
	for i := range len(path) {
		if c := path[i]; c > 0x20 && c < 0x7f && c != '\\' {
			b = append(b, c)
		} else {
			b = append(b, '%', upperHex[c>>4], upperHex[c&15])
		}
	}
	if query != "" {
		b = append(append(b, '?'), query...)
	}
	if fragment && u.Fragment != "" {
		b = appendEscaped(append(b, '#'), u.Fragment, 0)
	}
	return string(b)
}

// changed applies what was written to the entries of the page's URL, and
// reports whether that changes them.
func (p *Params) changed(base []entry) (query string, differs bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	before := string(appendEntries(nil, base))
	if p.touched == nil {
		return before, false
	}
	fresh := make([]entry, 0, len(p.entries))
	for _, e := range p.entries {
		if p.touched[e.key] {
			fresh = append(fresh, e)
		}
	}
	var after []entry
	if p.all {
		after = slices.DeleteFunc(slices.Clone(base), func(e entry) bool { return !p.isReserved(e.key) })
		after = append(after, fresh...)
	} else {
		keys := keysOf(fresh)
		for key := range p.touched { // those that were deleted: their order is of no account
			keys = append(keys, key)
		}
		after = merge(base, keys, fresh)
	}
	query = string(appendEntries(nil, after))
	return query, query != before
}

// URL is the page's own URL with what was written: a path and a query on this
// host, never another one. For a fragment asked for by htmx, the page is the
// one that the browser shows. Of Params that belong to no request it is the
// query alone, as a relative reference.
func (p *Params) URL() string {
	if p.req == nil {
		return "?" + p.Encode()
	}
	u, base := page(p.req, &p.limits)
	query, _ := p.changed(base)
	return localURL(u, query, true)
}

// writeBack sets the one header that tells htmx the new URL. A redirect has no
// use for it, and what the handler has set itself stays.
func (p *Params) writeBack(status int, h http.Header) {
	if p.req == nil || !isFragment(p.req) || status >= 300 && status < 400 {
		return
	}
	for _, name := range []string{hxPushURL, hxReplaceURL, hxRedirect, hxLocation} {
		if h.Get(name) != "" {
			return
		}
	}
	u, base := page(p.req, &p.limits)
	query, differs := p.changed(base)
	if !differs {
		return
	}
	name := hxReplaceURL
	p.mu.Lock()
	if p.history == PushHistory {
		name = hxPushURL
	}
	p.mu.Unlock()
	h.Set(name, localURL(u, query, true))
	h.Add("Vary", hxRequest)
	h.Add("Vary", hxCurrentURL)
}
