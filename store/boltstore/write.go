package boltstore

import (
	"context"
	"errors"
	"fmt"

	bolt "go.etcd.io/bbolt"

	"github.com/reecho-go/reecho/store"
)

// write is a change that waits for the next transaction.
type write struct {
	do   func(*transaction) error // returns answers; other errors undo the whole transaction
	err  error
	done chan struct{}
}

// transaction is the state that the writes of one transaction share.
type transaction struct {
	data, due *bolt.Bucket
	counters
	version          uint64
	maxBytes         int64
	refuse           bool
	now              int64
	evicted, expired uint64
	fileSize         int64
}

// sweepAtWrite is how many expired entries a transaction removes beside its
// own work.
const sweepAtWrite = 256

// write does do in a transaction, together with what others want to write at
// the same time.
func (s *Store) write(ctx context.Context, do func(*transaction) error) error {
	if err := s.ready(ctx); err != nil {
		return err
	}
	w := &write{do: do, done: make(chan struct{})}
	s.mu.Lock()
	s.pending = append(s.pending, w)
	s.mu.Unlock()
	select {
	case s.turn <- struct{}{}:
		s.commit()
		<-s.turn
	case <-w.done:
	case <-ctx.Done():
		// It may be written, or not. It uses nothing of the caller's.
		return ctx.Err()
	}
	<-w.done
	return w.err
}

// commit writes what is pending in one transaction. The caller has the turn;
// if it has a write, that one is done afterwards.
func (s *Store) commit() {
	s.mu.Lock()
	writes := s.pending
	s.pending = nil
	s.mu.Unlock()
	if len(writes) == 0 {
		return
	}
	err := s.transact(writes)
	for _, w := range writes {
		if err != nil {
			w.err = err
		}
		close(w.done)
	}
}

// transact runs the writes. An error means that none has happened.
func (s *Store) transact(writes []*write) error {
	s.open.RLock()
	f := s.file
	if f == nil && !s.closed.Load() {
		s.open.RUnlock()
		s.tryAgain()
		s.open.RLock()
		f = s.file
	}
	if f == nil {
		defer s.open.RUnlock()
		return s.why()
	}
	var t *transaction
	err := guard(func() error {
		return f.db.Update(func(tx *bolt.Tx) error {
			var err error
			if t, err = s.begin(tx); err != nil {
				return err
			}
			for _, w := range writes {
				if w.err = w.do(t); w.err != nil && !isAnswer(w.err) {
					return w.err
				}
			}
			if err := t.sweep(sweepAtWrite); err != nil {
				return err
			}
			return t.end(tx)
		})
	})
	s.open.RUnlock()
	switch {
	case errors.Is(err, errCorrupt):
		return s.replace(f, err)
	case err != nil:
		return err
	}
	s.version = t.version
	s.evicted.Add(t.evicted)
	s.expired.Add(t.expired)
	s.compactIfEmpty(f, t.fileSize)
	return nil
}

// tryAgain opens the file if that failed after damage or a compaction, such as
// on a full disk. The caller has the turn.
func (s *Store) tryAgain() {
	s.open.Lock()
	defer s.open.Unlock()
	_ = s.start() // the error is kept
}

// isAnswer reports whether err is the result of a write, and not an error of the file.
func isAnswer(err error) bool {
	return errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrConflict) || errors.Is(err, store.ErrFull)
}

func (s *Store) begin(tx *bolt.Tx) (*transaction, error) {
	t := &transaction{
		data: tx.Bucket(dataBucket), due: tx.Bucket(dueBucket),
		version: s.version, maxBytes: s.cfg.MaxBytes, refuse: s.cfg.Refuse, now: nowMilli(),
	}
	var err error
	t.counters, err = decodeCounters(tx.Bucket(metaBucket).Get(countersKey))
	return t, err
}

func (t *transaction) end(tx *bolt.Tx) error {
	t.fileSize = tx.Size()
	if err := t.data.SetSequence(t.version); err != nil {
		return err
	}
	return tx.Bucket(metaBucket).Put(countersKey, t.encode())
}

// get returns the record of a key that is present.
func (t *transaction) get(dataKey []byte) (record, bool, error) {
	r, there, err := get(t.data.Tx(), dataKey)
	return r, there && !r.gone(t.now), err
}

// put writes a record under a key, with a new version, and makes room for it.
func (t *transaction) put(key string, deadline int64, value []byte) (uint64, error) {
	dataKey := dataKey(key)
	old, there, err := get(t.data.Tx(), dataKey)
	if err != nil {
		return 0, err
	}
	if there && old.gone(t.now) { // or making room could remove it as well
		if err := t.remove(dataKey, old); err != nil {
			return 0, err
		}
		t.expired++
		there = false
	}
	grow := size(key, value)
	if there {
		grow -= size(key, old.value)
	}
	if err := t.makeRoom(grow, dataKey); err != nil {
		return 0, err
	}
	if there {
		if err := t.remove(dataKey, old); err != nil {
			return 0, err
		}
	}
	t.version++
	r := record{version: t.version, deadline: deadline, value: value}
	if err := t.data.Put(dataKey, r.encode(dataKey)); err != nil {
		return 0, err
	}
	if err := t.due.Put(r.dueKey(), []byte(key)); err != nil {
		return 0, err
	}
	t.entries++
	t.bytes += size(key, value)
	return r.version, nil
}

// remove removes a record.
func (t *transaction) remove(dataKey []byte, r record) error {
	t.entries--
	t.bytes -= size(string(dataKey[1:]), r.value)
	if err := t.due.Delete(r.dueKey()); err != nil {
		return err
	}
	return t.data.Delete(dataKey)
}

// touch changes the deadline of a record.
func (t *transaction) touch(dataKey []byte, r record, deadline int64) error {
	if err := t.due.Delete(r.dueKey()); err != nil {
		return err
	}
	r.deadline = deadline
	if err := t.data.Put(dataKey, r.encode(dataKey)); err != nil {
		return err
	}
	return t.due.Put(r.dueKey(), dataKey[1:])
}

// makeRoom removes entries until grow more bytes fit, and spares one key.
func (t *transaction) makeRoom(grow int64, spare []byte) error {
	if t.bytes+grow <= t.maxBytes {
		return nil
	}
	if t.refuse {
		if err := t.sweep(-1); err != nil {
			return err
		}
		if t.bytes+grow > t.maxBytes {
			return store.ErrFull
		}
		return nil
	}
	return t.removeFirst(func(key []byte, r record) verdict {
		switch {
		case t.bytes+grow <= t.maxBytes:
			return stop
		case string(key) == string(spare):
			return keep
		case r.gone(t.now):
			t.expired++
		default:
			t.evicted++
		}
		return drop
	})
}

// sweep removes at most so many entries that have expired; negative: all.
func (t *transaction) sweep(most int) error {
	return t.removeFirst(func(_ []byte, r record) verdict {
		if !r.gone(t.now) || most == 0 {
			return stop
		}
		most--
		t.expired++
		return drop
	})
}

// verdict says what to do with an entry.
type verdict int

const (
	stop verdict = iota // it stays, and so do those behind it
	keep
	drop
)

// removeFirst goes through the entries by deadline and removes those that judge
// drops.
func (t *transaction) removeFirst(judge func(dataKey []byte, r record) verdict) error {
	c := t.due.Cursor()
	for due, key := c.First(); due != nil; {
		dataKey := dataKey(string(key))
		r, there, err := get(t.data.Tx(), dataKey)
		if err != nil {
			return err
		}
		if !there || string(r.dueKey()) != string(due) {
			return corrupt("the deadline of %.40q has no value", key)
		}
		switch judge(dataKey, r) {
		case stop:
			return nil
		case keep:
			due, key = c.Next()
		case drop:
			due = r.dueKey() // bbolt's memory of the key is invalid after the delete
			if err := t.remove(dataKey, r); err != nil {
				return err
			}
			due, key = c.Seek(due)
		}
	}
	return nil
}

// fits returns ErrTooLarge for an item that the store can never take.
func (s *Store) fits(key string, value []byte) error {
	switch n := size(key, value); {
	case len(key) > maxKey:
		return fmt.Errorf("%w: a key of %d bytes, of at most %d", store.ErrTooLarge, len(key), maxKey)
	case len(value) > maxValue:
		return fmt.Errorf("%w: a value of %d bytes, of at most %d", store.ErrTooLarge, len(value), maxValue)
	case n > s.cfg.MaxBytes:
		return fmt.Errorf("%w: %d bytes of at most %d", store.ErrTooLarge, n, s.cfg.MaxBytes)
	}
	return nil
}
