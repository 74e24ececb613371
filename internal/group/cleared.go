package group

import (
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
)

// What a Tags remembers at most: of how many tags the last clear, and how many
// bytes of names.
const (
	maxTags     = 1 << 16
	maxTagBytes = 8 << 20
)

// Tags records the clears of tags in one domain, such as a group of caches. It
// numbers the clears, and keeps for each tag the number of its last one, but not
// the results that have the tag. The zero Tags is ready to use and safe for
// concurrent use.
//
// It keeps a cleared tag until Prune. When there are more than 65,536 tags, or
// their names take more than 8 MiB, all tags count as cleared: this bounds its
// memory.
type Tags struct {
	count atomic.Uint64 // changed under mu, where last is too: so they agree under mu

	mu        sync.RWMutex
	last      map[Tag]uint64
	bytes     int    // of the names in last
	all       uint64 // when everything with a tag was cleared
	forgotten uint64 // the clears up to this one may have been forgotten
	peak      int
}

// Tag is a tag of one member of the domain, or of all of them if Member is
// empty. A clear of one that is Soft makes stale what has it.
type Tag struct {
	Member, Name string
	Soft         bool
}

// Now returns the number of the latest clear. It is at least the number of every
// clear that has returned. Note it when a load begins.
func (t *Tags) Now() uint64 { return t.count.Load() }

// Clear clears tags in one step.
func (t *Tags) Clear(tags ...Tag) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.count.Load() + 1
	defer t.count.Store(now)
	if t.last == nil {
		t.last = make(map[Tag]uint64)
	}
	for _, tag := range tags {
		if _, known := t.last[tag]; !known {
			if len(t.last) >= maxTags || t.bytes+len(tag.Name) > maxTagBytes {
				t.last, t.bytes, t.peak, t.all = nil, 0, 0, now
				return
			}
			t.bytes += len(tag.Name)
			tag.Name = strings.Clone(tag.Name) // it may be part of a whole request
		}
		t.last[tag] = now
	}
	t.peak = max(t.peak, len(t.last))
}

// Cleared reports whether any of the member's tags names was cleared after since,
// and up to which clear this is known. If a clear after since has been forgotten,
// of any tag, it reports true: see [Tags.Prune]. It costs two lookups for each
// name.
func (t *Tags) Cleared(member string, names []string, since uint64) (cleared bool, until uint64) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	until = t.count.Load()
	if len(names) == 0 {
		return false, until
	}
	if t.all > since || t.forgotten > since {
		return true, until
	}
	if len(t.last) == 0 {
		return false, until
	}
	for _, name := range names {
		if t.last[Tag{Name: name}] > since || t.last[Tag{Member: member, Name: name}] > since {
			return true, until
		}
	}
	return false, until
}

// Expired reports whether there was a soft clear of any of the member's tags names
// after since. It costs a lookup for each name.
func (t *Tags) Expired(member string, names []string, since uint64) bool {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return slices.ContainsFunc(names, func(name string) bool {
		return t.last[Tag{Member: member, Name: name, Soft: true}] > since
	})
}

// Prune forgets the clears up to and including until. Before, the caller must
// check all tagged entries in use, and drop those that one of these clears has
// cleared. An entry that was not in use any more, but that somebody still holds,
// counts as cleared from now on.
func (t *Tags) Prune(until uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.forgotten = max(t.forgotten, until)
	maps.DeleteFunc(t.last, func(tag Tag, at uint64) bool {
		if at <= until {
			t.bytes -= len(tag.Name)
		}
		return at <= until
	})
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
