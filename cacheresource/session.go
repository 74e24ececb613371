package cacheresource

import (
	"context"
	"errors"
	"fmt"

	"github.com/reecho-go/reecho/internal/visit"
	"github.com/reecho-go/reecho/internal/visitors"
	"github.com/reecho-go/reecho/observe"
)

// owner says whose instances a call uses: those of the resource, or of one visitor.
type owner struct {
	era     *era   // nil: the resource's own
	visitor string // the visitor's id; empty in global scope
}

// newVisitors returns the registry of a resource's visitors.
func newVisitors(r *core, most int) *visitors.Registry[*era] {
	return visitors.New(visitors.Config[*era]{
		Most: most, Now: r.group.Now, Make: r.newEra, Due: r.group.Arm, Left: r.left,
	})
}

// ownerOf returns the owner of the instances that a call with ctx uses.
func (r *core) ownerOf(ctx context.Context) (owner, error) {
	if r.visitors == nil {
		return owner{}, nil
	}
	visitor, err := r.visitorOf(ctx)
	if err != nil {
		return owner{}, err
	}
	e, err := r.visitors.Of(visitor)
	if err != nil {
		return owner{}, ErrClosed
	}
	return owner{era: e, visitor: visitor.ID()}, nil
}

// visitorOf returns the life of the session of ctx.
func (r *core) visitorOf(ctx context.Context) (visit.Lifetime, error) {
	visitor, err := visit.LifetimeOf(ctx)
	switch {
	case errors.Is(err, visit.ErrNone):
		return nil, fmt.Errorf("cacheresource: %s: %w", r.name, ErrNoSession)
	case err != nil:
		return nil, fmt.Errorf("cacheresource: %s: %w", r.name, err)
	}
	return visitor, nil
}

// left retires the instances of a visitor who has ended. If the resource is being closed,
// the Close releases them, in order.
func (r *core) left(e *era, cause visitors.Cause) {
	r.mu.Lock()
	old, closed := e.end(), r.closed
	r.mu.Unlock()
	why := observe.CauseSession
	switch cause {
	case visitors.Dropped:
		why = observe.CauseCleared
	case visitors.Crowded:
		why = observe.CauseSize
	}
	for _, in := range old {
		if closed {
			in.renewal.stop()
		} else {
			in.retire(why)
		}
	}
}
