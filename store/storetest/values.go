package storetest

import (
	"bytes"
	"fmt"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/reecho-go/reecho/store"
)

// valueCases are the rules of Get, Put and Delete.
var valueCases = []testCase{
	{
		name: "missing key",
		why:  "A key that was never written is ErrNotFound, and deleting it is not an error: callers delete without looking first.",
		run: func(t testing.TB, s store.Store) {
			absent(t, s, "never written")
			remove(t, s, "never written")
			absent(t, s, "never written")
		},
	},
	{
		name: "put, overwrite, delete",
		why:  "Put is unconditional, Get sees the last one, and after Delete the key is absent.",
		run: func(t testing.TB, s store.Store) {
			put(t, s, "k", "one")
			holds(t, s, "k", "one")
			put(t, s, "k", "a longer one")
			holds(t, s, "k", "a longer one")
			put(t, s, "k", "2")
			holds(t, s, "k", "2")
			remove(t, s, "k")
			absent(t, s, "k")
			put(t, s, "k", "again")
			holds(t, s, "k", "again")
		},
	},
	{
		name: "empty value",
		why:  "An empty value is a value. A store that takes it for absent makes its callers load or create again and again.",
		run: func(t testing.TB, s store.Store) {
			for _, value := range [][]byte{nil, {}} {
				if err := s.Put(t.Context(), "k", store.Item{Value: value}); err != nil {
					t.Fatalf("Put of an empty value: %v", err)
				}
				holds(t, s, "k", "")
			}
			put(t, s, "k", "full")
			put(t, s, "k", "")
			holds(t, s, "k", "")
		},
	},
	{
		name: "large value and long key",
		why:  "A value of 1 MiB and a key of 1 KiB fit into every store.",
		run: func(t testing.TB, s store.Store) {
			key, value := strings.Repeat("k", 1<<10), strings.Repeat("0123456789abcdef", 1<<16)
			put(t, s, key, value)
			holds(t, s, key, value)
			absent(t, s, key[1:])
		},
	},
	{
		name: "binary keys and values",
		why:  "Keys and values are bytes, not text: no escaping, folding, trimming, joining or pattern may make two of them one.",
		run: func(t testing.TB, s store.Store) {
			keys := []string{
				"", " ", "\x00", "\x00\x00", "a", "A", "a ", "a\x00", "a\n", "a:b", "a/b", "a/../a", "a*", "a?", "[a]", "{a}", "%61",
				"\xff", "\xff\xfe", "\xc3\xa9", "e\xcc\x81", "日本", "'; --", "\\",
			}
			for i, key := range keys {
				put(t, s, key, fmt.Sprintf("%d\x00\xff%s", i, key))
			}
			for i, key := range keys {
				holds(t, s, key, fmt.Sprintf("%d\x00\xff%s", i, key))
			}
			for i, key := range keys {
				remove(t, s, key)
				absent(t, s, key)
				if i+1 < len(keys) {
					get(t, s, keys[i+1])
				}
			}
		},
	},
	{
		name: "returned slice is the caller's own",
		why:  "Callers change what Get gave them. If that reaches the stored value, one caller's bytes become another's.",
		run: func(t testing.TB, s store.Store) {
			put(t, s, "k", "value")
			first := get(t, s, "k").Value
			second := get(t, s, "k").Value
			copy(first, "XXXXX")
			_ = append(first[:2], "YYYYYYYY"...)
			if string(second) != "value" {
				t.Fatalf("changing one result of Get changed another: %q", second)
			}
			holds(t, s, "k", "value")
		},
	},
	{
		name: "given slice is not retained",
		why:  "Callers reuse their buffers. A store that keeps the slice sees its value change under it.",
		run: func(t testing.TB, s store.Store) {
			buffer := []byte("value")
			if err := s.Put(t.Context(), "k", store.Item{Value: buffer}); err != nil {
				t.Fatalf("Put: %v", err)
			}
			if string(buffer) != "value" {
				t.Fatalf("Put changed its argument: %q", buffer)
			}
			copy(buffer, "XXXXX")
			holds(t, s, "k", "value")
		},
	},
	{
		name: "versions grow and never come back",
		why:  "Every write gives a version greater than all before, also after Delete. Else a Swap that was prepared before a Delete overwrites what was created after it.",
		run: func(t testing.TB, s store.Store) {
			var last uint64
			for i := range 20 {
				// The version in the argument must not matter.
				if err := s.Put(t.Context(), "k", store.Item{Value: []byte("same"), Version: 3}); err != nil {
					t.Fatalf("Put: %v", err)
				}
				it := get(t, s, "k")
				if it.Version <= last {
					t.Fatalf("write %d has version %d, the one before had %d", i, it.Version, last)
				}
				if again := get(t, s, "k"); again.Version != it.Version {
					t.Fatalf("the version went from %d to %d without a write", it.Version, again.Version)
				}
				last = it.Version
				if i%3 == 2 {
					remove(t, s, "k")
				}
			}
		},
	},
	{
		name: "readers beside a writer see whole values",
		why:  "A Get beside a Put returns the old item or the new one, never a mixture, and never goes back to an older one.",
		run: func(t testing.TB, s store.Store) {
			const size, changes, readers = 4096, 20, 7
			value := func(i int) []byte { return bytes.Repeat([]byte{byte(i)}, size) }
			if err := s.Put(t.Context(), "k", store.Item{Value: value(0)}); err != nil {
				t.Fatalf("Put: %v", err)
			}
			var reading, written atomic.Int64
			reading.Store(readers)
			together(t, 1+readers, func(who int) error {
				if who == 0 {
					for i := 0; reading.Load() > 0; i++ {
						if err := s.Put(t.Context(), "k", store.Item{Value: value(i)}); err != nil {
							return fmt.Errorf("Put: %w", err)
						}
						written.Add(1)
						runtime.Gosched() // the readers' turn
					}
					return nil
				}
				defer reading.Add(-1)
				var last store.Item
				reads, seen := 0, 0
				for patience := time.Now().Add(longTTL); seen < changes; reads++ {
					// A slow disk or a busy machine is no fault.
					if n := written.Load(); time.Now().After(patience) && n > 50*changes && reads > 50*changes {
						return fmt.Errorf("of %d new versions, Get saw %d in %d calls", n, seen, reads)
					}
					it, err := s.Get(t.Context(), "k")
					if err != nil {
						return fmt.Errorf("Get: %w", err)
					}
					if len(it.Value) != size || bytes.Count(it.Value, it.Value[:1]) != size {
						return fmt.Errorf("Get returned a mixture of two values")
					}
					if it.Version < last.Version || it.Version == last.Version && last.Value != nil && !bytes.Equal(it.Value, last.Value) {
						return fmt.Errorf("Get went from version %d to %d", last.Version, it.Version)
					}
					if it.Version != last.Version {
						seen++
					}
					last = it
					runtime.Gosched() // the writer's turn
				}
				return nil
			})
		},
	},
}
