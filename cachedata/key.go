package cachedata

import (
	"context"
	"maps"
	"reflect"
	"slices"
	"strings"
	"sync"
	"unsafe"

	"github.com/reecho-go/reecho/internal/canon"
	"github.com/reecho-go/reecho/internal/clone"
)

// buffers holds the canonical bytes of keys while they are looked up.
var buffers = sync.Pool{New: func() any { return new([]byte) }}

// maxBuffer is the largest buffer that is kept.
const maxBuffer = 64 << 10

// find returns the entry of *key if there is one that has not expired. It
// takes no lock, and allocates nothing unless user code does.
func (c *Cache[K, V]) find(key *K) (*entry[K, V], error) {
	switch c.shape {
	case canon.Word:
		return c.words.find(c.keys.Word(key)), nil
	case canon.Text:
		return c.texts.find(c.keys.Text(key)), nil
	}
	buf := buffers.Get().(*[]byte)
	id, err := c.keys.Append((*buf)[:0], key)
	if err != nil {
		buffers.Put(buf)
		return nil, c.keyError(err)
	}
	// Sound: the string is used for this lookup only, which keeps no reference
	// to it, and the bytes do not change before it is over.
	e := c.texts.find(unsafe.String(unsafe.SliceData(id), len(id)))
	if cap(id) <= maxBuffer {
		*buf = id
		buffers.Put(buf)
	}
	return e, nil
}

// slot is one key of a cache, whatever the shape of its identity.
type slot[K, V any] interface {
	load(ctx context.Context, force bool) (*entry[K, V], Source, error)
	put(ctx context.Context, own V)
	delete(ctx context.Context)
}

// slot returns the slot of key, with an identity and a key of its own: what
// the caller does to key afterwards changes nothing.
func (c *Cache[K, V]) slot(key K) (slot[K, V], error) {
	var id []byte
	if c.shape == canon.Encoded {
		var err error
		if id, err = c.keys.Append(nil, &key); err != nil {
			return nil, c.keyError(err)
		}
	}
	own, err := c.snapshot(key)
	if err != nil {
		return nil, c.keyError(err)
	}
	switch c.shape {
	case canon.Word:
		return &place[uint64, K, V]{c.words, c.keys.Word(&own), own}, nil
	case canon.Text:
		return &place[string, K, V]{c.texts, c.keys.Text(&own), own}, nil
	}
	return &place[string, K, V]{c.texts, string(id), own}, nil
}

// snapshot returns a copy of key that shares nothing mutable with it, except
// for what is left out of the identity.
func (c *Cache[K, V]) snapshot(key K) (K, error) {
	if c.copyKey == nil {
		return key, nil
	}
	return c.copyKey(key)
}

// keySnapshot returns how keys of K are copied; nil means by assignment.
func keySnapshot[K any](keys *canon.Plan[K], cfg canon.Config) func(K) (K, error) {
	switch {
	case keys.Shape() == canon.Text:
		return func(k K) (K, error) {
			// A string may be part of a larger one, or point to a buffer that
			// will be used again.
			v := reflect.ValueOf(&k).Elem()
			v.SetString(strings.Clone(v.String()))
			return k, nil
		}
	case keys.Flat():
		return nil
	}
	plan, err := clone.For[K](clone.Config{Immutable: identities(reflect.TypeFor[K](), cfg)})
	if err != nil {
		// Only what is not part of the identity can be beyond copying.
		return nil
	}
	return plan.Copy
}

// identities lists the types inside t that a copy of a key must share: those
// that HashFuncs stand in for, and references in fields that are left out of
// the key, such as a client or a logger, unless the same type is part of the
// key elsewhere.
func identities(t reflect.Type, cfg canon.Config) []reflect.Type {
	used, ignored := make(map[reflect.Type]bool), make(map[reflect.Type]bool)
	var walk func(t reflect.Type)
	walk = func(t reflect.Type) {
		if used[t] || cfg.HashFuncs[t] != nil {
			return
		}
		used[t] = true
		switch t.Kind() {
		case reflect.Pointer, reflect.Slice, reflect.Array:
			walk(t.Elem())
		case reflect.Map:
			walk(t.Key())
			walk(t.Elem())
		case reflect.Struct:
			for f := range t.Fields() {
				if tag := f.Tag.Get("hash"); tag != "ignore" && tag != "-" {
					walk(f.Type)
					continue
				}
				switch f.Type.Kind() {
				case reflect.Pointer, reflect.Interface, reflect.Func, reflect.Chan:
					ignored[f.Type] = true
				}
			}
		}
	}
	walk(t)
	shared := slices.Collect(maps.Keys(cfg.HashFuncs))
	for t := range ignored {
		if !used[t] {
			shared = append(shared, t)
		}
	}
	return shared
}
