package cachedata

import (
	"context"
	"fmt"
	"unsafe"

	"github.com/reecho-go/reecho/internal/keys"
	"github.com/reecho-go/reecho/internal/visit"
)

// find returns the entry of the key in whatever state, or nil. It takes no lock,
// and allocates nothing unless user code does.
func (c *core) find(ctx context.Context, key unsafe.Pointer) (e *entry, _ error) {
	if c.sessions != nil {
		return c.sessions.find(ctx, key)
	}
	switch in := &c.table.era.Load().entries; c.shape {
	case keys.Word:
		e = in.get(id{Word: c.keys.Word(key)})
	case keys.Text:
		e = textBook(in).find(c.keys.Text(key))
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

// findSlot sets p to the slot of the key. The caller may change the key afterwards:
// the slot does not refer to it.
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
		p.own, err = c.keys.Own(key, p.id.Text)
	}
	return err
}

// findSlotToPut is findSlot for a Put. If the key has an entry, its identity and its
// key, which never change, are used for the new entry too. Not if functions of the
// user or a store get the key: they get the key of this call.
func (c *core) findSlotToPut(ctx context.Context, key unsafe.Pointer, p *slot) (err error) {
	if c.shape != keys.Encoded || c.sessions != nil || c.second != nil || c.fns.tags != nil || c.fns.keyTags != nil || c.keys.LeavesOut() {
		return c.findSlot(ctx, key, p)
	}
	p.table = &c.table
	buf := keys.Borrow()
	text, err := c.keys.Append(*buf, key)
	if err != nil {
		keys.Return(buf, nil)
		return err
	}
	own, old := c.table.era.Load().entries.stored(text)
	if old != nil {
		p.id.Text, p.own = own, c.ownKey(old)
	} else {
		p.id.Text = string(text)
		p.own, err = c.keys.Own(key, p.id.Text)
	}
	keys.Return(buf, text)
	return err
}

// sessionOf returns the session of ctx.
func (s *sessions) sessionOf(ctx context.Context) (visit.Lifetime, error) {
	if ctx == nil {
		return nil, s.core.noContext()
	}
	life, err := visit.LifetimeOf(ctx)
	switch {
	case err == visit.ErrNone:
		return nil, fmt.Errorf("cachedata: %s: %w", s.core.name, ErrNoSession)
	case err != nil:
		return nil, fmt.Errorf("cachedata: %s: %w", s.core.name, err)
	}
	return life, nil
}

// find returns the visitor's entry of the key, or nil.
func (s *sessions) find(ctx context.Context, key unsafe.Pointer) (*entry, error) {
	life, err := s.sessionOf(ctx)
	if err != nil {
		return nil, err
	}
	v, ok := s.visits.Find(life)
	if !ok {
		return nil, nil
	}
	buf := keys.Borrow()
	id, err := s.core.keys.AppendID(append(*buf, v.prefix[:]...), key)
	if err != nil {
		keys.Return(buf, nil)
		return nil, err
	}
	e := s.table.era.Load().entries.view(id)
	keys.Return(buf, id)
	return e, nil
}

// slot sets p to the visitor's slot of the key.
func (s *sessions) slot(ctx context.Context, key unsafe.Pointer, p *slot) error {
	life, err := s.sessionOf(ctx)
	if err != nil {
		return err
	}
	text, err := s.core.keys.AppendID(make([]byte, prefixLen), key)
	if err != nil {
		return err
	}
	if p.visitor, err = s.visits.Of(life); err != nil {
		return fmt.Errorf("%w: %s", ErrClosed, s.core.name)
	}
	copy(text, p.visitor.prefix[:])
	p.id.Text = string(text)
	p.own, err = s.core.keys.Own(key, p.id.Text)
	return err
}
