package storetest

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/reecho-go/reecho/store"
)

// batchCases are the rules of Batcher.
var batchCases = []testCase{
	{
		name: "many at once",
		why:  "GetMany returns what Get would for each key and leaves out the absent ones.",
		run: func(t testing.TB, s store.Store) {
			batcher := capability[store.Batcher](t, s, "GetMany")
			for _, keys := range [][]string{nil, {"absent"}} {
				found, err := batcher.GetMany(t.Context(), keys)
				if err != nil || found == nil || len(found) != 0 {
					t.Fatalf("GetMany(%q) = %v, %v, want an empty map", keys, found, err)
				}
			}
			expires := time.Now().Add(time.Hour)
			put(t, s, "1", "value 1")
			putUntil(t, s, "2", "value 2", expires)
			putUntil(t, s, "dead", "", time.Now().Add(-time.Second))
			put(t, s, "", "")
			found, err := batcher.GetMany(t.Context(), []string{"1", "absent", "2", "dead", "2", ""})
			if err != nil {
				t.Fatalf("GetMany: %v", err)
			}
			if len(found) != 3 || string(found["1"].Value) != "value 1" || string(found["2"].Value) != "value 2" || len(found[""].Value) != 0 {
				t.Fatalf("GetMany = %v", found)
			}
			checkExpires(t, found["2"].Expires, expires)
			for key, it := range found {
				if one := get(t, s, key); one.Version != it.Version {
					t.Fatalf("GetMany has version %d of %q, Get %d", it.Version, key, one.Version)
				}
			}
			copy(found["1"].Value, "YYYYY")
			holds(t, s, "1", "value 1")
		},
	},
	{
		name: "a thousand at once",
		why:  "Batches may be large: a store splits them as it must, and nothing is lost or mixed up at the seams.",
		run: func(t testing.TB, s store.Store) {
			batcher := capability[store.Batcher](t, s, "GetMany")
			var keys, present []string
			for i := range 1000 {
				key := fmt.Sprintf("key %d", i)
				present = append(present, key)
				keys = append(keys, key, "absent "+key)
			}
			fill(t, s, present)
			found, err := batcher.GetMany(t.Context(), keys)
			if err != nil || len(found) != 1000 {
				t.Fatalf("GetMany found %d of 1000: %v", len(found), err)
			}
			for key, it := range found {
				if string(it.Value) != key {
					t.Fatalf("GetMany has %q under %q", it.Value, key)
				}
			}
		},
	},
}

// endCases are the rules about contexts that are done and stores that are
// closed.
var endCases = []testCase{
	{
		name: "context already done",
		why:  "A method whose context is done does nothing and says so: a request that was given up must not write any more.",
		run: func(t testing.TB, s store.Store) {
			cancelled, cancel := context.WithCancel(t.Context())
			cancel()
			late, cancel := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
			defer cancel()
			put(t, s, "k", "v")
			before := get(t, s, "k")
			for _, ctx := range []context.Context{cancelled, late} {
				for name, call := range calls(ctx, s, "k", before.Version) {
					wantErr(t, name+" with a context that is done", call(), ctx.Err())
				}
				for name, call := range calls(ctx, s, "new", 0) {
					wantErr(t, name+" of an absent key with a context that is done", call(), ctx.Err())
				}
			}
			after := get(t, s, "k")
			if string(after.Value) != "v" || after.Version != before.Version || !after.Expires.Equal(before.Expires) {
				t.Fatalf("a call with a context that is done changed %+v to %+v", before, after)
			}
			absent(t, s, "new")
		},
	},
	{
		name: "use after close",
		why:  "Close may be called twice, and every other method then fails with ErrClosed: no crash, no hang, no write that goes nowhere.",
		run: func(t testing.TB, s store.Store) {
			closer := capability[store.Closer](t, s, "Close")
			put(t, s, "k", "v")
			version := get(t, s, "k").Version
			for range 2 {
				if err := closer.Close(t.Context()); err != nil {
					t.Fatalf("Close: %v", err)
				}
			}
			for _, key := range []string{"k", "new"} {
				for name, call := range calls(t.Context(), s, key, version) {
					wantErr(t, name+" after Close", call(), store.ErrClosed)
				}
			}
		},
	},
	{
		name: "close beside use",
		why:  "Calls that overlap with Close either work or fail with ErrClosed.",
		run: func(t testing.TB, s store.Store) {
			closer := capability[store.Closer](t, s, "Close")
			together(t, 8, func(who int) error {
				if who == 0 {
					return closer.Close(t.Context())
				}
				for i := range 200 {
					key := fmt.Sprintf("%d/%d", who, i)
					for name, call := range calls(t.Context(), s, key, 0) {
						err := call()
						if err != nil && !errors.Is(err, store.ErrClosed) && !errors.Is(err, store.ErrNotFound) && !errors.Is(err, store.ErrConflict) {
							return fmt.Errorf("%s: %w", name, err)
						}
					}
				}
				return nil
			})
		},
	},
}

// calls is every method of the store that can fail for reasons of its context
// or of the store's state, on key.
func calls(ctx context.Context, s store.Store, key string, version uint64) map[string]func() error {
	it := store.Item{Value: []byte("written")}
	all := map[string]func() error{
		"Get":    func() error { _, err := s.Get(ctx, key); return err },
		"Put":    func() error { return s.Put(ctx, key, it) },
		"Delete": func() error { return s.Delete(ctx, key) },
	}
	if c, ok := store.As[store.Swapper](s); ok {
		all["Swap"] = func() error { _, err := c.Swap(ctx, key, version, it); return err }
	}
	if c, ok := store.As[store.Toucher](s); ok {
		all["Touch"] = func() error { return c.Touch(ctx, key, time.Now().Add(time.Hour)) }
	}
	if c, ok := store.As[store.Scanner](s); ok {
		all["Scan"] = func() error {
			for _, err := range c.Scan(ctx, "") {
				if err != nil {
					return err
				}
			}
			return nil
		}
	}
	if c, ok := store.As[store.Batcher](s); ok {
		all["GetMany"] = func() error { _, err := c.GetMany(ctx, []string{key}); return err }
	}
	return all
}
