package persist_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/reecho-go/reecho/cachedata"
	"github.com/reecho-go/reecho/cachedata/persist"
	"github.com/reecho-go/reecho/internal/leaktest"
	"github.com/reecho-go/reecho/internal/soaktest"
	"github.com/reecho-go/reecho/observe"
	"github.com/reecho-go/reecho/store"
	"github.com/reecho-go/reecho/store/memstore"
	"github.com/reecho-go/reecho/store/storetest"
)

// keeper is a store in memory that outlives the caches of a test.
func keeper(t testing.TB) *memstore.Store {
	s := memstore.Must(memstore.New(memstore.Config{}))
	t.Cleanup(func() { _ = s.Close(context.Background()) }) // it waits for nothing
	return s
}

type item struct {
	Name string
	In   []string
	At   time.Time
}

// process is a cache as a process has it, with a group of its own.
type process struct {
	*cachedata.Cache[string, item]
	group  *cachedata.Group
	events *observe.Recorder
	loads  atomic.Int64
	result func(ctx context.Context, key string) (item, error)
}

func run(t testing.TB, s store.Store, cfg cachedata.Config, o persist.Config) *process {
	t.Helper()
	p := &process{events: new(observe.Recorder)}
	p.result = func(_ context.Context, key string) (item, error) {
		return item{Name: fmt.Sprint(key, " ", p.loads.Load()), In: []string{"a"}, At: time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)}, nil
	}
	g, err := cachedata.NewGroup("app", cachedata.GroupConfig{})
	if err != nil {
		t.Fatal(err)
	}
	p.group, cfg.Group, cfg.Observer, cfg.Store = g, g, p.events, persist.In(s, o)
	p.Cache, err = cachedata.New("items", func(ctx context.Context, key string) (item, error) {
		p.loads.Add(1)
		return p.result(ctx, key)
	}, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.stop)
	return p
}

// patient is for tests outside of bubbles, where a busy machine may take longer than the default budget.
var patient = persist.Config{Budget: time.Minute}

func (p *process) stop() { _ = p.group.Close(context.Background()) }

func (p *process) wants(t testing.TB, key, name string, source cachedata.Source) cachedata.Meta {
	t.Helper()
	v, meta, err := p.GetMeta(t.Context(), key)
	if err != nil || v.Name != name || meta.Source != source {
		t.Errorf("GetMeta(%s) = %q from %v, %v, want %q from %v", key, v.Name, meta.Source, err, name, source)
	}
	return meta
}

func TestMain(m *testing.M) { leaktest.Main(m) }

func TestResultsSurviveARestartWithTheirTimes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := keeper(t)
		first := run(t, s, cachedata.Config{TTL: time.Hour}, persist.Config{})
		first.wants(t, "k", "k 1", cachedata.Load)
		first.wants(t, "k", "k 1", cachedata.Hit)
		first.stop()
		time.Sleep(20 * time.Minute)

		again := run(t, s, cachedata.Config{TTL: time.Hour}, persist.Config{})
		meta := again.wants(t, "k", "k 1", cachedata.Stored)
		if left := time.Until(meta.Expires); meta.Age != 20*time.Minute || left != 40*time.Minute {
			t.Errorf("%+v, %v left", meta, left)
		}
		again.wants(t, "k", "k 1", cachedata.Hit)
		if st := again.Stats(); st.Stored != 1 || st.Loads != 0 || st.Misses != 1 || st.Hits != 1 {
			t.Errorf("Stats() = %+v", st)
		}
		time.Sleep(40 * time.Minute)
		again.wants(t, "k", "k 1", cachedata.Load) // its own first
		again.stop()
		time.Sleep(time.Hour)
		run(t, s, cachedata.Config{TTL: time.Hour}, persist.Config{}).wants(t, "k", "k 1", cachedata.Load)
	})
}

func TestWhatHasExpiredSurvivesARestartToBeServedAsStale(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := keeper(t)
		cfg := cachedata.Config{TTL: time.Hour, Stale: cachedata.StaleConfig{For: time.Hour, OnError: 3 * time.Hour}, Errors: cachedata.ErrorConfig{TTL: time.Hour}}
		first := run(t, s, cfg, persist.Config{})
		first.wants(t, "k", "k 1", cachedata.Load)
		first.stop()
		time.Sleep(90 * time.Minute)

		again := run(t, s, cfg, persist.Config{})
		meta := again.wants(t, "k", "k 1", cachedata.Stale) // and it is refreshed
		if left := time.Until(meta.Expires); meta.Age != 90*time.Minute || left != -30*time.Minute {
			t.Errorf("%+v, expires in %v", meta, left)
		}
		synctest.Wait()
		again.wants(t, "k", "k 1", cachedata.Hit) // of its own first load
		if again.loads.Load() != 1 {
			t.Errorf("%d loads", again.loads.Load())
		}
		again.stop()
		time.Sleep(3 * time.Hour)

		broken := run(t, s, cfg, persist.Config{})
		away := errors.New("the origin is away")
		broken.result = func(context.Context, string) (item, error) { return item{}, away }
		broken.wants(t, "k", "k 1", cachedata.FailSafe)
		broken.wants(t, "k", "k 1", cachedata.FailSafe) // and the origin is left alone for a while
		if st := broken.Stats(); st.LoadErrors != 1 || st.Loads != 1 {
			t.Errorf("Stats() = %+v", st)
		}
		broken.result = func(context.Context, string) (item, error) { return item{}, cachedata.ErrNotFound }
		time.Sleep(time.Minute)
		if _, err := broken.Get(t.Context(), "k"); !errors.Is(err, cachedata.ErrNotFound) {
			t.Errorf("there is nothing any more: %v", err)
		}
		broken.stop()

		gone := run(t, s, cfg, persist.Config{})
		gone.result = func(context.Context, string) (item, error) { return item{}, away }
		if _, err := gone.Get(t.Context(), "k"); !errors.Is(err, away) {
			t.Errorf("what was not found comes back: %v", err)
		}
	})
}

func TestClearsAndChangesReachTheStore(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(context.Context, *process) error{
		"delete": func(ctx context.Context, p *process) error { return p.Delete(ctx, "k") },
		"clear":  func(ctx context.Context, p *process) error { return p.Clear(ctx) },
		"clear func": func(ctx context.Context, p *process) error {
			return p.ClearFunc(ctx, func(k string) bool { return k == "k" })
		},
		"clear tag": func(ctx context.Context, p *process) error { return p.ClearTag(ctx, "t") },
		"group":     func(ctx context.Context, p *process) error { return p.group.Clear(ctx) },
		"group tag": func(ctx context.Context, p *process) error { return p.group.ClearTag(ctx, "t") },
		"no store": func(ctx context.Context, p *process) error {
			p.result = func(ctx context.Context, _ string) (item, error) {
				cachedata.LoadingFrom(ctx).NoStore()
				return item{}, nil
			}
			_, err := p.Refresh(ctx, "k")
			return err
		},
		"not found": func(ctx context.Context, p *process) error {
			p.result = func(context.Context, string) (item, error) { return item{}, cachedata.ErrNotFound }
			if _, err := p.Refresh(ctx, "k"); !errors.Is(err, cachedata.ErrNotFound) {
				return fmt.Errorf("Refresh: %w", err)
			}
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := keeper(t)
			first := run(t, s, cachedata.Config{}, patient)
			first.result = func(ctx context.Context, key string) (item, error) {
				cachedata.LoadingFrom(ctx).AddTags("t")
				return item{Name: "old"}, nil
			}
			first.wants(t, "other", "old", cachedata.Load) // the tag is known
			first.wants(t, "k", "old", cachedata.Load)
			run(t, s, cachedata.Config{}, patient).wants(t, "k", "old", cachedata.Stored)
			if err := change(t.Context(), first); err != nil {
				t.Fatal(err)
			}
			first.stop()
			run(t, s, cachedata.Config{}, patient).wants(t, "k", "k 1", cachedata.Load)
		})
	}
}

// The store comes first: what is loaded until it knows is dropped from memory too.
func TestWhatIsLoadedDuringADeleteIsNotServedAfterIt(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(context.Context, *process) error{
		"delete":    func(ctx context.Context, p *process) error { return p.Delete(ctx, "k") },
		"clear":     func(ctx context.Context, p *process) error { return p.Clear(ctx) },
		"clear tag": func(ctx context.Context, p *process) error { return p.ClearTag(ctx, "t") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := storetest.Faulty(keeper(t))
				p := run(t, s, cachedata.Config{}, persist.Config{Budget: time.Minute})
				p.result = func(ctx context.Context, key string) (item, error) {
					cachedata.LoadingFrom(ctx).AddTags("t")
					return item{Name: fmt.Sprint(key, " ", p.loads.Load())}, nil
				}
				p.wants(t, "another", "another 1", cachedata.Load) // the clock is there
				s.Inject(storetest.Fault{Delay: time.Second, Times: -1})
				done := make(chan error)
				go func() { done <- change(t.Context(), p) }()
				time.Sleep(500 * time.Millisecond)
				p.wants(t, "k", "k 2", cachedata.Load)
				if err := <-done; err != nil {
					t.Error(err)
				}
				s.Heal()
				p.wants(t, "k", "k 3", cachedata.Load)
			})
		})
	}
}

func TestPutsAndRefreshesAreInTheStore(t *testing.T) {
	t.Parallel()
	s := keeper(t)
	first := run(t, s, cachedata.Config{}, patient)
	if err := first.Put(t.Context(), "put", item{Name: "mine"}, cachedata.PutOptions{Tags: []string{"t"}}); err != nil {
		t.Fatal(err)
	}
	first.wants(t, "k", "k 1", cachedata.Load)
	if v, err := first.Refresh(t.Context(), "k"); err != nil || v.Name != "k 2" {
		t.Errorf("Refresh: %v, %v", v, err)
	}
	again := run(t, s, cachedata.Config{}, patient)
	again.wants(t, "k", "k 2", cachedata.Stored)
	again.wants(t, "put", "mine", cachedata.Stored)
	if err := again.ClearTag(t.Context(), "t"); err != nil {
		t.Fatal(err)
	}
	run(t, s, cachedata.Config{}, patient).wants(t, "put", "put 1", cachedata.Load)
}

// What a Refresh has replaced does not come back because the store could not take the
// new result.
func TestWhatWasRefreshedDoesNotComeBackFromTheStore(t *testing.T) {
	t.Parallel()
	for name, faults := range map[string][]storetest.Fault{
		"it cannot be written":        {{Op: "swap", Times: -1}},
		"the store cannot be read":    {{Op: "get", Times: -1}, {Op: "getmany", Times: -1}},
		"it is written, and not told": {{Op: "swap", Times: -1, Lost: true}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := keeper(t)
				run(t, s, cachedata.Config{}, persist.Config{}).wants(t, "k", "k 1", cachedata.Load)
				faulty := storetest.Faulty(s)
				p := run(t, faulty, cachedata.Config{}, persist.Config{})
				p.wants(t, "k", "k 1", cachedata.Stored)
				p.loads.Store(10)
				faulty.Inject(faults...)
				if v, err := p.Refresh(t.Context(), "k"); err != nil || v.Name != "k 11" {
					t.Fatalf("Refresh: %v, %v", v, err)
				}
				faulty.Heal()
				time.Sleep(time.Hour)                           // the breaker lets a call through
				p.wants(t, "other", "other 12", cachedata.Load) // before which it tells the store
				again := run(t, s, cachedata.Config{}, persist.Config{})
				again.loads.Store(20)
				if v, err := again.Get(t.Context(), "k"); err != nil || v.Name == "k 1" {
					t.Errorf("a new process has %v, %v, which was refreshed", v, err)
				}
			})
		})
	}
}

func TestErrorsAndWhatIsNotKeptAreNotInTheStore(t *testing.T) {
	t.Parallel()
	s := keeper(t)
	first := run(t, s, cachedata.Config{Errors: cachedata.ErrorConfig{TTL: time.Hour}}, patient)
	broken := errors.New("broken")
	first.result = func(context.Context, string) (item, error) { return item{}, broken }
	if _, err := first.Get(t.Context(), "k"); !errors.Is(err, broken) {
		t.Errorf("Get: %v", err)
	}
	run(t, s, cachedata.Config{}, patient).wants(t, "k", "k 1", cachedata.Load)
}

func TestABatchTakesFromTheStoreWhatIsThere(t *testing.T) {
	t.Parallel()
	s := keeper(t)
	batch := func() (*cachedata.Batch[int, item], *[]int) {
		g, err := cachedata.NewGroup("app", cachedata.GroupConfig{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = g.Close(context.Background()) }) // nothing is in flight
		asked := new([]int)
		b, err := cachedata.NewBatch("items", func(_ context.Context, keys []int) (map[int]item, error) {
			*asked = append(*asked, keys...)
			m := make(map[int]item)
			for _, k := range keys {
				if k%5 != 0 {
					m[k] = item{Name: fmt.Sprint(k)}
				}
			}
			return m, nil
		}, cachedata.Config{Group: g, Store: persist.In(s, patient)})
		if err != nil {
			t.Fatal(err)
		}
		return b, asked
	}
	first, _ := batch()
	if m, err := first.GetMany(t.Context(), []int{1, 2, 3, 5}); err != nil || len(m) != 3 {
		t.Fatalf("GetMany: %v, %v", m, err)
	}
	again, asked := batch()
	m, err := again.GetMany(t.Context(), []int{1, 2, 3, 4, 5})
	if err != nil || len(m) != 4 || m[2].Name != "2" || !reflect.DeepEqual(*asked, []int{4, 5}) {
		t.Errorf("GetMany: %v, %v; loaded %v", m, err, *asked)
	}
}

func TestABatchIsStoredWithinOneBudget(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		inner := keeper(t)
		const many, budget, delay = 100, 100 * time.Millisecond, 30 * time.Millisecond
		s := storetest.Faulty(inner, storetest.Fault{Op: "swap", Delay: delay, Times: -1})
		load := func(_ context.Context, keys []int) (map[int]int, error) {
			found := make(map[int]int)
			for _, key := range keys {
				found[key] = key
			}
			return found, nil
		}
		all := make([]int, many)
		for i := range all {
			all[i] = i
		}
		for _, want := range []struct {
			s      store.Store
			loads  uint64
			within time.Duration
		}{{s, many, budget}, {inner, 0, 0}} {
			g, err := cachedata.NewGroup("g", cachedata.GroupConfig{})
			if err != nil {
				t.Fatal(err)
			}
			c, err := cachedata.NewBatch("c", load, cachedata.Config{Group: g, Store: persist.In(want.s, persist.Config{Budget: budget})})
			if err != nil {
				t.Fatal(err)
			}
			began := time.Now()
			if _, err := c.GetMany(t.Context(), all); err != nil {
				t.Fatal(err)
			}
			if took := time.Since(began); took > want.within {
				t.Errorf("it took %v, want %v at most", took, want.within)
			}
			if n := c.Stats().Loads; n != want.loads {
				t.Errorf("%d loads, want %d", n, want.loads)
			}
			_ = g.Close(t.Context()) // nothing is in flight
		}
	})
}

func TestNewRefusesAStoreThatCannotBeRight(t *testing.T) {
	t.Parallel()
	type hidden struct{ n int }
	_ = hidden{n: 1}
	refused := func(s store.Store, scope cachedata.Scope, o persist.Config) error {
		_, err := cachedata.New(t.Name(), func(context.Context, int) (hidden, error) { return hidden{}, nil },
			cachedata.Config{Scope: scope, Store: persist.In(s, o)})
		return err
	}
	for want, err := range map[string]error{
		"the store is nil":  refused(nil, cachedata.Global, persist.Config{}),
		"Budget is -1ns":    refused(keeper(t), cachedata.Global, persist.Config{Budget: -1}),
		"those of sessions": refused(keeper(t), cachedata.Session, persist.Config{}),
		"not exported":      refused(keeper(t), cachedata.Global, persist.Config{}),
		"store.Swapper":     refused(struct{ store.Store }{keeper(t)}, cachedata.Global, persist.Config{}),
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("New: %v, want %q", err, want)
		}
	}
}

func TestAStoreThatIsAwayCostsACallItsBudgetAtMost(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const budget = 100 * time.Millisecond
		s := storetest.Faulty(keeper(t), storetest.Fault{Hang: true, Times: -1})
		p := run(t, s, cachedata.Config{}, persist.Config{Budget: budget})
		p.result = func(_ context.Context, key string) (item, error) {
			time.Sleep(time.Second)
			return item{Name: key}, nil
		}
		for i := range 10 {
			began := time.Now()
			p.wants(t, fmt.Sprint(i), fmt.Sprint(i), cachedata.Load)
			if took := time.Since(began); took > time.Second+budget {
				t.Errorf("call %d took %v", i, took)
			}
			p.wants(t, fmt.Sprint(i), fmt.Sprint(i), cachedata.Hit)
		}
		failures := 0
		for _, e := range p.events.Events() {
			if _, ok := e.(observe.StoreFailure); ok {
				failures++
			}
		}
		if failures != 1 {
			t.Errorf("%d events of the store, want 1", failures)
		}
		if s := p.Stats(); s.StoreErrors < 3 || s.StoreSkipped == 0 || s.StoreDown != 1 || p.group.Stats().StoreDown != 1 {
			t.Errorf("%d errors, %d calls that were skipped, %d down", s.StoreErrors, s.StoreSkipped, s.StoreDown)
		}
	})
}

func TestAClearCostsItsBudgetHoweverManyCachesAndTagsItHas(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const budget = 100 * time.Millisecond
		s := storetest.Faulty(keeper(t), storetest.Fault{Hang: true, Times: -1})
		p := run(t, s, cachedata.Config{}, persist.Config{Budget: budget})
		for i := range 5 {
			load := func(context.Context, string) (int, error) { return 1, nil }
			if _, err := cachedata.New(fmt.Sprint("more ", i), load, cachedata.Config{Group: p.group, Store: persist.In(s, persist.Config{Budget: budget})}); err != nil {
				t.Fatal(err)
			}
		}
		for name, change := range map[string]func() error{
			"tags":  func() error { return p.group.ClearTag(t.Context(), "a", "b", "c") },
			"group": func() error { return p.group.Clear(t.Context()) },
		} {
			began := time.Now()
			if err := change(); err != nil {
				t.Error(err)
			}
			if took := time.Since(began); took != budget {
				t.Errorf("%s: it took %v, want %v", name, took, budget)
			}
		}
	})
}

func TestWritesBehindAreDoneWhenTheCacheIsClosed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		inner := keeper(t)
		s := storetest.Faulty(inner, storetest.Fault{Op: "swap", Delay: 50 * time.Millisecond, Times: -1})
		p := run(t, s, cachedata.Config{}, persist.Config{WriteBehind: true, Budget: time.Second})
		began := time.Now()
		p.wants(t, "a", "a 1", cachedata.Load) // which makes the clock
		p.wants(t, "b", "b 2", cachedata.Load)
		if took := time.Since(began); took > 50*time.Millisecond {
			t.Errorf("the answers took %v", took)
		}
		p.stop()
		run(t, inner, cachedata.Config{}, persist.Config{}).wants(t, "b", "b 2", cachedata.Stored)
	})
}

// Random histories of one process over a store, with evictions at once, so that the
// store answers most calls: what is served was loaded after the last clear that had
// returned when the call began.
func TestNothingFromBeforeAClearComesFromTheStore(t *testing.T) {
	t.Parallel()
	seed := soaktest.Seed()
	var stored atomic.Int64
	rounds := soaktest.Rounds(60)
	for round := 0; round < rounds || stored.Load() == 0 && round < 20*rounds; round++ {
		s := storetest.Faulty(keeper(t))
		var source atomic.Int64 // what a load returns grows
		p := run(t, s, cachedata.Config{MaxEntries: 1}, persist.Config{Budget: time.Minute})
		p.result = func(ctx context.Context, key string) (item, error) {
			cachedata.LoadingFrom(ctx).AddTags("tag " + key)
			n := source.Add(1)
			if n%3 == 0 {
				time.Sleep(time.Duration(n%7) * 100 * time.Microsecond)
			}
			return item{Name: fmt.Sprint(n)}, nil
		}
		var oldest [3]atomic.Int64
		var all sync.WaitGroup
		for w := range 6 {
			rng := rand.New(rand.NewPCG(seed, uint64(round*10+w)))
			all.Go(func() {
				for range 150 {
					k := rng.IntN(3)
					key := fmt.Sprint(k)
					raise := func(k int, to int64) {
						for {
							now := oldest[k].Load()
							if now >= to || oldest[k].CompareAndSwap(now, to) {
								return
							}
						}
					}
					var err error
					switch rng.IntN(12) {
					case 0:
						before := source.Load()
						if err = p.Delete(t.Context(), key); err == nil {
							raise(k, before)
						}
					case 1:
						before := source.Load()
						if err = p.ClearTag(t.Context(), "tag "+key); err == nil {
							raise(k, before)
						}
					case 2:
						before := source.Load()
						if err = p.group.Clear(t.Context()); err == nil {
							for k := range oldest {
								raise(k, before)
							}
						}
					case 3:
						_, err = p.Refresh(t.Context(), key)
					case 4:
						if rng.IntN(8) == 0 { // after three in a row the store is left alone
							s.Inject(storetest.Fault{Lost: rng.IntN(2) == 0})
						}
					default:
						least := oldest[k].Load()
						var v item
						var meta cachedata.Meta
						v, meta, err = p.GetMeta(t.Context(), key)
						var n int64
						_, _ = fmt.Sscan(v.Name, &n)
						if err == nil && n <= least {
							t.Errorf("seed %d, round %d: %s is %d from %v, and %d was cleared", seed, round, key, n, meta.Source, least)
						}
						if meta.Source == cachedata.Stored {
							stored.Add(1)
						}
					}
					if err != nil {
						t.Error(err)
					}
				}
			})
		}
		all.Wait()
		p.stop()
	}
	if stored.Load() == 0 {
		t.Error("no result came from the store")
	}
}

func TestAStoreThatIsBackIsTold(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := storetest.Faulty(keeper(t), storetest.Fault{Err: errors.New("away"), Times: 3})
		p := run(t, s, cachedata.Config{}, persist.Config{})
		for i := range 4 {
			_, _ = p.Get(t.Context(), fmt.Sprint(i))
		}
		if s := p.Stats(); s.StoreDown != 1 {
			t.Fatalf("%+v", s)
		}
		time.Sleep(time.Minute)
		_, _ = p.Get(t.Context(), "later")
		_, _ = p.Get(t.Context(), "and later")
		back := observe.Of[observe.StoreBack](p.events)
		if len(back) != 1 || back[0].Owner != "cachedata: items" || back[0].Down != time.Minute || p.Stats().StoreDown != 0 {
			t.Errorf("events %+v, %d down", back, p.Stats().StoreDown)
		}
	})
}
