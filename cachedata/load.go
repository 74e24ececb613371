package cachedata

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"time"
	"unsafe"

	"github.com/reecho-go/reecho/internal/flight"
	"github.com/reecho-go/reecho/internal/uses"
	"github.com/reecho-go/reecho/observe"
)

// newLoad returns a load for a caller who comes now.
func (p *slot) newLoad(in *era, at flight.Mark, why purpose) *load {
	l := &load{slot: *p, in: in, at: at, came: p.core.group.Tags().Now(), began: p.core.group.Now(), why: why}
	l.entry.work = l
	l.prior = p.prior(in.entries.get(p.id))
	return l
}

// prior returns e, unless it is of no use to a load.
func (p *slot) prior(e *entry) *entry {
	if p.core.stateOf(e) == gone || e.err() != nil {
		return nil
	}
	return e
}

// load gets the entry by the key's call; with force, also if there is one.
func (p *slot) load(ctx context.Context, force bool) (*entry, Source, error) {
	why := toGet
	if force {
		why = toRefresh
	}
	for {
		e, source, err := p.loadOnce(ctx, why)
		if source != tooOld {
			return e, source, err
		}
	}
}

// tooOld is the source of a result that was joined, and then turned out to have
// a tag that had been cleared before the caller came.
const tooOld Source = math.MaxUint8

// loadOnce is load, but may come to a result that is too old.
func (p *slot) loadOnce(ctx context.Context, why purpose) (*entry, Source, error) {
	in := p.era.Load()
	l := p.newLoad(in, p.core.group.Gate().Mark(), why)
	terms := l.terms()
	var old *entry
	var source Source
	terms.Leave = func() bool {
		old, source = l.fallback(ctx, flight.ErrImpatient)
		return old != nil
	}
	if p.core.observed() {
		terms.Joined = func(task flight.Task) { p.core.waited(ctx, task) }
	}
	result, role, err := in.flights.DoAt(ctx, p.id, terms, l)
	e, _ := result.(*entry)
	if err != flight.ErrImpatient {
		old, source = l.fallback(ctx, err)
	}
	if old != nil {
		return old, source, nil
	}
	if terms.Quiet && role == flight.Led {
		flight.Repanic(err)
	}
	if role == flight.Joined && p.tooOld(in, p.id, e, l.came) {
		return nil, tooOld, nil
	}
	return e, l.sourceOf(role, e), err
}

// tooOld reports whether e, whose load in r a caller has joined, may have a tag
// that was cleared after its load began and before the caller came. What the
// tags of a result are is not known before its load has ended; by then the
// clears may be forgotten unless e was stored, and so found to be good.
func (t *table) tooOld(r *era, id id, e *entry, came uint64) bool {
	if e == nil {
		return false
	}
	x := e.annotations()
	if x == nil || len(x.tags) == 0 || came <= x.clearsBefore {
		return false
	}
	return t.era.Load() != r || r.entries.get(id) != e || t.core.tagCleared(x) ||
		x.softly(never) != never && t.core.stateOf(e) < stale
}

// refresh starts a load in the background that is to replace prior, and
// reports whether it did. ended is called when the load has returned.
func (p *slot) refresh(ctx context.Context, prior *entry, ended func()) bool {
	in := p.era.Load()
	l := p.newLoad(in, p.core.group.Gate().Mark(), toRenew)
	l.prior = prior
	return in.flights.Start(ctx, p.id, l.terms(), l, ended)
}

// terms are what the caller of l asks of the key's call.
func (l *load) terms() flight.Terms {
	t := flight.Terms{At: l.at, Limit: l.core.cfg.Timeout}
	if l.safe() {
		t.Patience, t.Quiet = l.core.cfg.SoftTimeout, true
	}
	return t
}

// sourceOf says how a call came by its result e.
func (l *load) sourceOf(role flight.Role, e *entry) Source {
	switch {
	case role == flight.Joined:
		return Joined
	case role == flight.Led && l.found != nil && l.found == e:
		switch l.core.stateOf(e) {
		case stale:
			return Stale
		case spare:
			return FailSafe
		}
		return Stored
	case role == flight.Led:
		return Load
	case l.core.stateOf(e) < early:
		return FailSafe
	}
	return Hit
}

// Name implements flight.Work.
func (l *load) Name() string {
	fp, err := l.core.keys.Fingerprint(l.key())
	if err != nil {
		return l.core.name
	}
	return fmt.Sprintf("%s[%016x]", l.core.name, fp)
}

// Find implements flight.Work.
func (l *load) Find() (any, bool) {
	e := l.in.entries.get(l.id)
	switch {
	case l.why == toRenew:
		return e, e != l.prior
	case l.why == toGet && (l.core.stateOf(e) >= early || l.throttled(e)):
		return e, true
	}
	l.prior = l.slot.prior(e) // as it is now that the load can be overridden
	return nil, false
}

// Load implements flight.Work.
func (l *load) Load(ctx context.Context) (any, error) {
	if second := l.core.second; second != nil {
		if second.find(ctx, []*load{l}); l.found != nil {
			return l.found, nil
		}
		defer second.lead(ctx, l)()
		if l.found != nil {
			return l.found, nil
		}
	}
	key, err := l.begin()
	if err != nil {
		return nil, err
	}
	var v unsafe.Pointer
	ctx = l.core.traced(ctx, l)
	loader := l.core.loader(ctx)
	err = l.core.callLoader(ctx, l, func(ctx context.Context) (err error) {
		v, err = loader(ctx, key)
		return err
	})
	e, err := l.loaded(ctx, v, err)
	return l.toStore(ctx, e, err)
}

// begin is called before the loader, and returns a key for it, of its own.
func (l *load) begin() (unsafe.Pointer, error) {
	l.clearsAtStart.Store(l.core.group.Tags().Now() + 1)
	// A clear of a tag that has come before this is not seen by the check of the
	// result; one that comes after it is.
	// The clear may be forgotten by now; then what it has cleared is no longer
	// among the entries, which is looked at last.
	if l.prior != nil && l.prior.err() == nil && !l.core.tagCleared(l.prior.annotations()) && l.in.entries.get(l.id) == l.prior {
		l.basis = l.prior
	} else if l.prior == nil {
		l.basis = l.spare // which has just been read
	}
	return l.core.keyForUser(l.key())
}

// callLoader calls the loader in a context that has the loadings, and hides the
// visitor unless the result is the visitor's own.
func (c *core) callLoader(ctx context.Context, of loadings, loader func(context.Context) error) error {
	if c.sessions != nil {
		return loader(&loadingContext{ctx, of})
	}
	mask := c.reads.Hide(ctx)
	return mask.Checked(c.label, func() error { return loader(&loadingContext{mask, of}) })
}

// loaded makes an entry of what the loader returned: of a copy, since the
// loader may keep and change it.
func (l *load) loaded(ctx context.Context, v unsafe.Pointer, err error) (*entry, error) {
	c, set := l.core, l.entry.end()
	if set.wrong != nil {
		l.failure = fmt.Errorf("cachedata: %s: %w", c.name, errors.Join(append(set.wrong, err)...))
		return nil, l.failure
	}
	l.passing = set.noStore
	if c.fns.many != nil && set.unmodified && !errors.Is(err, ErrVisitorInGlobalLoad) {
		err = nil // it may be of other keys, or say that this one was left out
	}
	if err != nil {
		return l.failed(ctx, err, set)
	}
	ttl := c.cfg.TTL
	if set.hasTTL {
		ttl = set.ttl
		l.passing = l.passing || ttl <= 0
	}
	if set.unmodified {
		return l.renewed(ctx, ttl, set)
	}
	if c.fns.keep != nil {
		key, err := c.keyForUser(l.key())
		if err != nil {
			return nil, err
		}
		if !c.fns.keep(key, v) {
			l.passing = true
		}
	}
	tags, err := l.tags(set.tags, v)
	if err != nil {
		return nil, err
	}
	m := making{from: v, ttl: ttl, cost: set.cost, hasCost: set.hasCost, annotations: set.annotations(tags)}
	if l.passing && uses.Recording() {
		m.annotations = cmp.Or(m.annotations, new(annotations))
		m.annotations.passing = true
	}
	return l.made(m)
}

// renewed makes an entry of what was there before, whose value both share.
func (l *load) renewed(ctx context.Context, ttl time.Duration, set loadSettings) (*entry, error) {
	if l.basis == nil {
		l.failure = fmt.Errorf("cachedata: %s: NotModified: there is no old result", l.core.name)
		return nil, l.failure
	}
	if err := l.core.checkUnmodified(ctx, l.key(), l.basis); err != nil {
		l.failure = err
		return nil, err
	}
	l.same = true
	old := cmp.Or(l.basis.annotations(), new(annotations))
	if set.etag == "" && set.modified.IsZero() {
		set.etag, set.modified = old.etag, old.modified
	}
	size := set.cost
	if !set.hasCost {
		size = max(l.basis.bytes()-l.beside(l.basis.form(), nil, l.basis.annotations()), 0)
	}
	return l.made(making{
		from: l.core.valueOf(l.basis), shared: l.basis, ttl: ttl, cost: size, hasCost: true, annotations: set.annotations(tagged(old.tags, set.tags)),
	})
}

// failed makes an entry of an error that is to be remembered, or that has tags:
// those who joined the load after a clear of one are not to get it. Other errors
// it returns.
func (l *load) failed(ctx context.Context, err error, set loadSettings) (*entry, error) {
	c := l.core
	l.failure, l.missing = err, c.missing(err)
	ttl := c.cfg.ErrorTTL
	own := isMisuse(err)
	switch {
	case l.missing:
		ttl = cmp.Or(c.cfg.NotFoundTTL, ttl)
	case l.prior != nil || l.spare != nil || own: // what is there is worth more than an error
		ttl = 0
	case ctx.Err() != nil: // it is none of the origin
		ttl = 0
	}
	l.passing = l.passing || ttl == 0
	if l.passing && (l.prior != nil || l.spare != nil || own || ctx.Err() != nil) {
		return nil, err
	}
	tags, wrong := l.tags(set.tags, nil)
	if wrong != nil || l.passing && len(tags) == 0 {
		return nil, err
	}
	return l.made(making{err: err, ttl: ttl, hasCost: true, annotations: set.annotations(tags)})
}

// made returns the entry that l has come to.
func (l *load) made(m making) (*entry, error) {
	if m.annotations != nil {
		m.annotations.setClearsBefore(l.oldest())
	}
	e, err := l.make(m)
	if err == nil {
		e.load = e.load.of(time.Duration(e.storedAt - l.began))
	}
	return e, err
}

// Commit implements flight.Work.
func (l *load) Commit(result any) {
	e := result.(*entry)
	switch {
	case !l.core.group.Gate().Holds(l.at):
		l.refused = refusedClear
	case l.passing:
		l.replaced = l.in.entries.remove(l.id) // it is not true any more
	case l.core.tagCleared(e.annotations()):
		l.refused = "tag"
	default:
		l.replaced, l.refused = l.store(l.in, l.id, e)
	}
}

// Fail implements flight.Failer.
func (l *load) Fail(err error) {
	if l.prior == nil || isMisuse(err) {
		return
	}
	// After a timeout the loader may be running still, and write to l.
	if err != flight.ErrTimeout && l.missing {
		if l.in.entries.removeIf(l.id, l.prior) {
			l.replaced = l.prior
		}
		return
	}
	if m := l.prior.details(); m != nil {
		m.retryLater(l.core.group.Now(), cmp.Or(l.core.cfg.RetryAfter, defaultRetryAfter))
	}
}

// Done implements flight.Work.
func (l *load) Done(ctx context.Context, o flight.Outcome) {
	c := l.core
	if c.second != nil && c.second.others != nil {
		c.second.others.arrived(l)
	}
	l.settle()
	if l.why == toRenew {
		c.counters.refreshes.Add(1)
		l.prior.details().busy.Store(false)
	}
	took := time.Duration(c.group.Now() - l.began)
	stored := l.found != nil && o.Err == nil
	if stored && l.failure == nil {
		c.counters.stored.Add(1)
	} else {
		c.counters.loads.Add(1)
		c.counters.loadTime.Add(int64(took))
		c.counters.times.note(took)
	}
	err, refused := o.Err, l.refused
	switch {
	case o.Err != nil:
	case l.failure != nil: // and remembered
		err = l.failure
	case o.Overridden != "":
		refused = o.Overridden
	}
	if err != nil {
		c.counters.errors.Add(1)
	}
	if refused != "" {
		c.counters.refused.Add(1)
	}
	l.left(ctx, l.in, l.id, l.replaced, observe.CauseReplaced)
	if !c.observed() {
		return
	}
	source := c.source(l.key())
	if !stored || err != nil {
		observe.Emit(l.traceOf(ctx), c.observer, observe.CacheLoad{Source: source, Took: took, Background: l.why == toRenew, Unmodified: err == nil && l.same, Waiters: o.Callers, Err: c.loadError(err)})
	}
	if refused != "" {
		own := l.cleared.Load() && (refused == refusedClear || refused == "tag")
		observe.Emit(ctx, c.observer, observe.CacheRefused{Source: source, Reason: refused, Own: own})
	}
}

// Stalled implements flight.Staller.
func (l *load) Stalled() {
	if l.core.observed() {
		waited := time.Duration(l.core.group.Now() - l.began)
		observe.Emit(context.Background(), l.core.observer, observe.CacheStalled{Source: l.core.source(l.key()), Took: waited})
	}
}

// Late implements flight.Later.
func (l *load) Late(ctx context.Context, err error) {
	if l.core.observed() {
		took := time.Duration(l.core.group.Now() - l.began)
		observe.Emit(ctx, l.core.observer, observe.CacheOverrun{Source: l.core.source(l.key()), Took: took, Err: err})
	}
}

// loadError says in our words what the flight table says.
func (c *core) loadError(err error) error {
	switch err {
	case flight.ErrClosed:
		return fmt.Errorf("%w: %s", ErrClosed, c.name)
	case flight.ErrTimeout:
		return fmt.Errorf("%w: %s: after %v", ErrTimeout, c.name, c.cfg.Timeout)
	}
	//nolint:errorlint // only a cycle of this very call; a loader's error stays as it is
	if cycle, ok := err.(*CycleError); ok {
		return fmt.Errorf("cachedata: %w", cycle)
	}
	return err
}
