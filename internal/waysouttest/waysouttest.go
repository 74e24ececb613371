// Package waysouttest lists the ways in which a handler can send a response, and the
// middlewares that change them. A hook that runs before the headers are sent must
// run in all of them. A package that adds headers tests itself over [Ways] x
// [Framework.Arounds] x {HTTP/1.1, HTTP/2}; [Framework.Test] tests each web
// framework that the toolkit serves.
package waysouttest

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/reecho-go/reecho/internal/problem"
)

// Way is one way out of a handler, and what the client sees of it.
type Way struct {
	Name    string // fit for a path
	Method  string // empty: GET
	Status  int
	Body    string
	AnyBody bool // the body does not matter
	Hijack  bool // the handler takes over the connection
	Out     func(x Answer) error
}

// Ways returns all of them. The file that one of them sends goes with the test.
func Ways(t testing.TB) []Way {
	t.Helper()
	file := filepath.Join(t.TempDir(), "f.txt")
	if err := os.WriteFile(file, []byte("from a file"), 0o600); err != nil {
		t.Fatal(err)
	}
	long := strings.Repeat("x", 100_000)
	return []Way{
		{Name: "String", Status: 200, Body: "hello", Out: func(x Answer) error { return x.String(200, "hello") }},
		{Name: "long-String", Status: 200, Body: long, Out: func(x Answer) error { return x.String(200, long) }},
		{Name: "JSON", Status: 201, Body: "1\n", Out: func(x Answer) error { return x.JSON(201, 1) }},
		{Name: "nothing-written", Status: 200, Out: func(Answer) error { return nil }},
		{Name: "NoContent", Status: 204, Out: func(x Answer) error { return x.NoContent(204) }},
		{Name: "echo-error", Status: 404, AnyBody: true, Out: func(x Answer) error { return x.NotFound() }},
		{Name: "plain-error", Status: 500, AnyBody: true, Out: func(Answer) error { return errors.New("boom") }},
		{Name: "our-error", Status: 418, AnyBody: true, Out: func(x Answer) error { return x.Ours(Teapot{}) }},
		{Name: "redirect", Status: 303, Out: func(x Answer) error { return x.Redirect(303, "/elsewhere") }},
		{Name: "Flush-first", Status: 200, Body: "data: 1\n\n", Out: func(x Answer) error {
			x.Flush()
			_, err := io.WriteString(x.Writer(), "data: 1\n\n")
			return err
		}},
		{Name: "Flush-first-past-echo", Status: 200, Body: "data: 1\n\n", Out: func(x Answer) error {
			if err := http.NewResponseController(x.Raw()).Flush(); err != nil {
				return err
			}
			_, err := io.WriteString(x.Raw(), "data: 1\n\n")
			return err
		}},
		{Name: "direct-Writer", Status: 200, Body: "direct", Out: func(x Answer) error {
			_, err := io.WriteString(x.Raw(), "direct")
			return err
		}},
		{Name: "direct-WriteHeader", Status: 202, Out: func(x Answer) error {
			x.Raw().WriteHeader(202)
			return nil
		}},
		{Name: "ReadFrom", Status: 200, Body: "from a file", Out: func(x Answer) error {
			f, err := os.Open(file)
			if err != nil {
				return err
			}
			defer func() { _ = f.Close() }() // only read
			_, err = io.Copy(x.Raw(), f)
			return err
		}},
		{Name: "ReadFrom-nothing", Status: 502, Body: "upstream is gone", Out: func(x Answer) error {
			if n, err := io.Copy(x.Raw(), iotest.ErrReader(errors.New("upstream is gone"))); n != 0 || err == nil {
				return fmt.Errorf("copied %d bytes of nothing: %w", n, err)
			}
			return x.String(502, "upstream is gone")
		}},
		{Name: "File", Status: 200, Body: "from a file", Out: func(x Answer) error {
			http.ServeFile(x.Writer(), x.Request(), file)
			return nil
		}},
		{Name: "103-first", Status: 200, Body: "after", Out: func(x Answer) error {
			x.Writer().Header().Set("Link", "</x.css>; rel=preload")
			x.Raw().WriteHeader(http.StatusEarlyHints)
			return x.String(200, "after")
		}},
		{Name: "HEAD", Method: http.MethodHead, Status: 200, Out: func(x Answer) error { return x.String(200, "hello") }},
		{Name: "panic", Status: 500, AnyBody: true, Out: func(Answer) error { panic("boom") }},
		{Name: "hijack", Status: 101, Hijack: true, Out: func(x Answer) error {
			conn, rw, err := http.NewResponseController(x.Writer()).Hijack()
			if err != nil {
				return err
			}
			defer func() { _ = conn.Close() }()
			_, err = rw.WriteString("HTTP/1.1 101 Switching Protocols\r\nUpgrade: test\r\nConnection: Upgrade\r\n")
			err = errors.Join(err, x.Writer().Header().Write(rw))
			_, end := rw.WriteString("\r\n")
			return errors.Join(err, end, rw.Flush())
		}},
	}
}

// Teapot is an error of the kind that the toolkit makes, with a status of its own.
type Teapot struct{} //lint:ignore errname it stands for any error

// Error implements error.
func (Teapot) Error() string { return "teapot" }

// StatusCode is 418.
func (Teapot) StatusCode() int { return http.StatusTeapot }

// Problem implements the toolkit's error interface.
func (Teapot) Problem() problem.Details { return problem.Details{Detail: "short and stout"} }

// Exists reports whether the way can be taken: neither what gzip buffers nor
// HTTP/2 can be hijacked.
func (w Way) Exists(a Around, http2 bool) bool { return !w.Hijack || !a.Buffers && !http2 }

// Serve serves h until the test ends.
func Serve(t testing.TB, h http.Handler, http2 bool) *httptest.Server {
	t.Helper()
	srv := httptest.NewUnstartedServer(h)
	srv.Config.ErrorLog = log.New(io.Discard, "", 0)
	srv.EnableHTTP2 = http2
	if http2 {
		srv.StartTLS()
	} else {
		srv.Start()
	}
	t.Cleanup(srv.Close)
	return srv
}

// Take makes a request that takes the way, and returns the response with its
// body, which is not read after a hijack. Redirects are not followed.
func (w Way) Take(t testing.TB, srv *httptest.Server, path string) (*http.Response, string) {
	t.Helper()
	if w.Hijack {
		return hijacked(t, srv, path)
	}
	method := w.Method
	if method == "" {
		method = http.MethodGet
	}
	req, err := http.NewRequestWithContext(t.Context(), method, srv.URL+path, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	client := *srv.Client()
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	if srv.EnableHTTP2 && res.ProtoMajor != 2 {
		t.Fatalf("protocol = %s, want HTTP/2", res.Proto)
	}
	return res, string(body)
}

func hijacked(t testing.TB, srv *httptest.Server, path string) (*http.Response, string) {
	t.Helper()
	conn, err := net.Dial("tcp", srv.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }() // what was to be read has been
	fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: test\r\n\r\n", path)
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	return res, ""
}

// Answered fails unless the response is that of the way.
func (w Way) Answered(t testing.TB, res *http.Response, body string) {
	t.Helper()
	if res.StatusCode != w.Status {
		t.Errorf("status = %d, want %d", res.StatusCode, w.Status)
	}
	if !w.AnyBody && !w.Hijack && body != w.Body {
		t.Errorf("body = %.80q, want %.80q", body, w.Body)
	}
}
