package problem

import (
	"encoding/json"
	"errors"

	"github.com/labstack/echo/v4"
)

// message is Details as the Message of an *echo.HTTPError: being a
// json.Marshaler, echo's default error handler sends it whole.
type message struct{ Details }

// MarshalJSON implements json.Marshaler.
func (m message) MarshalJSON() ([]byte, error) { return json.Marshal(m.Details) }

// String is the title alone: an *echo.HTTPError shows its Message in its own
// text, for logs, and the error itself beside it.
func (m message) String() string { return m.Title }

// HTTPError wraps an error of ours for echo, so that even its default error
// handler answers with our status and body; err stays reachable by errors.As
// through Internal. Errors that are not ours, and those already wrapped, come
// back unchanged.
func HTTPError(err error) error {
	if err == nil {
		return nil
	}
	if outermost, ok := errors.AsType[*echo.HTTPError](err); ok && outermost == err {
		return err
	}
	pe, ok := From(err)
	if !ok || overruled(err) {
		return err
	}
	d := DetailsOf(pe)
	return &echo.HTTPError{Code: d.Status, Message: message{d}, Internal: err}
}

// overruled reports whether the program has given an error of ours an answer
// of its own: an *echo.HTTPError around it that HTTPError has not made.
func overruled(err error) bool {
	he, ok := errors.AsType[*echo.HTTPError](err)
	if !ok {
		return false
	}
	if _, ok := he.Message.(message); ok {
		return false
	}
	_, around := From(he)
	return around
}

// Render answers with err's problem details if err is ours, the program has no
// answer of its own for it, and nothing has been sent yet. It reports whether
// it did.
func Render(c echo.Context, err error) (bool, error) {
	pe, ok := From(err)
	if !ok || overruled(err) || c.Response().Committed {
		return false, nil
	}
	d := DetailsOf(pe)
	return true, Write(c.Response(), c.Request(), d)
}
