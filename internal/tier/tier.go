// Package tier keeps the results of a cache in a store, beside the memory. It decides
// what is stored, whether a stored result still holds, and what happens while the store
// is slow or away. It does not import the cache.
//
// A result that was loaded before a clear is never returned after it, whichever process
// has loaded, stored and cleared: see marks.go. A stored result is used only if its
// checksum, codec, schema, key and marks are right; otherwise it is a miss and an event.
//
// A result is only written by compare-and-swap against the version that was there before
// its load began. So a late write, after its caller has given up, fails if anything was
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
	Budget  time.Duration // for all that one call of the cache does in the store
	Behind  bool          // results are written after the call was answered
	Single  bool          // of several processes only one loads a key at a time
}

var _ level.Level = (*Tier)(nil)

// Tier is the part of a store that one cache has. All methods are safe for
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
	clocks    atomic.Pointer[level.Clock] // the clock of the last birth

	began time.Time    // the time is began plus the monotonic time since then, plus ahead
	ahead atomic.Int64 // by how many nanoseconds another clock was later than ours

	watched bool   // the store can tell processes of changes
	unwatch func() // ends Watch; nil: there was none
	waiting waiting

	breaker breaker
	writes  sync.WaitGroup // goroutines that go on after their calls
	pending pending
	slots   chan struct{} // one for each call of the store that runs
	closed  atomic.Bool
	told    [3]atomic.Int64 // when a complaint of a kind was last told
}

// ticket is a level.Ticket.
type ticket struct {
	key     level.Key
	version uint64 // of the record in the store; 0: there is none
	clock   clock
	taken   time.Time
	left    time.Duration // what is left of the budget
}

// Known implements level.Ticket.
func (tk *ticket) Known() bool { return tk.version != 0 }

// goneLives is how long the note of a deleted result stays. The result of a load that
// takes longer than half of this is not stored.
const goneLives = 24 * time.Hour

// maxRunning is how many calls of the store run at a time at most.
const maxRunning = 256

// New returns a tier. The error joins what is wrong with the configuration.
func New(cfg Config) (*Tier, error) {
	t := &Tier{cfg: cfg, store: cfg.Store, slots: make(chan struct{}, maxRunning), began: time.Now()}
	t.pending.turn, t.pending.all = make(chan struct{}, 1), make(map[invalidation]uint64)
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
	if err := brings(cfg.Codec, cfg.Result); err != nil {
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

// part returns a name in the form of a part of a key.
func part(name string) string {
	if p := url.PathEscape(name); len(p) <= 100 {
		return p
	}
	sum := sha256.Sum256([]byte(name))
	return "+" + hex.EncodeToString(sum[:16])
}

// name returns the store's key for the record of a key. Records contain their key, so
// that a collision is noticed.
func (t *Tier) name(k level.Key) string { return t.nameOf(ofResults, k) }

func (t *Tier) nameOf(kind string, k level.Key) string {
	return t.nameBy(kind, k.Fingerprint, t.Sum(k))
}

func (t *Tier) nameBy(kind string, fingerprint uint64, s level.Sum) string {
	return fmt.Sprintf("%s%s%016x-%x", t.prefix, kind, fingerprint, s)
}

// now returns the time in nanoseconds since 1970: that of our clock, or later if the
// store has shown a later time. So a clock that goes back makes stored results older,
// and never younger.
func (t *Tier) now() int64 {
	return t.began.UnixNano() + int64(time.Since(t.began)) + t.ahead.Load()
}

// maxAhead is how much later than our clock another clock may be.
const maxAhead = 24 * time.Hour

// seen notes a time that another process has stored, and reports false if it is too far
// ahead to be right.
func (t *Tier) seen(at int64) bool {
	by := at - t.now()
	if by > int64(maxAhead) {
		return false
	}
	for by > 0 {
		now := t.ahead.Load()
		if t.ahead.CompareAndSwap(now, now+by) {
			break
		}
		by = at - t.now()
	}
	return true
}

// Get returns the results of those keys that have one that holds, or nil, and a
// ticket for a load of each. It takes no longer than the budget.
func (t *Tier) Get(ctx context.Context, keys ...level.Key) ([]*level.Result, []level.Ticket) {
	began := time.Now()
	found, ok := do(ctx, t, "get", t.cfg.Budget, func(ctx context.Context) ([]found, error) { return t.get(ctx, keys) })
	results, tickets := make([]*level.Result, len(keys)), make([]level.Ticket, len(keys))
	if !ok {
		return results, tickets
	}
	left := t.cfg.Budget - time.Since(began)
	for i, f := range found {
		f.ticket.taken, f.ticket.left = began, left
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
		names[i] = t.name(k)
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
			t.complain(ctx, ofRecords, "get", fmt.Errorf("the result stored under %s is not used: %w", names[i], err))
		case r.kind == isResult && r.mark.life == c.life && t.useful(r):
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
		if r == nil || !t.holds(r.tags, r.mark, marks) {
			continue
		}
		v := reflect.New(t.cfg.Result)
		if err := unmarshal(t.cfg.Codec, r.value, v.Interface()); err != nil {
			t.complain(ctx, ofRecords, "get", fmt.Errorf("the result stored under %s is not used, since it cannot be decoded: %w", names[i], err))
			continue
		}
		age := time.Duration(t.now() - r.written)
		if t.cfg.Admit != nil && !t.cfg.Admit(ctx, v.Interface(), age) {
			continue
		}
		all[i].result = &level.Result{
			Value: v.Interface(), Birth: t.birth(all[i].ticket.version, r.mark), Age: age, Fresh: r.fresh, Spare: r.spare, Took: r.took,
			Tags: r.tags, ETag: r.etag,
		}
		if r.modify != 0 {
			all[i].result.Modified = time.Unix(0, r.modify)
		}
	}
	return all, nil
}

// useful reports whether a result is still fresh, or may be served although it is not.
func (t *Tier) useful(r *record) bool {
	return t.seen(r.written) && (r.lives() == forever || t.now()-r.written < int64(r.lives()))
}

// Store writes the result of a load, unless the key was written since the ticket was
// taken. It takes no longer than the ticket's call has left of its budget.
func (t *Tier) Store(ctx context.Context, tk level.Ticket, r level.Result) (b level.Birth) {
	own, ok := tk.(*ticket)
	if !ok || time.Since(own.taken) > goneLives/2 {
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
		return t.keep(ctx, own, own.left, r)
	}
	ctx = context.WithoutCancel(ctx)
	began := time.Now()
	t.writes.Go(func() {
		r.Age += time.Since(began)
		t.keep(ctx, own, t.cfg.Budget, r)
	})
	return t.birth(0, own.clock.mark)
}

func (t *Tier) keep(ctx context.Context, tk *ticket, budget time.Duration, r level.Result) (b level.Birth) {
	rec, expires, err := t.record(tk, r)
	if err != nil {
		t.complain(ctx, ofValues, "put", err)
		return b
	}
	b, _ = do(ctx, t, "put", budget, func(ctx context.Context) (level.Birth, error) { return t.write(ctx, tk, rec, expires) })
	return b
}

// record returns the record of r, and when it expires.
func (t *Tier) record(tk *ticket, r level.Result) (rec *record, expires time.Time, err error) {
	value, err := marshal(t.cfg.Codec, r.Value)
	if err != nil {
		return nil, time.Time{}, fmt.Errorf("the result cannot be stored: %w", err)
	}
	rec = &record{
		kind: isResult, codec: t.codecName, schema: t.schema, key: tk.key.Canonical, mark: tk.clock.mark,
		written: t.now() - int64(r.Age), fresh: r.Fresh, spare: r.Spare, took: max(r.Took, 0), tags: r.Tags, etag: r.ETag, value: value,
	}
	if !r.Modified.IsZero() {
		rec.modify = r.Modified.UnixNano()
	}
	if lives := rec.lives(); lives != forever {
		expires = time.Now().Add(lives - r.Age)
	}
	return rec, expires, nil
}

// lateAfter is how old the time in the clock of a cache may be before it is updated.
const lateAfter = 10 * time.Second

// write replaces the record of the ticket's version by r, and returns the birth of r. The
// birth is zero if that version was replaced already.
func (t *Tier) write(ctx context.Context, tk *ticket, r *record, expires time.Time) (b level.Birth, err error) {
	if len(r.tags) > 0 {
		it, err := t.read(ctx, t.clockKey)
		if err != nil {
			return b, err
		}
		c, err := t.clock(ctx, it)
		if err != nil {
			return b, err
		}
		if err := t.ensure(ctx, r.tags, c.mark, expires); err != nil {
			return b, err
		}
	}
	if r.written-tk.clock.latest > int64(lateAfter) {
		later := tk.clock
		later.latest = r.written
		if _, err := t.swap.Swap(ctx, t.clockKey, later.version, store.Item{Value: later.encode()}); err != nil && !overtaken(err) {
			return b, err
		}
	}
	version, err := t.swap.Swap(ctx, t.name(tk.key), tk.version, store.Item{Value: r.encode(), Expires: expires, Expendable: true})
	switch {
	case overtaken(err):
		return b, nil
	case err != nil:
		return b, err
	}
	return t.birth(version, r.mark), nil
}

// Put writes a result that does not come from a load. When it returns, the store has
// that result or none.
func (t *Tier) Put(ctx context.Context, k level.Key, r level.Result) level.Birth {
	began := time.Now()
	b, ok := do(ctx, t, "put", t.cfg.Budget, func(ctx context.Context) (b level.Birth, err error) {
		for range 3 { // another write may come between get and write
			all, err := t.get(ctx, []level.Key{k})
			if err != nil {
				return b, err
			}
			rec, expires, err := t.record(all[0].ticket, r)
			if err != nil {
				t.complain(ctx, ofValues, "put", err)
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
		t.invalidate(ctx, t.cfg.Budget-time.Since(began), "delete", invalidation{name: t.name(k)})
		return level.Birth{}
	}
	return b
}

// Delete removes the result of a key, and keeps loads that have begun from storing
// theirs. If the store is away, that is done later, and no result is read before.
func (t *Tier) Delete(ctx context.Context, k level.Key) {
	t.invalidate(ctx, t.cfg.Budget, "delete", invalidation{name: t.name(k)})
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

// gone writes the note that the result of a name was deleted.
func (t *Tier) gone(ctx context.Context, name string) error {
	r := record{kind: isGone, codec: t.codecName, schema: t.schema}
	return t.store.Put(ctx, name, store.Item{Value: r.encode(), Expires: time.Now().Add(goneLives)})
}

// complaint is a kind of events about single results, of which there may be many.
type complaint int

const (
	ofRecords complaint = iota // about stored results
	ofValues                   // about results that cannot be stored
	ofRoom                     // about a store without room
)

// complainEvery is the least time between two events of one kind.
const complainEvery = time.Second

// complain tells the observer, but not too often.
func (t *Tier) complain(ctx context.Context, of complaint, op string, err error) {
	now, last := int64(time.Since(t.began))+1, &t.told[of]
	if before := last.Load(); before != 0 && now-before < int64(complainEvery) || !last.CompareAndSwap(before, now) {
		return
	}
	t.tell(ctx, op, 0, err)
}

// owner returns the name of the cache in events.
func (t *Tier) owner() string { return "cachedata: " + t.cfg.Name }

func (t *Tier) tell(ctx context.Context, op string, took time.Duration, err error) {
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
	written := make(chan struct{})
	go func() {
		defer close(written)
		t.writes.Wait()
	}()
	select {
	case <-written:
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
