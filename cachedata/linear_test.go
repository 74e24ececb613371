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

// without takes one load of v away.
func (s keyState) without(v int) keyState {
	vs := s.list()
	if i := slices.Index(vs, v); i >= 0 {
		vs = slices.Delete(vs, i, i+1)
	}
	return s.set(vs)
}

// untagged drops everything of one parity, which is its tag, and what has both
// tags.
func (s keyState) untagged(parity int) keyState {
	if s.value > 0 && (s.value%2 == parity || s.value >= bothTags) {
		s.value = 0
	}
	return s.set(slices.DeleteFunc(s.list(), func(o int) bool { return o%2 == parity || o >= bothTags }))
}

// From bothTags on are values that were put with the other tag, too. A load that
// says that such a value still holds has both.
const bothTags = 1 << 16

func (s keyState) set(vs []int) keyState {
	s.loads = ""
	for _, v := range vs {
		s.loads += string(rune(v))
	}
	return s
}

func (s keyState) emptied() keyState {
	s.value = 0
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
	case "renew": // a load that says that what is there still holds
		return only(s.value == v || s.may(v), s.with(v))
	case "pass": // a load whose result is not to be kept, nor what was before
		if !s.may(v) {
			return []any{s}
		}
		return []any{s.without(v).emptied(), s.without(v)}
	case "tag":
		return []any{s.untagged(v)}
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
	case "hit", "stale", "load", "many":
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

// asking is carried by the context of one operation, to connect what its loads
// do with the ends of these loads. An operation starts at most one load of a
// key, and may be over before that.
type asking struct {
	client int
	call   int64
	loads  [historyKeys]loading
}

type loading struct {
	value    int
	returned int64
	kind     string // what its end is, if it may commit
}

type askingKey struct{}

const historyKeys = 2

var errFailed = errors.New("failed")

// world is what one history happens in.
type world struct {
	historian
	seed   uint64
	values atomic.Int64
	cache  *cachedata.Batch[int, int]
	group  *cachedata.Group
	keys   map[uint64]int // by fingerprint
}

// tags are the parity of a value, so that they change with it.
func tags(_, v int) []string { return []string{parity(v)} }

func parity(v int) string { return [...]string{"even", "odd"}[v%2] }

// load loads in no time or a short one, says now and then that the old result
// holds or that the new one is not to be kept, and fails or panics, in whole or
// in part.
func (w *world) load(ctx context.Context, keys []int) (map[int]int, error) {
	a := ctx.Value(askingKey{}).(*asking)
	r := rand.New(rand.NewPCG(w.seed, uint64(w.values.Add(1))))
	m := make(map[int]int)
	for _, key := range keys {
		l, e := &a.loads[key], cachedata.LoadingFor(ctx, key)
		call := w.now()
		if old, ok := cachedata.Old[int](e); ok && r.IntN(3) == 0 {
			e.NotModified()
			l.value, l.kind = old, "commit"
			w.note(a.client, "renew", key, old, a.call, w.now())
		} else {
			v := int(w.values.Add(1))
			m[key], l.value, l.kind = v, v, "commit"
			w.note(a.client, "begin", key, v, call, w.now())
		}
		switch r.IntN(20) {
		case 0:
			e.NoStore()
			l.kind = "pass"
		case 1:
			e.SetTTL(0)
			l.kind = "pass"
		case 2:
			e.SetTTL(time.Hour)
		}
	}
	if r.IntN(3) > 0 {
		time.Sleep(time.Duration(r.IntN(100)) * time.Microsecond)
	}
	returned := w.now()
	for _, key := range keys {
		a.loads[key].returned = returned
	}
	lose := func(keys []int, kind string) {
		for _, key := range keys {
			if _, ok := m[key]; ok {
				delete(m, key)
				a.loads[key].kind = kind
			}
		}
	}
	switch r.IntN(14) {
	case 0, 1:
		lose(keys, "drop")
		return m, errFailed
	case 2:
		lose(keys[:1], "drop")
		return m, errFailed
	case 3: // there is nothing for it
		lose(keys[:1], "pass")
	case 4:
		for _, key := range keys {
			a.loads[key].kind = "drop"
		}
		panic("panicked")
	}
	return m, nil
}

// Observe notes the ends of loads.
func (w *world) Observe(ctx context.Context, ev observe.Event) {
	if e, ok := ev.(observe.CacheLoad); ok {
		a, key := ctx.Value(askingKey{}).(*asking), w.keys[e.Fingerprint]
		l := &a.loads[key]
		w.note(a.client, l.kind, key, l.value, l.returned, w.now())
	}
}

// history runs a random mix of all operations and returns what happened.
func history(tb testing.TB, seed uint64, cfg cachedata.Config, opsEach int) []porcupine.Operation {
	tb.Helper()
	g, err := cachedata.NewGroup("history", cachedata.GroupConfig{})
	if err != nil {
		tb.Fatal(err)
	}
	w := &world{seed: seed, group: g, keys: make(map[uint64]int)}
	cfg.Group, cfg.Observer = g, w
	w.cache = newBatch(tb, w.load, cfg, cachedata.Funcs[int, int]{Tags: tags})
	for key := range historyKeys {
		fp, err := w.cache.Fingerprint(key)
		if err != nil {
			tb.Fatal(err)
		}
		w.keys[fp] = key
	}
	var wg sync.WaitGroup
	for client := range 8 {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(seed, uint64(client)))
			for range opsEach {
				ctx := context.WithValue(context.Background(), askingKey{}, &asking{client: client, call: w.now()})
				cancel := func() {}
				if r.IntN(4) == 0 {
					ctx, cancel = context.WithTimeout(ctx, time.Duration(r.IntN(100))*time.Microsecond)
				}
				w.operate(ctx, client, r)
				cancel()
			}
		})
	}
	wg.Wait()
	if err := g.Close(context.Background()); err != nil { // waits for abandoned loads
		tb.Fatal(err)
	}
	return w.ops
}

// operate does one random operation and notes it.
func (w *world) operate(ctx context.Context, client int, r *rand.Rand) {
	defer func() { _ = recover() }() // the panic of a load, in its leader
	key, c := r.IntN(historyKeys), w.cache
	call := w.now()
	note := func(kind string, v int) { w.note(client, kind, key, v, call, w.now()) }
	switch n := r.IntN(31); {
	case n < 9:
		if v, meta, err := c.GetMeta(ctx, key); err == nil {
			kind := "load"
			switch meta.Source {
			case cachedata.Hit:
				kind = "hit"
			case cachedata.Stale, cachedata.FailSafe:
				kind = "stale"
			}
			note(kind, v)
		}
	case n < 13:
		keys := []int{key, 1 - key}
		got, _ := c.GetMany(ctx, keys) // what it has counts, whatever failed
		done := w.now()
		for k, v := range got {
			w.note(client, "many", k, v, call, done)
		}
	case n < 15:
		if v, ok := c.Peek(ctx, key); ok {
			note("hit", v)
		} else {
			note("none", 0)
		}
	case n < 17:
		if v, err := c.Refresh(ctx, key); err == nil {
			note("load", v)
		}
	case n < 18:
		v := int(w.values.Add(1))
		if err := c.Put(ctx, key, v); err == nil {
			note("put", v)
		}
	case n < 19:
		v := int(w.values.Add(1)) + bothTags
		how := cachedata.PutOptions{Tags: []string{parity(0), parity(1)}, TTL: time.Duration(r.IntN(2)) * time.Hour}
		if err := c.Put(ctx, key, v, how); err == nil {
			note("put", v)
		}
	case n < 21:
		if err := c.Delete(ctx, key); err == nil {
			note("delete", 0)
		}
	case n < 24:
		clearAll := c.Clear
		if n == 23 {
			clearAll = w.group.Clear
		}
		if err := clearAll(ctx); err == nil {
			w.everywhere(client, "clear", 0, call)
		}
	case n < 27:
		v := r.IntN(2)
		clearTag := c.ClearTag
		if n == 26 {
			clearTag = w.group.ClearTag
		}
		if err := clearTag(ctx, parity(v)); err == nil {
			w.everywhere(client, "tag", v, call)
		}
	case n < 28:
		if err := c.ClearFunc(ctx, func(k int) bool { return k == key }); err == nil {
			note("clear", 0)
		}
	case n < 29:
		if err := c.ClearFunc(ctx, func(int) bool { return true }); err == nil {
			w.everywhere(client, "clear", 0, call)
		}
	default: // which nobody may notice
		w.group.SweepTags()
	}
}

// everywhere notes an operation on all keys.
func (w *world) everywhere(client int, kind string, v int, call int64) {
	done := w.now()
	for k := range historyKeys {
		w.note(client, kind, k, v, call, done)
	}
}

func TestHistoriesAreLinearizable(t *testing.T) {
	t.Parallel()
	rounds, opsEach := 50, 30
	if soaktest.Long() {
		rounds, opsEach = 1000, 40
	}
	const us = time.Microsecond
	configs := []cachedata.Config{
		{},
		{TTL: 100 * us},
		{TTL: 200 * us, MaxBatch: 1},
		{TTL: 100 * us, Stale: cachedata.StaleConfig{For: 200 * us, RetryAfter: 50 * us}},
		{TTL: 100 * us, Jitter: 0.2, Stale: cachedata.StaleConfig{For: 50 * us, OnError: 300 * us, RetryAfter: 50 * us, EagerAt: 0.5}},
		{TTL: 50 * us, Timeout: 10 * time.Second, IdleTTL: time.Millisecond, Stale: cachedata.StaleConfig{OnError: time.Second, SoftTimeout: 20 * us, RetryAfter: us}, Errors: cachedata.ErrorConfig{TTL: 50 * us}},
	}
	kinds := map[string]int{}
	missing := func() (kind string) {
		for _, kind := range []string{"begin", "commit", "drop", "renew", "pass", "put", "delete", "clear", "tag", "hit", "stale", "load", "many", "none"} {
			if kinds[kind] == 0 {
				return kind
			}
		}
		return ""
	}
	for round := 0; round < rounds || missing() != "" && round < 20*rounds; round++ {
		cfg := configs[round%len(configs)]
		ops := history(t, uint64(round), cfg, opsEach)
		for _, o := range ops {
			kinds[o.Input.(op).kind]++
		}
		if got := porcupine.CheckOperationsTimeout(model(cfg.TTL > 0), ops, time.Minute); got != porcupine.Ok {
			t.Fatalf("round %d: %d operations: %s", round, len(ops), got)
		}
	}
	if kind := missing(); kind != "" {
		t.Errorf("no operation %q came up", kind)
	}
	t.Log(kinds)
}

// The check itself must find what it is for.
func TestTheCheckFindsStaleResults(t *testing.T) {
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
		{"a load is joined across the clear of its tag", []at{{"begin", 1, 1, 2}, {"tag", 1, 3, 4}, {"load", 1, 5, 6}}, porcupine.Illegal},
		{"a load is joined across the clear of another tag", []at{{"begin", 1, 1, 2}, {"tag", 0, 3, 4}, {"load", 1, 5, 6}}, porcupine.Ok},
		{"a load revives what has been deleted before", []at{{"put", 1, 1, 2}, {"delete", 0, 3, 4}, {"renew", 1, 5, 6}}, porcupine.Illegal},
		{"a load revives what is deleted while it runs", []at{{"put", 1, 1, 2}, {"renew", 1, 3, 4}, {"delete", 0, 5, 6}, {"commit", 1, 7, 8}, {"hit", 1, 9, 10}}, porcupine.Illegal},
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
