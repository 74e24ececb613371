package middleware_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/reecho-go/reecho/ctxinfo"
	"github.com/reecho-go/reecho/echov4"
	"github.com/reecho-go/reecho/internal/waysouttest"
	"github.com/reecho-go/reecho/internal/waysouttest/echov4test"
	"github.com/reecho-go/reecho/middleware"
	"github.com/reecho-go/reecho/observe"
	"github.com/reecho-go/reecho/queryparams"
	"github.com/reecho-go/reecho/sessionstate"
)

// plain is net/http as a framework, with the few middlewares that everybody
// writes for it.
func plain() waysouttest.Framework {
	return waysouttest.Framework{
		Knows: []string{"recover", "timeout", "header"},
		Handler: func(_ testing.TB, layers []waysouttest.Layer, routes map[string]func(waysouttest.Answer) error) http.Handler {
			mux := http.NewServeMux()
			for path, do := range routes {
				pattern := path
				if path == "/" {
					pattern = "/{$}"
				}
				mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
					x := &plainAnswer{Context: middleware.ContextOf(r), w: w}
					if err := do(x); err != nil {
						x.fail(err)
					}
				})
			}
			var h http.Handler = mux
			for i := len(layers) - 1; i >= 0; i-- {
				if s := layers[i].Stack; s != nil {
					h = s.Handler(h)
				} else {
					h = plainMiddleware(layers[i].Name, h)
				}
			}
			return h
		},
	}
}

func plainMiddleware(name string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch name {
		case "recover":
			sent := &watched{ResponseWriter: w}
			defer func() {
				if v := recover(); v != nil && !sent.sent {
					http.Error(w, "panic", http.StatusInternalServerError)
				}
			}()
			next.ServeHTTP(sent, r)
		case "timeout":
			ctx, cancel := context.WithTimeout(r.Context(), time.Hour)
			defer cancel()
			next.ServeHTTP(w, r.WithContext(ctx))
		default:
			w.Header().Set("X-Plain", name)
			next.ServeHTTP(w, r)
		}
	})
}

// watched notes that a final status has left.
type watched struct {
	http.ResponseWriter
	sent bool
}

func (w *watched) Unwrap() http.ResponseWriter { return w.ResponseWriter }
func (w *watched) WriteHeader(status int) {
	w.sent = w.sent || status >= 200
	w.ResponseWriter.WriteHeader(status)
}

func (w *watched) Write(b []byte) (int, error) {
	w.sent = true
	return w.ResponseWriter.Write(b)
}

type plainAnswer struct {
	middleware.Context
	w    http.ResponseWriter
	sent bool
}

type notFound struct{ error }

func (x *plainAnswer) Writer() http.ResponseWriter { return x }
func (x *plainAnswer) Raw() http.ResponseWriter    { return x }
func (x *plainAnswer) Committed() bool             { return x.sent }
func (x *plainAnswer) Flush() {
	x.sent = true
	_ = http.NewResponseController(x.w).Flush()
}
func (x *plainAnswer) NotFound() error             { return notFound{errors.New("not found")} }
func (x *plainAnswer) Ours(err error) error        { return err }
func (x *plainAnswer) Header() http.Header         { return x.w.Header() }
func (x *plainAnswer) Unwrap() http.ResponseWriter { return x.w }
func (x *plainAnswer) Write(b []byte) (int, error) { x.sent = true; return x.w.Write(b) }
func (x *plainAnswer) WriteHeader(status int) {
	x.sent = x.sent || status >= 200
	x.w.WriteHeader(status)
}
func (x *plainAnswer) NoContent(code int) error { x.WriteHeader(code); return nil }
func (x *plainAnswer) String(code int, s string) error {
	x.WriteHeader(code)
	_, err := io.WriteString(x, s)
	return err
}

func (x *plainAnswer) JSON(code int, v any) error {
	x.WriteHeader(code)
	return json.NewEncoder(x).Encode(v)
}

func (x *plainAnswer) Redirect(code int, url string) error {
	x.Header().Set("Location", url)
	x.WriteHeader(code)
	return nil
}

func (x *plainAnswer) fail(err error) {
	if x.sent {
		return
	}
	status := http.StatusInternalServerError
	if _, ok := errors.AsType[notFound](err); ok {
		status = http.StatusNotFound
	} else if ours, ok := errors.AsType[middleware.Error](err); ok {
		status = ours.StatusCode()
	}
	http.Error(x, http.StatusText(status), status)
}

func TestTheCommitOnNetHTTP(t *testing.T) {
	t.Parallel()
	plain().Test(t)
}

// call serves one request by a handler of net/http.
func call(h http.Handler, method, target string) *httptest.ResponseRecorder {
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, httptest.NewRequest(method, target, http.NoBody))
	return rec
}

// hook is a plugin of hooks.
type hook struct {
	name  string
	begin func(c middleware.Context) error
	wrap  func(c middleware.Context, next middleware.Handler) error
	end   func(err error) error
}

func (h *hook) Name() string { return h.name }
func (h *hook) Begin(c middleware.Context) error {
	if h.begin == nil {
		return nil
	}
	return h.begin(c)
}

func (h *hook) Wrap(next middleware.Handler) middleware.Handler {
	if h.wrap == nil {
		return next
	}
	return func(c middleware.Context) error { return h.wrap(c, next) }
}

func (h *hook) End(_ middleware.Context, err error) error {
	if h.end == nil {
		return err
	}
	return h.end(err)
}

// panicOf returns what f panics with, as text.
func panicOf(f func()) (text string) {
	defer func() { text = fmt.Sprint(recover()) }()
	f()
	return ""
}

func TestWhatCannotServeIsRefusedAtOnce(t *testing.T) {
	t.Parallel()
	good := middleware.Must(middleware.New(&hook{name: "h"}))
	var none *middleware.Stack
	for name, f := range map[string]func(){
		"next is nil":      func() { good.Handler(nil) },
		"the Stack is nil": func() { none.Handler(http.NotFoundHandler()) },
		"made by hand":     func() { new(middleware.Stack).Handler(http.NotFoundHandler()) },
		"echov4":           func() { echov4.Middleware(none) },
	} {
		want := name
		if name == "made by hand" {
			want = "the Stack is nil"
		}
		if got := panicOf(f); !strings.Contains(got, want) {
			t.Errorf("%s: panic = %q, want one that says %q", name, got, want)
		}
	}
	_, err := middleware.New(
		echov4.FromEcho("nothing", nil),
		echov4.FromEcho("no handler", func(echo.HandlerFunc) echo.HandlerFunc { return nil }),
		&hook{name: "fine"},
	)
	for _, name := range []string{`"nothing"`, `"no handler"`} {
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("New() = %v, want an error that names %s", err, name)
		}
	}
	if _, err := middleware.ClearHandler((*clearer)(nil), func(*http.Request) error { return nil }); err == nil {
		t.Error("ClearHandler takes a nil group")
	}
}

func TestNetHTTPAnswersWhatHooksReturn(t *testing.T) {
	t.Parallel()
	write := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") })
	silent := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	fail := func(err error) func(middleware.Context) error {
		return func(middleware.Context) error { return err }
	}
	for name, tt := range map[string]struct {
		plugin  *hook
		handler http.Handler
		status  int
		body    string
	}{
		"nothing":                 {&hook{}, write, 200, "hello"},
		"an error of Begin":       {&hook{begin: fail(teapot{})}, write, 418, "short and stout"},
		"a secret error of Begin": {&hook{begin: fail(errors.New("secret"))}, write, 500, `"status":500`},
		"an error of a wrapper":   {&hook{wrap: func(middleware.Context, middleware.Handler) error { return teapot{} }}, write, 418, "short and stout"},
		"another context": {&hook{wrap: func(c middleware.Context, next middleware.Handler) error {
			return next(struct{ middleware.Context }{c})
		}}, write, 500, `"status":500`},
		"a late error of End":        {&hook{end: func(error) error { return teapot{} }}, write, 200, "hello"},
		"a late secret error of End": {&hook{end: func(error) error { return errors.New("secret") }}, write, 200, "hello"},
		"an early error of End":      {&hook{end: func(error) error { return teapot{} }}, silent, 418, "short and stout"},
		"an early secret error":      {&hook{end: func(error) error { return errors.New("secret") }}, silent, 500, `"status":500`},
		"a wrapper that answers": {&hook{wrap: func(c middleware.Context, _ middleware.Handler) error {
			_, err := io.WriteString(middleware.Response(c), "mine")
			return err
		}}, write, 200, "mine"},
	} {
		tt.plugin.name = "hook"
		s := middleware.Must(middleware.New(tt.plugin))
		rec := call(s.Handler(tt.handler), http.MethodGet, "/")
		if body := rec.Body.String(); rec.Code != tt.status || !strings.Contains(body, tt.body) || strings.Contains(body, "secret") || tt.status == 200 && body != tt.body {
			t.Errorf("%s: answer = %d %q, want %d with %q", name, rec.Code, body, tt.status, tt.body)
		}
		if err := s.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		if rec := call(s.Handler(tt.handler), http.MethodGet, "/"); rec.Code != http.StatusServiceUnavailable || strings.Count(rec.Body.String(), "status") != 1 {
			t.Errorf("%s: a closed stack answers %d %q, want one 503", name, rec.Code, rec.Body)
		}
	}
}

func TestAPanicOnNetHTTPIsCommittedAndGoesOn(t *testing.T) {
	t.Parallel()
	for name, value := range map[string]any{"a value": "boom", "an abort": http.ErrAbortHandler} {
		var ended error
		a := &stamp{Of: "A"}
		s := middleware.Must(middleware.New(a, &hook{name: "hook", end: func(err error) error { ended = err; return err }}))
		rec := httptest.NewRecorder()
		func() {
			defer func() {
				if v := recover(); v != value {
					t.Errorf("%s: recovered %v, want %v", name, v, value)
				}
			}()
			s.Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(value) })).ServeHTTP(rec, httptest.NewRequest(http.MethodGet, "/", http.NoBody))
		}()
		if _, ok := errors.AsType[*observe.PanicError](ended); !ok || a.Runs.Load() != 1 || a.Status.Load() != 500 || rec.Header().Get("X-A") != "committed" {
			t.Errorf("%s: End got %v, %d commits of status %d; want the panic, and one of 500 for whoever recovers", name, ended, a.Runs.Load(), a.Status.Load())
		}
	}
}

var unread observe.Func = func(context.Context, observe.Event) {}

var visits = sessionstate.NewKey("visits", sessionstate.KeyConfig[int]{})

// toolkit is a handler of net/http that uses all that a request has.
func toolkit(w http.ResponseWriter, r *http.Request) {
	c := middleware.ContextOf(r)
	page, err := queryparams.Get(c, "page", queryparams.Param[int]{Default: 1})
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	n, err := sessionstate.Incr(visits, sessionstate.From(c), 1)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	tab := sessionstate.Tab(c)
	_ = json.NewEncoder(w).Encode([]any{page, n, ctxinfo.From(c).Scheme(), tab == sessionstate.Tab(c)})
}

func TestHandlersOfNetHTTPHaveTheWholeToolkit(t *testing.T) {
	t.Parallel()
	sessions := sessionstate.Must(sessionstate.New(sessionstate.Config{Observer: unread}))
	s := middleware.Must(middleware.New(ctxinfo.Must(ctxinfo.New(ctxinfo.Config{})), queryparams.Must(queryparams.New(queryparams.Config{})), sessions))
	t.Cleanup(func() { _ = s.Close(context.Background()) })
	h := s.Handler(http.HandlerFunc(toolkit))
	rec := call(h, http.MethodGet, "/?page=7")
	if got, want := rec.Body.String(), "[7,1,\"http\",true]\n"; rec.Code != 200 || got != want {
		t.Fatalf("answer = %d %s, want %s", rec.Code, got, want)
	}
	again := httptest.NewRequest(http.MethodGet, "/", http.NoBody)
	for _, c := range rec.Result().Cookies() {
		again.AddCookie(c)
	}
	rec = httptest.NewRecorder()
	h.ServeHTTP(rec, again)
	if got, want := rec.Body.String(), "[1,2,\"http\",true]\n"; got != want {
		t.Errorf("answer with the cookie = %s, want %s", got, want)
	}
	post := middleware.Must(middleware.New(sessions, sessions.CSRF())).Handler(http.HandlerFunc(toolkit))
	if rec := call(post, http.MethodPost, "/"); rec.Code != http.StatusForbidden {
		t.Errorf("POST without a token = %d, want 403", rec.Code)
	}
}

// The documented answers of everything that handlers call, where nobody serves.
func TestOutsideOfEveryHost(t *testing.T) {
	t.Parallel()
	r := httptest.NewRequest(http.MethodGet, "/?page=2", http.NoBody)
	for name, c := range map[string]middleware.Context{
		"net/http": middleware.ContextOf(r),
		"echo v4":  echo.New().NewContext(r, httptest.NewRecorder()),
	} {
		if err := sessionstate.From(c).Err(); !errors.Is(err, sessionstate.ErrNoSession) {
			t.Errorf("%s: the session's error is %v, want ErrNoSession", name, err)
		}
		if _, err := queryparams.From(c); !errors.Is(err, queryparams.ErrNoPlugin) {
			t.Errorf("%s: queryparams.From() = %v, want ErrNoPlugin", name, err)
		}
		if err := queryparams.Redirect(c); !errors.Is(err, queryparams.ErrNoPlugin) {
			t.Errorf("%s: queryparams.Redirect() = %v, want ErrNoPlugin", name, err)
		}
		if page, err := queryparams.Get(c, "page", queryparams.Param[int]{}); err != nil || page != 2 {
			t.Errorf("%s: queryparams.Get() = %d, %v, want 2", name, page, err)
		}
		if got := ctxinfo.From(c).Host(); got != "example.com" {
			t.Errorf("%s: ctxinfo.From().Host() = %q", name, got)
		}
		if err := middleware.RequestCommit(c.Request().Context()); err != nil {
			t.Errorf("%s: RequestCommit() = %v", name, err)
		}
		if w := middleware.Response(c); w != nil {
			t.Errorf("%s: Response() = %v, want nil", name, w)
		}
	}
}

// An app of echo behind a Stack of net/http, and around one of net/http.
func TestTwoHostsAroundOneRequest(t *testing.T) {
	t.Parallel()
	for name, nest := range map[string]func(outer, inner *middleware.Stack) http.Handler{
		"echo in net/http": func(outer, inner *middleware.Stack) http.Handler {
			return outer.Handler(echov4test.Framework().Handler(t, []waysouttest.Layer{{Stack: inner}}, map[string]func(waysouttest.Answer) error{
				"/": func(x waysouttest.Answer) error { return x.String(202, "hello") },
			}))
		},
		"net/http in echo": func(outer, inner *middleware.Stack) http.Handler {
			e := echo.New()
			e.Use(echov4.Middleware(outer))
			e.GET("/", echo.WrapHandler(inner.Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(http.StatusAccepted)
				_, _ = io.WriteString(w, "hello")
			}))))
			return e
		},
	} {
		sessions := sessionstate.Must(sessionstate.New(sessionstate.Config{Observer: unread}))
		t.Cleanup(func() { _ = sessions.Close(context.Background()) })
		count := &hook{name: "count", begin: func(c middleware.Context) error {
			_, err := sessionstate.Incr(visits, sessionstate.From(c), 1)
			return err
		}}
		a, b := &stamp{Of: "A"}, &stamp{Of: "B"}
		h := nest(middleware.Must(middleware.New(sessions, a, count)), middleware.Must(middleware.New(sessions, b, count)))
		rec := call(h, http.MethodGet, "/")
		if rec.Code != 202 || rec.Body.String() != "hello" {
			t.Errorf("%s: answer = %d %q", name, rec.Code, rec.Body)
		}
		for _, s := range []*stamp{a, b} {
			if s.Runs.Load() != 1 || s.Status.Load() != 202 || rec.Header().Get("X-"+s.Of) != "committed" {
				t.Errorf("%s: %s committed %d times, as %d; want once, as 202", name, s.Of, s.Runs.Load(), s.Status.Load())
			}
		}
		if got := len(rec.Result().Cookies()); got != 1 {
			t.Errorf("%s: %d cookies, want that of the one session", name, got)
		}
	}
}

func TestAPluginOfEchoV4FailsElsewhere(t *testing.T) {
	t.Parallel()
	var got error
	s := middleware.Must(middleware.New(
		&hook{name: "watch", end: func(err error) error { got = err; return err }},
		echov4.FromEcho("theirs", func(next echo.HandlerFunc) echo.HandlerFunc { return next }),
	))
	rec := call(s.Handler(http.NotFoundHandler()), http.MethodGet, "/")
	if rec.Code != http.StatusInternalServerError || got == nil || !strings.Contains(got.Error(), `"theirs" is a middleware of echo v4`) {
		t.Errorf("answer = %d, error %v; want a 500 that names the plugin for its operator", rec.Code, got)
	}
}

// clearer counts how often it is cleared.
type clearer struct{ n int }

func (c *clearer) ClearBy(context.Context, map[string][]string) error { c.n++; return nil }

func TestClearHandlerOfNetHTTP(t *testing.T) {
	t.Parallel()
	if _, err := middleware.ClearHandler(nil, func(*http.Request) error { return nil }); err == nil {
		t.Error("a ClearHandler of nothing was made")
	}
	if _, err := middleware.ClearHandler(new(clearer), nil); err == nil {
		t.Error("a ClearHandler for everybody was made")
	}
	for name, tt := range map[string]struct {
		method, site string
		authorize    error
		status       int
		cleared      int
	}{
		"all is well":         {method: http.MethodPost, status: 204, cleared: 1},
		"GET":                 {method: http.MethodGet, status: 405},
		"another site":        {method: http.MethodPost, site: "cross-site", status: 403},
		"not allowed":         {method: http.MethodPost, authorize: errors.New("secret"), status: 403},
		"an answer of theirs": {method: http.MethodPost, authorize: teapot{}, status: 418},
	} {
		what := new(clearer)
		h, err := middleware.ClearHandler(what, func(*http.Request) error { return tt.authorize })
		if err != nil {
			t.Fatal(err)
		}
		r := httptest.NewRequest(tt.method, "/", http.NoBody)
		r.Header.Set("Sec-Fetch-Site", tt.site)
		rec := httptest.NewRecorder()
		h.ServeHTTP(rec, r)
		if rec.Code != tt.status || what.n != tt.cleared || strings.Contains(rec.Body.String(), "secret") {
			t.Errorf("%s: %d, cleared %d times, %s; want %d, %d times", name, rec.Code, what.n, rec.Body, tt.status, tt.cleared)
		}
		if allow := rec.Header().Get("Allow"); (tt.status == 405) != (allow == http.MethodPost) {
			t.Errorf("%s: Allow = %q", name, allow)
		}
	}
}
