package sessionstate_test

import (
	"net/http"
	"sync"
	"testing"

	"github.com/labstack/echo/v4"

	"github.com/reecho-go/reecho/sessionstate"
	"github.com/reecho-go/reecho/store/storetest"
)

func TestStatsCountWhatHappensToSessions(t *testing.T) {
	t.Parallel()
	faulty := storetest.Faulty(newMem(t))
	a := newVisit(t, sessionstate.Config{Store: faulty})
	var meet sync.WaitGroup // two requests that have both loaded the session
	meet.Add(2)
	a.handle("/meet", func(c echo.Context, s *sessionstate.State) error {
		_, err := sessionstate.Incr(count, s, 1)
		meet.Done()
		meet.Wait()
		if err != nil {
			return err
		}
		return c.NoContent(http.StatusNoContent)
	})
	want := sessionstate.Stats{}
	check := func(what string) {
		t.Helper()
		if got := a.m.Stats(); got != want {
			t.Errorf("after %s: %+v, want %+v", what, got, want)
		}
	}
	v := a.visitor()
	v.get(t, "/")
	check("a visitor who only reads")
	v.get(t, "/incr")
	want.Created, want.Saves = 1, 1
	check("the first change")
	v.get(t, "/")
	check("a read")
	v.get(t, "/login")
	want.Renewed, want.Saves = 1, 2
	check("a login")
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() { v.clone().get(t, "/meet").status(t, http.StatusNoContent) })
	}
	wg.Wait()
	want.Conflicts, want.Saves = 1, 4
	check("two writers at once")
	w := a.visitor()
	w.jar["__Host-id"] = "junk"
	w.get(t, "/")
	want.Refused = 1
	check("junk")
	faulty.Inject(storetest.Fault{Op: "get"})
	v.get(t, "/")
	want.Failures = 1
	check("a failure of the store")
	v.get(t, "/logout")
	want.Ended = 1
	check("a logout")
}
