package flight_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/reecho-go/reecho/internal/flight"
	"github.com/reecho-go/reecho/internal/panics"
)

// watched is a work that notes how its load failed and what came late.
type watched struct {
	work
	failed, late []error
}

func (w *watched) Fail(err error)                    { w.failed = append(w.failed, err) }
func (w *watched) Late(_ context.Context, err error) { w.late = append(w.late, err) }

func TestLimitAnswersTheCallersOfADeafLoad(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		table := newTable(t)
		broken := errors.New("broken")
		var outcomes []flight.Outcome
		deaf := &watched{work: work{
			load: func(ctx context.Context) (int, error) {
				if d, ok := ctx.Deadline(); !ok || time.Until(d) != time.Second {
					t.Errorf("the load's deadline is %v, %v", d, ok)
				}
				time.Sleep(10 * time.Second)
				if err := ctx.Err(); err != context.DeadlineExceeded || context.Cause(ctx) != flight.ErrTimeout {
					t.Errorf("the context ended with %v, %v", err, context.Cause(ctx))
				}
				return 1, broken
			},
			commit: func(int) { t.Error("committed") },
			done:   func(o flight.Outcome) { outcomes = append(outcomes, o) },
		}}
		start := time.Now()
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() {
				_, _, err := table.DoAt(t.Context(), "k", flight.Terms{Limit: time.Second}, deaf)
				if err != flight.ErrTimeout || time.Since(start) != time.Second {
					t.Errorf("got %v after %v", err, time.Since(start))
				}
			})
		}
		wg.Wait()
		if v, role, err := table.Do(t.Context(), "k", after(time.Second, 2)); v != 2 || role != flight.Led || err != nil {
			t.Errorf("the next caller got %d, role %d, %v", v, role, err)
		}
		if table.Idle() {
			t.Error("the deaf load is not counted")
		}
		time.Sleep(8 * time.Second)
		synctest.Wait()
		if want := []flight.Outcome{{Err: flight.ErrTimeout, Callers: 3, Waiting: 3}}; !slices.Equal(outcomes, want) {
			t.Errorf("outcomes %+v, want %+v", outcomes, want)
		}
		if !slices.Equal(deaf.failed, []error{flight.ErrTimeout}) || !slices.Equal(deaf.late, []error{broken}) {
			t.Errorf("failed %v, late %v", deaf.failed, deaf.late)
		}
	})
}

// Whether a load notices its limit or not, its callers learn the same.
func TestLimitIsTheErrorOfALoadThatObeysIt(t *testing.T) {
	t.Parallel()
	for range 20 { // the load and the limit race
		synctest.Test(t, func(t *testing.T) {
			table := newTable(t)
			w := work{load: func(ctx context.Context) (int, error) {
				<-ctx.Done()
				return 0, ctx.Err()
			}}
			if _, _, err := table.DoAt(t.Context(), "k", flight.Terms{Limit: time.Second}, w); err != flight.ErrTimeout {
				t.Errorf("got %v", err)
			}
			synctest.Wait()
		})
	}
}

func TestLoadWithinItsLimit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		table := newTable(t)
		if v, _, err := table.DoAt(t.Context(), "k", flight.Terms{Limit: time.Second}, after(time.Second-1, 7)); v != 7 || err != nil {
			t.Errorf("got %d, %v", v, err)
		}
	})
}

func TestImpatientCallerLeavesTheLoadRunning(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		table := newTable(t)
		committed := 0
		slow := after(10*time.Second, 7)
		slow.commit = func(v int) { committed = v }
		asked := 0
		patient := flight.Terms{Patience: time.Millisecond, Leave: func() bool { asked++; return false }}
		go func() {
			if v, _, err := table.DoAt(t.Context(), "k", patient, slow); v != 7 || err != nil || asked != 1 {
				t.Errorf("the patient caller got %d, %v and was asked %d times", v, err, asked)
			}
		}()
		synctest.Wait()
		impatient := flight.Terms{Patience: time.Second, Leave: func() bool { return true }}
		for i, want := range []time.Duration{time.Second, 0, 0} { // it counts from the start of the load
			start := time.Now()
			_, role, err := table.DoAt(t.Context(), "k", impatient, slow)
			if err != flight.ErrImpatient || time.Since(start) != want {
				t.Errorf("caller %d: role %d, %v after %v", i, role, err, time.Since(start))
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, _, err := table.Do(ctx, "k", slow); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		time.Sleep(8 * time.Second)
		synctest.Wait()
		if committed != 7 {
			t.Error("the load did not go on for nobody")
		}
	})
}

func TestStartRunsForNobody(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		table := newTable(t)
		var outcome flight.Outcome
		committed, ended := 0, 0
		w := after(time.Second, 7)
		w.commit = func(v int) { committed = v }
		w.done = func(o flight.Outcome) { outcome = o }
		ctx, cancel := context.WithCancel(t.Context())
		if !table.Start(ctx, "k", flight.Terms{}, w, func() { ended++ }) {
			t.Fatal("not started")
		}
		cancel()
		if table.Start(t.Context(), "k", flight.Terms{}, w, nil) {
			t.Error("started twice")
		}
		impatient, leave := context.WithTimeout(t.Context(), time.Millisecond)
		defer leave()
		if _, _, err := table.Do(impatient, "k", w); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		if v, role, err := table.Do(t.Context(), "k", w); v != 7 || role != flight.Joined || err != nil {
			t.Errorf("got %d, role %d, %v", v, role, err)
		}
		synctest.Wait()
		if want := (flight.Outcome{Callers: 2, Waiting: 1}); committed != 7 || ended != 1 || outcome != want {
			t.Errorf("committed %d, ended %d times, %+v", committed, ended, outcome)
		}
		w.find = func() (int, bool) { return 1, true }
		if table.Start(t.Context(), "k", flight.Terms{}, w, nil) {
			t.Error("started although there is a result")
		}
	})
}

func TestStartAfterCloseOrAbandonedCall(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		tracker := new(flight.Tracker)
		table := table{flight.NewTable(tracker)}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, _, _ = table.Do(ctx, "k", after(time.Minute, 1))
		ended := make(chan bool)
		if !table.Start(t.Context(), "k", flight.Terms{}, after(time.Second, 2), func() { close(ended) }) {
			t.Error("an abandoned load keeps others from starting")
		}
		<-ended
		if err := tracker.Close(t.Context()); err != nil {
			t.Error(err)
		}
		if table.Start(t.Context(), "k", flight.Terms{}, after(0, 1), nil) {
			t.Error("started after Close")
		}
	})
}

func TestQuietPanicIsAnError(t *testing.T) {
	t.Parallel()
	table := newTable(t)
	w := &watched{work: work{load: func(context.Context) (int, error) { panic("boom") }}}
	_, _, err := table.DoAt(t.Context(), "k", flight.Terms{Quiet: true}, w)
	pe, ok := errors.AsType[*panics.Error](err)
	if !ok || pe.Value != "boom" {
		t.Fatalf("got %v", err)
	}
	if !slices.Equal(w.failed, []error{err}) {
		t.Errorf("failed %v", w.failed)
	}
	if v, ok := recovered(func() { flight.Repanic(err) }).(*panics.Error); !ok || v.Value != "boom" || &v.Stack[0] != &pe.Stack[0] {
		t.Errorf("raised %v", v)
	}
	if v := recovered(func() { flight.Repanic(errors.New("other")) }); v != nil {
		t.Errorf("raised %v", v)
	}
}

func TestTasksAreThoseInFlight(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		table := newTable(t)
		w := after(time.Second, 1)
		w.name = "mine"
		table.Start(t.Context(), "k", flight.Terms{}, w, nil)
		tasks := table.Tasks()
		if len(tasks) != 1 || tasks[0].(work).name != "mine" {
			t.Errorf("tasks %v", tasks)
		}
		time.Sleep(2 * time.Second)
		if tasks := table.Tasks(); len(tasks) != 0 {
			t.Errorf("tasks %v", tasks)
		}
	})
}
