package respcache_test

import (
	"cmp"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/http/httputil"
	"net/textproto"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/reecho-go/reecho/cachedata/persist"
	"github.com/reecho-go/reecho/middleware"
	"github.com/reecho-go/reecho/middleware/respcache"
)

var rfc = respcache.Config{RFC: true}

// origin is a handler that answers with what a test says, and notes what it was
// asked.
type origin struct {
	mu    sync.Mutex
	next  answer
	asked []*http.Request
}

// answer is what an origin says.
type answer struct {
	status int // 0: 200
	header []string
	body   string
}

func (o *origin) serve(c middleware.Context) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.asked = append(o.asked, c.Request())
	w := middleware.Response(c)
	for i := 0; i < len(o.next.header); i += 2 {
		w.Header().Add(o.next.header[i], o.next.header[i+1])
	}
	tag := c.Request().Header.Get("If-None-Match")
	if tag != "" && tag == w.Header().Get("Etag") {
		w.WriteHeader(http.StatusNotModified)
		return nil
	}
	w.WriteHeader(cmp.Or(o.next.status, http.StatusOK))
	_, err := io.WriteString(w, cmp.Or(o.next.body, strconv.Itoa(len(o.asked))))
	return err
}

// step is one request to a shared cache.
type step struct {
	after  time.Duration
	method string   // "": GET
	target string   // "": "/"
	ask    []string // headers of the request
	origin answer   // what the origin would answer

	body    string
	status  int      // 0: 200
	header  []string // headers that the client gets; "" is one that is missing
	forward []string // headers that the origin gets; "": it is not asked
	hit     bool
}

// fresh is a response for an hour.
var fresh = answer{header: []string{"Cache-Control", "max-age=3600"}}

func says(header ...string) answer { return answer{header: header} }

// as is a with a status.
func (a answer) as(status int) answer {
	a.status = status
	return a
}

// httpDate is the time of the bubble's start, and d later.
func httpDate(d time.Duration) string {
	return time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC).Add(d).Format(http.TimeFormat)
}

var sharedCases = map[string][]step{
	"a response without freshness is not stored": {{origin: says(), body: "1"}, {body: "2"}},
	"max-age ends": {
		{origin: fresh, body: "1"},
		{after: 59 * time.Minute, body: "1", hit: true, header: []string{"Age", "3540"}},
		{after: 2 * time.Minute, body: "2"},
	},
	"s-maxage goes before max-age, and that before Expires": {
		{origin: says("Cache-Control", "max-age=1, s-maxage=100", "Expires", httpDate(-time.Hour)), body: "1"},
		{after: 99 * time.Second, body: "1", hit: true},
		{after: 2 * time.Second, body: "2"},
	},
	"Expires counts from Date": {
		{origin: says("Date", httpDate(-time.Hour), "Expires", httpDate(-time.Hour+time.Minute)), body: "1"}, {body: "2"},
	},
	"an invalid Expires is over":                   {{origin: says("Expires", "0"), body: "1"}, {body: "2"}},
	"a number of seconds in quotes":                {{origin: says("Cache-Control", `max-age="60"`), body: "1"}, {body: "1", hit: true}},
	"a number of seconds in single quotes is none": {{origin: says("Cache-Control", `max-age='60'`), body: "1"}, {body: "2"}},
	"a negative number of seconds is none":         {{origin: says("Cache-Control", `max-age=-60`), body: "1"}, {body: "2"}},
	"what overflows is very long":                  {{origin: says("Cache-Control", "max-age=99999999999999999999999"), body: "1"}, {after: 1000 * time.Hour, body: "1", hit: true}},
	"directives in quotes are none":                {{origin: says("Cache-Control", `a="max-age=60", max-age=0`), body: "1"}, {body: "2"}},
	"names of directives in any case":              {{origin: says("cache-control", "MAX-AGE=60, No-StOrE"), body: "1"}, {body: "2"}},
	"of two times the shorter":                     {{origin: says("Cache-Control", "max-age=60", "Cache-Control", "max-age=5"), body: "1"}, {after: 6 * time.Second, body: "2"}},
	"Age of the origin counts":                     {{origin: says("Cache-Control", "max-age=60", "Age", "50"), body: "1"}, {after: 9 * time.Second, body: "1", hit: true, header: []string{"Age", "59"}}, {after: time.Second, body: "2"}},
	"an Age that is no number is too old":          {{origin: says("Cache-Control", "max-age=60", "Age", "a"), body: "1"}, {body: "2"}},
	"a tenth of the time since it was changed":     {{origin: says("Last-Modified", httpDate(-1000*time.Second)), body: "1"}, {after: 99 * time.Second, body: "1", hit: true}, {after: 2 * time.Second, body: "2"}},
	"but not of every status":                      {{origin: says("Last-Modified", httpDate(-1000*time.Second)).as(403), status: 403, body: "1"}, {status: 403, body: "2"}},
	"a status of an error that says so":            {{origin: fresh.as(500), status: 500, body: "1"}, {status: 500, body: "1", hit: true}},
	"must-understand":                              {{origin: says("Cache-Control", "max-age=60, must-understand").as(599), status: 599, body: "1"}, {status: 599, body: "2"}},
	"must-understand of what is understood":        {{origin: says("Cache-Control", "max-age=60, must-understand, no-store"), body: "1"}, {body: "1", hit: true}},
	"private":                                      {{origin: says("Cache-Control", "max-age=60, private"), body: "1"}, {body: "2"}},
	"private headers":                              {{origin: says("Cache-Control", `max-age=60, private="x-a, x-b"`, "X-A", "1", "X-C", "3"), body: "1", header: []string{"X-A", "1"}}, {body: "1", hit: true, header: []string{"X-A", "", "X-C", "3"}}},
	"Pragma of a response says nothing":            {{origin: says("Cache-Control", "max-age=60", "Pragma", "no-cache"), body: "1"}, {body: "1", hit: true}},
	"CDN-Cache-Control goes before all":            {{origin: says("CDN-Cache-Control", "max-age=60", "Cache-Control", "no-store"), body: "1"}, {body: "1", hit: true}},
	"CDN-Cache-Control that is malformed is none":  {{origin: says("CDN-Cache-Control", "max-age=60,", "Cache-Control", "no-store"), body: "1"}, {body: "2"}},
	"a response that sets a cookie":                {{origin: says("Cache-Control", "max-age=60", "Set-Cookie", "a=b"), body: "1"}, {body: "2"}},
	"a public response that sets a cookie":         {{origin: says("Cache-Control", "max-age=60, public", "Set-Cookie", "a=b"), body: "1"}, {body: "1", hit: true, header: []string{"Set-Cookie", "a=b"}}},
	"a request with a cookie is like one without":  {{origin: fresh, body: "1"}, {ask: []string{"Cookie", "a=b"}, body: "1", hit: true}},
	"a response to Authorization":                  {{origin: fresh, ask: []string{"Authorization", "a"}, body: "1", forward: []string{"Authorization", "a"}}, {origin: fresh, body: "2"}, {body: "2", hit: true}},
	"a public response to Authorization":           {{origin: says("Cache-Control", "max-age=60, public"), ask: []string{"Authorization", "a"}, body: "1"}, {body: "1", hit: true}},
	"a part is made of the whole":                  {{origin: answer{header: fresh.header, body: "0123456789"}, body: "0123456789"}, {ask: []string{"Range", "bytes=2-4"}, status: 206, body: "234", hit: true}},
	"a part of the origin is not stored":           {{origin: fresh.as(206), ask: []string{"Range", "bytes=0-0"}, status: 206, body: "1"}, {origin: fresh, body: "2"}, {body: "2", hit: true}},
	"HEAD is answered by the response to GET":      {{origin: fresh, body: "1"}, {method: "HEAD", hit: true, header: []string{"Content-Length", "1"}}},
	"an unsafe method drops its URL":               {{origin: fresh, body: "1"}, {method: "POST", body: "2", origin: says()}, {body: "3"}},
	"but not if it fails":                          {{origin: fresh, body: "1"}, {method: "PUT", status: 500, body: "2", origin: says().as(500)}, {body: "1", hit: true}},
	"Content-Location of this host":                {{origin: fresh, target: "/a", body: "1"}, {method: "POST", target: "/b", body: "2", origin: says("Content-Location", "http://example.com/a")}, {target: "/a", body: "3"}},
	"Location of another host":                     {{origin: fresh, target: "/a", body: "1"}, {method: "POST", target: "/b", body: "2", origin: says("Location", "http://example.org/a")}, {target: "/a", body: "1", hit: true}},
	"groups are dropped together":                  {{origin: says("Cache-Control", "max-age=60", "Cache-Groups", `"x", "y";a=1`), target: "/a", body: "1"}, {method: "POST", target: "/b", body: "2", origin: says("Cache-Group-Invalidation", `"y"`)}, {target: "/a", body: "3"}},
	"groups of others are not":                     {{origin: says("Cache-Control", "max-age=60", "Cache-Groups", `"x"`), target: "/a", body: "1"}, {method: "POST", target: "/b", body: "2", origin: says("Cache-Group-Invalidation", `"X"`)}, {target: "/a", body: "1", hit: true}},
	"only-if-cached of what is not there":          {{ask: []string{"Cache-Control", "only-if-cached"}, status: 504, forward: []string{""}}},
	"only-if-cached of what is there":              {{origin: fresh, body: "1"}, {ask: []string{"Cache-Control", "only-if-cached"}, body: "1", hit: true}},
	"max-age of a request":                         {{origin: fresh, body: "1"}, {after: 11 * time.Second, ask: []string{"Cache-Control", "max-age=11"}, body: "1", hit: true}, {ask: []string{"Cache-Control", "max-age=10"}, body: "2"}},
	"min-fresh":                                    {{origin: fresh, body: "1"}, {ask: []string{"Cache-Control", "min-fresh=3601"}, body: "2"}},
	"max-stale":                                    {{origin: says("Cache-Control", "max-age=10"), body: "1"}, {after: 15 * time.Second, ask: []string{"Cache-Control", "max-stale=6"}, body: "1", hit: true}, {ask: []string{"Cache-Control", "max-stale"}, body: "1", hit: true}, {ask: []string{"Cache-Control", "max-stale=4"}, body: "2"}},
	"max-stale of what must be validated":          {{origin: says("Cache-Control", "max-age=10, proxy-revalidate"), body: "1"}, {after: 15 * time.Second, ask: []string{"Cache-Control", "max-stale"}, body: "2"}},
	"no-cache of a request":                        {{origin: fresh, body: "1"}, {origin: fresh, ask: []string{"Cache-Control", "no-cache"}, body: "2"}, {body: "2", hit: true}},
	"Pragma of a request":                          {{origin: fresh, body: "1"}, {ask: []string{"Pragma", "no-cache"}, body: "2"}},
	"Pragma beside Cache-Control":                  {{origin: fresh, body: "1"}, {ask: []string{"Pragma", "no-cache", "Cache-Control", "a"}, body: "1", hit: true}},
	"no-store of a request":                        {{origin: fresh, ask: []string{"Cache-Control", "no-store"}, body: "1"}, {origin: fresh, body: "2"}, {body: "2", hit: true}},
	"Vary selects":                                 {{origin: says("Cache-Control", "max-age=60", "Vary", "foo"), ask: []string{"Foo", "1"}, body: "1"}, {ask: []string{"Foo", "1"}, body: "1", hit: true}, {origin: says("Cache-Control", "max-age=60", "Vary", "foo"), ask: []string{"Foo", "2"}, body: "2"}, {ask: []string{"Foo", "2"}, body: "2", hit: true}, {ask: []string{"Foo", "1", "Bar", "1"}, body: "1", hit: true}, {body: "3"}},
	"Vary of lines that mean one":                  {{origin: says("Cache-Control", "max-age=60", "Vary", "Foo"), ask: []string{"Foo", "1, 2"}, body: "1"}, {ask: []string{"Foo", "1", "Foo", "2"}, body: "1", hit: true}},
	"Vary of everything":                           {{origin: says("Cache-Control", "max-age=60", "Vary", "foo, *"), body: "1"}, {body: "2"}},
	"Vary, and what was dropped":                   {{origin: says("Cache-Control", "max-age=60", "Vary", "Foo"), ask: []string{"Foo", "1"}, body: "1"}, {method: "DELETE", body: "2", origin: says()}, {ask: []string{"Foo", "1"}, body: "3"}},
	"headers of the connection are not stored":     {{origin: says("Cache-Control", "max-age=60", "Connection", "x-a", "X-A", "1", "Proxy-Authentication-Info", "b", "X-Request-Id", "c"), body: "1"}, {body: "1", hit: true, header: []string{"X-A", "", "Connection", "", "Proxy-Authentication-Info", "", "X-Request-Id", "c"}}},
	"Date is that of the origin":                   {{origin: fresh, body: "1"}, {after: time.Minute, body: "1", hit: true, header: []string{"Date", httpDate(0)}}},
	"a 304 freshens": {
		{origin: says("Cache-Control", "max-age=10", "Etag", `"a"`, "X-A", "1"), body: "1"},
		{after: 11 * time.Second, origin: says("Cache-Control", "max-age=20", "Etag", `"a"`, "X-A", "2", "Content-Encoding", "b"), body: "1", forward: []string{"If-None-Match", `"a"`}, header: []string{"X-A", "2", "Content-Encoding", "", "Age", "0"}},
		{after: 19 * time.Second, body: "1", hit: true, header: []string{"X-A", "2", "Age", "19"}},
	},
	"no-cache is validated each time": {
		{origin: says("Cache-Control", "no-cache", "Etag", `"a"`), body: "1"},
		{origin: says("Cache-Control", "no-cache", "Etag", `"a"`), body: "1", forward: []string{"If-None-Match", `"a"`}},
		{origin: says("Cache-Control", "no-cache", "Etag", `"b"`), body: "3", forward: []string{"If-None-Match", `"a"`}},
		{origin: says("Cache-Control", "no-cache", "Etag", `"b"`), body: "3", forward: []string{"If-None-Match", `"b"`}},
	},
	"a condition of the client is answered after the origin's": {
		{origin: says("Cache-Control", "max-age=10", "Etag", `"a"`), body: "1"},
		{after: 11 * time.Second, origin: says("Cache-Control", "max-age=10", "Etag", `"a"`), ask: []string{"If-None-Match", `"x", W/"a"`}, status: 304, forward: []string{"If-None-Match", `"a"`}},
		{ask: []string{"If-None-Match", `"x"`}, body: "1", hit: true},
	},
	"a 304 that the client has asked for is not stored": {
		{origin: says("Cache-Control", "max-age=10", "Etag", `"a"`), ask: []string{"If-None-Match", `"a"`}, status: 304, forward: []string{"If-None-Match", `"a"`}},
		{origin: fresh, body: "2"},
		{body: "2", hit: true},
	},
	"an error instead of a validation": {
		{origin: says("Cache-Control", "max-age=10, stale-if-error=60"), body: "1"},
		{after: 20 * time.Second, origin: says().as(503), body: "1", hit: true},
		{after: 51 * time.Second, origin: says().as(503), status: 503, body: "3"},
	},
	"an error, where validation is a must": {
		{origin: says("Cache-Control", "max-age=10, stale-if-error=60, must-revalidate"), body: "1"},
		{after: 20 * time.Second, origin: says().as(503), status: 503, body: "2"},
	},
	"a stale response while it is made again": {
		{origin: says("Cache-Control", "max-age=10, stale-while-revalidate=60"), body: "1"},
		{after: 20 * time.Second, origin: fresh, body: "1", hit: true},
		{after: time.Second, body: "2", hit: true},
	},
	"and not after that": {
		{origin: says("Cache-Control", "max-age=10, stale-while-revalidate=60"), body: "1"},
		{after: 70 * time.Second, origin: fresh, body: "2"},
	},
	"what one visitor gets does not replace what others get": {
		{origin: says("Cache-Control", "max-age=60", "Etag", `"a"`), body: "1"},
		{origin: says("Cache-Control", "max-age=60", "Etag", `"b"`), ask: []string{"Authorization", "a", "Cache-Control", "no-cache"}, body: "2"},
		{origin: says("Cache-Control", "max-age=60", "Etag", `"a"`), ask: []string{"Authorization", "a", "Cache-Control", "no-cache"}, body: "1", forward: []string{"If-None-Match", `"a"`}},
		{after: 59 * time.Second, body: "1", hit: true},
	},
	"a cookie beside a 304 is for who gets it": {
		{origin: says("Cache-Control", "max-age=10", "Etag", `"a"`), body: "1"},
		{after: 11 * time.Second, origin: says("Cache-Control", "max-age=10, public", "Etag", `"a"`, "Set-Cookie", "a=b"), body: "1", header: []string{"Set-Cookie", "a=b"}},
		{after: 11 * time.Second, origin: says("Cache-Control", "max-age=10", "Etag", `"a"`, "Set-Cookie", "c=d"), body: "1", header: []string{"Set-Cookie", "c=d"}},
		{body: "1", hit: true, header: []string{"Set-Cookie", ""}},
	},
	"what is selected is validated and made again": {
		{origin: says("Cache-Control", "max-age=10", "Vary", "Foo", "Etag", `"a"`), ask: []string{"Foo", "1"}, body: "1"},
		{after: 11 * time.Second, origin: says("Cache-Control", "max-age=10, stale-while-revalidate=60", "Vary", "Foo", "Etag", `"a"`), ask: []string{"Foo", "1"}, body: "1", forward: []string{"If-None-Match", `"a"`, "Foo", "1"}},
		{ask: []string{"Foo", "1"}, body: "1", hit: true},
		{after: 11 * time.Second, origin: says("Cache-Control", "max-age=10", "Vary", "Foo", "Etag", `"b"`), ask: []string{"Foo", "1"}, body: "1", hit: true},
		{ask: []string{"Foo", "1"}, body: "3", hit: true},
		{ask: []string{"Foo", "2"}, body: "4"},
	},
	"a response without a body": {{origin: fresh.as(204), status: 204}, {status: 204, hit: true}},
}

func TestASharedCacheAnswersAsItMay(t *testing.T) {
	t.Parallel()
	for name, steps := range sharedCases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			everywhereInTime(t, rfc, func(t *testing.T, serve server, c *respcache.Cache) {
				var o origin
				h := serve(o.serve, c)
				for i, s := range steps {
					time.Sleep(s.after)
					s.check(t, i, h, &o)
					synctest.Wait() // for what is made in the background
				}
			})
		})
	}
}

// check does the step and compares.
func (s *step) check(t *testing.T, i int, h http.Handler, o *origin) {
	t.Helper()
	if len(s.origin.header) > 0 || s.origin.status != 0 || s.method == http.MethodPost || s.method == http.MethodDelete {
		o.next = s.origin
	}
	before := len(o.asked)
	r := request(cmp.Or(s.target, "/"), s.ask...)
	r.Method = cmp.Or(s.method, http.MethodGet)
	w := do(h, r)
	if s.status == http.StatusNoContent || s.status == http.StatusGatewayTimeout {
		s.body = strings.TrimSpace(w.Body.String())
	}
	if w.Code != cmp.Or(s.status, http.StatusOK) || w.Body.String() != s.body || isHit(w) != s.hit {
		t.Errorf("%d: %d %q, want %d %q, hit: %v; %v", i, w.Code, w.Body, cmp.Or(s.status, 200), s.body, s.hit, w.Header())
	}
	for at := 0; at < len(s.header); at += 2 {
		if got := w.Header().Get(s.header[at]); got != s.header[at+1] {
			t.Errorf("%d: %s is %q, want %q", i, s.header[at], got, s.header[at+1])
		}
	}
	switch {
	case slices.Equal(s.forward, []string{""}):
		if len(o.asked) != before {
			t.Errorf("%d: the origin was asked", i)
		}
	case len(s.forward) > 0 && len(o.asked) == before:
		t.Errorf("%d: the origin was not asked", i)
	default:
		for at := 0; at < len(s.forward); at += 2 {
			if got := o.asked[len(o.asked)-1].Header.Get(s.forward[at]); got != s.forward[at+1] {
				t.Errorf("%d: the origin got %s %q, want %q", i, s.forward[at], got, s.forward[at+1])
			}
		}
	}
}

// Of those who ask at the same time for what may not be shared each gets a response
// of its own.
func TestASharedCacheSharesNothingThatMayNotBeStored(t *testing.T) {
	t.Parallel()
	for control, runs := range map[string]int64{
		"max-age=60": 1, "no-store": 20, "private, max-age=60": 20, "max-age=0": 20, "no-cache": 20,
	} {
		everywhereInTime(t, rfc, func(t *testing.T, serve server, c *respcache.Cache) {
			var n atomic.Int64
			h := serve(func(c middleware.Context) error {
				time.Sleep(time.Second)
				w := middleware.Response(c)
				w.Header().Set("Cache-Control", control)
				w.Header().Set("Etag", `"`+strconv.FormatInt(n.Add(1), 10)+`"`)
				_, err := io.WriteString(w, w.Header().Get("Etag"))
				return err
			}, c)
			bodies := make(map[string]bool)
			for _, w := range together(h, 20, "/") {
				bodies[w.Body.String()] = true
			}
			if n.Load() != runs || int64(len(bodies)) != runs {
				t.Errorf("%s: %d runs, %d responses, want %d", control, n.Load(), len(bodies), runs)
			}
		})
	}
}

// A response of which the origin sends only the first part is not taken for whole.
func TestAResponseThatBreaksOffBehindAProxyIsNotStored(t *testing.T) {
	t.Parallel()
	var n atomic.Int64
	back := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Cache-Control", "max-age=60")
		_, _ = io.WriteString(w, "begin")
		_ = http.NewResponseController(w).Flush()
		if n.Add(1) == 1 {
			panic(http.ErrAbortHandler)
		}
		_, _ = io.WriteString(w, ", end")
	}))
	defer back.Close()
	to, err := url.Parse(back.URL)
	if err != nil {
		t.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(to) }}
	front := httptest.NewServer(middleware.Must(middleware.New(newCache(t, rfc))).Handler(proxy))
	defer front.Close()
	for i, want := range []string{"", "begin, end", "begin, end"} {
		res, err := front.Client().Get(front.URL)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(res.Body)
		res.Body.Close()
		if want == "" && err == nil || want != "" && string(body) != want {
			t.Errorf("%d: %q, %v", i, body, err)
		}
		if hit := strings.Contains(res.Header.Get("Cache-Status"), "; hit"); hit != (i == 2) {
			t.Errorf("%d: hit is %v", i, hit)
		}
	}
}

// What a shared cache does not ask is refused.
func TestASharedCacheHasNoRulesOfItsOwn(t *testing.T) {
	t.Parallel()
	_, err := respcache.New("pages", respcache.Config{
		RFC: true, TTL: time.Minute, Status: map[int]time.Duration{404: time.Minute},
		Stale: respcache.StaleConfig{For: time.Minute}, Keys: respcache.KeyConfig{Session: true},
		Jitter: 0.1, Store: persist.In(memory(t), persist.Config{}),
	})
	for _, field := range []string{"TTL", "Status", "Stale", "Keys", "Jitter", "Store"} {
		if err == nil || !strings.Contains(err.Error(), field+" is set") {
			t.Errorf("%s: %v", field, err)
		}
	}
}

func TestASharedCachePassesInformationalResponses(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, serve server) {
		h := serve(func(c middleware.Context) error {
			w := middleware.Response(c)
			w.Header().Set("Cache-Control", "max-age=60")
			w.Header().Set("Link", "</a.css>")
			w.WriteHeader(http.StatusEarlyHints)
			return text(c, "page")
		}, newCache(t, respcache.Config{RFC: true}))
		s := httptest.NewServer(h)
		defer s.Close()
		for i, hints := range []int{1, 0} { // a handler gives them
			early := 0
			ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{Got1xxResponse: func(code int, _ textproto.MIMEHeader) error {
				if code == http.StatusEarlyHints {
					early++
				}
				return nil
			}})
			r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL, nil)
			if err != nil {
				t.Fatal(err)
			}
			res, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(res.Body)
			if err = errors.Join(err, res.Body.Close()); err != nil || res.StatusCode != http.StatusOK || string(body) != "page" || early != hints || res.Header.Get("Link") != "</a.css>" {
				t.Errorf("%d: %d %q %v, %d early; %v", i, res.StatusCode, body, res.Header, early, err)
			}
		}
	})
}
