package identity

import (
	"errors"
	"fmt"
	"reflect"

	"github.com/reecho-go/reecho/internal/canon"
	"github.com/reecho-go/reecho/internal/clone"
)

// Error says that something in a key cannot identify anything. The constructor
// of a cache or resource returns one for each such place in the type of its
// keys; a call returns one for a value whose interfaces hold such a thing, or
// that is too deep or too large, or whose HashFunc failed. It has no HTTP
// status, since only the program knows whether the client caused it.
type Error struct {
	Owner string       // the package and name of the cache or resource
	Path  string       // the place, from the key's type on
	Type  reflect.Type // the type that stands there
	Err   error        // what is wrong with it, and the ways out
}

// Error names the owner, the place, the type and the ways out.
func (e *Error) Error() string { return fmt.Sprintf("%s: key: %v", e.Owner, e.Err) }

// Unwrap returns Err.
func (e *Error) Unwrap() error { return e.Err }

func newError(owner string, err error) *Error {
	e := &Error{Owner: owner, Err: err}
	if at, ok := errors.AsType[*canon.TypeError](err); ok {
		e.Path, e.Type = at.Path, at.Type
	} else if at, ok := errors.AsType[*canon.ValueError](err); ok {
		e.Path, e.Type = at.Path, at.Type
	} else if at, ok := errors.AsType[*clone.ValueError](err); ok {
		e.Path, e.Type = at.Path, at.Type
	}
	return e
}
