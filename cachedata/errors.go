package cachedata

import (
	"context"
	"errors"
	"fmt"
	"reflect"

	"github.com/reecho-go/reecho/internal/answer"
	"github.com/reecho-go/reecho/internal/group"
	"github.com/reecho-go/reecho/internal/visit"
	"github.com/reecho-go/reecho/observe"
)

// ErrClosed says that the cache or its group has been closed. Over HTTP it is
// 503 Service Unavailable.
var ErrClosed error = closedError{}

// ErrNotFound says that there is nothing for a key. A load function returns it,
// alone or wrapped. A [Batch] returns it for keys that its load left out. Over
// HTTP it is 404 Not Found.
var ErrNotFound error = notFoundError{}

// ErrTimeout says that a load took longer than Config.Timeout. errors.Is
// finds context.DeadlineExceeded in it, too. Over HTTP it is 504 Gateway
// Timeout.
var ErrTimeout error = timeoutError{}

// ErrDuplicate says that the group already has a cache with that name.
var ErrDuplicate = group.ErrDuplicate

// ErrVisitorInGlobalLoad says that a load, whose result everybody shares, read
// the session, the request or the query of the visitor who caused it, or another
// context value that belongs to a visitor: one that the program has declared
// (middleware.Visitor), a request, or a token of golang-jwt. The load found no
// value there, and its result was not stored, even if it returned without an
// error. Make what the load needs part of the key, or use [Session] scope.
var ErrVisitorInGlobalLoad = visit.ErrVisitorInGlobalLoad

// ErrNoSession says that a call of a cache in session scope has no visitor: its
// context has neither a session (the sessionstate plugin is missing, or the
// context is not that of a request) nor a declared visitor (middleware.Visitor)
// who is logged in. It has no HTTP status. It is the same value in cachedata,
// cacheresource and sessionstate.
var ErrNoSession = visit.ErrNoSession

// PanicError is a panic of a load function. Callers who wait for the load get it
// as their error; the caller who started the load panics with it. Its Where names
// the cache and the fingerprint of the key. If a load function calls
// runtime.Goexit, all callers get a PanicError as their error. It has no HTTP
// status: it is an internal fault.
type PanicError = observe.PanicError

// CycleError says that a load would have waited for itself, directly or
// through other loads, and names them all. It has no HTTP status.
type CycleError = observe.CycleError

type closedError struct{}

// Error implements error.
func (closedError) Error() string { return "cachedata: closed" }

// StatusCode is 503.
func (closedError) StatusCode() int { return 503 }

// Problem is the body of the answer over HTTP.
func (closedError) Problem() answer.Details {
	return answer.Details{Detail: "The service is shutting down. Try again in a moment."}
}

type timeoutError struct{}

// Error implements error.
func (timeoutError) Error() string { return "cachedata: the load took too long" }

// Is makes it a context.DeadlineExceeded.
func (timeoutError) Is(target error) bool { return target == context.DeadlineExceeded }

// Timeout makes it a timeout in the sense of package net.
func (timeoutError) Timeout() bool { return true }

// StatusCode is 504.
func (timeoutError) StatusCode() int { return 504 }

// Problem is the body of the answer over HTTP.
func (timeoutError) Problem() answer.Details {
	return answer.Details{Detail: "The answer took too long. Try again in a moment."}
}

type notFoundError struct{}

// Error implements error.
func (notFoundError) Error() string { return "cachedata: not found" }

// StatusCode is 404.
func (notFoundError) StatusCode() int { return 404 }

// Problem is the body of the answer over HTTP.
func (notFoundError) Problem() answer.Details {
	return answer.Details{Detail: "The requested item was not found."}
}

// KeyError says that a key contains something that cannot identify a result. It
// names the cache, the place in K and the type. [New] returns one for each such
// place in the type K. A call returns one for a key with such a value behind an
// interface, a key that is too deep or too large, or one whose HashFunc failed.
// It has no HTTP status, since only the program knows whether the client caused
// it.
type KeyError = observe.KeyError

// CopyError says that a result contains something that cannot be copied, so that
// callers could not get copies of their own. [New] returns one for each such
// place in the type V. A call returns one for a result with such a value behind
// an interface, or one that is too large. It has no HTTP status: it is an
// internal fault.
type CopyError struct {
	Cache string       // the cache's name
	Path  string       // the place, as a path that starts at V; empty for limits
	Type  reflect.Type // the type at that place
	Err   error        // what is wrong with it, and what to do instead
}

// Error names the cache, the place, the type and what to do instead.
func (e *CopyError) Error() string { return fmt.Sprintf("cachedata: %s: result: %v", e.Cache, e.Err) }

// Unwrap returns Err.
func (e *CopyError) Unwrap() error { return e.Err }

// isMisuse reports whether err comes from a mistake in how the loader uses caches,
// and not from the origin. Such an error is neither remembered nor replaced by an
// old result.
func isMisuse(err error) bool {
	_, cycle := errors.AsType[*CycleError](err)
	return cycle || errors.Is(err, ErrVisitorInGlobalLoad) || errors.Is(err, ErrNoSession) || errors.Is(err, ErrClosed)
}
