package workloads

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/maphash"
	"maps"
	"math"
	"reflect"
	"slices"
	"strconv"
	"unsafe"

	"github.com/reecho-go/reecho/benchmarks/bench"
	"github.com/reecho-go/reecho/benchmarks/peers"
	"github.com/reecho-go/reecho/internal/keys"
)

const fmtName = "fmt"

// Key is the identity of a key alone, which every lookup needs. Most peers give
// a hash, which different keys can share. Ours is the key itself and the map
// hashes it, so a second row of ours includes that. What is written by hand is
// the key's data in one buffer, without a hash.
func Key() []bench.Workload {
	const (
		nilIsEmpty = "nil and empty are one key"
		joined     = `"a b", "c" and "a", "b c" are one key`
	)
	return []bench.Workload{
		identity(keyShape[int]{
			name: "int", make: func(i int) int { return i },
			hand: func(b []byte, k int) []byte { return integer(b, int64(k)) },
			more: comparableRows[int],
		}),
		identity(keyShape[twoFields]{
			name: "2 fields", make: func(i int) twoFields { return twoFields{int64(i), "alice"} },
			hand: func(b []byte, k twoFields) []byte { return text(integer(b, k.ID), k.Name) },
			more: comparableRows[twoFields],
		}),
		identity(keyShape[eightFields]{
			name: "8 fields", make: makeEight, hand: handEight, more: comparableRows[eightFields],
			similar: []eightFields{{Name: "a b", City: "c"}, {Name: "a", City: "b c"}},
			flaws:   map[string]string{fmtName: joined},
		}),
		identity(keyShape[sixteenStrings]{
			name: "16 strings", make: makeSixteen, hand: handSixteen, more: comparableRows[sixteenStrings],
			similar: []sixteenStrings{{A: "a b", B: "c"}, {A: "a", B: "b c"}},
			flaws:   map[string]string{fmtName: joined},
		}),
		identity(keyShape[map[string]string]{
			name: "map of 16", make: makeMap, hand: handMap,
			similar: []map[string]string{nil, {}},
			flaws:   map[string]string{fmtName: nilIsEmpty, Hashstructure: nilIsEmpty},
		}),
		identity(keyShape[[]byte]{
			name: "4 KB bytes", make: makeBytes,
			hand:    func(b, k []byte) []byte { return append(boolean(b, k == nil), k...) },
			similar: [][]byte{nil, {}},
			flaws:   map[string]string{fmtName: nilIsEmpty, Hashstructure: nilIsEmpty},
		}),
	}
}

// keyShape is a type of keys with all that differs between types.
type keyShape[K any] struct {
	name    string
	make    func(i int) K                   // another key for every i
	similar []K                             // more keys, which are easily mistaken for each other
	flaws   map[string]string               // which peers mistake them
	hand    func(b []byte, k K) []byte      // appends the data of k
	more    func(s keyShape[K]) []bench.Row // rows that not every type can have
}

// eachKey is how many keys a row walks through; a power of two.
const eachKey = 8

func (s keyShape[K]) keys() []K { return list(eachKey, s.make) }

func identity[K any](s keyShape[K]) bench.Workload {
	return bench.Workload{Group: "key", Name: s.name, Reference: Ours, Prepare: func() ([]bench.Row, error) {
		own, err1 := keys.For(s.name, reflect.TypeFor[K](), keys.Config{})
		cbor, err2 := peers.CBORKey[K]()
		if err := errors.Join(err1, err2); err != nil {
			return nil, err
		}
		ours := ownKeys[K]{own, maphash.MakeSeed()}
		buf := make([]byte, 0, 8<<10)
		rows := []bench.Row{
			measured(s, keyRow(s, Ours, ours.id), ours.identify),
			keyRow(s, Ours+" + maphash", ours.hash),
			measured(s, keyRow(s, ByHand, func(k K) (string, error) { return string(s.hand(nil, k)), nil }), func(k K) error {
				buf = s.hand(buf[:0], k)
				return nil
			}),
			keyRow(s, Hashstructure, peers.HashstructureKey[K]),
			keyRow(s, "cbor + xxhash", cbor),
			keyRow(s, "json + xxhash", peers.JSONKey[K]),
			keyRow(s, fmtName, peers.FmtKey[K]),
		}
		if s.more != nil {
			rows = append(rows, s.more(s)...)
		}
		return rows, nil
	}}
}

func comparableRows[K comparable](s keyShape[K]) []bench.Row {
	return []bench.Row{keyRow(s, "maphash.Comparable", peers.MaphashKey[K]())}
}

// keyRow is a row that identifies one key after the other. Its answers are
// right if equal keys have equal identities and different ones have different
// ones.
func keyRow[K any, ID comparable](s keyShape[K], peer string, id func(K) (ID, error)) bench.Row {
	row := bench.Row{Peer: peer, Flaw: s.flaws[peer], Check: func() error {
		seen := make(map[ID]K)
		for _, k := range slices.Concat(s.keys(), s.similar) {
			got, err := id(k)
			if err != nil {
				return err
			}
			if other, ok := seen[got]; ok {
				return fmt.Errorf("%#v and %#v have one identity", k, other)
			}
			seen[got] = k
		}
		for _, k := range s.keys() {
			if got, err := id(k); err != nil || !has(seen, got) {
				return fmt.Errorf("%#v has two identities (%w)", k, err)
			}
		}
		return nil
	}}
	return measured(s, row, func(k K) error {
		_, err := id(k)
		return err
	})
}

func has[K comparable, V any](m map[K]V, k K) bool {
	_, ok := m[k]
	return ok
}

// measured is row with op on one key after the other.
func measured[K any](s keyShape[K], row bench.Row, op func(K) error) bench.Row {
	all := s.keys()
	row.Op = func(i int) error { return op(all[i&(eachKey-1)]) }
	return row
}

// ownKeys identifies keys as the caches do.
type ownKeys[K any] struct {
	keys *keys.Keys
	seed maphash.Seed
}

// id is the identity as a value of its own.
func (o ownKeys[K]) id(k K) (string, error) { return o.keys.ID(unsafe.Pointer(&k)) }

// identify makes the identity, ready for a lookup.
func (o ownKeys[K]) identify(k K) error {
	_, err := o.use(&k, func(id []byte) uint64 { return uint64(len(id)) }, func(id uint64) uint64 { return id })
	return err
}

// hash is the hash of the identity, which a map makes.
func (o ownKeys[K]) hash(k K) (uint64, error) {
	return o.use(&k,
		func(id []byte) uint64 { return maphash.Bytes(o.seed, id) },
		func(id uint64) uint64 { return maphash.Comparable(o.seed, id) })
}

func (o ownKeys[K]) use(k *K, encoded func([]byte) uint64, word func(uint64) uint64) (uint64, error) {
	if o.keys.Shape() == keys.Word {
		return word(o.keys.Word(unsafe.Pointer(k))), nil
	}
	buf := keys.Borrow()
	id, err := o.keys.Append(*buf, unsafe.Pointer(k))
	if err != nil {
		keys.Return(buf, nil)
		return 0, err
	}
	out := encoded(id)
	keys.Return(buf, id)
	return out, nil
}

type twoFields struct {
	ID   int64
	Name string
}

type eightFields struct {
	ID, Org    int64
	Name, City string
	Active     bool
	Score      float64
	Page       int
	Kind       uint8
}

func makeEight(i int) eightFields {
	return eightFields{ID: int64(i), Org: 2, Name: "alice", City: "Paris", Active: true, Score: 1.5, Page: 3, Kind: 4}
}

type sixteenStrings struct {
	A, B, C, D, E, F, G, H, I, J, K, L, M, N, O, P string
}

func makeSixteen(i int) sixteenStrings {
	const s = "some-text"
	return sixteenStrings{strconv.Itoa(i), s, s, s, s, s, s, s, s, s, s, s, s, s, s, s}
}

func makeMap(i int) map[string]string {
	m := make(map[string]string, 16)
	for j := range 16 {
		m["key-"+strconv.Itoa(j)] = "value-" + strconv.Itoa(i+j)
	}
	return m
}

func makeBytes(i int) []byte {
	b := make([]byte, 4096)
	b[i] = 1
	return b
}

func integer(b []byte, n int64) []byte { return binary.LittleEndian.AppendUint64(b, uint64(n)) }

func boolean(b []byte, v bool) []byte {
	if v {
		return append(b, 1)
	}
	return append(b, 0)
}

func text(b []byte, s string) []byte { return append(integer(b, int64(len(s))), s...) }

func handEight(b []byte, k eightFields) []byte {
	b = text(text(integer(integer(b, k.ID), k.Org), k.Name), k.City)
	b = integer(boolean(b, k.Active), int64(math.Float64bits(k.Score)))
	return append(integer(b, int64(k.Page)), k.Kind)
}

func handSixteen(b []byte, k sixteenStrings) []byte {
	for _, s := range [...]string{k.A, k.B, k.C, k.D, k.E, k.F, k.G, k.H, k.I, k.J, k.K, k.L, k.M, k.N, k.O, k.P} {
		b = text(b, s)
	}
	return b
}

func handMap(b []byte, k map[string]string) []byte {
	b = boolean(b, k == nil)
	for _, name := range slices.Sorted(maps.Keys(k)) {
		b = text(text(b, name), k[name])
	}
	return b
}
