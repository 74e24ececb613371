package echov4_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/labstack/echo/v4"

	"github.com/reecho-go/reecho/echov4"
	"github.com/reecho-go/reecho/middleware"
)

type fault struct{ p middleware.Problem }

func (fault) Error() string                 { return "fault" }
func (fault) StatusCode() int               { return http.StatusBadRequest }
func (f fault) Problem() middleware.Problem { return f.p }

func TestTheTextOfAnEchoErrorSpellsOutNoStruct(t *testing.T) {
	t.Parallel()
	err := echov4.HTTPError(fault{middleware.Problem{Title: "Invalid query", Errors: []middleware.ProblemItem{{Parameter: "page", Code: "type", Detail: "cannot be read", Value: new("x")}}}})
	if got, want := err.Error(), "code=400, message=Invalid query, internal=fault"; got != want {
		t.Errorf("the text is %q, want %q", got, want)
	}
}

// A context that is none of echo v4's, such as one of the other echo.
func TestAWrapperMustPassOnItsContext(t *testing.T) {
	t.Parallel()
	e := echo.New()
	e.Logger.SetOutput(io.Discard)
	e.Use(echov4.Use(&stranger{}))
	e.GET("/", func(c echo.Context) error { return c.NoContent(http.StatusNoContent) })
	rec := httptest.NewRecorder()
	e.ServeHTTP(rec, httptest.NewRequest(http.MethodGet, "/", http.NoBody))
	if rec.Code != http.StatusInternalServerError {
		t.Errorf("status = %d, want 500", rec.Code)
	}
}

type stranger struct{}

func (*stranger) Name() string { return "stranger" }
func (*stranger) Wrap(next middleware.Handler) middleware.Handler {
	return func(c middleware.Context) error { return next(middleware.ContextOf(c.Request())) }
}

// echo v4 answers 500 to what it does not know, and the ways out of that.
func TestAnErrorOfOursOnABareEcho(t *testing.T) {
	t.Parallel()
	ours := fault{middleware.Problem{Detail: "of ours"}}
	for name, tt := range map[string]struct {
		handler echo.HTTPErrorHandler
		err     error
		mws     []echo.MiddlewareFunc
		status  int
	}{
		"alone":                   {nil, ours, nil, 500},
		"HTTPError":               {nil, echov4.HTTPError(ours), nil, 400},
		"ErrorHandler":            {echov4.ErrorHandler(nil), ours, nil, 400},
		"any plugin":              {nil, ours, []echo.MiddlewareFunc{echov4.Use(&named{})}, 400},
		"overruled":               {echov4.ErrorHandler(nil), echo.NewHTTPError(409).SetInternal(ours), nil, 409},
		"overruled, in a plugin":  {nil, echo.NewHTTPError(409).SetInternal(ours), []echo.MiddlewareFunc{echov4.Use(&named{})}, 409},
		"marked, and in a plugin": {nil, echov4.HTTPError(ours), []echo.MiddlewareFunc{echov4.Use(&named{})}, 400},
	} {
		e := echo.New()
		e.Logger.SetOutput(io.Discard)
		if tt.handler != nil {
			e.HTTPErrorHandler = tt.handler
		}
		e.Use(tt.mws...)
		e.GET("/", func(echo.Context) error { return tt.err })
		rec := httptest.NewRecorder()
		e.ServeHTTP(rec, httptest.NewRequest(http.MethodGet, "/", http.NoBody))
		if rec.Code != tt.status {
			t.Errorf("%s: %d %s, want %d", name, rec.Code, rec.Body, tt.status)
		}
	}
}

type named struct{}

func (*named) Name() string { return "named" }
