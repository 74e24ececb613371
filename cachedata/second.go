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

// secondLevel is what a cache has to do with its [Storage].
type secondLevel struct {
	core *core
	kept level.Level

	clears atomic.Int64 // that are under way
	mu     sync.Mutex
	busy   map[id]int // puts and deletes that are under way

	others *others // nil: what other processes change is not heard
}

func newSecondLevel(c *core) (*secondLevel, error) {
	if c.cfg.Scope == Session {
		return nil, errors.New("a Store is set, and the results are those of sessions, which end with the process: use the scope Global, or leave Store out")
	}
	kept, err := c.cfg.Store(level.Cache{
		Group: c.group.Name(), Name: c.name, Key: c.key.Type, Result: c.result.Type, Observer: c.observer,
		Batch: c.fns.many != nil, Beside: c.beside,
	})
	if err != nil {
		return nil, linewise.Prefix("Store: ", err)
	}
	return &secondLevel{core: c, kept: kept, busy: make(map[id]int)}, nil
}

// watch begins to hear of what other processes change.
func (s *secondLevel) watch() {
	o := &others{core: s.core, of: make(map[level.Sum]id), coming: make(map[level.Sum]*coming)}
	if s.kept.Watch(o) {
		s.others = o
	}
}

// keyOf is the key of a slot, as the store has it.
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

// changing reports whether a clear, or a change of this key, is under way: what is
// found in the store then, or loaded, may be from before or after it.
func (s *secondLevel) changing(id id) bool {
	if s.clears.Load() > 0 {
		return true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.busy[id] > 0
}

// find gives the loads their tickets, and those that want what is there and find it
// their entries.
func (s *secondLevel) find(ctx context.Context, loads []*load) {
	asked := make([]*load, 0, len(loads))
	wanted := make([]level.Key, 0, len(loads))
	for _, l := range loads {
		// What is found was loaded before this, and no clear of a tag has come since
		// that is not in the store.
		l.clearsAtStart.Store(s.core.group.Tags().Now() + 1)
		k, ok := s.keyOf(&l.slot)
		if ok && s.others != nil {
			s.others.expect(l, s.kept.Sum(k))
		}
		if ok && !s.changing(l.id) {
			asked, wanted = append(asked, l), append(wanted, k)
		}
	}
	if len(asked) == 0 {
		return
	}
	results, tickets := s.kept.Get(ctx, wanted...)
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

// lead waits until l may load, or finds what another process has loaded. What it
// returns is to be called when the load is over.
func (s *secondLevel) lead(ctx context.Context, l *load) (over func()) {
	if l.ticket == nil || l.why == toRefresh {
		return func() {}
	}
	r, ticket, over := s.kept.Lead(ctx, l.ticket)
	l.ticket = ticket
	switch {
	case s.changing(l.id):
		l.ticket = nil
	case r != nil:
		s.adopt(l, r)
	}
	return over
}

// adopt gives l what the store has. If that cannot be had it is loaded, and the load
// will say why.
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

// entry is what a result in the store is in memory.
func (s *secondLevel) entry(l *load, r *level.Result) (*entry, error) {
	m := making{from: reflect.ValueOf(r.Value).UnsafePointer()}
	if r.Fresh != math.MaxInt64 {
		m.ttl = max(r.Fresh-r.Age, 1) // what is over is said below
	}
	if m.annotations = (loadSettings{etag: r.ETag, modified: r.Modified}).annotations(tagged(r.Tags)); m.annotations != nil {
		m.annotations.setClearsBefore(l.oldest())
	}
	e, err := l.make(m)
	if err != nil {
		return nil, err
	}
	*s.core.birth(e) = r.Birth
	e.storedAt -= int64(r.Age)
	e.load = e.load.of(r.Took)
	if times := e.lifetime(); times != nil && m.ttl > 0 {
		times.soft = later(e.storedAt, r.Fresh) // without Jitter, which it has had
	}
	return e, nil
}

// result is what an entry is in the store.
func (s *secondLevel) result(e *entry) level.Result {
	c := s.core
	r := level.Result{
		Value: reflect.NewAt(c.result.Type, c.valueOf(e)).Interface(),
		Age:   max(time.Duration(c.group.Now()-e.storedAt), 0), Fresh: math.MaxInt64, Took: e.load.took(),
	}
	if times := e.lifetime(); times != nil && times.soft != never {
		r.Fresh, r.Spare = time.Duration(times.soft-e.storedAt), max(c.cfg.StaleFor, c.cfg.FailSafe)
	}
	if x := e.annotations(); x != nil {
		r.Tags, r.ETag, r.Modified = x.tags, x.etag, x.modified
	}
	return r
}

// keep stores what a load has come to, or drops what is no longer true.
func (s *secondLevel) keep(ctx context.Context, l *load, e *entry, err error) {
	over := l.missing || l.passing // what is there is not true any more
	if over && (l.ticket == nil || l.ticket.Known()) && (err == nil || l.missing) {
		if k, ok := s.keyOf(&l.slot); ok {
			s.kept.Delete(ctx, k)
		}
		return
	}
	if over || err != nil || e == nil || e.err() != nil || l.ticket == nil {
		return
	}
	*s.core.birth(e) = s.kept.Store(ctx, l.ticket, s.result(e))
}

// during has no load of the key read from the store, or write to it, that began
// while f ran.
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

// put stores an entry of p; change does so in memory, and undoes it if others have
// changed it meanwhile. The store comes first: what the memory forgets at once is
// looked for there.
func (s *secondLevel) put(ctx context.Context, p *slot, e *entry, change func(overtaken func() bool)) {
	s.during(p.id, func() {
		var overtaken func() bool // nil: nobody else can
		if k, ok := s.keyOf(p); ok {
			if s.others != nil {
				var done func()
				overtaken, done = s.others.during(p.id, s.kept.Sum(k))
				defer done()
			}
			*s.core.birth(e) = s.kept.Put(context.WithoutCancel(ctx), k, s.result(e))
		}
		change(overtaken)
	})
}

// drop drops the result of p; change does so in memory.
func (s *secondLevel) drop(ctx context.Context, p *slot, change func()) {
	s.during(p.id, func() {
		if k, ok := s.keyOf(p); ok {
			s.kept.Delete(context.WithoutCancel(ctx), k)
		}
		change()
	})
}

// refreshed is called with what a Refresh has come to. If it could not be stored, what
// is in the store is older, and must not come back.
func (s *secondLevel) refreshed(ctx context.Context, p *slot, e *entry) {
	if s.core.birth(e).Clock == nil && e.err() == nil {
		s.drop(ctx, p, func() {})
	}
}

// toStore has the store keep what l has come to. If that is an error, what the store
// had and has expired stands in for it, as Stale.OnError says.
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
