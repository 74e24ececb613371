package cachedata

import (
	"strings"

	"github.com/reecho-go/reecho/internal/group"
)

// Queued returns how many entries wait to expire.
func (c *Cache[K, V]) Queued() int {
	return c.contents().(interface{ queued() int }).queued()
}

func (s *sessions[K, V]) queued() int { return s.table.queued() }

// Kept returns how many results a cache in session scope has noted for its
// visitors.
func (c *Cache[K, V]) Kept() (n int) {
	for v := range c.sessions.visits.All() {
		v.mu.Lock()
		n += len(v.kept)
		v.mu.Unlock()
	}
	return n
}

func (t *table[I, K, V]) queued() int {
	x := &t.era.Load().expiry
	x.mu.Lock()
	defer x.mu.Unlock()
	return len(x.queue)
}

// HitStripes returns how many of the stripes of the hit counter were used.
func (c *Cache[K, V]) HitStripes() int {
	n := 0
	for i := range c.counters.hits {
		if c.counters.hits[i].n.Load() > 0 {
			n++
		}
	}
	return n
}

// Sizes returns what each entry counts.
func (c *Cache[K, V]) Sizes() (sizes []int64) {
	return c.contents().(interface{ sizes() []int64 }).sizes()
}

// Beside returns what an entry counts beside its result, by a key of one word,
// or of a text of so many bytes.
func Beside[K, V any](text int, ttl, more bool) int64 {
	var key K
	f := plain
	switch {
	case more:
		f = rich
	case ttl:
		f = timed
	}
	if text > 0 {
		return (&place[string, K, V]{id: strings.Repeat("x", text)}).beside(f, key, nil, nil)
	}
	return new(place[uint64, K, V]).beside(f, key, nil, nil)
}

func (s *sessions[K, V]) sizes() []int64 { return s.table.sizes() }

func (t *table[I, K, V]) sizes() (sizes []int64) {
	for _, e := range t.era.Load().entries.all() {
		sizes = append(sizes, e.bytes())
	}
	return sizes
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
