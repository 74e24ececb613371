package cachedata

import (
	"context"
	"unsafe"

	"github.com/reecho-go/reecho/internal/flight"
	"github.com/reecho-go/reecho/internal/keys"
)

// get is [Cache.Get] without the copy of the result: it returns the entry, which
// may be a remembered error.
func (c *core) get(ctx context.Context, key unsafe.Pointer) (*entry, Source, error) {
	e, source, err := c.lookup(ctx, key)
	if e == nil {
		return c.miss(ctx, key, err)
	}
	return e, source, nil
}

// miss continues get after lookup found nothing, or failed.
func (c *core) miss(ctx context.Context, key unsafe.Pointer, err error) (*entry, Source, error) {
	r := c.recorder(ctx)
	if r == nil {
		return c.missed(ctx, key, err)
	}
	u := c.use(ctx, key)
	e, source, err := c.missed(ctx, key, err)
	u.tell(r, e)
	return e, source, err
}

// missed is miss without telling a recorder.
func (c *core) missed(ctx context.Context, key unsafe.Pointer, err error) (*entry, Source, error) {
	if err != nil {
		return nil, 0, c.failed(err)
	}
	if j, joined := c.joinRunning(ctx, key); joined {
		return c.waitJoined(ctx, key, j)
	}
	return c.load(ctx, key, false)
}

// failed counts a call that fails with err before it starts or joins a load.
func (c *core) failed(err error) error {
	c.counters.misses.Add(1)
	return err
}

// load returns the entry that a load of the key gives, which this call starts or
// joins. Without force it may return an entry that was stored meanwhile. With force
// the call is not counted.
func (c *core) load(ctx context.Context, key unsafe.Pointer, force bool) (*entry, Source, error) {
	source := Load
	if !force {
		defer func() { c.counters.missed(source) }() // also if the load panics
	}
	if ctx == nil {
		return nil, 0, c.noContext()
	}
	var p slot
	if err := c.findSlot(ctx, key, &p); err != nil {
		return nil, 0, err
	}
	e, source, err := p.load(ctx, force)
	if err != nil {
		return nil, 0, c.loadError(err)
	}
	if !force {
		c.counters.served(source)
	}
	c.tellExpired(ctx, p.key(), e, source)
	if source == Stale && c.second != nil { // the result is from the store, and no load replaces it yet
		c.refresh(ctx, p.key(), e, c.group.Now())
	}
	return e, source, nil
}

// joinedLoad is a load that a caller has joined without a slot of its own.
type joinedLoad struct {
	in   *era
	call flight.Joining
	came uint64 // the clears of tags before the caller came
}

// joinRunning joins a load of the key that others wait for already. It reports false
// if there is none, or if the cache needs a slot for the call.
func (c *core) joinRunning(ctx context.Context, key unsafe.Pointer) (j joinedLoad, joined bool) {
	if ctx == nil || c.tracker.Waiting() == 0 || c.sessions != nil || c.cfg.FailSafe > 0 {
		return j, false
	}
	j.in = c.table.era.Load()
	mark := c.group.Gate().Mark()
	j.came = c.group.Tags().Now()
	var id id
	switch c.shape {
	case keys.Word:
		id.Word = c.keys.Word(key)
	case keys.Text:
		id.Text = c.keys.Text(key)
	default:
		buf := keys.Borrow()
		text, err := c.keys.Append(*buf, key)
		if err == nil {
			// Sound: Join does not keep the string.
			id.Text = unsafe.String(unsafe.SliceData(text), len(text))
			j.call, joined = j.in.flights.Join(ctx, id, mark)
		}
		keys.Return(buf, text)
		return j, joined
	}
	j.call, joined = j.in.flights.Join(ctx, id, mark)
	return j, joined
}

// waitJoined waits for the load that was joined.
func (c *core) waitJoined(ctx context.Context, key unsafe.Pointer, j joinedLoad) (*entry, Source, error) {
	result, err := j.call.Wait(ctx)
	c.waited(ctx, j.call.Task())
	e, _ := result.(*entry)
	switch {
	case err != nil:
		c.counters.missed(Joined)
		return nil, 0, c.loadError(err)
	case e.annotations() != nil && c.joinedTooOld(ctx, key, e, &j):
		return c.load(ctx, key, false)
	}
	c.counters.missed(Joined)
	return e, Joined, nil
}

// joinedTooOld is [table.tooOld] for a load that joinRunning has joined.
func (c *core) joinedTooOld(ctx context.Context, key unsafe.Pointer, e *entry, j *joinedLoad) bool {
	var p slot
	return c.findSlot(ctx, key, &p) == nil && p.tooOld(j.in, p.id, e, j.came)
}

// peek returns the entry that [Cache.Peek] finds, or nil.
func (c *core) peek(ctx context.Context, key unsafe.Pointer) (found *entry) {
	if r := c.recorder(ctx); r != nil {
		u := c.use(ctx, key)
		defer func() { u.tell(r, found) }() // also if there is none: the caller uses that answer
	}
	if e, _ := c.find(ctx, key); c.stateOf(e) >= stale && e.err() == nil && c.intact(e) {
		return e
	}
	return nil
}

// reload is [Cache.Refresh] without the copy of the result.
func (c *core) reload(ctx context.Context, key unsafe.Pointer) (*entry, error) {
	r := c.recorder(ctx)
	var u *used
	if r != nil {
		u = c.use(ctx, key)
	}
	e, _, err := c.load(ctx, key, true)
	if err != nil {
		return nil, err
	}
	var p slot
	if c.sessions == nil && c.findSlot(ctx, key, &p) == nil {
		if c.second != nil {
			c.second.refreshed(ctx, &p, e)
		}
		p.changed()
	}
	if r != nil {
		u.renew()
		u.tell(r, e)
	}
	return e, nil
}
