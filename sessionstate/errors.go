package sessionstate

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/reecho-go/reecho/internal/commit"
	"github.com/reecho-go/reecho/internal/lossless"
	"github.com/reecho-go/reecho/internal/visit"
	"github.com/reecho-go/reecho/middleware"
)

var (
	// errCommitted says that the change came after the response's headers had
	// been sent. It was not made. It is a [middleware.ErrCommitted].
	errCommitted = fmt.Errorf("sessionstate: too late to change the session: %w", commit.ErrCommitted)

	// ErrNoSession says that the route has no session: neither the Manager's
	// middleware nor a Stack with the Manager is in front of it. It is the same
	// value in cachedata, cacheresource and sessionstate.
	ErrNoSession = visit.ErrNoSession

	// ErrContention says that a save met other writers' changes each time it
	// was tried. None of its changes were made; the response is a 503.
	ErrContention = errors.New("sessionstate: too many writers at the same session")

	// ErrEnded says that the session that was to be read or saved has ended.
	ErrEnded = errors.New("sessionstate: the session has ended")

	// ErrNeedsResponse says that a change could only reach the visitor's cookie
	// with a response, and that there is none to take it. It was not made.
	ErrNeedsResponse = errors.New("sessionstate: this needs a response that sets the visitor's cookie")

	// ErrTooLarge says that a change would make a value or the session larger
	// than allowed. It was not made. The error's text names the key, the sizes and
	// the largest keys. It answers 500 if a handler returns it.
	ErrTooLarge = errors.New("sessionstate: too large")

	// ErrStore says that the session could not be loaded, saved, ended or listed.
	// The error's text names the operation, and it wraps what the store returned.
	// It answers 503 and tells the client nothing of its cause.
	ErrStore = errors.New("sessionstate: the store of the sessions has failed")

	// ErrValue says that a stored value is not one of the key's type, or that a
	// value cannot be stored. The error's text names the key and its type, and
	// leaves the value out.
	ErrValue = errors.New("sessionstate: not a value of the key")

	// errCycle says that OnChange functions kept on changing keys.
	errCycle = errors.New("sessionstate: OnChange functions change each other's keys without end")
)

// storeError is an [ErrStore].
type storeError struct {
	op  string // "load", "save", "end" or "list"
	err error  // what the store returned
}

var _ middleware.Error = (*storeError)(nil)

// Error names the operation and the cause.
func (e *storeError) Error() string {
	return fmt.Sprintf("sessionstate: %s the session: %v", e.op, e.err)
}

func (e *storeError) Unwrap() error        { return e.err }
func (e *storeError) Is(target error) bool { return target == ErrStore }

// StatusCode is 503.
func (e *storeError) StatusCode() int { return http.StatusServiceUnavailable }

// Problem implements the toolkit's error interface.
func (e *storeError) Problem() middleware.Problem {
	switch e.op {
	case "save":
		return middleware.Problem{Detail: "Your session is not available at the moment. Your last change may or may not have been saved: check before you repeat it."}
	case "end":
		return middleware.Problem{Detail: "Your session is not available at the moment, so you may still be logged in. Try again in a moment."}
	}
	return middleware.Problem{Detail: "Your session is not available at the moment. Try again in a moment."}
}

// sizeError is an [ErrTooLarge].
type sizeError struct {
	key     string    // the key that was being set; empty for flash messages and others
	size    int       // bytes it would have taken
	limit   int       // bytes allowed
	largest []keySize // the session's largest keys, largest first
}

// keySize is how many bytes a key's name and value take. A key in a tab is named
// with "@" and the tab's name.
type keySize struct {
	key  string
	size int
}

var _ middleware.Error = (*sizeError)(nil)

// Error says what is too large and which keys are the largest.
func (e *sizeError) Error() string {
	what := "the session"
	if e.key != "" {
		what = fmt.Sprintf("the session with key %q", e.key)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "sessionstate: %s would take %d bytes of at most %d", what, e.size, e.limit)
	for i, k := range e.largest {
		if i == 0 {
			b.WriteString("; largest:")
		}
		fmt.Fprintf(&b, " %q %d", k.key, k.size)
	}
	return b.String()
}

// Is reports whether target is [ErrTooLarge].
func (e *sizeError) Is(target error) bool { return target == ErrTooLarge }

// StatusCode is 500: what an app keeps for a visitor is the app's affair.
func (e *sizeError) StatusCode() int { return http.StatusInternalServerError }

// Problem implements the toolkit's error interface. It does not name keys.
func (e *sizeError) Problem() middleware.Problem {
	return middleware.Problem{Detail: "Your session is full, so this was not saved."}
}

// valueError is an [ErrValue].
type valueError struct {
	key string
	typ string // the key's Go type
	err error
}

// Error names the key, its type and what kind of fault it is. It leaves out
// the text of the cause where that may quote the value.
func (e *valueError) Error() string {
	return fmt.Sprintf("sessionstate: key %q (%s): %s", e.key, e.typ, withoutValue(e.err))
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
	if e, ok := errors.AsType[*sharedNameError](err); ok {
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

func (e *valueError) Unwrap() error        { return e.err }
func (e *valueError) Is(target error) bool { return target == ErrValue }
