package middleware

import (
	"net/http"

	"github.com/reecho-go/reecho/internal/host"
)

// Clearer is what a ClearHandler clears: a *cachedata.Group or a
// *cacheresource.Group. Its ClearBy clears what the query of a request says.
type Clearer = host.Clearer

// ClearHandler returns a handler of net/http that calls ClearBy with the query of
// the request and answers 204 No Content. Packages echov4 and echov5 have the same
// for echo. A nil what or authorize is an error.
//
// authorize is called first, since clears make later requests slow. If its error
// is an [Error], that is the answer; any other error is answered with 403
// Forbidden, without details. The handler accepts only POST, and refuses requests
// that a browser sends for another origin (see http.CrossOriginProtection), so
// that a page of another site cannot make an administrator's browser clear the
// cache.
func ClearHandler(what Clearer, authorize func(*http.Request) error) (http.Handler, error) {
	var may func(*plainContext) error
	if authorize != nil {
		may = func(c *plainContext) error { return authorize(c.r) }
	}
	clearAsAsked, err := host.ClearHandler("middleware", what, may)
	if err != nil {
		return nil, err
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := &plainContext{r: r, w: w}
		if err := clearAsAsked(plainHost{}, c); err != nil {
			c.fail(err)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	}), nil
}
