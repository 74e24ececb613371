package cacheresource

import (
	"context"
	"fmt"
	"unsafe"

	"github.com/reecho-go/reecho/internal/flight"
	"github.com/reecho-go/reecho/observe"
)

// delete is [Resource.Delete].
func (r *core) delete(ctx context.Context, key unsafe.Pointer) error {
	if ctx == nil {
		return r.noContext()
	}
	id, err := r.keys.ID(key)
	if err != nil {
		return err
	}
	e, closed := r.current()
	if closed {
		return ErrClosed
	}
	if r.visitors != nil {
		visitor, err := r.visitorOf(ctx)
		if err != nil {
			return err
		}
		own, found := r.visitors.Find(visitor)
		if !found {
			return nil
		}
		e = own
	}
	var in *instance
	e.opens.Override(flight.Key{Text: id}, "delete", func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		in = e.at(id)
		e.remove(in)
		delete(e.faults, id)
	})
	if in != nil {
		in.retire(observe.CauseDeleted)
	}
	return nil
}

// clear is [Resource.Clear].
func (r *core) clear(ctx context.Context) error {
	if ctx == nil {
		return r.noContext()
	}
	if r.isClosed() {
		return ErrClosed
	}
	if err := r.group.ClearMember(ctx, r.member, r.observer); err != nil {
		return fmt.Errorf("cacheresource: %s: %w", r.name, err)
	}
	return nil
}

// reset starts a new era of the resource, or of each visitor, and retires the instances
// of the old eras.
func (r *core) reset() int {
	if r.visitors != nil {
		n := r.entries()
		r.visitors.Reset()() // left retires them
		return n
	}
	old := r.replaceEra(false)
	for _, in := range old {
		in.retire(observe.CauseCleared)
	}
	return len(old)
}

// replaceEra starts a new era and returns the instances of the old one. If last is set,
// the resource is closed, and the new era keeps nothing.
func (r *core) replaceEra(last bool) []*instance {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = r.closed || last
	old := r.era.end()
	r.era = r.newEra()
	r.era.ended = r.closed
	return old
}
