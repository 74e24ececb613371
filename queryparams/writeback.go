package queryparams

import (
	"encoding/json"
	"errors"
	"html/template"
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
	hxRestore    = "HX-History-Restore-Request"
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
	return r.Header.Get(hxRequest) == "true" && r.Header.Get(hxBoosted) != "true" && r.Header.Get(hxRestore) != "true"
}

// isBoosted reports whether htmx follows a link in the browser's stead: it
// will record the URL that it asked for, or what a header says.
func isBoosted(r *http.Request) bool {
	return r.Header.Get(hxRequest) == "true" && r.Header.Get(hxBoosted) == "true" && r.Header.Get(hxRestore) != "true"
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

// target is the page's URL with what was written, as a path and a query, and
// whether that differs from the URL that the browser shows. p.mu is held.
func (p *Params) target() (link string, differs bool) {
	u, base := page(p.req, &p.limits)
	query, differs := p.merged(base)
	return localURL(u, query, true), differs
}

// merged applies what was written to the entries of the page's URL, and
// reports whether that changes them. p.mu is held.
func (p *Params) merged(base []entry) (query string, differs bool) {
	before := string(appendEntries(nil, base))
	if p.touched == nil {
		return before, false
	}
	base, _ = p.migrated(base)
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

// migrated is entries after the plugin's migrations.
func (p *Params) migrated(entries []entry) ([]entry, bool) {
	if p.plugin == nil {
		return entries, false
	}
	return migrated(entries, p.plugin.cfg.Migrations)
}

// URL returns the page's URL with what was written: a path and a query, always
// on this host. If htmx asked for a part of a page, it is the URL of the page
// that the browser shows. For Params without a request it is the query alone,
// as a relative reference.
//
// A call counts as sending the change to the browser, so the request does not
// end with [ErrNotSent]. To read the query only, use [Params.Encode].
func (p *Params) URL() string {
	if p.req == nil {
		return "?" + p.Encode()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.notified = true
	link, _ := p.target()
	return link
}

// Script returns the script element by which a full page makes the browser's
// URL follow what was written: history.replaceState, or pushState after
// [Params.PushHistory]. Put it into the page's template; it is empty when nothing
// changes and when a header tells htmx. The fragment of the URL stays. With
// pushState the page loads anew when the visitor goes back to the other URL.
//
// nonce is that of the page's Content-Security-Policy, empty for none. It and
// the URL are escaped. What is written after a script has been made fails with
// [middleware.ErrCommitted]: there is one change for each response.
func (p *Params) Script(nonce string) template.HTML {
	if p.req == nil || isFragment(p.req) || isBoosted(p.req) {
		return ""
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.notified = true
	link, differs := p.target()
	if !differs {
		return ""
	}
	p.scripted = true
	text, err := json.Marshal(link) // escapes <, > and & for scripts
	if err != nil {                 // a string: cannot happen
		return ""
	}
	attr := ""
	if nonce != "" {
		attr = ` nonce="` + template.HTMLEscapeString(nonce) + `"`
	}
	code := `history.replaceState(history.state,"",` + string(text) + `+location.hash)`
	if p.push {
		code = `history.pushState(null,"",` + string(text) + `+location.hash);` +
			`((u)=>addEventListener("popstate",()=>{if(location.pathname+location.search!==u)location.reload()}))(location.pathname+location.search)`
	}
	return template.HTML("<script" + attr + ">" + code + "</script>")
}

// ErrNotSent says that a handler of a full page changed its [Params], and that
// the browser was not told. The request ends with it, so that logs show it; the
// client gets it only if the handler has written no response. Put
// [Params.Script] into the page, answer a POST with [Redirect], or send
// [Params.URL] by other means.
var ErrNotSent = errors.New("queryparams: the URL's change did not reach the browser: use Params.Script, Redirect, URL or OnChange")

// sent reports, after the handler, whether what the program wrote has reached
// the browser or still will.
func (p *Params) sent() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.explicit || p.notified || p.status >= 300 || isFragment(p.req) || isBoosted(p.req) {
		return true
	}
	_, differs := p.target()
	return !differs
}

// writeBack sets the one header that tells htmx the new URL, after which there
// can be no other write. A redirect has no use for it, and what the handler has
// set itself stays.
func (p *Params) writeBack(status int, h http.Header) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.status = status; p.req == nil || p.touched == nil {
		return
	}
	boosted := isBoosted(p.req)
	for _, name := range []string{hxRequest, hxBoosted, hxRestore} { // the answer depends on them, whatever it is
		h.Add("Vary", name)
	}
	if !isFragment(p.req) && !boosted || status >= 300 && status < 400 {
		return
	}
	h.Add("Vary", hxCurrentURL)
	for _, name := range []string{hxPushURL, hxReplaceURL, hxRedirect, hxLocation} {
		if h.Get(name) != "" {
			return
		}
	}
	link, differs := p.target()
	switch {
	case boosted && link == p.shown(): // a link to the same page is no second entry
		h.Set(hxReplaceURL, link)
	case !differs:
	case boosted || p.push: // a followed link is a new entry by itself
		h.Set(hxPushURL, link)
	default:
		h.Set(hxReplaceURL, link)
	}
}

// shown is the page that the browser shows by its own account, as a path and a
// query; empty if it is not to be believed.
func (p *Params) shown() string {
	u, ok := currentURL(p.req, p.limits.MaxBytes)
	if !ok {
		return ""
	}
	entries, err := parseEntries(u.RawQuery, &p.limits)
	if err != nil {
		return ""
	}
	return localURL(u, string(appendEntries(nil, entries)), false)
}

// repair writes the values that a schema has put in the place of faulty ones:
// those parameters take the values they have in canonical, or vanish. A
// response that has left carries nothing.
func (p *Params) repair(pl *plan, canonical string, faults []*FieldError) {
	p.mu.Lock()
	p.corrections = append(p.corrections, faults...)
	p.mu.Unlock()
	fresh, err := parseEntries(canonical, &pl.cfg.Limits)
	if err != nil {
		return
	}
	repaired := func(e entry) bool {
		t, _, owned := pl.lookup(e.key)
		return owned && t.group < 0 && !p.isReserved(e.key) && slices.ContainsFunc(faults, func(f *FieldError) bool {
			return f.Parameter == pl.leaves[t.leaf].name
		})
	}
	fresh = slices.DeleteFunc(fresh, func(e entry) bool { return !repaired(e) })
	err = p.apply(false, false, func(entries []entry) ([]entry, []string) {
		touched := keysOf(fresh)
		for _, e := range entries {
			if repaired(e) {
				touched = append(touched, e.key)
			}
		}
		return settle(entries, repaired, fresh), touched
	})
	if err == nil {
		p.deliver()
	}
}

// settle puts fresh entries where those that owned selects are, the surplus at
// the end; the others keep their places.
func settle(entries []entry, owned func(entry) bool, fresh []entry) []entry {
	out := make([]entry, 0, len(entries)+len(fresh))
	for _, e := range entries {
		switch {
		case !owned(e):
			out = append(out, e)
		case len(fresh) > 0:
			out, fresh = append(out, fresh[0]), fresh[1:]
		}
	}
	return append(out, fresh...)
}
