package scope

import (
	"context"
	"fmt"
	"time"
)

// A Life is the life of one visitor's session, as those see it who keep things
// for as long as it lasts. All methods are safe for concurrent use.
type Life interface {
	// ID names the life. It stays when the session's own id is renewed, is
	// never used again, and opens nothing: it is no secret.
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

// A Lender lends the life of a session.
type Lender interface {
	// Lend returns the life of the session that ctx belongs to. A visitor who
	// has none yet is given one.
	Lend(ctx context.Context) (Life, error)
}

// Lend returns the life of the session of the request that ctx descends from:
// what fills the slot [Session], before or after it was built, is the
// [Lender]. The error is the lender's, [ErrNone], or [ErrVisitorInGlobalLoad]
// in a masked context, whose owner then learns of the attempt.
func Lend(ctx context.Context) (Life, error) {
	switch at := ctx.Value(Session).(type) {
	case *Request:
		if l, ok := at.held(Session).(Lender); ok {
			return l.Lend(ctx)
		}
	case *Mask:
		at.seen.Or(1 << Session)
		return nil, fmt.Errorf("%s: %w", Session, ErrVisitorInGlobalLoad)
	case *lending:
		return at.lender.Lend(ctx)
	}
	return nil, ErrNone
}

func (r *Request) held(s Slot) any {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.values[s]
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
