package queryparams

import (
	"errors"
	"net/http"
	"slices"

	"github.com/reecho-go/reecho/internal/scope"
	"github.com/reecho-go/reecho/middleware"
)

var (
	_ middleware.Beginner  = (*Plugin)(nil)
	_ middleware.Committer = (*Plugin)(nil)
	_ middleware.OnDemand  = (*Plugin)(nil)
	_ middleware.Wrapper   = (*Plugin)(nil)
	_ middleware.Ender     = (*Plugin)(nil)
)

// Begin implements middleware.Beginner: it leaves the plugin in the request's
// scope and parses nothing, unless there are migrations.
func (p *Plugin) Begin(c middleware.Context) error {
	ctx := c.Request().Context()
	if params := p.migrate(c.Request()); params != nil {
		scope.Fill(ctx, scope.Query, params)
		return middleware.RequestCommit(ctx)
	}
	scope.Fill(ctx, scope.Query, p)
	return nil
}

// Wrap implements middleware.Wrapper: it redirects from the URLs that a
// migration changes.
func (p *Plugin) Wrap(next middleware.Handler) middleware.Handler {
	if !p.cfg.Canonical || len(p.cfg.Migrations) == 0 {
		return next
	}
	return func(c middleware.Context) error {
		r := c.Request()
		if params, ok := scope.Peek[Params](r.Context(), scope.Query); ok && p.redirects(r) {
			// a migration that does not leave alone what it has made would redirect forever
			if _, again := params.migrated(params.entries); !again {
				if to := p.canonical(r, params.entries); to != "" {
					w := middleware.Response(c)
					w.Header().Add("Vary", hxRequest)
					w.Header().Set("Location", to)
					w.WriteHeader(http.StatusPermanentRedirect)
					return nil
				}
			}
		}
		return next(c)
	}
}

// End implements middleware.Ender: a change that nobody sent becomes
// [ErrNotSent].
func (p *Plugin) End(c middleware.Context, err error) error {
	if err != nil {
		return err
	}
	if params, ok := scope.Peek[Params](c.Request().Context(), scope.Query); ok && !params.sent() {
		return ErrNotSent
	}
	return nil
}

// From returns the Params of c's request, which a [Plugin] must serve. The
// first call reads the query; see [FromContext] for the errors.
func From(c middleware.Context) (*Params, error) {
	return FromContext(c.Request().Context())
}

// Bind reads the query of c's request, with what was written to its [Params].
// It needs no middleware. Its error is [*Errors], of status 400 (414 for a query
// that is too long), whose answer names all faults: any middleware of the toolkit
// sends it, and so does the ErrorHandler of package echov4 or echov5.
//
// On routes that a [Plugin] serves, the values that replaced faulty ones
// (invalid:"default") are written to the Params, so that the browser's URL is
// corrected; and with Config.Canonical the error may be a [*RedirectError],
// which sends the browser to the canonical URL with status 308.
func (s *Schema[T]) Bind(c middleware.Context) (T, error) {
	v := new(T)
	err := s.plan.bind(c, v)
	return *v, err
}

// bind is Bind into v, a pointer to a zero struct.
func (p *plan) bind(c middleware.Context, v any) error {
	r := c.Request()
	raw := queryOf(r)
	defaulted, errs := p.read(raw, v)
	if errs != nil {
		return answer(c, errs)
	}
	if raw != "" {
		if to := p.correctURL(r, raw, v, defaulted); to != "" {
			return &RedirectError{URL: to}
		}
	}
	return nil
}

// answer is err after the plugin's OnError.
func answer(c middleware.Context, err error) error {
	ctx := c.Request().Context()
	if p := pluginOf(ctx); p != nil && p.cfg.OnError != nil {
		if errs, ok := errors.AsType[*Errors](err); ok {
			if own := p.cfg.OnError(ctx, errs); own != nil {
				err = own
			}
		}
	}
	return err
}

// Bind reads the query of c's request into a T by the schema of the zero
// [SchemaConfig], compiled on first use. A T that cannot be a schema is a
// [*SchemaError], which is answered with 500 and logged once. See
// [Schema.Bind].
func Bind[T any](c middleware.Context) (T, error) {
	s, err := schemaOf[T]()
	if err != nil {
		var zero T
		return zero, err
	}
	return s.Bind(c)
}

// Get reads one parameter of c's request by the rules of a schema's field: T is
// any type that a field may have, except a struct with fields of its own; for a
// slice it reads all values, and nil if there are none. It costs one allocation
// besides those of T's own texts and lists. Errors are as for [Schema.Bind]; a
// T or a Param that cannot work is a [*SchemaError], which is answered with 500
// and logged once for each T.
func Get[T any](c middleware.Context, name string, param Param[T]) (T, error) {
	v, err := lookup(queryOf(c.Request()), name, param)
	if err != nil {
		return v, answer(c, err)
	}
	return v, nil
}

// Remember binds the parameters of s to a memory, which state finds for a
// request: sessionstate.From, if the memory is a key of the session.
func Remember[T, S any](s *Schema[T], m Memory[T, S], state func(middleware.Context) S, cfg RememberConfig) (*Remembered[T, S], error) {
	r, err := remember(s, m, cfg)
	if err == nil && state == nil {
		err = errors.New("queryparams: Remember needs the function that finds the state of a request")
	}
	if err != nil {
		return nil, err
	}
	r.state = state
	return r, nil
}

// Bind is [Schema.Bind] with the memory: [Remembered] says where the values come
// from. On routes that a [Plugin] serves, the browser's URL gets what came from the
// memory. It never redirects. Its error may also be one of the memory's.
func (r *Remembered[T, S]) Bind(c middleware.Context) (T, error) {
	var zero T
	ctx := c.Request().Context()
	raw := queryOf(c.Request())
	v, defaulted, seeds, err := r.read(raw, func() S { return r.state(c) })
	if err != nil {
		return zero, answer(c, err)
	}
	show(ctx, seeds)
	if len(defaulted) > 0 {
		if params, err := FromContext(ctx); err == nil {
			if own, err := r.schema.Encode(*v); err == nil {
				params.repair(r.schema.plan, own, defaulted)
			}
		}
	}
	if r.cfg.Follow && raw != "" && len(seeds) == 0 {
		if entries, err := parseEntries(raw, r.schema.plan.cfg.Limits.forRetained()); err == nil && slices.ContainsFunc(entries, r.owns) {
			if err := r.keep(r.state(c), *v); err != nil {
				return zero, err
			}
		}
	}
	return *v, nil
}

// Link is the URL of the page that c's request asked for, on this host, with v
// after the edits, followed by what SchemaConfig.Retain takes over from the
// request's query and from what was written to its [Params]. Edits get a shallow
// copy of v: they may replace lists, pointers and maps, and must not change what
// is in them. Its error is an [*EncodeError].
func (s *Schema[T]) Link(c middleware.Context, v T, edits ...func(*T)) (string, error) {
	for _, edit := range edits {
		edit(&v)
	}
	r := c.Request()
	return s.plan.link(r.URL, queryOf(r), &v)
}

// Redirect answers with the page's own URL and what was written to its
// [Params]: 303 (POST, redirect, GET), or HX-Redirect to htmx. The URL is
// always on this host.
func Redirect(c middleware.Context) error {
	p, err := From(c)
	if err != nil {
		return err
	}
	w := middleware.Response(c)
	if isFragment(c.Request()) {
		w.Header().Set(hxRedirect, p.URL())
		w.WriteHeader(http.StatusOK)
		return nil
	}
	w.Header().Set("Location", p.URL())
	w.WriteHeader(http.StatusSeeOther)
	return nil
}
