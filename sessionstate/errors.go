package sessionstate

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/reecho-go/reecho/internal/commit"
	"github.com/reecho-go/reecho/internal/lossless"
	"github.com/reecho-go/reecho/internal/problem"
)

var (
	// ErrCommitted says that the change came after the response's headers had
	// left. It was not made. It is middleware.ErrCommitted too.
	ErrCommitted = fmt.Errorf("sessionstate: too late to change the session: %w", commit.ErrCommitted)

	// ErrNoSession says that the route has no session: neither the Manager's
	// middleware nor a Stack with the Manager is in front of it.
	ErrNoSession = errors.New("sessionstate: no session in this request: put a middleware with the Manager in it, such as echov4.Use(manager), in front of this route")

	// ErrContention says that a save met other writers' changes each time it
	// was tried. None of its changes were made; the response is a 503.
	ErrContention = errors.New("sessionstate: too many writers at the same session")

	// ErrEnded says that the session that was to be read or saved has ended.
	ErrEnded = errors.New("sessionstate: the session has ended")

	// ErrNeedsResponse says that a change could only reach the visitor's cookie
	// with a response, and that there is none to take it. It was not made.
	ErrNeedsResponse = errors.New("sessionstate: this needs a response that sets the visitor's cookie")

	// ErrTooLarge says that a change would make a value or the session larger
	// than allowed. It comes as a *[SizeError] and was not made.
	ErrTooLarge = errors.New("sessionstate: too large")

	// ErrCycle says that OnChange functions kept on changing keys.
	ErrCycle = errors.New("sessionstate: OnChange functions change each other's keys without end")
)

// StoreError says that the session could not be loaded or saved. It answers
// 503 and tells the client nothing of its cause.
type StoreError struct {
	Op  string // "load", "save", "end" or "list"
	Err error  // what the store returned
}

var _ problem.Error = (*StoreError)(nil)

// Error names the operation and the cause.
func (e *StoreError) Error() string {
	return fmt.Sprintf("sessionstate: %s the session: %v", e.Op, e.Err)
}

// Unwrap returns the cause.
func (e *StoreError) Unwrap() error { return e.Err }

// StatusCode is 503.
func (e *StoreError) StatusCode() int { return http.StatusServiceUnavailable }

// Problem implements the toolkit's error interface.
func (e *StoreError) Problem() problem.Details {
	switch e.Op {
	case "save":
		return problem.Details{Detail: "Your session cannot be reached at the moment, and it is not certain what was saved. Look before you do it again."}
	case "end":
		return problem.Details{Detail: "Your session cannot be reached at the moment, and it is not certain that it has ended. Try again in a moment."}
	}
	return problem.Details{Detail: "Your session cannot be reached at the moment. Try again in a moment."}
}

// SizeError is an [ErrTooLarge]: the change that caused it was not made. It
// answers 500 if a handler returns it.
type SizeError struct {
	Key     string    // the key that was being set; empty for flash messages and others
	Size    int       // bytes it would have taken
	Limit   int       // bytes allowed
	Largest []KeySize // the session's largest keys, largest first; at most five
}

// KeySize is how many bytes a key's name and value take. A key in a tab is named
// with "@" and the tab's name.
type KeySize struct {
	Key  string
	Size int
}

var _ problem.Error = (*SizeError)(nil)

// Error says what is too large and which keys are the largest.
func (e *SizeError) Error() string {
	what := "the session"
	if e.Key != "" {
		what = fmt.Sprintf("the session with key %q", e.Key)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "sessionstate: %s would take %d bytes of at most %d", what, e.Size, e.Limit)
	for i, k := range e.Largest {
		if i == 0 {
			b.WriteString("; largest:")
		}
		fmt.Fprintf(&b, " %q %d", k.Key, k.Size)
	}
	return b.String()
}

// Is reports whether target is [ErrTooLarge].
func (e *SizeError) Is(target error) bool { return target == ErrTooLarge }

// StatusCode is 500: what an app keeps for a visitor is the app's affair.
func (e *SizeError) StatusCode() int { return http.StatusInternalServerError }

// Problem implements the toolkit's error interface. It does not name keys.
func (e *SizeError) Problem() problem.Details {
	return problem.Details{Detail: "There is too much to remember in your session."}
}

// ValueError says that a stored value is not one of the key's type, or that a
// value cannot be stored.
type ValueError struct {
	Key  string
	Type string // the key's Go type
	Err  error
}

// Error names the key, its type and what kind of fault it is. It leaves out
// the text of the cause where that may quote the value.
func (e *ValueError) Error() string {
	return fmt.Sprintf("sessionstate: key %q (%s): %s", e.Key, e.Type, withoutValue(e.Err))
}

// withoutValue describes an error of encoding or decoding.
func withoutValue(err error) string {
	if e, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		kind, _, _ := strings.Cut(e.Value, " ") // "number 5" quotes the number
		return fmt.Sprintf("a JSON %s is no %s%s", kind, e.Type, inField(e.Field))
	}
	if e, ok := errors.AsType[*json.UnsupportedTypeError](err); ok {
		return e.Error()
	}
	if e, ok := errors.AsType[*json.UnsupportedValueError](err); ok {
		return e.Error() // NaN, an infinity, or a cycle
	}
	if e, ok := errors.AsType[*migrateError](err); ok {
		return e.Error()
	}
	if e, ok := errors.AsType[*lossless.Error](err); ok {
		return e.Error()
	}
	for _, plain := range []error{errNull, errNoCodec, errChanged} {
		if errors.Is(err, plain) {
			return plain.Error()
		}
	}
	return fmt.Sprintf("cannot be encoded or decoded (%T)", err)
}

// migrateError says that KeyConfig.Migrate failed.
type migrateError struct {
	from, to int
	err      error
}

func (e *migrateError) Error() string {
	return fmt.Sprintf("cannot be migrated from version %d to %d", e.from, e.to)
}

func (e *migrateError) Unwrap() error { return e.err }

func inField(name string) string {
	if name == "" {
		return ""
	}
	return " in field " + name
}

// Unwrap returns the cause.
func (e *ValueError) Unwrap() error { return e.Err }
