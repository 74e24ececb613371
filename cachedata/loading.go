package cachedata

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"sync"
	"time"
	"unsafe"
)

// Loading is what a load says of its result beside the value. A loader gets it
// from [LoadingFrom] or [LoadingFor]. What it says holds if the load succeeds; tags and
// NoStore also if its error is remembered. Nothing can be said once the loader
// has returned: that has no effect. It is safe for concurrent use.
//
// Outside a load there is a Loading as well, of nothing: there is no old result,
// and what is said has no effect. So a loader can be called directly.
type Loading struct {
	work *load // if there is one

	mu    sync.Mutex
	ended bool
	said  said
}

// said is what a load has said.
type said struct {
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

// LoadingFrom returns what the load of ctx is to say of its result: for how long it
// is fresh, what clears it, whether it is stored. ctx is the one that the loader
// was given, or one made from it. In the load of a [Batch], use [LoadingFor].
func LoadingFrom(ctx context.Context) *Loading {
	if c := loadingOf(ctx); c != nil {
		return c.only()
	}
	return new(Loading)
}

// LoadingFor is [LoadingFrom] for one key of the load of a [Batch]. If the load was not
// asked for key, or if that has another type, the whole load fails.
func LoadingFor[K any](ctx context.Context, key K) *Loading {
	if c := loadingOf(ctx); c != nil {
		return c.of(reflect.TypeFor[K](), unsafe.Pointer(&key))
	}
	return new(Loading)
}

// SetTTL makes the result fresh for d from the end of the load, instead of
// Config.TTL; Config.Jitter and EagerAt hold for it too. If d is 0 or negative,
// its time is over already: it is returned, and not stored. It can be as long as
// a Duration, so math.MaxInt64 is for ever.
func (l *Loading) SetTTL(d time.Duration) { l.say(func(s *said) { s.ttl, s.hasTTL = d, true }) }

// NoStore has the result returned to those who wait, and not stored; what was
// stored before is dropped.
func (l *Loading) NoStore() { l.say(func(s *said) { s.noStore = true }) }

// AddTags adds tags to those of Funcs.Tags: [Cache.ClearTag] of any of them
// drops the result. Empty tags are left out. There may be thousands; each costs
// 16 bytes, its text and, at the first read after a clear of any tag in the
// group, two lookups.
func (l *Loading) AddTags(tags ...string) {
	l.say(func(s *said) { s.tags = append(s.tags, tags...) })
}

// SetCost says how many bytes the result counts for Config.MaxBytes, for the
// bound of the group and in Stats, instead of Funcs.Size or the estimate; its key
// and its entry are added to it. If n is negative, the load fails.
func (l *Loading) SetCost(n int64) {
	l.say(func(s *said) {
		if n < 0 {
			s.wrong = append(s.wrong, fmt.Errorf("SetCost(%d): a cost cannot be negative", n))
			return
		}
		s.cost, s.hasCost = n, true
	})
}

// SetETag notes the result's validator for the load that comes after it.
func (l *Loading) SetETag(etag string) { l.say(func(s *said) { s.etag = etag }) }

// SetModified notes when the result was changed at its origin, for the load that
// comes after it.
func (l *Loading) SetModified(at time.Time) { l.say(func(s *said) { s.modified = at }) }

// OldETag returns the validator that the load of the old result has noted, or
// "". There is an old result if it is still fresh, or within Config.Stale.For or
// FailSafe.
func (l *Loading) OldETag() string {
	if x := l.old(); x != nil {
		return x.etag
	}
	return ""
}

// OldModified returns when the old result was changed, as its load has noted,
// or the zero time.
func (l *Loading) OldModified() time.Time {
	if x := l.old(); x != nil {
		return x.modified
	}
	return time.Time{}
}

// NotModified says that the old result still holds, and begins its life anew,
// without another copy. What the loader returns beside a nil error does not
// count then; a batch may leave the key out. Tags, cost and validators stay
// unless others are set; tags are added. If there is no old result, the load
// fails: ask for a validator first.
func (l *Loading) NotModified() { l.say(func(s *said) { s.unmodified = true }) }

// Old returns a copy of the old result, if there is one; see [Loading.OldETag].
// If V is not the type of the cache's results, the load fails.
func Old[V any](l *Loading) (v V, ok bool) {
	if l.work == nil {
		return v, false
	}
	if l.work.core.result.Type != reflect.TypeFor[V]() {
		l.say(func(s *said) {
			s.wrong = append(s.wrong, fmt.Errorf("type %v in Old: the results are of another type", reflect.TypeFor[V]()))
		})
		return v, false
	}
	own := new(V)
	ok, err := l.work.oldValue(unsafe.Pointer(own))
	if err != nil {
		l.say(func(s *said) { s.wrong = append(s.wrong, fmt.Errorf("Old: %w", err)) })
		return v, false
	}
	return *own, ok
}

// old returns what the load of the old result has said, or nil.
func (l *Loading) old() *extra {
	if l.work == nil {
		return nil
	}
	return l.work.oldExtra()
}

func (l *Loading) say(set func(*said)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.ended && l.work != nil {
		set(&l.said)
	}
}

// end returns what was said; nothing more can be.
func (l *Loading) end() said {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ended = true
	return l.said
}

// noteClear tells the loads that ctx is part of that they clear what, a cache or
// a group.
func noteClear(ctx context.Context, what any) {
	if c, ok := ctx.Value(loadingKey{}).(*loadingContext); ok {
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

// loadings are those of one call of a loader.
type loadings interface {
	clears(what any)
	only() *Loading
	of(t reflect.Type, key unsafe.Pointer) *Loading // of the key of type t
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
		if own, _ := l.core.keys.ID(l.key); err == nil && id == own {
			return &l.entry
		}
	}
	return l.misused(errOtherKey)
}

// misused makes the load fail with err, and returns a Loading of nothing.
func (l *load) misused(err error) *Loading {
	l.entry.say(func(s *said) { s.wrong = append(s.wrong, err) })
	return new(Loading)
}

// oldValue sets the result at into to a copy of what the load is to replace, if
// there is anything.
func (l *load) oldValue(into unsafe.Pointer) (ok bool, err error) {
	if l.basis == nil {
		return false, nil
	}
	err = l.core.copyOf(into, l.basis)
	return err == nil, err
}

func (l *load) oldExtra() *extra {
	if l.basis == nil {
		return nil
	}
	return l.basis.extra()
}

// batchLoadings are those of the load of several keys.
type batchLoadings struct {
	loads []*load
	byID  func() map[string]*load
}

func newBatchLoadings(loads []*load) *batchLoadings {
	return &batchLoadings{loads, sync.OnceValue(func() map[string]*load {
		m := make(map[string]*load, len(loads))
		for _, l := range loads {
			if id, err := l.core.keys.ID(l.key); err == nil {
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

type loadingKey struct{}

type loadingContext struct {
	context.Context
	loadings loadings
}

// Value implements context.Context.
func (c *loadingContext) Value(key any) any {
	switch key.(type) {
	case loadingKey:
		return c
	case callKey: // a load function of the call is for this load alone
		return nil
	}
	return c.Context.Value(key)
}

func loadingOf(ctx context.Context) loadings {
	if ctx == nil {
		return nil
	}
	c, ok := ctx.Value(loadingKey{}).(*loadingContext)
	if !ok {
		return nil
	}
	return c.loadings
}

// Misuse of LoadingFrom and LoadingFor.
var (
	errNoKey    = errors.New("LoadingFrom: this load is for several keys: use LoadingFor")
	errOtherKey = errors.New("LoadingFor: the load was not asked for this key")
)
