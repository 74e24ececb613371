package cacheresource

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

func (r *core) closeNow(ctx context.Context) error {
	if err := r.close(drainFromNow(ctx)); err != nil {
		return fmt.Errorf("cacheresource: %s: close: %w", r.name, err)
	}
	return nil
}

func (r *core) close(ctx context.Context) error {
	ctx, cancel := draining(ctx, r.drainTimeout)
	defer cancel()
	r.shut()
	err := errors.Join(r.settle(ctx), endAll(ctx, r.unreleased()), r.finish(ctx))
	if err == nil {
		r.group.Remove(r.member)
	}
	return err
}

// shut refuses new opens and removes all instances from the cache.
func (r *core) shut() {
	for _, in := range r.replaceEra(true) {
		in.renewal.stop()
	}
	if r.visitors != nil {
		r.visitors.Close()
	}
}

// settle waits for opens and checks for which callers wait, and for background work.
func (r *core) settle(ctx context.Context) error {
	ctx, cancel := draining(ctx, r.drainTimeout)
	defer cancel()
	err := r.tracker.Close(ctx)
	r.background.Wait(ctx)
	return err
}

// finish waits for the opens, checks and releases that were left behind.
func (r *core) finish(ctx context.Context) error {
	n := r.stragglers.Wait(ctx)
	if n == 0 {
		return nil
	}
	if names := r.attempts.names(); len(names) > 0 {
		return fmt.Errorf("the open of %s has not returned: %w", strings.Join(names, ", "), context.Cause(ctx))
	}
	return fmt.Errorf("%d checks or releases still run: %w", n, context.Cause(ctx))
}

// unreleased lists the instances that have not been released.
func (r *core) unreleased() []*instance {
	r.mu.RLock()
	defer r.mu.RUnlock()
	out := make([]*instance, 0, len(r.all))
	for in := range r.all {
		out = append(out, in)
	}
	return out
}

// endAll releases the instances, the youngest first. If an instance is not leased, endAll
// waits until it is released, unless that takes too long, before it goes on to the next
// one. At the end it waits for those that are left.
func endAll(ctx context.Context, all []*instance) error {
	slices.SortFunc(all, older)
	for _, in := range slices.Backward(all) {
		in.end()
		if in.leases() == 0 {
			soon, cancel := context.WithTimeout(ctx, in.core.releaseTimeout)
			_ = wait(soon, in) // waited for again below
			cancel()
		}
	}
	var left []*instance
	var why error
	for _, in := range all {
		if err := wait(ctx, in); err != nil {
			left = append(left, in)
			why = err
		}
	}
	if len(left) == 0 {
		return nil
	}
	e := &LeasedError{Err: why}
	for _, in := range left {
		e.Instances = append(e.Instances, LeasedInstance{
			Name: nameOf(in.source()), Leases: in.leases(), Sites: in.core.ledger.sites(in), Users: in.dependents.names(),
		})
	}
	return e
}

// older compares instances by the order of their opening.
func older(a, b *instance) int { return cmp.Compare(a.seq, b.seq) }

// wait waits until in has been released, but no longer than its DrainTimeout,
// or until ctx ends.
func wait(ctx context.Context, in *instance) error {
	ctx, cancel := draining(ctx, in.core.drainTimeout)
	defer cancel()
	select {
	case <-in.done:
		return nil
	case <-ctx.Done():
	}
	select {
	case <-in.done:
		return nil
	default:
		return context.Cause(ctx)
	}
}

// drainKey is the context key of the time when the Close of a group began.
type drainKey struct{}

// drainFromNow returns a context for the Close of one or more resources that begins now.
func drainFromNow(ctx context.Context) context.Context {
	return context.WithValue(ctx, drainKey{}, time.Now())
}

// draining returns ctx with the timeout d, counted from when the Close began. A d of 0 is
// no timeout.
func draining(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	if d == 0 {
		return ctx, func() {}
	}
	began, _ := ctx.Value(drainKey{}).(time.Time)
	return context.WithDeadlineCause(ctx, began.Add(d), errDrainTimeout)
}
