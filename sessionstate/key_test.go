package sessionstate_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/labstack/echo/v4"

	"github.com/reecho-go/reecho/internal/scope"
	"github.com/reecho-go/reecho/middleware"
	"github.com/reecho-go/reecho/observe"
	"github.com/reecho-go/reecho/sessionstate"
)

// in runs f within one request of a new visitor, which must succeed.
func in(t *testing.T, c sessionstate.Config, f func(s *sessionstate.State)) *app {
	t.Helper()
	a := newApp(t, c)
	a.handle("/", func(c echo.Context, s *sessionstate.State) error {
		f(s)
		return c.NoContent(204)
	})
	a.visitor().get(t, "/").status(t, 204)
	return a
}

func TestKeysOfEveryKindRoundTrip(t *testing.T) {
	t.Parallel()
	modes(t, func(t *testing.T, c sessionstate.Config) {
		a := newApp(t, c)
		type nested struct {
			A []int
			M map[string]*int
			T time.Time
		}
		seven := 7
		roundTrip(t, a, "int", 0, math.MinInt, math.MaxInt)
		roundTrip(t, a, "bool", true, false)
		roundTrip(t, a, "string", "", "x", `"quoted" \ 'x'`, "\x00\n\u2028<>&", "ünïcödé", `\`)
		roundTrip(t, a, "float", 0.1, -1e300)
		roundTrip(t, a, "slice", []string{"a"}, []string{}, nil)
		roundTrip(t, a, "map", map[string]int{"a": 1}, nil)
		roundTrip(t, a, "pointer", &seven, nil)
		roundTrip(t, a, "struct", nested{A: []int{1}, M: map[string]*int{"x": &seven}, T: time.Unix(1, 2).UTC()})
		roundTrip(t, a, "any", any("x"), any(1.5), nil)
		roundTrip(t, a, "raw", json.RawMessage(`{"a":1}`))
	})
}

func roundTrip[T any](t *testing.T, a *app, name string, values ...T) {
	t.Helper()
	k := sessionstate.NewKey(name, sessionstate.KeyConfig[T]{})
	for i, want := range values {
		path := fmt.Sprintf("/%s/%d", name, i)
		a.handle(path+"/set", func(c echo.Context, s *sessionstate.State) error { return k.Set(s, want) })
		a.handle(path, func(_ echo.Context, s *sessionstate.State) error {
			got, ok, err := k.Lookup(s)
			if err != nil || !ok {
				t.Errorf("%s: Lookup() = %v, %v", path, ok, err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s: -want +got:\n%s", path, diff)
			}
			return nil
		})
		v := a.visitor()
		v.get(t, path+"/set").status(t, 200)
		v.get(t, path).status(t, 200)
	}
}

func TestMutatingWhatAKeyReturnsChangesNothing(t *testing.T) {
	t.Parallel()
	def := map[string][]int{"a": {1}}
	k := sessionstate.NewKey("m", sessionstate.KeyConfig[map[string][]int]{Default: def})
	def["a"][0] = 99
	in(t, sessionstate.Config{}, func(s *sessionstate.State) {
		k.Get(s)["a"][0] = 2
		if got := k.Get(s)["a"][0]; got != 1 {
			t.Errorf("the default is now %d, want 1", got)
		}
		mine := map[string][]int{"a": {3}}
		if err := k.Set(s, mine); err != nil {
			t.Fatal(err)
		}
		mine["a"][0] = 4
		k.Get(s)["a"][0] = 5
		var kept map[string][]int
		updated, err := k.Update(s, func(m map[string][]int) map[string][]int { kept = m; return m })
		if err != nil {
			t.Fatal(err)
		}
		updated["a"][0], kept["a"][0] = 6, 7
		if got := k.Get(s)["a"][0]; got != 3 {
			t.Errorf("the value is now %d, want 3", got)
		}
	})
}

// rounded is made even by being encoded.
type rounded struct{ N int }

func (r *rounded) MarshalJSON() ([]byte, error) {
	r.N = r.N / 2 * 2
	return json.Marshal(r.N)
}

func (r *rounded) UnmarshalJSON(b []byte) error { return json.Unmarshal(b, &r.N) }

func TestEncodingADefaultChangesNothing(t *testing.T) {
	t.Parallel()
	k := sessionstate.NewKey("k", sessionstate.KeyConfig[rounded]{Default: rounded{3}})
	in(t, sessionstate.Config{}, func(s *sessionstate.State) {
		if got := k.Get(s); got.N != 3 {
			t.Errorf("the default is %d, want 3", got.N)
		}
	})
}

func TestAValueOfAnotherTypeReadsAsTheDefault(t *testing.T) {
	t.Parallel()
	values := []any{"text", 1.5, true, nil, []any{1.0}, map[string]any{"a": 1.0}, "7", 1e100}
	for i, value := range values {
		k := sessionstate.NewKey("count", sessionstate.KeyConfig[int]{Default: 42})
		a := in(t, sessionstate.Config{}, func(s *sessionstate.State) {
			if err := sessionstate.Plant(s, "count", value); err != nil {
				t.Fatal(err)
			}
			if got := k.Get(s); got != 42 {
				t.Errorf("%v: Get() = %d, want the default", value, got)
			}
			_, ok, err := k.Lookup(s)
			if ok || !errors.Is(err, sessionstate.ErrValue) {
				t.Errorf("%v: Lookup() = %v, %v, want an ErrValue", value, ok, err)
			}
			if got, err := sessionstate.Incr(k, s, 1); got != 43 || err != nil {
				t.Errorf("%v: Incr() = %d, %v, want 43", value, got, err)
			}
		})
		if n := len(observe.Of[observe.SessionValue](a.rec)); n != 3 {
			t.Errorf("value %d: %d events, want 3", i, n)
		}
	}
	flag := sessionstate.NewKey("count", sessionstate.KeyConfig[bool]{Default: true})
	in(t, sessionstate.Config{}, func(s *sessionstate.State) {
		if err := sessionstate.Plant(s, "count", 0); err != nil {
			t.Fatal(err)
		}
		if !flag.Get(s) {
			t.Error("0 passes for false")
		}
	})
}

func TestWhatCannotBeKeptFailsAtSet(t *testing.T) {
	t.Parallel()
	in(t, sessionstate.Config{}, func(s *sessionstate.State) {
		anything := sessionstate.NewKey("x", sessionstate.KeyConfig[any]{})
		for _, v := range []any{make(chan int), func() {}, math.NaN(), math.Inf(1)} {
			if !errors.Is(anything.Set(s, v), sessionstate.ErrValue) {
				t.Errorf("Set(%T) is not an ErrValue", v)
			}
		}
		small := sessionstate.NewKey("small", sessionstate.KeyConfig[string]{MaxBytes: 10})
		if err := small.Set(s, "12345678"); err != nil {
			t.Errorf("ten bytes: %v", err)
		}
		err := small.Set(s, "123456789")
		if e, ok := errors.AsType[middleware.Error](err); !ok || e.StatusCode() != 500 || !errors.Is(err, sessionstate.ErrTooLarge) || !strings.Contains(err.Error(), "take 11 bytes of at most 10;") {
			t.Errorf("eleven bytes: %v, want an ErrTooLarge", err)
		}
		if got := small.Get(s); got != "12345678" || has(anything, s) {
			t.Errorf("refused changes were made: %q", got)
		}
	})
}

func TestBadKeysPanic(t *testing.T) {
	t.Parallel()
	bad := map[string]func(){
		"empty name":     func() { sessionstate.NewKey("", sessionstate.KeyConfig[int]{}) },
		"long name":      func() { sessionstate.NewKey(strings.Repeat("x", 129), sessionstate.KeyConfig[int]{}) },
		"MaxBytes":       func() { sessionstate.NewKey("x", sessionstate.KeyConfig[int]{MaxBytes: -1}) },
		"Version":        func() { sessionstate.NewKey("x", sessionstate.KeyConfig[int]{Version: -1}) },
		"cannot be kept": func() { sessionstate.NewKey("x", sessionstate.KeyConfig[chan int]{}) },
		"too large default": func() {
			sessionstate.NewKey("x", sessionstate.KeyConfig[string]{Default: "abc", MaxBytes: 2})
		},
	}
	for name, f := range bad {
		func() {
			defer func() {
				if err, ok := recover().(error); !ok || !strings.Contains(err.Error(), "NewKey") {
					t.Errorf("%s: no panic that explains itself", name)
				}
			}()
			f()
		}()
	}
}

func TestMigrate(t *testing.T) {
	t.Parallel()
	a, later := newApp(t, sessionstate.Config{}), newApp(t, sessionstate.Config{}) // two releases of an app
	v1 := sessionstate.NewKey("k", sessionstate.KeyConfig[int]{Version: 1})
	v2 := sessionstate.NewKey("k", sessionstate.KeyConfig[[]string]{Version: 2, Migrate: func(version int, raw []byte) ([]string, error) {
		switch string(raw) {
		case "13":
			panic("bad luck")
		case "14":
			return nil, errors.New("MARKER")
		}
		return []string{fmt.Sprint(version), string(raw)}, nil
	}})
	a.handle("/set", func(c echo.Context, s *sessionstate.State) error {
		var n int
		if _, err := fmt.Sscan(c.QueryParam("n"), &n); err != nil {
			return err
		}
		return v1.Set(s, n)
	})
	later.handle("/get", func(c echo.Context, s *sessionstate.State) error {
		got, _, err := v2.Lookup(s)
		return c.String(200, fmt.Sprint(got, err))
	})
	later.handle("/up", func(c echo.Context, s *sessionstate.State) error {
		_, err := sessionstate.Append(v2, s, "new")
		return err
	})
	v := a.visitor()
	v.get(t, "/set?n=7")
	v.a = later
	v.get(t, "/get").wants(t, 200, "[1 7] <nil>")
	v.get(t, "/up").status(t, 200)
	v.get(t, "/get").wants(t, 200, "[1 7 new] <nil>")
	for _, n := range []string{"13", "14"} {
		v.a = a
		v.get(t, "/set?n="+n)
		v.a = later
		v.get(t, "/get").wants(t, 200, `[] sessionstate: key "k" ([]string): cannot be migrated from version 1 to 2`)
	}
}

func TestStructsMayGrowAndShrink(t *testing.T) {
	t.Parallel()
	type before struct {
		Name string
		Old  int
	}
	type after struct { // another type by now, with another field
		Name string
		New  []string
	}
	was := sessionstate.NewKey("profile", sessionstate.KeyConfig[before]{})
	is := sessionstate.NewKey("profile", sessionstate.KeyConfig[after]{})
	modes(t, func(t *testing.T, cfg sessionstate.Config) {
		a, later := newApp(t, cfg), newApp(t, cfg)
		a.handle("/before", func(_ echo.Context, s *sessionstate.State) error { return was.Set(s, before{"ada", 7}) })
		later.handle("/after", func(c echo.Context, s *sessionstate.State) error {
			p, err := is.Update(s, func(p after) after { p.New = append(p.New, "x"); return p })
			return errors.Join(err, c.String(200, fmt.Sprintf("%+v", p)))
		})
		v := a.visitor()
		v.get(t, "/before").status(t, 200)
		v.a = later
		v.get(t, "/after").wants(t, 200, "{Name:ada New:[x]}")
		v.get(t, "/after").wants(t, 200, "{Name:ada New:[x x]}")
	})
}

func TestDictionaryMethods(t *testing.T) {
	t.Parallel()
	modes(t, func(t *testing.T, c sessionstate.Config) {
		flag := sessionstate.NewKey("flag", sessionstate.KeyConfig[bool]{})
		in(t, c, func(s *sessionstate.State) {
			must := func(err error) {
				t.Helper()
				if err != nil {
					t.Fatal(err)
				}
			}
			must(name.Set(s, "ada"))
			must(flag.Set(s, true))
			list, err := sessionstate.Append(tags, s, "x", "y")
			must(err)
			if len(list) != 2 || !has(tags, s) || has(count, s) {
				t.Errorf("Append() = %v", list)
			}
			if diff := cmp.Diff([]string{"flag", "name", "tags"}, s.Keys()); diff != "" {
				t.Errorf("Keys(): %s", diff)
			}
			want := map[string]json.RawMessage{"flag": []byte("true"), "name": []byte(`"ada"`), "tags": []byte(`["x","y"]`)}
			if diff := cmp.Diff(want, s.Snapshot()); diff != "" {
				t.Errorf("Snapshot(): %s", diff)
			}
			must(s.Clear())
			if len(s.Keys()) != 0 {
				t.Errorf("Keys() after Clear = %v", s.Keys())
			}
			must(count.Set(s, 1))
			s.Revert()
			if len(s.Keys()) != 0 {
				t.Errorf("Keys() after Revert = %v", s.Keys())
			}
		})
	})
}

func TestRevertGoesBackToWhatWasLoaded(t *testing.T) {
	t.Parallel()
	modes(t, func(t *testing.T, c sessionstate.Config) {
		a := newVisit(t, c)
		a.handle("/revert", func(c echo.Context, s *sessionstate.State) error {
			err := errors.Join(count.Set(s, 9), s.Clear(), s.Login("eve"), s.Flash("info", "x"), s.Destroy(), count.Set(s, 8))
			if err != nil {
				return err
			}
			s.Revert()
			return show(c, s)
		})
		v := a.visitor()
		v.get(t, "/login")
		v.get(t, "/incr")
		r := v.get(t, "/revert")
		r.wants(t, 200, "1")
		if len(r.Header["Set-Cookie"]) != 0 {
			t.Errorf("a reverted request sets %v", r.Header["Set-Cookie"])
		}
		v.get(t, "/who").wants(t, 200, "ada 1")
	})
}

func TestOneRequestMayUseItsSessionFromManyGoroutines(t *testing.T) {
	t.Parallel()
	modes(t, func(t *testing.T, c sessionstate.Config) {
		a := newApp(t, c)
		a.handle("/", show)
		a.handle("/many", func(c echo.Context, s *sessionstate.State) error {
			var wg sync.WaitGroup
			for i := range 50 {
				wg.Go(func() {
					if _, err := sessionstate.Incr(count, s, 1); err != nil {
						t.Error(err)
					}
					if i%10 == 0 {
						if _, err := sessionstate.Append(tags, s, "x"); err != nil {
							t.Error(err)
						}
					}
					_, _, _ = s.Keys(), s.Snapshot(), name.Get(s)
				})
			}
			wg.Wait()
			return show(c, s)
		})
		v := a.visitor()
		v.get(t, "/many").wants(t, 200, "50")
		v.get(t, "/").wants(t, 200, "50")
	})
}

func TestALoadForAllVisitorsCannotSeeTheSession(t *testing.T) {
	t.Parallel()
	a := newApp(t, sessionstate.Config{})
	a.GET("/", func(c echo.Context) error {
		if _, err := sessionstate.FromContext(scope.Hide(c.Request().Context())); !errors.Is(err, scope.ErrVisitorInGlobalLoad) {
			t.Errorf("FromContext() = %v, want ErrVisitorInGlobalLoad", err)
		}
		return nil
	})
	a.visitor().get(t, "/").status(t, 200)
}
