package workloads

import (
	"cmp"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"time"

	"github.com/Yiling-J/theine-go"
	"github.com/maypok86/otter/v2"

	"github.com/reecho-go/reecho/benchmarks/bench"
	"github.com/reecho-go/reecho/cachedata"
)

// store is a bounded cache as far as memory and hit ratio are concerned.
type store[K comparable, V any] struct {
	get func(K) bool // and stores what was not there
	len func() int
	end func()
}

// opener opens one peer's store for so many entries.
type opener[K comparable, V any] struct {
	peer string
	open func(size int) (store[K, V], error)
}

// stores are the bounded peers, ours first; value is what they store.
func stores[K comparable, V any](value func(K) V) []opener[K, V] {
	return []opener[K, V]{
		{Ours, func(size int) (store[K, V], error) {
			return ownStore(cachedata.GroupConfig{}, cachedata.Config{MaxEntries: size}, value)
		}},
		{"otter", func(size int) (store[K, V], error) { return otterStore(size, value) }},
		{"theine", func(size int) (store[K, V], error) { return theineStore(size, value) }},
	}
}

// bounds are stores with the other bounds of ours, which hold as many entries.
// Beside them stands what the second bound could do instead of lowering otter's.
func bounds[K comparable, V any](value func(K) V) []opener[K, V] {
	const noBound = 1 << 40
	one := func(V) int64 { return 1 }
	return []opener[K, V]{
		{Ours + ", MaxBytes", func(size int) (store[K, V], error) {
			return ownStore(cachedata.GroupConfig{}, cachedata.Config{MaxBytes: int64(size)}, value, cachedata.Funcs[K, V]{Size: one})
		}},
		{Ours + ", MaxEntries beside MaxBytes", func(size int) (store[K, V], error) {
			return ownStore(cachedata.GroupConfig{}, cachedata.Config{MaxEntries: size, MaxBytes: noBound}, value)
		}},
		{Ours + ", budget of the group", func(size int) (store[K, V], error) {
			return ownStore(cachedata.GroupConfig{MaxBytes: int64(size)}, cachedata.Config{MaxEntries: 10 * size}, value, cachedata.Funcs[K, V]{Size: one})
		}},
		{"otter, from its cold end", func(size int) (store[K, V], error) { return coldStore(size, value) }},
	}
}

func ownStore[K comparable, V any](group cachedata.GroupConfig, cfg cachedata.Config, value func(K) V, funcs ...cachedata.Funcs[K, V]) (s store[K, V], err error) {
	if cfg.Group, err = cachedata.NewGroup("bounded", group); err != nil {
		return s, err
	}
	loaded := false
	c, err := cachedata.New("bounded", func(_ context.Context, k K) (V, error) {
		loaded = true
		return value(k), nil
	}, cfg, funcs...)
	if err != nil {
		return s, err
	}
	ctx := context.Background()
	return store[K, V]{
		get: func(k K) bool {
			loaded = false
			_, err := c.Get(ctx, k)
			return err == nil && !loaded
		},
		len: func() int { return c.Stats().Entries },
		end: func() { _ = cfg.Group.Close(ctx) }, // nothing is in flight
	}, nil
}

func otterStore[K comparable, V any](size int, value func(K) V) (s store[K, V], err error) {
	c, err := otter.New(&otter.Options[K, V]{MaximumSize: size})
	if err != nil {
		return s, err
	}
	return store[K, V]{
		get: func(k K) bool {
			_, ok := c.GetIfPresent(k)
			if !ok {
				c.Set(k, value(k))
			}
			return ok
		},
		len: c.EstimatedSize,
		end: c.InvalidateAll,
	}, nil
}

// coldStore is an otter with room for more, of whose coldest entry each new one
// takes the place.
func coldStore[K comparable, V any](size int, value func(K) V) (s store[K, V], err error) {
	c, err := otter.New(&otter.Options[K, V]{MaximumSize: 10 * size, InitialCapacity: size})
	if err != nil {
		return s, err
	}
	return store[K, V]{
		get: func(k K) bool {
			_, ok := c.GetIfPresent(k)
			if !ok {
				c.Set(k, value(k))
				for c.EstimatedSize() > size {
					c.Invalidate(coldest(c))
				}
			}
			return ok
		},
		len: c.EstimatedSize,
		end: c.InvalidateAll,
	}, nil
}

func coldest[K comparable, V any](c *otter.Cache[K, V]) (k K) {
	for e := range c.Coldest() {
		return e.Key
	}
	return k
}

func theineStore[K comparable, V any](size int, value func(K) V) (s store[K, V], err error) {
	c, err := theine.NewBuilder[K, V](int64(size)).Build()
	if err != nil {
		return s, err
	}
	return store[K, V]{
		get: func(k K) bool {
			_, ok := c.Get(k)
			if !ok {
				c.Set(k, value(k), 1)
			}
			return ok
		},
		len: c.Len,
		end: c.Close,
	}, nil
}

// HitRatio is how many of 100 lookups find their result in a cache that is too
// small for all. More is better.
func HitRatio() []bench.Workload {
	zipf := func() ([]string, error) { return zipfTrace(), nil }
	shifting := func() ([]string, error) { return shiftingTrace(), nil }
	peers := stores(textLen)
	return []bench.Workload{
		hitRatio("zipf, room for 1 %", 1000, zipf, peers),
		hitRatio("zipf, room for 10 %", 10_000, zipf, peers),
		hitRatio("bird strikes by airport and species, room for 100", 100, strikesTrace, peers),
		hitRatio("bird strikes by airport and species, room for 500", 500, strikesTrace, peers),
		hitRatio("shifting zipf, room for 1,000", 1000, shifting, slices.Concat(peers, bounds(textLen))),
	}
}

func textLen(k string) int { return len(k) }

func hitRatio(name string, size int, trace func() ([]string, error), peers []opener[string, int]) bench.Workload {
	return bench.Workload{Group: "ratio", Name: name, Reference: "otter", Unit: "% hits", Prepare: func() ([]bench.Row, error) {
		keys, err := trace()
		if err != nil {
			return nil, err
		}
		var rows []bench.Row
		for _, p := range peers {
			rows = append(rows, bench.Row{Peer: p.peer, Figure: func() (float64, error) {
				hits, replays := 0, lookups/len(keys)
				for range replays {
					s, err := p.open(size)
					if err != nil {
						return 0, err
					}
					hits += replay(s, keys)
					s.end()
				}
				return 100 * float64(hits) / float64(replays*len(keys)), nil
			}, Check: func() error {
				s, err := p.open(size)
				if err != nil {
					return err
				}
				return check(s, size)
			}})
		}
		return rows, nil
	}}
}

// check says whether a store keeps what it was given, and no more than it may.
func check(s store[string, int], size int) error {
	defer s.end()
	if first, second := s.get("a"), s.get("a"); first || !second {
		return fmt.Errorf("lookups of one key: %v, %v", first, second)
	}
	for n := range 3 * size {
		s.get(strconv.Itoa(n))
	}
	for wait := time.Millisecond; s.len() > size; wait *= 2 { // engines tidy up a little later
		if wait > time.Minute {
			return fmt.Errorf("%d entries are left, with room for %d", s.len(), size)
		}
		time.Sleep(wait)
	}
	return nil
}

// lookups is about how many make one figure. Short traces are replayed, each
// time to a new cache: what an engine keeps depends a little on when it finds the
// time to tidy up.
const lookups = 400_000

// replay looks all keys up and counts those that were there.
func replay(s store[string, int], keys []string) (hits int) {
	for i, k := range keys {
		if s.get(k) {
			hits++
		}
		if i%64 == 0 {
			runtime.Gosched() // as between requests
		}
	}
	return hits
}

// zipfTrace is 300,000 lookups of 100,000 keys, the same each time.
func zipfTrace() []string {
	r := rand.New(rand.NewPCG(1, 2))
	z := rand.NewZipf(r, 1.05, 1, 100_000-1)
	return list(300_000, func(int) string { return strconv.FormatUint(z.Uint64(), 10) })
}

// shiftingTrace is 300,000 lookups of keys that come into use and go out of it:
// after each 100, all of them are one place less popular, and a new one leads.
func shiftingTrace() []string {
	r := rand.New(rand.NewPCG(3, 4))
	z := rand.NewZipf(r, 1.05, 1, 100_000-1)
	return list(300_000, func(i int) string { return strconv.Itoa(i/100 - int(z.Uint64())) })
}

// strikesTrace is what a page on each bird strike would look up, in the order
// of their dates: its airport, its species, and that species at that airport.
func strikesTrace() ([]string, error) {
	f, err := openData("birdstrikes.csv")
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // it was only read
	strikes, err := csv.NewReader(f).ReadAll()
	if err != nil {
		return nil, err
	}
	const airport, date, species = 0, 3, 8
	strikes = strikes[1:]
	slices.SortStableFunc(strikes, func(a, b []string) int { return cmp.Compare(a[date], b[date]) })
	keys := make([]string, 0, 3*len(strikes))
	for _, s := range strikes {
		keys = append(keys, "airport:"+s[airport], "species:"+s[species], "both:"+s[airport]+"|"+s[species])
	}
	return keys, nil
}

// openData opens a file of the example app's data, from wherever this module's
// programs and tests run.
func openData(name string) (*os.File, error) {
	var errs []error
	for _, up := range []string{"..", ".", filepath.Join("..", "..")} {
		f, err := os.Open(filepath.Join(up, "examples", "explorer", "data", name))
		if err == nil {
			return f, nil
		}
		errs = append(errs, err)
	}
	return nil, errors.Join(errs...)
}

// Memory is how much room an entry takes when there are a million.
func Memory() []bench.Workload {
	return []bench.Workload{{Group: "memory", Name: "a million entries, int to struct of 32 bytes", Reference: "otter", Unit: "B/entry", Once: true, Prepare: func() ([]bench.Row, error) {
		var rows []bench.Row
		for _, p := range stores(func(k int) point { return point{ID: k, X: 1, Y: 2, At: 3} }) {
			rows = append(rows, bench.Row{
				Peer:   p.peer,
				Figure: func() (float64, error) { return bytesPerEntry(p.open, 1_000_000) },
				Check: func() error {
					if b, err := bytesPerEntry(p.open, 10_000); err != nil {
						return err
					} else if b < 40 || b > 4000 {
						return fmt.Errorf("%.0f bytes for an entry", b)
					}
					return nil
				},
			})
		}
		return rows, nil
	}}}
}

type point struct {
	ID   int
	X, Y float64
	At   int64
}

func bytesPerEntry(open func(int) (store[int, point], error), n int) (float64, error) {
	before := heap()
	s, err := open(n)
	if err != nil {
		return 0, err
	}
	defer s.end()
	for k := range n {
		s.get(k)
	}
	after := heap()
	// An engine may evict a few before it has found its balance.
	if got := s.len(); got < n*9/10 {
		return 0, fmt.Errorf("%d entries are left of %d", got, n)
	}
	return float64(after-before) / float64(s.len()), nil
}

// heap is what lives on the heap.
func heap() int64 {
	for range 2 {
		runtime.GC()
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
