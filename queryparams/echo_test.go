package queryparams_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/labstack/echo/v4"

	"github.com/reecho-go/reecho/echov4"
	"github.com/reecho-go/reecho/internal/scope"
	"github.com/reecho-go/reecho/middleware"
	"github.com/reecho-go/reecho/middleware/plugintest"
	"github.com/reecho-go/reecho/queryparams"
)

func get(t *testing.T, e *echo.Echo, target string, header ...string) *httptest.ResponseRecorder {
	t.Helper()
	return send(t, e, http.MethodGet, target, header...)
}

func send(t *testing.T, e *echo.Echo, method, target string, header ...string) *httptest.ResponseRecorder {
	t.Helper()
	req := httptest.NewRequestWithContext(t.Context(), method, target, http.NoBody)
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	rec := httptest.NewRecorder()
	e.ServeHTTP(rec, req)
	return rec
}

type body struct {
	Status int
	Title  string
	Errors []struct{ Parameter, Path, Code, Detail, Value, Expected string }
}

func TestTheErrorHandlerAnswers400AndNamesAllParameters(t *testing.T) {
	t.Parallel()
	e := echo.New()
	e.HTTPErrorHandler = echov4.ErrorHandler(nil)
	e.GET("/", func(c echo.Context) error {
		f, err := filters.Bind(c)
		if err != nil {
			return err
		}
		return c.JSON(http.StatusOK, f)
	})
	rec := get(t, e, "/?page=x&size=7&ids=1,y")
	var got body
	if err := json.Unmarshal(rec.Body.Bytes(), &got); err != nil {
		t.Fatalf("body %q: %v", rec.Body, err)
	}
	var names []string
	for _, e := range got.Errors {
		names = append(names, e.Parameter+" "+e.Code)
	}
	want := []string{"page type", "size enum", "ids type"}
	if d := cmp.Diff(want, names); d != "" || rec.Code != http.StatusBadRequest || got.Status != http.StatusBadRequest {
		t.Errorf("status %d, errors (-want +got):\n%s", rec.Code, d)
	}
	if rec := get(t, e, "/?page=2"); rec.Code != http.StatusOK {
		t.Errorf("status of a good query = %d", rec.Code)
	}
	if rec := send(t, e, http.MethodHead, "/?page=x"); rec.Body.Len() != 0 {
		t.Errorf("HEAD has a body: %q", rec.Body)
	}
}

func TestAnswersByAcceptAndStatus(t *testing.T) {
	t.Parallel()
	e := echo.New()
	e.Use(echov4.Use(queryparams.Must(queryparams.New(queryparams.Config{}))))
	e.GET("/bind", func(c echo.Context) error { _, err := queryparams.Bind[Filter](c); return err })
	e.GET("/get", func(c echo.Context) error {
		_, err := queryparams.Get(c, "page", queryparams.Param[int]{Required: true})
		return err
	})
	e.GET("/all", func(c echo.Context) error {
		_, err := queryparams.Get(c, "page", queryparams.Param[[]int]{})
		return err
	})
	e.GET("/params", func(c echo.Context) error { _, err := queryparams.From(c); return err })
	e.GET("/bad", func(c echo.Context) error {
		_, err := queryparams.Bind[struct {
			C chan int `query:"c"`
		}](c)
		return err
	})
	tests := []struct {
		target, accept string
		status         int
		contentType    string
		contains       string
	}{
		{"/bind?page=%3Cb%3E", "", 400, "application/problem+json", `"parameter":"page"`},
		{"/bind?page=%3Cb%3E", "text/html", 400, "text/html; charset=utf-8", "&lt;b&gt;"},
		{"/get", "", 400, "application/problem+json", `"code":"missing"`},
		{"/all?page=1&page=x", "", 400, "application/problem+json", `"path":"page[1]"`},
		{"/bind?" + strings.Repeat("&", 9000), "", 414, "application/problem+json", `"code":"limit_bytes"`},
		{"/params?" + strings.Repeat("&", 9000), "", 414, "application/problem+json", `"code":"limit_bytes"`},
		{"/bind?" + strings.Repeat("a&", 300), "", 400, "application/problem+json", `"code":"limit_pairs"`},
		{"/bad", "", 500, "application/json", "Internal Server Error"}, // of echo
	}
	for _, tt := range tests {
		rec := get(t, e, tt.target, "Accept", tt.accept)
		if rec.Code != tt.status || rec.Header().Get("Content-Type") != tt.contentType || !strings.Contains(rec.Body.String(), tt.contains) {
			t.Errorf("%.40s (%s): %d %s %s; want %d, %s with %s", tt.target, tt.accept, rec.Code, rec.Header().Get("Content-Type"), rec.Body, tt.status, tt.contentType, tt.contains)
		}
	}
	if rec := get(t, e, "/bad"); strings.Contains(rec.Body.String(), "chan") {
		t.Errorf("the client is told about the type: %s", rec.Body)
	}
}

func TestQueryIsTheOnlySource(t *testing.T) {
	t.Parallel()
	e := echo.New()
	e.POST("/:page", func(c echo.Context) error {
		f, err := filters.Bind(c)
		if err != nil {
			return err
		}
		return c.String(http.StatusOK, strconv.Itoa(f.Page)+c.Param("page"))
	})
	req := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/8?page=2", strings.NewReader("page=9"))
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	rec := httptest.NewRecorder()
	e.ServeHTTP(rec, req)
	if rec.Body.String() != "28" {
		t.Errorf("body = %q, want the query's 2 and the path's 8", rec.Body)
	}
}

func TestParamsWithoutAPlugin(t *testing.T) {
	t.Parallel()
	if _, err := queryparams.FromContext(t.Context()); !errors.Is(err, queryparams.ErrNoPlugin) {
		t.Errorf("error = %v, want ErrNoPlugin", err)
	}
}

func TestParamsAreMaskedInAGlobalLoad(t *testing.T) {
	t.Parallel()
	e := page(t, func(_ *queryparams.Params, c echo.Context) error {
		ctx := scope.Hide(c.Request().Context())
		if _, err := queryparams.FromContext(ctx); !errors.Is(err, scope.ErrVisitorInGlobalLoad) {
			t.Errorf("error = %v, want ErrVisitorInGlobalLoad", err)
		}
		if err := ctx.Violation(); err == nil {
			t.Error("the load's owner does not learn of the attempt")
		}
		return nil
	})
	get(t, e, "/")
}

func TestPluginKeepsTheHostsRules(t *testing.T) {
	t.Parallel()
	plugintest.Run(t, func(testing.TB) middleware.Plugin { return queryparams.Must(queryparams.New(queryparams.Config{})) })
}

func TestNewReportsAllProblems(t *testing.T) {
	t.Parallel()
	_, err := queryparams.New(queryparams.Config{Reserved: []string{"", "a", ""}})
	if err == nil || !strings.Contains(err.Error(), "Reserved[0]") || !strings.Contains(err.Error(), "Reserved[2]") {
		t.Errorf("error = %v, want both empty keys named", err)
	}
}

func TestReservedKeysAreConfigurable(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		reserved []string
		want     string
	}{{nil, "k"}, {[]string{}, "embed k"}, {[]string{"K"}, "embed"}} {
		e := echo.New()
		e.Use(echov4.Use(queryparams.Must(queryparams.New(queryparams.Config{Reserved: tt.reserved}))))
		e.GET("/", func(c echo.Context) error {
			p, err := queryparams.From(c)
			if err != nil {
				return err
			}
			var keys []string
			for key := range p.Items() {
				keys = append(keys, key)
			}
			return c.String(http.StatusOK, strings.Join(keys, " "))
		})
		if got := get(t, e, "/?embed=1&k=2").Body.String(); got != tt.want {
			t.Errorf("Reserved %q: keys %q, want %q", tt.reserved, got, tt.want)
		}
	}
}

func TestBindSeesWritesToParams(t *testing.T) {
	t.Parallel()
	e := echo.New()
	e.Use(echov4.Use(queryparams.Must(queryparams.New(queryparams.Config{}))))
	e.GET("/", func(c echo.Context) error {
		p, err := queryparams.From(c)
		if err != nil {
			return err
		}
		if err := p.Set("page", 3); err != nil {
			return err
		}
		f, err := queryparams.Bind[Filter](c)
		if err != nil {
			return err
		}
		if n, err := queryparams.Get(c, "page", queryparams.Param[int]{}); f.Page != 3 || n != 3 || err != nil {
			t.Errorf("Bind page = %d, Get = %d, %v, want the 3 that was set", f.Page, n, err)
		}
		return c.NoContent(http.StatusNoContent)
	})
	rec := get(t, e, "/?page=2&x=1", "HX-Request", "true")
	if got, want := rec.Header().Get("HX-Replace-Url"), "/?page=3&x=1"; got != want || rec.Code != http.StatusNoContent {
		t.Errorf("HX-Replace-Url = %q, status %d; want %q", got, rec.Code, want)
	}
}
