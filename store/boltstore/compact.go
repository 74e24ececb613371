package boltstore

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/reecho-go/reecho/observe"
)

const (
	compactFrom  = 4 << 20          // smaller files are left as they are
	compactUsed  = 4                // a file is mostly empty if less than one page in so many is used
	compactBatch = 1 << 20          // bytes a transaction of the copy
	compactAgain = 10 * time.Minute // after an attempt that has failed

	compactSuffix = ".compact"
)

// compactIfEmpty starts to rewrite the file if it is mostly empty and nobody
// does it yet. Pages of size bytes are, or were, in use. The caller has the turn.
func (s *Store) compactIfEmpty(f *file, size int64) {
	st := f.db.Stats()
	free := int64(st.FreePageN+st.PendingPageN) * int64(f.db.Info().PageSize)
	if size < compactFrom || (size-free)*compactUsed > size || time.Since(s.compacted) < compactAgain || !s.compacting.CompareAndSwap(false, true) {
		return
	}
	s.background.Go(func() {
		defer s.compacting.Store(false)
		s.turn <- struct{}{}
		defer func() { <-s.turn }()
		if err := s.compact(); err != nil {
			s.compacted = time.Now()
			observe.Emit(context.Background(), s.cfg.Observer, observe.StoreFailure{Owner: "boltstore", Op: "compact", Err: err})
		}
	})
}

// compact writes a copy of the file without its free pages, checks it, and replaces the file
// by it. Reads continue until then; writes wait. The caller has the turn.
func (s *Store) compact() error {
	s.open.RLock()
	f := s.file
	s.open.RUnlock()
	if f == nil {
		return nil
	}
	smaller := s.path + compactSuffix
	defer func() { _ = os.Remove(smaller) }() // left over if the attempt failed
	err := guard(func() error {
		_ = os.Remove(smaller)
		dst, err := bolt.Open(smaller, 0o600, &bolt.Options{NoSync: true, FreelistType: bolt.FreelistMapType})
		if err != nil {
			return err
		}
		err = bolt.Compact(dst, f.db, compactBatch)
		if err == nil {
			err = dst.Sync()
		}
		return errors.Join(err, dst.Close(), verify(smaller))
	})
	switch {
	case errors.Is(err, errCorrupt):
		return s.replace(f, err) // it would have been copied
	case err != nil:
		return fmt.Errorf("%s cannot be made smaller: %w", s.path, err)
	}
	s.open.Lock()
	defer s.open.Unlock()
	f.close()
	if s.file = nil; s.closed.Load() {
		return nil
	}
	if err := replaceFile(smaller, s.path); err != nil {
		return errors.Join(err, s.start())
	}
	return s.use(openFile(s.path, s.cfg))
}

// replaceFile renames a file, and waits until the change is on the disk. Otherwise a crash of
// the machine could bring the old file back, without later writes.
func replaceFile(from, to string) error {
	if err := os.Rename(from, to); err != nil {
		return err
	}
	return syncFolder(to)
}

// syncFolder waits until the disk has the names in the folder of a file.
func syncFolder(path string) error {
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
