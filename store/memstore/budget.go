package memstore

import "sync/atomic"

// budget is shared by the shards. It has the bounds, the entries and bytes in use, and the
// counters.
type budget struct {
	maxEntries, maxBytes int64
	refuse               bool

	entries, bytes   atomic.Int64
	evicted, expired atomic.Uint64
}

// reserve reserves entries and bytes. With refuse it does so only if they fit, and reports
// whether it did; two calls at the same moment may then both be refused where
// one of them would fit. Expendable entries cannot use the last quarter.
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

// release undoes a reserve.
func (b *budget) release(entries, bytes int64) {
	b.entries.Add(-entries)
	b.bytes.Add(-bytes)
}

// fits reports whether the store is within its bounds.
func (b *budget) fits() bool {
	return b.entries.Load() <= b.maxEntries && b.bytes.Load() <= b.maxBytes
}
