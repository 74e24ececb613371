package main

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/reecho-go/reecho/examples/explorer/strikes"
	"github.com/reecho-go/reecho/queryparams/openapi"
)

// A jsonPage is the answer of the API.
type jsonPage struct {
	Totals  strikes.Totals   `json:"totals"`
	Page    int              `json:"page"`
	Pages   int              `json:"pages"`
	Next    string           `json:"next,omitzero"` // the URL of the next page
	Strikes []strikes.Strike `json:"strikes"`
}

// showJSON answers GET /api/strikes: the page's query, results and errors for
// programs. Errors are problem details (RFC 9457).
func (a *app) showJSON(c echo.Context) error {
	f, err := a.filters.Bind(c)
	if err != nil {
		return err
	}
	ctx := c.Request().Context()
	totals, err := a.results.totals.Get(ctx, f.selection())
	if err != nil {
		return err
	}
	list, err := a.results.list.Get(ctx, f.page())
	if err != nil {
		return err
	}
	p := jsonPage{
		Totals: totals, Page: f.Page, Pages: (totals.Strikes + f.Rows - 1) / f.Rows,
		Strikes: list,
	}
	if p.Strikes == nil {
		p.Strikes = []strikes.Strike{} // an array in any case
	}
	if f.Page < p.Pages {
		if p.Next, err = a.filters.Link(c, f, func(f *filter) { f.Page++ }); err != nil {
			return err
		}
	}
	return c.JSON(http.StatusOK, p)
}

// describeAPI answers GET /api/openapi.json: the API in OpenAPI 3.1, whose
// parameters come from the schema that reads them.
func (a *app) describeAPI(c echo.Context) error {
	answers := map[string]any{
		"200": map[string]string{"description": "One page of the strikes, with the totals of all."},
		"308": map[string]string{"description": "The same question is asked at another address: without defaults, in the order of the parameters."},
		"400": map[string]string{"description": "Every parameter that is wrong, as problem details."},
	}
	get := map[string]any{"summary": "Strikes by filter", "parameters": openapi.Parameters(a.filters), "responses": answers}
	return c.JSON(http.StatusOK, map[string]any{
		"openapi": "3.1.0",
		"info":    map[string]string{"title": "Wildlife strikes", "version": "1"},
		"paths":   map[string]any{"/api/strikes": map[string]any{"get": get}},
	})
}
