package cacheresource

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"sync"
	"sync/atomic"
	"time"

	"github.com/reecho-go/reecho/internal/canon"
	"github.com/reecho-go/reecho/internal/flight"
	"github.com/reecho-go/reecho/internal/group"
	"github.com/reecho-go/reecho/internal/identity"
	"github.com/reecho-go/reecho/internal/scope"
	"github.com/reecho-go/reecho/internal/tasks"
	"github.com/reecho-go/reecho/internal/visitors"
	"github.com/reecho-go/reecho/observe"
)

// line is as much memory as processors take from each other at a time, on most.
type line [64]byte

// sequence numbers all instances in the order of their opening.
var sequence atomic.Uint64

// Resource keeps one live value per key. Make it with [New]. All methods are
// safe for concurrent use.
type Resource[K, V any] struct {
	name           string
	open           func(context.Context, K) (V, error)
	releaseFn      func(context.Context, K, V) error
	check          func(context.Context, K, V) error
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
	observer       observe.Observer // nil: nobody listens
	keys           *identity.Keys[K]

	_      line // what every use writes slows down nothing that it reads
	mu     sync.RWMutex
	_      line
	era    *era[K, V]                   // everybody's
	all    map[*instance[K, V]]struct{} // every instance that has not been released
	bodies map[body]*sharers[K, V]      // which of these share a value
	closed bool

	visitors   *visitors.Registry[*era[K, V]] // nil: not in Scope Session
	turns      turns
	checks     *flight.Table[*instance[K, V], struct{}]
	tracker    flight.Tracker
	reads      *scope.Reads  // what opens and checks read of their contexts
	background tasks.Counter // refreshes and checks that nobody has asked for
	stragglers tasks.Counter // opens, checks and releases, which nobody can break off
	ledger     *ledger       // nil: leases are not watched
	counters   counters
	hooks      group.Hooks
	member     *member[K, V]
}

// New makes a resource of what open returns and puts it into its group, where
// its name must be unique. open must be safe for concurrent use with different
// keys; it runs once at a time per key, in a goroutine of its own, whose
// context is cancelled when everybody who waited has left or OpenTimeout has
// passed. A Delete or Clear does not break it off, but what it brings is for
// those who waited before; the next call waits for its end and opens anew. A
// value that is returned together with an error is ignored. A refresh may return
// the value that it is to replace, which is kept while the refresh runs; any
// other open is to return a value of its own, since the Release of an earlier
// one can begin at any moment. The resources that it uses with its context are
// leased to what it opens.
//
// K is of any type that can be compared as data; see cachedata. The error
// joins everything that is wrong: a [*KeyError] for each place in K,
// [ErrDuplicate], [ErrClosed], and one for each field of cfg.
func New[K, V any](name string, open func(context.Context, K) (V, error), cfg Config[K, V]) (*Resource[K, V], error) {
	r := &Resource[K, V]{
		name: name, open: open, releaseFn: cfg.Release, check: cfg.Check,
		ttl: cfg.TTL, staleFor: cfg.StaleFor, idleTTL: cfg.IdleTTL, maxEntries: cfg.MaxEntries,
		openTimeout: cfg.OpenTimeout, errorTTL: cfg.ErrorTTL, drainTimeout: cfg.DrainTimeout,
		checkEvery:     max(cmp.Or(cfg.CheckEvery, DefaultCheckEvery), 0),
		checkTimeout:   cmp.Or(cfg.CheckTimeout, DefaultCheckTimeout),
		releaseTimeout: cmp.Or(cfg.ReleaseTimeout, DefaultReleaseTimeout),
		recency:        cfg.IdleTTL > 0 || cfg.MaxEntries > 0,
		group:          cmp.Or(cfg.Group, Default()).group,
		all:            make(map[*instance[K, V]]struct{}),
		bodies:         make(map[body]*sharers[K, V]),
	}
	r.clocked = r.recency || r.ttl > 0 || r.check != nil
	r.observer = observe.Tee(r.group.Observer(), cfg.Observer)
	r.reads = scope.NewReads(r.contextRead)
	var errs []error
	if name == "" {
		errs = append(errs, errors.New("the name is empty: it identifies the resource in its group"))
	}
	if open == nil {
		errs = append(errs, errors.New("the open function is nil"))
	}
	err := cfg.validate()
	if err == nil {
		r.keys, err = identity.For[K]("cacheresource: "+name, canon.Config{HashFuncs: cfg.HashFuncs})
	}
	if err := errors.Join(append(errs, err)...); err != nil {
		return nil, fmt.Errorf("cacheresource: New(%q): %w", name, err)
	}
	r.simple = !r.clocked && cfg.Scope == Global && r.keys.Shape() == canon.Word
	r.era = r.newEra()
	if cfg.Scope == Session {
		r.visitors = visitorsOf(r, cmp.Or(cfg.MaxSessions, DefaultMaxSessions))
	}
	r.checks = flight.NewTable[*instance[K, V], struct{}](&r.tracker)
	if cfg.LeakAge > 0 {
		r.ledger = newLedger(r.group, cfg.LeakAge)
	}
	if cfg.OnClear != nil {
		r.hooks.Add(cfg.OnClear)
	}
	r.member = &member[K, V]{r}
	switch err := r.group.Add(r.member); {
	case errors.Is(err, group.ErrClosed):
		return nil, fmt.Errorf("cacheresource: New(%q): group %q: %w", name, r.group.Name(), ErrClosed)
	case err != nil:
		return nil, fmt.Errorf("cacheresource: New(%q): group %q: %w: give it another name, or close the other resource first", name, r.group.Name(), err)
	}
	return r, nil
}

// Must returns v, or panics with err if there is one; for package variables.
func Must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// Name returns the resource's name.
func (r *Resource[K, V]) Name() string { return r.name }

// Do calls fn with key's instance, opened if there is none, and leases it for
// the call: it is not released before fn has returned or panicked. The error
// is fn's as it is, or one of [Resource.Acquire]. On an open instance Do
// allocates nothing, unless LeakAge is set.
func (r *Resource[K, V]) Do(ctx context.Context, key K, fn func(V) error) error {
	in, err := r.acquire(ctx, &key)
	if err != nil {
		return err
	}
	if r.ledger != nil {
		defer r.ledger.note(in).giveBack()
		return fn(in.value)
	}
	defer in.giveBack()
	return fn(in.value)
}

// Acquire leases key's instance, opened if there is none, until the lease is
// released. It returns when the instance is there and sound, or ctx ends,
// whichever is first; an open goes on while anybody waits for it.
//
// The error is ctx's, that of open as it is, an [*OpenTimeoutError], a
// [*PanicError], a [*CycleError], [ErrVisitorInGlobalLoad], [ErrNoSession],
// [ErrClosed] or a [*KeyError]. Errors are not kept, except for ErrorTTL: the next call opens
// again. If this call started the open and it panics, Acquire panics too.
func (r *Resource[K, V]) Acquire(ctx context.Context, key K) (*Lease[V], error) {
	in, err := r.acquire(ctx, &key)
	if err != nil {
		return nil, err
	}
	if r.ledger != nil {
		return watch(r.ledger.note(in), in.value), nil
	}
	return &Lease[V]{value: in.value, of: in}, nil
}

// Get returns key's instance, opened if there is none, and keeps it from being
// released until the resource or its group is closed, whatever is deleted,
// cleared or expires before. Use it for values that live as long as the
// program; in Scope Session it is an error. The other errors are those of
// [Resource.Acquire]; [ErrClosed] also when the close came while Get was under
// way.
func (r *Resource[K, V]) Get(ctx context.Context, key K) (V, error) {
	if r.visitors != nil {
		var none V
		return none, fmt.Errorf("cacheresource: %s: %w", r.name, errPinned)
	}
	in, err := r.acquire(ctx, &key)
	if err != nil {
		var none V
		return none, err
	}
	if !in.pinned.CompareAndSwap(false, true) {
		in.giveBack() // pinned already: this hold is one too many
	}
	if r.isClosed() { // a Close may have looked for pins before this one was there
		in.unpin()
		var none V
		return none, ErrClosed
	}
	return in.value, nil
}

// acquire returns key's instance with a hold for the caller.
func (r *Resource[K, V]) acquire(ctx context.Context, key *K) (*instance[K, V], error) {
	var in *instance[K, V]
	if r.simple {
		in = r.findWord(nil, r.keys.Word(key), 0)
	}
	if in == nil {
		var err error
		if in, err = r.usable(ctx, key); err != nil {
			return nil, err
		}
	}
	if opening, _ := ctx.Value(innerKey{}).(*inner); opening != nil {
		opening.lease(in)
	}
	return in, nil
}

// usable returns key's instance with a hold: one that may be used now, or a new
// one.
func (r *Resource[K, V]) usable(ctx context.Context, key *K) (*instance[K, V], error) {
	for {
		var now int64
		if r.clocked {
			now = r.group.Now()
		}
		at, err := r.placeOf(ctx)
		if err != nil {
			return nil, err
		}
		opened := false
		in, err := r.warm(at.era, key, now)
		if in == nil && err == nil {
			in, opened, err = r.cold(ctx, at, *key)
		}
		if err != nil {
			return nil, err
		}
		if !opened && r.clocked {
			if now >= in.stale {
				r.renew(ctx, at, in, now)
			}
			if r.check != nil && now-in.checked.Load() >= int64(r.checkEvery) {
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

// warm returns the instance that is there, with a hold, or nil.
func (r *Resource[K, V]) warm(e *era[K, V], key *K, now int64) (*instance[K, V], error) {
	switch r.keys.Shape() {
	case canon.Word:
		return r.findWord(e, r.keys.Word(key), now), nil
	case canon.Text:
		return r.findText(e, r.keys.Text(key), now), nil
	}
	buf := identity.Borrow()
	id, err := r.keys.Append((*buf)[:0], key)
	defer identity.Return(buf, id)
	if err != nil {
		return nil, err
	}
	return r.findBytes(e, id, now), nil
}

// orOwn returns e, or everybody's era if it is nil.
func (r *Resource[K, V]) orOwn(e *era[K, V]) *era[K, V] {
	if e == nil { // cmp.Or would take as long as the rest
		return r.era
	}
	return e
}

// findWord finds by a word. An instance is retired only after it has been taken
// out under the lock: so what is found can be held.
func (r *Resource[K, V]) findWord(e *era[K, V], word uint64, now int64) *instance[K, V] {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.orOwn(e).words[word].lent(now)
}

// findText finds by a string.
func (r *Resource[K, V]) findText(e *era[K, V], id string, now int64) *instance[K, V] {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.orOwn(e).texts[id].lent(now)
}

// findBytes finds by canonical bytes; the conversion inside the index
// expression is free.
func (r *Resource[K, V]) findBytes(e *era[K, V], id []byte, now int64) *instance[K, V] {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.orOwn(e).texts[string(id)].lent(now)
}

// cold opens the instance, or waits for somebody else's open. It reports
// whether the instance has just been opened.
func (r *Resource[K, V]) cold(ctx context.Context, at place[K, V], key K) (_ *instance[K, V], isNew bool, _ error) {
	own, err := r.keys.Snapshot(key)
	if err != nil {
		return nil, false, err
	}
	id, err := r.keys.ID(&own)
	if err != nil {
		return nil, false, err
	}
	e, closed := r.current()
	if closed {
		return nil, false, ErrClosed
	}
	got, role, err := r.opening(cmp.Or(at.era, e), at.life, id, own).do(ctx)
	return got, role != flight.Found, err
}

// current returns the era, and whether the resource is closed.
func (r *Resource[K, V]) current() (e *era[K, V], closed bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.era, r.closed
}

func (r *Resource[K, V]) isClosed() bool {
	_, closed := r.current()
	return closed
}

// takeOut removes in from the cache, if it is still there.
func (r *Resource[K, V]) takeOut(in *instance[K, V]) {
	r.mu.Lock()
	defer r.mu.Unlock()
	in.home.remove(in)
}

// source names a key in an event.
func (r *Resource[K, V]) source(key K) observe.Source {
	fp, _ := r.keys.Fingerprint(key) // 0 for a key that cannot be hashed
	return observe.Source{Group: r.group.Name(), Cache: r.name, Fingerprint: fp}
}

// contextRead tells of a context value that an open or check has read.
func (r *Resource[K, V]) contextRead(ctx context.Context, key, value string) {
	observe.Emit(ctx, r.observer, observe.ContextRead{Source: observe.Source{Group: r.group.Name(), Cache: r.name}, Key: key, Value: value})
}

// Delete takes key's instance out; it is released when its leases end. When
// Delete has returned, no call that starts later gets an instance whose open
// had started before. In Scope Session it is the visitor's own. The error is
// [ErrClosed], [ErrNoSession], [ErrVisitorInGlobalLoad] or a [*KeyError].
func (r *Resource[K, V]) Delete(ctx context.Context, key K) error {
	id, err := r.keys.ID(&key)
	if err != nil {
		return err
	}
	e, closed := r.current()
	if closed {
		return ErrClosed
	}
	if r.visitors != nil {
		life, err := r.lend(ctx)
		if err != nil {
			return err
		}
		own, there := r.visitors.Find(life)
		if !there {
			return nil
		}
		e = own
	}
	var in *instance[K, V]
	e.opens.Override(id, "delete", func() {
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

// Clear takes all instances out; each is released when its leases end. When it
// has returned, no call that starts later gets an instance whose open had
// started before. Then it runs the hooks of the resource and of its group. The
// error is [ErrClosed], or joins a [*PanicError] for each hook that panicked;
// the clear has taken effect then.
func (r *Resource[K, V]) Clear(ctx context.Context) error {
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
func (r *Resource[K, V]) reset() int {
	if r.visitors != nil {
		n := r.entries()
		r.visitors.Reset()() // left retires them
		return n
	}
	old := r.turn(false)
	for _, in := range old {
		in.retire(observe.CauseCleared)
	}
	return len(old)
}

// turn starts a new era, the last one if that is for closing, and returns the
// instances of the old one.
func (r *Resource[K, V]) turn(last bool) []*instance[K, V] {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = r.closed || last
	old := r.era.end()
	r.era = r.newEra()
	r.era.over = r.closed
	return old
}

// eras are all eras that are not over.
func (r *Resource[K, V]) eras() iter.Seq[*era[K, V]] {
	if r.visitors != nil {
		return r.visitors.All()
	}
	return func(yield func(*era[K, V]) bool) { yield(r.era) }
}

// entries is how many instances there are.
func (r *Resource[K, V]) entries() (n int) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	for e := range r.eras() {
		n += e.len()
	}
	return n
}
