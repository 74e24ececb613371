package middleware

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/reecho-go/reecho/internal/problem"
	"github.com/reecho-go/reecho/observe"
)

// Error is an error that knows its HTTP answer. All errors of the toolkit that
// reach HTTP implement it, and those of other plugins may: the Stack and
// [ErrorHandler] render it as RFC 9457 problem details.
type Error = problem.Error

// Problem is the body of an error's answer (RFC 9457).
type Problem = problem.Details

// ProblemItem is one fault of several in a [Problem].
type ProblemItem = problem.Item

// PanicError is a recovered panic: Value is what was passed to panic, Stack
// where it happened, Where and Line the same in short, if that is known.
type PanicError = observe.PanicError

// ErrClosed is what a request gets from a Stack that has been closed. It
// answers 503.
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

// Problem implements Error. It names no cause: that is for the log.
func (e *unavailable) Problem() problem.Details {
	return problem.Details{Detail: "The service is not ready. Try again later."}
}
