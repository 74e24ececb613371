package main

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/reecho-go/reecho/echov4"
	"github.com/reecho-go/reecho/middleware"
	"github.com/reecho-go/reecho/queryparams"
)

// showError is the app's error handler. The API answers problem details; a
// page says what is wrong, what is allowed, and offers the way on.
func (a *app) showError(err error, c echo.Context) {
	if c.Response().Committed {
		return
	}
	if to, ok := errors.AsType[*queryparams.RedirectError](err); ok {
		err = c.Redirect(to.StatusCode(), to.URL)
	}
	if err == nil {
		return
	}
	if strings.HasPrefix(c.Request().URL.Path, "/api/") {
		echov4.ErrorHandler(nil)(err, c)
		return
	}
	e := a.describe(err, c)
	if e.Status >= http.StatusInternalServerError && c.Request().Context().Err() == nil { // else the visitor has left
		slog.ErrorContext(c.Request().Context(), "explorer: request failed", "path", c.Request().URL.Path, "err", err)
	}
	v, viewErr := a.newView(c, a.defaults)
	if viewErr == nil {
		v.Title = e.Title
		v.Error = e
		if strings.HasPrefix(c.Request().URL.Path, panelPath("")) { // it goes where the panel is
			viewErr = a.write(c, e.Status, "broken", v)
		} else {
			viewErr = a.render(c, e.Status, v)
		}
	}
	if viewErr != nil {
		a.echo.DefaultHTTPErrorHandler(errors.Join(err, viewErr), c)
	}
}

// describe returns the text about an error for the visitor: with all details if the visitor
// can correct it, otherwise with hardly any.
func (a *app) describe(err error, c echo.Context) *errorView {
	r := a.readerOf(c)
	if e, ok := errors.AsType[middleware.Error](err); ok {
		p := e.Problem()
		v := &errorView{Status: e.StatusCode(), Title: r.T(http.StatusText(e.StatusCode())), Detail: p.Detail}
		query := c.Request().URL.Query()
		for _, f := range p.Errors {
			fault := faultView{Parameter: f.Parameter, Detail: f.Detail, Expected: f.Expected, Suggestion: f.Suggestion}
			if f.Value != nil {
				fault.Value = *f.Value
			}
			v.Faults = append(v.Faults, fault)
			query.Del(f.Parameter)
		}
		if len(v.Faults) > 0 {
			v.Title, v.Detail = r.T("This address cannot be read"), ""
			v.Without = withoutFaults(query)
		}
		return v
	}
	if e, ok := errors.AsType[*echo.HTTPError](err); ok {
		v := &errorView{Status: e.Code, Title: r.T(http.StatusText(e.Code))}
		if text, ok := e.Message.(string); ok && text != http.StatusText(e.Code) && e.Code < http.StatusInternalServerError {
			v.Detail = r.T(text)
		}
		return v
	}
	return &errorView{
		Status: http.StatusInternalServerError,
		Title:  r.T(http.StatusText(http.StatusInternalServerError)),
		Detail: r.T("Something went wrong here. Try again later."),
	}
}

// translate translates the faults of a query into the reader's language, for the pages and
// the API.
func (a *app) translate(ctx context.Context, errs *queryparams.Errors) error {
	r := a.readerFor(ctx)
	for _, f := range errs.Fields {
		f.Detail = r.fault(f)
		f.Expected = r.expected(f, a.parameters[f.Parameter])
	}
	return errs
}

// fault returns the text for the code of a fault.
func (r reader) fault(f *queryparams.FieldError) string {
	switch f.Code {
	case queryparams.CodeType:
		return r.T("cannot be read")
	case queryparams.CodeRange:
		if f.Parameter == "to" { // see filter.Validate
			return r.T("is before the first day")
		}
		return r.T("is out of range")
	case queryparams.CodeEnum:
		return r.T("is not one of the allowed values")
	case queryparams.CodeDuplicate:
		return r.T("is given more than once")
	case queryparams.CodeTooMany:
		return r.T("has too many values")
	case queryparams.CodeBadEncoding, queryparams.CodeBadUTF8, queryparams.CodeControlChar:
		return r.T("has characters that are not allowed")
	case queryparams.CodeLimitBytes, queryparams.CodeLimitPairs, queryparams.CodeLimitKey, queryparams.CodeLimitValue:
		return r.T("is too long")
	}
	return f.Detail
}

// expected returns the text about the allowed values.
func (r reader) expected(f *queryparams.FieldError, p queryparams.Parameter) string {
	if p.Items != nil {
		p = *p.Items
	}
	switch {
	case f.Code == queryparams.CodeDuplicate:
		return r.T("one value")
	case f.Parameter == "to" && f.Code == queryparams.CodeRange: // see filter.Validate
		return r.T("the first day or a later one")
	case len(p.Enum) > 0:
		return r.T("one of %s", strings.Join(p.Enum, ", "))
	case p.Type == "integer":
		return r.T("a whole number from %s to %s", p.Min, p.Max)
	case f.Parameter == "from" || f.Parameter == "to":
		return r.T("a day, such as %s", "1999-12-31")
	}
	return "" // the fault says it
}

// withoutFaults returns the query without its faulty parameters; empty if nothing is left.
func withoutFaults(query url.Values) string {
	if len(query) == 0 || len(query) > 50 {
		return ""
	}
	return pageURL(query.Encode())
}
