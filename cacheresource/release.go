package cacheresource

import (
	"context"
	"fmt"
	"time"

	"github.com/reecho-go/reecho/internal/panics"
	"github.com/reecho-go/reecho/observe"
)

// release ends an instance whose last hold has ended, in a goroutine of its
// own: whoever drops the last lease should not wait for it.
func (r *core) release(in *instance) {
	r.stragglers.Begin()
	go func() {
		defer r.stragglers.End()
		if !r.lastOf(in) { // open has returned its value again
			r.ended(in)
			return
		}
		began := r.group.Now()
		err := panics.ErrGoexit // unless it returns
		defer func() { r.released(in, began, err) }()
		err = r.runRelease(in)
	}()
}

// ended is what follows the end of an instance.
func (r *core) ended(in *instance) {
	in.dependencies.drop()
	r.counters.released(in.cause).Add(1)
	r.untrack(in)
	close(in.done)
}

// released is what follows a release.
func (r *core) released(in *instance, began int64, err error) {
	r.ended(in)
	if r.observed() {
		now := r.group.Now()
		observe.Emit(context.Background(), r.observer, observe.ResourceRelease{
			Source: in.source(), Cause: in.cause, Age: time.Duration(now - in.opened), Took: time.Duration(now - began), Err: err,
		})
	}
}

// runRelease calls the user's Release. One that does not return in time is
// reported at once, and again when it returns.
func (r *core) runRelease(in *instance) error {
	if r.fns.release == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), r.releaseTimeout)
	defer cancel()
	reported := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(reported)
		r.counters.stuck.Add(1)
		observe.Emit(context.Background(), r.observer, observe.ResourceRelease{
			Source: in.source(), Cause: in.cause, Age: time.Duration(r.group.Now() - in.opened), Took: r.releaseTimeout,
			Err: fmt.Errorf("cacheresource: %s: the release has not returned: %w", r.name, ctx.Err()),
		})
	})
	defer func() {
		if !stop() {
			<-reported // before its end is
		}
	}()
	return panics.Catch(func() error { return r.fns.release(ctx, in.key, in.value) })
}
