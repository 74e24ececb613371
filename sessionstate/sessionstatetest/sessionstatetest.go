// Package sessionstatetest helps to test apps that use package sessionstate. A
// [Client] keeps cookies as a browser does, [Seed] sets values in its session,
// and [Inspect] reads its session.
//
// To test with a store that fails, hangs or loses answers, wrap it with
// [github.com/reecho-go/reecho/store/storetest.Faulty].
package sessionstatetest

import (
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/labstack/echo/v4"

	"github.com/reecho-go/reecho/echov4"
	"github.com/reecho-go/reecho/sessionstate"
)

// origin is the site that every Client visits: Secure cookies need https.
var origin = url.URL{Scheme: "https", Host: "example.com", Path: "/"}

// Client is one visitor of a handler. It calls the handler directly, so it
// works within a bubble of testing/synctest. It does not follow redirects. It
// is safe for concurrent use.
type Client struct {
	handler http.Handler
	jar     *cookiejar.Jar
}

// NewClient returns a visitor without cookies.
func NewClient(h http.Handler) *Client {
	jar, _ := cookiejar.New(nil) // never fails
	return &Client{handler: h, jar: jar}
}

// Clone returns another visitor with copies of the same cookies. Use it for a
// thief or a second tab.
func (c *Client) Clone() *Client {
	other := NewClient(c.handler)
	other.keep(c.jar.Cookies(&origin))
	return other
}

// Cookie returns the value of the cookie name, or "" if there is none.
func (c *Client) Cookie(name string) string {
	for _, cookie := range c.jar.Cookies(&origin) {
		if cookie.Name == name {
			return cookie.Value
		}
	}
	return ""
}

// Get sends a GET request for path, which may include a query.
func (c *Client) Get(path string) *http.Response {
	return c.Do(httptest.NewRequest(http.MethodGet, path, http.NoBody))
}

// Do sends r with the client's cookies added to those that r has, and keeps the
// cookies of the response. Reading the response's body never fails.
func (c *Client) Do(r *http.Request) *http.Response { return c.send(c.handler, r) }

func (c *Client) send(h http.Handler, r *http.Request) *http.Response {
	for _, cookie := range c.jar.Cookies(&origin) {
		r.AddCookie(cookie)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	res := w.Result()
	c.keep(res.Cookies())
	return res
}

// keep keeps cookies.
func (c *Client) keep(cookies []*http.Cookie) {
	for _, cookie := range cookies {
		cookie.Domain, cookie.Path = "", "/" // whatever the app's host is, this is the one
	}
	c.jar.SetCookies(&origin, cookies)
}

// Seed runs f with the client's session of m, in a request of its own, and keeps
// the cookies, so that the client's next request finds the values that f has set.
// It fails the test if the session cannot be saved.
func Seed(t testing.TB, c *Client, m *sessionstate.Manager, f func(s *sessionstate.State)) {
	t.Helper()
	if res := c.within(m, f); res.StatusCode != http.StatusNoContent {
		t.Fatalf("sessionstatetest: Seed: the session could not be saved: status %s", res.Status)
	}
}

// Inspect runs f with the client's session of m, in a request of its own. Changes
// that f makes are dropped. As any request that reads the session, it may extend
// the idle deadline and perform a renewal that is due. It fails the test if the
// session cannot be loaded.
func Inspect(t testing.TB, c *Client, m *sessionstate.Manager, f func(s *sessionstate.State)) {
	t.Helper()
	var failed error
	c.within(m, func(s *sessionstate.State) {
		if failed = s.Err(); failed == nil {
			f(s)
		}
		s.Revert()
	})
	if failed != nil {
		t.Fatalf("sessionstatetest: Inspect: %v", failed)
	}
}

// within runs f in a request of its own.
func (c *Client) within(m *sessionstate.Manager, f func(s *sessionstate.State)) *http.Response {
	e := echo.New()
	e.GET("/", func(ec echo.Context) error {
		f(sessionstate.From(ec))
		return ec.NoContent(http.StatusNoContent)
	}, echov4.Use(m))
	return c.send(e, httptest.NewRequest(http.MethodGet, "/", http.NoBody))
}
