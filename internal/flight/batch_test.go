package flight_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/reecho-go/reecho/internal/flight"
	"github.com/reecho-go/reecho/internal/panics"
)

// batch is a Batch of the keys it is used with; nil functions do nothing.
type batch struct {
	keys   []string
	find   func(key string) (int, bool)
	load   func(ctx context.Context, keys []string) (map[string]int, error)
	commit func(key string, v int)
	done   func(key string, o flight.Outcome)
}

func (b *batch) Task(i int) flight.Task {
	key := b.keys[i]
	w := work{find: func() (int, bool) { return 0, false }}
	if b.find != nil {
		w.find = func() (int, bool) { return b.find(key) }
	}
	if b.commit != nil {
		w.commit = func(v int) { b.commit(key, v) }
	}
	if b.done != nil {
		w.done = func(o flight.Outcome) { b.done(key, o) }
	}
	return w
}

func (b *batch) Leave(int) bool { return false }

func (b *batch) Name(led []int) string { return strings.Join(b.some(led), "+") }

func (b *batch) some(led []int) (keys []string) {
	for _, i := range led {
		keys = append(keys, b.keys[i])
	}
	return keys
}

func (b *batch) Load(ctx context.Context, led []int, settle func(int, any, error)) {
	keys := b.some(led)
	values, err := b.load(ctx, keys)
	for n, key := range keys {
		if v, ok := values[key]; ok {
			settle(n, v, nil)
		} else if err != nil {
			settle(n, 0, err)
		}
	}
}

// do is DoMany of the letters of keys.
func (b batch) do(ctx context.Context, table table, keys string) []flight.Result {
	b.keys = strings.Split(keys, "")
	return table.DoMany(ctx, b.keys, flight.Terms{}, 0, &b)
}

// slowly loads the position in the alphabet of each key, in a second.
func slowly(_ context.Context, keys []string) (map[string]int, error) {
	time.Sleep(time.Second)
	m := make(map[string]int)
	for _, k := range keys {
		m[k] = int(k[0]-'a') + 1
	}
	return m, nil
}

// text is what the results say, in short.
func text(results []flight.Result) string {
	var parts []string
	for _, r := range results {
		role := map[flight.Role]string{flight.Led: "led", flight.Joined: "joined", flight.Found: "found"}[r.Role]
		if r.Err != nil {
			parts = append(parts, role+":"+r.Err.Error())
		} else {
			parts = append(parts, fmt.Sprint(role, ":", r.Value))
		}
	}
	return strings.Join(parts, " ")
}

func TestBatchesJoinEachOtherAndSingles(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		table := newTable(t)
		var mu sync.Mutex
		var loads, committed []string
		b := batch{
			find: func(key string) (int, bool) { return 26, key == "z" },
			load: func(ctx context.Context, keys []string) (map[string]int, error) {
				mu.Lock()
				loads = append(loads, strings.Join(keys, ""))
				mu.Unlock()
				return slowly(ctx, keys)
			},
			commit: func(key string, _ int) {
				mu.Lock()
				defer mu.Unlock()
				committed = append(committed, key)
			},
		}
		var wg sync.WaitGroup
		start := time.Now()
		many := func(keys, want string) {
			wg.Go(func() {
				if got := text(b.do(t.Context(), table, keys)); got != want {
					t.Errorf("%s: got %s, want %s", keys, got, want)
				}
			})
			synctest.Wait()
		}
		wg.Go(func() {
			if v, role, err := table.Do(t.Context(), "c", after(time.Second, 33)); v != 33 || role != flight.Led || err != nil {
				t.Errorf("the single got %d, role %d, %v", v, role, err)
			}
		})
		synctest.Wait()
		many("ab", "led:1 led:2")
		many("bzca", "joined:2 found:26 joined:33 joined:1")
		many("dbd", "led:4 joined:2 joined:4")
		wg.Go(func() {
			if v, role, err := table.Do(t.Context(), "d", after(time.Hour, 0)); v != 4 || role != flight.Joined || err != nil {
				t.Errorf("the single that joins got %d, role %d, %v", v, role, err)
			}
		})
		wg.Wait()
		if took := time.Since(start); took != time.Second {
			t.Errorf("all took %v", took)
		}
		if want := []string{"ab", "d"}; !slices.Equal(loads, want) {
			t.Errorf("loads %q, want %q", loads, want)
		}
		slices.Sort(committed)
		if want := []string{"a", "b", "d"}; !slices.Equal(committed, want) {
			t.Errorf("committed %q, want %q", committed, want)
		}
	})
}

func TestOverlappingBatchesInAnyOrder(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		table := newTable(t)
		var loaded atomic.Int64
		b := batch{load: func(ctx context.Context, keys []string) (map[string]int, error) {
			loaded.Add(int64(len(keys)))
			return slowly(ctx, keys)
		}}
		var wg sync.WaitGroup
		for n := range 50 {
			wg.Go(func() {
				keys := strings.Split("abcdefghij", "")
				rand.New(rand.NewPCG(uint64(n), 0)).Shuffle(len(keys), func(i, j int) { keys[i], keys[j] = keys[j], keys[i] })
				for i, r := range b.do(t.Context(), table, strings.Join(keys, "")) {
					if r.Value != int(keys[i][0]-'a')+1 || r.Err != nil {
						t.Errorf("key %s: %d, %v", keys[i], r.Value, r.Err)
					}
				}
			})
		}
		wg.Wait()
		if n := loaded.Load(); n != 10 {
			t.Errorf("%d keys were loaded, want 10", n)
		}
	})
}

func TestBatchesAreSplit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		table := newTable(t)
		var mu sync.Mutex
		var loads []string
		b := batch{keys: strings.Split("abcdefg", ""), load: func(ctx context.Context, keys []string) (map[string]int, error) {
			mu.Lock()
			loads = append(loads, strings.Join(keys, ""))
			mu.Unlock()
			if slices.Contains(keys, "d") {
				panic("boom")
			}
			return slowly(ctx, keys)
		}}
		start := time.Now()
		raised := recovered(func() { table.DoMany(t.Context(), b.keys, flight.Terms{}, 3, &b) })
		if pe, ok := raised.(*panics.Error); !ok || pe.Value != "boom" {
			t.Errorf("the caller panicked with %v", raised)
		}
		slices.Sort(loads)
		if want := []string{"abc", "def", "g"}; !slices.Equal(loads, want) || time.Since(start) != time.Second {
			t.Errorf("loads %q after %v, want %q", loads, time.Since(start), want)
		}
	})
}

func TestBatchWithPartialResults(t *testing.T) {
	t.Parallel()
	table := newTable(t)
	var outcomes, committed []string
	b := batch{
		load: func(context.Context, []string) (map[string]int, error) {
			return map[string]int{"a": 1, "c": 3}, errors.New("down")
		},
		commit: func(key string, _ int) { committed = append(committed, key) },
		done:   func(key string, o flight.Outcome) { outcomes = append(outcomes, fmt.Sprint(key, o)) },
	}
	if got, want := text(b.do(t.Context(), table, "abc")), "led:1 led:down led:3"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if want := []string{"a", "c"}; !slices.Equal(committed, want) {
		t.Errorf("committed %q, want %q", committed, want)
	}
	if want := []string{"a{<nil>  1 1}", "b{down  1 1}", "c{<nil>  1 1}"}; !slices.Equal(outcomes, want) {
		t.Errorf("outcomes %q, want %q", outcomes, want)
	}
	b.load = func(context.Context, []string) (map[string]int, error) { return nil, nil }
	if got, want := text(b.do(t.Context(), table, "a")), "led:the load gave no answer"; got != want {
		t.Errorf("a load that forgets a key: got %s, want %s", got, want)
	}
}

// The load of a batch goes on while anybody waits for any of its keys, and
// each of them can be joined as long.
func TestBatchIsCancelledWithItsLastWaiter(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name          string
		leader, other time.Duration // when they leave; 0: never
		committed     string
		cause         error
		late          string // what a caller of after both got
	}{
		{"nobody leaves", 0, 0, "ab", nil, "joined:1 joined:2"},
		{"the leader leaves", 50 * time.Millisecond, 0, "ab", nil, "joined:1 joined:2"},
		{"the other leaves", 0, 50 * time.Millisecond, "ab", nil, "joined:1 joined:2"},
		{"both leave", 50 * time.Millisecond, 60 * time.Millisecond, "", flight.ErrAbandoned, "led:1 led:2"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				table := newTable(t)
				var cause error
				committed := ""
				b := batch{
					load: func(ctx context.Context, keys []string) (map[string]int, error) {
						m, err := slowly(ctx, keys) // does not look at its context
						cause = context.Cause(ctx)
						return m, err
					},
					commit: func(key string, _ int) { committed += key },
				}
				limited := func(d time.Duration) context.Context {
					if d == 0 {
						return t.Context()
					}
					ctx, cancel := context.WithTimeout(t.Context(), d)
					t.Cleanup(cancel)
					return ctx
				}
				var wg sync.WaitGroup
				call := func(keys string, leave time.Duration) {
					wg.Go(func() {
						start := time.Now()
						for _, r := range b.do(limited(leave), table, keys) {
							if took := time.Since(start); leave > 0 && (!errors.Is(r.Err, context.DeadlineExceeded) || took != leave) {
								t.Errorf("%s: got %d, %v after %v, want to leave after %v", keys, r.Value, r.Err, took, leave)
							} else if leave == 0 && r.Err != nil {
								t.Errorf("%s: %v", keys, r.Err)
							}
						}
					})
					synctest.Wait()
				}
				call("ab", tt.leader)
				call("b", tt.other)
				time.Sleep(100 * time.Millisecond)
				// Waits too, so it must come after those who may be the last.
				late := batch{load: slowly}
				if tt.cause == nil {
					late.load = nil
				}
				if got := text(late.do(t.Context(), table, "ab")); got != tt.late {
					t.Errorf("who came late got %s, want %s", got, tt.late)
				}
				wg.Wait()
				synctest.Wait()
				if committed != tt.committed || cause != tt.cause {
					t.Errorf("committed %q, cause %v; want %q, %v", committed, cause, tt.committed, tt.cause)
				}
			})
		})
	}
}

func TestDoneContextStartsNoBatch(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	b := batch{find: func(string) (int, bool) {
		t.Error("looked")
		return 0, false
	}}
	for _, r := range b.do(ctx, newTable(t), "ab") {
		if !errors.Is(r.Err, context.Canceled) {
			t.Errorf("got %v", r.Err)
		}
	}
}

func TestPanicsAndGoexitOfABatch(t *testing.T) {
	t.Parallel()
	for name, fail := range map[string]func(){"panic": func() { panic("boom") }, "Goexit": runtime.Goexit} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				table := newTable(t)
				b := batch{
					load: func(context.Context, []string) (map[string]int, error) {
						time.Sleep(time.Second)
						fail()
						return nil, nil
					},
					commit: func(key string, _ int) { t.Errorf("%s is committed", key) },
				}
				var wg sync.WaitGroup
				wg.Go(func() {
					var results []flight.Result
					raised := recovered(func() { results = b.do(t.Context(), table, "ab") })
					if quiet := name == "Goexit"; (raised == nil) != quiet || (len(results) == 2) != quiet {
						t.Errorf("the leader got %v and panicked with %v", results, raised)
					}
				})
				synctest.Wait()
				wg.Go(func() {
					results := batch{load: slowly}.do(t.Context(), table, "bc")
					if pe, ok := errors.AsType[*panics.Error](results[0].Err); !ok || len(pe.Stack) == 0 {
						t.Errorf("who joined got %v", results[0].Err)
					}
					if results[1].Value != 3 || results[1].Err != nil {
						t.Errorf("who joined got %v of its own load", results[1])
					}
				})
				wg.Wait()
				if got := text(batch{load: slowly}.do(t.Context(), table, "ab")); got != "led:1 led:2" {
					t.Errorf("the next call got %s", got)
				}
			})
		})
	}
}

// A batch's load may ask for other keys, but not for its own.
func TestBatchThatAsksForItself(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		table := newTable(t)
		inner := batch{load: slowly}
		outer := batch{load: func(ctx context.Context, keys []string) (map[string]int, error) {
			results := inner.do(ctx, table, "bxay")
			for _, own := range []int{0, 2} {
				cycle, ok := errors.AsType[*flight.CycleError](results[own].Err)
				if want := []string{"a+b", "a+b"}; !ok || !slices.Equal(cycle.Path, want) {
					t.Errorf("its own key: %v, want a circle of %q", results[own].Err, want)
				}
			}
			if results[1].Value != 24 || results[3].Value != 25 {
				t.Errorf("other keys: %s", text(results))
			}
			_, _, err := table.Do(ctx, "a", after(0, 0))
			if _, ok := errors.AsType[*flight.CycleError](err); !ok {
				t.Errorf("its own key, single: %v", err)
			}
			return slowly(ctx, keys)
		}}
		if got := text(outer.do(t.Context(), table, "ab")); got != "led:1 led:2" {
			t.Errorf("got %s", got)
		}
	})
}

// Two batches whose loads ask for each other's keys.
func TestBatchesThatWaitForEachOtherFail(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		table := newTable(t)
		var cycles atomic.Int32
		cross := func(other string) batch {
			return batch{load: func(ctx context.Context, keys []string) (map[string]int, error) {
				m, _ := slowly(ctx, keys)
				for _, r := range (batch{load: slowly}).do(ctx, table, other) {
					if _, ok := errors.AsType[*flight.CycleError](r.Err); ok {
						cycles.Add(1)
						return m, r.Err
					}
				}
				return m, nil
			}}
		}
		var wg sync.WaitGroup
		wg.Go(func() { cross("cd").do(t.Context(), table, "ab") })
		wg.Go(func() { cross("ab").do(t.Context(), table, "cd") })
		wg.Wait()
		if cycles.Load() == 0 {
			t.Error("no circle was noticed")
		}
	})
}

func TestOneKeyOfABatchIsOverridden(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		table := newTable(t)
		var committed, refused []string
		b := batch{
			load:   slowly,
			commit: func(key string, _ int) { committed = append(committed, key) },
			done: func(key string, o flight.Outcome) {
				if o.Overridden != "" {
					refused = append(refused, key+" by "+o.Overridden)
				}
			},
		}
		var wg sync.WaitGroup
		wg.Go(func() {
			if got := text(b.do(t.Context(), table, "abc")); got != "led:1 led:2 led:3" {
				t.Errorf("got %s", got)
			}
		})
		synctest.Wait()
		table.Override("b", "put", func() {})
		if v, role, err := table.Do(t.Context(), "b", after(0, 9)); v != 9 || role != flight.Led || err != nil {
			t.Errorf("after the put: %d, role %d, %v", v, role, err)
		}
		wg.Wait()
		if !slices.Equal(committed, []string{"a", "c"}) || !slices.Equal(refused, []string{"b by put"}) {
			t.Errorf("committed %q, refused %q", committed, refused)
		}
	})
}

func TestBatchOfBeforeAClearIsNotJoined(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		table := newTable(t)
		var gate flight.Gate
		var wg sync.WaitGroup
		get := func(want string) {
			at := gate.Mark()
			b := batch{keys: []string{"a", "b"}, load: slowly}
			wg.Go(func() {
				if got := text(table.DoMany(t.Context(), b.keys, flight.Terms{At: at}, 0, &b)); got != want {
					t.Errorf("got %s, want %s", got, want)
				}
			})
			synctest.Wait()
		}
		get("led:1 led:2")
		get("joined:1 joined:2")
		gate.Clear(func() {})
		get("led:1 led:2")
		wg.Wait()
	})
}

func TestTrackerClosesBatches(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		tracker := new(flight.Tracker)
		table := table{flight.NewTable(tracker)}
		var wg sync.WaitGroup
		wg.Go(func() { batch{load: slowly}.do(t.Context(), table, "ab") })
		synctest.Wait()
		if r, w := tracker.Running(), tracker.Waiting(); r != 1 || w != 1 {
			t.Errorf("%d loads, %d callers; want one of each", r, w)
		}
		if err := tracker.Close(t.Context()); err != nil {
			t.Error(err)
		}
		wg.Wait()
		if got := text(batch{load: slowly}.do(t.Context(), table, "ab")); got != "led:closed led:closed" {
			t.Errorf("after Close: %s", got)
		}
	})
}

// At any moment at most one load of a key runs for those who wait, whatever
// the mix of singles and batches, leaving, overriding and failing; and nothing
// is left in the end.
func TestRandomMixOfBatchesAndSingles(t *testing.T) {
	t.Parallel()
	tracker := new(flight.Tracker)
	table := table{flight.NewTable(tracker)}
	const letters = "abcdef"
	var value [len(letters)]int // of each key, guarded by the key's lock
	var next atomic.Int64
	commit := func(key string, v int) {
		k := key[0] - 'a'
		if v < value[k] {
			t.Errorf("key %s: %d committed over the younger %d", key, v, value[k])
		}
		value[k] = v
	}
	load := func(ctx context.Context, keys []string) (map[string]int, error) {
		m := make(map[string]int)
		for _, key := range keys {
			m[key] = int(next.Add(1))
		}
		if rand.IntN(2) == 0 {
			time.Sleep(time.Duration(rand.IntN(200)) * time.Microsecond)
		}
		switch rand.IntN(8) {
		case 0:
			return nil, errors.New("failed")
		case 1:
			panic("panicked")
		case 2:
			if keys[0] != "a" { // so that there is no circle
				batch{load: zeros}.do(ctx, table, letters[:1])
			}
		case 3:
			delete(m, keys[0])
			return m, errors.New("failed in part")
		}
		return m, nil
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 300 {
				from := rand.IntN(len(letters))
				keys := letters[from : from+1+rand.IntN(len(letters)-from)]
				if rand.IntN(4) == 0 {
					v := int(next.Add(1))
					table.Override(keys[:1], "put", func() { value[from] = v })
					continue
				}
				ctx, cancel := context.WithTimeout(t.Context(), time.Duration(rand.IntN(200))*time.Microsecond)
				b := batch{keys: strings.Split(keys, ""), load: load, commit: commit}
				recovered(func() { table.DoMany(ctx, b.keys, flight.Terms{}, rand.IntN(3), &b) })
				cancel()
			}
		})
	}
	wg.Wait()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := tracker.Close(ctx); err != nil { // abandoned loads end by themselves
		t.Error(err)
	}
	if !table.Empty() {
		t.Error("calls are left")
	}
}

func zeros(_ context.Context, keys []string) (map[string]int, error) {
	m := make(map[string]int)
	for _, k := range keys {
		m[k] = 0
	}
	return m, nil
}
