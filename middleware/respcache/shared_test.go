package respcache_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/reecho-go/reecho/cachedata"
	"github.com/reecho-go/reecho/cachedata/persist"
	"github.com/reecho-go/reecho/ctxinfo"
	"github.com/reecho-go/reecho/middleware"
	"github.com/reecho-go/reecho/middleware/respcache"
	"github.com/reecho-go/reecho/observe"
	"github.com/reecho-go/reecho/store"
	"github.com/reecho-go/reecho/store/memstore"
	"github.com/reecho-go/reecho/store/storetest"
)

// market is a process of an app with pages and functions on a store. Another one on
// the same store is the same app later, or elsewhere.
type market struct {
	group  *cachedata.Group
	prices *cachedata.Cache[string, int]
	pages  *respcache.Cache
	http.Handler
	runs   atomic.Int64 // of the handler
	events observe.Recorder
}

// prices has the prices of all processes.
type prices struct{ price atomic.Int64 }

func newMarket(t testing.TB, kept store.Store, from *prices, edit ...func(*respcache.Config)) *market {
	t.Helper()
	return newMarketOn(t, kept, persist.Config{Budget: time.Minute}, from, edit...)
}

func newMarketOn(t testing.TB, kept store.Store, own persist.Config, from *prices, edit ...func(*respcache.Config)) *market {
	t.Helper()
	m := new(market)
	var err error
	if m.group, err = cachedata.NewGroup("market", cachedata.GroupConfig{Observer: &m.events}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = m.group.Close(context.Background()) }) // some are closed already
	m.prices, err = cachedata.New("prices", func(ctx context.Context, _ string) (int, error) {
		cachedata.LoadingFrom(ctx).AddTags("prices")
		return int(from.price.Load()), nil
	}, cachedata.Config{TTL: time.Hour, Group: m.group, Store: persist.In(kept, own)})
	if err != nil {
		t.Fatal(err)
	}
	cfg := respcache.Config{TTL: time.Hour, Group: m.group, Store: persist.In(kept, own)}
	for _, e := range edit {
		e(&cfg)
	}
	m.pages = newCache(t, cfg)
	m.serve(func(c middleware.Context) error {
		n := m.runs.Add(1)
		price, err := m.prices.Get(c.Request().Context(), c.Request().URL.Path)
		if err != nil {
			return err
		}
		cachedata.LoadingFrom(c.Request().Context()).AddTags("shown")
		return text(c, fmt.Sprintf("%d %d", n, price))
	})
	return m
}

func memory(t testing.TB) *memstore.Store {
	t.Helper()
	s, err := memstore.New(memstore.Config{})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (m *market) serve(h handler) { m.Handler = frameworks["echo v4"](h, m.pages) }

// gets asks for a path, and fails unless the response is the one that is wanted.
func (m *market) gets(t *testing.T, path, want string, hit bool) {
	t.Helper()
	w := get(m, path)
	if w.Body.String() != want || isHit(w) != hit {
		t.Errorf("GET %s = %q, Cache-Status %q, want %q, a hit %t", path, w.Body, w.Header()["Cache-Status"], want, hit)
	}
}

func TestAPageOutlivesItsProcess(t *testing.T) {
	t.Parallel()
	kept, from := memory(t), new(prices)
	one := newMarket(t, kept, from)
	first := get(one, "/tea")
	if err := one.group.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	other := newMarket(t, kept, from)
	w := get(other, "/tea")
	if !isHit(w) || w.Body.String() != first.Body.String() || other.runs.Load() != 0 {
		t.Errorf("%q %v", w.Body, w.Header())
	}
	for name := range first.Header() {
		if name != "Cache-Status" && strings.Join(first.Header()[name], "|") != strings.Join(w.Header()[name], "|") {
			t.Errorf("%s is %q, and was %q", name, w.Header()[name], first.Header()[name])
		}
	}
	if got := other.pages.Responses().Stats().Stored; got != 1 {
		t.Errorf("%d pages came from the store", got)
	}
	if got := other.pages.Stats(); got.Hits != 1 || got.Requests() != 1 {
		t.Errorf("a request that the store has answered counts as %+v", got)
	}
	other.gets(t, "/tea", "1 0", true)
}

// Whatever ends a page in the process that has made it ends it in the store, wherever it
// is done.
func TestAPageInTheStoreEndsWithWhatItIsMadeOf(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(ctx context.Context, m *market) error{
		"Delete of the key":        func(ctx context.Context, m *market) error { return m.prices.Delete(ctx, "/tea") },
		"Put of the key":           func(ctx context.Context, m *market) error { return m.prices.Put(ctx, "/tea", 2) },
		"Refresh of the key":       func(ctx context.Context, m *market) error { _, err := m.prices.Refresh(ctx, "/tea"); return err },
		"Clear of the function":    func(ctx context.Context, m *market) error { return m.prices.Clear(ctx) },
		"ClearTag of the function": func(ctx context.Context, m *market) error { return m.prices.ClearTag(ctx, "prices") },
		"ClearFunc of the function": func(ctx context.Context, m *market) error {
			return m.prices.ClearFunc(ctx, func(key string) bool { return key == "/tea" })
		},
		"Clear of the group":      func(ctx context.Context, m *market) error { return m.group.Clear(ctx) },
		"ClearTag of the group":   func(ctx context.Context, m *market) error { return m.group.ClearTag(ctx, "prices") },
		"a tag of the page":       func(ctx context.Context, m *market) error { return m.pages.ClearTag(ctx, "shown") },
		"a tag of page, by group": func(ctx context.Context, m *market) error { return m.group.ClearTag(ctx, "shown") },
		"Clear of the pages":      func(ctx context.Context, m *market) error { return m.pages.Clear(ctx) },
		"Delete of the page":      func(ctx context.Context, m *market) error { return m.pages.Delete(ctx, "/tea") },
		"Delete of a folder":      func(ctx context.Context, m *market) error { return m.pages.Delete(ctx, "/*") },
		"a POST of the same path": func(_ context.Context, m *market) error { do(m, posted("/tea")); return nil },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			kept, from := memory(t), new(prices)
			from.price.Store(1)
			one := newMarket(t, kept, from)
			one.gets(t, "/tea", "1 1", false)
			other := newMarket(t, kept, from)
			from.price.Store(2)
			if err := change(t.Context(), other); err != nil { // of which it has nothing in memory
				t.Fatal(err)
			}
			third := newMarket(t, kept, from)
			w := get(third, "/tea")
			if isHit(w) {
				t.Errorf("%q %v", w.Body, w.Header())
			}
		})
	}
}

func posted(path string) *http.Request {
	r := request(path)
	r.Method = http.MethodPost
	return r
}

// In one process, with the page in memory, and from the store.
func TestAPageFromTheStoreEndsWithWhatIsChangedHere(t *testing.T) {
	t.Parallel()
	kept, from := memory(t), new(prices)
	from.price.Store(1)
	newMarket(t, kept, from).gets(t, "/tea", "1 1", false)
	m := newMarket(t, kept, from)
	want := int64(1)
	for i, change := range []func(ctx context.Context) error{
		func(ctx context.Context) error { return m.prices.Delete(ctx, "/tea") },
		func(ctx context.Context) error {
			return m.prices.Put(ctx, "/tea", int(from.price.Load()), cachedata.PutOptions{Tags: []string{"prices"}})
		},
		func(ctx context.Context) error { return m.prices.ClearTag(ctx, "prices") },
		func(ctx context.Context) error { return m.prices.ClearFunc(ctx, func(string) bool { return true }) },
		func(ctx context.Context) error { return m.group.Clear(ctx) },
	} {
		m.gets(t, "/tea", fmt.Sprintf("%d %d", max(i, 1), want), true)
		want = from.price.Add(1)
		if err := change(t.Context()); err != nil {
			t.Fatal(err)
		}
		m.gets(t, "/tea", fmt.Sprintf("%d %d", i+1, want), false)
	}
}

// Changes of other keys end nothing, whatever counters they share: the store knows better.
func TestAPageInTheStoreStaysWhenOtherKeysChange(t *testing.T) {
	t.Parallel()
	kept, from := memory(t), new(prices)
	m := newMarket(t, kept, from)
	const n = 10
	for i := range n {
		get(m, fmt.Sprint("/", i))
	}
	for i := range 20_000 { // several for each counter
		if err := m.prices.Delete(t.Context(), fmt.Sprint("/other/", i)); err != nil {
			t.Fatal(err)
		}
	}
	for i := range n {
		if w := get(m, fmt.Sprint("/", i)); !isHit(w) {
			t.Errorf("%q %v", w.Body, w.Header())
		}
	}
}

// A page of which other processes could not say whether it holds is in memory only.
func TestAPageOfWhatOthersDoNotKnowIsInMemoryOnly(t *testing.T) {
	t.Parallel()
	from := new(prices)
	one := func(context.Context, string) (int, error) { return 1, nil }
	for name, test := range map[string]struct {
		uses func(m *market, kept store.Store) *cachedata.Cache[string, int]
		why  string
	}{
		"without a store": {func(m *market, _ store.Store) *cachedata.Cache[string, int] {
			return cachedata.Must(cachedata.New("f", one, cachedata.Config{Group: m.group}))
		}, "a result of a function without a store was used"},
		"in another store": {func(m *market, _ store.Store) *cachedata.Cache[string, int] {
			return cachedata.Must(cachedata.New("f", one, cachedata.Config{Group: m.group, Store: persist.In(memory(t), persist.Config{Budget: time.Minute})}))
		}, "a result of another store was used"},
		"in another group": {func(_ *market, kept store.Store) *cachedata.Cache[string, int] {
			g, err := cachedata.NewGroup("market", cachedata.GroupConfig{})
			if err != nil {
				t.Fatal(err)
			}
			return cachedata.Must(cachedata.New("f", one, cachedata.Config{Group: g, Store: persist.In(kept, persist.Config{Budget: time.Minute})}))
		}, "a result of another group of caches was used"},
		"of a cache with the name of one in the group": {func(_ *market, kept store.Store) *cachedata.Cache[string, int] {
			g, err := cachedata.NewGroup("elsewhere", cachedata.GroupConfig{})
			if err != nil {
				t.Fatal(err)
			}
			return cachedata.Must(cachedata.New("prices", one, cachedata.Config{Group: g, Store: persist.In(kept, persist.Config{Budget: time.Minute})}))
		}, "a result of another group of caches was used"},
		"written behind": {func(m *market, kept store.Store) *cachedata.Cache[string, int] {
			return cachedata.Must(cachedata.New("f", one, cachedata.Config{Group: m.group, Store: persist.In(kept, persist.Config{Budget: time.Minute, WriteBehind: true})}))
		}, "a result that is not in the store was used"},
		"an error that is remembered": {func(m *market, kept store.Store) *cachedata.Cache[string, int] {
			return cachedata.Must(cachedata.New("f", func(context.Context, string) (int, error) { return 0, cachedata.ErrNotFound },
				cachedata.Config{Group: m.group, Store: persist.In(kept, persist.Config{Budget: time.Minute}), Errors: cachedata.ErrorConfig{TTL: time.Hour}}))
		}, "a result that is not in the store was used"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			kept := memory(t)
			m := newMarket(t, kept, from)
			f := test.uses(m, kept)
			path := "/" + strings.ReplaceAll(name, " ", "-")
			m.serve(func(c middleware.Context) error {
				_, _ = f.Get(c.Request().Context(), "k")
				return counted(&m.runs)(c)
			})
			get(m, path)
			w := get(m, path)
			got := w.Header().Get("Cache-Status")
			if want := "; detail=\"in memory only: " + test.why + "\""; !isHit(w) || !strings.HasSuffix(got, want) {
				t.Errorf("Cache-Status = %q, want a hit with %q", got, want)
			}
			if w := get(newMarket(t, kept, from), path); isHit(w) {
				t.Errorf("another process has it: %q", w.Body)
			}
		})
	}
}

// A process that does not know the functions of a page cannot hear of their clears.
func TestAPageOfFunctionsThatAreNotHereIsNotBelieved(t *testing.T) {
	t.Parallel()
	kept, from := memory(t), new(prices)
	newMarket(t, kept, from).gets(t, "/tea", "1 0", false)
	m := newMarket(t, kept, from)
	if err := m.prices.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	var runs atomic.Int64
	m.serve(counted(&runs))
	if w := get(m, "/tea"); isHit(w) {
		t.Errorf("%q %v", w.Body, w.Header())
	}
}

// Results of another version of a function mean something else, and so do pages of them.
func TestAPageOfAnotherVersionOfAFunctionIsNotBelieved(t *testing.T) {
	t.Parallel()
	kept, from := memory(t), new(prices)
	of := func(version string) *market {
		return newMarketOn(t, kept, persist.Config{Budget: time.Minute, Version: version}, from, func(cfg *respcache.Config) {
			cfg.Store = persist.In(kept, persist.Config{Budget: time.Minute}) // always the same
		})
	}
	of("1").gets(t, "/tea", "1 0", false)
	of("1").gets(t, "/tea", "1 0", true)
	from.price.Store(1)
	of("2").gets(t, "/tea", "1 1", false)
}

// A page that no function was used for has nothing to be judged by but its own clears.
func TestAPageOfNoFunctionIsShared(t *testing.T) {
	t.Parallel()
	kept, from := memory(t), new(prices)
	var runs atomic.Int64
	show := func() *market {
		m := newMarket(t, kept, from)
		m.serve(counted(&runs))
		return m
	}
	show().gets(t, "/a/b?x=1", "/a/b 1", false)
	show().gets(t, "/a/b?x=1", "/a/b 1", true)
	if err := show().pages.Delete(t.Context(), "/a/*"); err != nil {
		t.Fatal(err)
	}
	show().gets(t, "/a/b?x=1", "/a/b 2", false)
}

// What a response depends on beyond the key is known to all processes.
func TestSignpostsAreShared(t *testing.T) {
	t.Parallel()
	kept, from := memory(t), new(prices)
	info, err := ctxinfo.New(ctxinfo.Config{})
	if err != nil {
		t.Fatal(err)
	}
	var runs atomic.Int64
	show := func() http.Handler {
		m := newMarket(t, kept, from)
		return frameworks["echo v4"](func(c middleware.Context) error {
			agent, _ := ctxinfo.From(c).Headers().Get("User-Agent")
			return text(c, fmt.Sprint(agent, " ", runs.Add(1)))
		}, info, m.pages)
	}
	for i, want := range []struct {
		agent string
		body  string
		hit   bool
	}{
		{"a", "a 1", false}, // which leads to the others
		{"a", "a 2", false},
		{"a", "a 2", true},
		{"b", "b 3", false},
		{"b", "b 3", true},
		{"a", "a 2", true},
	} {
		w := get(show(), "/", "User-Agent", want.agent)
		if w.Body.String() != want.body || isHit(w) != want.hit {
			t.Errorf("%d: %q %v, want %q, a hit %t", i, w.Body, w.Header(), want.body, want.hit)
		}
	}
}

// Keys of another configuration mean something else.
func TestPagesUnderOtherKeysAreNotFound(t *testing.T) {
	t.Parallel()
	kept, from := memory(t), new(prices)
	by := func(header string) func(*respcache.Config) {
		return func(cfg *respcache.Config) { cfg.Keys.Headers = []string{header} }
	}
	show := func(header string) (*market, handler) {
		m := newMarket(t, kept, from, by(header))
		return m, func(c middleware.Context) error { return text(c, header+": "+c.Request().Header.Get(header)) }
	}
	for _, header := range []string{"X-A", "X-B"} {
		m, h := show(header)
		m.serve(h)
		w := get(m, "/", header, "1")
		if w.Body.String() != header+": 1" || isHit(w) {
			t.Errorf("by %s: %q %v", header, w.Body, w.Header())
		}
	}
}

// What cannot be read is a miss, and told.
func TestAPageThatIsBrokenInTheStoreIsAMiss(t *testing.T) {
	t.Parallel()
	kept, from := memory(t), new(prices)
	newMarket(t, kept, from).gets(t, "/tea", "1 0", false)
	broken := 0
	for e, err := range kept.Scan(t.Context(), "cache/market/pages/r/") {
		if err != nil {
			t.Fatal(err)
		}
		e.Value[len(e.Value)-1] ^= 1
		if err := kept.Put(t.Context(), e.Key, e.Item); err != nil {
			t.Fatal(err)
		}
		broken++
	}
	m := newMarket(t, kept, from)
	m.gets(t, "/tea", "1 0", false)
	told := 0
	for _, e := range m.events.Events() {
		if _, ok := e.(observe.StoreFailure); ok {
			told++
		}
	}
	if broken != 1 || told != 1 {
		t.Errorf("%d pages in the store, %d events", broken, told)
	}
	newMarket(t, kept, from).gets(t, "/tea", "1 0", true)
}

func TestPagesHaveTheirOwnCodec(t *testing.T) {
	t.Parallel()
	g, err := cachedata.NewGroup("test", cachedata.GroupConfig{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = respcache.New("pages", respcache.Config{Group: g, Store: persist.In(memory(t), persist.Config{Codec: none{}})})
	if err == nil || !strings.Contains(err.Error(), "leave it out") {
		t.Errorf("New: %v", err)
	}
}

type none struct{}

func (none) Marshal(any) ([]byte, error) { return nil, nil }
func (none) Unmarshal([]byte, any) error { return nil }

// A page that a function's result of this process only was used for leaves the store
// alone when it ends.
func TestAPageThatEndsInMemoryTakesNoneFromTheStore(t *testing.T) {
	t.Parallel()
	kept, from := memory(t), new(prices)
	newMarket(t, kept, from).gets(t, "/tea", "1 0", false)
	m := newMarket(t, kept, from)
	m.gets(t, "/tea", "1 0", true)
	local := cachedata.Must(cachedata.New("local", func(context.Context, int) (int, error) { return 1, nil }, cachedata.Config{Group: m.group}))
	var also atomic.Bool
	m.serve(func(c middleware.Context) error {
		if also.Load() {
			_, _ = local.Get(c.Request().Context(), 1)
		}
		return counted(&m.runs)(c)
	})
	also.Store(true)
	if err := m.pages.Delete(t.Context(), "/milk"); err != nil {
		t.Fatal(err)
	}
	m.gets(t, "/milk", "/milk 1", false)
	before := records(t, kept)
	if err := local.Delete(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	m.gets(t, "/milk", "/milk 2", false)
	if after := records(t, kept); after != before {
		t.Errorf("%d pages in the store, and before %d", after, before)
	}
	newMarket(t, kept, from).gets(t, "/tea", "1 0", true)
}

// records is how many pages, or marks that there is none, are in a store.
func records(t *testing.T, s *memstore.Store) (n int) {
	t.Helper()
	for _, err := range s.Scan(t.Context(), "cache/market/pages/r/") {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	return n
}

// A fill that began before a purge, wherever that was, does not come back by the store.
func TestAPageThatWasBegunBeforeAClearElsewhereIsNotInTheStore(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(ctx context.Context, m *market) error{
		"of a key":      func(ctx context.Context, m *market) error { return m.prices.Delete(ctx, "/tea") },
		"of a function": func(ctx context.Context, m *market) error { return m.prices.Clear(ctx) },
		"of a tag":      func(ctx context.Context, m *market) error { return m.prices.ClearTag(ctx, "prices") },
		"of a URL":      func(ctx context.Context, m *market) error { return m.pages.Delete(ctx, "/tea") },
		"of all pages":  func(ctx context.Context, m *market) error { return m.pages.Clear(ctx) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			kept, from := memory(t), new(prices)
			one, other := newMarket(t, kept, from), newMarket(t, kept, from)
			used, goOn := make(chan struct{}), make(chan struct{})
			one.serve(func(c middleware.Context) error {
				price, err := one.prices.Get(c.Request().Context(), "/tea")
				close(used)
				<-goOn
				if err != nil {
					return err
				}
				return text(c, fmt.Sprint("old ", price))
			})
			done := make(chan struct{})
			go func() {
				defer close(done)
				get(one, "/tea")
			}()
			<-used
			if err := change(t.Context(), other); err != nil {
				t.Fatal(err)
			}
			close(goOn)
			<-done
			if w := get(newMarket(t, kept, from), "/tea"); isHit(w) {
				t.Errorf("%q, which was begun before the clear", w.Body)
			}
		})
	}
}

// In time: what the store has is replayed as Stale says, also by a process that has just
// begun.
func TestAStalePageOfTheStoreIsReplayed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		kept, from := memory(t), new(prices)
		stale := func(cfg *respcache.Config) {
			cfg.TTL, cfg.Stale = time.Minute, respcache.StaleConfig{For: time.Minute, OnError: time.Hour}
		}
		one := newMarket(t, kept, from, stale)
		one.gets(t, "/tea", "1 0", false)
		time.Sleep(90 * time.Second)
		from.price.Store(1)
		if err := one.prices.Put(t.Context(), "/milk", 1); err != nil {
			t.Fatal(err)
		}

		other := newMarket(t, kept, from, stale)
		w := get(other, "/tea")
		if w.Body.String() != "1 0" || w.Header().Get("Age") != "90" {
			t.Errorf("%q %v", w.Body, w.Header())
		}
		synctest.Wait()
		if other.runs.Load() != 1 {
			t.Errorf("it was made %d times in the background", other.runs.Load())
		}
		other.gets(t, "/tea", "1 0", true)

		time.Sleep(10 * time.Minute)
		third := newMarket(t, kept, from, stale)
		third.serve(func(middleware.Context) error { return errors.New("broken") })
		third.gets(t, "/tea", "1 0", true)
		for _, m := range []*market{one, other, third} {
			if err := m.group.Close(t.Context()); err != nil {
				t.Error(err)
			}
		}
	})
}

// A response that cannot be stored any more ends the one that the store has.
func TestAPageThatIsRefusedNowLeavesTheStore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		kept, from := memory(t), new(prices)
		stale := func(cfg *respcache.Config) { cfg.TTL, cfg.Stale.For = time.Minute, time.Hour }
		one := newMarket(t, kept, from, stale)
		one.gets(t, "/tea", "1 0", false)
		time.Sleep(2 * time.Minute)
		one.serve(func(c middleware.Context) error {
			middleware.Response(c).Header().Set("Cache-Control", "private")
			return text(c, "mine")
		})
		one.gets(t, "/tea", "1 0", true)
		synctest.Wait()
		other := newMarket(t, kept, from, stale)
		other.gets(t, "/tea", "1 0", false) // by its own handler
		for _, m := range []*market{one, other} {
			if err := m.group.Close(t.Context()); err != nil {
				t.Error(err)
			}
		}
	})
}

// A store that fails, or hangs, is no matter of who asks for a page.
func TestAStoreThatFailsIsAMiss(t *testing.T) {
	t.Parallel()
	for name, faults := range map[string][]storetest.Fault{
		"at each call":             {{Times: -1}},
		"at each read":             {{Op: "get", Times: -1}, {Op: "getmany", Times: -1}},
		"at each write":            {{Op: "swap", Times: -1}, {Op: "put", Times: -1}},
		"after writes":             {{Op: "swap", Times: -1, Lost: true}},
		"by not answering":         {{Times: -1, Hang: true}},
		"by not answering a write": {{Op: "swap", Times: -1, Hang: true}},
		"by garbage": {{Times: -1, Answer: func(_ string, it store.Item) store.Item {
			it.Value = []byte("garbage")
			return it
		}}},
		"at the functions of a page": {{Prefix: "cache/market/prices/", Times: -1}},
		"at the pages":               {{Prefix: "cache/market/pages/", Times: -1}},
	} {
		for _, there := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, the page is there: %t", name, there), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) { // what hangs does so for the budget
					kept, from := memory(t), new(prices)
					one := newMarket(t, kept, from)
					if there {
						one.gets(t, "/tea", "1 0", false)
					}
					m := newMarketOn(t, storetest.Faulty(kept, faults...), persist.Config{}, from)
					for range 5 {
						if w := get(m, "/tea"); w.Code != http.StatusOK || w.Body.String() != "1 0" {
							t.Errorf("%d %q %v", w.Code, w.Body, w.Header())
						}
					}
					from.price.Store(1)
					if _, err := m.prices.Refresh(t.Context(), "/tea"); err != nil {
						t.Fatal(err)
					}
					for range 2 {
						if w := get(m, "/tea"); w.Code != http.StatusOK || !strings.HasSuffix(w.Body.String(), " 1") {
							t.Errorf("after a refresh: %d %q %v", w.Code, w.Body, w.Header())
						}
					}
					for _, m := range []*market{one, m} {
						if err := m.group.Close(t.Context()); err != nil {
							t.Error(err)
						}
					}
				})
			})
		}
	}
}
