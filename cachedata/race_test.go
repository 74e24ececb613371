package cachedata_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/reecho-go/reecho/cachedata"
)

// origin is a source whose value changes while loads are under way. A load
// reads it at once and then takes its time.
type origin struct {
	mu    sync.Mutex
	value int
	loads int
	took  time.Duration
	fail  func() // runs at the end of a load
}

func (o *origin) set(v int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.value = v
}

func (o *origin) load(_ context.Context, _ string) (*int, error) {
	o.mu.Lock()
	v, fail := o.value, o.fail
	o.loads++
	o.mu.Unlock()
	time.Sleep(o.took)
	if fail != nil {
		fail()
	}
	return &v, nil
}

// result is what one caller got.
type result struct {
	value  any // an int, or nil
	err    error
	raised any
	after  time.Duration
}

func (r result) String() string {
	switch {
	case r.raised != nil:
		return "panic"
	case r.err != nil:
		if pe, ok := errors.AsType[*cachedata.PanicError](r.err); ok {
			return fmt.Sprint("panic: ", pe.Value)
		}
		return r.err.Error()
	}
	return fmt.Sprint(r.value)
}

// call gets "k" and notes what comes of it.
func call(ctx context.Context, c *cachedata.Cache[string, *int]) (r result) {
	start := time.Now()
	defer func() {
		r.raised = recover()
		r.after = time.Since(start)
	}()
	p, err := c.Get(ctx, "k")
	r.err = err
	if p != nil {
		r.value = *p
	}
	return r
}

// The race matrix: what callers see when something happens in the middle of a
// load of 400 ms that read 1 while its origin has 2.
func TestRaceMatrix(t *testing.T) {
	t.Parallel()
	const took = 400 * time.Millisecond
	type cache = cachedata.Cache[string, *int]
	tests := []struct {
		name string
		// leader and waiter are how long their contexts last; 0: for ever.
		leader, waiter time.Duration
		fail           func()
		// middle happens 100 ms into the load, after the origin has changed.
		middle func(ctx context.Context, c *cache, g *cachedata.Group) error
		// What the leader, the waiter who joined before the middle, the reader
		// who came right after it, and the reader after everything get.
		wantLeader, wantWaiter, wantNext, wantLater string
		wantLoads                                   int
	}{
		{
			name: "L2/leader's context ends: the live waiter gets the value", leader: 50 * time.Millisecond,
			wantLeader: "context deadline exceeded", wantWaiter: "1", wantNext: "1", wantLater: "1", wantLoads: 1,
		},
		{
			name: "L2/waiter's context ends after 50 ms: it leaves then", waiter: 50 * time.Millisecond,
			wantLeader: "1", wantWaiter: "context deadline exceeded", wantNext: "1", wantLater: "1", wantLoads: 1,
		},
		{
			name: "L2/both leave: nobody joins what is left", leader: 50 * time.Millisecond, waiter: 60 * time.Millisecond,
			wantLeader: "context deadline exceeded", wantWaiter: "context deadline exceeded", wantNext: "2", wantLater: "2", wantLoads: 2,
		},
		{
			name: "L5/panic", fail: func() { panic("boom") },
			wantLeader: "panic", wantWaiter: "panic: boom", wantNext: "panic: boom", wantLater: "2", wantLoads: 2,
		},
		{
			name: "L5/Goexit", fail: runtime.Goexit,
			wantLeader: "panic: runtime.Goexit was called", wantWaiter: "panic: runtime.Goexit was called",
			wantNext: "panic: runtime.Goexit was called", wantLater: "2", wantLoads: 2,
		},
		{
			name:       "X1/Delete",
			middle:     func(ctx context.Context, c *cache, _ *cachedata.Group) error { return c.Delete(ctx, "k") },
			wantLeader: "1", wantWaiter: "1", wantNext: "2", wantLater: "2", wantLoads: 2,
		},
		{
			name:       "X1/Clear",
			middle:     func(ctx context.Context, c *cache, _ *cachedata.Group) error { return c.Clear(ctx) },
			wantLeader: "1", wantWaiter: "1", wantNext: "2", wantLater: "2", wantLoads: 2,
		},
		{
			name:       "X1/group Clear",
			middle:     func(ctx context.Context, _ *cache, g *cachedata.Group) error { return g.Clear(ctx) },
			wantLeader: "1", wantWaiter: "1", wantNext: "2", wantLater: "2", wantLoads: 2,
		},
		{
			name:       "X2/Put",
			middle:     func(ctx context.Context, c *cache, _ *cachedata.Group) error { return c.Put(ctx, "k", new(2)) },
			wantLeader: "1", wantWaiter: "1", wantNext: "2", wantLater: "2", wantLoads: 1,
		},
		{
			name:       "nothing",
			wantLeader: "1", wantWaiter: "1", wantNext: "1", wantLater: "1", wantLoads: 1,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				o := &origin{value: 1, took: took, fail: tt.fail}
				g := newGroup(t, cachedata.GroupConfig{})
				c := newCache(t, o.load, cachedata.Config{Group: g})
				limited := func(d time.Duration) context.Context {
					if d == 0 {
						return t.Context()
					}
					ctx, cancel := context.WithTimeout(t.Context(), d)
					t.Cleanup(cancel)
					return ctx
				}
				var wg sync.WaitGroup
				var leader, waiter, next result
				wg.Go(func() { leader = call(limited(tt.leader), c) })
				synctest.Wait()
				wg.Go(func() { waiter = call(limited(tt.waiter), c) })
				time.Sleep(100 * time.Millisecond)
				o.set(2)
				if tt.middle != nil {
					if err := tt.middle(t.Context(), c, g); err != nil {
						t.Error(err)
					}
				}
				wg.Go(func() { next = call(t.Context(), c) })
				wg.Wait()
				o.mu.Lock()
				o.fail = nil
				o.mu.Unlock()
				last := call(t.Context(), c)
				time.Sleep(time.Second) // for loads that nobody waits for
				synctest.Wait()
				got := []string{leader.String(), waiter.String(), next.String(), last.String()}
				want := []string{tt.wantLeader, tt.wantWaiter, tt.wantNext, tt.wantLater}
				for i, who := range []string{"the leader", "the waiter", "the next reader", "a later reader"} {
					if got[i] != want[i] {
						t.Errorf("%s got %q, want %q", who, got[i], want[i])
					}
				}
				if o.loads != tt.wantLoads {
					t.Errorf("%d loads, want %d", o.loads, tt.wantLoads)
				}
				for who, r := range map[*result]time.Duration{&leader: tt.leader, &waiter: tt.waiter} {
					if who := *who; r > 0 && who.after != r {
						t.Errorf("a caller with a deadline of %v left after %v", r, who.after)
					}
				}
				if pe, ok := errors.AsType[*cachedata.PanicError](waiter.err); tt.fail != nil && (!ok || len(pe.Stack) == 0) {
					t.Errorf("the waiter's error has no stack: %v", waiter.err)
				}
			})
		})
	}
}

func TestCallerMutatesTheResult(t *testing.T) {
	t.Parallel()
	o := &origin{value: 1}
	c := newCache(t, o.load, cachedata.Config{})
	p, err := c.Get(t.Context(), "k")
	if err != nil {
		t.Fatal(err)
	}
	*p = 99
	if r := call(t.Context(), c); r.String() != "1" {
		t.Errorf("the next caller sees %v", r)
	}
}

func TestSlowLoadDelaysNoHits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCache(t, func(_ context.Context, k int) (int, error) {
			if k == 0 {
				time.Sleep(time.Hour)
			}
			return k, nil
		}, cachedata.Config{})
		for k := range 100 {
			want(t, c, k+1, k+1)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Hour)
		defer cancel()
		var wg sync.WaitGroup
		wg.Go(func() {
			if _, err := c.Get(ctx, 0); err != nil {
				t.Error(err)
			}
		})
		synctest.Wait()
		start := time.Now()
		for k := range 100 {
			want(t, c, k+1, k+1)
			want(t, c, k+1000, k+1000) // and no other loads
		}
		if took := time.Since(start); took != 0 {
			t.Errorf("hits and other loads took %v", took)
		}
		wg.Wait()
	})
}

// A load in one cache that reads another cache while a clear of the group runs
// must not keep what it derived from the old content of the other.
func TestDerivedResultsDoNotSurviveAGroupClear(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newGroup(t, cachedata.GroupConfig{})
		source := 1
		base := cachedata.Must(cachedata.New("base", func(context.Context, struct{}) (int, error) { return source, nil }, cachedata.Config{Group: g}))
		sum := cachedata.Must(cachedata.New("sum", func(ctx context.Context, _ struct{}) (int, error) {
			v, err := base.Get(ctx, struct{}{})
			time.Sleep(time.Second)
			return v * 10, err
		}, cachedata.Config{Group: g}))
		want(t, base, struct{}{}, 1)
		var wg sync.WaitGroup
		wg.Go(func() { want(t, sum, struct{}{}, 10) })
		synctest.Wait()
		source = 2
		if err := g.Clear(t.Context()); err != nil {
			t.Fatal(err)
		}
		wg.Wait()
		want(t, sum, struct{}{}, 20)
		if s := sum.Stats(); s.Refused != 1 {
			t.Errorf("%d refused, want 1", s.Refused)
		}
	})
}

func TestFailedRefreshKeepsTheOldResult(t *testing.T) {
	t.Parallel()
	var fail error
	c := newCache(t, func(_ context.Context, k int) (int, error) { return k, fail }, cachedata.Config{})
	want(t, c, 1, 1)
	fail = errors.New("down")
	if _, err := c.Refresh(t.Context(), 1); !errors.Is(err, fail) {
		t.Errorf("Refresh returned %v", err)
	}
	want(t, c, 1, 1)
}
