// Package tier keeps the results of a cache in a store, beside the memory. It decides
// what is stored, whether a stored result is still valid, and what happens while the store
// is slow or down. It does not import the cache.
//
// A result that was loaded before a clear is never returned after it, whichever process
// has loaded, stored and cleared: see marks.go. A stored result is used only if its
// checksum, codec, schema, key and marks are right; otherwise it is a miss and an event.
//
// A result is written by compare-and-swap against the version that the record had before the
// load began. So a late write, after its caller has given up, fails if the record was
// written since.
package tier

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"reflect"
	"sync"
	"sync/atomic"
	"time"

	"github.com/reecho-go/reecho/internal/level"
	"github.com/reecho-go/reecho/observe"
	"github.com/reecho-go/reecho/store"
)

// Config configures a Tier.
type Config struct {
	level.Cache
	Store   store.Store // with store.Swapper
	Codec   Codec
	Version string        // of the app's types
	Budget  time.Duration // how long one call of the cache may use the store
	Behind  bool          // results are written in the background, after the call has returned
	Single  bool          // only one of all processes loads a key at a time
}

var _ level.Level = (*Tier)(nil)

// Tier is the part of a store that belongs to one cache. All methods are safe for
// concurrent use.
type Tier struct {
	cfg       Config
	store     store.Store
	swap      store.Swapper
	batch     store.Batcher // nil: keys are read one after the other
	codecName string
	schema    uint64
	kind      uint64 // the fingerprint of codecName and schema
	prefix    string
	clockKey  string
	clocks    atomic.Pointer[level.Clock] // the Clock of the last revision

	startedAt  time.Time    // the time is startedAt plus the monotonic time since then, plus clockAhead
	clockAhead atomic.Int64 // how many nanoseconds the clock of another process was ahead of ours

	watched      bool   // the store can tell processes of changes
	unwatch      func() // ends Watch; nil: there was none
	leaseWaiters leaseWaiters

	breaker  breaker
	writes   sync.WaitGroup // goroutines that go on after their calls
	pending  pending
	slots    chan struct{} // one for each call of the store that runs
	closed   atomic.Bool
	reported [3]atomic.Int64 // when an event of each reportKind was last emitted
}

// ticket is a level.Ticket.
type ticket struct {
	key        level.Key
	version    uint64 // of the record in the store; 0: there is none
	clock      clock
	takenAt    time.Time
	budgetLeft time.Duration // what is left of the budget
}

// Known implements level.Ticket.
func (tk *ticket) Known() bool { return tk.version != 0 }

// tombstoneTTL is how long a tombstone stays. The result of a load that
// takes longer than half of this is not stored.
const tombstoneTTL = 24 * time.Hour

// maxRunning is how many calls of the store may run at a time.
const maxRunning = 256

// New returns a tier. The error joins all mistakes in the configuration.
func New(cfg Config) (*Tier, error) {
	t := &Tier{cfg: cfg, store: cfg.Store, slots: make(chan struct{}, maxRunning), startedAt: time.Now()}
	t.pending.running, t.pending.all = make(chan struct{}, 1), make(map[invalidation]uint64)
	var errs []error
	var ok bool
	if t.swap, ok = store.As[store.Swapper](cfg.Store); !ok {
		errs = append(errs, fmt.Errorf("the store is a %T without compare-and-swap (store.Swapper), so that cleared results could come back: use a store that has it", cfg.Store))
	}
	t.batch, _ = store.As[store.Batcher](cfg.Store)
	_, t.watched = store.As[store.Watcher](cfg.Store)
	if cfg.Single && cfg.Batch {
		errs = append(errs, errors.New("SingleFlight is set, and the cache loads several keys at a time, for each of which it would have to wait: leave SingleFlight out, or use a cache that is no batch"))
	}
	if cfg.Single && cfg.Behind {
		errs = append(errs, errors.New("SingleFlight is set, and so is WriteBehind: who waits for a load would not find its result: leave one of them out"))
	}
	if err := checkCodec(cfg.Codec, cfg.Result); err != nil {
		errs = append(errs, err)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	t.codecName = fmt.Sprintf("%T", cfg.Codec)
	t.schema = schemaOf(fmt.Sprintf("%q%q", cfg.Version, cfg.Cache.Version), cfg.Key, cfg.Result)
	t.kind = kindOf(t.codecName, t.schema)
	t.prefix = "cache/" + part(cfg.Group) + "/" + part(cfg.Name) + "/"
	t.clockKey = t.prefix + "clock"
	return t, nil
}

// part returns a name, escaped or hashed for use in a key of the store.
func part(name string) string {
	if p := url.PathEscape(name); len(p) <= 100 {
		return p
	}
	sum := sha256.Sum256([]byte(name))
	return "+" + hex.EncodeToString(sum[:16])
}

// recordKey returns the store's key for the record of a key. Records contain their key, so
// that a collision is noticed.
func (t *Tier) recordKey(k level.Key) string { return t.keyOf(ofResults, k) }

func (t *Tier) keyOf(kind string, k level.Key) string {
	return t.keyFor(kind, k.Fingerprint, t.Sum(k))
}

func (t *Tier) keyFor(kind string, fingerprint uint64, s level.Sum) string {
	return fmt.Sprintf("%s%s%016x-%x", t.prefix, kind, fingerprint, s)
}

// now returns the time in nanoseconds since 1970: that of our clock, or later if the
// store has shown a later time. So a clock that goes back makes stored results older,
// and never younger.
func (t *Tier) now() int64 {
	return t.startedAt.UnixNano() + int64(time.Since(t.startedAt)) + t.clockAhead.Load()
}

// maxAhead is how much the clock of another process may be ahead of ours.
const maxAhead = 24 * time.Hour

// noteTime takes account of a time that another process has stored. It reports false if the
// time is so far ahead that it must be wrong.
func (t *Tier) noteTime(at int64) bool {
	by := at - t.now()
	if by > int64(maxAhead) {
		return false
	}
	for by > 0 {
		now := t.clockAhead.Load()
		if t.clockAhead.CompareAndSwap(now, now+by) {
			break
		}
		by = at - t.now()
	}
	return true
}

// Get returns for each key its result, or nil if there is no valid one, and a ticket for a
// load of the key. It takes no longer than the budget.
func (t *Tier) Get(ctx context.Context, keys ...level.Key) ([]*level.Result, []level.Ticket) {
	began := time.Now()
	found, ok := do(ctx, t, "get", t.cfg.Budget, func(ctx context.Context) ([]found, error) { return t.get(ctx, keys) })
	results, tickets := make([]*level.Result, len(keys)), make([]level.Ticket, len(keys))
	if !ok {
		return results, tickets
	}
	left := t.cfg.Budget - time.Since(began)
	for i, f := range found {
		f.ticket.takenAt, f.ticket.budgetLeft = began, left
		results[i], tickets[i] = f.result, f.ticket
	}
	return results, tickets
}

type found struct {
	result *level.Result
	ticket *ticket
}

func (t *Tier) get(ctx context.Context, keys []level.Key) ([]found, error) {
	names := make([]string, len(keys), len(keys)+1)
	for i, k := range keys {
		names[i] = t.recordKey(k)
	}
	items, err := t.readMany(ctx, append(names, t.clockKey))
	if err != nil {
		return nil, err
	}
	c, err := t.clock(ctx, items[t.clockKey])
	if err != nil {
		return nil, err
	}
	all := make([]found, len(keys))
	records := make([]*record, len(keys))
	var tags []string
	for i, k := range keys {
		it := items[names[i]]
		all[i].ticket = &ticket{key: k, version: it.Version, clock: c}
		if it.Version == 0 {
			continue
		}
		r, err := decodeRecord(it.Value)
		if err == nil && r.kind == isResult {
			err = t.fits(r, k.Canonical)
		}
		switch {
		case err != nil:
			t.report(ctx, ofRecords, "get", fmt.Errorf("the result stored under %s is not used: %w", names[i], err))
		case r.kind == isResult && r.mark.epoch == c.epoch && t.servable(r):
			records[i] = r
			for _, tag := range r.tags {
				tags = append(tags, t.tagKey(tag))
			}
		}
	}
	var marks map[string]store.Item
	if len(tags) > 0 {
		if marks, err = t.readMany(ctx, tags); err != nil {
			return nil, err
		}
	}
	for i, r := range records {
		if r == nil || !t.notCleared(r.tags, r.mark, marks) {
			continue
		}
		v := reflect.New(t.cfg.Result)
		if err := unmarshal(t.cfg.Codec, r.value, v.Interface()); err != nil {
			t.report(ctx, ofRecords, "get", fmt.Errorf("the result stored under %s is not used, since it cannot be decoded: %w", names[i], err))
			continue
		}
		age := time.Duration(t.now() - r.written)
		if t.cfg.Admit != nil && !t.cfg.Admit(ctx, v.Interface(), age) {
			continue
		}
		all[i].result = &level.Result{
			Value: v.Interface(), Revision: t.revision(all[i].ticket.version, r.mark), Age: age, FreshFor: r.freshFor, StaleFor: r.staleFor, Took: r.took,
			Tags: r.tags, ETag: r.etag,
		}
		if r.modify != 0 {
			all[i].result.Modified = time.Unix(0, r.modify)
		}
	}
	return all, nil
}

// servable reports whether a result is fresh, or stale and may still be served.
func (t *Tier) servable(r *record) bool {
	return t.noteTime(r.written) && (r.lifetime() == forever || t.now()-r.written < int64(r.lifetime()))
}

// Store writes the result of a load, unless the key was written since the ticket was
// taken. It takes no longer than what the call of Get that made the ticket left of its budget.
func (t *Tier) Store(ctx context.Context, tk level.Ticket, r level.Result) (b level.Revision) {
	own, ok := tk.(*ticket)
	if !ok || time.Since(own.takenAt) > tombstoneTTL/2 {
		return b
	}
	if t.cfg.Keep != nil {
		if keep, over := t.cfg.Keep(r.Value); !keep {
			if over && own.Known() {
				t.Delete(ctx, own.key)
			}
			return b
		}
	}
	if !t.cfg.Behind {
		return t.keep(ctx, own, own.budgetLeft, r)
	}
	ctx = context.WithoutCancel(ctx)
	began := time.Now()
	t.writes.Go(func() {
		r.Age += time.Since(began)
		t.keep(ctx, own, t.cfg.Budget, r)
	})
	return t.revision(0, own.clock.mark)
}

func (t *Tier) keep(ctx context.Context, tk *ticket, budget time.Duration, r level.Result) (b level.Revision) {
	rec, expires, err := t.record(tk, r)
	if err != nil {
		t.report(ctx, ofValues, "put", err)
		return b
	}
	b, _ = do(ctx, t, "put", budget, func(ctx context.Context) (level.Revision, error) { return t.write(ctx, tk, rec, expires) })
	return b
}

// record returns the record of r, and the time when it expires.
func (t *Tier) record(tk *ticket, r level.Result) (rec *record, expires time.Time, err error) {
	value, err := marshal(t.cfg.Codec, r.Value)
	if err != nil {
		return nil, time.Time{}, fmt.Errorf("the result cannot be stored: %w", err)
	}
	rec = &record{
		kind: isResult, codec: t.codecName, schema: t.schema, key: tk.key.Canonical, mark: tk.clock.mark,
		written: t.now() - int64(r.Age), freshFor: r.FreshFor, staleFor: r.StaleFor, took: max(r.Took, 0), tags: r.Tags, etag: r.ETag, value: value,
	}
	if !r.Modified.IsZero() {
		rec.modify = r.Modified.UnixNano()
	}
	if lifetime := rec.lifetime(); lifetime != forever {
		expires = time.Now().Add(lifetime - r.Age)
	}
	return rec, expires, nil
}

// clockUpdateAfter is how old the time in the clock of a cache may be before it is updated.
const clockUpdateAfter = 10 * time.Second

// write replaces the record of the ticket's version by r, and returns the revision of r. The
// revision is zero if that version was replaced already.
func (t *Tier) write(ctx context.Context, tk *ticket, r *record, expires time.Time) (b level.Revision, err error) {
	if len(r.tags) > 0 {
		it, err := t.read(ctx, t.clockKey)
		if err != nil {
			return b, err
		}
		c, err := t.clock(ctx, it)
		if err != nil {
			return b, err
		}
		if err := t.ensureMarks(ctx, r.tags, c.mark, expires); err != nil {
			return b, err
		}
	}
	if r.written-tk.clock.latest > int64(clockUpdateAfter) {
		later := tk.clock
		later.latest = r.written
		if _, err := t.swap.Swap(ctx, t.clockKey, later.version, store.Item{Value: later.encode()}); err != nil && !isConflict(err) {
			return b, err
		}
	}
	version, err := t.swap.Swap(ctx, t.recordKey(tk.key), tk.version, store.Item{Value: r.encode(), Expires: expires, Expendable: true})
	switch {
	case isConflict(err):
		return b, nil
	case err != nil:
		return b, err
	}
	return t.revision(version, r.mark), nil
}

// Put writes a result that does not come from a load. When it returns, the store has that
// result or none, but no older one.
func (t *Tier) Put(ctx context.Context, k level.Key, r level.Result) level.Revision {
	began := time.Now()
	b, ok := do(ctx, t, "put", t.cfg.Budget, func(ctx context.Context) (b level.Revision, err error) {
		for range 3 { // another write may come between get and write
			all, err := t.get(ctx, []level.Key{k})
			if err != nil {
				return b, err
			}
			rec, expires, err := t.record(all[0].ticket, r)
			if err != nil {
				t.report(ctx, ofValues, "put", err)
				return b, nil
			}
			b, err = t.write(ctx, all[0].ticket, rec, expires)
			if b.Clock != nil || err != nil {
				return b, err
			}
		}
		return b, nil
	})
	if !ok || b.Clock == nil {
		t.invalidate(ctx, t.cfg.Budget-time.Since(began), "delete", invalidation{name: t.recordKey(k)})
		return level.Revision{}
	}
	return b
}

// Delete deletes the result of a key. Loads that have begun before do not store their
// results. If the store is down, that is done later, and no result is read before it.
func (t *Tier) Delete(ctx context.Context, k level.Key) {
	t.invalidate(ctx, t.cfg.Budget, "delete", invalidation{name: t.recordKey(k)})
}

// ClearTag is Delete for all results with one of the tags.
func (t *Tier) ClearTag(ctx context.Context, tags ...string) {
	for _, tag := range tags {
		t.pending.add(invalidation{tag: tag, isTag: true})
	}
	t.catchUp(ctx, "clear", t.cfg.Budget)
}

// Clear is Delete for all results.
func (t *Tier) Clear(ctx context.Context) {
	t.invalidate(ctx, t.cfg.Budget, "clear", invalidation{})
}

// writeTombstone replaces the record of a name by a tombstone.
func (t *Tier) writeTombstone(ctx context.Context, name string) error {
	r := record{kind: isTombstone, codec: t.codecName, schema: t.schema}
	return t.store.Put(ctx, name, store.Item{Value: r.encode(), Expires: time.Now().Add(tombstoneTTL)})
}

// reportKind is a kind of event that may occur for many results one after another.
type reportKind int

const (
	ofRecords reportKind = iota // about stored results
	ofValues                    // about results that cannot be stored
	ofRoom                      // about a store without room
)

// reportEvery is the least time between two events of one kind.
const reportEvery = time.Second

// report emits an event, unless one of its kind was emitted a moment ago.
func (t *Tier) report(ctx context.Context, kind reportKind, op string, err error) {
	now, last := int64(time.Since(t.startedAt))+1, &t.reported[kind]
	if before := last.Load(); before != 0 && now-before < int64(reportEvery) || !last.CompareAndSwap(before, now) {
		return
	}
	t.emitFailure(ctx, op, 0, err)
}

// owner returns the name of the cache for events.
func (t *Tier) owner() string { return "cachedata: " + t.cfg.Name }

func (t *Tier) emitFailure(ctx context.Context, op string, took time.Duration, err error) {
	observe.Emit(context.WithoutCancel(ctx), t.cfg.Observer, observe.StoreFailure{Owner: t.owner(), Op: op, Took: took, Err: err})
}

// Stats implements level.Level.
func (t *Tier) Stats() level.Stats { return t.breaker.stats() }

// Close waits for results that are being written, and for running calls of the store.
// Afterwards the tier neither uses nor watches the store.
func (t *Tier) Close(ctx context.Context) error {
	if t.unwatch != nil {
		t.unwatch()
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		t.writes.Wait()
	}()
	select {
	case <-done:
	case <-ctx.Done():
		return fmt.Errorf("results are still being written: %w", ctx.Err())
	}
	if t.closed.Swap(true) {
		return nil
	}
	for range maxRunning { // takes all slots, for good
		select {
		case t.slots <- struct{}{}:
		case <-ctx.Done():
			return fmt.Errorf("the store is still busy: %w", ctx.Err())
		}
	}
	return nil
}
