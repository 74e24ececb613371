package cachedata

import (
	"unsafe"

	"github.com/reecho-go/reecho/internal/keys"
)

// key returns the address of the key, which is in the slot if its identity says all of
// it.
func (p *slot) key() unsafe.Pointer {
	if p.own != nil {
		return p.own
	}
	return p.core.keyOf(&p.id)
}

// keyOf returns the key that *id says all of: it is in *id.
func (c *core) keyOf(id *id) unsafe.Pointer {
	if c.shape == keys.Word {
		return c.keys.OfWord(&id.Word)
	}
	return c.keys.OfText(&id.Text)
}

// keyOf returns the key of an entry by its identity, which says all of it.
func (s *sessions) keyOf(own id) unsafe.Pointer {
	own.Text = own.Text[prefixLen:]
	if s.core.shape == keys.Word {
		own.Word = keys.ParseWord(own.Text)
	}
	return s.core.keyOf(&own)
}

// keyOf returns the key of an entry by its identity, if that says it all. It is
// ours.
func (t *table) keyOf(id id, e *entry) unsafe.Pointer {
	c := t.core
	if own := c.ownKey(e); own != nil {
		return own
	}
	if c.sessions != nil {
		return c.sessions.keyOf(id)
	}
	return c.keyOf(&id)
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
