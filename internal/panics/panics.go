// Package panics turns a panic or a Goexit of a user function into an error with the
// value and the stack, for all callers that wait for the result.
package panics

import (
	"errors"
	"fmt"
	"runtime/debug"
)

// ErrGoexit is the Value of an [Error] for code that called runtime.Goexit,
// as t.FailNow does.
var ErrGoexit = errors.New("runtime.Goexit was called")

// Error is a recovered panic. It unwraps to Value when Value is an error.
type Error struct {
	Value any    // what was passed to panic
	Stack []byte // the goroutine's stack where it panicked
	// Where names what was running, such as a cache and the key that it was
	// loading. Empty: it is not known.
	Where string
	// Line is where in the program's own function it panicked, or called what
	// panicked: file:line. Empty: it is not known.
	Line string

	trace  string // the part of the stack that is the program's own
	raised bool   // it is the value of another panic
}

// New captures the current stack; call it in the deferred function that
// recovered value.
func New(value any) *Error {
	e := &Error{Value: value, Stack: debug.Stack()}
	e.Line, e.trace = locate()
	return e
}

// Recovered is New for what recover returned when a function did not return:
// nil after a Goexit; an *Error that was raised again stays what it is.
func Recovered(v any) *Error {
	switch v := v.(type) {
	case nil:
		return New(ErrGoexit)
	case *Error:
		if v.raised {
			inner := *v
			inner.raised = false
			return &inner
		}
		return v
	default:
		return New(v)
	}
}

// In says where it panicked, unless that is known. It is for an Error that nobody
// else has yet.
func (e *Error) In(where string) *Error {
	if e.Where == "" {
		e.Where = where
	}
	return e
}

// Raised returns the Error as the value of another panic, in another goroutine:
// its text has the program's own part of the stack, which would be lost there.
func (e *Error) Raised() *Error {
	raised := *e
	raised.raised = true
	return &raised
}

// Error names the value, and the place if that is known. If it was raised again,
// the stack follows; otherwise that is left to those who ask for it.
func (e *Error) Error() string {
	text := "panic"
	if e.Where != "" {
		text += " in " + e.Where
		if e.Line != "" {
			text += " at " + e.Line
		}
	}
	text = fmt.Sprintf("%s: %v", text, e.Value)
	if e.raised {
		text += e.trace
	}
	return text
}

// Unwrap returns Value when it is an error.
func (e *Error) Unwrap() error {
	err, _ := e.Value.(error)
	return err
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
