package workloads

import (
	"context"
	"errors"
	"fmt"

	"github.com/reecho-go/reecho/benchmarks/bench"
	"github.com/reecho-go/reecho/benchmarks/peers"
	"github.com/reecho-go/reecho/cachedata"
)

// Ours is the name of the toolkit's rows.
const Ours = "reecho"

// Hit is a memoized call whose result is there: three shapes of keys, three of
// values, on one processor and on all. Peers that hand out what they hold are
// measured as they are and, where that is not safe, with the copy that makes
// it so.
func Hit(parallel bool) ([]bench.Workload, error) {
	var out []bench.Workload
	var errs []error
	add := func(w bench.Workload, err error) {
		w.Parallel = parallel
		if parallel {
			w.Name += ", all CPUs"
		}
		out, errs = append(out, w), append(errs, err)
	}
	number := func(i int) int { return i }
	add(hitComparable("int key, int value", intKeys(), number, nil))
	add(hitComparable("string key, int value", stringKeys(), number, nil))
	add(hitText("struct key with slice, int value", queryKeys(), number, nil))
	add(hitComparable("int key, 5 strings", intKeys(), makeProfile, nil))
	add(hitComparable("string key, 5 strings", stringKeys(), makeProfile, nil))
	add(hitText("struct key with slice, 5 strings", queryKeys(), makeProfile, nil))
	add(hitComparable("int key, 100 rows", intKeys(), makeRows, cloneRows))
	add(hitComparable("string key, 100 rows", stringKeys(), makeRows, cloneRows))
	add(hitText("struct key with slice, 100 rows", queryKeys(), makeRows, cloneRows))
	return out, errors.Join(errs...)
}

// hitComparable compares with peers that take the key as it is. A nil clone
// says that values need none.
func hitComparable[K comparable, V any](name string, keys []K, value func(int) V, clone func(V) V) (bench.Workload, error) {
	return hit(name, keys, value, clone, func(k K) K { return k })
}

// hitText compares with peers that need the key as a text.
func hitText[V any](name string, keys []query, value func(int) V, clone func(V) V) (bench.Workload, error) {
	return hit(name, keys, value, clone, query.text)
}

func hit[K any, C comparable, V any](name string, keys []K, value func(int) V, clone func(V) V, key func(K) C) (bench.Workload, error) {
	w := bench.Workload{Group: "hit", Name: name, Reference: "otter"}
	if clone != nil {
		w.Reference = "otter + copy"
	}
	entries := make(map[C]V, len(keys))
	for i, k := range keys {
		entries[key(k)] = value(i)
	}
	otter, err1 := peers.Otter(entries)
	otterTTL, err2 := peers.OtterTTL(entries)
	recipe, err3 := peers.Recipe(keys, value)
	ours, err4 := cached(name, keys, value, cachedata.Config[K, V]{})
	if err := errors.Join(err1, err2, err3, err4); err != nil {
		return w, fmt.Errorf("%s: %w", name, err)
	}
	row := func(peer string, get peers.Lookup[K, V], note string) {
		w.Rows = append(w.Rows, bench.Row{Peer: peer, Note: note, Op: func(i int) error {
			_, err := get(keys[i&(keyCount-1)])
			return err
		}})
	}
	row(Ours, ours, "")
	for _, p := range []struct {
		name string
		get  peers.Lookup[C, V]
	}{
		{"map + RWMutex", peers.BareMap(entries)},
		{"otter", otter},
		{"otter with TTL", otterTTL},
		{"ttlcache", peers.TTLCache(entries)},
		{"golang-lru expirable", peers.GolangLRU(entries)},
	} {
		get := peers.Via(p.get, key)
		if clone == nil {
			row(p.name, get, "")
			continue
		}
		row(p.name+" + copy", peers.Copying(get, clone), "")
		row(p.name, get, "shares one value among all callers")
	}
	row("otter + hashstructure + copier", recipe, "different keys with one hash share an entry")
	return w, nil
}

// cached is a warm cache of ours.
func cached[K, V any](name string, keys []K, value func(int) V, cfg cachedata.Config[K, V]) (peers.Lookup[K, V], error) {
	ctx := context.Background()
	var err error
	if cfg.Group, err = cachedata.NewGroup(name, cachedata.GroupConfig{}); err != nil {
		return nil, err
	}
	at := 0
	c, err := cachedata.New("hit", func(context.Context, K) (V, error) {
		at++
		return value(at - 1), nil
	}, cfg)
	if err != nil {
		return nil, err
	}
	for _, k := range keys {
		if _, err := c.Get(ctx, k); err != nil {
			return nil, err
		}
	}
	return func(k K) (V, error) { return c.Get(ctx, k) }, nil
}
