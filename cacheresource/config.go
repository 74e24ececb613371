package cacheresource

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"time"

	"github.com/reecho-go/reecho/internal/keys"
	"github.com/reecho-go/reecho/observe"
)

// The defaults of a Config.
const (
	DefaultCheckEvery     = 30 * time.Second
	DefaultCheckTimeout   = 5 * time.Second
	DefaultReleaseTimeout = 30 * time.Second
	DefaultMaxSessions    = 10_000
)

// EveryAcquire as Config.CheckEvery checks before each use, but for the one
// that opened the instance, and never in the background.
const EveryAcquire time.Duration = -1

// Scope says for whom an instance is.
type Scope uint8

// The scopes.
const (
	// Global instances are everybody's: an open cannot see who caused it.
	Global Scope = iota
	// Session instances are one visitor's, for as long as the session lives.
	Session
)

// Config of a [Resource]. The zero value is useful: instances live until they
// are deleted, cleared or closed, and need no release.
type Config[K, V any] struct {
	// TTL is for how long an instance is handed out after it was opened; uses
	// do not prolong it. Then it leaves the cache, within a second also when
	// nobody asks, and is released when its leases end. Default 0: for ever.
	// Negative is an error.
	TTL time.Duration
	// MaxEntries bounds how many instances are kept. When another one has been
	// opened, the least recently used one that is not leased makes room, or if
	// all are, the least recently used of these, which is released when it is
	// given back. What Get has pinned stays. Finding it costs a look at each
	// instance. Default 0: no bound. Negative is an error.
	MaxEntries int

	// Release ends an instance, once, when it has left the cache and its last
	// lease has ended. Its context ends after ReleaseTimeout; a release that
	// does not return then is reported, but cannot be broken off. What it
	// returns is an event. A pointer, map or channel that open has returned
	// more than once is released when the last of these instances ends.
	// Default nil: nothing to release.
	Release func(ctx context.Context, key K, v V) error
	// ReleaseTimeout is how long a release may take before it counts as stuck:
	// that is reported, and a Close goes on with the next. Default 0: 30 s.
	// Negative is an error.
	ReleaseTimeout time.Duration

	// Check tells whether an instance is still good. It runs when the last
	// check is older than CheckEvery, before a use or, without any, in the
	// background within a second; once at a time per instance, while the users
	// wait for its result, and never right after open. An error or a panic takes
	// the instance out. Default nil: every instance is good.
	Check func(ctx context.Context, key K, v V) error
	// CheckEvery is how old a passed check may be. Default 0: 30 s. Negative:
	// only [EveryAcquire]. No effect without Check.
	CheckEvery time.Duration
	// CheckTimeout is how long a check may take; one that takes longer has
	// failed. Default 0: 5 s. Negative is an error.
	CheckTimeout time.Duration

	// OpenTimeout is how long an open may take: then its context ends and those
	// who wait get an [*OpenTimeoutError]. While an open ignores that, every
	// call for its key fails with the same error, since nothing is opened twice
	// at a time; what it brings in the end is released. Default 0: as long as
	// anybody waits. Negative is an error.
	OpenTimeout time.Duration
	// ErrorTTL is for how long the error of a failed open is returned instead
	// of opening again, to spare what is down. Panics, circles and opens that
	// everybody gave up are not kept, a Delete or Clear forgets. Default 0: the
	// next call opens again. Negative is an error.
	ErrorTTL time.Duration
	// StaleFor is for how much longer than TTL an instance is handed out while
	// a new one is opened in the background, on the first use after TTL. When
	// that fails it is tried again on a use a second later, then after 2, 4 and
	// so on up to 60 s. Both are open for a moment, unless open returns the same
	// value again, which is not released while it may. Default 0: none.
	// Negative is an error, and so is StaleFor without TTL.
	StaleFor time.Duration
	// IdleTTL is for how long an instance stays that nobody leases. Default 0:
	// for ever. Negative is an error.
	IdleTTL time.Duration

	// DrainTimeout is how long a Close waits for opens and leases of this
	// resource, if its context allows that long. Default 0: as long as the context.
	// Negative is an error.
	DrainTimeout time.Duration
	// LeakAge is how long a lease may be held, by Acquire or Do, before it is
	// reported once, with the place of the call. A lease that was forgotten,
	// which the garbage collector finds, is reported and given back: so keep
	// the Lease for as long as its value is used. It makes a use some
	// microseconds slower. Default 0: leases are not watched. Negative is an
	// error.
	LeakAge time.Duration

	// Scope says for whom an instance is. In [Session] each visitor has
	// instances of their own, which leave the cache when the session ends and
	// are released when their leases do; a call outside of a session fails with
	// [ErrNoSession], Get with any context. MaxEntries is for each visitor
	// then. Where the program has declared its visitors (middleware.Visitor),
	// the instances belong to the visitor, and to the session if there is one
	// too. Default [Global].
	Scope Scope
	// MaxSessions bounds, in [Session], for how many sessions or visitors
	// instances are kept; those who were not there for longest make room. Default 0: 10,000.
	// Negative, or in another scope, is an error.
	MaxSessions int
	// Group is what the resource belongs to. Default nil: [Default].
	Group *Group
	// OnClear runs after each clear of this resource, alone or with its group,
	// outside locks. Default nil: nothing.
	OnClear func(ctx context.Context, what Cleared)
	// Observer is told about opens, failed checks, releases and leaks, beside
	// that of the group. Default nil: none.
	Observer observe.Observer
	// HashFuncs gives types that cannot identify anything a stand-in, at any
	// depth of K; see cachedata.Config. Default nil: none.
	HashFuncs map[reflect.Type]func(any) (any, error)
	// MaxKeyBytes bounds the bytes of a key, and Trusted lists types of other
	// modules whose private fields are plain data; see cachedata.Config.
	// Defaults: 1 MiB, and none.
	MaxKeyBytes int
	Trusted     []reflect.Type
}

// settings are a [Config] without its types.
type settings struct {
	TTL, StaleFor, IdleTTL                                time.Duration
	OpenTimeout, CheckEvery, CheckTimeout, ReleaseTimeout time.Duration
	ErrorTTL, DrainTimeout, LeakAge                       time.Duration
	MaxEntries, MaxSessions                               int
	Scope                                                 Scope
	Group                                                 *Group
	OnClear                                               func(ctx context.Context, what Cleared)
	Observer                                              observe.Observer
	HashFuncs                                             map[reflect.Type]func(any) (any, error)
	MaxKeyBytes                                           int
	Trusted                                               []reflect.Type
}

func (cfg *Config[K, V]) settings() settings {
	return settings{
		TTL: cfg.TTL, StaleFor: cfg.StaleFor, IdleTTL: cfg.IdleTTL,
		OpenTimeout: cfg.OpenTimeout, CheckEvery: cfg.CheckEvery, CheckTimeout: cfg.CheckTimeout, ReleaseTimeout: cfg.ReleaseTimeout,
		ErrorTTL: cfg.ErrorTTL, DrainTimeout: cfg.DrainTimeout, LeakAge: cfg.LeakAge,
		MaxEntries: cfg.MaxEntries, MaxSessions: cfg.MaxSessions, Scope: cfg.Scope, Group: cfg.Group, OnClear: cfg.OnClear, Observer: cfg.Observer, HashFuncs: cfg.HashFuncs,
		MaxKeyBytes: cfg.MaxKeyBytes, Trusted: cfg.Trusted,
	}
}

// validate reports everything that is wrong with the configuration.
func (cfg *settings) validate(fns functions) error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	for _, d := range []struct {
		name  string
		value time.Duration
		zero  string
	}{
		{"TTL", cfg.TTL, "to keep instances for ever"},
		{"ReleaseTimeout", cfg.ReleaseTimeout, "for " + DefaultReleaseTimeout.String()},
		{"CheckTimeout", cfg.CheckTimeout, "for " + DefaultCheckTimeout.String()},
		{"OpenTimeout", cfg.OpenTimeout, "for no timeout"},
		{"ErrorTTL", cfg.ErrorTTL, "to open again at once"},
		{"StaleFor", cfg.StaleFor, "to serve no stale instance"},
		{"IdleTTL", cfg.IdleTTL, "to keep what is idle"},
		{"DrainTimeout", cfg.DrainTimeout, "to wait as long as the context"},
		{"LeakAge", cfg.LeakAge, "to watch no leases"},
	} {
		if d.value < 0 {
			bad("%s is %v: use 0 %s", d.name, d.value, d.zero)
		}
	}
	if cfg.MaxEntries < 0 {
		bad("MaxEntries is %d: use 0 for no bound", cfg.MaxEntries)
	}
	if cfg.CheckEvery < 0 && cfg.CheckEvery != EveryAcquire {
		bad("CheckEvery is %v: use 0 for %v, or EveryAcquire", cfg.CheckEvery, DefaultCheckEvery)
	}
	if fns.check == nil && (cfg.CheckEvery != 0 || cfg.CheckTimeout != 0) {
		bad("CheckEvery and CheckTimeout have no effect without Check: set it, or leave them out")
	}
	if fns.release == nil && cfg.ReleaseTimeout != 0 {
		bad("ReleaseTimeout has no effect without Release: set it, or leave it out")
	}
	if cfg.StaleFor > 0 && cfg.TTL == 0 {
		bad("StaleFor is %v without TTL, so that nothing is ever stale: set TTL, or leave it out", cfg.StaleFor)
	}
	switch {
	case cfg.Scope > Session:
		bad("Scope is %d: use Global or Session", cfg.Scope)
	case cfg.MaxSessions < 0:
		bad("MaxSessions is %d: use 0 for %d", cfg.MaxSessions, DefaultMaxSessions)
	case cfg.MaxSessions > 0 && cfg.Scope == Global:
		bad("MaxSessions is %d, but the scope is global: set Scope to Session, or leave it out", cfg.MaxSessions)
	}
	return errors.Join(append(errs, cfg.identifies().Validate())...)
}

// identifies is how keys are compared.
func (cfg *settings) identifies() keys.Config {
	return keys.Config{HashFuncs: cfg.HashFuncs, Trusted: cfg.Trusted, MaxBytes: cfg.MaxKeyBytes}
}
