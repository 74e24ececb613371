package boltstore

import (
	"bytes"
	"context"
	"iter"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/reecho-go/reecho/store"
)

func nowMilli() int64 { return time.Now().UnixMilli() }

// Get implements [store.Store].
func (s *Store) Get(ctx context.Context, key string) (it store.Item, err error) {
	err = s.view(ctx, func(f *file) error {
		return f.db.View(func(tx *bolt.Tx) error {
			it, err = item(tx, key)
			return err
		})
	})
	return it, fault("get", key, err)
}

// item returns what is present under a key.
func item(tx *bolt.Tx, key string) (store.Item, error) {
	if len(key) > maxKey {
		return store.Item{}, store.ErrNotFound
	}
	r, there, err := get(tx, dataKey(key))
	switch {
	case err != nil:
		return store.Item{}, err
	case !there || r.gone(nowMilli()):
		return store.Item{}, store.ErrNotFound
	}
	return r.item(), nil
}

// Put implements [store.Store].
func (s *Store) Put(ctx context.Context, key string, it store.Item) error {
	if err := s.fits(key, it.Value); err != nil {
		return fault("put", key, err)
	}
	value := bytes.Clone(it.Value)
	err := s.write(ctx, func(t *transaction) error {
		_, err := t.put(key, deadline(it.Expires), value)
		return err
	})
	return fault("put", key, err)
}

// Swap implements [store.Swapper].
func (s *Store) Swap(ctx context.Context, key string, old uint64, it store.Item) (uint64, error) {
	if err := s.fits(key, it.Value); err != nil {
		return 0, fault("swap", key, err)
	}
	value := bytes.Clone(it.Value)
	var version uint64 // not a result: the write may end after this call
	err := s.write(ctx, func(t *transaction) error {
		r, there, err := t.get(dataKey(key))
		switch {
		case err != nil:
			return err
		case !there && old != 0:
			return store.ErrNotFound
		case there && r.version != old:
			return store.ErrConflict
		}
		version, err = t.put(key, deadline(it.Expires), value)
		return err
	})
	if err != nil {
		return 0, fault("swap", key, err)
	}
	return version, nil
}

// Delete implements [store.Store].
func (s *Store) Delete(ctx context.Context, key string) error {
	err := s.write(ctx, func(t *transaction) error {
		if len(key) > maxKey {
			return nil
		}
		dataKey := dataKey(key)
		r, there, err := get(t.data.Tx(), dataKey)
		if err != nil || !there {
			return err
		}
		return t.remove(dataKey, r)
	})
	return fault("delete", key, err)
}

// Touch implements [store.Toucher].
func (s *Store) Touch(ctx context.Context, key string, expires time.Time) error {
	err := s.write(ctx, func(t *transaction) error {
		if len(key) > maxKey {
			return store.ErrNotFound
		}
		dataKey := dataKey(key)
		r, there, err := t.get(dataKey)
		switch {
		case err != nil:
			return err
		case !there:
			return store.ErrNotFound
		}
		return t.touch(dataKey, r, deadline(expires))
	})
	return fault("touch", key, err)
}

// step is how many entries a Scan looks at in one transaction.
const step = 256

// Scan implements [store.Scanner].
func (s *Store) Scan(ctx context.Context, prefix string) iter.Seq2[store.Entry, error] {
	return func(yield func(store.Entry, error) bool) {
		from := dataKey(prefix)
		for from != nil {
			var found []store.Entry
			err := s.view(ctx, func(f *file) error {
				return f.db.View(func(tx *bolt.Tx) error {
					var err error
					found, from, err = scan(tx, from, prefix)
					return err
				})
			})
			if err != nil {
				yield(store.Entry{}, fault("scan", prefix, err))
				return
			}
			for _, e := range found {
				if !yield(e, nil) {
					return
				}
			}
		}
	}
}

// scanBytes is how many bytes of values a step of a Scan holds, at least one.
const scanBytes = 1 << 20

// scan returns some of the entries with a prefix, and the key to go on at: nil
// at the end.
func scan(tx *bolt.Tx, from []byte, prefix string) (found []store.Entry, next []byte, err error) {
	all, now, held := dataKey(prefix), nowMilli(), 0
	c := tx.Bucket(dataBucket).Cursor()
	k, v := c.Seek(from)
	for n := 0; k != nil && bytes.HasPrefix(k, all); k, v = c.Next() {
		if n++; n > step || held > scanBytes {
			return found, bytes.Clone(k), nil
		}
		r, err := decode(k, v)
		if err != nil {
			return nil, nil, err
		}
		if !r.gone(now) {
			found = append(found, store.Entry{Key: string(k[1:]), Item: r.item()})
			held += len(v)
		}
	}
	return found, nil, nil
}

// GetMany implements [store.Batcher], in one transaction.
func (s *Store) GetMany(ctx context.Context, keys []string) (map[string]store.Item, error) {
	found := make(map[string]store.Item, len(keys))
	err := s.view(ctx, func(f *file) error {
		return f.db.View(func(tx *bolt.Tx) error {
			for _, key := range keys {
				it, err := item(tx, key)
				switch {
				case err == nil:
					found[key] = it
				case err != store.ErrNotFound:
					return err
				}
			}
			return nil
		})
	})
	if err != nil {
		return nil, fault("getmany", "", err)
	}
	return found, nil
}
