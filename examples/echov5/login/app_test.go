// Code generated from login/app_test.go by the steps of docs/echo-v5.md. DO NOT EDIT.

package main

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// testApp is the app, with few rounds so that tests are fast.
func testApp(t *testing.T) *app {
	t.Helper()
	a, err := newApp(t.Context(), config{Accounts: map[string]string{"ada": "engine"}, Rounds: 100})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return a
}

// site serves the app over https on loopback.
func site(t *testing.T) *httptest.Server {
	t.Helper()
	s := httptest.NewTLSServer(testApp(t))
	t.Cleanup(s.Close)
	return s
}

// A visitor is a browser with its own cookies.
type visitor struct {
	t      *testing.T
	url    string
	client *http.Client
	body   string // of the last page
}

func newVisitor(t *testing.T, s *httptest.Server) *visitor {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	client := *s.Client()
	client.Jar = jar
	return &visitor{t: t, url: s.URL, client: &client}
}

func (v *visitor) get() string {
	v.t.Helper()
	v.take(v.client.Get(v.url))
	return v.body
}

var token = regexp.MustCompile(`name="csrf_token" value="([^"]+)"`)

// post sends a form of the last page; pairs are names and values in turn.
func (v *visitor) post(path string, pairs ...string) *http.Response {
	v.t.Helper()
	form := url.Values{}
	if m := token.FindStringSubmatch(v.body); m != nil {
		form.Set("csrf_token", m[1])
	}
	for i := 0; i < len(pairs); i += 2 {
		form.Set(pairs[i], pairs[i+1])
	}
	return v.take(v.client.PostForm(v.url+path, form))
}

func (v *visitor) take(res *http.Response, err error) *http.Response {
	v.t.Helper()
	if err != nil {
		v.t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		v.t.Fatal(err)
	}
	v.body = string(body)
	return res
}

func (v *visitor) login() *visitor {
	v.t.Helper()
	v.get()
	v.post("/login", "name", "ada", "password", "engine")
	v.sees("Welcome, ada.", "Hello, ada")
	return v
}

func (v *visitor) sees(texts ...string) {
	v.t.Helper()
	for _, text := range texts {
		if !strings.Contains(v.body, text) {
			v.t.Errorf("the page lacks %q:\n%s", text, v.body)
		}
	}
}

func (v *visitor) lacks(texts ...string) {
	v.t.Helper()
	for _, text := range texts {
		if strings.Contains(v.body, text) {
			v.t.Errorf("the page has %q", text)
		}
	}
}

func TestLogInAndOut(t *testing.T) {
	t.Parallel()
	v := newVisitor(t, site(t))
	v.get()
	v.sees("Log in", "in this session: 1")
	res := v.post("/login", "name", "ada", "password", "wrong")
	if res.StatusCode != http.StatusUnauthorized {
		t.Errorf("a wrong password: status %d", res.StatusCode)
	}
	v.sees("The name or the password is wrong.")
	v.login()
	v.sees("in this session: 3") // those before the login count
	v.get()
	v.lacks("Welcome")
	v.post("/logout")
	v.sees("You are logged out.", "in this session: 1")
	v.get()
	v.lacks("ada", "You are logged out.")
}

func TestDevices(t *testing.T) {
	t.Parallel()
	s := site(t)
	one, two, three := newVisitor(t, s).login(), newVisitor(t, s).login(), newVisitor(t, s).login()
	one.get()
	if n := strings.Count(one.body, "<li>"); n != 3 {
		t.Fatalf("%d devices are listed, want 3", n)
	}
	other := regexp.MustCompile(`name="handle" value="([^"]+)"><button class="other"`).FindStringSubmatch(one.body)
	one.post("/end", "handle", other[1])
	one.sees("The device is logged out.")
	one.post("/end", "handle", other[1])
	one.sees("logged out already")
	one.post("/end-others")
	one.sees("Devices logged out: 1.", "this device")
	for _, v := range []*visitor{two, three} {
		v.get()
		v.lacks("Hello")
		v.post("/end", "handle", "x")
		v.lacks("Hello")
	}
	one.get()
	one.sees("Hello, ada")
	own := regexp.MustCompile(`name="handle" value="([^"]+)"`).FindStringSubmatch(one.body)
	one.post("/end", "handle", own[1])
	one.sees("You are logged out.")
}

func TestKeepMeLoggedIn(t *testing.T) {
	t.Parallel()
	v := newVisitor(t, site(t))
	v.get()
	v.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	res := v.post("/login", "name", "ada", "password", "engine", "remember", "yes")
	for _, c := range res.Cookies() {
		if c.Name == "__Host-id" && c.MaxAge != 30*24*3600 {
			t.Errorf("the cookie lives for %d s, want 30 days", c.MaxAge)
		}
	}
	if got := res.Header.Get("Cache-Control"); got != "no-store" {
		t.Errorf("Cache-Control = %q", got)
	}
}

func TestFormsOfOthersAreRefused(t *testing.T) {
	t.Parallel()
	s := site(t)
	v, other := newVisitor(t, s).login(), newVisitor(t, s)
	other.get()
	v.body = other.body // another visitor's token
	for _, path := range []string{"/login", "/logout", "/end", "/end-others"} {
		if res := v.post(path); res.StatusCode != http.StatusForbidden {
			t.Errorf("%s: status %d, want 403", path, res.StatusCode)
		}
		v.body = ""
	}
	v.get()
	v.sees("Hello, ada")
}

func TestTriesAreLimited(t *testing.T) {
	t.Parallel()
	v := newVisitor(t, site(t))
	for _, name := range []string{"ada", "nobody"} {
		for i := range tries + 1 {
			v.get()
			res := v.post("/login", "name", name, "password", "guess")
			want := http.StatusUnauthorized
			if i == tries {
				want = http.StatusTooManyRequests
			}
			if res.StatusCode != want || (res.Header.Get("Retry-After") == "") != (i < tries) {
				t.Errorf("%s, try %d: status %d, Retry-After %q, want %d", name, i+1, res.StatusCode, res.Header.Get("Retry-After"), want)
			}
		}
	}
	v.sees("Too many attempts.")
}

func TestTriesComeBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a, err := newAccounts(map[string]string{"ada": "engine"}, 100)
		if err != nil {
			t.Fatal(err)
		}
		for range tries {
			if err := a.check(t.Context(), "ada", "guess"); !errors.Is(err, errWrong) {
				t.Errorf("check() = %v", err)
			}
		}
		e, ok := errors.AsType[tooManyError](a.check(t.Context(), "ada", "engine"))
		if !ok || e.wait > oneEvery {
			t.Errorf("the right password after too many tries: %v", e)
		}
		time.Sleep(oneEvery)
		if err := a.check(t.Context(), "ada", "engine"); err != nil {
			t.Errorf("check() after waiting = %v", err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		a.hashes <- struct{}{}
		a.hashes <- struct{}{}
		if err := a.check(ctx, "grace", "x"); !errors.Is(err, context.Canceled) {
			t.Errorf("a client that has gone is waited for: %v", err)
		}
	})
}

func TestTheProgramServesAndStops(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	r, w := io.Pipe()
	done := make(chan error, 1)
	go func() { done <- run(ctx, []string{"-addr", "127.0.0.1:0"}, w, 1000) }()
	line := make([]byte, 200)
	n, err := r.Read(line)
	if err != nil {
		t.Fatal(err)
	}
	address := strings.Fields(string(line[:n]))[1]
	res, err := http.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	cancel()
	if err := <-done; err != nil || res.StatusCode != http.StatusOK {
		t.Errorf("status %d; run() = %v", res.StatusCode, err)
	}
	http.DefaultClient.CloseIdleConnections()
	if err := run(t.Context(), []string{"-addr", "nowhere"}, io.Discard, 1000); err == nil {
		t.Error("an address that is none is taken")
	}
}
