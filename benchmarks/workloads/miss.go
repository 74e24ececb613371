package workloads

import (
	"context"
	"errors"
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

// loaders are ours and all libraries that load.
func loaders[V any](cfg cachedata.Config[string, V]) []peers.Loader[V] {
	return append([]peers.Loader[V]{{Name: Ours, Open: func(load peers.Load[V]) (peers.Loading[V], error) {
		return loading(load, cfg)
	}}}, peers.Loaders[V]()...)
}

// loading is ours.
func loading[V any](load peers.Load[V], cfg cachedata.Config[string, V]) (peers.Loading[V], error) {
	g, err := cachedata.NewGroup("loading", cachedata.GroupConfig{})
	if err != nil {
		return peers.Loading[V]{}, err
	}
	cfg.Group = g
	c, err := cachedata.New("loading", load, cfg)
	if err != nil {
		return peers.Loading[V]{}, err
	}
	ctx := context.Background()
	// The errors are those of a closed cache.
	return peers.Loading[V]{
		Get:    c.Get,
		Put:    func(key string, v V) { _ = c.Put(ctx, key, v) },
		Delete: func(key string) { _ = c.Delete(ctx, key) },
		Clear:  func() { _ = c.Clear(ctx) },
		Close:  func() { _ = g.Close(ctx) },
	}, nil
}

// Stampede is 1,000 callers who want one key that nobody has. What is measured
// is the time until the last of them has it.
func Stampede() []bench.Workload {
	return []bench.Workload{
		stampede("1,000 callers, an origin of 10 ms", 10*time.Millisecond),
		stampede("1,000 callers, an origin that takes no time", 0),
	}
}

const callers = 1000

func stampede(name string, took time.Duration) bench.Workload {
	return bench.Workload{Group: "stampede", Name: name, Reference: peers.SingleflightName, Prepare: func() (rows []bench.Row, _ error) {
		for _, l := range loaders(cachedata.Config[string, int]{}) {
			var loads, next atomic.Int64
			c, err := l.Open(func(context.Context, string) (int, error) {
				time.Sleep(took)
				return int(loads.Add(1)), nil
			})
			if err != nil {
				return rows, err
			}
			op := func(int) error { return rush(c, strconv.FormatInt(next.Add(1), 10)) }
			rows = append(rows, bench.Row{Peer: l.Name, Op: op, Close: c.Close, Check: func() error {
				before := loads.Load()
				if err := op(0); err != nil {
					return err
				}
				if n := loads.Load() - before; n != 1 {
					return fmt.Errorf("%d loads of one key", n)
				}
				return nil
			}})
		}
		return rows, nil
	}}
}

// rush lets all callers want key at once.
func rush(c peers.Loading[int], key string) error {
	ctx := context.Background()
	errs := make([]error, callers)
	var wg sync.WaitGroup
	for i := range callers {
		wg.Go(func() { _, errs[i] = c.Get(ctx, key) })
	}
	wg.Wait()
	return errors.Join(errs...)
}

// Stall is the time of one hit in a hundred that is slower than all others,
// while the load of another key hangs and while nothing does.
func Stall() []bench.Workload {
	const idle = ", nothing hangs"
	return []bench.Workload{{Group: "stall", Name: "p99 of hits, another key's load hangs", Reference: Ours + idle, Prepare: func() (rows []bench.Row, _ error) {
		for _, l := range loaders(cachedata.Config[string, int]{}) {
			var slow atomic.Bool
			c, err := l.Open(func(_ context.Context, key string) (int, error) {
				if slow.Load() {
					time.Sleep(hang)
				}
				return len(key), nil
			})
			if err != nil {
				return rows, err
			}
			keys := stringKeys()
			for _, k := range keys {
				if _, err := c.Get(context.Background(), k); err != nil {
					return rows, err
				}
			}
			slow.Store(true)
			p99 := func(hanging bool) func() (float64, error) {
				return func() (float64, error) {
					took, err := timeHits(c, keys, hanging)
					return float64(took[len(took)*99/100]), err
				}
			}
			rows = append(rows, bench.Row{Peer: l.Name, Figure: p99(true)}, bench.Row{Peer: l.Name + idle, Figure: p99(false), Close: c.Close})
		}
		return rows, nil
	}}}
}

// hang is how long a load hangs, and hits are timed for half of it.
const hang = 50 * time.Millisecond

var coldKeys atomic.Int64

// timeHits times hits, one by one, for as long as a load hangs, and returns
// the times in order.
func timeHits(c peers.Loading[int], keys []string, hanging bool) (took []time.Duration, _ error) {
	ctx := context.Background()
	var wg sync.WaitGroup
	defer wg.Wait()
	if hanging {
		cold := "cold:" + strconv.FormatInt(coldKeys.Add(1), 10)
		wg.Go(func() { _, _ = c.Get(ctx, cold) })
		time.Sleep(hang / 10) // it hangs by now
	}
	took = make([]time.Duration, 0, 1<<20)
	for start := time.Now(); time.Since(start) < hang/2; {
		before := time.Now()
		if _, err := c.Get(ctx, keys[len(took)&(keyCount-1)]); err != nil {
			return []time.Duration{0}, err
		}
		took = append(took, time.Since(before))
	}
	slices.Sort(took)
	return took, nil
}
