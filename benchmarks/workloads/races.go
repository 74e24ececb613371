package workloads

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/reecho-go/reecho/benchmarks/bench"
	"github.com/reecho-go/reecho/benchmarks/peers"
	"github.com/reecho-go/reecho/cachedata"
)

// Races is what callers get when something happens in the middle of a load: of
// a source that goes from 1 to 2 while a load that has read 1 is in flight.
// Each answer comes from the library itself, at that moment.
func Races() []bench.Workload {
	return []bench.Workload{
		race("the leader's context ends: who waits gets", "value", leaderLeaves),
		race("a waiter's context ends after 1/8 of the load: it returns after", "1/8", waiterLeaves),
		race("panic: leader / waiter", "panic / error with stack", func(p *probe) string { return p.failing(func() { panic("boom") }) }),
		race("Goexit: leader / waiter", "error / error", func(p *probe) string { return p.failing(runtime.Goexit) }),
		race("after Goexit: the next caller gets", "value", afterGoexit),
		race("Delete in a load: next / later reader", "2 / 2", func(p *probe) string { return p.changing(p.c.Delete != nil, func() { p.c.Delete("k") }) }),
		race("clear-all in a load: next / later reader", "2 / 2", func(p *probe) string { return p.changing(p.c.Clear != nil, p.c.Clear) }),
		race("Put(2) in a load: next / later reader", "2 / 2", func(p *probe) string { return p.changing(true, func() { p.c.Put("k", result(2)) }) }),
		race("a caller changes its result: the next caller", "does not see it", aliasing),
		race("the slow load of one key delays hits of others", "no", delays),
	}
}

// race is one line of the matrix; want is what ours has promised.
func race(name, want string, ask func(*probe) string) bench.Workload {
	return bench.Workload{Group: "races", Name: name, Reference: Ours, Waits: true, Prepare: func() (rows []bench.Row, _ error) {
		for _, l := range loaders[[]row](cachedata.Config{}) {
			say := func() (string, error) {
				p := &probe{}
				p.source.Store(1)
				var err error
				if p.c, err = l.Open(p.load); err != nil {
					return "", err
				}
				// A peer may be wedged for good, and then cannot be closed.
				if p.c.Close != nil && l.Name == Ours {
					defer p.c.Close()
				}
				return ask(p), nil
			}
			row := bench.Row{Peer: l.Name, Say: say}
			if l.Name == Ours {
				row.Check = func() error {
					if got, err := say(); got != want || err != nil {
						return fmt.Errorf("%s: %q, %w; promised is %q", name, got, err, want)
					}
					return nil
				}
			}
			rows = append(rows, row)
		}
		return rows, nil
	}}
}

// result is what a load returns that has read n.
func result(n int) []row { return []row{{ID: n}} }

// How long a load takes, and after how long a caller counts as stuck.
const (
	slowly = 240 * time.Millisecond
	stuck  = 4 * slowly
)

// probe is one cache whose load is watched.
type probe struct {
	c      peers.Loading[[]row]
	source atomic.Int64
	fast   atomic.Bool
	fail   atomic.Pointer[func()]
}

func (p *probe) load(ctx context.Context, _ string) ([]row, error) {
	n := int(p.source.Load())
	fail := p.fail.Load()
	if !p.fast.Load() {
		select {
		case <-time.After(slowly):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	if fail != nil {
		(*fail)()
	}
	return result(n), nil
}

// answer is what a caller got.
type answer struct {
	text string
	took time.Duration
}

// get calls in a goroutine of its own, since not every answer is an answer.
func (p *probe) get(ctx context.Context, key string) <-chan answer {
	out := make(chan answer, 1)
	start := time.Now()
	go func() {
		text := "is killed"
		defer func() {
			if v := recover(); v != nil {
				text = "panic"
			}
			out <- answer{text, time.Since(start)}
		}()
		b, err := p.c.Get(ctx, key)
		text = describe(b, err)
	}()
	return out
}

func describe(rows []row, err error) string {
	pe, ok := errors.AsType[*cachedata.PanicError](err)
	switch {
	case errors.Is(err, context.Canceled):
		return "ctx canceled"
	case ok && pe.Value != nil && pe.Value == "boom" && len(pe.Stack) > 0, err != nil && strings.Contains(err.Error(), "goroutine "):
		return "error with stack"
	case err != nil:
		return "error"
	case rows == nil:
		return "nil, nil"
	}
	return fmt.Sprint(rows[0].ID)
}

// wait returns a caller's answer, unless it is stuck.
func wait(a <-chan answer) answer {
	select {
	case a := <-a:
		return a
	case <-time.After(stuck):
		return answer{"hangs", stuck}
	}
}

// pause lets what was begun take hold.
func pause() { time.Sleep(slowly / 8) }

func value(a answer) string {
	if a.text == "1" || a.text == "2" {
		return "value"
	}
	return a.text
}

func leaderLeaves(p *probe) string {
	if p.c.NoContext {
		return "no ctx"
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	p.get(ctx, "k")
	pause()
	waiter := p.get(context.Background(), "k")
	pause()
	cancel()
	return value(wait(waiter))
}

func waiterLeaves(p *probe) string {
	leader := p.get(context.Background(), "k")
	pause()
	ctx, cancel := context.WithTimeout(context.Background(), slowly/8)
	defer cancel()
	took := wait(p.get(ctx, "k")).took
	wait(leader)
	if took < slowly/2 {
		return "1/8"
	}
	return "the whole load"
}

// failing fails a load that one caller has started and another has joined.
func (p *probe) failing(fail func()) string {
	p.fail.Store(&fail)
	leader := p.get(context.Background(), "k")
	pause()
	waiter := p.get(context.Background(), "k")
	return wait(leader).text + " / " + wait(waiter).text
}

func afterGoexit(p *probe) string {
	fail := runtime.Goexit
	p.fail.Store(&fail)
	wait(p.get(context.Background(), "k"))
	p.fail.Store(nil)
	return value(wait(p.get(context.Background(), "k")))
}

// changing changes the source and tells the cache in the middle of a load.
func (p *probe) changing(can bool, tell func()) string {
	if !can {
		return "-"
	}
	leader := p.get(context.Background(), "k")
	pause()
	p.source.Store(2)
	told := make(chan struct{})
	start := time.Now()
	go func() {
		defer close(told)
		tell()
	}()
	<-told
	blocked := time.Since(start) > slowly/2
	next := wait(p.get(context.Background(), "k"))
	wait(leader)
	p.fast.Store(true)
	text := next.text + " / " + wait(p.get(context.Background(), "k")).text
	if blocked {
		text += ", blocks"
	}
	return text
}

func aliasing(p *probe) string {
	p.fast.Store(true)
	first, err := p.c.Get(context.Background(), "k")
	if err != nil {
		return err.Error()
	}
	first[0].ID = 99
	if second, err := p.c.Get(context.Background(), "k"); err != nil || second[0].ID == 99 {
		return "sees it"
	}
	return "does not see it"
}

func delays(p *probe) string {
	const hot = 1000
	key := func(i int) string { return fmt.Sprint("hot ", i) }
	p.fast.Store(true)
	for i := range hot {
		if _, err := p.c.Get(context.Background(), key(i)); err != nil {
			return err.Error()
		}
	}
	p.fast.Store(false)
	slow := p.get(context.Background(), "slow")
	pause()
	var wg sync.WaitGroup
	var longest atomic.Int64
	for i := range hot {
		wg.Go(func() {
			start := time.Now()
			_, _ = p.c.Get(context.Background(), key(i)) // it was there
			for took := int64(time.Since(start)); ; {
				before := longest.Load()
				if took <= before || longest.CompareAndSwap(before, took) {
					return
				}
			}
		})
	}
	wg.Wait()
	wait(slow)
	if time.Duration(longest.Load()) > slowly/2 {
		return "yes"
	}
	return "no"
}
