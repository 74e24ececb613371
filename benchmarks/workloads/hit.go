package workloads

import (
	"context"
	"errors"
	"fmt"
	"reflect"

	"github.com/reecho-go/reecho/benchmarks/bench"
	"github.com/reecho-go/reecho/benchmarks/peers"
	"github.com/reecho-go/reecho/cachedata"
)

// Hit is a memoized call whose result is there: three shapes of keys, three of
// values, on one processor and on all. Peers that hand out what they hold are
// measured as they are and, where that is not safe, with the copy that makes
// it so.
func Hit(parallel bool) []bench.Workload {
	number := func(i int) int { return i }
	all := []bench.Workload{
		hitComparable("int key, int value", intKeys(), number, nil),
		hitComparable("string key, int value", stringKeys(), number, nil),
		hitText("struct key with slice, int value", queryKeys(), number, nil),
		hitComparable("int key, 5 strings", intKeys(), makeProfile, nil),
		hitComparable("string key, 5 strings", stringKeys(), makeProfile, nil),
		hitText("struct key with slice, 5 strings", queryKeys(), makeProfile, nil),
		hitComparable("int key, 100 rows", intKeys(), makeRows, cloneRows),
		hitComparable("string key, 100 rows", stringKeys(), makeRows, cloneRows),
		hitText("struct key with slice, 100 rows", queryKeys(), makeRows, cloneRows),
	}
	if parallel {
		for i := range all {
			all[i].Parallel = true
			all[i].Name += ", all CPUs"
		}
	}
	return all
}

// hitComparable compares with peers that take the key as it is. A nil clone
// says that values need none.
func hitComparable[K comparable, V any](name string, keys []K, value func(int) V, clone func(V) V) bench.Workload {
	return hit(name, keys, value, clone, func(k K) K { return k })
}

// hitText compares with peers that need the key as a text.
func hitText[V any](name string, keys []query, value func(int) V, clone func(V) V) bench.Workload {
	return hit(name, keys, value, clone, query.text)
}

func hit[K any, C comparable, V any](name string, keys []K, value func(int) V, clone func(V) V, key func(K) C) bench.Workload {
	w := bench.Workload{Group: "hit", Name: name, Reference: "otter"}
	if clone != nil {
		w.Reference = "otter + copy"
	}
	w.Prepare = func() ([]bench.Row, error) {
		entries := make(map[C]V, len(keys))
		for i, k := range keys {
			entries[key(k)] = value(i)
		}
		otter, err1 := peers.Otter(entries)
		otterTTL, stop, err2 := peers.OtterTTL(entries)
		recipe, err3 := peers.Recipe(keys, value)
		ours, end, err4 := cached(keys, value, cachedata.Config[K, V]{})
		if err := errors.Join(err1, err2, err3, err4); err != nil {
			return nil, err
		}
		lru, purge := peers.GolangLRU(entries)
		row := func(peer string, get peers.Lookup[K, V]) bench.Row { return hitRow(peer, keys, value, get) }
		rows := []bench.Row{row(Ours, ours)}
		rows[0].Close = end
		for _, p := range []struct {
			name  string
			get   peers.Lookup[C, V]
			close func()
		}{
			{"map + RWMutex", peers.BareMap(entries), nil},
			{"otter", otter, nil},
			{"otter with TTL", otterTTL, stop},
			{"ttlcache", peers.TTLCache(entries), nil},
			{"golang-lru expirable", lru, purge},
		} {
			get := peers.Via(p.get, key)
			bare := row(p.name, get)
			bare.Close = p.close
			if clone != nil {
				bare.Flaw = "shares one value among all callers"
				rows = append(rows, row(p.name+" + copy", peers.Copying(get, clone)))
			}
			rows = append(rows, bare)
		}
		plain := row("otter + hashstructure + copier", recipe)
		plain.Note = "different keys with one hash share an entry"
		if clone != nil {
			plain.Flaw = nilBecomesEmpty
		}
		return append(rows, plain), nil
	}
	return w
}

// hitRow is a row that looks one key up after the other. Its answers are right
// if each is the value of its key and no two share memory.
func hitRow[K, V any](peer string, keys []K, value func(int) V, get peers.Lookup[K, V]) bench.Row {
	return bench.Row{
		Peer: peer,
		Op: func(i int) error {
			_, err := get(keys[i&(keyCount-1)])
			return err
		},
		Check: func() error {
			for i := 0; i < len(keys); i += 37 { // enough to see a mix-up
				k := keys[i]
				first, err1 := get(k)
				second, err2 := get(k)
				if err := errors.Join(err1, err2); err != nil {
					return err
				}
				if want := value(i); !reflect.DeepEqual(first, want) {
					return fmt.Errorf("key %v: %w", k, errChanged)
				}
				if err := checkCopy(second, first); err != nil {
					return fmt.Errorf("key %v: %w", k, err)
				}
			}
			return nil
		},
	}
}

// cached is a warm cache of ours; end closes it.
func cached[K, V any](keys []K, value func(int) V, cfg cachedata.Config[K, V]) (get peers.Lookup[K, V], end func(), err error) {
	ctx := context.Background()
	if cfg.Group, err = cachedata.NewGroup("hits", cachedata.GroupConfig{}); err != nil {
		return nil, nil, err
	}
	at := 0
	c, err := cachedata.New("hit", func(context.Context, K) (V, error) {
		at++
		return value(at - 1), nil
	}, cfg)
	if err != nil {
		return nil, nil, err
	}
	for _, k := range keys {
		if _, err := c.Get(ctx, k); err != nil {
			return nil, nil, err
		}
	}
	// Nothing is in flight, so closing waits for nothing.
	return func(k K) (V, error) { return c.Get(ctx, k) }, func() { _ = cfg.Group.Close(ctx) }, nil
}
