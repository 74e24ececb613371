package cachedata

import (
	"context"
	"strings"

	"github.com/reecho-go/reecho/internal/group"
)

// Queued returns how many entries wait to expire.
func Queued[K, V any](c *Cache[K, V]) int { return c.core.table.era.Load().entries.queued() }

// Kept returns how many results a cache in session scope has noted for its
// visitors.
func Kept[K, V any](c *Cache[K, V]) (n int) { return c.core.sessions.kept() }

func (s *sessions) kept() (n int) {
	for v := range s.visits.All() {
		v.mu.Lock()
		n += len(v.kept)
		v.mu.Unlock()
	}
	return n
}

// HitStripes returns how many of the stripes of the hit counter were used.
func HitStripes[K, V any](c *Cache[K, V]) int { return c.core.counters.hitStripes() }

func (c *counters) hitStripes() (n int) {
	for i := range c.hits {
		if c.hits[i].n.Load() > 0 {
			n++
		}
	}
	return n
}

// Sizes returns what each entry counts.
func Sizes[K, V any](c *Cache[K, V]) []int64 { return c.core.sizes() }

func (c *core) sizes() (sizes []int64) {
	for _, e := range c.table.era.Load().entries.all() {
		sizes = append(sizes, e.bytes())
	}
	return sizes
}

// Beside returns what an entry counts beside its result, by a key of one word,
// or of a text of so many bytes.
func Beside[K, V any](text int, ttl, more bool) int64 {
	g := Must(NewGroup("beside", GroupConfig{}))
	c := Must(New("beside", func(context.Context, K) (v V, _ error) { return v, nil }, Config{Group: g})).core
	f := plain
	switch {
	case more:
		f = rich
	case ttl:
		f = timed
	}
	return (&slot{table: &c.table, id: id{Text: strings.Repeat("x", text)}}).beside(f, nil, nil)
}

// TagsCleared returns how many clears of tags the group remembers.
func (g *Group) TagsCleared() int { return g.group.Tags().Len() }

// SweepTags frees what tags were cleared of and forgets these clears, as the
// group does from time to time.
func (g *Group) SweepTags() {
	oldest := g.group.Tags().Now()
	for _, m := range g.group.Members() {
		oldest = min(oldest, m.(group.Tagged).SweepTags(true))
	}
	g.group.Tags().Prune(oldest)
}

// RoundTrip is the Config that a cache made with cfg returns.
func RoundTrip(cfg Config) Config {
	s := cfg.settings()
	return s.config()
}
