package visit

import (
	"context"
	"strconv"
	"strings"
	"sync"
	"time"
)

// A Life tells caches and resources when a visitor's session ends, so that they keep
// its values no longer. All methods are safe for concurrent use.
type Life interface {
	// ID identifies the life. It does not change when the session's id is renewed,
	// and it is not secret: nobody can use it as a session id. If a life has the ID
	// of one that has ended, both belong to the same visitor.
	ID() string
	// Deadline is when the session ends unless it is used again. It may move
	// to a later time. Zero: it has none.
	Deadline() time.Time
	// OnEnd makes fn run once when the session ends before its time: destroyed,
	// revoked, or given up, as far as this process hears of it. If it has ended
	// already, fn runs before OnEnd returns. fn must be short; it runs outside
	// locks. stop takes fn back; it does not wait for an fn that runs.
	OnEnd(fn func()) (stop func())
}

// A Lender returns the life of a session.
type Lender interface {
	// Lend returns the life of the session of ctx. It makes a session for a visitor
	// without one.
	Lend(ctx context.Context) (Life, error)
}

// Lend returns the life of the visitor of ctx: that of the session of the
// request that ctx descends from, where what fills the slot [Session], before
// or after it was built, is the [Lender]; that of the visitor whom the program
// has declared; or where there are both, a life for as long as both last.
// The error is the lender's, [ErrNone], or [ErrVisitorInGlobalLoad] in a masked
// context, whose owner then learns of the attempt.
func Lend(ctx context.Context) (Life, error) {
	session, err := lendSession(ctx)
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
			l.as = append(l.as, as{d.of, id, since})
		}
	}
	if len(l.as) == 0 {
		return session, err
	}
	l.id = l.name()
	return &l, nil
}

func lendSession(ctx context.Context) (Life, error) {
	switch at := ctx.Value(Session).(type) {
	case *Watch:
		at.Note(Session)
		return lendSession(at.Context)
	case Holder:
		if l, ok := at.Held(Session).(Lender); ok {
			return l.Lend(ctx)
		}
	case *Mask:
		return nil, at.Refuse(Session)
	case *lending:
		return at.lender.Lend(ctx)
	}
	return nil, ErrNone
}

// visit is the life of a declared visitor, who may have a session as well. It
// ends when any of it does.
type visit struct {
	id      string
	session Life // nil: none
	as      []as // not empty
}

// as is who a visitor is by one declaration.
type as struct {
	of    *Visitor
	id    string
	since uint64 // what had been forgotten before the id was read
}

var _ Life = (*visit)(nil)

// name is different for different visitors: each part says how long it is.
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

// ID implements Life.
func (l *visit) ID() string { return l.id }

// Deadline implements Life.
func (l *visit) Deadline() time.Time {
	if l.session == nil {
		return time.Time{}
	}
	return l.session.Deadline()
}

// OnEnd implements Life.
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

// WithLender returns a context whose session is lent by l, for work that
// belongs to a session and to no request.
func WithLender(parent context.Context, l Lender) context.Context {
	return &lending{parent, l}
}

type lending struct {
	context.Context
	lender Lender
}

// Value implements context.Context.
func (c *lending) Value(key any) any {
	if key == Session {
		return c
	}
	return c.Context.Value(key)
}
