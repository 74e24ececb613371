package cacheresource

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
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

// ErrDuplicate says that the group already has a resource with that name.
var ErrDuplicate = group.ErrDuplicate

// ErrNoSession says that a call of a resource in Scope Session has no visitor:
// its context has neither a session nor a declared visitor (middleware.Visitor)
// who is logged in. It is the same value in cachedata, cacheresource and
// sessionstate.
var ErrNoSession = visit.ErrNoSession

// errPinned is the error of Pin in Scope Session.
var errPinned = errors.New("Pin keeps its value until Close, but Scope Session ends before: use Do or Acquire")

// ErrVisitorInGlobalLoad says that an open, whose result everybody shares, read
// the session, the request or the query of the visitor who caused it, or another
// context value that belongs to a visitor; see the same error of package
// cachedata. The open found no value there, and what it opened was released. Make
// what it needs part of the key. A check that reads such a value fails.
var ErrVisitorInGlobalLoad = visit.ErrVisitorInGlobalLoad

// ErrOpenTimeout says that an open has not returned within Config.OpenTimeout;
// its text names the instance. errors.Is finds context.DeadlineExceeded in it,
// too. Over HTTP it is 503 Service Unavailable.
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
	return answer.Details{Detail: "A part that the service depends on is not available. Try again in a moment."}
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

// LeasedError lists the instances that were still leased, or not released yet,
// when a Close stopped waiting. These instances are released when their leases
// end.
type LeasedError struct {
	Instances []LeasedInstance // in the order in which they were opened
	Err       error            // why the Close did not wait longer
}

// LeasedInstance is an instance that is leased, or that was not released when a
// Close stopped waiting.
type LeasedInstance struct {
	Name   string   // name[fingerprint]
	Leases int      // number of leases; in a LeasedError, 0: its release has not returned
	Sites  []string // file:line of the acquires, if LeakAge is set
	Users  []string // name[fingerprint] of the instances that were opened with it
}

// String says who holds the instance.
func (i LeasedInstance) String() string {
	switch i.Leases {
	case 0:
		return i.Name + " (its release has not returned)"
	case 1:
		return fmt.Sprintf("%s (1 lease%s)", i.Name, i.holders())
	}
	return fmt.Sprintf("%s (%d leases%s)", i.Name, i.Leases, i.holders())
}

func (i LeasedInstance) holders() string {
	if len(i.Sites)+len(i.Users) == 0 {
		return ""
	}
	return ": " + strings.Join(slices.Concat(i.Sites, i.Users), ", ")
}

// Error names the instances and their holders.
func (e *LeasedError) Error() string {
	names := make([]string, len(e.Instances))
	for i, in := range e.Instances {
		names[i] = in.String()
	}
	return fmt.Sprintf("not released: %s: %v", strings.Join(names, ", "), e.Err)
}

// Unwrap returns Err.
func (e *LeasedError) Unwrap() error { return e.Err }

// errDrainTimeout is why a Close did not wait longer when DrainTimeout has passed.
var errDrainTimeout = fmt.Errorf("DrainTimeout has passed: %w", context.DeadlineExceeded)
