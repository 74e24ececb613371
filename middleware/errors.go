package middleware

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/reecho-go/reecho/internal/problem"
)

// Error is an error with an HTTP response: its methods StatusCode() int, from 400
// to 599, or from 300 to 399 with a Location in the Header of the Problem, and
// Problem() [Problem]. The errors of the toolkit that reach HTTP implement it, and
// errors of other plugins may. The Stack and the ErrorHandler of echov4 and echov5
// send it as RFC 9457 problem details.
type Error = problem.Error

// Problem is the body of an error response (RFC 9457). All fields are optional.
// They are shown to the client and must not hold secrets:
//
//	Type   string              // a URI that identifies the kind of problem
//	Title  string              // a short summary of the kind; default: the status's text
//	Status int                 // default: the error's StatusCode
//	Detail string              // what is wrong with this request, and what to do instead
//	Errors []ProblemItem       // the single faults, in a stable order
//	Header map[string][]string // more headers of the response, such as Retry-After
type Problem = problem.Details

// ProblemItem is one of several faults in a [Problem]:
//
//	Parameter  string  // the query parameter or form field at fault
//	Path       string  // the place inside the parameter's value, such as ids[1]
//	Header     string  // the request header at fault
//	Code       string  // a stable, machine-readable name of the fault
//	Detail     string  // the fault in words
//	Value      *string // the start of what was sent, made safe to show
//	Expected   string  // what is allowed
//	Suggestion string  // the allowed value that is nearest to the one sent
type ProblemItem = problem.Item

// ErrClosed is the error of a request to a Stack that has been closed. It is
// answered with 503.
var ErrClosed error = &unavailable{err: errors.New("middleware: the stack is closed")}

// pluginError says which plugin has failed in which hook. observe.PluginFailure is the
// corresponding event.
type pluginError struct {
	plugin, hook string
	err          error
}

func (e *pluginError) Error() string {
	return fmt.Sprintf("middleware: plugin %q: %s: %v", e.plugin, e.hook, e.err)
}

func (e *pluginError) Unwrap() error { return e.err }

// unavailable is an error of the whole Stack. Its response is 503, without the cause.
type unavailable struct{ err error }

func (e *unavailable) Error() string   { return e.err.Error() }
func (e *unavailable) Unwrap() error   { return e.err }
func (e *unavailable) StatusCode() int { return http.StatusServiceUnavailable }

// Problem implements Error. It does not show the cause to the client.
func (e *unavailable) Problem() problem.Details {
	return problem.Details{Detail: "The service is not ready. Try again later."}
}
