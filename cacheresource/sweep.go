package cacheresource

import (
	"context"
	"time"

	"github.com/reecho-go/reecho/observe"
)

// sweep does what is due at now: it retires instances that have expired, begins background
// checks, and looks for leaks. It returns when there will be more to do. It looks at each
// instance.
func (r *core) sweep(now int64) (next int64) {
	gone, unchecked, next := r.collect(now)
	for in, cause := range gone {
		in.retire(cause)
	}
	for _, in := range unchecked {
		if !r.inBackground(func() { r.probe(in, now) }) {
			in.probed.Store(false)
			in.drop()
			next = min(next, after(now, time.Second)) // all workers are busy
		}
	}
	if r.visitors != nil {
		next = min(next, r.visitors.Sweep(now))
	}
	return min(next, r.ledger.sweep(now))
}

// collect removes and returns the instances that have expired, and returns those that need
// a check, with a hold on each.
func (r *core) collect(now int64) (gone map[*instance]observe.Cause, unchecked []*instance, next int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	next = never
	gone = make(map[*instance]observe.Cause)
	for e := range r.eras() {
		next = e.faults.sweep(now, next)
		for in := range e.all() {
			if cause := in.expired(now); cause != "" {
				gone[in] = cause
				e.remove(in)
				continue
			}
			next = min(next, in.expires(now))
			if check := in.checkDue(); now < check {
				next = min(next, check)
			} else if in.probed.CompareAndSwap(false, true) {
				in.hold()
				unchecked = append(unchecked, in)
			}
		}
	}
	return gone, unchecked, next
}

// probe checks an instance in the background.
func (r *core) probe(in *instance, now int64) {
	_, _ = r.sound(context.Background(), in, now) // a failure has been reported
	in.probed.Store(false)
	in.drop()
	r.group.Arm(in.due(r.group.Now())) // IdleTTL did not count while the check held the instance
}
