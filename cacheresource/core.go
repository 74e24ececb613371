package cacheresource

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"reflect"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"github.com/reecho-go/reecho/internal/flight"
	"github.com/reecho-go/reecho/internal/group"
	"github.com/reecho-go/reecho/internal/keys"
	"github.com/reecho-go/reecho/internal/visit"
	"github.com/reecho-go/reecho/internal/visitors"
	"github.com/reecho-go/reecho/observe"
)

// line is as much memory as processors take from each other at a time, on most.
type line [64]byte

// sequence numbers all instances in the order of their opening.
var sequence atomic.Uint64

// core is a [Resource] without its types: all that a resource does but calling
// the functions of its user and handing out values. It knows keys and values by
// their addresses, so it is compiled once for all resources. An address of a key
// that it is given for the time of a call is not kept: what it needs for longer
// it copies.
type core struct {
	name           string
	fns            functions
	key            reflect.Type // of keys
	result         reflect.Type // of values
	ttl            time.Duration
	staleFor       time.Duration
	idleTTL        time.Duration
	maxEntries     int
	openTimeout    time.Duration
	errorTTL       time.Duration
	checkEvery     time.Duration // 0: before each use
	checkTimeout   time.Duration
	releaseTimeout time.Duration
	drainTimeout   time.Duration
	clocked        bool // a use asks for the time
	simple         bool // a use asks nothing but a map of words
	recency        bool // instances know when they were last used
	group          *group.Group
	observer       observe.Observer // of the resource and its group; see observed
	listens        bool             // the resource has an observer of its own
	keys           *keys.Keys

	_      line // what every use writes slows down nothing that it reads
	mu     sync.RWMutex
	_      line
	era    *era                   // everybody's
	all    map[*instance]struct{} // every instance that has not been released
	shared map[pointee]*shared    // which of these share a value
	closed bool

	visitors   *visitors.Registry[*era] // nil: not in Scope Session
	attempts   attempts
	checks     *flight.Table
	tracker    flight.Tracker
	reads      *visit.Reads // what opens and checks read of their contexts
	background group.Tasks  // refreshes and checks that nobody has asked for
	stragglers group.Tasks  // opens, checks and releases, which nobody can break off
	ledger     *ledger      // nil: leases are not watched
	counters   counters
	hooks      group.Hooks
	member     *member
}

// functions are those of a resource's user, as the core calls them: with
// addresses of keys and values, which they do not keep. All but open may be nil.
type functions struct {
	open    func(ctx context.Context, key unsafe.Pointer) (value unsafe.Pointer, err error)
	release func(ctx context.Context, key, value unsafe.Pointer) error
	check   func(ctx context.Context, key, value unsafe.Pointer) error
}

// newCore makes a core of a resource with keys and values of these types, and
// puts it into its group.
func newCore(name string, key, result reflect.Type, cfg settings, fns functions) (*core, error) {
	r := &core{
		name: name, fns: fns, key: key, result: result,
		ttl: cfg.TTL, staleFor: cfg.StaleFor, idleTTL: cfg.IdleTTL, maxEntries: cmp.Or(cfg.MaxEntries, defaultMaxEntries),
		openTimeout: cfg.OpenTimeout, errorTTL: cfg.ErrorTTL, drainTimeout: cfg.DrainTimeout,
		checkEvery:     max(cmp.Or(cfg.CheckEvery, defaultCheckEvery), 0),
		checkTimeout:   cmp.Or(cfg.CheckTimeout, defaultCheckTimeout),
		releaseTimeout: cmp.Or(cfg.ReleaseTimeout, defaultReleaseTimeout),
		recency:        cfg.IdleTTL > 0 || cfg.MaxEntries > 0,
		group:          cmp.Or(cfg.Group, Default()).group,
		all:            make(map[*instance]struct{}),
		shared:         make(map[pointee]*shared),
	}
	r.clocked = r.recency || r.ttl > 0 || fns.check != nil
	r.observer, r.listens = observe.Tee(r.group.Observer(), cfg.Observer), cfg.Observer != nil
	r.reads = visit.NewReads(r.contextRead)
	var errs []error
	if name == "" {
		errs = append(errs, errors.New("the name is empty: it identifies the resource in its group"))
	}
	if fns.open == nil {
		errs = append(errs, errors.New("the open function is nil"))
	}
	err := cfg.validate(fns)
	if err == nil {
		r.keys, err = keys.For("cacheresource: "+name, key, cfg.identifies())
	}
	if err := errors.Join(append(errs, err)...); err != nil {
		return nil, err
	}
	r.simple = !r.clocked && cfg.Scope == Global && r.keys.Shape() == keys.Word
	r.era = r.newEra()
	if cfg.Scope == Session {
		r.visitors = newVisitors(r, cmp.Or(cfg.MaxSessions, defaultMaxSessions))
	}
	r.checks = flight.NewTable(&r.tracker)
	if cfg.LeakAge > 0 {
		r.ledger = newLedger(r.group, cfg.LeakAge)
	}
	if cfg.OnClear != nil {
		r.hooks.Add(cfg.OnClear)
	}
	r.member = &member{r}
	switch err := r.group.Add(r.member); {
	case errors.Is(err, group.ErrClosed):
		return nil, fmt.Errorf("group %q: %w", r.group.Name(), ErrClosed)
	case err != nil:
		return nil, fmt.Errorf("group %q: %w: give it another name, or close the other resource first", r.group.Name(), err)
	}
	return r, nil
}

// observed reports whether anybody is told of events.
func (r *core) observed() bool { return r.listens || r.group.Observed() }

// pin is [Resource.Pin].
func (r *core) pin(ctx context.Context, key unsafe.Pointer) (*instance, error) {
	if r.visitors != nil {
		return nil, fmt.Errorf("cacheresource: %s: %w", r.name, errPinned)
	}
	in, err := r.acquire(ctx, key)
	if err != nil {
		return nil, err
	}
	if !in.pinned.CompareAndSwap(false, true) {
		in.giveBack() // pinned already: this hold is one too many
	}
	if r.isClosed() { // a Close may have looked for pins before this one was there
		in.unpin()
		return nil, ErrClosed
	}
	return in, nil
}

// acquire returns key's instance with a hold for the caller.
func (r *core) acquire(ctx context.Context, key unsafe.Pointer) (*instance, error) {
	if ctx == nil {
		return nil, r.noContext()
	}
	var in *instance
	if r.simple {
		in = r.findWord(nil, r.keys.Word(key), 0)
	}
	if in == nil {
		var err error
		if in, err = r.usable(ctx, key); err != nil {
			return nil, err
		}
	}
	if opening, _ := ctx.Value(dependenciesKey{}).(*dependencies); opening != nil {
		opening.lease(in)
	}
	return in, nil
}

// noContext is the error of a call that has got nil for a context.
func (r *core) noContext() error {
	return fmt.Errorf("cacheresource: %s: the context is nil: pass that of the request, or context.Background()", r.name)
}

// usable returns key's instance with a hold: one that may be used now, or a new
// one.
func (r *core) usable(ctx context.Context, key unsafe.Pointer) (*instance, error) {
	for {
		var now int64
		if r.clocked {
			now = r.group.Now()
		}
		at, err := r.ownerOf(ctx)
		if err != nil {
			return nil, err
		}
		opened := false
		in, err := r.lookup(at.era, key, now)
		if in == nil && err == nil {
			in, opened, err = r.openOrJoin(ctx, at, key)
		}
		if err != nil {
			return nil, err
		}
		if !opened && r.clocked {
			if now >= in.stale {
				r.renew(ctx, at, in, now)
			}
			if r.fns.check != nil && now-in.checked.Load() >= int64(r.checkEvery) {
				ok, err := r.sound(ctx, in, now)
				if !ok {
					in.giveBack()
					if err != nil {
						return nil, err
					}
					continue
				}
			}
		}
		return in, nil
	}
}

// lookup returns the instance that is there, with a hold, or nil.
func (r *core) lookup(e *era, key unsafe.Pointer, now int64) (*instance, error) {
	switch r.keys.Shape() {
	case keys.Word:
		return r.findWord(e, r.keys.Word(key), now), nil
	case keys.Text:
		return r.findText(e, r.keys.Text(key), now), nil
	}
	buf := keys.Borrow()
	id, err := r.keys.Append((*buf)[:0], key)
	defer keys.Return(buf, id)
	if err != nil {
		return nil, err
	}
	return r.findBytes(e, id, now), nil
}

// eraOr returns e, or everybody's era if it is nil.
func (r *core) eraOr(e *era) *era {
	if e == nil { // cmp.Or would take as long as the rest
		return r.era
	}
	return e
}

// findWord finds by a word. An instance is retired only after it has been taken
// out under the lock: so what is found can be held.
func (r *core) findWord(e *era, word uint64, now int64) *instance {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.eraOr(e).words[word].tryLease(now)
}

// findText finds by a string.
func (r *core) findText(e *era, id string, now int64) *instance {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.eraOr(e).texts[id].tryLease(now)
}

// findBytes finds by canonical bytes; the conversion inside the index
// expression is free.
func (r *core) findBytes(e *era, id []byte, now int64) *instance {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.eraOr(e).texts[string(id)].tryLease(now)
}

// openOrJoin opens the instance, or waits for somebody else's open. It reports
// whether the instance has just been opened.
func (r *core) openOrJoin(ctx context.Context, at owner, key unsafe.Pointer) (_ *instance, isNew bool, _ error) {
	own, err := r.keys.Own(key)
	if err != nil {
		return nil, false, err
	}
	id, err := r.keys.ID(own)
	if err != nil {
		return nil, false, err
	}
	e, closed := r.current()
	if closed {
		return nil, false, ErrClosed
	}
	got, role, err := r.opening(cmp.Or(at.era, e), at.visitor, id, own).do(ctx)
	return got, role != flight.Found, err
}

// current returns the era, and whether the resource is closed.
func (r *core) current() (e *era, closed bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.era, r.closed
}

func (r *core) isClosed() bool {
	_, closed := r.current()
	return closed
}

// takeOut removes in from the cache, if it is still there.
func (r *core) takeOut(in *instance) {
	r.mu.Lock()
	defer r.mu.Unlock()
	in.home.remove(in)
}

// source names a key in an event.
func (r *core) source(key unsafe.Pointer) observe.Source {
	fp, _ := r.keys.Fingerprint(key) // 0 for a key that cannot be hashed
	return observe.Source{Group: r.group.Name(), Cache: r.name, Fingerprint: fp}
}

// contextRead tells of a context value that an open or check has read.
func (r *core) contextRead(ctx context.Context, key, value string) {
	observe.Emit(ctx, r.observer, observe.ContextRead{Source: observe.Source{Group: r.group.Name(), Cache: r.name}, Key: key, Value: value})
}

// delete is [Resource.Delete].
func (r *core) delete(ctx context.Context, key unsafe.Pointer) error {
	if ctx == nil {
		return r.noContext()
	}
	id, err := r.keys.ID(key)
	if err != nil {
		return err
	}
	e, closed := r.current()
	if closed {
		return ErrClosed
	}
	if r.visitors != nil {
		visitor, err := r.visitorOf(ctx)
		if err != nil {
			return err
		}
		own, found := r.visitors.Find(visitor)
		if !found {
			return nil
		}
		e = own
	}
	var in *instance
	e.opens.Override(flight.Key{Text: id}, "delete", func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		in = e.at(id)
		e.remove(in)
		delete(e.faults, id)
	})
	if in != nil {
		in.retire(observe.CauseDeleted)
	}
	return nil
}

// clear is [Resource.Clear].
func (r *core) clear(ctx context.Context) error {
	if ctx == nil {
		return r.noContext()
	}
	if r.isClosed() {
		return ErrClosed
	}
	if err := r.group.ClearMember(ctx, r.member, r.observer); err != nil {
		return fmt.Errorf("cacheresource: %s: %w", r.name, err)
	}
	return nil
}

// reset starts a new era for everybody, or for each visitor, and retires the
// instances of the old ones.
func (r *core) reset() int {
	if r.visitors != nil {
		n := r.entries()
		r.visitors.Reset()() // left retires them
		return n
	}
	old := r.replaceEra(false)
	for _, in := range old {
		in.retire(observe.CauseCleared)
	}
	return len(old)
}

// replaceEra starts a new era, the last one if that is for closing, and returns the
// instances of the old one.
func (r *core) replaceEra(last bool) []*instance {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = r.closed || last
	old := r.era.end()
	r.era = r.newEra()
	r.era.ended = r.closed
	return old
}

// eras are all eras that are not over.
func (r *core) eras() iter.Seq[*era] {
	if r.visitors != nil {
		return r.visitors.All()
	}
	return func(yield func(*era) bool) { yield(r.era) }
}

// entries is how many instances there are.
func (r *core) entries() (n int) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	for e := range r.eras() {
		n += e.len()
	}
	return n
}
