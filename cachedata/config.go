package cachedata

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"time"
	"unsafe"

	"github.com/reecho-go/reecho/internal/clone"
	"github.com/reecho-go/reecho/internal/keys"
	"github.com/reecho-go/reecho/observe"
)

// DefaultMaxEntries is the bound of a cache whose Config has none.
const DefaultMaxEntries = 10_000

// DefaultRetryAfter is the pause of a cache whose Config has none.
const DefaultRetryAfter = 5 * time.Second

// Config of a cache. The zero value is safe: results are kept until 10,000
// others are of more use, in the default group.
type Config[K, V any] struct {
	// TTL is for how long a result is fresh after it was loaded or put; reads
	// do not prolong it. Default 0: for ever. Negative is an error.
	TTL time.Duration
	// MaxEntries bounds how many results are kept; those least likely to be
	// used again make room (W-TinyLFU). A burst may exceed it for a moment.
	// Default 0: 10,000, or no bound if there is MaxBytes. Negative is an error.
	MaxEntries int
	// MaxBytes bounds how many bytes the entries take: their results, as Size or
	// an estimate says, their keys, tags and remembered errors, and what the
	// cache has for each, which is from 130 to 500 bytes. Those least likely to
	// be used again make room, beside those of MaxEntries. A result that is
	// larger than all of it is returned, and not stored. A burst may exceed it
	// for a moment. Default 0: only the bound of the group, which by
	// default is a part of the memory; see GroupConfig.MaxBytes. Negative is an
	// error.
	MaxBytes int64

	// StaleFor is for how long after its TTL a result is still served, at once,
	// while it is refreshed in the background: at most once per key and in 16
	// goroutines for the group, beyond which refreshes wait for a later read.
	// Needs a TTL. Default 0: not at all. Negative is an error.
	StaleFor time.Duration
	// FailSafe is for how long after its TTL a result is served if the load of
	// a new one fails, panics or takes longer than HardTimeout. The errors of
	// the load are events then. [ErrNotFound] is an answer, and no failure.
	// Needs a TTL, and must be longer than StaleFor. Default 0: not at all.
	// Negative is an error.
	FailSafe time.Duration
	// RetryAfter is for how long the origin is left alone after a failed load
	// while there is an old result to serve. It is doubled with each failure in
	// a row, three times at most. Needs StaleFor, FailSafe or EagerAt.
	// Default 0: 5 seconds. Negative is an error.
	RetryAfter time.Duration
	// EagerAt makes the first read of a result refresh it in the background
	// that comes after this part of its TTL, or somewhat later: each result has
	// a moment of its own between EagerAt and half the way from there to the
	// end. Needs a TTL. Default 0: never. Anything below 0 and from 1 on is an
	// error.
	EagerAt float64
	// Jitter shortens the TTL of each result by a random part of it, up to
	// this one, so that what was loaded together is not loaded again together.
	// Needs a TTL, ErrorTTL or NotFoundTTL. Default 0: none. Anything below 0
	// and from 1 on is an error.
	Jitter float64
	// IdleTTL drops a result that nobody has read for that long, even if its
	// TTL is not over. Default 0: never. Negative is an error.
	IdleTTL time.Duration

	// SoftTimeout is how long a load may have taken until its callers are given
	// the expired result that FailSafe keeps. The load goes on, and those who
	// come while it does are given the expired result at once. Needs FailSafe.
	// Default 0: they wait. Negative is an error.
	SoftTimeout time.Duration
	// HardTimeout is how long a load may take. Then its context ends, its
	// callers get [ErrTimeout] and the key can be loaded anew, even if the
	// loader goes on; what it returns then is thrown away. Without it, a loader
	// that never returns blocks its key for good, and in the background one of
	// the group's 16 places. It must be longer than SoftTimeout. Default 0: no
	// end. Negative is an error.
	HardTimeout time.Duration

	// ErrorTTL is for how long an error of the loader is remembered and
	// returned instead of another load. Not so panics, and errors for which
	// there is an old result to serve. Default 0: not at all. Negative is an
	// error.
	ErrorTTL time.Duration
	// NotFoundTTL is for how long it is remembered that there is nothing for a
	// key: that the loader returned [ErrNotFound], or what NotFound says. An old
	// result is dropped in any case. Default 0: ErrorTTL. Negative is an error.
	NotFoundTTL time.Duration
	// NotFound reports whether an error of the loader says that there is
	// nothing for the key, such as sql.ErrNoRows. It must be safe for
	// concurrent use. Default nil: only [ErrNotFound] does.
	NotFound func(error) bool
	// Keep reports whether a result that was loaded is to be kept. If not, it
	// is only returned, and what was kept before is dropped. It must not change
	// its arguments, and must be safe for concurrent use. Default nil: all are.
	Keep func(K, V) bool

	// Size returns how many bytes of memory a result occupies, for MaxBytes,
	// for the bound of the group and in Stats; its key and its entry are added
	// to it. It is called once for each result that is loaded or put. It must
	// not change its argument, and must be safe for concurrent use. If it
	// returns less than 0, the call fails. Default nil: an estimate, which costs
	// about as much as a copy. Of a result that cannot be copied, as ReadOnly
	// allows, that is without what it refers to: New demands Size if there is
	// MaxBytes.
	Size func(V) int64

	// Tags returns the tags of a result that was loaded or put: [Cache.ClearTag]
	// of any of them drops it. Empty ones are left out. It must not change its
	// arguments, and must be safe for concurrent use. A load can add tags with
	// [Loading.AddTags], and [Cache.PutWith] others. Default nil: none.
	Tags func(K, V) []string
	// KeyTags returns the tags of whatever is kept for a key: of its result,
	// beside those of Tags, and also of a remembered error or that there is
	// nothing for it (ErrorTTL, NotFoundTTL), so that what creates "user:42" can
	// clear that there is none. The rest is as for Tags. Default nil: none.
	KeyTags func(K) []string

	// Scope says whose results they are. With [Session] every visitor has
	// results of their own; see there. Default: [Global].
	Scope Scope
	// MaxPerSession bounds, in session scope, how many results one session
	// keeps; those stored first make room. MaxEntries bounds those of all
	// sessions together. Default 0: 1,000. Negative is an error.
	MaxPerSession int
	// MaxSessions bounds, in session scope, of how many sessions results are
	// kept; those unused for longest make room, so that clients that never send
	// their cookie back cannot fill the memory. Default 0: 10,000. Negative is
	// an error.
	MaxSessions int

	// Group is what the cache belongs to, for its name and for clears and
	// closes of several caches. Default nil: [Default].
	Group *Group
	// OnClear runs after each clear of this cache, alone or with its group,
	// outside locks, in the goroutine of the clear. It may clear other caches:
	// pass on its context, so that a circle of clears is noticed and ends.
	// Default nil: nothing.
	OnClear func(ctx context.Context, what Cleared)
	// Observer is told about loads, evictions and clears, beside that of the
	// group. An observer makes these slower, since the key's fingerprint is
	// computed for it; hits stay as they are. Default nil: none.
	Observer observe.Observer

	// CountHits counts the reads of each entry for [Cache.Entries]. It makes an
	// entry larger, and hits of one key on several processors slower, since
	// these meet at its counter. Default false: only those of all entries
	// together are counted, for Stats.
	CountHits bool

	// MaxBatch bounds how many keys one load of a [Batch] gets; a call that
	// needs more starts several loads at once. Default 0: no bound. Negative is
	// an error, and so is anything but 0 in [New].
	MaxBatch int

	// MaxKeyBytes bounds the bytes of a key: of a string, or of everything that
	// identifies another K. A longer one is a [*KeyError], whose way out is a
	// digest by HashFuncs. Default 0: 1 MiB. At most 1 GiB; negative is an error.
	MaxKeyBytes int
	// HashFuncs gives types that cannot identify anything, or not well, a
	// stand-in: the function's result, which may be of any type that can be a
	// key, is part of the key instead. The type must match exactly and may stand
	// at any depth of K, also behind interfaces. The function is called once for
	// each occurrence; it must be safe for concurrent use, give equal results
	// for what is equal, and neither keep nor change its argument. Its errors
	// and panics are a [*KeyError]. The loader gets pointers, interfaces and
	// functions of these types as they are, and copies of other values if they
	// can be copied. Default nil: none.
	HashFuncs map[reflect.Type]func(any) (any, error)

	// Clone copies results, instead of the compiled plan. It must return
	// something that shares nothing mutable with its argument, and be safe for
	// concurrent use, also on one value. Not together with Copy or ReadOnly.
	// Default nil: the plan, or V's own method Clone() V.
	Clone func(V) V
	// Copy chooses another engine for copies; see [CopyWithCopier]. Not
	// together with Clone, ReadOnly or Immutable. Default: the compiled plan.
	Copy CopyEngine
	// ReadOnly shares one value among all callers instead of copying it: they,
	// and the loader, must leave it unmodified for ever. It lifts every
	// restriction on V. Default false: every caller gets a copy of its own.
	ReadOnly bool
	// VerifyReadOnly finds those who break ReadOnly, in tests and while
	// developing: a read that finds that the result has been changed since it
	// was stored drops it and fails with a [*WriteError]; Peek finds nothing
	// then. Each read walks the whole result, which costs about as much as a
	// copy. [New] refuses a V that has places which are no data, such as
	// channels. Not compared are fields with hash:"ignore", and results that are
	// no data behind an interface, deeper than 1000 levels or larger than 1 GiB.
	// Not without ReadOnly. Default false.
	VerifyReadOnly bool
	// Immutable lists types that are shared instead of copied, at any depth of
	// V, since nobody changes what they refer to. Default nil: only those of
	// the standard library, such as time.Time. Nil elements are an error.
	Immutable []reflect.Type
	// Trusted lists types of other modules, or pointers to them, that are
	// copied and compared as the types of this program are, wherever they stand
	// in K and V: by their method Clone, if they have one, else field by field,
	// private ones included, and so is all that they consist of. It is your word
	// that private fields are plain data (no pointer is compared, none leads
	// back into the value), and that Clone copies everything that can be changed
	// and only reads. See "Types of other modules" in the package's
	// documentation. Default nil: none. Nil elements, interfaces and types of
	// the standard library are errors.
	Trusted []reflect.Type
}

// CopyEngine is how a cache copies results. The zero value is the compiled
// plan.
type CopyEngine struct {
	// compile is nil for the compiled plan. It is a function so that who does not
	// choose another engine does not link it.
	compile func(t reflect.Type) (func(dst, src unsafe.Pointer) error, error)
}

// CopyWithCopier makes jinzhu/copier the copy engine of a cache, for types
// whose copies depend on copier's tags or converters. DeepCopy is always on. It
// is 10 to 100 times slower than the compiled plan, and [New] refuses the
// shapes that copier would alias or change, except for one: with IgnoreEmpty a
// float of -0 counts as empty and becomes +0. A result with a pointer into the
// middle of something that is part of it too is a [*CopyError].
func CopyWithCopier(opt clone.Option) CopyEngine {
	return CopyEngine{func(t reflect.Type) (func(dst, src unsafe.Pointer) error, error) { return clone.WithCopierOf(t, opt) }}
}

// settings are a [Config] without its types.
type settings struct {
	TTL, StaleFor, FailSafe, RetryAfter, IdleTTL     time.Duration
	SoftTimeout, HardTimeout, ErrorTTL, NotFoundTTL  time.Duration
	EagerAt, Jitter                                  float64
	MaxEntries, MaxPerSession, MaxSessions, MaxBatch int
	MaxBytes                                         int64
	NotFound                                         func(error) bool
	Scope                                            Scope
	Group                                            *Group
	OnClear                                          func(ctx context.Context, what Cleared)
	Observer                                         observe.Observer
	HashFuncs                                        map[reflect.Type]func(any) (any, error)
	Copy                                             CopyEngine
	Immutable, Trusted                               []reflect.Type
	MaxKeyBytes                                      int
	CountHits, ReadOnly, VerifyReadOnly              bool
	clones                                           bool // Config.Clone is set
}

func (cfg *Config[K, V]) settings() settings {
	return settings{
		TTL: cfg.TTL, StaleFor: cfg.StaleFor, FailSafe: cfg.FailSafe, RetryAfter: cfg.RetryAfter, IdleTTL: cfg.IdleTTL,
		SoftTimeout: cfg.SoftTimeout, HardTimeout: cfg.HardTimeout, ErrorTTL: cfg.ErrorTTL, NotFoundTTL: cfg.NotFoundTTL,
		EagerAt: cfg.EagerAt, Jitter: cfg.Jitter,
		MaxEntries: cfg.MaxEntries, MaxPerSession: cfg.MaxPerSession, MaxSessions: cfg.MaxSessions, MaxBatch: cfg.MaxBatch,
		MaxBytes: cfg.MaxBytes, NotFound: cfg.NotFound, Scope: cfg.Scope, Group: cfg.Group, OnClear: cfg.OnClear, Observer: cfg.Observer,
		HashFuncs: cfg.HashFuncs, Copy: cfg.Copy, Immutable: cfg.Immutable, Trusted: cfg.Trusted, MaxKeyBytes: cfg.MaxKeyBytes,
		CountHits: cfg.CountHits, ReadOnly: cfg.ReadOnly, VerifyReadOnly: cfg.VerifyReadOnly, clones: cfg.Clone != nil,
	}
}

// identifies is how keys are compared.
func (cfg *settings) identifies() keys.Config {
	return keys.Config{HashFuncs: cfg.HashFuncs, Trusted: cfg.Trusted, MaxBytes: cfg.MaxKeyBytes}
}

// withoutBatch reports what only a Batch has a use for.
func (cfg *settings) withoutBatch() error {
	if cfg.MaxBatch > 0 {
		return fmt.Errorf("MaxBatch is %d, but there are no batches: use NewBatch, or leave it out", cfg.MaxBatch)
	}
	return nil
}

// validate reports what is wrong with the configuration, all of it.
func (cfg *settings) validate() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	cfg.validateTimes(bad)
	if cfg.MaxEntries < 0 {
		bad("MaxEntries is %d: use 0 for %d", cfg.MaxEntries, DefaultMaxEntries)
	}
	if cfg.MaxBytes < 0 {
		bad("MaxBytes is %d: use 0 for no bound", cfg.MaxBytes)
	}
	if cfg.MaxBatch < 0 {
		bad("MaxBatch is %d: use 0 for no bound", cfg.MaxBatch)
	}
	cfg.validateScope(bad)
	errs = append(errs, cfg.validateTypes())
	ways := 0
	for _, set := range []bool{cfg.clones, cfg.Copy.compile != nil, cfg.ReadOnly} {
		if set {
			ways++
		}
	}
	if ways > 1 {
		bad("Clone, Copy and ReadOnly exclude each other: set one")
	}
	if cfg.VerifyReadOnly && !cfg.ReadOnly {
		bad("VerifyReadOnly has no effect without ReadOnly: leave it out, or set both")
	}
	if len(cfg.Immutable) > 0 && (cfg.clones || cfg.Copy.compile != nil || cfg.ReadOnly) {
		bad("Immutable has no effect together with Clone, Copy or ReadOnly: leave it out")
	}
	return errors.Join(errs...)
}

// validateTypes reports what is wrong with what the plans of K and V are made by.
func (cfg *settings) validateTypes() error {
	errs := []error{cfg.identifies().Validate()}
	for i, t := range cfg.Immutable {
		if t == nil {
			errs = append(errs, fmt.Errorf("Immutable[%d] is nil: name a type with reflect.TypeFor", i))
		}
	}
	return errors.Join(errs...)
}

// validateTimes reports what is wrong with the rules of time.
func (cfg *settings) validateTimes(bad func(format string, args ...any)) {
	for _, d := range []struct {
		name  string
		value time.Duration
		zero  string
	}{
		{"TTL", cfg.TTL, "to keep results for ever"},
		{"StaleFor", cfg.StaleFor, "not to serve what has expired"},
		{"FailSafe", cfg.FailSafe, "not to serve what has expired"},
		{"RetryAfter", cfg.RetryAfter, "for " + DefaultRetryAfter.String()},
		{"IdleTTL", cfg.IdleTTL, "to keep what nobody reads"},
		{"SoftTimeout", cfg.SoftTimeout, "to wait for loads"},
		{"HardTimeout", cfg.HardTimeout, "to let loads take as long as they like"},
		{"ErrorTTL", cfg.ErrorTTL, "not to remember errors"},
		{"NotFoundTTL", cfg.NotFoundTTL, "for ErrorTTL"},
	} {
		if d.value < 0 {
			bad("%s is %v: use 0 %s", d.name, d.value, d.zero)
		}
	}
	for _, f := range []struct {
		name  string
		value float64
	}{{"EagerAt", cfg.EagerAt}, {"Jitter", cfg.Jitter}} {
		if !(f.value >= 0 && f.value < 1) {
			bad("%s is %v: use a part of the TTL, such as 0.8, or 0 to do without", f.name, f.value)
		}
	}
	if cfg.TTL == 0 && max(cfg.StaleFor, cfg.FailSafe) > 0 {
		bad("StaleFor is %v and FailSafe is %v, but results do not expire: set TTL, or leave them out", cfg.StaleFor, cfg.FailSafe)
	}
	if cfg.TTL == 0 && cfg.EagerAt > 0 {
		bad("EagerAt is %v, but results do not expire: set TTL, or leave it out", cfg.EagerAt)
	}
	if cfg.Jitter > 0 && cfg.TTL == 0 && cfg.ErrorTTL == 0 && cfg.NotFoundTTL == 0 {
		bad("Jitter is %v, but nothing expires: set TTL, or leave it out", cfg.Jitter)
	}
	if cfg.FailSafe > 0 && cfg.FailSafe <= cfg.StaleFor {
		bad("FailSafe is %v, and StaleFor serves for %v anyway: make FailSafe longer, or leave it out", cfg.FailSafe, cfg.StaleFor)
	}
	if cfg.RetryAfter > 0 && cfg.StaleFor == 0 && cfg.FailSafe == 0 && cfg.EagerAt == 0 {
		bad("RetryAfter is %v, but no old result is served: set StaleFor, FailSafe or EagerAt, or leave it out", cfg.RetryAfter)
	}
	if cfg.SoftTimeout > 0 && cfg.FailSafe == 0 {
		bad("SoftTimeout is %v, but there is no old result to serve then: set FailSafe, or leave it out", cfg.SoftTimeout)
	}
	if cfg.HardTimeout > 0 && cfg.SoftTimeout >= cfg.HardTimeout {
		bad("SoftTimeout is %v, but HardTimeout ends the load after %v: make it shorter, or leave it out", cfg.SoftTimeout, cfg.HardTimeout)
	}
}
