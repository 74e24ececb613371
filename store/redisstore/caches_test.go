package redisstore_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"github.com/reecho-go/reecho/cachedata"
	"github.com/reecho-go/reecho/cachedata/persist"
	"github.com/reecho-go/reecho/internal/redistest"
	"github.com/reecho-go/reecho/observe"
	"github.com/reecho-go/reecho/store"
)

// squares is a cache of squares over a store, in a group of its own, as a process
// has it.
type squares struct {
	*cachedata.Cache[int, int64]
	group  *cachedata.Group
	loads  atomic.Int64
	events observe.Recorder
}

func cacheOn(t *testing.T, s store.Store, cfg cachedata.Config, p persist.Config, load func(context.Context, int) (int64, error)) *squares {
	t.Helper()
	g, err := cachedata.NewGroup("app", cachedata.GroupConfig{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = g.Close(context.Background()) }) // nothing is in flight
	c := &squares{group: g}
	cfg.Group, cfg.Observer, cfg.Store = g, &c.events, persist.In(s, p)
	if c.Cache, err = cachedata.New("squares", func(ctx context.Context, n int) (int64, error) {
		c.loads.Add(1)
		return load(ctx, n)
	}, cfg); err != nil {
		t.Fatal(err)
	}
	return c
}

func square(_ context.Context, n int) (int64, error) { return int64(n) * int64(n), nil }

func (c *squares) wants(t *testing.T, n int, source cachedata.Source) {
	t.Helper()
	v, meta, err := c.GetMeta(t.Context(), n)
	if err != nil || v != int64(n)*int64(n) || meta.Source != source {
		t.Errorf("GetMeta(%d) = %d from %v, %v, want it from %v", n, v, meta.Source, err, source)
	}
}

// serves reports whether wants would succeed. What a process has in memory leaves it when the
// process begins to hear, or has not heard for a second, as on a busy machine.
func (c *squares) serves(t *testing.T, n int, source cachedata.Source) bool {
	t.Helper()
	v, meta, err := c.GetMeta(t.Context(), n)
	return err == nil && v == int64(n)*int64(n) && meta.Source == source
}

func TestCachesShareResultsAndClearsThroughTheServer(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	one := cacheOn(t, open(t, dial(t, server.Addr), "app"), cachedata.Config{TTL: time.Hour}, persist.Config{Budget: time.Minute}, square)
	other := cacheOn(t, open(t, dial(t, server.Addr), "app"), cachedata.Config{TTL: time.Hour}, persist.Config{Budget: time.Minute}, square)
	one.wants(t, 7, cachedata.Load)
	other.wants(t, 7, cachedata.Stored)
	if err := other.Delete(t.Context(), 7); err != nil {
		t.Fatal(err)
	}
	other.wants(t, 7, cachedata.Load)
	if err := one.group.Clear(t.Context()); err != nil {
		t.Fatal(err)
	}
	one.wants(t, 7, cachedata.Load) // also what the other has stored meanwhile
	third := cacheOn(t, open(t, dial(t, server.Addr), "app"), cachedata.Config{TTL: time.Hour}, persist.Config{Budget: time.Minute}, square)
	third.wants(t, 7, cachedata.Stored)
	for _, e := range third.events.Events() {
		if failure, ok := e.(observe.StoreFailure); ok {
			t.Errorf("%+v", failure)
		}
	}
}

func TestACacheWorksOnWhileTheServerIsPausedAndComesBack(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	const budget = 500 * time.Millisecond
	c := cacheOn(t, open(t, dial(t, server.Addr), "app"), cachedata.Config{}, persist.Config{Budget: budget}, square)
	c.wants(t, 0, cachedata.Load)
	server.Pause(t)
	for n := 1; n <= 20; n++ {
		c.wants(t, n, cachedata.Load)
		c.holds(t, n)
	}
	if err := c.Delete(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	server.Resume(t)
	failures := 0
	for _, e := range c.events.Events() {
		if f, ok := e.(observe.StoreFailure); ok && f.Op != "watch" { // which a long pause ends, too
			failures++
		}
	}
	if failures != 1 {
		t.Errorf("%d events of the store, want 1", failures)
	}
	again := cacheOn(t, open(t, dial(t, server.Addr), "app"), cachedata.Config{}, persist.Config{Budget: time.Minute}, square)
	for n := 1000; ; n++ { // until the cache has found it again
		c.wants(t, n, cachedata.Load)
		if _, meta, err := again.GetMeta(t.Context(), n); err != nil || meta.Source == cachedata.Stored {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	// What was deleted while it was away is deleted.
	if _, meta, err := again.GetMeta(t.Context(), 0); err != nil || meta.Source != cachedata.Load {
		t.Errorf("what was deleted comes from %v, %v", meta.Source, err)
	}
}

func TestACacheLoadsAgainWhenTheServerHasLostItsData(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	s := open(t, dial(t, server.Addr), "app")
	fresh := func() *squares { return cacheOn(t, s, cachedata.Config{}, persist.Config{Budget: time.Minute}, square) }
	fresh().wants(t, 7, cachedata.Load)
	fresh().wants(t, 7, cachedata.Stored)
	server.Restart(t)
	fresh().wants(t, 7, cachedata.Load)
	for { // The client has several connections, and each finds out for itself that it was cut.
		v, meta, err := fresh().GetMeta(t.Context(), 7)
		if err != nil || v != 49 || meta.Source != cachedata.Load && meta.Source != cachedata.Stored {
			t.Fatalf("GetMeta(7) = %d from %v, %v", v, meta.Source, err)
		}
		if meta.Source == cachedata.Stored {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// What something else has written where a cache keeps its results is a miss and an
// event, and the next result takes its place.
func TestACacheDropsWhatItCannotRead(t *testing.T) {
	t.Parallel()
	client := dial(t, redistest.Start(t).Addr)
	s := open(t, client, "app")
	fresh := func() *squares { return cacheOn(t, s, cachedata.Config{}, persist.Config{Budget: time.Minute}, square) }
	fresh().wants(t, 7, cachedata.Load)
	spoils := map[string]func(key string) rueidis.Completed{
		"by hand": func(key string) rueidis.Completed { return client.B().Set().Key(key).Value("49").Build() },
		"cut off": func(key string) rueidis.Completed {
			return client.B().Set().Key(key).Value(strings.Repeat("0", 20)).Build()
		},
		"longer": func(key string) rueidis.Completed { return client.B().Append().Key(key).Value("x").Build() },
		"huge": func(key string) rueidis.Completed {
			return client.B().Setrange().Key(key).Offset(512<<20 - 1).Value("x").Build()
		},
		"a byte": func(key string) rueidis.Completed {
			return client.B().Setrange().Key(key).Offset(60).Value("?").Build()
		},
		"no string": func(key string) rueidis.Completed {
			return client.B().Hset().Key(key).FieldValue().FieldValue("a", "b").Build()
		},
	}
	for name, spoil := range spoils {
		for _, what := range []string{"r/*", "clock"} {
			if name == "a byte" && what == "clock" {
				continue // a count of clears is as good as another
			}
			keys, err := client.Do(t.Context(), client.B().Keys().Pattern("{app}:k:cache/app/squares/"+what).Build()).AsStrSlice()
			if err != nil || len(keys) != 1 {
				t.Fatalf("%s: keys %q, %v", name, keys, err)
			}
			if name == "no string" {
				if err := client.Do(t.Context(), client.B().Del().Key(keys[0]).Build()).Error(); err != nil {
					t.Fatal(err)
				}
			}
			if err := client.Do(t.Context(), spoil(keys[0])).Error(); err != nil {
				t.Fatal(err)
			}
			c := fresh()
			c.wants(t, 7, cachedata.Load)
			told := slices.ContainsFunc(c.events.Events(), func(e observe.Event) bool {
				_, ok := e.(observe.StoreFailure)
				return ok
			})
			if !told && what == "r/*" {
				t.Errorf("%s: nothing is told of %s", name, what)
			}
			fresh().wants(t, 7, cachedata.Stored)
		}
	}
}

// Processes that load, clear and are cut off from the server: what a new process
// finds in the store was loaded after the last clear that was told to it.
func TestNothingFromBeforeAClearIsInTheServer(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	p := newProxy(t, server.Addr)
	var source atomic.Int64 // what a load returns grows
	load := func(ctx context.Context, n int) (int64, error) {
		cachedata.LoadingFrom(ctx).AddTags(fmt.Sprint("tag ", n))
		v := source.Add(1)
		if v%4 == 0 {
			time.Sleep(time.Duration(v%5) * time.Millisecond)
		}
		return v, nil
	}
	var nodes []*squares
	for range 2 {
		s := open(t, dial(t, p.Addr), "app")
		nodes = append(nodes, cacheOn(t, s, cachedata.Config{MaxEntries: 1}, persist.Config{Budget: 10 * time.Second}, load))
	}
	direct := open(t, dial(t, server.Addr), "app")
	rng := rand.New(rand.NewPCG(1, 2))
	for round := range 30 {
		var all sync.WaitGroup
		for _, c := range nodes {
			for range 3 {
				n := rng.IntN(3)
				all.Go(func() {
					for range 5 {
						if _, err := c.Get(t.Context(), n); err != nil {
							t.Error(err)
						}
					}
				})
			}
		}
		if round%3 == 2 {
			p.cut()
		}
		c, n := nodes[rng.IntN(2)], rng.IntN(3)
		before := source.Load()
		var err error
		switch round % 3 {
		case 0:
			err = c.Delete(t.Context(), n)
		case 1:
			err = c.ClearTag(t.Context(), fmt.Sprint("tag ", n))
		case 2:
			err = c.Clear(t.Context())
		}
		if err != nil {
			t.Fatal(err)
		}
		for told := false; !told; { // what could not be told is told before anything is read
			if _, err := c.Get(t.Context(), 100+round); err != nil {
				t.Fatal(err)
			}
			fresh := cacheOn(t, direct, cachedata.Config{}, persist.Config{Budget: time.Minute}, load)
			_, meta, err := fresh.GetMeta(t.Context(), 100+round)
			if err != nil {
				t.Fatal(err)
			}
			if told = meta.Source == cachedata.Stored; !told {
				if err := c.Delete(t.Context(), 100+round); err != nil {
					t.Fatal(err)
				}
				time.Sleep(10 * time.Millisecond)
			}
		}
		fresh := cacheOn(t, direct, cachedata.Config{}, persist.Config{Budget: time.Minute}, load)
		if v, meta, err := fresh.GetMeta(t.Context(), n); err != nil || v <= before {
			t.Fatalf("round %d: %d is %d from %v, %v, and %d was cleared", round, n, v, meta.Source, err, before)
		}
		all.Wait()
	}
}
