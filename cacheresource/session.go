package cacheresource

import (
	"context"
	"errors"
	"fmt"

	"github.com/reecho-go/reecho/internal/visit"
	"github.com/reecho-go/reecho/internal/visitors"
	"github.com/reecho-go/reecho/observe"
)

// place is where a call looks for its instance: everybody's, or one visitor's.
type place struct {
	era  *era   // nil: the resource's own
	life string // names the visitor, among all
}

// visitorsOf returns the registry of a resource's visitors.
func visitorsOf(r *core, most int) *visitors.Registry[*era] {
	return visitors.New(visitors.Config[*era]{
		Most: most, Now: r.group.Now, Make: r.newEra, Due: r.group.Arm, Left: r.left,
	})
}

// placeOf returns the place of a call.
func (r *core) placeOf(ctx context.Context) (place, error) {
	if r.visitors == nil {
		return place{}, nil
	}
	life, err := r.lend(ctx)
	if err != nil {
		return place{}, err
	}
	e, err := r.visitors.Of(life)
	if err != nil {
		return place{}, ErrClosed
	}
	return place{era: e, life: life.ID()}, nil
}

// lend returns the life of the session of ctx.
func (r *core) lend(ctx context.Context) (visit.Life, error) {
	life, err := visit.Lend(ctx)
	switch {
	case errors.Is(err, visit.ErrNone):
		return nil, ErrNoSession
	case err != nil:
		return nil, fmt.Errorf("cacheresource: %s: %w", r.name, err)
	}
	return life, nil
}

// left ends what a visitor had. What leaves because of a Close is released by
// that, in order.
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
