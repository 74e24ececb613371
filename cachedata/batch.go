package cachedata

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"sync"
	"unsafe"

	"github.com/reecho-go/reecho/internal/canon"
	"github.com/reecho-go/reecho/internal/flight"
)

// Batch is a [Cache] whose results are loaded several at a time. Make it with
// [NewBatch]. All methods of Cache work, with one key in a load, and share
// results and loads with [Batch.GetMany]. It is safe for concurrent use.
type Batch[K comparable, V any] struct {
	*Cache[K, V]
	load    batchLoader[K, V]
	max     int
	dynamic bool // a K may be of a type that no map takes, behind an interface
}

type batchLoader[K comparable, V any] func(ctx context.Context, keys []K) (map[K]V, error)

// NewBatch is [New] for a function that loads several results at once, such as
// a query with IN (...). load gets at least one key, none twice, in a slice
// that is its own. It must be safe for concurrent use.
//
// What load returns counts for each key by itself. A key in the map has its
// result, also beside an error. A key that is missing has failed with the
// error; without an error there is nothing for it, which is [ErrNotFound].
// Keys that were not asked for are ignored. The keys of the map are matched by
// what they are as data, so they need not be the very pointers that were asked
// for. A key that no map takes, such as a slice behind an interface, is a
// [*KeyError].
func NewBatch[K comparable, V any](name string, load func(ctx context.Context, keys []K) (map[K]V, error), cfg Config[K, V]) (*Batch[K, V], error) {
	b := &Batch[K, V]{load: load, max: cfg.MaxBatch, dynamic: hasInterface(reflect.TypeFor[K]())}
	single := func(ctx context.Context, key K) (none V, _ error) {
		if err := b.mappable(&key); err != nil {
			return none, err
		}
		m, err := load(ctx, []K{key})
		return b.answers(m, err)(key)
	}
	if load == nil {
		single = nil
	}
	var err error
	if b.Cache, err = newCache(name, single, cfg, nil); err != nil {
		return nil, fmt.Errorf("cachedata: NewBatch(%q): %w", name, err)
	}
	b.batch = true
	return b, nil
}

// GetMany returns copies of the results of keys, by key. What is not in memory
// is loaded in one load, or in several at once if Config.MaxBatch says so; keys
// that are being loaded already, by whatever call, are waited for instead. A
// key that stands twice counts once.
//
// A key that there is nothing for is not in the map, and is no error. If other
// keys fail, the error is a [*BatchError] that says which and why, and the map
// has the results of the rest; its errors are those of [Cache.Get]. When ctx
// ends, so does GetMany, with what is there by then. If this call started a
// load that panics, GetMany panics too. If no map can have one of the keys, there
// are no results, and the error is a [*KeyError].
//
// The results are those of separate calls of Get at the same time, no snapshot:
// a change of two keys may be seen in one and not in the other.
func (b *Batch[K, V]) GetMany(ctx context.Context, keys []K) (map[K]V, error) {
	for i := range keys {
		if err := b.mappable(&keys[i]); err != nil {
			return nil, err
		}
	}
	results := make(map[K]V, len(keys))
	failed := &BatchError[K]{Cache: b.name}
	var missing []K
	var others map[K]bool // keys that are not among the results
	for _, key := range keys {
		if _, ok := results[key]; ok || others[key] {
			continue
		}
		v, ok, err := b.hit(ctx, &key)
		if ok && err == nil {
			results[key] = v
			continue
		}
		if others == nil {
			others = make(map[K]bool)
		}
		others[key] = true
		switch {
		case !ok && err == nil:
			missing = append(missing, key)
		case !b.missing(err): // nor a remembered error of that kind
			failed.add(key, err)
		}
	}
	failed.Asked = len(results) + len(others)
	if len(missing) > 0 {
		b.loadMany(ctx, missing, results, failed)
	}
	return results, failed.orNil()
}

// hasInterface reports whether a t holds an interface by value.
func hasInterface(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Interface:
		return true
	case reflect.Array:
		return hasInterface(t.Elem())
	case reflect.Struct:
		for i := range t.NumField() {
			if hasInterface(t.Field(i).Type) {
				return true
			}
		}
	}
	return false
}

// mappable returns an error if *key cannot be the key of a map, as those are
// that loaders return. It is data all the same, and a Cache takes it.
func (b *Batch[K, V]) mappable(key *K) error {
	if !b.dynamic {
		return nil
	}
	v := reflect.ValueOf(key).Elem()
	if v.Comparable() {
		return nil
	}
	return &KeyError{Owner: "cachedata: " + b.name, Path: v.Type().String(), Type: v.Type(), Err: errNotMappable}
}

var errNotMappable = errors.New("a batch returns its results in a map, and a value behind an interface of this key cannot be a key of maps: use comparable types, or a Cache instead of a Batch")

// hit returns a copy of *key's result if it is in memory, and counts.
func (b *Batch[K, V]) hit(ctx context.Context, key *K) (v V, ok bool, err error) {
	e, _, err := b.lookup(ctx, key)
	if err != nil {
		b.counters.misses.Add(1)
	}
	if e == nil {
		return v, false, err
	}
	v, err = b.value(e)
	return v, true, err
}

// loadMany adds what the calls of keys give to results or to failed.
func (b *Batch[K, V]) loadMany(ctx context.Context, keys []K, results map[K]V, failed *BatchError[K]) {
	settled := 0
	defer func() { b.counters.misses.Add(uint64(len(keys) - settled)) }() // a load panicked
	for i, r := range b.calls(ctx, keys) {
		key, err := keys[i], r.err
		settled++
		if r.source != Hit {
			b.counters.misses.Add(1)
		}
		if err == nil {
			b.served(ctx, key, r.entry, r.source)
			var own V
			if own, err = b.value(r.entry); err == nil {
				results[key] = own
				continue
			}
		}
		if !b.missing(err) {
			failed.add(key, b.loadError(err))
		}
	}
}

// outcome is what the call of one key gave.
type outcome[K, V any] struct {
	entry  *entry[K, V]
	source Source
	err    error
}

// calls returns what the calls of keys give.
func (b *Batch[K, V]) calls(ctx context.Context, keys []K) []outcome[K, V] {
	switch {
	case b.sessions != nil:
		at := func(key K) (*place[sessionKey, K, V], error) { return b.sessions.place(ctx, key) }
		return loadMany(ctx, b, b.sessions.table, at, keys)
	case b.shape == canon.Word:
		return loadMany(ctx, b, b.words, b.wordPlace, keys)
	}
	return loadMany(ctx, b, b.texts, b.textPlace, keys)
}

func loadMany[I, K comparable, V any](ctx context.Context, b *Batch[K, V], t *table[I, K, V], at func(K) (*place[I, K, V], error), keys []K) []outcome[K, V] {
	results := make([]outcome[K, V], len(keys))
	places := make([]*place[I, K, V], len(keys))
	index := make([]int, 0, len(keys)) // of those that have no result yet
	for i, key := range keys {
		if places[i], results[i].err = at(key); results[i].err == nil {
			index = append(index, i)
		}
	}
	for len(index) > 0 {
		index = joinMany(ctx, b, t, places, index, results)
	}
	return results
}

// joinMany sets the results of the calls of index, and returns those that are
// too old for this call.
func joinMany[I, K comparable, V any](ctx context.Context, b *Batch[K, V], t *table[I, K, V], places []*place[I, K, V], index []int, results []outcome[K, V]) (again []int) {
	in := t.era.Load()
	w := &batchWork[I, K, V]{batch: b}
	terms := flight.Terms{At: b.group.Gate().Mark(), Limit: b.cfg.HardTimeout, Quiet: true}
	if b.cfg.FailSafe > 0 {
		terms.Patience = b.cfg.SoftTimeout
	}
	ids := make([]I, len(index))
	for j, i := range index {
		w.loads = append(w.loads, places[i].newLoad(in, terms.At, toGet))
		ids[j] = places[i].id
	}
	var led []error
	for j, r := range in.flights.DoMany(ctx, ids, terms, b.max, w) {
		l, o := w.loads[j], &results[index[j]]
		if r.Err == flight.ErrImpatient {
			*o = w.left[j]
			continue
		}
		if o.entry, o.source = l.instead(ctx, r.Err); o.entry != nil {
			continue
		}
		if r.Role == flight.Joined && l.tooOld((*entry[K, V])(r.Value)) {
			again = append(again, index[j])
			continue
		}
		e := (*entry[K, V])(r.Value)
		*o = outcome[K, V]{e, l.sourceOf(r.Role, e), r.Err}
		if r.Role == flight.Led {
			led = append(led, r.Err)
		}
	}
	for _, err := range led {
		flight.Raise(err)
	}
	return again
}

// batchWork is the flight.Batch of a call of GetMany.
type batchWork[I, K comparable, V any] struct {
	batch *Batch[K, V]
	loads []*load[I, K, V]
	left  map[int]outcome[K, V] // what the caller takes instead of waiting on
}

// Leave implements flight.Batch.
func (w *batchWork[I, K, V]) Leave(i int) bool {
	e, source := w.loads[i].instead(context.Background(), flight.ErrImpatient)
	if e == nil {
		return false
	}
	if w.left == nil {
		w.left = make(map[int]outcome[K, V])
	}
	w.left[i] = outcome[K, V]{entry: e, source: source}
	return true
}

// Task implements flight.Batch.
func (w *batchWork[I, K, V]) Task(i int) flight.Task[unsafe.Pointer] { return w.loads[i] }

// Name implements flight.Batch.
func (w *batchWork[I, K, V]) Name(led []int) string {
	name := w.loads[led[0]].Name()
	if more := len(led) - 1; more > 0 {
		name = fmt.Sprintf("%s and %d more", name, more)
	}
	return name
}

// Load implements flight.Batch.
func (w *batchWork[I, K, V]) Load(ctx context.Context, led []int, settle func(int, unsafe.Pointer, error)) {
	keys := make([]K, 0, len(led))
	asked := make([]int, 0, len(led)) // of led
	said := make([]*load[I, K, V], 0, len(led))
	for n, i := range led {
		key, err := w.loads[i].begin()
		if err != nil {
			settle(n, nil, err)
			continue
		}
		keys, asked, said = append(keys, key), append(asked, n), append(said, w.loads[i])
	}
	if len(keys) == 0 {
		return
	}
	var m map[K]V
	err := w.batch.hidden(ctx, newBatchLoadings(said), func(ctx context.Context) (err error) {
		m, err = w.batch.load(ctx, slices.Clone(keys)) // it may sort them
		return err
	})
	if errors.Is(err, ErrVisitorInGlobalLoad) {
		m = nil // nothing of it is kept
	}
	answer := w.batch.answers(m, err)
	for j, n := range asked {
		v, err := answer(keys[j])
		e, err := w.loads[led[n]].loaded(ctx, v, err)
		settle(n, unsafe.Pointer(e), err)
	}
}

// answers returns what a load that returned m and err says of a key.
func (b *Batch[K, V]) answers(m map[K]V, err error) func(K) (V, error) {
	index := sync.OnceValue(func() map[string]V { return b.byID(m) })
	return func(key K) (V, error) {
		v, ok := m[key]
		if !ok && len(m) > 0 {
			if id, err := b.keys.ID(&key); err == nil {
				v, ok = index()[id]
			}
		}
		switch {
		case ok:
			return v, nil
		case err != nil:
			return v, err
		}
		return v, fmt.Errorf("%w: %s", ErrNotFound, b.name)
	}
}

// byID returns m by the identities of its keys, as far as they have one.
func (b *Batch[K, V]) byID(m map[K]V) map[string]V {
	out := make(map[string]V, len(m))
	for k, v := range m {
		if id, err := b.keys.ID(&k); err == nil {
			out[id] = v
		}
	}
	return out
}

// BatchError says which keys of a [Batch.GetMany] have failed, and why. It
// wraps their errors, so that errors.Is, errors.As and the status over HTTP
// find them. The message has no keys, since these may be private.
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
