package cacheresource

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"time"

	"github.com/reecho-go/reecho/observe"
)

// The defaults of a Config.
const (
	DefaultCheckEvery     = 30 * time.Second
	DefaultCheckTimeout   = 5 * time.Second
	DefaultReleaseTimeout = 30 * time.Second
)

// EveryAcquire as Config.CheckEvery checks before each use, but for the one
// that opened the instance.
const EveryAcquire time.Duration = -1

// Config of a [Resource]. The zero value is useful: instances live until they
// are deleted, cleared or closed, and need no release.
type Config[K, V any] struct {
	// Release ends an instance, once, when it has left the cache and its last
	// lease has ended. Its context ends after ReleaseTimeout; a release that
	// does not return then is reported, but cannot be broken off. What it
	// returns is an event. Default nil: nothing to release.
	Release func(ctx context.Context, key K, v V) error
	// Check tells whether an instance is still good. It runs before a use, when
	// the last check is older than CheckEvery, once at a time per instance
	// while the other users wait for its result, and never right after open.
	// An error takes the instance out. Default nil: every instance is good.
	Check func(ctx context.Context, key K, v V) error
	// CheckEvery is how old a passed check may be. Default 0: 30 s. Negative:
	// only [EveryAcquire]. No effect without Check.
	CheckEvery time.Duration
	// CheckTimeout is how long a check may take; one that takes longer has
	// failed. Default 0: 5 s. Negative is an error.
	CheckTimeout time.Duration
	// ReleaseTimeout is how long a release may take before it counts as stuck.
	// Default 0: 30 s. Negative is an error.
	ReleaseTimeout time.Duration

	// Group is what the resource belongs to. Default nil: [Default].
	Group *Group
	// OnClear runs after each clear of this resource, alone or with its group,
	// outside locks. Default nil: nothing.
	OnClear func(ctx context.Context, what Cleared)
	// Observer is told about opens, failed checks and releases, beside that of
	// the group. Default nil: none.
	Observer observe.Observer
	// HashFuncs gives types that cannot identify anything a stand-in, at any
	// depth of K; see cachedata.Config. Default nil: none.
	HashFuncs map[reflect.Type]func(any) (any, error)
}

// validate reports everything that is wrong with the configuration.
func (cfg *Config[K, V]) validate() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if cfg.CheckEvery < 0 && cfg.CheckEvery != EveryAcquire {
		bad("CheckEvery is %v: use 0 for %v, or EveryAcquire", cfg.CheckEvery, DefaultCheckEvery)
	}
	if cfg.CheckTimeout < 0 {
		bad("CheckTimeout is %v: use 0 for %v", cfg.CheckTimeout, DefaultCheckTimeout)
	}
	if cfg.ReleaseTimeout < 0 {
		bad("ReleaseTimeout is %v: use 0 for %v", cfg.ReleaseTimeout, DefaultReleaseTimeout)
	}
	if cfg.Check == nil && (cfg.CheckEvery != 0 || cfg.CheckTimeout != 0) {
		bad("CheckEvery and CheckTimeout have no effect without Check: set it, or leave them out")
	}
	if cfg.Release == nil && cfg.ReleaseTimeout != 0 {
		bad("ReleaseTimeout has no effect without Release: set it, or leave it out")
	}
	for t, fn := range cfg.HashFuncs {
		if t == nil || fn == nil {
			bad("HashFuncs[%v]: neither the type nor the function may be nil", t)
		}
	}
	return errors.Join(errs...)
}
