// Package panics turns a panic or a Goexit of a user function into an error with the
// value and the stack, for all callers that wait for the result.
package panics

import (
	"errors"
	"runtime/debug"

	"github.com/reecho-go/reecho/observe"
)

// ErrGoexit is the Value of an [Error] for code that called runtime.Goexit,
// as t.FailNow does.
var ErrGoexit = errors.New("runtime.Goexit was called")

// Error is a recovered panic.
type Error = observe.PanicError

// New captures the current stack; call it in the deferred function that
// recovered value.
func New(value any) *Error {
	e := &Error{Value: value, Stack: debug.Stack()}
	e.Line, e.Trace = locate()
	return e
}

// Recovered is New for what recover returned when a function did not return:
// nil after a Goexit; an *Error that was panicked with again stays what it is.
func Recovered(v any) *Error {
	switch v := v.(type) {
	case nil:
		return New(ErrGoexit)
	case *Error:
		if v.Repanicked {
			inner := *v
			inner.Repanicked = false
			return &inner
		}
		return v
	default:
		return New(v)
	}
}

// In says where e panicked, unless that is known, and returns e. It is for an
// Error that nobody else has yet.
func In(e *Error, where string) *Error {
	if e.Where == "" {
		e.Where = where
	}
	return e
}

// Repanicked returns e as the value of another panic, in another goroutine: its text
// has the program's own part of the stack, which would be lost there.
func Repanicked(e *Error) *Error {
	again := *e
	again.Repanicked = true
	return &again
}

// Catch calls fn and returns its error; a panic comes back as an *Error
// instead of unwinding the caller. A Goexit cannot be stopped: it ends the
// goroutine after its deferred functions.
func Catch(fn func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = New(v)
		}
	}()
	return fn()
}
