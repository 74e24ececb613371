package cachedata_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/reecho-go/reecho/cachedata"
)

// stage is an origin with a version. It can hold up a load in its middle, or
// between its end and the storing of its result.
type stage struct {
	mu      sync.Mutex
	version int
	held    map[string]chan struct{} // where the next one is held up
	fail    bool
	same    bool // what has an old result is not modified
}

func (s *stage) set(version int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.version = version
}

// hold holds up the next one at a place until the channel is closed.
func (s *stage) hold(at string) chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held = map[string]chan struct{}{at: make(chan struct{})}
	return s.held[at]
}

func (s *stage) pass(at string) {
	s.mu.Lock()
	c := s.held[at]
	delete(s.held, at)
	s.mu.Unlock()
	if c != nil {
		<-c
	}
}

// load reads the version first and takes its time after that.
func (s *stage) load(ctx context.Context, keys []string) (map[string]int, error) {
	s.mu.Lock()
	v, fail, same := s.version, s.fail, s.same
	s.fail, s.same = false, false
	s.mu.Unlock()
	s.pass("in load")
	m := make(map[string]int)
	for _, k := range keys {
		e := cachedata.LoadingFor(ctx, k)
		switch {
		case fail:
			return nil, errDown
		case same && e.OldETag() != "":
			e.NotModified()
		default:
			e.SetETag(fmt.Sprint(v))
			m[k] = v
		}
	}
	return m, nil
}

// tags is Config.Tags.
func (s *stage) tags(string, int) []string {
	s.pass("before publish")
	return []string{"tag"}
}

// For every operation that makes a result wrong, every phase of a load, and
// every kind of load: who came before gets what was loaded, and who comes after
// never does, then or later.
func TestEveryClearInEveryPhaseOfEveryLoad(t *testing.T) {
	t.Parallel()
	type cache = cachedata.Batch[string, int]
	operations := []struct {
		name string
		do   func(ctx context.Context, c *cache, g *cachedata.Group) error
	}{
		{"Delete", func(ctx context.Context, c *cache, _ *cachedata.Group) error { return c.Delete(ctx, "k") }},
		{"Clear", func(ctx context.Context, c *cache, _ *cachedata.Group) error { return c.Clear(ctx) }},
		{"ClearTag", func(ctx context.Context, c *cache, _ *cachedata.Group) error { return c.ClearTag(ctx, "tag") }},
		{"ClearFunc", func(ctx context.Context, c *cache, _ *cachedata.Group) error {
			return c.ClearFunc(ctx, func(k string) bool { return k == "k" })
		}},
		{"group Clear", func(ctx context.Context, _ *cache, g *cachedata.Group) error { return g.Clear(ctx) }},
		{"group ClearTag", func(ctx context.Context, _ *cache, g *cachedata.Group) error { return g.ClearTag(ctx, "tag") }},
		{"Put", func(ctx context.Context, c *cache, _ *cachedata.Group) error { return c.Put(ctx, "k", 3) }},
	}
	get := func(ctx context.Context, c *cache) (int, error) { return c.Get(ctx, "k") }
	many := func(ctx context.Context, c *cache) (int, error) {
		m, err := c.GetMany(ctx, []string{"other", "k"})
		if err != nil {
			return 0, err
		}
		return m["k"], nil
	}
	kinds := []struct {
		name    string
		old     bool // there is a result 1 before, which has expired
		prepare func(*stage)
		call    func(context.Context, *cache) (int, error)
		fails   bool
		want    string // what the caller gets who was there before
	}{
		{name: "Get", call: get, want: "2 <nil>"},
		{name: "GetMany", call: many, want: "2 <nil>"},
		{name: "Refresh", call: func(ctx context.Context, c *cache) (int, error) { return c.Refresh(ctx, "k") }, want: "2 <nil>"},
		{name: "background refresh", old: true, call: get, want: "1 <nil>"},
		{name: "background refresh by GetMany", old: true, call: many, want: "1 <nil>"},
		{name: "not modified", old: true, prepare: func(s *stage) { s.same = true }, call: func(ctx context.Context, c *cache) (int, error) { return c.Refresh(ctx, "k") }, want: "1 <nil>"},
		{name: "not modified in the background", old: true, prepare: func(s *stage) { s.same = true }, call: get, want: "1 <nil>"},
		{name: "failing refresh", old: true, fails: true, prepare: func(s *stage) { s.fail = true }, call: get, want: "1 <nil>"},
	}
	phases := []string{"before load", "in load", "before publish", "after publish"}
	for _, op := range operations {
		for _, kind := range kinds {
			for _, phase := range phases {
				if phase == "before publish" && kind.prepare != nil {
					continue // Tags is not asked
				}
				t.Run(op.name+"/"+kind.name+"/"+phase, func(t *testing.T) {
					t.Parallel()
					synctest.Test(t, func(t *testing.T) {
						s := &stage{version: 1}
						g := newGroup(t, cachedata.GroupConfig{})
						c := newBatch(t, s.load, cachedata.Config{Group: g, TTL: time.Minute, Stale: cachedata.StaleConfig{For: time.Hour, RetryAfter: time.Nanosecond}}, cachedata.Funcs[string, int]{Tags: s.tags})
						if kind.old {
							if v, err := c.Get(t.Context(), "k"); v != 1 || err != nil {
								t.Fatal(v, err)
							}
							time.Sleep(time.Minute)
						}
						s.set(2)
						if kind.prepare != nil {
							kind.prepare(s)
						}
						change := func() {
							s.set(3)
							if err := op.do(t.Context(), c, g); err != nil {
								t.Error(err)
							}
						}
						if phase == "before load" {
							change()
						}
						release := s.hold(phase)
						got := make(chan string, 1)
						go func() {
							v, err := kind.call(t.Context(), c)
							got <- fmt.Sprint(v, " ", err)
						}()
						synctest.Wait()
						if phase != "before load" {
							change()
						}
						next := make(chan int, 2)
						for _, call := range []func(context.Context, *cache) (int, error){get, many} {
							go func() {
								v, err := call(t.Context(), c)
								if err != nil && kind.fails && errors.Is(err, errDown) { // which is no result
									v, err = call(t.Context(), c)
								}
								if err != nil {
									t.Error(err)
								}
								next <- v
							}()
						}
						synctest.Wait()
						close(release)
						for range 2 {
							if v := <-next; v != 3 {
								t.Errorf("who came next got %d", v)
							}
						}
						if v := <-got; phase != "before load" && v != kind.want {
							t.Errorf("who was there before got %s, want %s", v, kind.want)
						}
						synctest.Wait()
						if v, ok := c.Peek(t.Context(), "k"); v != 3 || !ok {
							t.Errorf("later there is %d, %v", v, ok)
						}
						if v, err := c.Get(t.Context(), "k"); v != 3 || err != nil {
							t.Errorf("a later reader got %d, %v", v, err)
						}
					})
				})
			}
		}
	}
}

// With FailSafe, who waits for a load that fails is served the old result: not
// if that was cleared in the meantime.
func TestFailSafeServesNothingThatWasCleared(t *testing.T) {
	t.Parallel()
	for name, drop := range map[string]func(context.Context, *cachedata.Cache[string, int], *cachedata.Group) error{
		"Delete": func(ctx context.Context, c *cachedata.Cache[string, int], _ *cachedata.Group) error {
			return c.Delete(ctx, "k")
		},
		"Clear": func(ctx context.Context, c *cachedata.Cache[string, int], _ *cachedata.Group) error {
			return c.Clear(ctx)
		},
		"ClearTag": func(ctx context.Context, c *cachedata.Cache[string, int], _ *cachedata.Group) error {
			return c.ClearTag(ctx, "tag")
		},
		"ClearFunc": func(ctx context.Context, c *cachedata.Cache[string, int], _ *cachedata.Group) error {
			return c.ClearFunc(ctx, func(string) bool { return true })
		},
		"group": func(ctx context.Context, _ *cachedata.Cache[string, int], g *cachedata.Group) error {
			return g.Clear(ctx)
		},
		"group tag": func(ctx context.Context, _ *cachedata.Cache[string, int], g *cachedata.Group) error {
			return g.ClearTag(ctx, "tag")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var s source
				g := newGroup(t, cachedata.GroupConfig{})
				c := newCache(t, s.load, cachedata.Config{Group: g, TTL: time.Minute, Stale: cachedata.StaleConfig{OnError: time.Hour, SoftTimeout: 10 * time.Second}}, cachedata.Funcs[string, int]{Tags: func(string, int) []string { return []string{"tag"} }})
				gets(t, c, "1 load")
				time.Sleep(time.Minute)
				s.failWith(errDown)
				s.takes.Store(int64(time.Second))
				done := make(chan string)
				go func() { done <- served(t, c) }()
				synctest.Wait()
				if err := drop(t.Context(), c, g); err != nil {
					t.Error(err)
				}
				if got := <-done; got != "down" {
					t.Errorf("got %s", got)
				}
				gets(t, c, "down")
				s.heal()
				gets(t, c, "4 load")
			})
		})
	}
}
