package sessionstate_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/sessions"
	"github.com/labstack/echo/v4"

	"github.com/reecho-go/reecho/observe"
	"github.com/reecho-go/reecho/sessionstate"
	"github.com/reecho-go/reecho/sessionstate/gorillastate"
	"github.com/reecho-go/reecho/store"
	"github.com/reecho-go/reecho/store/memstore"
	"github.com/reecho-go/reecho/store/storetest"
)

func TestOneLostReplyAtLoginLocksNobodyOut(t *testing.T) {
	t.Parallel()
	for _, op := range []string{"put", "swap", "get", "delete", "scan"} {
		for after := range 4 {
			for _, fresh := range []bool{true, false} {
				s := storetest.Faulty(newMem(t))
				a := userApp(t, sessionstate.Config{Store: s, Limits: sessionstate.LimitConfig{PerUser: 1, RefuseLogin: true}})
				v := a.visitor()
				if !fresh {
					v.get(t, "/incr")
				}
				what := fmt.Sprintf("%s no. %d, new visitor %v", op, after+1, fresh)
				s.Inject(storetest.Fault{Op: op, After: after, Lost: true})
				r := v.get(t, "/as?u=ada")
				s.Heal()
				switch {
				case r.StatusCode == http.StatusServiceUnavailable:
					if r := v.get(t, "/as?u=ada"); r.StatusCode != http.StatusNoContent {
						t.Errorf("%s: the next login: %d %q", what, r.StatusCode, r.body)
					}
				case r.StatusCode != http.StatusNoContent:
					t.Errorf("%s: %d %q", what, r.StatusCode, r.body)
				}
				if got := v.get(t, "/who").body; !strings.HasPrefix(got, "ada") {
					t.Errorf("%s: then %q is logged in", what, got)
				}
				if list := a.list(t, "ada"); len(list) != 1 {
					t.Errorf("%s: %d sessions, want 1", what, len(list))
				}
			}
		}
	}
}

func TestRevokeEndsASessionThatRenewsInALoop(t *testing.T) {
	t.Parallel()
	for round := range 20 {
		mem := &restless{newMem(t)}
		a := userApp(t, sessionstate.Config{Store: mem, Failures: sessionstate.FailureConfig{Timeout: time.Minute}})
		v := a.login(t, "ada")
		handle := a.list(t, "ada")[0].Handle
		stop, done := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(done)
			for {
				select {
				case <-stop:
					return
				default:
					v.get(t, "/renew")
				}
			}
		}()
		rest()
		var err error
		end := "Revoke"
		if round%2 == 0 {
			_, err = a.m.Users().Revoke(t.Context(), "ada", nil)
		} else {
			end = "End"
			_, err = a.m.Users().End(t.Context(), "ada", handle)
		}
		close(stop)
		<-done
		lives := a.list(t, "ada")
		if err != nil {
			t.Fatalf("%s: %v", end, err)
		}
		v.get(t, "/who").wants(t, 200, "0")
		if len(lives) != 0 {
			t.Errorf("%s: %d sessions are left", end, len(lives))
		}
	}
}

// renewing gives the session a new id each time that the store has listed keys, before
// the sessions of these keys are read.
type renewing struct {
	*memstore.Store
	renew func()
}

func (r *renewing) Scan(ctx context.Context, prefix string) iter.Seq2[store.Entry, error] {
	type one struct {
		store.Entry
		err error
	}
	var all []one
	for e, err := range r.Store.Scan(ctx, prefix) {
		all = append(all, one{e, err})
	}
	if r.renew != nil {
		r.renew()
	}
	return func(yield func(store.Entry, error) bool) {
		for _, e := range all {
			if !yield(e.Entry, e.err) {
				return
			}
		}
	}
}

func TestASessionThatIsNeverFoundBetweenTwoIDsEnds(t *testing.T) {
	t.Parallel()
	for _, renewals := range []int{1, 2, 3, 100} {
		for _, name := range []string{"End", "Revoke"} {
			what := fmt.Sprintf("%s beside %d renewals", name, renewals)
			s := &renewing{Store: newMem(t)}
			a := userApp(t, sessionstate.Config{Store: s})
			v, other := a.login(t, "ada"), a.login(t, "bob")
			handle := a.list(t, "ada")[0].Handle
			n := 0
			s.renew = func() {
				if n++; n <= renewals {
					v.get(t, "/renew")
				}
			}
			var err error
			if name == "End" {
				_, err = a.m.Users().End(t.Context(), "ada", handle)
			} else {
				_, err = a.m.Users().Revoke(t.Context(), "ada", nil)
			}
			s.renew = nil
			if err != nil {
				t.Errorf("%s: %v", what, err)
			}
			v.get(t, "/renew")
			if got := v.get(t, "/who").body; strings.HasPrefix(got, "ada") {
				t.Errorf("%s: %q is logged in", what, got)
			}
			if left := a.list(t, "ada"); len(left) != 0 {
				t.Errorf("%s: %d sessions are left", what, len(left))
			}
			other.get(t, "/who").wants(t, 200, "bob 0")
		}
	}
}

func TestNobodyEndsTheSessionsOfOthers(t *testing.T) {
	t.Parallel()
	a := userApp(t, sessionstate.Config{Store: newMem(t)})
	v := a.login(t, "ada")
	handle := a.list(t, "ada")[0].Handle
	for _, h := range []string{handle, "", "x", handle + "A", handle[1:]} {
		if ended, err := a.m.Users().End(t.Context(), "bob", h); ended || err != nil {
			t.Errorf("the handle %q: %t, %v", h, ended, err)
		}
	}
	v.get(t, "/renew")
	v.get(t, "/who").wants(t, 200, "ada 0")
}

func TestRevokeEndsALoginThatIsUnderWay(t *testing.T) {
	t.Parallel()
	mem := &between{Store: newMem(t)}
	a := userApp(t, sessionstate.Config{Store: mem})
	revoke := func() {
		if _, err := a.m.Users().Revoke(context.Background(), "ada", nil); err != nil {
			t.Error(err)
		}
	}
	a.handle("/slow", func(_ echo.Context, s *sessionstate.State) error {
		if err := s.Login("ada"); err != nil { // with the password of before
			return err
		}
		revoke()
		return nil
	})
	v := a.visitor()
	v.get(t, "/slow")
	v.get(t, "/who").wants(t, 200, "0")

	v = a.visitor()
	mem.beforeSwap = revoke // before it is written
	v.get(t, "/as?u=ada")
	v.get(t, "/who").wants(t, 200, "0")

	v = a.login(t, "ada") // a later one lives, with new ids too
	v.get(t, "/renew").status(t, 200)
	v.get(t, "/others").wants(t, 200, "0")
	v.get(t, "/renew").status(t, 200)
	v.get(t, "/who").wants(t, 200, "ada 0")
}

func TestRenewalsLeaveNothingInTheIndex(t *testing.T) {
	t.Parallel()
	mem := newMem(t)
	a := userApp(t, sessionstate.Config{Store: mem})
	v := a.login(t, "ada")
	for range 50 {
		v.get(t, "/renew").status(t, 200)
		v.get(t, "/as?u=ada").status(t, 204)
	}
	n := 0
	for _, err := range mem.Scan(t.Context(), "session/user/") {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	if n != 1 {
		t.Errorf("the index has %d entries for one session", n)
	}
}

func TestUsersOfAManagerThatCannotListSayThat(t *testing.T) {
	t.Parallel()
	for name, cfg := range map[string]sessionstate.Config{
		"cookie mode": {}, "a third-party store": {CookieMode: sessionstate.CookieModeConfig{Foreign: gorillastate.KeepIn(sessions.NewCookieStore(gorillaKey))}}, "a store that cannot list": {Store: swapOnly{}},
	} {
		users := newManager(t, cfg).Users()
		_, listErr := users.List(t.Context(), "ada")
		_, revokeErr := users.Revoke(t.Context(), "ada", nil)
		_, endErr := users.End(t.Context(), "ada", "x")
		for _, err := range []error{listErr, revokeErr, endErr} {
			if !errors.Is(err, sessionstate.ErrNoUsers) || !strings.Contains(err.Error(), "Config.Store") {
				t.Errorf("%s: %v, want ErrNoUsers", name, err)
			}
		}
	}
}

func TestAFloodOfVisitorsEndsNoUser(t *testing.T) {
	t.Parallel()
	for _, refuse := range []bool{false, true} {
		mem := memstore.Must(memstore.New(memstore.Config{MaxEntries: 2000, Refuse: refuse}))
		t.Cleanup(func() { _ = mem.Close(t.Context()) })
		a := userApp(t, sessionstate.Config{Store: mem})
		var users []*visitor
		for i := range 100 {
			users = append(users, a.login(t, fmt.Sprint("user", i)))
		}
		for range 5000 {
			a.visitor().get(t, "/incr")
		}
		for i, v := range users {
			v.get(t, "/who").wants(t, 200, fmt.Sprintf("user%d 0", i))
		}
		late := a.login(t, "late")
		late.get(t, "/renew").status(t, 200)
		late.get(t, "/who").wants(t, 200, "late 0")
	}
}

func TestALogoutOfNobodyIsNoticedOnce(t *testing.T) {
	t.Parallel()
	for _, login := range []bool{true, false} {
		a := userApp(t, sessionstate.Config{Store: newMem(t)})
		for range 3 {
			v := a.visitor()
			v.get(t, "/incr")
			if login {
				v.get(t, "/as?u=ada")
			}
			v.get(t, "/logout").status(t, 200)
		}
		notices := slices.DeleteFunc(observe.Of[observe.Notice](a.rec), func(n observe.Notice) bool { return !strings.Contains(n.Text, "State.Login") })
		want := 1
		if login {
			want = 0
		}
		if len(notices) != want {
			t.Errorf("with Login %v: notices %v, want %d", login, notices, want)
		}
	}
}

func TestRevokeAndEndAreSureOfASessionThatIsRenewedAtEveryLook(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(t *testing.T, users *sessionstate.Users, handle string) error{
		"Revoke": func(t *testing.T, users *sessionstate.Users, _ string) error {
			_, err := users.Revoke(t.Context(), "ada", nil)
			return err
		},
		"End": func(t *testing.T, users *sessionstate.Users, handle string) error {
			_, err := users.End(t.Context(), "ada", handle)
			return err
		},
	} {
		for _, every := range []time.Duration{0, time.Second} { // by the client, or by time
			t.Run(fmt.Sprint(name, " ", every), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					mem := &between{Store: newMem(t)}
					a := userApp(t, sessionstate.Config{Store: mem, Lifetime: sessionstate.LifetimeConfig{RenewEvery: every}, Failures: sessionstate.FailureConfig{Timeout: time.Hour}})
					v := a.login(t, "ada")
					handle := v.get(t, "/handle").body
					within, renewals := false, 0
					mem.afterGet = func() {
						if within {
							return
						}
						within = true
						time.Sleep(2 * every)
						was := v.cookie()
						if v.get(t, "/renew"); v.cookie() != was {
							renewals++
						}
						within = false
					}
					err := end(t, a.m.Users(), handle)
					mem.afterGet = nil
					if renewals == 0 {
						t.Fatal("nothing was renewed meanwhile")
					}
					if got := strings.TrimSpace(v.get(t, "/who").body); err == nil && got != "0" {
						t.Errorf("no error, and the session is that of %q, after %d renewals", got, renewals)
					}
					if err != nil {
						t.Errorf("%v, with a store that works", err)
					}
				})
			})
		}
	}
}
