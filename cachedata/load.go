package cachedata

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"sync/atomic"
	"time"
	"unsafe"

	"github.com/reecho-go/reecho/internal/flight"
	"github.com/reecho-go/reecho/internal/level"
	"github.com/reecho-go/reecho/internal/uses"
	"github.com/reecho-go/reecho/observe"
)

// load is the flight.Work of one key. What its goroutine writes is read by
// others only if it has returned in time: not after Config.Timeout.
type load struct {
	slot
	in    *era
	at    flight.Mark // when the caller came: taken after in
	came  uint64      // the clears of tags before the caller came
	began int64
	why   purpose
	prior *entry // what there is already, in whatever state but gone; or nil
	entry Loading
	born  atomic.Uint64 // the clears of tags before the loader began, plus 1; 0: it has not
	basis *entry        // prior, unless a tag of it has been cleared by then

	replaced *entry
	refused  string
	failure  error // what the loader returned
	missing  bool  // failure says that there is nothing for the key
	passing  bool  // the result is not to be kept
	same     bool  // it is the old one, which still holds

	ticket level.Ticket // what its result may be stored with; nil: it may not
	found  *entry       // what the store has; nil: it is loaded
	waits  waits        // for what others change

	cleared atomic.Bool // the load has cleared its own cache

	trace atomic.Pointer[context.Context] // of the load function, if an observer traces it
}

// purpose is what a load is for.
type purpose uint8

const (
	toGet     purpose = iota // what is there by now will do
	toRefresh                // load in any case
	toRenew                  // load in the background, unless prior is no longer there
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
	if p.core.good(e) == gone || e.err() != nil {
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
func (p *slot) join(ctx context.Context, why purpose) (*entry, Source, error) {
	in := p.era.Load()
	l := p.newLoad(in, p.core.group.Gate().Mark(), why)
	terms := l.terms()
	var old *entry
	var source Source
	terms.Leave = func() bool {
		old, source = l.instead(ctx, flight.ErrImpatient)
		return old != nil
	}
	if p.core.observed() {
		terms.Joined = func(task flight.Task) { p.core.waited(ctx, task) }
	}
	result, role, err := in.flights.DoAt(ctx, p.id, terms, l)
	e, _ := result.(*entry)
	if err != flight.ErrImpatient {
		old, source = l.instead(ctx, err)
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
	x := e.extra()
	if x == nil || len(x.tags) == 0 || came <= x.born {
		return false
	}
	return t.era.Load() != r || r.entries.get(id) != e || t.core.tagCleared(x)
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
		return Stored
	case role == flight.Led:
		return Load
	case l.core.good(e) < early:
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
	case l.why == toGet && (l.core.good(e) >= early || l.throttled(e)):
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
	err = l.core.hidden(ctx, l, func(ctx context.Context) (err error) {
		v, err = loader(ctx, key)
		return err
	})
	e, err := l.loaded(ctx, v, err)
	if second := l.core.second; second != nil {
		second.keep(ctx, l, e, err)
	}
	return e, err
}

// begin is called before the loader, and returns a key for it, of its own.
func (l *load) begin() (unsafe.Pointer, error) {
	l.born.Store(l.core.group.Tags().Now() + 1)
	// A clear of a tag that has come before this is not seen by the check of the
	// result; one that comes after it is.
	// The clear may be forgotten by now; then what it has cleared is no longer
	// among the entries, which is looked at last.
	if l.prior != nil && l.prior.err() == nil && !l.core.tagCleared(l.prior.extra()) && l.in.entries.get(l.id) == l.prior {
		l.basis = l.prior
	}
	return l.core.lend(l.key())
}

// oldest returns the clears of tags that what l will store has seen at least.
func (l *load) oldest() uint64 {
	if born := l.born.Load(); born > 0 {
		return born - 1
	}
	return math.MaxUint64 // it has yet to begin
}

// hidden calls the loader in a context that has the loadings, and hides the
// visitor unless the result is the visitor's own.
func (c *core) hidden(ctx context.Context, said loadings, loader func(context.Context) error) error {
	if c.sessions != nil {
		return loader(&loadingContext{ctx, said})
	}
	mask := c.reads.Hide(ctx)
	return mask.Checked(c.label, func() error { return loader(&loadingContext{mask, said}) })
}

// contextRead tells of a context value that a load has read.
func (c *core) contextRead(ctx context.Context, key, value string) {
	observe.Emit(ctx, c.observer, observe.ContextRead{Source: observe.Source{Group: c.group.Name(), Cache: c.name}, Key: key, Value: value})
}

// loaded makes an entry of what the loader returned: of a copy, since the
// loader may keep and change it.
func (l *load) loaded(ctx context.Context, v unsafe.Pointer, err error) (*entry, error) {
	c, said := l.core, l.entry.end()
	if said.wrong != nil {
		l.failure = fmt.Errorf("cachedata: %s: %w", c.name, errors.Join(append(said.wrong, err)...))
		return nil, l.failure
	}
	l.passing = said.noStore
	if c.fns.many != nil && said.unmodified && !errors.Is(err, ErrVisitorInGlobalLoad) {
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
	if c.fns.keep != nil {
		key, err := c.lend(l.key())
		if err != nil {
			return nil, err
		}
		if !c.fns.keep(key, v) {
			l.passing = true
		}
	}
	tags, err := l.tags(said.tags, v)
	if err != nil {
		return nil, err
	}
	m := making{from: v, ttl: ttl, cost: said.cost, set: said.hasCost, extra: said.extra(tags)}
	if l.passing && uses.Recording() {
		m.extra = cmp.Or(m.extra, new(extra))
		m.extra.passing = true
	}
	return l.made(m)
}

// renewed makes an entry of what was there before, whose value both share.
func (l *load) renewed(ctx context.Context, ttl time.Duration, said said) (*entry, error) {
	if l.basis == nil {
		l.failure = fmt.Errorf("cachedata: %s: NotModified: there is no old result", l.core.name)
		return nil, l.failure
	}
	if err := l.core.written(ctx, l.key(), l.basis); err != nil {
		l.failure = err
		return nil, err
	}
	l.same = true
	old := cmp.Or(l.basis.extra(), new(extra))
	if said.etag == "" && said.modified.IsZero() {
		said.etag, said.modified = old.etag, old.modified
	}
	size := said.cost
	if !said.hasCost {
		size = max(l.basis.bytes()-l.beside(l.basis.form(), nil, l.basis.extra()), 0)
	}
	return l.made(making{
		from: l.core.valueOf(l.basis), ours: l.basis, ttl: ttl, cost: size, set: true, extra: said.extra(tagged(old.tags, said.tags)),
	})
}

// failed makes an entry of an error that is to be remembered, or that has tags:
// those who joined the load after a clear of one are not to get it. Other errors
// it returns.
func (l *load) failed(ctx context.Context, err error, said said) (*entry, error) {
	c := l.core
	l.failure, l.missing = err, c.missing(err)
	ttl := c.cfg.ErrorTTL
	own := ours(err)
	switch {
	case l.missing:
		ttl = cmp.Or(c.cfg.NotFoundTTL, ttl)
	case l.prior != nil || own: // what is there is worth more than an error
		ttl = 0
	case ctx.Err() != nil: // it is none of the origin
		ttl = 0
	}
	l.passing = l.passing || ttl == 0
	if l.passing && (l.prior != nil || own || ctx.Err() != nil) {
		return nil, err
	}
	tags, wrong := l.tags(said.tags, nil)
	if wrong != nil || l.passing && len(tags) == 0 {
		return nil, err
	}
	return l.made(making{err: err, ttl: ttl, set: true, extra: said.extra(tags)})
}

// extra returns what an entry has of its own by what its load has said, and
// nil if that is nothing.
func (s said) extra(tags []string) *extra {
	if len(tags) == 0 && s.etag == "" && s.modified.IsZero() {
		return nil
	}
	// A copy: it may be part of all the headers of a response.
	return &extra{tags: tags, etag: strings.Clone(s.etag), modified: s.modified}
}

// made returns the entry that l has come to.
func (l *load) made(m making) (*entry, error) {
	if m.extra != nil {
		m.extra.bornAt(l.oldest())
	}
	e, err := l.make(m)
	if err == nil {
		e.load = e.load.of(time.Duration(e.written - l.began))
	}
	return e, err
}

// missing reports whether err says that there is nothing for a key.
func (c *core) missing(err error) bool {
	return (errors.Is(err, ErrNotFound) || c.cfg.NotFound != nil && c.cfg.NotFound(err)) && !ours(err)
}

// ours reports whether err is no answer of the origin, but tells of a mistake
// in how the loader uses caches. It is neither remembered nor covered up.
func ours(err error) bool {
	_, cycle := errors.AsType[*CycleError](err)
	return cycle || errors.Is(err, ErrVisitorInGlobalLoad) || errors.Is(err, ErrNoSession) || errors.Is(err, ErrClosed)
}

// Commit implements flight.Work.
func (l *load) Commit(result any) {
	e := result.(*entry)
	switch {
	case !l.core.group.Gate().Holds(l.at):
		l.refused = refusedClear
	case l.passing:
		l.replaced = l.in.entries.remove(l.id) // it is not true any more
	case l.core.tagCleared(e.extra()):
		l.refused = "tag"
	default:
		l.replaced, l.refused = l.store(l.in, l.id, e)
	}
}

// Fail implements flight.Failer.
func (l *load) Fail(err error) {
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
		l.prior.more().busy.Store(false)
	}
	took := time.Duration(c.group.Now() - l.began)
	stored := l.found != nil && o.Err == nil
	if stored {
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
	if !stored {
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
