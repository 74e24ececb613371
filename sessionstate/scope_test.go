package sessionstate_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/reecho-go/reecho/cacheresource"
	"github.com/reecho-go/reecho/sessionstate"
)

func TestResourcesInSessionScopeLiveAndEndWithTheSession(t *testing.T) {
	t.Parallel()
	bubbles(t, func(t *testing.T, cfg sessionstate.Config) {
		cfg.Idle, cfg.MaxNewcomers = 10*time.Minute, 2
		var mu sync.Mutex
		made, released := 0, 0
		counts := func() [2]int {
			synctest.Wait()
			mu.Lock()
			defer mu.Unlock()
			return [2]int{made, released}
		}
		group, err := cacheresource.NewGroup("scope", cacheresource.GroupConfig{})
		if err != nil {
			t.Fatal(err)
		}
		r, err := cacheresource.New("conn", func(context.Context, string) (int, error) {
			mu.Lock()
			defer mu.Unlock()
			made++
			return made, nil
		}, cacheresource.Config[string, int]{
			Scope: cacheresource.Session, Group: group,
			Release: func(context.Context, string, int) error {
				mu.Lock()
				defer mu.Unlock()
				released++
				return nil
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := group.Close(t.Context()); err != nil {
				t.Error(err)
			}
		}()
		a := userApp(t, cfg)
		use := func(c echo.Context) error {
			return r.Do(c.Request().Context(), "db", func(n int) error { return c.String(200, fmt.Sprint(n)) })
		}
		a.GET("/conn", use)
		a.GET("/conn-500", func(c echo.Context) error {
			return errors.Join(r.Do(c.Request().Context(), "db", func(int) error { return nil }), errors.New("boom"))
		})

		v := a.visitor()
		first := v.get(t, "/conn")
		first.wants(t, 200, "1")
		if first.setCookies("__Host-id") != 1 {
			t.Fatal("a new visitor has got no session")
		}
		v.get(t, "/renew").status(t, 200)
		v.get(t, "/conn").wants(t, 200, "1")
		v.get(t, "/as?u=ada").status(t, 204)
		v.get(t, "/conn").wants(t, 200, "2")
		if got := counts(); got != [2]int{2, 1} {
			t.Errorf("after a login: %d made, %d released", got[0], got[1])
		}
		v.get(t, "/logout").status(t, 200)
		if got := counts(); got != [2]int{2, 2} {
			t.Errorf("after the logout: %d made, %d released", got[0], got[1])
		}
		a.visitor().get(t, "/conn-500").status(t, 500)
		if got := counts(); got != [2]int{3, 3} {
			t.Errorf("after a 500 of a new visitor: %d made, %d released", got[0], got[1])
		}
		for range 10 {
			a.visitor().get(t, "/conn").status(t, 200)
		}
		if got := counts(); got != [2]int{13, 11} {
			t.Errorf("after clients without cookies: %d made, %d released, want two kept", got[0], got[1])
		}
		time.Sleep(11 * time.Minute)
		if got := counts(); got != [2]int{13, 13} {
			t.Errorf("after the idle time: %d made, %d released", got[0], got[1])
		}
	})
}
