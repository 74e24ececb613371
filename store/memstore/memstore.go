// Package memstore keeps bytes in the memory of one process, behind the
// contract of package store and with all its capabilities.
//
// # Bounds
//
// A store holds at most Config.MaxEntries entries and Config.MaxBytes bytes.
// The bytes of an entry are those of its key and value plus [Overhead], which
// is the memory that the store needs for an entry. A write that exceeds a bound
// evicts entries at once, by the SIEVE algorithm: the shards take turns, and each
// evicts its oldest entry that was not read since the hand passed it. Expired
// entries are evicted first, then those that were written as expendable
// ([store.Item]), such as the sessions of visitors. The entry that was just written is
// evicted only if it is expendable and no other entry is.
// While several goroutines write at the same moment, the store may exceed its
// bounds by the entries that they are writing. [Stats] counts the evictions. For
// entries that must not be evicted set [Config].Refuse: then a write that does not fit
// fails with [store.ErrFull], and the last quarter of the bounds is kept for entries
// that are not expendable.
//
// # Expiry and memory
//
// An entry is absent from its deadline on, exactly. Its memory is freed within
// about a second after that, by a timer that is armed for the next deadline
// and only while there is one. So a store needs no goroutine, and an idle
// store becomes empty by itself. The timer refers to the store; a store that
// is dropped without Close is collected after its last deadline.
//
// # Cost
//
// A Get takes one read lock of one of 64 shards and allocates the caller's
// copy of the value and nothing else, a miss nothing at all. Values are copied
// outside the locks. Deadlines are kept in a heap per shard, so a write with
// an expiry costs O(log n).
package memstore

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"iter"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/reecho-go/reecho/store"
)

// Overhead is what each entry counts towards Config.MaxBytes beside its key
// and its value, in bytes.
const Overhead = 160

// shards is how many locks a store has. A power of two.
const shards = 64

// Config is the setting of a Store. The zero value is 64 MiB that evicts.
type Config struct {
	// MaxEntries bounds the number of entries. Default: 0, which means
	// 1,000,000. Negative: no bound.
	MaxEntries int

	// MaxBytes bounds the bytes of keys, values and Overhead together. One
	// entry larger than that is store.ErrTooLarge. Default: 0, which means
	// 64 MiB. Negative: no bound.
	MaxBytes int64

	// Refuse fails writes that go past a bound with store.ErrFull. Default: false,
	// which evicts other entries to make room.
	Refuse bool
}

// Stats has the number of entries of a Store, and its counters.
type Stats struct {
	Entries int64  // entries held, expired ones included until they are freed
	Bytes   int64  // their bytes, as counted towards Config.MaxBytes
	Evicted uint64 // entries evicted to make room
	Expired uint64 // entries freed after their deadline
}

// Store is a [store.Store] in memory. All methods are safe for concurrent use.
// Make one with [New].
type Store struct {
	seed   maphash.Seed
	shards [shards]shard
	budget budget
	timer  timer
	closed atomic.Bool

	making sync.Mutex // held while room is made, so that no two evict for the same bytes
	hand   uint       // the shard whose turn it is; under making
}

var (
	_ store.Store   = (*Store)(nil)
	_ store.Swapper = (*Store)(nil)
	_ store.Toucher = (*Store)(nil)
	_ store.Scanner = (*Store)(nil)
	_ store.Batcher = (*Store)(nil)
	_ store.Closer  = (*Store)(nil)
)

// New makes an empty store. It refuses a MaxBytes that holds no entry.
func New(c Config) (*Store, error) {
	if c.MaxBytes > 0 && c.MaxBytes <= Overhead {
		return nil, fmt.Errorf("memstore: Config.MaxBytes is %d, but an empty entry counts %d: give more, 0 for 64 MiB, or a negative number for no bound", c.MaxBytes, Overhead)
	}
	s := &Store{seed: maphash.MakeSeed()}
	s.budget.maxEntries = bound(int64(c.MaxEntries), 1_000_000)
	s.budget.maxBytes = bound(c.MaxBytes, 64<<20)
	s.budget.refuse = c.Refuse
	s.timer.fire = s.sweepOnTime
	for i := range s.shards {
		s.shards[i].open(&s.budget)
	}
	return s, nil
}

// bound returns the limit for the value of a config field.
func bound(v, standard int64) int64 {
	switch {
	case v == 0:
		return standard
	case v < 0:
		return math.MaxInt64
	}
	return v
}

// Must returns v, and panics if there is an error. It is for package variables
// and main functions: Must(New(Config{})).
func Must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// Stats returns the counters. They are read one after the other, so they may
// be of different moments. It takes no lock.
func (s *Store) Stats() Stats {
	return Stats{
		Entries: s.budget.entries.Load(),
		Bytes:   s.budget.bytes.Load(),
		Evicted: s.budget.evicted.Load(),
		Expired: s.budget.expired.Load(),
	}
}

// Get implements [store.Store].
func (s *Store) Get(ctx context.Context, key string) (store.Item, error) {
	if err := ctx.Err(); err != nil {
		return store.Item{}, fault("get", key, err)
	}
	it, err := s.shard(key).get(key)
	switch {
	case err == store.ErrNotFound:
		return store.Item{}, err
	case err != nil:
		return store.Item{}, fault("get", key, err)
	}
	it.Value = slices.Clone(it.Value) // stored values are replaced, never changed
	return it, nil
}

// Put implements [store.Store].
func (s *Store) Put(ctx context.Context, key string, it store.Item) error {
	_, err := s.write(ctx, "put", key, whatever, it)
	return err
}

// Swap implements [store.Swapper].
func (s *Store) Swap(ctx context.Context, key string, old uint64, it store.Item) (uint64, error) {
	return s.write(ctx, "swap", key, condition{version: old, matters: true}, it)
}

// write is Put and Swap.
func (s *Store) write(ctx context.Context, op, key string, cond condition, it store.Item) (uint64, error) {
	if err := ctx.Err(); err != nil {
		return 0, fault(op, key, err)
	}
	if size := cost(key, it.Value); size > s.budget.maxBytes {
		return 0, fault(op, key, fmt.Errorf("%w: %d bytes of at most %d", store.ErrTooLarge, size, s.budget.maxBytes))
	}
	it.Value = append(make([]byte, 0, len(it.Value)), it.Value...)
	it.Expires = it.Expires.Round(0) // a deadline is wall time

	sh := s.shard(key)
	e, version, err := sh.write(key, cond, it)
	if err == store.ErrFull {
		if freed, _ := s.sweep(); freed > 0 {
			e, version, err = sh.write(key, cond, it)
		}
	}
	switch {
	case err == store.ErrNotFound || err == store.ErrConflict:
		return 0, err
	case err != nil:
		return 0, fault(op, key, err)
	}
	if !s.budget.refuse && !s.budget.fits() {
		s.makeRoom(e, it.Expendable)
	}
	if !it.Expires.IsZero() {
		s.timer.arm(it.Expires)
	}
	return version, nil
}

// Delete implements [store.Store].
func (s *Store) Delete(ctx context.Context, key string) error {
	err := ctx.Err()
	if err == nil {
		err = s.shard(key).delete(key)
	}
	return fault("delete", key, err)
}

// Touch implements [store.Toucher].
func (s *Store) Touch(ctx context.Context, key string, expires time.Time) error {
	if err := ctx.Err(); err != nil {
		return fault("touch", key, err)
	}
	expires = expires.Round(0)
	if err := s.shard(key).touch(key, expires); err != nil {
		if err == store.ErrNotFound {
			return err
		}
		return fault("touch", key, err)
	}
	if !expires.IsZero() {
		s.timer.arm(expires)
	}
	return nil
}

// Scan implements [store.Scanner]. It first collects the matching keys, shard
// by shard, and reads each value when its turn comes.
func (s *Store) Scan(ctx context.Context, prefix string) iter.Seq2[store.Entry, error] {
	return func(yield func(store.Entry, error) bool) {
		fail := func(err error) { yield(store.Entry{}, fault("scan", prefix, err)) }
		if err := ctx.Err(); err != nil {
			fail(err)
			return
		}
		var keys []string
		for i := range s.shards {
			var err error
			if keys, err = s.shards[i].appendKeys(keys, prefix); err != nil {
				fail(err)
				return
			}
		}
		slices.Sort(keys)
		for _, key := range keys {
			it, err := s.Get(ctx, key)
			if errors.Is(err, store.ErrNotFound) {
				continue
			}
			if err != nil {
				yield(store.Entry{}, err)
				return
			}
			if !yield(store.Entry{Key: key, Item: it}, nil) {
				return
			}
		}
	}
}

// GetMany implements [store.Batcher].
func (s *Store) GetMany(ctx context.Context, keys []string) (map[string]store.Item, error) {
	if err := s.ready(ctx); err != nil {
		return nil, fault("getmany", "", err)
	}
	found := make(map[string]store.Item, len(keys))
	for _, key := range keys {
		it, err := s.Get(ctx, key)
		if errors.Is(err, store.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		found[key] = it
	}
	return found, nil
}

// Close implements [store.Closer]. It drops all entries and waits for a sweep
// that is under way, which stops at its next step, so ctx is not needed.
func (s *Store) Close(context.Context) error {
	s.closed.Store(true)
	for i := range s.shards {
		s.shards[i].close()
	}
	s.timer.close()
	return nil
}

// ready returns an error if ctx has ended or the store is closed. It is for methods that may
// access no key.
func (s *Store) ready(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if s.closed.Load() {
		return store.ErrClosed
	}
	return nil
}

// shard is the part of the store that holds key.
func (s *Store) shard(key string) *shard {
	return &s.shards[maphash.String(s.seed, key)%shards]
}

// makeRoom evicts until the store is within its bounds: expendable entries first. The entry
// that was just written is evicted last, and only if it is expendable.
func (s *Store) makeRoom(last *entry, expendable bool) {
	s.making.Lock()
	defer s.making.Unlock()
	s.evict(last, true)
	if expendable {
		s.evict(nil, true)
	}
	s.evict(last, false)
}

// evict evicts entries that are expendable, or others, from the shards in turn.
func (s *Store) evict(but *entry, expendable bool) {
	for empty := 0; empty < shards && !s.budget.fits(); {
		if s.shards[s.hand%shards].evict(but, expendable) {
			empty = 0
		} else {
			empty++
		}
		s.hand++
	}
}

// fault returns err with the operation and the key, or nil.
func fault(op, key string, err error) error {
	if err == nil {
		return nil
	}
	return &store.Error{Op: op, Key: key, Err: err}
}
