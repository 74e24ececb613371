package main

import (
	"bytes"
	"errors"
	"log/slog"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/reecho-go/reecho/middleware"
)

// An errorView is what a visitor is told of an error.
type errorView struct {
	Status        int
	Title, Detail string
}

// errorPages answers the errors of handlers, and of the check of forms, with pages.
func errorPages(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		if err := next(c); err != nil {
			showError(c, err)
		}
		return nil
	}
}

// handleError answers what happens outside of errorPages, such as a panic. Errors
// of the toolkit have been answered by then: a session that cannot be saved, for
// one, takes the place of whatever the handler has sent.
func handleError(err error, c echo.Context) {
	if _, answered := errors.AsType[middleware.Error](err); !answered {
		showError(c, err)
	}
}

// showError sends the page of an error.
func showError(c echo.Context, err error) {
	e := describe(err)
	if e.Status >= http.StatusInternalServerError {
		slog.ErrorContext(c.Request().Context(), "login: request failed", "path", c.Request().URL.Path, "err", err)
	}
	if own, ok := errors.AsType[middleware.Error](err); ok {
		for name, values := range own.Problem().Header {
			c.Response().Header()[http.CanonicalHeaderKey(name)] = values
		}
	}
	var b bytes.Buffer
	err = page.Execute(&b, view{Style: styleURL, Error: e})
	if err == nil {
		err = c.HTMLBlob(e.Status, b.Bytes())
	}
	if err != nil {
		slog.WarnContext(c.Request().Context(), "login: the error page was not sent", "err", err)
	}
}

// describe is what a visitor can do about an error. Of an error of the server
// itself it says nothing, since its text is for its operators.
func describe(err error) *errorView {
	e := &errorView{Status: statusOf(err)}
	switch e.Status {
	case http.StatusNotFound:
		e.Title, e.Detail = "Page not found", "There is no page at this address."
	case http.StatusForbidden:
		e.Title = "The form was not accepted"
	case http.StatusMethodNotAllowed:
		e.Title, e.Detail = "This address cannot be opened like that", "It may be meant for a form of the start page. Use the form there."
	case http.StatusRequestEntityTooLarge:
		e.Title, e.Detail = "Too much was sent", "Go back and send a shorter name and password."
	case http.StatusInternalServerError:
		e.Title, e.Detail = "Something went wrong", "The error is on this server and has been logged. Try again later."
	default:
		e.Title = http.StatusText(e.Status)
	}
	if own, ok := errors.AsType[middleware.Error](err); ok && own.Problem().Detail != "" {
		e.Detail = own.Problem().Detail
	}
	return e
}

// statusOf is the status of an error of echo or the toolkit, and 500 for others.
func statusOf(err error) int {
	if e, ok := errors.AsType[*echo.HTTPError](err); ok {
		return e.Code
	}
	if e, ok := errors.AsType[interface {
		error
		StatusCode() int
	}](err); ok && e.StatusCode() >= http.StatusBadRequest {
		return e.StatusCode()
	}
	return http.StatusInternalServerError
}
