package cachedata

import (
	"context"
	"net/url"

	"github.com/labstack/echo/v4"

	"github.com/reecho-go/reecho/internal/clearing"
)

// ClearHandler returns an echo handler that clears group and answers 204 No
// Content. With the query parameter cache=NAME it clears that cache alone, with
// tag=TAG, which may stand several times, what has one of the tags (see
// [Group.ClearTag]; a tag that nothing has clears nothing), and with both what
// has a tag in that cache. A query that says
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
	if group == nil {
		group = Default()
	}
	return clearing.Handler(clearing.Config{
		Package: "cachedata", Words: []string{"cache"}, Lists: []string{"tag"}, Authorize: authorize,
		Clear: func(ctx context.Context, query url.Values) error {
			var what interface {
				Clear(ctx context.Context) error
				ClearTag(ctx context.Context, tags ...string) error
			} = group
			if name := query.Get("cache"); name != "" {
				cache := group.cache(name)
				if cache == nil {
					return clearing.ErrUnknown
				}
				what = cache
			}
			if tags := query["tag"]; len(tags) > 0 {
				return what.ClearTag(ctx, tags...)
			}
			return what.Clear(ctx)
		},
	})
}
