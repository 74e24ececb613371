package cachedata

import (
	"cmp"
	"container/list"
	"context"
	"errors"
	"fmt"
	"sync"
	"unsafe"

	"github.com/reecho-go/reecho/internal/identity"
	"github.com/reecho-go/reecho/internal/scope"
	"github.com/reecho-go/reecho/internal/visitors"
	"github.com/reecho-go/reecho/observe"
)

// Scope says whose the results of a cache are.
type Scope uint8

const (
	// Global results are everybody's. A load cannot see the visitor who caused it; see
	// [ErrVisitorInGlobalLoad].
	Global Scope = iota
	// Session results are the visitor's own. They belong to the session of the context
	// that a call gets, are seen in no other, and end with it: when it is
	// destroyed, when its time is over, and when another user logs in; a new
	// id of the session keeps them. Loads see the visitor. A visitor without a
	// session is given one. Outside a session there is only [ErrNoSession].
	Session
)

// Bounds of a cache in session scope whose Config has none.
const (
	DefaultMaxPerSession = 1_000
	DefaultMaxSessions   = 10_000
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

// ErrNoSession says that a cache in session scope was used outside a session:
// with a context that is not that of a request, or where no sessionstate
// plugin is in place. It is a mistake in the program and has no HTTP status.
var ErrNoSession = errors.New("cachedata: there is no session in this context: pass that of the request, behind the sessionstate plugin")

// validateScope reports what is wrong with the scope and its bounds.
func (cfg *Config[K, V]) validateScope(bad func(format string, args ...any)) {
	if cfg.Scope > Session {
		bad("Scope is %v: use Global or Session", cfg.Scope)
	}
	for _, b := range []struct {
		name  string
		value int
		zero  int
	}{
		{"MaxPerSession", cfg.MaxPerSession, DefaultMaxPerSession},
		{"MaxSessions", cfg.MaxSessions, DefaultMaxSessions},
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
type sessions[K, V any] struct {
	cache         *Cache[K, V]
	table         *table[sessionKey, K, V]
	visits        *visitors.Registry[*visitor]
	maxPerSession int
}

// sessionKey identifies a key of one visitor. While there is an entry of the
// visitor, no other visitor can be at the same address.
type sessionKey struct {
	visitor *visitor
	id      string
}

// visitor knows what one visitor keeps. Its lock is among the innermost. It
// does not depend on the types of the cache, nor does sessionKey, so that they
// and the engine are compiled once for all of them.
type visitor struct {
	mu   sync.Mutex
	over bool
	in   any // the era that kept is about
	kept map[string]*list.Element
	all  list.List // of kept, those stored first in front
}

// kept is one entry that a visitor keeps.
type kept struct {
	id    string
	entry any
}

func newSessions[K, V any](c *Cache[K, V], cfg Config[K, V]) *sessions[K, V] {
	s := &sessions[K, V]{cache: c, maxPerSession: cmp.Or(cfg.MaxPerSession, DefaultMaxPerSession)}
	s.table = newTable(c, s)
	s.visits = visitors.New(visitors.Config[*visitor]{
		Most: cmp.Or(cfg.MaxSessions, DefaultMaxSessions),
		Now:  c.group.Now,
		Make: func() *visitor { return new(visitor) },
		Left: s.left,
		Due:  c.group.Arm,
	})
	return s
}

// life returns the life of the session of ctx.
func (s *sessions[K, V]) life(ctx context.Context) (scope.Life, error) {
	life, err := scope.Lend(ctx)
	switch {
	case err == scope.ErrNone:
		return nil, fmt.Errorf("%w: %s", ErrNoSession, s.cache.name)
	case err != nil:
		return nil, fmt.Errorf("cachedata: %s: %w", s.cache.name, err)
	}
	return life, nil
}

// find returns the visitor's entry of *key if there is one.
func (s *sessions[K, V]) find(ctx context.Context, key *K) (*entry[K, V], error) {
	life, err := s.life(ctx)
	if err != nil {
		return nil, err
	}
	v, ok := s.visits.Find(life)
	if !ok {
		return nil, nil
	}
	buf := identity.Borrow()
	id, err := s.cache.keys.AppendID(*buf, key)
	if err != nil {
		identity.Return(buf, nil)
		return nil, err
	}
	// Sound for the same reason as in [Cache.find].
	e := s.table.find(sessionKey{v, unsafe.String(unsafe.SliceData(id), len(id))})
	identity.Return(buf, id)
	return e, nil
}

// place returns the visitor's place of key.
func (s *sessions[K, V]) place(ctx context.Context, key K) (*place[sessionKey, K, V], error) {
	life, err := s.life(ctx)
	if err != nil {
		return nil, err
	}
	id, err := s.cache.keys.ID(&key)
	if err != nil {
		return nil, err
	}
	own, err := s.cache.keys.Snapshot(key)
	if err != nil {
		return nil, err
	}
	v, err := s.visits.Of(life)
	if err != nil {
		return nil, fmt.Errorf("%w: %s", ErrClosed, s.cache.name)
	}
	return &place[sessionKey, K, V]{s.table, sessionKey{v, id}, own}, nil
}

// ClearSession drops what a cache in session scope keeps for the session of
// ctx. When it has returned, no call of that session that starts later gets a
// result whose load had started before. It runs no hooks. The error is
// [ErrNoSession], also in global scope, [ErrClosed], or that of the session.
func (c *Cache[K, V]) ClearSession(ctx context.Context) error {
	if err := c.open(); err != nil {
		return err
	}
	if c.sessions == nil {
		return fmt.Errorf("%w: %s has global scope", ErrNoSession, c.name)
	}
	life, err := c.sessions.life(ctx)
	if err != nil {
		return err
	}
	c.sessions.visits.Drop(life)
	return nil
}

// reset drops everything, in constant time; the next sweep frees it.
func (s *sessions[K, V]) reset() int {
	defer s.cache.group.Arm(s.cache.group.Now())
	return s.table.reset()
}

func (s *sessions[K, V]) len() int { return s.table.len() }

func (s *sessions[K, V]) bytes() int64 { return s.table.bytes() }

func (s *sessions[K, V]) shrink(bytes int64) int64 { return s.table.shrink(bytes) }

// sweep frees what has expired and what a clear has dropped.
func (s *sessions[K, V]) sweep(now int64) (next int64) {
	next = min(s.table.sweep(now), s.visits.Sweep(now))
	r := s.table.era.Load()
	for v := range s.visits.All() {
		v.prune(r)
	}
	return next
}

// left drops what a visitor has kept that has left.
func (s *sessions[K, V]) left(v *visitor, cause visitors.Cause) {
	why := observe.CauseSession
	switch cause {
	case visitors.Crowded:
		why = observe.CauseSize
	case visitors.Dropped:
		why = observe.CauseCleared
	}
	for _, id := range v.end() {
		s.table.drop(context.Background(), sessionKey{v, id}, "session", why)
	}
}

// admit implements owners.
func (s *sessions[K, V]) admit(r *era[sessionKey, K, V], id sessionKey, e *entry[K, V]) bool {
	current := func() bool { return s.table.era.Load() == r }
	return id.visitor.keep(r, current, kept{id.id, e})
}

// forget implements owners.
func (s *sessions[K, V]) forget(id sessionKey, e *entry[K, V]) { id.visitor.forget(id.id, e) }

// settle implements owners: it makes room for what was stored last.
func (s *sessions[K, V]) settle(id sessionKey) {
	r := s.table.era.Load()
	for _, k := range id.visitor.surplus(r, s.maxPerSession) {
		key, e := sessionKey{id.visitor, k.id}, k.entry.(*entry[K, V])
		removed := false
		r.flights.Guard(key, func() { removed = r.entries.removeIf(key, e) })
		if removed {
			s.table.left(context.Background(), r, key, e, observe.CauseSize)
		}
	}
}

// keep notes an entry of the era r, unless the visitor has left or r is not
// the current one any more.
func (v *visitor) keep(r any, current func() bool, k kept) bool {
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
func (v *visitor) forget(id string, e any) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if at := v.kept[id]; at != nil && at.Value.(kept).entry == e {
		v.all.Remove(at)
		delete(v.kept, id)
	}
}

// surplus returns those stored first of more than most entries of the era r.
func (v *visitor) surplus(r any, most int) (out []kept) {
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
func (v *visitor) prune(r any) {
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
