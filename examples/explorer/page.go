package main

import (
	"bytes"
	"net/http"
	"net/url"
	"reflect"

	"github.com/labstack/echo/v4"

	"github.com/reecho-go/reecho/cachedata"
	"github.com/reecho-go/reecho/ctxinfo"
	"github.com/reecho-go/reecho/queryparams"
	"github.com/reecho-go/reecho/sessionstate"
)

// showPage answers GET /: the page for the filter in the URL, or, when htmx
// asks, the part of it that changes.
func (a *app) showPage(c echo.Context) error {
	f, err := a.filters.Bind(c)
	if err != nil {
		return err
	}
	s := sessionstate.From(c)
	if isPartial(c) {
		err = a.follow(c, f)
	} else {
		_, err = sessionstate.Incr(visits, s, 1)
	}
	if err != nil {
		return err
	}
	found, err := a.results.find(c.Request().Context(), f)
	if err != nil {
		return err
	}
	v, err := a.newView(c, f)
	if err != nil {
		return err
	}
	var broken error
	href := func(f filter) string {
		url, err := a.filters.Link(c, f)
		if err != nil {
			broken = err
		}
		return url
	}
	v.fillForm(f, a.options, href)
	v.fillResults(f, found, href)
	v.fillTable(f, found.list.Value, found.totals.Value.Strikes, href)
	for _, s := range saved.Get(s) {
		v.Saved = append(v.Saved, a.savedView(v.reader, s, f))
	}
	v.showFlashes(s)
	v.Facts = a.facts(c, v.reader)
	if isPartial(c) {
		v.Change = a.changeOf(c, f)
	}
	if v.Change != nil && len(v.Flashes) > 0 { // an action may have changed anything
		*v.Change = pageChange{Order: true, Strikes: true}
	}
	v.APIHref = "/api/strikes"
	if v.Query != "" {
		v.APIHref += "?" + v.Query
	}
	if broken != nil {
		return broken
	}
	return a.render(c, http.StatusOK, v)
}

// newView is a page with its frame alone.
func (a *app) newView(c echo.Context, f filter) (*pageView, error) {
	query, err := a.filters.Encode(f)
	if err != nil {
		return nil, err
	}
	r := a.readerOf(c)
	v := &pageView{reader: r, Query: query, Title: r.T("Wildlife strikes")}
	nonce, _ := c.Get(nonceKey).(string)
	v.Script = ctxinfo.Script(nonce)
	if p, err := queryparams.From(c); err == nil { // not beyond the limits
		v.Address = p.Script(nonce)
	}
	theme := "" // of the visitor's choice; what the device says is for CSS
	if in := ctxinfo.From(c); in.Source(ctxinfo.FacetTheme).Name == ctxinfo.ThemeCookie {
		theme = in.Theme().Type
	}
	v.Theme = theme
	v.Themes = choices([]string{"", "light", "dark"}, func(theme string) string {
		return r.T(map[string]string{"": "Auto", "light": "Light", "dark": "Dark"}[theme])
	}, theme)
	chosen := ""
	if s, err := sessionstate.FromContext(c.Request().Context()); err == nil {
		chosen = preferences.Get(s).Language
	}
	v.Languages = []option{{Label: r.T("as in your browser"), Selected: chosen == ""}}
	for _, l := range locales() {
		v.Languages = append(v.Languages, option{l.Tag.String(), l.Name, chosen == l.Tag.String()})
	}
	v.Units = choices(units(), func(u unit) string { return string(u) }, r.Unit)
	return v, nil
}

// fillResults shows the totals and the plots.
func (v *pageView) fillResults(f filter, found *found, href func(filter) string) {
	v.Totals = &totalsView{found.totals.Value, v.cache("totals", v.T("Totals"), found.totals.Meta)}
	v.TotalCost = float64(found.totals.Value.Cost)
	v.DamageShare = "–"
	if n := found.totals.Value.Strikes; n > 0 {
		v.DamageShare = v.Percent(float64(found.totals.Value.Damaging) / float64(n))
	}
	v.ListCache = v.cache("strikes", v.T("Strikes"), found.list.Meta)

	narrowed := func(change func(*filter)) string {
		next := f
		next.Page = 1
		change(&next)
		return href(next)
	}
	panel := func(id, title, note string, ch chart, links bool, meta cachedata.Meta) {
		v.Panels = append(v.Panels, panelView{v.reader, id, title, note, ch, links, v.cache(id, title, meta)})
	}
	panel("months", v.T("Strikes per month"), "", monthsChart(v.reader, found.months.Value), false, found.months.Meta)
	panel("airports", v.T("Map of airports"), v.T("area: strikes"), airportsChart(v.reader, found.airports.Value), false, found.airports.Meta)
	panel("species", v.T("Top species"), v.T("identified animals only"), speciesChart(v.reader, found.species.Value, func(name string) string {
		return narrowed(func(f *filter) { f.Species = species(name) })
	}), true, found.species.Meta)
	panel("phases", v.T("Cost by phase of flight"), "", phasesChart(v.reader, found.phases.Value, func(name string) string {
		return narrowed(func(f *filter) { f.Phases = []phase{phase(name)} })
	}), true, found.phases.Meta)
}

// showFlashes shows the messages for the visitor, each once.
func (v *pageView) showFlashes(s *sessionstate.State) {
	for flash := range s.Flashes() {
		v.Flashes = append(v.Flashes, flashView{flash.Kind, flash.Text})
	}
}

// isPartial reports that htmx will put the response into the page.
func isPartial(c echo.Context) bool { return c.Request().Header.Get("HX-Request-Type") == "partial" }

// changeOf is what a filter changes of the page that htmx asks from; nil if that shows
// no strikes.
func (a *app) changeOf(c echo.Context, f filter) *pageChange {
	from, err := url.Parse(c.Request().Header.Get("HX-Current-URL"))
	if err != nil || from.Path != "/" {
		return nil
	}
	shown, err := a.filters.Parse(from.RawQuery)
	if err != nil { // that page says so
		return nil
	}
	others := !reflect.DeepEqual(shown.selection(), f.selection())
	return &pageChange{Order: others || shown.Sort != f.Sort || shown.Rows != f.Rows, Strikes: others}
}

// follow lets the address bar follow the filter: a new entry in the browser's
// history if the page is another one, the same entry otherwise.
func (a *app) follow(c echo.Context, f filter) error {
	p, err := queryparams.From(c)
	if err != nil {
		return err
	}
	p.PushHistory()
	return a.filters.Store(p, f)
}

// render writes a page, or the part of it that htmx asks for.
func (a *app) render(c echo.Context, status int, v *pageView) error {
	c.Response().Header().Add("Vary", "HX-Request-Type, HX-Current-URL")
	name := "page.html"
	if isPartial(c) {
		name = "partial"
	}
	var b bytes.Buffer // so that an error cannot cut a page in half
	if err := a.pages.ExecuteTemplate(&b, name, v); err != nil {
		return err
	}
	return c.HTMLBlob(status, b.Bytes())
}

// pageURL is the page of a query that the schema wrote.
func pageURL(query string) string {
	if query == "" {
		return "/"
	}
	return "/?" + query
}

// youURL is the page about the visitor that leads back to the page of a query.
func youURL(query string) string {
	if query == "" {
		return "/you"
	}
	return "/you?" + url.Values{backParameter: {query}}.Encode()
}

// backParameter has the query that the page about the visitor leads back to.
const backParameter = "back"
