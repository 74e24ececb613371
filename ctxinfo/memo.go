package ctxinfo

import (
	"hash/maphash"
	"strings"
	"sync/atomic"
)

// memo remembers the results of a pure function of a string in a table of
// fixed size: each string has one place and pushes out what was there. Clients
// can choose the strings, so neither its size nor its worst case depends on
// them. It is safe for concurrent use, without locks.
type memo[V any] struct {
	seed  maphash.Seed
	slots [1 << 9]atomic.Pointer[memoEntry[V]]
}

type memoEntry[V any] struct {
	key   string
	value V
}

func newMemo[V any]() *memo[V] { return &memo[V]{seed: maphash.MakeSeed()} }

// get returns f(key), remembered or computed now. The result is shared: it
// must not be changed.
func (m *memo[V]) get(key string, f func(string) V) *V {
	slot := &m.slots[maphash.String(m.seed, key)%uint64(len(m.slots))]
	if e := slot.Load(); e != nil && e.key == key {
		return &e.value
	}
	// The clone keeps the entry from holding on to the request's buffers.
	e := &memoEntry[V]{key: strings.Clone(key)}
	e.value = f(e.key)
	slot.Store(e)
	return &e.value
}
