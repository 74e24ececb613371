package cacheresource

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/reecho-go/reecho/internal/answer"
	"github.com/reecho-go/reecho/internal/flight"
	"github.com/reecho-go/reecho/internal/group"
	"github.com/reecho-go/reecho/internal/keys"
	"github.com/reecho-go/reecho/internal/panics"
	"github.com/reecho-go/reecho/internal/visit"
	"github.com/reecho-go/reecho/observe"
)

// ErrClosed says that the resource or its group has been closed. Over HTTP it
// is 503 Service Unavailable: behind a middleware of the toolkit, or with
// echov4.ErrorHandler.
var ErrClosed error = closedError{}

// ErrDuplicate says that the group has a resource of that name already.
var ErrDuplicate = group.ErrDuplicate

// ErrNoSession says that a resource of Scope Session was used for nobody: there
// is no session, and no visitor declared (middleware.Visitor) or none logged in.
var ErrNoSession = errors.New("cacheresource: no session and no visitor in this context: put a session manager in front of this route, declare the visitor with middleware.NewVisitor, or use Scope Global")

// errPinned is the error of Pin in Scope Session.
var errPinned = errors.New("Pin keeps its value until Close, but Scope Session ends before: use Do or Acquire")

// ErrVisitorInGlobalLoad says that an open, whose result everybody shares,
// read the session, the request or the query of the one visitor who happened
// to cause it, or a context value that is a visitor's; see the same error of
// package cachedata. It found nothing there, and what it opened was released.
// Make what it needs part of the key. A check that does so has failed.
var ErrVisitorInGlobalLoad = visit.ErrVisitorInGlobalLoad

// KeyError says that something in a key cannot identify an instance.
type KeyError = keys.Error

// PanicError is a panic of an open, as its waiting callers see it, of a check
// or release, as events show it, or of a clear hook. That of an open names the
// resource and the line of the open.
type PanicError = panics.Error

// CycleError says that an open would have waited for itself, directly or
// through other opens and loads, and names them all. It has no HTTP status.
type CycleError = flight.CycleError

// Cleared says what a clear hook runs after.
type Cleared = group.Cleared

// OpenTimeoutError says that an open has not returned within Config.OpenTimeout.
// It is a context.DeadlineExceeded; over HTTP it is 503 Service Unavailable.
type OpenTimeoutError struct {
	Instance string // name[fingerprint] of what is being opened
	Limit    time.Duration
}

// Error names the instance.
func (e *OpenTimeoutError) Error() string {
	return fmt.Sprintf("cacheresource: %s: the open has not returned within %v", e.Instance, e.Limit)
}

// Unwrap returns context.DeadlineExceeded.
func (e *OpenTimeoutError) Unwrap() error { return context.DeadlineExceeded }

// StatusCode is 503.
func (e *OpenTimeoutError) StatusCode() int { return 503 }

// Problem is the body of the answer over HTTP.
func (e *OpenTimeoutError) Problem() answer.Details {
	return answer.Details{Detail: "The service waits for something that it needs."}
}

// nameOf names an instance in errors.
func nameOf(s observe.Source) string { return fmt.Sprintf("%s[%016x]", s.Cache, s.Fingerprint) }

type closedError struct{}

// Error implements error.
func (closedError) Error() string { return "cacheresource: closed" }

// StatusCode is 503.
func (closedError) StatusCode() int { return 503 }

// Problem is the body of the answer over HTTP.
func (closedError) Problem() answer.Details {
	return answer.Details{Detail: "The service is shutting down."}
}
