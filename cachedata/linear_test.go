package cachedata_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/reecho-go/reecho/cachedata"
	"github.com/reecho-go/reecho/internal/soaktest"
	"github.com/reecho-go/reecho/observe"
)

// The model of one key. A load begins, and may commit until the key is
// changed by somebody else. A caller may get what is stored, or the result of
// any load that may still commit.
type keyState struct {
	value  int    // 0: nothing
	loads  string // values of loads that have begun and may commit
	expire bool   // results have a TTL
}

func (s keyState) may(v int) bool { return slices.Contains(s.list(), v) }

func (s keyState) list() (vs []int) {
	for _, r := range s.loads {
		vs = append(vs, int(r))
	}
	return vs
}

func (s keyState) with(v int) keyState {
	vs := append(s.list(), v)
	slices.Sort(vs)
	return s.set(vs)
}

func (s keyState) without(v int) keyState {
	return s.set(slices.DeleteFunc(s.list(), func(o int) bool { return o == v }))
}

func (s keyState) set(vs []int) keyState {
	s.loads = ""
	for _, v := range vs {
		s.loads += string(rune(v))
	}
	return s
}

// op is one operation on one key; v is what it wrote or returned.
type op struct {
	kind string
	key  int
	v    int
}

func step(state, input, output any) []any {
	s, in, v := state.(keyState), input.(op), output.(int)
	only := func(ok bool, s keyState) []any {
		if !ok {
			return nil
		}
		return []any{s}
	}
	switch in.kind {
	case "begin":
		return []any{s.with(v)}
	case "commit":
		if !s.may(v) {
			return []any{s}
		}
		stored := s.without(v)
		stored.value = v
		return []any{stored, s.without(v)} // abandoned loads are not kept
	case "drop":
		return []any{s.without(v)}
	case "put":
		return []any{keyState{value: v, expire: s.expire}}
	case "delete", "clear":
		return []any{keyState{expire: s.expire}}
	case "hit", "load":
		// A hit may be of a load that a clear has overtaken, as a result that
		// was waited for may be, if the caller came before the clear returned.
		return only(s.value == v || s.may(v), s)
	case "none":
		return only(s.value == 0 || s.expire, s)
	}
	panic(in.kind)
}

func model(expire bool) porcupine.Model {
	nm := porcupine.NondeterministicModel{
		Partition: func(history []porcupine.Operation) [][]porcupine.Operation {
			byKey := map[int][]porcupine.Operation{}
			for _, o := range history {
				k := o.Input.(op).key
				byKey[k] = append(byKey[k], o)
			}
			var parts [][]porcupine.Operation
			for _, p := range byKey {
				parts = append(parts, p)
			}
			return parts
		},
		Init: func() []any { return []any{keyState{expire: expire}} },
		Step: step,
		DescribeOperation: func(in, out any) string {
			return fmt.Sprintf("%s(%d) %d", in.(op).kind, in.(op).key, out.(int))
		},
	}
	return nm.ToModel()
}

// historian writes down what happens, by a clock that ticks at every look.
type historian struct {
	clock atomic.Int64
	mu    sync.Mutex
	ops   []porcupine.Operation
}

func (h *historian) now() int64 { return h.clock.Add(1) }

func (h *historian) note(client int, kind string, key, v int, call, done int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ops = append(h.ops, porcupine.Operation{
		ClientId: client, Input: op{kind: kind, key: key, v: v}, Call: call, Output: v, Return: done,
	})
}

// loading is carried by the context of a caller, to connect what its load
// does with the end of that load.
type loading struct {
	client, key, value int
	returned           int64
	failed             bool
}

type loadingKey struct{}

const historyKeys = 2

// history runs a random mix of all operations and returns what happened.
func history(tb testing.TB, seed uint64, ttl time.Duration, opsEach int) []porcupine.Operation {
	var h historian
	var values atomic.Int64
	loader := func(ctx context.Context, key int) (int, error) {
		l := ctx.Value(loadingKey{}).(*loading)
		call := h.now()
		l.value = int(values.Add(1))
		h.note(l.client, "begin", key, l.value, call, h.now())
		r := rand.New(rand.NewPCG(seed, uint64(l.value)))
		if r.IntN(3) > 0 {
			time.Sleep(time.Duration(r.IntN(100)) * time.Microsecond)
		}
		l.returned = h.now()
		switch r.IntN(10) {
		case 0:
			l.failed = true
			return 0, errors.New("failed")
		case 1:
			l.failed = true
			panic("panicked")
		}
		return l.value, nil
	}
	g, err := cachedata.NewGroup("history", cachedata.GroupConfig{})
	if err != nil {
		tb.Fatal(err)
	}
	c := newCache(tb, loader, cachedata.Config[int, int]{
		Group: g, TTL: ttl,
		Observer: observe.Func(func(ctx context.Context, ev observe.Event) {
			if _, ok := ev.(observe.CacheLoad); !ok {
				return
			}
			l := ctx.Value(loadingKey{}).(*loading)
			kind := "commit"
			if l.failed {
				kind = "drop"
			}
			h.note(l.client, kind, l.key, l.value, l.returned, h.now())
		}),
	})
	var wg sync.WaitGroup
	for client := range 8 {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(seed, uint64(client)))
			for range opsEach {
				key := r.IntN(historyKeys)
				ctx := context.WithValue(context.Background(), loadingKey{}, &loading{client: client, key: key})
				cancel := func() {}
				if r.IntN(4) == 0 {
					ctx, cancel = context.WithTimeout(ctx, time.Duration(r.IntN(100))*time.Microsecond)
				}
				operate(ctx, &h, &values, c, g, client, key, r)
				cancel()
			}
		})
	}
	wg.Wait()
	if err := g.Close(context.Background()); err != nil { // waits for abandoned loads
		tb.Fatal(err)
	}
	return h.ops
}

// operate does one random operation and notes it.
func operate(ctx context.Context, h *historian, values *atomic.Int64, c *cachedata.Cache[int, int], g *cachedata.Group, client, key int, r *rand.Rand) {
	defer func() { _ = recover() }() // the panic of a load, in its leader
	call := h.now()
	switch n := r.IntN(20); {
	case n < 9:
		if v, meta, err := c.GetMeta(ctx, key); err == nil {
			kind := "load"
			if meta.Source == cachedata.Hit {
				kind = "hit"
			}
			h.note(client, kind, key, v, call, h.now())
		}
	case n < 11:
		if v, ok := c.Peek(ctx, key); ok {
			h.note(client, "hit", key, v, call, h.now())
		} else {
			h.note(client, "none", key, 0, call, h.now())
		}
	case n < 13:
		if v, err := c.Refresh(ctx, key); err == nil {
			h.note(client, "load", key, v, call, h.now())
		}
	case n < 15:
		v := int(values.Add(1))
		if err := c.Put(ctx, key, v); err == nil {
			h.note(client, "put", key, v, call, h.now())
		}
	case n < 17:
		if err := c.Delete(ctx, key); err == nil {
			h.note(client, "delete", key, 0, call, h.now())
		}
	default:
		clearAll := c.Clear
		if n == 19 {
			clearAll = g.Clear
		}
		if err := clearAll(ctx); err == nil {
			done := h.now()
			for k := range historyKeys {
				h.note(client, "clear", k, 0, call, done)
			}
		}
	}
}

func TestX4_HistoriesAreLinearizable(t *testing.T) {
	t.Parallel()
	rounds, opsEach := 30, 30
	if soaktest.Long() {
		rounds, opsEach = 1000, 40
	}
	kinds := map[string]int{}
	for round := range rounds {
		ttl := time.Duration(round%3) * 100 * time.Microsecond // 0: none
		ops := history(t, uint64(round), ttl, opsEach)
		for _, o := range ops {
			kinds[o.Input.(op).kind]++
		}
		if got := porcupine.CheckOperationsTimeout(model(ttl > 0), ops, time.Minute); got != porcupine.Ok {
			t.Fatalf("round %d: %d operations: %s", round, len(ops), got)
		}
	}
	for _, kind := range []string{"begin", "commit", "drop", "put", "delete", "clear", "hit", "load", "none"} {
		if kinds[kind] == 0 {
			t.Errorf("no operation %q came up", kind)
		}
	}
	t.Log(kinds)
}

// The check itself must find what it is for.
func TestX4_TheCheckFindsStaleResults(t *testing.T) {
	t.Parallel()
	type at struct {
		kind       string
		v          int
		call, done int64
	}
	tests := []struct {
		name string
		ops  []at
		want porcupine.CheckResult
	}{
		{"a reader of before the delete gets the old value", []at{{"begin", 1, 1, 2}, {"delete", 0, 4, 6}, {"load", 1, 3, 8}, {"commit", 1, 7, 9}, {"none", 0, 10, 11}}, porcupine.Ok},
		{"a reader of after the delete gets the old value", []at{{"begin", 1, 1, 2}, {"delete", 0, 3, 4}, {"load", 1, 5, 8}, {"commit", 1, 6, 7}}, porcupine.Illegal},
		{"the old value is stored across the delete", []at{{"begin", 1, 1, 2}, {"delete", 0, 3, 4}, {"commit", 1, 5, 6}, {"hit", 1, 7, 8}}, porcupine.Illegal},
		{"a load wins over a put", []at{{"begin", 1, 1, 2}, {"put", 2, 3, 4}, {"commit", 1, 5, 6}, {"hit", 1, 7, 8}}, porcupine.Illegal},
		{"a put is forgotten", []at{{"put", 2, 3, 4}, {"none", 0, 7, 8}}, porcupine.Illegal},
	}
	for _, tt := range tests {
		var ops []porcupine.Operation
		for _, a := range tt.ops {
			ops = append(ops, porcupine.Operation{Input: op{kind: a.kind}, Call: a.call, Output: a.v, Return: a.done})
		}
		if got := porcupine.CheckOperationsTimeout(model(false), ops, time.Minute); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
}
