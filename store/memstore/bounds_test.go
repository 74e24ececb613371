package memstore_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"unsafe"

	"github.com/reecho-go/reecho/internal/heaptest"
	"github.com/reecho-go/reecho/store"
	"github.com/reecho-go/reecho/store/memstore"
)

func put(t testing.TB, s *memstore.Store, key, value string, expires time.Time) {
	t.Helper()
	if err := s.Put(t.Context(), key, store.Item{Value: []byte(value), Expires: expires}); err != nil {
		t.Fatalf("Put(%q): %v", key, err)
	}
}

func has(t testing.TB, s *memstore.Store, key string) bool {
	t.Helper()
	_, err := s.Get(t.Context(), key)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		t.Fatalf("Get(%q): %v", key, err)
	}
	return err == nil
}

func TestNewRefusesABoundThatHoldsNothing(t *testing.T) {
	t.Parallel()
	cfg := memstore.Config{MaxBytes: 100}
	if _, err := memstore.New(cfg); err == nil || !strings.Contains(err.Error(), "Config.MaxBytes is 100") {
		t.Fatalf("New with MaxBytes 100: %v", err)
	}
	defer func() {
		if recover() == nil {
			t.Error("Must does not panic with that error")
		}
	}()
	memstore.Must(memstore.New(cfg))
}

func TestBoundOnEntries(t *testing.T) {
	t.Parallel()
	for _, limit := range []int{1, 2, 10, 1000} {
		t.Run(fmt.Sprint(limit), func(t *testing.T) {
			t.Parallel()
			s := open(t, memstore.Config{MaxEntries: limit, MaxBytes: -1})
			for i := range 3 * limit {
				key := fmt.Sprint("k", i)
				put(t, s, key, "v", time.Time{})
				if !has(t, s, key) {
					t.Fatalf("the entry just written, %q, is gone", key)
				}
				want := memstore.Stats{Entries: int64(min(i+1, limit)), Evicted: uint64(max(i+1-limit, 0))}
				if got := s.Stats(); got.Entries != want.Entries || got.Evicted != want.Evicted {
					t.Fatalf("after %d writes: %+v, want %d entries and %d evicted", i+1, got, want.Entries, want.Evicted)
				}
			}
		})
	}
}

func TestBoundOnBytes(t *testing.T) {
	t.Parallel()
	const limit = 10 * (memstore.Overhead + 100)
	s := open(t, memstore.Config{MaxBytes: limit})
	for i := range 50 {
		key := fmt.Sprintf("%03d", i)
		put(t, s, key, strings.Repeat("v", 97), time.Time{})
		if got, want := s.Stats().Bytes, min(int64(i+1), 10)*(memstore.Overhead+100); got != want {
			t.Fatalf("after %d writes: %d bytes, want %d", i+1, got, want)
		}
	}
	// An entry that grows makes room like a new one, and shrinking gives back.
	put(t, s, "049", strings.Repeat("v", limit-memstore.Overhead-3), time.Time{})
	if got := s.Stats(); got.Entries != 1 || got.Bytes != limit || !has(t, s, "049") {
		t.Errorf("after one entry grew to the bound: %+v", got)
	}
	put(t, s, "049", "v", time.Time{})
	if got, want := s.Stats().Bytes, int64(memstore.Overhead+4); got != want {
		t.Errorf("after it shrank: %d bytes, want %d", got, want)
	}

	err := s.Put(t.Context(), "049", store.Item{Value: make([]byte, limit)})
	var fault *store.Error
	if !errors.Is(err, store.ErrTooLarge) || !errors.As(err, &fault) || fault.Op != "put" || fault.Key != "049" {
		t.Errorf("Put of an entry larger than the bound: %v, want ErrTooLarge with operation and key", err)
	}
	if it, err := s.Get(t.Context(), "049"); err != nil || string(it.Value) != "v" {
		t.Errorf("the refused write left %q, %v", it.Value, err)
	}
}

func TestBytesAreGivenBack(t *testing.T) {
	t.Parallel()
	s := open(t, memstore.Config{})
	for i := range 100 {
		put(t, s, fmt.Sprint("a", i), "value", time.Now().Add(time.Hour))
		put(t, s, fmt.Sprint("b", i), "value", time.Time{})
	}
	for i, left := range []int64{100, 0} {
		for n := range 100 {
			if err := s.Delete(t.Context(), fmt.Sprint(string(rune('a'+i)), n)); err != nil {
				t.Fatal(err)
			}
		}
		if got := s.Stats().Entries; got != left {
			t.Errorf("%d entries are left, want %d", got, left)
		}
	}
	if got := s.Stats(); got != (memstore.Stats{}) {
		t.Errorf("an emptied store holds %+v", got)
	}
}

func TestReadEntriesSurviveEviction(t *testing.T) {
	t.Parallel()
	const limit = 1000
	s := open(t, memstore.Config{MaxEntries: limit})
	for i := range limit {
		put(t, s, fmt.Sprint("k", i), "v", time.Time{})
	}
	for i := range limit / 10 {
		has(t, s, fmt.Sprint("k", 10*i))
	}
	for i := range limit / 2 {
		put(t, s, fmt.Sprint("new", i), "v", time.Time{})
	}
	lost := 0
	for i := range limit / 10 {
		if !has(t, s, fmt.Sprint("k", 10*i)) {
			lost++
		}
	}
	// Shards are of different sizes, so a small one may come to its read
	// entries early. First in, first out would lose half of them.
	if lost > limit/10/5 {
		t.Errorf("%d of %d entries that were read are gone after %d new ones", lost, limit/10, limit/2)
	}
}

func TestRefuseForgetsNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := open(t, memstore.Config{MaxEntries: 3, MaxBytes: 3*memstore.Overhead + 30, Refuse: true})
		for _, key := range []string{"a", "b"} {
			put(t, s, key, "v", time.Time{})
		}
		put(t, s, "c", "v", time.Now().Add(500*time.Millisecond))
		refused := func(what string, err error) {
			t.Helper()
			if !errors.Is(err, store.ErrFull) {
				t.Errorf("%s: %v, want ErrFull", what, err)
			}
		}
		refused("a fourth entry", s.Put(t.Context(), "d", store.Item{}))
		_, err := s.Swap(t.Context(), "d", 0, store.Item{})
		refused("creating a fourth entry", err)
		refused("growing past the bytes", s.Put(t.Context(), "a", store.Item{Value: make([]byte, 100)}))
		put(t, s, "a", "vv", time.Time{})
		for _, key := range []string{"a", "b", "c"} {
			if !has(t, s, key) {
				t.Errorf("%q is gone", key)
			}
		}
		// What has expired makes room at once, before the timer comes.
		time.Sleep(500 * time.Millisecond)
		put(t, s, "d", "v", time.Time{})
		if got := s.Stats(); got.Entries != 3 || got.Evicted != 0 || got.Expired != 1 {
			t.Errorf("Stats() = %+v, want 3 entries, none evicted, one expired", got)
		}
	})
}

func TestExpiredEntriesGoFirst(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := open(t, memstore.Config{MaxEntries: 100})
		for i := range 99 {
			put(t, s, fmt.Sprint("k", i), "v", time.Time{})
		}
		put(t, s, "short", "v", time.Now().Add(time.Millisecond))
		time.Sleep(time.Millisecond)
		// Until the shard of "short" has its turn, others give up one each; so
		// try with that shard alone: write as many as there are shards.
		for i := range 64 {
			put(t, s, fmt.Sprint("new", i), "v", time.Time{})
		}
		if got := s.Stats(); got.Expired != 1 || got.Evicted != 63 || got.Entries != 100 {
			t.Errorf("Stats() = %+v, want one expired, 63 evicted, 100 entries", got)
		}
	})
}

// The bound holds beside writers, up to the entries in their hands.
func TestBoundsHoldUnderLoad(t *testing.T) {
	t.Parallel()
	const limit, writers = 500, 8
	s := open(t, memstore.Config{MaxEntries: limit})
	var all sync.WaitGroup
	for who := range writers {
		all.Go(func() {
			for i := range 2000 {
				if err := s.Put(t.Context(), fmt.Sprint(who, "/", i), store.Item{Value: []byte("v")}); err != nil {
					t.Errorf("Put: %v", err)
				}
				if got := s.Stats().Entries; got > limit+writers {
					t.Errorf("%d entries of at most %d", got, limit)
				}
			}
		})
	}
	all.Wait()
	if got := s.Stats(); got.Entries != limit || got.Evicted != writers*2000-limit {
		t.Errorf("Stats() = %+v, want %d entries and %d evicted", got, limit, writers*2000-limit)
	}
}

func TestExpiryAtTheExactMoment(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := open(t, memstore.Config{})
		deadline := time.Now().Add(time.Minute + 1)
		put(t, s, "k", "v", deadline)
		time.Sleep(time.Minute)
		it, err := s.Get(t.Context(), "k")
		if err != nil || !it.Expires.Equal(deadline) {
			t.Errorf("one nanosecond before its deadline: %v, %v", it.Expires, err)
		}
		if err := s.Touch(t.Context(), "k", deadline); err != nil {
			t.Errorf("Touch one nanosecond before the deadline: %v", err)
		}
		time.Sleep(time.Nanosecond)
		if has(t, s, "k") {
			t.Error("present at its deadline")
		}
		if err := s.Touch(t.Context(), "k", deadline.Add(time.Hour)); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("Touch at the deadline: %v, want ErrNotFound", err)
		}
		if _, err := s.Swap(t.Context(), "k", it.Version, store.Item{}); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("Swap at the deadline: %v, want ErrNotFound", err)
		}
		for e, err := range s.Scan(t.Context(), "") {
			t.Errorf("Scan at the deadline yields %q, %v", e.Key, err)
		}
		if found, err := s.GetMany(t.Context(), []string{"k"}); err != nil || len(found) != 0 {
			t.Errorf("GetMany at the deadline: %v, %v", found, err)
		}
	})
}

// An idle store frees what has expired, within a second of each deadline, and
// needs no goroutine while it waits.
func TestIdleStoreBecomesEmpty(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := open(t, memstore.Config{})
		start := time.Now()
		for i := range 1000 {
			put(t, s, fmt.Sprint("k", i), "v", start.Add(time.Duration(i+1)*10*time.Millisecond))
		}
		put(t, s, "touched", "v", start.Add(time.Second))
		put(t, s, "freed from its deadline", "v", start.Add(time.Second))
		if err := s.Touch(t.Context(), "touched", start.Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
		put(t, s, "freed from its deadline", "v", time.Time{})
		for second := range 10 {
			time.Sleep(time.Until(start.Add(time.Duration(second+1)*time.Second + 999*time.Millisecond)))
			synctest.Wait()
			expired := int64(100 * (second + 1))
			if got := s.Stats().Entries; got > 1002-expired {
				t.Errorf("%v after the start: %d entries, want at most %d", time.Since(start), got, 1002-expired)
			}
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		if got := s.Stats(); got.Entries != 1 || got.Expired != 1001 || got.Evicted != 0 {
			t.Errorf("an hour later: %+v, want the one entry without a deadline", got)
		}
		// A deadline before the one that the timer waits for.
		put(t, s, "late", "v", time.Now().Add(1000*time.Hour))
		put(t, s, "soon", "v", time.Now().Add(time.Second))
		time.Sleep(3 * time.Second)
		synctest.Wait()
		if got := s.Stats().Entries; got != 2 {
			t.Errorf("%d entries after the nearer deadline, want 2", got)
		}
		put(t, s, "late", "v", time.Time{})
	})
}

func TestKeysAreOwned(t *testing.T) {
	t.Parallel()
	s := open(t, memstore.Config{})
	buffer := []byte("key-1")
	put(t, s, unsafe.String(unsafe.SliceData(buffer), len(buffer)), "v", time.Time{})
	copy(buffer, "XXXXX")
	if !has(t, s, "key-1") {
		t.Error("the store kept the caller's memory as its key")
	}
}

func TestAllocations(t *testing.T) {
	s := open(t, memstore.Config{})
	put(t, s, "k", strings.Repeat("v", 1000), time.Now().Add(time.Hour))
	ctx, value := context.Background(), []byte("v")
	for _, test := range []struct {
		name string
		want float64
		call func()
	}{
		{"Get", 1, func() { _, _ = s.Get(ctx, "k") }},
		{"Get of an absent key", 0, func() { _, _ = s.Get(ctx, "absent") }},
		{"Put over an entry", 1, func() { _ = s.Put(ctx, "k", store.Item{Value: value, Expires: time.Unix(1<<40, 0)}) }},
		{"Touch", 0, func() { _ = s.Touch(ctx, "k", time.Unix(1<<40, 0)) }},
		{"Swap that conflicts", 1, func() { _, _ = s.Swap(ctx, "k", 0, store.Item{Value: value}) }},
	} {
		if got := testing.AllocsPerRun(100, test.call); got > test.want {
			t.Errorf("%s allocates %v times, want %v", test.name, got, test.want)
		}
	}
}

// What the store counts is what it costs, and an emptied store gives it back.
func TestCountedBytesAreTrue(t *testing.T) {
	const n = 20_000
	s := open(t, memstore.Config{MaxBytes: -1})
	before := heaptest.InUse()
	value := make([]byte, 64)
	for i := range n {
		if err := s.Put(t.Context(), fmt.Sprintf("%016d", i), store.Item{Value: value, Expires: time.Now().Add(time.Hour)}); err != nil {
			t.Fatal(err)
		}
	}
	held, counted := heaptest.InUse()-before, s.Stats().Bytes
	t.Logf("%d bytes held and %d counted for each entry", held/n, counted/n)
	if ratio := float64(held) / float64(counted); ratio < 0.7 || ratio > 1.3 {
		t.Errorf("the heap grew by %d bytes, counted are %d", held, counted)
	}
	for i := range n {
		if err := s.Delete(t.Context(), fmt.Sprintf("%016d", i)); err != nil {
			t.Fatal(err)
		}
	}
	if left := heaptest.AtMost(before+held/10) - before; left > held/10 {
		t.Errorf("an emptied store still holds %d of %d bytes", left, held)
	}
}
