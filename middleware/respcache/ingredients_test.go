package respcache_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/reecho-go/reecho/cachedata"
	"github.com/reecho-go/reecho/middleware"
	"github.com/reecho-go/reecho/middleware/respcache"
)

// shop is a page that is made of results of functions.
type shop struct {
	group  *cachedata.Group // of the functions
	prices *cachedata.Cache[string, int]
	price  atomic.Int64 // at the origin
	runs   atomic.Int64 // of the handler
	pages  http.Handler
}

func newShop(t *testing.T, cfg cachedata.Config, load func(ctx context.Context, s *shop) (int, error)) *shop {
	t.Helper()
	s := new(shop)
	var err error
	if s.group, err = cachedata.NewGroup("functions", cachedata.GroupConfig{}); err != nil {
		t.Fatal(err)
	}
	cfg.Group = s.group
	if load == nil {
		load = func(ctx context.Context, s *shop) (int, error) {
			cachedata.LoadingFrom(ctx).AddTags("prices")
			return int(s.price.Load()), nil
		}
	}
	s.prices, err = cachedata.New("prices", func(ctx context.Context, _ string) (int, error) { return load(ctx, s) }, cfg)
	if err != nil {
		t.Fatal(err)
	}
	s.pages = frameworks["echo v4"](func(c middleware.Context) error {
		n := s.runs.Add(1)
		price, err := s.prices.Get(c.Request().Context(), c.Request().URL.Path)
		if err != nil && !errors.Is(err, cachedata.ErrNotFound) {
			return err
		}
		return text(c, fmt.Sprintf("%d %d", n, price))
	}, newCache(t, respcache.Config{TTL: time.Hour})) // whose pages are in another group
	return s
}

func (s *shop) get(t *testing.T, path, want string) {
	t.Helper()
	if got := get(s.pages, path).Body.String(); got != want {
		t.Errorf("%s = %q, want %q", path, got, want)
	}
}

func TestAPageEndsWithWhatItIsMadeOf(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(ctx context.Context, s *shop) error{
		"Delete":   func(ctx context.Context, s *shop) error { return s.prices.Delete(ctx, "/tea") },
		"Put":      func(ctx context.Context, s *shop) error { return s.prices.Put(ctx, "/tea", 2) },
		"Refresh":  func(ctx context.Context, s *shop) error { _, err := s.prices.Refresh(ctx, "/tea"); return err },
		"Clear":    func(ctx context.Context, s *shop) error { return s.prices.Clear(ctx) },
		"ClearTag": func(ctx context.Context, s *shop) error { return s.prices.ClearTag(ctx, "prices") },
		"ClearFunc": func(ctx context.Context, s *shop) error {
			return s.prices.ClearFunc(ctx, func(key string) bool { return key == "/tea" })
		},
		"of the group":       func(ctx context.Context, s *shop) error { return s.group.Clear(ctx) },
		"a tag of the group": func(ctx context.Context, s *shop) error { return s.group.ClearTag(ctx, "prices") },
		"by its query": func(ctx context.Context, s *shop) error {
			return s.group.ClearBy(ctx, map[string][]string{"cache": {"prices"}})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newShop(t, cachedata.Config{}, nil)
			s.price.Store(1)
			s.get(t, "/tea", "1 1")
			s.get(t, "/tea", "1 1")
			s.price.Store(2)
			if err := change(t.Context(), s); err != nil {
				t.Fatal(err)
			}
			s.get(t, "/tea", "2 2")
			s.get(t, "/tea", "2 2")
		})
	}
}

// A clear while the handler runs counts, whatever comes first.
func TestAPageEndsWithWhatIsClearedWhileItIsMade(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var s *shop
		s = newShop(t, cachedata.Config{}, func(context.Context, *shop) (int, error) {
			price := int(s.price.Load())
			time.Sleep(2 * time.Second)
			return price, nil
		})
		for _, after := range []time.Duration{time.Second, 3 * time.Second} {
			before := fmt.Sprint(s.runs.Load() + 1)
			go get(s.pages, "/tea")
			time.Sleep(after)
			price := s.price.Add(1)
			if err := s.prices.Delete(t.Context(), "/tea"); err != nil {
				t.Fatal(err)
			}
			if w := get(s.pages, "/tea"); w.Body.String() == before+" "+fmt.Sprint(price-1) {
				t.Errorf("after %v: %q, made before the delete", after, w.Body)
			}
			time.Sleep(time.Minute)
			w := get(s.pages, "/tea")
			var run, shown int64
			if _, err := fmt.Sscan(w.Body.String(), &run, &shown); err != nil || shown != price {
				t.Errorf("after %v: %q, want the price %d", after, w.Body, price)
			}
		}
	})
}

func TestAPageLivesNoLongerThanWhatItIsMadeOf(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newShop(t, cachedata.Config{TTL: time.Minute}, nil)
		if _, err := s.prices.Get(t.Context(), "/tea"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(40 * time.Second)
		s.get(t, "/tea", "1 0")
		if w := get(s.pages, "/tea"); w.Header().Get("Cache-Status") != "reecho; hit; ttl=20" {
			t.Errorf("Cache-Status = %q", w.Header().Get("Cache-Status"))
		}
		time.Sleep(20 * time.Second)
		s.get(t, "/tea", "2 0")
		if err := s.group.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// What a function does not let be stored is in no page that is.
func TestAPageOfWhatIsNotStoredIsNotStored(t *testing.T) {
	t.Parallel()
	s := newShop(t, cachedata.Config{}, func(ctx context.Context, _ *shop) (int, error) {
		cachedata.LoadingFrom(ctx).NoStore()
		return 7, nil
	})
	s.get(t, "/tea", "1 7")
	s.get(t, "/tea", "2 7")
}

// What was not there, and now is.
func TestAPageEndsWithWhatWasNotFound(t *testing.T) {
	t.Parallel()
	s := newShop(t, cachedata.Config{}, func(context.Context, *shop) (int, error) { return 0, cachedata.ErrNotFound })
	s.get(t, "/tea", "1 0")
	s.get(t, "/tea", "1 0")
	if err := s.prices.Put(t.Context(), "/tea", 5); err != nil {
		t.Fatal(err)
	}
	s.get(t, "/tea", "2 5")
}

func TestAPageOfAResultOfOneVisitorIsNotShared(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, serve server) {
		g, err := cachedata.NewGroup("functions", cachedata.GroupConfig{})
		if err != nil {
			t.Fatal(err)
		}
		carts := cachedata.Must(cachedata.New("carts", func(context.Context, int) (int, error) { return 1, nil }, cachedata.Config{Scope: cachedata.Session, Group: g}))
		var runs atomic.Int64
		h := serve(func(c middleware.Context) error {
			if _, err := carts.Get(c.Request().Context(), 1); err != nil {
				return err
			}
			return counted(&runs)(c)
		}, newSessions(t), newCache(t, respcache.Config{}))
		get(h, "/")
		if w := get(h, "/"); isHit(w) || w.Body.String() != "/ 2" {
			t.Errorf("%q %v", w.Body, w.Header())
		}
	})
}

// Deletes of other keys are nothing to a page, but for those that share a counter.
func TestAPageStaysWhenOtherKeysAreDeleted(t *testing.T) {
	t.Parallel()
	s := newShop(t, cachedata.Config{}, nil)
	const n = 100
	for i := range n {
		get(s.pages, fmt.Sprintf("/%d", i))
	}
	if err := s.prices.Delete(t.Context(), "/tea"); err != nil {
		t.Fatal(err)
	}
	for i := range n {
		get(s.pages, fmt.Sprintf("/%d", i))
	}
	if again := s.runs.Load() - n; again > n/5 {
		t.Errorf("%d of %d pages were made again", again, n)
	}
}
