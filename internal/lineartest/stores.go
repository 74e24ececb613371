// Package lineartest checks by porcupine whether what several clients have seen can
// be explained by one order of their calls. It is for tests only.
package lineartest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/reecho-go/reecho/store"
)

// Stores has clients call Get, Put, Delete and Swap at the same time, each on one of
// the stores, which share their data, and checks that each key is linearizable. A
// call that fails may have had its effect or not, at any time after it began. within
// bounds each call.
func Stores(t *testing.T, seed uint64, clients, calls int, within time.Duration, stores ...store.Store) {
	t.Helper()
	h := &storeHistory{versions: make(map[uint64]uint64)}
	var all sync.WaitGroup
	for client := range clients {
		s := stores[client%len(stores)]
		swap, ok := store.As[store.Swapper](s)
		if !ok {
			t.Fatalf("%T has no Swap", s)
		}
		rng := rand.New(rand.NewPCG(seed, uint64(client)))
		all.Go(func() {
			for range calls {
				ctx, cancel := context.WithTimeout(context.Background(), within)
				h.call(ctx, client, rng, s, swap)
				cancel()
			}
		})
	}
	all.Wait()
	if h.wrong != "" {
		t.Fatalf("seed %d: %s", seed, h.wrong)
	}
	if h.done == 0 {
		t.Fatal("no call has succeeded")
	}
	if !porcupine.CheckOperations(storeModel(h.versions).ToModel(), h.ops) {
		t.Errorf("seed %d: what %d clients have seen in %d calls cannot be explained by one order of their calls", seed, clients, len(h.ops))
	}
}

const storeKeys = 3

// storeCall is a call of one key. Values are numbers that are written once; 0 is none.
type storeCall struct {
	op    string // get, put, delete, swap
	key   int
	value uint64 // to be written
	old   uint64 // the version that a swap expects
}

// storeAnswer is what came of a call.
type storeAnswer struct {
	value   uint64 // of a get
	err     error  // ErrNotFound and ErrConflict
	unknown bool   // it may have had its effect
}

type storeHistory struct {
	clock  atomic.Int64
	values atomic.Uint64

	mu       sync.Mutex
	ops      []porcupine.Operation
	versions map[uint64]uint64 // by value
	done     int
	wrong    string
}

func (h *storeHistory) call(ctx context.Context, client int, rng *rand.Rand, s store.Store, swap store.Swapper) {
	c := storeCall{key: rng.IntN(storeKeys), value: h.values.Add(1)}
	key := fmt.Sprint("key ", c.key)
	it := store.Item{Value: fmt.Append(nil, c.value)}
	var a storeAnswer
	began := h.clock.Add(1)
	switch n := rng.IntN(10); {
	case n < 4:
		c.op = "get"
		it, err := s.Get(ctx, key)
		if a.err = err; err == nil {
			a.value = h.seen(it)
		}
	case n < 6:
		c.op = "put"
		a.err = s.Put(ctx, key, it)
	case n < 7:
		c.op = "delete"
		a.err = s.Delete(ctx, key)
	default:
		c.op = "swap"
		now, err := s.Get(ctx, key)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return
		}
		if c.old = now.Version; c.old != 0 {
			h.seen(now)
		}
		began = h.clock.Add(1)
		var version uint64
		if version, a.err = swap.Swap(ctx, key, c.old, it); a.err == nil {
			h.version(c.value, version)
		}
	}
	ended := h.clock.Add(1)
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case a.err == nil:
		h.done++
	case errors.Is(a.err, store.ErrNotFound) || errors.Is(a.err, store.ErrConflict):
	case c.op == "get":
		return
	default:
		a.unknown, ended = true, math.MaxInt64
	}
	h.ops = append(h.ops, porcupine.Operation{ClientId: client, Input: c, Call: began, Output: a, Return: ended})
}

// seen notes what a Get returned, and returns its value.
func (h *storeHistory) seen(it store.Item) (value uint64) {
	if _, err := fmt.Sscan(string(it.Value), &value); err != nil {
		h.fail(fmt.Sprintf("Get returned %q: %v", it.Value, err))
	}
	h.version(value, it.Version)
	return value
}

// version notes that a value has a version.
func (h *storeHistory) version(value, version uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if before, ok := h.versions[value]; ok && before != version {
		h.wrong = fmt.Sprintf("the value %d has the versions %d and %d", value, before, version)
	}
	h.versions[value] = version
}

func (h *storeHistory) fail(wrong string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.wrong = wrong
}

// storeModel is a key with one value, or none. The state is the value.
func storeModel(versions map[uint64]uint64) *porcupine.NondeterministicModel {
	return &porcupine.NondeterministicModel{
		Partition: func(ops []porcupine.Operation) [][]porcupine.Operation {
			parts := make([][]porcupine.Operation, storeKeys)
			for _, op := range ops {
				k := op.Input.(storeCall).key
				parts[k] = append(parts[k], op)
			}
			return parts
		},
		Init: func() []any { return []any{uint64(0)} },
		Step: func(state, input, output any) []any {
			now, c, a := state.(uint64), input.(storeCall), output.(storeAnswer)
			absent, conflict := errors.Is(a.err, store.ErrNotFound), errors.Is(a.err, store.ErrConflict)
			next, fits := now, true
			switch c.op {
			case "get":
				fits = absent && now == 0 || a.err == nil && now == a.value
			case "put":
				next = c.value
			case "delete":
				next = 0
			case "swap":
				meets := c.old == 0 && now == 0 || c.old != 0 && now != 0 && versions[now] == c.old // a value that nobody has seen has no version that anybody expects
				switch {
				case a.unknown && !meets:
					return []any{now}
				case absent:
					fits = c.old != 0 && now == 0
				case conflict:
					fits = now != 0 && !meets
				default:
					next, fits = c.value, meets
				}
			}
			switch {
			case a.unknown:
				return []any{now, next}
			case fits:
				return []any{next}
			}
			return nil
		},
	}
}
