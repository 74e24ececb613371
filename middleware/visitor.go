package middleware

import (
	"context"
	"fmt"

	"github.com/reecho-go/reecho/internal/scope"
)

// Visitor is how an app declares who its visitors are, once, if it knows them
// by what a login or JWT middleware puts into the request's context. It is a
// plugin of a [Stack]. For the requests that it
// has seen:
//
//   - a load or open that all visitors share and that reads the visitor fails
//     with cachedata.ErrVisitorInGlobalLoad, and nothing of it is kept;
//   - caches and resources in session scope belong to the visitor, with or
//     without package sessionstate: what is kept for one id is never given to
//     another, and without an id there is only cachedata.ErrNoSession.
//
// The id is read whenever it is asked for, of the context of the call. So the
// middleware that puts the visitor there may come later in the chain; what is
// asked with a context from before it finds nobody. Where sessionstate is in
// place too, what is kept belongs to the session and the visitor together, and
// to the session alone while there is no id.
//
// A Visitor is safe for concurrent use.
type Visitor struct{ visitor *scope.Visitor }

var (
	_ Beginner = (*Visitor)(nil)
	_ Ender    = (*Visitor)(nil)
)

// NewVisitor declares the app's visitors. id returns the id of the visitor of a
// context, such as a user's number, or "" if there is none. It must be quick and
// safe for concurrent use. What it reads of its context is the visitor's, so it
// should read nothing else. A key that is a string it may also read as
// ctx.Value("user") if c.Set("user", ...) has put the value into echo's
// context. keys are other keys of context values that are the visitor's, such
// as claims or a tenant.
//
//	type userKey struct{}
//
//	var visitor = middleware.Must(middleware.NewVisitor(func(ctx context.Context) string {
//		user, _ := ctx.Value(userKey{}).(string)
//		return user
//	}))
//
// The error joins everything that is wrong: a nil id, one that panics or returns
// an id for a context that holds nothing, which NewVisitor tries, or that reads
// nothing; and keys that are nil, stand twice, or can hold no visitor.
func NewVisitor(id func(ctx context.Context) string, keys ...any) (*Visitor, error) {
	v, err := scope.NewVisitor(id, keys)
	if err != nil {
		return nil, fmt.Errorf("middleware: NewVisitor: %w", err)
	}
	return &Visitor{v}, nil
}

// Name implements [Plugin].
func (v *Visitor) Name() string { return "visitor" }

// ID returns the id of the visitor of ctx, or "" if there is none. The error says
// that ctx is not of a request that the Visitor has seen, or is
// cachedata.ErrVisitorInGlobalLoad in a load that all visitors share.
func (v *Visitor) ID(ctx context.Context) (string, error) {
	id, err := v.visitor.ID(ctx)
	if err != nil {
		return "", fmt.Errorf("middleware: visitor: %w", err)
	}
	return id, nil
}

// Forget drops, in this process, what caches and resources keep in session scope
// for the visitor with that id; call it when one has logged out or lost rights.
// When it has returned, no call that starts later gets a result whose load had
// started before. Without it things stay until their time is over or the cache
// needs room (MaxSessions), and nobody else can reach them meanwhile.
func (v *Visitor) Forget(id string) { v.visitor.Forget(id) }

// Context returns a context for which the declaration holds, for work that
// belongs to no request of a Stack: a job, a message. parent
// or a context made of the result must have what the id is made of.
func (v *Visitor) Context(parent context.Context) context.Context { return v.visitor.Context(parent) }

// Begin makes the declaration hold for the request.
func (v *Visitor) Begin(c Context) error {
	var named func(string) any
	if byName, ok := c.(interface{ Get(name string) any }); ok && v.visitor.Named() {
		named = byName.Get
	}
	v.visitor.Declare(c.Request().Context(), named)
	return nil
}

// End keeps what the id is made of for what goes on after the request.
func (v *Visitor) End(c Context, err error) error {
	scope.Settle(c.Request().Context())
	return err
}
