package queryparams_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/labstack/echo/v4"

	"github.com/reecho-go/reecho/queryparams"
)

// Listing is the same type for reading and for writing URLs.
type Listing struct {
	Page  int      `query:"page" default:"1" min:"1"`
	Query string   `query:"q"`
	Tags  []string `query:"tag"`
}

var listings = queryparams.Must(queryparams.NewSchema[Listing](queryparams.SchemaConfig{
	Retain: []string{"lang"}, // not ours, and to survive every click
}))

// Links are the value that was read, with an edit. What is the default is left
// out, and nothing can be written that could not be read back.
func ExampleSchema_Link() {
	here := httptest.NewRequest(http.MethodGet, "/birds?page=2&tag=big+birds&lang=de&utm=x", http.NoBody)
	c := echo.New().NewContext(here, httptest.NewRecorder())
	v, err := listings.Bind(c)
	if err != nil {
		fmt.Println(err)
		return
	}

	next, _ := listings.Link(c, v, func(l *Listing) { l.Page++ })
	first, _ := listings.Link(c, v, func(l *Listing) { l.Page = 1 })
	reset, _ := listings.Link(c, Listing{Page: 1})
	_, invalid := listings.Link(c, v, func(l *Listing) { l.Page = 0 })
	form, _ := listings.Hidden(v, "q", "page")
	fmt.Println(next)
	fmt.Println(first)
	fmt.Println(reset)
	fmt.Println(invalid)
	fmt.Println(form)
	// Output:
	// /birds?page=3&tag=big+birds&lang=de
	// /birds?tag=big+birds&lang=de
	// /birds?lang=de
	// queryparams: encode: page: is out of range, expected a whole number from 1 on
	// <input type="hidden" name="tag" value="big birds">
}
