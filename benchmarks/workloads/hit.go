package workloads

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"

	"github.com/reecho-go/reecho/benchmarks/bench"
	"github.com/reecho-go/reecho/benchmarks/peers"
	"github.com/reecho-go/reecho/benchmarks/workloads/answers"
	"github.com/reecho-go/reecho/cachedata"
)

// Hit is a memoized call whose result is there: three shapes of keys, three of
// values, on one processor and on all. Peers that hand out what they hold are
// measured as they are and, where that is not safe, with the copy that makes
// it so. Those that hold bytes decode a copy at each hit anyway.
func Hit(parallel bool) []bench.Workload {
	number := func(i int) int { return i }
	all := []bench.Workload{
		hitInt("int key, int value", number, nil),
		hitString("string key, int value", number, nil),
		hitQuery("struct key with slice, int value", number, nil),
		hitInt("int key, 5 strings", makeProfile, nil),
		hitString("string key, 5 strings", makeProfile, nil),
		hitQuery("struct key with slice, 5 strings", makeProfile, nil),
		hitInt("int key, 100 rows", makeRows, cloneRows),
		hitString("string key, 100 rows", makeRows, cloneRows),
		hitQuery("struct key with slice, 100 rows", makeRows, cloneRows),
	}
	if parallel {
		for i := range all {
			all[i].Parallel = true
			all[i].Name += ", all CPUs"
		}
	}
	return all
}

func hitInt[V any](name string, value func(int) V, clone func(V) V) bench.Workload {
	return hit(name, hits[int, V]{intKeys(), value, clone}, same[int], strconv.Itoa)
}

func hitString[V any](name string, value func(int) V, clone func(V) V) bench.Workload {
	return hit(name, hits[string, V]{stringKeys(), value, clone}, same[string], same[string])
}

// hitQuery compares with peers that need the key as a text.
func hitQuery[V any](name string, value func(int) V, clone func(V) V) bench.Workload {
	return hit(name, hits[query, V]{queryKeys(), value, clone}, query.text, query.text)
}

// hits are what is looked up.
type hits[K, V any] struct {
	keys  []K // their number is a power of two
	value func(i int) V
	clone func(V) V // nil: values need none
}

// simple are keys that all peers with types take as they are.
type simple interface{ int | string }

// hit compares ours with peers that get a key as a C, or as a text if that is
// all they know.
func hit[K any, C simple, V any](name string, h hits[K, V], key func(K) C, text func(K) string) bench.Workload {
	w := bench.Workload{Group: "hit", Name: name, Reference: "otter"}
	if h.clone != nil {
		w.Reference = "otter + copy"
	}
	prepare := func(h hits[K, V]) ([]bench.Row, error) {
		ours, err1 := h.reecho()
		byKey, err2 := hitPeers(h, key, true, []filled[C, V]{
			{"map + RWMutex", peers.BareMap[C, V]},
			{"sync.Map", peers.SyncMap[C, V]},
			{"xsync.Map", peers.Xsync[C, V]},
			{"otter", peers.Otter[C, V]},
			{"otter with TTL", peers.OtterTTL[C, V]},
			{"theine", peers.Theine[C, V]},
			{"ristretto", peers.Ristretto[C, V]},
			{"ttlcache", peers.TTLCache[C, V]},
			{"golang-lru expirable", peers.GolangLRU[C, V]},
			{"gcache", peers.Gcache[C, V]},
		})
		byText, err3 := hitPeers(h, text, true, []filled[string, V]{
			{"sturdyc", peers.Sturdyc[V]},
			{"go-cache", peers.GoCache[V]},
		})
		bytes, err4 := hitPeers(h, text, false, []filled[string, V]{
			{"bigcache + msgpack", peers.Bigcache[V]},
			{"freecache + msgpack", peers.Freecache[V]},
			{"fastcache + cbor", peers.Fastcache[V]},
		})
		recipe, err5 := h.recipe()
		return slices.Concat(ours, byKey, byText, bytes, recipe), errors.Join(err1, err2, err3, err4, err5)
	}
	w.Prepare = func() ([]bench.Row, error) { return prepare(h) }
	w.Small = func() ([]bench.Row, error) {
		few := h
		few.keys = h.keys[:checkedKeys]
		return prepare(few)
	}
	return w
}

// checkedKeys are how many keys, a power of two, a row's Check asks for: enough to see a mix-up.
const checkedKeys = 32

// filled is a peer by name.
type filled[K comparable, V any] struct {
	name string
	fill peers.Fill[K, V]
}

// hitPeers are the rows of peers that get keys as what key makes of them. Those
// that hand out what they hold have a row with a copy, too.
func hitPeers[K any, C comparable, V any](h hits[K, V], key func(K) C, sharing bool, list []filled[C, V]) (rows []bench.Row, _ error) {
	entries := make(map[C]V, len(h.keys))
	for i, k := range h.keys {
		entries[key(k)] = h.value(i)
	}
	for _, p := range list {
		get, end, err := p.fill(entries)
		if err != nil {
			return rows, fmt.Errorf("%s: %w", p.name, err)
		}
		row := h.row(p.name, peers.Via(get, key))
		row.Close = end
		if sharing && h.clone != nil {
			row.Flaw = "shares one value among all callers"
			rows = append(rows, h.row(p.name+" + copy", peers.Copying(peers.Via(get, key), h.clone)))
		}
		rows = append(rows, row)
	}
	return rows, nil
}

func (h hits[K, V]) recipe() ([]bench.Row, error) {
	get, err := peers.Recipe(h.keys, h.value)
	row := h.row("otter + hashstructure + copier", get)
	row.Note = "different keys with one hash share an entry"
	if h.clone != nil {
		row.Flaw = nilBecomesEmpty
	}
	return []bench.Row{row}, err
}

// row is a row that looks one key up after the other. Its answers are right
// if each is the value of its key and no two share memory.
func (h hits[K, V]) row(peer string, get peers.Lookup[K, V]) bench.Row {
	return bench.Row{
		Peer: peer,
		Op: func(i int) error {
			_, err := get(h.keys[i&(len(h.keys)-1)])
			return err
		},
		Check: func() error {
			for i := 0; i < len(h.keys); i += len(h.keys) / checkedKeys {
				k := h.keys[i]
				first, err1 := get(k)
				second, err2 := get(k)
				if err := errors.Join(err1, err2); err != nil {
					return err
				}
				if want := h.value(i); !reflect.DeepEqual(first, want) {
					return fmt.Errorf("key %v: %w", k, answers.ErrChanged)
				}
				if err := answers.CheckCopy(second, first); err != nil {
					return fmt.Errorf("key %v: %w", k, err)
				}
			}
			return nil
		},
	}
}

// reecho returns the row of a cache of reecho with all keys in it.
func (h hits[K, V]) reecho() ([]bench.Row, error) {
	ctx := context.Background()
	g, err := cachedata.NewGroup("hits", cachedata.GroupConfig{})
	if err != nil {
		return nil, err
	}
	at := 0
	c, err := cachedata.New("hit", func(context.Context, K) (V, error) {
		at++
		return h.value(at - 1), nil
	}, cachedata.Config{Group: g})
	if err != nil {
		return nil, err
	}
	for _, k := range h.keys {
		if _, err := c.Get(ctx, k); err != nil {
			return nil, err
		}
	}
	row := h.row(Ours, func(k K) (V, error) { return c.Get(ctx, k) })
	row.Close = func() { _ = g.Close(ctx) } // nothing is in flight, so it waits for nothing
	return []bench.Row{row}, nil
}
