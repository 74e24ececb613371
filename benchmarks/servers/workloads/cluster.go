package workloads

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/reecho-go/reecho/benchmarks/bench"
	"github.com/reecho-go/reecho/benchmarks/servers/peers"
	"github.com/reecho-go/reecho/internal/redisserver"
	"github.com/reecho-go/reecho/internal/tcpproxy"
)

// Cluster is two nodes, A and B, here and there, each with a connection of its own to one
// server: what there answers after a delete here, also when the network or the server
// fails. Each answer is what the library did, at that moment.
func Cluster() []bench.Workload {
	return []bench.Workload{
		clusterRow("delete on A: B goes on with the old result for", inTurn, func(c *cluster) string { return c.delay(c.here.Delete) }),
		clusterRow("clear of all on A: B goes on with the old results for", inTurn, func(c *cluster) string {
			if c.here.Clear == nil {
				return "cannot clear"
			}
			return c.delay(func(ctx context.Context, _ string) error { return c.here.Clear(ctx) })
		}),
		clusterRow("delete on A during a load on B: later answers of A, of B", atOneTime, deleteInALoad),
		clusterRow("B is cut off, delete on A: B answers", atOneTime, cutOff),
		clusterRow(staysCutOff, atOneTime, cutOffForLong),
		clusterRow("B is connected again: B answers", atOneTime, connectedAgain),
		clusterRow("packets to and from B are lost, delete on A: B answers", atOneTime, lostPackets),
		clusterRow("Redis is paused: a result in memory; another one", atOneTime, paused),
		clusterRow("delete on A in the pause: A, B answer; and after it", atOneTime, deletedInAPause),
	}
}

const staysCutOff = "B stays cut off, another delete on A: B answers"

// How long is waited for what ought to happen at once, and for what only a timeout
// can tell.
const (
	atOnce   = 3 * time.Second
	byAndBy  = 15 * time.Second
	patience = 30 * time.Second
)

// cluster is two nodes of one library.
type cluster struct {
	server      *redisserver.Server
	proxy       *tcpproxy.Proxy // of there
	here, there peers.Node
	checked     bool         // it must answer with the new result
	source      atomic.Int64 // what a load returns as the version
	slow        atomic.Pointer[chan struct{}]
}

// Whether the libraries are asked one after the other, since the times are short, or
// all at one time, since they wait for most of it.
const (
	inTurn    = false
	atOneTime = true
)

// clusterRow returns the workload for one row of the table.
func clusterRow(name string, parallel bool, ask func(*cluster) string) bench.Workload {
	return bench.Workload{Group: "cluster", Name: name, Reference: peers.Ours, Prepare: func() (rows []bench.Row, _ error) {
		var says []func() (string, error)
		begin := sync.OnceFunc(func() {
			for _, say := range says {
				go func() { _, _ = say() }() // it keeps what it answers
			}
		})
		for _, l := range peers.Libraries() {
			checked := l.Name == peers.Ours && name != staysCutOff // then there is only the TTL
			say := sync.OnceValues(func() (string, error) {
				c, err := newCluster(l, checked)
				if err != nil {
					return "", err
				}
				defer c.close()
				return ask(c), nil
			})
			says = append(says, say)
			row := bench.Row{Peer: l.Name, Note: l.Lacks, Say: func() (string, error) {
				if parallel {
					begin()
				}
				return say()
			}}
			if checked {
				row.Check = func() error {
					if text, err := say(); err != nil || strings.Contains(text, "more") || strings.Contains(text, "error") || strings.Contains(text, "want") {
						return fmt.Errorf("%s: %q, %w", name, text, err)
					}
					return nil
				}
			}
			rows = append(rows, row)
		}
		return rows, nil
	}}
}

func newCluster(l peers.Library, checked bool) (*cluster, error) {
	server, err := redisserver.Start()
	if err != nil {
		return nil, err
	}
	c := &cluster{server: server, checked: checked}
	c.source.Store(1)
	if c.proxy, err = tcpproxy.New(server.Addr); err != nil {
		return nil, errors.Join(err, server.Stop())
	}
	if c.here, err = l.Open(server.Addr, manyEntries, c.load); err == nil {
		if c.there, err = l.Open(c.proxy.Addr, manyEntries, c.load); err != nil {
			c.here.Close()
		}
	}
	if err != nil {
		return nil, errors.Join(err, c.proxy.Close(), server.Stop())
	}
	return c, nil
}

func (c *cluster) close() {
	c.proxy.Mend()
	_ = c.server.Resume() // it may not be paused
	c.here.Close()
	c.there.Close()
	_, _ = c.proxy.Close(), c.server.Stop()
}

func (c *cluster) load(ctx context.Context, key string) (peers.Profile, error) {
	p := profileOf(key)
	p.Version = c.source.Load()
	if wait := c.slow.Load(); wait != nil {
		select {
		case <-*wait:
		case <-ctx.Done():
			return p, ctx.Err()
		}
	}
	return p, nil
}

const theKey = "user:1"

// reply is what a node has answered.
type reply struct {
	version int64 // 0: an error
	took    time.Duration
}

// get asks a node, for no longer than patience.
func get(n peers.Node) reply {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	start := time.Now()
	p, err := n.Get(ctx, theKey)
	if err != nil {
		p.Version = 0
	}
	return reply{p.Version, time.Since(start)}
}

// warm has both nodes know the result. Not until the nodes have had the time to
// listen to the server, as they have in a process that has run for a while.
func (c *cluster) warm() {
	get(c.here)
	get(c.there)
	time.Sleep(300 * time.Millisecond)
	get(c.here)
	get(c.there)
}

// change has the source go on, and deletes the result here.
func (c *cluster) change() error {
	c.source.Add(1)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return c.here.Delete(ctx, theKey)
}

// atLeast returns how long is waited for what should take no longer than d. A busy
// machine may take longer for what is checked.
func (c *cluster) atLeast(d time.Duration) time.Duration {
	if c.checked {
		return time.Minute
	}
	return d
}

// old is what a node answers from now on, for so long, and when it has stopped to
// answer with what the source had before.
func (c *cluster) old(n peers.Node, within time.Duration) string {
	within = c.atLeast(within)
	start := time.Now()
	failed := 0
	for time.Since(start) < within {
		asked := time.Since(start)
		switch r := get(n); {
		case r.version == 0:
			failed++
		case r.version == c.source.Load() && asked < 50*time.Millisecond && failed == 0:
			return "new"
		case r.version == c.source.Load() && failed > 0:
			return fmt.Sprintf("errors for %s, then new", twoDigits(asked+r.took))
		case r.version == c.source.Load():
			return fmt.Sprintf("old for %s, then new", twoDigits(asked))
		case failed > 0:
			return fmt.Sprintf("errors for %s, then old", twoDigits(asked+r.took))
		}
		time.Sleep(time.Millisecond)
	}
	if failed > 0 {
		return fmt.Sprintf("errors for %s and more", twoDigits(within))
	}
	return fmt.Sprintf("old for %s and more", twoDigits(within))
}

// twoDigits formats a time with two digits.
func twoDigits(d time.Duration) string {
	switch {
	case d < time.Millisecond:
		return fmt.Sprintf("%d µs", d.Microseconds())
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	}
	return fmt.Sprintf("%.1f s", d.Seconds())
}

// samples is how often a delay is measured.
const samples = 300

// delay says for how long there answers with the old result after drop has returned.
func (c *cluster) delay(drop func(context.Context, string) error) string {
	c.warm()
	limit := c.atLeast(atOnce)
	took := make([]time.Duration, 0, samples)
	for range samples {
		d, err := c.oneDelay(drop, limit)
		if err != nil {
			return err.Error()
		}
		if d > limit {
			return fmt.Sprintf("old for %s and more", twoDigits(limit))
		}
		took = append(took, d)
	}
	p50, p99 := percentile(took, 50), percentile(took, 99)
	return fmt.Sprintf("p50 %s, p99 %s", twoDigits(p50), twoDigits(p99))
}

func (c *cluster) oneDelay(drop func(context.Context, string) error, limit time.Duration) (time.Duration, error) {
	before := c.source.Load()
	if r := get(c.there); r.version != before {
		return 0, fmt.Errorf("the version is %d, want %d", r.version, before)
	}
	get(c.here)
	var stop atomic.Bool
	last := make(chan time.Time, 1) // when the old result was asked for, and given, for the last time
	go func() {
		latest := time.Time{}
		for !stop.Load() {
			asked := time.Now()
			if r := get(c.there); r.version != before {
				break
			}
			latest = asked
			time.Sleep(10 * time.Microsecond)
		}
		last <- latest
	}()
	c.source.Add(1)
	err := drop(context.Background(), theKey)
	returned := time.Now()
	timer := time.AfterFunc(limit+100*time.Millisecond, func() { stop.Store(true) })
	defer timer.Stop()
	return max(0, (<-last).Sub(returned)), err
}

// percentile sorts ds.
func percentile(ds []time.Duration, p int) time.Duration {
	slices.Sort(ds)
	return ds[min(len(ds)-1, len(ds)*p/100)]
}

// deleteInALoad deletes a result after a load there has read the source, and before
// it has ended.
func deleteInALoad(c *cluster) string {
	time.Sleep(300 * time.Millisecond) // to listen to the server
	goOn := make(chan struct{})
	c.slow.Store(&goOn)
	loaded := make(chan reply, 1)
	go func() { loaded <- get(c.there) }()
	time.Sleep(100 * time.Millisecond)
	c.slow.Store(nil)
	if err := c.change(); err != nil {
		return err.Error()
	}
	close(goOn)
	<-loaded
	time.Sleep(100 * time.Millisecond)
	return c.old(c.here, atOnce) + "; " + c.old(c.there, atOnce)
}

func cutOff(c *cluster) string {
	c.warm()
	c.proxy.Cut()
	if err := c.change(); err != nil {
		return err.Error()
	}
	return c.old(c.there, byAndBy)
}

func cutOffForLong(c *cluster) string {
	c.warm()
	c.proxy.Cut()
	if err := c.change(); err != nil {
		return err.Error()
	}
	for start := time.Now(); time.Since(start) < atOnce; time.Sleep(time.Millisecond) {
		if get(c.there).version == c.source.Load() {
			break // it has the next one in memory, too
		}
	}
	if err := c.change(); err != nil {
		return err.Error()
	}
	return c.old(c.there, byAndBy)
}

func connectedAgain(c *cluster) string {
	c.warm()
	c.proxy.Cut()
	if err := c.change(); err != nil {
		return err.Error()
	}
	time.Sleep(200 * time.Millisecond)
	c.proxy.Mend()
	time.Sleep(200 * time.Millisecond)
	return c.old(c.there, atOnce)
}

func lostPackets(c *cluster) string {
	c.warm()
	c.proxy.Hold()
	if err := c.change(); err != nil {
		return err.Error()
	}
	return c.old(c.there, byAndBy)
}

func paused(c *cluster) string {
	c.warm()
	if err := c.server.Pause(); err != nil {
		return err.Error()
	}
	held := get(c.there)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	start := time.Now()
	_, err := c.there.Get(ctx, "user:2")
	took := time.Since(start)
	first := "served"
	if held.version == 0 {
		first = "error after " + twoDigits(held.took)
	}
	if err != nil {
		return first + "; error after " + twoDigits(took)
	}
	return first + "; loaded after " + twoDigits(took)
}

func deletedInAPause(c *cluster) string {
	c.warm()
	if err := c.server.Pause(); err != nil {
		return err.Error()
	}
	err := c.change()
	said := ""
	if err != nil {
		said = "(the delete fails) "
	}
	here, there := c.old(c.here, atOnce), c.old(c.there, byAndBy)
	if err := c.server.Resume(); err != nil {
		return err.Error()
	}
	time.Sleep(2 * time.Second) // to find each other again
	return said + here + ", " + there + "; " + c.old(c.here, atOnce) + ", " + c.old(c.there, atOnce)
}
