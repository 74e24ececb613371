// Package persist keeps the results of caches in a store beside the memory, so that
// they survive a restart or are shared by several processes. It is Streamlit's
// persist="disk", with any store.Store that has compare-and-swap (store.Swapper):
// boltstore for a disk, redisstore for several processes.
//
//	users, err := cachedata.New("users", loadUser, cachedata.Config{
//		TTL:   time.Hour,
//		Store: persist.In(disk, persist.Config{}),
//	})
//
// A call looks into the memory first, then into the store, then it loads.
//
// # What is believed
//
// A result from the store is used only if its checksum, codec, types and key are
// right, and if it has not been cleared since it was stored. Anything else is a
// miss and an event (observe.StoreFailure), never an error and never a wrong
// result.
//
// # Clears
//
// Clears, deletes and puts are in the store when they return, and hold for whatever
// was loaded before, by any process. If the store is away they are done later, by
// this process and before it reads anything from there; if the process ends before
// that, they are lost, and TTLs bound what is served. ClearFunc clears the whole cache
// in the store, since keys are not decoded there.
//
// # Several processes
//
// With a store that can be watched (store.Watcher), such as redisstore, what one
// process clears, deletes, puts or loads anew also leaves the memory of the
// others: once they have been told, which takes a fraction of a millisecond, they
// serve nothing that was loaded before. While a process is cut off from the
// store, its TTLs bound what it serves. It notices that within two seconds, and
// drops what it has in memory then, and again when it is connected: it reads what
// it needs from the store, or loads it while the store is away. Hooks of clears
// run only in the process that clears.
//
// Each process loads for itself what is not in the store, unless
// [Config.SingleFlight] is set. Every process needs a store of its own: two
// caches of the same name on one Store are not told of each other's changes.
//
// # Times
//
// TTLs go on while no process runs. A clock that was set back makes results older,
// never younger. Processes that share a store need clocks that agree to within what
// TTLs may be off. IdleTTL is about the memory. Results are kept for as long as Stale
// may serve them, so a restart does not end that: within Stale.For they are served and
// loaded anew, and within Stale.OnError they stand in for a load that returns an error.
// Errors are not kept.
//
// # A store that is slow or away
//
// costs a call [Config.Budget] at most. One that fails three times in a row is left
// alone for a while, which is one event; memory and loads go on.
package persist

import (
	"errors"
	"fmt"
	"time"

	"github.com/reecho-go/reecho/cachedata"
	"github.com/reecho-go/reecho/internal/level"
	"github.com/reecho-go/reecho/internal/linewise"
	"github.com/reecho-go/reecho/internal/tier"
	"github.com/reecho-go/reecho/store"
)

// Codec turns results into bytes and back. The codecs of sessionstate, such as
// cborcodec, are Codecs too. Marshal is given a result, and must refuse one of which
// it would lose a part. Unmarshal is given a pointer to what Marshal was given. Both
// are called from several goroutines at once, and must not keep what they are given.
type Codec interface {
	Marshal(v any) ([]byte, error)
	Unmarshal(data []byte, v any) error
}

// Config says how results are kept. The zero value is useful.
type Config struct {
	// Codec turns results into bytes. [cachedata.New] refuses types of which it
	// does not bring back a sample as it was. Default nil: JSON, which refuses what
	// it would lose.
	Codec Codec
	// Budget is how much longer a call may take because of the store: for reading,
	// and for writing what was loaded. What takes longer is a miss, or is not
	// written. Default 0: 250 ms. Negative is an error.
	Budget time.Duration
	// WriteBehind answers calls before what they loaded is in the store. A process
	// that is killed loses what it has not written. Default false: it is written
	// first.
	WriteBehind bool
	// SingleFlight has one process load a key at a time, for all that share the store;
	// the others wait for its result. If its load fails, or it ends, the next one
	// loads: at once, or within 6 seconds if it was killed. Nobody waits longer than a
	// minute, or while the store is away. A clear during a load lets others load at
	// once. It costs four more exchanges with the store for each load. Refresh does
	// not wait. Not for a Batch, nor with WriteBehind. Default false: each process
	// loads once.
	SingleFlight bool
	// Version is part of what identifies the results, beside the types of keys and
	// results: change it when results mean something else than before although their
	// types are the same. Default "".
	Version string
}

const defaultBudget = 250 * time.Millisecond

// In keeps the results of a cache in s too; it is for cachedata's Config.Store. What
// is wrong with its arguments is an error of [cachedata.New]. Caches can share a
// store: their results are apart by the names of group and cache. The store stays
// the caller's to close, after the caches.
func In(s store.Store, cfg Config) cachedata.Storage {
	return func(c level.Cache) (level.Level, error) {
		var errs []error
		if s == nil {
			errs = append(errs, errors.New("persist.In: the store is nil: leave Store out, or give one"))
		}
		if cfg.Budget < 0 {
			errs = append(errs, fmt.Errorf("persist.In: Config.Budget is %v: use 0 for %v", cfg.Budget, defaultBudget))
		}
		if err := errors.Join(errs...); err != nil {
			return nil, err
		}
		own := tier.Config{Cache: c, Store: s, Codec: cfg.Codec, Version: cfg.Version, Budget: cfg.Budget, Behind: cfg.WriteBehind, Single: cfg.SingleFlight}
		if own.Budget == 0 {
			own.Budget = defaultBudget
		}
		switch {
		case own.Codec == nil && c.Codec != nil:
			own.Codec = c.Codec
		case own.Codec == nil:
			own.Codec = tier.JSON{}
		case c.Codec != nil:
			return nil, fmt.Errorf("persist.In: Config.Codec is %T, and the cache %q has a codec of its own: leave it out", own.Codec, c.Name)
		}
		t, err := tier.New(own)
		if err != nil {
			return nil, linewise.Prefix("persist.In: ", err)
		}
		return t, nil
	}
}
