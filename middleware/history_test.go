package middleware_test

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/labstack/echo/v4"
	echomw "github.com/labstack/echo/v4/middleware"

	"github.com/reecho-go/reecho/echov4"
	"github.com/reecho-go/reecho/middleware"
)

// model is what a handler's steps come to, for the client.
type model struct {
	sent   bool // the headers have left, as far as the handler is concerned
	status int
	ended  bool // no step follows
	open   bool // echo does not know yet that the headers have left: what gzip delays may still change
}

func (m *model) send(status int) {
	if !m.sent {
		m.sent, m.status = true, status
	}
}

// step is one thing that a handler does.
type step struct {
	name string
	do   func(c echo.Context) error
	in   func(m *model)
}

// final is a recorder that lets informational answers pass, as a server does.
type final struct{ *httptest.ResponseRecorder }

// WriteHeader implements http.ResponseWriter.
func (f final) WriteHeader(status int) {
	if status >= 200 {
		f.ResponseRecorder.WriteHeader(status)
	}
}

var errStop = errors.New("stop")

func steps() []step {
	write := func(m *model) { m.send(200) }
	past := func(m *model) { m.open = m.open || !m.sent; m.send(200) }
	fail := func(status int) func(*model) {
		return func(m *model) { m.send(status); m.ended = true }
	}
	return []step{
		{"header", func(c echo.Context) error { c.Response().Header().Set("X-H", "1"); return nil }, func(*model) {}},
		{"cookie", func(c echo.Context) error { c.SetCookie(&http.Cookie{Name: "c", Value: "1"}); return nil }, func(*model) {}},
		{"hints", func(c echo.Context) error {
			if !c.Response().Committed { // gzip takes what comes later for the final status
				c.Response().Writer.WriteHeader(103)
			}
			return nil
		}, func(*model) {}},
		{"write", func(c echo.Context) error { _, err := io.WriteString(c.Response(), "abc"); return err }, write},
		{"long write", func(c echo.Context) error {
			_, err := io.WriteString(c.Response(), strings.Repeat("x", 5000))
			return err
		}, write},
		{"direct", func(c echo.Context) error { _, err := c.Response().Writer.Write([]byte("d")); return err }, past},
		{"copy", func(c echo.Context) error {
			_, err := io.Copy(c.Response().Writer, io.LimitReader(strings.NewReader("copied"), 6))
			return err
		}, past},
		{"flush", func(c echo.Context) error { c.Response().Flush(); return nil }, past},
		{"status 201", func(c echo.Context) error { c.Response().WriteHeader(201); return nil }, func(m *model) { m.send(201) }},
		{"ask", func(c echo.Context) error {
			if err := middleware.RequestCommit(c.Request().Context()); err != nil && !errors.Is(err, middleware.ErrCommitted) {
				return err
			}
			return nil
		}, func(*model) {}},
		{"error 404", func(echo.Context) error { return echo.ErrNotFound }, fail(404)},
		{"our error", func(echo.Context) error { return echov4.HTTPError(fmt.Errorf("x: %w", teapot{})) }, fail(418)},
		{"error", func(echo.Context) error { return errStop }, fail(500)},
		{"panic", func(echo.Context) error { panic("boom") }, fail(500)},
		{"string", func(c echo.Context) error { return c.String(202, "s") }, func(m *model) { m.send(202) }},
	}
}

// replace puts another echo.Response in the place of echo's for the handler.
func replace(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		old := c.Response()
		own := echo.NewResponse(old.Writer, c.Echo())
		c.SetResponse(own)
		defer func() {
			old.Committed, old.Status = own.Committed, own.Status
			c.SetResponse(old)
		}()
		return next(c)
	}
}

// TestRandomHistory sends random handlers through random piles of
// middlewares and compares with the model: whatever happens, every committer
// runs once, before the headers, with the status that the client sees.
func TestRandomHistory(t *testing.T) {
	t.Parallel()
	rounds := 3000
	if testing.Short() {
		rounds = 300
	}
	all := steps()
	piles := map[string]func() echo.MiddlewareFunc{
		"gzip":    func() echo.MiddlewareFunc { return echomw.GzipWithConfig(echomw.GzipConfig{MinLength: 64}) },
		"gzipAll": echomw.Gzip,
		"dump":    func() echo.MiddlewareFunc { return echomw.BodyDump(func(echo.Context, []byte, []byte) {}) },
		"timeout": func() echo.MiddlewareFunc { return echomw.ContextTimeout(time.Hour) },
		"secure":  echomw.Secure,
		"csrf":    echomw.CSRF,
		"inflate": echomw.Decompress,
		"rewrite": func() echo.MiddlewareFunc { return echomw.Rewrite(map[string]string{"/nowhere": "/"}) },
		"static":  func() echo.MiddlewareFunc { return echomw.StaticWithConfig(echomw.StaticConfig{Root: t.TempDir()}) },
		"id":      echomw.RequestID,
		"recover": func() echo.MiddlewareFunc {
			return echomw.RecoverWithConfig(echomw.RecoverConfig{LogErrorFunc: func(_ echo.Context, err error, _ []byte) error { return err }})
		},
	}
	var names []string
	for name := range piles {
		names = append(names, name)
	}
	slices.Sort(names)
	for seed := range uint64(rounds) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		history := []string{"recover"}
		e := echo.New()
		e.Logger.SetOutput(io.Discard)
		e.Use(piles["recover"]())
		var stamps []*stamp
		failing := -1
		layers := 1 + rnd.IntN(5)
		first := rnd.IntN(layers) // here is a stack at any rate
		for at := range layers {
			if at == first || rnd.IntN(4) == 0 {
				s := &stamp{name: fmt.Sprintf("S%d", len(stamps))}
				if failing < 0 && rnd.IntN(6) == 0 {
					s.fail, failing = unavailable{}, len(stamps)
				}
				stamps = append(stamps, s)
				history = append(history, fmt.Sprintf("stack(fail=%v)", s.fail != nil))
				e.Use(echov4.Use(s))
				continue
			}
			name := names[rnd.IntN(len(names))]
			history = append(history, name)
			e.Use(piles[name]())
		}
		if rnd.IntN(4) == 0 { // inside of every stack: see the package comment
			history = append(history, "replace")
			e.Use(replace)
		}
		var want model
		var do []step
		for range rnd.IntN(5) {
			s := all[rnd.IntN(len(all))]
			history = append(history, "> "+s.name)
			do = append(do, s)
			if s.in(&want); want.ended {
				break
			}
		}
		want.send(200)
		if want.open && strings.Contains(strings.Join(history, " "), "gzip") {
			want.status = 0 // whatever it is, it is what was committed
		}
		e.GET("/", func(c echo.Context) error {
			for _, s := range do {
				if err := s.do(c); err != nil {
					return err
				}
			}
			return nil
		})
		rec := httptest.NewRecorder()
		req := httptest.NewRequest(http.MethodGet, "/", http.NoBody)
		if rnd.IntN(2) == 0 {
			req.Header.Set("Accept-Encoding", "gzip")
			history = append(history, "(accepts gzip)")
		}
		e.ServeHTTP(final{rec}, req)
		bad := func(format string, args ...any) {
			t.Errorf("seed %d, %s: %s", seed, strings.Join(history, " "), fmt.Sprintf(format, args...))
		}
		res := rec.Result()
		if want.status == 0 {
			want.status = res.StatusCode
		}
		if failing < 0 && res.StatusCode != want.status {
			bad("status = %d, want %d", res.StatusCode, want.status)
		}
		for i, s := range stamps {
			if n := s.runs.Load(); n != 1 {
				bad("%s committed %d times", s.name, n)
			}
			if failing < 0 && int(s.status.Load()) != want.status {
				bad("%s committed as %d, want %d", s.name, s.status.Load(), want.status)
			}
			if failing < 0 && len(res.Header.Values("X-"+s.name)) != 1 {
				bad("the header of %s has not left", s.name)
			}
			if i == failing && res.StatusCode != http.StatusServiceUnavailable {
				bad("status = %d after a failed commit, want 503", res.StatusCode)
			}
		}
		if t.Failed() {
			return
		}
	}
}
