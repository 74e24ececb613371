package keys

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/reecho-go/reecho/internal/clone"
	"github.com/reecho-go/reecho/observe"
)

// Reasons that a [ValueError] unwraps to.
var (
	// ErrTooDeep says that a value nests deeper than Config.MaxDepth.
	ErrTooDeep = errors.New("nested too deeply")
	// ErrTooLarge says that a value's canonical bytes would exceed Config.MaxBytes.
	ErrTooLarge = errors.New("too large")
	// ErrUnkeyable says that an interface holds a value of a type that cannot identify anything.
	ErrUnkeyable = errors.New("the type cannot identify anything")
)

// waysOut ends every message about a type that cannot be part of a key.
const waysOut = "leave the field out with the tag `hash:\"ignore\"`, give HashFuncs a function for the type, " +
	"or capture the value in the load function's closure"

// tooLarge is the reason of an [ErrTooLarge], with the ways out.
func tooLarge(limit int) string {
	return fmt.Sprintf("%v: a key has at most %d bytes: give HashFuncs a function for a type in it that returns a digest, such as sha256.Sum256 of the content, "+
		"or raise the limit (Keys.MaxBytes)", ErrTooLarge, limit)
}

// TypeError says that a type inside that of the keys cannot identify anything.
type TypeError struct {
	Path   string       // the place, as a path from the type: "Query.Deps.DB"
	Type   reflect.Type // the type at that place
	Reason string       // what is wrong with it
}

// Error names the place, the type and the three ways out.
func (e *TypeError) Error() string {
	return fmt.Sprintf("%s: %s cannot be part of a key (%s): %s", e.Path, e.Type, e.Reason, waysOut)
}

// ValueError says that one value has no key, though its type could have.
type ValueError struct {
	Path   string       // the place, as a path from the type: "Query.Filter[3].Next"
	Type   reflect.Type // the type at that place
	Reason string       // what is wrong with the value
	Err    error        // the cause: one of the sentinels, or what user code returned

	steps []string // the path while it is built, innermost first
}

// Error names the place, the type and the reason.
func (e *ValueError) Error() string {
	return fmt.Sprintf("%s: %s has no key: %s", e.Path, e.Type, e.Reason)
}

// Unwrap returns the cause.
func (e *ValueError) Unwrap() error { return e.Err }

// at prepends a step to the path; a nil error stays nil.
func (e *ValueError) at(step string) *ValueError {
	if e != nil {
		e.steps = append(e.steps, step)
	}
	return e
}

// maxSteps bounds the length of a path in a message.
const maxSteps = 16

// finish turns the steps into Path.
func (e *ValueError) finish(root string) *ValueError {
	slices.Reverse(e.steps)
	path := root
	if n := len(e.steps); n > maxSteps {
		path += strings.Join(e.steps[:maxSteps], "") + fmt.Sprintf("... (%d more)", n-maxSteps)
	} else {
		path += strings.Join(e.steps, "")
	}
	e.Path, e.steps = path, nil
	return e
}

// Error says that something in a key cannot identify anything.
type Error = observe.KeyError

func newError(owner string, err error) *Error {
	e := &Error{Owner: owner, Err: err}
	if at, ok := errors.AsType[*TypeError](err); ok {
		e.Path, e.Type = at.Path, at.Type
	} else if at, ok := errors.AsType[*ValueError](err); ok {
		e.Path, e.Type = at.Path, at.Type
	} else if at, ok := errors.AsType[*clone.ValueError](err); ok {
		e.Path, e.Type = at.Path, at.Type
	}
	return e
}

// Each applies fn to every error that err joins, and joins what it returns.
func Each(err error, fn func(error) error) error {
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return fn(err)
	}
	var errs []error
	for _, err := range joined.Unwrap() {
		errs = append(errs, Each(err, fn))
	}
	return errors.Join(errs...)
}
