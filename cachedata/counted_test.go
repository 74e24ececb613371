package cachedata_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/reecho-go/reecho/cachedata"
)

// A call that asks for a result counts once, and no other call counts.
func TestEachCallCountsOnce(t *testing.T) {
	t.Parallel()
	const name = "k"
	for _, tt := range []struct {
		name string
		cfg  cachedata.Config
		load error                                 // of the first load, "k" by name
		prep func(t *testing.T, c *counted)        // what has been before
		call func(ctx context.Context, c *counted) // what is counted
		want cachedata.Stats
	}{
		{name: "Get loads", call: callGet, want: cachedata.Stats{Misses: 1}},
		{name: "Get hits", prep: oncePut, call: callGet, want: cachedata.Stats{Hits: 1}},
		{name: "Get of a stale result", cfg: staleFor, prep: onceExpired, call: callGet, want: cachedata.Stats{StaleHits: 1}},
		{name: "Get of a result that has expired", cfg: cachedata.Config{TTL: time.Minute}, prep: onceExpired, call: callGet, want: cachedata.Stats{Misses: 1}},
		{name: "Get while the origin is down", cfg: failSafe, load: errDown, prep: onceExpired, call: callGet, want: cachedata.Stats{FailSafe: 1}},
		{name: "Get again while the origin is down", cfg: failSafe, load: errDown, prep: onceExpiredAndAsked, call: callGet, want: cachedata.Stats{FailSafe: 1}},
		{name: "Get while the origin is slow", cfg: failSafe, prep: onceExpired, call: callGetSlow, want: cachedata.Stats{StaleHits: 1}},
		{name: "Get of an error", load: errDown, call: callGet, want: cachedata.Stats{Misses: 1}},
		{name: "Get of a remembered error", cfg: errorsKept, load: errDown, prep: onceAsked, call: callGet, want: cachedata.Stats{Hits: 1}},
		{name: "Get of nothing", load: cachedata.ErrNotFound, call: callGet, want: cachedata.Stats{Misses: 1}},
		{name: "Get that panics", call: callGetPanics, want: cachedata.Stats{Misses: 1}},
		{name: "Get whose context has ended", call: callGetEnded, want: cachedata.Stats{Misses: 1}},
		{name: "Get whose context ends", call: callGetImpatient, want: cachedata.Stats{Misses: 1}},
		{name: "Get that hits although its context has ended", prep: oncePut, call: callGetEnded, want: cachedata.Stats{Hits: 1}},
		{name: "Get without a context", call: func(_ context.Context, c *counted) { callGet(nil, c) }, want: cachedata.Stats{Misses: 1}}, //lint:ignore SA1012 on purpose
		{name: "Get of a key that cannot be one", call: func(ctx context.Context, c *counted) { _, _ = c.Get(ctx, make(chan int)) }, want: cachedata.Stats{Misses: 1}},
		{name: "Get after Close", prep: onceClosed, call: callGet, want: cachedata.Stats{Misses: 1}},
		{name: "Get outside a session", cfg: cachedata.Config{Scope: cachedata.Session}, call: callGet, want: cachedata.Stats{Misses: 1}},
		{name: "two Gets that share a load", call: callTwice, want: cachedata.Stats{Misses: 2, Joined: 1}},
		{name: "GetMeta loads", call: callGetMeta, want: cachedata.Stats{Misses: 1}},
		{name: "GetMeta hits", prep: oncePut, call: callGetMeta, want: cachedata.Stats{Hits: 1}},
		{name: "GetMany loads", call: callGetMany, want: cachedata.Stats{Misses: 3}},
		{name: "GetMany hits one and loads two", prep: oncePut, call: callGetMany, want: cachedata.Stats{Hits: 1, Misses: 2}},
		{name: "GetMany of a stale result", cfg: staleFor, prep: onceExpired, call: callGetMany, want: cachedata.Stats{StaleHits: 1, Misses: 2}},
		{name: "GetMany while the origin is down", cfg: failSafe, load: errDown, prep: onceExpired, call: callGetMany, want: cachedata.Stats{FailSafe: 1, Misses: 2}},
		{name: "GetMany of nothing", load: cachedata.ErrNotFound, call: callGetMany, want: cachedata.Stats{Misses: 3}},
		{name: "GetMany that panics", call: callGetManyPanics, want: cachedata.Stats{Misses: 2}},
		{name: "GetMany whose context has ended", prep: oncePut, call: callGetManyEnded, want: cachedata.Stats{Hits: 1, Misses: 2}},
		{name: "GetMany after Close", prep: onceClosed, call: callGetMany, want: cachedata.Stats{Misses: 3}},
		{name: "GetMany without a context", call: func(_ context.Context, c *counted) { callGetMany(nil, c) }}, //lint:ignore SA1012 on purpose
		{name: "GetMany of no keys", call: func(ctx context.Context, c *counted) { _, _ = c.GetMany(ctx, nil) }},
		{name: "GetOrLoad loads", call: callGetOrLoad, want: cachedata.Stats{Misses: 1}},
		{name: "GetOrLoad hits", prep: oncePut, call: callGetOrLoad, want: cachedata.Stats{Hits: 1}},
		{name: "GetOrLoad of a stale result", cfg: staleFor, prep: onceExpired, call: callGetOrLoad, want: cachedata.Stats{StaleHits: 1}},
		{name: "GetOrLoad of an error", call: callGetOrLoadFails, want: cachedata.Stats{Misses: 1}},
		{name: "GetOrLoad without a function", call: func(ctx context.Context, c *counted) { _, _ = c.GetOrLoad(ctx, name, nil) }, want: cachedata.Stats{Misses: 1}},
		{name: "GetOrLoad without a context", call: func(_ context.Context, c *counted) { callGetOrLoad(nil, c) }, want: cachedata.Stats{Misses: 1}}, //lint:ignore SA1012 on purpose
		{name: "Refresh", call: callRefresh},
		{name: "Refresh of what is there", prep: oncePut, call: callRefresh},
		{name: "Refresh while the origin is down", cfg: failSafe, load: errDown, prep: onceExpired, call: callRefresh},
		{name: "Refresh while the origin is slow", cfg: failSafe, prep: onceExpired, call: callRefreshSlow},
		{name: "Refresh of an error", load: errDown, call: callRefresh},
		{name: "Refresh without a context", call: func(_ context.Context, c *counted) { callRefresh(nil, c) }}, //lint:ignore SA1012 on purpose
		{name: "Refresh of an entry of Entries", prep: oncePut, call: callRefreshEntries},
		{name: "Put", call: func(ctx context.Context, c *counted) { _ = c.Put(ctx, name, 1) }},
		{name: "Put of a key that cannot be one", call: func(ctx context.Context, c *counted) { _ = c.Put(ctx, make(chan int), 1) }},
		{name: "Bypass", call: callBypass},
		{name: "Bypass of what is there", prep: oncePut, call: callBypass},
		{name: "Bypass of an error", load: errDown, call: callBypass},
		{name: "Peek that finds", prep: oncePut, call: callPeek},
		{name: "Peek that finds nothing", call: callPeek},
		{name: "Delete", prep: oncePut, call: func(ctx context.Context, c *counted) { _ = c.Delete(ctx, name) }},
		{name: "Entries", prep: oncePut, call: func(_ context.Context, c *counted) {
			for range c.Entries() {
			}
		}},
		{name: "a refresh in the background, in which another call joins", cfg: staleFor, prep: onceExpired, call: callStaleTwice, want: cachedata.Stats{StaleHits: 2}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := newBatch(t, func(ctx context.Context, keys []any) (map[any]int, error) {
					time.Sleep(takesOf(ctx))
					if ctx.Value(panicking{}) != nil {
						panic("load")
					}
					if tt.load != nil {
						return nil, tt.load
					}
					m := map[any]int{}
					for i, key := range keys {
						m[key] = i
					}
					return m, nil
				}, tt.cfg)
				if tt.prep != nil {
					tt.prep(t, c)
				}
				before := c.Stats()
				tt.call(t.Context(), c)
				synctest.Wait()
				s := c.Stats()
				got := cachedata.Stats{
					Hits: s.Hits - before.Hits, StaleHits: s.StaleHits - before.StaleHits, FailSafe: s.FailSafe - before.FailSafe,
					Misses: s.Misses - before.Misses, Joined: s.Joined - before.Joined,
				}
				if got.Hits != tt.want.Hits || got.StaleHits != tt.want.StaleHits || got.FailSafe != tt.want.FailSafe || got.Misses != tt.want.Misses || got.Joined != tt.want.Joined {
					t.Errorf("counted %d hits, %d stale, %d fail-safe, %d misses, %d joined; want %d, %d, %d, %d, %d",
						got.Hits, got.StaleHits, got.FailSafe, got.Misses, got.Joined,
						tt.want.Hits, tt.want.StaleHits, tt.want.FailSafe, tt.want.Misses, tt.want.Joined)
				}
			})
		})
	}
}

// What the caches of these cases are, and what has been and is called.

type counted = cachedata.Batch[any, int]

var (
	staleFor   = cachedata.Config{TTL: time.Minute, Stale: cachedata.StaleConfig{For: time.Hour}}
	failSafe   = cachedata.Config{TTL: time.Minute, Stale: cachedata.StaleConfig{OnError: time.Hour, SoftTimeout: time.Second}}
	errorsKept = cachedata.Config{Errors: cachedata.ErrorConfig{TTL: time.Hour}}
)

// panicking and taking are what a context says of the loads of a call.
type (
	panicking struct{}
	taking    struct{}
)

func takesOf(ctx context.Context) time.Duration {
	takes, _ := ctx.Value(taking{}).(time.Duration)
	return takes
}

func slowContext(ctx context.Context) context.Context {
	return context.WithValue(ctx, taking{}, 10*time.Second)
}

func endedContext(ctx context.Context) context.Context {
	ctx, cancel := context.WithCancel(ctx)
	cancel()
	return ctx
}

func oncePut(t *testing.T, c *counted) {
	t.Helper()
	if err := c.Put(t.Context(), "k", 7); err != nil {
		t.Fatal(err)
	}
}

func onceExpired(t *testing.T, c *counted) {
	t.Helper()
	oncePut(t, c)
	time.Sleep(2 * time.Minute)
}

func onceExpiredAndAsked(t *testing.T, c *counted) {
	t.Helper()
	onceExpired(t, c)
	callGet(t.Context(), c)
}

func onceAsked(t *testing.T, c *counted) {
	t.Helper()
	callGet(t.Context(), c)
}

func onceClosed(t *testing.T, c *counted) {
	t.Helper()
	if err := c.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func callGet(ctx context.Context, c *counted) { _, _ = c.Get(ctx, "k") }

func callGetSlow(ctx context.Context, c *counted) {
	callGet(slowContext(ctx), c)
	time.Sleep(time.Minute)
}

func callGetEnded(ctx context.Context, c *counted) { callGet(endedContext(ctx), c) }

func callGetImpatient(ctx context.Context, c *counted) {
	ctx, cancel := context.WithTimeout(slowContext(ctx), time.Second)
	defer cancel()
	callGet(ctx, c)
	time.Sleep(time.Minute)
}

func callGetPanics(ctx context.Context, c *counted) {
	defer func() { _ = recover() }()
	callGet(context.WithValue(ctx, panicking{}, true), c)
}

func callTwice(ctx context.Context, c *counted) {
	go callGet(slowContext(ctx), c)
	synctest.Wait()
	callGet(ctx, c)
}

func callStaleTwice(ctx context.Context, c *counted) {
	callGet(slowContext(ctx), c)
	callGet(ctx, c)
	time.Sleep(time.Minute)
}

func callGetMeta(ctx context.Context, c *counted) { _, _, _ = c.GetMeta(ctx, "k") }

func callGetMany(ctx context.Context, c *counted) {
	_, _ = c.GetMany(ctx, []any{"k", 1, "k", 2, 1})
}

func callGetManyEnded(ctx context.Context, c *counted) { callGetMany(endedContext(ctx), c) }

func callGetManyPanics(ctx context.Context, c *counted) {
	defer func() { _ = recover() }()
	_, _ = c.GetMany(context.WithValue(ctx, panicking{}, true), []any{"k", 1})
}

func callGetOrLoad(ctx context.Context, c *counted) {
	_, _ = c.GetOrLoad(ctx, "k", func(context.Context, any) (int, error) { return 1, nil })
}

func callGetOrLoadFails(ctx context.Context, c *counted) {
	_, _ = c.GetOrLoad(ctx, "k", func(context.Context, any) (int, error) { return 0, errors.New("no") })
}

func callRefresh(ctx context.Context, c *counted) { _, _ = c.Refresh(ctx, "k") }

func callRefreshSlow(ctx context.Context, c *counted) {
	callRefresh(slowContext(ctx), c)
	time.Sleep(time.Minute)
}

func callRefreshEntries(ctx context.Context, c *counted) {
	for e := range c.Entries() {
		_ = e.Refresh(ctx)
	}
}

func callBypass(ctx context.Context, c *counted) { _, _ = c.Bypass(ctx, "k") }

func callPeek(ctx context.Context, c *counted) { _, _ = c.Peek(ctx, "k") }
