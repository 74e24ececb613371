// Code generated from adopt/adopt_test.go by the steps of docs/echo-v5.md. DO NOT EDIT.

package adopt_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/labstack/echo/v5"

	"github.com/reecho-go/reecho/examples/echov5/adopt/after"
	"github.com/reecho-go/reecho/examples/echov5/adopt/before"
	"github.com/reecho-go/reecho/examples/echov5/adopt/route"
)

func get(e *echo.Echo, path string) (int, string) {
	rec := httptest.NewRecorder()
	e.ServeHTTP(rec, httptest.NewRequest(http.MethodGet, path, http.NoBody))
	return rec.Code, rec.Body.String()
}

func TestAllAnswerAlike(t *testing.T) {
	plain, cached, replayed := before.New(), after.New(), route.New()
	for _, path := range []string{"/report/2001", "/report/2002", "/report/2001", "/report/x", "/report/2001", "/nowhere"} {
		status, body := get(plain, path)
		cachedStatus, cachedBody := get(cached, path)
		if status != cachedStatus || body != cachedBody {
			t.Errorf("%s: plain %d %s, cached %d %s", path, status, body, cachedStatus, cachedBody)
		}
		if status2, body2 := get(replayed, path); status != status2 || body != body2 {
			t.Errorf("%s: plain %d %s, replayed %d %s", path, status, body, status2, body2)
		}
	}
	if before.Queries != 4 || after.Queries != 2 || route.Queries != 2 {
		t.Errorf("the plain app asked %d times, the one with a cached query %d, the one with cached responses %d; want 4, 2 and 2", before.Queries, after.Queries, route.Queries)
	}
}

func TestTheDifferenceIsSmall(t *testing.T) {
	t.Parallel()
	read := func(path string) []string {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		// the first two lines name the package
		return strings.Split(string(b), "\n")[2:]
	}
	for _, with := range []string{"after/app.go", "route/app.go"} {
		a, b := read("before/app.go"), read(with)
		changed := len(without(a, b)) + len(without(b, a))
		if changed == 0 || changed > 15 {
			t.Errorf("%s: %d lines differ, want 1 to 15", with, changed)
		}
	}
}

// without returns the lines of a that are not in b, each as often as it is missing.
func without(a, b []string) []string {
	b = slices.Clone(b)
	var out []string
	for _, line := range a {
		if i := slices.Index(b, line); i >= 0 {
			b = slices.Delete(b, i, i+1)
		} else {
			out = append(out, line)
		}
	}
	return out
}
