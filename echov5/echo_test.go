package echov5_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/labstack/echo/v5"
	echomw "github.com/labstack/echo/v5/middleware"

	"github.com/reecho-go/reecho/cachedata"
	"github.com/reecho-go/reecho/ctxinfo"
	"github.com/reecho-go/reecho/echov5"
	"github.com/reecho-go/reecho/internal/waysouttest"
	"github.com/reecho-go/reecho/middleware"
	"github.com/reecho-go/reecho/observe"
	"github.com/reecho-go/reecho/queryparams"
	"github.com/reecho-go/reecho/sessionstate"
)

type (
	stamp  = waysouttest.Stamp
	teapot = waysouttest.Teapot
)

// serve answers one request by a handler behind middlewares.
func serve(e *echo.Echo, r *http.Request, h echo.HandlerFunc, mws ...echo.MiddlewareFunc) *httptest.ResponseRecorder {
	e.Use(mws...)
	e.Any("/", h)
	rec := httptest.NewRecorder()
	e.ServeHTTP(waysouttest.Final{ResponseRecorder: rec}, r)
	return rec
}

func get(target string) *http.Request {
	return httptest.NewRequest(http.MethodGet, target, http.NoBody)
}

// echo's Response is the innermost writer here: what takes its Committed for true
// too early drops the answer, and what middlewares wrap around it must all be
// passed.
func TestTheAnswerPassesAllWritersAndIsNotDropped(t *testing.T) {
	t.Parallel()
	a := &stamp{Of: "A"}
	var order []string
	wrap := func(name string) echo.MiddlewareFunc {
		return func(next echo.HandlerFunc) echo.HandlerFunc {
			return func(c *echo.Context) error {
				old := c.Response()
				c.SetResponse(&noting{old, func() { order = append(order, name) }})
				defer c.SetResponse(old)
				return next(c)
			}
		}
	}
	rec := serve(quiet(), get("/"), func(c *echo.Context) error {
		err := c.String(http.StatusCreated, "hello")
		if res, _ := echo.UnwrapResponse(c.Response()); !res.Committed || res.Status != http.StatusCreated || res.Size != 5 {
			t.Errorf("echo's Response says %d, committed %v, %d bytes", res.Status, res.Committed, res.Size)
		}
		return err
	}, wrap("outer"), echov5.Use(a), wrap("inner"))
	if rec.Code != 201 || rec.Body.String() != "hello" || a.Runs.Load() != 1 || a.Status.Load() != 201 || strings.Join(order, " ") != "inner outer" {
		t.Errorf("answer = %d %q through %v, committed %d times as %d", rec.Code, rec.Body, order, a.Runs.Load(), a.Status.Load())
	}
}

type noting struct {
	http.ResponseWriter
	note func()
}

func (n *noting) Unwrap() http.ResponseWriter { return n.ResponseWriter }
func (n *noting) WriteHeader(status int)      { n.note(); n.ResponseWriter.WriteHeader(status) }

func TestAStatusThatEchoHasInMindIsCommitted(t *testing.T) {
	t.Parallel()
	for name, send := range map[string]func(w http.ResponseWriter) error{
		"a body":  func(w http.ResponseWriter) error { _, err := io.WriteString(w, "x"); return err },
		"a flush": func(w http.ResponseWriter) error { return http.NewResponseController(w).Flush() },
	} {
		a := &stamp{Of: "A"}
		rec := serve(quiet(), get("/"), func(c *echo.Context) error {
			res, err := echo.UnwrapResponse(c.Response())
			if err != nil {
				return err
			}
			res.Status = http.StatusAccepted
			return send(c.Response())
		}, echov5.Use(a))
		if rec.Code != 202 || a.Status.Load() != 202 {
			t.Errorf("%s: the client saw %d, the commit %d; want 202", name, rec.Code, a.Status.Load())
		}
	}
}

// To echo, an informational status is the final one, through its own Response and
// through one that a middleware further in has put in front.
func TestAfterAnInformationalStatusTheAnswerStillCounts(t *testing.T) {
	t.Parallel()
	left := func(next echo.HandlerFunc) echo.HandlerFunc { // replaces, and does not put back
		return func(c *echo.Context) error {
			c.SetResponse(echo.NewResponse(c.Response(), c.Logger()))
			return next(c)
		}
	}
	pass := func(next echo.HandlerFunc) echo.HandlerFunc { return next }
	for where, inner := range map[string]echo.MiddlewareFunc{"echo's": pass, "a replaced": replace, "a left": left} {
		for name, tt := range map[string]struct {
			after  func(c *echo.Context) error
			status int
		}{
			"nothing":    {func(*echo.Context) error { return nil }, 200},
			"a body":     {func(c *echo.Context) error { _, err := io.WriteString(c.Response(), "x"); return err }, 200},
			"echo error": {func(*echo.Context) error { return echo.ErrNotFound }, 404},
			"our error":  {func(*echo.Context) error { return teapot{} }, 418},
			"a panic":    {func(*echo.Context) error { panic("boom") }, 500},
		} {
			a := &stamp{Of: "A"}
			rec := serve(quiet(), get("/"), func(c *echo.Context) error {
				c.Response().WriteHeader(http.StatusEarlyHints)
				return tt.after(c)
			}, echomw.Recover(), echov5.Use(a), inner)
			if rec.Code != tt.status || a.Runs.Load() != 1 || int(a.Status.Load()) != tt.status || rec.Header().Get("X-A") != "committed" {
				t.Errorf("%s Response, %s: status %d, %d commits as %d; want %d, one", where, name, rec.Code, a.Runs.Load(), a.Status.Load(), tt.status)
			}
		}
	}
}

// The server's writer panics of a number that is no status; then nothing has been
// sent, and the answer to the panic counts.
func TestWhatIsNoStatusIsNeitherCommittedNorSent(t *testing.T) {
	t.Parallel()
	for _, status := range []int{-1, 0, 99, 1000} {
		a, e, rec := &stamp{Of: "A"}, quiet(), httptest.NewRecorder()
		e.Use(echomw.Recover(), echov5.Use(a))
		e.GET("/", func(c *echo.Context) error {
			c.Response().WriteHeader(status)
			return nil
		})
		e.ServeHTTP(rec, get("/"))
		if rec.Code != 500 || a.Runs.Load() != 1 || a.Status.Load() != 500 {
			t.Errorf("WriteHeader(%d): answer %d, committed %d times as %d; want 500, once", status, rec.Code, a.Runs.Load(), a.Status.Load())
		}
	}
}

// echo's Response says of every connection that it can be taken over.
func TestAHijackThatIsNotSupportedCommitsNothing(t *testing.T) {
	t.Parallel()
	a := &stamp{Of: "A"}
	rec := serve(quiet(), get("/"), func(c *echo.Context) error {
		if _, _, err := http.NewResponseController(c.Response()).Hijack(); !errors.Is(err, http.ErrNotSupported) {
			t.Errorf("Hijack() = %v, want ErrNotSupported", err)
		}
		return c.NoContent(http.StatusUpgradeRequired)
	}, echov5.Use(a))
	if rec.Code != http.StatusUpgradeRequired || a.Runs.Load() != 1 || a.Status.Load() != http.StatusUpgradeRequired {
		t.Errorf("answer = %d, committed %d times as %d; want 426, once", rec.Code, a.Runs.Load(), a.Status.Load())
	}
}

// hiding is a writer of a middleware that does not say what it wraps.
type hiding struct{ w http.ResponseWriter }

func (h *hiding) Header() http.Header         { return h.w.Header() }
func (h *hiding) Write(b []byte) (int, error) { return h.w.Write(b) }
func (h *hiding) WriteHeader(status int)      { h.w.WriteHeader(status) }

func TestBehindAWriterThatHidesTheResponseThereIsOneAnswer(t *testing.T) {
	t.Parallel()
	hide := func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c *echo.Context) error {
			c.SetResponse(&hiding{c.Response()})
			return next(c)
		}
	}
	for name, tt := range map[string]struct {
		h      echo.HandlerFunc
		status int
		body   string // its start
		more   bool
	}{
		"our error":               {func(*echo.Context) error { return teapot{} }, 418, `{"title":"I'm a teapot"`, true},
		"our error after a body":  {func(c *echo.Context) error { return errors.Join(c.String(201, "x"), teapot{}) }, 201, "x", false},
		"echo error after a body": {func(c *echo.Context) error { return errors.Join(c.String(201, "x"), echo.ErrNotFound) }, 201, "x", false},
		"echo error":              {func(*echo.Context) error { return echo.ErrNotFound }, 404, `{"message"`, true},
		"a panic":                 {func(*echo.Context) error { panic("boom") }, 500, `{"message"`, true},
		"nothing":                 {func(*echo.Context) error { return nil }, 200, "", false},
	} {
		a := &stamp{Of: "A"}
		rec := serve(quiet(), get("/"), tt.h, echomw.Recover(), hide, echov5.Use(a))
		body := rec.Body.String()
		if rec.Code != tt.status || !strings.HasPrefix(body, tt.body) || (body != tt.body) != tt.more || strings.Count(body, "{") > 1 || a.Runs.Load() != 1 || int(a.Status.Load()) != tt.status {
			t.Errorf("%s: answer %d %q, committed %d times as %d; want one answer of %d", name, rec.Code, body, a.Runs.Load(), a.Status.Load(), tt.status)
		}
	}
	if msg := func() (text string) {
		defer func() { text = fmt.Sprint(recover()) }()
		echov5.Middleware(nil)
		return ""
	}(); !strings.Contains(msg, "the Stack is nil") {
		t.Errorf("Middleware(nil) panics with %q", msg)
	}
}

// gzip keeps a status until it has seen the body, and takes the last one.
func TestBehindGzipTheFirstStatusCounts(t *testing.T) {
	t.Parallel()
	for _, late := range []int{http.StatusBadGateway, http.StatusEarlyHints, http.StatusOK} {
		a := &stamp{Of: "A"}
		r := get("/")
		r.Header.Set("Accept-Encoding", "gzip")
		rec := serve(quiet(), r, func(c *echo.Context) error {
			c.Response().WriteHeader(http.StatusAccepted)
			c.Response().WriteHeader(late)
			return nil
		}, echomw.Gzip(), echov5.Use(a))
		if rec.Code != http.StatusAccepted || a.Status.Load() != http.StatusAccepted {
			t.Errorf("with a late %d the client saw %d, the commit %d; want 202", late, rec.Code, a.Status.Load())
		}
	}
}

// faults is an error of ours with a list of faults.
type faults struct{ cause error }

func (faults) Error() string   { return "faults" }
func (f faults) Unwrap() error { return f.cause }
func (faults) StatusCode() int { return http.StatusBadRequest }
func (faults) Problem() middleware.Problem {
	return middleware.Problem{Errors: []middleware.ProblemItem{{Parameter: "page", Code: "type", Detail: "cannot be read"}}}
}

// echo v5 finds a status anywhere in an error, and most of its own errors are of a
// type that it does not export.
func TestWhoAnswersAnError(t *testing.T) {
	t.Parallel()
	problems := echo.ProblemDetailsHTTPErrorHandler(false)
	wrapped := func(err error) error { return fmt.Errorf("wrapped: %w", err) }
	for name, tt := range map[string]struct {
		err    error
		status int
		faults bool // all that there is to say is in the answer
		byEcho bool // also by echo's default handler
	}{
		"ours":                      {wrapped(faults{}), 400, true, false},
		"ours, as an HTTPError":     {wrapped(echov5.HTTPError(faults{})), 400, true, true},
		"echo's around ours":        {echo.ErrNotFound.Wrap(faults{}), 404, false, false},
		"an HTTPError around ours":  {echo.NewHTTPError(409, "taken").Wrap(faults{}), 409, false, false},
		"ours around echo's":        {faults{echo.ErrNotFound}, 400, true, false},
		"echo's alone":              {wrapped(echo.ErrNotFound), 404, false, false},
		"nobody's":                  {errors.New("secret"), 500, false, false},
		"ours beside a stranger's":  {errors.Join(errors.New("secret"), faults{}), 400, true, false},
		"echo's around the wrapped": {echo.NewHTTPError(410, "gone").Wrap(echov5.HTTPError(faults{})), 410, false, false},
	} {
		for where, set := range map[string]func(e *echo.Echo) []echo.MiddlewareFunc{
			"a stack": func(*echo.Echo) []echo.MiddlewareFunc { return []echo.MiddlewareFunc{echov5.Use(&stamp{Of: "A"})} },
			"a stack, problems": func(e *echo.Echo) []echo.MiddlewareFunc {
				e.HTTPErrorHandler = problems
				return []echo.MiddlewareFunc{echov5.Use(&stamp{Of: "A"})}
			},
			"ErrorHandler": func(e *echo.Echo) []echo.MiddlewareFunc { e.HTTPErrorHandler = echov5.ErrorHandler(nil); return nil },
			"its next": func(e *echo.Echo) []echo.MiddlewareFunc {
				e.HTTPErrorHandler = echov5.ErrorHandler(problems)
				return nil
			},
			"echo alone": func(*echo.Echo) []echo.MiddlewareFunc { return nil },
		} {
			e := quiet()
			rec := serve(e, get("/"), func(*echo.Context) error { return tt.err }, set(e)...)
			complete := tt.faults && (where != "echo alone" || tt.byEcho)
			if got := strings.Contains(rec.Body.String(), `"parameter":"page"`); rec.Code != tt.status || got != complete || strings.Contains(rec.Body.String(), "secret") {
				t.Errorf("%s, by %s: %d %s; want %d, complete: %v", name, where, rec.Code, rec.Body, tt.status, complete)
			}
		}
	}
	if echov5.HTTPError(nil) != nil || echov5.HTTPError(io.EOF) != io.EOF {
		t.Error("HTTPError changed what is not ours")
	}
}

type deaf struct{ http.ResponseWriter }

func (deaf) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

func TestAnErrorThatCannotBeSentIsLogged(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	e := echo.New()
	e.Logger = slog.New(slog.NewTextHandler(&log, nil))
	e.HTTPErrorHandler = echov5.ErrorHandler(nil)
	e.GET("/", func(*echo.Context) error { return teapot{} })
	e.ServeHTTP(deaf{httptest.NewRecorder()}, get("/"))
	if !strings.Contains(log.String(), io.ErrClosedPipe.Error()) {
		t.Errorf("logged %q, want why", &log)
	}
}

var (
	visits = sessionstate.NewKey("visits", sessionstate.KeyConfig[int]{})
	dark   = sessionstate.NewKey("dark", sessionstate.KeyConfig[bool]{})
)

func TestHandlersOfEchoV5HaveTheWholeToolkit(t *testing.T) {
	t.Parallel()
	sessions := sessionstate.Must(sessionstate.New(sessionstate.Config{Observer: observe.Func(func(context.Context, observe.Event) {})}))
	s := middleware.Must(middleware.New(ctxinfo.Must(ctxinfo.New(ctxinfo.Config{})), queryparams.Must(queryparams.New(queryparams.Config{})), sessions))
	t.Cleanup(func() { _ = s.Close(context.Background()) })
	e := quiet()
	e.Use(echomw.BodyLimit(100), echov5.Middleware(s))
	e.GET("/", func(c *echo.Context) error {
		page, err := queryparams.Get(c, "page", queryparams.Param[int]{Default: 1})
		if err != nil {
			return err
		}
		n, err := sessionstate.Incr(visits, sessionstate.From(c), 1)
		if err != nil {
			return err
		}
		tab := sessionstate.Tab(c)
		return c.JSON(200, []any{page, n, ctxinfo.From(c).Scheme(), tab == sessionstate.Tab(c)})
	})
	e.POST("/", func(c *echo.Context) error {
		s := sessionstate.From(c)
		if err := sessionstate.Bind(s, c, dark.Field("dark")); err != nil {
			return err
		}
		return c.JSON(200, dark.Get(s))
	})
	e.POST("/go", func(c *echo.Context) error {
		p, err := queryparams.From(c)
		if err != nil {
			return err
		}
		if err := p.Set("page", "2"); err != nil {
			return err
		}
		return queryparams.Redirect(c)
	})
	send := func(method, target, form string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(method, target, strings.NewReader(form))
		if form != "" {
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		}
		rec := httptest.NewRecorder()
		e.ServeHTTP(rec, r)
		return rec
	}
	for name, tt := range map[string]struct {
		method, target, form string
		status               int
		body                 string
	}{
		"all of it":        {"GET", "/?page=7", "", 200, "[7,1,\"http\",true]\n"},
		"a bad query":      {"GET", "/?page=x", "", 400, `"parameter":"page"`},
		"a form":           {"POST", "/", "dark=on", 200, "true"},
		"a broken form":    {"POST", "/", "dark=%zz", 400, "The form cannot be read."},
		"a form too large": {"POST", "/", "dark=" + strings.Repeat("x", 200), 413, "Too Large"},
		"a redirect":       {"POST", "/go", "", 303, ""},
	} {
		if rec := send(tt.method, tt.target, tt.form); rec.Code != tt.status || !strings.Contains(rec.Body.String(), tt.body) {
			t.Errorf("%s: %d %s; want %d with %q", name, rec.Code, rec.Body, tt.status, tt.body)
		}
	}
	if to := send("POST", "/go", "").Header().Get("Location"); to != "/go?page=2" {
		t.Errorf("redirected to %q", to)
	}
}

func TestAVisitorIsReadOfEchosStore(t *testing.T) {
	t.Parallel()
	visitor := middleware.Must(middleware.NewVisitor(func(ctx context.Context) string {
		user, _ := ctx.Value("user").(string)
		return user
	}))
	var during, after string
	var kept *http.Request
	serve(quiet(), get("/"), func(c *echo.Context) error {
		c.Set("user", "ada")
		kept = c.Request()
		during, _ = visitor.ID(kept.Context())
		return nil
	}, echov5.Use(visitor))
	after, _ = visitor.ID(kept.Context())
	if during != "ada" || after != "ada" {
		t.Errorf("the visitor is %q, and %q after the request; want ada", during, after)
	}
}

func TestFromEcho(t *testing.T) {
	t.Parallel()
	theirs := echov5.FromEcho("theirs", func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c *echo.Context) error {
			c.Response().Header().Set("X-Theirs", "1")
			return next(c)
		}
	})
	s := middleware.Must(middleware.New(theirs))
	if rec := serve(quiet(), get("/"), func(c *echo.Context) error { return c.NoContent(204) }, echov5.Middleware(s)); rec.Code != 204 || rec.Header().Get("X-Theirs") != "1" {
		t.Errorf("answer = %d %v", rec.Code, rec.Header())
	}
	rec := httptest.NewRecorder()
	s.Handler(http.NotFoundHandler()).ServeHTTP(rec, get("/"))
	if rec.Code != http.StatusInternalServerError {
		t.Errorf("in a host of net/http: %d, want 500", rec.Code)
	}
}

type clearer struct{ n int }

func (c *clearer) ClearBy(context.Context, map[string][]string) error { c.n++; return nil }

func TestClearHandler(t *testing.T) {
	t.Parallel()
	if _, err := echov5.ClearHandler(cachedata.Default(), nil); err == nil {
		t.Error("a ClearHandler for everybody was made")
	}
	for name, tt := range map[string]struct {
		method    string
		authorize error
		status    int
	}{
		"all is well":       {http.MethodPost, nil, 204},
		"GET":               {http.MethodGet, nil, 405},
		"not allowed":       {http.MethodPost, errors.New("secret"), 403},
		"an answer of echo": {http.MethodPost, echo.ErrUnauthorized, 401},
	} {
		what := new(clearer)
		h, err := echov5.ClearHandler(what, func(*echo.Context) error { return tt.authorize })
		if err != nil {
			t.Fatal(err)
		}
		rec := serve(quiet(), httptest.NewRequest(tt.method, "/", http.NoBody), h)
		if rec.Code != tt.status || (what.n == 1) != (tt.status == 204) || strings.Contains(rec.Body.String(), "secret") {
			t.Errorf("%s: %d, cleared %d times, %s; want %d", name, rec.Code, what.n, rec.Body, tt.status)
		}
		var body struct{ Status int }
		if tt.status == 405 && (json.Unmarshal(rec.Body.Bytes(), &body) != nil || body.Status != 405 || rec.Header().Get("Allow") != "POST") {
			t.Errorf("%s: %v %s, want one problem with Allow", name, rec.Header(), rec.Body)
		}
	}
}

// What a log reads of a request that has failed shapes no response; what the
// error handler reads for its page does.
func TestWhatTheErrorHandlerReadsIsInVary(t *testing.T) {
	t.Parallel()
	info := func() echo.MiddlewareFunc { return echov5.Use(ctxinfo.Must(ctxinfo.New(ctxinfo.Config{}))) }
	log := func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c *echo.Context) error {
			err := next(c)
			_ = ctxinfo.From(c).Timezone()
			return err
		}
	}
	failing := func(*echo.Context) error { return echo.ErrNotFound }
	for name, tt := range map[string]struct {
		localized bool
		want      string
	}{"a plain page": {false, ""}, "a page in the visitor's language": {true, "Accept-Language"}} {
		e := quiet()
		if tt.localized {
			e.HTTPErrorHandler = func(c *echo.Context, err error) {
				_ = c.String(echo.StatusCode(err), ctxinfo.From(c).Locale().String())
			}
		}
		rec := serve(e, get("/"), failing, log, info())
		if vary := rec.Header().Get("Vary"); rec.Code != 404 || !strings.Contains(vary, tt.want) || tt.want == "" && vary != "" {
			t.Errorf("%s: %d with Vary %q, want 404 with %q", name, rec.Code, vary, tt.want)
		}
	}
}

// A context that is none of echo v5's, such as one of the other echo.
func TestAWrapperMustPassOnItsContext(t *testing.T) {
	t.Parallel()
	rec := serve(quiet(), get("/"), func(c *echo.Context) error { return c.NoContent(204) }, echov5.Use(&stranger{}))
	if rec.Code != http.StatusInternalServerError {
		t.Errorf("status = %d, want 500", rec.Code)
	}
}

type stranger struct{}

func (*stranger) Name() string { return "stranger" }
func (*stranger) Wrap(next middleware.Handler) middleware.Handler {
	return func(c middleware.Context) error { return next(middleware.ContextOf(c.Request())) }
}
