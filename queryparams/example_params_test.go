package queryparams_test

import (
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"

	"github.com/labstack/echo/v4"

	"github.com/reecho-go/reecho/echov4"
	"github.com/reecho-go/reecho/queryparams"
)

// Params are Streamlit's st.query_params: a handler changes the dictionary, and
// the browser's address bar follows.
func ExampleParams() {
	e := echo.New()
	e.Use(echov4.Use(queryparams.Must(queryparams.New(queryparams.Config{}))))
	e.GET("/panel", func(c echo.Context) error {
		p, err := queryparams.From(c)
		if err != nil {
			return err
		}
		tab, _ := p.Get("tab") // the last value of a repeated key
		if err := p.Set("tab", "map"); err != nil {
			return err
		}
		if err := p.Set("zoom", 3); err != nil {
			return err
		}
		fmt.Println("was", tab, "now", maps.Collect(p.Items()))
		fmt.Println("reserved:", p.Set("embed", "true"))
		return c.String(http.StatusOK, "<p>the map</p>")
	})

	req := httptest.NewRequest(http.MethodGet, "/panel?tab=table&tab=list&embed=true", http.NoBody)
	req.Header.Set("HX-Request", "true")
	req.Header.Set("HX-Current-URL", "http://example.com/birds?tab=list&embed=true#top")
	rec := httptest.NewRecorder()
	e.ServeHTTP(rec, req)
	fmt.Println("HX-Replace-Url:", rec.Header().Get("HX-Replace-Url"))
	// Output:
	// was list now map[tab:map zoom:3]
	// reserved: embed: is reserved and cannot be written
	// HX-Replace-Url: /birds?tab=map&embed=true&zoom=3#top
}
