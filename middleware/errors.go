package middleware

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/reecho-go/reecho/internal/problem"
	"github.com/reecho-go/reecho/observe"
)

// Error is an error with an HTTP response. The errors of the toolkit that reach
// HTTP implement it, and errors of other plugins may. The Stack and the
// ErrorHandler of echov4 and echov5 send it as RFC 9457 problem details.
type Error = problem.Error

// Problem is the body of an error response (RFC 9457).
type Problem = problem.Details

// ProblemItem is one of several faults in a [Problem].
type ProblemItem = problem.Item

// PanicError is a recovered panic. Value is the argument of panic, Stack the stack
// trace of its goroutine. Where and Line are the place in short, if it is known.
type PanicError = observe.PanicError

// ErrClosed is the error of a request to a Stack that has been closed. It is
// answered with 503.
var ErrClosed error = &unavailable{err: errors.New("middleware: the stack is closed")}

// PluginError says which plugin failed in which hook.
type PluginError struct {
	Plugin string
	Hook   string // Start, Begin, BeforeHeaders, End or Close
	Err    error
}

// Error names the plugin, the hook and the cause.
func (e *PluginError) Error() string {
	return fmt.Sprintf("middleware: plugin %q: %s: %v", e.Plugin, e.Hook, e.Err)
}

// Unwrap returns the cause.
func (e *PluginError) Unwrap() error { return e.Err }

// unavailable is a fault of the whole stack; it answers 503 without its cause.
type unavailable struct{ err error }

func (e *unavailable) Error() string   { return e.err.Error() }
func (e *unavailable) Unwrap() error   { return e.err }
func (e *unavailable) StatusCode() int { return http.StatusServiceUnavailable }

// Problem implements Error. It does not show the cause to the client.
func (e *unavailable) Problem() problem.Details {
	return problem.Details{Detail: "The service is not ready. Try again later."}
}
