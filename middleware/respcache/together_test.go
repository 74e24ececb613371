package respcache_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/reecho-go/reecho/cachedata"
	"github.com/reecho-go/reecho/internal/heaptest"
	"github.com/reecho-go/reecho/internal/soaktest"
	"github.com/reecho-go/reecho/middleware"
	"github.com/reecho-go/reecho/middleware/respcache"
)

// together serves n requests of target at once and returns the responses.
func together(h http.Handler, n int, target string) []*httptest.ResponseRecorder {
	all := make([]*httptest.ResponseRecorder, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { all[i] = get(h, target) })
	}
	wg.Wait()
	return all
}

func TestRequestsAtOnceRunTheHandlerOnce(t *testing.T) {
	t.Parallel()
	everywhereInTime(t, respcache.Config{}, func(t *testing.T, serve server, c *respcache.Cache) {
		var runs atomic.Int64
		h := serve(func(c middleware.Context) error {
			time.Sleep(300 * time.Millisecond)
			return counted(&runs)(c)
		}, c)
		for i, w := range together(h, 50, "/a") {
			if w.Code != 200 || w.Body.String() != "/a 1" {
				t.Errorf("request %d: %d %q", i, w.Code, w.Body)
			}
		}
		if runs.Load() != 1 {
			t.Errorf("the handler ran %d times", runs.Load())
		}
	})
}

// What cannot be stored is never shared, and does not make requests queue.
func TestRequestsForWhatCannotBeStoredRunBesideEachOther(t *testing.T) {
	t.Parallel()
	everywhereInTime(t, respcache.Config{}, func(t *testing.T, serve server, c *respcache.Cache) {
		var runs, now, most atomic.Int64
		h := serve(func(c middleware.Context) error {
			n := now.Add(1)
			for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
			}
			time.Sleep(300 * time.Millisecond)
			now.Add(-1) // before it answers, which lets the others go
			middleware.Response(c).Header().Set("Set-Cookie", fmt.Sprintf("id=%d", runs.Load()))
			return counted(&runs)(c)
		}, c)
		burst := func(want time.Duration, beside int64) {
			most.Store(0)
			began := time.Now()
			bodies := make(map[string]bool)
			for _, w := range together(h, 10, "/a") {
				bodies[w.Body.String()] = true
			}
			if took := time.Since(began); took != want || len(bodies) != 10 || most.Load() != beside {
				t.Errorf("it took %v, want %v; %d different responses, want 10; %d at once, want %d", took, want, len(bodies), most.Load(), beside)
			}
		}
		burst(600*time.Millisecond, 9)  // one, then the others
		burst(300*time.Millisecond, 10) // it is known by now
		time.Sleep(time.Minute)
		burst(600*time.Millisecond, 9) // it may have changed
	})
}

// Nobody waits for a stream that goes on, or for what is known not to be stored.
func TestRequestsDoNotWaitForWhatIsKnownNotToBeStored(t *testing.T) {
	t.Parallel()
	for name, begin := range map[string]handler{
		"a stream": func(c middleware.Context) error {
			middleware.Response(c).Header().Set("Content-Type", "text/event-stream")
			return text(c, "data: 1\n\n")
		},
		"a flush": func(c middleware.Context) error {
			err := text(c, "part")
			return errors.Join(err, http.NewResponseController(middleware.Response(c)).Flush())
		},
		"a cookie": func(c middleware.Context) error {
			middleware.Response(c).Header().Set("Set-Cookie", "a=b")
			return text(c, "part")
		},
		"a status": func(c middleware.Context) error { middleware.Response(c).WriteHeader(http.StatusForbidden); return nil },
		"its size": func(c middleware.Context) error { return text(c, strings.Repeat("x", 101)) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			everywhereInTime(t, respcache.Config{MaxBody: 100}, func(t *testing.T, serve server, c *respcache.Cache) {
				var now, ended atomic.Int64
				h := serve(func(c middleware.Context) error {
					now.Add(1)
					defer ended.Add(1)
					time.Sleep(100 * time.Millisecond)
					err := begin(c)
					select {
					case <-c.Request().Context().Done():
					case <-time.After(time.Minute):
						t.Error("the handler has not heard that its client is gone")
					}
					return err
				}, c)
				ctx, leave := context.WithCancel(t.Context())
				for range 10 {
					go do(h, request("/").WithContext(ctx))
				}
				time.Sleep(150 * time.Millisecond)
				if n := now.Load(); n != 10 {
					t.Errorf("%d of 10 run", n)
				}
				go do(h, request("/").WithContext(ctx))
				synctest.Wait()
				if n := now.Load(); n != 11 {
					t.Errorf("%d of 11 run", n)
				}
				time.Sleep(10 * time.Second)
				if n := ended.Load(); n != 0 {
					t.Errorf("%d have ended before their clients", n)
				}
				leave()
				synctest.Wait()
				if n := ended.Load(); n != 11 {
					t.Errorf("%d of 11 have ended with their clients", n)
				}
			})
		})
	}
}

func TestAnotherRequestTakesOverFromOneThatFails(t *testing.T) {
	t.Parallel()
	for name, fail := range map[string]func(ctx context.Context) error{
		"by a panic":  func(context.Context) error { panic("broken") },
		"by an abort": func(context.Context) error { panic(http.ErrAbortHandler) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			everywhereInTime(t, respcache.Config{}, func(t *testing.T, serve server, c *respcache.Cache) {
				var runs atomic.Int64
				h := serve(func(c middleware.Context) error {
					n := runs.Add(1)
					time.Sleep(time.Second)
					if n == 1 {
						return fail(c.Request().Context())
					}
					return text(c, fmt.Sprint(n))
				}, c)
				var panicked atomic.Value
				go func() {
					defer func() { panicked.Store(fmt.Sprint(recover())) }()
					get(h, "/")
				}()
				synctest.Wait()
				for _, w := range together(h, 20, "/") {
					if w.Code != 200 || w.Body.String() != "2" {
						t.Errorf("%d %q", w.Code, w.Body)
					}
				}
				if runs.Load() != 2 || panicked.Load() == "<nil>" {
					t.Errorf("the handler ran %d times, and panicked with %v", runs.Load(), panicked.Load())
				}
			})
		})
	}
}

func TestAResponseIsRecordedForOthersWhenItsClientIsGone(t *testing.T) {
	t.Parallel()
	everywhereInTime(t, respcache.Config{}, func(t *testing.T, serve server, c *respcache.Cache) {
		var runs atomic.Int64
		h := serve(func(c middleware.Context) error {
			runs.Add(1)
			for range 10 {
				time.Sleep(400 * time.Millisecond)
				if err := c.Request().Context().Err(); err != nil {
					return err
				}
				if _, err := io.WriteString(middleware.Response(c), "part "); err != nil {
					return err
				}
			}
			return nil
		}, c)
		ctx, leave := context.WithCancel(t.Context())
		go do(h, request("/").WithContext(ctx))
		synctest.Wait()
		time.AfterFunc(1500*time.Millisecond, leave)
		w := get(h, "/")
		if want := strings.Repeat("part ", 10); w.Body.String() != want || runs.Load() != 1 {
			t.Errorf("%q after %d runs, want %q", w.Body, runs.Load(), want)
		}
	})
}

func TestTheTimeLimitOfOneRequestIsNotThatOfOthers(t *testing.T) {
	t.Parallel()
	everywhereInTime(t, respcache.Config{}, func(t *testing.T, serve server, c *respcache.Cache) {
		var runs atomic.Int64
		h := serve(func(c middleware.Context) error {
			runs.Add(1)
			ctx := c.Request().Context()
			if at, limited := ctx.Deadline(); limited {
				return fmt.Errorf("it ends at %v", at)
			}
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(3 * time.Second):
				return text(c, "whole")
			}
		}, c)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		go do(h, request("/").WithContext(ctx))
		synctest.Wait()
		for i, w := range together(h, 5, "/") {
			if w.Code != http.StatusOK || w.Body.String() != "whole" {
				t.Errorf("%d: %d %q %v", i, w.Code, w.Body, w.Header())
			}
		}
		if w := get(h, "/"); !isHit(w) || runs.Load() != 1 {
			t.Errorf("%d runs, %q %v", runs.Load(), w.Body, w.Header())
		}
	})
}

func TestAHandlerStopsWhenNobodyWaits(t *testing.T) {
	t.Parallel()
	everywhereInTime(t, respcache.Config{}, func(t *testing.T, serve server, c *respcache.Cache) {
		var runs atomic.Int64
		var seen atomic.Value
		h := serve(func(c middleware.Context) error {
			if runs.Add(1) > 1 {
				return text(c, "whole")
			}
			if _, err := io.WriteString(middleware.Response(c), "half"); err != nil {
				return err
			}
			<-c.Request().Context().Done()
			seen.Store(c.Request().Context().Err())
			return nil // as one does that does not look
		}, c)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		do(h, request("/").WithContext(ctx))
		if seen.Load() != context.DeadlineExceeded {
			t.Errorf("the handler's context ended with %v", seen.Load())
		}
		if w := get(h, "/"); w.Body.String() != "whole" || isHit(w) {
			t.Errorf("half a response was stored: %q", w.Body)
		}
	})
}

func TestRequestsDoNotWaitForEver(t *testing.T) {
	t.Parallel()
	everywhereInTime(t, respcache.Config{}, func(t *testing.T, serve server, c *respcache.Cache) {
		var runs atomic.Int64
		h := serve(func(c middleware.Context) error {
			if runs.Add(1) == 1 {
				time.Sleep(time.Minute)
			}
			return text(c, fmt.Sprint(runs.Load()))
		}, c)
		done := make(chan struct{})
		go func() { get(h, "/"); close(done) }()
		synctest.Wait()
		began := time.Now()
		if w := get(h, "/"); w.Body.String() != "2" || time.Since(began) != 5*time.Second {
			t.Errorf("%q after %v", w.Body, time.Since(began))
		}
		<-done
	})
}

func TestAClearDuringAHandlerWins(t *testing.T) {
	t.Parallel()
	clears := map[string]func(ctx context.Context, c *respcache.Cache, g *cachedata.Group) error{
		"Delete": func(ctx context.Context, c *respcache.Cache, _ *cachedata.Group) error { return c.Delete(ctx, "/a/b") },
		"with its query": func(ctx context.Context, c *respcache.Cache, _ *cachedata.Group) error {
			return c.Delete(ctx, "/a/b?x=1")
		},
		"of a folder":        func(ctx context.Context, c *respcache.Cache, _ *cachedata.Group) error { return c.Delete(ctx, "/a/*") },
		"of all paths":       func(ctx context.Context, c *respcache.Cache, _ *cachedata.Group) error { return c.Delete(ctx, "/*") },
		"ClearTag":           func(ctx context.Context, c *respcache.Cache, _ *cachedata.Group) error { return c.ClearTag(ctx, "red") },
		"Clear":              func(ctx context.Context, c *respcache.Cache, _ *cachedata.Group) error { return c.Clear(ctx) },
		"of the group":       func(ctx context.Context, _ *respcache.Cache, g *cachedata.Group) error { return g.Clear(ctx) },
		"a tag of the group": func(ctx context.Context, _ *respcache.Cache, g *cachedata.Group) error { return g.ClearTag(ctx, "red") },
	}
	for name, clearIt := range clears {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				g, err := cachedata.NewGroup("g", cachedata.GroupConfig{})
				if err != nil {
					t.Fatal(err)
				}
				c := newCache(t, respcache.Config{Group: g})
				var runs atomic.Int64
				h := frameworks["echo v4"](func(c middleware.Context) error {
					cachedata.LoadingFrom(c.Request().Context()).AddTags("red")
					n := runs.Add(1)
					time.Sleep(time.Second)
					return text(c, fmt.Sprint(n))
				}, c)
				go get(h, "/a/b?x=1")
				time.Sleep(500 * time.Millisecond)
				if err := clearIt(t.Context(), c, g); err != nil {
					t.Fatal(err)
				}
				if w := get(h, "/a/b?x=1"); w.Body.String() != "2" {
					t.Errorf("a request that came after a clear got %q", w.Body)
				}
				if w := get(h, "/a/b?x=1"); w.Body.String() != "2" || !isHit(w) {
					t.Errorf("then %q %v", w.Body, w.Header())
				}
				if err := clearIt(t.Context(), c, g); err != nil {
					t.Fatal(err)
				}
				if w := get(h, "/a/b?x=1"); w.Body.String() != "3" {
					t.Errorf("after a clear of what is stored: %q", w.Body)
				}
				if err := g.Close(t.Context()); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

func TestUnsafeMethodsDropWhatTheyChange(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, serve server) {
		var runs atomic.Int64
		h := serve(func(c middleware.Context) error {
			w, r := middleware.Response(c), c.Request()
			if r.Method == http.MethodGet {
				return counted(&runs)(c)
			}
			if r.URL.Query().Has("fail") {
				return errors.New("no")
			}
			if to := r.URL.Query().Get("to"); to != "" {
				w.Header().Set("Location", to)
				w.WriteHeader(http.StatusSeeOther)
				return nil
			}
			w.WriteHeader(http.StatusNoContent)
			return nil
		}, newCache(t, respcache.Config{}))
		for _, tt := range []struct {
			method, target string
			dropped        bool
		}{
			{"POST", "/a", true},
			{"DELETE", "/a?x=1", true},
			{"POST", "/b", false},
			{"POST", "/a?fail=1", false},
			{"PATCH", "/b?to=/a", true},
			{"PATCH", "/b?to=http://example.com/a", true},
			{"PATCH", "/b?to=http://elsewhere.example/a", false},
			{"OPTIONS", "/a", false},
		} {
			before := get(h, "/a").Body.String()
			if w := get(h, "/a"); !isHit(w) {
				t.Fatalf("before %s %s: %v", tt.method, tt.target, w.Header())
			}
			r := request(tt.target)
			r.Method = tt.method
			do(h, r)
			if w := get(h, "/a"); (w.Body.String() != before) != tt.dropped {
				t.Errorf("after %s %s: %q, before %q, want dropped: %v", tt.method, tt.target, w.Body, before, tt.dropped)
			}
		}
	})
}

func TestManyClientsGetWhatTheyAskedFor(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, serve server) {
		var c *respcache.Cache
		h := serve(func(c middleware.Context) error {
			r := c.Request()
			if strings.HasSuffix(r.URL.Path, "3") {
				middleware.Response(c).Header().Set("Set-Cookie", "a=b")
			}
			return text(c, r.URL.RequestURI()+" "+r.Header.Get("Accept-Language"))
		}, func() middleware.Plugin { c = newCache(t, respcache.Config{TTL: time.Millisecond}); return c }())
		var wg sync.WaitGroup
		for i := range 200 {
			wg.Go(func() {
				for j := range soaktest.Rounds(100) {
					path, language := fmt.Sprintf("/%d?x=%d", (i+j)%20, j%2), fmt.Sprint(i%3)
					if w := get(h, path, "Accept-Language", language); w.Body.String() != path+" "+language || w.Code != 200 {
						t.Errorf("%s %s: %d %q", path, language, w.Code, w.Body)
					}
					if i == 0 {
						if err := c.Delete(t.Context(), "/*"); err != nil {
							t.Error(err)
						}
					}
				}
			})
		}
		wg.Wait()
	})
}

// What is counted is what the responses take of the heap, and both stay in the bound.
// It measures the heap, so it does not run beside other tests.
func TestResponsesStayInsideTheBoundOnBytes(t *testing.T) {
	const most, keys = 2 << 20, 8_000
	c := newCache(t, respcache.Config{MaxBytes: most})
	body := strings.Repeat("x", 1000)
	h := frameworks["net/http"](func(c middleware.Context) error { return text(c, body) }, c)
	before := heaptest.InUse()
	for i := range keys {
		h.ServeHTTP(&discard{h: make(http.Header)}, request(fmt.Sprint("/", i)))
		if (i+1)%(keys/4) != 0 {
			continue
		}
		// What is above the bound leaves in the background.
		deadline := time.Now().Add(time.Minute)
		s := c.Stats()
		for ; s.Bytes > most && time.Now().Before(deadline); s = c.Stats() {
			time.Sleep(time.Millisecond)
		}
		if s.Bytes > most || s.Bytes < most*3/4 {
			t.Errorf("after %d responses: %d bytes in %d entries", i+1, s.Bytes, s.Entries)
		}
		if held := heaptest.AtMost(before+most*3/2) - before; held > most*3/2 {
			t.Errorf("after %d responses: %d bytes of the heap, want about %d", i+1, held, most)
		}
	}
	runtime.KeepAlive(c)
}
