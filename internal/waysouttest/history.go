package waysouttest

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

	"github.com/reecho-go/reecho/middleware"
)

// model is what a handler's steps come to, for the client.
type model struct {
	sent   bool // the headers have left, as far as the handler is concerned
	status int
	ended  bool // no step follows
	open   bool // the framework does not know yet that the headers have left: what gzip delays may still change
}

func (m *model) send(status int) {
	if !m.sent {
		m.sent, m.status = true, status
	}
}

// step is one thing that a handler does.
type step struct {
	name string
	do   func(x Answer) error
	in   func(m *model)
}

// Final is a recorder that lets informational answers pass, as a server does.
type Final struct{ *httptest.ResponseRecorder }

// WriteHeader implements http.ResponseWriter.
func (f Final) WriteHeader(status int) {
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
		{"header", func(x Answer) error { x.Writer().Header().Set("X-H", "1"); return nil }, func(*model) {}},
		{"cookie", func(x Answer) error { http.SetCookie(x.Writer(), &http.Cookie{Name: "c", Value: "1"}); return nil }, func(*model) {}},
		{"hints", func(x Answer) error {
			if !x.Committed() { // gzip takes what comes later for the final status
				x.Raw().WriteHeader(103)
			}
			return nil
		}, func(*model) {}},
		{"write", func(x Answer) error { _, err := io.WriteString(x.Writer(), "abc"); return err }, write},
		{"long write", func(x Answer) error {
			_, err := io.WriteString(x.Writer(), strings.Repeat("x", 5000))
			return err
		}, write},
		{"direct", func(x Answer) error { _, err := x.Raw().Write([]byte("d")); return err }, past},
		{"copy", func(x Answer) error {
			_, err := io.Copy(x.Raw(), io.LimitReader(strings.NewReader("copied"), 6))
			return err
		}, past},
		{"flush", func(x Answer) error { x.Flush(); return nil }, past},
		{"status 201", func(x Answer) error { x.Writer().WriteHeader(201); return nil }, func(m *model) { m.send(201) }},
		{"ask", func(x Answer) error {
			if err := middleware.RequestCommit(x.Request().Context()); err != nil && !errors.Is(err, middleware.ErrCommitted) {
				return err
			}
			return nil
		}, func(*model) {}},
		{"error 404", func(x Answer) error { return x.NotFound() }, fail(404)},
		{"our error", func(x Answer) error { return x.Ours(fmt.Errorf("x: %w", Teapot{})) }, fail(418)},
		{"error", func(Answer) error { return errStop }, fail(500)},
		{"panic", func(Answer) error { panic("boom") }, fail(500)},
		{"string", func(x Answer) error { return x.String(202, "s") }, func(m *model) { m.send(202) }},
	}
}

// histories sends random handlers through random piles of middlewares and
// compares with the model: whatever happens, every committer runs once, before
// the headers, with the status that the client sees.
func (f Framework) histories(t *testing.T) {
	rounds := 3000
	if testing.Short() {
		rounds = 300
	}
	all := steps()
	names := slices.Sorted(slices.Values(f.Knows))
	replaces := slices.Contains(names, "replace")
	names = slices.DeleteFunc(names, func(name string) bool { return name == "replace" })
	for seed := range uint64(rounds) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		history := []string{"recover"}
		layers := []Layer{{Name: "recover"}}
		var stamps []*Stamp
		failing := -1
		count := 1 + rnd.IntN(5)
		first := rnd.IntN(count) // here is a stack at any rate
		for at := range count {
			if at == first || rnd.IntN(4) == 0 {
				s := &Stamp{Of: fmt.Sprintf("S%d", len(stamps))}
				if failing < 0 && rnd.IntN(6) == 0 {
					s.Fail, failing = Unavailable{}, len(stamps)
				}
				stamps = append(stamps, s)
				history = append(history, fmt.Sprintf("stack(fail=%v)", s.Fail != nil))
				layers = append(layers, Layer{Stack: middleware.Must(middleware.New(s))})
				continue
			}
			name := names[rnd.IntN(len(names))]
			history = append(history, name)
			layers = append(layers, Layer{Name: name})
		}
		if rnd.IntN(4) == 0 && replaces { // inside of every stack: see the comment of package middleware
			history = append(history, "replace")
			layers = append(layers, Layer{Name: "replace"})
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
		told := strings.Join(history, " ")
		unsure := (want.open || f.Loose) && strings.Contains(told, "gzip")
		unsure = unsure || f.Loose && strings.Contains(told, "replace") && strings.Contains(told, "> hints")
		if unsure {
			want.status = 0 // whatever it is, it is what was committed
		}
		h := f.Handler(t, layers, map[string]func(Answer) error{"/": func(x Answer) error {
			for _, s := range do {
				if err := s.do(x); err != nil {
					return err
				}
			}
			return nil
		}})
		rec := httptest.NewRecorder()
		req := httptest.NewRequest(http.MethodGet, "/", http.NoBody)
		if rnd.IntN(2) == 0 {
			req.Header.Set("Accept-Encoding", "gzip")
			told += " (accepts gzip)"
		}
		h.ServeHTTP(Final{rec}, req)
		bad := func(format string, args ...any) {
			t.Errorf("seed %d, %s: %s", seed, told, fmt.Sprintf(format, args...))
		}
		res := rec.Result()
		if want.status == 0 {
			want.status = res.StatusCode
		}
		if failing < 0 && res.StatusCode != want.status {
			bad("status = %d, want %d", res.StatusCode, want.status)
		}
		for i, s := range stamps {
			if n := s.Runs.Load(); n != 1 {
				bad("%s committed %d times", s.Of, n)
			}
			if failing < 0 && int(s.Status.Load()) != want.status {
				bad("%s committed as %d, want %d", s.Of, s.Status.Load(), want.status)
			}
			if failing < 0 && len(res.Header.Values("X-"+s.Of)) != 1 {
				bad("the header of %s has not left", s.Of)
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
