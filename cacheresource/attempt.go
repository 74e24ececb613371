package cacheresource

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"reflect"
	"sync/atomic"
	"unsafe"

	"github.com/reecho-go/reecho/internal/panics"
	"github.com/reecho-go/reecho/observe"
)

// attempt is one run of the user's open, in a goroutine of its own: who waits
// for it can leave it behind when it ignores its context.
type attempt struct {
	*opening
	in     *instance // with its birth
	result chan error
	// stale is held, since the open may return its value again; nil: there is none.
	stale *instance
	// settled: either the result is on its way, or the attempt was left behind.
	settled atomic.Bool
	// opened: the open has returned a value, whatever is wrong with it. Written
	// before the result is sent.
	opened bool
}

func newAttempt(o *opening) *attempt {
	in := &instance{core: o.core, home: o.in, id: o.id, key: o.key, done: make(chan struct{})}
	in.holds.Store(1)
	in.inner.owner = in
	if o.core.fns.check != nil {
		in.checking = make(chan struct{}, 1)
	}
	o.core.stragglers.Begin()
	a := &attempt{opening: o, in: in, result: make(chan error, 1)}
	if o.old != nil && o.old.tryHold() {
		a.stale = o.old
	}
	return a
}

// wait returns the error of the open, or that of ctx when it has left the
// open behind.
func (a *attempt) wait(ctx context.Context) (left bool, err error) {
	select {
	case err = <-a.result:
	case <-ctx.Done():
		if a.settled.CompareAndSwap(false, true) {
			return true, context.Cause(ctx)
		}
		err = <-a.result
	}
	if late, ok := errors.AsType[*OpenTimeoutError](context.Cause(ctx)); ok && errors.Is(err, context.DeadlineExceeded) {
		err = late // the open has noticed
	}
	return false, err
}

// run opens.
func (a *attempt) run(ctx context.Context, key unsafe.Pointer) {
	defer a.core.stragglers.End()
	ctx = &innerContext{ctx, &a.in.inner}
	var v unsafe.Pointer
	var err error
	opened, returned := false, false
	defer func() {
		if !returned {
			err = panics.Recovered(recover()).In(a.Name())
		}
		a.finish(v, opened, err)
	}()
	open := func(ctx context.Context) (err error) {
		v, err = a.core.fns.open(ctx, key)
		opened = err == nil
		return err
	}
	if a.core.visitors != nil {
		err = open(ctx)
	} else {
		mask := a.core.reads.Hide(ctx)
		err = mask.Checked("cacheresource: "+a.core.name, func() error { return open(mask) })
	}
	returned = true
}

// finish hands the result over, or releases what came too late.
func (a *attempt) finish(v unsafe.Pointer, opened bool, err error) {
	r, in := a.core, a.in
	in.inner.seal()
	if opened && isNil(reflect.NewAt(r.result, v).Elem()) {
		opened = false
		err = cmp.Or(err, fmt.Errorf("cacheresource: %s: open returned nil without an error", r.name))
	}
	if opened {
		in.born(v)
		a.opened = true
	} else {
		in.inner.drop()
	}
	if a.stale != nil {
		a.stale.drop()
	}
	r.turns.end(a.turn())
	switch {
	case a.settled.CompareAndSwap(false, true):
		a.result <- err
	case a.opened:
		in.retire(observe.CauseOrphan)
		in.drop()
	}
}

// born makes in the instance of v.
func (in *instance) born(v unsafe.Pointer) {
	r := in.core
	now := r.group.Now()
	in.value, in.opened, in.seq = v, now, sequence.Add(1)
	in.stale = after(now, r.ttl)
	in.dies = in.stale
	if in.dies != never && r.staleFor > 0 {
		in.dies = after(in.dies, r.staleFor)
	}
	in.checked.Store(now)
	in.used.Store(now)
	r.track(in)
}
