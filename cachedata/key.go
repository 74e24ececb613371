package cachedata

import (
	"context"
	"time"
	"unsafe"

	"github.com/reecho-go/reecho/internal/canon"
	"github.com/reecho-go/reecho/internal/identity"
)

// find returns the entry of *key, whatever it is good for, or nil. It takes no
// lock, and allocates nothing unless user code does.
func (c *Cache[K, V]) find(ctx context.Context, key *K) (*entry[K, V], error) {
	if c.sessions != nil {
		return c.sessions.find(ctx, key)
	}
	switch c.shape {
	case canon.Word:
		return c.words.find(c.keys.Word(key)), nil
	case canon.Text:
		return c.texts.find(c.keys.Text(key)), nil
	}
	buf := identity.Borrow()
	id, err := c.keys.Append(*buf, key)
	if err != nil {
		identity.Return(buf, nil)
		return nil, err
	}
	// Sound: the string is used for this lookup only, which keeps no reference
	// to it, and the bytes do not change before it is over.
	e := c.texts.find(unsafe.String(unsafe.SliceData(id), len(id)))
	identity.Return(buf, id)
	return e, nil
}

// slot is one key of a cache, whatever the shape of its identity.
type slot[K, V any] interface {
	load(ctx context.Context, force bool) (*entry[K, V], Source, error)
	refresh(ctx context.Context, prior *entry[K, V], ended func()) bool
	put(ctx context.Context, own V, size int64, ttl time.Duration, tags []string)
	delete(ctx context.Context)
}

// slot returns the slot of key, with an identity and a key of its own: what
// the caller does to key afterwards changes nothing.
func (c *Cache[K, V]) slot(ctx context.Context, key K) (slot[K, V], error) {
	switch {
	case c.sessions != nil:
		return c.sessions.place(ctx, key)
	case c.shape == canon.Word:
		return c.wordPlace(key)
	}
	return c.textPlace(key)
}

func (c *Cache[K, V]) wordPlace(key K) (*place[uint64, K, V], error) {
	return &place[uint64, K, V]{c.words, c.keys.Word(&key), key}, nil
}

func (c *Cache[K, V]) textPlace(key K) (*place[string, K, V], error) {
	id, err := c.keys.ID(&key)
	if err != nil {
		return nil, err
	}
	if c.shape == canon.Text {
		return &place[string, K, V]{c.texts, id, c.keys.OfText(id)}, nil // one copy of the text will do
	}
	own, err := c.keys.Snapshot(key)
	if err != nil {
		return nil, err
	}
	return &place[string, K, V]{c.texts, id, own}, nil
}
