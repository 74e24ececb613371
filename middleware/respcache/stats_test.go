package respcache_test

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/reecho-go/reecho/middleware"
	"github.com/reecho-go/reecho/middleware/respcache"
	"github.com/reecho-go/reecho/sessionstate"
)

// Whatever becomes of a request, it is counted once, under what has become of it.
func TestEachRequestIsCountedOnce(t *testing.T) {
	t.Parallel()
	cfg := respcache.Config{TTL: time.Minute, Stale: respcache.StaleConfig{For: time.Minute, OnError: time.Hour}}
	everywhereInTime(t, cfg, func(t *testing.T, serve server, c *respcache.Cache) {
		down := false
		sessions := newSessions(t)
		h := serve(func(mc middleware.Context) error {
			r, w := mc.Request(), middleware.Response(mc)
			time.Sleep(time.Second)
			if down {
				w.WriteHeader(http.StatusBadGateway)
				return nil
			}
			for name := range r.URL.Query() {
				switch name {
				case "status":
					status, _ := strconv.Atoi(r.URL.Query().Get(name))
					w.WriteHeader(status)
					return nil
				case "session":
					if s, err := sessionstate.FromContext(r.Context()); err == nil {
						_ = s.ID()
					}
				default:
					w.Header().Set(name, r.URL.Query().Get(name))
				}
			}
			return text(mc, "x")
		}, sessions, c)
		requests := uint64(0)
		do := func(r *http.Request) {
			requests++
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
		}
		check := func(what string, want respcache.Stats) {
			t.Helper()
			synctest.Wait()
			got := c.Stats()
			if got.Requests() != requests {
				t.Errorf("%s: %d of %d requests are counted", what, got.Requests(), requests)
			}
			got.Bytes, got.Entries = 0, 0
			if got.Hits != want.Hits || got.Stale != want.Stale || got.FailSafe != want.FailSafe || got.Joined != want.Joined || got.Misses != want.Misses ||
				!maps.Equal(got.Refused, want.Refused) || !maps.Equal(got.Bypassed, want.Bypassed) {
				t.Errorf("%s: %+v, want %+v", what, got, want)
			}
		}
		want := respcache.Stats{Refused: map[string]uint64{}, Bypassed: map[string]uint64{}}
		do(request("/a"))
		do(request("/a"))
		do(request("/a", "If-None-Match", "*"))
		head := request("/a")
		head.Method = http.MethodHead
		do(head)
		want.Misses, want.Hits = 1, 3
		check("hits", want)

		requests += 5
		together(h, 5, "/b")
		want.Misses, want.Joined = want.Misses+1, want.Joined+4
		check("requests at once", want)

		time.Sleep(61 * time.Second)
		do(request("/a"))
		want.Stale++
		time.Sleep(2 * time.Second)
		do(request("/a"))
		want.Hits++
		check("a response that is made again", want)

		time.Sleep(3 * time.Minute)
		down = true
		requests += 3
		together(h, 3, "/a")
		want.FailSafe += 3
		check("a handler that fails", want)
		do(request("/c"))
		want.Refused["status"]++
		down = false
		check("a handler that fails for the first time", want)

		for target, reason := range map[string]string{
			"/s?status=404": "status", "/s?status=403": "status", "/v?Vary=X-One": "vary", "/v?Vary=X-Two": "vary", "/m?Cache-Control=max-age=0": "max-age",
			"/p?Cache-Control=private": "private", "/c?Set-Cookie=a": "set-cookie", "/u?session=1": "the session was read",
		} {
			do(request(target))
			do(request(target)) // it is known by now
			want.Refused[reason] += 2
		}
		head = request("/h")
		head.Method = http.MethodHead
		do(head)
		want.Refused["head"]++
		check("what cannot be stored", want)

		do(request("/a", "Authorization", "x"))
		do(request("/a", "Cookie", "a=b"))
		do(request("/a", "Cookie", "b=c"))
		want.Bypassed = map[string]uint64{"authorization": 1, "cookie": 2}
		check("what is not asked for", want)

		post := request("/a")
		post.Method = http.MethodPost
		h.ServeHTTP(httptest.NewRecorder(), post)
		check("a request that changes something", want)
	})
}

// A request whose client leaves, and one whose handler panics, are counted too.
func TestRequestsThatEndBadlyAreCounted(t *testing.T) {
	t.Parallel()
	everywhereInTime(t, respcache.Config{}, func(t *testing.T, serve server, c *respcache.Cache) {
		h := serve(func(mc middleware.Context) error {
			if mc.Request().URL.Path == "/panic" {
				panic("broken")
			}
			time.Sleep(time.Minute)
			return text(mc, "x")
		}, c)
		func() {
			defer func() { _ = recover() }()
			get(h, "/panic")
		}()
		go get(h, "/slow")
		synctest.Wait()
		get(h, "/slow") // which waits for a while, and then asks the handler
		time.Sleep(time.Hour)
		s := c.Stats()
		if want := map[string]uint64{"cancelled": 1, "another request took too long": 1}; !maps.Equal(s.Refused, want) || s.Misses != 1 || s.Requests() != 3 {
			t.Errorf("%+v", s)
		}
		if err := c.Close(t.Context()); err != nil {
			t.Error(err)
		}
		get(h, "/slow")
		if s := c.Stats(); s.Refused["the cache failed"] != 1 || s.Requests() != 4 {
			t.Errorf("after the cache was closed: %+v", s)
		}
	})
}

func TestHitRatioOfResponses(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		stats respcache.Stats
		want  float64
	}{
		{"nothing", respcache.Stats{}, 0},
		{"hits", respcache.Stats{Hits: 3}, 1},
		{"all kinds", respcache.Stats{Hits: 1, Stale: 1, FailSafe: 1, Joined: 1, Misses: 1, Refused: map[string]uint64{"a": 2}, Bypassed: map[string]uint64{"b": 1}}, 0.25},
		{"none", respcache.Stats{Misses: 1}, 0},
	} {
		if got := tt.stats.HitRatio(); got != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
}
