package cachedata

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"reflect"
	"sync/atomic"
	"unsafe"

	"github.com/reecho-go/reecho/internal/clone"
	"github.com/reecho-go/reecho/internal/flight"
	"github.com/reecho-go/reecho/internal/group"
	"github.com/reecho-go/reecho/internal/keys"
	"github.com/reecho-go/reecho/internal/raw"
	"github.com/reecho-go/reecho/internal/visit"
	"github.com/reecho-go/reecho/observe"
)

// core is a [Cache] without its types: all that a cache does but calling the
// functions of its user and handing out results. It knows keys and values by
// their addresses, so it is compiled once for all caches. An address that it is
// given for the time of a call is not kept: what it needs for longer it copies.
type core struct {
	name     string
	cfg      settings
	fns      functions
	key      raw.Type // of keys
	result   raw.Type // of results
	rich     bool     // entries have more than a TTL
	group    *group.Group
	observer observe.Observer // of the cache and its group; see observed

	keys   *keys.Keys
	shape  keys.Shape
	plan   *clone.Untyped                      // copies results; nil: copyTo does
	copyTo func(dst, src unsafe.Pointer) error // nil: by assignment
	seals  *seals                              // nil: writes to shared results are not looked for

	estimate func(unsafe.Pointer) int64 // the bytes of a result; nil: what is behind it is not known
	budget   *budget                    // the group's; nil: the cache's own bound stands in for the default

	layout   layout
	table    table
	sessions *sessions    // who the entries belong to, in session scope
	second   *secondLevel // nil: there is no Storage

	counters counters
	reads    *visit.Reads // what loads read of their contexts; nil: they see all of it
	tracker  flight.Tracker
	hooks    group.Hooks
	member   *member
	closed   atomic.Bool
	hasTags  atomic.Bool // entries may have tags
	atCalls  atomic.Bool // there was a GetOrLoad
}

// functions are those of a cache's user, as the core calls them: with addresses
// of keys and results, which they do not keep. All but load may be nil.
type functions struct {
	load    func(ctx context.Context, key unsafe.Pointer) (result unsafe.Pointer, err error)
	many    func(ctx context.Context, keys []unsafe.Pointer) (answers, error) // of a Batch
	clone   func(dst, src unsafe.Pointer)
	size    func(result unsafe.Pointer) int64
	tags    func(key, result unsafe.Pointer) []string
	keyTags func(key unsafe.Pointer) []string
	keep    func(key, result unsafe.Pointer) bool
}

// shell is what a core belongs to.
type shell interface {
	AnyCache
	adopt(*core)
}

// observed reports whether anybody is told of events.
func (c *core) observed() bool { return c.cfg.Observer != nil || c.group.Observed() }

// newCore makes a core of a cache with keys and results of these types, and
// puts it into its group; self is the cache itself. wrong is what else is.
func newCore(self shell, name string, key, result reflect.Type, cfg settings, fns functions, wrong error) error {
	c := &core{
		name:   name,
		cfg:    cfg,
		fns:    fns,
		key:    raw.Of(key),
		result: raw.Of(result),
		rich:   cfg.IdleTTL > 0 || cfg.StaleFor > 0 || cfg.FailSafe > 0 || cfg.EagerAt > 0 || cfg.CountHits,
		group:  cmp.Or(cfg.Group, Default()).group,
		budget: cmp.Or(cfg.Group, Default()).budget,
	}
	if cfg.MaxBytes > 0 && !c.budget.given {
		c.budget = nil
	}
	c.observer = observe.Tee(c.group.Observer(), cfg.Observer)

	errs := []error{wrong}
	if name == "" {
		errs = append(errs, errors.New("the name is empty: it identifies the cache in its group"))
	}
	if fns.load == nil {
		errs = append(errs, errors.New("the load function is nil"))
	}
	errs = append(errs, cfg.validate())
	if cfg.validateTypes() == nil { // what the plans are made by
		errs = append(errs, c.compileKeys(), c.compileCopies())
	}
	err := errors.Join(errs...)
	if cfg.Store != nil {
		var wrong error
		if c.second, wrong = newSecondLevel(c); wrong != nil {
			err = errors.Join(err, wrong)
		}
	}
	if err != nil {
		return err
	}

	c.layout = newLayout(c)
	if cfg.Scope == Session {
		c.sessions = newSessions(c)
	} else {
		c.reads = visit.NewReads(c.contextRead)
	}
	c.table.init(c)
	if cfg.OnClear != nil {
		c.hooks.Add(cfg.OnClear)
	}
	c.member = &member{core: c, self: self}
	self.adopt(c) // from now on others may find it
	switch err := c.group.Add(c.member); {
	case errors.Is(err, group.ErrClosed):
		return fmt.Errorf("group %q: %w", c.group.Name(), ErrClosed)
	case err != nil:
		return fmt.Errorf("group %q: %w: give it another name, or close the other cache first", c.group.Name(), err)
	}
	if c.second != nil {
		c.second.watch()
	}
	return nil
}

// compileKeys finds out how a key identifies.
func (c *core) compileKeys() error {
	known, err := keys.For("cachedata: "+c.name, c.key.Type, c.cfg.identifies())
	if err != nil {
		return err
	}
	c.keys, c.shape = known, known.Shape()
	return nil
}

// compileCopies finds out how a result is copied.
func (c *core) compileCopies() error {
	switch {
	case c.cfg.ReadOnly:
		if c.cfg.VerifyReadOnly {
			var err error
			if c.seals, err = newSeals(c.result.Type, c.cfg.Trusted); err != nil {
				return err
			}
		}
		return c.compileSizes(nil)
	case c.fns.clone != nil:
		c.copyTo = func(dst, src unsafe.Pointer) error {
			c.fns.clone(dst, src)
			return nil
		}
		return c.compileSizes(nil)
	case c.cfg.Copy != nil:
		own, err := c.cfg.Copy.compile(c.result.Type)
		if err != nil {
			return c.copyError(err)
		}
		c.copyTo = own
		return c.compileSizes(nil)
	}
	plan, err := clone.ForType(c.result.Type, clone.Config{Immutable: c.cfg.Immutable, Trusted: c.cfg.Trusted})
	if err != nil {
		return c.copyError(err)
	}
	if !plan.Flat() {
		c.plan, c.copyTo = plan, plan.CopyTo
	}
	return c.compileSizes(plan)
}

// get is [Cache.Get] up to the result's copy: it returns the entry, whose error
// there may be.
func (c *core) get(ctx context.Context, key unsafe.Pointer) (*entry, Source, error) {
	e, source, err := c.lookup(ctx, key)
	if e == nil {
		return c.miss(ctx, key, err)
	}
	return e, source, nil
}

// miss goes on where lookup found nothing, or failed.
func (c *core) miss(ctx context.Context, key unsafe.Pointer, err error) (*entry, Source, error) {
	if err != nil {
		c.counters.misses.Add(1)
		return nil, 0, err
	}
	if j, joined := c.join(ctx, key); joined {
		return c.joined(ctx, key, j)
	}
	return c.load(ctx, key, false)
}

// load returns what the key's call loads, or what is there by now unless force
// is set.
func (c *core) load(ctx context.Context, key unsafe.Pointer, force bool) (*entry, Source, error) {
	if ctx == nil {
		return nil, 0, c.noContext()
	}
	p, err := c.place(ctx, key)
	if err != nil {
		return nil, 0, err
	}
	missed := !force
	defer func() {
		if missed { // also if the load panics
			c.counters.misses.Add(1)
		}
	}()
	e, source, err := p.load(ctx, force)
	if source == Hit {
		missed = false
	}
	if err != nil {
		return nil, 0, c.loadError(err)
	}
	c.served(ctx, p.key, e, source)
	if source == Stale && c.second != nil { // it comes from the store, and nobody is loading it yet
		c.refresh(ctx, p.key, e, c.group.Now())
	}
	return e, source, nil
}

// joining is a load that a caller has joined without a place of its own.
type joining struct {
	in   *era
	call flight.Joining
	came uint64 // the clears of tags before the caller came
}

// join joins a load of the key that others wait for already; false: there may be
// none, or more is asked of it.
func (c *core) join(ctx context.Context, key unsafe.Pointer) (j joining, joined bool) {
	if ctx == nil || c.tracker.Waiting() == 0 || c.sessions != nil || c.cfg.FailSafe > 0 {
		return j, false
	}
	j.in = c.table.era.Load()
	mark := c.group.Gate().Mark()
	j.came = c.group.Tags().Now()
	var id id
	switch c.shape {
	case keys.Word:
		id.Word = c.keys.Word(key)
	case keys.Text:
		id.Text = c.keys.Text(key)
	default:
		buf := keys.Borrow()
		text, err := c.keys.Append(*buf, key)
		if err == nil {
			// Sound: Join keeps nothing of it.
			id.Text = unsafe.String(unsafe.SliceData(text), len(text))
			j.call, joined = j.in.flights.Join(ctx, id, mark)
		}
		keys.Return(buf, text)
		return j, joined
	}
	j.call, joined = j.in.flights.Join(ctx, id, mark)
	return j, joined
}

// joined waits for the load that was joined.
func (c *core) joined(ctx context.Context, key unsafe.Pointer, j joining) (*entry, Source, error) {
	result, err := j.call.Wait(ctx)
	e, _ := result.(*entry)
	switch {
	case err != nil:
		c.counters.misses.Add(1)
		return nil, 0, c.loadError(err)
	case e.extra() != nil && c.joinedTooOld(ctx, key, e, &j):
		return c.load(ctx, key, false)
	}
	c.counters.misses.Add(1)
	return e, Joined, nil
}

// joinedTooOld is [table.tooOld] of a load that was joined.
func (c *core) joinedTooOld(ctx context.Context, key unsafe.Pointer, e *entry, j *joining) bool {
	p, err := c.place(ctx, key)
	return err == nil && p.tooOld(j.in, p.id, e, j.came)
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

// peek returns the entry that [Cache.Peek] finds, or nil.
func (c *core) peek(ctx context.Context, key unsafe.Pointer) *entry {
	if e, _ := c.find(ctx, key); c.good(e) >= stale && e.err() == nil && c.intact(e) {
		return e
	}
	return nil
}

// put is [Cache.Put] of the result at v, which is not on a stack.
func (c *core) put(ctx context.Context, key, v unsafe.Pointer, options []PutOptions) error {
	var how PutOptions
	switch len(options) {
	case 0:
	case 1:
		how = options[0]
	default:
		return fmt.Errorf("cachedata: %s: Put: there are %d PutOptions: put all into one", c.name, len(options))
	}
	if how.TTL < 0 {
		return fmt.Errorf("cachedata: %s: Put: TTL is %v: use 0 for Config.TTL, or Delete what is over", c.name, how.TTL)
	}
	if err := c.openTo(ctx); err != nil {
		return err
	}
	p, err := c.place(ctx, key)
	if err != nil {
		return err
	}
	if err := p.put(ctx, v, how); err != nil {
		return err
	}
	if err := c.open(); err != nil { // it has been closed meanwhile
		c.reset()
		return err
	}
	return nil
}

// delete is [Cache.Delete].
func (c *core) delete(ctx context.Context, key unsafe.Pointer) error {
	if err := c.openTo(ctx); err != nil {
		return err
	}
	p, err := c.place(ctx, key)
	if err != nil {
		return err
	}
	p.delete(ctx)
	return nil
}

// clear is [Cache.Clear].
func (c *core) clear(ctx context.Context) error {
	if err := c.openTo(ctx); err != nil {
		return err
	}
	noteClear(ctx, c)
	defer clearing(ctx, nil, c)()
	if err := c.group.ClearMember(ctx, c.member, c.observer); err != nil {
		return fmt.Errorf("cachedata: %s: %w", c.name, err)
	}
	return nil
}

// close is [Cache.Close].
func (c *core) close(ctx context.Context) error {
	c.closed.Store(true)
	err := c.tracker.Close(ctx)
	if c.second != nil {
		err = errors.Join(err, c.second.kept.Close(ctx))
	}
	c.reset()
	if c.sessions != nil {
		c.sessions.visits.Close()
	}
	c.group.Remove(c.member)
	if err != nil {
		return fmt.Errorf("cachedata: %s: close: %w", c.name, err)
	}
	return nil
}

// stats is [Cache.Stats].
func (c *core) stats() Stats {
	s := c.counters.read()
	s.InFlight, s.Waiters = c.tracker.Running(), c.tracker.Waiting()
	s.Entries, s.Bytes = c.table.len(), c.table.bytes()
	if c.sessions != nil {
		s.Sessions = c.sessions.visits.Len()
	}
	return s
}

// noContext is the error of a call that has got nil for a context.
func (c *core) noContext() error {
	return fmt.Errorf("cachedata: %s: the context is nil: pass that of the request, or context.Background()", c.name)
}

// openTo returns an error if c has been closed or ctx is nil.
func (c *core) openTo(ctx context.Context) error {
	if ctx == nil {
		return c.noContext()
	}
	return c.open()
}

func (c *core) open() error {
	if c.closed.Load() {
		return fmt.Errorf("%w: %s", ErrClosed, c.name)
	}
	return nil
}

// reset drops everything and returns how many entries that were.
func (c *core) reset() int {
	n := c.table.reset()
	c.counters.cleared.Add(uint64(n))
	return n
}

// source is what events say about the entry of key.
func (c *core) source(key unsafe.Pointer) observe.Source {
	s := observe.Source{Group: c.group.Name(), Cache: c.name}
	if fp, err := c.keys.Fingerprint(key); err == nil {
		s.Fingerprint = fp
	}
	return s
}
