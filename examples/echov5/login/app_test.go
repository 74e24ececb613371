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

	"github.com/labstack/echo/v5"

	"github.com/reecho-go/reecho/ctxinfo/client"
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
	agent  string // its User-Agent; empty: that of Go
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
	v := &visitor{t: t, url: s.URL, client: &client}
	client.Transport = browserTransport{v, client.Transport}
	return v
}

// browserTransport asks for pages, as browsers do, and says which one this is.
type browserTransport struct {
	of *visitor
	http.RoundTripper
}

func (a browserTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8")
	if a.of.agent != "" {
		r.Header.Set("User-Agent", a.of.agent)
	}
	return a.RoundTripper.RoundTrip(r)
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
	v.sees("The name or the password is wrong.", `value="ada"`, `aria-invalid="true"`)
	v.login()
	v.sees("in this session: 3", "no other device") // those before the login count
	v.get()
	v.lacks("Welcome")
	v.post("/logout")
	v.sees("You are logged out on this device.", "in this session: 1")
	v.get()
	v.lacks("ada", "You are logged out on this device.")
}

func TestDevices(t *testing.T) {
	t.Parallel()
	s := site(t)
	one, two, three := newVisitor(t, s).login(), newVisitor(t, s).login(), newVisitor(t, s).login()
	one.get()
	if n := strings.Count(one.body, `id="logout"`); n != 1 {
		t.Errorf("%d buttons log out here, want 1", n)
	}
	if n := strings.Count(one.body, `<button class="other">Log out `); n != 2 {
		t.Errorf("%d buttons log out elsewhere, want 2: not this device", n)
	}
	if n := strings.Count(one.body, "<li>"); n != 3 {
		t.Fatalf("%d devices are listed, want 3", n)
	}
	other := regexp.MustCompile(`name="handle" value="([^"]+)"><button class="other"`).FindStringSubmatch(one.body)
	one.post("/end", "handle", other[1])
	one.sees("The device is logged out.")
	one.post("/end", "handle", other[1])
	one.sees("logged out already")
	one.post("/end-others")
	one.sees("You are logged out on 1 other device.", "this device", "no other device")
	for _, v := range []*visitor{two, three} {
		v.get()
		v.lacks("Hello")
		v.post("/end", "handle", "x")
		v.lacks("Hello")
	}
	one.post("/end-others")
	one.sees("You were logged in on no other device.", "Hello, ada")
	four := newVisitor(t, s).login()
	handle := regexp.MustCompile(`name="handle" value="([^"]+)"`).FindStringSubmatch(four.body)
	one.get()
	one.post("/end", "handle", handle[1]) // its own, which its page does not offer
	one.sees("You are logged out on this device.")
}

func TestDevicesHaveNames(t *testing.T) {
	t.Parallel()
	s := site(t)
	const linux = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"
	const mac = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:140.0) Gecko/20100101 Firefox/140.0"
	one, two, three := newVisitor(t, s), newVisitor(t, s), newVisitor(t, s)
	one.agent, two.agent = linux, mac
	one.login()
	two.login()
	three.login()
	two.agent = linux // the name is that of the login
	two.get()
	two.sees("<strong>Chrome on Linux</strong>", "<strong>Firefox on macOS</strong> <span class=\"badge\">this device</span>", "<strong>Unknown device</strong>",
		">Log out Chrome on Linux</button>", ">Log out Unknown device</button>")
	two.lacks(">Log out Firefox")
}

func TestNamesOfDevices(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		agent client.Agent
		want  string
	}{
		{client.Agent{Browser: "Safari", Platform: "iOS", Mobile: true}, "Safari on iOS"},
		{client.Agent{Browser: "Edge"}, "Edge"},
		{client.Agent{Platform: "Windows"}, "Unknown browser on Windows"},
		{client.Agent{}, "Unknown device"},
		{client.Agent{Browser: strings.Repeat("ä", 41), Platform: "Linux"}, strings.Repeat("ä", 40) + " on Linux"},
	} {
		if got := deviceName(tt.agent); got != tt.want {
			t.Errorf("deviceName(%+v) = %q, want %q", tt.agent, got, tt.want)
		}
	}
}

func TestErrorsArePages(t *testing.T) {
	t.Parallel()
	a := testApp(t)
	a.GET("/panic", func(*echo.Context) error { panic("a secret") })
	a.GET("/fail", func(*echo.Context) error { return errors.New("a secret") })
	s := httptest.NewTLSServer(a)
	t.Cleanup(s.Close)
	for _, tt := range []struct {
		method, path, body string
		status             int
		want               string
	}{
		{"GET", "/nowhere", "", 404, "There is no page at this address."},
		{"GET", "/<script>", "", 404, "There is no page at this address."},
		{"GET", "/logout", "", 405, "Use the form there."},
		{"PUT", "/", "", 403, "This form has expired."},
		{"POST", "/login", "name=ada", 403, "This form has expired."},
		{"POST", "/login", "name=" + strings.Repeat("x", 17<<10), 413, "Too much was sent"},
		{"GET", "/end-others", "", 405, "Use the form there."},
		{"GET", "/panic", "", 500, "Something went wrong"},
		{"GET", "/fail", "", 500, "Something went wrong"},
	} {
		req, err := http.NewRequestWithContext(t.Context(), tt.method, s.URL+tt.path, strings.NewReader(tt.body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		v := newVisitor(t, s)
		res := v.take(v.client.Do(req))
		if kind := res.Header.Get("Content-Type"); res.StatusCode != tt.status || !strings.HasPrefix(kind, "text/html") || res.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s %.20s: status %d, %s, %v; want a page of %d", tt.method, tt.path, res.StatusCode, kind, res.Header, tt.status)
		}
		v.sees(tt.want, `href="/">Go to the start page`, styleURL)
		v.lacks("secret", "<script>")
	}
}

func TestTheStyleSheetIsKept(t *testing.T) {
	t.Parallel()
	v := newVisitor(t, site(t))
	v.get()
	v.sees(styleURL)
	res := v.take(v.client.Get(v.url + styleURL))
	if kind, keep := res.Header.Get("Content-Type"), res.Header.Get("Cache-Control"); !strings.HasPrefix(kind, "text/css") || !strings.Contains(keep, "immutable") || v.body != string(styleText) {
		t.Errorf("the style sheet is %s, %s, %d bytes", kind, keep, len(v.body))
	}
}

func TestKeepMeLoggedIn(t *testing.T) {
	t.Parallel()
	v := newVisitor(t, site(t))
	v.get()
	v.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	res := v.post("/login", "name", "ada", "password", "engine", "remember", "yes")
	for _, c := range res.Cookies() {
		const days = 30 * 24 * 3600 // from the login on, which was up to a minute ago
		if c.Name == "__Host-id" && (c.MaxAge > days || c.MaxAge < days-60) {
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
		began := time.Now()
		for try, status := 1, 0; status != http.StatusTooManyRequests; try++ {
			v.get()
			res := v.post("/login", "name", name, "password", "guess")
			status = res.StatusCode
			most := tries + int(time.Since(began)/oneEvery) // more may come back on a busy machine
			if ok := status == http.StatusUnauthorized && try <= most || status == http.StatusTooManyRequests && try > tries; !ok || (res.Header.Get("Retry-After") == "") != (status == http.StatusUnauthorized) {
				t.Fatalf("%s, try %d: status %d, Retry-After %q, and %d to %d may fail", name, try, status, res.Header.Get("Retry-After"), tries, most)
			}
		}
	}
	v.sees("There were too many attempts to log in with this name.")
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
