package cachedata

import (
	"errors"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/reecho-go/reecho/internal/problem"
)

// ClearHandler returns an echo handler that clears group, or with the query
// parameter cache=NAME that cache alone, and answers 204 No Content. A nil
// group is [Default]. A nil authorize is an error: whoever may clear can make
// every request slow.
//
// authorize is called first. Its error is the answer if it has a status of its
// own, as echo's and this toolkit's errors do; otherwise the answer is 403
// Forbidden, which says no more. Besides that, the handler accepts only POST,
// and refuses requests that a browser sends for another origin (see
// http.CrossOriginProtection): a page elsewhere cannot make an administrator's
// browser clear the cache.
func ClearHandler(group *Group, authorize func(echo.Context) error) (echo.HandlerFunc, error) {
	if authorize == nil {
		return nil, errors.New("cachedata: ClearHandler: authorize is nil: say who may clear")
	}
	if group == nil {
		group = Default()
	}
	sameOrigin := http.NewCrossOriginProtection()
	return func(c echo.Context) error {
		if c.Request().Method != http.MethodPost {
			c.Response().Header().Set(echo.HeaderAllow, http.MethodPost)
			return problem.HTTPError(&refusal{status: http.StatusMethodNotAllowed, detail: "Use POST."})
		}
		if err := sameOrigin.Check(c.Request()); err != nil {
			return problem.HTTPError(&refusal{status: http.StatusForbidden, detail: "This request comes from another site.", cause: err})
		}
		if err := authorize(c); err != nil {
			return problem.HTTPError(denied(err))
		}
		clearAll := group.Clear
		if name := c.QueryParam("cache"); name != "" {
			cache := group.cache(name)
			if cache == nil {
				return problem.HTTPError(&refusal{status: http.StatusNotFound, detail: "There is no cache of that name."})
			}
			clearAll = cache.Clear
		}
		if err := clearAll(c.Request().Context()); err != nil {
			return problem.HTTPError(err)
		}
		return c.NoContent(http.StatusNoContent)
	}, nil
}

// denied is what to answer when authorize has failed with err.
func denied(err error) error {
	if _, ok := errors.AsType[*echo.HTTPError](err); ok {
		return err
	}
	if _, ok := problem.From(err); ok {
		return err
	}
	return &refusal{status: http.StatusForbidden, detail: "You may not clear this cache.", cause: err}
}

// refusal is a request that ClearHandler did not obey.
type refusal struct {
	status int
	detail string
	cause  error
}

// Error implements error.
func (r *refusal) Error() string {
	if r.cause != nil {
		return "cachedata: ClearHandler: " + r.cause.Error()
	}
	return "cachedata: ClearHandler: " + r.detail
}

// Unwrap returns the cause.
func (r *refusal) Unwrap() error { return r.cause }

// StatusCode implements problem.Error.
func (r *refusal) StatusCode() int { return r.status }

// Problem implements problem.Error.
func (r *refusal) Problem() problem.Details { return problem.Details{Detail: r.detail} }
