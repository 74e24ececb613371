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

// used is the [uses.Stamp] of a result. The fields from the entry are set when the
// result was found, all others before it is looked for.
type used struct {
	core        *core
	era         *era
	count       *atomic.Uint64
	changes     uint64
	annotations *annotations // of the entry, or nil
	part        *level.Part  // names the result for other processes; nil: there is no store
}

// Holds implements uses.Stamp.
func (u *used) Holds() bool {
	t := &u.core.table
	return t.era.Load() == u.era && u.count.Load() == u.changes && !u.core.closed.Load() &&
		!u.core.tagCleared(u.annotations) && u.annotations.softly(never) == never
}

// Part returns the name of the result for other processes, and the cache that it is
// from. Its Birth is zero if the store does not have the result.
func (u *used) Part() (p level.Part, of level.Dependency) {
	if u.part == nil {
		return p, nil
	}
	return *u.part, u.core.second
}

// renew counts a change that the caller itself has made as seen, if it was the only
// one.
func (u *used) renew() {
	if u != nil && u.count.Load() == u.changes+1 {
		u.changes++
	}
}

// recorder returns the recorder that notes which results a call with ctx uses, or nil.
func (c *core) recorder(ctx context.Context) uses.Recorder {
	if !uses.Recording() {
		return nil
	}
	return uses.Of(ctx)
}

// use begins the stamp of the result of key, before it is looked for. It returns nil
// in session scope and for a key that is an error.
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
		u.part = &level.Part{Cache: c.name, Fingerprint: k.Fingerprint, Sum: s.level.Sum(k)}
		u.count = counters.of(u.part.Sum)
	} else {
		return nil
	}
	u.changes = u.count.Load()
	return u
}

// tell tells the recorder r that e is used. A nil e is an error of the call.
func (u *used) tell(r uses.Recorder, e *entry) {
	if u == nil {
		r.Use(nil, 0)
		return
	}
	left := uses.Forever
	if e != nil {
		u.annotations = e.annotations()
		if u.part != nil && e.err() == nil {
			u.part.Revision = *u.core.revision(e)
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

// The numbers of counters. Shared stores have more, because other processes change
// results too.
const (
	ownCounters    = 256
	sharedCounters = 4096
)

// counted returns the counters of changes. They are made when they are first needed.
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

// of returns the counter of a key of a cache with a store. News of other processes
// names a key by its sum only.
func (c *changes) of(s level.Sum) *atomic.Uint64 {
	return &c.counts[binary.NativeEndian.Uint64(s[:])%uint64(len(c.counts))]
}

// changed counts a change of the result of p. It is called after the change, and
// before the call that made it returns.
func (p *slot) changed() {
	c := p.changes.Load()
	if c == nil {
		return
	}
	if s := p.core.second; s == nil {
		c.at(p.id).Add(1)
	} else if k, ok := s.keyOf(p); ok {
		c.of(s.level.Sum(k)).Add(1)
	}
}

// changedSome counts a change of every key, because any may have changed.
func (t *table) changedSome() {
	if c := t.changes.Load(); c != nil {
		for i := range c.counts {
			c.counts[i].Add(1)
		}
	}
}

// dependency returns the store side of the cache with that name in the group of c, or nil.
func (c *core) dependency(name string) level.Dependency {
	if m, ok := c.group.Member(name).(*member); ok && m.core.second != nil {
		return m.core.second
	}
	return nil
}

// Stamps implements level.Dependency.
func (s *secondLevel) Stamps(parts []level.Part) []uses.Stamp {
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

// AreCurrent implements level.Dependency.
func (s *secondLevel) AreCurrent(ctx context.Context, parts []level.Part) bool {
	return s.level.AreCurrent(ctx, parts)
}

// Backend implements level.Dependency.
func (s *secondLevel) Backend() any { return s.level.Backend() }
