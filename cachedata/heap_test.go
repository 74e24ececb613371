package cachedata_test

import (
	"context"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/reecho-go/reecho/cachedata"
	"github.com/reecho-go/reecho/internal/heaptest"
	"github.com/reecho-go/reecho/internal/soaktest"
)

// However results go, nothing is left of their keys: no memory, no place in a
// queue, no goroutine. Not parallel: the heap is everybody's.
func TestNothingRemainsHoweverResultsGo(t *testing.T) {
	keys := 2_000
	if soaktest.Long() {
		keys = soaktest.Size(1_000_000)
	}
	type cache = cachedata.Cache[int, int]
	type config = cachedata.Config
	clearAll := func(ctx context.Context, c *cache) error { return c.Clear(ctx) }
	age := func(context.Context, *cache) error {
		time.Sleep(time.Hour + 2*time.Second)
		return nil
	}
	for _, tt := range []struct {
		name string
		cfg  config
		tags func(int, int) []string
		end  func(context.Context, *cache) error
	}{
		{name: "evicted by number", cfg: config{MaxEntries: 100}, end: clearAll},
		{name: "evicted by bytes", cfg: config{MaxBytes: 10_000}, end: clearAll},
		{name: "expired", cfg: config{TTL: time.Hour, MaxEntries: keys}, end: age},
		{name: "expired, after being stale", cfg: config{TTL: time.Minute, MaxEntries: keys, Stale: cachedata.StaleConfig{For: time.Minute, OnError: 58 * time.Minute}}, end: age},
		{name: "idle", cfg: config{IdleTTL: time.Hour, MaxEntries: keys}, end: age},
		{name: "remembered errors, expired", cfg: config{TTL: time.Hour, MaxEntries: keys, Errors: cachedata.ErrorConfig{TTL: time.Hour}}, end: age},
		{name: "cleared", cfg: config{TTL: 2 * time.Hour, MaxEntries: keys}, end: clearAll},
		{name: "cleared by their tag", cfg: config{MaxEntries: keys}, tags: tags, end: func(ctx context.Context, c *cache) error {
			defer time.Sleep(2 * time.Second) // the memory comes back later
			for v := range 2 {
				if err := c.ClearTag(ctx, parity(v)); err != nil {
					return err
				}
			}
			return nil
		}},
		{name: "cleared by a function", cfg: config{MaxEntries: keys}, end: func(ctx context.Context, c *cache) error {
			return c.ClearFunc(ctx, func(int) bool { return true })
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newCache(t, func(_ context.Context, k int) (int, error) {
					if k%7 == 0 {
						return 0, errDown
					}
					return k, nil
				}, tt.cfg, cachedata.Funcs[int, int]{Tags: tt.tags})
				goroutines := runtime.NumGoroutine()
				use := func(from int) (full, left int64) {
					for k := from; k < from+keys; k++ {
						if v, err := c.Get(t.Context(), k); v != k && err != errDown {
							t.Fatal(v, err)
						}
					}
					full = heaptest.InUse()
					if err := tt.end(t.Context(), c); err != nil {
						t.Error(err)
					}
					synctest.Wait() // for the engine, which tidies up in goroutines
					return full, heaptest.InUse()
				}
				_, before := use(0)
				full, after := use(keys)
				if s := c.Stats(); s.Entries != 0 || s.Bytes != 0 || s.InFlight != 0 || s.Waiters != 0 || cachedata.Queued(c) != 0 {
					t.Errorf("%d are queued of %+v", cachedata.Queued(c), s)
				}
				if n := runtime.NumGoroutine(); n > goroutines+10 { // the runtime has some that come and go
					t.Errorf("%d goroutines, and %d before", n, goroutines)
				}
				t.Logf("%d bytes when full, %d after %d keys, %d more after as many others", full-before, before, keys, after-before)
				if tt.cfg.MaxEntries == keys && full < before+int64(keys)*40 {
					t.Errorf("%d results take %d bytes", keys, full-before)
				}
				if after > before+32<<10 {
					t.Errorf("%d bytes more after %d keys", after-before, keys)
				}
			})
		})
	}
}
