package workloads

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/reecho-go/reecho/benchmarks/bench"
	"github.com/reecho-go/reecho/benchmarks/workloads/answers"
	"github.com/reecho-go/reecho/cacheresource"
)

// Resource is the use of a shared live value that is open already, on one
// processor and on all. The reference is the least that counts its users: a map
// behind a RWMutex, an atomic addition and a subtraction.
func Resource() []bench.Workload {
	const name = "use of an open resource"
	return []bench.Workload{
		{Group: "resource", Name: name, Reference: byHandCounted, Prepare: resources},
		{Group: "resource", Name: name + ", all CPUs", Reference: byHandCounted, Prepare: resources, Parallel: true},
	}
}

const byHandCounted = "map + RWMutex + atomic counter"

// live is what a resource holds.
type live struct{ n int }

func resources() ([]bench.Row, error) {
	ctx := context.Background()
	group, err := cacheresource.NewGroup("resources", cacheresource.GroupConfig{})
	if err != nil {
		return nil, err
	}
	open := func(_ context.Context, key int) (*live, error) { return &live{key}, nil }
	plain, err := cacheresource.New("plain", open, cacheresource.Config{Group: group})
	if err != nil {
		return nil, err
	}
	checked, err := cacheresource.New("checked", open, cacheresource.Config{
		Group: group,
	}, cacheresource.Funcs[int, *live]{
		Check: func(context.Context, int, *live) error { return nil },
	})
	if err != nil {
		return nil, err
	}
	const key = 42
	var mu sync.RWMutex
	var users atomic.Int64
	byHand := map[int]*live{key: {key}}
	rows := []bench.Row{
		using(Ours, func(fn func(*live) error) error { return plain.Do(ctx, key, fn) }),
		using(Ours+", checked", func(fn func(*live) error) error { return checked.Do(ctx, key, fn) }),
		using(Ours+", Acquire", func(fn func(*live) error) error {
			lease, err := plain.Acquire(ctx, key)
			if err != nil {
				return err
			}
			defer lease.Release()
			return fn(lease.Value())
		}),
		using(byHandCounted, func(fn func(*live) error) error {
			mu.RLock()
			v := byHand[key]
			users.Add(1)
			mu.RUnlock()
			defer users.Add(-1)
			return fn(v)
		}),
	}
	rows[0].Close = func() { _ = group.Close(ctx) } // nothing is leased
	rows[1].Note = "asks for the time at each use"
	rows[3].Note = "never opens, checks or releases"
	return rows, nil
}

// using is a row that uses a value once.
func using(peer string, do func(fn func(*live) error) error) bench.Row {
	nothing := func(*live) error { return nil }
	return bench.Row{
		Peer: peer,
		Op:   func(int) error { return do(nothing) },
		Check: func() error {
			return do(func(v *live) error {
				if v == nil || v.n != 42 {
					return fmt.Errorf("got %v: %w", v, answers.ErrChanged)
				}
				return nil
			})
		},
	}
}
