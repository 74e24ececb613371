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

// newLoad returns a load for a call that begins now.
func (p *slot) newLoad(in *era, at flight.Mark, why purpose) *load {
	l := &load{slot: *p, in: in, at: at, came: p.core.group.Tags().Now(), began: p.core.group.Now(), why: why}
	l.entry.work = l
	l.prior = p.prior(in.entries.get(p.id))
	return l
}

// prior returns e if a load can use it as the old result, else nil.
func (p *slot) prior(e *entry) *entry {
	if p.core.stateOf(e) == gone || e.err() != nil {
		return nil
	}
	return e
}

// load gets the entry by a load of the key, which it starts or joins; with force,
// also if there is an entry.
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

// tooOld is the source of a joined result that has a tag which was cleared before
// the caller came.
const tooOld Source = math.MaxUint8

// loadOnce is load, but its result may be too old.
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

// tooOld reports whether e may have a tag that was cleared after its load began and
// before the caller came. The caller has joined the load of e in r. The tags of a
// result are known only when its load has ended. By then the clears may be
// forgotten, so an e that was not stored counts as too old.
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

// refresh starts a load in the background to replace prior, and reports whether it
// did. ended is called when the load has returned.
func (p *slot) refresh(ctx context.Context, prior *entry, ended func()) bool {
	in := p.era.Load()
	l := p.newLoad(in, p.core.group.Gate().Mark(), toRenew)
	l.prior = prior
	return in.flights.Start(ctx, p.id, l.terms(), l, ended)
}

// terms returns how the caller of l waits for the load.
func (l *load) terms() flight.Terms {
	t := flight.Terms{At: l.at, Limit: l.core.cfg.Timeout}
	if l.safe() {
		t.Patience, t.Quiet = l.core.cfg.SoftTimeout, true
	}
	return t
}

// sourceOf says where a call got its result e from.
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
	l.prior = l.slot.prior(e) // looked up again: from here on a change overrides the load
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

// begin is called before the loader, and returns a key that the loader may change.
func (l *load) begin() (unsafe.Pointer, error) {
	l.clearsAtStart.Store(l.core.group.Tags().Now() + 1)
	// The check of the result sees the clears of tags that come after this line, and
	// not those before. So the old result is checked here for the earlier ones. If
	// these are forgotten by now, the sweep has removed the entries that they
	// cleared, so the last condition looks for the entry.
	if l.prior != nil && l.prior.err() == nil && !l.core.tagCleared(l.prior.annotations()) && l.in.entries.get(l.id) == l.prior {
		l.basis = l.prior
	} else if l.prior == nil {
		l.basis = l.spare // it has just been read from the store
	}
	return l.core.keyForUser(l.key())
}

// callLoader calls the loader with a context that has the loadings. In global scope
// the context hides the visitor.
func (c *core) callLoader(ctx context.Context, of loadings, loader func(context.Context) error) error {
	if c.sessions != nil {
		return loader(&loadingContext{ctx, of})
	}
	mask := c.reads.Hide(ctx)
	return mask.Checked(c.label, func() error { return loader(&loadingContext{mask, of}) })
}

// loaded makes an entry from a copy of what the loader returned, because the loader
// may keep and change the original.
func (l *load) loaded(ctx context.Context, v unsafe.Pointer, err error) (*entry, error) {
	c, set := l.core, l.entry.end()
	if set.wrong != nil {
		l.failure = fmt.Errorf("cachedata: %s: %w", c.name, errors.Join(append(set.wrong, err)...))
		return nil, l.failure
	}
	l.passing = set.noStore
	if c.fns.many != nil && set.unmodified && !errors.Is(err, ErrVisitorInGlobalLoad) {
		err = nil // the error may be about other keys, or say that this key was left out
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

// renewed makes an entry that shares the value of the old one.
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

// failed makes an entry of an error that is remembered, or that has tags, so that
// callers who joined the load after a clear of such a tag do not get it. It returns
// all other errors.
func (l *load) failed(ctx context.Context, err error, set loadSettings) (*entry, error) {
	c := l.core
	l.failure, l.missing = err, c.missing(err)
	ttl := c.cfg.ErrorTTL
	own := isMisuse(err)
	switch {
	case l.missing:
		ttl = cmp.Or(c.cfg.NotFoundTTL, ttl)
	case l.prior != nil || l.spare != nil || own: // an old result must not be replaced by an error
		ttl = 0
	case ctx.Err() != nil: // the error comes from the callers who left, not from the origin
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

// made returns the entry that is the outcome of l.
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
		l.replaced = l.in.entries.remove(l.id) // the stored result is outdated
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
	// After a timeout the loader may still run and write to l.missing.
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
	if c.second != nil && c.second.peers != nil {
		c.second.peers.loadEnded(l)
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
	case l.failure != nil: // the load has failed, and its error was stored
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

// loadError turns an error of the flight table into one of this package.
func (c *core) loadError(err error) error {
	switch err {
	case flight.ErrClosed:
		return fmt.Errorf("%w: %s", ErrClosed, c.name)
	case flight.ErrTimeout:
		return fmt.Errorf("%w: %s: after %v", ErrTimeout, c.name, c.cfg.Timeout)
	}
	//lint:ignore errorlint only a cycle of this call: an error of the loader stays as it is
	if cycle, ok := err.(*CycleError); ok {
		return fmt.Errorf("cachedata: %w", cycle)
	}
	return err
}
