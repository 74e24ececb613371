package boltstore_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/reecho-go/reecho/internal/leaktest"
	"github.com/reecho-go/reecho/store"
	"github.com/reecho-go/reecho/store/boltstore"
	"github.com/reecho-go/reecho/store/storetest"
)

func TestMain(m *testing.M) {
	if path := os.Getenv(childFile); path != "" {
		child(path)
	}
	if path := os.Getenv(cacheChild); path != "" {
		loadUntilKilled(path)
	}
	if path := os.Getenv(fullDisk); path != "" {
		fillUp(path)
	}
	if path := os.Getenv(readOnly); path != "" {
		tryToOpen(path)
	}
	leaktest.Main(m)
}

// open opens a store, and closes it at the end of the test.
func open(t testing.TB, path string, cfg boltstore.Config) *boltstore.Store {
	t.Helper()
	s, err := boltstore.New(path, cfg)
	if err != nil {
		t.Fatalf("New(%s): %v", path, err)
	}
	t.Cleanup(func() { closed(t, s) })
	return s
}

func closed(t testing.TB, s *boltstore.Store) {
	t.Helper()
	if err := s.Close(context.Background()); err != nil {
		t.Errorf("Close: %v", err)
	}
}

// inFile is a path in a folder of the test's own.
func inFile(t testing.TB) string {
	t.Helper()
	return filepath.Join(t.TempDir(), "cache.db")
}

func put(t testing.TB, s *boltstore.Store, key, value string, expires time.Time) {
	t.Helper()
	if err := s.Put(t.Context(), key, store.Item{Value: []byte(value), Expires: expires}); err != nil {
		t.Fatalf("Put(%.40q): %v", key, err)
	}
}

func TestContract(t *testing.T) {
	t.Parallel()
	for name, cfg := range map[string]boltstore.Config{
		"every write on the disk": {},
		"no sync":                 {NoSync: true},
		"refuse":                  {NoSync: true, Refuse: true},
		"no bound":                {NoSync: true, MaxBytes: -1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			storetest.Run(t, func(t testing.TB) store.Store { return open(t, inFile(t), cfg) })
		})
	}
}

func TestValuesVersionsAndDeadlinesSurviveAClose(t *testing.T) {
	t.Parallel()
	path := inFile(t)
	s, err := boltstore.New(path, boltstore.Config{})
	if err != nil {
		t.Fatal(err)
	}
	expires := time.Now().Add(time.Hour).Truncate(time.Millisecond)
	put(t, s, "", "the empty key", time.Time{})
	put(t, s, "a", "1", expires)
	put(t, s, "gone", "1", time.Now().Add(-time.Second))
	put(t, s, "deleted", "1", time.Time{})
	deleted, err := s.Get(t.Context(), "deleted")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Delete(t.Context(), "deleted"); err != nil {
		t.Fatal(err)
	}
	before, err := s.Get(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	closed(t, s)

	s = open(t, path, boltstore.Config{})
	after, err := s.Get(t.Context(), "a")
	if err != nil || string(after.Value) != "1" || after.Version != before.Version || !after.Expires.Equal(expires) {
		t.Errorf("Get(a) = %+v, %v, want %+v", after, err, before)
	}
	if it, err := s.Get(t.Context(), ""); err != nil || string(it.Value) != "the empty key" {
		t.Errorf("Get of the empty key = %+v, %v", it, err)
	}
	if _, err := s.Get(t.Context(), "gone"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("Get(gone): %v, want ErrNotFound", err)
	}
	if _, err := s.Swap(t.Context(), "deleted", deleted.Version, store.Item{}); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("Swap of the deleted version: %v, want ErrNotFound", err)
	}
	put(t, s, "deleted", "2", time.Time{})
	if it, err := s.Get(t.Context(), "deleted"); err != nil || it.Version <= before.Version {
		t.Errorf("the version after a restart is %d, and was %d: %v", it.Version, before.Version, err)
	}
}

func TestOnlyOneStoreHasTheFile(t *testing.T) {
	t.Parallel()
	path := inFile(t)
	s := open(t, path, boltstore.Config{})
	put(t, s, "a", "1", time.Time{})
	_, err := boltstore.New(path, boltstore.Config{LockWait: 50 * time.Millisecond})
	if !errors.Is(err, boltstore.ErrInUse) || !strings.Contains(err.Error(), path) {
		t.Errorf("New of a file in use: %v, want ErrInUse with the path", err)
	}
	if it, err := s.Get(t.Context(), "a"); err != nil || string(it.Value) != "1" {
		t.Errorf("Get after it: %+v, %v", it, err)
	}
}

func TestNewNamesAllThatIsWrong(t *testing.T) {
	t.Parallel()
	_, err := boltstore.New("", boltstore.Config{MaxBytes: 10, LockWait: -1})
	for _, want := range []string{"the path is empty", "Config.MaxBytes is 10", "Config.LockWait is -1ns"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("New: %v, want %q in it", err, want)
		}
	}
}

func TestFilesOfOtherProgramsAreLeftAlone(t *testing.T) {
	t.Parallel()
	other := filepath.Join(t.TempDir(), "other.db")
	db, err := bolt.Open(other, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Update(func(tx *bolt.Tx) error {
		_, err := tx.CreateBucket([]byte("theirs"))
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	bytesOf := map[string]string{
		"another bbolt database": "",
		"text":                   strings.Repeat("some notes of somebody\n", 1000),
		"one byte":               "x",
		"an SQLite database":     "SQLite format 3\x00" + strings.Repeat("\x01", 8192),
	}
	for name, text := range bytesOf {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := other
			if text != "" {
				path = inFile(t)
				if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			before, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := boltstore.New(path, boltstore.Config{}); err == nil || !strings.Contains(err.Error(), "another program") {
				t.Errorf("New: %v, want that it is another program's", err)
			}
			if after, err := os.ReadFile(path); err != nil || string(after) != string(before) {
				t.Errorf("the file has changed, or is gone: %v", err)
			}
		})
	}
	t.Run("a folder", func(t *testing.T) {
		t.Parallel()
		if _, err := boltstore.New(t.TempDir(), boltstore.Config{}); err == nil || !strings.Contains(err.Error(), "regular file") {
			t.Errorf("New: %v", err)
		}
	})
	t.Run("a folder that is not there", func(t *testing.T) {
		t.Parallel()
		if _, err := boltstore.New(filepath.Join(t.TempDir(), "no", "cache.db"), boltstore.Config{}); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("New: %v", err)
		}
	})
}

func TestWhatExpiresNextMakesRoom(t *testing.T) {
	t.Parallel()
	const each = 1000
	s := open(t, inFile(t), boltstore.Config{NoSync: true, MaxBytes: 10 * each})
	value := strings.Repeat("x", each-boltstore.Overhead-1)
	hour := time.Now().Add(time.Hour)
	for i, expires := range []time.Time{{}, hour.Add(2), hour.Add(time.Second), {}, hour, hour.Add(time.Minute)} {
		put(t, s, string(rune('a'+i)), value, expires)
	}
	for i := range 8 { // four too many
		put(t, s, string(rune('k'+i)), value, time.Time{})
	}
	var left []string
	for e, err := range s.Scan(t.Context(), "") {
		if err != nil {
			t.Fatal(err)
		}
		left = append(left, e.Key)
	}
	if got, want := strings.Join(left, ""), "adklmnopqr"; got != want {
		t.Errorf("what is left is %q, want %q", got, want)
	}
	if st := s.Stats(); st.Evicted != 4 || st.Entries != 10 || st.Bytes != 10*each {
		t.Errorf("Stats() = %+v", st)
	}
}

func TestRefuseForgetsOnlyWhatHasExpired(t *testing.T) {
	t.Parallel()
	const each = 1000
	s := open(t, inFile(t), boltstore.Config{NoSync: true, Refuse: true, MaxBytes: 3 * each})
	value := strings.Repeat("x", each-boltstore.Overhead-1)
	for _, key := range []string{"a", "b", "c"} {
		put(t, s, key, value, time.Time{})
	}
	if err := s.Put(t.Context(), "d", store.Item{Value: []byte(value)}); !errors.Is(err, store.ErrFull) {
		t.Fatalf("Put beyond the bound: %v, want ErrFull", err)
	}
	put(t, s, "a", value, time.Now().Add(-time.Second)) // one with its place already
	put(t, s, "a", value, time.Now().Add(-time.Second)) // and over one that has expired
	put(t, s, "d", value, time.Time{})
	if st := s.Stats(); st.Evicted != 0 || st.Entries != 3 || st.Bytes != 3*each {
		t.Errorf("Stats() = %+v", st)
	}
}

// Random writes against a map: the counters in the file are what is there.
func TestCountersAreExact(t *testing.T) {
	t.Parallel()
	path := inFile(t)
	rng := rand.New(rand.NewPCG(1, 2))
	for round := range 20 {
		s, err := boltstore.New(path, boltstore.Config{NoSync: true, MaxBytes: 20_000, Refuse: round%2 == 1})
		if err != nil {
			t.Fatal(err) // New compares the counters with what it finds
		}
		for range 100 {
			key := string(rune('a' + rng.IntN(26)))
			var expires time.Time
			if rng.IntN(2) == 0 {
				expires = time.Now().Add(time.Duration(rng.IntN(100)-50) * time.Millisecond)
			}
			switch rng.IntN(6) {
			case 0:
				_ = s.Delete(t.Context(), key)
			case 1:
				_ = s.Touch(t.Context(), key, expires)
			case 2:
				_, _ = s.Swap(t.Context(), key, 0, store.Item{Value: make([]byte, rng.IntN(3000)), Expires: expires})
			default:
				_ = s.Put(t.Context(), key, store.Item{Value: make([]byte, rng.IntN(3000)), Expires: expires})
			}
		}
		if st := s.Stats(); st.Bytes > 20_000 || st.Damaged > 0 {
			t.Fatalf("round %d: Stats() = %+v", round, st)
		}
		closed(t, s)
	}
}

func TestWritesRemoveWhatHasExpiredInBatches(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := open(t, inFile(t), boltstore.Config{NoSync: true})
		for i := range 600 {
			put(t, s, fmt.Sprint(i), "1", time.Now().Add(time.Minute))
		}
		time.Sleep(time.Minute)
		for _, left := range []int64{600 - 256 + 1, 600 - 512 + 1, 1, 1} {
			put(t, s, "new", "1", time.Time{})
			if st := s.Stats(); st.Entries != left || st.Expired != uint64(601-left) {
				t.Errorf("Stats() = %+v, want %d entries", st, left)
			}
		}
	})
}

func TestAMostlyEmptyFileShrinks(t *testing.T) {
	t.Parallel()
	path := inFile(t)
	s := open(t, path, boltstore.Config{NoSync: true})
	for i := range 200 {
		put(t, s, fmt.Sprint(i), strings.Repeat("x", 100_000), time.Time{})
	}
	full := s.Stats().FileBytes
	put(t, s, "left", "1", time.Time{})
	left, err := s.Get(t.Context(), "left")
	if err != nil {
		t.Fatal(err)
	}
	for i := range 200 {
		if err := s.Delete(t.Context(), fmt.Sprint(i)); err != nil {
			t.Fatal(err)
		}
	}
	// Whoever has the turn next comes after the copy, once it has begun.
	for deadline := time.Now().Add(time.Minute); s.Stats().FileBytes > full/4 && time.Now().Before(deadline); {
		put(t, s, "again", "1", time.Time{})
	}
	if now := s.Stats().FileBytes; now > full/4 {
		t.Errorf("the file had %d bytes, and has %d now", full, now)
	}
	if it, err := s.Get(t.Context(), "left"); err != nil || it.Version != left.Version {
		t.Errorf("Get(left) = %+v, %v, want version %d", it, err, left.Version)
	}
	put(t, s, "new", "1", time.Time{})
	if it, err := s.Get(t.Context(), "new"); err != nil || it.Version <= left.Version {
		t.Errorf("versions do not go on: %d after %d, %v", it.Version, left.Version, err)
	}
	if _, err := os.Stat(path + ".compact"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the copy was left behind: %v", err)
	}
}

func TestWritesThatWaitShareATransaction(t *testing.T) {
	t.Parallel()
	s := open(t, inFile(t), boltstore.Config{})
	var wg sync.WaitGroup
	for i := range 200 {
		wg.Go(func() {
			if err := s.Put(t.Context(), fmt.Sprint(i%50), store.Item{Value: []byte(fmt.Sprint(i))}); err != nil {
				t.Errorf("Put: %v", err)
			}
			it, err := s.Get(t.Context(), fmt.Sprint(i%50))
			if err != nil || len(it.Value) == 0 {
				t.Errorf("Get: %v", err)
			}
		})
	}
	wg.Wait()
	if n := s.Stats().Entries; n != 50 {
		t.Errorf("%d entries, want 50", n)
	}
}

func TestCloseEndsEverything(t *testing.T) {
	t.Parallel()
	s, err := boltstore.New(inFile(t), boltstore.Config{})
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			for {
				err := s.Put(t.Context(), fmt.Sprint(i), store.Item{})
				if errors.Is(err, store.ErrClosed) {
					return
				}
				if err != nil {
					t.Errorf("Put: %v", err)
				}
			}
		})
	}
	closed(t, s)
	wg.Wait()
	closed(t, s)
}
