package observe

import (
	"fmt"
	"reflect"
	"strings"
)

// PanicError is a panic of a function that the toolkit has called, as an error.
// Events contain it, and the callers who wait for the result of the function get
// it. errors.As finds Value in it if that is an error.
type PanicError struct {
	Value any    // what was passed to panic
	Stack []byte // the goroutine's stack where it panicked
	Where string // what was running, such as a cache and the key that it was loading; empty: unknown
	Line  string // file:line in the program's own function that panicked, or that called the function that did; empty: unknown
	Trace string // the part of the stack that is the program's own, a line for each call

	// Repanicked says that this is the value of another panic, in the goroutine that
	// waited. Then the text of the error ends with Trace, which would be lost.
	Repanicked bool
}

// Error names the place, if that is known, and the value.
func (e *PanicError) Error() string {
	text := "panic"
	if e.Where != "" {
		text += " in " + e.Where
		if e.Line != "" {
			text += " at " + e.Line
		}
	}
	text = fmt.Sprintf("%s: %v", text, e.Value)
	if e.Repanicked {
		text += e.Trace
	}
	return text
}

// Unwrap returns Value if it is an error.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}

// CycleError says that a load or open would have waited for itself, directly or
// through others.
type CycleError struct {
	Path []string // the loads of the cycle, from the one that was about to wait back to itself
}

// Error names the loads of the cycle.
func (e *CycleError) Error() string {
	return "a load would wait for itself: " + strings.Join(e.Path, " -> ")
}

// KeyError says that something in a key cannot identify a result or an
// instance. The constructor of a cache or resource returns one for each such
// place in the type of its keys. A call returns one for a value whose interfaces
// hold such a thing, that is too deep or too large, or whose HashFunc failed. It
// has no HTTP status, since only the program knows whether the client caused it.
type KeyError struct {
	Owner string       // the package and name of the cache or resource
	Path  string       // the place, from the key's type on
	Type  reflect.Type // the type at that place
	Err   error        // what is wrong with it, and the ways out
}

// Error names the owner, the place, the type and the ways out.
func (e *KeyError) Error() string { return fmt.Sprintf("%s: key: %v", e.Owner, e.Err) }

// Unwrap returns Err.
func (e *KeyError) Unwrap() error { return e.Err }
