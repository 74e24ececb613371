package cacheresource

import (
	"context"
	"net/url"

	"github.com/labstack/echo/v4"

	"github.com/reecho-go/reecho/internal/clearing"
)

// ClearHandler returns an echo handler that clears group, or with the query
// parameter resource=NAME that resource alone, and answers 204 No Content. What
// is leased goes on until it is released; the next call opens anew. A query that
// says anything else is refused with 400 Bad Request. A nil group is [Default].
// A nil authorize is an error: whoever may clear can make every request slow.
//
// authorize is called first. Its error is the answer if it has a status of its
// own, as echo's and this toolkit's errors do; otherwise the answer is 403
// Forbidden, which says no more. Besides that, the handler accepts only POST,
// and refuses requests that a browser sends for another origin (see
// http.CrossOriginProtection).
func ClearHandler(group *Group, authorize func(echo.Context) error) (echo.HandlerFunc, error) {
	if group == nil {
		group = Default()
	}
	return clearing.Handler(clearing.Config{
		Package: "cacheresource", Words: []string{"resource"}, Authorize: authorize,
		Clear: func(ctx context.Context, query url.Values) error {
			if name := query.Get("resource"); name != "" {
				return group.clearOne(ctx, name)
			}
			return group.Clear(ctx)
		},
	})
}

// clearOne clears the resource of that name.
func (g *Group) clearOne(ctx context.Context, name string) error {
	for _, m := range g.group.Members() {
		if m.Name() == name {
			return m.(closer).clear(ctx)
		}
	}
	return clearing.ErrUnknown
}
