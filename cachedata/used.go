package cachedata

import (
	"context"
	"encoding/binary"
	"hash/maphash"
	"sync/atomic"
	"time"
	"unsafe"

	"github.com/reecho-go/reecho/internal/group"
	"github.com/reecho-go/reecho/internal/level"
	"github.com/reecho-go/reecho/internal/uses"
)

// used is a [uses.Stamp] of a result. All but what the entry has is noted before the
// result is looked for.
type used struct {
	core        *core
	era         *era
	count       *atomic.Uint64
	changes     uint64
	annotations *annotations // of the entry, or nil
	part        *level.Part  // that other processes know it by; nil: there is no store
}

// Holds implements uses.Stamp.
func (u *used) Holds() bool {
	t := &u.core.table
	return t.era.Load() == u.era && u.count.Load() == u.changes && !u.core.closed.Load() &&
		!u.core.tagCleared(u.annotations) && u.annotations.softly(never) == never
}

// Part returns what other processes know the result by, and whose it is. The Birth is
// zero if they cannot.
func (u *used) Part() (p level.Part, of level.Neighbour) {
	if u.part == nil {
		return p, nil
	}
	return *u.part, u.core.second
}

// renew is called after a change that the caller itself has made.
func (u *used) renew() {
	if u != nil && u.count.Load() == u.changes+1 {
		u.changes++
	}
}

// recorder returns who is to be told that the result of a call is used, or nil.
func (c *core) recorder(ctx context.Context) uses.Recorder {
	if !uses.Recording() {
		return nil
	}
	return uses.Of(ctx)
}

// use is called before the result of key is looked for. It returns nil if the result
// is one visitor's, or there cannot be any.
func (c *core) use(ctx context.Context, key unsafe.Pointer) *used {
	if c.sessions != nil {
		return nil
	}
	u := &used{core: c, era: c.table.era.Load()}
	var p slot
	if err := c.findSlot(ctx, key, &p); err != nil {
		return nil
	}
	counters := c.table.counted()
	if s := c.second; s == nil {
		u.count = counters.at(p.id)
	} else if k, ok := s.keyOf(&p); ok {
		u.part = &level.Part{Cache: c.name, Fingerprint: k.Fingerprint, Sum: s.kept.Sum(k)}
		u.count = counters.of(u.part.Sum)
	} else {
		return nil
	}
	u.changes = u.count.Load()
	return u
}

// tell tells r that e, which may be nil for an error, is used.
func (u *used) tell(r uses.Recorder, e *entry) {
	if u == nil {
		r.Use(nil, 0)
		return
	}
	left := uses.Forever
	if e != nil {
		u.annotations = e.annotations()
		if u.part != nil && e.err() == nil {
			u.part.Birth = *u.core.birth(e)
			if u.annotations != nil {
				u.part.Tags = u.annotations.tags
			}
		}
		if l := e.lifetime(); l != nil {
			if soft := u.annotations.softly(l.soft); soft != never {
				left = time.Duration(soft - u.core.group.Now())
			}
		}
		if u.annotations != nil && u.annotations.passing {
			left = 0
		}
	}
	r.Use(u, left)
}

// The numbers of counters. What changes elsewhere changes more often.
const (
	ownCounters    = 256
	sharedCounters = 4096
)

// counted returns the counters of changes, which are made when somebody first asks.
func (t *table) counted() *changes {
	if c := t.changes.Load(); c != nil {
		return c
	}
	n := ownCounters
	if t.core.second != nil {
		n = sharedCounters
	}
	t.changes.CompareAndSwap(nil, &changes{seed: maphash.MakeSeed(), counts: make([]atomic.Uint64, n)})
	return t.changes.Load()
}

// at returns the counter of a key.
func (c *changes) at(id id) *atomic.Uint64 {
	return &c.counts[maphash.Comparable(c.seed, id)%uint64(len(c.counts))]
}

// of returns the counter of a key of a cache with a store: what others change has no
// other name.
func (c *changes) of(s level.Sum) *atomic.Uint64 {
	return &c.counts[binary.NativeEndian.Uint64(s[:])%uint64(len(c.counts))]
}

// changed notes that the result of p is not what it was. It is called when that is
// so, and before the caller of the change learns of it.
func (p *slot) changed() {
	c := p.changes.Load()
	if c == nil {
		return
	}
	if s := p.core.second; s == nil {
		c.at(p.id).Add(1)
	} else if k, ok := s.keyOf(p); ok {
		c.of(s.kept.Sum(k)).Add(1)
	}
}

// changedSome notes that some keys are not what they were.
func (t *table) changedSome() {
	if c := t.changes.Load(); c != nil {
		for i := range c.counts {
			c.counts[i].Add(1)
		}
	}
}

// beside returns what the cache of that name in c's group has in its store, or nil.
func (c *core) beside(name string) level.Neighbour {
	if m, ok := c.group.Member(name).(*member); ok && m.core.second != nil {
		return m.core.second
	}
	return nil
}

// Recall implements level.Neighbour.
func (s *secondLevel) Recall(parts []level.Part) []uses.Stamp {
	c := s.core
	counters, in, clears := c.table.counted(), c.table.era.Load(), c.group.Tags().Now()
	stamps := make([]uses.Stamp, len(parts))
	for i := range parts {
		u := &used{core: c, era: in, count: counters.of(parts[i].Sum), part: &parts[i]}
		u.changes = u.count.Load()
		if len(parts[i].Tags) > 0 {
			u.annotations = &annotations{tags: parts[i].Tags, set: group.TagSetOf(parts[i].Tags...)}
			u.annotations.setClearsBefore(clears)
		}
		stamps[i] = u
	}
	return stamps
}

// Judge implements level.Neighbour.
func (s *secondLevel) Judge(ctx context.Context, parts []level.Part) bool {
	return s.kept.Judge(ctx, parts)
}

// Place implements level.Neighbour.
func (s *secondLevel) Place() any { return s.kept.Place() }
