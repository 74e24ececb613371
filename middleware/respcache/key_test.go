package respcache_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/reecho-go/reecho/middleware"
	"github.com/reecho-go/reecho/middleware/respcache"
)

func TestRequestsThatDifferHaveResponsesOfTheirOwn(t *testing.T) {
	t.Parallel()
	cfg := respcache.Config{Keys: respcache.KeyConfig{Headers: []string{"X-A", "X-B"}}}
	for name, pair := range map[string][2]func() *http.Request{
		"hosts":                           {to("http://a.example/"), to("http://b.example/")},
		"ports":                           {to("http://a.example/"), to("http://a.example:8080/")},
		"schemes":                         {to("http://a.example/"), to("https://a.example/")},
		"paths":                           {to("/a"), to("/b")},
		"case":                            {to("/a"), to("/A")},
		"an escaped slash":                {to("/a/b"), to("/a%2Fb")},
		"a slash at the end":              {to("/a"), to("/a/")},
		"two slashes":                     {to("/a/b"), to("/a//b")},
		"dots":                            {to("/a/b"), to("/a/./b")},
		"an escaped question":             {to("/a?x=1"), to("/a%3Fx=1")},
		"a semicolon":                     {to("/a"), to("/a;x=1")},
		"a query":                         {to("/a"), to("/a?x=1")},
		"an empty parameter":              {to("/a?x"), to("/a?x=")},
		"the order of values":             {to("/a?x=1&x=2"), to("/a?x=2&x=1")},
		"the order of parameters":         {to("/a?x=1&y=2"), to("/a?y=2&x=1")},
		"a plus":                          {to("/a?x=1+2"), to("/a?x=1%202")},
		"headers":                         {to("/", "X-A", "1"), to("/", "X-A", "2")},
		"an empty header":                 {to("/"), to("/", "X-A", "")},
		"two lines":                       {to("/", "X-A", "1", "X-A", "2"), to("/", "X-A", "1, 2")},
		"another header":                  {to("/", "X-A", "1"), to("/", "X-B", "1")},
		"headers with their limits moved": {to("/", "X-A", "12", "X-B", "3"), to("/", "X-A", "1", "X-B", "23")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			everywhere(t, func(t *testing.T, serve server) {
				var runs atomic.Int64
				h := serve(func(c middleware.Context) error { return text(c, fmt.Sprint(runs.Add(1))) }, newCache(t, cfg))
				for i, r := range pair {
					for range 2 {
						if w := do(h, r()); w.Body.String() != fmt.Sprint(i+1) {
							t.Errorf("%s got %q, want %d", r().URL, w.Body, i+1)
						}
					}
				}
			})
		})
	}
}

func TestRequestsThatDifferInWhatIsHiddenShareResponses(t *testing.T) {
	t.Parallel()
	cfg := respcache.Config{Keys: respcache.KeyConfig{Query: []string{"page"}, IgnoreCookies: []string{"_ga"}}}
	for name, pair := range map[string][2]func() *http.Request{
		"the case of the host":       {to("http://a.example/"), to("http://A.Example/")},
		"other parameters":           {to("/?page=1"), to("/?utm=x&page=1")},
		"the agent":                  {to("/", "User-Agent", "a"), to("/", "User-Agent", "b")},
		"a cookie":                   {to("/"), to("/", "Cookie", "_ga=1")},
		"a forged host":              {to("/"), to("/", "X-Forwarded-Host", "evil.example")},
		"a forged path":              {to("/"), to("/", "X-Original-Url", "/admin", "X-Rewrite-Url", "/admin")},
		"a request to reload":        {to("/"), to("/", "Cache-Control", "no-cache", "Pragma", "no-cache")},
		"a header for the framework": {to("/"), to("/", "X-Nextjs-Data", "1", "Rsc", "1")},
		"another method":             {to("/"), to("/", "X-Http-Method-Override", "DELETE")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			everywhere(t, func(t *testing.T, serve server) {
				var runs atomic.Int64
				h := serve(func(c middleware.Context) error {
					return text(c, fmt.Sprintf("%d %s", runs.Add(1), everything(c.Request())))
				}, newCache(t, cfg))
				first := do(h, pair[0]())
				if w := do(h, pair[1]()); !isHit(w) || w.Body.String() != first.Body.String() {
					t.Errorf("%q, want %q; %v", w.Body, first.Body, w.Header())
				}
				h = serve(func(c middleware.Context) error { return text(c, everything(c.Request())) }, newCache(t, cfg))
				if w := do(h, pair[1]()); w.Body.String() != strings.TrimPrefix(first.Body.String(), "1 ") {
					t.Errorf("the handler saw %q and %q", w.Body, first.Body)
				}
			})
		})
	}
}

// A body of a GET is hidden, and does not reach the next request either.
func TestBodiesAreHidden(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, serve server) {
		h := serve(func(c middleware.Context) error {
			body, err := io.ReadAll(c.Request().Body)
			if err != nil {
				return err
			}
			return text(c, fmt.Sprintf("%d %q %s", c.Request().ContentLength, body, c.Request().FormValue("x")))
		}, newCache(t, respcache.Config{}))
		r := httptest.NewRequestWithContext(context.Background(), http.MethodGet, "/", strings.NewReader("x=evil"))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if w := do(h, r); w.Body.String() != `0 "" ` {
			t.Errorf("the handler saw %q", w.Body)
		}
	})
}

// The request is whole again for what comes after the handler.
func TestOuterMiddlewaresSeeTheWholeRequest(t *testing.T) {
	t.Parallel()
	c := newCache(t, respcache.Config{Keys: respcache.KeyConfig{Query: []string{}, IgnoreCookies: []string{"a"}}})
	stack := middleware.Must(middleware.New(c))
	var after string
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		stack.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, everything(r)) })).ServeHTTP(w, r)
		after = everything(r)
	})
	r := request("/?x=1", "Cookie", "a=b", "User-Agent", "u")
	r.RemoteAddr = "192.0.2.7:1"
	before := everything(r)
	w := do(h, r)
	if after != before || strings.Contains(w.Body.String(), "192.0.2.7") || strings.Contains(w.Body.String(), "a=b") {
		t.Errorf("before %q, after %q, the handler saw %q", before, after, w.Body)
	}
}

// everything is what a handler can see of a request.
func everything(r *http.Request) string {
	return fmt.Sprint(r.Method, r.Host, r.URL, r.RequestURI, r.RemoteAddr, r.Header, r.Form, r.TLS != nil)
}

// to returns a function that makes requests of target.
func to(target string, header ...string) func() *http.Request {
	return func() *http.Request { return request(target, header...) }
}
