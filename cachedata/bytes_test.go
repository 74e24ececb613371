//go:build !race

package cachedata_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/reecho-go/reecho/cachedata"
	"github.com/reecho-go/reecho/internal/heaptest"
)

// grown is a cache that is filled, whose bytes are measured.
type grown struct {
	name string
	fill func(t *testing.T, entries int) (cachedata.Stats, func() error)
}

func grownBy[K, V any](name string, cfg cachedata.Config, key func(int) K, value func(int) V, funcs ...cachedata.Funcs[K, V]) grown {
	return grown{name, func(t *testing.T, entries int) (cachedata.Stats, func() error) {
		t.Helper()
		cfg := cfg
		cfg.MaxEntries, cfg.Group = entries, newGroup(t, cachedata.GroupConfig{})
		c, err := cachedata.New(name, func(context.Context, K) (v V, _ error) { return v, errDown }, cfg, funcs...)
		if err != nil {
			t.Fatal(err)
		}
		for i := range entries {
			if err := c.Put(t.Context(), key(i), value(i)); err != nil {
				t.Fatal(err)
			}
		}
		return c.Stats(), func() error { return c.Close(context.WithoutCancel(t.Context())) }
	}}
}

// Stats.Bytes is what the heap grows by. Not parallel: memory is everybody's.
// With the race detector, small objects share no memory.
func TestBytesAreWhatTheHeapGrowsBy(t *testing.T) {
	type query struct {
		Page int
		Tags []string
	}
	number := func(i int) int { return i }
	text := func(i int) string { return fmt.Sprintf("%024d", i) }
	timed := cachedata.Config{TTL: time.Hour}
	const entries = 1 << 13
	for _, tt := range []grown{
		grownBy("number", cachedata.Config{}, number, number),
		grownBy("number, timed", timed, number, number),
		grownBy("text", cachedata.Config{}, text, text),
		grownBy("text, timed", timed, text, text),
		grownBy("small map", cachedata.Config{}, number, func(i int) map[string]int { return map[string]int{"a": i} }),
		grownBy("small map of texts, stale", cachedata.Config{TTL: time.Hour, Stale: cachedata.StaleConfig{For: time.Hour}}, text, func(i int) map[string]string {
			return map[string]string{"name": text(i), "city": text(-i)}
		}),
		grownBy("map of 20", timed, number, func(i int) map[int]int {
			m := map[int]int{}
			for j := range 20 {
				m[i+j] = j
			}
			return m
		}),
		grownBy("slice", timed, number, func(i int) []int64 { return make([]int64, i%50) }),
		grownBy("any", timed, number, func(i int) any { return []string{text(i)} }),
		grownBy("struct for a key", timed, func(i int) query { return query{i, []string{text(i), text(i + 1)}} }, number),
		grownBy("tags", timed, number, text, cachedata.Funcs[int, string]{Tags: func(i int, _ string) []string {
			return []string{strings.Repeat("x", 20) + text(i), text(i)}
		}}),
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, end := tt.fill(t, 10) // it also makes what other caches use
			if err := end(); err != nil {
				t.Fatal(err)
			}
			before := heaptest.InUse()
			s, end := tt.fill(t, entries)
			got := heaptest.InUse() - before
			if err := end(); err != nil {
				t.Fatal(err)
			}
			t.Logf("%d bytes for each of %d entries, counted are %d", got/int64(s.Entries), s.Entries, s.Bytes/int64(s.Entries))
			if slack := got / 5; s.Entries < entries*9/10 || s.Bytes < got-slack || s.Bytes > got+slack {
				t.Errorf("%d entries take %d bytes, and Stats says %d", s.Entries, got, s.Bytes)
			}
		})
	}
}
