// Package queryparamstest helps to test handlers and schemas: it reports the URL that
// the browser would show after a response, and checks that a schema reads back what
// it writes. Make the requests with package ctxinfotest or net/http/httptest.
package queryparamstest

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"

	"github.com/reecho-go/reecho/echov4"
	"github.com/reecho-go/reecho/queryparams"
)

// Response is what a handler answered.
type Response struct {
	*httptest.ResponseRecorder
	// Err is what the request ended with, before echo answered it.
	Err error
}

// Serve sends r to a handler behind a [queryparams.Plugin] of the given
// configuration. A panic of the handler goes on. It panics for a configuration
// that is not valid.
func Serve(handler echo.HandlerFunc, r *http.Request, cfg queryparams.Config) *Response {
	e := echo.New()
	res := &Response{ResponseRecorder: httptest.NewRecorder()}
	e.Use(func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			res.Err = next(c)
			return res.Err
		}
	})
	e.Use(echov4.Use(queryparams.Must(queryparams.New(cfg))))
	e.Any("/*", handler)
	e.ServeHTTP(res, r)
	return res
}

// URL is the URL that the browser shows after the response, and how it gets there:
// "replace" or "push" (without or with a new entry in the history; by a header of
// htmx or by the element of [queryparams.Params.Script]), or "redirect" (by
// Location or HX-Redirect). Both are empty if the response does not change the URL.
func (r *Response) URL() (url, how string) {
	h := r.Header()
	if to := h.Get("HX-Redirect"); to != "" {
		return to, "redirect"
	}
	if r.Code >= 300 && r.Code < 400 {
		return h.Get("Location"), "redirect"
	}
	if to := h.Get("HX-Push-Url"); to != "" && to != "false" { // htmx lets it win
		return to, "push"
	}
	if to := h.Get("HX-Replace-Url"); to != "" && to != "false" {
		return to, "replace"
	}
	body := r.Body.String()
	for call, how := range map[string]string{`history.replaceState(history.state,"",`: "replace", `history.pushState(null,"",`: "push"} {
		_, rest, found := strings.Cut(body, call)
		if !found {
			continue
		}
		if err := json.NewDecoder(strings.NewReader(rest)).Decode(&url); err == nil {
			return url, how
		}
	}
	return "", ""
}

// Faults are the faults of the query that the request ended with; nil if it did
// not.
func (r *Response) Faults() []*queryparams.FieldError {
	if errs, ok := errors.AsType[*queryparams.Errors](r.Err); ok {
		return errs.Fields
	}
	return nil
}

// RoundTrip checks that the schema reads back each value that it writes, as the
// same value (use times in UTC: equal instants in different zones are not the
// same), that writing it again gives the same query, and that it refuses none.
func RoundTrip[T any](t testing.TB, s *queryparams.Schema[T], values ...T) {
	t.Helper()
	for _, v := range values {
		raw, err := s.Encode(v)
		if err != nil {
			t.Errorf("Encode(%+v): %v", v, err)
			continue
		}
		back, err := s.Parse(raw)
		if err != nil {
			t.Errorf("Parse(%q), written for %+v: %v", raw, v, err)
			continue
		}
		if !reflect.DeepEqual(back, v) {
			t.Errorf("%q, written for %+v, reads back %+v", raw, v, back)
		}
		if again, err := s.Encode(back); again != raw || err != nil {
			t.Errorf("%q, read and written again, is %q, %v", raw, again, err)
		}
	}
}
