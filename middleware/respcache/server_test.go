package respcache_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/reecho-go/reecho/internal/leaktest"
	"github.com/reecho-go/reecho/internal/soaktest"
	"github.com/reecho-go/reecho/middleware"
	"github.com/reecho-go/reecho/middleware/respcache"
	"github.com/reecho-go/reecho/sessionstate"
)

func TestMain(m *testing.M) { leaktest.Main(m) }

// raw sends requests as they are written over one connection, and returns the responses as
// they come.
func raw(t *testing.T, srv *httptest.Server, requests ...string) string {
	t.Helper()
	conn, err := net.Dial("tcp", srv.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for i, request := range requests {
		request = strings.ReplaceAll(request, "\n", "\r\n") + "\r\nHost: example.com\r\n"
		if i == len(requests)-1 {
			request += "Connection: close\r\n"
		}
		if _, err := io.WriteString(conn, request+"\r\n"); err != nil {
			t.Fatal(err)
		}
	}
	all, err := io.ReadAll(conn)
	if err != nil {
		t.Fatal(err)
	}
	return string(all)
}

// without is a response without the lines of these headers.
func without(response string, names ...string) string {
	var kept []string
	for line := range strings.SplitAfterSeq(response, "\r\n") {
		name, _, _ := strings.Cut(line, ":")
		drop := false
		for _, n := range names {
			drop = drop || strings.EqualFold(name, n)
		}
		if !drop {
			kept = append(kept, line)
		}
	}
	return strings.Join(kept, "")
}

// Nothing runs on after streams, connections that were taken over, aborts and clients
// that leave. It counts goroutines, so it does not run beside other tests.
func TestNoGoroutineOutlivesItsRequest(t *testing.T) {
	for name, serve := range frameworks {
		t.Run(name, func(t *testing.T) {
			before := runtime.NumGoroutine()
			c := newCache(t, respcache.Config{})
			srv := httptest.NewServer(serve(func(c middleware.Context) error {
				w, ctx := middleware.Response(c), c.Request().Context()
				switch c.Request().URL.Path {
				case "/events":
					w.Header().Set("Content-Type", "text/event-stream")
					for ctx.Err() == nil {
						if _, err := io.WriteString(w, "data: tick\n\n"); err != nil {
							return err
						}
						if err := http.NewResponseController(w).Flush(); err != nil {
							return err
						}
						select {
						case <-ctx.Done():
						case <-time.After(time.Millisecond):
						}
					}
					return nil
				case "/taken":
					conn, _, err := http.NewResponseController(w).Hijack()
					if err != nil {
						return err
					}
					_, err = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi")
					return errors.Join(err, conn.Close())
				case "/abort":
					if _, err := io.WriteString(w, strings.Repeat("half", 5000)); err != nil {
						return err
					}
					panic(http.ErrAbortHandler)
				}
				<-ctx.Done() // for ever
				return ctx.Err()
			}, c))
			client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
			ask := func(path string, read int64) {
				ctx, leave := context.WithCancel(t.Context())
				defer leave()
				if read == 0 {
					time.AfterFunc(20*time.Millisecond, leave)
				}
				r, err := http.NewRequestWithContext(ctx, http.MethodGet, srv.URL+path, nil)
				if err != nil {
					t.Error(err)
					return
				}
				res, err := client.Do(r)
				if err != nil {
					return // it was to be expected
				}
				defer res.Body.Close()
				_, _ = io.CopyN(io.Discard, res.Body, read)
			}
			var wg sync.WaitGroup
			for range 5 {
				wg.Go(func() { ask("/events", 100) })
				wg.Go(func() { ask("/taken", 2) })
				wg.Go(func() { ask("/abort", 1<<20) })
				wg.Go(func() { ask("/for/ever", 0) })
			}
			wg.Wait()
			srv.Close()
			if err := c.Close(t.Context()); err != nil {
				t.Error(err)
			}
			after := runtime.NumGoroutine()
			for deadline := time.Now().Add(time.Minute); after > before && time.Now().Before(deadline); after = runtime.NumGoroutine() {
				time.Sleep(time.Millisecond)
			}
			if after > before {
				stacks := make([]byte, 1<<20)
				t.Errorf("%d goroutines, before %d:\n%s", after, before, stacks[:runtime.Stack(stacks, true)])
			}
		})
	}
}

// A page of somebody who is logged in does not become public under a name that looks
// like that of a file, or is written in another way.
func TestNoNameOfAPageMakesItPublic(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, serve server) {
		for keep, cfg := range map[string]respcache.KeyConfig{"not at all": {}, "for the session": {Session: true}, "no parameters": {Query: []string{}}} {
			t.Run(keep, func(t *testing.T) {
				t.Parallel()
				sessions := newSessions(t)
				srv := httptest.NewServer(serve(func(c middleware.Context) error {
					if c.Request().Method == http.MethodPost {
						return name.Set(sessionstate.From(c), "anna")
					}
					return text(c, fmt.Sprintf("account of %s, login %s, at %s", name.Get(sessionstate.From(c)), c.Request().Header.Get("Authorization"), c.Request().URL.EscapedPath()))
				}, sessions, newCache(t, respcache.Config{TTL: time.Hour, Keys: cfg})))
				defer srv.Close()
				res, err := http.Post(srv.URL+"/login", "", nil)
				if err != nil {
					t.Fatal(err)
				}
				res.Body.Close()
				session := res.Cookies()[0].Name + "=" + res.Cookies()[0].Value
				for _, path := range []string{
					"/account", "/account/x.css", "/account/x.js?v=1", "/account;x.css", "/account;/x.css", "/account%3Fx.css", "/account%23x.css", "/account%3f/x.png", "/account%00.css", "/account%0a.css",
					"/static/../account", "/static/..%2faccount", "/static/%2e%2e/account", "/./account", "//account", "/account/.", "/account/..;/x.css", "/account%2Fx.css", "/account%252Fx.css", "/ACCOUNT/x.css",
					"/account/?x.css", "/account?.css", "/account/robots.txt", "/account/favicon.ico", "/account.css", "/account.css/", "/account\\x.css", "http://example.com/account/x.css", "http://example.com//account", "/account?#x.css",
				} {
					for _, mine := range []string{"Cookie: " + session, "Authorization: Bearer anna", "Cookie: token=anna", "Cookie: " + session + "\nCookie: token=1"} {
						for range 3 {
							_ = raw(t, srv, "GET "+path+" HTTP/1.1\n"+mine)
							var others []string
							for _, header := range []string{"Accept: text/css", "Cookie: _ga=1", "X-Forwarded-Host: example.com", "X-Original-URL: /static/x.css"} {
								others = append(others, "GET "+path+" HTTP/1.1\n"+header)
							}
							got := raw(t, srv, others...)
							if n := strings.Count(got, "HTTP/1.1 "); strings.Contains(got, "anna") || n != len(others) {
								t.Errorf("%s, after a request with %.20s, has %d answers and shows somebody to %q:\n%s", path, mine, n, others, got)
							}
						}
					}
				}
			})
		}
	})
}

// Bodies are bytes: nothing in them is run, and what is replayed is what was sent.
func TestAReplayIsTheResponseByteForByte(t *testing.T) {
	t.Parallel()
	var included atomic.Int64
	inside := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { included.Add(1) }))
	defer inside.Close()
	everywhere(t, func(t *testing.T, serve server) {
		bodies := map[string]string{
			"esi":      `<esi:include src="` + inside.URL + `/secret"/><esi:vars>$(HTTP_COOKIE)</esi:vars><!--esi <esi:inline name="x">-->`,
			"ssi":      `<!--#include virtual="` + inside.URL + `"--><!--#exec cmd="id"-->`,
			"template": "{{.Header}} ${7*7} %{x}",
			"binary":   "\x00\x01\r\n\r\nHTTP/1.1 200 OK\r\n\xff\xfe",
			"chunks":   "5\r\nhello\r\n0\r\n\r\n",
			"large":    strings.Repeat("0123456789abcdef", 10_000),
		}
		var runs atomic.Int64
		srv := httptest.NewServer(serve(func(c middleware.Context) error {
			runs.Add(1)
			w := middleware.Response(c)
			w.Header().Set("Content-Type", "text/html")
			w.Header().Set("Surrogate-Control", `content="ESI/1.0"`)
			w.Header()["X-Many"] = []string{"b", "a", "b"}
			w.Header().Add("Link", "</a>; rel=x")
			body := bodies[c.Request().URL.Path[1:]]
			if c.Request().URL.RawQuery == "length" {
				w.Header().Set("Content-Length", fmt.Sprint(len(body)))
			}
			_, err := io.WriteString(w, body)
			return err
		}, newCache(t, respcache.Config{})))
		defer srv.Close()
		for path, body := range bodies {
			for _, target := range []string{path, path + "?length"} {
				runs.Store(0)
				ask := "GET /" + target + " HTTP/1.1"
				first, second, third := raw(t, srv, ask), raw(t, srv, ask), raw(t, srv, ask)
				if runs.Load() != 1 {
					t.Errorf("%s: the handler ran %d times", target, runs.Load())
				}
				own := []string{"Date", "Age", "Cache-Status"}
				if a, b := without(second, own...), without(third, own...); a != b {
					t.Errorf("%s: two replays differ: %.300q and %.300q", target, a, b)
				}
				_, sent, _ := strings.Cut(second, "\r\n\r\n")
				if sent != body {
					t.Errorf("%s: replayed %.200q", target, sent)
				}
				recorded, err := http.ReadResponse(bufio.NewReader(strings.NewReader(first)), nil)
				if err != nil {
					t.Fatal(err)
				}
				was, err := io.ReadAll(recorded.Body)
				if string(was) != body || err != nil {
					t.Errorf("%s: recorded %.200q, %v", target, was, err)
				}
				// A length that only the server knows is not in the first response.
				chunked := append(own, "Content-Length", "Transfer-Encoding", "Etag")
				headOf := func(s string) string { head, _, _ := strings.Cut(without(s, chunked...), "\r\n\r\n"); return head }
				if a, b := headOf(first), headOf(second); a != b {
					t.Errorf("%s: replayed %q, recorded %q", target, b, a)
				}
			}
		}
	})
	if included.Load() != 0 {
		t.Errorf("something in a body was fetched %d times", included.Load())
	}
}

// Over connections: 200 clients at once, each of which knows what it has to get.
func TestManyClientsOverConnections(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, serve server) {
		c := newCache(t, respcache.Config{TTL: 5 * time.Millisecond, Keys: respcache.KeyConfig{Session: true}, Stale: respcache.StaleConfig{For: 5 * time.Millisecond}})
		var runs atomic.Int64
		srv := httptest.NewServer(serve(func(c middleware.Context) error {
			r, w := c.Request(), middleware.Response(c)
			switch runs.Add(1) % 7 {
			case 0:
				w.Header().Set("Set-Cookie", "a=b")
			case 1:
				w.Header().Set("Cache-Control", "private")
			case 2:
				name.Get(sessionstate.From(c))
			}
			if _, err := io.WriteString(w, r.Method+" "+r.URL.RequestURI()+" "); err != nil {
				return err
			}
			_, err := io.WriteString(w, r.Header.Get("Accept-Language"))
			return err
		}, newSessions(t), c))
		defer srv.Close()
		transport := &http.Transport{MaxIdleConnsPerHost: 200}
		defer transport.CloseIdleConnections()
		client := &http.Client{Transport: transport}
		var wg sync.WaitGroup
		for i := range 200 {
			wg.Go(func() {
				for j := range soaktest.Rounds(100) {
					target, language := fmt.Sprintf("/%d?x=%d", (i+j)%20, j%2), fmt.Sprint(i%3)
					r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, srv.URL+target, nil)
					if err != nil {
						t.Error(err)
						return
					}
					r.Header.Set("Accept-Language", language)
					res, err := client.Do(r)
					if err != nil {
						t.Error(err)
						return
					}
					body, err := io.ReadAll(res.Body)
					res.Body.Close()
					if want := "GET " + target + " " + language; string(body) != want || err != nil || res.StatusCode != http.StatusOK {
						t.Errorf("%d %q, %v, want %q", res.StatusCode, body, err, want)
					}
					if strings.Contains(res.Header.Get("Cache-Status"), "; hit") && len(res.Header["Set-Cookie"]) > 0 {
						t.Errorf("a replay with a cookie: %v", res.Header)
					}
					switch i {
					case 0:
						err = c.Delete(t.Context(), "/*")
					case 1:
						err = c.Expire(t.Context(), target)
					}
					if err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
	})
}
