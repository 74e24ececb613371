package group

import (
	"hash/maphash"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
)

// The bounds of a Tags: the number of tags whose last clear it remembers, and the
// bytes of their names.
const (
	maxTags     = 1 << 16
	maxTagBytes = 8 << 20
)

// maxRecent is how many of the latest clears are in the ring. A clear of a longer
// name than maxRecentName empties the ring.
const (
	maxRecent     = 256
	maxRecentName = 256
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
	count atomic.Uint64 // changed under mu together with last, so that they agree

	mu        sync.RWMutex
	last      map[Tag]uint64
	bytes     int    // of the names in last
	all       uint64 // the number of the last clear of everything with a tag
	soft      uint64 // the number of the latest soft clear
	forgotten uint64 // clears up to this number may have been forgotten
	peak      int

	recent      []recentClear // a ring: element n, counted from 0, is at n % maxRecent
	recents     uint64        // how many elements were added so far
	recentSince uint64        // all clears after this number are in recent
}

// recentClear is a clear of one tag.
type recentClear struct {
	Tag
	at  uint64
	bit TagSet // the set of the name alone
}

// TagSet is a Bloom filter of names with two bits for each: it tells quickly that a
// name is not among them.
type TagSet [2]uint64

var tagSeed = maphash.MakeSeed()

// TagSetOf returns the set of names.
func TagSetOf(names ...string) (s TagSet) {
	for _, name := range names {
		h := maphash.String(tagSeed, name)
		s[0] |= 1 << (h & 63)
		s[1] |= 1 << (h >> 6 & 63)
	}
	return s
}

// mayHave reports whether the name of bit may be in s.
func (s TagSet) mayHave(bit TagSet) bool { return s[0]&bit[0] != 0 && s[1]&bit[1] != 0 }

// Tag is a tag of one member of the domain, or of all members if Member is empty. If
// it is Soft, a clear makes the results with the tag stale instead of dropping them.
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
		if tag.Soft {
			t.soft = now
		}
		if _, known := t.last[tag]; !known {
			if len(t.last) >= maxTags || t.bytes+len(tag.Name) > maxTagBytes {
				t.last, t.bytes, t.peak, t.all = nil, 0, 0, now
				t.recent, t.recents, t.recentSince = nil, 0, now
				return
			}
			t.bytes += len(tag.Name)
			tag.Name = strings.Clone(tag.Name) // it may be part of a larger text
		}
		t.last[tag] = now
		t.note(tag, now)
	}
	t.peak = max(t.peak, len(t.last))
}

// note adds the clear of tag to the ring.
func (t *Tags) note(tag Tag, now uint64) {
	if len(tag.Name) > maxRecentName {
		t.recent, t.recents, t.recentSince = nil, 0, now
		return
	}
	if t.recent == nil {
		t.recent = make([]recentClear, maxRecent)
	}
	r := &t.recent[t.recents%maxRecent]
	if t.recents >= maxRecent {
		t.recentSince = r.at // other tags of the same step may still be in the ring
	}
	tag.Name = strings.Clone(tag.Name)
	*r = recentClear{tag, now, TagSetOf(tag.Name)}
	t.recents++
}

// Cleared reports whether any of the member's tags names was cleared after since or,
// if not, whether any had a soft clear, and the number of the clear up to which the
// answer holds. set is the TagSetOf names. If a clear after since has been forgotten,
// of any tag, it reports cleared: see [Tags.Prune]. It costs a look at each of the
// clears after since if these are few, and two or three lookups for each name if not.
func (t *Tags) Cleared(member string, names []string, set TagSet, since uint64) (cleared, expired bool, until uint64) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	until = t.count.Load()
	switch {
	case len(names) == 0:
		return false, false, until
	case t.all > since || t.forgotten > since:
		return true, false, until
	case len(t.last) == 0:
		return false, false, until
	}
	if t.recentSince <= since {
		// A look at a recent clear takes a twentieth of the time of a lookup.
		for n := t.recents; ; n-- {
			if n == 0 || t.recents-n == maxRecent || t.recent[(n-1)%maxRecent].at <= since {
				return false, expired, until
			}
			if t.recents-n >= uint64(16*len(names)) {
				break
			}
			r := &t.recent[(n-1)%maxRecent]
			if !set.mayHave(r.bit) || r.Member != "" && r.Member != member || !slices.Contains(names, r.Name) {
				continue
			}
			if !r.Soft {
				return true, false, until
			}
			expired = expired || r.Member == member // soft clears are of one member
		}
	}
	for _, name := range names {
		if t.last[Tag{Name: name}] > since || t.last[Tag{Member: member, Name: name}] > since {
			return true, false, until
		}
	}
	return false, t.soft > since && slices.ContainsFunc(names, func(name string) bool {
		return t.last[Tag{Member: member, Name: name, Soft: true}] > since
	}), until
}

// Prune forgets the clears up to and including until. Before, the caller must check
// all tagged entries of the members, and drop those that one of these clears has
// cleared. An entry that was replaced, and that a caller still holds, counts as
// cleared from now on.
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
	for i := range t.recent {
		if r := &t.recent[i]; r.at <= until {
			*r = recentClear{at: r.at} // frees the name
		}
	}
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
