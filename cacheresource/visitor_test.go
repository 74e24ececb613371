package cacheresource_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/reecho-go/reecho/cacheresource"
	"github.com/reecho-go/reecho/middleware"
	"github.com/reecho-go/reecho/observe"
)

type userKey struct{}

func userOf(ctx context.Context) string {
	id, _ := ctx.Value(userKey{}).(string)
	return id
}

func as(ctx context.Context, id string) context.Context { return context.WithValue(ctx, userKey{}, id) }

func newVisitor(t *testing.T) *middleware.Visitor {
	t.Helper()
	v, err := middleware.NewVisitor(userOf)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// box is a value that knows whose it is.
type box struct{ of string }

func newBoxes(t *testing.T, open func(context.Context, int) (*box, error), cfg cacheresource.Config, funcs ...cacheresource.Funcs[int, *box]) *cacheresource.Resource[int, *box] {
	t.Helper()
	g, err := cacheresource.NewGroup("group", cacheresource.GroupConfig{})
	if err != nil {
		t.Fatal(err)
	}
	cfg.Group = g
	r, err := cacheresource.New("boxes", open, cfg, funcs...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := g.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return r
}

func TestAGlobalOpenThatReadsTheDeclaredVisitorFails(t *testing.T) {
	t.Parallel()
	for name, open := range map[string]func(context.Context, int) (*box, error){
		"and succeeds": func(ctx context.Context, _ int) (*box, error) { return &box{userOf(ctx)}, nil },
		"and fails":    func(ctx context.Context, _ int) (*box, error) { return nil, fmt.Errorf("no user %q", userOf(ctx)) },
		"and panics":   func(ctx context.Context, _ int) (*box, error) { return &box{ctx.Value(userKey{}).(string)}, nil },
		"a request": func(ctx context.Context, _ int) (*box, error) {
			r, _ := ctx.Value("request").(*http.Request)
			return &box{fmt.Sprint(r)}, nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var opened, released atomic.Int64
				r := newBoxes(t, func(ctx context.Context, k int) (*box, error) {
					b, err := open(ctx, k)
					if err == nil {
						opened.Add(1)
					}
					return b, err
				}, cacheresource.Config{
					ErrorTTL: time.Hour,
				}, cacheresource.Funcs[int, *box]{
					Release: func(context.Context, int, *box) error { released.Add(1); return nil },
				})
				ctx := as(newVisitor(t).Context(t.Context()), "alice")
				ctx = context.WithValue(ctx, "request", httptest.NewRequest(http.MethodGet, "/", http.NoBody)) //lint:ignore SA1029 as programs do
				for range 2 {
					_, err := r.Acquire(ctx, 1)
					if !errors.Is(err, cacheresource.ErrVisitorInGlobalLoad) || !strings.Contains(err.Error(), "cacheresource: boxes: ") {
						t.Errorf("Acquire() error = %v, want ErrVisitorInGlobalLoad that names the resource", err)
					}
				}
				synctest.Wait()
				if opened.Load() != released.Load() {
					t.Errorf("opened %d, released %d", opened.Load(), released.Load())
				}
			})
		})
	}
}

func TestACheckThatReadsTheDeclaredVisitorFails(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var events observe.Recorder
		r := newBoxes(t, func(context.Context, int) (*box, error) { return new(box), nil }, cacheresource.Config{
			Observer: &events,
			Check:    cacheresource.CheckConfig{EachUse: true},
		}, cacheresource.Funcs[int, *box]{
			Check: func(ctx context.Context, _ int, _ *box) error { _ = userOf(ctx); return nil },
		})
		ctx := as(newVisitor(t).Context(t.Context()), "alice")
		for range 2 {
			must(t, r.Do(ctx, 1, func(*box) error { return nil }))
		}
		synctest.Wait()
		if got := observe.Of[observe.ResourceCheck](&events); len(got) != 1 || !errors.Is(got[0].Err, cacheresource.ErrVisitorInGlobalLoad) {
			t.Errorf("checks = %v, want one that failed with ErrVisitorInGlobalLoad", got)
		}
	})
}

func TestContextValuesThatAnOpenReads(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var events observe.Recorder
		r := newBoxes(t, func(ctx context.Context, _ int) (*box, error) { return &box{userOf(ctx)}, nil },
			cacheresource.Config{Observer: &events})
		for k := range 3 {
			must(t, r.Do(as(t.Context(), "alice"), k, func(*box) error { return nil }))
		}
		want := observe.ContextRead{Source: observe.Source{Group: "group", Cache: "boxes"}, Key: "cacheresource_test.userKey", Value: "string"}
		if got := observe.Of[observe.ContextRead](&events); len(got) != 1 || got[0] != want {
			t.Errorf("told of %+v, want %+v once", got, want)
		}
	})
}

func TestSession_WorksWithADeclaredVisitor(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		v := newVisitor(t)
		var released atomic.Int64
		r := newBoxes(t, func(ctx context.Context, _ int) (*box, error) { return &box{userOf(ctx)}, nil }, cacheresource.Config{
			Scope:   cacheresource.Session,
			Session: cacheresource.SessionConfig{MaxSessions: 5},
		}, cacheresource.Funcs[int, *box]{
			Release: func(context.Context, int, *box) error { released.Add(1); return nil },
		})
		use := func(id string) (got *box, err error) {
			err = r.Do(as(v.Context(t.Context()), id), 1, func(b *box) error { got = b; return nil })
			return got, err
		}
		alice, err := use("alice")
		must(t, err)
		bob, err := use("bob")
		must(t, err)
		if alice.of != "alice" || bob.of != "bob" {
			t.Errorf("boxes of %q and %q", alice.of, bob.of)
		}
		if again, _ := use("alice"); again != alice {
			t.Error("opened again")
		}
		if _, err := use(""); !errors.Is(err, cacheresource.ErrNoSession) {
			t.Errorf("Do() for nobody = %v, want ErrNoSession", err)
		}
		v.Forget("alice")
		synctest.Wait()
		if again, _ := use("alice"); again == alice || released.Load() != 1 {
			t.Errorf("after Forget: the same = %v, released %d, want another, and one", again == alice, released.Load())
		}
		for i := range 100 {
			_, err := use(fmt.Sprint("user ", i))
			must(t, err)
		}
		synctest.Wait()
		if s := r.Stats(); s.Open > 5 {
			t.Errorf("%d instances, want MaxSessions at most", s.Open)
		}
	})
}

func TestMaxSessionsIsChecked(t *testing.T) {
	t.Parallel()
	for cfg, want := range map[*cacheresource.Config]string{
		{Scope: cacheresource.Session, Session: cacheresource.SessionConfig{MaxSessions: -1}}: "MaxSessions is -1: use 0 for 10000",
		{Session: cacheresource.SessionConfig{MaxSessions: 1}}:                                "MaxSessions is 1, but the scope is global",
	} {
		_, err := cacheresource.New("boxes", func(context.Context, int) (*box, error) { return new(box), nil }, *cfg)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("New() = %v, want %q", err, want)
		}
	}
}
