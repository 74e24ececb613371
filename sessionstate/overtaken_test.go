package sessionstate_test

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/reecho-go/reecho/observe"
	"github.com/reecho-go/reecho/sessionstate"
	"github.com/reecho-go/reecho/store"
	"github.com/reecho-go/reecho/store/memstore"
	"github.com/reecho-go/reecho/store/storetest"
)

// between is a store that lets a test do something at a moment that only a
// race would reach.
type between struct {
	*memstore.Store
	afterGet, beforeSwap func()
}

func (b *between) Get(ctx context.Context, key string) (store.Item, error) {
	it, err := b.Store.Get(ctx, key)
	if f := b.afterGet; f != nil {
		f()
	}
	return it, err
}

func (b *between) Swap(ctx context.Context, key string, old uint64, it store.Item) (uint64, error) {
	if f := b.beforeSwap; f != nil {
		b.beforeSwap = nil
		f()
	}
	return b.Store.Swap(ctx, key, old, it)
}

func TestALogoutThatARenewalOvertookEndsTheNewIDToo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		mem := &between{Store: newMem(t)}
		a := userApp(t, sessionstate.Config{Store: mem, RenewEvery: time.Minute})
		v := a.login(t, "ada")
		other := v.clone()
		meanwhile := func() {}
		a.handle("/slow", func(c echo.Context, s *sessionstate.State) error {
			if err := s.Err(); err != nil {
				return err
			}
			meanwhile()
			return s.Destroy()
		})

		time.Sleep(time.Minute)
		meanwhile = func() { other.get(t, "/incr").wants(t, 200, "1") }
		v.get(t, "/slow").status(t, 200)
		other.get(t, "/who").wants(t, 200, "0")
		if list := a.list(t, "ada"); len(list) != 0 {
			t.Errorf("after the logout: %+v", list)
		}

		// The same between the logout's look at the store and its write.
		v = a.login(t, "ada")
		other = v.clone()
		time.Sleep(time.Minute)
		meanwhile = func() {
			mem.beforeSwap = func() { other.get(t, "/incr").wants(t, 200, "1") }
		}
		v.get(t, "/slow").status(t, 200)
		other.get(t, "/who").wants(t, 200, "0")
		if list := a.list(t, "ada"); len(list) != 0 {
			t.Errorf("after the logout: %+v", list)
		}
	})
}

func TestInCookieModeALogoutBeatsARenewalUnderWay(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"/renew", "/login"} {
		revoked := &between{Store: newMem(t)}
		a := newVisit(t, sessionstate.Config{Revocations: revoked})
		v := a.visitor()
		v.get(t, "/incr")
		other := v.clone()
		logout := func() { other.get(t, "/logout").status(t, 200) }
		gets := 0
		revoked.afterGet = func() {
			if gets++; gets == 1 { // the load
				revoked.beforeSwap = logout
			} else {
				revoked.afterGet, revoked.beforeSwap = nil, nil
				logout()
			}
		}
		v.get(t, path).status(t, 200)
		v.get(t, "/who").wants(t, 200, "0")
		if actions := a.actions(); !slices.Contains(actions, observe.SessionLost) {
			t.Errorf("%s: actions %v, want the session lost", path, actions)
		}
	}
}

func TestASessionThatIsBeingRenewedStaysListed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		mem := &between{Store: newMem(t)}
		a := userApp(t, sessionstate.Config{Store: mem})
		v := a.login(t, "ada")
		time.Sleep(10 * time.Minute)
		mem.beforeSwap = func() { a.list(t, "ada") } // the index has the new id, the store not yet
		v.get(t, "/renew").status(t, 200)
		if list := a.list(t, "ada"); len(list) != 1 {
			t.Errorf("List() = %+v, want the renewed session", list)
		}
		if n, err := a.m.Users().Revoke(t.Context(), "ada", nil); n != 1 || err != nil {
			t.Errorf("Revoke() = %d, %v, want 1", n, err)
		}
		v.get(t, "/who").wants(t, 200, "0")
	})
}

func TestALogoutThatCannotBeDoneIsA503WhateverTheHandlerMakesOfIt(t *testing.T) {
	t.Parallel()
	for _, failOpen := range []bool{false, true} {
		faultyModes(t, func(t *testing.T, cfg sessionstate.Config, s *storetest.FaultyStore) {
			cfg.FailOpen = failOpen
			a := newVisit(t, cfg)
			a.handle("/careless", func(c echo.Context, st *sessionstate.State) error {
				_ = st.Destroy()
				return c.String(200, "You are logged out.")
			})
			v := a.visitor()
			v.get(t, "/incr")
			s.Inject(storetest.Fault{Times: -1})
			wants503(t, v.get(t, "/careless"), "careless")
			s.Heal()
			v.get(t, "/").wants(t, 200, "1")
		})
	}
}

func TestCSRFTokensSurviveATimedRenewal(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := csrfApp(t, sessionstate.Config{Store: newMem(t), RenewEvery: time.Minute})
		v := a.visitor()
		before := v.get(t, "/form").body
		old := v.cookie()
		time.Sleep(time.Minute)
		during := v.get(t, "/form").body // this response renews the id
		if v.cookie() == old {
			t.Fatal("the id was not renewed")
		}
		v.post(t, "/save", "", during).wants(t, 200, "1")
		v.post(t, "/save", "", before).wants(t, 200, "2")
		time.Sleep(time.Minute)
		v.post(t, "/save", "", before).wants(t, 200, "3") // this request comes with an id to be renewed
		v.post(t, "/save", "", during).wants(t, 200, "4")
		for _, path := range []string{"/renew", "/login"} {
			token := v.get(t, "/form").body
			v.get(t, path)
			v.post(t, "/save", "", token).status(t, 403)
		}
	})
}
