package cacheresource_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"

	"github.com/reecho-go/reecho/cacheresource"
	"github.com/reecho-go/reecho/echov4"
)

func TestClearHandler(t *testing.T) {
	t.Parallel()
	if _, err := echov4.ClearHandler(cacheresource.Default(), nil); err == nil {
		t.Error("a nil authorize is no error")
	}
	for _, tt := range []struct {
		name      string
		method    string
		query     string
		header    map[string]string
		authorize error
		status    int
		cleared   string // which of the resources a and b are opened anew afterwards
	}{
		{name: "all", method: http.MethodPost, status: http.StatusNoContent, cleared: "ab"},
		{name: "one", method: http.MethodPost, query: "?resource=b", status: http.StatusNoContent, cleared: "b"},
		{name: "unknown", method: http.MethodPost, query: "?resource=c", status: http.StatusNotFound},
		{name: "an empty name", method: http.MethodPost, query: "?resource=", status: http.StatusBadRequest},
		{name: "two names", method: http.MethodPost, query: "?resource=a&resource=b", status: http.StatusBadRequest},
		{name: "a tag", method: http.MethodPost, query: "?resource=a&tag=x", status: http.StatusBadRequest},
		{name: "a bad escape", method: http.MethodPost, query: "?resource=%zz", status: http.StatusBadRequest},
		{name: "GET", method: http.MethodGet, status: http.StatusMethodNotAllowed},
		{name: "another site", method: http.MethodPost, header: map[string]string{"Sec-Fetch-Site": "cross-site"}, status: http.StatusForbidden},
		{name: "not allowed", method: http.MethodPost, authorize: errors.New("secret reason"), status: http.StatusForbidden},
		{name: "not logged in", method: http.MethodPost, authorize: echo.ErrUnauthorized, status: http.StatusUnauthorized},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			g, err := cacheresource.NewGroup("handled", cacheresource.GroupConfig{})
			must(t, err)
			t.Cleanup(func() { must(t, g.Close(context.WithoutCancel(t.Context()))) })
			var all []*cacheresource.Resource[string, *int]
			for _, name := range []string{"a", "b"} {
				opens := 0
				open := func(context.Context, string) (*int, error) { opens++; return new(opens), nil }
				r := cacheresource.Must(cacheresource.New(name, open, cacheresource.Config{Group: g}))
				must(t, r.Do(t.Context(), "k", func(*int) error { return nil }))
				all = append(all, r)
			}
			h, err := echov4.ClearHandler(g, func(echo.Context) error { return tt.authorize })
			must(t, err)
			e := echo.New() // its own error handler
			e.Any("/clear", h)
			req := httptest.NewRequestWithContext(t.Context(), tt.method, "/clear"+tt.query, http.NoBody)
			for k, v := range tt.header {
				req.Header.Set(k, v)
			}
			rec := httptest.NewRecorder()
			e.ServeHTTP(rec, req)
			if rec.Code != tt.status || strings.Contains(rec.Body.String(), "secret") {
				t.Errorf("status %d, want %d: %s", rec.Code, tt.status, rec.Body)
			}
			cleared := ""
			for _, r := range all {
				must(t, r.Do(t.Context(), "k", func(nth *int) error {
					if *nth > 1 {
						cleared += r.Name()
					}
					return nil
				}))
			}
			if cleared != tt.cleared {
				t.Errorf("cleared %q, want %q", cleared, tt.cleared)
			}
		})
	}
}

func TestClearHandlerLeavesWhatIsLeased(t *testing.T) {
	t.Parallel()
	w := &world{t: t}
	g, err := cacheresource.NewGroup("leased", cacheresource.GroupConfig{})
	must(t, err)
	r := newResource(t, w, cacheresource.Config{Group: g})
	h, err := echov4.ClearHandler(g, func(echo.Context) error { return nil })
	must(t, err)
	must(t, r.Do(t.Context(), "k", func(th *thing) error {
		req := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/?resource=things", http.NoBody)
		must(t, h(echo.New().NewContext(req, httptest.NewRecorder())))
		if th.released.Load() != 0 {
			t.Error("released while leased")
		}
		return nil
	}))
	must(t, r.Do(t.Context(), "k", func(th *thing) error {
		if th.n != 2 {
			t.Errorf("instance %d, want a new one", th.n)
		}
		return nil
	}))
	closeAll(t, r)
	w.everythingReleased()
}
