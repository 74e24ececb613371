// Package boltstore keeps bytes in one file on disk, behind the contract of
// package store. The file is one of bbolt's (go.etcd.io/bbolt).
//
// # What survives
//
// A write that has returned survives a crash of the process at any moment, and
// of the machine too unless [Config.NoSync] is set. Expiry is wall time, so entries
// expire while the process is down. Versions continue to increase.
//
// # A damaged file
//
// A damaged file never ends the process and never gives a wrong value. [New]
// reads the whole file once and checks every page and every value. The same checks
// are made for the copy when a file is compacted. A value is checked again
// whenever it is read. When a check fails, the file is renamed to
// its name followed by ".damaged" and the time, the store starts with an
// empty file, and [Config.Observer] gets one [observe.StoreFailure]. The call
// that met the damage fails with [ErrDamaged]. Nothing is copied from a
// damaged file, because deleted entries could come back.
//
// # Bounds
//
// A store holds at most [Config.MaxBytes]. A write beyond that makes room: it removes
// expired entries first, then those that expire next, and last those that never
// expire, the oldest write first. With [Config.Refuse] it removes only expired
// entries, and a write that does not fit fails with [store.ErrFull]. Every write also
// removes some entries that have expired, so there is no goroutine for it. A
// file that is mostly empty is rewritten smaller, in the background.
//
// # Cost
//
// A Get is one walk down a tree in memory-mapped pages and a copy of the value.
// A write waits for the disk. Writes that arrive meanwhile share the next
// transaction, so many writers together are much faster than one.
package boltstore

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/reecho-go/reecho/observe"
	"github.com/reecho-go/reecho/store"
)

// Overhead is what each entry counts towards Config.MaxBytes beside its key
// and its value, in bytes.
const Overhead = 64

// maxKey is the longest key: that of bbolt, without our prefix.
const maxKey = bolt.MaxKeySize - 1 - deadlineSize

// maxValue is the longest value.
const maxValue = 1 << 30

// DefaultMaxBytes is the bound of a store whose Config has none: 1 GiB.
const DefaultMaxBytes = 1 << 30

// DefaultLockWait is how long New waits for another process by default.
const DefaultLockWait = time.Second

// ErrInUse says that another process, or another Store of this one, has the
// file open.
var ErrInUse = errors.New("boltstore: the file is in use")

// ErrDamaged says that the file was found to be damaged. It has been renamed,
// and the store continues with an empty one.
var ErrDamaged = errors.New("boltstore: the file was damaged and has been replaced by an empty one")

// Config is the setting of a Store. The zero value keeps at most 1 GiB, evicts,
// and waits for the disk at each write.
type Config struct {
	// MaxBytes bounds the bytes of keys, values and [Overhead] together. The
	// file is somewhat larger. One entry larger than that is store.ErrTooLarge.
	// Default 0: 1 GiB. Negative: no bound.
	MaxBytes int64

	// Refuse makes a write that does not fit fail with store.ErrFull. Set it for
	// entries that must not be evicted, such as sessions. Default false: other
	// entries are evicted.
	Refuse bool

	// NoSync does not wait until a write is on the disk. Writes are about a
	// hundred times faster. They survive a crash of the process, but after one
	// of the machine the file may be damaged, and is then replaced by an empty
	// one. Default false: a write that has returned is on the disk.
	NoSync bool

	// LockWait is how long New waits for another process that has the file
	// open. Default 0: 1 second. Negative is an error.
	LockWait time.Duration

	// Observer is told when a damaged file was replaced, and when one could not be
	// made smaller. Default nil: nobody.
	Observer observe.Observer
}

// Stats has the number of entries of a Store, and the counters since New.
type Stats struct {
	Entries   int64  // entries held, expired ones included until they are removed
	Bytes     int64  // their bytes, as counted towards Config.MaxBytes
	FileBytes int64  // the size of the file
	Evicted   uint64 // entries evicted to make room
	Expired   uint64 // entries removed after their deadline
	Damaged   uint64 // files that were moved aside
}

// Store is a [store.Store] in a file. All methods are safe for concurrent use.
// Make one with [New].
type Store struct {
	path string
	cfg  Config

	evicted, expired, damaged atomic.Uint64

	turn    chan struct{} // a semaphore: the goroutine that writes holds it
	mu      sync.Mutex
	pending []*write // what the next transaction does; under mu

	open    sync.RWMutex // read-held while file is used, held while it is replaced
	file    *file        // under open; nil if closed, or if it could not be opened again
	lost    error        // why it could not be opened; under open
	version uint64       // the greatest version given; under turn

	closed     atomic.Bool
	compacting atomic.Bool
	compacted  time.Time // when that has failed last; under turn
	background sync.WaitGroup
}

var (
	_ store.Store   = (*Store)(nil)
	_ store.Swapper = (*Store)(nil)
	_ store.Toucher = (*Store)(nil)
	_ store.Scanner = (*Store)(nil)
	_ store.Batcher = (*Store)(nil)
	_ store.Closer  = (*Store)(nil)
)

// New opens the file at path, or makes it; its folder must exist. Only one
// Store, of one process, can have a file open: for another one the error wraps
// [ErrInUse]. A damaged file is renamed; the file of another program
// is an error. Reading 100 MB takes some 0.1 s.
func New(path string, cfg Config) (*Store, error) {
	if err := cfg.validate(path); err != nil {
		return nil, err
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("boltstore: %s: %w", path, err)
	}
	s := &Store{path: path, cfg: cfg, turn: make(chan struct{}, 1)}
	if err := s.start(); err != nil {
		return nil, err
	}
	_ = os.Remove(s.path + compactSuffix) // of a process that was killed
	return s, nil
}

// validate returns an error that joins all mistakes in the arguments of New.
func (c *Config) validate(path string) error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf("boltstore: "+format, args...)) }
	if path == "" {
		bad("the path is empty: name the file, such as \"cache.db\"")
	}
	if c.MaxBytes > 0 && c.MaxBytes <= Overhead {
		bad("Config.MaxBytes is %d, but an empty entry counts %d: give more, 0 for 1 GiB, or a negative number for no bound", c.MaxBytes, Overhead)
	}
	if c.LockWait < 0 {
		bad("Config.LockWait is %v: use 0 for %v", c.LockWait, DefaultLockWait)
	}
	switch {
	case c.MaxBytes == 0:
		c.MaxBytes = DefaultMaxBytes
	case c.MaxBytes < 0:
		c.MaxBytes = math.MaxInt64
	}
	if c.LockWait == 0 {
		c.LockWait = DefaultLockWait
	}
	return errors.Join(errs...)
}

// Must returns v, and panics if there is an error. It is for package variables
// and main functions: Must(New("cache.db", Config{})).
func Must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// start opens the file. If it is damaged, it renames it and opens an empty one.
func (s *Store) start() error {
	f, err := openSafely(s.path, s.cfg)
	if errors.Is(err, errCorrupt) {
		if err = s.moveAside(err); err == nil {
			f, err = openSafely(s.path, s.cfg)
		}
	}
	return s.use(f, err)
}

// use makes f the file of the store, unless it did not open.
func (s *Store) use(f *file, err error) error {
	if err != nil {
		s.lost = err
		return err
	}
	s.file = f
	s.version = max(s.version, f.version)
	return nil
}

// moveAside renames the damaged file and tells the observer why.
func (s *Store) moveAside(why error) error {
	aside := fmt.Sprintf("%s.damaged-%s", s.path, time.Now().UTC().Format("20060102T150405.000000000"))
	if err := os.Rename(s.path, aside); err != nil {
		return fmt.Errorf("boltstore: %s is damaged (%w) and cannot be moved aside: %w", s.path, why, err)
	}
	s.damaged.Add(1)
	observe.Emit(context.Background(), s.cfg.Observer, observe.StoreFailure{
		Owner: "boltstore", Op: "open", Err: fmt.Errorf("%s: %w; it is %s now, and an empty file is in its place", s.path, why, aside),
	})
	return nil
}

// Stats returns the counters. It reads some of them from the file.
func (s *Store) Stats() Stats {
	st := Stats{Evicted: s.evicted.Load(), Expired: s.expired.Load(), Damaged: s.damaged.Load()}
	_ = s.view(context.Background(), func(f *file) error {
		c, err := f.counters()
		if err != nil {
			return err
		}
		st.Entries, st.Bytes = c.entries, c.bytes
		info, err := f.handle.Stat()
		if err == nil {
			st.FileBytes = info.Size()
		}
		return err
	})
	return st
}

// Close implements [store.Closer]: it waits for the writes under way, and for
// the file to be closed. If ctx ends first, the file is closed in the background, when
// the disk allows it.
func (s *Store) Close(ctx context.Context) error {
	s.closed.Store(true)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		s.turn <- struct{}{}
		s.open.Lock()
		f := s.file
		s.file = nil
		s.open.Unlock()
		if f != nil {
			f.close()
		}
		<-s.turn
		s.background.Wait()
	}()
	select {
	case <-ended:
		return nil
	case <-ctx.Done():
		return fault("close", "", ctx.Err())
	}
}

// view runs fn on the file. Damage that fn meets is answered with ErrDamaged,
// after the file has been replaced.
func (s *Store) view(ctx context.Context, fn func(*file) error) error {
	if err := s.ready(ctx); err != nil {
		return err
	}
	s.open.RLock()
	f := s.file
	if f == nil {
		defer s.open.RUnlock()
		return s.why()
	}
	err := guard(func() error { return fn(f) })
	s.open.RUnlock()
	if errors.Is(err, errCorrupt) {
		s.turn <- struct{}{}
		defer func() { <-s.turn }()
		return s.replace(f, err)
	}
	return err
}

// why returns the error of a store without a file.
func (s *Store) why() error {
	if s.closed.Load() {
		return store.ErrClosed
	}
	return s.lost
}

// ready returns an error if a call must not begin. Every method calls it first.
func (s *Store) ready(ctx context.Context) error {
	if s.closed.Load() {
		return store.ErrClosed
	}
	return ctx.Err()
}

// replace abandons f, which is damaged, and opens the file again if it is sound on the
// disk, and otherwise an empty one. It returns the error for the call that has found the
// damage. The caller has the turn.
func (s *Store) replace(f *file, why error) error {
	s.open.Lock()
	defer s.open.Unlock()
	if s.file != f {
		return ErrDamaged // another call has found the damage too
	}
	f.abandon()
	s.file = nil
	return errors.Join(ErrDamaged, why, s.start())
}

// fault returns err with the operation and the key. ErrNotFound and ErrConflict are returned
// unchanged.
func fault(op, key string, err error) error {
	switch err {
	case nil, store.ErrNotFound, store.ErrConflict:
		return err
	}
	return &store.Error{Op: op, Key: key, Err: err}
}
