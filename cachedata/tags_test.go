package cachedata_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/reecho-go/reecho/cachedata"
	"github.com/reecho-go/reecho/observe"
)

func TestClearTagDropsWhatHasTheTag(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var rec observe.Recorder
		var cleared []cachedata.Cleared
		g := newGroup(t, cachedata.GroupConfig{OnClear: func(_ context.Context, what cachedata.Cleared) { cleared = append(cleared, what) }})
		load := func(ctx context.Context, k int) (int, error) {
			cachedata.LoadingFrom(ctx).AddTags("all", "", "all")
			return k, nil
		}
		cfg := cachedata.Config{Group: g, Observer: &rec}
		rest := cachedata.Funcs[int, int]{Tags: func(k, _ int) []string { return []string{fmt.Sprint("rest:", k%3)} }}
		a := cachedata.Must(cachedata.New("a", load, cfg, rest))
		b := cachedata.Must(cachedata.New("b", load, cfg, rest))
		fill := func() {
			for k := range 9 {
				want(t, a, k, k)
				want(t, b, k, k)
			}
			if err := a.Put(t.Context(), 9, 9); err != nil {
				t.Error(err)
			}
		}
		there := func() (keys string) {
			for _, c := range []*cachedata.Cache[int, int]{a, b} {
				for k := range 10 {
					if _, ok := c.Peek(t.Context(), k); ok {
						keys += fmt.Sprint(k)
					}
				}
				keys += " "
			}
			return keys
		}
		for _, tt := range []struct {
			clear func() error
			want  string
		}{
			{func() error { return a.ClearTag(t.Context(), "rest:1") }, "0235689 012345678 "},
			{func() error { return a.ClearTag(t.Context(), "rest:0") }, "124578 012345678 "},
			{func() error { return a.ClearTag(t.Context(), "all") }, "9 012345678 "},
			{func() error { return g.ClearTag(t.Context(), "rest:2") }, "0134679 013467 "},
			{func() error { return g.ClearTag(t.Context(), "all") }, "9  "},
			{func() error { return g.ClearTag(t.Context(), "rest") }, "0123456789 012345678 "},
		} {
			fill()
			if err := tt.clear(); err != nil {
				t.Error(err)
			}
			if got := there(); got != tt.want {
				t.Errorf("there is %q, want %q", got, tt.want)
			}
			fill()
			if got := there(); got != "0123456789 012345678 " {
				t.Errorf("after the next loads there is %q", got)
			}
		}
		if diff := cmp.Diff(cleared[:1], []cachedata.Cleared{{Group: "group", Cache: "a", Tag: "rest:1"}}); diff != "" {
			t.Error(diff)
		}
		if last := cleared[len(cleared)-1]; last.Cache != "" || last.Tag != "rest" {
			t.Errorf("the last hook was told of %+v", last)
		}
		if events := observe.Of[observe.CacheClear](&rec); len(events) != 3 || events[0].Tag != "rest:1" || events[0].Cache != "a" {
			t.Errorf("events %+v", events)
		}
	})
}

func TestClearTagGivesMemoryBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newGroup(t, cachedata.GroupConfig{})
		c := newCache(t, func(_ context.Context, k int) (int, error) { return k, nil }, cachedata.Config{Group: g}, cachedata.Funcs[int, int]{Tags: func(k, _ int) []string { return []string{fmt.Sprint(k % 2)} }})
		for k := range 1000 {
			want(t, c, k, k)
		}
		if err := c.ClearTag(t.Context(), "1"); err != nil {
			t.Error(err)
		}
		for i := range 100 { // which nobody has
			if err := c.ClearTag(t.Context(), fmt.Sprint("nobody's ", i)); err != nil {
				t.Error(err)
			}
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if s := c.Stats(); s.Entries != 500 || s.Evictions != (cachedata.Evictions{Cleared: 500}) {
			t.Errorf("%+v", s)
		}
		if n := g.TagsCleared(); n != 0 {
			t.Errorf("%d clears are remembered", n)
		}
		want(t, c, 1, 1)
		if s := c.Stats(); s.Loads != 1001 {
			t.Errorf("%+v", s)
		}
	})
}

// A clear is remembered for as long as something is in flight that is older,
// however long that takes.
func TestClearTagOutlivesALoadThatTakesAnHour(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var s source
		g := newGroup(t, cachedata.GroupConfig{})
		c := newCache(t, s.load, cachedata.Config{Group: g}, cachedata.Funcs[string, int]{Tags: func(string, int) []string { return []string{"t"} }})
		s.takes.Store(int64(time.Hour))
		var wg sync.WaitGroup
		wg.Go(func() { gets(t, c, "1 load") })
		synctest.Wait()
		if err := c.ClearTag(t.Context(), "t"); err != nil {
			t.Error(err)
		}
		time.Sleep(time.Minute)
		wg.Go(func() { gets(t, c, "2 load") }) // joins, and has to load again
		time.Sleep(3 * time.Hour)
		wg.Wait()
		s.wants(t, 2)
		gets(t, c, "2 hit")
		if st := c.Stats(); st.Refused != 1 {
			t.Errorf("%+v", st)
		}
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if n := g.TagsCleared(); n != 0 {
			t.Errorf("%d clears are remembered", n)
		}
	})
}

// Many tags on one result are allowed: what they cost is documented.
func TestTenThousandTags(t *testing.T) {
	t.Parallel()
	const n = 10_000
	var loads int
	c := newCache(t, func(ctx context.Context, _ int) (int, error) {
		loads++
		for i := range n {
			cachedata.LoadingFrom(ctx).AddTags(fmt.Sprint("row:", i))
		}
		return loads, nil
	}, cachedata.Config{})
	want(t, c, 0, 1)
	for i, tag := range []string{"row:0", "row:5000", "row:9999"} {
		if err := c.ClearTag(t.Context(), "row:10000"); err != nil {
			t.Error(err)
		}
		want(t, c, 0, i+1)
		if err := c.ClearTag(t.Context(), tag); err != nil {
			t.Error(err)
		}
		want(t, c, 0, i+2)
	}
}

func TestClearTagRefusesNonsense(t *testing.T) {
	t.Parallel()
	c := newCache(t, counter[int](), cachedata.Config{})
	g := newGroup(t, cachedata.GroupConfig{})
	for what, err := range map[string]error{
		"the cache": c.ClearTag(t.Context(), ""), "the group": g.ClearTag(t.Context(), ""), "the default group": cachedata.ClearTag(t.Context(), ""),
	} {
		if err == nil || !strings.Contains(err.Error(), "the tag is empty") {
			t.Errorf("%s: %v", what, err)
		}
	}
	if err := c.ClearFunc(t.Context(), nil); err == nil || !strings.Contains(err.Error(), "match is nil") {
		t.Errorf("ClearFunc(nil): %v", err)
	}
	if err := c.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if err := c.ClearTag(t.Context(), "t"); !errors.Is(err, cachedata.ErrClosed) {
		t.Errorf("ClearTag after Close: %v", err)
	}
	if err := c.ClearFunc(t.Context(), func(int) bool { return true }); !errors.Is(err, cachedata.ErrClosed) {
		t.Errorf("ClearFunc after Close: %v", err)
	}
}

func TestClearFunc(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var rec observe.Recorder
		var told []cachedata.Cleared
		type key struct {
			Team int
			Tags []string
		}
		c := newCache(t, func(_ context.Context, k key) (string, error) { return fmt.Sprint(k.Team), nil }, cachedata.Config{Observer: &rec, OnClear: func(_ context.Context, what cachedata.Cleared) { told = append(told, what) }})
		for i := range 100 {
			want(t, c, key{i % 10, []string{fmt.Sprint(i)}}, fmt.Sprint(i%10))
		}
		err := c.ClearFunc(t.Context(), func(k key) bool {
			k.Tags[0] = "changed" // its own
			return k.Team == 7
		})
		if err != nil {
			t.Error(err)
		}
		if s := c.Stats(); s.Entries != 90 || s.Evictions != (cachedata.Evictions{Cleared: 10}) {
			t.Errorf("%+v", s)
		}
		if _, ok := c.Peek(t.Context(), key{1, []string{"1"}}); !ok {
			t.Error("what match did to its key is seen")
		}
		if want := []cachedata.Cleared{{Group: "group", Cache: "test", Chosen: true, Entries: 10}}; cmp.Diff(want, told) != "" {
			t.Errorf("told of %+v", told)
		}
		if events := observe.Of[observe.CacheClear](&rec); len(events) != 1 || !events[0].Chosen || events[0].Entries != 10 {
			t.Errorf("events %+v", events)
		}
	})
}

// match may use the cache, and panic: what it has not seen stays.
func TestClearFuncRunsOutsideLocks(t *testing.T) {
	t.Parallel()
	c := newCache(t, counter[int](), cachedata.Config{})
	want(t, c, 1, "1#1")
	err := c.ClearFunc(t.Context(), func(k int) bool {
		want(t, c, k, "1#1")
		return c.Delete(t.Context(), k) == nil
	})
	if err != nil {
		t.Error(err)
	}
	want(t, c, 1, "1#2")
	func() {
		defer func() {
			if v := recover(); v != "boom" {
				t.Errorf("ClearFunc panicked with %v", v)
			}
		}()
		_ = c.ClearFunc(t.Context(), func(int) bool { panic("boom") })
	}()
	want(t, c, 1, "1#2")
}

func TestClearTagOfSeveralTags(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var told []string
		g := newGroup(t, cachedata.GroupConfig{OnClear: func(_ context.Context, what cachedata.Cleared) { told = append(told, what.Cache+" "+what.Tag) }})
		c := newCache(t, counter[int](), cachedata.Config{Group: g}, cachedata.Funcs[int, string]{KeyTags: func(k int) []string { return []string{fmt.Sprint("rest:", k%5)} }})
		fill := func() {
			for k := range 10 {
				_, _ = c.Get(t.Context(), k)
			}
		}
		there := func() (keys string) {
			for k := range 10 {
				if _, ok := c.Peek(t.Context(), k); ok {
					keys += fmt.Sprint(k)
				}
			}
			return keys
		}
		fill()
		if err := c.ClearTag(t.Context(), "rest:1", "rest:3", "rest:9"); err != nil || there() != "024579" {
			t.Errorf("there is %q, %v", there(), err)
		}
		fill()
		if err := g.ClearTag(t.Context(), "rest:0", "rest:1"); err != nil || there() != "234789" {
			t.Errorf("there is %q, %v", there(), err)
		}
		if err := g.ClearTag(t.Context(), "rest:2", ""); err == nil || there() != "234789" {
			t.Errorf("there is %q, %v", there(), err)
		}
		if err := g.ClearTag(t.Context()); err == nil {
			t.Error("a clear of no tag")
		}
		if want := []string{"test rest:1", "test rest:3", "test rest:9", " rest:0", " rest:1"}; cmp.Diff(want, told) != "" {
			t.Errorf("told %q", told)
		}
	})
}

// A clear of a key's tag also drops that there was nothing, or an error.
func TestClearTagDropsWhatIsNotThere(t *testing.T) {
	t.Parallel()
	users := map[int]string{}
	var down error
	load := func(_ context.Context, k int) (string, error) {
		if v, ok := users[k]; ok {
			return v, down
		}
		return "", errors.Join(down, cachedata.ErrNotFound)
	}
	tag := func(k int) []string { return []string{fmt.Sprint("user:", k)} }
	batch := func(ctx context.Context, keys []int) (map[int]string, error) {
		m := map[int]string{}
		for _, k := range keys {
			if v, err := load(ctx, k); err == nil {
				m[k] = v
			}
		}
		return m, down
	}
	cfg := cachedata.Config{Errors: cachedata.ErrorConfig{TTL: time.Hour}}
	cfg.Group = newGroup(t, cachedata.GroupConfig{})
	keyTags := cachedata.Funcs[int, string]{KeyTags: tag}
	single := cachedata.Must(cachedata.New("single", load, cfg, keyTags))
	many := cachedata.Must(cachedata.NewBatch("many", batch, cfg, keyTags))
	said := cachedata.Must(cachedata.New("said", func(ctx context.Context, k int) (string, error) {
		cachedata.LoadingFrom(ctx).AddTags(tag(k)...)
		return load(ctx, k)
	}, cachedata.Config{Group: cfg.Group, Errors: cachedata.ErrorConfig{TTL: time.Hour}}))
	for name, c := range map[string]*cachedata.Cache[int, string]{"single": single, "many": many.Cache, "said": said} {
		clear(users)
		wantErr := func(what string, loads uint64) {
			t.Helper()
			if _, err := c.Get(t.Context(), 42); err == nil || c.Stats().Loads != loads {
				t.Errorf("%s: %s: %v after %d loads, want %d", name, what, err, c.Stats().Loads, loads)
			}
		}
		wantErr("nothing", 1)
		wantErr("remembered", 1)
		users[42] = "new"
		if err := c.ClearTag(t.Context(), "user:41"); err != nil {
			t.Error(err)
		}
		wantErr("another tag was cleared", 1)
		if err := c.ClearTag(t.Context(), "user:42"); err != nil {
			t.Error(err)
		}
		want(t, c, 42, "new")
		down = errDown
		if err := c.Delete(t.Context(), 42); err != nil {
			t.Error(err)
		}
		wantErr("down", 3)
		wantErr("remembered", 3)
		down = nil
		if err := cfg.Group.ClearTag(t.Context(), "user:42"); err != nil {
			t.Error(err)
		}
		want(t, c, 42, "new")
	}
}

// A load is in flight and finds nothing. Meanwhile there is something, and the
// tag is cleared: who comes after that gets it.
func TestClearTagDropsWhatIsNotThereInFlight(t *testing.T) {
	t.Parallel()
	for _, ttl := range []time.Duration{0, time.Hour} {
		synctest.Test(t, func(t *testing.T) {
			var users sync.Map
			find := func(k int) (string, error) {
				v, ok := users.Load(k)
				time.Sleep(time.Second)
				if !ok {
					return "", fmt.Errorf("%d: %w", k, cachedata.ErrNotFound)
				}
				return v.(string), nil
			}
			cfg := cachedata.Config{Group: newGroup(t, cachedata.GroupConfig{}), Errors: cachedata.ErrorConfig{TTL: ttl}}
			keyTags := cachedata.Funcs[int, string]{KeyTags: func(k int) []string { return []string{fmt.Sprint("user:", k)} }}
			single := cachedata.Must(cachedata.New("single", func(_ context.Context, k int) (string, error) { return find(k) }, cfg, keyTags))
			many := cachedata.Must(cachedata.NewBatch("many", func(_ context.Context, keys []int) (map[int]string, error) {
				m := map[int]string{}
				for _, k := range keys {
					if v, err := find(k); err == nil {
						m[k] = v
					}
				}
				return m, nil
			}, cfg, keyTags))
			for _, c := range []*cachedata.Cache[int, string]{single, many.Cache} {
				users.Clear()
				var wg sync.WaitGroup
				wg.Go(func() {
					if _, m, err := c.GetMeta(t.Context(), 42); !errors.Is(err, cachedata.ErrNotFound) || m != (cachedata.Meta{}) {
						t.Errorf("%s: before: %+v, %v", c.Name(), m, err)
					}
				})
				time.Sleep(time.Millisecond)
				wg.Go(func() {
					if _, err := c.Get(t.Context(), 42); !errors.Is(err, cachedata.ErrNotFound) {
						t.Errorf("%s: joined before: %v", c.Name(), err)
					}
				})
				synctest.Wait()
				users.Store(42, "new")
				if err := c.ClearTag(t.Context(), "user:42"); err != nil {
					t.Error(err)
				}
				if c == many.Cache {
					wantMany(t, many, []int{42}, map[int]string{42: "new"})
				} else {
					want(t, c, 42, "new")
				}
				wg.Wait()
				if s := c.Stats(); s.Loads != 2 || s.LoadErrors != 1 || s.Entries != 1 {
					t.Errorf("%s: %+v", c.Name(), s)
				}
			}
		})
	}
}

func TestPutWith(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx := t.Context()
		for i, cfg := range []cachedata.Config{
			{}, {TTL: time.Hour}, {TTL: time.Second, IdleTTL: 24 * time.Hour}, {TTL: time.Hour},
		} {
			var funcs cachedata.Funcs[int, string]
			if i == 3 {
				funcs.KeyTags = func(int) []string { return []string{"key"} }
			}
			c := newCache(t, counter[int](), cfg, funcs)
			put := func(how cachedata.PutOptions) {
				t.Helper()
				if err := c.PutWith(ctx, 1, "put", how); err != nil {
					t.Fatal(err)
				}
				want(t, c, 1, "put")
			}
			put(cachedata.PutOptions{TTL: time.Minute})
			time.Sleep(time.Minute - time.Nanosecond)
			want(t, c, 1, "put")
			time.Sleep(time.Nanosecond)
			want(t, c, 1, "1#1")
			put(cachedata.PutOptions{TTL: 1<<63 - 1})
			time.Sleep(12 * time.Hour)
			want(t, c, 1, "put")

			own := []string{"a", "b", ""}
			put(cachedata.PutOptions{Tags: own, TTL: time.Hour})
			own[0] = "c"
			for i, tag := range []string{"c", "a"} {
				if err := c.ClearTag(ctx, tag); err != nil {
					t.Error(err)
				}
				if _, ok := c.Peek(ctx, 1); ok != (i == 0) {
					t.Errorf("there after a clear of %q: %v", tag, ok)
				}
			}
			if funcs.KeyTags != nil {
				put(cachedata.PutOptions{Tags: []string{"b"}})
				if err := c.ClearTag(ctx, "key"); err != nil {
					t.Error(err)
				}
				if _, ok := c.Peek(ctx, 1); ok {
					t.Error("there after a clear of its key's tag")
				}
			}
			if err := c.PutWith(ctx, 1, "x", cachedata.PutOptions{TTL: -1}); err == nil || !strings.Contains(err.Error(), "TTL is -1ns") {
				t.Errorf("a negative TTL: %v", err)
			}
		}
	})
}
