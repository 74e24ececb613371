package main

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"
	"golang.org/x/text/language"

	"github.com/reecho-go/reecho/cachedata"
)

// panels are the parts of the page that show results, in their order. A panel is the
// same for all visitors who ask for the same filter in the same language and units:
// so each has a route of its own, whose responses are kept, and of which the page
// gets what a filter has changed.
func panels() []string {
	return []string{"totals", "months", "airports", "species", "phases", "strikes"}
}

// A panelQuery is the URL of a panel: all that the panel depends on. Its handler asks
// neither the session nor ctxinfo, since a response that does is one visitor's.
type panelQuery struct {
	filter
	Language tag  `query:"language" required:"true"`
	Units    unit `query:"units" default:"kn"`
}

// panelPath is the route of a panel.
func panelPath(id string) string { return "/panels/" + id }

// panelURL is the address of a panel. A panel that does not depend on a part of the
// filter does not have it there: then it is the same one for more filters.
func (a *app) panelURL(c echo.Context, id string, f filter, r reader) (string, error) {
	q := panelQuery{f, tag(r.Tag.String()), knots}
	switch id {
	case "strikes":
		q.Units = r.Unit
	case "species", "phases": // their links keep the order of the table
		q.Page = a.defaults.Page
	default:
		q.Page, q.Rows, q.Sort = a.defaults.Page, a.defaults.Rows, a.defaults.Sort
	}
	link, err := a.panelQueries.Link(c, q)
	return panelPath(id) + "?" + queryOf(link), err
}

// showPanel answers GET /panels/ID: what is inside of a panel.
func (a *app) showPanel(id string) echo.HandlerFunc {
	return func(c echo.Context) error {
		q, err := a.panelQueries.Bind(c)
		if err != nil {
			return err
		}
		p, err := a.panel(c, id, q.filter, newReader(a.texts, language.Make(string(q.Language)), q.Units))
		if err != nil {
			return err
		}
		p.Cache.Age = "" // it would be another one whenever the response is replayed
		return a.write(c, http.StatusOK, "panel", p)
	}
}

// panel is a panel with its result, for the whole page and for its own route alike.
func (a *app) panel(c echo.Context, id string, f filter, r reader) (*panelView, error) {
	query, err := a.filters.Encode(f)
	if err != nil {
		return nil, err
	}
	p := &panelView{reader: r, ID: id}
	href, linked := a.links(c)
	narrowed := func(change func(*filter)) string {
		next := f
		next.Page = 1
		change(&next)
		return href(next)
	}
	ctx, selection := c.Request().Context(), f.selection()
	var from origin
	switch id {
	case "totals":
		p.Title, p.Totals = r.T("Totals"), newTotalsView(r, getResult(ctx, a.results.totals, selection, &from))
	case "months":
		p.Title, p.Chart = r.T("Strikes per month"), monthsChart(r, getResult(ctx, a.results.months, selection, &from))
	case "airports":
		p.Title, p.Note = r.T("Map of airports"), r.T("area: strikes")
		p.Chart = airportsChart(r, getResult(ctx, a.results.airports, selection, &from))
	case "species":
		p.Title, p.Note = r.T("Top species"), r.T("identified animals only")
		p.Chart = speciesChart(r, getResult(ctx, a.results.species, selection, &from), func(name string) string {
			return narrowed(func(f *filter) { f.Species = species(name) })
		})
	case "phases":
		p.Title = r.T("Cost by phase of flight")
		p.Chart = phasesChart(r, getResult(ctx, a.results.phases, selection, &from), func(name string) string {
			return narrowed(func(f *filter) { f.Phases = []phase{phase(name)} })
		})
	case "strikes":
		all := getResult(ctx, a.results.totals, selection, &from).Strikes
		p.Title, p.Table = r.T("Strikes"), newTableView(r, f, getResult(ctx, a.results.list, f.page(), &from), all, href)
	}
	p.Cache = r.cache(id, p.Title, query, from.meta)
	return p, errors.Join(from.err, linked())
}

// queryOf is the query of a link.
func queryOf(link string) string {
	_, query, _ := strings.Cut(link, "?")
	return query
}

// An origin records where the last requested result came from, and the first error.
type origin struct {
	meta cachedata.Meta
	err  error
}

// getResult gets a result and records its origin.
func getResult[K, V any](ctx context.Context, cache *cachedata.Cache[K, V], key K, from *origin) V {
	result, meta, err := cache.GetMeta(ctx, key)
	from.meta, from.err = meta, errors.Join(from.err, err)
	return result
}

// links returns a function that writes the address of the page of a filter, and a function
// that returns the first error of these calls.
func (a *app) links(c echo.Context) (href func(filter) string, failed func() error) {
	var first error
	href = func(f filter) string {
		link, err := a.filters.Link(c, f)
		if first == nil {
			first = err
		}
		return pageURL(queryOf(link))
	}
	return href, func() error { return first }
}
