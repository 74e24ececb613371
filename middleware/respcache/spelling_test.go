package respcache_test

import (
	"net/http"
	"testing"

	"github.com/reecho-go/reecho/middleware"
	"github.com/reecho-go/reecho/middleware/respcache"
)

func TestAURLIsDroppedInAllItsSpellings(t *testing.T) {
	t.Parallel()
	const deep = "/1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16/17/18/"
	for name, tt := range map[string]struct {
		url, drop string
		query     []string // of the keys
		stays     bool
	}{
		"made with a hidden parameter":       {url: "/a?x=1&utm=2", drop: "/a?x=1", query: []string{"x"}},
		"dropped with a hidden parameter":    {url: "/a?x=1", drop: "/a?x=1&utm=2", query: []string{"x"}},
		"with nothing but a hidden one":      {url: "/a?utm=1", drop: "/a?", query: []string{"x"}},
		"a letter escaped":                   {url: "/%61", drop: "/a"},
		"escapes in small letters":           {url: "/k%c3%a4", drop: "/k%C3%A4"},
		"dropped without escapes":            {url: "/k%C3%A4", drop: "/kä"},
		"dropped with a blank":               {url: "/a%20b", drop: "/a b"},
		"no escape at all":                   {url: "/100%25", drop: "/100%"},
		"a folder in escapes":                {url: "/%61/b", drop: "/a/*"},
		"a parameter escaped":                {url: "/a?x=%31", drop: "/a?x=1"},
		"parameters in another order":        {url: "/a?x=1&y=2", drop: "/a?y=2&x=1"},
		"a plus":                             {url: "/a?x=b+c", drop: "/a?x=b%20c"},
		"a query that cannot be read":        {url: "/a?x=%zz;", drop: "/a?x=%zz;"},
		"a folder below the last":            {url: deep + "x", drop: deep + "*"},
		"a deep folder, with a query":        {url: deep + "x?q=1", drop: "/1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/*"},
		"an empty query":                     {url: "/a?", drop: "/a"},
		"another value":                      {url: "/a?x=1", drop: "/a?x=2", stays: true},
		"another value of a visible one":     {url: "/a?x=1&utm=2", drop: "/a?x=2&utm=2", query: []string{"x"}, stays: true},
		"values of one name the other way":   {url: "/a?x=1&x=2", drop: "/a?x=2&x=1", stays: true},
		"another folder":                     {url: "/a/b", drop: "/b/*", stays: true},
		"no query, and one was made with it": {url: "/a?x=1", drop: "/a?", stays: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			everywhere(t, func(t *testing.T, serve server) {
				c := newCache(t, respcache.Config{Keys: respcache.KeyConfig{Query: tt.query}})
				h := serve(func(c middleware.Context) error { return text(c, "page") }, c)
				get(h, tt.url)
				if !isHit(get(h, tt.url)) {
					t.Fatal("it was not stored")
				}
				if err := c.Delete(t.Context(), tt.drop); err != nil {
					t.Fatal(err)
				}
				if w := get(h, tt.url); isHit(w) != tt.stays {
					t.Errorf("%s after Delete of %s: %v", tt.url, tt.drop, w.Header())
				}
			})
		})
	}
}

func TestAPathThatWasStrippedIsDroppedByBothNames(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ strip, drop string }{
		{"/api", "/api/x"},
		{"/api", "/x"},
		{"/api", "/api/*"},
		{"/api", "/*"},
		{"/api/", "/x"},
		{"/api/", "/*"},
		{"/api/x", "/*"},
		{"/api/x", "/"},
	} {
		c := newCache(t, respcache.Config{})
		page := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("page")) })
		h := http.StripPrefix(tt.strip, middleware.Must(middleware.New(c)).Handler(page))
		for _, drop := range []func(){
			func() {
				if err := c.Delete(t.Context(), tt.drop); err != nil {
					t.Error(err)
				}
			},
			func() {
				r := request("/api/x")
				r.Method = http.MethodPost
				do(h, r)
			},
		} {
			get(h, "/api/x")
			if !isHit(get(h, "/api/x")) {
				t.Fatal("it was not stored")
			}
			drop()
			if w := get(h, "/api/x"); isHit(w) {
				t.Errorf("without %s, after Delete of %s or a POST: %v", tt.strip, tt.drop, w.Header())
			}
		}
	}
}
