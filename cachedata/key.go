package cachedata

import (
	"unsafe"

	"github.com/reecho-go/reecho/internal/keys"
)

// key returns the address of the key. If the key is made from its identity, it is in
// the slot.
func (p *slot) key() unsafe.Pointer {
	if p.own != nil {
		return p.own
	}
	return p.core.keyOf(&p.id)
}

// keyOf returns the address of the key that is made from *id, inside of *id.
func (c *core) keyOf(id *id) unsafe.Pointer {
	if c.shape == keys.Word {
		return c.keys.OfWord(&id.Word)
	}
	return c.keys.OfText(&id.Text)
}

// keyOf returns the key of a visitor's entry that is made from its identity.
func (s *sessions) keyOf(own id) unsafe.Pointer {
	own.Text = own.Text[prefixLen:]
	if s.core.shape == keys.Word {
		own.Word = keys.ParseWord(own.Text)
	}
	return s.core.keyOf(&own)
}

// keyOf returns the key of an entry: its own, or the one made from its identity.
// User code must not get it as it is.
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

// keyForUser returns a key of the cache in a form for user code, which may change
// what the key refers to: a copy, unless the key refers to nothing.
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

// shown returns a copy of a key of the cache for user code that looks into the cache.
// Fields that are left out of the key are zero, because the cache does not keep them.
func (c *core) shown(key unsafe.Pointer) (unsafe.Pointer, error) {
	if !c.keys.LeavesOut() {
		return c.keyForUser(key)
	}
	own := c.key.New()
	return own, c.keys.Store(own, key)
}
