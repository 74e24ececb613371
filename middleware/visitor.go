package middleware

import (
	"context"
	"fmt"

	"github.com/reecho-go/reecho/internal/linewise"
	"github.com/reecho-go/reecho/internal/scope"
)

// Visitor is a plugin that tells caches and resources who the visitor of a request
// is, for an app whose login or JWT middleware puts the user into the request's
// context. For the requests that pass through it:
//
//   - a load or open whose result all visitors share fails with
//     cachedata.ErrVisitorInGlobalLoad if it reads the visitor, and its result is
//     not stored;
//   - caches and resources in session scope keep a result for each visitor, with
//     or without package sessionstate. A result of one id is never returned to
//     another; a call without an id fails with cachedata.ErrNoSession.
//
// The id is read from the context of each call. So the login middleware may come
// later in the chain; a call with a context from before it has no visitor. With
// sessionstate in the Stack too, results belong to the session and the visitor
// together, and to the session alone while there is no id.
//
// A Visitor is safe for concurrent use.
type Visitor struct{ visitor *scope.Visitor }

var (
	_ Beginner = (*Visitor)(nil)
	_ Ender    = (*Visitor)(nil)
)

// NewVisitor makes a Visitor. id returns the id of a context's visitor, such as a
// user's number, or "" if there is none. It must be fast and safe for concurrent
// use. Every context value that id reads is hidden from shared loads, so it should
// read only what belongs to the visitor. For a value of c.Set("user", ...) in
// echo, it reads ctx.Value("user"). keys are the keys of further context values
// to hide, such as claims or a tenant.
//
//	type userKey struct{}
//
//	var visitor = middleware.Must(middleware.NewVisitor(func(ctx context.Context) string {
//		user, _ := ctx.Value(userKey{}).(string)
//		return user
//	}))
//
// NewVisitor calls id once with an empty context. It returns an error if id is nil,
// panics, reads no value, or returns an id for the empty context, or if a key is
// nil, given twice, or cannot belong to a visitor. All problems are joined.
func NewVisitor(id func(ctx context.Context) string, keys ...any) (*Visitor, error) {
	v, err := scope.NewVisitor(id, keys)
	if err != nil {
		return nil, linewise.Prefix("middleware: NewVisitor: ", err)
	}
	return &Visitor{v}, nil
}

// Name implements [Plugin].
func (v *Visitor) Name() string { return "visitor" }

// ID returns the id of the visitor of ctx, or "" if there is none. It fails if the
// request of ctx did not pass through the Visitor, and with
// cachedata.ErrVisitorInGlobalLoad in a load that all visitors share.
func (v *Visitor) ID(ctx context.Context) (string, error) {
	id, err := v.visitor.ID(ctx)
	if err != nil {
		return "", fmt.Errorf("middleware: visitor: %w", err)
	}
	return id, nil
}

// Forget drops what the caches and resources of this process keep for the visitor
// with that id in session scope. Call it when the visitor logs out or loses rights.
// After it has returned, no later call gets a result whose load started before.
// Without it, results stay until they expire or the cache needs room
// (MaxSessions); no other visitor can get them.
func (v *Visitor) Forget(id string) { v.visitor.Forget(id) }

// Context returns a context in which the Visitor works as in a request of a Stack,
// for other work such as a job or a message. Put the values that the id is read
// from into parent, or into a context made from the result.
func (v *Visitor) Context(parent context.Context) context.Context { return v.visitor.Context(parent) }

// Begin makes the Visitor known to caches and resources during the request.
func (v *Visitor) Begin(c Context) error {
	var named func(string) any
	if byName, ok := c.(interface{ Get(name string) any }); ok && v.visitor.Named() {
		named = byName.Get
	}
	v.visitor.Declare(c.Request().Context(), named)
	return nil
}

// End stores the values that the id is read from, for work that continues after
// the request.
func (v *Visitor) End(c Context, err error) error {
	scope.Settle(c.Request().Context())
	return err
}
