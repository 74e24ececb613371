// Package plugintest checks a plugin against the contract of package
// middleware. Call [Run] from a test of the plugin's own; every case explains
// the rule when it fails.
package plugintest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/reecho-go/reecho/echov4"
	"github.com/reecho-go/reecho/middleware"
	"github.com/reecho-go/reecho/observe"
)

// limit is how long a hook may take in these tests before it counts as hung.
const limit = 10 * time.Second

// Run checks the plugin that open returns, a new one at each call. If the plugin is a
// middleware.Dependent, earlier open the plugins that it must come after; they must be
// new ones too, because each stack is closed with all its plugins.
// Capabilities that the plugin does not have are skipped, with a line in the
// log.
func Run(t *testing.T, open func(t testing.TB) middleware.Plugin, earlier ...func(t testing.TB) middleware.Plugin) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			defer func() {
				if t.Failed() {
					t.Log("the rule: " + c.rule)
				}
			}()
			c.run(t, &bench{open: open, earlier: earlier})
		})
	}
}

type bench struct {
	open    func(t testing.TB) middleware.Plugin
	earlier []func(t testing.TB) middleware.Plugin
}

var cases = []struct {
	name, rule string
	run        func(t *testing.T, b *bench)
}{
	{"name", "Name is not empty and does not change: it identifies the plugin in a stack, in After and in errors.", name},
	{"fits a stack", "a stack of the plugin and those it depends on is accepted by middleware.New.", fits},
	{"close without start", "Close works when Start was never called.", closeWithoutStart},
	{"close twice", "Close works twice, and returns while nothing is in use.", closeTwice},
	{"close after failed start", "Close works after a Start whose context was cancelled, whatever Start returned.", closeAfterFailedStart},
	{"handler's answer", "a plugin leaves a handler's status and body alone unless it is its purpose to replace them; Begin and BeforeHeaders write nothing to the response.", answer},
	{"handler's error", "End passes on the error that it was given, or one that wraps it.", handlerError},
	{"handler's panic", "a panic of the handler reaches the middleware outside; End gets it as *observe.PanicError and does not panic itself.", handlerPanic},
	{"commit once", "BeforeHeaders accepts every final status and an empty header map, and does not fail for a response that has nothing to commit.", commits},
	{"cancelled client", "a request whose context is cancelled, since the client has gone, ends in bounded time.", cancelled},
	{"64 requests at once", "hooks are safe for concurrent use; run the test with -race.", concurrent},
	{"two at once", "two plugins of one kind serve two stacks of one app without touching each other.", twoStacks},
}

// stack returns a stack of the plugin, closed when the test ends.
func (b *bench) stack(t *testing.T) (*middleware.Stack, middleware.Plugin) {
	t.Helper()
	plugins := []middleware.Plugin{watcher{t}}
	for _, open := range b.earlier {
		plugins = append(plugins, open(t))
	}
	p := b.open(t)
	s, err := middleware.New(append(plugins, p)...)
	if err != nil {
		t.Fatalf("middleware.New() = %v", err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), limit)
		defer cancel()
		if err := s.Close(ctx); err != nil {
			t.Errorf("Stack.Close() = %v", err)
		}
	})
	return s, p
}

// watcher reports panics of hooks, which the stack recovers.
type watcher struct{ t *testing.T }

// Name implements middleware.Plugin.
func (watcher) Name() string { return "plugintest" }

// Observe implements observe.Observer.
func (w watcher) Observe(_ context.Context, ev observe.Event) {
	if f, ok := ev.(observe.PluginFailure); ok {
		if _, panicked := errors.AsType[*observe.PanicError](f.Err); panicked {
			w.t.Errorf("%s of %q: %v", f.Hook, f.Plugin, f.Err)
		}
	}
}

// serve sends one GET to the handler behind the stack.
func serve(ctx context.Context, t *testing.T, s *middleware.Stack, h echo.HandlerFunc) (rec *httptest.ResponseRecorder, panicked any) {
	t.Helper()
	e := echo.New()
	e.Logger.SetOutput(io.Discard)
	e.Use(echov4.Middleware(s))
	e.GET("/", h)
	rec = httptest.NewRecorder()
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() { panicked = recover() }()
		e.ServeHTTP(rec, httptest.NewRequestWithContext(ctx, http.MethodGet, "/", http.NoBody))
	}()
	select {
	case <-done:
	case <-time.After(limit):
		t.Fatalf("the request has not ended after %v", limit)
	}
	return rec, panicked
}

func name(t *testing.T, b *bench) {
	p := b.open(t)
	first := p.Name()
	if first == "" {
		t.Error("Name() is empty")
	}
	if second := p.Name(); second != first {
		t.Errorf("Name() = %q, then %q", first, second)
	}
	if other := b.open(t).Name(); other != first {
		t.Logf("another plugin of the kind is called %q: fine, if names are part of its configuration", other)
	}
}

func fits(t *testing.T, b *bench) { b.stack(t) }

func within(t *testing.T, what string, f func(ctx context.Context) error) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	errc := make(chan error, 1)
	go func() { errc <- f(ctx) }()
	select {
	case err := <-errc:
		return err
	case <-time.After(2 * limit):
		t.Fatalf("%s has not returned, though its context ended %v ago", what, limit)
		return nil
	}
}

func closer(t *testing.T, p middleware.Plugin) middleware.Closer {
	t.Helper()
	c, ok := p.(middleware.Closer)
	if !ok {
		t.Skip("no Closer")
	}
	return c
}

func closeWithoutStart(t *testing.T, b *bench) {
	c := closer(t, b.open(t))
	if err := within(t, "Close", c.Close); err != nil {
		t.Errorf("Close() = %v", err)
	}
}

func closeTwice(t *testing.T, b *bench) {
	p := b.open(t)
	c := closer(t, p)
	if s, ok := p.(middleware.Starter); ok {
		if err := within(t, "Start", s.Start); err != nil {
			t.Fatalf("Start() = %v", err)
		}
	}
	for i := range 2 {
		if err := within(t, "Close", c.Close); err != nil {
			t.Errorf("Close() number %d = %v", i+1, err)
		}
	}
}

func closeAfterFailedStart(t *testing.T, b *bench) {
	p := b.open(t)
	c := closer(t, p)
	s, ok := p.(middleware.Starter)
	if !ok {
		t.Skip("no Starter")
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	err := within(t, "Start", func(context.Context) error { return s.Start(ctx) })
	t.Logf("Start() with a cancelled context = %v", err)
	if err := within(t, "Close", c.Close); err != nil {
		t.Errorf("Close() = %v", err)
	}
}

func answer(t *testing.T, b *bench) {
	s, _ := b.stack(t)
	rec, _ := serve(t.Context(), t, s, func(c echo.Context) error { return c.String(http.StatusAccepted, "hello") })
	if rec.Code != http.StatusAccepted || rec.Body.String() != "hello" {
		t.Errorf("answer = %d %q, want the handler's 202 \"hello\"", rec.Code, rec.Body)
	}
}

func handlerError(t *testing.T, b *bench) {
	s, _ := b.stack(t)
	want := errors.New("plugintest: the handler failed")
	var got error
	e := echo.New()
	e.HTTPErrorHandler = func(err error, c echo.Context) {
		got = err
		if !c.Response().Committed {
			_ = c.NoContent(http.StatusInternalServerError)
		}
	}
	e.Use(echov4.Middleware(s))
	e.GET("/", func(echo.Context) error { return want })
	e.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", http.NoBody))
	if !errors.Is(got, want) {
		t.Errorf("the error handler got %v, want the handler's error", got)
	}
}

func handlerPanic(t *testing.T, b *bench) {
	s, _ := b.stack(t)
	_, got := serve(t.Context(), t, s, func(echo.Context) error { panic("plugintest") })
	if got != "plugintest" {
		t.Errorf("the panic that arrived outside is %v, want the handler's own", got)
	}
}

func commits(t *testing.T, b *bench) {
	p := b.open(t)
	c, ok := p.(middleware.Committer)
	if !ok {
		t.Skip("no Committer")
	}
	if err := c.BeforeHeaders(t.Context(), http.StatusOK, http.Header{}); err != nil {
		t.Errorf("BeforeHeaders() outside a request = %v, want nothing to happen", err)
	}
	for _, status := range []int{101, 200, 204, 304, 404, 500} {
		s, _ := b.stack(t)
		rec, _ := serve(t.Context(), t, s, func(c echo.Context) error {
			if err := middleware.RequestCommit(c.Request().Context()); err != nil {
				return err
			}
			return c.NoContent(status)
		})
		if rec.Code != status {
			t.Errorf("status = %d, want the handler's %d", rec.Code, status)
		}
	}
}

func cancelled(t *testing.T, b *bench) {
	s, _ := b.stack(t)
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	serve(ctx, t, s, func(c echo.Context) error { return c.NoContent(http.StatusNoContent) })
}

func concurrent(t *testing.T, b *bench) {
	s, _ := b.stack(t)
	e := echo.New()
	e.Logger.SetOutput(io.Discard)
	e.Use(echov4.Middleware(s))
	e.GET("/:n", func(c echo.Context) error {
		if c.Param("n") == "error" {
			return errors.New("plugintest")
		}
		return c.String(http.StatusOK, c.Param("n"))
	})
	var wg sync.WaitGroup
	for i := range 64 {
		wg.Go(func() {
			path := fmt.Sprintf("/%d", i)
			if i%8 == 0 {
				path = "/error"
			}
			rec := httptest.NewRecorder()
			e.ServeHTTP(rec, httptest.NewRequest(http.MethodGet, path, http.NoBody))
			if path != "/error" && rec.Body.String() != strings.TrimPrefix(path, "/") {
				t.Errorf("%s answered %q", path, rec.Body)
			}
		})
	}
	wg.Wait()
}

func twoStacks(t *testing.T, b *bench) {
	one, _ := b.stack(t)
	two, _ := b.stack(t)
	hello := func(c echo.Context) error { return c.String(http.StatusOK, "hello") }
	if err := one.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if rec, _ := serve(t.Context(), t, two, hello); rec.Code != http.StatusOK {
		t.Errorf("the second stack answered %d after the first was closed, want 200", rec.Code)
	}
}
