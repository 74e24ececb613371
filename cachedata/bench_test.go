package cachedata_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/maypok86/otter/v2"

	"github.com/reecho-go/reecho/cachedata"
)

type row struct {
	ID   int
	Name string
	Note string
	Cost float64
}

type query struct {
	State   string
	Species []string
	Page    int
}

func rows(n int) []row {
	out := make([]row, n)
	for i := range out {
		out[i] = row{i, fmt.Sprint("name ", i), "note", float64(i)}
	}
	return out
}

// newCache returns a cache in a group of its own.
func newCache[K, V any](tb testing.TB, load func(context.Context, K) (V, error), cfg cachedata.Config, funcs ...cachedata.Funcs[K, V]) *cachedata.Cache[K, V] {
	tb.Helper()
	if cfg.Group == nil {
		cfg.Group = newGroup(tb, cachedata.GroupConfig{})
	}
	c, err := cachedata.New("test", load, cfg, funcs...)
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

// newGroup returns a group that is closed when the test ends.
func newGroup(tb testing.TB, cfg cachedata.GroupConfig) *cachedata.Group {
	tb.Helper()
	g, err := cachedata.NewGroup("group", cfg)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := g.Close(context.Background()); err != nil {
			tb.Error(err)
		}
	})
	return g
}

func BenchmarkHit(b *testing.B) {
	ctx := context.Background()
	const n = 1000 // a power of ten of keys, all in memory

	b.Run("key=int/value=int/engine", func(b *testing.B) {
		c := otter.Must(&otter.Options[int, int]{MaximumSize: 10_000})
		for i := range n {
			c.Set(i, i)
		}
		i := 0
		b.ReportAllocs()
		for b.Loop() {
			if _, ok := c.GetIfPresent(i % n); !ok {
				b.Fatal("a miss")
			}
			i++
		}
	})
	for _, ttl := range []cachedata.Config{{}, {TTL: 1 << 40}} {
		name := "key=int/value=int"
		if ttl.TTL > 0 {
			name += "/ttl"
		}
		b.Run(name, func(b *testing.B) {
			c := newCache(b, func(_ context.Context, k int) (int, error) { return k, nil }, ttl)
			benchHits(b, ctx, c, func(i int) int { return i % n }, n)
		})
	}
	b.Run("key=string/value=int", func(b *testing.B) {
		keys := make([]string, n)
		for i := range keys {
			keys[i] = fmt.Sprint("user:", i)
		}
		c := newCache(b, func(_ context.Context, k string) (int, error) { return len(k), nil }, cachedata.Config{})
		benchHits(b, ctx, c, func(i int) string { return keys[i%n] }, n)
	})
	b.Run("key=struct/value=int", func(b *testing.B) {
		c := newCache(b, func(_ context.Context, q query) (int, error) { return q.Page, nil }, cachedata.Config{})
		species := []string{"gull", "dove", "hawk"}
		benchHits(b, ctx, c, func(i int) query { return query{"Texas", species, i % n} }, n)
	})
	b.Run("key=struct/value=100 rows", func(b *testing.B) {
		c := newCache(b, func(context.Context, query) ([]row, error) { return rows(100), nil }, cachedata.Config{})
		species := []string{"gull", "dove", "hawk"}
		benchHits(b, ctx, c, func(i int) query { return query{"Texas", species, i % n} }, n)
	})
}

func benchHits[K, V any](b *testing.B, ctx context.Context, c *cachedata.Cache[K, V], key func(i int) K, n int) {
	for i := range n {
		if _, err := c.Get(ctx, key(i)); err != nil {
			b.Fatal(err)
		}
	}
	i := 0
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.Get(ctx, key(i)); err != nil {
			b.Fatal(err)
		}
		i++
	}
	b.StopTimer()
	if s := c.Stats(); s.Misses != uint64(n) {
		b.Errorf("%d misses, want %d", s.Misses, n)
	}
}

func BenchmarkHitParallel(b *testing.B) {
	c := newCache(b, func(_ context.Context, k int) (int, error) { return k, nil }, cachedata.Config{})
	for _, keys := range []int{1, 1000} {
		b.Run(fmt.Sprintf("keys=%d", keys), func(b *testing.B) {
			b.RunParallel(func(pb *testing.PB) {
				for i := 0; pb.Next(); i++ {
					if _, err := c.Get(context.Background(), i%keys); err != nil {
						b.Fatal(err)
					}
				}
			})
		})
	}
}

func BenchmarkMiss(b *testing.B) {
	c := newCache(b, func(_ context.Context, k int) (int, error) { return k, nil }, cachedata.Config{})
	i := 0
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.Get(context.Background(), i); err != nil {
			b.Fatal(err)
		}
		i++
	}
}

func BenchmarkClear(b *testing.B) {
	c := newCache(b, func(_ context.Context, k int) (int, error) { return k, nil }, cachedata.Config{})
	b.ReportAllocs()
	for b.Loop() {
		if err := c.Clear(context.Background()); err != nil {
			b.Fatal(err)
		}
	}
}
