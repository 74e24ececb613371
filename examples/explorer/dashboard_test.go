package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"html"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/reecho-go/reecho/cachedata"
	"github.com/reecho-go/reecho/cacheresource"
	"github.com/reecho-go/reecho/dashboard"
	"github.com/reecho-go/reecho/middleware"
	"github.com/reecho-go/reecho/sessionstate"
	"github.com/reecho-go/reecho/store/memstore"
)

// update makes the pictures of docs/observability.md again, which takes a minute:
// go test ./examples/explorer -run PagesOfTheDashboard -update
var update = flag.Bool("update", false, "make the pictures in docs again")

func TestDashboardIsForWhoHasItsToken(t *testing.T) {
	t.Parallel()
	site := siteOn(t, t.TempDir())
	v := site.visitor(t)
	v.get("/").has(t, http.StatusOK, `href="/_reecho"`)
	for _, path := range []string{"/_reecho", "/_reecho?asset=style.css", "/_reecho?token=guess", "/_reecho?token="} {
		if r := v.get(path); r.status != http.StatusForbidden || strings.Contains(r.body, "totals") {
			t.Errorf("%s: %d", path, r.status)
		}
	}
	page := v.get("/_reecho?token=" + site.app.token)
	page.has(t, http.StatusOK, "totals", "months", "reecho")
	if page.url.String() != site.URL+"/_reecho" {
		t.Errorf("the token stays in the address: %v", page.url)
	}
	if csp := page.header.Values("Content-Security-Policy"); len(csp) != 1 || !strings.HasPrefix(csp[0], "default-src 'self'") {
		t.Errorf("CSP %q", csp)
	}
	if page.header.Get("Cache-Control") != "no-store" {
		t.Errorf("Cache-Control %q", page.header.Get("Cache-Control"))
	}
	v.get("/_reecho?page=resources").has(t, http.StatusOK, "strikes")
	v.get("/_reecho?page=sessions").has(t, http.StatusOK, "Started")
}

// A tag is cleared on the page, through all the middlewares of the app.
func TestDashboardClearsWhatWasAskedForOneState(t *testing.T) {
	t.Parallel()
	site := siteOn(t, t.TempDir())
	v := site.visitor(t)
	v.get("/?state=Ohio")
	v.get("/?state=Utah")
	page := v.get("/_reecho?token=" + site.app.token)
	m := regexp.MustCompile(`<a href="([^"]*)">strikes</a>`).FindStringSubmatch(page.body)
	if m == nil {
		t.Fatal(page.body)
	}
	at := "/_reecho" + html.UnescapeString(m[1])
	cache := v.get(at)
	cache.has(t, http.StatusOK, "State:Ohio", "state Ohio", "fresh 2")
	id := regexp.MustCompile(`name="id" value="(\w+)"`).FindStringSubmatch(cache.body)[1]
	after := v.post(at, "do", "tag", "id", id, "tag", "state Ohio")
	after.has(t, http.StatusOK, "Cleared.", "state Utah", "fresh 1")
	after.lacks(t, "State:Ohio")
}

// A visitor who has the address follows numbers as they change, pauses, acts, and does
// all of it on a phone too.
func TestBrowserShowsTheDashboard(t *testing.T) {
	t.Parallel()
	p := start(t, "-addr", "127.0.0.1:0", "-state", t.TempDir())
	b, reader := newTab(t), newTab(t)
	b.Open(p.Dashboard)
	b.At("/_reecho")
	b.Shows("Hit ratio", "strikes", "Pause")
	const calls = `[...document.querySelectorAll('tbody tr')].find(e => e.querySelector('th').innerText.trim() === 'strikes').querySelector('[data-label="Calls"]').innerText`
	b.mark()
	reader.open(p.URL + "/?state=Ohio")
	b.Until(calls + ` === '1'`) // without a reload
	b.Click(`.live a`)
	b.Shows("Go live")
	if eval[bool](b, untouched) {
		t.Error("pausing is a page of its own")
	}
	b.Click(`tbody th a`)
	b.Shows("Configuration", "Entries", "Go live")
	b.Click(`.act summary`)
	b.Click(`button[value="clear"]`)
	b.Shows("Cleared.", "Nothing is kept")
	b.Size(320, 900)
	for _, page := range []string{"", "loads", "resources", "sessions", "events", "advice"} {
		b.Open(p.URL + "/_reecho?page=" + page)
		if over := eval[int](b, `document.documentElement.scrollWidth - innerWidth`); over > 0 {
			t.Errorf("page %q is %d pixels too wide for a small phone", page, over)
		}
	}
}

// stage is a busy program, in which not all is well.
type stage struct {
	t         *testing.T
	caches    *cachedata.Group
	resources *cacheresource.Group
	uses      []func(ctx context.Context) // what visitors do
}

var errDown = errors.New("connect: connection refused")

// cache adds a cache with about so many keys, whose loads take about so long, and
// fail so often.
func (s *stage) cache(name string, keys, ms, fails float64, cfg cachedata.Config) {
	cfg.Group, cfg.CountHits = s.caches, true
	c, err := cachedata.New(name, func(ctx context.Context, k int) (string, error) {
		select {
		case <-time.After(time.Duration(ms * (0.5 + rand.ExpFloat64()) * float64(time.Millisecond))):
		case <-ctx.Done():
			return "", ctx.Err()
		}
		if rand.Float64() < fails {
			return "", errDown
		}
		return strings.Repeat("x", 200+k%500), nil
	}, cfg, cachedata.Funcs[int, string]{Tags: func(k int, _ string) []string { return []string{fmt.Sprintf("team:%d", k%7)} }})
	if err != nil {
		s.t.Fatal(err)
	}
	s.uses = append(s.uses, func(ctx context.Context) { _, _ = c.Get(ctx, int(rand.ExpFloat64()*keys/4)) })
}

// newStage returns the address of the dashboard of a busy program.
func newStage(t *testing.T) (url string) {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	s := &stage{t: t}
	var err error
	s.caches, err = cachedata.NewGroup("shop", cachedata.GroupConfig{})
	must(err)
	s.resources, err = cacheresource.NewGroup("backends", cacheresource.GroupConfig{})
	must(err)
	events := new(dashboard.Events)
	kept := memstore.Must(memstore.New(memstore.Config{}))
	sessions, err := sessionstate.New(sessionstate.Config{Store: kept, Observer: events})
	must(err)
	page, err := dashboard.New(func(*http.Request) error { return nil }, dashboard.Config{
		Caches: []*cachedata.Group{s.caches}, Resources: []*cacheresource.Group{s.resources}, Sessions: sessions, Events: events,
	})
	must(err)

	s.cache("products", 900, 12, 0, cachedata.Config{TTL: 10 * time.Minute, Jitter: 0.1})
	s.cache("prices", 300, 35, 0.3, cachedata.Config{TTL: 5 * time.Second})
	s.cache("search", 2000, 180, 0.02, cachedata.Config{TTL: 20 * time.Second, Stale: cachedata.StaleConfig{For: 5 * time.Minute, OnError: time.Hour}})
	s.cache("countries", 20, 4, 0, cachedata.Config{})
	s.cache("reports", 40, 4000, 0, cachedata.Config{TTL: time.Hour, MaxEntries: 50})
	s.cache("recommendations", 5000, 60, 0, cachedata.Config{TTL: time.Minute, MaxEntries: 400})

	pool, err := cacheresource.New("postgres", func(context.Context, string) (*int, error) { return new(int), nil }, cacheresource.Config{Group: s.resources, LeakAge: time.Hour})
	must(err)
	mail, err := cacheresource.New("smtp", func(_ context.Context, host string) (*int, error) {
		if host == "mx2" {
			return nil, errDown
		}
		return new(int), nil
	}, cacheresource.Config{Group: s.resources, LeakAge: time.Hour, ErrorTTL: time.Second})
	must(err)
	var leases []interface{ Release() }
	for _, dsn := range []string{"orders", "orders", "stock"} {
		l, err := pool.Acquire(t.Context(), dsn)
		must(err)
		leases = append(leases, l)
	}
	s.uses = append(s.uses, func(ctx context.Context) {
		_ = mail.Do(ctx, []string{"mx1", "mx2"}[rand.IntN(2)], func(*int) error { return nil })
	})

	stack, err := middleware.New(sessions)
	must(err)
	app := stack.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if state, err := sessionstate.FromContext(r.Context()); err == nil {
			_ = state.Login("ann@example.org")
		}
	}))
	for range 3 {
		app.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "https://shop.example/login", nil))
	}

	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		slots := make(chan struct{}, 40)
		for ctx.Err() == nil {
			slots <- struct{}{}
			go func() {
				defer func() { <-slots }()
				s.uses[rand.IntN(len(s.uses))](ctx)
			}()
			time.Sleep(time.Duration(rand.ExpFloat64() * float64(3*time.Millisecond)))
		}
		for range cap(slots) {
			slots <- struct{}{}
		}
	}()
	server := httptest.NewServer(page)
	t.Cleanup(func() {
		stop()
		<-ended
		server.Close()
		for _, l := range leases {
			l.Release()
		}
		ctx := context.Background()
		if err := errors.Join(s.caches.Close(ctx), s.resources.Close(ctx), stack.Close(ctx), kept.Close(ctx)); err != nil {
			t.Error(err)
		}
	})
	return server.URL
}

// Every page of the dashboard fits and can be read. With -update the pictures are those
// of docs/observability.md, after a minute of use.
func TestBrowserPagesOfTheDashboardFitAndCanBeRead(t *testing.T) {
	t.Parallel()
	url := newStage(t)
	b := newTab(t)
	b.Allow("status of 404")
	b.Open(url)
	b.Shows("recommendations")
	if *update {
		time.Sleep(time.Minute) // the browser has no clock of ours
	}
	b.Until(`document.querySelectorAll('.spark polyline').length > 3`)
	address := func(name string) string {
		return eval[string](b, fmt.Sprintf(`[...document.querySelectorAll('tbody th a')].find(e => e.innerText === '%s').href`, name))
	}
	pages := map[string]string{
		"caches": url, "cache": address("search"), "loads": url + "?page=loads", "resources": url + "?page=resources",
		"sessions": url + "?page=sessions", "events": url + "?page=events&level=warn", "advice": url + "?page=advice",
	}
	for name, target := range pages {
		b.Open(target)
		b.Until(`document.querySelector('h1')`)
		if name == "sessions" {
			b.Types(chromedp.CSS("#user"), "ann@example.org")
			b.Click(`button[value="find"]`)
			b.Shows("Log out everywhere")
		}
		b.LooksGood(filepath.Join(screenshots, "..", "dashboard", name))
	}
	if !*update {
		return
	}
	for _, picture := range []struct {
		page, scheme string
		width        int64
	}{{"caches", "light", 1280}, {"cache", "dark", 1280}, {"caches", "light", 390}} {
		b.Scheme(picture.scheme)
		b.Size(picture.width, 860)
		b.Open(pages[picture.page])
		b.Until(`document.querySelector('h1')`)
		b.Window(filepath.Join("..", "..", "docs", "pictures", fmt.Sprintf("%s-%s-%d.png", picture.page, picture.scheme, picture.width)))
	}
}
