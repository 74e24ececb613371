package cachedata

import (
	"cmp"
	"container/list"
	"context"
	"encoding/binary"
	"fmt"
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/reecho-go/reecho/internal/keys"
	"github.com/reecho-go/reecho/internal/visit"
	"github.com/reecho-go/reecho/internal/visitors"
	"github.com/reecho-go/reecho/observe"
)

// Scope says who shares the results of a cache.
type Scope uint8

const (
	// Global results are shared by all visitors. A load cannot see the visitor who
	// caused it; see [ErrVisitorInGlobalLoad]. If it reads other values of the
	// request's context, the event observe.ContextRead tells.
	Global Scope = iota
	// Session results belong to one visitor: to the session of the context of the
	// call. They end when the session is destroyed or expires and when another user
	// logs in; they stay when the session gets a new id. Loads see the visitor. A
	// visitor without a session gets one. If the program has declared its visitors
	// (middleware.Visitor), the results belong to the declared visitor, and end with
	// Forget; if there is a session too, they belong to both and end with either.
	// Without a session and a visitor, calls fail with [ErrNoSession].
	Session
)

// String returns the name of s in lower case.
func (s Scope) String() string {
	switch s {
	case Global:
		return "global"
	case Session:
		return "session"
	}
	return fmt.Sprintf("Scope(%d)", uint8(s))
}

// ErrNoSession says that a cache in session scope was used for nobody: with a
// context that is not that of a request, where no sessionstate plugin is in
// place, and no visitor declared (middleware.Visitor) or none logged in. It has
// no HTTP status. It is the same value in cachedata, cacheresource and
// sessionstate.
var ErrNoSession = visit.ErrNoSession

// validateScope reports what is wrong with the scope and its bounds.
func (cfg *settings) validateScope(bad func(format string, args ...any)) {
	if cfg.Scope > Session {
		bad("Scope is %v: use Global or Session", cfg.Scope)
	}
	for _, b := range []struct {
		name  string
		value int
		zero  int
	}{
		{"Session.MaxEntries", cfg.MaxPerSession, defaultMaxPerSession},
		{"Session.MaxSessions", cfg.MaxSessions, defaultMaxSessions},
	} {
		switch {
		case b.value < 0:
			bad("%s is %d: use 0 for %d", b.name, b.value, b.zero)
		case b.value > 0 && cfg.Scope == Global:
			bad("%s is %d, but the scope is global: set Scope to Session, or leave it out", b.name, b.value)
		}
	}
}

// sessions is what a cache in session scope has instead of a plain table: one
// whose keys are those of visitors.
type sessions struct {
	core          *core
	table         *table
	serial        atomic.Uint64
	visits        *visitors.Registry[*visitor]
	maxPerSession int
}

// visitor knows what one visitor keeps. Its lock is among the innermost.
type visitor struct {
	prefix [prefixLen]byte // with which the ids of its entries begin; no other visitor of the cache ever has it

	mu   sync.Mutex
	over bool
	in   *era // that kept is about
	kept map[string]*list.Element
	all  list.List // of kept, those stored first in front
}

const prefixLen = 8

// kept is one entry that a visitor keeps.
type kept struct {
	id    string // with the visitor's prefix
	entry *entry
}

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

// sessionOf returns the session of ctx.
func (s *sessions) sessionOf(ctx context.Context) (visit.Life, error) {
	if ctx == nil {
		return nil, s.core.noContext()
	}
	life, err := visit.Lend(ctx)
	switch {
	case err == visit.ErrNone:
		return nil, fmt.Errorf("cachedata: %s: %w", s.core.name, ErrNoSession)
	case err != nil:
		return nil, fmt.Errorf("cachedata: %s: %w", s.core.name, err)
	}
	return life, nil
}

// find returns the visitor's entry of the key if there is one.
func (s *sessions) find(ctx context.Context, key unsafe.Pointer) (*entry, error) {
	life, err := s.sessionOf(ctx)
	if err != nil {
		return nil, err
	}
	v, ok := s.visits.Find(life)
	if !ok {
		return nil, nil
	}
	buf := keys.Borrow()
	id, err := s.core.keys.AppendID(append(*buf, v.prefix[:]...), key)
	if err != nil {
		keys.Return(buf, nil)
		return nil, err
	}
	e := s.table.era.Load().entries.view(id)
	keys.Return(buf, id)
	return e, nil
}

// slot makes p the visitor's slot of the key.
func (s *sessions) slot(ctx context.Context, key unsafe.Pointer, p *slot) error {
	life, err := s.sessionOf(ctx)
	if err != nil {
		return err
	}
	text, err := s.core.keys.AppendID(make([]byte, prefixLen), key)
	if err != nil {
		return err
	}
	if p.own, err = s.core.keys.Own(key); err != nil {
		return err
	}
	if p.visitor, err = s.visits.Of(life); err != nil {
		return fmt.Errorf("%w: %s", ErrClosed, s.core.name)
	}
	copy(text, p.visitor.prefix[:])
	p.id.Text = string(text)
	return nil
}

// keyOf returns the key of an entry by its identity, which says all of it.
func (s *sessions) keyOf(own id) unsafe.Pointer {
	own.Text = own.Text[prefixLen:]
	if s.core.shape == keys.Word {
		own.Word = keys.ParseWord(own.Text)
	}
	return s.core.keyOf(&own)
}

// ClearSession drops what a cache in session scope keeps for the session, or
// the declared visitor, of ctx. When it has returned, no call of that session that starts later gets a
// result whose load had started before. It runs no hooks. The error is
// [ErrNoSession], also in global scope, [ErrClosed], or that of the session.
func (c *Cache[K, V]) ClearSession(ctx context.Context) error { return c.core.clearSession(ctx) }

func (c *core) clearSession(ctx context.Context) error {
	if err := c.openTo(ctx); err != nil {
		return err
	}
	if c.sessions == nil {
		return fmt.Errorf("cachedata: %s has global scope: %w", c.name, ErrNoSession)
	}
	life, err := c.sessions.sessionOf(ctx)
	if err != nil {
		return err
	}
	c.sessions.visits.Drop(life)
	return nil
}

// sweep implements owners: it frees what visitors know of what a clear has
// dropped.
func (s *sessions) sweep(now int64) (next int64) {
	next = s.visits.Sweep(now)
	r := s.table.era.Load()
	for v := range s.visits.All() {
		v.prune(r)
	}
	return next
}

// left drops what a visitor has kept that has left.
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

// settle implements owners: it makes room for what was stored last.
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

// keep notes an entry of the era r, unless the visitor has left or r is not
// the current one any more.
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

// surplus returns those stored first of more than most entries of the era r.
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

// end lets the visitor keep nothing any more, and returns the keys of what it
// has kept.
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

// prune lets go of what a clear has dropped before r.
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
