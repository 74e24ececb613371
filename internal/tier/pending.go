package tier

import (
	"context"
	"errors"
	"maps"
	"sync"
	"time"

	"github.com/reecho-go/reecho/store"
)

// invalidation is a delete of a name, a clear of a tag, or else a clear of everything.
type invalidation struct {
	name, tag string
	isTag     bool
}

// pending are the invalidations that the store does not have yet. While there are any,
// no result is read from the store. To do an invalidation twice does no harm.
type pending struct {
	turn chan struct{} // has one place, which the goroutine that does them holds

	mu     sync.Mutex
	all    map[invalidation]uint64 // with the number of the last add of each
	number uint64
}

// maxPending is how many invalidations are remembered. More become one clear of
// everything.
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

// done removes an invalidation that the store has now, unless it was added again.
func (p *pending) done(i invalidation, number uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.all[i] == number {
		delete(p.all, i)
	}
}

// invalidate does i in the store, within the budget. If that fails, it is done before
// anything else is asked of the store.
func (t *Tier) invalidate(ctx context.Context, budget time.Duration, op string, i invalidation) {
	t.pending.add(i)
	t.catchUp(ctx, op, budget)
}

// catchUp does what is pending, within the budget.
func (t *Tier) catchUp(ctx context.Context, op string, budget time.Duration) {
	do(ctx, t, op, budget, func(context.Context) (struct{}, error) { return struct{}{}, nil })
}

// replay does what is pending.
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

// carryOut does one invalidation. If the store is full, it takes a way that needs less
// room.
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
			if err = t.store.Delete(ctx, t.clockKey); err == nil { // the next clock that is made begins a new life
				err = t.ring(ctx, "")
			}
		}
	}
	return err
}
