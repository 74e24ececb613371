package cacheresource

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/reecho-go/reecho/internal/answer"
	"github.com/reecho-go/reecho/internal/group"
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
// It is the same value in cachedata, cacheresource and sessionstate.
var ErrNoSession = visit.ErrNoSession

// errPinned is the error of Pin in Scope Session.
var errPinned = errors.New("Pin keeps its value until Close, but Scope Session ends before: use Do or Acquire")

// ErrVisitorInGlobalLoad says that an open, whose result everybody shares,
// read the session, the request or the query of the one visitor who happened
// to cause it, or a context value that is a visitor's; see the same error of
// package cachedata. It found nothing there, and what it opened was released.
// Make what it needs part of the key. A check that does so has failed.
var ErrVisitorInGlobalLoad = visit.ErrVisitorInGlobalLoad

// ErrOpenTimeout says that an open has not returned within Config.OpenTimeout;
// its text names the instance. It is a context.DeadlineExceeded too. Over HTTP it
// is 503 Service Unavailable.
var ErrOpenTimeout error = &openTimeoutError{}

type openTimeoutError struct {
	instance string // name[fingerprint] of what is being opened
	limit    time.Duration
}

// Error names the instance.
func (e *openTimeoutError) Error() string {
	if e.instance == "" {
		return "cacheresource: the open takes too long"
	}
	return fmt.Sprintf("cacheresource: %s: the open has not returned within %v", e.instance, e.limit)
}

// Is makes it an ErrOpenTimeout and a context.DeadlineExceeded.
func (*openTimeoutError) Is(target error) bool {
	return target == ErrOpenTimeout || target == context.DeadlineExceeded
}

// StatusCode is 503.
func (*openTimeoutError) StatusCode() int { return 503 }

// Problem is the body of the answer over HTTP.
func (*openTimeoutError) Problem() answer.Details {
	return answer.Details{Detail: "Something that the service needs is not available. Try again in a moment."}
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
	return answer.Details{Detail: "The service is shutting down. Try again in a moment."}
}
