package cachedata

import (
	"context"
	"unsafe"

	"github.com/reecho-go/reecho/internal/keys"
)

// find returns the entry of the key, whatever it is good for, or nil. It takes
// no lock, and allocates nothing unless user code does.
func (c *core) find(ctx context.Context, key unsafe.Pointer) (e *entry, _ error) {
	if c.sessions != nil {
		return c.sessions.find(ctx, key)
	}
	switch in := &c.table.era.Load().entries; c.shape {
	case keys.Word:
		e = in.words.find(c.keys.Word(key))
	case keys.Text:
		e = in.texts.find(c.keys.Text(key))
	default:
		buf := keys.Borrow()
		text, err := c.keys.Append(*buf, key)
		if err != nil {
			keys.Return(buf, nil)
			return nil, err
		}
		e = in.view(text)
		keys.Return(buf, text)
	}
	return e, nil
}

// findSlot sets p to the slot of the key: what the caller does to the key afterwards
// changes nothing.
func (c *core) findSlot(ctx context.Context, key unsafe.Pointer, p *slot) (err error) {
	p.table = &c.table
	if c.sessions != nil {
		return c.sessions.slot(ctx, key, p)
	}
	if c.shape == keys.Word {
		p.id.Word = c.keys.Word(key)
		return nil
	}
	if p.id.Text, err = c.keys.ID(key); err != nil {
		return err
	}
	if c.shape == keys.Encoded {
		p.own, err = c.keys.Own(key)
	}
	return err
}

// keyOf returns the key that *id says all of: it is in *id.
func (c *core) keyOf(id *id) unsafe.Pointer {
	if c.shape == keys.Word {
		return c.keys.OfWord(&id.Word)
	}
	return c.keys.OfText(&id.Text)
}

// keyForUser returns the key, which is ours, for user code, which gets it by value and
// may change what it refers to.
func (c *core) keyForUser(key unsafe.Pointer) (unsafe.Pointer, error) {
	if c.keys.Flat() {
		return key, nil
	}
	return c.keys.Snapshot(key)
}

// copyOfKey is keyForUser for a key that may be on the stack.
func (c *core) copyOfKey(key unsafe.Pointer) (unsafe.Pointer, error) {
	if c.keys.Flat() {
		return c.key.Copy(key), nil
	}
	return c.keys.Snapshot(key)
}

// shown returns the key, which is ours, for user code that looks into the cache:
// without what is left out of it, of which nothing is kept.
func (c *core) shown(key unsafe.Pointer) (unsafe.Pointer, error) {
	if !c.keys.LeavesOut() {
		return c.keyForUser(key)
	}
	own := c.key.New()
	return own, c.keys.Store(own, key)
}
