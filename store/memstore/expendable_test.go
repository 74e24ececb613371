package memstore_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/reecho-go/reecho/store"
	"github.com/reecho-go/reecho/store/memstore"
)

func TestExpendableEntriesGoFirst(t *testing.T) {
	t.Parallel()
	const bound = 1000
	s := memstore.Must(memstore.New(memstore.Config{MaxEntries: bound, MaxBytes: -1}))
	t.Cleanup(func() { _ = s.Close(t.Context()) })
	put := func(key string, expendable bool) {
		if err := s.Put(t.Context(), key, store.Item{Value: []byte("v"), Expendable: expendable}); err != nil {
			t.Fatal(err)
		}
	}
	has := func(key string) bool {
		_, err := s.Get(t.Context(), key)
		return err == nil
	}
	for i := range 200 {
		put(fmt.Sprint("user", i), false)
	}
	for i := range 20_000 {
		key := fmt.Sprint("visitor", i)
		put(key, true)
		if !has(key) { // read, too: that does not save it
			t.Fatalf("%s is gone at once", key)
		}
	}
	for i := range 200 {
		if !has(fmt.Sprint("user", i)) {
			t.Fatalf("user%d went before the visitors", i)
		}
	}
	for i := 200; i < bound; i++ {
		put(fmt.Sprint("user", i), false)
	}
	put("one visitor too many", true)
	if has("one visitor too many") {
		t.Error("a visitor has taken the place of a user")
	}
	put("user0", true) // it is expendable from now on
	put("one user more", false)
	if has("user0") || !has("user1") || !has("one user more") {
		t.Error("the entry that became expendable did not go first")
	}
	if n := s.Stats().Entries; n > bound {
		t.Errorf("%d entries, want at most %d", n, bound)
	}
	for i := range 2 * bound {
		put(fmt.Sprint("more", i), false) // with nothing expendable, the others go as ever
	}
	if n := s.Stats().Entries; n != bound {
		t.Errorf("%d entries, want %d", n, bound)
	}
}

func TestAStoreThatRefusesKeepsRoomForWhatIsNotExpendable(t *testing.T) {
	t.Parallel()
	for name, cfg := range map[string]memstore.Config{
		"entries": {MaxEntries: 100, MaxBytes: -1},
		"bytes":   {MaxEntries: -1, MaxBytes: 100 * (memstore.Overhead + 10)},
	} {
		cfg.Refuse = true
		s := memstore.Must(memstore.New(cfg))
		t.Cleanup(func() { _ = s.Close(t.Context()) })
		taken := 0
		for i := range 200 {
			err := s.Put(t.Context(), fmt.Sprintf("visitor%03d", i), store.Item{Expendable: true})
			switch {
			case err == nil:
				taken++
			case !errors.Is(err, store.ErrFull):
				t.Fatal(err)
			}
		}
		if taken < 60 || taken > 75 {
			t.Errorf("%s: %d expendable entries were taken, want three quarters of 100", name, taken)
		}
		for i := range 20 {
			if err := s.Put(t.Context(), fmt.Sprintf("user%06d", i), store.Item{}); err != nil {
				t.Errorf("%s: there is no room for a user: %v", name, err)
			}
		}
	}
}
