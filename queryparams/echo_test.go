package queryparams_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/labstack/echo/v4"

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

func TestQ21_BareEchoAnswers400AndNamesAllParameters(t *testing.T) {
	t.Parallel()
	e := echo.New()
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

func TestQ26_BindSeesWritesToParams(t *testing.T) {
	t.Parallel()
	e := echo.New()
	e.Use(queryparams.Must(queryparams.New(queryparams.Config{})).Middleware())
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
		if f.Page != 3 || queryparams.GetOr(c, "page", 0) != 3 {
			t.Errorf("Bind page = %d, GetOr = %d, want the 3 that was set", f.Page, queryparams.GetOr(c, "page", 0))
		}
		return c.NoContent(http.StatusNoContent)
	})
	rec := get(t, e, "/?page=2&x=1", "HX-Request", "true")
	if got, want := rec.Header().Get("HX-Replace-Url"), "/?page=3&x=1"; got != want || rec.Code != http.StatusNoContent {
		t.Errorf("HX-Replace-Url = %q, status %d; want %q", got, rec.Code, want)
	}
}
