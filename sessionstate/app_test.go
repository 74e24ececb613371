package sessionstate_test

import (
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"

	"github.com/reecho-go/reecho/echov4"
	"github.com/reecho-go/reecho/observe"
	"github.com/reecho-go/reecho/sessionstate"
	"github.com/reecho-go/reecho/store/memstore"
)

var (
	key1 = sessionstate.Secret{ID: "one", Key: []byte("hZ6uWqk0Jm2nT8sPx4vRb1yLd7fGc3eA")}
	key2 = sessionstate.Secret{ID: "two", Key: []byte("Qe7wYb3kUz9cXt5oVn1mRj6hPd8sLg2f")}
)

var (
	count = sessionstate.NewKey("count", sessionstate.KeyConfig[int]{})
	name  = sessionstate.NewKey("name", sessionstate.KeyConfig[string]{Default: "nobody"})
	tags  = sessionstate.NewKey("tags", sessionstate.KeyConfig[[]string]{})
)

// app is an echo app with a session in front of every route.
type app struct {
	*echo.Echo
	m   *sessionstate.Manager
	rec *observe.Recorder
}

func newApp(t testing.TB, c sessionstate.Config) *app {
	t.Helper()
	a := &app{Echo: echo.New(), rec: new(observe.Recorder)}
	if c.Secrets == nil {
		c.Secrets = []sessionstate.Secret{key1}
	}
	if c.Observer == nil {
		c.Observer = a.rec
	}
	a.m = newManager(t, c)
	a.Use(echov4.Use(a.m))
	return a
}

func newManager(t testing.TB, c sessionstate.Config) *sessionstate.Manager {
	t.Helper()
	m, err := sessionstate.New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = m.Close(t.Context()) })
	return m
}

func newMem(t testing.TB) *memstore.Store {
	t.Helper()
	s := memstore.Must(memstore.New(memstore.Config{}))
	t.Cleanup(func() { _ = s.Close(t.Context()) })
	return s
}

// modes runs f for cookie mode and for server mode.
func modes(t *testing.T, f func(t *testing.T, c sessionstate.Config)) {
	t.Run("cookie", func(t *testing.T) {
		t.Parallel()
		f(t, sessionstate.Config{})
	})
	t.Run("memstore", func(t *testing.T) {
		t.Parallel()
		f(t, sessionstate.Config{Store: newMem(t)})
	})
}

// has reports whether the session has a value for the key.
func has[T any](k *sessionstate.Key[T], s *sessionstate.State) bool {
	_, ok, _ := k.Lookup(s)
	return ok
}

// handle adds a route whose session is s.
func (a *app) handle(path string, h func(c echo.Context, s *sessionstate.State) error) {
	a.Any(path, func(c echo.Context) error { return h(c, sessionstate.From(c)) })
}

// reply is a response with its body.
type reply struct {
	*http.Response
	body string
}

// visitor is a browser without rules: it keeps what it is given.
type visitor struct {
	a   *app
	jar map[string]string
}

func (a *app) visitor() *visitor { return &visitor{a: a, jar: map[string]string{}} }

// clone is another copy of the same cookies.
func (v *visitor) clone() *visitor {
	c := v.a.visitor()
	maps.Copy(c.jar, v.jar)
	return c
}

func (v *visitor) cookie() string { return v.jar["__Host-id"] }

func (v *visitor) request(path string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, path, http.NoBody)
	for name, value := range v.jar {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	return r
}

func (v *visitor) get(t testing.TB, path string) reply {
	t.Helper()
	return v.do(t, v.request(path))
}

func (v *visitor) do(t testing.TB, r *http.Request) reply {
	t.Helper()
	rec := httptest.NewRecorder()
	v.a.ServeHTTP(rec, r)
	return v.take(t, rec.Result())
}

// take notes the cookies of a response.
func (v *visitor) take(t testing.TB, res *http.Response) reply {
	t.Helper()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range res.Cookies() {
		if c.MaxAge < 0 {
			delete(v.jar, c.Name)
		} else {
			v.jar[c.Name] = c.Value
		}
	}
	return reply{Response: res, body: string(body)}
}

// wants fails unless the reply has this status and body.
func (r reply) wants(t testing.TB, status int, body string) {
	t.Helper()
	if r.StatusCode != status || strings.TrimSpace(r.body) != body {
		t.Errorf("%d %q, want %d %q", r.StatusCode, r.body, status, body)
	}
}

// setCookies counts the Set-Cookie headers of a name.
func (r reply) setCookies(name string) int {
	n := 0
	for _, line := range r.Header["Set-Cookie"] {
		if strings.HasPrefix(line, name+"=") {
			n++
		}
	}
	return n
}

// status fails unless the reply has this status.
func (r reply) status(t testing.TB, want int) {
	t.Helper()
	if r.StatusCode != want {
		t.Errorf("status %d %q, want %d", r.StatusCode, r.body, want)
	}
}
