package respcache_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/reecho-go/reecho/cachedata"
	"github.com/reecho-go/reecho/echov4"
	"github.com/reecho-go/reecho/middleware"
	"github.com/reecho-go/reecho/middleware/respcache"
)

// One line on a route of an app that exists already.
func Example() {
	pages := middleware.Must(respcache.New("reports", respcache.Config{TTL: time.Minute}))

	e := echo.New()
	e.GET("/report/:id", func(c echo.Context) error {
		fmt.Println("the handler runs")
		return c.String(http.StatusOK, "report "+c.Param("id"))
	}, echov4.Use(pages)) // this one

	for range 2 {
		w := httptest.NewRecorder()
		e.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/report/42", nil))
		status, _, _ := strings.Cut(w.Header().Get("Cache-Status"), "; ttl")
		fmt.Println(w.Body, "|", status)
	}
	// Output:
	// the handler runs
	// report 42 | reecho; fwd=uri-miss
	// report 42 | reecho; hit
}

// A handler gives its response tags, and whoever changes something clears them: for
// results of functions and for responses alike.
func Example_tags() {
	group := cachedata.Must(cachedata.NewGroup("shop", cachedata.GroupConfig{}))
	pages := middleware.Must(respcache.New("pages", respcache.Config{Group: group}))

	e := echo.New()
	e.Use(echov4.Use(pages))
	e.GET("/product/:id", func(c echo.Context) error {
		fmt.Println("the handler runs")
		ctx := c.Request().Context()
		cachedata.LoadingFrom(ctx).AddTags("product:" + c.Param("id"))
		return c.String(http.StatusOK, "a product")
	})
	e.POST("/product/:id/price", func(c echo.Context) error {
		if err := group.ClearTag(c.Request().Context(), "product:"+c.Param("id")); err != nil {
			return err
		}
		return c.NoContent(http.StatusNoContent)
	})

	send := func(method, path string) {
		e.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(method, path, nil))
	}
	send("GET", "/product/1")
	send("GET", "/product/1")
	send("POST", "/product/1/price")
	send("GET", "/product/1")
	// Output:
	// the handler runs
	// the handler runs
}
