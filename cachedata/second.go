package cachedata

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"reflect"
	"sync"
	"sync/atomic"
	"time"

	"github.com/reecho-go/reecho/internal/keys"
	"github.com/reecho-go/reecho/internal/level"
	"github.com/reecho-go/reecho/internal/linewise"
)

// secondLevel connects a cache with its [Storage].
type secondLevel struct {
	core  *core
	level level.Level

	clears atomic.Int64 // clears that are under way
	mu     sync.Mutex
	busy   map[id]int // puts and deletes that are under way

	peers *peers // nil: the store does not tell what other processes change
}

func newSecondLevel(c *core) (*secondLevel, error) {
	if c.cfg.Scope == Session {
		return nil, errors.New("a Store is set, and the results are those of sessions, which end with the process: use the scope Global, or leave Store out")
	}
	kept, err := c.cfg.Store(level.Cache{
		Group: c.group.Name(), Name: c.name, Key: c.key.Type, Result: c.result.Type, Observer: c.observer,
		Batch: c.fns.many != nil, Dependency: c.dependency,
	})
	if err != nil {
		return nil, linewise.Prefix("Store: ", err)
	}
	return &secondLevel{core: c, level: kept, busy: make(map[id]int)}, nil
}

// watch begins to follow what other processes change.
func (s *secondLevel) watch() {
	o := &peers{core: s.core, ids: make(map[level.Sum]id), pending: make(map[level.Sum]*pendingKey)}
	if s.level.Watch(o) {
		s.peers = o
	}
}

// keyOf returns the key of a slot in the form that the store uses.
func (s *secondLevel) keyOf(p *slot) (level.Key, bool) {
	fp, err := s.core.keys.Fingerprint(p.key())
	if err != nil {
		return level.Key{}, false
	}
	k := level.Key{Fingerprint: fp}
	if s.core.shape == keys.Word {
		k.Canonical = fmt.Appendf(nil, "%016x", p.id.Word)
	} else {
		k.Canonical = []byte(p.id.Text)
	}
	return k, true
}

// changing reports whether a clear, or a change of this key, is under way. A result
// that is read or loaded then may be from before or after the change.
func (s *secondLevel) changing(id id) bool {
	if s.clears.Load() > 0 {
		return true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.busy[id] > 0
}

// find gives the loads their tickets. Loads that accept a stored result get the entry
// of one that is in the store.
func (s *secondLevel) find(ctx context.Context, loads []*load) {
	asked := make([]*load, 0, len(loads))
	wanted := make([]level.Key, 0, len(loads))
	for _, l := range loads {
		// The store knows all clears of tags until here, and its results are
		// checked for them. Memory checks the later ones.
		l.clearsAtStart.Store(s.core.group.Tags().Now() + 1)
		k, ok := s.keyOf(&l.slot)
		if ok && s.peers != nil {
			s.peers.noteLoad(l, s.level.Sum(k))
		}
		if ok && !s.changing(l.id) {
			asked, wanted = append(asked, l), append(wanted, k)
		}
	}
	if len(asked) == 0 {
		return
	}
	results, tickets := s.level.Get(ctx, wanted...)
	for i, l := range asked {
		if s.changing(l.id) {
			continue
		}
		l.ticket = tickets[i]
		if r := results[i]; r != nil && l.why == toGet {
			s.adopt(l, r)
		}
	}
}

// lead waits until l may load, or until another process has loaded the result, which
// l gets then. The caller calls over when the load is over.
func (s *secondLevel) lead(ctx context.Context, l *load) (over func()) {
	if l.ticket == nil || l.why == toRefresh {
		return func() {}
	}
	r, ticket, over := s.level.Lead(ctx, l.ticket)
	l.ticket = ticket
	switch {
	case s.changing(l.id):
		l.ticket = nil
	case r != nil:
		s.adopt(l, r)
	}
	return over
}

// adopt gives l the result r from the store. If r cannot be made an entry, l loads,
// and its error says why.
func (s *secondLevel) adopt(l *load, r *level.Result) {
	e, err := s.entry(l, r)
	if err != nil {
		return
	}
	switch st := s.core.stateOf(e); {
	case st >= stale:
		l.found = e
	case st == spare && l.prior == nil:
		l.spare = e
	}
}

// entry makes an entry in memory from a result in the store.
func (s *secondLevel) entry(l *load, r *level.Result) (*entry, error) {
	m := making{from: reflect.ValueOf(r.Value).UnsafePointer()}
	if r.FreshFor != math.MaxInt64 {
		m.ttl = max(r.FreshFor-r.Age, 1) // soft is set below, also to a time that is over
	}
	if m.annotations = (loadSettings{etag: r.ETag, modified: r.Modified}).annotations(tagged(r.Tags)); m.annotations != nil {
		m.annotations.setClearsBefore(l.oldest())
	}
	e, err := l.make(m)
	if err != nil {
		return nil, err
	}
	*s.core.revision(e) = r.Revision
	e.storedAt -= int64(r.Age)
	e.load = e.load.of(r.Took)
	if times := e.lifetime(); times != nil && m.ttl > 0 {
		times.soft = later(e.storedAt, r.FreshFor) // Jitter has been applied already
	}
	return e, nil
}

// result makes the result that the store keeps from an entry.
func (s *secondLevel) result(e *entry) level.Result {
	c := s.core
	r := level.Result{
		Value: reflect.NewAt(c.result.Type, c.valueOf(e)).Interface(),
		Age:   max(time.Duration(c.group.Now()-e.storedAt), 0), FreshFor: math.MaxInt64, Took: e.load.took(),
	}
	if times := e.lifetime(); times != nil && times.soft != never {
		r.FreshFor, r.StaleFor = time.Duration(times.soft-e.storedAt), max(c.cfg.StaleFor, c.cfg.FailSafe)
	}
	if x := e.annotations(); x != nil {
		r.Tags, r.ETag, r.Modified = x.tags, x.etag, x.modified
	}
	return r
}

// keep writes the result of a load to the store, or deletes an outdated one there.
func (s *secondLevel) keep(ctx context.Context, l *load, e *entry, err error) {
	over := l.missing || l.passing // the result in the store is outdated
	if over && (l.ticket == nil || l.ticket.Known()) && (err == nil || l.missing) {
		if k, ok := s.keyOf(&l.slot); ok {
			s.level.Delete(ctx, k)
		}
		return
	}
	if over || err != nil || e == nil || e.err() != nil || l.ticket == nil {
		return
	}
	*s.core.revision(e) = s.level.Store(ctx, l.ticket, s.result(e))
}

// during calls f. Meanwhile loads of the key neither use a result of the store nor
// write one.
func (s *secondLevel) during(id id, f func()) {
	s.mu.Lock()
	s.busy[id]++
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.busy[id]--; s.busy[id] == 0 {
			delete(s.busy, id)
		}
	}()
	f()
}

// put stores an entry of p in the store and then, by change, in memory; change undoes
// that if another process has changed the key meanwhile. The store comes first,
// because the memory may evict the entry at once, and the next read asks the store.
func (s *secondLevel) put(ctx context.Context, p *slot, e *entry, change func(overtaken func() bool)) {
	s.during(p.id, func() {
		var overtaken func() bool // nil: no other process is followed
		if k, ok := s.keyOf(p); ok {
			if s.peers != nil {
				var done func()
				overtaken, done = s.peers.noteUntil(p.id, s.level.Sum(k))
				defer done()
			}
			*s.core.revision(e) = s.level.Put(context.WithoutCancel(ctx), k, s.result(e))
		}
		change(overtaken)
	})
}

// drop deletes the result of p in the store and then, by change, in memory.
func (s *secondLevel) drop(ctx context.Context, p *slot, change func()) {
	s.during(p.id, func() {
		if k, ok := s.keyOf(p); ok {
			s.level.Delete(context.WithoutCancel(ctx), k)
		}
		change()
	})
}

// refreshed is called with the result of a Refresh. If the store did not take it,
// the older result in the store is deleted, so that it does not come back.
func (s *secondLevel) refreshed(ctx context.Context, p *slot, e *entry) {
	if s.core.revision(e).Clock == nil && e.err() == nil {
		s.drop(ctx, p, func() {})
	}
}

// toStore writes the result of l to the store. If the load has failed, it returns the
// expired result that the store had, as Stale.OnError says.
func (l *load) toStore(ctx context.Context, e *entry, err error) (*entry, error) {
	if l.core.second != nil {
		l.core.second.keep(ctx, l, e, err)
	}
	if err != nil && l.spare != nil && !l.missing && !isMisuse(err) {
		l.found, l.passing = l.spare, false
		l.found.details().retryLater(l.core.group.Now(), cmp.Or(l.core.cfg.RetryAfter, defaultRetryAfter))
		return l.found, nil
	}
	return e, err
}
