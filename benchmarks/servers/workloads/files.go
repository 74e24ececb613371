package workloads

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"

	bolt "go.etcd.io/bbolt"

	"github.com/reecho-go/reecho/benchmarks/bench"
	"github.com/reecho-go/reecho/benchmarks/servers/peers"
	"github.com/reecho-go/reecho/store"
	"github.com/reecho-go/reecho/store/boltstore"
)

// Bolt is the row of the library below boltstore.
const Bolt = "bbolt"

const boltLacks = "no expiry, no versions, no bound, no checksums; ends the process when its file is damaged"

// blob is a value of 256 bytes.
func blob(i int) []byte { return fmt.Appendf(nil, "%0256d", i) }

// Files is a store in a file beside the bbolt that it is made of.
func Files() []bench.Workload {
	return []bench.Workload{
		{
			Group: "servers", Name: "file: get 256 B", Reference: Bolt,
			Prepare: inFolder(false, func(f file) (op, check func(int) error) {
				get := func(i int) error {
					_, err := f.get(key(i & (keyCount - 1)))
					return err
				}
				return get, func(i int) error { return f.has(key(i), blob(i)) }
			}),
		},
		{Group: "servers", Name: "file: put 256 B, on the disk when it returns", Reference: Bolt, Elapsed: true, Prepare: inFolder(false, putting)},
		{Group: "servers", Name: "file: put 256 B, not waiting for the disk", Reference: Bolt, Elapsed: true, Prepare: inFolder(true, putting)},
	}
}

func putting(f file) (op, check func(int) error) {
	var n atomic.Int64
	put := func(int) error {
		i := int(n.Add(1))
		return f.put(key(i&(keyCount-1)), blob(i))
	}
	return put, func(i int) error {
		return errors.Join(f.put(key(i), blob(i+1)), f.has(key(i), blob(i+1)), f.put(key(i), blob(i)))
	}
}

// file is a file with values under keys.
type file struct {
	get   func(key string) ([]byte, error)
	put   func(key string, value []byte) error
	close func()
}

// has says what is wrong if a key does not have a value.
func (f file) has(key string, want []byte) error {
	got, err := f.get(key)
	if err != nil {
		return err
	}
	if string(got) != string(want) {
		return fmt.Errorf("%s has %q, want %q", key, got, want)
	}
	return nil
}

// inFolder makes the rows of files with keyCount values, in a folder that is removed
// after them.
func inFolder(noSync bool, work func(file) (op, check func(int) error)) func() ([]bench.Row, error) {
	return func() (rows []bench.Row, _ error) {
		dir, err := os.MkdirTemp("", "benchmarks-")
		if err != nil {
			return nil, err
		}
		for _, peer := range []struct {
			name, lacks string
			open        func(path string, noSync bool) (file, error)
		}{
			{Bolt, boltLacks, openBolt},
			{peers.Ours, "", openBoltstore},
		} {
			f, err := peer.open(filepath.Join(dir, peer.name), noSync)
			if err != nil {
				return closing(rows, func() { _ = os.RemoveAll(dir) }), fmt.Errorf("%s: %w", peer.name, err)
			}
			row := bench.Row{Peer: peer.name, Note: peer.lacks, Close: f.close}
			op, check := work(f)
			row.Op = op
			row.Check = func() error {
				for i := range 10 {
					if err := check(i); err != nil {
						return err
					}
				}
				return nil
			}
			rows = append(rows, row)
			for i := range keyCount {
				if err := f.put(key(i), blob(i)); err != nil {
					return closing(rows, func() { _ = os.RemoveAll(dir) }), fmt.Errorf("%s: %w", peer.name, err)
				}
			}
		}
		return closing(rows, func() { _ = os.RemoveAll(dir) }), nil
	}
}

func openBoltstore(path string, noSync bool) (file, error) {
	s, err := boltstore.New(path, boltstore.Config{NoSync: noSync})
	if err != nil {
		return file{}, err
	}
	ctx := context.Background()
	return file{
		get: func(key string) ([]byte, error) {
			it, err := s.Get(ctx, key)
			return it.Value, err
		},
		put:   func(key string, value []byte) error { return s.Put(ctx, key, store.Item{Value: value}) },
		close: func() { _ = s.Close(ctx) }, // nothing is in flight
	}, nil
}

var bucket = []byte("values")

func openBolt(path string, noSync bool) (file, error) {
	db, err := bolt.Open(path, 0o600, &bolt.Options{NoSync: noSync})
	if err != nil {
		return file{}, err
	}
	if err := db.Update(func(tx *bolt.Tx) error {
		_, err := tx.CreateBucketIfNotExists(bucket)
		return err
	}); err != nil {
		return file{}, errors.Join(err, db.Close())
	}
	return file{
		get: func(key string) (value []byte, err error) {
			err = db.View(func(tx *bolt.Tx) error {
				b := tx.Bucket(bucket).Get([]byte(key))
				if b == nil {
					return store.ErrNotFound
				}
				value = append([]byte(nil), b...)
				return nil
			})
			return value, err
		},
		put: func(key string, value []byte) error {
			return db.Update(func(tx *bolt.Tx) error { return tx.Bucket(bucket).Put([]byte(key), value) })
		},
		close: func() { _ = db.Close() }, // nothing is in flight
	}, nil
}
