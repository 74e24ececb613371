package cacheresource

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"time"
	"unsafe"

	"github.com/reecho-go/reecho/internal/flight"
	"github.com/reecho-go/reecho/internal/panics"
	"github.com/reecho-go/reecho/observe"
)

// grace is how long an open may take after its timeout to notice it. Then other calls
// fail, because the open does not return.
const grace = time.Second

// Name implements flight.Work.
func (o *opening) Name() string { return nameOf(o.core.source(o.key)) }

// attemptKey returns the key for which only this open may run.
func (o *opening) attemptKey() attemptKey { return attemptKey{o.visitor, o.id} }

// begin returns an attempt for o when the running attempt of the same key has returned.
// It fails when ctx ends, or when the running attempt should have returned by now.
func (t *attempts) begin(ctx context.Context, o *opening) (*attempt, error) {
	own := &attempt{
		opening: o, name: o.Name(), call: flight.CallOf(ctx),
		returned: make(chan struct{}), result: make(chan error, 1),
	}
	for {
		own.began = time.Now()
		first := t.enter(own)
		if first == own {
			return own, nil
		}
		if err := first.awaitReturn(ctx); err != nil {
			return nil, err
		}
	}
}

// enter returns the attempt that runs: own, or that of another call.
func (t *attempts) enter(own *attempt) *attempt {
	t.mu.Lock()
	defer t.mu.Unlock()
	if first := t.running[own.attemptKey()]; first != nil {
		return first
	}
	if t.running == nil {
		t.running = make(map[attemptKey]*attempt)
	}
	t.running[own.attemptKey()] = own
	return own
}

// end is called when the open has returned.
func (t *attempts) end(a *attempt) {
	t.mu.Lock()
	defer t.mu.Unlock()
	close(a.returned)
	delete(t.running, a.attemptKey())
}

// names returns the names of the instances that are being opened.
func (t *attempts) names() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	var names []string
	for _, a := range t.running {
		names = append(names, a.name)
	}
	slices.Sort(names)
	return names
}

// awaitReturn waits until the attempt of another call has returned.
func (a *attempt) awaitReturn(ctx context.Context) error {
	if limit := a.core.openTimeout; limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadlineCause(ctx, a.began.Add(limit+grace), a.timedOut())
		defer cancel()
	}
	return a.call.Await(ctx, a.returned)
}

// timedOut is the error of an open that takes too long.
func (a *attempt) timedOut() error {
	return &openTimeoutError{instance: a.name, limit: a.core.openTimeout}
}

// start calls open with the key, in a goroutine of its own.
func (a *attempt) start(ctx context.Context, key unsafe.Pointer) {
	o := a.opening
	a.in = &instance{core: o.core, home: o.in, id: o.id, key: o.key, done: make(chan struct{})}
	a.in.holds.Store(1)
	a.in.dependencies.of = a.in
	if o.core.fns.check != nil {
		a.in.checking = make(chan struct{}, 1)
	}
	if o.old != nil && o.old.tryHold() {
		a.stale = o.old
	}
	o.core.stragglers.Begin()
	go a.run(ctx, key)
}

// wait returns the error of the open. If ctx ends first, wait leaves the open behind, and
// returns the cause of ctx.
func (a *attempt) wait(ctx context.Context) (left bool, err error) {
	select {
	case err = <-a.result:
	case <-ctx.Done():
		if a.settled.CompareAndSwap(false, true) {
			return true, context.Cause(ctx)
		}
		err = <-a.result
	}
	if late, ok := errors.AsType[*openTimeoutError](context.Cause(ctx)); ok && errors.Is(err, context.DeadlineExceeded) {
		err = late // the open has noticed the timeout
	}
	return false, err
}

// run calls open and finishes the attempt.
func (a *attempt) run(ctx context.Context, key unsafe.Pointer) {
	defer a.core.stragglers.End()
	ctx = &openContext{ctx, &a.in.dependencies}
	var v unsafe.Pointer
	var err error
	opened, returned := false, false
	defer func() {
		if !returned {
			err = panics.In(panics.Recovered(recover()), a.Name())
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

// finish hands the result over. If the attempt was left behind, it releases the instance.
func (a *attempt) finish(v unsafe.Pointer, opened bool, err error) {
	r, in := a.core, a.in
	in.dependencies.seal()
	if opened && isNil(reflect.NewAt(r.result, v).Elem()) {
		opened = false
		err = cmp.Or(err, fmt.Errorf("cacheresource: %s: open returned nil without an error", r.name))
	}
	if opened {
		in.setValue(v)
		a.opened = true
	} else {
		in.dependencies.drop()
	}
	if a.stale != nil {
		a.stale.drop()
	}
	r.attempts.end(a)
	switch {
	case a.settled.CompareAndSwap(false, true):
		a.result <- err
	case a.opened:
		in.retire(observe.CauseOrphan)
		in.drop()
	}
}

// isNil reports whether v is a nil of any kind, which no caller could use.
func isNil(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface, reflect.Map, reflect.Func, reflect.Chan, reflect.UnsafePointer:
		return v.IsNil()
	}
	return false
}

// setValue makes v the value of the instance, whose time begins now.
func (in *instance) setValue(v unsafe.Pointer) {
	r := in.core
	now := r.group.Now()
	in.value, in.opened, in.seq = v, now, sequence.Add(1)
	in.stale = after(now, r.ttl)
	in.expiry = in.stale
	if in.expiry != never && r.staleFor > 0 {
		in.expiry = after(in.expiry, r.staleFor)
	}
	in.checked.Store(now)
	in.used.Store(now)
	r.track(in)
}
