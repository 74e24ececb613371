package cachedata

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"sync/atomic"
	"time"
	"unsafe"

	"github.com/reecho-go/reecho/internal/epoch"
	"github.com/reecho-go/reecho/internal/flight"
	"github.com/reecho-go/reecho/internal/scope"
	"github.com/reecho-go/reecho/observe"
)

// load is the flight.Work of one key. What its goroutine writes is read by
// others only if it has returned in time: not after HardTimeout.
type load[I comparable, K, V any] struct {
	*place[I, K, V]
	in    *era[I, K, V]
	at    epoch.Mark // when the caller came: taken after in
	came  uint64     // the clears of tags before the caller came
	began int64
	why   purpose
	prior *entry[K, V] // what there is already, in whatever state but gone; or nil
	entry Loading
	born  atomic.Uint64 // the clears of tags before the loader began, plus 1; 0: it has not
	basis *entry[K, V]  // prior, unless a tag of it has been cleared by then

	replaced *entry[K, V]
	refused  string
	failure  error // what the loader returned
	missing  bool  // failure says that there is nothing for the key
	passing  bool  // the result is not to be kept
	same     bool  // it is the old one, which still holds
}

// purpose is what a load is for.
type purpose uint8

const (
	toGet     purpose = iota // what is there by now will do
	toRefresh                // load in any case
	toRenew                  // load in the background, unless prior is no longer there
)

// newLoad returns a load for a caller who comes now.
func (p *place[I, K, V]) newLoad(in *era[I, K, V], at epoch.Mark, why purpose) *load[I, K, V] {
	l := &load[I, K, V]{place: p, in: in, at: at, came: p.cache.group.Tags().Now(), began: p.cache.group.Now(), why: why}
	l.entry.work = l
	l.prior = p.prior(in.entries.get(p.id))
	return l
}

// prior returns e, unless it is of no use to a load.
func (p *place[I, K, V]) prior(e *entry[K, V]) *entry[K, V] {
	if p.cache.good(e) == gone || e.err() != nil {
		return nil
	}
	return e
}

// load gets the entry by the key's call; with force, also if there is one.
func (p *place[I, K, V]) load(ctx context.Context, force bool) (*entry[K, V], Source, error) {
	why := toGet
	if force {
		why = toRefresh
	}
	for {
		e, source, err := p.join(ctx, why)
		if source != tooOld {
			return e, source, err
		}
	}
}

// tooOld is the source of a result that was joined, and then turned out to have
// a tag that had been cleared before the caller came.
const tooOld Source = math.MaxUint8

// join is load, but may come to a result that is too old.
func (p *place[I, K, V]) join(ctx context.Context, why purpose) (*entry[K, V], Source, error) {
	in := p.era.Load()
	l := p.newLoad(in, p.cache.group.Gate().Mark(), why)
	terms := l.terms()
	var old *entry[K, V]
	var source Source
	terms.Leave = func() bool {
		old, source = l.instead(ctx, flight.ErrImpatient)
		return old != nil
	}
	result, role, err := in.flights.DoAt(ctx, p.id, terms, l)
	e := (*entry[K, V])(result)
	if err != flight.ErrImpatient {
		old, source = l.instead(ctx, err)
	}
	if old != nil {
		return old, source, nil
	}
	if terms.Quiet && role == flight.Led {
		flight.Raise(err)
	}
	if role == flight.Joined && l.tooOld(e) {
		return nil, tooOld, nil
	}
	return e, l.sourceOf(role, e), err
}

// tooOld reports whether e, which the caller of l has joined, may have a tag
// that was cleared after its load began and before the caller came. What the
// tags of a result are is not known before its load has ended; by then the
// clears may be forgotten unless e was stored, and so found to be good.
func (l *load[I, K, V]) tooOld(e *entry[K, V]) bool {
	if e == nil {
		return false
	}
	x := e.extra()
	if x == nil || len(x.tags) == 0 || l.came <= x.born {
		return false
	}
	return l.era.Load() != l.in || l.in.entries.get(l.id) != e || l.cache.tagCleared(x)
}

// refresh starts a load in the background that is to replace prior, and
// reports whether it did. ended is called when the load has returned.
func (p *place[I, K, V]) refresh(ctx context.Context, prior *entry[K, V], ended func()) bool {
	in := p.era.Load()
	l := p.newLoad(in, p.cache.group.Gate().Mark(), toRenew)
	l.prior = prior
	return in.flights.Start(ctx, p.id, l.terms(), l, ended)
}

// terms are what the caller of l asks of the key's call.
func (l *load[I, K, V]) terms() flight.Terms {
	t := flight.Terms{At: l.at, Limit: l.cache.cfg.HardTimeout}
	if l.safe() {
		t.Patience, t.Quiet = l.cache.cfg.SoftTimeout, true
	}
	return t
}

// sourceOf says how a call came by its result e.
func (l *load[I, K, V]) sourceOf(role flight.Role, e *entry[K, V]) Source {
	switch {
	case role == flight.Joined:
		return Joined
	case role == flight.Led:
		return Load
	case l.cache.good(e) < early:
		return FailSafe
	}
	return Hit
}

// Name implements flight.Work.
func (l *load[I, K, V]) Name() string {
	fp, err := l.cache.keys.Fingerprint(l.key)
	if err != nil {
		return l.cache.name
	}
	return fmt.Sprintf("%s[%016x]", l.cache.name, fp)
}

// Find implements flight.Work.
func (l *load[I, K, V]) Find() (unsafe.Pointer, bool) {
	e := l.in.entries.get(l.id)
	switch {
	case l.why == toRenew:
		return unsafe.Pointer(e), e != l.prior
	case l.why == toGet && (l.cache.good(e) >= early || l.throttled(e)):
		return unsafe.Pointer(e), true
	}
	l.prior = l.place.prior(e) // as it is now that the load can be overridden
	return nil, false
}

// Load implements flight.Work.
func (l *load[I, K, V]) Load(ctx context.Context) (unsafe.Pointer, error) {
	key, err := l.begin()
	if err != nil {
		return nil, err
	}
	var v V
	err = l.cache.hidden(ctx, l, func(ctx context.Context) (err error) {
		v, err = l.cache.loader(ctx, key)
		return err
	})
	e, err := l.loaded(ctx, v, err)
	return unsafe.Pointer(e), err
}

// begin is called before the loader, and returns a key for it, of its own.
func (l *load[I, K, V]) begin() (K, error) {
	l.born.Store(l.cache.group.Tags().Now() + 1)
	// A clear of a tag that has come before this is not seen by the check of the
	// result; one that comes after it is.
	// The clear may be forgotten by now; then what it has cleared is no longer
	// among the entries, which is looked at last.
	if l.prior != nil && l.prior.err() == nil && !l.cache.tagCleared(l.prior.extra()) && l.in.entries.get(l.id) == l.prior {
		l.basis = l.prior
	}
	return l.snapshot()
}

// oldest returns the clears of tags that what l will store has seen at least.
func (l *load[I, K, V]) oldest() uint64 {
	if born := l.born.Load(); born > 0 {
		return born - 1
	}
	return math.MaxUint64 // it has yet to begin
}

// snapshot returns the key for user code, which may change it.
func (l *load[I, K, V]) snapshot() (K, error) { return l.cache.keys.Snapshot(l.key) }

// hidden calls the loader in a context that has the loadings, and hides the
// visitor unless the result is the visitor's own.
func (c *Cache[K, V]) hidden(ctx context.Context, said loadings, loader func(context.Context) error) error {
	if c.sessions != nil {
		return loader(&loadingContext{ctx, said})
	}
	mask := scope.Hide(ctx)
	err := loader(&loadingContext{mask, said})
	if seen := mask.Violation(); seen != nil && !errors.Is(err, ErrVisitorInGlobalLoad) {
		err = errors.Join(fmt.Errorf("cachedata: %s: %w", c.name, seen), err)
	}
	return err
}

// loaded makes an entry of what the loader returned: of a copy, since the
// loader may keep and change it.
func (l *load[I, K, V]) loaded(ctx context.Context, v V, err error) (*entry[K, V], error) {
	c, said := l.cache, l.entry.end()
	if said.wrong != nil {
		l.failure = fmt.Errorf("cachedata: %s: %w", c.name, errors.Join(append(said.wrong, err)...))
		return nil, l.failure
	}
	l.passing = said.noStore
	if c.batch && said.unmodified && !errors.Is(err, ErrVisitorInGlobalLoad) {
		err = nil // it may be of other keys, or say that this one was left out
	}
	if err != nil {
		return l.failed(ctx, err, said)
	}
	ttl := c.cfg.TTL
	if said.hasTTL {
		ttl = said.ttl
		l.passing = l.passing || ttl <= 0
	}
	if said.unmodified {
		return l.renewed(ctx, ttl, said)
	}
	tags := said.tags
	if c.cfg.Keep != nil || c.cfg.Tags != nil {
		key, err := l.snapshot()
		if err != nil {
			return nil, err
		}
		if c.cfg.Keep != nil && !c.cfg.Keep(key, v) {
			l.passing = true
		}
		if c.cfg.Tags != nil {
			tags = append(tags, c.cfg.Tags(key, v)...)
		}
	}
	if v, err = c.take(v); err != nil {
		return nil, err
	}
	size := said.cost
	if !said.hasCost {
		if size, err = c.measure(v); err != nil {
			return nil, err
		}
	}
	return l.made(v, nil, ttl, size, said.extra(tagged(tags))), nil
}

// renewed makes an entry of what was there before, whose value both share.
func (l *load[I, K, V]) renewed(ctx context.Context, ttl time.Duration, said said) (*entry[K, V], error) {
	if l.basis == nil {
		l.failure = fmt.Errorf("cachedata: %s: NotModified: there is no old result", l.cache.name)
		return nil, l.failure
	}
	if err := l.cache.written(ctx, l.key, l.basis); err != nil {
		l.failure = err
		return nil, err
	}
	l.same = true
	old := cmp.Or(l.basis.extra(), new(extra))
	if said.etag == "" && said.modified.IsZero() {
		said.etag, said.modified = old.etag, old.modified
	}
	size := l.basis.bytes()
	if said.hasCost {
		size = said.cost
	}
	return l.made(l.basis.value, nil, ttl, size, said.extra(tagged(old.tags, said.tags))), nil
}

// failed makes an entry of an error that is to be remembered; other errors it
// returns.
func (l *load[I, K, V]) failed(ctx context.Context, err error, said said) (*entry[K, V], error) {
	c := l.cache
	l.failure, l.missing = err, c.missing(err)
	ttl := c.cfg.ErrorTTL
	switch {
	case l.missing:
		ttl = cmp.Or(c.cfg.NotFoundTTL, ttl)
	case l.prior != nil || ours(err): // what is there is worth more than an error
		ttl = 0
	case ctx.Err() != nil: // it is none of the origin
		ttl = 0
	}
	if ttl == 0 || l.passing {
		return nil, err
	}
	var none V
	return l.made(none, err, ttl, entryBytes, said.extra(tagged(said.tags))), nil
}

// extra returns what an entry has of its own by what its load has said, and
// nil if that is nothing.
func (s said) extra(tags []string) *extra {
	if len(tags) == 0 && s.etag == "" && s.modified.IsZero() {
		return nil
	}
	return &extra{tags: tags, etag: s.etag, modified: s.modified}
}

// made returns the entry that l has come to.
func (l *load[I, K, V]) made(v V, err error, ttl time.Duration, size int64, x *extra) *entry[K, V] {
	if x != nil {
		x.bornAt(l.oldest())
	}
	e := l.cache.newEntry(l.key, v, err, ttl, size, x)
	e.load = e.load.of(time.Duration(e.written - l.began))
	return e
}

// missing reports whether err says that there is nothing for a key.
func (c *Cache[K, V]) missing(err error) bool {
	return errors.Is(err, ErrNotFound) || c.cfg.NotFound != nil && c.cfg.NotFound(err)
}

// ours reports whether err is no answer of the origin, but tells of a mistake
// in how the loader uses caches. It is neither remembered nor covered up.
func ours(err error) bool {
	_, cycle := errors.AsType[*CycleError](err)
	return cycle || errors.Is(err, ErrVisitorInGlobalLoad) || errors.Is(err, ErrNoSession) || errors.Is(err, ErrClosed)
}

// Commit implements flight.Work.
func (l *load[I, K, V]) Commit(result unsafe.Pointer) {
	e := (*entry[K, V])(result)
	switch {
	case !l.cache.group.Gate().Holds(l.at):
		l.refused = "clear"
	case l.passing:
		l.replaced = l.in.entries.remove(l.id) // it is not true any more
	case l.cache.tagCleared(e.extra()):
		l.refused = "tag"
	default:
		l.replaced, l.refused = l.store(l.in, l.id, e)
	}
}

// Fail implements flight.Failer.
func (l *load[I, K, V]) Fail(err error) {
	if l.prior == nil || ours(err) {
		return
	}
	// After a timeout the loader may be running still, and write to l.
	if err != flight.ErrTimeout && l.missing {
		if l.in.entries.removeIf(l.id, l.prior) {
			l.replaced = l.prior
		}
		return
	}
	if m := l.prior.more(); m != nil {
		m.retryLater(l.cache.group.Now(), cmp.Or(l.cache.cfg.RetryAfter, DefaultRetryAfter))
	}
}

// Done implements flight.Work.
func (l *load[I, K, V]) Done(ctx context.Context, o flight.Outcome) {
	c := l.cache
	l.settle(l.id)
	if l.why == toRenew {
		c.counters.refreshes.Add(1)
		l.prior.more().busy.Store(false)
	}
	took := time.Duration(c.group.Now() - l.began)
	c.counters.loads.Add(1)
	c.counters.loadTime.Add(int64(took))
	c.counters.times.note(took)
	err, refused := o.Err, l.refused
	switch {
	case o.Err != nil:
	case l.failure != nil: // and remembered
		err = l.failure
	case o.Overridden != "":
		refused = o.Overridden
	case l.era.Load() != l.in && !l.passing:
		refused = "clear" // stored, but in an era that is over
	}
	if err != nil {
		c.counters.errors.Add(1)
	}
	if refused != "" {
		c.counters.refused.Add(1)
	}
	l.left(ctx, l.id, l.replaced, observe.CauseReplaced)
	if c.observer == nil {
		return
	}
	source := c.source(l.key)
	observe.Emit(ctx, c.observer, observe.CacheLoad{Source: source, Took: took, Background: l.why == toRenew, Unmodified: err == nil && l.same, Waiters: o.Callers, Err: c.loadError(err)})
	if refused != "" {
		observe.Emit(ctx, c.observer, observe.CacheRefused{Source: source, Reason: refused})
	}
}

// Late implements flight.Later.
func (l *load[I, K, V]) Late(ctx context.Context, err error) {
	if l.cache.observer != nil {
		took := time.Duration(l.cache.group.Now() - l.began)
		observe.Emit(ctx, l.cache.observer, observe.CacheOverrun{Source: l.cache.source(l.key), Took: took, Err: err})
	}
}
