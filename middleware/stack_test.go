package middleware_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/labstack/echo/v4"

	"github.com/reecho-go/reecho/echov4"
	"github.com/reecho-go/reecho/internal/leaktest"
	"github.com/reecho-go/reecho/middleware"
	"github.com/reecho-go/reecho/observe"
)

func TestMain(m *testing.M) { leaktest.Main(m) }

// diary is what happened, in order.
type diary struct {
	mu    sync.Mutex
	lines []string
}

func (d *diary) add(format string, args ...any) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lines = append(d.lines, fmt.Sprintf(format, args...))
}

func (d *diary) take() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	lines := d.lines
	d.lines = nil
	return lines
}

// full has every capability and writes down each call.
type full struct {
	name                                 string
	d                                    *diary
	after                                []string
	start, begin, commit, end, closeHook func() error
}

func do(f func() error) error {
	if f == nil {
		return nil
	}
	return f()
}

func (p *full) Name() string    { return p.name }
func (p *full) After() []string { return p.after }
func (p *full) Start(context.Context) error {
	p.d.add("start %s", p.name)
	return do(p.start)
}

func (p *full) Begin(middleware.Context) error {
	p.d.add("begin %s", p.name)
	return do(p.begin)
}

func (p *full) Wrap(next middleware.Handler) middleware.Handler {
	return func(c middleware.Context) error {
		p.d.add("into %s", p.name)
		defer p.d.add("out of %s", p.name)
		return next(c)
	}
}

func (p *full) BeforeHeaders(_ context.Context, status int, _ http.Header) error {
	p.d.add("commit %s %d", p.name, status)
	return do(p.commit)
}

func (p *full) End(_ middleware.Context, err error) error {
	if pe, ok := errors.AsType[*observe.PanicError](err); ok {
		p.d.add("end %s panic %v", p.name, pe.Value)
	} else {
		p.d.add("end %s %v", p.name, err)
	}
	if p.end != nil {
		return p.end()
	}
	return err
}

func (p *full) Close(context.Context) error {
	p.d.add("close %s", p.name)
	return do(p.closeHook)
}

var (
	_ middleware.Dependent = (*full)(nil)
	_ middleware.Starter   = (*full)(nil)
	_ middleware.Beginner  = (*full)(nil)
	_ middleware.Wrapper   = (*full)(nil)
	_ middleware.Committer = (*full)(nil)
	_ middleware.Ender     = (*full)(nil)
	_ middleware.Closer    = (*full)(nil)
)

func boom() error { return errors.New("boom") }

func TestHookOrder(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		change  func(a, b, c *full)
		handler echo.HandlerFunc
		status  int
		want    []string
	}{
		{
			name: "everything goes well", status: 200,
			want: []string{
				"start a", "start b", "start c", "begin a", "begin b", "begin c", "into a", "into b", "into c", "handler",
				"commit a 200", "commit b 200", "commit c 200", "out of c", "out of b", "out of a", "end c <nil>", "end b <nil>", "end a <nil>",
			},
		},
		{
			name: "the handler writes nothing", status: 200,
			handler: func(echo.Context) error { return nil },
			want: []string{
				"start a", "start b", "start c", "begin a", "begin b", "begin c", "into a", "into b", "into c",
				"out of c", "out of b", "out of a", "end c <nil>", "end b <nil>", "end a <nil>", "commit a 200", "commit b 200", "commit c 200",
			},
		},
		{
			name: "begin fails", status: 500,
			change: func(_, b, _ *full) { b.begin = boom },
			want: []string{
				"start a", "start b", "start c", "begin a", "begin b",
				`end a middleware: plugin "b": Begin: boom`, "commit a 500", "commit b 500", "commit c 500",
			},
		},
		{
			name: "begin panics", status: 500,
			change: func(_, b, _ *full) { b.begin = func() error { panic("begin") } },
			want:   []string{"start a", "start b", "start c", "begin a", "begin b", "end a panic begin", "commit a 500", "commit b 500", "commit c 500"},
		},
		{
			name: "the handler fails", status: 404,
			handler: func(echo.Context) error { return echo.ErrNotFound },
			want: []string{
				"start a", "start b", "start c", "begin a", "begin b", "begin c", "into a", "into b", "into c", "out of c", "out of b", "out of a",
				"end c code=404, message=Not Found", "end b code=404, message=Not Found", "end a code=404, message=Not Found",
				"commit a 404", "commit b 404", "commit c 404",
			},
		},
		{
			name: "the handler panics", status: 500,
			handler: func(echo.Context) error { panic("handler") },
			want: []string{
				"start a", "start b", "start c", "begin a", "begin b", "begin c", "into a", "into b", "into c", "out of c", "out of b", "out of a",
				"end c panic handler", "end b panic handler", "end a panic handler", "commit a 500", "commit b 500", "commit c 500",
			},
		},
		{
			name: "end replaces the error", status: 200,
			change:  func(_, b, _ *full) { b.end = func() error { return nil } },
			handler: func(echo.Context) error { return boom() },
			want: []string{
				"start a", "start b", "start c", "begin a", "begin b", "begin c", "into a", "into b", "into c", "out of c", "out of b", "out of a",
				"end c boom", "end b boom", "end a <nil>", "commit a 200", "commit b 200", "commit c 200",
			},
		},
		{
			name: "end panics", status: 500,
			change:  func(_, b, _ *full) { b.end = func() error { panic("end") } },
			handler: func(echo.Context) error { return echo.ErrNotFound },
			want: []string{
				"start a", "start b", "start c", "begin a", "begin b", "begin c", "into a", "into b", "into c", "out of c", "out of b", "out of a",
				"end c code=404, message=Not Found", "end b code=404, message=Not Found", "end a panic end", "commit a 500", "commit b 500", "commit c 500",
			},
		},
		{
			name: "a commit fails", status: 500,
			change: func(_, b, _ *full) { b.commit = boom },
			want: []string{
				"start a", "start b", "start c", "begin a", "begin b", "begin c", "into a", "into b", "into c", "handler",
				"commit a 200", "commit b 200", "out of c", "out of b", "out of a", "end c <nil>", "end b <nil>", "end a <nil>",
			},
		},
		{
			name: "a commit panics", status: 500,
			change: func(_, b, _ *full) { b.commit = func() error { panic("commit") } },
			want: []string{
				"start a", "start b", "start c", "begin a", "begin b", "begin c", "into a", "into b", "into c", "handler",
				"commit a 200", "commit b 200", "out of c", "out of b", "out of a", "end c <nil>", "end b <nil>", "end a <nil>",
			},
		},
		{
			name: "start fails", status: 503,
			change: func(_, b, _ *full) { b.start = boom },
			want:   []string{"start a", "start b", "close b", "close a"},
		},
		{
			name: "start panics", status: 503,
			change: func(_, b, _ *full) { b.start = func() error { panic("start") } },
			want:   []string{"start a", "start b", "close b", "close a"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			d := new(diary)
			a, b, c := &full{name: "a", d: d}, &full{name: "b", d: d}, &full{name: "c", d: d}
			if tt.change != nil {
				tt.change(a, b, c)
			}
			h := tt.handler
			if h == nil {
				h = func(c echo.Context) error {
					d.add("handler")
					return c.String(200, "hello")
				}
			}
			rec := serve(t, h, echov4.Use(a, b, c))
			if rec.Code != tt.status {
				t.Errorf("status = %d, want %d", rec.Code, tt.status)
			}
			if diff := cmp.Diff(tt.want, d.take()); diff != "" {
				t.Errorf("calls (-want +got):\n%s", diff)
			}
		})
	}
}

// serve sends one GET through the middlewares, with a recover outside.
func serve(t *testing.T, h echo.HandlerFunc, mws ...echo.MiddlewareFunc) *httptest.ResponseRecorder {
	t.Helper()
	e := echo.New()
	e.Logger.SetOutput(io.Discard)
	e.Use(func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) (err error) {
			defer func() {
				if v := recover(); v != nil {
					err = fmt.Errorf("recovered %v", v)
				}
			}()
			return next(c)
		}
	})
	e.Use(mws...)
	e.GET("/", h)
	rec := httptest.NewRecorder()
	e.ServeHTTP(rec, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", http.NoBody))
	return rec
}

func TestNewReportsEveryProblem(t *testing.T) {
	t.Parallel()
	d := new(diary)
	p := func(name string, after ...string) *full { return &full{name: name, d: d, after: after} }
	tests := []struct {
		name    string
		plugins []middleware.Plugin
		want    []string
	}{
		{"none", nil, []string{"at least one plugin"}},
		{"nil and nameless", []middleware.Plugin{nil, (*full)(nil), p("")}, []string{"plugin 0 is nil", "plugin 1 is nil", "plugin 2", "has no name"}},
		{"duplicate", []middleware.Plugin{p("a"), p("b"), p("a")}, []string{`plugins 0 and 2 are both named "a"`}},
		{"unknown and late", []middleware.Plugin{p("a", "x", "b"), p("b")}, []string{`"a" must come after "x", which is not in the list`, `"a" must come after "b": move it`}},
		{"cycle", []middleware.Plugin{p("a", "c"), p("b", "a"), p("c", "b")}, []string{"a after c after b after a"}},
		{"itself", []middleware.Plugin{p("a", "a")}, []string{"a after a"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := middleware.New(tt.plugins...)
			if err == nil {
				t.Fatal("New() accepted the list")
			}
			for _, want := range tt.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("New() = %v\nlacks %q", err, want)
				}
			}
		})
	}
	if _, err := middleware.New(p("a"), p("b", "a"), p("c", "a", "b")); err != nil {
		t.Errorf("New() of a good list = %v", err)
	}
}

func TestMustPanics(t *testing.T) {
	t.Parallel()
	defer func() {
		if recover() == nil {
			t.Error("Must() accepted an error")
		}
	}()
	middleware.Must(middleware.New())
}

func TestLifecycle(t *testing.T) {
	t.Parallel()
	d := new(diary)
	a, b := &full{name: "a", d: d}, &full{name: "b", d: d, closeHook: boom}
	a.closeHook = func() error { panic("close") }
	s := middleware.Must(middleware.New(a, b))
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if err := s.Start(t.Context()); err != nil {
				t.Errorf("Start() = %v", err)
			}
		})
	}
	wg.Wait()
	if diff := cmp.Diff([]string{"start a", "start b"}, d.take()); diff != "" {
		t.Errorf("starts (-want +got):\n%s", diff)
	}
	for range 2 {
		err := s.Close(t.Context())
		if err == nil || !strings.Contains(err.Error(), `plugin "a": Close: panic: close`) || !strings.Contains(err.Error(), `plugin "b": Close: boom`) {
			t.Errorf("Close() = %v, want both failures named", err)
		}
		if diff := cmp.Diff([]string{"close b", "close a"}, d.take()); diff != "" {
			t.Errorf("closes (-want +got):\n%s", diff)
		}
	}
	if err := s.Start(t.Context()); !errors.Is(err, middleware.ErrClosed) {
		t.Errorf("Start() after Close = %v, want ErrClosed", err)
	}
	if rec := serve(t, func(echo.Context) error { return nil }, echov4.Middleware(s)); rec.Code != http.StatusServiceUnavailable {
		t.Errorf("a request after Close got %d, want 503", rec.Code)
	}
}

func TestABrokenStackStaysBrokenAndSaysWhy(t *testing.T) {
	t.Parallel()
	d := new(diary)
	s := middleware.Must(middleware.New(&full{name: "a", d: d, start: boom}))
	for range 2 {
		err := s.Start(t.Context())
		if err == nil || !strings.Contains(err.Error(), `plugin "a": Start: boom`) {
			t.Errorf("Start() = %v, want it to name plugin and hook", err)
		}
		rec := serve(t, func(echo.Context) error { return nil }, echov4.Middleware(s))
		if rec.Code != http.StatusServiceUnavailable || strings.Contains(rec.Body.String(), "boom") {
			t.Errorf("answer = %d %s, want a 503 that does not tell the cause", rec.Code, rec.Body)
		}
	}
	if err := s.Close(t.Context()); err != nil {
		t.Errorf("Close() after a failed start = %v", err)
	}
}

func TestLazyStartRunsOnceAndOutlivesItsRequest(t *testing.T) {
	t.Parallel()
	d := new(diary)
	release := make(chan struct{})
	p := &full{name: "a", d: d, start: func() error { <-release; return nil }}
	s := middleware.Must(middleware.New(p))
	e := echo.New()
	e.Use(echov4.Middleware(s))
	e.GET("/", func(echo.Context) error { return nil })

	gone, cancel := context.WithCancel(t.Context())
	cancel()
	rec := httptest.NewRecorder()
	e.ServeHTTP(rec, httptest.NewRequestWithContext(gone, http.MethodGet, "/", http.NoBody))
	if rec.Code == http.StatusOK {
		t.Error("a request whose client has gone waited for the start")
	}
	close(release)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			rec := httptest.NewRecorder()
			e.ServeHTTP(rec, httptest.NewRequest(http.MethodGet, "/", http.NoBody))
			if rec.Code != http.StatusOK {
				t.Errorf("status = %d, want 200", rec.Code)
			}
		})
	}
	wg.Wait()
	starts := slices.DeleteFunc(d.take(), func(l string) bool { return l != "start a" })
	if len(starts) != 1 {
		t.Errorf("started %d times, want once", len(starts))
	}
}

func TestGoexitRunsEnd(t *testing.T) {
	t.Parallel()
	d := new(diary)
	mw := echov4.Use(&full{name: "a", d: d})
	h := mw(func(echo.Context) error {
		d.add("handler")
		runtime.Goexit()
		return nil
	})
	done := make(chan struct{})
	go func() {
		defer close(done)
		e := echo.New()
		_ = h(e.NewContext(httptest.NewRequest(http.MethodGet, "/", http.NoBody), httptest.NewRecorder()))
		d.add("came back")
	}()
	<-done
	got := d.take()
	if want := "end a panic runtime.Goexit was called"; got[len(got)-1] != want {
		t.Errorf("last call = %q, want %q", got[len(got)-1], want)
	}
}

func TestTwoStacksInOneAppDoNotTouchEachOther(t *testing.T) {
	t.Parallel()
	one, two := new(diary), new(diary)
	e := echo.New()
	e.GET("/one", func(echo.Context) error { return nil }, echov4.Use(&full{name: "p", d: one}))
	e.GET("/two", func(echo.Context) error { return nil }, echov4.Use(&full{name: "p", d: two}))
	e.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/one", http.NoBody))
	if got := two.take(); len(got) != 0 {
		t.Errorf("the other stack was called: %q", got)
	}
	if got := one.take(); len(got) == 0 {
		t.Error("the stack was not called")
	}
}

func TestFromEchoAndPlugins(t *testing.T) {
	t.Parallel()
	d := new(diary)
	a := &full{name: "a", d: d}
	wrapped := echov4.FromEcho("header", func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			c.Response().Header().Set("X-From", "echo")
			return next(c)
		}
	})
	s := middleware.Must(middleware.New(wrapped, a))
	if rec := serve(t, func(c echo.Context) error { return c.NoContent(204) }, echov4.Middleware(s)); rec.Header().Get("X-From") != "echo" {
		t.Error("the echo middleware did not run")
	}
	got := s.Plugins()
	if len(got) != 2 || got[0].Name() != "header" || got[1].Name() != "a" {
		t.Errorf("Plugins() = %v", got)
	}
	got[0] = nil
	if s.Plugins()[0] == nil {
		t.Error("Plugins() gave out its own slice")
	}
}

func TestAWrapperMaySkipTheHandlerButNotLoseTheContext(t *testing.T) {
	t.Parallel()
	skip := echov4.FromEcho("skip", func(echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error { return c.String(http.StatusTeapot, "skipped") }
	})
	if rec := serve(t, func(echo.Context) error { t.Error("handler ran"); return nil }, echov4.Use(skip)); rec.Code != http.StatusTeapot {
		t.Errorf("status = %d, want that of the wrapper", rec.Code)
	}
	lose := echov4.FromEcho("lose", func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			c.SetRequest(c.Request().WithContext(context.Background()))
			return next(c)
		}
	})
	if rec := serve(t, func(echo.Context) error { return nil }, echov4.Use(lose)); rec.Code != http.StatusInternalServerError {
		t.Errorf("status = %d, want 500 for a lost context", rec.Code)
	}
}

func TestHookFailuresAreObserved(t *testing.T) {
	t.Parallel()
	var rec observe.Recorder
	d := new(diary)
	watch := &watcher{&rec}
	p := &full{name: "a", d: d, begin: boom, closeHook: boom}
	s := middleware.Must(middleware.New(watch, p))
	serve(t, func(echo.Context) error { return nil }, echov4.Middleware(s))
	_ = s.Close(t.Context())
	got := observe.Of[observe.PluginFailure](&rec)
	if len(got) != 2 || got[0].Hook != "Begin" || got[1].Hook != "Close" || got[0].Plugin != "a" {
		t.Errorf("observed %v, want the failures of Begin and Close", got)
	}
}

type watcher struct{ observe.Observer }

func (*watcher) Name() string { return "watcher" }

func TestCloseEndsEverythingInReverseOrder(t *testing.T) {
	t.Parallel()
	d := new(diary)
	s := middleware.Must(middleware.New(&full{name: "store", d: d}, &full{name: "resources", d: d}, &full{name: "caches", d: d}))
	if err := s.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"close caches", "close resources", "close store"}, d.take()); diff != "" {
		t.Errorf("closes (-want +got):\n%s", diff)
	}
}

func TestErrorHandler(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, accept, wantType string
		err                    error
		status                 int
		body                   string
	}{
		{"ours", "", "application/problem+json", teapot{}, 418, `"detail":"short and stout"`},
		{"ours, wrapped", "*/*", "application/problem+json", fmt.Errorf("while brewing: %w", teapot{}), 418, `"status":418`},
		{"ours, for a browser", "text/html,application/xhtml+xml,*/*;q=0.8", "text/html; charset=utf-8", teapot{}, 418, "<p>short and stout</p>"},
		{"ours, as an HTTPError", "application/json, text/html;q=0.5", "application/problem+json", echov4.HTTPError(teapot{}), 418, `"status":418`},
		{"echo's", "", "application/json", echo.ErrNotFound, 404, `{"message":"Not Found"}`},
		{"a stranger's", "", "application/json", errors.New("secret"), 500, `{"message":"Internal Server Error"}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			e := echo.New()
			e.HTTPErrorHandler = echov4.ErrorHandler(e.DefaultHTTPErrorHandler)
			e.GET("/", func(echo.Context) error { return tt.err })
			req := httptest.NewRequest(http.MethodGet, "/", http.NoBody)
			if tt.accept != "" {
				req.Header.Set("Accept", tt.accept)
			}
			rec := httptest.NewRecorder()
			e.ServeHTTP(rec, req)
			if rec.Code != tt.status || rec.Header().Get("Content-Type") != tt.wantType || !strings.Contains(rec.Body.String(), tt.body) {
				t.Errorf("answer = %d %s %s, want %d %s with %s", rec.Code, rec.Header().Get("Content-Type"), rec.Body, tt.status, tt.wantType, tt.body)
			}
		})
	}
}

// What the program has answered in its own way, with our error as the cause,
// is not ours any more.
func TestAnAnswerOfTheProgramsOwnStays(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		err    error
		status int
		body   string
	}{
		{"cause of an HTTPError", echo.NewHTTPError(http.StatusConflict, "mine").SetInternal(teapot{}), 409, `{"message":"mine"}`},
		{"cause of ours", fmt.Errorf("x: %w", &caused{echo.ErrNotFound}), 418, `"detail":"caused"`},
		{"ours, marked for echo", echov4.HTTPError(teapot{}), 418, `"detail":"short and stout"`},
	}
	for _, tt := range tests {
		for _, how := range []string{"Stack", "ErrorHandler", "HTTPError"} {
			t.Run(tt.name+"/"+how, func(t *testing.T) {
				t.Parallel()
				e := echo.New()
				err := tt.err
				switch how {
				case "Stack":
					e.Use(echov4.Use(&stamp{Of: "A"}))
				case "ErrorHandler":
					e.HTTPErrorHandler = echov4.ErrorHandler(e.DefaultHTTPErrorHandler)
				case "HTTPError":
					err = echov4.HTTPError(err)
				}
				e.GET("/", func(echo.Context) error { return err })
				rec := httptest.NewRecorder()
				e.ServeHTTP(rec, httptest.NewRequest(http.MethodGet, "/", http.NoBody))
				if rec.Code != tt.status || !strings.Contains(rec.Body.String(), tt.body) {
					t.Errorf("answer = %d %s, want %d with %s", rec.Code, rec.Body, tt.status, tt.body)
				}
			})
		}
	}
}

// caused is an error of ours whose cause was made for echo.
type caused struct{ err error }

func (e *caused) Error() string             { return "caused" }
func (e *caused) Unwrap() error             { return e.err }
func (*caused) StatusCode() int             { return http.StatusTeapot }
func (*caused) Problem() middleware.Problem { return middleware.Problem{Detail: "caused"} }

func TestHTTPErrorOnABareEcho(t *testing.T) {
	t.Parallel()
	rec := serve(t, func(echo.Context) error { return echov4.HTTPError(fmt.Errorf("brewing: %w", teapot{})) })
	if rec.Code != http.StatusTeapot || !strings.Contains(rec.Body.String(), `"detail":"short and stout"`) {
		t.Errorf("answer = %d %s, want the problem's status and body from echo's own handler", rec.Code, rec.Body)
	}
	err := echov4.HTTPError(teapot{})
	if !errors.Is(err, teapot{}) {
		t.Error("the error cannot be found in the HTTPError")
	}
	if echov4.HTTPError(nil) != nil || echov4.HTTPError(io.EOF) != io.EOF {
		t.Error("HTTPError changes what is not ours")
	}
}

func TestAStackWithinAStack(t *testing.T) {
	t.Parallel()
	d := new(diary)
	outer, inner := &full{name: "p", d: d}, &full{name: "p", d: d}
	outerStack, innerStack := middleware.Must(middleware.New(outer)), middleware.Must(middleware.New(inner))
	var seen []*http.Request
	outer.end = nil
	rec := serve(t, func(c echo.Context) error {
		seen = append(seen, c.Request())
		return c.NoContent(204)
	}, echov4.Middleware(outerStack), echov4.Middleware(innerStack))
	want := []string{
		"start p", "begin p", "into p", "start p", "begin p", "into p", "commit p 204", "commit p 204",
		"out of p", "end p <nil>", "out of p", "end p <nil>",
	}
	if diff := cmp.Diff(want, d.take()); diff != "" || rec.Code != 204 {
		t.Errorf("status %d, calls (-want +got):\n%s", rec.Code, diff)
	}
}

type ctxKey struct{}

// teller puts a value into the request's context and tells what its other
// hooks find there.
type teller struct {
	name         string
	committed    any
	begin, atEnd context.Context
}

func (p *teller) Name() string { return p.name }
func (p *teller) Begin(c middleware.Context) error {
	p.begin = c.Request().Context()
	c.SetRequest(c.Request().WithContext(context.WithValue(c.Request().Context(), ctxKey{}, p.name)))
	return nil
}

func (p *teller) BeforeHeaders(ctx context.Context, _ int, _ http.Header) error {
	p.committed = ctx.Value(ctxKey{})
	return nil
}

func (p *teller) End(c middleware.Context, err error) error {
	p.atEnd = c.Request().Context()
	return err
}

func TestHooksSeeTheirOwnStacksContext(t *testing.T) {
	t.Parallel()
	outer, inner := &teller{name: "outer"}, &teller{name: "inner"}
	serve(t, func(c echo.Context) error { return c.NoContent(204) }, echov4.Use(outer), echov4.Use(inner))
	if outer.committed != "outer" || inner.committed != "inner" {
		t.Errorf("BeforeHeaders saw %v and %v, want what each Stack's Begin put there", outer.committed, inner.committed)
	}
	if outer.atEnd != outer.begin {
		t.Errorf("End of the outer Stack saw the context of %v, want that of its own Begin", outer.atEnd.Value(ctxKey{}))
	}
}

func TestTheServerRemovesTheFilesOfAForm(t *testing.T) {
	t.Parallel()
	e := echo.New()
	e.Use(echov4.Use(&stamp{Of: "A"}))
	e.POST("/", func(c echo.Context) error {
		_, err := c.MultipartForm()
		return err
	})
	req := httptest.NewRequest(http.MethodPost, "/", strings.NewReader("--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n--x--\r\n"))
	req.Header.Set("Content-Type", "multipart/form-data; boundary=x")
	e.ServeHTTP(httptest.NewRecorder(), req)
	if req.MultipartForm == nil {
		t.Error("the server's request does not know of the form: its files would stay")
	}
}

func TestAFailedCommitIsToldToLoggersAsAnHTTPError(t *testing.T) {
	t.Parallel()
	var got error
	serve(t, func(echo.Context) error { return nil }, func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			got = next(c)
			return got
		}
	}, echov4.Use(&stamp{Of: "A", Fail: unavailable{}}))
	//lint:ignore errorlint as echo's own handler looks at it
	he, ok := got.(*echo.HTTPError)
	if !ok || he.Code != http.StatusServiceUnavailable || !errors.Is(got, unavailable{}) {
		t.Errorf("the middleware outside got %v, want an *echo.HTTPError of 503 with the cause within reach", got)
	}
}
