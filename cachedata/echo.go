package cachedata

import (
	"context"
	"errors"
	"net/http"
	"net/url"

	"github.com/labstack/echo/v4"

	"github.com/reecho-go/reecho/internal/problem"
)

// ClearHandler returns an echo handler that clears group and answers 204 No
// Content. With the query parameter cache=NAME it clears that cache alone, with
// tag=TAG what has the tag (see [Group.ClearTag]; a tag that nothing has clears
// nothing), and with both what has the tag in that cache. A query that says
// anything else, such as an empty tag, is refused with 400 Bad Request, lest a
// slip of the pen clear everything. A nil group is [Default]. A nil authorize is
// an error: whoever may clear can make every request slow.
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
		if err := clearAsAsked(c.Request(), group); err != nil {
			return problem.HTTPError(err)
		}
		return c.NoContent(http.StatusNoContent)
	}, nil
}

// clearAsAsked clears what the query of r says.
func clearAsAsked(r *http.Request, group *Group) error {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return &refusal{status: http.StatusBadRequest, detail: "The query cannot be read.", cause: err}
	}
	for name, values := range query {
		if name != "cache" && name != "tag" || len(values) != 1 || values[0] == "" {
			return &refusal{status: http.StatusBadRequest, detail: "The query may have cache and tag, each with one value."}
		}
	}
	var scope interface {
		Clear(ctx context.Context) error
		ClearTag(ctx context.Context, tag string) error
	} = group
	if name := query.Get("cache"); name != "" {
		cache := group.cache(name)
		if cache == nil {
			return &refusal{status: http.StatusNotFound, detail: "There is no cache of that name."}
		}
		scope = cache
	}
	if tag := query.Get("tag"); tag != "" {
		return scope.ClearTag(r.Context(), tag)
	}
	return scope.Clear(r.Context())
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
