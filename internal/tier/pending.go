package tier

import (
	"context"
	"errors"
	"maps"
	"sync"
	"time"

	"github.com/reecho-go/reecho/store"
)

// invalidation is a delete or a clear: of a name, of a tag, or else of all.
type invalidation struct {
	name, tag string
	isTag     bool
}

// pending are the invalidations that the store has yet to be told. While there are
// any, nothing is read from it. They are names and not values, and doing one twice
// does no harm.
type pending struct {
	turn chan struct{} // held by whoever tells the store; one place

	mu     sync.Mutex
	all    map[invalidation]uint64 // and which one of its kind it is
	number uint64
}

// maxPending is how many are remembered. More become one clear of all.
const maxPending = 100

func (p *pending) add(i invalidation) {
	p.mu.Lock()
	defer p.mu.Unlock()
	everything := invalidation{}
	if _, already := p.all[everything]; already || len(p.all) >= maxPending {
		i = everything
	}
	if i == everything {
		clear(p.all)
	}
	p.number++
	p.all[i] = p.number
}

func (p *pending) list() map[invalidation]uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return maps.Clone(p.all)
}

// done takes out what was told to the store, unless it has been added again.
func (p *pending) done(i invalidation, number uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.all[i] == number {
		delete(p.all, i)
	}
}

// invalidate tells the store, within the budget. What cannot be told now is told
// before anything else is asked.
func (t *Tier) invalidate(ctx context.Context, budget time.Duration, op string, i invalidation) {
	t.pending.add(i)
	t.catchUp(ctx, op, budget)
}

// catchUp tells the store what is pending, within the budget.
func (t *Tier) catchUp(ctx context.Context, op string, budget time.Duration) {
	do(ctx, t, op, budget, func(context.Context) (struct{}, error) { return struct{}{}, nil })
}

// replay tells the store what is pending.
func (t *Tier) replay(ctx context.Context) error {
	if len(t.pending.list()) == 0 {
		return nil
	}
	select {
	case t.pending.turn <- struct{}{}:
		defer func() { <-t.pending.turn }()
	case <-ctx.Done():
		return ctx.Err()
	}
	for i, number := range t.pending.list() {
		if err := t.carryOut(ctx, i); err != nil {
			return err
		}
		t.pending.done(i, number)
	}
	return nil
}

// carryOut tells the store of one. One that is full has room for less.
func (t *Tier) carryOut(ctx context.Context, i invalidation) error {
	var err error
	switch {
	case i.name != "":
		if err = t.gone(ctx, i.name); errors.Is(err, store.ErrFull) {
			return t.store.Delete(ctx, i.name)
		}
	case i.isTag:
		err = t.clearTag(ctx, i.tag)
		if !errors.Is(err, store.ErrFull) {
			return err
		}
		fallthrough
	default:
		if err = t.clearAll(ctx); errors.Is(err, store.ErrFull) {
			if err = t.store.Delete(ctx, t.clockKey); err == nil { // whoever makes one begins a new life
				err = t.ring(ctx, "")
			}
		}
	}
	return err
}
