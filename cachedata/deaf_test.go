package cachedata_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/reecho-go/reecho/cachedata"
	"github.com/reecho-go/reecho/observe"
)

// loadAll is load for a batch.
func (s *source) loadAll(ctx context.Context, keys []string) (map[string]int, error) {
	n, err := s.load(ctx, "")
	if err != nil {
		return nil, err
	}
	m := make(map[string]int)
	for _, k := range keys {
		m[k] = n
	}
	return m, nil
}

// asks are the calls that load and wait.
var asks = map[string]func(context.Context, *cachedata.Batch[string, int]) (int, error){
	"Get":     func(ctx context.Context, b *cachedata.Batch[string, int]) (int, error) { return b.Get(ctx, "k") },
	"Refresh": func(ctx context.Context, b *cachedata.Batch[string, int]) (int, error) { return b.Refresh(ctx, "k") },
	"GetMany": func(ctx context.Context, b *cachedata.Batch[string, int]) (int, error) {
		m, err := b.GetMany(ctx, []string{"k", "l"})
		return m["k"], err
	},
}

// A load that does not look at its context holds nobody up beyond Config.Timeout,
// whatever call it is of. What it returns then is thrown away, and told.
func TestDeafLoadsOfEveryCall(t *testing.T) {
	t.Parallel()
	for name, ask := range asks {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var s source
				var rec observe.Recorder
				b := newBatch(t, s.loadAll, cachedata.Config{Timeout: time.Second, Observer: &rec})
				s.takes.Store(int64(time.Minute))
				start := time.Now()
				if v, err := ask(t.Context(), b); !errors.Is(err, cachedata.ErrTimeout) || v != 0 || time.Since(start) != time.Second {
					t.Errorf("got %d, %v after %v", v, err, time.Since(start))
				}
				s.takes.Store(0)
				gets(t, b.Cache, "2 load")
				time.Sleep(time.Minute)
				synctest.Wait()
				gets(t, b.Cache, "2 hit")
				if st := b.Stats(); st.InFlight != 0 {
					t.Errorf("%+v", st)
				}
				overruns := observe.Of[observe.CacheOverrun](&rec)
				want := 1
				if name == "GetMany" {
					want = 2 // each key has its own
				}
				if len(overruns) != want || overruns[0].Took != time.Minute || overruns[0].Err != nil {
					t.Errorf("events %+v", overruns)
				}
			})
		})
	}
}

// A load that does not look at its context and is left by all who waited is not
// joined any more, and what it returns is thrown away.
func TestDeafLoadsThatAreLeft(t *testing.T) {
	t.Parallel()
	for name, ask := range asks {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var s source
				b := newBatch(t, s.loadAll, cachedata.Config{})
				s.takes.Store(int64(time.Minute))
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				start := time.Now()
				if v, err := ask(ctx, b); !errors.Is(err, context.DeadlineExceeded) || v != 0 || time.Since(start) != time.Second {
					t.Errorf("got %d, %v after %v", v, err, time.Since(start))
				}
				s.takes.Store(0)
				gets(t, b.Cache, "2 load")
				time.Sleep(time.Minute)
				synctest.Wait()
				gets(t, b.Cache, "2 hit")
				if st := b.Stats(); st.InFlight != 0 || st.Refused == 0 {
					t.Errorf("%+v", st)
				}
			})
		})
	}
}

// A refresh in the background that does not look at its context makes nobody
// wait, ends for the cache at Config.Timeout, and replaces nothing afterwards.
func TestDeafRefreshInTheBackground(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var s source
		var rec observe.Recorder
		c := newCache(t, s.load, cachedata.Config{
			TTL:      time.Minute,
			Timeout:  time.Second,
			Observer: &rec,
			Stale:    cachedata.StaleConfig{For: time.Hour, RetryAfter: 10 * time.Second},
		})
		gets(t, c, "1 load")
		time.Sleep(time.Minute)
		s.takes.Store(int64(30 * time.Second))
		start := time.Now()
		gets(t, c, "1 stale")
		if took := time.Since(start); took != 0 {
			t.Errorf("who was served waited for %v", took)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		loads := observe.Of[observe.CacheLoad](&rec)
		if last := loads[len(loads)-1]; len(loads) != 2 || !last.Background || !errors.Is(last.Err, cachedata.ErrTimeout) {
			t.Errorf("events %+v", loads)
		}
		s.takes.Store(0)
		time.Sleep(10 * time.Second)
		gets(t, c, "1 stale") // and tries again
		synctest.Wait()
		gets(t, c, "3 hit")
		time.Sleep(20 * time.Second)
		synctest.Wait()
		gets(t, c, "3 hit")
		if overruns := observe.Of[observe.CacheOverrun](&rec); len(overruns) != 1 || overruns[0].Took != 30*time.Second {
			t.Errorf("events %+v", overruns)
		}
		if st := c.Stats(); st.InFlight != 0 {
			t.Errorf("%+v", st)
		}
	})
}
