package cacheresource

import (
	"cmp"
	"context"
	"fmt"
	"unsafe"

	"github.com/reecho-go/reecho/internal/flight"
	"github.com/reecho-go/reecho/internal/keys"
)

// acquire returns key's instance with a hold for the caller.
func (r *core) acquire(ctx context.Context, key unsafe.Pointer) (*instance, error) {
	if ctx == nil {
		return nil, r.noContext()
	}
	var in *instance
	if r.simple {
		in = r.findWord(nil, r.keys.Word(key), 0)
	}
	if in == nil {
		var err error
		if in, err = r.usable(ctx, key); err != nil {
			return nil, err
		}
	}
	if opening, _ := ctx.Value(dependenciesKey{}).(*dependencies); opening != nil {
		opening.lease(in)
	}
	return in, nil
}

// pin is [Resource.Pin].
func (r *core) pin(ctx context.Context, key unsafe.Pointer) (*instance, error) {
	if r.visitors != nil {
		return nil, fmt.Errorf("cacheresource: %s: %w", r.name, errPinned)
	}
	in, err := r.acquire(ctx, key)
	if err != nil {
		return nil, err
	}
	if !in.pinned.CompareAndSwap(false, true) {
		in.giveBack() // pinned already: one hold for the pin is enough
	}
	if r.isClosed() { // a Close may have ended the pins before this one was made
		in.unpin()
		return nil, ErrClosed
	}
	return in, nil
}

// noContext is the error of a call with a nil context.
func (r *core) noContext() error {
	return fmt.Errorf("cacheresource: %s: the context is nil: pass that of the request, or context.Background()", r.name)
}

// usable returns key's instance, which has passed its checks or is new, with a hold.
func (r *core) usable(ctx context.Context, key unsafe.Pointer) (*instance, error) {
	for {
		var now int64
		if r.clocked {
			now = r.group.Now()
		}
		at, err := r.ownerOf(ctx)
		if err != nil {
			return nil, err
		}
		opened := false
		in, err := r.lookup(at.era, key, now)
		if in == nil && err == nil {
			in, opened, err = r.openOrJoin(ctx, at, key)
		}
		if err != nil {
			return nil, err
		}
		if !opened && r.clocked {
			if now >= in.stale {
				r.renew(ctx, at, in, now)
			}
			if r.fns.check != nil && now-in.checked.Load() >= int64(r.checkEvery) {
				ok, err := r.sound(ctx, in, now)
				if !ok {
					in.giveBack()
					if err != nil {
						return nil, err
					}
					continue
				}
			}
		}
		return in, nil
	}
}

// lookup returns the instance in the cache, with a hold, or nil.
func (r *core) lookup(e *era, key unsafe.Pointer, now int64) (*instance, error) {
	switch r.keys.Shape() {
	case keys.Word:
		return r.findWord(e, r.keys.Word(key), now), nil
	case keys.Text:
		return r.findText(e, r.keys.Text(key), now), nil
	}
	buf := keys.Borrow()
	id, err := r.keys.Append((*buf)[:0], key)
	defer keys.Return(buf, id)
	if err != nil {
		return nil, err
	}
	return r.findBytes(e, id, now), nil
}

// findWord finds an instance by a word. An instance is retired only after it was removed
// from the cache under the lock, so an instance that is found can be held.
func (r *core) findWord(e *era, word uint64, now int64) *instance {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.eraOr(e).words[word].tryLease(now)
}

// findText finds an instance by a string.
func (r *core) findText(e *era, id string, now int64) *instance {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.eraOr(e).texts[id].tryLease(now)
}

// findBytes finds an instance by canonical bytes. The conversion inside of the index
// expression allocates nothing.
func (r *core) findBytes(e *era, id []byte, now int64) *instance {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.eraOr(e).texts[string(id)].tryLease(now)
}

// eraOr returns e, or the resource's own era if e is nil.
func (r *core) eraOr(e *era) *era {
	if e == nil { // cmp.Or would take as long as the rest of a lookup
		return r.era
	}
	return e
}

// openOrJoin opens the instance, or waits for the open of another call. It reports
// whether the instance has just been opened.
func (r *core) openOrJoin(ctx context.Context, at owner, key unsafe.Pointer) (_ *instance, isNew bool, _ error) {
	id, err := r.keys.ID(key)
	if err != nil {
		return nil, false, err
	}
	own, err := r.keys.Own(key, id)
	if err != nil {
		return nil, false, err
	}
	e, closed := r.current()
	if closed {
		return nil, false, ErrClosed
	}
	got, role, err := r.opening(cmp.Or(at.era, e), at.visitor, id, own).do(ctx)
	return got, role != flight.Found, err
}
