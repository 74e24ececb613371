package cacheresource

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/reecho-go/reecho/internal/flight"
	"github.com/reecho-go/reecho/internal/panics"
	"github.com/reecho-go/reecho/observe"
)

// sound checks in, whose check was due at now, or waits for a check by another call. The
// caller holds in. sound reports whether the instance may be used. Its error is that of
// ctx, or says that the check would wait for itself.
func (r *core) sound(ctx context.Context, in *instance, now int64) (bool, error) {
	in.hold() // for the check, which may run longer than the call
	c := &checking{in: in, from: now - int64(r.checkEvery)}
	_, _, err := r.checks.Do(ctx, flight.Key{Word: in.seq}, c)
	if !c.leads || err == flight.ErrClosed { // this call has started no check
		in.drop()
	}
	switch {
	case err == nil:
		return true, nil
	case ctx.Err() != nil && errors.Is(err, ctx.Err()):
		return false, err
	}
	//lint:ignore errorlint only a cycle of this call
	if _, ok := err.(*flight.CycleError); ok { // errors of the check are wrapped
		return false, err
	}
	return false, nil
}

// Name implements flight.Work.
func (c *checking) Name() string { return "check of " + nameOf(c.in.source()) }

// Find implements flight.Work.
func (c *checking) Find() (any, bool) {
	c.leads = c.in.checked.Load() <= c.from
	return nil, !c.leads
}

// Load implements flight.Work. A check that ignores its context is left behind
// with the hold that was taken for it.
func (c *checking) Load(ctx context.Context) (any, error) {
	in, r := c.in, c.in.core
	c.began = r.group.Now()
	mask := r.reads.Hide(&openContext{Context: ctx})
	ctx, cancel := context.WithTimeout(mask, r.checkTimeout)
	r.stragglers.Begin()
	result := make(chan error, 1)
	go func() {
		err := panics.ErrGoexit // unless Catch returns
		defer func() {
			in.drop()
			result <- err
			cancel()
			r.stragglers.End()
		}()
		err = panics.Catch(func() error {
			return mask.Checked("cacheresource: "+r.name, func() error { return in.runCheck(ctx) })
		})
	}()
	var err error
	select {
	case err = <-result:
	case <-ctx.Done():
		select {
		case err = <-result: // the check has returned at the same time
		default:
			err = fmt.Errorf("it has not returned: %w", context.Cause(ctx))
		}
	}
	if err != nil {
		// Wrapped, so that a panic counts as a failed check.
		err = fmt.Errorf("cacheresource: %s: check: %w", r.name, err)
	}
	return nil, err
}

// runCheck calls the user's Check when an earlier one that was left behind has returned.
func (in *instance) runCheck(ctx context.Context) error {
	select {
	case in.checking <- struct{}{}:
		defer func() { <-in.checking }()
		return in.core.fns.check(ctx, in.key, in.value)
	case <-ctx.Done():
		return fmt.Errorf("the one before has not returned: %w", context.Cause(ctx))
	}
}

// Commit implements flight.Work.
func (c *checking) Commit(any) { c.in.checked.Store(c.in.core.group.Now()) }

// Done implements flight.Work.
func (c *checking) Done(ctx context.Context, out flight.Outcome) {
	in, r := c.in, c.in.core
	if out.Err != nil && out.Waiting == 0 && ctx.Err() != nil {
		return // all callers have left: an interrupted check says nothing
	}
	r.counters.checks.Add(1)
	if out.Err == nil {
		return
	}
	r.counters.failedChecks.Add(1)
	r.takeOut(in)
	in.retire(observe.CauseUnsound)
	if r.observed() {
		observe.Emit(ctx, r.observer, observe.ResourceCheck{Source: in.source(), Took: time.Duration(r.group.Now() - c.began), Err: out.Err})
	}
}
