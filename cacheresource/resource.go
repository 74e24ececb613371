package cacheresource

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/reecho-go/reecho/internal/canon"
	"github.com/reecho-go/reecho/internal/flight"
	"github.com/reecho-go/reecho/internal/group"
	"github.com/reecho-go/reecho/internal/identity"
	"github.com/reecho-go/reecho/observe"
)

// sequence numbers all instances in the order of their opening.
var sequence atomic.Uint64

// Resource keeps one live value per key. Make it with [New]. All methods are
// safe for concurrent use.
type Resource[K, V any] struct {
	name           string
	open           func(context.Context, K) (V, error)
	releaseFn      func(context.Context, K, V) error
	check          func(context.Context, K, V) error
	checkEvery     time.Duration
	checkTimeout   time.Duration
	releaseTimeout time.Duration
	group          *group.Group
	observer       observe.Observer // nil: nobody listens
	keys           *identity.Keys[K]

	mu     sync.RWMutex
	era    *era[K, V]
	all    map[*instance[K, V]]struct{} // every instance that has not been released
	closed bool

	checks     *flight.Table[*instance[K, V], struct{}]
	tracker    flight.Tracker
	stragglers stragglers
	counters   counters
	hooks      group.Hooks
	member     *member[K, V]
}

// era is what a resource holds between two clears: the instances and the opens
// that were started for them. What an open brings after its era is over is for
// its callers only.
type era[K, V any] struct {
	words map[uint64]*instance[K, V] // for keys of the shape Word, whose lookup is the fastest
	texts map[string]*instance[K, V] // for all others
	opens *flight.Table[string, *instance[K, V]]
}

func (r *Resource[K, V]) newEra() *era[K, V] {
	e := &era[K, V]{opens: flight.NewTable[string, *instance[K, V]](&r.tracker)}
	if r.keys.Shape() == canon.Word {
		e.words = make(map[uint64]*instance[K, V])
	} else {
		e.texts = make(map[string]*instance[K, V])
	}
	return e
}

// at returns the instance of an id, or nil.
func (e *era[K, V]) at(id string) *instance[K, V] {
	if e.words != nil {
		return e.words[identity.ParseWord(id)]
	}
	return e.texts[id]
}

func (e *era[K, V]) put(in *instance[K, V]) {
	if e.words != nil {
		e.words[identity.ParseWord(in.id)] = in
	} else {
		e.texts[in.id] = in
	}
}

func (e *era[K, V]) remove(id string) {
	if e.words != nil {
		delete(e.words, identity.ParseWord(id))
	} else {
		delete(e.texts, id)
	}
}

// all lists the instances.
func (e *era[K, V]) all() []*instance[K, V] {
	return slices.AppendSeq(slices.Collect(maps.Values(e.words)), maps.Values(e.texts))
}

// New makes a resource of what open returns and puts it into its group, where
// its name must be unique. open must be safe for concurrent use with different
// keys; it runs once at a time per key, in a goroutine of its own, whose
// context is cancelled when everybody who waited has left. An open that was
// given up, by its waiters or by a Delete or Clear, holds nobody up: the next
// call starts another, even if the first is deaf to its context and still
// runs. A value that is returned together with an error is ignored.
//
// K is of any type that can be compared as data; see cachedata. The error
// joins everything that is wrong: a [*KeyError] for each place in K,
// [ErrDuplicate], [ErrClosed], and one for each field of cfg.
func New[K, V any](name string, open func(context.Context, K) (V, error), cfg Config[K, V]) (*Resource[K, V], error) {
	r := &Resource[K, V]{
		name: name, open: open, releaseFn: cfg.Release, check: cfg.Check,
		checkEvery:     max(cmp.Or(cfg.CheckEvery, DefaultCheckEvery), 0),
		checkTimeout:   cmp.Or(cfg.CheckTimeout, DefaultCheckTimeout),
		releaseTimeout: cmp.Or(cfg.ReleaseTimeout, DefaultReleaseTimeout),
		group:          cmp.Or(cfg.Group, Default()).group,
		all:            make(map[*instance[K, V]]struct{}),
	}
	r.observer = observe.Tee(r.group.Observer(), cfg.Observer)
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
	r.era = r.newEra()
	r.checks = flight.NewTable[*instance[K, V], struct{}](&r.tracker)
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
// allocates nothing.
func (r *Resource[K, V]) Do(ctx context.Context, key K, fn func(V) error) error {
	in, err := r.acquire(ctx, &key)
	if err != nil {
		return err
	}
	defer in.drop()
	return fn(in.value)
}

// Acquire leases key's instance, opened if there is none, until the lease is
// released. It returns when the instance is there and sound, or ctx ends,
// whichever is first; an open goes on while anybody waits for it.
//
// The error is ctx's, that of open as it is, a [*PanicError], a [*CycleError],
// [ErrVisitorInGlobalLoad], [ErrClosed] or a [*KeyError]. Errors are not kept:
// the next call opens again. If this call started the open and it panics,
// Acquire panics too.
func (r *Resource[K, V]) Acquire(ctx context.Context, key K) (*Lease[V], error) {
	in, err := r.acquire(ctx, &key)
	if err != nil {
		return nil, err
	}
	return &Lease[V]{value: in.value, of: in}, nil
}

// Get returns key's instance, opened if there is none, and keeps it from being
// released until the resource or its group is closed, whatever is deleted or
// cleared before. Use it for values that live as long as the program. The
// errors are those of [Resource.Acquire]; [ErrClosed] also when the close came
// while Get was under way.
func (r *Resource[K, V]) Get(ctx context.Context, key K) (V, error) {
	in, err := r.acquire(ctx, &key)
	if err != nil {
		var none V
		return none, err
	}
	if !in.pinned.CompareAndSwap(false, true) {
		in.drop() // pinned already: this hold is one too many
	}
	if r.isClosed() { // a Close may have looked for pins before this one was there
		in.unpin()
		var none V
		return none, ErrClosed
	}
	return in.value, nil
}

// Lease is a right to use an instance until it is released. It may be released
// from any goroutine.
type Lease[V any] struct {
	value V
	of    interface{ drop() } // the instance, whatever its key
	once  sync.Once
}

// Value returns the instance. It must not be used after Release.
func (l *Lease[V]) Value() V { return l.value }

// Release ends the lease. Only the first call counts.
func (l *Lease[V]) Release() { l.once.Do(func() { l.of.drop() }) }

// acquire returns key's instance with a hold for the caller.
func (r *Resource[K, V]) acquire(ctx context.Context, key *K) (*instance[K, V], error) {
	for {
		opened := false
		in, err := r.warm(key)
		if in == nil && err == nil {
			in, opened, err = r.cold(ctx, *key)
		}
		if err != nil {
			return nil, err
		}
		if !opened && r.due(in) {
			ok, err := r.sound(ctx, in)
			if !ok {
				in.drop()
				if err != nil {
					return nil, err
				}
				continue
			}
		}
		if outer, _ := ctx.Value(innerKey{}).(*inner); outer != nil {
			in.hold()
			if !outer.add(in.drop) {
				in.drop()
			}
		}
		return in, nil
	}
}

// warm returns the instance that is there, with a hold, or nil.
func (r *Resource[K, V]) warm(key *K) (*instance[K, V], error) {
	switch r.keys.Shape() {
	case canon.Word:
		return r.findWord(r.keys.Word(key)), nil
	case canon.Text:
		return r.find(r.keys.Text(key)), nil
	}
	buf := identity.Borrow()
	id, err := r.keys.Append((*buf)[:0], key)
	defer identity.Return(buf, id)
	if err != nil {
		return nil, err
	}
	return r.findBytes(id), nil
}

// find returns the instance of an id, with a hold. An instance is retired only
// after it has been taken out under the lock: so what is found can be held.
func (r *Resource[K, V]) find(id string) *instance[K, V] {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.era.at(id).held()
}

// findWord is find for the id that is a word.
func (r *Resource[K, V]) findWord(word uint64) *instance[K, V] {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.era.words[word].held()
}

// findBytes is find for an id that is no word; the conversion inside the index
// expression is free.
func (r *Resource[K, V]) findBytes(id []byte) *instance[K, V] {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.era.texts[string(id)].held()
}

// cold opens the instance, or waits for somebody else's open. It reports
// whether the instance has just been opened.
func (r *Resource[K, V]) cold(ctx context.Context, key K) (_ *instance[K, V], opened bool, _ error) {
	own, err := r.keys.Snapshot(key)
	if err != nil {
		return nil, false, err
	}
	id, err := r.keys.ID(&own)
	if err != nil {
		return nil, false, err
	}
	r.mu.RLock()
	in, closed := r.era, r.closed
	r.mu.RUnlock()
	if closed {
		return nil, false, ErrClosed
	}
	mark := r.group.Gate().Mark()
	got, role, err := in.opens.DoAt(ctx, id, flight.Terms{At: mark}, &opening[K, V]{res: r, in: in, id: id, key: own, mark: mark})
	if errors.Is(err, flight.ErrClosed) {
		err = ErrClosed
	}
	return got, role != flight.Found, err
}

// takeOut removes in from the cache, if it is still there.
func (r *Resource[K, V]) takeOut(in *instance[K, V]) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.era.at(in.id) == in {
		r.era.remove(in.id)
	}
}

func (r *Resource[K, V]) isClosed() bool {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.closed
}

func (r *Resource[K, V]) track(in *instance[K, V]) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all[in] = struct{}{}
}

func (r *Resource[K, V]) untrack(in *instance[K, V]) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.all, in)
}

// source names a key in an event.
func (r *Resource[K, V]) source(key K) observe.Source {
	fp, _ := r.keys.Fingerprint(key) // 0 for a key that cannot be hashed
	return observe.Source{Group: r.group.Name(), Cache: r.name, Fingerprint: fp}
}

// Delete takes key's instance out; it is released when its leases end. When
// Delete has returned, no call that starts later gets an instance whose open
// had started before. The error is [ErrClosed] or a [*KeyError].
func (r *Resource[K, V]) Delete(_ context.Context, key K) error {
	id, err := r.keys.ID(&key)
	if err != nil {
		return err
	}
	r.mu.RLock()
	e, closed := r.era, r.closed
	r.mu.RUnlock()
	if closed {
		return ErrClosed
	}
	var in *instance[K, V]
	e.opens.Override(id, "delete", func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		in = e.at(id)
		e.remove(id)
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

// reset starts a new era and retires the instances of the old one.
func (r *Resource[K, V]) reset() int {
	old := r.turn()
	for _, in := range old {
		in.retire(observe.CauseCleared)
	}
	return len(old)
}

// turn starts a new era and returns the instances of the old one.
func (r *Resource[K, V]) turn() []*instance[K, V] {
	r.mu.Lock()
	defer r.mu.Unlock()
	old := r.era.all()
	r.era = r.newEra()
	return old
}
