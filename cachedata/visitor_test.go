package cachedata_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/labstack/echo/v4"
	"golang.org/x/sync/errgroup"

	"github.com/reecho-go/reecho/cachedata"
	"github.com/reecho-go/reecho/echov4"
	"github.com/reecho-go/reecho/internal/scope"
	"github.com/reecho-go/reecho/internal/scope/scopetest"
	"github.com/reecho-go/reecho/middleware"
	"github.com/reecho-go/reecho/observe"
)

// What a login middleware leaves in a request's context.
type (
	userKey   struct{}
	claimsKey string
	user      struct{ ID string }
)

// userOf is how programs ask who is there.
func userOf(ctx context.Context) string {
	if u, ok := ctx.Value(userKey{}).(*user); ok {
		return u.ID
	}
	return ""
}

func as(ctx context.Context, id string) context.Context {
	return context.WithValue(ctx, userKey{}, &user{id})
}

func newVisitor(t testing.TB, id func(context.Context) string, keys ...any) *middleware.Visitor {
	t.Helper()
	v, err := middleware.NewVisitor(id, keys...)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// merged is a context of two, as libraries make them.
type merged struct{ context.Context }

func (m merged) Value(key any) any { return m.Context.Value(key) }

func TestAGlobalLoadThatReadsTheDeclaredVisitorFails(t *testing.T) {
	t.Parallel()
	v := newVisitor(t, userOf, claimsKey("claims"))
	type loader = func(context.Context, int) (string, error)
	for name, load := range map[string]loader{
		"the user":          func(ctx context.Context, _ int) (string, error) { return userOf(ctx), nil },
		"and panics":        func(ctx context.Context, _ int) (string, error) { return ctx.Value(userKey{}).(*user).ID, nil },
		"and fails":         func(ctx context.Context, _ int) (string, error) { return "", fmt.Errorf("no user %q", userOf(ctx)) },
		"and finds nothing": func(ctx context.Context, _ int) (string, error) { _ = userOf(ctx); return "", cachedata.ErrNotFound },
		"a declared key": func(ctx context.Context, _ int) (string, error) {
			return fmt.Sprint(ctx.Value(claimsKey("claims"))), nil
		},
		"its id": func(ctx context.Context, _ int) (string, error) { id, _ := v.ID(ctx); return id, nil },
		"through values": func(ctx context.Context, _ int) (string, error) {
			return userOf(context.WithValue(ctx, claimsKey("x"), 1)), nil
		},
		"through a deadline": func(ctx context.Context, _ int) (string, error) {
			ctx, cancel := context.WithTimeout(ctx, time.Hour)
			defer cancel()
			return userOf(ctx), nil
		},
		"detached": func(ctx context.Context, _ int) (string, error) { return userOf(context.WithoutCancel(ctx)), nil },
		"merged":   func(ctx context.Context, _ int) (string, error) { return userOf(merged{ctx}), nil },
		"in another goroutine": func(ctx context.Context, _ int) (s string, err error) {
			g, ctx := errgroup.WithContext(ctx)
			g.Go(func() error { s = userOf(ctx); return nil })
			return s, g.Wait()
		},
		"of a request made of it": func(ctx context.Context, _ int) (string, error) {
			r, err := http.NewRequestWithContext(ctx, http.MethodGet, "/", http.NoBody)
			if err != nil {
				return "", err
			}
			return userOf(r.Context()), nil
		},
		"declared once more": func(ctx context.Context, _ int) (string, error) { return userOf(v.Context(ctx)), nil },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			calls := 0
			c := newCache(t, func(ctx context.Context, k int) (string, error) { calls++; return load(ctx, k) },
				cachedata.Config{Errors: cachedata.ErrorConfig{TTL: time.Hour, NotFoundTTL: time.Hour, IsNotFound: func(error) bool { return true }}})
			ctx := context.WithValue(as(v.Context(t.Context()), "alice"), claimsKey("claims"), "hers")
			for range 2 {
				if got, err := c.Get(ctx, 1); !errors.Is(err, cachedata.ErrVisitorInGlobalLoad) {
					t.Errorf("Get() = %q, %v, want ErrVisitorInGlobalLoad", got, err)
				} else if !strings.Contains(err.Error(), "cachedata: test: ") {
					t.Errorf("Get() = %v, want it to name the cache", err)
				}
			}
			if _, ok := c.Peek(ctx, 1); ok || calls != 2 {
				t.Errorf("loaded %d times, kept = %v, want that nothing is kept", calls, ok)
			}
			if got, err := c.Get(as(v.Context(t.Context()), ""), 1); !errors.Is(err, cachedata.ErrVisitorInGlobalLoad) {
				t.Errorf("Get() for nobody = %q, %v, want ErrVisitorInGlobalLoad too", got, err)
			}
			if _, err := c.Refresh(ctx, 1); !errors.Is(err, cachedata.ErrVisitorInGlobalLoad) {
				t.Errorf("Refresh() error = %v, want ErrVisitorInGlobalLoad", err)
			}
		})
	}
}

func TestABatchThatReadsTheDeclaredVisitorFails(t *testing.T) {
	t.Parallel()
	v := newVisitor(t, userOf)
	for name, result := range map[string]error{"and succeeds": nil, "and finds nothing": cachedata.ErrNotFound} {
		b, err := cachedata.NewBatch(name, func(ctx context.Context, keys []int) (map[int]string, error) {
			who := userOf(ctx)
			return map[int]string{keys[0]: who}, result
		}, cachedata.Config{Group: newGroup(t, cachedata.GroupConfig{}), Errors: cachedata.ErrorConfig{NotFoundTTL: time.Hour}})
		if err != nil {
			t.Fatal(err)
		}
		ctx := as(v.Context(t.Context()), "alice")
		got, err := b.GetMany(ctx, []int{1, 2})
		failed, ok := errors.AsType[*cachedata.BatchError[int]](err)
		if len(got) > 0 || !ok || len(failed.Failed) != 2 || !errors.Is(err, cachedata.ErrVisitorInGlobalLoad) {
			t.Errorf("%s: GetMany() = %v, %v, want both keys to fail with ErrVisitorInGlobalLoad", name, got, err)
		}
		if s := b.Stats(); s.Entries != 0 {
			t.Errorf("%s: %d results are kept", name, s.Entries)
		}
	}
}

func TestARefreshThatReadsTheDeclaredVisitorKeepsTheOldResult(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		v := newVisitor(t, userOf)
		var nosy atomic.Bool
		var events observe.Recorder
		c := newCache(t, func(ctx context.Context, _ int) (string, error) {
			if nosy.Load() {
				return userOf(ctx), nil
			}
			return "everybody's", nil
		}, cachedata.Config{TTL: time.Minute, Observer: &events, Stale: cachedata.StaleConfig{For: time.Hour}})
		ctx := as(v.Context(t.Context()), "alice")
		get(ctx, t, c, 1)
		nosy.Store(true)
		time.Sleep(2 * time.Minute)
		for range 2 {
			if got := get(ctx, t, c, 1); got != "everybody's" {
				t.Errorf("Get() = %q", got)
			}
			synctest.Wait()
		}
		loads := observe.Of[observe.CacheLoad](&events)
		if last := loads[len(loads)-1]; !last.Background || !errors.Is(last.Err, cachedata.ErrVisitorInGlobalLoad) {
			t.Errorf("last load = %+v, want a refresh that failed with ErrVisitorInGlobalLoad", last)
		}
	})
}

// With nothing declared, what is a visitor's by its type is hidden, and of the
// rest the owner is told.
func TestContextValuesThatALoadReads(t *testing.T) {
	t.Parallel()
	type traceKey struct{}
	type holder struct{ User *user }
	r := httptest.NewRequest(http.MethodGet, "/", http.NoBody)
	for name, test := range map[string]struct {
		put  func(context.Context) context.Context
		key  any
		fail bool
		told string
	}{
		"a user":             {func(ctx context.Context) context.Context { return as(ctx, "alice") }, userKey{}, false, "cachedata_test.userKey *cachedata_test.user"},
		"a user in a struct": {func(ctx context.Context) context.Context { return context.WithValue(ctx, claimsKey("all"), holder{}) }, claimsKey("all"), false, `cachedata_test.claimsKey("all") cachedata_test.holder`},
		"a trace of its own": {func(ctx context.Context) context.Context { return context.WithValue(ctx, traceKey{}, "span") }, traceKey{}, false, "cachedata_test.traceKey string"},
		"a request":          {func(ctx context.Context) context.Context { return context.WithValue(ctx, traceKey{}, r) }, traceKey{}, true, ""},
		"echo's context": {func(ctx context.Context) context.Context {
			return context.WithValue(ctx, traceKey{}, echo.New().NewContext(r, nil))
		}, traceKey{}, true, ""},
		"the server": {func(ctx context.Context) context.Context {
			return context.WithValue(ctx, http.ServerContextKey, new(http.Server))
		}, http.ServerContextKey, false, ""},
		"what is not there": {func(ctx context.Context) context.Context { return ctx }, userKey{}, false, ""},
		"nil":               {func(ctx context.Context) context.Context { return context.WithValue(ctx, userKey{}, nil) }, userKey{}, false, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var events observe.Recorder
			c := newCache(t, func(ctx context.Context, _ int) (string, error) {
				ctx = context.WithValue(ctx, claimsKey("the load's own"), 1)
				_ = ctx.Value(claimsKey("the load's own"))
				_, cancel := context.WithCancel(ctx)
				defer cancel()
				_ = cachedata.LoadingFrom(ctx)
				return fmt.Sprint(ctx.Value(test.key) == nil), nil
			}, cachedata.Config{Observer: &events})
			for k := range 3 {
				got, err := c.Get(test.put(t.Context()), k)
				if errors.Is(err, cachedata.ErrVisitorInGlobalLoad) != test.fail || err != nil != test.fail {
					t.Errorf("Get() = %q, %v", got, err)
				}
				if want := fmt.Sprint(test.told == "" && name != "the server"); !test.fail && got != want {
					t.Errorf("hidden = %s, want %s", got, want)
				}
			}
			var told []string
			for _, e := range observe.Of[observe.ContextRead](&events) {
				told = append(told, e.Key+" "+e.Value)
				if e.Cache != "test" || e.Group != "group" {
					t.Errorf("event = %+v", e)
				}
			}
			if got := strings.Join(told, ", "); got != test.told {
				t.Errorf("told of %q, want %q", got, test.told)
			}
		})
	}
}

func TestScopeSession_WorksWithADeclaredVisitorAndWithoutSessions(t *testing.T) {
	t.Parallel()
	v := newVisitor(t, userOf)
	var loads atomic.Int64
	c := newCache(t, func(ctx context.Context, k int) (string, error) {
		return fmt.Sprintf("%s:%d#%d", userOf(ctx), k, loads.Add(1)), nil
	}, cachedata.Config{Scope: cachedata.Session})
	in := func(id string) context.Context { return as(v.Context(t.Context()), id) }
	alice, bob := get(in("alice"), t, c, 1), get(in("bob"), t, c, 1)
	if !strings.HasPrefix(alice, "alice:") || !strings.HasPrefix(bob, "bob:") {
		t.Errorf("Get() = %q, %q, want to each their own", alice, bob)
	}
	if get(in("alice"), t, c, 1) != alice || get(context.WithoutCancel(in("bob")), t, c, 1) != bob {
		t.Error("loaded again")
	}
	other := newVisitor(t, userOf)
	for name, ctx := range map[string]context.Context{
		"nobody":               in(""),
		"before the login":     v.Context(t.Context()),
		"nothing declared":     as(t.Context(), "alice"),
		"a job of nobody":      context.Background(),
		"in a declared nobody": other.Context(v.Context(t.Context())),
	} {
		if got, err := c.Get(ctx, 1); !errors.Is(err, cachedata.ErrNoSession) {
			t.Errorf("%s: Get() = %q, %v, want ErrNoSession", name, got, err)
		}
	}
	if got := get(as(other.Context(t.Context()), "alice"), t, c, 1); got == alice {
		t.Error("equal ids of two declarations share a result")
	}
	session := scopetest.New()
	if got := get(as(v.Context(session.In(t.Context())), "alice"), t, c, 1); got == alice {
		t.Error("a visitor in a session shares with the visitor outside")
	}
	if s := c.Stats(); s.Sessions != 4 || s.Entries != 4 {
		t.Errorf("Stats() = %+v, want 4 visitors", s)
	}
	session.End()
	v.Forget("alice")
	if s := c.Stats(); s.Sessions != 2 {
		t.Errorf("Stats() = %+v, want 2 visitors after an end and a Forget", s)
	}
	if got := get(in("alice"), t, c, 1); got == alice || get(in("bob"), t, c, 1) != bob {
		t.Error("Forget has not dropped what it should, or too much")
	}
	if err := c.ClearSession(in("bob")); err != nil || get(in("bob"), t, c, 1) == bob {
		t.Errorf("ClearSession() = %v", err)
	}
}

func TestScopeSession_ALoadOfBeforeForgetIsNotKept(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		v := newVisitor(t, userOf)
		release := make(chan struct{})
		c := newCache(t, func(context.Context, int) (string, error) { <-release; return "x", nil },
			cachedata.Config{Scope: cachedata.Session})
		ctx := as(v.Context(t.Context()), "alice")
		var wg sync.WaitGroup
		wg.Go(func() { get(ctx, t, c, 1) })
		synctest.Wait()
		v.Forget("alice")
		close(release)
		wg.Wait()
		if _, ok := c.Peek(ctx, 1); ok || c.Stats().Entries != 0 {
			t.Error("the result of a load that began before Forget is there")
		}
	})
}

func TestScopeSession_MaxSessionsBoundsDeclaredVisitors(t *testing.T) {
	t.Parallel()
	v := newVisitor(t, userOf)
	c := newCache(t, func(ctx context.Context, _ int) (string, error) { return userOf(ctx), nil },
		cachedata.Config{Scope: cachedata.Session, Session: cachedata.SessionConfig{MaxSessions: 10}})
	for i := range 1000 {
		id := fmt.Sprint("user ", i)
		if got := get(as(v.Context(t.Context()), id), t, c, 1); got != id {
			t.Errorf("Get() = %q, want %q", got, id)
		}
	}
	if s := c.Stats(); s.Sessions > 10 || s.Entries > 10 {
		t.Errorf("Stats() = %+v, want 10 visitors at most", s)
	}
}

func TestLoadsOfBothScopesWithinEachOther(t *testing.T) {
	t.Parallel()
	v := newVisitor(t, userOf)
	group := newGroup(t, cachedata.GroupConfig{})
	in := func(name string, s cachedata.Scope, load func(context.Context, int) (string, error)) *cachedata.Cache[int, string] {
		return cachedata.Must(cachedata.New(name, load, cachedata.Config{Scope: s, Group: group}))
	}
	plain := in("plain", cachedata.Global, func(context.Context, int) (string, error) { return "all", nil })
	nosy := in("nosy", cachedata.Global, func(ctx context.Context, _ int) (string, error) { return userOf(ctx), nil })
	own := in("own", cachedata.Session, func(ctx context.Context, k int) (string, error) {
		all, err := plain.Get(ctx, k)
		return userOf(ctx) + " and " + all, err
	})
	ownNosy := in("own nosy", cachedata.Session, nosy.Get)
	sharedOwn := in("shared own", cachedata.Global, own.Get)
	sharedNosy := in("shared nosy", cachedata.Global, nosy.Get)
	swallowing := in("swallowing", cachedata.Global, func(ctx context.Context, k int) (string, error) {
		_, _ = own.Get(ctx, k)
		return "as if nothing had happened", nil
	})
	for _, id := range []string{"alice", "bob"} {
		ctx := as(v.Context(t.Context()), id)
		if got := get(ctx, t, own, 1); got != id+" and all" {
			t.Errorf("own = %q", got)
		}
		for _, c := range []*cachedata.Cache[int, string]{nosy, ownNosy, sharedOwn, sharedNosy, swallowing} {
			if got, err := c.Get(ctx, 1); !errors.Is(err, cachedata.ErrVisitorInGlobalLoad) {
				t.Errorf("%s: Get() = %q, %v, want ErrVisitorInGlobalLoad", c.Name(), got, err)
			}
		}
	}
}

// The chain of an app on echo: the declaration, a login that comes later, a
// handler.
func TestADeclaredVisitorInAnApp(t *testing.T) {
	t.Parallel()
	inContext := func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			if id := c.Request().Header.Get("X-User"); id != "" {
				c.SetRequest(c.Request().WithContext(as(c.Request().Context(), id)))
			}
			return next(c)
		}
	}
	byName := func(next echo.HandlerFunc) echo.HandlerFunc { // as echo's JWT middleware
		return func(c echo.Context) error {
			if id := c.Request().Header.Get("X-User"); id != "" {
				c.Set("user", &user{id})
			}
			return next(c)
		}
	}
	nameOf := func(ctx context.Context) string {
		if u, ok := ctx.Value("user").(*user); ok {
			return u.ID
		}
		return ""
	}
	for name, test := range map[string]struct {
		login echo.MiddlewareFunc
		id    func(context.Context) string
	}{"in the request's context": {inContext, userOf}, "in echo's context": {byName, nameOf}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := newVisitor(t, test.id)
			own := newCache(t, func(ctx context.Context, _ int) (string, error) { return v.ID(ctx) },
				cachedata.Config{Scope: cachedata.Session})
			shared := newCache(t, func(ctx context.Context, _ int) (string, error) { return "shared" + test.id(ctx), nil },
				cachedata.Config{})
			var late context.Context
			e := echo.New()
			e.Use(echov4.Use(v), test.login)
			e.GET("/own", func(c echo.Context) error {
				late = c.Request().Context() //lint:ignore fatcontext it is one for each test
				s, err := own.Get(c.Request().Context(), 1)
				if errors.Is(err, cachedata.ErrNoSession) {
					return echo.ErrUnauthorized
				}
				if err != nil {
					return err
				}
				return c.String(http.StatusOK, s)
			})
			e.GET("/shared", func(c echo.Context) error {
				s, err := shared.Get(c.Request().Context(), 1)
				if !errors.Is(err, cachedata.ErrVisitorInGlobalLoad) {
					t.Errorf("shared = %q, %v, want ErrVisitorInGlobalLoad", s, err)
				}
				return err
			})
			visit := func(id, path string) (int, string) {
				r := httptest.NewRequest(http.MethodGet, path, http.NoBody)
				r.Header.Set("X-User", id)
				rec := httptest.NewRecorder()
				e.ServeHTTP(rec, r)
				return rec.Code, rec.Body.String()
			}
			for range 2 {
				for _, id := range []string{"alice", "bob"} {
					if code, body := visit(id, "/own"); code != 200 || body != id {
						t.Errorf("/own for %s = %d %s", id, code, body)
					}
					_, _ = visit(id, "/shared")
				}
			}
			if s, err := own.Get(context.WithoutCancel(late), 2); s != "bob" || err != nil {
				t.Errorf("after the request: Get() = %q, %v, want bob's", s, err)
			}
			if code, _ := visit("", "/own"); code != http.StatusUnauthorized {
				t.Errorf("/own for nobody = %d, want 401", code)
			}
			if s := own.Stats(); s.Sessions != 2 {
				t.Errorf("Stats() = %+v, want two visitors", s)
			}
		})
	}
}

// Two Stacks, one for all and one for the staff, each with visitors of its own.
func TestDeclarationsWithinEachOther(t *testing.T) {
	t.Parallel()
	type tenantKey struct{}
	tenants := newVisitor(t, func(ctx context.Context) string { s, _ := ctx.Value(tenantKey{}).(string); return s })
	users := newVisitor(t, userOf)
	c := newCache(t, func(ctx context.Context, _ int) (string, error) {
		return fmt.Sprint(ctx.Value(tenantKey{}), userOf(ctx)), nil
	},
		cachedata.Config{Scope: cachedata.Session})
	global := newCache(t, func(ctx context.Context, _ int) (string, error) { _ = ctx.Value(tenantKey{}); return "", nil },
		cachedata.Config{})
	e := echo.New()
	e.Use(echov4.Use(tenants))
	e.GET("/:tenant/:user", func(ec echo.Context) error {
		ctx := as(context.WithValue(ec.Request().Context(), tenantKey{}, ec.Param("tenant")), ec.Param("user"))
		if got := get(ctx, t, c, 1); got != ec.Param("tenant")+ec.Param("user") {
			t.Errorf("Get() = %q for %s", got, ec.Request().URL)
		}
		if _, err := global.Get(ctx, 1); !errors.Is(err, cachedata.ErrVisitorInGlobalLoad) {
			t.Errorf("a global load that reads what the outer declares: %v", err)
		}
		return nil
	}, echov4.Use(users))
	for _, path := range []string{"/acme/7", "/other/7", "/acme/8"} {
		e.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, path, http.NoBody))
	}
	users.Forget("7")
	if s := c.Stats(); s.Sessions != 1 {
		t.Errorf("Stats() = %+v, want that of user 8", s)
	}
	tenants.Forget("acme")
	if s := c.Stats(); s.Sessions != 0 {
		t.Errorf("Stats() = %+v, want nobody", s)
	}
}

func TestAMaskedContextIsNoVisitors(t *testing.T) {
	t.Parallel()
	v := newVisitor(t, userOf)
	ctx := as(v.Context(t.Context()), "alice")
	if _, err := v.ID(scope.Hide(ctx)); !errors.Is(err, cachedata.ErrVisitorInGlobalLoad) {
		t.Errorf("ID() error = %v, want ErrVisitorInGlobalLoad", err)
	}
	if _, err := v.ID(t.Context()); err == nil || errors.Is(err, cachedata.ErrVisitorInGlobalLoad) {
		t.Errorf("ID() where nothing is declared: %v, want an error that says so", err)
	}
}
