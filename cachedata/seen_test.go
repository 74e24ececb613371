package cachedata_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/reecho-go/reecho/cachedata"
	"github.com/reecho-go/reecho/observe"
)

// fill sets every field of a struct, at any depth, to something that is not zero.
func fill(v reflect.Value) {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i))
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
	case reflect.Func:
		v.Set(reflect.MakeFunc(v.Type(), nil))
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
	case reflect.Interface:
		v.Set(reflect.ValueOf(new(observe.Recorder)))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Float64:
		v.SetFloat(0.5)
	case reflect.Uint8:
		v.SetUint(1)
	default:
		v.SetInt(7)
	}
}

// zeroes lists the fields that are zero.
func zeroes(path string, v reflect.Value) (all []string) {
	if v.Kind() == reflect.Struct {
		for i := range v.NumField() {
			all = append(all, zeroes(path+"."+v.Type().Field(i).Name, v.Field(i))...)
		}
		return all
	}
	if v.IsZero() {
		return []string{path}
	}
	return nil
}

func TestConfigIsReturnedAsItWasGiven(t *testing.T) {
	t.Parallel()
	var all cachedata.Config
	fill(reflect.ValueOf(&all).Elem())
	if left := zeroes("Config", reflect.ValueOf(cachedata.RoundTrip(all))); len(left) > 0 {
		t.Errorf("lost: %q", left)
	}
	c := newCache(t, func(context.Context, int) (int, error) { return 1, nil }, cachedata.Config{TTL: time.Minute, Jitter: 0.1, Stale: cachedata.StaleConfig{For: time.Second}})
	if got := c.Config(); got.TTL != time.Minute || got.Jitter != 0.1 || got.Stale.For != time.Second || got.MaxEntries != 0 {
		t.Errorf("Config() = %+v", got)
	}
}

func TestEveryCallIsCountedOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCache(t, func(context.Context, int) (int, error) {
			time.Sleep(time.Second)
			return 1, nil
		}, cachedata.Config{})
		var wg sync.WaitGroup
		for range 5 {
			wg.Go(func() { _, _ = c.Get(t.Context(), 1) })
		}
		wg.Go(func() { _, _ = c.Refresh(t.Context(), 1) }) // no call that asks for a result
		wg.Wait()
		_, _ = c.Get(t.Context(), 1)
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		go func() { _, _ = c.Get(t.Context(), 2) }()
		synctest.Wait()
		if _, err := c.Get(ctx, 2); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a call that gives up: %v", err)
		}
		time.Sleep(time.Minute)
		s := c.Stats()
		// One of the five may have joined the load of Refresh.
		if s.Hits != 1 || s.Misses != 7 || s.Joined != 5 && s.Joined != 6 {
			t.Errorf("%d hits, %d misses, of which %d joined; want 1, 7 and 5 or 6", s.Hits, s.Misses, s.Joined)
		}
	})
}

// Entries can be acted on by who does not know their types.
func TestEntriesAreDeletedAndRefreshed(t *testing.T) {
	t.Parallel()
	type pair struct{ A, B string }
	loads := map[string]int{}
	c := newCache(t, func(_ context.Context, k pair) (int, error) {
		loads[k.A]++
		return loads[k.A], nil
	}, cachedata.Config{})
	for _, a := range []string{"x", "y", "z"} {
		_, _ = c.Get(t.Context(), pair{A: a})
	}
	for e := range c.Entries() {
		switch e.Key.(pair).A {
		case "x":
			if err := e.Delete(t.Context()); err != nil {
				t.Errorf("Delete: %v", err)
			}
		case "y":
			if err := e.Refresh(t.Context()); err != nil {
				t.Errorf("Refresh: %v", err)
			}
		}
	}
	got := map[string]int{}
	for e := range c.Entries() {
		k := e.Key.(pair)
		got[k.A], _ = c.Peek(t.Context(), k)
	}
	if want := map[string]int{"y": 2, "z": 1}; !reflect.DeepEqual(got, want) {
		t.Errorf("entries %v, want %v", got, want)
	}
	var last cachedata.EntryInfo
	for e := range c.Entries() {
		last = e
	}
	if err := c.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	for name, err := range map[string]error{
		"Delete after Close":  last.Delete(t.Context()),
		"Refresh after Close": last.Refresh(t.Context()),
		"Delete of no cache":  cachedata.EntryInfo{}.Delete(t.Context()),
		"Refresh of no cache": cachedata.EntryInfo{}.Refresh(t.Context()),
	} {
		if !errors.Is(err, cachedata.ErrClosed) {
			t.Errorf("%s: %v, want ErrClosed", name, err)
		}
	}
}

func TestALoadingEntrySaysForHowLong(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCache(t, func(context.Context, int) (int, error) {
			time.Sleep(time.Minute)
			return 1, nil
		}, cachedata.Config{})
		for range 3 {
			go func() { _, _ = c.Get(t.Context(), 1) }()
		}
		time.Sleep(5 * time.Second)
		for e := range c.Entries() {
			if !e.Loading || e.Waiters != 3 || e.Running != 5*time.Second {
				t.Errorf("%+v", e)
			}
		}
		time.Sleep(time.Minute)
	})
}

// tracer notes what it is asked, under the names in contexts.
type tracer struct {
	observe.Recorder
	mu    sync.Mutex
	notes []string
	fails bool
}

type traceKey struct{}

func nameIn(ctx context.Context) any { return ctx.Value(traceKey{}) }

func (tr *tracer) note(format string, args ...any) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	tr.notes = append(tr.notes, fmt.Sprintf(format, args...))
}

func (tr *tracer) StartLoad(ctx context.Context, s observe.Source) context.Context {
	tr.note("start %s", s.Cache)
	if tr.fails {
		panic("tracer")
	}
	return context.WithValue(ctx, traceKey{}, "load")
}

func (tr *tracer) JoinedLoad(ctx, load context.Context, _ observe.Source) {
	tr.note("%v joined %v", nameIn(ctx), nameIn(load))
}

func (tr *tracer) Observe(ctx context.Context, ev observe.Event) {
	if _, ok := ev.(observe.CacheLoad); ok {
		tr.note("loaded in %v", nameIn(ctx))
	}
}

func TestTracersFollowLoads(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		cfg  cachedata.Config
		fail bool
		sole bool // there is no other observer
		want string
	}{
		{name: "plain", want: "[start cache inside load loaded in load waiter joined load]"},
		{name: "fail-safe", cfg: cachedata.Config{TTL: time.Hour, Stale: cachedata.StaleConfig{OnError: time.Hour}}, want: "[start cache inside load loaded in load waiter joined load]"},
		{name: "a tracer alone", sole: true, want: "[start cache inside load loaded in load waiter joined load]"},
		{name: "a tracer alone that panics", sole: true, fail: true, want: "[start cache inside <nil> loaded in <nil>]"},
		{name: "a tracer that panics", fail: true, want: "[start cache inside <nil> loaded in <nil>]"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				tr := &tracer{fails: tt.fail}
				g, err := cachedata.NewGroup("traced", cachedata.GroupConfig{Observer: tr})
				if err != nil {
					t.Fatal(err)
				}
				if !tt.sole {
					g.Observe(new(observe.Recorder)) // no tracer
				}
				tt.cfg.Group = g
				c, err := cachedata.New("cache", func(ctx context.Context, _ int) (int, error) {
					tr.note("inside %v", nameIn(ctx))
					time.Sleep(time.Second)
					return 1, nil
				}, tt.cfg)
				if err != nil {
					t.Fatal(err)
				}
				go func() { _, _ = c.Get(t.Context(), 1) }()
				synctest.Wait()
				if _, err := c.Get(context.WithValue(t.Context(), traceKey{}, "waiter"), 1); err != nil {
					t.Error(err)
				}
				synctest.Wait()
				if got := fmt.Sprint(tr.notes); got != tt.want {
					t.Errorf("got  %s\nwant %s", got, tt.want)
				}
			})
		})
	}
}

// A call of several keys that waits for loads of others follows each of them once,
// and none of its own.
func TestTracersFollowLoadsOfSeveralKeys(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		ask  []int
		want []string // what the second call has joined
	}{
		"keys of one load":          {[]int{1, 2, 3}, []string{"[1 2 3]"}},
		"a key of one load":         {[]int{2}, []string{"[1 2 3]"}},
		"keys of two loads":         {[]int{3, 4, 5, 1}, []string{"[1 2 3]", "[4 5]"}},
		"some keys of its own":      {[]int{1, 8, 9}, []string{"[1 2 3]"}},
		"keys of its own alone":     {[]int{8, 9}, nil},
		"a key of its own, twice":   {[]int{8, 8, 9, 8}, nil},
		"a key of another's, twice": {[]int{1, 1}, []string{"[1 2 3]"}},
		"the load of a single key":  {[]int{7, 1, 5}, []string{"[1 2 3]", "[4 5]", "[7]"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				tr := new(keyed)
				g, err := cachedata.NewGroup("traced", cachedata.GroupConfig{Observer: tr})
				if err != nil {
					t.Fatal(err)
				}
				c, err := cachedata.NewBatch("cache", func(ctx context.Context, keys []int) (map[int]int, error) {
					all := make(map[int]int)
					for _, k := range keys {
						all[k] = k
					}
					slices.Sort(keys)
					ctx.Value(traceKey{}).(*keysOf).keys = fmt.Sprint(keys)
					time.Sleep(time.Second)
					return all, nil
				}, cachedata.Config{Group: g})
				if err != nil {
					t.Fatal(err)
				}
				ask := func(keys ...int) { _, _ = c.GetMany(t.Context(), keys) }
				go ask(1, 2, 3)
				go ask(4, 5)
				go func() { _, _ = c.Get(t.Context(), 7) }()
				synctest.Wait()
				tr.joined = nil
				ask(tt.ask...)
				synctest.Wait()
				slices.Sort(tr.joined)
				if !slices.Equal(tr.joined, tt.want) {
					t.Errorf("joined %q, want %q", tr.joined, tt.want)
				}
				if err := g.Close(t.Context()); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// keyed notes which loads calls have joined, by their keys.
type keyed struct {
	observe.Recorder
	mu     sync.Mutex
	joined []string
}

type keysOf struct{ keys string }

func (k *keyed) StartLoad(ctx context.Context, _ observe.Source) context.Context {
	return context.WithValue(ctx, traceKey{}, new(keysOf))
}

func (k *keyed) JoinedLoad(_, load context.Context, _ observe.Source) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.joined = append(k.joined, load.Value(traceKey{}).(*keysOf).keys)
}

// blunt is a tracer that panics when a call has joined a load.
type blunt struct{ observe.Recorder }

func (*blunt) StartLoad(ctx context.Context, _ observe.Source) context.Context {
	return context.WithValue(ctx, traceKey{}, "load")
}

func (*blunt) JoinedLoad(context.Context, context.Context, observe.Source) { panic("tracer") }

// A tracer that panics when calls have waited fails none of them.
func TestWaitersOutliveATracerThatPanics(t *testing.T) {
	t.Parallel()
	for name, ask := range map[string]func(context.Context, *cachedata.Batch[int, int]) error{
		"a key": func(ctx context.Context, c *cachedata.Batch[int, int]) error {
			_, err := c.Get(ctx, 1)
			return err
		},
		"several keys": func(ctx context.Context, c *cachedata.Batch[int, int]) error {
			_, err := c.GetMany(ctx, []int{1, 2})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				for _, cfg := range []cachedata.Config{{}, {TTL: time.Hour, Stale: cachedata.StaleConfig{OnError: time.Hour}}} {
					g, err := cachedata.NewGroup("g", cachedata.GroupConfig{Observer: new(blunt)})
					if err != nil {
						t.Fatal(err)
					}
					cfg.Group = g
					c, err := cachedata.NewBatch("cache", func(_ context.Context, keys []int) (map[int]int, error) {
						time.Sleep(time.Second)
						return map[int]int{1: 1, 2: 2}, nil
					}, cfg)
					if err != nil {
						t.Fatal(err)
					}
					go func() { _, _ = c.GetMany(t.Context(), []int{1, 2}) }()
					synctest.Wait()
					if err := ask(t.Context(), c); err != nil {
						t.Error(err)
					}
					if err := g.Close(t.Context()); err != nil {
						t.Error(err)
					}
				}
			})
		})
	}
}
