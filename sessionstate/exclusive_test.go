package sessionstate_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/reecho-go/reecho/echov4"
	"github.com/reecho-go/reecho/sessionstate"
)

// exclusiveApp has a route where each request takes a second, sees what the
// session had at its start, and adds one by a plain Set.
func exclusiveApp(t *testing.T, cfg sessionstate.Config, wait, hold time.Duration) *app {
	a := newVisit(t, cfg)
	turn := echov4.Use(a.m.Exclusive(wait, hold))
	work := func(path string, end func(c echo.Context) error) {
		a.GET(path, func(c echo.Context) error {
			s := sessionstate.From(c)
			n := count.Get(s)
			time.Sleep(time.Second)
			if err := count.Set(s, n+1); err != nil {
				return err
			}
			return end(c)
		}, turn)
	}
	work("/work", func(c echo.Context) error { return c.NoContent(204) })
	work("/nothing-written", func(echo.Context) error { return nil })
	work("/error", func(echo.Context) error { return echo.ErrNotFound })
	work("/panic", func(echo.Context) error { panic("boom") })
	return a
}

func TestExclusiveLetsOneRequestOfASessionThroughAtATime(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"/work", "/nothing-written", "/error"} {
		synctest.Test(t, func(t *testing.T) {
			a := exclusiveApp(t, sessionstate.Config{Store: newMem(t)}, 0, 0)
			v, other := a.visitor(), a.visitor()
			v.get(t, "/incr")
			other.get(t, "/incr")
			began := time.Now()
			var wg sync.WaitGroup
			for range 5 {
				wg.Go(func() { v.clone().get(t, path) })
			}
			wg.Go(func() {
				other.get(t, path)
				if took := time.Since(began); took != time.Second {
					t.Errorf("%s: another session waited: %v", path, took)
				}
			})
			wg.Wait()
			if took := time.Since(began); took != 5*time.Second {
				t.Errorf("%s: five requests took %v, want one after the other", path, took)
			}
			v.get(t, "/").wants(t, 200, "6") // plain Sets, none lost
			other.get(t, "/").wants(t, 200, "2")
		})
	}
}

func TestExclusiveIsFirstComeFirstServed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := newVisit(t, sessionstate.Config{Store: newMem(t)})
		var order []string
		a.GET("/in", func(c echo.Context) error {
			order = append(order, c.QueryParam("n"))
			time.Sleep(time.Second)
			return nil
		}, echov4.Use(a.m.Exclusive(0, 0)))
		v := a.visitor()
		v.get(t, "/incr")
		var wg sync.WaitGroup
		var want []string
		for i := range 6 {
			n := fmt.Sprint(i)
			want = append(want, n)
			wg.Go(func() { v.clone().get(t, "/in?n="+n) })
			time.Sleep(time.Millisecond)
		}
		wg.Wait()
		if !slices.Equal(order, want) {
			t.Errorf("order %v, want %v", order, want)
		}
	})
}

func TestExclusiveWaitsAndHoldsForAWhileOnly(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		// They wait for half a second where each takes one.
		a := exclusiveApp(t, sessionstate.Config{Store: newMem(t)}, 500*time.Millisecond, 0)
		v := a.visitor()
		v.get(t, "/incr")
		var wg sync.WaitGroup
		wg.Go(func() { v.clone().get(t, "/work").status(t, 204) })
		synctest.Wait()
		r := v.get(t, "/work")
		wants503(t, r, "a request that waited for too long")
		if r.Header.Get("Retry-After") == "" {
			t.Error("no Retry-After")
		}
		wg.Wait()
		v.get(t, "/work").status(t, 204)

		// They do not wait at all.
		b := exclusiveApp(t, sessionstate.Config{Store: newMem(t)}, 1, 0)
		w := b.visitor()
		w.get(t, "/incr")
		wg.Go(func() { w.clone().get(t, "/work").status(t, 204) })
		synctest.Wait()
		began := time.Now()
		wants503(t, w.get(t, "/work"), "a request that must not wait")
		if took := time.Since(began); took > time.Microsecond {
			t.Errorf("it waited %v", took)
		}
		wg.Wait()

		// A turn that takes for ever is over after a while.
		c := exclusiveApp(t, sessionstate.Config{Store: newMem(t)}, 0, 100*time.Millisecond)
		x := c.visitor()
		x.get(t, "/incr")
		wg.Go(func() { x.clone().get(t, "/work") })
		synctest.Wait()
		began = time.Now()
		x.get(t, "/work").status(t, 204)
		if took := time.Since(began); took != 1100*time.Millisecond {
			t.Errorf("the second took %v, want its own second and the first one's tenth", took)
		}
		wg.Wait()
	})
}

func TestExclusiveEndsWithAPanicAndWithTheClient(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := exclusiveApp(t, sessionstate.Config{Store: newMem(t)}, 0, time.Hour)
		v := a.visitor()
		v.get(t, "/incr")
		func() {
			defer func() { _ = recover() }()
			v.get(t, "/panic")
		}()
		began := time.Now()
		v.get(t, "/work").status(t, 204)
		if took := time.Since(began); took != time.Second {
			t.Errorf("after a panic: %v", took)
		}

		var wg sync.WaitGroup
		wg.Go(func() { v.clone().get(t, "/work").status(t, 204) })
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		began = time.Now()
		v.do(t, v.request("/work").WithContext(ctx))
		if took := time.Since(began); took != 100*time.Millisecond {
			t.Errorf("a client that hung up waited %v", took)
		}
		wg.Wait()
		v.get(t, "/work").status(t, 204)
	})
}

func TestExclusiveBoundsTheQueue(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := exclusiveApp(t, sessionstate.Config{Store: newMem(t)}, 3*time.Second, 0)
		v := a.visitor()
		v.get(t, "/incr")
		var mu sync.Mutex
		statuses := map[int]int{}
		atOnce := 0
		began := time.Now()
		var wg sync.WaitGroup
		for range 100 {
			wg.Go(func() {
				r := v.clone().get(t, "/work")
				mu.Lock()
				defer mu.Unlock()
				statuses[r.StatusCode]++
				if time.Since(began) == 0 {
					atOnce++
				}
			})
		}
		wg.Wait()
		if atOnce != 35 || statuses[204] < 3 || statuses[204]+statuses[503] != 100 {
			t.Errorf("%d were refused at once, want 35; statuses %v", atOnce, statuses)
		}
	})
}

func TestExclusiveForNewVisitorsAndEndedSessions(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := exclusiveApp(t, sessionstate.Config{Store: newMem(t)}, 0, 0)
		var wg sync.WaitGroup
		began := time.Now()
		for range 5 {
			wg.Go(func() { a.visitor().get(t, "/work").status(t, 204) })
		}
		wg.Wait()
		if took := time.Since(began); took != time.Second {
			t.Errorf("new visitors waited for each other: %v", took)
		}
		v := a.visitor()
		v.get(t, "/incr")
		wg.Go(func() { v.clone().get(t, "/work").status(t, 204) })
		synctest.Wait()
		late := v.clone()
		wg.Go(func() { late.get(t, "/work").status(t, 204) })
		synctest.Wait()
		v.get(t, "/logout").status(t, 200)
		wg.Wait()
		late.get(t, "/").wants(t, 200, "1") // it began anew
	})
	e := echo.New()
	e.GET("/", func(echo.Context) error { return nil }, echov4.Use(newManager(t, sessionstate.Config{}).Exclusive(0, 0)))
	var got error
	e.HTTPErrorHandler = func(err error, _ echo.Context) { got = err }
	(&app{Echo: e}).visitor().get(t, "/")
	if !errors.Is(got, sessionstate.ErrNoSession) {
		t.Errorf("without the Manager's middleware: %v", got)
	}
}
