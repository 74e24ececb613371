package ctxinfo

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"reflect"
	"sync"

	"github.com/reecho-go/reecho/internal/commit"
	"github.com/reecho-go/reecho/internal/host"
	"github.com/reecho-go/reecho/internal/scope"
	"github.com/reecho-go/reecho/middleware"
)

var (
	_ middleware.Beginner  = (*Plugin)(nil)
	_ middleware.Ender     = (*Plugin)(nil)
	_ middleware.Committer = (*Plugin)(nil)
	_ middleware.OnDemand  = (*Plugin)(nil)
)

// Begin implements middleware.Beginner: it stores the plugin in the request's
// scope and parses nothing.
func (p *Plugin) Begin(c middleware.Context) error {
	scope.Fill(c.Request().Context(), scope.Info, p)
	if p.cfg.HintTheme {
		p.ask(middleware.Response(c).Header())
	}
	return nil
}

// End implements middleware.Ender: what is read after the handler has failed
// counts only if the framework's error handler, or whoever else answers, reads it.
func (p *Plugin) End(c middleware.Context, err error) error {
	if err == nil {
		return nil
	}
	ctx := c.Request().Context()
	var by answerer
	if h, own := host.Of(ctx); h != nil {
		if f := reflect.ValueOf(h.ErrorHandler(own)); f.Kind() == reflect.Func {
			by.function = functionName(f.Pointer())
		}
	}
	scope.Update(ctx, scope.Info, func(held any) any {
		switch held := held.(type) {
		case *Info:
			if held.plugin == p {
				held.failed.Store(&by)
			}
		case *Plugin:
			if held == p {
				return &failure{p, by}
			}
		}
		return held
	})
	return err
}

// IPExtractor returns a function for Echo.IPExtractor of echo v4 and v5, so that
// Context.RealIP returns the address of [Info.IP] as text, or "" if there is
// none.
func (p *Plugin) IPExtractor() func(*http.Request) string {
	return func(r *http.Request) string {
		ip := p.ClientIP(r)
		if !ip.IsValid() {
			return ""
		}
		return ip.String()
	}
}

// From returns the Info of c's request. It is never nil, and From never panics:
// without the middleware the Info uses the zero Config, and without a request it
// has no facts. The first call for a request copies its headers; later ones take
// some 30 ns.
func From(c middleware.Context) *Info {
	if c == nil {
		return FromRequest(nil)
	}
	return FromRequest(c.Request())
}

// failure replaces the plugin in the scope of a request whose handler has failed
// without reading an Info.
type failure struct {
	plugin *Plugin
	answerer
}

// fallback is the plugin of requests without one; it trusts nobody.
var fallback = sync.OnceValue(func() *Plugin { return Must(New(Config{})) })

// FromContext returns the Info of the request that ctx belongs to. It is never
// nil, and FromContext never panics: without the middleware, and in a load whose
// result all visitors share, the Info has no facts. The first call for a request
// copies its headers; later ones take some 30 ns.
func FromContext(ctx context.Context) *Info {
	if ctx != nil {
		if in, err := scope.Get(ctx, scope.Info, build); err == nil {
			return in
		}
	}
	return newInfo(fallback(), nil)
}

// build makes the Info of a request scope whose slot holds the plugin.
func build(r *scope.Request, filled any) *Info {
	// Once the headers have been sent, Vary cannot be changed any more.
	_ = commit.Request(r.HTTP.Context())
	if f, ok := filled.(*failure); ok {
		in := newInfo(f.plugin, &r.HTTP)
		in.failed.Store(&f.answerer)
		return in
	}
	return newInfo(filled.(*Plugin), &r.HTTP)
}

// FromRequest returns the Info of r: that of its context or, without the
// middleware, a new one that uses the zero Config. It is never nil, and
// FromRequest never panics.
func FromRequest(r *http.Request) *Info {
	if r == nil {
		return newInfo(fallback(), nil)
	}
	in, err := scope.Get(r.Context(), scope.Info, build)
	switch {
	case err == nil:
		return in
	case errors.Is(err, scope.ErrVisitorInGlobalLoad):
		return newInfo(fallback(), nil)
	}
	return newInfo(fallback(), r)
}

// FromRequest returns a new Info of r that uses the plugin's configuration. Use
// it in servers and tests without echo. It neither reads nor changes r's context,
// and sets no response headers.
func (p *Plugin) FromRequest(r *http.Request) *Info { return newInfo(p, r) }

// HTTPS reports whether the client of r uses HTTPS, by the plugin's
// configuration. It is [Info.Scheme] == "https" without an Info.
func (p *Plugin) HTTPS(r *http.Request) bool { return newInfo(p, r).Scheme() == "https" }

// ClientIP returns the client's address of r by the plugin's configuration, or
// the zero Addr if there is none. Use it in a rate limiter or as echo's
// IPExtractor. It allocates nothing if the headers are well formed.
func (p *Plugin) ClientIP(r *http.Request) netip.Addr {
	var read fields
	return p.walk(p.trusted.Load(), r.RemoteAddr, r.Header, &read, nil).ip
}
