package cacheresource

import (
	"cmp"
	"context"
	"errors"
	"time"
	"unsafe"

	"github.com/reecho-go/reecho/internal/flight"
	"github.com/reecho-go/reecho/observe"
)

// opening returns an open of a key. Its instance goes into e.
func (r *core) opening(e *era, visitor, id string, key unsafe.Pointer) *opening {
	return &opening{core: r, in: e, visitor: visitor, id: id, key: key, mark: r.group.Gate().Mark()}
}

// do opens the instance, unless Find finds one or another call opens it already. It
// returns the instance with a hold.
func (o *opening) do(ctx context.Context) (*instance, flight.Role, error) {
	result, role, err := o.in.opens.DoAt(ctx, flight.Key{Text: o.id}, flight.Terms{At: o.mark, Quiet: o.old != nil}, o)
	if errors.Is(err, flight.ErrClosed) {
		err = ErrClosed
	}
	got, _ := result.(opened)
	return got.in, role, cmp.Or(err, got.err)
}

// Find implements flight.Work. The caller gets its hold with the instance.
func (o *opening) Find() (any, bool) {
	in, gone, cause, err := o.look()
	if gone != nil {
		gone.retire(cause)
	}
	switch {
	case o.old != nil:
		return opened{}, in != o.old // true: old was replaced or removed already
	case in != nil:
		return opened{in: in}, true
	}
	return opened{err: err}, err != nil
}

// look returns the instance, with a hold unless it is replaced, or the remembered error.
// It removes an instance that has expired, and returns it as gone.
func (o *opening) look() (in, gone *instance, cause observe.Cause, err error) {
	r := o.core
	now := r.group.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	in = o.in.at(o.id)
	if in == nil {
		return nil, nil, "", o.in.faults.of(o.id, now)
	}
	if cause := in.expired(now); cause != "" {
		o.in.remove(in)
		return nil, in, cause, nil
	}
	if o.old == nil {
		in.tryLease(now)
	}
	return in, nil, "", nil
}

// Load implements flight.Work. It returns when the open has returned or when its context
// ends. In the second case the open is left behind, and no other open of the key begins
// before it has returned.
func (o *opening) Load(ctx context.Context) (any, error) {
	r := o.core
	o.began = r.group.Now()
	key, err := r.keys.Snapshot(o.key) // open may keep it and change it
	if err != nil {
		return opened{}, err
	}
	a, err := r.attempts.begin(ctx, o)
	if err != nil {
		return opened{}, err
	}
	var cancel context.CancelFunc
	if r.openTimeout > 0 {
		ctx, cancel = context.WithTimeoutCause(ctx, r.openTimeout, a.timedOut())
		defer cancel()
	}
	a.start(ctx, key)
	left, err := a.wait(ctx)
	if !left && a.opened {
		o.got = a.in
	}
	o.failed = err
	switch {
	case err == nil:
		return opened{in: a.in}, nil
	case o.remembers(ctx, err):
		return opened{err: err}, nil
	}
	return opened{}, err
}

// remembers reports whether an error of open is remembered: it must be about the thing to
// open, and not about the caller.
func (o *opening) remembers(ctx context.Context, err error) bool {
	if o.core.errorTTL == 0 || errors.Is(err, ErrVisitorInGlobalLoad) || errors.Is(err, ErrClosed) {
		return false
	}
	if _, ok := errors.AsType[*observe.PanicError](err); ok {
		return false
	}
	if _, ok := errors.AsType[*observe.CycleError](err); ok {
		return false
	}
	_, late := errors.AsType[*openTimeoutError](context.Cause(ctx))
	return ctx.Err() == nil || late
}

// Commit implements flight.Work.
func (o *opening) Commit(result any) {
	got := result.(opened)
	r := o.core
	r.mu.Lock()
	defer r.mu.Unlock()
	if o.in.ended || !r.group.Gate().Holds(o.mark) {
		return
	}
	if got.err != nil {
		until := after(r.group.Now(), r.errorTTL)
		o.in.faults.remember(o.id, got.err, until)
		r.group.Arm(until)
		return
	}
	o.replaced = o.in.at(o.id)
	o.in.put(got.in)
	o.kept = true
	delete(o.in.faults, o.id)
	o.evicted = o.in.shrink(r.maxEntries, got.in)
	r.group.Arm(got.in.due(got.in.opened))
}

// Done implements flight.Work. Each waiting caller gets a hold; the first one gets that of
// the open. So an instance that could not be kept is released when the last of these
// callers has given it back.
func (o *opening) Done(ctx context.Context, out flight.Outcome) {
	r := o.core
	failed := cmp.Or(out.Err, o.failed)
	r.counters.opens.Add(1)
	if failed != nil {
		r.counters.openErrors.Add(1)
	}
	if in := o.got; in != nil {
		waiting := 0
		if out.Err == nil {
			waiting = out.Waiting
		}
		for range waiting - 1 {
			in.lease()
		}
		if !o.kept {
			in.retire(observe.CauseOrphan)
		}
		if waiting == 0 {
			in.drop()
		}
	}
	if o.replaced != nil {
		o.replaced.retire(observe.CauseReplaced)
	}
	for _, in := range o.evicted {
		in.retire(observe.CauseSize)
	}
	if r.observed() {
		observe.Emit(ctx, r.observer, observe.ResourceOpen{
			Source: r.source(o.key), Took: time.Duration(r.group.Now() - o.began), Background: o.old != nil, Err: failed,
		})
	}
}

// renew opens a new instance in the background to replace in, which is stale. It does
// nothing if that is under way or all workers of the group are busy.
func (r *core) renew(ctx context.Context, at owner, in *instance, now int64) {
	ctx, ok := in.renewal.begin(&openContext{Context: flight.Detach(ctx)}, now)
	if !ok {
		return
	}
	started := r.inBackground(func() {
		o := r.opening(in.home, at.visitor, in.id, in.key)
		o.old = in
		fresh, role, err := o.do(ctx)
		if err == nil && role != flight.Found {
			fresh.giveBack()
		}
		in.renewal.end(r.group.Now(), err != nil)
	})
	if !started {
		in.renewal.end(now, false)
	}
}

// inBackground runs fn in a goroutine of its own and reports true, unless all
// workers of the group are busy.
func (r *core) inBackground(fn func()) bool {
	r.background.Begin()
	if r.group.Background(func() {
		defer r.background.End()
		fn()
	}) {
		return true
	}
	r.background.End()
	return false
}
