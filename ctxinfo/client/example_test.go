package client_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/labstack/echo/v4"

	"github.com/reecho-go/reecho/ctxinfo"
	"github.com/reecho-go/reecho/ctxinfo/client"
	"github.com/reecho-go/reecho/echov4"
)

// A handler answers htmx with a fragment and everybody else with a page. A
// cache that obeys Vary keeps the two apart.
func Example() {
	e := echo.New()
	e.Use(echov4.Use(ctxinfo.Must(ctxinfo.New(ctxinfo.Config{}))))
	e.GET("/rows", func(c echo.Context) error {
		rows := "<tr><td>1</td></tr>"
		if client.HTMXOf(ctxinfo.From(c)).Request {
			return c.HTML(http.StatusOK, rows)
		}
		return c.HTML(http.StatusOK, "<table>"+rows+"</table>")
	})
	for _, htmx := range []string{"", "true"} {
		r := httptest.NewRequest(http.MethodGet, "/rows", http.NoBody)
		r.Header.Set("HX-Request", htmx)
		w := httptest.NewRecorder()
		e.ServeHTTP(w, r)
		fmt.Println(w.Body, "Vary:", w.Header().Get("Vary"))
	}
	// Output:
	// <table><tr><td>1</td></tr></table> Vary: Hx-Request
	// <tr><td>1</td></tr> Vary: Hx-Boosted, Hx-History-Restore-Request, Hx-Request, Hx-Target, Hx-Trigger, Hx-Trigger-Name
}
