package redisstore_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/reecho-go/reecho/cachedata"
	"github.com/reecho-go/reecho/cachedata/persist"
	"github.com/reecho-go/reecho/internal/redistest"
	"github.com/reecho-go/reecho/internal/soaktest"
	"github.com/reecho-go/reecho/middleware"
	"github.com/reecho-go/reecho/middleware/respcache"
	"github.com/reecho-go/reecho/store"
)

// pages are those of a process, which show results of its cache.
type pages struct {
	*respcache.Cache
	handler http.Handler
	runs    atomic.Int64
}

func pagesOn(t *testing.T, s store.Store, of *squares, p persist.Config) *pages {
	t.Helper()
	c, err := respcache.New("pages", respcache.Config{TTL: time.Hour, Group: of.group, Observer: &of.events, Store: persist.In(s, p)})
	if err != nil {
		t.Fatal(err)
	}
	all := &pages{Cache: c}
	all.handler = middleware.Must(middleware.New(c)).Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		all.runs.Add(1)
		key, err := strconv.Atoi(strings.TrimPrefix(r.URL.Path, "/"))
		v, wrong := of.Get(r.Context(), key)
		if err = errors.Join(err, wrong); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		cachedata.LoadingFrom(r.Context()).AddTags("shown")
		_, _ = fmt.Fprint(w, v)
	}))
	return all
}

// get asks for the page of a key.
func (p *pages) get(key int) (v int64, hit bool, how string, err error) {
	w := httptest.NewRecorder()
	p.handler.ServeHTTP(w, httptest.NewRequestWithContext(context.Background(), http.MethodGet, fmt.Sprint("/", key), http.NoBody))
	how = w.Header().Get("Cache-Status")
	if w.Code != http.StatusOK {
		return 0, false, how, fmt.Errorf("status %d: %s", w.Code, w.Body)
	}
	v, err = strconv.ParseInt(w.Body.String(), 10, 64)
	return v, strings.Contains(how, "; hit"), how, err
}

func (p *pages) wants(t *testing.T, key int, v int64, hit bool) {
	t.Helper()
	if got, isHit, how, err := p.get(key); err != nil || got != v || isHit != hit {
		t.Errorf("the page of %d shows %d, Cache-Status %q, %v, want %d, a hit %t", key, got, how, err, v, hit)
	}
}

// becomes waits until the page of a key shows v, and fails if it shows anything but was
// and v until then.
func (p *pages) becomes(t *testing.T, key int, was, v int64) {
	t.Helper()
	for end := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		switch got, _, how, err := p.get(key); {
		case err != nil || got != v && got != was:
			t.Fatalf("the page of %d shows %d, Cache-Status %q, %v, want %d", key, got, how, err, v)
		case got == v:
			return
		case time.Now().After(end):
			t.Fatalf("the page of %d shows %d after a minute, want %d", key, got, v)
		}
	}
}

// newPages is one process of an app, whose functions return what source has.
func newPages(t *testing.T, addr string, source *atomic.Int64, p persist.Config) (*squares, *pages) {
	t.Helper()
	s := open(t, dial(t, addr), "app")
	c := cacheOn(t, s, cachedata.Config{TTL: time.Hour, MaxEntries: 100}, p, func(ctx context.Context, _ int) (int64, error) {
		cachedata.LoadingFrom(ctx).AddTags("t")
		return source.Load(), nil
	})
	return c, pagesOn(t, s, c, p)
}

func TestProcessesSharePagesAndHearOfWhatEndsThem(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(ctx context.Context, c *squares, p *pages) error{
		"Delete of the key":        func(ctx context.Context, c *squares, _ *pages) error { return c.Delete(ctx, 7) },
		"Put of the key":           func(ctx context.Context, c *squares, _ *pages) error { return c.Put(ctx, 7, 2) },
		"Clear of the function":    func(ctx context.Context, c *squares, _ *pages) error { return c.Clear(ctx) },
		"ClearTag of the function": func(ctx context.Context, c *squares, _ *pages) error { return c.ClearTag(ctx, "t") },
		"ClearFunc of the function": func(ctx context.Context, c *squares, _ *pages) error {
			return c.ClearFunc(ctx, func(n int) bool { return n == 7 })
		},
		"Refresh of the key": func(ctx context.Context, c *squares, _ *pages) error { _, err := c.Refresh(ctx, 7); return err },
		"Clear of the group": func(ctx context.Context, c *squares, _ *pages) error { return c.group.Clear(ctx) },
	} {
		for _, fromStore := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, from the store: %t", name, fromStore), func(t *testing.T) {
				t.Parallel()
				addr := redistest.Start(t).Addr
				var source atomic.Int64
				source.Store(1)
				own := persist.Config{Budget: time.Minute}
				oneCache, one := newPages(t, addr, &source, own)
				_, other := newPages(t, addr, &source, own)
				one.wants(t, 7, 1, false)
				other.wants(t, 7, 1, true)
				other.wants(t, 7, 1, true)
				if other.runs.Load() != 0 {
					t.Error("the other process has made it")
				}
				from, by, cache := other, one, oneCache
				if !fromStore { // then the process that has made the page hears of it
					otherCache, third := newPages(t, addr, &source, own)
					from, by, cache = one, third, otherCache
				}
				source.Store(2)
				if err := change(t.Context(), cache, by); err != nil {
					t.Fatal(err)
				}
				if v, _, how, err := by.get(7); err != nil || v != 2 {
					t.Errorf("where it was done the page shows %d, %q, %v", v, how, err)
				}
				from.becomes(t, 7, 1, 2)
			})
		}
	}
}

func TestPagesAreDeletedInAllProcesses(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(ctx context.Context, p *pages) error{
		"by URL":    func(ctx context.Context, p *pages) error { return p.Delete(ctx, "/7") },
		"by folder": func(ctx context.Context, p *pages) error { return p.Delete(ctx, "/*") },
		"by tag":    func(ctx context.Context, p *pages) error { return p.ClearTag(ctx, "shown") },
		"all":       func(ctx context.Context, p *pages) error { return p.Clear(ctx) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			addr := redistest.Start(t).Addr
			var source atomic.Int64
			own := persist.Config{Budget: time.Minute}
			_, one := newPages(t, addr, &source, own)
			_, other := newPages(t, addr, &source, own)
			one.wants(t, 7, 0, false)
			other.wants(t, 7, 0, true)
			if err := change(t.Context(), one); err != nil {
				t.Fatal(err)
			}
			// What is made while the news comes may not be stored: then it is made once more.
			for end, hit := time.Now().Add(time.Minute), false; other.runs.Load() == 0 || !hit; time.Sleep(time.Millisecond) {
				var how string
				var err error
				if _, hit, how, err = other.get(7); err != nil || time.Now().After(end) {
					t.Fatalf("the page was made %d times after a minute: %q, %v", other.runs.Load(), how, err)
				}
			}
			one.wants(t, 7, 0, true) // as the other one has made it
			if one.runs.Load() != 1 {
				t.Errorf("it was made %d times", one.runs.Load())
			}
		})
	}
}

// A result that has left the memory of a process, since it needs room, is still part of
// a page there.
func TestAPageEndsWithAResultThatIsNotInMemoryAnyMore(t *testing.T) {
	t.Parallel()
	addr := redistest.Start(t).Addr
	var source atomic.Int64
	own := persist.Config{Budget: time.Minute}
	cache, one := newPages(t, addr, &source, own)
	otherCache, _ := newPages(t, addr, &source, own)
	one.wants(t, 7, 0, false)
	for n := range 5000 { // more than are noted without being there
		if err := cache.Put(t.Context(), 1000+n, 1); err != nil {
			t.Fatal(err)
		}
	}
	one.wants(t, 7, 0, true)
	source.Store(1)
	if err := otherCache.Delete(t.Context(), 7); err != nil {
		t.Fatal(err)
	}
	one.becomes(t, 7, 0, 1)
}

// A server that does not answer costs a page the budget, and never the response.
func TestPagesAreServedWhileTheServerIsPausedOrGone(t *testing.T) {
	t.Parallel()
	for name, trouble := range map[string]func(t *testing.T, server *redistest.Server, p proxy){
		"paused": func(t *testing.T, server *redistest.Server, _ proxy) { t.Helper(); server.Pause(t) },
		"gone":   func(t *testing.T, server *redistest.Server, _ proxy) { t.Helper(); server.Stop(t) },
		"cut":    func(_ *testing.T, _ *redistest.Server, p proxy) { p.cut() },
		"silent": func(_ *testing.T, _ *redistest.Server, p proxy) { p.LoseAnswers(true) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := redistest.Start(t)
			p := newProxy(t, server.Addr)
			var source atomic.Int64
			own := persist.Config{Budget: 50 * time.Millisecond}
			cache, own1 := newPages(t, p.Addr, &source, own)
			if _, _, _, err := own1.get(7); err != nil {
				t.Fatal(err)
			}
			trouble(t, server, p)
			for key := range 10 {
				if _, _, how, err := own1.get(key); err != nil {
					t.Errorf("%d: %q, %v", key, how, err)
				}
			}
			source.Store(1)
			if err := cache.Delete(t.Context(), 7); err != nil {
				t.Fatal(err)
			}
			if v, _, how, err := own1.get(7); err != nil || v != 1 {
				t.Errorf("what was deleted here is shown: %d, %q, %v", v, how, err)
			}
			p.LoseAnswers(false)
			if name == "paused" {
				server.Resume(t)
			}
		})
	}
}

func TestPagesAreThereAfterARestartOfTheProcess(t *testing.T) {
	t.Parallel()
	addr := redistest.Start(t).Addr
	var source atomic.Int64
	own := persist.Config{Budget: time.Minute}
	cache, one := newPages(t, addr, &source, own)
	for key := range 20 {
		one.wants(t, key, 0, false)
	}
	if err := cache.group.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	source.Store(1)
	_, again := newPages(t, addr, &source, own)
	for key := range 20 {
		again.wants(t, key, 0, true)
	}
	if again.runs.Load() != 0 {
		t.Errorf("%d pages were made again", again.runs.Load())
	}
}

// Processes that each have one page and let one of them make it.
func TestOneProcessMakesAPageForAll(t *testing.T) {
	t.Parallel()
	addr := redistest.Start(t).Addr
	var source atomic.Int64
	own := persist.Config{Budget: time.Minute, SingleFlight: true}
	var all []*pages
	for range 3 {
		_, p := newPages(t, addr, &source, own)
		all = append(all, p)
	}
	errs := make(chan error)
	for _, p := range all {
		go func() {
			_, _, _, err := p.get(7)
			errs <- err
		}()
	}
	runs := int64(0)
	for range all {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	for _, p := range all {
		runs += p.runs.Load()
	}
	if runs != 1 {
		t.Errorf("%d processes have made it", runs)
	}
}

func TestNoNodeServesAPageOfWhatWasClearedOnAnother(t *testing.T) {
	t.Parallel()
	for name, trouble := range troubles {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for range soaktest.Rounds(10) {
				seed := soaktest.Seed()
				n := newNodes(t, historyNodes, persist.Config{Budget: historyBudget}, true)
				n.play(t, seed, trouble)
			}
		})
	}
}
