package redisstore_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

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
	const budget = 50 * time.Millisecond
	c := cacheOn(t, open(t, dial(t, server.Addr), "app"), cachedata.Config{}, persist.Config{Budget: budget}, square)
	c.wants(t, 0, cachedata.Load)
	server.Pause(t)
	for n := 1; n <= 20; n++ {
		c.wants(t, n, cachedata.Load)
		c.wants(t, n, cachedata.Hit)
	}
	if err := c.Delete(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	server.Resume(t)
	failures := 0
	for _, e := range c.events.Events() {
		if _, ok := e.(observe.StoreFailure); ok {
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
	cacheOn(t, s, cachedata.Config{}, persist.Config{Budget: time.Minute}, square).wants(t, 7, cachedata.Load)
	server.Restart(t)
	putAgain(t, s, "x") // connected again
	c := cacheOn(t, s, cachedata.Config{}, persist.Config{Budget: time.Minute}, square)
	c.wants(t, 7, cachedata.Load)
	cacheOn(t, s, cachedata.Config{}, persist.Config{Budget: time.Minute}, square).wants(t, 7, cachedata.Stored)
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
		s := open(t, dial(t, p.l.Addr().String()), "app")
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
