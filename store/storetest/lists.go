package storetest

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/reecho-go/reecho/store"
)

// listCases are the rules of Scanner.
var listCases = []testCase{
	{
		name: "scan by prefix, in order",
		why:  "Scan yields exactly the present keys with the prefix, in ascending byte order, with the items that Get has.",
		run: func(t testing.TB, s store.Store) {
			scanner := capability[store.Scanner](t, s, "Scan")
			scans(t, scanner, "")
			for _, key := range mixedKeys {
				put(t, s, key, "value of "+key)
			}
			putUntil(t, s, "a:expired", "v", time.Now().Add(-time.Second))
			put(t, s, "a:deleted", "v")
			remove(t, s, "a:deleted")
			for _, prefix := range []string{"", "a", "a:", "a:1", "a*", "nothing", "\xff", "[a]"} {
				scans(t, scanner, prefix, withPrefix(mixedKeys, prefix)...)
			}
			for entry, err := range scanner.Scan(t.Context(), "") {
				if err != nil {
					t.Fatalf("Scan: %v", err)
				}
				it := get(t, s, entry.Key)
				if string(entry.Value) != "value of "+entry.Key || entry.Version != it.Version || !entry.Expires.Equal(it.Expires) {
					t.Fatalf("Scan of %q = %+v, Get = %+v", entry.Key, entry.Item, it)
				}
				copy(entry.Value, "XXXXX")
				holds(t, s, entry.Key, "value of "+entry.Key)
			}
		},
	},
	{
		name: "scan while the store changes",
		why:  "The loop body may use the store: no lock is held. What is there all the time is yielded exactly once, what is deleted before its turn may be left out, and stopping early is allowed.",
		run: func(t testing.TB, s store.Store) {
			scanner := capability[store.Scanner](t, s, "Scan")
			var stays []string
			for i := range 200 {
				key := fmt.Sprintf("k%03d", i)
				put(t, s, key, "v")
				if i%2 == 0 {
					stays = append(stays, key)
				}
			}
			var seen []string
			for entry, err := range scanner.Scan(t.Context(), "k") {
				if err != nil {
					t.Fatalf("Scan: %v", err)
				}
				if len(seen) == 0 {
					for i := 1; i < 200; i += 2 {
						remove(t, s, fmt.Sprintf("k%03d", i))
					}
				}
				put(t, s, entry.Key, "rewritten")
				put(t, s, fmt.Sprintf("k%03d-new", len(seen)), "v")
				seen = append(seen, entry.Key)
				if len(seen) > 1000 {
					t.Fatalf("Scan does not end while the loop body writes keys")
				}
			}
			if !slices.IsSorted(seen) || len(slices.Compact(slices.Clone(seen))) != len(seen) {
				t.Fatalf("Scan yielded keys twice or out of order: %q", seen)
			}
			for _, key := range stays {
				if _, found := slices.BinarySearch(seen, key); !found {
					t.Fatalf("Scan left out %q, which was there all the time", key)
				}
			}
			steps := 0
			for _, err := range scanner.Scan(t.Context(), "k") {
				if err != nil {
					t.Fatalf("Scan: %v", err)
				}
				if steps++; steps == 3 {
					break
				}
			}
			if steps != 3 {
				t.Fatalf("Scan made %d steps of 3", steps)
			}
		},
	},
	{
		name: "scan with a context that ends",
		why:  "A Scan whose context ends yields the error once, as the last pair, with the zero Entry.",
		run: func(t testing.TB, s store.Store) {
			scanner := capability[store.Scanner](t, s, "Scan")
			var keys []string
			for i := range 2000 {
				keys = append(keys, fmt.Sprintf("k%04d", i))
			}
			fill(t, s, keys)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			var failure error
			entries := 0
			for entry, err := range scanner.Scan(ctx, "") {
				if failure != nil {
					t.Fatalf("Scan went on after its error: %v, %v", entry, err)
				}
				if failure = err; err != nil && (entry.Key != "" || entry.Value != nil) {
					t.Fatalf("the error comes with the entry %+v", entry)
				}
				if err == nil {
					entries++
				}
				cancel()
			}
			wantErr(t, "Scan", failure, context.Canceled)
			if entries == 2000 {
				t.Fatalf("Scan yielded all entries after its context had ended")
			}
		},
	},
}

// mixedKeys share prefixes, and hold what other systems take for patterns.
var mixedKeys = []string{"", "a", "a*", "a*b", "a:", "a:1", "a:10", "a:2", "aa", "b", "[a]", "[a]b", "ä", "\x00", "\xff", "\xff\xff"}

func withPrefix(keys []string, prefix string) []string {
	var some []string
	for _, key := range keys {
		if len(key) >= len(prefix) && key[:len(prefix)] == prefix {
			some = append(some, key)
		}
	}
	return some
}

// scans demands that a Scan of prefix yields these keys in order.
func scans(t testing.TB, scanner store.Scanner, prefix string, want ...string) {
	t.Helper()
	var got []string
	for entry, err := range scanner.Scan(t.Context(), prefix) {
		if err != nil {
			t.Fatalf("Scan(%q): %v", prefix, err)
		}
		got = append(got, entry.Key)
	}
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Fatalf("Scan(%q) yields %q, want %q", prefix, got, want)
	}
}
