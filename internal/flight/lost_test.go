package flight_test

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/reecho-go/reecho/internal/flight"
)

// stalling is a load that counts how often it was told that it keeps others waiting.
type stalling struct {
	work
	told atomic.Int32
}

func (s *stalling) Stalled() { s.told.Add(1) }

// It may wait for itself, or be slow: that cannot be told apart.
func TestALoadThatKeepsOthersWaitingIsTold(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		table := newTable(t)
		for name, test := range map[string]struct {
			limit time.Duration
			takes time.Duration
			want  int32
		}{
			"slow":         {takes: time.Minute, want: 1},
			"not so slow":  {takes: 29 * time.Second},
			"with a limit": {limit: 2 * time.Minute, takes: time.Minute},
		} {
			w := &stalling{}
			w.load = func(context.Context) (int, error) { time.Sleep(test.takes); return 1, nil }
			results := make(chan error, 3)
			for range 3 {
				go func() {
					_, _, err := table.DoAt(t.Context(), name, flight.Terms{Limit: test.limit}, w)
					results <- err
				}()
			}
			for range 3 {
				if err := <-results; err != nil {
					t.Errorf("%s: %v, want callers that are no loads to wait on", name, err)
				}
			}
			if w.told.Load() != test.want {
				t.Errorf("%s: told %d times, want %d", name, w.told.Load(), test.want)
			}
		}
	})
}

// A clear takes the key from its call: another load of it would start another,
// and so on.
func TestALoadDoesNotStartAnotherOfItsOwnKey(t *testing.T) {
	t.Parallel()
	tracker := new(flight.Tracker)
	era, next, other := table{flight.NewTable(tracker)}, table{flight.NewTable(tracker)}, newTable(t)
	one := work{name: "one", load: func(context.Context) (int, error) { return 1, nil }}
	for name, test := range map[string]struct {
		call func(ctx context.Context) (int, flight.Role, error)
		path []string
	}{
		"in the next era": {func(ctx context.Context) (int, flight.Role, error) { return next.Do(ctx, "k", one) }, []string{"own", "own"}},
		"by another load": {func(ctx context.Context) (int, flight.Role, error) {
			return other.Do(ctx, "x", work{name: "between", load: func(ctx context.Context) (int, error) { v, _, err := next.Do(ctx, "k", one); return v, err }})
		}, []string{"own", "between", "own"}},
		"another key":     {func(ctx context.Context) (int, flight.Role, error) { return next.Do(ctx, "l", one) }, nil},
		"another cache's": {func(ctx context.Context) (int, flight.Role, error) { return other.Do(ctx, "k", one) }, nil},
		"what is there already": {func(ctx context.Context) (int, flight.Role, error) {
			return next.Do(ctx, "k", work{find: func() (int, bool) { return 1, true }})
		}, nil},
	} {
		_, _, err := era.Do(t.Context(), "k", work{name: "own", load: func(ctx context.Context) (int, error) { v, _, err := test.call(ctx); return v, err }})
		cycle, ok := errors.AsType[*flight.CycleError](err)
		if ok != (test.path != nil) || err != nil != ok || ok && !slices.Equal(cycle.Path, test.path) {
			t.Errorf("%s: %v, want the circle %q", name, err, test.path)
		}
	}
}
