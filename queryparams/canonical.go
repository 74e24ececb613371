package queryparams

import (
	"net/http"
	"reflect"

	"github.com/reecho-go/reecho/middleware"
)

// RedirectError sends the browser to the canonical URL of the page that it
// asked for: see [Config].Canonical.
type RedirectError struct {
	// URL is a path and a query on the same host.
	URL string
}

// Error implements error.
func (e *RedirectError) Error() string { return "queryparams: the page's URL is " + e.URL }

// StatusCode is 308.
func (e *RedirectError) StatusCode() int { return http.StatusPermanentRedirect }

// Problem implements [middleware.Error]: it sends the browser to URL.
func (e *RedirectError) Problem() middleware.Problem {
	return middleware.Problem{Header: http.Header{"Location": {e.URL}, "Vary": {hxRequest}}}
}

// canonical returns raw with the schema's parameters replaced by own, the output
// of Encode, at the places that they have in raw. Of other parameters only the
// escapes are normalised. Applied to its own result it changes nothing.
func (p *plan) canonical(raw, own string) (string, error) {
	lim := &p.cfg.Limits
	fresh, err := parseEntries(own, lim)
	if err != nil {
		return "", err
	}
	entries, err := parseEntries(raw, lim.forRetained())
	if err != nil {
		return "", err
	}
	if p.hasRest { // the others are a part of v
		return own, nil
	}
	owned := func(e entry) bool {
		_, _, known := p.lookup(e.key)
		return known
	}
	return string(appendEntries(nil, settle(entries, owned, fresh))), nil
}

// correctURL compares the URL of a page with the values that were read from it into
// the struct that v points to. It returns the URL to which the browser must be
// redirected, or "" if there is none.
func (p *plan) correctURL(r *http.Request, raw string, v any, defaulted []*FieldError) (to string) {
	plugin := pluginOf(r.Context())
	redirect := plugin != nil && plugin.redirects(r) && raw == r.URL.RawQuery // nothing was written before
	if plugin == nil || !redirect && len(defaulted) == 0 {
		return ""
	}
	shown := reflect.New(p.typ) // encode validates, which may change what v points to
	shown.Elem().Set(reflect.ValueOf(v).Elem())
	own, err := p.encode(shown.Interface(), false)
	if err != nil { // a value that can be read and not written has no better URL
		return ""
	}
	if redirect {
		query, err := p.canonical(raw, own)
		if err != nil || query == raw {
			return ""
		}
		return localURL(r.URL, query, false)
	}
	if params, err := FromContext(r.Context()); err == nil {
		params.repair(p, own, defaulted)
	}
	return ""
}
