package middleware_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/textproto"
	"testing"
	"time"

	"github.com/labstack/echo/v4"
	echomw "github.com/labstack/echo/v4/middleware"

	"github.com/reecho-go/reecho/echov4"
	"github.com/reecho-go/reecho/internal/waysouttest"
)

// An informational status that is sent with echo's own Response counts for
// echo as the final one; what follows must be answered and committed all the same.
func TestAfterAnInformationalStatusTheAnswerStillCounts(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		after  func(c echo.Context) error
		status int
	}{
		{"nothing", func(echo.Context) error { return nil }, 200},
		{"body", func(c echo.Context) error { _, err := io.WriteString(c.Response(), "x"); return err }, 200},
		{"echo error", func(echo.Context) error { return echo.ErrNotFound }, 404},
		{"our error", func(echo.Context) error { return teapot{} }, 418},
		{"panic", func(echo.Context) error { panic("boom") }, 500},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			a := &stamp{Of: "A"}
			e := echo.New()
			e.Logger.SetOutput(io.Discard)
			e.Use(echomw.RecoverWithConfig(echomw.RecoverConfig{DisablePrintStack: true}), echov4.Use(a))
			e.GET("/", func(c echo.Context) error {
				c.Response().WriteHeader(http.StatusEarlyHints)
				return tt.after(c)
			})
			srv := httptest.NewServer(e)
			defer srv.Close()
			res, err := srv.Client().Get(srv.URL)
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			if res.StatusCode != tt.status || res.Header.Get("X-A") != "committed" || a.Runs.Load() != 1 || int(a.Status.Load()) != tt.status {
				t.Errorf("status %d (committed as %d), X-A %q, %d commits; want %d, committed once", res.StatusCode, a.Status.Load(), res.Header.Get("X-A"), a.Runs.Load(), tt.status)
			}
		})
	}
}

// The server's writer panics of a number that is no status; then nothing has been
// sent, and the answer to the panic counts.
func TestWhatIsNoStatusIsNeitherCommittedNorSent(t *testing.T) {
	t.Parallel()
	for _, status := range []int{-1, 0, 99, 1000} {
		a := &stamp{Of: "A"}
		rec := serve(t, func(c echo.Context) error {
			c.Response().WriteHeader(status)
			return nil
		}, echomw.Recover(), echov4.Use(a))
		if rec.Code != 500 || a.Runs.Load() != 1 || a.Status.Load() != 500 {
			t.Errorf("WriteHeader(%d): answer %d, committed %d times as %d; want 500, once", status, rec.Code, a.Runs.Load(), a.Status.Load())
		}
	}
}

// gzip would keep a hint until the end, and send it with the final headers.
func TestAHintGoesPastGzipAtOnce(t *testing.T) {
	t.Parallel()
	e := echo.New()
	e.Use(echomw.Gzip(), echov4.Use(&stamp{Of: "A"}))
	e.GET("/", func(c echo.Context) error {
		c.Response().Header().Set("Link", "</x.css>; rel=preload")
		c.Response().Writer.WriteHeader(http.StatusEarlyHints)
		return nil
	})
	srv := httptest.NewServer(e)
	defer srv.Close()
	var hints []textproto.MIMEHeader
	ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{Got1xxResponse: func(_ int, h textproto.MIMEHeader) error {
		hints = append(hints, h)
		return nil
	}})
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, srv.URL, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept-Encoding", "gzip")
	res, err := srv.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK || res.Header.Get("X-A") != "committed" || len(hints) != 1 || hints[0].Get("Link") == "" || hints[0].Get("X-A") != "" {
		t.Errorf("answer = %d %v after %v, want 200 with X-A after one hint with Link alone", res.StatusCode, res.Header, hints)
	}
}

// A connection that cannot be taken over has sent no headers yet, even if a writer
// in between says that it could be.
func TestAHijackThatIsNotSupportedCommitsNothing(t *testing.T) {
	t.Parallel()
	a := &stamp{Of: "A"}
	rec := serve(t, func(c echo.Context) error {
		if _, _, err := c.Response().Hijack(); !errors.Is(err, http.ErrNotSupported) {
			t.Errorf("Hijack() = %v, want ErrNotSupported", err)
		}
		return c.NoContent(http.StatusUpgradeRequired)
	}, echov4.Use(&stamp{Of: "B"}), echov4.Use(a))
	if rec.Code != http.StatusUpgradeRequired || a.Runs.Load() != 1 || a.Status.Load() != http.StatusUpgradeRequired {
		t.Errorf("status %d, %d commits of status %d; want one commit of 426", rec.Code, a.Runs.Load(), a.Status.Load())
	}
}

// A handler that streams for ever must not keep the client from learning that
// the commit has failed.
func TestAFailedCommitIsAnsweredBeforeTheStreamEnds(t *testing.T) {
	t.Parallel()
	streams := map[string]func(c echo.Context, src io.Reader) error{
		"ReadFrom": func(c echo.Context, src io.Reader) error { _, err := io.Copy(c.Response().Writer, src); return err },
		"Write":    func(c echo.Context, src io.Reader) error { return c.Stream(200, "text/plain", src) },
		"buffered": func(c echo.Context, src io.Reader) error {
			w := bufio.NewWriterSize(c.Response(), 16)
			_, err := io.Copy(w, src)
			return err
		},
	}
	for name, stream := range streams {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			src, feed := io.Pipe()
			e := echo.New()
			e.Use(echov4.Use(&stamp{Of: "A", Fail: unavailable{}}))
			e.GET("/", func(c echo.Context) error { return stream(c, src) })
			srv := httptest.NewServer(e)
			defer srv.Close()
			defer feed.Close()
			go func() { _, _ = feed.Write(bytes.Repeat([]byte("x"), 64)) }()
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			req, err := http.NewRequestWithContext(ctx, http.MethodGet, srv.URL, http.NoBody)
			if err != nil {
				t.Fatal(err)
			}
			res, err := srv.Client().Do(req)
			if err != nil {
				t.Fatalf("no answer while the stream goes on: %v", err)
			}
			defer res.Body.Close()
			if _, err := io.ReadAll(res.Body); err != nil || res.StatusCode != http.StatusServiceUnavailable {
				t.Errorf("answer = %d, %v; want a complete 503", res.StatusCode, err)
			}
		})
	}
}

// What echo's books say is what the client saw: the first status counts.
func TestASecondStatusChangesNothing(t *testing.T) {
	t.Parallel()
	var status int
	rec := serve(t, func(c echo.Context) error {
		c.Response().Writer.WriteHeader(http.StatusAccepted)
		c.Response().Writer.WriteHeader(http.StatusBadGateway)
		status = c.Response().Status
		return nil
	}, echov4.Use(&stamp{Of: "A"}))
	if rec.Code != http.StatusAccepted || status != http.StatusAccepted {
		t.Errorf("the client saw %d, echo says %d; want 202 twice", rec.Code, status)
	}
}

// A middleware further in may replace echo's Response.
func TestAReplacedResponseIsCommittedOnce(t *testing.T) {
	t.Parallel()
	ends := map[string]struct {
		handler echo.HandlerFunc
		status  int
	}{
		"body":      {func(c echo.Context) error { return c.String(201, "x") }, 201},
		"nothing":   {func(echo.Context) error { return nil }, 200},
		"error":     {func(echo.Context) error { return echo.ErrNotFound }, 404},
		"our error": {func(echo.Context) error { return teapot{} }, 418},
		"panic":     {func(echo.Context) error { panic("boom") }, 500},
	}
	for _, fail := range []error{nil, unavailable{}} {
		for name, end := range ends {
			a := &stamp{Of: "A", Fail: fail}
			rec := serve(t, end.handler, echov4.Use(a), func(next echo.HandlerFunc) echo.HandlerFunc {
				return func(c echo.Context) error {
					c.SetResponse(echo.NewResponse(c.Response().Writer, c.Echo()))
					return next(c)
				}
			})
			want := end.status
			if fail != nil {
				want = 503
			}
			if rec.Code != want || a.Runs.Load() != 1 || int(a.Status.Load()) != end.status {
				t.Errorf("%s, commit error %v: status %d (committed as %d), %d commits; want %d, one", name, fail, rec.Code, a.Status.Load(), a.Runs.Load(), want)
			}
		}
	}
}

// A middleware further in may lose the status that echo has taken for sent:
// gzip does so when an informational one follows.
func TestAStatusThatWasLostOnTheWayIsCommitted(t *testing.T) {
	t.Parallel()
	for _, fail := range []error{nil, unavailable{}} {
		a := &stamp{Of: "A", Fail: fail}
		e := echo.New()
		e.Use(echov4.Use(a), echomw.Gzip())
		e.GET("/", func(c echo.Context) error {
			c.Response().WriteHeader(http.StatusCreated)
			c.Response().Writer.WriteHeader(http.StatusEarlyHints)
			return nil
		})
		req := httptest.NewRequest(http.MethodGet, "/", http.NoBody)
		req.Header.Set("Accept-Encoding", "gzip")
		rec := httptest.NewRecorder()
		e.ServeHTTP(waysouttest.Final{ResponseRecorder: rec}, req)
		want := http.StatusOK
		if fail != nil {
			want = http.StatusServiceUnavailable
		}
		if rec.Code != want || a.Runs.Load() != 1 || int(a.Status.Load()) != http.StatusOK {
			t.Errorf("commit error %v: status %d, %d commits as %d; want %d, one as 200", fail, rec.Code, a.Runs.Load(), a.Status.Load(), want)
		}
	}
}
