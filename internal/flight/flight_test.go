package flight_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/reecho-go/reecho/internal/flight"
	"github.com/reecho-go/reecho/internal/leaktest"
	"github.com/reecho-go/reecho/internal/panics"
)

func TestMain(m *testing.M) { leaktest.Main(m) }

// work is a Work made of functions; nil ones do nothing.
type work struct {
	find   func() (int, bool)
	load   func(context.Context) (int, error)
	commit func(int)
	done   func(flight.Outcome)
	name   string
}

func (w work) Name() string { return w.name }

func (w work) Find() (any, bool) {
	if w.find == nil {
		return nil, false
	}
	return w.find()
}

func (w work) Load(ctx context.Context) (any, error) { return w.load(ctx) }

func (w work) Commit(v any) {
	if w.commit != nil {
		w.commit(v.(int))
	}
}

func (w work) Done(_ context.Context, o flight.Outcome) {
	if w.done != nil {
		w.done(o)
	}
}

// table is a Table of numbers by texts.
type table struct{ *flight.Table }

func key(text string) flight.Key { return flight.Key{Text: text} }

func (t table) Do(ctx context.Context, k string, w flight.Work) (int, flight.Role, error) {
	v, role, err := t.Table.Do(ctx, key(k), w)
	n, _ := v.(int)
	return n, role, err
}

func (t table) DoAt(ctx context.Context, k string, terms flight.Terms, w flight.Work) (int, flight.Role, error) {
	v, role, err := t.Table.DoAt(ctx, key(k), terms, w)
	n, _ := v.(int)
	return n, role, err
}

func (t table) DoMany(ctx context.Context, texts []string, terms flight.Terms, size int, b flight.Batch) []flight.Result {
	keys := make([]flight.Key, len(texts))
	for i, text := range texts {
		keys[i] = key(text)
	}
	return t.Table.DoMany(ctx, keys, terms, size, b)
}

func (t table) Start(ctx context.Context, k string, terms flight.Terms, w flight.Work, ended func()) bool {
	return t.Table.Start(ctx, key(k), terms, w, ended)
}

func (t table) Override(k, reason string, write func()) { t.Table.Override(key(k), reason, write) }

func newTable(t *testing.T) table {
	t.Helper()
	tracker := new(flight.Tracker)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := tracker.Close(ctx); err != nil { // a load ends after its callers have its result
			t.Error(err)
		}
		if n := tracker.Waiting(); n != 0 {
			t.Errorf("%d waiting callers are left", n)
		}
	})
	return table{flight.NewTable(tracker)}
}

func after(d time.Duration, v int) work {
	return work{load: func(context.Context) (int, error) {
		time.Sleep(d)
		return v, nil
	}}
}

func TestOneLoadPerKey(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		table := newTable(t)
		loads, commits := 0, 0
		var outcome flight.Outcome
		var led, joined atomic.Int32
		var wg sync.WaitGroup
		for range 100 {
			wg.Go(func() {
				v, role, err := table.Do(t.Context(), "k", work{
					load: func(context.Context) (int, error) {
						loads++
						time.Sleep(time.Second)
						return 7, nil
					},
					commit: func(int) { commits++ },
					done:   func(o flight.Outcome) { outcome = o },
				})
				if v != 7 || err != nil {
					t.Errorf("got %d, %v", v, err)
				}
				switch role {
				case flight.Led:
					led.Add(1)
				case flight.Joined:
					joined.Add(1)
				default:
					t.Errorf("role %d", role)
				}
			})
		}
		wg.Wait()
		if loads != 1 || commits != 1 || led.Load() != 1 || joined.Load() != 99 {
			t.Errorf("%d loads, %d commits, %d led, %d joined", loads, commits, led.Load(), joined.Load())
		}
		if want := (flight.Outcome{Callers: 100, Waiting: 100}); outcome != want {
			t.Errorf("outcome %+v, want %+v", outcome, want)
		}
	})
}

func TestCommittedResultIsFound(t *testing.T) {
	t.Parallel()
	table := newTable(t)
	w := work{find: func() (int, bool) { return 5, true }}
	if v, role, err := table.Do(t.Context(), "k", w); v != 5 || role != flight.Found || err != nil {
		t.Errorf("got %d, role %d, %v", v, role, err)
	}
}

func TestWaitersObeyTheirOwnContext(t *testing.T) {
	t.Parallel()
	type key struct{}
	tests := []struct {
		name           string
		leader, waiter time.Duration // when they leave; 0: never
		cause          error         // what ends the load's context early
	}{
		{"the waiter leaves", 0, 50 * time.Millisecond, nil},
		{"the leader leaves", 50 * time.Millisecond, 0, nil},
		{"both leave", 50 * time.Millisecond, 60 * time.Millisecond, flight.ErrAbandoned},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				table := newTable(t)
				var cause error
				var committed bool
				w := work{
					load: func(ctx context.Context) (int, error) {
						if ctx.Value(key{}) != "leader" {
							t.Error("the load does not see the leader's values")
						}
						if _, ok := ctx.Deadline(); ok {
							t.Error("the load has the leader's deadline")
						}
						select {
						case <-time.After(400 * time.Millisecond):
						case <-ctx.Done():
							cause = context.Cause(ctx)
						}
						return 7, nil
					},
					commit: func(int) { committed = true },
				}
				call := func(name string, leave time.Duration) {
					ctx := context.WithValue(t.Context(), key{}, name)
					if leave > 0 {
						var cancel context.CancelFunc
						ctx, cancel = context.WithTimeout(ctx, leave)
						defer cancel()
					}
					start := time.Now()
					v, _, err := table.Do(ctx, "k", w)
					took := time.Since(start)
					if leave > 0 {
						if !errors.Is(err, context.DeadlineExceeded) || took != leave {
							t.Errorf("%s: got %d, %v after %v; want to leave after %v", name, v, err, took, leave)
						}
					} else if v != 7 || err != nil || took != 400*time.Millisecond {
						t.Errorf("%s: got %d, %v after %v", name, v, err, took)
					}
				}
				var wg sync.WaitGroup
				wg.Go(func() { call("leader", tt.leader) })
				synctest.Wait()
				wg.Go(func() { call("waiter", tt.waiter) })
				wg.Wait()
				synctest.Wait()
				if cause != tt.cause {
					t.Errorf("the load's context ended with %v, want %v", cause, tt.cause)
				}
				if committed != (tt.cause == nil) {
					t.Errorf("committed: %v", committed)
				}
			})
		})
	}
}

func TestDyingFlightIsNotJoined(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		table := newTable(t)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		var outcomes []flight.Outcome
		slow := after(10*time.Second, 1) // ignores its context
		slow.commit = func(int) { t.Error("an abandoned load committed") }
		slow.done = func(o flight.Outcome) { outcomes = append(outcomes, o) }
		if _, _, err := table.Do(ctx, "k", slow); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		start := time.Now()
		v, role, err := table.Do(t.Context(), "k", after(time.Second, 2))
		if v != 2 || role != flight.Led || err != nil || time.Since(start) != time.Second {
			t.Errorf("got %d, role %d, %v after %v", v, role, err, time.Since(start))
		}
		time.Sleep(10 * time.Second)
		synctest.Wait()
		want := []flight.Outcome{{Overridden: flight.ErrAbandoned.Error(), Callers: 1}}
		if !slices.Equal(outcomes, want) {
			t.Errorf("outcomes %+v, want %+v", outcomes, want)
		}
	})
}

func TestDoneContextStartsNothing(t *testing.T) {
	t.Parallel()
	table := newTable(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	w := work{load: func(context.Context) (int, error) {
		t.Error("loaded")
		return 0, nil
	}}
	if _, _, err := table.Do(ctx, "k", w); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// recovered runs fn and returns what it panicked with.
func recovered(fn func()) (v any) {
	defer func() { v = recover() }()
	fn()
	return nil
}

func TestPanicsAndGoexit(t *testing.T) {
	t.Parallel()
	boom := errors.New("boom")
	tests := []struct {
		name  string
		load  func()
		value any  // of the *panics.Error
		raw   bool // raised in the leader as it is
		quiet bool // not raised in the leader
	}{
		{name: "value", load: func() { panic("boom") }, value: "boom"},
		{name: "error", load: func() { panic(boom) }, value: boom},
		{name: "abort handler", load: func() { panic(http.ErrAbortHandler) }, value: http.ErrAbortHandler, raw: true},
		{name: "Goexit", load: runtime.Goexit, value: panics.ErrGoexit, quiet: true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				table := newTable(t)
				w := work{
					load: func(context.Context) (int, error) {
						time.Sleep(time.Second)
						tt.load()
						return 1, nil
					},
					commit: func(int) { t.Error("committed") },
				}
				check := func(who string, err error) {
					pe, ok := errors.AsType[*panics.Error](err)
					if !ok || pe.Value != tt.value || len(pe.Stack) == 0 {
						t.Errorf("%s got %v", who, err)
					}
				}
				var wg sync.WaitGroup
				wg.Go(func() {
					var err error
					raised := recovered(func() { _, _, err = table.Do(t.Context(), "k", w) })
					switch {
					case tt.quiet:
						check("the leader", err)
					case tt.raw:
						if raised != tt.value {
							t.Errorf("the leader panicked with %v", raised)
						}
					default:
						raised, _ := raised.(error)
						check("the leader", raised)
					}
				})
				synctest.Wait()
				wg.Go(func() {
					_, _, err := table.Do(t.Context(), "k", w)
					check("the waiter", err)
				})
				wg.Wait()
				if v, _, err := table.Do(t.Context(), "k", after(0, 3)); v != 3 || err != nil {
					t.Errorf("the next call got %d, %v", v, err)
				}
			})
		})
	}
}

func TestNestedPanicKeepsItsStack(t *testing.T) {
	t.Parallel()
	outer, inner := newTable(t), newTable(t)
	var first *panics.Error
	v := recovered(func() {
		_, _, _ = outer.Do(t.Context(), "a", work{load: func(ctx context.Context) (int, error) {
			v := recovered(func() {
				_, _, _ = inner.Do(ctx, "b", work{load: func(context.Context) (int, error) { panic("boom") }})
			})
			first, _ = v.(*panics.Error)
			panic(v)
		}})
	})
	if second, ok := v.(*panics.Error); !ok || first == nil || &second.Stack[0] != &first.Stack[0] {
		t.Errorf("the outer leader panicked with %v, the inner one with %v", v, first)
	}
}

func TestCycleIsAnError(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a, b := newTable(t), newTable(t)
		var own *flight.CycleError
		check := func(err error, want ...string) {
			t.Helper()
			own = nil
			if !errors.As(err, &own) || !slices.Equal(own.Path, want) {
				t.Errorf("got %v, want the path %q", err, want)
			}
		}

		_, _, err := a.Do(t.Context(), "1", work{name: "a[1]", load: func(ctx context.Context) (int, error) {
			v, _, err := a.Do(ctx, "1", after(0, 1))
			return v, err
		}})
		check(err, "a[1]", "a[1]")

		_, _, err = a.Do(t.Context(), "1", work{name: "a[1]", load: func(ctx context.Context) (int, error) {
			v, _, err := b.Do(ctx, "2", work{name: "b[2]", load: func(ctx context.Context) (int, error) {
				v, _, err := a.Do(ctx, "1", after(0, 1))
				return v, err
			}})
			return v, err
		}})
		check(err, "b[2]", "a[1]", "b[2]")

		// Other keys and caches inside a load are no cycle.
		v, _, err := a.Do(t.Context(), "1", work{name: "a[1]", load: func(ctx context.Context) (int, error) {
			v, _, err := a.Do(ctx, "2", after(0, 9))
			return v, err
		}})
		if v != 9 || err != nil {
			t.Errorf("got %d, %v", v, err)
		}
	})
}

// Two loads that nobody nested wait for each other.
func TestLoadsThatWaitForEachOtherFail(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		table := newTable(t)
		cross := func(other string) work {
			return work{load: func(ctx context.Context) (int, error) {
				time.Sleep(time.Second)
				v, _, err := table.Do(ctx, other, after(0, 1))
				return v, err
			}}
		}
		var wg sync.WaitGroup
		var errs [2]error
		wg.Go(func() { _, _, errs[0] = table.Do(t.Context(), "a", cross("b")) })
		wg.Go(func() { _, _, errs[1] = table.Do(t.Context(), "b", cross("a")) })
		wg.Wait()
		for i, err := range errs {
			if _, ok := errors.AsType[*flight.CycleError](err); !ok {
				t.Errorf("caller %d got %v", i, err)
			}
		}
	})
}

func TestOverriddenCallIsSharedButNotCommitted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		table := newTable(t)
		var committed []int
		var outcome flight.Outcome
		commit := func(v int) { committed = append(committed, v) }
		old := after(time.Second, 1)
		old.commit, old.done = commit, func(o flight.Outcome) { outcome = o }
		fresh := after(2*time.Second, 2)
		fresh.commit = commit
		var wg sync.WaitGroup
		want := func(v int, w work) func() {
			return func() {
				if got, _, err := table.Do(t.Context(), "k", w); got != v || err != nil {
					t.Errorf("got %d, %v; want %d", got, err, v)
				}
			}
		}
		wg.Go(want(1, old))
		synctest.Wait()
		wg.Go(want(1, old))
		synctest.Wait()
		table.Override("k", "delete", func() {})
		wg.Go(want(2, fresh))
		synctest.Wait()
		wg.Go(want(2, old)) // joins the fresh one
		wg.Wait()
		if !slices.Equal(committed, []int{2}) {
			t.Errorf("committed %v", committed)
		}
		if want := (flight.Outcome{Overridden: "delete", Callers: 2, Waiting: 2}); outcome != want {
			t.Errorf("outcome %+v, want %+v", outcome, want)
		}
	})
}

// Whoever comes after a clear that runs in several steps does not join a call
// that began before or in the middle of it.
func TestCallsOfBeforeAClearAreNotJoined(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		table := newTable(t)
		var gate flight.Gate
		var wg sync.WaitGroup
		var mu sync.Mutex
		var overridden []string
		get := func(v, want int) {
			at := gate.Mark()
			w := after(time.Second, v)
			w.done = func(o flight.Outcome) {
				mu.Lock()
				defer mu.Unlock()
				overridden = append(overridden, o.Overridden)
			}
			wg.Go(func() {
				if got, _, err := table.DoAt(t.Context(), "k", flight.Terms{At: at}, w); got != want || err != nil {
					t.Errorf("got %d, %v; want %d", got, err, want)
				}
			})
			synctest.Wait()
		}
		get(1, 1)
		get(2, 1)
		old := gate.Mark()
		gate.Clear(func() {
			get(3, 3)
			get(4, 3) // both came while the clear ran
		})
		get(5, 5)
		get(6, 5)
		if v, role, err := table.DoAt(t.Context(), "k", flight.Terms{At: old}, after(0, 7)); v != 5 || role != flight.Joined || err != nil {
			t.Errorf("who came earlier got %d, role %d, %v", v, role, err)
		}
		wg.Wait()
		slices.Sort(overridden)
		if want := []string{"", "clear", "clear"}; !slices.Equal(overridden, want) {
			t.Errorf("overridden %q, want %q", overridden, want)
		}
	})
}

func TestTrackerClose(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		tracker := new(flight.Tracker)
		table := table{flight.NewTable(tracker)}
		var wg sync.WaitGroup
		var cause error
		wg.Go(func() {
			_, _, _ = table.Do(t.Context(), "k", work{load: func(ctx context.Context) (int, error) {
				<-ctx.Done()
				cause = context.Cause(ctx)
				time.Sleep(time.Second)
				return 0, nil
			}})
		})
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := tracker.Close(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Close returned %v", err)
		}
		if err := tracker.Close(t.Context()); err != nil {
			t.Errorf("the second Close returned %v", err)
		}
		if !errors.Is(cause, flight.ErrClosed) {
			t.Errorf("the load's context ended with %v", cause)
		}
		if _, _, err := table.Do(t.Context(), "k", after(0, 1)); !errors.Is(err, flight.ErrClosed) {
			t.Errorf("Do after Close: %v", err)
		}
		wg.Wait()
	})
}

// At any moment at most one call of a key may commit, whatever the mix of
// leaving, overriding and failing.
func TestRandomMix(t *testing.T) {
	t.Parallel()
	table := newTable(t)
	var value [3]int // of each key, guarded by the key's lock
	var next atomic.Int64
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 500 {
				k := rand.IntN(len(value))
				key := fmt.Sprint(k)
				if rand.IntN(4) == 0 {
					v := int(next.Add(1))
					table.Override(key, "put", func() { value[k] = v })
					continue
				}
				ctx, cancel := context.WithTimeout(t.Context(), time.Duration(rand.IntN(200))*time.Microsecond)
				_, _, _ = table.Do(ctx, key, work{
					load: func(context.Context) (int, error) {
						v := int(next.Add(1))
						if rand.IntN(2) == 0 {
							time.Sleep(time.Duration(rand.IntN(200)) * time.Microsecond)
						}
						if rand.IntN(8) == 0 {
							return 0, errors.New("failed")
						}
						return v, nil
					},
					commit: func(v int) {
						if v < value[k] {
							t.Errorf("key %d: %d committed over the younger %d", k, v, value[k])
						}
						value[k] = v
					},
				})
				cancel()
			}
		})
	}
	wg.Wait()
	// Abandoned loads end by themselves.
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		if table.Idle() {
			return
		}
	}
	t.Error("calls are left")
}

// A caller whose context ends while the result is on its way gets the result,
// so that Outcome.Waiting is exact.
func TestNobodyLeavesOnceTheCallIsOver(t *testing.T) {
	t.Parallel()
	table := newTable(t)
	ctx, cancel := context.WithCancel(t.Context())
	w := after(0, 7)
	w.done = func(o flight.Outcome) {
		if o.Waiting != 1 {
			t.Errorf("%d callers are waiting, want 1", o.Waiting)
		}
		cancel()
	}
	if v, _, err := table.Do(ctx, "k", w); v != 7 || err != nil {
		t.Errorf("got %d, %v, want the result that was there already", v, err)
	}
}
