package workloads

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/reecho-go/reecho/benchmarks/bench"
	"github.com/reecho-go/reecho/benchmarks/peers"
	"github.com/reecho-go/reecho/cachedata"
)

// Stall is the time of one hit in a hundred that is slower than all others,
// while the load of another key hangs and while nothing does.
func Stall() []bench.Workload {
	const idle = ", nothing hangs"
	return []bench.Workload{{Group: "stall", Name: "p99 of hits, another key's load hangs", Reference: Ours + idle, Prepare: func() (rows []bench.Row, _ error) {
		for _, l := range loaders[int](cachedata.Config{}) {
			s := &stalling{hot: stringKeys()}
			var err error
			if s.cache, err = l.Open(s.load); err != nil {
				return rows, err
			}
			for _, k := range s.hot {
				if _, err := s.cache.Get(context.Background(), k); err != nil {
					return rows, err
				}
			}
			s.warm.Store(true)
			check := func() error {
				_, err := s.p99(true)
				return err
			}
			rows = append(rows,
				bench.Row{Peer: l.Name, Figure: func() (float64, error) { return s.p99(true) }, Check: check},
				bench.Row{Peer: l.Name + idle, Figure: func() (float64, error) { return s.p99(false) }, Close: s.cache.Close},
			)
		}
		return rows, nil
	}}}
}

// hang is how long a load hangs, and hits are timed for half of it.
const hang = 50 * time.Millisecond

// stalling is a cache of hot keys; the load of any other hangs.
type stalling struct {
	cache peers.Loading[int]
	hot   []string
	warm  atomic.Bool // the hot keys are there
	cold  atomic.Int64
	hung  atomic.Int64 // loads that have begun to hang
}

func (s *stalling) load(_ context.Context, key string) (int, error) {
	if s.warm.Load() {
		s.hung.Add(1)
		time.Sleep(hang)
	}
	return len(key), nil
}

// p99 times hits, one by one.
func (s *stalling) p99(hanging bool) (float64, error) {
	ctx := context.Background()
	var wg sync.WaitGroup
	defer wg.Wait()
	if hanging {
		key, before := "cold:"+strconv.FormatInt(s.cold.Add(1), 10), s.hung.Load()
		wg.Go(func() { _, _ = s.cache.Get(ctx, key) }) // it does not fail
		for s.hung.Load() == before {
			time.Sleep(time.Millisecond)
		}
	}
	took := make([]time.Duration, 0, 1<<20)
	for start := time.Now(); time.Since(start) < hang/2; {
		key := s.hot[len(took)&(keyCount-1)]
		before := time.Now()
		n, err := s.cache.Get(ctx, key)
		took = append(took, time.Since(before))
		if err != nil || n != len(key) {
			return 0, fmt.Errorf("%s: got %d, %w", key, n, err)
		}
	}
	slices.Sort(took)
	return float64(took[len(took)*99/100]), nil
}
