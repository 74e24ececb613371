package storetest

import (
	"errors"
	"fmt"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/reecho-go/reecho/store"
)

// swapCases are the rules of Swapper.
var swapCases = []testCase{
	{
		name: "swap follows the version",
		why:  "Swap writes if the version is the expected one and returns the new version, which is what Get then shows. Value and deadline are replaced as by Put.",
		run: func(t testing.TB, s store.Store) {
			swapper := capability[store.Swapper](t, s, "Swap")
			version, err := swapper.Swap(t.Context(), "k", 0, store.Item{Value: []byte("0")})
			if err != nil {
				t.Fatalf("creating: %v", err)
			}
			for i := range 10 {
				it := get(t, s, "k")
				if it.Version != version || string(it.Value) != strconv.Itoa(i) {
					t.Fatalf("Get = %q, version %d, want %q, version %d", it.Value, it.Version, strconv.Itoa(i), version)
				}
				buffer := []byte(strconv.Itoa(i + 1))
				next, err := swapper.Swap(t.Context(), "k", version, store.Item{Value: buffer, Version: 7})
				if err != nil {
					t.Fatalf("Swap with the right version: %v", err)
				}
				if next <= version {
					t.Fatalf("Swap went from version %d to %d", version, next)
				}
				buffer[0] = 'X'
				version = next
			}
			want := time.Now().Add(time.Hour)
			if _, err = swapper.Swap(t.Context(), "k", version, store.Item{Value: []byte("v"), Expires: want}); err != nil {
				t.Fatalf("Swap with a deadline: %v", err)
			}
			it := get(t, s, "k")
			checkExpires(t, it.Expires, want)
			if _, err = swapper.Swap(t.Context(), "k", it.Version, store.Item{Value: []byte("v")}); err != nil {
				t.Fatalf("Swap without a deadline: %v", err)
			}
			checkExpires(t, get(t, s, "k").Expires, time.Time{})
		},
	},
	{
		name: "swap refuses another version",
		why:  "Swap with a version that is not the key's is ErrConflict, and changes nothing: this is what keeps updates from being lost.",
		run: func(t testing.TB, s store.Store) {
			swapper := capability[store.Swapper](t, s, "Swap")
			put(t, s, "k", "one")
			old := get(t, s, "k").Version
			put(t, s, "k", "two")
			now := get(t, s, "k").Version
			for _, version := range []uint64{old, now + 1, 1 << 62} {
				_, err := swapper.Swap(t.Context(), "k", version, store.Item{Value: []byte("lost")})
				wantErr(t, fmt.Sprintf("Swap with version %d of a key that has %d", version, now), err, store.ErrConflict)
			}
			if it := get(t, s, "k"); string(it.Value) != "two" || it.Version != now {
				t.Fatalf("a refused Swap left %q, version %d, want %q, version %d", it.Value, it.Version, "two", now)
			}
		},
	},
	{
		name: "swap of an absent key",
		why:  "Swap that expects a version of an absent key is ErrNotFound and creates nothing: an update in flight must not bring back what was deleted.",
		run: func(t testing.TB, s store.Store) {
			swapper := capability[store.Swapper](t, s, "Swap")
			_, err := swapper.Swap(t.Context(), "k", 1, store.Item{Value: []byte("v")})
			wantErr(t, "Swap of a key never written", err, store.ErrNotFound)
			absent(t, s, "k")
			put(t, s, "k", "v")
			version := get(t, s, "k").Version
			remove(t, s, "k")
			_, err = swapper.Swap(t.Context(), "k", version, store.Item{Value: []byte("v")})
			wantErr(t, "Swap of a deleted key", err, store.ErrNotFound)
			absent(t, s, "k")
		},
	},
	{
		name: "swap across delete and create",
		why:  "Versions are not used again: a Swap prepared before a Delete is a conflict with what was created after it, by Put or by Swap.",
		run: func(t testing.TB, s store.Store) {
			swapper := capability[store.Swapper](t, s, "Swap")
			create := map[string]func() error{
				"Put": func() error { return s.Put(t.Context(), "k", store.Item{Value: []byte("new")}) },
				"Swap": func() error {
					_, err := swapper.Swap(t.Context(), "k", 0, store.Item{Value: []byte("new")})
					return err
				},
			}
			for name, create := range create {
				put(t, s, "k", "old")
				version := get(t, s, "k").Version
				remove(t, s, "k")
				if err := create(); err != nil {
					t.Fatalf("creating by %s: %v", name, err)
				}
				_, err := swapper.Swap(t.Context(), "k", version, store.Item{Value: []byte("stale")})
				wantErr(t, "Swap with the version of the deleted value, after "+name, err, store.ErrConflict)
				holds(t, s, "k", "new")
			}
		},
	},
	{
		name: "create only",
		why:  "Swap with version 0 creates, and is ErrConflict when the key is present, whatever its value.",
		run: func(t testing.TB, s store.Store) {
			swapper := capability[store.Swapper](t, s, "Swap")
			for _, value := range []string{"", "v"} {
				put(t, s, "k", value)
				_, err := swapper.Swap(t.Context(), "k", 0, store.Item{Value: []byte("second")})
				wantErr(t, "creating a key that is present", err, store.ErrConflict)
				holds(t, s, "k", value)
			}
		},
	},
	{
		name: "create-only race has one winner",
		why:  "Of many creators of one key exactly one succeeds, and its value is what all see: this is what ids and markers rest on.",
		run: func(t testing.TB, s store.Store) {
			swapper := capability[store.Swapper](t, s, "Swap")
			for round := range 10 {
				key := fmt.Sprintf("race %d", round)
				var winners, winner atomic.Int64
				together(t, 16, func(who int) error {
					_, err := swapper.Swap(t.Context(), key, 0, store.Item{Value: []byte(strconv.Itoa(who))})
					switch {
					case err == nil:
						winners.Add(1)
						winner.Store(int64(who))
					case !errors.Is(err, store.ErrConflict):
						return fmt.Errorf("Swap: %w", err)
					}
					return nil
				})
				if winners.Load() != 1 {
					t.Fatalf("%d of 16 created the key, want 1", winners.Load())
				}
				holds(t, s, key, strconv.FormatInt(winner.Load(), 10))
			}
		},
	},
	{
		name: "counter of 64 goroutines",
		why:  "Read, add one, Swap, and again on conflict: no increment may be lost and none counted twice.",
		run: func(t testing.TB, s store.Store) {
			swapper := capability[store.Swapper](t, s, "Swap")
			const goroutines, each = 64, 8
			put(t, s, "n", "0")
			together(t, goroutines, func(int) error {
				for done := 0; done < each; {
					it, err := s.Get(t.Context(), "n")
					if err != nil {
						return fmt.Errorf("Get: %w", err)
					}
					n, err := strconv.Atoi(string(it.Value))
					if err != nil {
						return err
					}
					_, err = swapper.Swap(t.Context(), "n", it.Version, store.Item{Value: []byte(strconv.Itoa(n + 1))})
					switch {
					case err == nil:
						done++
					case !errors.Is(err, store.ErrConflict):
						return fmt.Errorf("Swap: %w", err)
					}
				}
				return nil
			})
			holds(t, s, "n", strconv.Itoa(goroutines*each))
		},
	},
	{
		name: "swap beside delete",
		why:  "A Swap that was prepared before a Delete never survives it: once Delete has returned, the key is absent.",
		run: func(t testing.TB, s store.Store) {
			swapper := capability[store.Swapper](t, s, "Swap")
			for range 30 {
				put(t, s, "k", "v")
				version := get(t, s, "k").Version
				together(t, 4, func(who int) error {
					if who == 0 {
						return s.Delete(t.Context(), "k")
					}
					_, err := swapper.Swap(t.Context(), "k", version, store.Item{Value: []byte("back")})
					if errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrConflict) {
						return nil
					}
					return err
				})
				absent(t, s, "k")
			}
		},
	},
}
