package cachedata_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/reecho-go/reecho/cachedata"
	"github.com/reecho-go/reecho/internal/scope"
	"github.com/reecho-go/reecho/observe"
)

func TestStampedeLoadsOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var rec observe.Recorder
		c := newCache(t, func(_ context.Context, k int) (int, error) {
			time.Sleep(time.Second)
			return k, nil
		}, cachedata.Config{Observer: &rec})
		var wg sync.WaitGroup
		for i := range 1000 {
			wg.Go(func() {
				get := c.Get
				if i%10 == 0 {
					get = c.Refresh // joins as well
				}
				if v, err := get(t.Context(), 7); v != 7 || err != nil {
					t.Errorf("got %d, %v", v, err)
				}
			})
		}
		synctest.Wait()
		if s := c.Stats(); s.InFlight != 1 || s.Waiters != 1000 {
			t.Errorf("%d in flight, %d waiters", s.InFlight, s.Waiters)
		}
		wg.Wait()
		synctest.Wait() // the load has left, too
		if s := c.Stats(); s.Loads != 1 || s.InFlight != 0 || s.Waiters != 0 || s.LoadTime != time.Second {
			t.Errorf("%+v", s)
		}
		loads := observe.Of[observe.CacheLoad](&rec)
		fp, _ := c.Fingerprint(7)
		want := []observe.CacheLoad{{Source: observe.Source{Group: "group", Cache: "test", Fingerprint: fp}, Took: time.Second, Waiters: 1000}}
		if !slices.Equal(loads, want) {
			t.Errorf("events %+v, want %+v", loads, want)
		}
	})
}

func TestLoadHasTheLeadersValuesButNotItsEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		type key struct{}
		c := newCache(t, func(ctx context.Context, _ int) (string, error) {
			if _, ok := ctx.Deadline(); ok {
				t.Error("the load has a deadline")
			}
			time.Sleep(time.Second)
			if err := ctx.Err(); err != nil {
				t.Error(err)
			}
			v, _ := ctx.Value(key{}).(string)
			return v, nil
		}, cachedata.Config{})
		ctx, cancel := context.WithTimeout(context.WithValue(t.Context(), key{}, "leader"), time.Millisecond)
		defer cancel()
		var wg sync.WaitGroup
		wg.Go(func() {
			if _, err := c.Get(ctx, 1); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("the leader got %v", err)
			}
		})
		synctest.Wait()
		want(t, c, 1, "leader")
		wg.Wait()
	})
}

func TestAbandonedLoadIsCancelledAndNotStored(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var rec observe.Recorder
		var cause error
		c := newCache(t, func(ctx context.Context, k int) (int, error) {
			<-ctx.Done()
			cause = context.Cause(ctx)
			return k, nil // all the same
		}, cachedata.Config{Observer: &rec})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := c.Get(ctx, 1); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		synctest.Wait()
		if cause == nil {
			t.Error("the load's context did not end")
		}
		if _, ok := c.Peek(t.Context(), 1); ok {
			t.Error("what nobody waited for was stored")
		}
		refused := observe.Of[observe.CacheRefused](&rec)
		if len(refused) != 1 || refused[0].Reason != "everybody who waited has left" {
			t.Errorf("events %+v", refused)
		}
	})
}

func TestDoneContextNeverStartsALoad(t *testing.T) {
	t.Parallel()
	c := newCache(t, counter[int](), cachedata.Config{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Get(ctx, 1); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	want(t, c, 1, "1#1")
	if v, err := c.Get(ctx, 1); v != "1#1" || err != nil {
		t.Errorf("a hit with a context that is done: %q, %v", v, err)
	}
}

func TestErrorsAreNotKept(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		loads := 0
		down := errors.New("down")
		c := newCache(t, func(context.Context, int) (int, error) {
			loads++
			time.Sleep(time.Second)
			if loads < 3 {
				return 5, down // a value beside an error does not count
			}
			return loads, nil
		}, cachedata.Config{})
		for range 2 {
			var wg sync.WaitGroup
			for range 10 {
				wg.Go(func() {
					v, meta, err := c.GetMeta(t.Context(), 1)
					if v != 0 || err != down || meta != (cachedata.Meta{}) {
						t.Errorf("got %d, %+v, %v", v, meta, err)
					}
				})
			}
			wg.Wait()
		}
		want(t, c, 1, 3)
		if s := c.Stats(); s.Loads != 3 || s.LoadErrors != 2 || s.Misses != 21 {
			t.Errorf("%+v", s)
		}
	})
}

func TestPanicIsRaisedAgainAndReported(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var rec observe.Recorder
		boom := errors.New("boom")
		c := newCache(t, func(context.Context, int) (int, error) {
			time.Sleep(time.Second)
			panic(boom)
		}, cachedata.Config{Observer: &rec})
		get := func(ctx context.Context) (raised any, err error) {
			defer func() { raised = recover() }()
			_, err = c.Get(ctx, 1)
			return nil, err
		}
		raised, _ := get(t.Context())
		pe, ok := raised.(*cachedata.PanicError)
		if !ok || !errors.Is(pe, boom) || !strings.Contains(string(pe.Stack), "load_test.go") {
			t.Errorf("the leader panicked with %v", raised)
		}
		// Nobody is left to hear this one.
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if raised, err := get(ctx); raised != nil || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, %v", raised, err)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		events := observe.Of[observe.CacheLoad](&rec)
		if len(events) != 2 || !errors.Is(events[0].Err, boom) || !errors.Is(events[1].Err, boom) {
			t.Errorf("events %+v", events)
		}
	})
}

// site is how a loader uses its own cache: the cache in a struct.
type site struct {
	pages *cachedata.Cache[string, string]
	links map[string]string
	delay time.Duration
}

func newSite(t *testing.T, links map[string]string) *site {
	s := &site{links: links}
	s.pages = newCache(t, s.load, cachedata.Config{})
	return s
}

func (s *site) load(ctx context.Context, name string) (string, error) {
	time.Sleep(s.delay)
	next, ok := s.links[name]
	if !ok {
		return name, nil
	}
	rest, err := s.pages.Get(ctx, next)
	return name + rest, err
}

func TestLoadsMayUseOtherKeys(t *testing.T) {
	t.Parallel()
	s := newSite(t, map[string]string{"a": "b", "b": "c"})
	want(t, s.pages, "a", "abc")
	want(t, s.pages, "b", "bc")
	if st := s.pages.Stats(); st.Loads != 3 {
		t.Errorf("%d loads", st.Loads)
	}
}

func TestCycleIsAnErrorThatNamesIt(t *testing.T) {
	t.Parallel()
	s := newSite(t, map[string]string{"a": "b", "b": "c", "c": "a"})
	_, err := s.pages.Get(t.Context(), "a")
	ce, ok := errors.AsType[*cachedata.CycleError](err)
	if !ok {
		t.Fatalf("got %v", err)
	}
	var path []string
	for _, k := range []string{"c", "a", "b", "c"} {
		fp, _ := s.pages.Fingerprint(k)
		path = append(path, fmt.Sprintf("test[%016x]", fp))
	}
	if !slices.Equal(ce.Path, path) {
		t.Errorf("path %q, want %q", ce.Path, path)
	}
	if st := s.pages.Stats(); st.Entries != 0 {
		t.Errorf("%d entries", st.Entries)
	}
	want(t, s.pages, "x", "x")
}

func TestCycleOfSeparateCallersIsAnError(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, map[string]string{"a": "b", "b": "a"})
		s.delay = time.Second
		var wg sync.WaitGroup
		for _, k := range []string{"a", "b"} {
			wg.Go(func() {
				_, err := s.pages.Get(t.Context(), k)
				if _, ok := errors.AsType[*cachedata.CycleError](err); !ok {
					t.Errorf("%s: %v", k, err)
				}
			})
		}
		wg.Wait()
	})
}

func TestLoaderMayClearItsOwnCache(t *testing.T) {
	t.Parallel()
	var c *cachedata.Cache[int, int]
	c = newCache(t, func(ctx context.Context, k int) (int, error) { return k, c.Clear(ctx) }, cachedata.Config{})
	want(t, c, 1, 1)
	if _, ok := c.Peek(t.Context(), 1); ok {
		t.Error("a result was stored across its own clear")
	}
	if s := c.Stats(); s.Refused != 1 {
		t.Errorf("%d refused", s.Refused)
	}
}

// request is a request of a visitor, with a session.
type request struct{ scope.Request }

func newRequest(ctx context.Context) *request {
	r := new(request)
	r.Init(r, httptest.NewRequestWithContext(ctx, http.MethodGet, "/", http.NoBody))
	r.Fill(scope.Session, "ann")
	return r
}

// visitor is what sessionstate and the like do to find the visitor.
func visitor(ctx context.Context) (string, error) {
	v, err := scope.Get(ctx, scope.Session, func(_ *scope.Request, filled any) *string { return new(filled.(string)) })
	if err != nil {
		return "", err
	}
	return *v, nil
}

func TestGlobalLoadCannotSeeTheVisitor(t *testing.T) {
	t.Parallel()
	type key struct{}
	loads := 0
	c := newCache(t, func(ctx context.Context, how string) (string, error) {
		loads++
		if ctx.Value(key{}) != "plain" {
			t.Error("ordinary values are hidden too")
		}
		switch who, err := visitor(ctx); how {
		case "returns the error":
			return "hello " + who, err
		case "wraps the error":
			return "", fmt.Errorf("greeting: %w", err)
		case "fails otherwise":
			return "", http.ErrNoLocation
		default: // swallows it
			return "hello " + who, nil
		}
	}, cachedata.Config{})
	ctx := context.WithValue(newRequest(t.Context()), key{}, "plain")
	if who, err := visitor(ctx); who != "ann" || err != nil {
		t.Fatalf("visitor: %q, %v", who, err)
	}
	for _, how := range []string{"returns the error", "wraps the error", "swallows the error", "fails otherwise"} {
		for range 2 {
			if v, err := c.Get(ctx, how); v != "" || !errors.Is(err, cachedata.ErrVisitorInGlobalLoad) {
				t.Errorf("%s: got %q, %v", how, v, err)
			}
		}
	}
	if s := c.Stats(); loads != 8 || s.Entries != 0 {
		t.Errorf("%d loads, %d entries", loads, s.Entries)
	}
	if who, err := visitor(ctx); who != "ann" || err != nil {
		t.Errorf("visitor after the loads: %q, %v", who, err)
	}
}

func TestNestedLoadCannotSeeTheVisitor(t *testing.T) {
	t.Parallel()
	inner := newCache(t, func(ctx context.Context, _ int) (string, error) { return visitor(ctx) }, cachedata.Config{})
	outer := newCache(t, func(ctx context.Context, k int) (string, error) { return inner.Get(ctx, k) }, cachedata.Config{})
	if v, err := outer.Get(newRequest(t.Context()), 1); v != "" || !errors.Is(err, cachedata.ErrVisitorInGlobalLoad) {
		t.Errorf("got %q, %v", v, err)
	}
}
