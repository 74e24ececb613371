package queryparams_test

import (
	"fmt"
	"html/template"
	"net/http"
	"net/http/httptest"

	"github.com/labstack/echo/v4"

	"github.com/reecho-go/reecho/echov4"
	"github.com/reecho-go/reecho/queryparams"
)

// A full page has no header that changes the browser's URL: its template has
// the script that does.
func ExampleParams_Script() {
	tpl := template.Must(template.New("").Parse(`<head>{{.Script "r4nd0m"}}</head>` + "\n"))
	e := echo.New()
	e.Use(echov4.Use(queryparams.Must(queryparams.New(queryparams.Config{}))))
	e.GET("/birds", func(c echo.Context) error {
		p, err := queryparams.From(c)
		if err != nil {
			return err
		}
		if err := p.Delete("page"); err != nil {
			return err
		}
		return tpl.Execute(c.Response(), p)
	})
	rec := httptest.NewRecorder()
	e.ServeHTTP(rec, httptest.NewRequest(http.MethodGet, "/birds?year=2020&page=7", http.NoBody))
	fmt.Print(rec.Body)
	// Output:
	// <head><script nonce="r4nd0m">history.replaceState(history.state,"","/birds?year=2020"+location.hash)</script></head>
}

// Old links keep working: they are sent to the URL that means the same now.
func ExampleConfig_migrations() {
	plugin := queryparams.Must(queryparams.New(queryparams.Config{
		Migrations: []queryparams.Migration{queryparams.Rename("p", "page"), queryparams.Drop("utm_id")},
		Canonical:  true,
	}))
	e := echo.New()
	e.Use(echov4.Use(plugin))
	e.GET("/list", func(c echo.Context) error { return c.String(http.StatusOK, "") })
	rec := httptest.NewRecorder()
	e.ServeHTTP(rec, httptest.NewRequest(http.MethodGet, "/list?p=2&q=a&utm_id=7", http.NoBody))
	fmt.Println(rec.Code, rec.Header().Get("Location"))
	// Output: 308 /list?page=2&q=a
}

// Order is a query with a list of structs.
type Order struct {
	Lines []Line `query:"line" maxitems:"20"`
}

// Line is one line of an [Order].
type Line struct {
	SKU   string `query:"sku" required:"true"`
	Count int    `query:"n" default:"1" min:"1"`
}

// The elements of a list of structs come in order; no number in a query makes
// room for more of them.
func ExampleSchema_Parse_lists() {
	orders := queryparams.Must(queryparams.NewSchema[Order](queryparams.SchemaConfig{}))
	fmt.Println(orders.Parse("line[0][sku]=a&line[0][n]=3&line[1][sku]=b"))
	_, err := orders.Parse("line[9999][sku]=a")
	fmt.Println(err)
	// Output:
	// {[{a 3} {b 1}]} <nil>
	// queryparams: line[9999]: has an index that skips elements (sent "a"), expected line[0][...]=..., without a gap in the indices
}

// What a form or a documentation needs to know of the parameters.
func ExampleSchema_Parameters() {
	type Search struct {
		Page int      `query:"page" default:"1" min:"1" doc:"the page, from 1"`
		Sort string   `query:"sort" enum:"name|date" doc:"the order"`
		Tags []string `query:"tags" maxitems:"10" doc:"any of them"`
	}
	s := queryparams.Must(queryparams.NewSchema[Search](queryparams.SchemaConfig{}))
	for _, p := range s.Parameters() {
		fmt.Println(p.Name, p.Type, p.Min, p.Enum, p.MaxLen, p.Description)
	}
	// Output:
	// page integer 1 [] 0 the page, from 1
	// sort string  [name date] 0 the order
	// tags array  [] 10 any of them
}

// What a filter changed.
func ExampleSchema_Diff() {
	type Search struct {
		Page int      `query:"page" default:"1"`
		Tags []string `query:"tags"`
	}
	s := queryparams.Must(queryparams.NewSchema[Search](queryparams.SchemaConfig{}))
	diffs, err := s.Diff(Search{Page: 1}, Search{Page: 2, Tags: []string{"owl"}})
	fmt.Println(diffs, err)
	// Output: [{page [1] [2]} {tags [] [owl]}] <nil>
}
