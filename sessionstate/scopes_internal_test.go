package sessionstate

import (
	"math"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/labstack/echo/v4"

	"github.com/reecho-go/reecho/echov4"
)

func TestVisitorsForWhomNothingIsKeptCostNothing(t *testing.T) {
	t.Parallel()
	m, err := New(Config{Secrets: []Secret{testSecret("a", 1)}, Limits: LimitConfig{Newcomers: math.MaxInt}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = m.Close(t.Context()) })
	var kept []func()
	told := 0
	e := echo.New()
	e.Use(echov4.Use(m))
	e.GET("/:what", func(c echo.Context) error {
		life, err := From(c).scopeLifetime()
		if err != nil {
			return err
		}
		switch c.Param("what") {
		case "keep":
			kept = append(kept, life.OnEnd(func() { told++ }))
		case "fail":
			return echo.NewHTTPError(http.StatusTeapot)
		}
		return c.NoContent(http.StatusNoContent)
	})
	get := func(path string, cookies []*http.Cookie) []*http.Cookie {
		r := httptest.NewRequest(http.MethodGet, path, http.NoBody)
		for _, c := range cookies {
			r.AddCookie(c)
		}
		rec := httptest.NewRecorder()
		e.ServeHTTP(rec, r)
		return rec.Result().Cookies()
	}
	for range 100 {
		cookies := get("/look", nil)
		get("/look", cookies)
		get("/fail", cookies)
	}
	if n := m.scopes.size.Load(); n != 0 || m.scopes.newcomers.Len() != 0 {
		t.Errorf("%d scopes are held, %d of newcomers, and nothing is kept for any", n, m.scopes.newcomers.Len())
	}
	cookies := get("/keep", nil)
	get("/look", cookies)
	if n := m.scopes.size.Load(); n != 1 || told != 0 {
		t.Errorf("%d scopes are held, %d have ended, want the one with something in it", n, told)
	}
	kept[0]()
	get("/look", cookies)
	if n := m.scopes.size.Load(); n != 0 {
		t.Errorf("%d scopes are held after what was kept has gone", n)
	}

	// A handle keeps its life.
	var h *Detached
	e.GET("/detach/now", func(c echo.Context) (err error) {
		h, err = From(c).Detach()
		return err
	})
	get("/detach/now", cookies)
	life, err := handleScope{h}.Lifetime(t.Context())
	if err != nil || m.scopes.size.Load() != 1 {
		t.Errorf("the handle's life: %v, %v, %d held", life, err, m.scopes.size.Load())
	}
}
