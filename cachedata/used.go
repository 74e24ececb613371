package cachedata

import (
	"context"
	"hash/maphash"
	"sync/atomic"
	"time"
	"unsafe"

	"github.com/reecho-go/reecho/internal/uses"
)

// used is a [uses.Stamp] of a result. All but the entry is noted before the result is
// looked for.
type used struct {
	core        *core
	era         *era
	count       *atomic.Uint64
	changes     uint64
	annotations *annotations // of the entry, or nil
}

// Holds implements uses.Stamp.
func (u *used) Holds() bool {
	t := &u.core.table
	return t.era.Load() == u.era && u.count.Load() == u.changes && !u.core.closed.Load() &&
		!u.core.tagCleared(u.annotations) && u.annotations.softly(never) == never
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
	t := &c.table
	if t.changes.Load() == nil {
		t.changes.CompareAndSwap(nil, &changes{seed: maphash.MakeSeed()})
	}
	u := &used{core: c, era: t.era.Load()}
	var p slot
	if err := c.findSlot(ctx, key, &p); err != nil {
		return nil
	}
	u.count = t.changes.Load().at(p.id)
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

// at returns the counter of a key.
func (c *changes) at(id id) *atomic.Uint64 {
	return &c.counts[maphash.Comparable(c.seed, id)%uint64(len(c.counts))]
}

// changed notes that the result of id is not what it was. It is called when that is
// so, and before the caller of the change learns of it.
func (t *table) changed(id id) {
	if c := t.changes.Load(); c != nil {
		c.at(id).Add(1)
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
