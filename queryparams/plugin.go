package queryparams

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/reecho-go/reecho/internal/scope"
)

// Config configures a [Plugin]. The zero value is safe.
type Config struct {
	// Limits bounds the query that [Params] read and what they write.
	// Default: see [Limits].
	Limits Limits
	// Reserved names the keys that Params keep but neither show nor write, in
	// any case. Default nil: embed and embed_options. An empty slice that is
	// not nil: none.
	Reserved []string
}

func defaultReserved() []string { return []string{"embed", "embed_options"} }

// Plugin gives the requests that it serves their [Params], and sends what was
// written to them with the response: to an htmx request as HX-Replace-Url or
// HX-Push-Url. A full page has no header that changes the browser's URL: after
// a POST use [Redirect], on a page show [Params.URL]. [Bind], [Get] and schemas
// do not need the plugin.
//
// It is safe for concurrent use, starts no goroutine and has nothing to close.
type Plugin struct{ cfg Config }

// New makes a Plugin.
func New(cfg Config) (*Plugin, error) {
	var errs []error
	if cfg.Reserved == nil {
		cfg.Reserved = defaultReserved()
	}
	cfg.Reserved = slices.Clone(cfg.Reserved)
	for i, key := range cfg.Reserved {
		if key == "" {
			errs = append(errs, fmt.Errorf("queryparams: Config.Reserved[%d] is empty: name a key", i))
		}
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	cfg.Limits = cfg.Limits.withDefaults()
	return &Plugin{cfg: cfg}, nil
}

// Name implements middleware.Plugin.
func (p *Plugin) Name() string { return "queryparams" }

// CommitOnDemand implements middleware.OnDemand.
func (p *Plugin) CommitOnDemand() {}

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
	cfg := &filled.(*Plugin).cfg
	p := &Params{reserved: cfg.Reserved, limits: cfg.Limits, req: &r.HTTP}
	p.entries, p.err = parseEntries(r.HTTP.URL.RawQuery, &p.limits)
	return p
}

// queryOf is the query of a request, with what was written to its Params.
func queryOf(r *http.Request) string {
	if p, ok := scope.Peek[Params](r.Context(), scope.Query); ok {
		if raw, written := p.dirty(); written {
			return raw
		}
	}
	return r.URL.RawQuery
}
