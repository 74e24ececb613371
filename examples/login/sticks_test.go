package main

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/labstack/echo/v4"

	"github.com/reecho-go/reecho/echov4"
	"github.com/reecho-go/reecho/examples/internal/chromiumtest"
	"github.com/reecho-go/reecho/sessionstate"
)

// Of docs/browsers.md what Chromium does; `make browsers` has the others.
func TestBrowserCookiesStickWhereTheDocumentationSaysSo(t *testing.T) {
	t.Parallel()
	servers := map[string]func(http.Handler) *httptest.Server{"http": httptest.NewServer, "https": httptest.NewTLSServer}
	for with, cfg := range map[string]sessionstate.Config{"default": {}, "Insecure": {Insecure: true}, "InsecureLocalhost": {InsecureLocalhost: true}} {
		for scheme, start := range servers {
			cfg.Observer = unheard
			m, err := sessionstate.New(cfg)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = m.Close(context.Background()) }) // nothing is in flight
			e := echo.New()
			e.Use(echov4.Use(m))
			e.GET("/", func(c echo.Context) error {
				n, err := sessionstate.Incr(visits, sessionstate.From(c), 1)
				if err != nil {
					return err
				}
				return c.HTML(http.StatusOK, fmt.Sprintf("<title>visits: %d</title>", n))
			})
			s := start(e)
			t.Cleanup(s.Close)
			for _, host := range []string{"localhost", "127.0.0.1", "shop.test"} {
				want := "visits: 2"
				if scheme == "http" && host == "shop.test" && with != "Insecure" {
					want = "visits: 1"
				}
				b := browser.NewTab(t)
				b.Open(at(s, host))
				b.Open(at(s, host))
				if got := chromiumtest.Eval[string](b, `document.title`); got != want {
					t.Errorf("%s, %s://%s: %q, want %q", with, scheme, host, got, want)
				}
			}
		}
	}
}
