package cachedata

import (
	"context"
	"errors"
	"fmt"
	"reflect"

	"github.com/reecho-go/reecho/internal/answer"
	"github.com/reecho-go/reecho/internal/clone"
	"github.com/reecho-go/reecho/internal/flight"
	"github.com/reecho-go/reecho/internal/group"
	"github.com/reecho-go/reecho/internal/keys"
	"github.com/reecho-go/reecho/internal/panics"
	"github.com/reecho-go/reecho/internal/visit"
)

// ErrClosed says that the cache or its group has been closed. Over HTTP it is
// 503 Service Unavailable.
var ErrClosed error = closedError{}

// ErrNotFound is what a loader returns, alone or wrapped, for a key that there
// is nothing for. A [Batch] returns it for keys that its load left out. Over
// HTTP it is 404 Not Found.
var ErrNotFound error = notFoundError{}

// ErrTimeout says that a load took longer than Config.Timeout. errors.Is
// finds context.DeadlineExceeded in it, too. Over HTTP it is 504 Gateway
// Timeout.
var ErrTimeout error = timeoutError{}

// ErrDuplicate says that the group has a cache of that name already.
var ErrDuplicate = group.ErrDuplicate

// ErrVisitorInGlobalLoad says that a load, whose result everybody shares, read
// the session, the request or the query of the one visitor who happened to
// cause it, or a context value that is a visitor's: one of those that the program
// has declared (middleware.Visitor), a request, or a token of golang-jwt. The load
// found nothing there, and nothing was stored, whatever it returned or panicked
// with. Make what the load needs part of the key, or use [Session] visit.
var ErrVisitorInGlobalLoad = visit.ErrVisitorInGlobalLoad

// PanicError is a panic of a loader, as its waiting callers see it; the caller
// that started the load panics with it. Value is what the loader panicked
// with, and what errors.As finds if it is an error; Stack is the loader's, Where
// names the cache and the key's fingerprint, and Line is the line of the loader.
// Its text has all of this, and what is panicked with the loader's part of the
// stack as well, so that a Recover middleware shows it. A loader that calls runtime.Goexit fails with one too, which is returned to
// all. It has no HTTP status: it is an internal fault.
type PanicError = panics.Error

// CycleError says that a load would have waited for itself, directly or
// through other loads, and names them all. It has no HTTP status.
type CycleError = flight.CycleError

// Cleared says what a clear hook runs after.
type Cleared = group.Cleared

type closedError struct{}

// Error implements error.
func (closedError) Error() string { return "cachedata: closed" }

// StatusCode is 503.
func (closedError) StatusCode() int { return 503 }

// Problem is the body of the answer over HTTP.
func (closedError) Problem() answer.Details {
	return answer.Details{Detail: "The service is shutting down."}
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
	return answer.Details{Detail: "It took too long to get this."}
}

type notFoundError struct{}

// Error implements error.
func (notFoundError) Error() string { return "cachedata: not found" }

// StatusCode is 404.
func (notFoundError) StatusCode() int { return 404 }

// Problem is the body of the answer over HTTP.
func (notFoundError) Problem() answer.Details {
	return answer.Details{Detail: "There is no such thing."}
}

// KeyError says that something in a key cannot identify a result, in which
// cache, at which place in K and of which type. [New] returns one for each
// place in the type K; a call returns one for a value whose interfaces hold
// such a thing, or that is too deep or too large, or whose HashFunc failed. It
// has no HTTP status, since only the program knows whether the client caused
// it.
type KeyError = keys.Error

// CopyError says that something in a result cannot be copied, so that callers
// could not be given copies of their own. [New] returns one for each place in
// the type V; a call returns one for a value whose interfaces hold such a
// thing, or that is too large. It has no HTTP status: it is an internal fault.
type CopyError struct {
	Cache string       // the cache's name
	Path  string       // the place, from V on; empty for limits
	Type  reflect.Type // the type that stands there
	Err   error        // what is wrong with it, and the ways out
}

// Error names the cache, the place, the type and the ways out.
func (e *CopyError) Error() string { return fmt.Sprintf("cachedata: %s: result: %v", e.Cache, e.Err) }

// Unwrap returns Err.
func (e *CopyError) Unwrap() error { return e.Err }

// copyError turns what internal/clone says into ours. It is not to be a part of
// each shell.
//
//go:noinline
func (c *core) copyError(err error) error {
	return keys.Each(err, func(err error) error {
		e := &CopyError{Cache: c.name, Err: err}
		if at, ok := errors.AsType[*clone.TypeError](err); ok {
			e.Path, e.Type = at.Path, at.Type
		} else if at, ok := errors.AsType[*clone.ValueError](err); ok {
			e.Path, e.Type = at.Path, at.Type
		}
		return e
	})
}
