package tier

import (
	"context"
	"errors"
	"maps"
	"sync"
	"time"

	"github.com/reecho-go/reecho/store"
)

// invalidation is the delete of a record, if name is set, or the clear of a tag, if isTag is
// set. The zero value is the clear of everything.
type invalidation struct {
	name, tag string
	isTag     bool
}

// pending are the invalidations that have not reached the store yet. While there are any, no
// result is read from the store. An invalidation may be carried out twice.
type pending struct {
	running chan struct{} // a semaphore: one goroutine at a time carries them out

	mu     sync.Mutex
	all    map[invalidation]uint64 // the value is the number of the last add
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

// done removes an invalidation that was carried out, unless it was added again since.
func (p *pending) done(i invalidation, number uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.all[i] == number {
		delete(p.all, i)
	}
}

// invalidate carries out i, within the budget. If that fails, i is carried out before the
// next call of the store.
func (t *Tier) invalidate(ctx context.Context, budget time.Duration, op string, i invalidation) {
	t.pending.add(i)
	t.catchUp(ctx, op, budget)
}

// catchUp carries out what is pending, within the budget.
func (t *Tier) catchUp(ctx context.Context, op string, budget time.Duration) {
	do(ctx, t, op, budget, func(context.Context) (struct{}, error) { return struct{}{}, nil })
}

// replay carries out what is pending.
func (t *Tier) replay(ctx context.Context) error {
	if len(t.pending.list()) == 0 {
		return nil
	}
	select {
	case t.pending.running <- struct{}{}:
		defer func() { <-t.pending.running }()
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

// carryOut carries out one invalidation. If the store is full, it uses an operation that
// needs less room and may invalidate more.
func (t *Tier) carryOut(ctx context.Context, i invalidation) error {
	var err error
	switch {
	case i.name != "":
		if err = t.writeTombstone(ctx, i.name); errors.Is(err, store.ErrFull) {
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
			if err = t.store.Delete(ctx, t.clockKey); err == nil { // the clock that is made next begins a new epoch
				err = t.announceClear(ctx, "")
			}
		}
	}
	return err
}
