package boltstore

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"time"

	bolt "go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"
)

// errCorrupt says that the contents of the file are invalid.
var errCorrupt = errors.New("the file is damaged")

// allocSize is by how much a file grows at a time, in bytes.
const allocSize = 1 << 20

func corrupt(format string, args ...any) error {
	return fmt.Errorf("%w: %s", errCorrupt, fmt.Sprintf(format, args...))
}

// file is an open file of bbolt's.
type file struct {
	db      *bolt.DB
	handle  *os.File // db's own, to be closed when db cannot be any more
	version uint64   // the greatest one when it was opened
}

// openSafely opens the file at path, or makes it. The error wraps errCorrupt if
// it is damaged.
func openSafely(path string, cfg Config) (*file, error) {
	if err := inspect(path, cfg); err != nil {
		return nil, err
	}
	return openFile(path, cfg)
}

// openFile is openSafely for a file that has been inspected.
func openFile(path string, cfg Config) (*file, error) {
	f := &file{}
	err := guard(func() (err error) {
		f.db, err = bolt.Open(path, 0o600, &bolt.Options{
			Timeout: cfg.LockWait, NoSync: cfg.NoSync, FreelistType: bolt.FreelistMapType,
			OpenFile: func(name string, flag int, mode os.FileMode) (*os.File, error) {
				var err error
				f.handle, err = os.OpenFile(name, flag, mode)
				return f.handle, err
			},
		})
		if err != nil {
			return opening(path, err)
		}
		f.db.AllocSize = allocSize
		if err := f.prepare(); err != nil {
			return err
		}
		return syncFolder(path)
	})
	switch {
	case err == nil:
		return f, nil
	case errors.Is(err, errCorrupt) && f.handle != nil:
		f.abandon()
	case f.db != nil:
		f.close()
	}
	return nil, err
}

// inspect checks the whole file before bbolt maps it into memory. bbolt trusts the pages, so
// an invalid page would end the process or return wrong bytes.
func inspect(path string, cfg Config) error {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("boltstore: %w", err)
	case !info.Mode().IsRegular():
		return fmt.Errorf("boltstore: %s is no regular file: name a file of the store's own", path)
	case info.Size() == 0:
		return nil
	}
	// Opened for reading, bbolt looks at nothing but the first two pages, and
	// keeps writers of other processes away.
	var db *bolt.DB
	err = guard(func() (err error) {
		db, err = bolt.Open(path, 0o600, &bolt.Options{ReadOnly: true, Timeout: cfg.LockWait})
		return err
	})
	if err != nil {
		if errors.Is(opening(path, err), errCorrupt) && !looksLikeOurs(path) {
			return foreign(path)
		}
		return opening(path, err)
	}
	defer func() { _ = db.Close() }() // nothing was written
	return verify(path)
}

// opening returns the error for a file that does not open: errCorrupt, or another reason.
func opening(path string, err error) error {
	switch {
	case errors.Is(err, bolterrors.ErrTimeout):
		return fmt.Errorf("%w: %s: close the other process, or give this one a file of its own", ErrInUse, path)
	case errors.Is(err, bolterrors.ErrInvalid), errors.Is(err, bolterrors.ErrVersionMismatch), errors.Is(err, bolterrors.ErrChecksum):
		return corrupt("%v", err)
	case errors.Is(err, errCorrupt):
		return err
	}
	return fmt.Errorf("boltstore: %w", err)
}

// prepare makes the buckets of a new file and reads the version of an old one.
func (f *file) prepare() error {
	return f.db.Update(func(tx *bolt.Tx) error {
		if meta := tx.Bucket(metaBucket); meta != nil {
			f.version = tx.Bucket(dataBucket).Sequence()
			return nil
		}
		for _, name := range [][]byte{dataBucket, dueBucket, metaBucket} {
			if _, err := tx.CreateBucket(name); err != nil {
				return err
			}
		}
		// Versions of a file that is gone are not given again: nobody writes
		// more than once a nanosecond.
		f.version = uint64(time.Now().UnixNano())
		if err := tx.Bucket(dataBucket).SetSequence(f.version); err != nil {
			return err
		}
		meta := tx.Bucket(metaBucket)
		if err := meta.Put(countersKey, counters{}.encode()); err != nil {
			return err
		}
		return meta.Put(formatKey, []byte{format})
	})
}

// counters returns how much the file holds.
func (f *file) counters() (c counters, err error) {
	err = f.db.View(func(tx *bolt.Tx) error {
		c, err = decodeCounters(tx.Bucket(metaBucket).Get(countersKey))
		return err
	})
	return c, err
}

// get returns the record of a key, which lies in the memory of tx. It is
// present whether or not its deadline has come.
func get(tx *bolt.Tx, dataKey []byte) (record, bool, error) {
	b := tx.Bucket(dataBucket).Get(dataKey)
	if b == nil {
		return record{}, false, nil
	}
	r, err := decode(dataKey, b)
	return r, err == nil, err
}

func (f *file) close() { _ = f.db.Close() } // what was written has been synced

// abandon drops a damaged file. Its database may hold locks for ever, so it is not closed, and
// its mapping stays in memory. On some systems the mapping keeps the lock of the file, so
// abandon releases the lock.
func (f *file) abandon() {
	unlock(f.handle)
	_ = f.handle.Close()
}

// guard runs fn and returns a panic as damage: bbolt panics for invalid pages, and the runtime
// when mapped memory is missing.
func guard(fn func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if v := recover(); v != nil {
			stack := make([]byte, 2048)
			err = corrupt("%v\n%s", v, bytes.TrimSpace(stack[:runtime.Stack(stack, false)]))
		}
	}()
	return fn()
}
