package cachedata_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/reecho-go/reecho/cachedata"
	"github.com/reecho-go/reecho/echov4"
	"github.com/reecho-go/reecho/middleware"
)

var (
	_ middleware.Closer  = (*cachedata.Group)(nil)
	_ cachedata.AnyCache = (*cachedata.Cache[int, string])(nil)
)

// While a group is cleared step by step, a load may run between the steps and
// derive its result from a cache that still has its old one. Many caches
// between the two make that likely.
func TestDerivedResultsOfTheMiddleOfAClear(t *testing.T) {
	t.Parallel()
	g := newGroup(t, cachedata.GroupConfig{})
	var base *cachedata.Cache[struct{}, int64]
	derived := cachedata.Must(cachedata.New("derived", func(ctx context.Context, k struct{}) (int64, error) { return base.Get(ctx, k) }, cachedata.Config{Group: g}))
	for i := range 50 {
		cachedata.Must(cachedata.New(fmt.Sprint("between ", i), counter[int](), cachedata.Config{Group: g}))
	}
	var version atomic.Int64
	base = cachedata.Must(cachedata.New("base", func(context.Context, struct{}) (int64, error) { return version.Load(), nil }, cachedata.Config{Group: g}))
	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
				if _, err := derived.Get(t.Context(), struct{}{}); err != nil {
					t.Error(err)
				}
			}
		}
	})
	for range 300 {
		v := version.Add(1)
		if err := g.Clear(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got, err := derived.Get(t.Context(), struct{}{}); got < v || err != nil {
			t.Fatalf("got version %d, %v after the clear at version %d", got, err, v)
		}
	}
	close(done)
	wg.Wait()
}

func TestHooksOfCacheAndGroup(t *testing.T) {
	t.Parallel()
	var got []string
	note := func(who string) func(context.Context, cachedata.Cleared) {
		return func(_ context.Context, what cachedata.Cleared) {
			got = append(got, fmt.Sprintf("%s: %s/%s %d", who, what.Group, what.Cache, what.Entries))
		}
	}
	g := newGroup(t, cachedata.GroupConfig{OnClear: note("group")})
	var a, b *cachedata.Cache[int, string]
	a = cachedata.Must(cachedata.New("a", counter[int](), cachedata.Config{Group: g, OnClear: func(ctx context.Context, what cachedata.Cleared) {
		if _, ok := a.Peek(ctx, 1); ok {
			t.Error("the hook runs before the clear took effect")
		}
		note("a")(ctx, what)
		if err := b.Clear(ctx); err != nil { // and b clears a
			t.Error(err)
		}
	}}))
	b = cachedata.Must(cachedata.New("b", counter[int](), cachedata.Config{Group: g, OnClear: func(ctx context.Context, what cachedata.Cleared) {
		note("b")(ctx, what)
		if err := a.Clear(ctx); err != nil {
			t.Error(err)
		}
	}}))
	want(t, a, 1, "1#1")
	want(t, b, 1, "1#1")
	if err := a.Clear(t.Context()); err != nil {
		t.Error(err)
	}
	if want := []string{"a: group/a 1", "b: group/b 1", "group: group/a 0", "group: group/b 1", "group: group/a 1"}; !slices.Equal(got, want) {
		t.Errorf("hooks ran\n%q, want\n%q", got, want)
	}
	want(t, b, 1, "1#2")
}

func TestPanicOfAHookIsAnError(t *testing.T) {
	t.Parallel()
	c := newCache(t, counter[int](), cachedata.Config{OnClear: func(context.Context, cachedata.Cleared) { panic("boom") }})
	want(t, c, 1, "1#1")
	err := c.Clear(t.Context())
	if pe, ok := errors.AsType[*cachedata.PanicError](err); !ok || pe.Value != "boom" {
		t.Errorf("Clear returned %v", err)
	}
	want(t, c, 1, "1#2")
}

func TestGroupClosesItsCaches(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newGroup(t, cachedata.GroupConfig{})
		var cause error
		c := newCache(t, func(ctx context.Context, _ int) (int, error) {
			<-ctx.Done()
			cause = context.Cause(ctx)
			return 0, ctx.Err()
		}, cachedata.Config{Group: g})
		quick := cachedata.Must(cachedata.New("quick", counter[int](), cachedata.Config{Group: g, TTL: time.Hour}))
		want(t, quick, 1, "1#1")
		if got := g.Caches(); len(got) != 2 || got[0].Name() != "test" || got[1].Stats().Entries != 1 {
			t.Errorf("caches %v", got)
		}
		var wg sync.WaitGroup
		wg.Go(func() {
			if _, err := c.Get(t.Context(), 1); !errors.Is(err, context.Canceled) {
				t.Errorf("the waiting caller got %v", err)
			}
		})
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		err := g.Close(ctx)
		if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "test: close: 1 loads still run") {
			t.Errorf("Close returned %v", err)
		}
		wg.Wait()
		if cause == nil {
			t.Error("the load was not cancelled")
		}
		_, getErr := quick.Get(t.Context(), 1)
		_, refreshErr := quick.Refresh(t.Context(), 1)
		_, newErr := cachedata.New("late", counter[int](), cachedata.Config{Group: g})
		for op, err := range map[string]error{
			"Get": getErr, "Refresh": refreshErr, "Put": quick.Put(t.Context(), 1, "x"),
			"Delete": quick.Delete(t.Context(), 1), "Clear": quick.Clear(t.Context()), "New": newErr,
		} {
			var status interface{ StatusCode() int }
			if !errors.Is(err, cachedata.ErrClosed) || !errors.As(err, &status) || status.StatusCode() != http.StatusServiceUnavailable {
				t.Errorf("%s after Close: %v", op, err)
			}
		}
		if err := g.Close(t.Context()); err != nil {
			t.Errorf("the second Close returned %v", err)
		}
	})
}

func TestDefaultGroup(t *testing.T) {
	c := cachedata.Must(cachedata.New("TestDefaultGroup", counter[int](), cachedata.Config{}))
	defer func() {
		if err := c.Close(context.Background()); err != nil {
			t.Error(err)
		}
	}()
	if !slices.Contains(cachedata.Default().Caches(), cachedata.AnyCache(c)) {
		t.Error("the default group does not have the cache")
	}
	want(t, c, 1, "1#1")
	if err := cachedata.Clear(t.Context()); err != nil {
		t.Fatal(err)
	}
	want(t, c, 1, "1#2")
}

func TestMustPanics(t *testing.T) {
	t.Parallel()
	defer func() {
		if err, ok := recover().(error); !ok || !strings.Contains(err.Error(), "the name is empty") {
			t.Errorf("Must panicked with %v", err)
		}
	}()
	cachedata.Must(cachedata.New("", counter[int](), cachedata.Config{}))
}

func TestClearHandler(t *testing.T) {
	t.Parallel()
	if _, err := echov4.ClearHandler(cachedata.Default(), nil); err == nil {
		t.Error("a nil authorize is no error")
	}
	tests := []struct {
		name      string
		method    string
		query     string
		header    map[string]string
		authorize error
		status    int
		cleared   string // which of the caches a and b are empty afterwards
	}{
		{name: "all", method: http.MethodPost, status: http.StatusNoContent, cleared: "ab"},
		{name: "one", method: http.MethodPost, query: "?cache=b", status: http.StatusNoContent, cleared: "b"},
		{name: "unknown", method: http.MethodPost, query: "?cache=c", status: http.StatusNotFound},
		{name: "a tag of both", method: http.MethodPost, query: "?tag=all+of+it", status: http.StatusNoContent, cleared: "ab"},
		{name: "a tag of one", method: http.MethodPost, query: "?tag=a", status: http.StatusNoContent, cleared: "a"},
		{name: "a tag in one", method: http.MethodPost, query: "?tag=all+of+it&cache=b", status: http.StatusNoContent, cleared: "b"},
		{name: "a tag of another", method: http.MethodPost, query: "?tag=a&cache=b", status: http.StatusNoContent},
		{name: "a tag of nothing", method: http.MethodPost, query: "?tag=ab", status: http.StatusNoContent},
		{name: "a tag in an unknown cache", method: http.MethodPost, query: "?tag=a&cache=c", status: http.StatusNotFound},
		{name: "an empty tag", method: http.MethodPost, query: "?tag=", status: http.StatusBadRequest},
		{name: "an empty tag in one", method: http.MethodPost, query: "?cache=a&tag", status: http.StatusBadRequest},
		{name: "an empty name", method: http.MethodPost, query: "?cache=", status: http.StatusBadRequest},
		{name: "two tags", method: http.MethodPost, query: "?tag=a&tag=b", status: http.StatusNoContent, cleared: "ab"},
		{name: "two tags in one", method: http.MethodPost, query: "?tag=a&tag=b&cache=b", status: http.StatusNoContent, cleared: "b"},
		{name: "two tags, one empty", method: http.MethodPost, query: "?tag=a&tag=", status: http.StatusBadRequest},
		{name: "two caches", method: http.MethodPost, query: "?cache=a&cache=b", status: http.StatusBadRequest},
		{name: "another word", method: http.MethodPost, query: "?tags=a", status: http.StatusBadRequest},
		{name: "a bad escape", method: http.MethodPost, query: "?tag=%zz", status: http.StatusBadRequest},
		{name: "a tag by GET", method: http.MethodGet, query: "?tag=a", status: http.StatusMethodNotAllowed},
		{name: "a tag, not allowed", method: http.MethodPost, query: "?tag=", authorize: echo.ErrUnauthorized, status: http.StatusUnauthorized},
		{name: "GET", method: http.MethodGet, status: http.StatusMethodNotAllowed},
		{name: "another site", method: http.MethodPost, header: map[string]string{"Sec-Fetch-Site": "cross-site"}, status: http.StatusForbidden},
		{name: "another origin", method: http.MethodPost, header: map[string]string{"Origin": "https://evil.example"}, status: http.StatusForbidden},
		{name: "not allowed", method: http.MethodPost, authorize: errors.New("secret reason"), status: http.StatusForbidden},
		{name: "not logged in", method: http.MethodPost, authorize: echo.ErrUnauthorized, status: http.StatusUnauthorized},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			g := newGroup(t, cachedata.GroupConfig{})
			var caches []*cachedata.Cache[int, string]
			for _, name := range []string{"a", "b"} {
				c := cachedata.Must(cachedata.New(name, counter[int](), cachedata.Config{
					Group: g,
				}, cachedata.Funcs[int, string]{
					Tags: func(int, string) []string { return []string{name, "all of it"} },
				}))
				want(t, c, 1, "1#1")
				caches = append(caches, c)
			}
			h, err := echov4.ClearHandler(g, func(echo.Context) error { return tt.authorize })
			if err != nil {
				t.Fatal(err)
			}
			e := echo.New() // its own error handler
			e.Any("/clear", h)
			req := httptest.NewRequestWithContext(t.Context(), tt.method, "/clear"+tt.query, http.NoBody)
			for k, v := range tt.header {
				req.Header.Set(k, v)
			}
			rec := httptest.NewRecorder()
			e.ServeHTTP(rec, req)
			if rec.Code != tt.status {
				t.Errorf("status %d, want %d: %s", rec.Code, tt.status, rec.Body)
			}
			if strings.Contains(rec.Body.String(), "secret") {
				t.Errorf("the answer tells the reason: %s", rec.Body)
			}
			if rec.Code == http.StatusMethodNotAllowed && rec.Header().Get("Allow") != http.MethodPost {
				t.Errorf("Allow: %q", rec.Header().Get("Allow"))
			}
			cleared := ""
			for _, c := range caches {
				if _, ok := c.Peek(t.Context(), 1); !ok {
					cleared += c.Name()
				}
			}
			if cleared != tt.cleared {
				t.Errorf("cleared %q, want %q", cleared, tt.cleared)
			}
		})
	}
}

func TestErrorsKeepTheirStatusOnEcho(t *testing.T) {
	t.Parallel()
	c := newCache(t, counter[int](), cachedata.Config{})
	if err := c.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	h, err := echov4.ClearHandler(cachedata.Default(), func(ec echo.Context) error {
		_, err := c.Get(ec.Request().Context(), 1)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	e := echo.New()
	e.POST("/", h)
	rec := httptest.NewRecorder()
	e.ServeHTTP(rec, httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", http.NoBody))
	if rec.Code != http.StatusServiceUnavailable || !strings.Contains(rec.Body.String(), "shutting down") {
		t.Errorf("%d: %s", rec.Code, rec.Body)
	}
}
