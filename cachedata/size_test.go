package cachedata_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/reecho-go/reecho/cachedata"
	"github.com/reecho-go/reecho/internal/soaktest"
	"github.com/reecho-go/reecho/observe"
)

// member returns a cache of that name in g.
func member(t *testing.T, name string, load func(context.Context, int) (string, error), cfg cachedata.Config, funcs ...cachedata.Funcs[int, string]) *cachedata.Cache[int, string] {
	t.Helper()
	c, err := cachedata.New(name, load, cfg, funcs...)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func length(s string) int64 { return int64(len(s)) }

// What an entry counts beside its result.
var (
	beside      = cachedata.Beside[int, string](0, false, false)
	besideTimed = cachedata.Beside[int, string](0, true, false)
)

// blob returns a loader of texts of n bytes.
func blob(n int) func(context.Context, int) (string, error) {
	return func(context.Context, int) (string, error) { return strings.Repeat("x", n), nil }
}

// settled returns the counters once the engine has had time to tidy up.
func settled[K, V any](c *cachedata.Cache[K, V]) cachedata.Stats {
	synctest.Wait()
	return c.Stats()
}

// B1: MaxEntries and MaxBytes, alone and together: either evicts.
func TestEitherBoundEvicts(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name        string
		entries     int
		bytes       int64
		size        int
		keys        int
		wantEntries int
	}{
		{"bytes alone", 0, 100 * (10 + beside), 10, 500, 100},
		{"bytes alone, more entries than the default bound", 0, 20_000 * (10 + beside), 10, 20_000, 20_000},
		{"bytes first", 1000, 100 * (10 + beside), 10, 500, 100},
		{"entries first", 50, 100 * (10 + beside), 10, 500, 50},
		{"entries first, few bytes", 50, math.MaxInt64, 10, 500, 50},
		{"one fits", 0, 10 + beside, 10, 500, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := newCache(t, blob(tt.size), cachedata.Config{MaxEntries: tt.entries, MaxBytes: tt.bytes}, cachedata.Funcs[int, string]{Size: length})
				for k := range tt.keys {
					if _, err := c.Get(t.Context(), k); err != nil {
						t.Fatal(err)
					}
				}
				s := settled(c)
				if s.Bytes > tt.bytes || s.Bytes != int64(s.Entries)*(int64(tt.size)+beside) {
					t.Errorf("%d bytes in %d entries", s.Bytes, s.Entries)
				}
				if s.Entries > tt.wantEntries || s.Entries < tt.wantEntries*9/10 {
					t.Errorf("%d entries, want about %d", s.Entries, tt.wantEntries)
				}
				if got, want := s.Evictions[observe.CauseSize], uint64(tt.keys-s.Entries); got != want {
					t.Errorf("%d evictions by size, want %d", got, want)
				}
			})
		})
	}
}

// B2: exact by the user's function, else estimated by the copy plan.
func TestSize(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	exact := newCache(t, blob(777), cachedata.Config{}, cachedata.Funcs[int, string]{Size: length})
	want(t, exact, 1, strings.Repeat("x", 777))
	if err := exact.Put(ctx, 2, strings.Repeat("y", 1_000_003)); err != nil {
		t.Fatal(err)
	}
	if got := exact.Stats().Bytes; got != 777+1_000_003+2*beside {
		t.Errorf("exact: %d bytes", got)
	}
	if err := exact.Put(ctx, 2, ""); err != nil {
		t.Fatal(err)
	}
	if got := exact.Stats().Bytes; got != 777+2*beside {
		t.Errorf("after a replacement: %d bytes", got)
	}

	type page struct {
		title string
		rows  [][]int64
	}
	rows := func(n int) page {
		p := page{title: "title"}
		for range n {
			p.rows = append(p.rows, make([]int64, 100))
		}
		return p
	}
	estimated := newCache(t, func(_ context.Context, n int) (page, error) { return rows(n), nil }, cachedata.Config{})
	before := int64(0)
	for _, n := range []int{1, 10, 100} {
		if _, err := estimated.Get(ctx, n); err != nil {
			t.Fatal(err)
		}
		got := estimated.Stats().Bytes
		if cost, least := got-before, int64(n*(800+24)); cost < least || cost > least*5/4+300 {
			t.Errorf("%d rows: %d bytes, want a little more than %d", n, cost, least)
		}
		before = got
	}
}

// Sizes beyond 32 bits count, too.
func TestHugeSizes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for _, size := range []int64{math.MaxUint32 - 1, math.MaxUint32, math.MaxUint32 + 1, 1 << 40} {
			c := newCache(t, counter[int](), cachedata.Config{MaxBytes: 10 * size}, cachedata.Funcs[int, string]{Size: func(string) int64 { return size }})
			for k := range 100 {
				want(t, c, k, fmt.Sprintf("%d#1", k))
			}
			each := size + beside
			if each >= math.MaxUint32 {
				each = size + cachedata.Beside[int, string](0, false, true)
			}
			if s := settled(c); s.Bytes != int64(s.Entries)*each || s.Entries > 10 || s.Entries < 8 {
				t.Errorf("size %d: %d bytes in %d entries", size, s.Bytes, s.Entries)
			}
			if err := c.Clear(t.Context()); err != nil || c.Stats().Bytes != 0 {
				t.Errorf("%d bytes after a clear, %v", c.Stats().Bytes, err)
			}
		}
	})
}

// A result that is larger than the bound is returned and not kept, and what it
// was to replace is gone.
func TestTooLarge(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	var refused []string
	observer := observe.Func(func(_ context.Context, e observe.Event) {
		if r, ok := e.(observe.CacheRefused); ok {
			refused = append(refused, r.Reason)
		}
	})
	for name, cfg := range map[string]cachedata.Config{
		"of the cache": {MaxBytes: 100 + beside},
		"of the group": {Group: newGroup(t, cachedata.GroupConfig{MaxBytes: 100 + beside})},
	} {
		refused = nil
		cfg.Observer = observer
		n := 100
		c := newCache(t, func(ctx context.Context, k int) (string, error) { return blob(n)(ctx, k) }, cfg, cachedata.Funcs[int, string]{Size: length})
		want(t, c, 1, strings.Repeat("x", 100))
		if s := c.Stats(); s.Bytes != 100+beside || s.Refused != 0 {
			t.Errorf("%s: one that just fits: %+v", name, s)
		}
		n = 101
		if v, err := c.Refresh(ctx, 1); len(v) != 101 || err != nil {
			t.Errorf("%s: got %d bytes, %v", name, len(v), err)
		}
		if _, ok := c.Peek(ctx, 1); ok {
			t.Errorf("%s: something is kept", name)
		}
		if err := c.Put(ctx, 2, "small"); err != nil {
			t.Error(err)
		}
		if err := c.Put(ctx, 2, strings.Repeat("y", 101)); err != nil {
			t.Error(err)
		}
		if _, ok := c.Peek(ctx, 2); ok {
			t.Errorf("%s: Put: something is kept", name)
		}
		s := c.Stats()
		if s.Bytes != 0 || s.Entries != 0 || s.Refused != 2 || s.Evictions[observe.CauseReplaced] != 2 || fmt.Sprint(refused) != "[size size]" {
			t.Errorf("%s: %+v, refused %v", name, s, refused)
		}
	}
}

func TestSizeMisbehaves(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	c := newCache(t, blob(1), cachedata.Config{}, cachedata.Funcs[int, string]{Size: func(string) int64 { return -7 }})
	_, err := c.Get(ctx, 1)
	for _, err := range []error{err, c.Put(ctx, 1, "x")} {
		if err == nil || !strings.Contains(err.Error(), "Size returned -7") || !strings.Contains(err.Error(), c.Name()) {
			t.Errorf("a negative size: %v", err)
		}
	}
	if s := c.Stats(); s.Entries != 0 || s.Bytes != 0 {
		t.Errorf("%+v", s)
	}

	synctest.Test(t, func(t *testing.T) {
		panics := newCache(t, blob(1), cachedata.Config{}, cachedata.Funcs[int, string]{Size: func(string) int64 { panic("size") }})
		func() {
			defer func() {
				if recover() == nil {
					t.Error("the panic of Size was lost")
				}
			}()
			_, _ = panics.Get(t.Context(), 1)
		}()
		synctest.Wait() // the load has left, too
		if s := panics.Stats(); s.InFlight != 0 || s.Entries != 0 {
			t.Errorf("after a panic: %+v", s)
		}
	})

	_, err = cachedata.New("unmeasured", func(context.Context, int) (chan int, error) { return nil, nil },
		cachedata.Config{MaxBytes: 1, Group: newGroup(t, cachedata.GroupConfig{}), Copy: cachedata.CopyConfig{ReadOnly: true}})
	if err == nil || !strings.Contains(err.Error(), "set Funcs.Size") {
		t.Errorf("what cannot be measured: %v", err)
	}
	_, err = cachedata.New("negative", blob(1), cachedata.Config{MaxBytes: -1, Group: newGroup(t, cachedata.GroupConfig{})})
	if err == nil || !strings.Contains(err.Error(), "MaxBytes is -1") {
		t.Errorf("a negative bound: %v", err)
	}
	if _, err = cachedata.NewGroup("g", cachedata.GroupConfig{MaxBytes: -1}); err == nil || !strings.Contains(err.Error(), "MaxBytes is -1") {
		t.Errorf("a negative budget: %v", err)
	}
}

// B1: the budget of a group. Each cache has its share for itself; of those that
// have more, it is the one that is called least that gives up.
func TestGroupBudget(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx := t.Context()
		// The sizes of entries are 1, 5 and 10 times 200.
		g := newGroup(t, cachedata.GroupConfig{MaxBytes: 400 * 200})
		of := func(size int) *cachedata.Cache[int, string] {
			return member(t, fmt.Sprint(size), blob(size*20-int(beside)), cachedata.Config{Group: g}, cachedata.Funcs[int, string]{Size: length})
		}
		get := func(c *cachedata.Cache[int, string], k int) {
			if _, err := c.Get(ctx, k); err != nil {
				t.Fatal(err)
			}
			if got := g.Stats().Bytes; got > 400*200 {
				t.Fatalf("%d bytes", got)
			}
		}
		small, scan, busy := of(10), of(100), of(50)
		for k := range 20 { // loaded once, long ago
			get(small, k)
		}
		for k := range 40 {
			get(busy, k)
		}
		for k := range 1000 {
			get(scan, k) // never again
			for i := range 5 {
				get(busy, (k+i)%40)
			}
		}
		synctest.Wait()
		if s := small.Stats(); s.Entries != 20 || s.Evictions[observe.CauseSize] != 0 {
			t.Errorf("the small one, below its share: %+v", s)
		}
		if s := busy.Stats(); s.Entries != 40 || s.Evictions[observe.CauseSize] != 0 {
			t.Errorf("the busy one, above its share: %+v", s)
		}
		if s := scan.Stats(); s.Entries != 18 || s.Evictions[observe.CauseSize] != 1000-18 {
			t.Errorf("the one that is never asked again: %+v", s)
		}

		if err := scan.Close(ctx); err != nil {
			t.Fatal(err)
		}
		if got := g.Stats().Bytes; got != 20*2200 {
			t.Errorf("after a close: %d bytes", got)
		}
		if err := g.Clear(ctx); err != nil || g.Stats().Bytes != 0 {
			t.Errorf("after a clear: %d bytes, %v", g.Stats().Bytes, err)
		}
	})
}

// T2: bytes come back without traffic, whatever takes an entry away.
func TestBytesComeBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx := t.Context()
		g := newGroup(t, cachedata.GroupConfig{})
		c := newCache(t, blob(100), cachedata.Config{Group: g, TTL: time.Minute, MaxBytes: 1 << 20}, cachedata.Funcs[int, string]{Size: length})
		fill := func() {
			for k := range 10 {
				want(t, c, k, strings.Repeat("x", 100))
			}
			if got := c.Stats().Bytes; got != 10*(100+besideTimed) {
				t.Fatalf("filled: %d bytes", got)
			}
		}
		empty := func(how string) {
			t.Helper()
			if s := settled(c); s.Bytes != 0 || s.Entries != 0 {
				t.Errorf("%s: %d bytes in %d entries", how, s.Bytes, s.Entries)
			}
			if cachedata.Queued(c) != 0 {
				t.Errorf("%s: %d wait to expire", how, cachedata.Queued(c))
			}
		}
		fill()
		time.Sleep(time.Minute + 2*time.Second)
		empty("expired")
		fill()
		for k := range 10 {
			if err := c.Delete(ctx, k); err != nil {
				t.Fatal(err)
			}
		}
		empty("deleted")
		fill()
		if err := c.Clear(ctx); err != nil {
			t.Fatal(err)
		}
		empty("cleared")
		fill()
		if err := g.Clear(ctx); err != nil {
			t.Fatal(err)
		}
		empty("cleared with the group")
		fill()
		for k := range 10 {
			if err := c.Put(ctx, k, ""); err != nil {
				t.Fatal(err)
			}
		}
		if s := c.Stats(); s.Bytes != 10*besideTimed || s.Entries != 10 {
			t.Errorf("replaced: %d bytes in %d entries", s.Bytes, s.Entries)
		}
		if err := c.Close(ctx); err != nil {
			t.Fatal(err)
		}
		empty("closed")
	})
}

// The count of bytes against a model: whatever happens at once, it is the sum
// of what is there, and nothing after a clear.
func TestAccountsBalance(t *testing.T) {
	t.Parallel()
	for seed := range uint64(soaktest.Rounds(300)) {
		accounts(t, seed)
	}
}

func accounts(t *testing.T, seed uint64) {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, 7))
	var evicted atomic.Int64
	g := newGroup(t, cachedata.GroupConfig{MaxBytes: []int64{0, 6000}[r.IntN(2)]})
	cfg := cachedata.Config{
		Group:      g,
		MaxEntries: []int{0, 20}[r.IntN(2)],
		MaxBytes:   []int64{0, 4000}[r.IntN(2)],
		TTL:        []time.Duration{0, time.Millisecond, time.Hour}[r.IntN(3)],
		Observer: observe.Func(func(_ context.Context, e observe.Event) {
			if _, ok := e.(observe.CacheEvict); ok {
				evicted.Add(1)
			}
		}),
	}
	errLoad := errors.New("load")
	c := newCache(t, func(_ context.Context, k int) (string, error) {
		if k%11 == 0 {
			return "", errLoad
		}
		return strings.Repeat("x", k*7%300), nil
	}, cfg, cachedata.Funcs[int, string]{Size: length})
	other := member(t, "other", blob(150), cachedata.Config{Group: g}, cachedata.Funcs[int, string]{Size: length})
	ctx := t.Context()
	var wg sync.WaitGroup
	for i := range 4 {
		r := rand.New(rand.NewPCG(seed, uint64(i)))
		wg.Go(func() {
			for range 300 {
				k := r.IntN(60)
				var err error
				switch r.IntN(12) {
				case 0:
					err = c.Put(ctx, k, strings.Repeat("p", r.IntN(5000))) // some do not fit
				case 1:
					err = c.Delete(ctx, k)
				case 2:
					if r.IntN(10) == 0 {
						err = c.Clear(ctx)
					}
				case 3:
					if r.IntN(20) == 0 {
						err = g.Clear(ctx)
					}
				case 4:
					_, err = c.Refresh(ctx, k)
				case 5:
					_, err = other.Get(ctx, k)
				default:
					_, err = c.Get(ctx, k)
				}
				if err != nil && err != errLoad {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	// The engine tidies up in goroutines of its own.
	deadline := time.Now().Add(time.Minute)
	for {
		sum, n := int64(0), 0
		for _, size := range cachedata.Sizes(c) {
			sum += size
			n++
		}
		s := c.Stats()
		kept := s.Bytes == sum && s.Entries == n &&
			(cfg.MaxBytes == 0 || sum <= cfg.MaxBytes) && (cfg.MaxEntries == 0 || n <= cfg.MaxEntries)
		if kept && g.Stats().Bytes == s.Bytes+other.Stats().Bytes {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("seed %d, %+v: %d bytes are counted in %d entries, and there are %d in %d", seed, cfg, s.Bytes, s.Entries, sum, n)
		}
		time.Sleep(time.Millisecond)
	}
	if err := g.Clear(ctx); err != nil {
		t.Fatal(err)
	}
	if s := g.Stats(); s.Bytes != 0 || s.Entries != 0 {
		t.Fatalf("seed %d: %d bytes in %d entries after a clear", seed, s.Bytes, s.Entries)
	}
	if err := g.Close(ctx); err != nil {
		t.Fatal(err)
	}
}
