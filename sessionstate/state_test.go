package sessionstate_test

import (
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/reecho-go/reecho/sessionstate"
)

// incr is a route that counts.
func incr(c echo.Context, s *sessionstate.State) error {
	n, err := sessionstate.Incr(count, s, 1)
	if err != nil {
		return err
	}
	return c.String(http.StatusOK, fmt.Sprint(n))
}

func show(c echo.Context, s *sessionstate.State) error {
	return c.String(http.StatusOK, fmt.Sprint(count.Get(s)))
}

func TestCounterSurvivesRequests(t *testing.T) {
	t.Parallel()
	modes(t, func(t *testing.T, c sessionstate.Config) {
		a := newApp(t, c)
		a.handle("/incr", incr)
		a.handle("/", show)
		v, other := a.visitor(), a.visitor()
		v.get(t, "/").wants(t, 200, "0")
		v.get(t, "/incr").wants(t, 200, "1")
		v.get(t, "/incr").wants(t, 200, "2")
		v.get(t, "/").wants(t, 200, "2")
		other.get(t, "/").wants(t, 200, "0")
	})
}

func TestParallelUpdatesAreAllKept(t *testing.T) {
	t.Parallel()
	a := newApp(t, sessionstate.Config{Store: newMem(t), Failures: sessionstate.FailureConfig{Timeout: time.Minute}}) // a busy machine is no lost update
	a.handle("/incr", func(c echo.Context, s *sessionstate.State) error {
		k := sessionstate.NewKey("own-"+c.QueryParam("n"), sessionstate.KeyConfig[bool]{})
		if err := k.Set(s, true); err != nil {
			return err
		}
		return incr(c, s)
	})
	a.handle("/", func(c echo.Context, s *sessionstate.State) error {
		return c.String(http.StatusOK, fmt.Sprint(count.Get(s), len(s.Keys())))
	})
	v := a.visitor()
	v.get(t, "/incr?n=0")
	const n = 500
	var wg sync.WaitGroup
	start := make(chan struct{})
	for i := range n {
		wg.Go(func() {
			<-start
			v.clone().get(t, fmt.Sprintf("/incr?n=%d", i+1)).status(t, 200)
		})
	}
	close(start)
	wg.Wait()
	v.get(t, "/").wants(t, 200, fmt.Sprintf("%d %d", n+1, n+2))
}
