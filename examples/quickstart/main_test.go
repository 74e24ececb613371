package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"

	"github.com/reecho-go/reecho/echov4"
	"github.com/reecho-go/reecho/sessionstate"
)

// app is what main serves.
func app() *echo.Echo {
	e := echo.New()
	e.Use(echov4.Use(sessionstate.Must(sessionstate.New(sessionstate.Config{}))))
	e.GET("/", hello)
	return e
}

func TestQuickstart(t *testing.T) {
	t.Parallel()
	e := app()

	var cookies []*http.Cookie
	get := func(url string) *httptest.ResponseRecorder {
		req := httptest.NewRequest(http.MethodGet, url, http.NoBody)
		for _, c := range cookies {
			req.AddCookie(c)
		}
		rec := httptest.NewRecorder()
		e.ServeHTTP(rec, req)
		if set := rec.Result().Cookies(); len(set) > 0 {
			cookies = set
		}
		return rec
	}
	for _, tt := range []struct {
		url    string
		status int
		want   string
	}{
		{"/?id=7", 200, `{"from":"load","name":"user 7","visits":1}`},
		{"/?id=7", 200, `{"from":"hit","name":"user 7","visits":2}`},
		{"/?id=999", 400, `"parameter":"id"`},
		{"/?id=7", 200, `"visits":3`},
	} {
		rec := get(tt.url)
		if rec.Code != tt.status || !strings.Contains(rec.Body.String(), tt.want) {
			t.Errorf("%s: %d %s, want %d with %s", tt.url, rec.Code, rec.Body, tt.status, tt.want)
		}
	}
}
