package echov4_test

import (
	"net/http"
	"testing"

	"github.com/reecho-go/reecho/echov4"
	"github.com/reecho-go/reecho/middleware"
)

type fault struct{ p middleware.Problem }

func (fault) Error() string                 { return "fault" }
func (fault) StatusCode() int               { return http.StatusBadRequest }
func (f fault) Problem() middleware.Problem { return f.p }

func TestTheTextOfAnEchoErrorSpellsOutNoStruct(t *testing.T) {
	t.Parallel()
	err := echov4.HTTPError(fault{middleware.Problem{Title: "Invalid query", Errors: []middleware.ProblemItem{{Parameter: "page", Code: "type", Detail: "cannot be read", Value: new("x")}}}})
	if got, want := err.Error(), "code=400, message=Invalid query, internal=fault"; got != want {
		t.Errorf("the text is %q, want %q", got, want)
	}
}
