package promobserve_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/reecho-go/reecho/cachedata"
	"github.com/reecho-go/reecho/cachedata/persist"
	"github.com/reecho-go/reecho/cacheresource"
	"github.com/reecho-go/reecho/internal/leaktest"
	"github.com/reecho-go/reecho/middleware"
	"github.com/reecho-go/reecho/middleware/respcache"
	"github.com/reecho-go/reecho/observe/promobserve"
	"github.com/reecho-go/reecho/sessionstate"
	"github.com/reecho-go/reecho/store/memstore"
	"github.com/reecho-go/reecho/store/storetest"
)

func TestMain(m *testing.M) { leaktest.Main(m) }

// world is an app with one of everything, in which something has happened.
type world struct {
	caches    *cachedata.Group
	resources *cacheresource.Group
	sessions  *sessionstate.Manager
	responses *respcache.Cache
	hang      chan struct{}
}

func must[T any](t testing.TB) func(v T, err error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

var errBoom = errors.New("boom")

func newWorld(t *testing.T) *world {
	t.Helper()
	ctx := t.Context()
	w := &world{
		caches:    must[*cachedata.Group](t)(cachedata.NewGroup("app", cachedata.GroupConfig{})),
		resources: must[*cacheresource.Group](t)(cacheresource.NewGroup("pools", cacheresource.GroupConfig{})),
		sessions:  must[*sessionstate.Manager](t)(sessionstate.New(sessionstate.Config{})),
		hang:      make(chan struct{}),
	}
	users := must[*cachedata.Cache[int, string]](t)(cachedata.New("users", func(_ context.Context, id int) (string, error) {
		switch {
		case id < 0:
			return "", errBoom
		case id == 99:
			<-w.hang
		}
		return fmt.Sprint(id), nil
	}, cachedata.Config{Group: w.caches}))
	for _, id := range []int{1, 1, 1, 2, -1} {
		_, _ = users.Get(ctx, id)
	}
	_ = users.Delete(ctx, 2)
	go func() { _, _ = users.Get(ctx, 99) }()
	for users.Stats().InFlight == 0 {
		time.Sleep(time.Millisecond)
	}

	away := storetest.Faulty(must[*memstore.Store](t)(memstore.New(memstore.Config{})), storetest.Fault{Err: errBoom, Times: -1})
	shared := must[*cachedata.Cache[int, int]](t)(cachedata.New(`"<shared>"`, func(_ context.Context, id int) (int, error) { return id, nil },
		cachedata.Config{Group: w.caches, Store: persist.In(away, persist.Config{})}))
	for id := range 3 { // then the store is left alone
		_, _ = shared.Get(ctx, id)
	}

	pools := must[*cacheresource.Resource[string, *int]](t)(cacheresource.New("db", func(_ context.Context, dsn string) (*int, error) {
		if dsn == "" {
			return nil, errBoom
		}
		return new(int), nil
	}, cacheresource.Config{Group: w.resources}))
	lease := must[*cacheresource.Lease[*int]](t)(pools.Acquire(ctx, "a"))
	_, _ = pools.Acquire(ctx, "")
	w.responses = must[*respcache.Cache](t)(respcache.New("pages", respcache.Config{Group: w.caches}))
	app := middleware.Must(middleware.New(w.responses)).Handler(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/a" {
			rw.Header().Set("Vary", r.URL.Path[1:])
		}
		_, _ = io.WriteString(rw, "x")
	}))
	for _, target := range []string{"/a", "/a", "/a", "/X-One", "/X-Two"} {
		app.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, target, nil))
	}
	upgrade := httptest.NewRequest(http.MethodGet, "/a", nil)
	upgrade.Header.Set("Upgrade", "websocket")
	app.ServeHTTP(httptest.NewRecorder(), upgrade)
	t.Cleanup(func() {
		close(w.hang)
		lease.Release()
		if err := errors.Join(w.caches.Close(context.Background()), w.resources.Close(context.Background())); err != nil {
			t.Error(err)
		}
	})
	return w
}

// scrape fetches and parses what a server on loopback exposes.
func scrape(t *testing.T, c prometheus.Collector) (families map[string]*dto.MetricFamily, text string) {
	t.Helper()
	reg := prometheus.NewPedanticRegistry()
	if err := reg.Register(c); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(promhttp.HandlerFor(reg, promhttp.HandlerOpts{ErrorHandling: promhttp.HTTPErrorOnError}))
	defer server.Close()
	res, err := server.Client().Get(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("%d, %v: %s", res.StatusCode, err, body)
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	if families, err = parser.TextToMetricFamilies(strings.NewReader(string(body))); err != nil {
		t.Fatal(err)
	}
	return families, string(body)
}

// value is the number of the series of a family with these labels.
func value(t *testing.T, f *dto.MetricFamily, labels map[string]string) float64 {
	t.Helper()
	for _, m := range f.GetMetric() {
		got := map[string]string{}
		for _, l := range m.GetLabel() {
			got[l.GetName()] = l.GetValue()
		}
		if maps.Equal(got, labels) {
			if h := m.GetHistogram(); h != nil {
				return float64(h.GetSampleCount())
			}
			return m.GetCounter().GetValue() + m.GetGauge().GetValue()
		}
	}
	t.Errorf("%s has no series with %v, but %v", f.GetName(), labels, f.GetMetric())
	return -1
}

func TestAScrapeShowsWhatHasHappened(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := must[prometheus.Collector](t)(promobserve.New(promobserve.Config{
		Caches: []*cachedata.Group{w.caches}, Resources: []*cacheresource.Group{w.resources}, Sessions: w.sessions,
		Responses: []*respcache.Cache{w.responses},
	}))
	families, text := scrape(t, c)
	users, shared, db := []string{"group", "app", "cache", "users"}, []string{"group", "app", "cache", `"<shared>"`}, []string{"group", "pools", "resource", "db"}
	pages := []string{"group", "app", "cache", "pages"}
	for _, tt := range []struct {
		name   string
		labels []string
		more   []string
		want   float64
	}{
		{"reecho_cache_requests_total", users, []string{"result", "hit"}, 2},
		{"reecho_cache_requests_total", users, []string{"result", "miss"}, 3},
		{"reecho_cache_requests_total", users, []string{"result", "joined"}, 0},
		{"reecho_cache_requests_total", users, []string{"result", "stale"}, 0},
		{"reecho_cache_requests_total", users, []string{"result", "failsafe"}, 0},
		{"reecho_cache_loads_total", users, []string{"result", "ok"}, 2},
		{"reecho_cache_loads_total", users, []string{"result", "error"}, 1},
		{"reecho_cache_load_duration_seconds", users, nil, 3},
		{"reecho_cache_evictions_total", users, []string{"cause", "deleted"}, 1},
		{"reecho_cache_entries", users, nil, 1},
		{"reecho_cache_in_flight", users, nil, 1},
		{"reecho_cache_waiters", users, nil, 1},
		{"reecho_cache_store_down", shared, nil, 1},
		{"reecho_cache_store_errors_total", shared, nil, 3},
		{"reecho_cache_store_hits_total", shared, nil, 0},
		{"reecho_resource_open", db, nil, 1},
		{"reecho_resource_leases", db, nil, 1},
		{"reecho_resource_opens_total", db, []string{"result", "ok"}, 1},
		{"reecho_resource_opens_total", db, []string{"result", "error"}, 1},
		{"reecho_response_requests_total", pages, []string{"result", "hit"}, 2},
		{"reecho_response_requests_total", pages, []string{"result", "miss"}, 1},
		{"reecho_response_requests_total", pages, []string{"result", "refused"}, 2},
		{"reecho_response_requests_total", pages, []string{"result", "bypass"}, 1},
		{"reecho_response_requests_total", pages, []string{"result", "joined"}, 0},
		{"reecho_response_refused_total", pages, []string{"reason", "vary"}, 2},
		{"reecho_response_bypassed_total", pages, []string{"reason", "upgrade"}, 1},
		{"reecho_response_entries", pages, nil, 3},
		{"reecho_session_started_total", nil, nil, 0},
	} {
		labels := map[string]string{}
		for pair := range slices.Chunk(append(slices.Clone(tt.labels), tt.more...), 2) {
			labels[pair[0]] = pair[1]
		}
		if families[tt.name] == nil {
			t.Errorf("no %s in\n%s", tt.name, text)
			continue
		}
		if got := value(t, families[tt.name], labels); got != tt.want {
			t.Errorf("%s%v = %v, want %v", tt.name, labels, got, tt.want)
		}
	}
	for _, m := range families["reecho_cache_bytes"].GetMetric() {
		if m.GetGauge().GetValue() <= 0 {
			t.Errorf("reecho_cache_bytes: %v", m)
		}
	}
	if problems, err := promlint.New(strings.NewReader(text)).Lint(); err != nil || len(problems) > 0 {
		t.Errorf("promlint: %v, %+v", err, problems)
	}
}

// The buckets are cumulative, end with all, and have the bounds of cachedata.
func TestTheHistogramIsCumulative(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	families, _ := scrape(t, must[prometheus.Collector](t)(promobserve.New(promobserve.Config{Caches: []*cachedata.Group{w.caches}})))
	for _, m := range families["reecho_cache_load_duration_seconds"].GetMetric() {
		h := m.GetHistogram()
		if len(h.GetBucket()) != 21 || h.GetBucket()[0].GetUpperBound() != 50e-6 {
			t.Fatalf("%d buckets: %v", len(h.GetBucket()), h)
		}
		last := uint64(0)
		for _, b := range h.GetBucket() {
			if b.GetCumulativeCount() < last {
				t.Errorf("bucket %v has fewer than the one before", b)
			}
			last = b.GetCumulativeCount()
		}
		if last != h.GetSampleCount() || last == 0 {
			t.Errorf("the last bucket has %d of %d", last, h.GetSampleCount())
		}
	}
}

// Names that are no UTF-8 must not break the whole scrape.
func TestNamesOfAnyBytesAreScraped(t *testing.T) {
	t.Parallel()
	g := must[*cachedata.Group](t)(cachedata.NewGroup("g", cachedata.GroupConfig{}))
	for _, name := range []string{"a\xffb", "a\xfeb", "a\uFFFDb", "line\nbreak", `quo"te\`, strings.Repeat("x", 10<<10)} {
		must[*cachedata.Cache[int, int]](t)(cachedata.New(name, func(_ context.Context, id int) (int, error) { return id, nil }, cachedata.Config{Group: g}))
	}
	families, _ := scrape(t, must[prometheus.Collector](t)(promobserve.New(promobserve.Config{Caches: []*cachedata.Group{g}})))
	if got := len(families["reecho_cache_entries"].GetMetric()); got != 6 {
		t.Errorf("%d caches, want 6", got)
	}
}

// A scrape is whole while caches and resources come and go.
func TestScrapesWhileCachesComeAndGo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	reg := prometheus.NewPedanticRegistry()
	reg.MustRegister(must[prometheus.Collector](t)(promobserve.New(promobserve.Config{
		Caches: []*cachedata.Group{w.caches}, Resources: []*cacheresource.Group{w.resources}, Sessions: w.sessions, Responses: []*respcache.Cache{w.responses},
	})))
	ctx, stop := context.WithCancel(t.Context())
	var busy sync.WaitGroup
	for i := range 3 {
		busy.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				c, err := cachedata.New(fmt.Sprint("passing ", i), func(_ context.Context, k int) (int, error) { return k, nil }, cachedata.Config{Group: w.caches})
				r, wrong := cacheresource.New(fmt.Sprint("passing ", i), func(context.Context, int) (int, error) { return 1, nil }, cacheresource.Config{Group: w.resources})
				if err := errors.Join(err, wrong); err != nil {
					t.Error(err)
					return
				}
				_, _ = c.Get(ctx, n)
				_ = r.Do(ctx, n, func(int) error { return nil })
				if err := errors.Join(c.Close(context.Background()), r.Close(context.Background())); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for range 200 {
		if _, err := reg.Gather(); err != nil {
			t.Error(err)
		}
	}
	stop()
	busy.Wait()
	if err := w.responses.Close(context.Background()); err != nil {
		t.Error(err)
	}
	if _, err := reg.Gather(); err != nil {
		t.Error("after a cache of responses was closed:", err)
	}
}

func TestNewRefusesWhatCannotBeMeasured(t *testing.T) {
	t.Parallel()
	g, same := must[*cachedata.Group](t)(cachedata.NewGroup("g", cachedata.GroupConfig{})), must[*cachedata.Group](t)(cachedata.NewGroup("g", cachedata.GroupConfig{}))
	pages := must[*respcache.Cache](t)(respcache.New("pages", respcache.Config{Group: g}))
	_, err := promobserve.New(promobserve.Config{
		Caches: []*cachedata.Group{g, nil, same}, Resources: []*cacheresource.Group{nil},
		Responses: []*respcache.Cache{pages, nil, pages},
	})
	for _, want := range []string{"Caches[1] is nil", `Caches[2] has the name "g" of Caches[0]`, "Resources[0] is nil", "Responses[1] is nil", `Responses[2] has the name "pages" of Responses[0]`} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not say %q", err, want)
		}
	}
}
