package cachedata_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
	"weak"

	"github.com/reecho-go/reecho/cachedata"
	"github.com/reecho-go/reecho/internal/heaptest"
	"github.com/reecho-go/reecho/internal/soaktest"
	"github.com/reecho-go/reecho/observe"
)

// text returns a text of n bytes in memory of its own that begins with i.
func text(i, n int) string {
	b := fmt.Appendf(make([]byte, 0, n), "%d:", i)
	return string(append(b, strings.Repeat("k", n-len(b))...))
}

// What clients choose counts, wherever it is kept.
func TestWhatIsKeptOfClientsCounts(t *testing.T) {
	t.Parallel()
	const n, size = 20, 64 << 10
	type key struct {
		Name string
		Page int
	}
	ctx := t.Context()
	errBad := errors.New("bad")
	for name, use := range map[string]func(*testing.T) cachedata.Stats{
		"text keys": func(t *testing.T) cachedata.Stats {
			c := newCache(t, func(context.Context, string) (int, error) { return 1, nil }, cachedata.Config{})
			for i := range n {
				want(t, c, text(i, size), 1)
			}
			return c.Stats()
		},
		"text keys, with a size of results": func(t *testing.T) cachedata.Stats {
			c := newCache(t, func(context.Context, string) (int, error) { return 1, nil }, cachedata.Config{TTL: time.Hour}, cachedata.Funcs[string, int]{Size: func(int) int64 { return 0 }})
			for i := range n {
				want(t, c, text(i, size), 1)
			}
			return c.Stats()
		},
		"composite keys": func(t *testing.T) cachedata.Stats {
			c := newCache(t, func(context.Context, key) (int, error) { return 1, nil }, cachedata.Config{})
			for i := range n {
				want(t, c, key{text(i, size), i}, 1)
			}
			return c.Stats()
		},
		"keys that are put": func(t *testing.T) cachedata.Stats {
			c := newCache(t, func(context.Context, string) (int, error) { return 1, nil }, cachedata.Config{IdleTTL: time.Hour})
			for i := range n {
				if err := c.Put(ctx, text(i, size), i); err != nil {
					t.Fatal(err)
				}
			}
			return c.Stats()
		},
		"remembered errors": func(t *testing.T) cachedata.Stats {
			c := newCache(t, func(_ context.Context, k int) (int, error) { return 0, errors.Join(errBad, errors.New(text(k, size))) }, cachedata.Config{Errors: cachedata.ErrorConfig{TTL: time.Hour}})
			for i := range n {
				if _, err := c.Get(ctx, i); !errors.Is(err, errBad) {
					t.Fatal(err)
				}
			}
			return c.Stats()
		},
		"that there is nothing": func(t *testing.T) cachedata.Stats {
			c := newCache(t, func(_ context.Context, k string) (int, error) { return 0, cachedata.ErrNotFound }, cachedata.Config{Errors: cachedata.ErrorConfig{NotFoundTTL: time.Hour}})
			for i := range n {
				if _, err := c.Get(ctx, text(i, size)); !errors.Is(err, cachedata.ErrNotFound) {
					t.Fatal(err)
				}
			}
			return c.Stats()
		},
		"tags": func(t *testing.T) cachedata.Stats {
			c := newCache(t, func(ctx context.Context, k int) (int, error) {
				cachedata.LoadingFrom(ctx).AddTags(text(k, size))
				return 1, nil
			}, cachedata.Config{})
			for i := range n {
				want(t, c, i, 1)
			}
			return c.Stats()
		},
		"many tags": func(t *testing.T) cachedata.Stats {
			c := newCache(t, func(_ context.Context, k int) (int, error) { return 1, nil }, cachedata.Config{}, cachedata.Funcs[int, int]{
				Tags: func(int, int) (tags []string) {
					for i := range size / 16 {
						tags = append(tags, fmt.Sprint(i))
					}
					return tags
				},
			})
			for i := range n {
				want(t, c, i, 1)
			}
			return c.Stats()
		},
		"validators": func(t *testing.T) cachedata.Stats {
			c := newCache(t, func(ctx context.Context, k int) (int, error) {
				cachedata.LoadingFrom(ctx).SetETag(text(k, size))
				return 1, nil
			}, cachedata.Config{})
			for i := range n {
				want(t, c, i, 1)
			}
			return c.Stats()
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if s := use(t); s.Entries != n || s.Bytes < n*size || s.Bytes > n*size*5/2 {
				t.Errorf("%d entries count %d bytes, and hold %d", s.Entries, s.Bytes, n*size)
			}
		})
	}
}

// What is renewed counts what it did, however often.
func TestRenewalsCountAlike(t *testing.T) {
	t.Parallel()
	type key struct{ Name string }
	c := newCache(t, func(ctx context.Context, k key) (string, error) {
		e := cachedata.LoadingFrom(ctx)
		e.AddTags(k.Name)
		if e.OldETag() != "" {
			e.NotModified()
			return "", nil
		}
		e.SetETag("v1")
		return strings.Repeat("x", 1000), nil
	}, cachedata.Config{TTL: time.Hour})
	want(t, c, key{"a"}, strings.Repeat("x", 1000))
	first := c.Stats().Bytes
	for range 5 {
		if _, err := c.Refresh(t.Context(), key{"a"}); err != nil {
			t.Fatal(err)
		}
		if got := c.Stats().Bytes; got != first {
			t.Errorf("%d bytes, want %d", got, first)
		}
	}
}

// hostile is what one client does to caches of many shapes.
type hostile struct {
	r     *rand.Rand
	pages *cachedata.Cache[string, []byte]
	lists *cachedata.Cache[hostileKey, int]
	tiny  *cachedata.Cache[int, int]
	idle  *cachedata.Cache[string, int]
	wrong *cachedata.Cache[string, int]
	put   *cachedata.Cache[string, string]
}

type hostileKey struct {
	Words []string
	Page  int
}

func newHostile(t *testing.T, cfg func() (*cachedata.Group, int64)) *hostile {
	t.Helper()
	g, most := cfg()
	must := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	const many = 1 << 20
	h := &hostile{r: rand.New(rand.NewPCG(1, 2))}
	var err error
	h.pages, err = cachedata.New("pages", func(_ context.Context, k string) ([]byte, error) { return make([]byte, len(k)*7%100_000), nil }, cachedata.Config{Group: g, MaxBytes: most, MaxEntries: many})
	must(err)
	h.lists, err = cachedata.New("lists", func(ctx context.Context, k hostileKey) (int, error) {
		cachedata.LoadingFrom(ctx).AddTags(k.Words...)
		return k.Page, nil
	}, cachedata.Config{Group: g, MaxBytes: most, MaxEntries: many, TTL: time.Hour})
	must(err)
	h.tiny, err = cachedata.New("tiny", func(_ context.Context, k int) (int, error) { return k, nil }, cachedata.Config{Group: g, MaxBytes: most, MaxEntries: many}, cachedata.Funcs[int, int]{Size: func(int) int64 { return 0 }})
	must(err)
	h.idle, err = cachedata.New("idle", func(_ context.Context, k string) (int, error) { return len(k), nil }, cachedata.Config{Group: g, MaxBytes: most, MaxEntries: many, IdleTTL: time.Hour, TTL: time.Hour, Stale: cachedata.StaleConfig{For: time.Minute}})
	must(err)
	h.wrong, err = cachedata.New("wrong", func(_ context.Context, k string) (int, error) {
		return 0, fmt.Errorf("%w: %q", cachedata.ErrNotFound, k)
	}, cachedata.Config{Group: g, MaxBytes: most, MaxEntries: many, Errors: cachedata.ErrorConfig{TTL: time.Hour}}, cachedata.Funcs[string, int]{KeyTags: func(k string) []string { return []string{"of:" + k} }})
	must(err)
	h.put, err = cachedata.New("put", func(_ context.Context, k string) (string, error) { return k, nil }, cachedata.Config{Group: g, MaxBytes: most, MaxEntries: many})
	must(err)
	return h
}

func (h *hostile) attack(t *testing.T, i int) {
	ctx := t.Context()
	n := h.r.IntN(64)
	if h.r.IntN(8) == 0 {
		n = 1 << (6 + h.r.IntN(11))
	}
	s := text(i, max(n, 12))
	_, err1 := h.pages.Get(ctx, s)
	words := []string{s[:12], s[:len(s)/2+1]}
	_, err2 := h.lists.Get(ctx, hostileKey{append(words, make([]string, h.r.IntN(20))...), i})
	_, err3 := h.tiny.Get(ctx, i)
	_, err4 := h.idle.Get(ctx, s)
	_, err5 := h.wrong.Get(ctx, s)
	err6 := h.put.Put(ctx, s, s[:5], cachedata.PutOptions{Tags: []string{s}})
	if errors.Is(err5, cachedata.ErrNotFound) {
		err5 = nil
	}
	if err := errors.Join(err1, err2, err3, err4, err5, err6); err != nil {
		t.Fatal(err)
	}
}

// A client that chooses keys, pages and tags cannot make the heap grow beyond
// twice what is promised. Not parallel: the heap is everybody's.
func TestHostileClientsStayWithinTheBounds(t *testing.T) {
	most, attacks := int64(8<<20), 40_000
	if soaktest.Race { // smaller bounds are as full after fewer attacks
		most, attacks = 1<<20, 1_000
	}
	group := func(bytes int64) *cachedata.Group { return newGroup(t, cachedata.GroupConfig{MaxBytes: bytes}) }
	for name, cfg := range map[string]func() (*cachedata.Group, int64){
		"of the group":  func() (*cachedata.Group, int64) { return group(most), 0 },
		"of the caches": func() (*cachedata.Group, int64) { return group(math.MaxInt64), most / 6 },
		"of both":       func() (*cachedata.Group, int64) { return group(most), most / 4 },
	} {
		t.Run(name, func(t *testing.T) {
			h := newHostile(t, cfg)
			before := heaptest.InUse()
			grown := int64(0)
			for i := range attacks {
				h.attack(t, i)
				if (i+1)%(attacks/2) == 0 {
					grown = max(grown, heaptest.AtMost(before+2*most)-before)
				}
			}
			t.Logf("the heap has grown by %d bytes", grown)
			if grown > 2*most {
				t.Errorf("the heap has grown by %d bytes, and the bound is %d", grown, most)
			}
			if grown < most/4 {
				t.Errorf("%d bytes: too few to prove anything", grown)
			}
			runtime.KeepAlive(h)
		})
	}
}

// The default group, and every group whose MaxBytes is not set, is bounded by
// the memory that there is. Not parallel: it sets the limit of the process.
func TestGroupsAreBoundedByDefault(t *testing.T) {
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(1 << 30))
	var rec observe.Recorder
	g := newGroup(t, cachedata.GroupConfig{Observer: &rec})
	c := newCache(t, func(_ context.Context, k int) (int, error) { return k, nil }, cachedata.Config{Group: g}, cachedata.Funcs[int, int]{Size: func(int) int64 { return 1 << 20 }})
	own := cachedata.Must(cachedata.New("a bound of its own", func(_ context.Context, k int) (int, error) { return k, nil }, cachedata.Config{Group: g, MaxBytes: 1 << 40}, cachedata.Funcs[int, int]{Size: func(int) int64 { return 1 << 30 }}))
	for i := range 10 {
		want(t, own, i, i)
	}
	if s := own.Stats(); s.Entries != 10 {
		t.Errorf("with a bound of its own: %+v", s)
	}
	if err := own.Close(t.Context()); err != nil {
		t.Error(err)
	}
	other := cachedata.Must(cachedata.New("other", func(_ context.Context, k int) (int, error) { return k, nil }, cachedata.Config{Group: g}, cachedata.Funcs[int, int]{Size: func(int) int64 { return 1 << 20 }}))
	for i := range 200 {
		want(t, c, i, i)
		want(t, other, i, i)
		if i == 50 && len(observe.Of[observe.CacheFull](&rec)) > 0 {
			t.Error("it was full before it was")
		}
	}
	if s := g.Stats(); s.Bytes > 128<<20 || s.Bytes < 120<<20 || s.Evictions[observe.CauseSize] != uint64(400-s.Entries) {
		t.Errorf("an eighth of 1 GiB: %+v", s)
	}
	if err := g.Close(t.Context()); err != nil { // waits for events
		t.Error(err)
	}
	full := observe.Of[observe.CacheFull](&rec)
	if len(full) != 1 || full[0].MaxBytes != 128<<20 || !full[0].Default || full[0].Group != "group" || full[0].Cache == "" {
		t.Errorf("events %+v", full)
	}
}

func TestTheDefaultGroupIsBounded(t *testing.T) {
	t.Parallel()
	c, err := cachedata.New("a result larger than memory", func(context.Context, int) (int, error) { return 1, nil }, cachedata.Config{}, cachedata.Funcs[int, int]{Size: func(int) int64 { return 1 << 50 }})
	if err != nil {
		t.Fatal(err)
	}
	want(t, c, 1, 1)
	if s := c.Stats(); s.Refused != 1 || s.Entries != 0 || s.Bytes != 0 {
		t.Errorf("%+v", s)
	}
	if err := c.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

// A bound that somebody has set is reached once, too.
func TestAGroupSaysThatItIsFull(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var rec observe.Recorder
		g := newGroup(t, cachedata.GroupConfig{MaxBytes: 10_000})
		c := newCache(t, blob(1000), cachedata.Config{Group: g, Observer: &rec})
		for k := range 50 {
			want(t, c, k, strings.Repeat("x", 1000))
		}
		synctest.Wait()
		full := observe.Of[observe.CacheFull](&rec)
		if len(full) != 1 || full[0] != (observe.CacheFull{Source: observe.Source{Group: "group", Cache: "test"}, MaxBytes: 10_000}) {
			t.Errorf("events %+v", full)
		}
	})
}

// Sizes that no memory has do not make a sum overflow.
func TestHugeSizesDoNotOverflow(t *testing.T) {
	t.Parallel()
	for _, size := range []int64{1 << 50, 1 << 55, 1<<56 - 1<<20, 1 << 56, 1 << 61, math.MaxInt64/2 + 1, math.MaxInt64 - 200, math.MaxInt64} {
		for name, cfg := range map[string]cachedata.Config{
			"no bound":   {},
			"bytes":      {MaxBytes: math.MaxInt64},
			"both":       {MaxBytes: math.MaxInt64, MaxEntries: 20},
			"less bytes": {MaxBytes: 1 << 57},
		} {
			g := newGroup(t, cachedata.GroupConfig{MaxBytes: math.MaxInt64})
			cfg.Group = g
			for i := range 3 {
				c := member(t, fmt.Sprint(i), counter[int](), cfg, cachedata.Funcs[int, string]{Size: func(string) int64 { return size }})
				for k := range 100 {
					want(t, c, k, fmt.Sprintf("%d#1", k))
					if n := c.Stats().Bytes; n < 0 {
						t.Fatalf("%s, %d each: %d bytes", name, size, n)
					}
				}
			}
			if s := g.Stats(); s.Bytes < 0 || s.Bytes > 1<<57 {
				t.Errorf("%s, %d each: %d bytes in %d entries", name, size, s.Bytes, s.Entries)
			}
		}
	}
}

// freed reports whether p's target can be collected.
func freed[T any](p weak.Pointer[T]) bool {
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(10 * time.Millisecond) { // the engine tidies up in goroutines
		runtime.GC()
		if p.Value() == nil {
			return true
		}
	}
	return false
}

// A load that hangs keeps nothing of what a clear has dropped meanwhile.
func TestAClearFreesMemoryWhileALoadHangs(t *testing.T) {
	t.Parallel()
	type page struct{ text [1 << 16]byte }
	for name, cfg := range map[string]cachedata.Config{
		"plain":              {},
		"with a TTL":         {TTL: time.Hour},
		"idle":               {IdleTTL: time.Hour},
		"bytes":              {MaxBytes: 1 << 30},
		"after its deadline": {Timeout: time.Millisecond, TTL: time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			hang := make(chan struct{})
			var hung sync.WaitGroup
			cfg.Copy.ReadOnly = true
			c := newCache(t, func(_ context.Context, k int) (*page, error) {
				if k < 0 {
					hung.Done()
					<-hang
				}
				return new(page), nil
			}, cfg)
			var pages []weak.Pointer[page]
			for k := range 10 {
				p := new(page)
				if err := c.Put(t.Context(), k, p); err != nil {
					t.Fatal(err)
				}
				pages = append(pages, weak.Make(p))
			}
			var wg sync.WaitGroup
			for k := range 3 {
				hung.Add(1)
				wg.Go(func() { _, _ = c.Get(context.Background(), -1-k) })
			}
			hung.Wait()
			if cfg.Timeout > 0 {
				wg.Wait()
			}
			if err := c.Clear(t.Context()); err != nil {
				t.Error(err)
			}
			for i, p := range pages {
				if !freed(p) {
					t.Fatalf("page %d is still there", i)
				}
			}
			close(hang)
			wg.Wait()
			if s := c.Stats(); s.Entries != 0 || s.Bytes != 0 || s.Evictions[observe.CauseCleared] != 10 {
				t.Errorf("%+v", s)
			}
			if cfg.Timeout == 0 {
				if v, err := c.Get(t.Context(), 1); v == nil || err != nil {
					t.Errorf("after the clear: %v, %v", v, err)
				}
			}
		})
	}
}

// A group that nobody can reach is collected, however far ahead its timer is
// set.
func TestAGroupIsCollectedWithoutAClose(t *testing.T) {
	t.Parallel()
	c := func() weak.Pointer[cachedata.Cache[int, int]] {
		g, err := cachedata.NewGroup("dropped", cachedata.GroupConfig{})
		if err != nil {
			t.Fatal(err)
		}
		c := cachedata.Must(cachedata.New("dropped", func(_ context.Context, k int) (int, error) { return k, nil }, cachedata.Config{Group: g, TTL: 24 * time.Hour}, cachedata.Funcs[int, int]{Tags: tags}))
		for k := range 100 {
			want(t, c, k, k)
		}
		return weak.Make(c)
	}()
	if !freed(c) {
		t.Error("it is still there")
	}
}

// One cache that takes long over what it drops is nothing to the others.
func TestASweepHoldsNobodyElseUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newGroup(t, cachedata.GroupConfig{})
		load := func(_ context.Context, k int) (int, error) { return k, nil }
		stall, stalled := make(chan struct{}), 0
		slow := cachedata.Must(cachedata.New("slow", load, cachedata.Config{
			Group: g,
			Observer: observe.Func(func(_ context.Context, e observe.Event) {
				if _, ok := e.(observe.CacheEvict); ok {
					stalled++
					<-stall
				}
			}),
		}, cachedata.Funcs[int, int]{
			Tags: tags,
		}))
		others := []*cachedata.Cache[int, int]{
			cachedata.Must(cachedata.New("a", load, cachedata.Config{Group: g}, cachedata.Funcs[int, int]{Tags: tags})),
			cachedata.Must(cachedata.New("b", load, cachedata.Config{Group: g, TTL: time.Minute})),
		}
		for k := range 100 {
			want(t, slow, k, k)
			for _, c := range others {
				want(t, c, k, k)
			}
		}
		if err := g.ClearTag(t.Context(), parity(0), parity(1)); err != nil {
			t.Error(err)
		}
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if stalled != 1 {
			t.Fatalf("%d sweeps of the slow one are under way, want 1", stalled)
		}
		for _, c := range others {
			if n := c.Stats().Entries; n != 0 {
				t.Errorf("%s still has %d entries", c.Name(), n)
			}
		}
		close(stall)
		time.Sleep(time.Hour)
		synctest.Wait()
		if n := slow.Stats().Entries; n != 0 || g.TagsCleared() != 0 {
			t.Errorf("the slow one still has %d entries, and %d clears are remembered", n, g.TagsCleared())
		}
	})
}

// Whatever happens at a time, each result that was stored is there or has left
// for exactly one cause.
func TestEvictionsAreCountedExactly(t *testing.T) {
	t.Parallel()
	for seed := range uint64(soaktest.Rounds(60)) {
		ctx := t.Context()
		r := rand.New(rand.NewPCG(seed, 9))
		g := newGroup(t, cachedata.GroupConfig{MaxBytes: []int64{0, 20_000}[r.IntN(2)]})
		c := newCache(t, func(_ context.Context, k int) (int, error) { return k, nil }, cachedata.Config{
			Group:      g,
			MaxEntries: []int{0, 20}[r.IntN(2)],
			MaxBytes:   []int64{0, 10_000}[r.IntN(2)],
			TTL:        []time.Duration{0, time.Millisecond, time.Hour}[r.IntN(3)],
		}, cachedata.Funcs[int, int]{
			Tags: tags,
		})
		var puts atomic.Uint64
		var wg sync.WaitGroup
		for i := range 6 {
			r := rand.New(rand.NewPCG(seed, uint64(i)))
			wg.Go(func() {
				for range 300 {
					k := r.IntN(60)
					var err error
					switch r.IntN(12) {
					case 0:
						puts.Add(1)
						err = c.Put(ctx, k, k)
					case 1:
						err = c.Delete(ctx, k)
					case 2, 3:
						err = c.Clear(ctx)
					case 4:
						err = g.Clear(ctx)
					case 5:
						_, err = c.Refresh(ctx, k)
					case 6:
						err = c.ClearTag(ctx, parity(k%2))
					case 7:
						err = c.ClearFunc(ctx, func(o int) bool { return o%5 == k%5 })
					case 8:
						g.SweepTags()
					default:
						_, err = c.Get(ctx, k)
					}
					if err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		if err := c.Clear(ctx); err != nil {
			t.Error(err)
		}
		s := c.Stats()
		e := s.Evictions
		stored := s.Loads - s.LoadErrors + puts.Load() - s.Refused
		if left := e[observe.CauseSize] + e[observe.CauseExpired] + e[observe.CauseIdle] + e[observe.CauseReplaced] + e[observe.CauseDeleted] + e[observe.CauseCleared] + e[observe.CauseSession]; left != stored || s.Entries != 0 {
			t.Fatalf("seed %d: %d were stored, and %d have left: %+v", seed, stored, left, s)
		}
	}
}
