package queryparams_test

import (
	"fmt"
	"html/template"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/reecho-go/reecho/ctxinfo"
	"github.com/reecho-go/reecho/ctxinfo/client"
	"github.com/reecho-go/reecho/echov4"
	"github.com/reecho-go/reecho/queryparams"
)

// One struct describes the page's address: the handler reads it, the template
// writes links with it, and htmx gets the part that changes.
func ExampleSchema_Funcs() {
	type filter struct {
		Text string `query:"q" maxlen:"100"`
		Page int    `query:"page" default:"1" min:"1"`
	}
	filters := queryparams.Must(queryparams.NewSchema[filter](queryparams.SchemaConfig{}))
	part := template.Must(template.New("part").Funcs(filters.Funcs()).Parse(
		`<div id="app" hx-boost="true" hx-target="#app">` +
			`<form>{{qhidden .Filter "q" "page"}}<input name="q" value="{{.Filter.Text}}"></form>` +
			`<a href="{{qlink .Filter "page" .Next}}">next</a></div>`))

	e := echo.New()
	e.Use(echov4.Use(ctxinfo.Must(ctxinfo.New(ctxinfo.Config{}))))
	e.GET("/list", func(c echo.Context) error {
		f, err := filters.Bind(c)
		if err != nil {
			return err // a 400 that names every fault
		}
		var out strings.Builder
		if err := part.Execute(&out, map[string]any{"Filter": f, "Next": f.Page + 1}); err != nil {
			return err
		}
		if client.HTMXOf(ctxinfo.From(c)).Request {
			return c.HTML(http.StatusOK, out.String())
		}
		return c.HTML(http.StatusOK, "<!doctype html><title>List</title>"+out.String())
	})

	for _, url := range []string{"/list?q=gull&page=2", "/list?page=two"} {
		req := httptest.NewRequest(http.MethodGet, url, http.NoBody)
		req.Header.Set("HX-Request", "true")
		rec := httptest.NewRecorder()
		e.ServeHTTP(rec, req)
		fmt.Println(rec.Code, rec.Header().Get("Content-Type"))
		if rec.Code == http.StatusOK {
			fmt.Println(strings.ReplaceAll(rec.Body.String(), "><", ">\n<"))
		}
	}
	// Output:
	// 200 text/html; charset=UTF-8
	// <div id="app" hx-boost="true" hx-target="#app">
	// <form>
	// <input name="q" value="gull">
	// </form>
	// <a href="?q=gull&amp;page=3">next</a>
	// </div>
	// 400 application/problem+json
}
