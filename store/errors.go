package store

import (
	"errors"
	"fmt"
	"strings"
)

// The errors of every store. Test them with errors.Is.
var (
	// ErrNotFound says that the key is absent: never written, deleted, expired
	// or evicted.
	ErrNotFound = errors.New("store: not found")

	// ErrConflict says that a Swap met another version than it expected.
	ErrConflict = errors.New("store: version conflict")

	// ErrClosed says that the store was closed before the call.
	ErrClosed = errors.New("store: closed")

	// ErrTooLarge says that the key or the value is larger than the store can
	// ever take. Nothing was changed.
	ErrTooLarge = errors.New("store: too large")

	// ErrFull says that the store has no room now and evicts nothing to make
	// some. Nothing was changed.
	ErrFull = errors.New("store: full")

	// ErrForeign says that the value was not written by the store, or was truncated.
	// Put replaces it, and Delete removes it.
	ErrForeign = errors.New("store: the value was not written by this store")
)

// Error is an error of a store. It has the operation, the key and the cause.
type Error struct {
	Op  string // the method in lower case: "get", "swap"
	Key string // the key, or the prefix of a scan, in full
	Err error  // the cause, never nil
}

// shownKey is how many bytes of a key an error's text shows.
const shownKey = 32

// Error returns one line. It quotes at most the first 32 bytes of the key, with all
// control and invalid characters escaped, so it is safe to log.
func (e *Error) Error() string {
	cause := strings.TrimPrefix(e.Err.Error(), "store: ")
	if len(e.Key) > shownKey {
		return fmt.Sprintf("store: %s %+q... (%d bytes): %s", e.Op, e.Key[:shownKey], len(e.Key), cause)
	}
	return fmt.Sprintf("store: %s %+q: %s", e.Op, e.Key, cause)
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }
