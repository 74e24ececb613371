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
// # Which results are used
//
// A result from the store is used only if its checksum, codec, types and key are
// right, and if it has not been cleared since it was stored. Anything else is a
// miss and an event (observe.StoreFailure), never an error and never a wrong
// result.
//
// # Clears
//
// Clears, deletes and puts are in the store when they return, and apply to all results
// that were loaded before, by any process. If the store is down, this process carries
// them out later, before it reads anything from the store. If the process ends before
// that, they are lost, and old results are served until their TTLs end. ClearFunc clears
// the whole cache in the store, because keys are not decoded there.
//
// # Several processes
//
// With a store that can be watched (store.Watcher), such as redisstore, what one
// process clears, deletes, puts or loads again is also dropped from the memory of the
// others. They are told within a fraction of a millisecond, and then serve nothing
// that was loaded before. A process that has lost its connection to the store serves
// old results until it notices, within two seconds, or until their TTLs end. It drops
// its results in memory when it notices, and again when it is connected: it reads what
// it needs from the store, or loads it while the store is down. Hooks of clears run
// only in the process that clears.
//
// Each process loads for itself what is not in the store, unless
// [Config.SingleFlight] is set. Every process needs a store of its own: two
// caches of the same name on one Store are not told of each other's changes.
//
// # Times
//
// TTLs continue while no process runs. A clock that was set back makes results older,
// never younger. If the clocks of the processes that share a store differ, TTLs are wrong
// by the difference. IdleTTL applies to the memory only. Results are stored for as long
// as Stale may serve them, so Stale works after a restart too: within Stale.For they are
// served and loaded again, and within Stale.OnError they replace the error of a load.
// Errors are not stored.
//
// # A store that is slow or down
//
// A slow store delays a call by [Config.Budget] at most. A store that fails three times in a
// row is not called for a while, which is one event; the memory and loads work as before.
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

// Codec encodes and decodes results. The codecs of sessionstate, such as cborcodec, are
// Codecs too. Marshal gets a result, and must return an error if it cannot encode all of
// it. Unmarshal gets a pointer to a value of the same type. Both must be safe for
// concurrent use, and must not keep their arguments.
type Codec interface {
	Marshal(v any) ([]byte, error)
	Unmarshal(data []byte, v any) error
}

// Config says how results are stored. The zero value is useful.
type Config struct {
	// Codec encodes results. [cachedata.New] refuses a type if a sample of it is not
	// the same after Marshal and Unmarshal. Default nil: JSON, which refuses values
	// that it cannot encode completely.
	Codec Codec
	// Budget is how much longer a call may take because of the store: for reading,
	// and for writing what was loaded. A read that takes longer is a miss; a write
	// that takes longer is given up. Default 0: 250 ms. Negative is an error.
	Budget time.Duration
	// WriteBehind lets calls return before their results are in the store. If the
	// process is killed, results that were not written are lost. Default false: calls
	// write first.
	WriteBehind bool
	// SingleFlight has one process load a key at a time, for all that share the store;
	// the others wait for its result. If its load fails, or it ends, the next one
	// loads: at once, or within 6 seconds if it was killed. No process waits longer than a
	// minute, or while the store is down. A clear during a load lets others load at
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

// In keeps the results of a cache in s too; its result is for cachedata's Config.Store.
// [cachedata.New] returns the errors in its arguments. Caches can share a store, because
// the keys contain the names of group and cache. The caller closes the store, after the
// caches.
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
