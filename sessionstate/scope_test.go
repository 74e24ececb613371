package sessionstate_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/reecho-go/reecho/cachedata"
	"github.com/reecho-go/reecho/cacheresource"
	"github.com/reecho-go/reecho/middleware"
	"github.com/reecho-go/reecho/sessionstate"
)

func TestResourcesInSessionScopeLiveAndEndWithTheSession(t *testing.T) {
	t.Parallel()
	bubbles(t, func(t *testing.T, cfg sessionstate.Config) {
		cfg.Lifetime.Idle, cfg.Limits.Newcomers = 10*time.Minute, 2
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
		}, cacheresource.Config{
			Scope: cacheresource.Session,
			Group: group,
		}, cacheresource.Funcs[string, int]{
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

// Whoever handles the lack of a session compares with one error only.
func TestCachesAndSessionsShareErrNoSession(t *testing.T) {
	t.Parallel()
	same := func(context.Context, string) (string, error) { return "", nil }
	caches, err := cachedata.NewGroup("none", cachedata.GroupConfig{})
	if err != nil {
		t.Fatal(err)
	}
	cache, err := cachedata.New("none", same, cachedata.Config{Scope: cachedata.Session, Group: caches})
	if err != nil {
		t.Fatal(err)
	}
	resources, err := cacheresource.NewGroup("none", cacheresource.GroupConfig{})
	if err != nil {
		t.Fatal(err)
	}
	resource, err := cacheresource.New("none", same, cacheresource.Config{Scope: cacheresource.Session, Group: resources})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := errors.Join(caches.Close(context.Background()), resources.Close(context.Background())); err != nil {
			t.Error(err)
		}
	}()
	_, get := cache.Get(t.Context(), "")
	_, acquire := resource.Acquire(t.Context(), "")
	_, session := sessionstate.FromContext(t.Context())
	for of, err := range map[string]error{"cache": get, "resource": acquire, "session": session} {
		for from, want := range map[string]error{"cachedata": cachedata.ErrNoSession, "cacheresource": cacheresource.ErrNoSession, "sessionstate": sessionstate.ErrNoSession} {
			if !errors.Is(err, want) {
				t.Errorf("%s: %v, want the ErrNoSession of %s", of, err, from)
			}
		}
	}
}

func TestResultsInSessionScopeLiveAndEndWithTheSession(t *testing.T) {
	t.Parallel()
	bubbles(t, func(t *testing.T, cfg sessionstate.Config) {
		cfg.Lifetime.Idle, cfg.Limits.Newcomers = 10*time.Minute, 2
		group, err := cachedata.NewGroup("scope", cachedata.GroupConfig{})
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := group.Close(t.Context()); err != nil {
				t.Error(err)
			}
		}()
		var loads atomic.Int64
		reports, err := cachedata.New("reports", func(ctx context.Context, _ string) (string, error) {
			s, err := sessionstate.FromContext(ctx) // a load in session scope may look
			if err != nil {
				return "", err
			}
			return fmt.Sprintf("%d for %q", loads.Add(1), s.User()), nil
		}, cachedata.Config{Scope: cachedata.Session, Group: group, TTL: 24 * time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		kept := func() int {
			synctest.Wait()
			return reports.Stats().Entries
		}
		a := userApp(t, cfg)
		a.GET("/report", func(c echo.Context) error {
			text, err := reports.Get(c.Request().Context(), "q")
			if err != nil {
				return err
			}
			return c.String(200, text)
		})
		a.GET("/report-late", func(c echo.Context) error {
			c.Response().Flush()
			if _, err := reports.Get(c.Request().Context(), "q"); !errors.Is(err, middleware.ErrCommitted) {
				t.Errorf("a Get of a new visitor after the headers: %v, want ErrCommitted", err)
			}
			return nil
		})

		v, other := a.visitor(), a.visitor()
		first := v.get(t, "/report")
		first.wants(t, 200, `1 for ""`)
		if first.setCookies("__Host-id") != 1 {
			t.Fatal("a new visitor has got no session")
		}
		v.get(t, "/report").wants(t, 200, `1 for ""`)
		other.get(t, "/report").wants(t, 200, `2 for ""`) // nobody sees another's
		a.visitor().get(t, "/report-late")

		v.get(t, "/renew").status(t, 200)
		v.get(t, "/report").wants(t, 200, `1 for ""`)
		v.get(t, "/as?u=ada").status(t, 204)
		v.get(t, "/report").wants(t, 200, `3 for "ada"`) // what was kept was about somebody else
		v.get(t, "/logout").status(t, 200)
		v.get(t, "/report").wants(t, 200, `4 for ""`)

		// Activity keeps what the session has, and the idle deadline ends it.
		for range 5 {
			time.Sleep(6 * time.Minute)
			v.get(t, "/report").wants(t, 200, `4 for ""`)
		}
		if n := kept(); n != 1 {
			t.Errorf("%d results are kept, want that of the one who came back", n)
		}
		time.Sleep(11 * time.Minute)
		if n := kept(); n != 0 {
			t.Errorf("%d results outlive the idle deadline", n)
		}
		v.get(t, "/report").wants(t, 200, `5 for ""`)

		for range 50 {
			a.visitor().get(t, "/report").status(t, 200)
		}
		if n := kept(); n > 3 {
			t.Errorf("%d results are kept for clients without cookies, want two, and that of the one with a cookie", n)
		}
	})
}
