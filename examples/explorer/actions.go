package main

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/reecho-go/reecho/ctxinfo"
	"github.com/reecho-go/reecho/sessionstate"
)

// Every action is a POST that changes something, leaves a message and leads
// back to the page that it came from. The query in the form is read by the
// same schema as the URL, so that it can lead nowhere else.

// save answers POST /saved: it keeps the filter under a name.
func (a *app) save(c echo.Context) error {
	query, err := a.queryOf(c)
	if err != nil {
		return err
	}
	r, s := a.readerOf(c), sessionstate.From(c)
	name := c.FormValue("name")
	filter, err := a.withoutPage(query)
	if err != nil {
		return err
	}
	switch err := saveFilter(s, name, filter); {
	case errors.Is(err, errBadName):
		return a.back(c, query, "warning", r.T("A name has 1 to 40 characters."))
	case errors.Is(err, sessionstate.ErrTooLarge):
		return a.back(c, query, "warning", r.T("There is no room for another filter. Delete one first."))
	case err != nil:
		return err
	}
	return a.back(c, query, "success", r.T("Saved as “%s”.", name))
}

// withoutPage returns a query without its page, which is not part of the filter.
func (a *app) withoutPage(query string) (string, error) {
	f, err := a.filters.Parse(query)
	if err != nil {
		return "", err
	}
	href, err := a.filters.Href(f, func(f *filter) { f.Page = a.defaults.Page })
	return strings.TrimPrefix(href, "?"), err
}

// unsave answers POST /saved/delete.
func (a *app) unsave(c echo.Context) error {
	query, err := a.queryOf(c)
	if err != nil {
		return err
	}
	name := c.FormValue("name")
	if err := deleteFilter(sessionstate.From(c), name); err != nil {
		return err
	}
	return a.back(c, query, "success", a.readerOf(c).T("Deleted “%s”.", name))
}

// set answers POST /settings: language and units.
func (a *app) set(c echo.Context) error {
	query, err := a.queryOf(c)
	if err != nil {
		return err
	}
	p := preference{Language: c.FormValue("language"), Units: unit(c.FormValue("units"))}
	known := func(l locale) bool { return l.Tag.String() == p.Language }
	if p.Language != "" && !slices.ContainsFunc(locales(), known) || !slices.Contains(units(), p.Units) {
		return echo.NewHTTPError(http.StatusBadRequest, a.readerOf(c).T("There is no such language or unit."))
	}
	if err := preferences.Set(sessionstate.From(c), p); err != nil {
		return err
	}
	return a.back(c, query, "success", a.readerOf(c).T("Settings saved."))
}

// setTheme answers POST /theme: light, dark, or what the device says.
func (a *app) setTheme(c echo.Context) error {
	query, err := a.queryOf(c)
	if err != nil {
		return err
	}
	cookie, err := ctxinfo.From(c).PreferenceCookie(ctxinfo.ThemeCookie, c.FormValue("theme"))
	if err != nil {
		return echo.NewHTTPError(http.StatusBadRequest, a.readerOf(c).T("There is no such theme."))
	}
	c.SetCookie(cookie)
	return c.Redirect(http.StatusSeeOther, a.formPageURL(c, query))
}

// clear answers POST /clear: it drops one panel's result, or all of them.
func (a *app) clear(c echo.Context) error {
	query, err := a.queryOf(c)
	if err != nil {
		return err
	}
	f, err := a.filters.Parse(query)
	if err != nil {
		return err
	}
	r := a.readerOf(c)
	switch err := a.results.drop(c.Request().Context(), c.FormValue("panel"), f); {
	case errors.Is(err, errNoPanel):
		return echo.NewHTTPError(http.StatusBadRequest, r.T("There is no such panel."))
	case err != nil:
		return err
	}
	text := r.T("Cleared one result.")
	if c.FormValue("panel") == "all" {
		text = r.T("Cleared all cached results.")
	}
	return a.back(c, query, "info", text)
}

// queryOf returns the filter that a form contains, checked and written again.
func (a *app) queryOf(c echo.Context) (string, error) {
	if err := c.Request().ParseForm(); err != nil {
		return "", echo.NewHTTPError(http.StatusBadRequest, "The form cannot be read.").SetInternal(err)
	}
	return a.written(c.Request().PostForm.Get("query"))
}

// written returns a query as the schema writes it.
func (a *app) written(query string) (string, error) {
	f, err := a.filters.Parse(query)
	if err != nil {
		return "", err
	}
	return a.filters.Encode(f)
}

// back redirects to the page of a query, with a message.
func (a *app) back(c echo.Context, query string, kind string, text string) error {
	if err := sessionstate.From(c).Flash(kind, text); err != nil {
		return err
	}
	return c.Redirect(http.StatusSeeOther, a.formPageURL(c, query))
}

// formPageURL returns the URL of the page that sent a form, by the Referer, which is right even if the
// page was updated after the form was made. Without a Referer, it is the page of query, the
// query in the form.
func (a *app) formPageURL(c echo.Context, query string) string {
	if from, err := url.Parse(c.Request().Referer()); err == nil && from.Host == c.Request().Host {
		switch from.Path {
		case "/":
			if shown, err := a.written(from.RawQuery); err == nil {
				return pageURL(shown)
			}
		case youPath, answersPath:
			if back, err := a.written(from.Query().Get(backParameter)); err == nil {
				return backURL(from.Path, back)
			}
		}
	}
	return pageURL(query)
}
