package flight_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/reecho-go/reecho/internal/flight"
)

func TestWaitingOutsideATableIsSeen(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		table := newTable(t)
		done := make(chan struct{})
		var outer flight.Call
		v, _, err := table.Do(t.Context(), "a", work{name: "a", load: func(ctx context.Context) (int, error) {
			outer = flight.CallOf(ctx)
			defer close(done)
			_, _, err := table.Do(ctx, "b", work{name: "b", load: func(ctx context.Context) (int, error) {
				return 1, outer.Await(ctx, done)
			}})
			if _, ok := errors.AsType[*flight.CycleError](err); !ok {
				t.Errorf("b waits for a, which waits for b: %v, want a CycleError", err)
			}
			// what nobody waits for is no part of the load
			go func() {
				if err := outer.Await(flight.Detach(ctx), done); err != nil {
					t.Errorf("detached: Await() = %v", err)
				}
			}()
			return 2, nil
		}})
		if v != 2 || err != nil {
			t.Errorf("Do() = %d, %v", v, err)
		}
		if err := outer.Await(t.Context(), done); err != nil {
			t.Errorf("Await() of what has ended = %v", err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := (flight.Call{}).Await(ctx, nil); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Await() = %v, want the caller's timeout", err)
		}
		if flight.Detach(ctx).Err() != nil {
			t.Error("a detached context ends with its parent")
		}
	})
}
