package cacheresource

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"time"

	"github.com/reecho-go/reecho/internal/group"
	"github.com/reecho-go/reecho/internal/keys"
	"github.com/reecho-go/reecho/observe"
)

// Defaults of a [Config].
const (
	defaultMaxEntries     = 10_000
	defaultCheckEvery     = 30 * time.Second
	defaultCheckTimeout   = 5 * time.Second
	defaultReleaseTimeout = 30 * time.Second
	defaultMaxSessions    = 10_000
)

// eachUse is the value of settings.CheckEvery for a check before each use.
const eachUse time.Duration = -1

// Scope says who shares an instance.
type Scope uint8

// The scopes.
const (
	// Global instances are shared by all visitors. An open cannot see the visitor
	// who caused it; see [ErrVisitorInGlobalLoad].
	Global Scope = iota
	// Session instances belong to one visitor, for as long as the session lives.
	Session
)

// Group is a set of resources that are cleared, closed and watched together. Each
// has a name that is unique in the group. Make it with [NewGroup], or use [Default]. All
// methods are safe for concurrent use. A Group is a plugin for a
// middleware.Stack: then the Stack's Close closes it.
type Group struct{ group *group.Group }

// GroupConfig configures a [Group]. The zero value is fine.
type GroupConfig struct {
	// Observer receives the events of all resources of the group. Default nil:
	// none.
	Observer observe.Observer
}

// Config configures a [Resource]. The zero value is safe: up to 10,000
// instances, kept until they are deleted, cleared or closed, in the default
// group. How an instance is released and checked is in [Funcs].
//
// In every field 0 means the default that its comment names, and a negative
// value is an error in [New]. For "no limit" use math.MaxInt64 or math.MaxInt.
type Config struct {
	// TTL is how long an instance is handed out after it was opened. Uses do not
	// extend it. Then it is removed from the cache, within a second even without
	// a call, and is released when its leases end. Default 0: for ever.
	TTL time.Duration
	// IdleTTL is how long an instance without leases is kept. Default 0: for
	// ever.
	IdleTTL time.Duration
	// StaleFor is how much longer than TTL an instance is handed out while a new
	// one is opened in the background, on the first use after TTL. If that fails,
	// a use one second later tries again, then 2, 4 and so on up to 60 seconds
	// later. Both instances are open for a moment. If open returns the same value
	// again, it is not released until the last instance of it ends. Needs TTL.
	// Default 0: not at all.
	StaleFor time.Duration
	// ErrorTTL is how long the error of a failed open is returned instead of
	// another open, so that a service that is down is not asked again for every
	// call. Panics, cycles and opens that all callers have left are not
	// remembered. Delete and Clear drop the remembered error. Default 0: not at
	// all.
	ErrorTTL time.Duration

	// MaxEntries bounds how many instances are kept; with Scope [Session], for
	// each visitor. When one more has been opened, an instance without leases is
	// evicted: the least recently used one if MaxEntries or IdleTTL is set, else
	// the one opened first. If all are leased, one of them is evicted and is
	// released when its leases end. Pinned instances stay. An eviction scans all
	// instances. Default 0: 10,000.
	MaxEntries int

	// OpenTimeout is how long an open may take. Then its context ends, and the
	// callers who wait get [ErrOpenTimeout]. If the open ignores its context,
	// every call for its key fails with the same error until it returns, because
	// a key is never opened twice at a time; the value that it returns then is
	// released. Default 0: as long as a caller waits.
	OpenTimeout time.Duration
	// LeakAge is how long a lease may be held, by Acquire or Do, before it is
	// reported once, with the place of the call. If the garbage collector finds a
	// Lease that was never released, it is reported and released; so keep the
	// Lease as long as you use its value. LeakAge makes each use some
	// microseconds slower. Default 0: leases are not watched.
	LeakAge time.Duration

	// Scope says who shares an instance. With [Session], each visitor has
	// instances of their own, which leave the cache when the session ends and are
	// released when their leases end. A call without a session fails with
	// [ErrNoSession], and Pin always fails. If the program has declared its
	// visitors (middleware.Visitor), the instances belong to the visitor, and to
	// the session too if there is one. Default: [Global].
	Scope Scope
	// Group is the group that the resource belongs to. Default nil: [Default].
	Group *Group
	// Observer receives the events of this resource: opens, failed checks,
	// releases, leaks. The observers of the group receive them too. Default nil:
	// none.
	Observer observe.Observer
	// OnClear runs after each clear of this resource or of its group, outside
	// locks. Default nil: nothing.
	OnClear func(ctx context.Context, what observe.CacheClear)

	// Check says when Funcs.Check runs.
	Check CheckConfig
	// Close bounds how long releases and a Close may take.
	Close CloseConfig
	// Session bounds a resource whose Scope is [Session].
	Session SessionConfig
	// Keys says how keys are compared. Default: as data.
	Keys KeyConfig
	// Trusted lists types of other modules whose private fields are plain data;
	// see cachedata.Config. Default nil: none.
	Trusted []reflect.Type
}

// CheckConfig says when an instance is checked. By default an instance is checked
// if its last check is older than 30 seconds: before a use or, if nobody uses it,
// in the background. Set EachUse if no use may get a broken instance. Needs
// Funcs.Check.
type CheckConfig struct {
	// Every is how old a passed check may be. Default 0: 30 seconds.
	Every time.Duration
	// EachUse checks before each use, except that of the caller who opened the
	// instance, and never in the background. Not together with Every. Default
	// false.
	EachUse bool
	// Timeout is how long a check may take; one that takes longer has failed.
	// Default 0: 5 seconds.
	Timeout time.Duration
}

// CloseConfig bounds how long the release of an instance may take, and how long a
// Close waits for leases.
type CloseConfig struct {
	// ReleaseTimeout is how long a release may take. Then its context ends, it is
	// reported as stuck, and a Close goes on with the next instance. Needs
	// Funcs.Release. Default 0: 30 seconds.
	ReleaseTimeout time.Duration
	// DrainTimeout is how long a Close waits for opens and leases of this
	// resource, if its context allows that long. Default 0: as long as the context.
	DrainTimeout time.Duration
}

// SessionConfig bounds a resource whose Scope is [Session]. Setting a field with
// another scope is an error.
type SessionConfig struct {
	// MaxSessions bounds how many sessions or visitors have instances; the least
	// recently used ones make room. Default 0: 10,000.
	MaxSessions int
}

// KeyConfig says how keys are compared. By default keys are equal if they are
// equal as data; see package cachedata.
type KeyConfig struct {
	// MaxBytes bounds the bytes that identify a key; a longer one is a
	// [*observe.KeyError]. At most 1 GiB. Default 0: 1 MiB.
	MaxBytes int
	// HashFuncs replaces values of a type by the result of a function when keys
	// are compared, at any depth; see cachedata.KeyConfig. Default nil: none.
	HashFuncs map[reflect.Type]func(any) (any, error)
}

// Funcs are the functions of a resource that know the types of its keys and
// values. Give one to [New] after the Config. Both are optional.
type Funcs[K, V any] struct {
	// Release closes an instance. It runs once, when the instance has been
	// removed from the cache and its last lease has ended. Its context ends after
	// Close.ReleaseTimeout; a release that has not returned by then is reported,
	// but cannot be stopped. An error or a panic is reported by an event. If open
	// has returned the same pointer, map or channel more than once, Release runs
	// when the last of these instances ends. Default nil: there is nothing to
	// release.
	Release func(ctx context.Context, key K, v V) error
	// Check reports whether an instance still works; see [CheckConfig]. It runs
	// once at a time per instance, while callers wait for its result, and never
	// right after an open. An error or a panic removes the instance from the
	// cache. Default nil: instances are not checked.
	Check func(ctx context.Context, key K, v V) error
}

// settings are the flat form of a [Config] that the core reads.
type settings struct {
	TTL, StaleFor, IdleTTL                                time.Duration
	OpenTimeout, CheckEvery, CheckTimeout, ReleaseTimeout time.Duration
	ErrorTTL, DrainTimeout, LeakAge                       time.Duration
	MaxEntries, MaxSessions                               int
	Scope                                                 Scope
	Group                                                 *Group
	OnClear                                               func(ctx context.Context, what observe.CacheClear)
	Observer                                              observe.Observer
	HashFuncs                                             map[reflect.Type]func(any) (any, error)
	MaxKeyBytes                                           int
	Trusted                                               []reflect.Type
	both                                                  bool  // Check.Every and Check.EachUse are set
	wrong                                                 error // further errors
}

func (cfg *Config) settings() settings {
	s := settings{
		TTL: cfg.TTL, StaleFor: cfg.StaleFor, IdleTTL: cfg.IdleTTL, ErrorTTL: cfg.ErrorTTL,
		OpenTimeout: cfg.OpenTimeout, CheckEvery: cfg.Check.Every, CheckTimeout: cfg.Check.Timeout,
		ReleaseTimeout: cfg.Close.ReleaseTimeout, DrainTimeout: cfg.Close.DrainTimeout, LeakAge: cfg.LeakAge,
		MaxEntries: cfg.MaxEntries, MaxSessions: cfg.Session.MaxSessions,
		Scope: cfg.Scope, Group: cfg.Group, OnClear: cfg.OnClear, Observer: cfg.Observer,
		HashFuncs: cfg.Keys.HashFuncs, MaxKeyBytes: cfg.Keys.MaxBytes, Trusted: cfg.Trusted,
	}
	switch {
	case s.CheckEvery < 0:
		s.CheckEvery = min(s.CheckEvery, eachUse-1) // a negative Every stays an error, and never means eachUse
	case cfg.Check.EachUse:
		s.both = s.CheckEvery > 0
		s.CheckEvery = eachUse
	}
	return s
}

// validate reports everything that is wrong with the configuration.
func (cfg *settings) validate(fns functions) error {
	errs := []error{cfg.wrong}
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	for _, d := range []struct {
		name  string
		value time.Duration
		zero  string
	}{
		{"TTL", cfg.TTL, "to keep instances for ever"},
		{"Close.ReleaseTimeout", cfg.ReleaseTimeout, "for " + defaultReleaseTimeout.String()},
		{"Check.Timeout", cfg.CheckTimeout, "for " + defaultCheckTimeout.String()},
		{"OpenTimeout", cfg.OpenTimeout, "for no timeout"},
		{"ErrorTTL", cfg.ErrorTTL, "to open again at once"},
		{"StaleFor", cfg.StaleFor, "to serve no stale instance"},
		{"IdleTTL", cfg.IdleTTL, "to keep what is idle"},
		{"Close.DrainTimeout", cfg.DrainTimeout, "to wait as long as the context"},
		{"LeakAge", cfg.LeakAge, "to watch no leases"},
	} {
		if d.value < 0 {
			bad("%s is %v: use 0 %s", d.name, d.value, d.zero)
		}
	}
	if cfg.MaxEntries < 0 {
		bad("MaxEntries is %d: use 0 for %d", cfg.MaxEntries, defaultMaxEntries)
	}
	if cfg.CheckEvery < eachUse {
		bad("Check.Every is negative: use 0 for %v, or EachUse", defaultCheckEvery)
	}
	if cfg.both {
		bad("Check.Every and Check.EachUse exclude each other: set one")
	}
	if fns.check == nil && (cfg.CheckEvery != 0 || cfg.CheckTimeout != 0) {
		bad("Check has no effect without Funcs.Check: set that, or leave it out")
	}
	if fns.release == nil && cfg.ReleaseTimeout != 0 {
		bad("Close.ReleaseTimeout has no effect without Funcs.Release: set that, or leave it out")
	}
	if cfg.StaleFor > 0 && cfg.TTL == 0 {
		bad("StaleFor is %v without TTL, so that nothing is ever stale: set TTL, or leave it out", cfg.StaleFor)
	}
	switch {
	case cfg.Scope > Session:
		bad("Scope is %d: use Global or Session", cfg.Scope)
	case cfg.MaxSessions < 0:
		bad("Session.MaxSessions is %d: use 0 for %d", cfg.MaxSessions, defaultMaxSessions)
	case cfg.MaxSessions > 0 && cfg.Scope == Global:
		bad("Session.MaxSessions is %d, but the scope is global: set Scope to Session, or leave it out", cfg.MaxSessions)
	}
	return errors.Join(append(errs, cfg.identifies().Validate())...)
}

// identifies returns the settings by which keys are compared.
func (cfg *settings) identifies() keys.Config {
	return keys.Config{HashFuncs: cfg.HashFuncs, Trusted: cfg.Trusted, MaxBytes: cfg.MaxKeyBytes}
}
