package epoch

import (
	"maps"
	"sync"
	"sync/atomic"
)

// maxTags is of how many tags a Tags remembers the last clear.
const maxTags = 1 << 16

// Tags is the clears of tags in one domain, such as a group of caches: for each
// tag when it was cleared last, by a count of all these clears, and never what
// has the tag. The zero Tags is ready and safe for concurrent use.
//
// A tag that was cleared is remembered until Prune; of more than 65,536, all
// tags count as cleared. So its memory is bounded whatever the tags are.
type Tags struct {
	count atomic.Uint64 // changed under mu, where last is too: so they agree under mu

	mu   sync.RWMutex
	last map[Tag]uint64
	all  uint64 // when everything with a tag was cleared
	peak int
}

// Tag is a tag of one member of the domain, or of all of them if Member is
// empty.
type Tag struct{ Member, Name string }

// Now returns the present: what begins now has a number that is not below that
// of any clear that has returned.
func (t *Tags) Now() uint64 { return t.count.Load() }

// Clear clears a tag, in constant time.
func (t *Tags) Clear(tag Tag) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.count.Load() + 1
	defer t.count.Store(now)
	if _, known := t.last[tag]; !known && len(t.last) >= maxTags {
		t.last, t.peak, t.all = nil, 0, now
		return
	}
	if t.last == nil {
		t.last = make(map[Tag]uint64)
	}
	t.last[tag] = now
	t.peak = max(t.peak, len(t.last))
}

// Cleared reports whether any of the member's tags names has been cleared after
// since, and until when that is known. It costs two lookups for each name.
func (t *Tags) Cleared(member string, names []string, since uint64) (cleared bool, until uint64) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	until = t.count.Load()
	if len(names) == 0 {
		return false, until
	}
	if t.all > since {
		return true, until
	}
	if len(t.last) == 0 {
		return false, until
	}
	for _, name := range names {
		if t.last[Tag{Name: name}] > since || t.last[Tag{member, name}] > since {
			return true, until
		}
	}
	return false, until
}

// Prune forgets the clears up to and including until: the caller knows that
// nothing of before them is left.
func (t *Tags) Prune(until uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	maps.DeleteFunc(t.last, func(_ Tag, at uint64) bool { return at <= until })
	switch {
	case len(t.last) == 0:
		t.last, t.peak = nil, 0
	case t.peak > 4*len(t.last)+64: // a map never shrinks
		t.last, t.peak = maps.Collect(maps.All(t.last)), len(t.last)
	}
}

// Len returns how many clears are remembered.
func (t *Tags) Len() int {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return len(t.last)
}
