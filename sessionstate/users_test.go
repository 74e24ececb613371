package sessionstate_test

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"math"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/reecho-go/reecho/observe"
	"github.com/reecho-go/reecho/sessionstate"
	"github.com/reecho-go/reecho/store"
	"github.com/reecho-go/reecho/store/storetest"
)

// userApp has routes that log in, list and log out users.
func userApp(t *testing.T, cfg sessionstate.Config) *app {
	a := newVisit(t, cfg)
	a.handle("/as", func(c echo.Context, s *sessionstate.State) error {
		if err := s.Login(c.QueryParam("u")); err != nil {
			return err
		}
		return c.NoContent(204)
	})
	a.handle("/others", func(c echo.Context, s *sessionstate.State) error {
		n, err := a.m.Users().Revoke(c.Request().Context(), s.User(), s)
		if err != nil {
			return err
		}
		return c.String(200, fmt.Sprint(n))
	})
	a.handle("/handle", func(c echo.Context, s *sessionstate.State) error { return c.String(200, s.Handle()) })
	return a
}

func (a *app) login(t *testing.T, user string) *visitor {
	t.Helper()
	v := a.visitor()
	v.get(t, "/as?u="+user).status(t, 204)
	return v
}

func (a *app) list(t *testing.T, user string) []sessionstate.SessionInfo {
	t.Helper()
	list, err := a.m.Users().List(t.Context(), user)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func TestASVS7_4_2_7_4_3_7_4_5_7_5_2_AUsersSessionsCanBeListedAndEnded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := userApp(t, sessionstate.Config{Store: newMem(t)})
		first := a.login(t, "ada")
		time.Sleep(time.Second)
		second, third := a.login(t, "ada"), a.login(t, "ada")
		bob := a.login(t, "bob")
		second.get(t, "/renew")
		second.get(t, "/incr")

		list := a.list(t, "ada")
		if len(list) != 3 || list[0].Handle != first.get(t, "/handle").body || list[0].ID == "" ||
			!list[0].Created.Before(list[1].Created) || list[0].Deadline.IsZero() {
			t.Fatalf("List() = %+v, want three, the oldest first", list)
		}
		if n := len(a.list(t, "nobody")); n != 0 {
			t.Errorf("nobody has %d sessions", n)
		}

		second.get(t, "/others").wants(t, 200, "2")
		first.get(t, "/who").wants(t, 200, "0")
		third.get(t, "/who").wants(t, 200, "0")
		second.get(t, "/who").wants(t, 200, "ada 1")
		bob.get(t, "/who").wants(t, 200, "bob 0")
		if n := len(a.list(t, "ada")); n != 1 {
			t.Errorf("%d sessions are left, want 1", n)
		}

		handle := bob.get(t, "/handle").body
		if ok, err := a.m.Users().End(t.Context(), "ada", handle); ok || err != nil {
			t.Errorf("End of somebody else's session = %v, %v", ok, err)
		}
		bob.get(t, "/who").wants(t, 200, "bob 0")
		if ok, err := a.m.Users().End(t.Context(), "bob", handle); !ok || err != nil {
			t.Errorf("End() = %v, %v", ok, err)
		}
		bob.get(t, "/who").wants(t, 200, "0")

		if n, err := a.m.Users().Revoke(t.Context(), "ada", nil); n != 1 || err != nil {
			t.Errorf("Revoke() = %d, %v, want 1", n, err)
		}
		second.get(t, "/who").wants(t, 200, "0")
		revoked := 0
		for _, action := range a.actions() {
			if action == observe.SessionRevoked {
				revoked++
			}
		}
		if revoked != 4 {
			t.Errorf("%d revoked events, want 4", revoked)
		}
	})
}

func TestHandlesAreNoCookies(t *testing.T) {
	t.Parallel()
	a := userApp(t, sessionstate.Config{Store: newMem(t)})
	v := a.login(t, "ada")
	handle := v.get(t, "/handle").body
	if handle == "" || strings.Contains(v.cookie(), handle) {
		t.Fatalf("handle = %q", handle)
	}
	refusedAsNew(t, a, handle, "a handle")
}

func TestLogoutAndTimeTakeSessionsFromTheList(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		mem := newMem(t)
		a := userApp(t, sessionstate.Config{Store: mem, Lifetime: sessionstate.LifetimeConfig{Absolute: math.MaxInt64}})
		v, w := a.login(t, "ada"), a.login(t, "ada")
		v.get(t, "/logout")
		if n := len(a.list(t, "ada")); n != 1 {
			t.Errorf("after a logout: %d sessions, want 1", n)
		}
		time.Sleep(31 * time.Minute)
		w.get(t, "/who").wants(t, 200, "0")
		if n := len(a.list(t, "ada")); n != 0 {
			t.Errorf("after the idle time: %d sessions, want 0", n)
		}
		for e, err := range mem.Scan(t.Context(), "session/user/") {
			t.Errorf("the index still has %q (%v)", e.Key, err)
		}
	})
}

func TestASVS7_1_2_TheOldestSessionsOverTheLimitEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := userApp(t, sessionstate.Config{Store: newMem(t), Limits: sessionstate.LimitConfig{PerUser: 2}})
		var all []*visitor
		for range 4 {
			all = append(all, a.login(t, "ada"))
			time.Sleep(time.Minute)
		}
		other := a.login(t, "bob")
		for i, v := range all {
			want := "0"
			if i >= 2 {
				want = "ada 0"
			}
			v.get(t, "/who").wants(t, 200, want)
		}
		other.get(t, "/who").wants(t, 200, "bob 0")
		all[3].get(t, "/as?u=ada").status(t, 204) // logging in again takes no second place
		all[2].get(t, "/who").wants(t, 200, "ada 0")
	})
	for _, cfg := range []sessionstate.Config{{Limits: sessionstate.LimitConfig{PerUser: 1}}, {Limits: sessionstate.LimitConfig{PerUser: -1}}, {Limits: sessionstate.LimitConfig{PerUser: 1}, Store: swapOnly{}}} {
		if _, err := sessionstate.New(cfg); err == nil || !strings.Contains(err.Error(), "Config.Limits.PerUser") {
			t.Errorf("New(PerUser %d) = %v", cfg.Limits.PerUser, err)
		}
	}
}

func TestAnIndexThatFailsKeepsNobodyOut(t *testing.T) {
	t.Parallel()
	faulty := storetest.Faulty(newMem(t))
	a := userApp(t, sessionstate.Config{Store: faulty})
	v := a.login(t, "ada")
	faulty.Inject(storetest.Fault{Op: "put", Prefix: "session/user/"})
	wants503(t, v.get(t, "/renew"), "renew") // a session that the index would miss is not made
	v.get(t, "/who").wants(t, 200, "ada 0")
	faulty.Inject(storetest.Fault{Op: "scan", Times: -1})
	if _, err := a.m.Users().Revoke(t.Context(), "ada", nil); err == nil {
		t.Error("Revoke() without a list is no error")
	}
	faulty.Heal()
	if n, err := a.m.Users().Revoke(t.Context(), "ada", nil); n != 1 || err != nil {
		t.Errorf("Revoke() = %d, %v", n, err)
	}
}

func TestASessionThatIsGettingANewIDIsEndedAllTheSame(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		end  func(t *testing.T, a *app, handle string)
	}{
		{"End", func(t *testing.T, a *app, handle string) {
			if ok, err := a.m.Users().End(t.Context(), "ada", handle); !ok || err != nil {
				t.Errorf("End() = %v, %v", ok, err)
			}
		}},
		{"PerUser", func(t *testing.T, a *app, _ string) { a.login(t, "ada") }},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				mem := &between{Store: newMem(t)}
				a := userApp(t, sessionstate.Config{Store: mem, Lifetime: sessionstate.LifetimeConfig{RenewEvery: time.Minute}, Limits: sessionstate.LimitConfig{PerUser: 1}})
				v := a.login(t, "ada")
				handle := v.get(t, "/handle").body
				time.Sleep(2 * time.Minute)
				listed := false
				mem.afterGet = func() { // between the list and the end
					if !listed {
						listed = true
						v.get(t, "/incr").wants(t, 200, "1")
					}
				}
				old := v.cookie()
				test.end(t, a, handle)
				if !listed || v.cookie() == old {
					t.Fatal("the id was not renewed meanwhile")
				}
				v.get(t, "/who").wants(t, 200, "0")
			})
		})
	}
}

func TestHandlesOutlastTheIDs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := userApp(t, sessionstate.Config{Store: newMem(t), Lifetime: sessionstate.LifetimeConfig{RenewEvery: time.Minute}})
		v := a.login(t, "ada")
		handle := a.list(t, "ada")[0].Handle
		time.Sleep(2 * time.Minute)
		v.get(t, "/incr").wants(t, 200, "1") // by time
		v.get(t, "/renew").status(t, 200)
		v.get(t, "/handle").wants(t, 200, handle)
		if list := a.list(t, "ada"); len(list) != 1 || list[0].Handle != handle {
			t.Errorf("List() = %+v, want the handle %s", list, handle)
		}
		v.get(t, "/others").wants(t, 200, "0")
		v.get(t, "/as?u=bob").status(t, 204)
		if got := v.get(t, "/handle").body; got == handle {
			t.Error("bob's session has the handle of ada's")
		}
	})
}

func TestListShowsASessionOnceWhileItIsRenewed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		mem := &between{Store: newMem(t)}
		a := userApp(t, sessionstate.Config{Store: mem})
		v := a.login(t, "ada")
		seen := 0
		mem.beforeSwap = func() { // of the new id
			mem.beforeSwap = func() { seen = len(a.list(t, "ada")) } // of the old one: both are in the store
		}
		v.get(t, "/renew").status(t, 200)
		if seen != 1 {
			t.Errorf("List() showed %d sessions, want 1", seen)
		}
	})
}

func TestListLeavesOutWhatTheStoreHasForSomebodyElse(t *testing.T) {
	t.Parallel()
	mem := newMem(t)
	a := userApp(t, sessionstate.Config{Store: mem})
	a.login(t, "ada")
	bob := a.login(t, "bob")
	prefix := func(user string) (prefix, key string) {
		sum := sha256.Sum256([]byte(user))
		prefix = "session/user/" + base64.RawURLEncoding.EncodeToString(sum[:]) + "/"
		for e, err := range mem.Scan(t.Context(), prefix) {
			if err != nil {
				t.Fatal(err)
			}
			key = e.Key[len(prefix):]
		}
		return prefix, key
	}
	adas, _ := prefix("ada")
	_, bobs := prefix("bob")
	for _, key := range []string{bobs, "no digest"} { // an index that lies
		if err := mem.Put(t.Context(), adas+key, store.Item{Value: []byte{1, 'x'}}); err != nil {
			t.Fatal(err)
		}
	}
	if list := a.list(t, "ada"); len(list) != 1 {
		t.Errorf("List() = %+v, want ada's own session", list)
	}
	if n, err := a.m.Users().Revoke(t.Context(), "ada", nil); n != 1 || err != nil {
		t.Errorf("Revoke() = %d, %v, want 1", n, err)
	}
	bob.get(t, "/who").wants(t, 200, "bob 0")
}

func TestRevokeLooksAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		mem := &between{Store: newMem(t)}
		a := userApp(t, sessionstate.Config{Store: mem, Lifetime: sessionstate.LifetimeConfig{RenewEvery: time.Second}, Failures: sessionstate.FailureConfig{Timeout: time.Minute}})
		v := a.login(t, "ada")
		passes := 0
		mem.afterGet = func() { // each pass finds that the session has just moved on
			if passes++; passes%2 == 1 && passes < 8 {
				time.Sleep(2 * time.Second)
				v.get(t, "/incr")
			}
		}
		if n, err := a.m.Users().Revoke(t.Context(), "ada", nil); n != 1 || err != nil {
			t.Errorf("Revoke() = %d, %v, want the one session", n, err)
		}
		v.get(t, "/who").wants(t, 200, "0")
	})
}

func TestASessionTooManyIsRefused(t *testing.T) {
	t.Parallel()
	refuse := func(failOpen bool) *app {
		return userApp(t, sessionstate.Config{Store: newMem(t), Limits: sessionstate.LimitConfig{PerUser: 2, RefuseLogin: true}, Failures: sessionstate.FailureConfig{Open: failOpen, Timeout: time.Minute}})
	}
	a := refuse(false)
	one, two := a.login(t, "ada"), a.login(t, "ada")
	three := a.visitor()
	three.get(t, "/incr").wants(t, 200, "1")
	three.get(t, "/as?u=ada").status(t, 409)
	three.get(t, "/incr").wants(t, 200, "2") // what it had stays
	three.get(t, "/as?u=bob").status(t, 204)
	two.get(t, "/as?u=ada").status(t, 204) // it has been counted already
	if n := len(a.list(t, "ada")); n != 2 {
		t.Errorf("ada has %d sessions, want 2", n)
	}
	one.get(t, "/logout")
	three.get(t, "/as?u=ada").status(t, 204)

	// At the same moment, too, and whatever a store that fails would be answered.
	for _, failOpen := range []bool{false, true} {
		a := refuse(failOpen)
		var wg sync.WaitGroup
		var in atomic.Int64
		for range 12 {
			wg.Go(func() {
				v := a.visitor()
				switch r := v.get(t, "/as?u=ada"); r.StatusCode {
				case http.StatusNoContent:
					in.Add(1)
					v.get(t, "/who").wants(t, 200, "ada 0")
				case http.StatusConflict:
					if v.cookie() != "" {
						t.Error("a refused login has set a cookie")
					}
				default:
					t.Errorf("status %d", r.StatusCode)
				}
			})
		}
		wg.Wait()
		if n := len(a.list(t, "ada")); n > 2 || int64(n) > in.Load() {
			t.Errorf("ada has %d sessions, %d logins went through, want at most 2", n, in.Load())
		}
	}
}
