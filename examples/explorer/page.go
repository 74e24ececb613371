package main

import (
	"bytes"
	"net/http"
	"net/url"
	"reflect"

	"github.com/labstack/echo/v4"

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
		err = a.updateAddressBar(c, f)
	} else {
		_, err = sessionstate.Incr(visits, s, 1)
	}
	if err != nil {
		return err
	}
	v, err := a.newView(c, f)
	if err != nil {
		return err
	}
	v.showFlashes(s)
	if shown, ok := a.currentFilter(c); ok && isPartial(c) {
		acted := len(v.Flashes) > 0 // then anything may have changed
		if v.Change, err = a.changeOf(c, shown, f, v.reader, acted); err != nil {
			return err
		}
	}
	if v.Change == nil { // else the browser asks for what it needs
		for _, id := range panels() {
			p, err := a.panel(c, id, f, v.reader)
			if err != nil {
				return err
			}
			v.Panels = append(v.Panels, p)
		}
	}
	href, linked := a.links(c)
	v.fillForm(f, a.options, href)
	for _, s := range saved.Get(s) {
		v.Saved = append(v.Saved, a.savedView(v.reader, s, f))
	}
	v.Facts = a.facts(c, v.reader)
	v.APIHref = "/api/strikes"
	if v.Query != "" {
		v.APIHref += "?" + v.Query
	}
	if err := linked(); err != nil {
		return err
	}
	return a.render(c, http.StatusOK, v)
}

// newView returns a page without panels.
func (a *app) newView(c echo.Context, f filter) (*pageView, error) {
	query, err := a.filters.Encode(f)
	if err != nil {
		return nil, err
	}
	r := a.readerOf(c)
	v := &pageView{reader: r, Query: query, Title: r.T("Wildlife strikes"), Words: r.words()}
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

// showFlashes shows the messages for the visitor, each once.
func (v *pageView) showFlashes(s *sessionstate.State) {
	for flash := range s.Flashes() {
		v.Flashes = append(v.Flashes, flashView{flash.Kind, flash.Text})
	}
}

// isPartial reports that htmx will put the response into the page.
func isPartial(c echo.Context) bool { return c.Request().Header.Get("HX-Request-Type") == "partial" }

// currentFilter returns the filter of the page from which htmx sends the request, and false if that
// page shows no strikes.
func (a *app) currentFilter(c echo.Context) (shown filter, ok bool) {
	from, err := url.Parse(c.Request().Header.Get("HX-Current-URL"))
	if err != nil || from.Path != "/" {
		return filter{}, false
	}
	shown, err = a.filters.Parse(from.RawQuery)
	return shown, err == nil // else that page says what is wrong
}

// changeOf returns the parts of a page with another filter that this filter changes. A panel changes
// if its address does, or if everything may have changed.
func (a *app) changeOf(c echo.Context, shown, f filter, r reader, everything bool) (*pageChange, error) {
	change := &pageChange{}
	for _, id := range panels() {
		was, err := a.panelURL(c, id, shown, r)
		if err != nil {
			return nil, err
		}
		is, err := a.panelURL(c, id, f, r)
		if err != nil {
			return nil, err
		}
		if everything || is != was {
			change.Panels = append(change.Panels, panelLink{id, is})
		}
	}
	shown.Page = f.Page
	change.Form = everything || !reflect.DeepEqual(shown, f)
	return change, nil
}

// updateAddressBar lets the address bar follow the filter: a new entry in the browser's
// history if the page is another one, the same entry otherwise.
func (a *app) updateAddressBar(c echo.Context, f filter) error {
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
	if isPartial(c) {
		return a.write(c, status, "partial", v)
	}
	return a.write(c, status, "page.html", v)
}

// write executes a template as the response.
func (a *app) write(c echo.Context, status int, template string, v any) error {
	var b bytes.Buffer // so that an error cannot cut a page in half
	if err := a.pages.ExecuteTemplate(&b, template, v); err != nil {
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

// The pages that lead back to that of a filter.
const (
	youPath     = "/you"
	answersPath = "/answers"
)

// backParameter has the query that such a page leads back to.
const backParameter = "back"

// backURL returns the URL of such a page, with a link back to the page of a query.
func backURL(path, query string) string {
	if query == "" {
		return path
	}
	return path + "?" + url.Values{backParameter: {query}}.Encode()
}

// backFrom returns the filter to which such a page links back.
func (a *app) backFrom(c echo.Context) filter {
	f, err := a.filters.Parse(c.QueryParam(backParameter))
	if err != nil { // somebody wrote it by hand
		return a.defaults
	}
	return f
}
