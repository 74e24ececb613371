package cacheresource

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"github.com/reecho-go/reecho/internal/flight"
	"github.com/reecho-go/reecho/internal/panics"
	"github.com/reecho-go/reecho/observe"
)

// grace is how long after its timeout an open may take to notice it, before
// others are told that it does not return.
const grace = time.Second

// attempts are the runs of the user's open. No key is opened twice at a time,
// whatever became of the callers of the first open.
type attempts struct {
	mu      sync.Mutex
	running map[attemptKey]*attempt
}

// attemptKey is what must not be opened twice at a time: one visitor's instance
// of a key.
type attemptKey struct{ visitor, id string }

// attempt is one run of the user's open, in a goroutine of its own: who waits
// for it can leave it behind when it ignores its context.
type attempt struct {
	*opening
	name     string // of the instance
	began    time.Time
	call     flight.Call
	returned chan struct{} // closed when the open has returned

	in     *instance // with the hold of its open
	result chan error
	// stale is held, since the open may return its value again; nil: there is none.
	stale *instance
	// settled: either the result is on its way, or the attempt was left behind.
	settled atomic.Bool
	// opened: the open has returned a value, whatever is wrong with it. Written
	// before the result is sent.
	opened bool
}

// begin returns an attempt of o when the one that runs has returned. It fails
// when ctx ends, or when the one that runs should have returned by now.
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

// enter returns the attempt that runs: own, or that of somebody else.
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

// names are the names of what is being opened.
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

// awaitReturn waits for the open of somebody else to return.
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
	return &OpenTimeoutError{Instance: a.name, Limit: a.core.openTimeout}
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
	ctx = &openContext{ctx, &a.in.dependencies}
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

// isNil reports whether v is a nil of whatever kind, which nobody could use.
func isNil(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface, reflect.Map, reflect.Func, reflect.Chan, reflect.UnsafePointer:
		return v.IsNil()
	}
	return false
}
