package queryparams

import (
	"context"
	"errors"
	"net/http"

	"github.com/reecho-go/reecho/internal/scope"
)

// BeforeHeaders implements middleware.Committer: it sends the changes that
// were made to the request's Params, in one header, if there are any.
func (p *Plugin) BeforeHeaders(ctx context.Context, status int, h http.Header) error {
	if params, ok := scope.Peek[Params](ctx, scope.Query); ok {
		params.writeBack(status, h)
	}
	return nil
}

// FromContext returns the Params of the request whose context is given. It
// fails with [ErrNoPlugin], with ErrVisitorInGlobalLoad in a load that all
// visitors share, and with an [*Errors] for a query beyond the limits.
func FromContext(ctx context.Context) (*Params, error) {
	p, err := scope.Get(ctx, scope.Query, build)
	switch {
	case errors.Is(err, scope.ErrNone):
		return nil, ErrNoPlugin
	case err != nil:
		return nil, err
	case p.err != nil:
		return nil, p.err
	}
	return p, nil
}

// build reads the request's query on first use.
func build(r *scope.Request, filled any) *Params {
	return filled.(*Plugin).params(&r.HTTP)
}

func (p *Plugin) params(r *http.Request) *Params {
	params := &Params{plugin: p, reserved: p.cfg.Reserved, limits: p.cfg.Limits, req: r}
	params.entries, params.err = parseEntries(r.URL.RawQuery, &params.limits)
	return params
}

// pluginOf is the plugin that serves the request of ctx, nil if there is none.
func pluginOf(ctx context.Context) *Plugin {
	if params, ok := scope.Peek[Params](ctx, scope.Query); ok {
		return params.plugin
	}
	p, _ := scope.Peek[Plugin](ctx, scope.Query)
	return p
}

// migrate applies the migrations to the query of r. It returns nil when that
// changes nothing, or the query is not readable.
func (p *Plugin) migrate(r *http.Request) *Params {
	if len(p.cfg.Migrations) == 0 || r.URL.RawQuery == "" {
		return nil
	}
	params := p.params(r)
	after, changed := params.migrated(params.entries)
	if !changed || params.fits(after) != nil {
		return nil
	}
	params.touched = map[string]bool{}
	params.entries = after
	return params
}

// redirects reports whether a request may be answered by a redirect to another
// spelling of its URL.
func (p *Plugin) redirects(r *http.Request) bool {
	return p.cfg.Canonical && (r.Method == http.MethodGet || r.Method == http.MethodHead) && r.Header.Get(hxRequest) != "true"
}

// canonical returns the URL to which a request with these entries is redirected, or ""
// if its URL is canonical already.
func (p *Plugin) canonical(r *http.Request, entries []entry) string {
	query := string(appendEntries(nil, entries))
	if query == r.URL.RawQuery {
		return ""
	}
	return localURL(r.URL, query, false)
}

// queryOf returns the query of a request, with the changes made through its Params.
func queryOf(r *http.Request) string {
	if p, ok := scope.Peek[Params](r.Context(), scope.Query); ok {
		if raw, changed := p.dirty(); changed {
			return raw
		}
	}
	return r.URL.RawQuery
}
