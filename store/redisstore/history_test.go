package redisstore_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/reecho-go/reecho/cachedata"
	"github.com/reecho-go/reecho/cachedata/persist"
	"github.com/reecho-go/reecho/internal/lineartest"
	"github.com/reecho-go/reecho/internal/redistest"
	"github.com/reecho-go/reecho/internal/soaktest"
	"github.com/reecho-go/reecho/store"
	"github.com/reecho-go/reecho/store/redisstore"
)

func TestCallsAreLinearizable(t *testing.T) {
	t.Parallel()
	for name, trouble := range map[string]func(t *testing.T, server *redistest.Server, p proxy){
		"in peace": func(*testing.T, *redistest.Server, proxy) {},
		"with cuts": func(_ *testing.T, _ *redistest.Server, p proxy) {
			p.cut()
		},
		"with pauses": func(t *testing.T, server *redistest.Server, _ proxy) {
			t.Helper()
			server.Pause(t)
			time.Sleep(20 * time.Millisecond)
			server.Resume(t)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for range soaktest.Rounds(20) {
				server := redistest.Start(t)
				p := newProxy(t, server.Addr)
				stores := make([]store.Store, 3)
				for i := range stores {
					stores[i] = open(t, dial(t, p.Addr), "app")
				}
				done := make(chan struct{})
				var all sync.WaitGroup
				all.Go(func() {
					for pause := 15 * time.Millisecond; ; pause += pause / 4 { // so that calls succeed in between, however busy the machine is
						select {
						case <-done:
							return
						case <-time.After(pause):
							trouble(t, server, p)
						}
					}
				})
				lineartest.Stores(t, soaktest.Seed(), 6, 50, time.Minute, stores...)
				close(done)
				all.Wait()
			}
		})
	}
}

// nodeCall is an operation in the history of a cache on several nodes. Each key of
// each node has a history of its own: which loads have begun on any node, what was got
// on this one, and what was cleared. A clear has two moments: that from which on it is
// in the store, and that from which on this node has heard of it. After the second
// one, nothing is got that was loaded before the first.
type nodeCall struct {
	op   string // begin, get, clear, hear
	key  int    // -1: all
	node int    // -1: all
	how  string
}

var nodeModel = porcupine.Model{
	Partition: func(ops []porcupine.Operation) [][]porcupine.Operation {
		parts := make([][]porcupine.Operation, historyKeys*historyNodes)
		for _, op := range ops {
			for i := range parts {
				c := op.Input.(nodeCall)
				if (c.key == i%historyKeys || c.key == -1) && (c.node == i/historyKeys || c.node == -1) {
					parts[i] = append(parts[i], op)
				}
			}
		}
		return parts
	},
	Init: func() any { return nodeState{} },
	Step: func(state, input, output any) (bool, any) {
		s, v := state.(nodeState), output.(int64)
		switch input.(nodeCall).op {
		case "begin":
			s.loads += fmt.Sprintf(" %d@%d ", v, s.clears)
		case "clear":
			s.clears++
		case "hear":
			s.heard++
			return s.heard <= s.clears, s
		case "get":
			for after := s.heard; after <= s.clears; after++ {
				if strings.Contains(s.loads, fmt.Sprintf(" %d@%d ", v, after)) {
					return true, s
				}
			}
			return false, s
		}
		return true, s
	},
}

// nodeState is of one key on one node.
type nodeState struct {
	loads  string // that have begun, and after how many clears
	clears int    // that are in the store
	heard  int    // that this node has heard of
}

const historyNodes = 3

const historyKeys = 3

// historyBudget is what a busy machine rarely takes for a call, and less than the longest pause.
const historyBudget = 2 * time.Second

// historyPatience is how long a node may take to tell or to hear of a change.
const historyPatience = 10 * time.Minute

// nodes are the caches of several processes, and what they have seen.
type nodes struct {
	server *redistest.Server
	proxy  proxy // between the nodes and the server
	all    []*squares
	pages  []*pages        // made of results of the caches; none: the caches are asked
	heard  []*atomic.Int64 // the last marker that each node has heard of
	direct *redisstore.Store
	marker atomic.Int64
	probe  atomic.Int64

	source atomic.Int64
	clock  atomic.Int64
	mu     sync.Mutex
	ops    []porcupine.Operation
}

func (n *nodes) note(client int, c nodeCall, v, began int64) {
	ended := n.clock.Add(1)
	n.mu.Lock()
	defer n.mu.Unlock()
	n.ops = append(n.ops, porcupine.Operation{ClientId: client, Input: c, Call: began, Output: v, Return: ended})
}

// markerKey is among the keys of the cache, and of no use to it.
const markerKey = "cache/app/squares/marker"

func newNodes(t *testing.T, count int, p persist.Config, withPages bool) *nodes {
	t.Helper()
	n := &nodes{server: redistest.Start(t)}
	n.proxy = newProxy(t, n.server.Addr)
	n.direct = open(t, dial(t, n.server.Addr), "app")
	for i := range count {
		client := 1000 + i
		s := open(t, dial(t, n.proxy.Addr), "app")
		n.all = append(n.all, cacheOn(t, s, cachedata.Config{}, p, func(ctx context.Context, key int) (int64, error) {
			cachedata.LoadingFrom(ctx).AddTags("t", fmt.Sprint("tag ", key))
			began := n.clock.Add(1)
			v := n.source.Add(1)
			if key < historyKeys {
				n.note(client, nodeCall{"begin", key, -1, ""}, v, began)
			}
			if v%3 == 0 {
				time.Sleep(time.Duration(v%7) * time.Millisecond)
			}
			return v, nil
		}))
		if withPages {
			n.pages = append(n.pages, pagesOn(t, s, n.all[i], p))
		}
		heard, found := new(atomic.Int64), false
		n.heard = append(n.heard, heard)
		stop := s.Watch(markerKey, store.Listener{ // after the cache, which hears of everything first
			Found: func() { // and has forgotten what was before
				found = true
				heard.Store(n.marker.Load())
			},
			Lost: func(error) { found = false },
			Changed: func(key string) {
				_, number, _ := strings.Cut(key, " ")
				if m, err := strconv.ParseInt(number, 10, 64); err == nil && found {
					heard.Store(m)
				}
			},
		})
		t.Cleanup(stop)
	}
	return n
}

// told waits until the store knows what a node had to say.
func (n *nodes) told(t *testing.T, by *squares) {
	t.Helper()
	ctx := t.Context()
	end := time.Now().Add(historyPatience)
	for { // nothing is read or written before what is pending
		key := 100 + int(n.probe.Add(1))
		v, err := by.Get(ctx, key)
		if err != nil {
			t.Fatal(err)
		}
		witness := cacheOn(t, n.direct, cachedata.Config{}, persist.Config{Budget: historyBudget}, func(context.Context, int) (int64, error) { return -1, nil })
		w, err := witness.Get(ctx, key)
		_ = witness.group.Close(ctx) // nothing is in flight
		if err == nil && w == v {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("the store does not know after %v: %d, %v, want %d", historyPatience, w, err, v)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// heardOf waits until each node has heard of what the store knows.
func (n *nodes) heardOf(t *testing.T) {
	t.Helper()
	ctx, end := t.Context(), time.Now().Add(historyPatience)
	m := n.marker.Add(1)
	for {
		_ = n.direct.Put(ctx, fmt.Sprint(markerKey, " ", m), store.Item{Expires: time.Now().Add(time.Hour)}) // the server may be away
		late := false
		for _, heard := range n.heard {
			late = late || heard.Load() < m
		}
		if !late {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("a node has not heard of it after %v", historyPatience)
		}
		time.Sleep(time.Millisecond)
	}
}

// troubles are what happens between the nodes and the server.
var troubles = map[string]func(t *testing.T, n *nodes, rng *rand.Rand){
	"in peace":  func(*testing.T, *nodes, *rand.Rand) {},
	"with cuts": func(_ *testing.T, n *nodes, _ *rand.Rand) { n.proxy.cut() },
	"with lost replies": func(_ *testing.T, n *nodes, rng *rand.Rand) {
		n.proxy.LoseAnswers(rng.IntN(2) == 0)
		time.AfterFunc(20*time.Millisecond, func() { n.proxy.LoseAnswers(false) })
	},
	"with pauses": func(t *testing.T, n *nodes, rng *rand.Rand) {
		t.Helper()
		n.server.Pause(t)
		long := []time.Duration{5 * time.Millisecond, 100 * time.Millisecond, 2500 * time.Millisecond}
		time.AfterFunc(long[rng.IntN(len(long))], func() { n.server.Resume(t) })
	},
	"with restarts": func(t *testing.T, n *nodes, _ *rand.Rand) {
		t.Helper()
		n.server.Restart(t)
	},
}

func TestNoNodeServesWhatWasClearedOnAnother(t *testing.T) {
	t.Parallel()
	for name, trouble := range troubles {
		for _, single := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, one load for all: %v", name, single), func(t *testing.T) {
				t.Parallel()
				for range soaktest.Rounds(10) {
					seed := soaktest.Seed()
					n := newNodes(t, historyNodes, persist.Config{Budget: historyBudget, SingleFlight: single}, false)
					n.play(t, seed, trouble)
				}
			})
		}
	}
}

// get gets the value of a key on a node, and says how it came by it.
func (n *nodes) get(node, key int) (v int64, hit bool, how string, err error) {
	if n.pages != nil {
		return n.pages[node].get(key)
	}
	v, meta, err := n.all[node].GetMeta(context.Background(), key)
	return v, meta.Source == cachedata.Hit, fmt.Sprintf("%v of age %v", meta.Source, meta.Age), err
}

func (n *nodes) play(t *testing.T, seed uint64, trouble func(*testing.T, *nodes, *rand.Rand)) {
	t.Helper()
	var stop atomic.Bool
	var all sync.WaitGroup
	var hits atomic.Int64
	for i := range n.all {
		for g := range 2 {
			rng := rand.New(rand.NewPCG(seed, uint64(10*i+g)))
			all.Go(func() {
				for !stop.Load() {
					key := rng.IntN(historyKeys)
					began := n.clock.Add(1)
					v, hit, how, err := n.get(i, key)
					if err != nil {
						t.Error(err)
						return
					}
					if hit {
						hits.Add(1)
					}
					n.note(10*i+g, nodeCall{"get", key, i, how}, v, began)
					time.Sleep(time.Duration(rng.IntN(3000)) * time.Microsecond)
				}
			})
		}
	}
	rng := rand.New(rand.NewPCG(seed, 1000))
	for round := 0; round < 12 || hits.Load() == 0 && round < 1000; round++ {
		time.Sleep(time.Duration(rng.IntN(10)) * time.Millisecond)
		if round%3 == 2 {
			trouble(t, n, rng)
		}
		node, key := rng.IntN(len(n.all)), rng.IntN(historyKeys)
		c := n.all[node]
		began := n.clock.Add(1)
		var err error
		kind := rng.IntN(5)
		what := fmt.Sprint([]string{"delete", "tag of key", "tag of all", "all", "group"}[kind], " on ", node)
		switch kind {
		case 0:
			err = c.Delete(t.Context(), key)
		case 1:
			err = c.ClearTag(t.Context(), fmt.Sprint("tag ", key))
		case 2:
			key, err = -1, c.ClearTag(t.Context(), "t")
		case 3:
			key, err = -1, c.Clear(t.Context())
		case 4:
			key, err = -1, c.group.Clear(t.Context())
		}
		if err != nil {
			t.Error(err)
		}
		n.told(t, c)
		n.note(500, nodeCall{"clear", key, -1, what}, 0, began)
		n.heardOf(t)
		n.note(501, nodeCall{"hear", key, -1, what}, 0, began)
	}
	stop.Store(true)
	all.Wait()
	if hits.Load() == 0 {
		t.Error("nothing was served from memory")
	}
	if !porcupine.CheckOperations(nodeModel, n.ops) {
		t.Errorf("seed %d: a node has served what was loaded before a clear that all nodes had heard of", seed)
		n.explain(t)
	}
}

// explain logs the fewest calls that cannot be explained. A load is never left out.
func (n *nodes) explain(t *testing.T) {
	t.Helper()
	for _, ops := range nodeModel.Partition(n.ops) {
		if porcupine.CheckOperations(nodeModel, ops) {
			continue
		}
		for i := 0; i < len(ops); {
			less := slices.Delete(slices.Clone(ops), i, i+1)
			if ops[i].Input.(nodeCall).op == "begin" || porcupine.CheckOperations(nodeModel, less) {
				i++
			} else {
				ops = less
			}
		}
		got := make(map[any]bool)
		for _, op := range ops {
			got[op.Output] = got[op.Output] || op.Input.(nodeCall).op == "get"
		}
		for _, op := range ops {
			if c := op.Input.(nodeCall); c.op != "begin" || got[op.Output] {
				t.Logf("%d to %d: client %d, %s %d of key %d, %s", op.Call, op.Return, op.ClientId, c.op, op.Output, c.key, c.how)
			}
		}
		return
	}
}
