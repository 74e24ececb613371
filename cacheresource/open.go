package cacheresource

import (
	"context"
	"fmt"
	"reflect"
	"time"

	"github.com/reecho-go/reecho/internal/epoch"
	"github.com/reecho-go/reecho/internal/flight"
	"github.com/reecho-go/reecho/internal/scope"
	"github.com/reecho-go/reecho/observe"
)

// opening is the flight.Work of one open.
type opening[K, V any] struct {
	res   *Resource[K, V]
	in    *era[K, V] // taken before mark
	id    string
	key   K // our own
	mark  epoch.Mark
	began int64
	// opened is what this call opened, kept or not; written by Load.
	opened *instance[K, V]
	kept   bool
}

// Name implements flight.Work.
func (o *opening[K, V]) Name() string {
	return fmt.Sprintf("%s[%016x]", o.res.name, o.res.source(o.key).Fingerprint)
}

// Find implements flight.Work. The caller gets its hold with the instance.
func (o *opening[K, V]) Find() (*instance[K, V], bool) {
	in := o.res.find(o.id)
	return in, in != nil
}

// Load implements flight.Work.
func (o *opening[K, V]) Load(ctx context.Context) (*instance[K, V], error) {
	r := o.res
	o.began = r.group.Now()
	key, err := r.keys.Snapshot(o.key) // open may keep it and change it
	if err != nil {
		return nil, err
	}
	in := &instance[K, V]{res: r, id: o.id, key: o.key, done: make(chan struct{})}
	in.holds.Store(1) // its birth
	mask := scope.Hide(&innerContext{ctx, &in.inner})
	defer func() {
		in.inner.seal()
		if o.opened == nil { // it failed, or panicked
			in.inner.drop()
		}
	}()
	v, err := r.open(mask, key)
	if err == nil && isNil(v) {
		err = fmt.Errorf("cacheresource: %s: open returned nil without an error", r.name)
	}
	if err != nil {
		return nil, err
	}
	in.value, in.opened, in.seq = v, r.group.Now(), sequence.Add(1)
	in.checked.Store(in.opened)
	o.opened = in
	r.track(in)
	if err := mask.Violation(); err != nil {
		return nil, fmt.Errorf("cacheresource: %s: %w", r.name, err) // Done releases what was opened
	}
	return in, nil
}

// Commit implements flight.Work.
func (o *opening[K, V]) Commit(in *instance[K, V]) {
	r := o.res
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.era == o.in && r.group.Gate().Holds(o.mark) { // a close begins a new era too
		o.in.put(in)
		o.kept = true
	}
}

// Done implements flight.Work. Everybody who gets the instance has a hold
// before its birth ends, so that one that could not be kept is released when
// the last of them is done with it.
func (o *opening[K, V]) Done(ctx context.Context, out flight.Outcome) {
	r := o.res
	r.counters.opens.Add(1)
	if out.Err != nil {
		r.counters.openErrors.Add(1)
	}
	if in := o.opened; in != nil {
		if out.Err == nil {
			in.holds.Add(int64(out.Waiting))
		}
		if !o.kept {
			in.retire(observe.CauseOrphan)
		}
		in.drop()
	}
	if r.observer != nil {
		observe.Emit(ctx, r.observer, observe.ResourceOpen{Source: r.source(o.key), Took: time.Duration(r.group.Now() - o.began), Err: out.Err})
	}
}

// isNil reports whether v is a nil of whatever kind, which nobody could use.
func isNil[V any](v V) bool {
	rv := reflect.ValueOf(&v).Elem()
	switch rv.Kind() {
	case reflect.Pointer, reflect.Interface, reflect.Map, reflect.Func, reflect.Chan, reflect.UnsafePointer:
		return rv.IsNil()
	}
	return false
}
