package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/reecho-go/reecho/internal/leaktest"
)

// The end of what tests share, last first.
var ends struct {
	mu   sync.Mutex
	list []func() error
}

func atEnd(f func() error) {
	ends.mu.Lock()
	defer ends.mu.Unlock()
	ends.list = append(ends.list, f)
}

func TestMain(m *testing.M) {
	atEnd(theBrowser.Close)
	code := m.Run()
	for _, end := range slices.Backward(ends.list) {
		if err := end(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = max(code, 1)
		}
	}
	if err := leaktest.Find(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = max(code, 1)
	}
	os.Exit(code)
}

// A site is the explorer as visitors reach it, over https on loopback.
type site struct {
	*httptest.Server
	app *app
}

// sharedSite is the site of all tests that mind only what one visitor sees.
// TestMain closes it.
var sharedSite = sync.OnceValues(func() (*site, error) {
	dir, err := os.MkdirTemp("", "explorer-")
	if err != nil {
		return nil, err
	}
	a, err := newApp(context.Background(), config{State: dir})
	if err != nil {
		return nil, err
	}
	atEnd(func() error { return os.RemoveAll(dir) })
	s := &site{httptest.NewTLSServer(a), a}
	atEnd(s.close)
	return s, nil
})

func newSite(t *testing.T) *site {
	t.Helper()
	s, err := sharedSite()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// siteOn is a site of its own, whose secret is in the folder state.
func siteOn(t *testing.T, state string) *site {
	t.Helper()
	a, err := newApp(t.Context(), config{State: state})
	if err != nil {
		t.Fatal(err)
	}
	s := &site{httptest.NewTLSServer(a), a}
	t.Cleanup(func() {
		if err := s.close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func (s *site) close() error {
	s.Close()
	return s.app.Close(context.Background())
}

// A visitor is a browser with its own cookies.
type visitor struct {
	t      *testing.T
	site   *site
	client *http.Client
	header http.Header // sent with each request
}

func (s *site) visitor(t *testing.T) *visitor {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	client := *s.Client()
	client.Jar = jar
	return &visitor{t, s, &client, http.Header{"Accept": {"text/html"}}}
}

type response struct {
	status int
	header http.Header
	body   string
	url    *url.URL // after redirects
}

func (v *visitor) do(method, path string, form url.Values) response {
	v.t.Helper()
	r, err := http.NewRequestWithContext(v.t.Context(), method, v.site.URL+path, strings.NewReader(form.Encode()))
	if err != nil {
		v.t.Fatal(err)
	}
	maps.Copy(r.Header, v.header)
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	res, err := v.client.Do(r)
	if err != nil {
		v.t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		v.t.Fatal(err)
	}
	return response{res.StatusCode, res.Header, string(body), res.Request.URL}
}

func (v *visitor) get(path string) response { v.t.Helper(); return v.do(http.MethodGet, path, nil) }

// post sends a form; pairs are names and values in turn.
func (v *visitor) post(path string, pairs ...string) response {
	v.t.Helper()
	form := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		form.Set(pairs[i], pairs[i+1])
	}
	return v.do(http.MethodPost, path, form)
}

// has checks a response's status and that its body holds the texts.
func (r response) has(t *testing.T, status int, texts ...string) {
	t.Helper()
	if r.status != status {
		t.Errorf("%v: status %d, want %d", r.url, r.status, status)
	}
	for _, text := range texts {
		if !strings.Contains(r.body, text) {
			t.Errorf("%v: the answer lacks %q", r.url, text)
		}
	}
}

func (r response) lacks(t *testing.T, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if strings.Contains(r.body, text) {
			t.Errorf("%v: the answer has %q", r.url, text)
		}
	}
}

// A process is the program itself, as main runs it.
type process struct {
	URL       string
	Dashboard string // with its token
	stop      func() error
}

// launch runs the program until stop is called; a second one may then take
// the address of the first.
func launch(args ...string) (*process, error) {
	ctx, cancel := context.WithCancel(context.Background())
	out := &lineBuffer{lines: make(chan string, 1)}
	done := make(chan error, 1)
	go func() { done <- run(ctx, args, out) }()
	stop := sync.OnceValue(func() error { cancel(); return <-done })
	select {
	case lines := <-out.lines:
		p := &process{stop: stop}
		if _, err := fmt.Sscanf(lines, "explorer: loading 10,000 strikes\nexplorer: %s\ndashboard: %s\n", &p.URL, &p.Dashboard); err != nil {
			return nil, errors.Join(fmt.Errorf("the program said %q: %w", lines, err), stop())
		}
		return p, nil
	case err := <-done:
		cancel()
		return nil, fmt.Errorf("the program ended: %w", err)
	case <-time.After(10 * time.Minute):
		return nil, errors.Join(errors.New("the program did not start"), stop())
	}
}

// start is a program of a test's own.
func start(t *testing.T, args ...string) *process {
	t.Helper()
	p, err := launch(args...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.stop(); err != nil {
			t.Error(err)
		}
	})
	return p
}

// sharedProgram is the program of all tests that do not stop it.
var sharedProgram = sync.OnceValues(func() (*process, error) {
	dir, err := os.MkdirTemp("", "explorer-")
	if err != nil {
		return nil, err
	}
	atEnd(func() error { return os.RemoveAll(dir) })
	p, err := launch("-addr", "127.0.0.1:0", "-state", dir)
	if err == nil {
		atEnd(p.stop)
	}
	return p, err
})

func program(t *testing.T) *process {
	t.Helper()
	p, err := sharedProgram()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// lineBuffer hands on the first three lines written to it.
type lineBuffer struct {
	buf   bytes.Buffer
	lines chan string
}

func (b *lineBuffer) Write(p []byte) (int, error) {
	n, err := b.buf.Write(p)
	if lines := b.buf.String(); strings.Count(lines, "\n") >= 3 {
		select {
		case b.lines <- lines:
		default:
		}
	}
	return n, err
}

func TestProgramServesAndStops(t *testing.T) {
	t.Parallel()
	state := filepath.Join(t.TempDir(), "made", "here")
	p := start(t, "-addr", "127.0.0.1:0", "-state", state)
	res, err := http.Get(p.URL)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusOK {
		t.Errorf("status %d", res.StatusCode)
	}
	info, err := os.Stat(filepath.Join(state, "secret"))
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 {
		t.Errorf("the secret has mode %v", info.Mode())
	}
	if err := p.stop(); err != nil {
		t.Errorf("stop: %v", err)
	}
	if _, err := http.Get(p.URL); err == nil {
		t.Error("it still answers")
	}
}

// Requests that have begun are answered when the program is told to stop.
func TestStopLetsRequestsFinish(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	inside, goOn := make(chan struct{}), make(chan struct{})
	done := make(chan error, 1)
	go func() {
		done <- serve(ctx, l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			close(inside)
			<-goOn
			_, _ = io.WriteString(w, "whole")
		}))
	}()
	answer := make(chan string, 1)
	go func() {
		res, err := http.Get("http://" + l.Addr().String())
		if err != nil {
			answer <- err.Error()
			return
		}
		defer res.Body.Close()
		body, _ := io.ReadAll(res.Body)
		answer <- string(body)
	}()
	<-inside
	cancel()
	close(goOn)
	if got := <-answer; got != "whole" {
		t.Errorf("the request got %q", got)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestWrongFlagsAreExplained(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { taken.Close() })
	dir := t.TempDir()
	open := filepath.Join(dir, "open")
	if err := os.Mkdir(open, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(open, "secret"), []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(open, "secret")
	tests := map[string]struct {
		args []string
		want []string
	}{
		"no port":         {[]string{"-state", dir, "-addr", "127.0.0.1"}, []string{"-addr 127.0.0.1", "missing port"}},
		"no such port":    {[]string{"-state", dir, "-addr", "127.0.0.1:99999"}, []string{"-addr 127.0.0.1:99999", "invalid port"}},
		"taken":           {[]string{"-state", dir, "-addr", taken.Addr().String()}, []string{"another program listens on " + taken.Addr().String(), "-addr localhost:8090"}},
		"state is a file": {[]string{"-addr", "127.0.0.1:0", "-state", file}, []string{"-state", file, "not a directory"}},
		"secret is open":  {[]string{"-addr", "127.0.0.1:0", "-state", open}, []string{"-state", open}},
		"empty state":     {[]string{"-addr", "127.0.0.1:0", "-state", ""}, []string{"-state"}},
		"unknown flag":    {[]string{"-port", "80"}, []string{"-port"}},
		"stray argument":  {[]string{"serve"}, []string{`"serve" is not a flag`}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
			defer cancel()
			err := run(ctx, tt.args, io.Discard)
			if err == nil {
				t.Fatal("it ran")
			}
			for _, want := range tt.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q does not say %q", err, want)
				}
			}
		})
	}
}
