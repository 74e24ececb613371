package cachedata

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"sync"
	"unsafe"

	"github.com/reecho-go/reecho/internal/raw"
)

// Batch is a [Cache] whose results are loaded several at a time. Make it with
// [NewBatch]. The methods of Cache work too: they load one key at a time, and
// share results and loads with [Batch.GetMany]. It is safe for concurrent use.
type Batch[K comparable, V any] struct {
	*Cache[K, V]
	dynamic bool // K contains interfaces, so a key may hold a type that cannot be a map key
}

// NewBatch is [New] for a function that loads several results at once, such as a
// query with IN (...). load gets a slice of one or more different keys, which it
// may change and keep. It must be safe for concurrent use.
//
// Each key succeeds or fails by itself. A key in the map has succeeded, even if
// load also returns an error. A key that is not in the map has failed with that
// error, or with [ErrNotFound] if load returned no error. Keys that were not
// asked for are ignored. The keys of the map are compared as data, so pointers in
// them may differ from those that load got. A key that cannot be the key of a Go
// map, such as a slice behind an interface, is a [*KeyError].
func NewBatch[K comparable, V any](name string, load func(ctx context.Context, keys []K) (map[K]V, error), cfg Config, funcs ...Funcs[K, V]) (*Batch[K, V], error) {
	b := &Batch[K, V]{new(Cache[K, V]), raw.Holds(reflect.TypeFor[K](), reflect.Interface)}
	of := newBuilding(&cfg)
	of.batch = true
	b.functions(of, funcs)
	if load != nil {
		of.fns.load = func(ctx context.Context, key unsafe.Pointer) (unsafe.Pointer, error) {
			if err := b.mappable((*K)(key)); err != nil {
				return nil, err
			}
			m, err := load(ctx, []K{*(*K)(key)})
			return b.core.answer(b.answers(m), key, err)
		}
		of.fns.many = func(ctx context.Context, keys []unsafe.Pointer) (answers, error) {
			own := make([]K, len(keys)) // the loader may sort them
			for i, key := range keys {
				own[i] = *(*K)(key)
			}
			m, err := load(ctx, own)
			return b.answers(m), err
		}
	}
	if err := of.finish(b.Cache, name, reflect.TypeFor[K](), reflect.TypeFor[V]()); err != nil {
		return nil, err
	}
	return b, nil
}

// GetMany returns copies of the results of keys, by key. It loads the keys that
// are not in memory in one load, or in several at the same time if they are more
// than Config.MaxBatch. For keys that another call is loading already, it waits.
// Duplicate keys count once.
//
// A key without a result ([ErrNotFound]) is left out of the map and is no error.
// If other keys fail, the error is a [*BatchError] that names them with their
// errors, which are those of [Cache.Get], and the map has the results of the
// remaining keys. When ctx ends, GetMany returns with the results that it has by
// then. If this call started a load that panics, GetMany panics too. If one of
// the keys cannot be the key of a Go map, GetMany returns no results and a
// [*KeyError].
//
// The results are not a snapshot. As with a separate call of Get for each key, a
// change of two keys may be visible in one result and not in the other.
func (b *Batch[K, V]) GetMany(ctx context.Context, keys []K) (map[K]V, error) {
	if ctx == nil {
		return nil, b.core.noContext()
	}
	for i := range keys {
		if err := b.mappable(&keys[i]); err != nil {
			return nil, err
		}
	}
	results := make(map[K]V, len(keys))
	failed := &BatchError[K]{Cache: b.core.name}
	deliver := func(key *K, e *entry, err error) {
		if err == nil {
			var v V
			if v, err = b.value(e); err == nil {
				results[*key] = v
				return
			}
		}
		if !b.core.missing(err) { // "not found" is no failure, also if it was remembered
			failed.add(*key, err)
		}
	}
	var missing []K
	var others map[K]bool // keys that are not among the results
	for _, key := range keys {
		if _, ok := results[key]; ok || others[key] {
			continue
		}
		e, err := b.core.hit(ctx, at(&key))
		if e == nil && err == nil {
			missing = append(missing, key)
		} else {
			deliver(&key, e, err)
		}
		if _, ok := results[key]; !ok {
			if others == nil {
				others = make(map[K]bool)
			}
			others[key] = true
		}
	}
	failed.Asked = len(results) + len(others)
	if len(missing) > 0 {
		asked := make([]unsafe.Pointer, len(missing))
		for i := range missing {
			asked[i] = unsafe.Pointer(&missing[i])
		}
		b.core.loadMany(ctx, asked, func(key unsafe.Pointer, e *entry, err error) { deliver((*K)(key), e, err) })
	}
	return results, failed.orNil()
}

// mappable returns an error if *key cannot be a map key: loaders return their
// results in maps. A Cache accepts such a key.
func (b *Batch[K, V]) mappable(key *K) error {
	if !b.dynamic {
		return nil
	}
	v := reflect.ValueOf(key).Elem()
	if v.Comparable() {
		return nil
	}
	return &KeyError{Owner: "cachedata: " + b.core.name, Path: v.Type().String(), Type: v.Type(), Err: errNotMappable}
}

var errNotMappable = errors.New("a batch returns its results in a map, and a value behind an interface of this key cannot be a key of maps: use comparable types, or a Cache instead of a Batch")

// answers gives the core access to the results in m, a map that a loader
// returned. It finds a key by its identity if the map has an equal key only.
func (b *Batch[K, V]) answers(m map[K]V) answers {
	index := sync.OnceValue(func() map[string]K { return byID(b.core, m) })
	return func(key unsafe.Pointer) unsafe.Pointer {
		v, ok := m[*(*K)(key)]
		if !ok && len(m) > 0 {
			if id, err := b.core.keys.ID(key); err == nil {
				var as K
				if as, ok = index()[id]; ok {
					v = m[as]
				}
			}
		}
		if !ok {
			return nil
		}
		return unsafe.Pointer(&v)
	}
}

// byID returns the keys of m by their identities. Keys without an identity are
// left out.
func byID[K comparable, V any](c *core, m map[K]V) map[string]K {
	out := make(map[string]K, len(m))
	for k := range m {
		if id, err := c.keys.ID(unsafe.Pointer(&k)); err == nil {
			out[id] = k
		}
	}
	return out
}

// BatchError lists the keys of a call of [Batch.GetMany] that have failed, with
// their errors. It wraps their errors, so that errors.Is, errors.As and the
// status over HTTP find them. Its message contains no keys, because keys may be
// private.
type BatchError[K comparable] struct {
	Cache  string      // the cache's name
	Asked  int         // how many keys were asked for
	Failed map[K]error // the keys that have failed

	errs []error // those of Failed, in the order of the call
}

// Error counts the keys and gives the first error.
func (e *BatchError[K]) Error() string {
	return fmt.Sprintf("cachedata: %s: %d of %d keys failed, the first with: %v", e.Cache, len(e.Failed), e.Asked, e.errs[0])
}

// Unwrap returns the errors of the keys, in the order of the call.
func (e *BatchError[K]) Unwrap() []error { return e.errs }

func (e *BatchError[K]) add(key K, err error) {
	if e.Failed == nil {
		e.Failed = make(map[K]error)
	}
	e.Failed[key] = err
	e.errs = append(e.errs, err)
}

// orNil returns e if a key has failed.
func (e *BatchError[K]) orNil() error {
	if len(e.errs) == 0 {
		return nil
	}
	return e
}
