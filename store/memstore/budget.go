package memstore

import "sync/atomic"

// budget is what the shards share: the bounds, what is used of them, and the
// counters.
type budget struct {
	maxEntries, maxBytes int64
	refuse               bool

	entries, bytes   atomic.Int64
	evicted, expired atomic.Uint64
}

// reserve books entries and bytes. With refuse it books only what fits, and says
// whether it did; two calls at the same moment may then both be refused where
// one of them would fit. The last quarter is not for what is expendable.
func (b *budget) reserve(entries, bytes int64, expendable bool) bool {
	mostEntries, mostBytes := b.maxEntries, b.maxBytes
	if expendable {
		mostEntries, mostBytes = mostEntries-mostEntries/4, mostBytes-mostBytes/4
	}
	over := b.entries.Add(entries) > mostEntries && entries > 0
	over = b.bytes.Add(bytes) > mostBytes && bytes > 0 || over
	if over && b.refuse {
		b.release(entries, bytes)
		return false
	}
	return true
}

// release returns what was reserved.
func (b *budget) release(entries, bytes int64) {
	b.entries.Add(-entries)
	b.bytes.Add(-bytes)
}

// fits says whether the bounds are kept.
func (b *budget) fits() bool {
	return b.entries.Load() <= b.maxEntries && b.bytes.Load() <= b.maxBytes
}
