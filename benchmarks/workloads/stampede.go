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

// Stampede is 1,000 callers who want one key that nobody has: how long they
// wait, what that costs, how often the origin is asked, and who suffers when
// the one who asked it gives up.
func Stampede() []bench.Workload {
	const slow = 10 * time.Millisecond
	last := func(c *crowd) (float64, error) { return c.waits(callers - 1) }
	late := func(c *crowd) (float64, error) { return c.waits(callers * 99 / 100) }
	return []bench.Workload{
		stampede("1,000 callers, an origin of 10 ms: until the last has it", "", slow, last),
		stampede("1,000 callers, an origin of 10 ms: p99 of their waits", "", slow, late),
		stampede("1,000 callers, an origin that takes no time: until the last has it", "", 0, last),
		stampede("1,000 callers, an origin of 10 ms: CPU time", "", slow, nil),
		stampede("1,000 callers, an origin of 10 ms: loads", "loads", slow, (*crowd).asked),
		stampede("1,000 callers, the first of them leaves: the others get nothing", "callers", 5*slow, (*crowd).orphans),
	}
}

const callers = 1000

// rushes is how many stampedes make one figure, which is their median.
const rushes = 9

// stampede measures the figure of a crowd at each peer or, if that is nil, the
// CPU time of a rush. The origin takes took.
func stampede(name, unit string, took time.Duration, figure func(*crowd) (float64, error)) bench.Workload {
	return bench.Workload{Group: "stampede", Name: name, Reference: peers.SingleflightName, Unit: unit, Prepare: func() (rows []bench.Row, _ error) {
		for _, l := range loaders[int](cachedata.Config{}) {
			c := &crowd{took: took}
			var err error
			if c.cache, err = l.Open(c.load); err != nil {
				return rows, err
			}
			row := bench.Row{Peer: l.Name, Close: c.cache.Close, Check: c.check}
			if c.cache.NoContext {
				row.Note = "its callers cannot leave"
			}
			if c.cache.LoadsTwice {
				row.Note = "may load a key twice: between a miss and its load, another load may end"
			}
			if figure == nil {
				row.Op = func(int) error { return failed(c.rush(callers)) }
			} else {
				row.Figure = func() (float64, error) { return figure(c) }
			}
			rows = append(rows, row)
		}
		return rows, nil
	}}
}

// crowd are callers of one cache who all want the same.
type crowd struct {
	cache peers.Loading[int]
	took  time.Duration // by the origin
	loads atomic.Int64
	keys  atomic.Int64
}

// load counts, and returns the count.
func (c *crowd) load(ctx context.Context, _ string) (int, error) {
	n := int(c.loads.Add(1))
	if c.took == 0 {
		return n, nil
	}
	select {
	case <-time.After(c.took):
		return n, nil
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

func (c *crowd) newKey() string { return strconv.FormatInt(c.keys.Add(1), 10) }

// reply is what one caller got, and when.
type reply struct {
	n    int
	err  error
	took time.Duration
}

// rush lets n callers want a new key at once, and returns what they got, the
// slowest last.
func (c *crowd) rush(n int) []reply { return c.want(c.newKey(), n) }

func (c *crowd) want(key string, n int) []reply {
	ctx := context.Background()
	replies := make([]reply, n)
	var begin time.Time
	start := make(chan struct{})
	var wg sync.WaitGroup
	for i := range replies {
		wg.Go(func() {
			<-start
			n, err := c.cache.Get(ctx, key)
			replies[i] = reply{n, err, time.Since(begin)}
		})
	}
	begin = time.Now()
	close(start)
	wg.Wait()
	slices.SortFunc(replies, func(a, b reply) int { return int(a.took - b.took) })
	return replies
}

// failed returns the errors of those who got one.
func failed(replies []reply) error {
	errs := make([]error, len(replies))
	for i, r := range replies {
		errs[i] = r.err
	}
	return errors.Join(errs...)
}

// waits is how long the caller waits who is at-th to be served.
func (c *crowd) waits(at int) (float64, error) {
	var took []float64
	for range rushes {
		replies := c.rush(callers)
		if err := failed(replies); err != nil {
			return 0, err
		}
		took = append(took, float64(replies[at].took))
	}
	return bench.Median(took), nil
}

// asked is how often the origin is asked for one key.
func (c *crowd) asked() (float64, error) {
	before := c.loads.Load()
	err := failed(c.rush(callers))
	return float64(c.loads.Load() - before), err
}

// orphans are those who get an error when the one who has asked the origin
// leaves. At a library whose callers cannot leave there are none.
func (c *crowd) orphans() (float64, error) {
	ctx, leave := context.WithCancel(context.Background())
	defer leave()
	key, before := c.newKey(), c.loads.Load()
	var wg sync.WaitGroup
	wg.Go(func() { _, _ = c.cache.Get(ctx, key) }) // the error is its own
	for c.loads.Load() == before {
		time.Sleep(time.Millisecond)
	}
	wg.Go(func() {
		time.Sleep(c.took / 2)
		leave()
	})
	left := 0
	for _, r := range c.want(key, callers-1) {
		if r.err != nil {
			left++
		}
	}
	wg.Wait()
	return float64(left), nil
}

// check says whether everybody has the result of a load, and whether there was
// only one, unless the row says that there may be more.
func (c *crowd) check() error {
	before := c.loads.Load()
	replies := c.rush(callers)
	if err := failed(replies); err != nil {
		return err
	}
	after := c.loads.Load()
	if n := after - before; n != 1 && !c.cache.LoadsTwice {
		return fmt.Errorf("%d loads of one key", n)
	}
	for _, r := range replies {
		if n := int64(r.n); n <= before || n > after {
			return fmt.Errorf("a caller got %d, and the origin said %d to %d", r.n, before+1, after)
		}
	}
	return nil
}
