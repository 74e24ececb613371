package queryparams

import (
	"net/http"

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

// canonical returns raw with the schema's parameters as own, which Encode has
// written, in the places where they are in raw, and all others as they are but
// for their escapes. Applied to its own result it changes nothing.
func (s *Schema[T]) canonical(raw, own string) (string, error) {
	lim := &s.plan.cfg.Limits
	fresh, err := parseEntries(own, lim)
	if err != nil {
		return "", err
	}
	entries, err := parseEntries(raw, lim.ofOthers())
	if err != nil {
		return "", err
	}
	if s.plan.hasRest { // the others are a part of v
		return own, nil
	}
	owned := func(e entry) bool {
		_, _, known := s.plan.lookup(e.key)
		return known
	}
	return string(appendEntries(nil, settle(entries, owned, fresh))), nil
}

// correctURL makes the URL of a page say what was read from it. It returns where
// the browser is to be sent, "" for nowhere.
func (s *Schema[T]) correctURL(r *http.Request, raw string, v *T, fixed []*FieldError) (to string) {
	p := pluginOf(r.Context())
	redirect := p != nil && p.redirects(r) && raw == r.URL.RawQuery // nothing was written before
	if p == nil || !redirect && len(fixed) == 0 {
		return ""
	}
	own, err := s.Encode(*v)
	if err != nil { // a value that can be read and not written has no better URL
		return ""
	}
	if redirect {
		query, err := s.canonical(raw, own)
		if err != nil || query == raw {
			return ""
		}
		return localURL(r.URL, query, false)
	}
	if params, err := FromContext(r.Context()); err == nil {
		params.repair(s.plan, own, fixed)
	}
	return ""
}
