package cachedata

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"time"
	"unsafe"

	"github.com/reecho-go/reecho/internal/keys"
	"github.com/reecho-go/reecho/internal/level"
	"github.com/reecho-go/reecho/observe"
)

// Defaults of a [Config].
const (
	defaultMaxEntries    = 10_000
	defaultRetryAfter    = 5 * time.Second
	defaultMaxPerSession = 1_000
	defaultMaxSessions   = 10_000
)

// Config configures a cache. The zero value is safe: the cache keeps up to 10,000
// results, which never expire, and belongs to the default group.
//
// The fields that most caches set come first. The others are grouped by purpose,
// and the comment of each group's type describes them: [StaleConfig] to answer
// while the origin is slow or down, [ErrorConfig] to remember failures,
// [SessionConfig], [CopyConfig] and [KeyConfig]. Functions that know the types of
// keys and results are in [Funcs].
//
// In every field 0 means the default that its comment names, and a negative
// value is an error in [New]. For "no limit" use math.MaxInt64 or math.MaxInt.
type Config struct {
	// TTL is how long a result stays fresh after it was loaded or put. Reads do
	// not extend it. Default 0: for ever.
	TTL time.Duration
	// IdleTTL drops a result that nobody has read for this long, even if its TTL
	// is not over. Default 0: never.
	IdleTTL time.Duration
	// Jitter shortens the TTL of each result by a random fraction between 0 and
	// Jitter, so that results that were loaded together do not expire together.
	// Needs a TTL, Errors.TTL or Errors.NotFoundTTL. Must be below 1. Default 0:
	// none.
	Jitter float64

	// MaxEntries bounds how many results are kept. The ones least likely to be
	// used again make room (W-TinyLFU). A burst may exceed the bound for a
	// moment. Default 0: 10,000, or no bound if MaxBytes is set.
	MaxEntries int
	// MaxBytes bounds how many bytes the entries take: the results, as Funcs.Size
	// or an estimate says, their keys, tags and remembered errors, and 130 to 500
	// bytes for each entry itself. It works together with MaxEntries. A result
	// that is larger than the bound is returned, but not stored. A burst may
	// exceed the bound for a moment. Default 0: only the bound of the group
	// applies, which is a part of the memory; see GroupConfig.MaxBytes.
	MaxBytes int64

	// Timeout is how long a load may take. Then its context ends, its callers get
	// [ErrTimeout], and the next call loads again, even if the load function has
	// not returned; the result that it returns later is discarded. Without a
	// Timeout, a load function that never returns blocks its key for good. Must
	// be longer than Stale.SoftTimeout. Default 0: no limit.
	Timeout time.Duration
	// MaxBatch bounds how many keys one load of a [Batch] gets; a call that needs
	// more starts several loads at once. Only for [NewBatch]. Default 0: no
	// bound.
	MaxBatch int

	// Store keeps the results in a store too, so that they survive a restart or
	// are shared by several processes. Make one with persist.In. It is refused
	// with the scope [Session]. Default nil: only the memory.
	Store Storage

	// Scope says who shares the results. With [Session], each visitor has results
	// of their own. Default: [Global].
	Scope Scope
	// Group is the group that the cache belongs to: its name is unique there, and
	// a clear or close of the group reaches it. Default nil: [Default].
	Group *Group
	// Observer receives the events of this cache: loads, evictions, clears. The
	// observers of the group receive them too. An observer makes loads and
	// evictions slower, because each event carries the key's fingerprint; hits
	// stay as fast. Default nil: none.
	Observer observe.Observer
	// OnClear runs after each clear of this cache or of its group, outside locks,
	// in the goroutine of the clear. It may clear other caches if it passes its
	// context on, by which a cycle of clears is detected and ended. Default nil:
	// nothing.
	OnClear func(ctx context.Context, what observe.CacheClear)
	// CountHits counts the reads of each entry for [Cache.Entries]. It makes
	// entries larger, and makes hits of one key on several processors slower.
	// Default false: only the reads of the whole cache are counted, for Stats.
	CountHits bool

	// Stale serves results that have expired. Default: none are served.
	Stale StaleConfig
	// Errors remembers failed loads. Default: none are remembered.
	Errors ErrorConfig
	// Session bounds a cache whose Scope is [Session].
	Session SessionConfig
	// Copy says how results are copied. Default: by a plan made for their type.
	Copy CopyConfig
	// Keys says how keys are compared. Default: as data.
	Keys KeyConfig
	// Trusted lists types of other modules, or pointers to them, that are copied
	// and compared like types of your own program, wherever they stand in keys
	// and results: by their method Clone if they have one, else field by field,
	// private fields included. By listing a type you vouch that its private
	// fields are plain data, that no pointer in it is compared or leads back into
	// the value, and that Clone only reads and copies everything that can change.
	// See "Types of other modules" in the package's documentation. Nil elements,
	// interfaces and types of the standard library are errors. Default nil: none.
	Trusted []reflect.Type
}

// StaleConfig serves results whose TTL is over. Every field needs Config.TTL.
//
// Set For to answer at once with the old result while the new one is loaded in
// the background (stale-while-revalidate). Set OnError to answer with the old
// result when the load fails (stale-if-error, fail-safe). Add SoftTimeout to do
// so when the load is slow. Set EagerAt to load the new result shortly before
// the old one expires, so that hot keys never expire.
type StaleConfig struct {
	// For is how long after its TTL a result is still served, at once, while it
	// is refreshed in the background. There is at most one refresh per key, and
	// 16 at a time in the group; if all 16 run, a later read refreshes. Default 0:
	// not at all.
	For time.Duration
	// OnError is how long after its TTL a result is served if the load of a new
	// one fails, panics or takes longer than Config.Timeout. [ErrNotFound] is an
	// answer, not a failure. Must be longer than For. Default 0: not at all.
	OnError time.Duration
	// SoftTimeout is how long callers wait for a load before they get the expired
	// result that OnError keeps. The load goes on, and until it ends all callers
	// get the expired result at once. Needs OnError. Default 0: they wait.
	SoftTimeout time.Duration
	// RetryAfter is how long to wait before the next load after one has failed,
	// while an old result is served. It doubles with each failure in a row, three
	// times at most. Needs For, OnError or EagerAt. Default 0: 5 seconds.
	RetryAfter time.Duration
	// EagerAt refreshes a result in the background on the first read after this
	// fraction of its TTL, such as 0.8. The moment is random for each result:
	// between EagerAt and halfway from there to the end of the TTL. Must be below
	// 1. Default 0: never.
	EagerAt float64
}

// ErrorConfig remembers failed loads, so that a missing key or a broken origin
// is not asked again for every call. By default errors are returned and
// forgotten.
type ErrorConfig struct {
	// TTL is how long an error of the load function is returned instead of
	// another load. Panics are not remembered, and errors are not while an old
	// result is served. Default 0: not at all.
	TTL time.Duration
	// NotFoundTTL is how long "there is nothing for this key" is remembered: the
	// load function returned [ErrNotFound], or an error that IsNotFound knows. An
	// old result is dropped in any case. Default 0: the same as TTL.
	NotFoundTTL time.Duration
	// IsNotFound reports whether an error means that there is nothing for the
	// key, such as sql.ErrNoRows. It must be safe for concurrent use. Default nil:
	// only [ErrNotFound] does.
	IsNotFound func(error) bool
}

// SessionConfig bounds a cache whose Scope is [Session], so that neither one
// visitor nor many clients without cookies can fill the memory. Setting a field
// with another scope is an error.
type SessionConfig struct {
	// MaxEntries bounds how many results one session keeps; the ones stored first
	// make room. Config.MaxEntries bounds those of all sessions together.
	// Default 0: 1,000.
	MaxEntries int
	// MaxSessions bounds how many sessions have results; the ones unused for
	// longest make room. Default 0: 10,000.
	MaxSessions int
}

// CopyConfig says how results are copied. By default each caller gets an exact
// deep copy, made by a plan that [New] compiles for the type.
//
// Set Immutable for types whose values never change. Set ReadOnly for results
// that are too large to copy, and Verify in tests to find code that changes them
// anyway. Set Engine, or Funcs.Clone, to copy in another way. Engine, Funcs.Clone
// and ReadOnly exclude each other.
type CopyConfig struct {
	// Immutable lists types that are shared instead of copied, at any depth of
	// the result. Nil elements are an error. Default nil: only types of the
	// standard library that cannot change, such as time.Time.
	Immutable []reflect.Type
	// ReadOnly shares one value among all callers. They, and the load function,
	// must never change it. Every type is allowed then. Default false: every
	// caller gets a copy.
	ReadOnly bool
	// Verify finds code that changes ReadOnly results, in tests and while
	// developing: a read of a result that has changed since it was stored drops
	// it and fails with [ErrChanged]; Peek finds nothing then. Each read walks
	// the whole result, which costs about as much as a copy. Types that contain
	// something other than data, such as channels, are refused. Fields tagged
	// hash:"ignore" are not compared, nor results behind an interface that are
	// not data, are deeper than 1000 levels or larger than 1 GiB. Needs ReadOnly.
	// Default false.
	Verify bool
	// Engine copies results instead of the plan; package copiermap has one.
	// Default nil: the plan.
	Engine CopyEngine
}

// KeyConfig says how keys are compared. By default keys are equal if they are
// equal as data; see "Keys" in the package's documentation.
type KeyConfig struct {
	// MaxBytes bounds the bytes that identify a key. A longer key is a
	// [*KeyError]; use HashFuncs to replace it by a digest. At most 1 GiB. Default
	// 0: 1 MiB.
	MaxBytes int
	// HashFuncs replaces values of a type by the result of a function when keys
	// are compared, as Streamlit's hash_funcs does. The function's result, of any
	// type that can be a key, becomes part of the key. The type must match
	// exactly; it is found at any depth, also behind interfaces. The function is
	// called once for each occurrence. It must be safe for concurrent use, return
	// equal results for equal values, and neither keep nor change its argument.
	// Its errors and panics are a [*KeyError]. The load function gets the
	// original: pointers, interfaces and functions as they are, and copies of
	// other values if they can be copied. Default nil: none.
	HashFuncs map[reflect.Type]func(any) (any, error)
}

// Funcs are the functions of a cache that know the types of its keys and
// results. Give one to [New] after the Config. All are optional. They must be
// safe for concurrent use and must not change their arguments.
type Funcs[K, V any] struct {
	// Tags returns the tags of a result that was loaded or put; [Cache.ClearTag]
	// of any of them drops it. Empty tags are ignored. A load adds more tags with
	// [Loading.AddTags], and a Put with PutOptions.Tags.
	Tags func(K, V) []string
	// KeyTags returns the tags of everything that is kept for a key: its result,
	// and also a remembered error or "not found". So the code that creates
	// "user:42" can clear the remembered "not found".
	KeyTags func(K) []string
	// Keep reports whether a loaded result is stored. If not, the result is only
	// returned, and the stored one is dropped. Default nil: all are stored.
	Keep func(K, V) bool
	// Size returns how many bytes of memory a result takes, for the bounds and
	// Stats; the key and the entry are added to it. It is called once for each
	// result that is loaded or put. If it returns less than 0, the call fails.
	// Default nil: an estimate, which costs about as much as a copy. For a type
	// that cannot be copied, the estimate does not include what the result refers
	// to, so New requires Size if MaxBytes is set.
	Size func(V) int64
	// Clone copies a result. The copy must not share anything that can change
	// with the original. It may be called for one value from several goroutines
	// at once. Default nil: the plan, or the method Clone() V of the result.
	Clone func(V) V
}

// CopyEngine makes the copy function for results of a type, or returns an error
// that says why that type cannot be copied truthfully. The function gets two
// addressable values of the type: it makes dst, which is zero, a deep copy of
// src. It must be safe for concurrent use.
type CopyEngine func(t reflect.Type) (func(dst, src reflect.Value) error, error)

// compile makes the engine's copy function for t, in the form that the core calls.
func (e CopyEngine) compile(t reflect.Type) (func(dst, src unsafe.Pointer) error, error) {
	copyTo, err := e(t)
	if err != nil {
		return nil, err
	}
	return func(dst, src unsafe.Pointer) error {
		return copyTo(reflect.NewAt(t, dst).Elem(), reflect.NewAt(t, src).Elem())
	}, nil
}

// Scope says who shares the results of a cache.
type Scope uint8

const (
	// Global results are shared by all visitors. A load cannot see the visitor
	// who caused it; see [ErrVisitorInGlobalLoad]. If it reads other values of
	// the request's context, the event observe.ContextRead reports it.
	Global Scope = iota
	// Session results belong to one visitor: to the session of the context of the
	// call. They end when the session is destroyed or expires and when another user
	// logs in; they stay when the session gets a new id. Loads see the visitor. A
	// visitor without a session gets one. If the program has declared its visitors
	// (middleware.Visitor), the results belong to the declared visitor, and end with
	// Forget; if there is a session too, they belong to both and end with either.
	// Without a session and a visitor, calls fail with [ErrNoSession].
	Session
)

// String returns the name of s in lower case.
func (s Scope) String() string {
	switch s {
	case Global:
		return "global"
	case Session:
		return "session"
	}
	return fmt.Sprintf("Scope(%d)", uint8(s))
}

// Storage keeps the results of a cache in a store, in addition to the memory.
// Make one with package persist; nil keeps the results in memory only.
type Storage = level.Opener

// settings are the flat form of a [Config] that the core reads, and whether
// Funcs.Clone is set.
type settings struct {
	TTL, StaleFor, FailSafe, RetryAfter, IdleTTL     time.Duration
	SoftTimeout, Timeout, ErrorTTL, NotFoundTTL      time.Duration
	EagerAt, Jitter                                  float64
	MaxEntries, MaxPerSession, MaxSessions, MaxBatch int
	MaxBytes                                         int64
	NotFound                                         func(error) bool
	Scope                                            Scope
	Group                                            *Group
	OnClear                                          func(ctx context.Context, what observe.CacheClear)
	Observer                                         observe.Observer
	HashFuncs                                        map[reflect.Type]func(any) (any, error)
	Copy                                             CopyEngine
	Immutable, Trusted                               []reflect.Type
	Store                                            Storage
	MaxKeyBytes                                      int
	CountHits, ReadOnly, VerifyReadOnly              bool
	clones                                           bool // Funcs.Clone is set
}

func (cfg *Config) settings() settings {
	return settings{
		TTL: cfg.TTL, IdleTTL: cfg.IdleTTL, Jitter: cfg.Jitter, Timeout: cfg.Timeout,
		StaleFor: cfg.Stale.For, FailSafe: cfg.Stale.OnError, SoftTimeout: cfg.Stale.SoftTimeout, RetryAfter: cfg.Stale.RetryAfter, EagerAt: cfg.Stale.EagerAt,
		ErrorTTL: cfg.Errors.TTL, NotFoundTTL: cfg.Errors.NotFoundTTL, NotFound: cfg.Errors.IsNotFound,
		MaxEntries: cfg.MaxEntries, MaxBytes: cfg.MaxBytes, MaxBatch: cfg.MaxBatch,
		Store: cfg.Store, Scope: cfg.Scope, MaxPerSession: cfg.Session.MaxEntries, MaxSessions: cfg.Session.MaxSessions,
		Group: cfg.Group, OnClear: cfg.OnClear, Observer: cfg.Observer, CountHits: cfg.CountHits,
		Copy: cfg.Copy.Engine, Immutable: cfg.Copy.Immutable, ReadOnly: cfg.Copy.ReadOnly, VerifyReadOnly: cfg.Copy.Verify,
		HashFuncs: cfg.Keys.HashFuncs, MaxKeyBytes: cfg.Keys.MaxBytes, Trusted: cfg.Trusted,
	}
}

// config returns the Config that cfg was made from.
func (cfg *settings) config() Config {
	return Config{
		TTL: cfg.TTL, IdleTTL: cfg.IdleTTL, Jitter: cfg.Jitter, Timeout: cfg.Timeout,
		MaxEntries: cfg.MaxEntries, MaxBytes: cfg.MaxBytes, MaxBatch: cfg.MaxBatch,
		Store: cfg.Store, Scope: cfg.Scope, Group: cfg.Group, OnClear: cfg.OnClear, Observer: cfg.Observer, CountHits: cfg.CountHits,
		Stale:   StaleConfig{For: cfg.StaleFor, OnError: cfg.FailSafe, SoftTimeout: cfg.SoftTimeout, RetryAfter: cfg.RetryAfter, EagerAt: cfg.EagerAt},
		Errors:  ErrorConfig{TTL: cfg.ErrorTTL, NotFoundTTL: cfg.NotFoundTTL, IsNotFound: cfg.NotFound},
		Session: SessionConfig{MaxEntries: cfg.MaxPerSession, MaxSessions: cfg.MaxSessions},
		Copy:    CopyConfig{Immutable: cfg.Immutable, ReadOnly: cfg.ReadOnly, Verify: cfg.VerifyReadOnly, Engine: cfg.Copy},
		Keys:    KeyConfig{MaxBytes: cfg.MaxKeyBytes, HashFuncs: cfg.HashFuncs},
		Trusted: cfg.Trusted,
	}
}

// identifies returns the settings by which keys are compared.
func (cfg *settings) identifies() keys.Config {
	return keys.Config{HashFuncs: cfg.HashFuncs, Trusted: cfg.Trusted, MaxBytes: cfg.MaxKeyBytes}
}

// withoutBatch returns an error for settings that only a Batch uses.
func (cfg *settings) withoutBatch() error {
	if cfg.MaxBatch > 0 {
		return fmt.Errorf("MaxBatch is %d, but there are no batches: use NewBatch, or leave it out", cfg.MaxBatch)
	}
	return nil
}

// validate returns an error that joins everything that is wrong with the
// configuration.
func (cfg *settings) validate() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	cfg.validateTimes(bad)
	if cfg.MaxEntries < 0 {
		bad("MaxEntries is %d: use 0 for %d", cfg.MaxEntries, defaultMaxEntries)
	}
	if cfg.MaxBytes < 0 {
		bad("MaxBytes is %d: use 0 for the bound of the group", cfg.MaxBytes)
	}
	if cfg.MaxBatch < 0 {
		bad("MaxBatch is %d: use 0 for no bound", cfg.MaxBatch)
	}
	cfg.validateScope(bad)
	errs = append(errs, cfg.validateTypes())
	ways := 0
	for _, set := range []bool{cfg.clones, cfg.Copy != nil, cfg.ReadOnly} {
		if set {
			ways++
		}
	}
	if ways > 1 {
		bad("Funcs.Clone, Copy.Engine and Copy.ReadOnly exclude each other: set one")
	}
	if cfg.VerifyReadOnly && !cfg.ReadOnly {
		bad("Copy.Verify has no effect without Copy.ReadOnly: leave it out, or set both")
	}
	if len(cfg.Immutable) > 0 && ways > 0 {
		bad("Copy.Immutable has no effect together with Funcs.Clone, Copy.Engine or Copy.ReadOnly: leave it out")
	}
	return errors.Join(errs...)
}

// validateTypes reports what is wrong with the settings from which the plans for K
// and V are compiled.
func (cfg *settings) validateTypes() error {
	errs := []error{cfg.identifies().Validate()}
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	for i, t := range cfg.Immutable {
		if t == nil {
			bad("Copy.Immutable[%d] is nil: name a type with reflect.TypeFor", i)
		}
	}
	return errors.Join(errs...)
}

// validateTimes reports what is wrong with the durations.
func (cfg *settings) validateTimes(bad func(format string, args ...any)) {
	for _, d := range []struct {
		name  string
		value time.Duration
		zero  string
	}{
		{"TTL", cfg.TTL, "to keep results for ever"},
		{"IdleTTL", cfg.IdleTTL, "to keep what nobody reads"},
		{"Timeout", cfg.Timeout, "to let loads take as long as they like"},
		{"Stale.For", cfg.StaleFor, "not to serve what has expired"},
		{"Stale.OnError", cfg.FailSafe, "not to serve what has expired"},
		{"Stale.SoftTimeout", cfg.SoftTimeout, "to wait for loads"},
		{"Stale.RetryAfter", cfg.RetryAfter, "for " + defaultRetryAfter.String()},
		{"Errors.TTL", cfg.ErrorTTL, "not to remember errors"},
		{"Errors.NotFoundTTL", cfg.NotFoundTTL, "for Errors.TTL"},
	} {
		if d.value < 0 {
			bad("%s is %v: use 0 %s", d.name, d.value, d.zero)
		}
	}
	for _, f := range []struct {
		name  string
		value float64
	}{{"Stale.EagerAt", cfg.EagerAt}, {"Jitter", cfg.Jitter}} {
		if !(f.value >= 0 && f.value < 1) {
			bad("%s is %v: use a part of the TTL, such as 0.8, or 0 to do without", f.name, f.value)
		}
	}
	if cfg.TTL == 0 && max(cfg.StaleFor, cfg.FailSafe) > 0 {
		bad("Stale.For is %v and Stale.OnError is %v, but results do not expire: set TTL, or leave them out", cfg.StaleFor, cfg.FailSafe)
	}
	if cfg.TTL == 0 && cfg.EagerAt > 0 {
		bad("Stale.EagerAt is %v, but results do not expire: set TTL, or leave it out", cfg.EagerAt)
	}
	if cfg.Jitter > 0 && cfg.TTL == 0 && cfg.ErrorTTL == 0 && cfg.NotFoundTTL == 0 {
		bad("Jitter is %v, but nothing expires: set TTL, or leave it out", cfg.Jitter)
	}
	if cfg.FailSafe > 0 && cfg.FailSafe <= cfg.StaleFor {
		bad("Stale.OnError is %v, and Stale.For serves for %v anyway: make Stale.OnError longer, or leave it out", cfg.FailSafe, cfg.StaleFor)
	}
	if cfg.RetryAfter > 0 && cfg.StaleFor == 0 && cfg.FailSafe == 0 && cfg.EagerAt == 0 {
		bad("Stale.RetryAfter is %v, but no old result is served: set Stale.For, Stale.OnError or Stale.EagerAt, or leave it out", cfg.RetryAfter)
	}
	if cfg.SoftTimeout > 0 && cfg.FailSafe == 0 {
		bad("Stale.SoftTimeout is %v, but there is no old result to serve then: set Stale.OnError, or leave it out", cfg.SoftTimeout)
	}
	if cfg.Timeout > 0 && cfg.SoftTimeout >= cfg.Timeout {
		bad("Stale.SoftTimeout is %v, but Timeout ends the load after %v: make it shorter, or leave it out", cfg.SoftTimeout, cfg.Timeout)
	}
}

// validateScope reports what is wrong with the scope and its bounds.
func (cfg *settings) validateScope(bad func(format string, args ...any)) {
	if cfg.Scope > Session {
		bad("Scope is %v: use Global or Session", cfg.Scope)
	}
	for _, b := range []struct {
		name  string
		value int
		zero  int
	}{
		{"Session.MaxEntries", cfg.MaxPerSession, defaultMaxPerSession},
		{"Session.MaxSessions", cfg.MaxSessions, defaultMaxSessions},
	} {
		switch {
		case b.value < 0:
			bad("%s is %d: use 0 for %d", b.name, b.value, b.zero)
		case b.value > 0 && cfg.Scope == Global:
			bad("%s is %d, but the scope is global: set Scope to Session, or leave it out", b.name, b.value)
		}
	}
}
