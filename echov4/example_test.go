package echov4_test

import (
	"cmp"
	"errors"
	"fmt"
	"html/template"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/reecho-go/reecho/echov4"
	"github.com/reecho-go/reecho/middleware"
	"github.com/reecho-go/reecho/queryparams"
	"github.com/reecho-go/reecho/sessionstate"
)

// The app answers errors with pages of its own, also those of the toolkit.
func ExampleFromEcho() {
	page := template.Must(template.New("error").Parse(
		`<!doctype html><title>{{.Title}}</title><h1>{{.Title}}</h1>{{with .Detail}}<p>{{.}}</p>{{end}}` +
			`{{range .Errors}}<p>{{.Parameter}} {{.Detail}}; allowed is {{.Expected}}</p>{{end}}<a href="/">Start page</a>`))
	errorPages := func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			err := next(c)
			if err == nil || c.Response().Committed {
				return err
			}
			p := middleware.Problem{Status: http.StatusInternalServerError, Detail: "Something went wrong. Try again later."}
			if e, ok := errors.AsType[*echo.HTTPError](err); ok {
				p = middleware.Problem{Status: e.Code}
			} else if e, ok := errors.AsType[middleware.Error](err); ok {
				p = e.Problem() // is for visitors: it holds no secrets
				p.Status = e.StatusCode()
			}
			if p.Status < http.StatusBadRequest {
				return err // a redirect, such as that of queryparams to the canonical address
			}
			if p.Status >= http.StatusInternalServerError {
				log.Print(err) // nobody else does: with a page, the request is answered
			}
			for name, values := range p.Header { // such as Retry-After
				c.Response().Header()[http.CanonicalHeaderKey(name)] = values
			}
			p.Title = cmp.Or(p.Title, http.StatusText(p.Status))
			var out strings.Builder
			if err := page.Execute(&out, p); err != nil {
				return err
			}
			return c.HTML(p.Status, out.String())
		}
	}

	sessions := sessionstate.Must(sessionstate.New(sessionstate.Config{}))
	e := echo.New()
	e.Use(echov4.Use(sessions, echov4.FromEcho("pages", errorPages), sessions.CSRF()))
	e.GET("/list", func(c echo.Context) error {
		n, err := queryparams.Get(c, "page", queryparams.Param[int]{Default: 1, Min: new(1)})
		if err != nil {
			return err
		}
		return c.String(http.StatusOK, fmt.Sprint("page ", n))
	})
	e.POST("/vote", func(c echo.Context) error { return c.Redirect(http.StatusSeeOther, "/") })

	for _, ask := range []string{"GET /list?page=two", "POST /vote", "GET /none"} {
		method, url, _ := strings.Cut(ask, " ")
		rec := httptest.NewRecorder()
		e.ServeHTTP(rec, httptest.NewRequest(method, url, http.NoBody))
		_, shown, _ := strings.Cut(rec.Body.String(), "</title>")
		fmt.Println(ask, rec.Code, strings.ReplaceAll(shown, "><", ">\n<"))
	}
	// Output:
	// GET /list?page=two 400 <h1>Invalid query parameters</h1>
	// <p>page cannot be read; allowed is a whole number</p>
	// <a href="/">Start page</a>
	// POST /vote 403 <h1>Forbidden</h1>
	// <p>This form has expired. Reload the page and try again.</p>
	// <a href="/">Start page</a>
	// GET /none 404 <h1>Not Found</h1>
	// <a href="/">Start page</a>
}
