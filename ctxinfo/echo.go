package ctxinfo

import (
	"net/http"
	"reflect"

	"github.com/labstack/echo/v4"

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
func (p *Plugin) Begin(c echo.Context) error {
	scope.Fill(c.Request().Context(), scope.Info, p)
	p.ask(c.Response().Header())
	return nil
}

// End implements middleware.Ender: what is read after the handler has failed
// counts only if echo's error handler, or whoever else answers, reads it.
func (p *Plugin) End(c echo.Context, err error) error {
	if err == nil {
		return nil
	}
	by := answerer{functionName(reflect.ValueOf(c.Echo().HTTPErrorHandler).Pointer())}
	scope.Update(c.Request().Context(), scope.Info, func(held any) any {
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

// Middleware makes p work alone, outside a middleware.Stack.
func (p *Plugin) Middleware() echo.MiddlewareFunc { return middleware.Alone(p) }

// IPExtractor makes echo's Context.RealIP tell the address that Info.IP tells:
// set it as Echo.IPExtractor.
func (p *Plugin) IPExtractor() echo.IPExtractor {
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
func From(c echo.Context) *Info {
	if c == nil {
		return FromRequest(nil)
	}
	return FromRequest(c.Request())
}
