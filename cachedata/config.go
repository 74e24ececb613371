package cachedata

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"time"

	"github.com/reecho-go/reecho/internal/clone"
	"github.com/reecho-go/reecho/observe"
)

// DefaultMaxEntries is the bound of a cache whose Config has none.
const DefaultMaxEntries = 10_000

// Config of a cache. The zero value is safe: results are kept until 10,000
// others are of more use, in the default group.
type Config[K, V any] struct {
	// TTL is for how long a result is served after it was loaded or put; reads
	// do not prolong it. Default 0: for ever. Negative is an error.
	TTL time.Duration
	// MaxEntries bounds how many results are kept; those least likely to be
	// used again make room (W-TinyLFU). A burst may exceed it for a moment.
	// Default 0: 10,000. Negative is an error.
	MaxEntries int

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

	// MaxBatch bounds how many keys one load of a [Batch] gets; a call that
	// needs more starts several loads at once. Default 0: no bound. Negative is
	// an error, and so is anything but 0 in [New].
	MaxBatch int

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
	// Immutable lists types that are shared instead of copied, at any depth of
	// V, since nobody changes what they refer to. Default nil: only those of
	// the standard library, such as time.Time. Nil elements are an error.
	Immutable []reflect.Type
}

// CopyEngine is how a cache copies results. The zero value is the compiled
// plan.
type CopyEngine struct{ copier *clone.Option }

// CopyWithCopier makes jinzhu/copier the copy engine of a cache, for types
// whose copies depend on copier's tags or converters. DeepCopy is always on. It
// is 10 to 100 times slower than the compiled plan, and [New] refuses the
// shapes that copier would alias or change, except for one: with IgnoreEmpty a
// float of -0 counts as empty and becomes +0.
func CopyWithCopier(opt clone.Option) CopyEngine { return CopyEngine{copier: &opt} }

// withoutBatch reports what only a Batch has a use for.
func (cfg *Config[K, V]) withoutBatch() error {
	if cfg.MaxBatch > 0 {
		return fmt.Errorf("MaxBatch is %d, but there are no batches: use NewBatch, or leave it out", cfg.MaxBatch)
	}
	return nil
}

// validate reports what is wrong with the configuration, all of it.
func (cfg *Config[K, V]) validate() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if cfg.TTL < 0 {
		bad("TTL is %v: use 0 to keep results for ever", cfg.TTL)
	}
	if cfg.MaxEntries < 0 {
		bad("MaxEntries is %d: use 0 for %d", cfg.MaxEntries, DefaultMaxEntries)
	}
	if cfg.MaxBatch < 0 {
		bad("MaxBatch is %d: use 0 for no bound", cfg.MaxBatch)
	}
	for t, fn := range cfg.HashFuncs {
		if t == nil || fn == nil {
			bad("HashFuncs[%v]: neither the type nor the function may be nil", t)
		}
	}
	for i, t := range cfg.Immutable {
		if t == nil {
			bad("Immutable[%d] is nil: name a type with reflect.TypeFor", i)
		}
	}
	ways := 0
	for _, set := range []bool{cfg.Clone != nil, cfg.Copy.copier != nil, cfg.ReadOnly} {
		if set {
			ways++
		}
	}
	if ways > 1 {
		bad("Clone, Copy and ReadOnly exclude each other: set one")
	}
	if len(cfg.Immutable) > 0 && (cfg.Clone != nil || cfg.Copy.copier != nil || cfg.ReadOnly) {
		bad("Immutable has no effect together with Clone, Copy or ReadOnly: leave it out")
	}
	return errors.Join(errs...)
}
