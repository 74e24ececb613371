package cachedata

import (
	"cmp"
	"container/list"
	"context"
	"encoding/binary"

	"github.com/reecho-go/reecho/internal/visitors"
	"github.com/reecho-go/reecho/observe"
)

func newSessions(c *core) *sessions {
	s := &sessions{core: c, table: &c.table, maxPerSession: cmp.Or(c.cfg.MaxPerSession, defaultMaxPerSession)}
	s.visits = visitors.New(visitors.Config[*visitor]{
		Most: cmp.Or(c.cfg.MaxSessions, defaultMaxSessions),
		Now:  c.group.Now,
		Make: s.visitor,
		Left: s.left,
		Due:  c.group.Arm,
	})
	return s
}

// visitor returns a new visitor.
func (s *sessions) visitor() *visitor {
	v := new(visitor)
	binary.NativeEndian.PutUint64(v.prefix[:], s.serial.Add(1))
	return v
}

// sweep implements owners. It also frees the lists of entries that a clear has
// dropped.
func (s *sessions) sweep(now int64) (next int64) {
	next = s.visits.Sweep(now)
	r := s.table.era.Load()
	for v := range s.visits.All() {
		v.prune(r)
	}
	return next
}

// left drops the entries of a visitor that has ended.
func (s *sessions) left(v *visitor, cause visitors.Cause) {
	why := observe.CauseSession
	switch cause {
	case visitors.Crowded:
		why = observe.CauseSize
	case visitors.Dropped:
		why = observe.CauseCleared
	}
	for _, text := range v.end() {
		s.table.drop(context.Background(), id{Text: text}, "session", why)
	}
}

// admit implements owners.
func (s *sessions) admit(r *era, id id, e *entry) bool {
	current := func() bool { return s.table.era.Load() == r }
	return (*s.core.owner(e)).keep(r, current, kept{id.Text, e})
}

// forget implements owners.
func (s *sessions) forget(id id, e *entry) { (*s.core.owner(e)).forget(id.Text, e) }

// settle implements owners: it evicts the visitor's oldest entries beyond the bound.
func (s *sessions) settle(v *visitor) {
	r := s.table.era.Load()
	for _, k := range v.surplus(r, s.maxPerSession) {
		key := id{Text: k.id}
		removed := false
		r.flights.Guard(key, func() { removed = r.entries.removeIf(key, k.entry) })
		if removed {
			s.table.left(context.Background(), r, key, k.entry, observe.CauseSize)
		}
	}
}

// keep notes an entry of the era r, unless the visitor has ended or r is no longer
// the current era.
func (v *visitor) keep(r *era, current func() bool, k kept) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.over || v.in != r && !current() {
		return false
	}
	if v.in != r {
		v.in = r
		v.empty()
	}
	if v.kept == nil {
		v.kept = make(map[string]*list.Element)
	}
	if old := v.kept[k.id]; old != nil {
		v.all.Remove(old)
	}
	v.kept[k.id] = v.all.PushBack(k)
	return true
}

// forget notes that an entry has gone, unless it has been replaced.
func (v *visitor) forget(id string, e *entry) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if at := v.kept[id]; at != nil && at.Value.(kept).entry == e {
		v.all.Remove(at)
		delete(v.kept, id)
	}
}

// surplus removes and returns the oldest entries of the era r until most are left.
func (v *visitor) surplus(r *era, most int) (out []kept) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for v.in == r && v.all.Len() > most {
		k := v.all.Remove(v.all.Front()).(kept)
		delete(v.kept, k.id)
		out = append(out, k)
	}
	return out
}

// end lets the visitor keep no more entries, and returns the ids of its entries.
func (v *visitor) end() (ids []string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.over = true
	for id := range v.kept {
		ids = append(ids, id)
	}
	v.empty()
	return ids
}

// prune frees the list of entries if it is of an era before r.
func (v *visitor) prune(r *era) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.in != nil && v.in != r {
		v.in = nil
		v.empty()
	}
}

func (v *visitor) empty() {
	v.kept = nil
	v.all.Init()
}
