package visit

import (
	"context"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Lifetime tells caches and resources when a visitor's session ends, so that they keep its
// values no longer. All methods are safe for concurrent use.
type Lifetime interface {
	// ID identifies the lifetime. It does not change when the session's id is renewed, and
	// is not secret: it cannot be used as a session id. If a lifetime has the ID of one
	// that has ended, both belong to the same visitor.
	ID() string
	// Deadline returns when the session ends unless it is used again. It may move to a
	// later time. The zero time means never.
	Deadline() time.Time
	// OnEnd makes fn run once when this process learns that the session has ended before
	// its deadline, because it was destroyed, revoked or given up. If it has ended
	// already, fn runs before OnEnd returns. fn must be short; it runs outside locks.
	// stop removes fn, and does not wait for an fn that is running.
	OnEnd(fn func()) (stop func())
}

// LifetimeSource returns the lifetime of a session.
type LifetimeSource interface {
	// Lifetime returns the lifetime of the session of ctx. It makes a session for a
	// visitor without one.
	Lifetime(ctx context.Context) (Lifetime, error)
}

// LifetimeOf returns the lifetime of the visitor of ctx: that of the session, or of the
// visitor whom the program has declared. If there are both, it is the lifetime that ends
// with the first of them. The session is that of ctx's request, if the content of the slot
// [Session] is a [LifetimeSource].
//
// The error is that of the source, [ErrNone], or in a masked context
// [ErrVisitorInGlobalLoad]; then the owner of the mask is told of the attempt.
func LifetimeOf(ctx context.Context) (Lifetime, error) {
	session, err := sessionLifetime(ctx)
	if err != nil && err != ErrNone {
		return nil, err
	}
	declared, _ := readDeclaration(ctx)
	if declared == nil {
		return session, err
	}
	l := visit{session: session}
	for d := declared; d != nil; d = d.outer {
		since := d.of.forgets()
		if id := d.id(ctx); id != "" {
			l.as = append(l.as, declaredID{d.of, id, since})
		}
	}
	if len(l.as) == 0 {
		return session, err
	}
	l.id = l.name()
	return &l, nil
}

func sessionLifetime(ctx context.Context) (Lifetime, error) {
	switch at := ctx.Value(Session).(type) {
	case *Watch:
		at.Note(Session)
		return sessionLifetime(at.Context)
	case Holder:
		if l, ok := at.Held(Session).(LifetimeSource); ok {
			return l.Lifetime(ctx)
		}
	case *Mask:
		return nil, at.Refuse(Session)
	case *lifetimeContext:
		return at.source.Lifetime(ctx)
	}
	return nil, ErrNone
}

// visit is the lifetime of a declared visitor, who may have a session too. It ends with the
// first of its parts.
type visit struct {
	id      string
	session Lifetime     // nil: none
	as      []declaredID // not empty
}

// declaredID is the id of a visitor by one declaration.
type declaredID struct {
	of    *Visitor
	id    string
	since uint64 // the number of the last Forget before the id was read
}

var _ Lifetime = (*visit)(nil)

// name returns a name that no other visitor has: each part is preceded by its length.
func (l *visit) name() string {
	var b strings.Builder
	for _, a := range l.as {
		b.WriteString(a.of.name)
		b.WriteString(strconv.Itoa(len(a.id)))
		b.WriteByte(':')
		b.WriteString(a.id)
	}
	if l.session != nil {
		b.WriteByte('+')
		b.WriteString(l.session.ID())
	}
	return b.String()
}

// ID implements Lifetime.
func (l *visit) ID() string { return l.id }

// Deadline implements Lifetime.
func (l *visit) Deadline() time.Time {
	if l.session == nil {
		return time.Time{}
	}
	return l.session.Deadline()
}

// OnEnd implements Lifetime.
func (l *visit) OnEnd(fn func()) (stop func()) {
	fn = sync.OnceFunc(fn)
	var stops []func()
	if l.session != nil {
		stops = append(stops, l.session.OnEnd(fn))
	}
	for _, a := range l.as {
		stops = append(stops, a.of.onForget(a.id, a.since, fn))
	}
	return func() {
		for _, stop := range stops {
			stop()
		}
	}
}

// WithLifetimeSource returns a context whose session is that of l, for work that belongs to a
// session and not to a request.
func WithLifetimeSource(parent context.Context, l LifetimeSource) context.Context {
	return &lifetimeContext{parent, l}
}

type lifetimeContext struct {
	context.Context
	source LifetimeSource
}

// Value implements context.Context.
func (c *lifetimeContext) Value(key any) any {
	if key == Session {
		return c
	}
	return c.Context.Value(key)
}
