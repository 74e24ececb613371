package cachedata

import (
	"context"
	"errors"
	"fmt"
	"math"
	"reflect"
	"sync"
	"sync/atomic"
	"time"

	"github.com/reecho-go/reecho/internal/keys"
	"github.com/reecho-go/reecho/internal/tier"
	"github.com/reecho-go/reecho/store"
)

// Codec turns results into bytes and back, for a store; sessionstate's codecs are
// Codecs, too. Marshal is given a result, and must refuse one of which it would lose
// a part. Unmarshal is given a pointer to what Marshal was given. Both are called
// from several goroutines at once, and must not keep what they are given.
type Codec interface {
	Marshal(v any) ([]byte, error)
	Unmarshal(data []byte, v any) error
}

// Storage is where a cache keeps its results beside the memory, see [StoreIn]. The
// zero value is nowhere.
type Storage struct {
	// open is a function so that who keeps nothing in a store does not link it.
	open func(*core) (second, error)
}

// StoreOptions say how results are kept in a store. The zero value is useful.
type StoreOptions struct {
	// Codec turns results into bytes. Default nil: JSON, of which [New] refuses
	// types that it does not bring back as they were.
	Codec Codec
	// Budget is how much longer a call may take because of the store: for reading,
	// and for writing what was loaded. What takes longer is a miss, or is not
	// written. Default 0: 250 ms. Negative is an error.
	Budget time.Duration
	// WriteBehind answers calls before their results are in the store. A process
	// that ends loses what it has not written. Default false: results are written
	// first.
	WriteBehind bool
	// Version is part of what identifies the results, beside the types of keys and
	// results: change it when results mean something else than before, although
	// their types are the same. Default "".
	Version string
}

const defaultStoreBudget = 250 * time.Millisecond

// StoreIn keeps the results of a cache in a store too, for Config.Store: they
// survive a restart with a store on a disk, such as boltstore, and are shared by
// several processes with redisstore. A call looks into the memory first, then into
// the store, then it loads.
//
// What is in the store is believed only when its checksum, codec, types and key are
// right. Anything else is a miss and an event (observe.StoreFailure), never an error
// and never a wrong result. A store that fails three times in a row is left alone for
// a while, which is one event; memory and loads go on.
//
// Clears, deletes and puts are in the store when they return, and hold for whatever
// was loaded before, in every process. If the store is away they are done later, by
// this process and before it reads anything from there. They reach the memory of
// other processes only as TTLs end. ClearFunc clears the cache in the store, since
// keys are not decoded there.
//
// The store keeps fresh results: not errors, and not what has expired. TTLs go on
// while no process runs; a clock that was set back makes results older. IdleTTL is
// about the memory. The store stays the caller's to close, after the caches.
func StoreIn(s store.Store, o StoreOptions) Storage {
	return Storage{func(c *core) (second, error) { return newSecond(c, s, o) }}
}

// second is what a cache asks of its store.
type second interface {
	// find gives the loads their tickets, and those that want what is there and find
	// it their entries.
	find(ctx context.Context, loads []*load)
	// keep stores what a load has come to, or drops what is no longer true.
	keep(ctx context.Context, l *load, e *entry, err error)
	// put stores an entry of p, and drop drops it. change is what is done in memory.
	put(ctx context.Context, p *place, e *entry, change func())
	drop(ctx context.Context, p *place, change func())
	// clear drops everything, or what has one of the tags.
	clear(ctx context.Context, tags []string) (ended func())
	close(ctx context.Context) error
}

// secondLevel is the one that there is.
type secondLevel struct {
	core   *core
	tier   *tier.Tier
	behind bool
	writes sync.WaitGroup

	clears atomic.Int64 // that are under way
	mu     sync.Mutex
	busy   map[id]int // puts and deletes that are under way
}

func newSecond(c *core, s store.Store, o StoreOptions) (second, error) {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if s == nil {
		bad("Store: the store is nil: leave Config.Store out, or give one")
	}
	if o.Budget < 0 {
		bad("Store: Budget is %v: use 0 for %v", o.Budget, defaultStoreBudget)
	}
	if c.cfg.Scope == Session {
		bad("Store: the results are those of sessions, which end with the process: use the scope Global, or leave Store out")
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	if o.Budget == 0 {
		o.Budget = defaultStoreBudget
	}
	if o.Codec == nil {
		o.Codec = tier.JSON{}
	}
	t, err := tier.New(tier.Config{
		Store: s, Group: c.group.Name(), Cache: c.name, Codec: o.Codec, Key: c.key.Type, Result: c.result.Type,
		Version: o.Version, Budget: o.Budget, Observer: c.observer,
	})
	if err != nil {
		return nil, fmt.Errorf("Store: %w", err)
	}
	return &secondLevel{core: c, tier: t, behind: o.WriteBehind, busy: make(map[id]int)}, nil
}

// keyOf is the key of a place, as the store has it.
func (s *secondLevel) keyOf(p *place) (tier.Key, bool) {
	fp, err := s.core.keys.Fingerprint(p.key)
	if err != nil {
		return tier.Key{}, false
	}
	k := tier.Key{Fingerprint: fp}
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

// find implements second.
func (s *secondLevel) find(ctx context.Context, loads []*load) {
	asked := make([]*load, 0, len(loads))
	wanted := make([]tier.Key, 0, len(loads))
	for _, l := range loads {
		// What is found was loaded before this, and no clear of a tag has come since
		// that is not in the store.
		l.born.Store(s.core.group.Tags().Now() + 1)
		if k, ok := s.keyOf(l.place); ok && !s.changing(l.id) {
			asked, wanted = append(asked, l), append(wanted, k)
		}
	}
	if len(asked) == 0 {
		return
	}
	results, tickets := s.tier.Get(ctx, wanted...)
	for i, l := range asked {
		if s.changing(l.id) {
			continue
		}
		l.ticket = &tickets[i]
		if r := results[i]; r != nil && l.why == toGet {
			if e, err := s.entry(l, r); err == nil { // else it is loaded, and the load will say it
				l.found = e
			}
		}
	}
}

// entry is what a result in the store is in memory.
func (s *secondLevel) entry(l *load, r *tier.Result) (*entry, error) {
	m := making{from: reflect.ValueOf(r.Value).UnsafePointer()}
	if r.Fresh != math.MaxInt64 {
		m.ttl = max(r.Fresh-r.Age, 1)
	}
	if m.extra = (said{etag: r.ETag, modified: r.Modified}).extra(tagged(r.Tags)); m.extra != nil {
		m.extra.bornAt(l.oldest())
	}
	e, err := l.make(m)
	if err != nil {
		return nil, err
	}
	now := e.written
	e.written -= int64(r.Age)
	e.load = e.load.of(r.Took)
	if life := e.life(); life != nil && m.ttl > 0 {
		life.soft = later(now, m.ttl) // without Jitter, which it has had
	}
	return e, nil
}

// result is what an entry is in the store.
func (s *secondLevel) result(e *entry) tier.Result {
	c := s.core
	r := tier.Result{
		Value: reflect.NewAt(c.result.Type, c.valueOf(e)).Interface(),
		Age:   max(time.Duration(c.group.Now()-e.written), 0), Fresh: math.MaxInt64, Took: e.load.took(),
	}
	if life := e.life(); life != nil && life.soft != never {
		r.Fresh = time.Duration(life.soft - e.written)
	}
	if x := e.extra(); x != nil {
		r.Tags, r.ETag, r.Modified = x.tags, x.etag, x.modified
	}
	return r
}

// keep implements second.
func (s *secondLevel) keep(ctx context.Context, l *load, e *entry, err error) {
	over := l.missing || l.passing // what is there is not true any more
	if over && (l.ticket == nil || l.ticket.Known()) && (err == nil || l.missing) {
		if k, ok := s.keyOf(l.place); ok {
			s.tier.Delete(ctx, k)
		}
		return
	}
	if over || err != nil || e == nil || e.err() != nil || l.ticket == nil {
		return
	}
	if !s.behind {
		s.tier.Store(ctx, *l.ticket, s.result(e))
		return
	}
	ctx = context.WithoutCancel(ctx)
	s.writes.Go(func() { s.tier.Store(ctx, *l.ticket, s.result(e)) })
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

// put implements second. The store comes first: what the memory forgets at once is
// looked for there.
func (s *secondLevel) put(ctx context.Context, p *place, e *entry, change func()) {
	s.during(p.id, func() {
		if k, ok := s.keyOf(p); ok {
			s.tier.Put(context.WithoutCancel(ctx), k, s.result(e))
		}
		change()
	})
}

// drop implements second.
func (s *secondLevel) drop(ctx context.Context, p *place, change func()) {
	s.during(p.id, func() {
		if k, ok := s.keyOf(p); ok {
			s.tier.Delete(context.WithoutCancel(ctx), k)
		}
		change()
	})
}

// clear implements second.
func (s *secondLevel) clear(ctx context.Context, tags []string) (ended func()) {
	s.clears.Add(1)
	ctx = context.WithoutCancel(ctx)
	if tags == nil {
		s.tier.Clear(ctx)
	}
	for _, tag := range tags {
		s.tier.ClearTag(ctx, tag)
	}
	return func() { s.clears.Add(-1) }
}

// close implements second.
func (s *secondLevel) close(ctx context.Context) error {
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.writes.Wait()
	}()
	select {
	case <-done:
		return s.tier.Close(ctx)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// clearing tells the stores of these caches of a clear, and returns what is to be
// called when it has been done in memory. No tags: of everything.
func clearing(ctx context.Context, tags []string, cores ...*core) (ended func()) {
	var all []func()
	for _, c := range cores {
		if c.second != nil {
			all = append(all, c.second.clear(ctx, tags))
		}
	}
	return func() {
		for _, end := range all {
			end()
		}
	}
}

// cores are those of the caches that are in the group now.
func (g *Group) cores() (all []*core) {
	for _, m := range g.group.Members() {
		if m, ok := m.(*member); ok {
			all = append(all, m.core)
		}
	}
	return all
}

// fromStore gives loads that are about to start what the store has.
func (c *core) fromStore(ctx context.Context, loads ...*load) {
	if c.second != nil {
		c.second.find(ctx, loads)
	}
}

// toStore has the store keep what l has come to.
func (l *load) toStore(ctx context.Context, e *entry, err error) (*entry, error) {
	if l.core.second != nil {
		l.core.second.keep(ctx, l, e, err)
	}
	return e, err
}
