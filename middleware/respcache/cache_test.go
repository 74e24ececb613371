package respcache_test

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"time"

	"github.com/reecho-go/reecho/cachedata"
	"github.com/reecho-go/reecho/ctxinfo"
	"github.com/reecho-go/reecho/middleware"
	"github.com/reecho-go/reecho/middleware/respcache"
	"github.com/reecho-go/reecho/queryparams"
	"github.com/reecho-go/reecho/sessionstate"
)

func TestAResponseIsReplayedUntilItsTimeIsOver(t *testing.T) {
	t.Parallel()
	everywhereInTime(t, respcache.Config{TTL: time.Minute}, func(t *testing.T, serve server, c *respcache.Cache) {
		var runs atomic.Int64
		h := serve(counted(&runs), c)
		first := get(h, "/a")
		if first.Code != 200 || first.Body.String() != "/a 1" || isHit(first) {
			t.Fatalf("first: %d %q %v", first.Code, first.Body, first.Header())
		}
		time.Sleep(20 * time.Second)
		second := get(h, "/a")
		if second.Body.String() != "/a 1" || !isHit(second) || second.Header().Get("Age") != "20" {
			t.Errorf("second: %q %v", second.Body, second.Header())
		}
		if got, want := second.Header().Get("Cache-Status"), "reecho; hit; ttl=40"; got != want {
			t.Errorf("Cache-Status = %q, want %q", got, want)
		}
		if got := get(h, "/b").Body.String(); got != "/b 2" {
			t.Errorf("another path = %q", got)
		}
		time.Sleep(time.Minute)
		if got := get(h, "/a").Body.String(); got != "/a 3" {
			t.Errorf("after its time = %q", got)
		}
	})
}

func TestAReplayEqualsTheResponse(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, serve server) {
		h := serve(func(c middleware.Context) error {
			w := middleware.Response(c)
			w.Header()["X-Many"] = []string{"one", "two"}
			w.Header().Set("Content-Type", "application/octet-stream")
			w.Header().Set("Link", "</style.css>; rel=preload")
			w.WriteHeader(http.StatusOK)
			for i := range 10 {
				if _, err := fmt.Fprintf(w, "part %d\x00\xff", i); err != nil {
					return err
				}
			}
			return nil
		}, newCache(t, respcache.Config{}))
		first, second := get(h, "/"), get(h, "/")
		if !isHit(second) || second.Code != first.Code || second.Body.String() != first.Body.String() {
			t.Fatalf("replayed: %d %q, want %q; %v", second.Code, second.Body, first.Body, second.Header())
		}
		for name, values := range first.Header() {
			if name != "Cache-Status" && fmt.Sprint(values) != fmt.Sprint(second.Header()[name]) {
				t.Errorf("%s = %q, want %q", name, second.Header()[name], values)
			}
		}
		if got, want := second.Header().Get("Content-Length"), fmt.Sprint(first.Body.Len()); got != want {
			t.Errorf("Content-Length = %s, want %s", got, want)
		}
		if got := second.Header().Get("Cache-Control"); got != "private, no-cache" {
			t.Errorf("Cache-Control = %q", got)
		}
		if second.Header().Get("Etag") == "" {
			t.Error("there is no ETag")
		}
	})
}

func TestReasonsNotToStore(t *testing.T) {
	t.Parallel()
	write := func(status int, header ...string) handler {
		return func(c middleware.Context) error {
			w := middleware.Response(c)
			for i := 0; i < len(header); i += 2 {
				w.Header().Add(header[i], header[i+1])
			}
			w.WriteHeader(status)
			_, err := w.Write([]byte("body"))
			return err
		}
	}
	for name, tt := range map[string]struct {
		handler handler
		why     string // in Cache-Status of the second request
	}{
		"a cookie":               {write(200, "Set-Cookie", "a=b"), `detail="set-cookie"`},
		"an error":               {write(500), `detail="status 500"`},
		"not found":              {write(404), `detail="status 404"`},
		"a part":                 {write(206), `detail="status 206"`},
		"a range":                {write(200, "Content-Range", "bytes 0-3/10"), `detail="content-range"`},
		"no-store":               {write(200, "Cache-Control", "no-store"), `detail="no-store"`},
		"private":                {write(200, "Cache-Control", "max-age=60, private"), `detail="private"`},
		"private of a field":     {write(200, "Cache-Control", `private="x"`), `detail="private"`},
		"no-cache":               {write(200, "Cache-Control", "No-Cache"), `detail="no-cache"`},
		"no age":                 {write(200, "Cache-Control", "max-age=0"), `detail="max-age=0"`},
		"a malformed age":        {write(200, "Cache-Control", "max-age=x"), `detail="max-age=x"`},
		"expired":                {write(200, "Expires", "0"), `detail="expires"`},
		"vary *":                 {write(200, "Vary", "Accept, *"), `detail="vary *"`},
		"vary by a cookie":       {write(200, "Vary", "Cookie"), `detail="vary Cookie"`},
		"vary by what is hidden": {write(200, "Vary", "user-agent"), `detail="vary User-Agent"`},
		"of another origin":      {write(200, "Access-Control-Allow-Origin", "https://a.example"), `detail="access-control-allow-origin"`},
		"events":                 {write(200, "Content-Type", "text/event-stream"), `detail="event stream"`},
		"a trailer":              {write(200, "Trailer", "X-Sum"), `detail="trailer"`},
		"a late trailer": {func(c middleware.Context) error {
			err := text(c, "body")
			middleware.Response(c).Header().Set(http.TrailerPrefix+"X-Sum", "1")
			return err
		}, `detail="trailer"`},
		"nothing": {func(middleware.Context) error { return nil }, `detail="empty"`},
		"an empty body": {func(c middleware.Context) error {
			middleware.Response(c).WriteHeader(200)
			return nil
		}, `detail="empty"`},
		"a body that is too short": {func(c middleware.Context) error {
			middleware.Response(c).Header().Set("Content-Length", "10")
			return text(c, "four")
		}, `detail="content-length"`},
		"a body that is too large": {func(c middleware.Context) error {
			return text(c, strings.Repeat("x", 101))
		}, `detail="too large"`},
		"another protocol": {func(c middleware.Context) error {
			middleware.Response(c).WriteHeader(http.StatusSwitchingProtocols)
			return nil
		}, `detail="upgrade"`},
		"what its handler does not want stored": {func(c middleware.Context) error {
			cachedata.LoadingFrom(c.Request().Context()).NoStore()
			return text(c, "body")
		}, `detail="the handler has said so"`},
		"what its handler gives no time": {func(c middleware.Context) error {
			cachedata.LoadingFrom(c.Request().Context()).SetTTL(0)
			return text(c, "body")
		}, `detail="the handler has said so"`},
		"a length with a sign": {write(200, "Content-Length", "+4"), `detail="too large"`},
		"what has aged before": {write(200, "Cache-Control", "max-age=60", "Age", "60"), `detail="max-age=60"`},
		"a flush": {func(c middleware.Context) error {
			if err := text(c, "part"); err != nil {
				return err
			}
			return http.NewResponseController(middleware.Response(c)).Flush()
		}, `detail="flush"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			everywhere(t, func(t *testing.T, serve server) {
				var runs atomic.Int64
				h := serve(func(c middleware.Context) error {
					runs.Add(1)
					return tt.handler(c)
				}, newCache(t, respcache.Config{MaxBody: 100}))
				first := get(h, "/")
				second := get(h, "/")
				if runs.Load() != 2 || isHit(second) {
					t.Errorf("the handler ran %d times, want 2: %v", runs.Load(), second.Header())
				}
				if second.Code != first.Code || second.Body.String() != first.Body.String() {
					t.Errorf("second: %d %q, want %d %q", second.Code, second.Body, first.Code, first.Body)
				}
				if got := second.Header().Get("Cache-Status"); !strings.Contains(got, tt.why) && first.Code < 500 {
					t.Errorf("Cache-Status = %q, want %s", got, tt.why)
				}
			})
		})
	}
}

func TestAFailingHandlerIsNotStored(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, serve server) {
		var runs atomic.Int64
		h := serve(func(c middleware.Context) error {
			if runs.Add(1) == 1 {
				return errors.New("no database")
			}
			return text(c, "fine")
		}, newCache(t, respcache.Config{}))
		if first := get(h, "/"); first.Code != http.StatusInternalServerError {
			t.Errorf("first: %d", first.Code)
		}
		if second := get(h, "/"); second.Code != 200 || second.Body.String() != "fine" {
			t.Errorf("second: %d %q", second.Code, second.Body)
		}
		if third := get(h, "/"); !isHit(third) {
			t.Errorf("third: %v", third.Header())
		}
	})
}

func TestRequestsThatAreNotAnsweredFromTheCache(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		header []string
		why    string
	}{
		"credentials":              {[]string{"Authorization", "Bearer x"}, "authorization"},
		"a cookie":                 {[]string{"Cookie", "sid=1"}, "cookie"},
		"a second cookie":          {[]string{"Cookie", "_ga=1; sid=1"}, "cookie"},
		"a cookie in another line": {[]string{"Cookie", "_ga=1", "Cookie", "sid=2"}, "cookie"},
		"a cookie without a name":  {[]string{"Cookie", "=1"}, "cookie"},
		"a key of an API":          {[]string{"X-Api-Key", "x"}, "credentials"},
		"whom a proxy knows":       {[]string{"X-Forwarded-User", "anna"}, "credentials"},
		"whom a proxy knows well":  {[]string{"Cf-Access-Jwt-Assertion", "x"}, "credentials"},
		"another origin":           {[]string{"Origin", "https://a.example"}, "origin"},
		"an upgrade":               {[]string{"Connection", "upgrade", "Upgrade", "websocket"}, "upgrade"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			everywhere(t, func(t *testing.T, serve server) {
				var runs atomic.Int64
				h := serve(counted(&runs), newCache(t, respcache.Config{Keys: respcache.KeyConfig{IgnoreCookies: []string{"_g*", "seen"}}}))
				get(h, "/")
				w := get(h, "/", tt.header...)
				if w.Body.String() != "/ 2" || w.Header().Get("Cache-Status") != `reecho; fwd=bypass; detail="`+tt.why+`"` {
					t.Errorf("%q %v", w.Body, w.Header())
				}
				if w := get(h, "/"); w.Body.String() != "/ 1" {
					t.Errorf("what was answered then was stored: %q", w.Body)
				}
				if w := get(h, "/", "Cookie", "_ga=2; seen=yes"); !isHit(w) {
					t.Errorf("with cookies that are ignored: %v", w.Header())
				}
			})
		})
	}
}

// Of a handler that does not care for errors the writer sees what it has read itself.
func TestABodyThatCannotBeReadIsNotStored(t *testing.T) {
	t.Parallel()
	h := frameworks["net/http"](func(c middleware.Context) error {
		_, _ = io.Copy(middleware.Response(c), iotest.TimeoutReader(strings.NewReader("half")))
		return nil
	}, newCache(t, respcache.Config{}))
	for range 2 {
		if w := get(h, "/"); isHit(w) || w.Body.String() != "half" {
			t.Errorf("%q %v", w.Body, w.Header())
		}
	}
}

func TestRequestsForWhichThereIsNoKey(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		change func(r *http.Request)
		why    string
	}{
		"a client certificate": {func(r *http.Request) {
			r.TLS = &tls.ConnectionState{PeerCertificates: []*x509.Certificate{{}}}
		}, "client certificate"},
		"a long path":   {func(r *http.Request) { r.URL.Path += strings.Repeat("x", 9<<10) }, "the key is too long"},
		"a long query":  {func(r *http.Request) { r.URL.RawQuery = strings.Repeat("x", 9<<10) }, "the key is too long"},
		"a long header": {func(r *http.Request) { r.Header.Set("Accept", strings.Repeat("x", 9<<10)) }, "the key is too long"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			everywhere(t, func(t *testing.T, serve server) {
				var runs atomic.Int64
				c := newCache(t, respcache.Config{})
				h := serve(counted(&runs), c)
				for i := range 2 {
					r := request("/")
					tt.change(r)
					if w := do(h, r); runs.Load() != int64(i+1) || w.Header().Get("Cache-Status") != `reecho; fwd=bypass; detail="`+tt.why+`"` {
						t.Errorf("%d runs, %v", runs.Load(), w.Header())
					}
				}
				if n := c.Stats().Bypassed[tt.why]; n != 2 {
					t.Errorf("%d were counted", n)
				}
			})
		})
	}
}

func TestAHandlerSetsTheTimeOfItsResponse(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		ttl     time.Duration
		control string
		lives   time.Duration
	}{
		"less than the cache's":   {10 * time.Second, "", 10 * time.Second},
		"more than the cache's":   {time.Hour, "", time.Hour},
		"less than Cache-Control": {10 * time.Second, "max-age=20", 10 * time.Second},
		"more than Cache-Control": {time.Hour, "max-age=20", 20 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			everywhereInTime(t, respcache.Config{TTL: time.Minute}, func(t *testing.T, serve server, c *respcache.Cache) {
				h := serve(func(c middleware.Context) error {
					cachedata.LoadingFrom(c.Request().Context()).SetTTL(tt.ttl)
					if tt.control != "" {
						middleware.Response(c).Header().Set("Cache-Control", tt.control)
					}
					return text(c, "page")
				}, c)
				get(h, "/")
				time.Sleep(tt.lives - time.Second)
				if w := get(h, "/"); !isHit(w) {
					t.Errorf("before its end: %v", w.Header())
				}
				time.Sleep(2 * time.Second)
				if w := get(h, "/"); isHit(w) {
					t.Errorf("after its end: %v", w.Header())
				}
			})
		})
	}
}

func TestTheProtocolIsHidden(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, serve server) {
		h := serve(func(c middleware.Context) error {
			r := c.Request()
			return text(c, fmt.Sprint(r.Proto, r.ProtoMajor, r.ProtoMinor, r.Close))
		}, newCache(t, respcache.Config{}))
		r := request("/")
		r.Proto, r.ProtoMajor, r.ProtoMinor, r.Close = "HTTP/2.0", 2, 0, true
		do(h, r)
		if w := get(h, "/"); !isHit(w) || w.Body.String() != "HTTP/1.11 1 false" {
			t.Errorf("%q %v", w.Body, w.Header())
		}
	})
}

// visits is a key of sessions.
var visits = sessionstate.NewKey("visits", sessionstate.KeyConfig[int]{})

func TestAHandlerThatReadsTheSessionIsNotShared(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, serve server) {
		var runs atomic.Int64
		sessions := newSessions(t)
		h := serve(func(c middleware.Context) error {
			s := sessionstate.From(c)
			switch c.Request().URL.Path {
			case "/reads":
				return text(c, fmt.Sprintf("%d %d", runs.Add(1), visits.Get(s)))
			case "/writes":
				if _, err := visits.Update(s, func(n int) int { return n + 1 }); err != nil {
					return err
				}
				return text(c, fmt.Sprintf("%d", runs.Add(1)))
			}
			return text(c, fmt.Sprintf("%d", runs.Add(1)))
		}, sessions, newCache(t, respcache.Config{}))

		first := get(h, "/writes")
		if got := first.Header().Get("Cache-Status"); !strings.Contains(got, `detail="the session was read"`) {
			t.Errorf("the first response that writes: %s", got)
		}
		cookie := first.Result().Cookies()
		if len(cookie) != 1 {
			t.Fatalf("cookies: %v", cookie)
		}
		mine := cookie[0].Name + "=" + cookie[0].Value
		if got := get(h, "/reads", "Cookie", mine).Header().Get("Cache-Status"); !strings.Contains(got, `detail="the session was read"`) {
			t.Errorf("the first response that reads: %s", got)
		}
		w := get(h, "/reads")
		if w.Body.String() != "3 0" || !strings.Contains(w.Header().Get("Cache-Status"), "the session was read") {
			t.Errorf("another visitor: %q %v", w.Body, w.Header())
		}
		if w := get(h, "/writes"); isHit(w) || len(w.Result().Cookies()) != 1 {
			t.Errorf("a page that writes: %v", w.Header())
		}
		plain := get(h, "/plain", "Cookie", mine).Body.String()
		if w := get(h, "/plain"); !isHit(w) || w.Body.String() != plain || len(w.Result().Cookies()) != 0 {
			t.Errorf("a page that reads no session: %q %v", w.Body, w.Header())
		}
	})
}

type userKey struct{}

func TestAHandlerThatReadsTheDeclaredVisitorIsNotShared(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, serve server) {
		visitor := middleware.Must(middleware.NewVisitor(func(ctx contextOf) string {
			user, _ := ctx.Value(userKey{}).(string)
			return user
		}))
		var runs atomic.Int64
		h := serve(func(c middleware.Context) error {
			user := "-"
			switch c.Request().URL.Path {
			case "/value":
				if u, ok := c.Request().Context().Value(userKey{}).(string); ok {
					user = u
				}
			case "/id":
				id, err := visitor.ID(c.Request().Context())
				if err != nil {
					return err
				}
				user += id
			}
			return text(c, fmt.Sprintf("%d %s", runs.Add(1), user))
		}, visitor, newCache(t, respcache.Config{}))
		anna := withValue(h, userKey{}, "anna")
		for _, path := range []string{"/value", "/id", "/other"} {
			get(h, path)
			w := get(anna, path)
			if isHit(w) || !strings.Contains(w.Header().Get("Cache-Status"), "the visitor is known") {
				t.Errorf("%s for a visitor: %q %v", path, w.Body, w.Header())
			}
		}
		if w := get(h, "/id"); isHit(w) || !strings.Contains(w.Header().Get("Cache-Status"), "the visitor was read") {
			t.Errorf("/id: %q %v", w.Body, w.Header())
		}
		if w := get(h, "/other"); !isHit(w) {
			t.Errorf("/other: %q %v", w.Body, w.Header())
		}
	})
}

func TestTheKeyFollowsFromWhatCtxinfoWasAskedFor(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, serve server) {
		info := middleware.Must(ctxinfo.New(ctxinfo.Config{}))
		var runs atomic.Int64
		h := serve(func(c middleware.Context) error {
			in := ctxinfo.From(c)
			says := ""
			switch c.Request().URL.Path {
			case "/agent":
				says, _ = in.Headers().Get("User-Agent")
			case "/ip":
				says = in.IP().String()
			case "/late":
				if err := text(c, fmt.Sprintf("%d ", runs.Add(1))); err != nil {
					return err
				}
				agent, _ := in.Headers().Get("User-Agent")
				_, err := middleware.Response(c).Write([]byte(agent))
				return err
			}
			return text(c, fmt.Sprintf("%d %s", runs.Add(1), says))
		}, info, newCache(t, respcache.Config{}))
		for _, path := range []string{"/agent", "/late"} {
			for range 3 {
				for _, agent := range []string{"a", "b", "c"} {
					if w := get(h, path, "User-Agent", agent); !strings.HasSuffix(w.Body.String(), " "+agent) {
						t.Errorf("%s for %s: %q", path, agent, w.Body)
					}
				}
			}
			runs := runs.Load()
			if w := get(h, path, "User-Agent", "b"); !isHit(w) {
				t.Errorf("%s after %d runs: %v", path, runs, w.Header())
			}
		}
		if n := runs.Load(); n != 8 { // each path once to learn of the header, and once for each value
			t.Errorf("the handler ran %d times, want 8", n)
		}
		get(h, "/ip")
		if w := get(h, "/ip"); isHit(w) || !strings.Contains(w.Header().Get("Cache-Status"), "address") {
			t.Errorf("/ip: %v", w.Header())
		}
		get(h, "/none")
		if w := get(h, "/none", "User-Agent", "z", "Cookie", ctxinfo.ThemeCookie+"=dark"); !isHit(w) {
			t.Errorf("/none: %v", w.Header())
		}
	})
}

func TestParametersThatAreNotInTheKeyAreHidden(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, serve server) {
		params := middleware.Must(queryparams.New(queryparams.Config{}))
		var runs atomic.Int64
		h := serve(func(c middleware.Context) error {
			r := c.Request()
			said := fmt.Sprintf("%d %s %s", runs.Add(1), r.URL.RawQuery, r.RequestURI)
			if e, ok := c.(interface{ QueryParam(string) string }); ok {
				said += " " + e.QueryParam("utm")
			}
			if r.URL.Path == "/all" {
				p, err := queryparams.From(c)
				if err != nil {
					return err
				}
				said += " " + strings.Join(p.GetAll("utm"), ",")
			}
			return text(c, said)
		}, params, newCache(t, respcache.Config{Keys: respcache.KeyConfig{Query: []string{"page"}}}))
		w := get(h, "/x?page=1&utm=a&%70age=2")
		if got := strings.TrimSpace(w.Body.String()); got != "1 page=1&%70age=2 /x?page=1&%70age=2" {
			t.Errorf("the handler saw %q", got)
		}
		if w := get(h, "/x?page=1&%70age=2&utm=b"); !isHit(w) {
			t.Errorf("with another value of a hidden parameter: %v", w.Header())
		}
		if w := get(h, "/x?page=2"); isHit(w) {
			t.Errorf("with another page: %v", w.Header())
		}
		for range 3 {
			for _, value := range []string{"a", "b"} {
				if w := get(h, "/all?utm="+value); !strings.HasSuffix(w.Body.String(), " "+value) {
					t.Errorf("a handler that reads all parameters: %q for %s", w.Body, value)
				}
			}
		}
		if w := get(h, "/all?utm=b"); !isHit(w) {
			t.Errorf("its response is not stored: %v", w.Header())
		}
	})
}

func TestWhatNewRefuses(t *testing.T) {
	t.Parallel()
	g, err := cachedata.NewGroup("g", cachedata.GroupConfig{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = respcache.New("", respcache.Config{
		TTL: -1, MaxBytes: -1, MaxBody: -1, Group: g, Status: map[int]time.Duration{500: time.Second, 206: 1, 404: 0},
		Keys: respcache.KeyConfig{Query: []string{""}, Headers: []string{"cookie", "a b", "X-A", "x-a"}, IgnoreCookies: []string{"", "*"}},
	})
	for _, want := range []string{"TTL", "MaxBytes", "MaxBody", "Status[206]", "Status[404]", "Status[500]", "Keys.Query[0]", "Keys.Headers[0]", "Keys.Headers[1]", "Keys.Headers[3]", "Keys.IgnoreCookies[0]", "Keys.IgnoreCookies[1]"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("the error does not name %s: %v", want, err)
		}
	}
	if _, err := respcache.New("", respcache.Config{Group: g}); err == nil {
		t.Error("an empty name is accepted")
	}
	if _, err := respcache.New("a", respcache.Config{Group: g, MaxBytes: 10, MaxBody: 11}); err == nil {
		t.Error("bodies larger than the bound are accepted")
	}
}

func TestGroupIsWhereTheResponsesAre(t *testing.T) {
	t.Parallel()
	own, err := cachedata.NewGroup("own", cachedata.GroupConfig{})
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name        string
		given, want *cachedata.Group
	}{
		{"given", own, own},
		{"not given", nil, cachedata.Default()},
	} {
		c, err := respcache.New("where the responses are", respcache.Config{Group: tt.given})
		if err != nil {
			t.Fatal(err)
		}
		if c.Group() != tt.want || !slices.Contains(c.Group().Caches(), c.Responses()) {
			t.Errorf("%s: the group is %s, or has not the responses", tt.name, c.Group().Name())
		}
		if err := c.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}
}
