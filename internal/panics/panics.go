// Package panics turns a panic or a Goexit of user code into an error that
// carries the value and the stack, so that it can be handed to the callers
// that waited for the result.
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
}

// New captures the current stack; call it in the deferred function that
// recovered value.
func New(value any) *Error { return &Error{Value: value, Stack: debug.Stack()} }

// Recovered is New for what recover returned when a function did not return:
// nil after a Goexit; an *Error that was raised again stays what it is.
func Recovered(v any) *Error {
	switch v := v.(type) {
	case nil:
		return New(ErrGoexit)
	case *Error:
		return v
	default:
		return New(v)
	}
}

// Error names the value; the stack is left to those who ask for it.
func (e *Error) Error() string { return fmt.Sprintf("panic: %v", e.Value) }

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
