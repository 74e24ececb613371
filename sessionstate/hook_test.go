package sessionstate_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/labstack/echo/v4"

	"github.com/reecho-go/reecho/middleware"
	"github.com/reecho-go/reecho/observe"
	"github.com/reecho-go/reecho/sessionstate"
	"github.com/reecho-go/reecho/store"
	"github.com/reecho-go/reecho/store/storetest"
)

func TestOnChangeSeesEachChangeAndMayRefuseIt(t *testing.T) {
	t.Parallel()
	modes(t, func(t *testing.T, cfg sessionstate.Config) {
		var seen []string
		tooBig := errors.New("too big")
		cfg.Hooks = []sessionstate.Hook{
			count.OnChange(func(_ context.Context, ch sessionstate.Change[int]) error {
				seen = append(seen, fmt.Sprintf("%d %v -> %d %v", ch.Old, ch.HadOld, ch.New, ch.HasNew))
				if ch.New > 10 {
					return tooBig
				}
				return name.Set(ch.State, fmt.Sprint("n", ch.New))
			}),
		}
		a := in(t, cfg, func(s *sessionstate.State) {
			for _, step := range []struct {
				err  error
				want error
			}{
				{count.Set(s, 1), nil},
				{count.Set(s, 1), nil}, // no change
				{count.Set(s, 11), tooBig},
				{count.Delete(s), nil},
				{count.Delete(s), nil}, // no change
				{count.Set(s, 12), tooBig},
			} {
				if !errors.Is(step.err, step.want) {
					t.Errorf("error = %v, want %v", step.err, step.want)
				}
			}
			n, err := sessionstate.Incr(count, s, 5)
			if n != 5 || err != nil {
				t.Errorf("Incr() = %d, %v", n, err)
			}
			n, err = sessionstate.Incr(count, s, 50)
			if n != 5 || !errors.Is(err, tooBig) {
				t.Errorf("refused Incr() = %d, %v, want the value that stays", n, err)
			}
			if got := name.Get(s); got != "n5" {
				t.Errorf("the hook has set %q, want n5", got)
			}
		})
		want := []string{
			"0 false -> 1 true", "1 true -> 11 true", "1 true -> 0 false", "0 false -> 12 true",
			"0 false -> 5 true", "5 true -> 55 true",
		}
		if diff := cmp.Diff(want, seen); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
		if lost := observe.Of[observe.StoreFailure](a.rec); len(lost) != 0 {
			t.Errorf("failures: %v", lost)
		}
	})
}

func TestARefusedUpdateIsNotDoneAgainAfterAConflict(t *testing.T) {
	t.Parallel()
	refuse := count.OnChange(func(_ context.Context, ch sessionstate.Change[int]) error {
		if ch.New >= 100 {
			return errors.New("no")
		}
		return nil
	})
	a := newVisit(t, sessionstate.Config{Store: newMem(t), Hooks: []sessionstate.Hook{refuse}})
	v := a.visitor()
	a.handle("/try", func(c echo.Context, s *sessionstate.State) error {
		if _, err := sessionstate.Incr(count, s, 1); err != nil {
			return err
		}
		if _, err := sessionstate.Incr(count, s, 100); err == nil {
			t.Error("the hook was not asked")
		}
		v.clone().get(t, "/incr").wants(t, 200, "1") // a conflict
		return c.NoContent(204)
	})
	v.get(t, "/login")
	v.get(t, "/try").status(t, 204)
	v.get(t, "/").wants(t, 200, "2")
}

func TestOnChangeCyclesEnd(t *testing.T) {
	t.Parallel()
	a := sessionstate.NewKey("a", sessionstate.KeyConfig[int]{})
	b := sessionstate.NewKey("b", sessionstate.KeyConfig[int]{})
	next := func(k *sessionstate.Key[int]) func(context.Context, sessionstate.Change[int]) error {
		return func(_ context.Context, ch sessionstate.Change[int]) error {
			_, err := sessionstate.Incr(k, ch.State, 1)
			return err
		}
	}
	in(t, sessionstate.Config{Hooks: []sessionstate.Hook{a.OnChange(next(b)), b.OnChange(next(a))}}, func(s *sessionstate.State) {
		if err := a.Set(s, 1); err == nil || !strings.Contains(err.Error(), "without end") {
			t.Errorf("Set() = %v, want an error that says so", err)
		}
	})
}

func TestAfterCommitFunctionsRunInTheOrderOfTheConfig(t *testing.T) {
	t.Parallel()
	var got, want []int
	var cfg sessionstate.Config
	var keys []*sessionstate.Key[int]
	for i := range 8 {
		k := sessionstate.NewKey(fmt.Sprint("key", (i*5)%8), sessionstate.KeyConfig[int]{})
		keys = append(keys, k)
		want = append(want, i)
		cfg.Hooks = append(cfg.Hooks, k.AfterCommit(func(context.Context, sessionstate.Change[int]) { got = append(got, i) }))
	}
	in(t, cfg, func(s *sessionstate.State) {
		for _, k := range keys {
			if err := k.Set(s, 1); err != nil {
				t.Error(err)
			}
		}
	})
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
}

func TestAfterCommitComesOnceWithWhatWasSaved(t *testing.T) {
	t.Parallel()
	modes(t, func(t *testing.T, cfg sessionstate.Config) {
		var seen []string
		cfg.Hooks = []sessionstate.Hook{
			count.AfterCommit(func(_ context.Context, ch sessionstate.Change[int]) {
				seen = append(seen, fmt.Sprintf("%d -> %d", ch.Old, ch.New))
				if err := count.Set(ch.State, 99); !errors.Is(err, middleware.ErrCommitted) {
					t.Errorf("Set in AfterCommit = %v, want ErrCommitted", err)
				}
			}),
			count.AfterCommit(func(context.Context, sessionstate.Change[int]) { panic("boom") }),
		}
		a := newVisit(t, cfg)
		a.handle("/steps", func(c echo.Context, s *sessionstate.State) error {
			for range 3 {
				if _, err := sessionstate.Incr(count, s, 1); err != nil {
					return err
				}
			}
			return c.NoContent(204)
		})
		a.handle("/revert", func(c echo.Context, s *sessionstate.State) error {
			err := count.Set(s, 50)
			s.Revert()
			return err
		})
		a.handle("/fail", func(_ echo.Context, s *sessionstate.State) error {
			if err := count.Set(s, 50); err != nil {
				return err
			}
			return errors.New("500")
		})
		v := a.visitor()
		for _, path := range []string{"/steps", "/", "/revert", "/fail", "/incr"} {
			v.get(t, path)
		}
		if diff := cmp.Diff([]string{"0 -> 3", "3 -> 4"}, seen); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
		failures := observe.Of[observe.PluginFailure](a.rec)
		if len(failures) != 2 || !strings.Contains(failures[0].Hook, "AfterCommit count") {
			t.Errorf("failures = %v, want one for each panic", failures)
		}
	})
}

// beside runs f in one request while another request of the same visitor
// saves in between, and returns what the session holds in the end.
func beside(t *testing.T, f, between func(s *sessionstate.State) error) string {
	t.Helper()
	faulty := storetest.Faulty(newMem(t))
	a := newApp(t, sessionstate.Config{Store: faulty})
	v := a.visitor()
	run := func(path string, g func(s *sessionstate.State) error) {
		a.handle(path, func(c echo.Context, s *sessionstate.State) error {
			if err := g(s); err != nil {
				return err
			}
			return c.NoContent(204)
		})
	}
	run("/start", func(s *sessionstate.State) error {
		return errors.Join(count.Set(s, 1), name.Set(s, "a"), tags.Set(s, []string{"t"}))
	})
	run("/between", between)
	run("/f", func(s *sessionstate.State) error {
		err := f(s)
		v.clone().get(t, "/between").status(t, 204)
		return err
	})
	var all string
	run("/all", func(s *sessionstate.State) error {
		for _, k := range s.Keys() {
			all += fmt.Sprintf("%s=%s ", k, s.Snapshot()[k])
		}
		all += s.User()
		return nil
	})
	v.get(t, "/start").status(t, 204)
	v.get(t, "/f").status(t, 204)
	v.get(t, "/all")
	return strings.TrimSpace(all)
}

func TestChangesAreDoneAgainOnTopOfOthers(t *testing.T) {
	t.Parallel()
	other := sessionstate.NewKey("other", sessionstate.KeyConfig[int]{})
	plus10 := func(s *sessionstate.State) error {
		_, err := sessionstate.Incr(count, s, 10)
		return errors.Join(err, other.Set(s, 5))
	}
	inc := func(s *sessionstate.State) error { _, err := sessionstate.Incr(count, s, 1); return err }
	tests := []struct {
		name       string
		f, between func(s *sessionstate.State) error
		want       string
	}{
		{"update", inc, plus10, `count=12 name="a" other=5 tags=["t"]`},
		{"two updates", func(s *sessionstate.State) error { return errors.Join(inc(s), inc(s)) }, plus10, `count=13 name="a" other=5 tags=["t"]`},
		{"set wins", func(s *sessionstate.State) error { return count.Set(s, 7) }, plus10, `count=7 name="a" other=5 tags=["t"]`},
		{"set then update", func(s *sessionstate.State) error { return errors.Join(count.Set(s, 7), inc(s)) }, plus10, `count=8 name="a" other=5 tags=["t"]`},
		{"update then the same set", func(s *sessionstate.State) error { return errors.Join(inc(s), count.Set(s, 2)) }, plus10, `count=2 name="a" other=5 tags=["t"]`},
		{"delete", func(s *sessionstate.State) error { return count.Delete(s) }, plus10, `name="a" other=5 tags=["t"]`},
		{"delete then update", func(s *sessionstate.State) error { return errors.Join(count.Delete(s), inc(s), inc(s)) }, plus10, `count=2 name="a" other=5 tags=["t"]`},
		{"clear", func(s *sessionstate.State) error { return errors.Join(s.Clear(), name.Set(s, "b")) }, plus10, `name="b"`},
		{"clear then update", func(s *sessionstate.State) error { return errors.Join(s.Clear(), inc(s)) }, plus10, `count=1`},
		{"login", func(s *sessionstate.State) error { return errors.Join(inc(s), s.Login("ada")) }, plus10, `count=12 name="a" other=5 tags=["t"] ada`},
		{"renew", func(s *sessionstate.State) error { return errors.Join(inc(s), s.Renew()) }, plus10, `count=12 name="a" other=5 tags=["t"]`},
		{
			"append", func(s *sessionstate.State) error { _, err := sessionstate.Append(tags, s, "x"); return err },
			func(s *sessionstate.State) error { _, err := sessionstate.Append(tags, s, "y"); return err }, `count=1 name="a" tags=["t","y","x"]`,
		},
		{"there and back", func(s *sessionstate.State) error { return errors.Join(count.Set(s, 9), count.Set(s, 1)) }, plus10, `count=11 name="a" other=5 tags=["t"]`},
		{"the other clears", inc, func(s *sessionstate.State) error { return s.Clear() }, `count=1`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if got := beside(t, test.f, test.between); got != test.want {
				t.Errorf("the session holds %s, want %s", got, test.want)
			}
		})
	}
}

func TestContentionIsGivenUp(t *testing.T) {
	t.Parallel()
	faulty := storetest.Faulty(newMem(t))
	a := newVisit(t, sessionstate.Config{Store: faulty})
	v := a.visitor()
	v.get(t, "/incr")
	faulty.Inject(storetest.Fault{Op: "swap", Times: -1, Err: store.ErrConflict})
	wants503(t, v.get(t, "/incr"), "contention")
	faulty.Heal()
	v.get(t, "/").wants(t, 200, "1")
	conflicts := observe.Of[observe.SessionConflict](a.rec)
	if len(conflicts) != 1 || conflicts[0].Tries != 16 || !errors.Is(conflicts[0].Err, sessionstate.ErrContention) {
		t.Errorf("conflicts = %+v, want one that was given up after 16 tries", conflicts)
	}
}
