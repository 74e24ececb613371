package cacheresource

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"time"

	"github.com/reecho-go/reecho/internal/panics"
	"github.com/reecho-go/reecho/observe"
)

// drop ends a hold.
func (in *instance) drop() {
	if in.holds.Add(-1) == retired {
		in.core.release(in)
	}
}

// giveBack ends a hold for a use.
func (in *instance) giveBack() {
	if in.core.recency {
		in.used.Store(in.core.group.Now())
	}
	in.drop()
}

// retire makes the instance be released when its last hold ends. The instance must have
// been removed from the cache. Only the first call counts.
func (in *instance) retire(cause observe.Cause) {
	if !in.leaving.CompareAndSwap(false, true) {
		return
	}
	switch cause {
	case observe.CauseExpired, observe.CauseUnsound, observe.CauseReplaced:
	default:
		in.renewal.stop()
	}
	in.cause = cause
	if in.holds.Add(retired) == retired {
		in.core.release(in)
	}
}

// unpin ends the hold of Pin.
func (in *instance) unpin() {
	if in.pinned.CompareAndSwap(true, false) {
		in.drop()
	}
}

// end removes and retires the instance, and ends its pin.
func (in *instance) end() {
	in.core.takeOut(in)
	in.retire(observe.CauseClosed)
	in.unpin()
}

// release ends an instance whose last hold has ended, in a goroutine of its own, so that
// the caller who drops the last lease does not wait for it.
func (r *core) release(in *instance) {
	r.stragglers.Begin()
	go func() {
		defer r.stragglers.End()
		if !r.lastOf(in) { // other instances have the same value
			r.ended(in)
			return
		}
		began := r.group.Now()
		err := panics.ErrGoexit // unless runRelease returns
		defer func() { r.released(in, began, err) }()
		err = r.runRelease(in)
	}()
}

// ended cleans up after an instance that has ended.
func (r *core) ended(in *instance) {
	in.dependencies.drop()
	r.counters.released(in.cause).Add(1)
	r.untrack(in)
	close(in.done)
}

// released cleans up after a release, and reports it.
func (r *core) released(in *instance, began int64, err error) {
	r.ended(in)
	if r.observed() {
		now := r.group.Now()
		observe.Emit(context.Background(), r.observer, observe.ResourceRelease{
			Source: in.source(), Cause: in.cause, Age: time.Duration(now - in.opened), Took: time.Duration(now - began), Err: err,
		})
	}
}

// runRelease calls the user's Release. A Release that does not return in time is reported
// at that time, and again when it returns.
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
			<-reported // the event of the timeout comes before that of the end
		}
	}()
	return panics.Catch(func() error { return r.fns.release(ctx, in.key, in.value) })
}

// drop ends the leases, the last one first.
func (d *dependencies) drop() {
	for _, in := range slices.Backward(d.detach()) {
		in.dependents.remove(d.of)
		in.giveBack()
	}
}

// absorb takes over the leases of other, and gives back those of instances that d has
// leased already.
func (d *dependencies) absorb(other *dependencies) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, in := range other.detach() {
		in.dependents.remove(other.of)
		if slices.Contains(d.leased, in) {
			in.giveBack()
			continue
		}
		in.dependents.add(d.of)
		d.leased = append(d.leased, in)
	}
}

// pointee returns the pointee of the instance's value. The instance keeps the value, so no
// other value gets its address meanwhile.
func (in *instance) pointee() pointee {
	rv := reflect.NewAt(in.core.result, in.value).Elem()
	if rv.Kind() == reflect.Interface {
		rv = rv.Elem()
	}
	switch rv.Kind() {
	case reflect.Pointer:
		if rv.Type().Elem().Size() == 0 {
			return pointee{} // values without a size may share an address
		}
	case reflect.Map, reflect.Chan:
	default:
		return pointee{}
	}
	return pointee{rv.Type(), rv.Pointer()}
}

// track notes an instance that has been opened.
func (r *core) track(in *instance) {
	p := in.pointee()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all[in] = struct{}{}
	if p != (pointee{}) {
		s := r.shared[p]
		if s == nil {
			s = new(shared)
			s.dependencies.of = in
			r.shared[p] = s
		}
		s.instances++
	}
}

// lastOf reports whether in is the last instance of its value, so that the value must be
// released. Otherwise it moves the dependencies of in to the other instances, which may
// still need them.
func (r *core) lastOf(in *instance) (last bool) {
	p := in.pointee()
	if p == (pointee{}) {
		return true
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.shared[p]
	if s.instances--; s.instances > 0 {
		s.dependencies.absorb(&in.dependencies)
		return false
	}
	delete(r.shared, p)
	in.dependencies.absorb(&s.dependencies)
	return true
}

// untrack forgets an instance that has been released.
func (r *core) untrack(in *instance) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.all, in)
}
