package redisstore_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/reecho-go/reecho/cachedata"
	"github.com/reecho-go/reecho/cachedata/persist"
	"github.com/reecho-go/reecho/internal/redistest"
)

// twoNodes are the caches of two processes on one server.
func twoNodes(t *testing.T, addr string, load func(context.Context, int) (int64, error)) (one, other *squares) {
	t.Helper()
	cfg := cachedata.Config{TTL: time.Hour}
	one = cacheOn(t, open(t, dial(t, addr), "app"), cfg, persist.Config{Budget: time.Minute}, load)
	other = cacheOn(t, open(t, dial(t, addr), "app"), cfg, persist.Config{Budget: time.Minute}, load)
	one.hears(t, other)
	other.hears(t, one)
	return one, other
}

// hears waits until the cache hears of what another one changes.
func (c *squares) hears(t *testing.T, another *squares) {
	t.Helper()
	const probe = -1
	redistest.Eventually(t, "it hears of changes", func() bool {
		if _, err := c.Get(t.Context(), probe); err != nil {
			t.Fatal(err)
		}
		if err := another.Delete(t.Context(), probe); err != nil {
			t.Fatal(err)
		}
		return c.forgets(probe, 100*time.Millisecond)
	})
}

// holds waits until a result is in memory: news of how it was stored may come after
// it was read.
func (c *squares) holds(t *testing.T, n int) {
	t.Helper()
	redistest.Eventually(t, fmt.Sprintf("%d is in memory", n), func() bool {
		_, meta, err := c.GetMeta(t.Context(), n)
		if err != nil {
			t.Fatal(err)
		}
		return meta.Source == cachedata.Hit
	})
}

// forgets reports whether a result leaves the memory within a time.
func (c *squares) forgets(n int, within time.Duration) bool {
	for end := time.Now().Add(within); ; time.Sleep(time.Millisecond) {
		if _, ok := c.Peek(context.Background(), n); !ok {
			return true
		}
		if time.Now().After(end) {
			return false
		}
	}
}

func TestWhatOneProcessChangesLeavesTheMemoryOfTheOther(t *testing.T) {
	t.Parallel()
	load := func(ctx context.Context, n int) (int64, error) {
		cachedata.LoadingFrom(ctx).AddTags("t")
		return int64(n) * int64(n), nil
	}
	for name, change := range map[string]func(ctx context.Context, c *squares) error{
		"delete":    func(ctx context.Context, c *squares) error { return c.Delete(ctx, 7) },
		"put":       func(ctx context.Context, c *squares) error { return c.Put(ctx, 7, 49) },
		"clear":     func(ctx context.Context, c *squares) error { return c.Clear(ctx) },
		"clear tag": func(ctx context.Context, c *squares) error { return c.ClearTag(ctx, "t") },
		"clear func": func(ctx context.Context, c *squares) error {
			return c.ClearFunc(ctx, func(n int) bool { return n == 7 })
		},
		"group":     func(ctx context.Context, c *squares) error { return c.group.Clear(ctx) },
		"group tag": func(ctx context.Context, c *squares) error { return c.group.ClearTag(ctx, "t") },
		"refresh": func(ctx context.Context, c *squares) error {
			_, err := c.Refresh(ctx, 7)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			one, other := twoNodes(t, redistest.Start(t).Addr, load)
			one.wants(t, 7, cachedata.Load)
			other.holds(t, 7)
			one.holds(t, 7)
			if err := change(t.Context(), one); err != nil {
				t.Fatal(err)
			}
			if !other.forgets(7, time.Minute) {
				t.Error("the other still has it")
			}
		})
	}
}

func TestStaleResultsAreServedWhenTheServerHasDroppedThem(t *testing.T) {
	t.Parallel()
	var down atomic.Bool
	load := func(_ context.Context, n int) (int64, error) {
		if n == 7 && down.Load() {
			return 0, errors.New("the origin is down")
		}
		return int64(n) * int64(n), nil
	}
	const ttl = 2 * time.Second
	server := redistest.Start(t)
	cfg := cachedata.Config{TTL: ttl, Stale: cachedata.StaleConfig{OnError: time.Hour}}
	one := cacheOn(t, open(t, dial(t, server.Addr), "app"), cfg, persist.Config{Budget: time.Minute}, load)
	other := cacheOn(t, open(t, dial(t, server.Addr), "app"), cfg, persist.Config{Budget: time.Minute}, load)
	for _, c := range []*squares{one, other} {
		if _, err := c.Get(t.Context(), 7); err != nil {
			t.Fatal(err)
		}
	}
	redistest.Eventually(t, "what has expired is served by both", func() bool {
		down.Store(false)
		for held := false; !held; { // else one of them has just loaded it again, of which the other has heard
			one.holds(t, 7)
			other.holds(t, 7)
			one.hears(t, other) // and of all that was stored before
			other.hears(t, one)
			_, first := one.Peek(t.Context(), 7)
			_, second := other.Peek(t.Context(), 7)
			held = first && second
		}
		down.Store(true)
		time.Sleep(ttl + time.Second) // the server looks for what has expired ten times a second
		return one.serves(t, 7, cachedata.FailSafe) && other.serves(t, 7, cachedata.FailSafe)
	})
}

// A full server has no room for what a process has loaded, but others hear of its
// deletes and clears.
func TestDeletesAndClearsAreHeardOverAFullServer(t *testing.T) {
	t.Parallel()
	load := func(ctx context.Context, n int) (int64, error) {
		cachedata.LoadingFrom(ctx).AddTags("t")
		return int64(n) * int64(n), nil
	}
	server := redistest.Start(t, "--maxmemory", "5mb", "--maxmemory-policy", "noeviction")
	one, other := twoNodes(t, server.Addr, load)
	client := dial(t, server.Addr)
	for n, size := 0, 100<<10; size > 0; n++ {
		if client.Do(t.Context(), client.B().Set().Key(fmt.Sprint("ballast ", n)).Value(strings.Repeat("x", size)).Build()).Error() != nil {
			size /= 10
		}
	}
	for name, change := range map[string]func() error{
		"delete": func() error { return one.Delete(t.Context(), 7) },
		"clear":  func() error { return one.Clear(t.Context()) },
		"tag":    func() error { return one.ClearTag(t.Context(), "t") },
	} {
		one.holds(t, 7)
		other.holds(t, 7)
		if err := change(); err != nil {
			t.Fatal(err)
		}
		if !other.forgets(7, time.Minute) {
			t.Errorf("%s: the other has not heard of it", name)
		}
	}
}

func TestAProcessKeepsWhatItHasStoredItself(t *testing.T) {
	t.Parallel()
	one, other := twoNodes(t, redistest.Start(t).Addr, square)
	first := 0
	redistest.Eventually(t, "a process has in memory all that it has loaded", func() bool {
		keys := [200]int{}
		for i := range keys {
			keys[i] = first + i
			one.wants(t, keys[i], cachedata.Load)
		}
		first += len(keys) + 1
		other.wants(t, first-1, cachedata.Load)
		one.wants(t, first-1, cachedata.Stored) // all news from before have come
		there := 0
		for _, n := range keys {
			if _, ok := one.Peek(t.Context(), n); ok {
				there++
			}
		}
		return there == len(keys)
	})
}

func TestOneProcessLoadsAKeyForAll(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	var loads atomic.Int64
	load := func(_ context.Context, n int) (int64, error) {
		loads.Add(1)
		time.Sleep(50 * time.Millisecond)
		return int64(n) * int64(n), nil
	}
	var nodes []*squares
	for range 4 {
		s := open(t, dial(t, server.Addr), "app")
		nodes = append(nodes, cacheOn(t, s, cachedata.Config{}, persist.Config{Budget: time.Minute, SingleFlight: true}, load))
	}
	const keys = 20
	var all sync.WaitGroup
	for _, c := range nodes {
		for n := range keys {
			all.Go(func() {
				if v, err := c.Get(t.Context(), n); err != nil || v != int64(n)*int64(n) {
					t.Errorf("Get(%d) = %d, %v", n, v, err)
				}
			})
		}
	}
	all.Wait()
	if n := loads.Load(); n != keys {
		t.Errorf("%d loads of %d keys", n, keys)
	}
}

// That a result has ended in the store, of which the server tells, does not end it in
// memory before its time.
func TestWhatHasExpiredIsServedAsStaleAlthoughTheServerTellsOfIt(t *testing.T) {
	t.Parallel()
	cfg := cachedata.Config{TTL: 100 * time.Millisecond, Stale: cachedata.StaleConfig{OnError: time.Hour}}
	var broken atomic.Bool
	c := cacheOn(t, open(t, dial(t, redistest.Start(t).Addr), "app"), cfg, persist.Config{Budget: time.Minute}, func(_ context.Context, n int) (int64, error) {
		if broken.Load() {
			return 0, errors.New("the origin is away")
		}
		return int64(n) * int64(n), nil
	})
	redistest.Eventually(t, "what has expired is served", func() bool {
		broken.Store(false)
		if _, err := c.Get(t.Context(), 7); err != nil {
			t.Fatal(err)
		}
		broken.Store(true)
		time.Sleep(time.Second) // the server drops what has expired within a part of that
		return c.serves(t, 7, cachedata.FailSafe)
	})
}
