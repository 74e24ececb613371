package cachedata

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime"
	"time"
	"unsafe"

	"github.com/reecho-go/reecho/internal/raw"
	"github.com/reecho-go/reecho/observe"
)

// PutOptions set the TTL and the tags of a result that [Cache.Put] stores. A load
// sets those of its result on its [Loading].
type PutOptions struct {
	// TTL is how long the result stays fresh; Config.Jitter and Stale.EagerAt
	// apply to it too. Use math.MaxInt64 for ever. Negative is an error. Default
	// 0: Config.TTL.
	TTL time.Duration
	// Tags are added to those of Funcs.Tags and Funcs.KeyTags. Default nil:
	// none.
	Tags []string
}

// put is [Cache.Put] of the result at v, which may be on the stack.
func (c *core) put(ctx context.Context, key, v unsafe.Pointer, options []PutOptions) error {
	var how PutOptions
	switch len(options) {
	case 0:
	case 1:
		how = options[0]
	default:
		return fmt.Errorf("cachedata: %s: Put: there are %d PutOptions: put all into one", c.name, len(options))
	}
	if how.TTL < 0 {
		return fmt.Errorf("cachedata: %s: Put: TTL is %v: use 0 for Config.TTL, or Delete what is over", c.name, how.TTL)
	}
	if err := c.openTo(ctx); err != nil {
		return err
	}
	var p slot
	if err := c.findSlotToPut(ctx, key, &p); err != nil {
		return err
	}
	from := raw.Hide(v)
	if c.fns.tags != nil || c.copyTo != nil && c.plan == nil { // functions that may keep the address
		from = c.result.Copy(v)
	}
	err := p.put(ctx, from, how)
	runtime.KeepAlive(v)
	if err != nil {
		return err
	}
	if err := c.open(); err != nil { // the cache was closed meanwhile
		c.reset()
		return err
	}
	return nil
}

// put stores a copy of the result at v with the options how. Nobody can read the
// entry before it counts as newer than all clears of tags until then, so none of
// those clears can drop it.
func (p *slot) put(ctx context.Context, v unsafe.Pointer, how PutOptions) error {
	c := p.core
	tags, err := p.tags(how.Tags, v)
	if err != nil {
		return err
	}
	x := loadSettings{}.annotations(tags)
	e, err := p.make(making{from: v, ttl: cmp.Or(how.TTL, c.cfg.TTL), annotations: x})
	if err != nil {
		return err
	}
	clears := c.group.Tags()
	var replaced, undone *entry
	var refused string
	var in *era
	change := func(overtaken func() bool) {
		in = p.era.Load()
		in.flights.Override(p.id, "put", func() {
			if x != nil {
				x.clearsBefore = clears.Now()
				x.checked.Store(beingPut)
			}
			replaced, refused = p.store(in, p.id, e)
			if x != nil {
				x.checked.Store(clears.Now())
			}
			if overtaken != nil && overtaken() { // checked last: a later change finds the entry and drops it
				undone = in.entries.remove(p.id)
			}
		})
	}
	if c.second != nil {
		c.second.put(ctx, p, e, change)
	} else {
		change(nil)
	}
	p.changed()
	p.settle()
	p.left(ctx, in, p.id, replaced, observe.CauseReplaced)
	p.left(ctx, in, p.id, undone, observe.CauseDeleted)
	if refused != "" {
		c.refused(ctx, p.key(), refused)
	}
	return nil
}

// delete is [Cache.Delete].
func (c *core) delete(ctx context.Context, key unsafe.Pointer) error {
	if err := c.openTo(ctx); err != nil {
		return err
	}
	var p slot
	if err := c.findSlot(ctx, key, &p); err != nil {
		return err
	}
	p.delete(ctx)
	return nil
}

func (p *slot) delete(ctx context.Context) {
	change := func() { p.drop(ctx, p.id, "delete", observe.CauseDeleted) }
	if p.core.second != nil {
		p.core.second.drop(ctx, p, change)
	} else {
		change()
	}
	p.changed()
}

// checkUnmodified returns [ErrChanged] and drops the result of key if the value of
// its entry e has changed since it was stored.
func (c *core) checkUnmodified(ctx context.Context, key unsafe.Pointer, e *entry) error {
	if c.intact(e) {
		return nil
	}
	fp, _ := c.keys.Fingerprint(key) // the key has been looked up
	return errors.Join(
		fmt.Errorf("cachedata: %s: key %016x: %w, and all callers share it: have them copy before they change, or leave ReadOnly out", c.name, fp, ErrChanged),
		c.delete(ctx, key))
}
