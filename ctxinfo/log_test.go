package ctxinfo_test

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/labstack/echo/v4"
	echomw "github.com/labstack/echo/v4/middleware"

	"github.com/reecho-go/reecho/ctxinfo"
	"github.com/reecho-go/reecho/echov4"
	"github.com/reecho-go/reecho/middleware"
)

var errNotFound = echo.NewHTTPError(http.StatusNotFound, "no such page")

// logIP is a request log that reads the address when the handler is done.
func logIP(read func(in *ctxinfo.Info)) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			err := next(c)
			read(ctxinfo.From(c))
			return err
		}
	}
}

// localized answers errors in the visitor's language.
type localized struct{ e *echo.Echo }

func (l *localized) answer(err error, c echo.Context) {
	c.Response().Header().Set("Content-Language", ctxinfo.From(c).Locale().String())
	l.e.DefaultHTTPErrorHandler(err, c)
}

func TestLogsShapeNoResponse(t *testing.T) {
	t.Parallel()
	ip := func(in *ctxinfo.Info) { in.IP() }
	fails := func(echo.Context) error { return errNotFound }
	const byLanguage, byAddress = "Accept-Language, Cookie", "X-Forwarded-For"
	tests := []struct {
		name    string
		outer   []echo.MiddlewareFunc // around the plugin
		inner   []echo.MiddlewareFunc // between it and the handler
		errors  func(e *echo.Echo)
		handler echo.HandlerFunc
		status  int
		vary    string
	}{
		{name: "no log", handler: fails, status: 404},
		{name: "an outer log", outer: []echo.MiddlewareFunc{logIP(ip)}, handler: fails, status: 404},
		{name: "an outer log of a page", outer: []echo.MiddlewareFunc{logIP(ip)}, handler: func(c echo.Context) error { return c.NoContent(200) }, status: 200},
		{name: "an outer log of an empty answer", outer: []echo.MiddlewareFunc{logIP(ip)}, handler: func(echo.Context) error { return nil }, status: 200},
		{name: "an outer log of all headers", outer: []echo.MiddlewareFunc{logIP(func(in *ctxinfo.Info) {
			_ = maps.Collect(in.Headers().All())
			in.Headers().Get("X-Thing")
			in.Cookies().Get("a")
		})}, handler: fails, status: 404},
		{name: "an outer log that waits in a goroutine", outer: []echo.MiddlewareFunc{logIP(func(in *ctxinfo.Info) {
			var wg sync.WaitGroup
			wg.Go(func() { in.IP() })
			wg.Wait()
		})}, handler: fails, status: 404},
		{name: "an outer log that defers", outer: []echo.MiddlewareFunc{func(next echo.HandlerFunc) echo.HandlerFunc {
			return func(c echo.Context) error {
				defer func() { ctxinfo.From(c).IP() }()
				return next(c)
			}
		}}, handler: fails, status: 404},
		{name: "an outer log of a panic", outer: []echo.MiddlewareFunc{echomw.Recover(), func(next echo.HandlerFunc) echo.HandlerFunc {
			return func(c echo.Context) error {
				defer func() { ctxinfo.From(c).IP() }()
				return next(c)
			}
		}}, handler: func(echo.Context) error { panic("oops") }, status: 500},
		{name: "an outer log of an error that knows its answer", outer: []echo.MiddlewareFunc{logIP(ip)}, handler: func(echo.Context) error { return gone{} }, status: 410},
		{name: "an outer log before the handler", outer: []echo.MiddlewareFunc{func(next echo.HandlerFunc) echo.HandlerFunc {
			return func(c echo.Context) error {
				ctxinfo.From(c).IP()
				return next(c)
			}
		}}, handler: fails, status: 404},
		{name: "echo's own log, which has errors answered first", outer: []echo.MiddlewareFunc{logIP(ip), echomw.RequestLoggerWithConfig(echomw.RequestLoggerConfig{
			HandleError: true, LogValuesFunc: func(c echo.Context, _ echomw.RequestLoggerValues) error { ctxinfo.From(c).IP(); return nil },
		})}, handler: fails, status: 404},
		{name: "echo's own log, which does not", outer: []echo.MiddlewareFunc{echomw.RequestLoggerWithConfig(echomw.RequestLoggerConfig{
			LogValuesFunc: func(c echo.Context, _ echomw.RequestLoggerValues) error { ctxinfo.From(c).IP(); return nil },
		})}, handler: fails, status: 404},

		{name: "what the handler read stays", outer: []echo.MiddlewareFunc{logIP(ip)}, handler: func(c echo.Context) error {
			ctxinfo.From(c).Locale()
			return errNotFound
		}, status: 404, vary: byLanguage},
		{name: "what the handler read in a deferred function stays", outer: []echo.MiddlewareFunc{logIP(ip)}, handler: func(c echo.Context) error {
			defer func() { ctxinfo.From(c).Locale() }()
			return errNotFound
		}, status: 404, vary: byLanguage},
		{name: "what an error handler reads counts", outer: []echo.MiddlewareFunc{logIP(ip)}, errors: func(e *echo.Echo) {
			e.HTTPErrorHandler = func(err error, c echo.Context) {
				ctxinfo.From(c).Locale()
				e.DefaultHTTPErrorHandler(err, c)
			}
		}, handler: fails, status: 404, vary: byLanguage},
		{name: "what an error handler that is a method reads counts", outer: []echo.MiddlewareFunc{logIP(ip)}, errors: func(e *echo.Echo) {
			e.HTTPErrorHandler = (&localized{e}).answer
		}, handler: fails, status: 404, vary: byLanguage},
		{name: "what an error handler within ours reads counts", outer: []echo.MiddlewareFunc{logIP(ip)}, errors: func(e *echo.Echo) {
			e.HTTPErrorHandler = echov4.ErrorHandler((&localized{e}).answer)
		}, handler: fails, status: 404, vary: byLanguage},
		{name: "what an error handler reads after a panic counts", outer: []echo.MiddlewareFunc{echomw.Recover()}, errors: func(e *echo.Echo) {
			e.HTTPErrorHandler = (&localized{e}).answer
		}, handler: func(echo.Context) error { panic("oops") }, status: 500, vary: byLanguage},
		{name: "what an error handler reads that a middleware calls counts", outer: []echo.MiddlewareFunc{logIP(ip), func(next echo.HandlerFunc) echo.HandlerFunc {
			return func(c echo.Context) error {
				err := next(c)
				ctxinfo.From(c).IP()
				c.Error(err)
				return err
			}
		}}, errors: func(e *echo.Echo) { e.HTTPErrorHandler = (&localized{e}).answer }, handler: fails, status: 404, vary: byLanguage},
		{name: "what an outer middleware reads that answers counts", outer: []echo.MiddlewareFunc{func(next echo.HandlerFunc) echo.HandlerFunc {
			return func(c echo.Context) error {
				if next(c) != nil {
					return c.String(http.StatusNotFound, ctxinfo.From(c).Locale().String())
				}
				return nil
			}
		}}, handler: fails, status: 404, vary: byLanguage},

		{name: "an inner log", inner: []echo.MiddlewareFunc{logIP(func(in *ctxinfo.Info) { in.ForLog().IP() })}, handler: fails, status: 404},
		{name: "an inner log that is no log to us", inner: []echo.MiddlewareFunc{logIP(ip)}, handler: fails, status: 404, vary: byAddress},
		{name: "an inner log of the whole Info", inner: []echo.MiddlewareFunc{logIP(func(in *ctxinfo.Info) {
			slog.New(slog.DiscardHandler).Info("request", "visitor", in)
			in.LogValue()
			_ = fmt.Sprint(in)
		})}, handler: fails, status: 404},
		{name: "everything for a log", handler: func(c echo.Context) error {
			in := ctxinfo.From(c).ForLog()
			for _, read := range everyFacet {
				read(in)
			}
			for f := ctxinfo.FacetIP; f <= ctxinfo.FacetPageURL; f++ {
				in.Source(f)
			}
			_ = maps.Collect(in.Headers().All())
			in.ForLog().Hops()
			return c.NoContent(200)
		}, status: 200},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			e := echo.New()
			e.Logger.SetOutput(new(strings.Builder))
			if tt.errors != nil {
				tt.errors(e)
			}
			e.Use(tt.outer...)
			e.Use(echov4.Use(mustNew(t, behindPrivate())))
			e.Use(tt.inner...)
			e.GET("/", tt.handler)
			w := httptest.NewRecorder()
			e.ServeHTTP(w, withURL(t, request(xff, wanted, "Accept-Language", "de", "Accept", "application/json"), "/"))
			res := w.Result()
			if res.StatusCode != tt.status {
				t.Errorf("status = %d, want %d", res.StatusCode, tt.status)
			}
			if got := res.Header.Get("Vary"); got != tt.vary {
				t.Errorf("Vary = %q, want %q", got, tt.vary)
			}
			if got := res.Header.Get("Cache-Control"); (got == "private") != (tt.vary != "") {
				t.Errorf("Cache-Control = %q", got)
			}
		})
	}
}

// gone is an error that the Stack answers itself.
type gone struct{}

func (gone) Error() string   { return "gone" }
func (gone) StatusCode() int { return http.StatusGone }
func (gone) Problem() middleware.Problem {
	return middleware.Problem{Title: "gone"}
}

// What is read for a log is what the handler reads.
func TestForLogIsTheSameVisitor(t *testing.T) {
	t.Parallel()
	in := mustNew(t, behindPrivate()).FromRequest(request(xff, wanted, "X-Request-Id", "12345678", "Cookie", "a=1"))
	log := in.ForLog()
	if got, want := log.RequestID()+log.IP().String()+fmt.Sprint(log), in.RequestID()+in.IP().String()+fmt.Sprint(in); got != want {
		t.Errorf("for a log the visitor is %s, else %s", got, want)
	}
	if log.ForLog() != log || in.ForLog() != log {
		t.Error("ForLog() is another one each time")
	}
}

// A log may outlive the request, and the handler that failed.
func TestLogsAfterAFailedRequest(t *testing.T) {
	t.Parallel()
	var kept *ctxinfo.Info
	e := echo.New()
	e.Use(logIP(func(in *ctxinfo.Info) { kept = in }), echov4.Use(mustNew(t, behindPrivate())))
	e.GET("/", func(echo.Context) error { return errors.New("oops") })
	e.Logger.SetOutput(new(strings.Builder))
	e.ServeHTTP(httptest.NewRecorder(), withURL(t, request(xff, wanted), "/"))
	if got := kept.IP().String(); got != wanted {
		t.Errorf("IP() = %s, want %s", got, wanted)
	}
}
