package ctxinfo

import (
	"net/http"
	"reflect"

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

// Begin implements middleware.Beginner: it leaves the plugin in the request's
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

// IPExtractor returns a function for Echo.IPExtractor of echo v4 and v5, so
// that Context.RealIP returns what [Info.IP] does, as a text; empty if there is
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

// From returns the Info of c's request. It is never nil and never panics:
// without the middleware it is one by the zero Config, and without a request
// one that knows nothing. The first call for a request copies its headers;
// later ones take some 30 ns.
func From(c middleware.Context) *Info {
	if c == nil {
		return FromRequest(nil)
	}
	return FromRequest(c.Request())
}
