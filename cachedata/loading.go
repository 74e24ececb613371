package cachedata

import (
	"context"
	"errors"
	"fmt"
	"math"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"github.com/reecho-go/reecho/internal/flight"
	"github.com/reecho-go/reecho/internal/group"
	"github.com/reecho-go/reecho/internal/level"
	"github.com/reecho-go/reecho/internal/uses"
)

// load is the flight.Work of one key. Others read what its goroutine writes only if
// the load has returned before Config.Timeout.
type load struct {
	slot
	in            *era
	at            flight.Mark // when the call began; taken after in
	came          uint64      // the clears of tags before the call began
	began         int64
	why           purpose
	prior         *entry // the old result, in any state but gone; or nil
	entry         Loading
	clearsAtStart atomic.Uint64 // the clears of tags before the loader began, plus 1; 0: it has not begun
	basis         *entry        // the old result that the loader sees: prior, unless a tag of it was cleared before

	replaced *entry
	refused  string
	failure  error // what the loader returned
	missing  bool  // failure says that there is nothing for the key
	passing  bool  // the result is returned, but not stored
	same     bool  // NotModified: the result has the old value

	ticket level.Ticket // allows the load to write its result to the store; nil: it must not
	found  *entry       // the result from the store; nil: there was none
	spare  *entry       // an expired result from the store, served if the load fails
	waits  waits        // whether changes by other processes are followed

	cleared atomic.Bool // the load has cleared its own cache

	trace atomic.Pointer[context.Context] // the load function's context, if an observer traces it
}

// purpose is what a load is for.
type purpose uint8

const (
	toGet     purpose = iota // no load if there is a result by now
	toRefresh                // load in any case
	toRenew                  // load in the background, unless prior was replaced or dropped
)

// waits says whether a load is noted in others. The lock of others guards it.
type waits struct {
	sum         level.Sum
	noted, over bool
}

// Loading lets a load function set properties of its result: how long it stays
// fresh, its tags, whether it is stored. The load function gets it from
// [LoadingFrom] or [LoadingFor]. The settings take effect if the load succeeds;
// tags and NoStore also if the error is remembered. Calls after the load function
// has returned have no effect. It is safe for concurrent use.
//
// Outside of a load, a Loading has no effect and has no old result. So a load
// function can also be called directly.
type Loading struct {
	work *load // if there is one

	mu    sync.Mutex
	ended bool
	set   loadSettings
}

// loadSettings are what a load function has set by its Loading.
type loadSettings struct {
	ttl        time.Duration
	hasTTL     bool
	noStore    bool
	unmodified bool
	tags       []string
	cost       int64
	hasCost    bool
	etag       string
	modified   time.Time
	wrong      []error
}

// LoadingFrom returns the [Loading] of the load that ctx belongs to. In the load
// of a [Batch], use [LoadingFor].
func LoadingFrom(ctx context.Context) *Loading {
	if c := loadingOf(ctx); c != nil {
		return c.only()
	}
	return new(Loading)
}

// LoadingFor returns the [Loading] of one key in the load of a [Batch]. If the load
// was not asked for key, or if key has another type, the whole load fails.
func LoadingFor[K any](ctx context.Context, key K) *Loading {
	if c := loadingOf(ctx); c != nil {
		return c.of(reflect.TypeFor[K](), unsafe.Pointer(&key))
	}
	return new(Loading)
}

// SetTTL sets how long the result stays fresh after the end of the load, instead
// of Config.TTL. Config.Jitter and Stale.EagerAt apply to it too. With 0 or less
// the result is returned but not stored. Use math.MaxInt64 for ever.
func (l *Loading) SetTTL(d time.Duration) {
	l.change(func(s *loadSettings) { s.ttl, s.hasTTL = d, true })
}

// NoStore returns the result to the callers who wait for it, without storing it.
// The result that was stored before is dropped.
func (l *Loading) NoStore() { l.change(func(s *loadSettings) { s.noStore = true }) }

// AddTags adds tags to those of Funcs.Tags; [Cache.ClearTag] of any of them drops
// the result. Empty tags are ignored. A result may have thousands of tags. Each
// tag costs 16 bytes and its text, and two or three lookups at the first read
// after many clears of tags in the group; see [Cache.ClearTag].
func (l *Loading) AddTags(tags ...string) {
	l.change(func(s *loadSettings) { s.tags = append(s.tags, tags...) })
}

// SetCost sets the size of the result in bytes, instead of Funcs.Size or the
// estimate. It counts for Config.MaxBytes, for the bound of the group and in
// Stats. The sizes of the key and the entry are added to it. If n is negative,
// the load fails.
func (l *Loading) SetCost(n int64) {
	l.change(func(s *loadSettings) {
		if n < 0 {
			s.wrong = append(s.wrong, fmt.Errorf("SetCost(%d): a cost cannot be negative", n))
			return
		}
		s.cost, s.hasCost = n, true
	})
}

// SetETag stores the validator of the result for the next load of its key; see
// [Loading.OldETag].
func (l *Loading) SetETag(etag string) { l.change(func(s *loadSettings) { s.etag = etag }) }

// SetModified stores when the result was changed at its origin, for the next load
// of its key; see [Loading.OldModified].
func (l *Loading) SetModified(at time.Time) { l.change(func(s *loadSettings) { s.modified = at }) }

// OldETag returns the validator that the load of the old result has set, or "" if
// there is none. There is an old result while it is fresh or within Stale.For or
// Stale.OnError.
func (l *Loading) OldETag() string {
	if x := l.old(); x != nil {
		return x.etag
	}
	return ""
}

// OldModified returns the time that the load of the old result has set with
// [Loading.SetModified], or the zero time if there is none.
func (l *Loading) OldModified() time.Time {
	if x := l.old(); x != nil {
		return x.modified
	}
	return time.Time{}
}

// NotModified keeps the old result and makes it fresh again, without a copy. The
// value that the load function returns with a nil error is then ignored; a batch
// may leave the key out of its map. Cost and validators stay unless the load sets
// others; tags are added to the old ones. If there is no old result, the load
// fails, so check for an old validator first.
func (l *Loading) NotModified() { l.change(func(s *loadSettings) { s.unmodified = true }) }

// Old returns a copy of the old result, if there is one; see [Loading.OldETag].
// If V is not the type of the cache's results, the load fails.
func Old[V any](l *Loading) (v V, ok bool) {
	if l.work == nil {
		return v, false
	}
	if l.work.core.result.Type != reflect.TypeFor[V]() {
		l.change(func(s *loadSettings) {
			s.wrong = append(s.wrong, fmt.Errorf("type %v in Old: the results are of another type", reflect.TypeFor[V]()))
		})
		return v, false
	}
	own := new(V)
	ok, err := l.work.oldValue(unsafe.Pointer(own))
	if err != nil {
		l.change(func(s *loadSettings) { s.wrong = append(s.wrong, fmt.Errorf("Old: %w", err)) })
		return v, false
	}
	return *own, ok
}

// old returns what the load of the old result has set, or nil.
func (l *Loading) old() *annotations {
	if l.work == nil {
		return nil
	}
	return l.work.oldExtra()
}

func (l *Loading) change(edit func(*loadSettings)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.ended && l.work != nil {
		edit(&l.set)
	}
}

// takeSettings returns what the load has set so far about how long its result is fresh, and
// undoes NoStore.
func (l *Loading) takeSettings() (settings uses.LoadSettings) {
	l.change(func(s *loadSettings) {
		settings = uses.LoadSettings{TTL: s.ttl, HasTTL: s.hasTTL, NoStore: s.noStore}
		s.noStore = false
	})
	return settings
}

// end returns the settings. Later calls of the load function change nothing.
func (l *Loading) end() loadSettings {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ended = true
	return l.set
}

// oldest returns the number of clears of tags that came before the loader began.
func (l *load) oldest() uint64 {
	if clearsAtStart := l.clearsAtStart.Load(); clearsAtStart > 0 {
		return clearsAtStart - 1
	}
	return math.MaxUint64 // the loader has yet to begin
}

// annotations returns the annotations of an entry with these settings and tags, or
// nil if there is nothing to note.
func (s loadSettings) annotations(tags []string) *annotations {
	if len(tags) == 0 && s.etag == "" && s.modified.IsZero() {
		return nil
	}
	// The clone keeps the memory of all headers of a response from being held.
	return &annotations{tags: tags, set: group.TagSetOf(tags...), etag: strings.Clone(s.etag), modified: s.modified}
}

// noteClear tells the loads to which ctx belongs that they clear a cache or a group.
func noteClear(ctx context.Context, what any) {
	if c, ok := ctx.Value(uses.LoadingKey{}).(*loadingContext); ok {
		c.loadings.clears(what)
		noteClear(c.Context, what)
	}
}

// clears implements loadings.
func (l *load) clears(what any) {
	if what == any(l.core) || what == any(l.core.group) {
		l.cleared.Store(true)
	}
}

// clears implements loadings.
func (b *batchLoadings) clears(what any) {
	for _, l := range b.loads {
		l.clears(what)
	}
}

// loadings finds the Loading of each key in one call of a loader.
type loadings interface {
	clears(what any)
	only() *Loading
	of(t reflect.Type, key unsafe.Pointer) *Loading // for the key, which is of type t
}

// only implements loadings.
func (l *load) only() *Loading {
	if l.core.fns.many != nil {
		return l.misused(errNoKey)
	}
	return &l.entry
}

// of implements loadings.
func (l *load) of(t reflect.Type, key unsafe.Pointer) *Loading {
	if t == l.core.key.Type {
		id, err := l.core.keys.ID(key)
		if own, _ := l.core.keys.ID(l.key()); err == nil && id == own {
			return &l.entry
		}
	}
	return l.misused(errOtherKey)
}

// misused makes the load fail with err, and returns a Loading without effect.
func (l *load) misused(err error) *Loading {
	l.entry.change(func(s *loadSettings) { s.wrong = append(s.wrong, err) })
	return new(Loading)
}

// oldValue copies the old result to into, and reports whether there is one.
func (l *load) oldValue(into unsafe.Pointer) (ok bool, err error) {
	if l.basis == nil {
		return false, nil
	}
	err = l.core.copyOf(into, l.basis)
	return err == nil, err
}

func (l *load) oldExtra() *annotations {
	if l.basis == nil {
		return nil
	}
	return l.basis.annotations()
}

// batchLoadings are the loadings of a load of several keys.
type batchLoadings struct {
	loads []*load
	byID  func() map[string]*load
}

func newBatchLoadings(loads []*load) *batchLoadings {
	return &batchLoadings{loads, sync.OnceValue(func() map[string]*load {
		m := make(map[string]*load, len(loads))
		for _, l := range loads {
			if id, err := l.core.keys.ID(l.key()); err == nil {
				m[id] = l
			}
		}
		return m
	})}
}

// only implements loadings.
func (b *batchLoadings) only() *Loading { return b.misused(errNoKey) }

// of implements loadings.
func (b *batchLoadings) of(t reflect.Type, key unsafe.Pointer) *Loading {
	if c := b.loads[0].core; t == c.key.Type {
		if id, err := c.keys.ID(key); err == nil {
			if l := b.byID()[id]; l != nil {
				return &l.entry
			}
		}
	}
	return b.misused(errOtherKey)
}

func (b *batchLoadings) misused(err error) *Loading {
	for _, l := range b.loads {
		l.misused(err)
	}
	return new(Loading)
}

type loadingContext struct {
	context.Context
	loadings loadings
}

// Value implements context.Context.
func (c *loadingContext) Value(key any) any {
	switch key.(type) {
	case uses.LoadingKey:
		return c
	case uses.RecorderKey: // results that this load uses are not noted as used by its caller
		return nil
	case callKey: // a load function given by GetOrLoad is for this load alone
		return nil
	}
	return c.Context.Value(key)
}

// TakeSettings implements [uses.SettingsTaker].
func (c *loadingContext) TakeSettings() uses.LoadSettings { return c.loadings.only().takeSettings() }

func loadingOf(ctx context.Context) loadings {
	if ctx == nil {
		return nil
	}
	c, ok := ctx.Value(uses.LoadingKey{}).(*loadingContext)
	if !ok {
		return nil
	}
	return c.loadings
}

// callKey finds the callContext of a core.
type callKey struct{ core *core }

// callContext has the load function of one call.
type callContext struct {
	context.Context
	core *core
	load func(context.Context, unsafe.Pointer) (unsafe.Pointer, error)
}

// Value implements context.Context.
func (c *callContext) Value(key any) any {
	if key == (callKey{c.core}) {
		return c
	}
	return c.Context.Value(key)
}

// loader returns the load function that GetOrLoad gave to the call of ctx, or the
// cache's own.
func (c *core) loader(ctx context.Context) func(context.Context, unsafe.Pointer) (unsafe.Pointer, error) {
	if c.atCalls.Load() {
		if call, ok := ctx.Value(callKey{c}).(*callContext); ok {
			return call.load
		}
	}
	return c.fns.load
}

// The errors for misuse of LoadingFrom and LoadingFor.
var (
	errNoKey    = errors.New("LoadingFrom: this load is for several keys: use LoadingFor")
	errOtherKey = errors.New("LoadingFor: the load was not asked for this key")
)
