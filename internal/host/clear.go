package host

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"reflect"

	"github.com/reecho-go/reecho/internal/problem"
)

// Clearer is a group of caches that a [ClearHandler] clears.
type Clearer interface {
	// ClearBy clears the caches or tags that the query of a request names.
	ClearBy(ctx context.Context, query map[string][]string) error
}

// ClearHandler returns the function that the ClearHandlers of all hosts call. It calls
// ClearBy for a request if authorize returns nil. who is the name of the package, for errors.
func ClearHandler[C Context](who string, what Clearer, authorize func(C) error) (func(h Host, c C) error, error) {
	who += ": ClearHandler"
	group := reflect.ValueOf(what)
	switch {
	case what == nil, group.Kind() == reflect.Pointer && group.IsNil():
		return nil, errors.New(who + ": there is nothing to clear: give a group of caches or resources, such as cachedata.Default()")
	case authorize == nil:
		return nil, errors.New(who + ": authorize is nil: give a function that returns an error for those who may not clear")
	}
	refuse := func(status int, detail string, cause error) *problem.RefusalError {
		return &problem.RefusalError{Who: who, Status: status, Detail: detail, Cause: cause}
	}
	sameOrigin := http.NewCrossOriginProtection()
	return func(h Host, c C) error {
		r := c.Request()
		if r.Method != http.MethodPost {
			wrong := refuse(http.StatusMethodNotAllowed, "Use POST.", nil)
			wrong.Header = http.Header{"Allow": {http.MethodPost}}
			return wrong
		}
		if err := sameOrigin.Check(r); err != nil {
			return refuse(http.StatusForbidden, "This request comes from another site.", err)
		}
		if err := authorize(c); err != nil {
			if _, ours := problem.From(err); ours || h.FrameworkError(err) != nil {
				return err // such an error is meant for clients
			}
			return refuse(http.StatusForbidden, "You are not allowed to clear this.", err)
		}
		query, err := url.ParseQuery(r.URL.RawQuery)
		if err != nil {
			return refuse(http.StatusBadRequest, "The query cannot be read.", err)
		}
		return what.ClearBy(r.Context(), query)
	}, nil
}
