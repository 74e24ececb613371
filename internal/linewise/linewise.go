// Package linewise puts the place before each of several joined errors, so that every
// line of what a constructor reports can be understood by itself.
package linewise

import (
	"errors"
	"reflect"
	"strings"
)

// Prefix returns err with prefix before every error that [errors.Join] has joined
// in it, at any depth. It removes the texts in repeated from where an error's own
// text begins, so that none says twice where it is from. Prefix of nil is nil.
func Prefix(prefix string, err error, repeated ...string) error {
	if err == nil {
		return nil
	}
	var errs []error
	for _, e := range flat(err) {
		errs = append(errs, &placed{prefix: prefix, repeated: repeated, err: e})
	}
	return errors.Join(errs...)
}

var joined = reflect.TypeOf(errors.Join(errors.ErrUnsupported))

// flat lists what errors.Join has joined in err.
func flat(err error) []error {
	if reflect.TypeOf(err) != joined {
		return []error{err}
	}
	var all []error
	for _, e := range err.(interface{ Unwrap() []error }).Unwrap() { //nolint:errorlint // the type of Join, not one that wraps it
		all = append(all, flat(e)...)
	}
	return all
}

// placed is an error with its place.
type placed struct {
	prefix   string
	repeated []string
	err      error
}

func (e *placed) Error() string {
	text := e.err.Error()
	for _, r := range e.repeated {
		text = strings.TrimPrefix(text, r)
	}
	return e.prefix + text
}

func (e *placed) Unwrap() error { return e.err }
