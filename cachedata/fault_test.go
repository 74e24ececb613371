package cachedata_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/reecho-go/reecho/cachedata"
	"github.com/reecho-go/reecho/internal/soaktest"
	"github.com/reecho-go/reecho/observe"
)

// faulty is an origin that sleeps, fails, panics and exits at random, and
// counts what it did for each key.
type faulty struct {
	loads, failures atomic.Uint64
}

var errFault = errors.New("fault")

func (o *faulty) load(ctx context.Context, keys []int) (map[int]int, error) {
	n := uint64(len(keys))
	o.loads.Add(n)
	switch rand.IntN(4) {
	case 0:
		time.Sleep(time.Duration(rand.IntN(300)) * time.Microsecond)
	case 1: // heeds its context
		select {
		case <-time.After(time.Duration(rand.IntN(300)) * time.Microsecond):
		case <-ctx.Done():
			o.failures.Add(n)
			return nil, context.Cause(ctx)
		}
	}
	switch rand.IntN(12) {
	case 0:
		o.failures.Add(n)
		return nil, errFault
	case 1:
		o.failures.Add(n)
		panic(errFault)
	case 2:
		o.failures.Add(n)
		runtime.Goexit()
	}
	m := make(map[int]int)
	for _, k := range keys {
		m[k] = k
	}
	if rand.IntN(8) == 0 { // in part
		delete(m, keys[0])
		o.failures.Add(1)
		return m, errFault
	}
	return m, nil
}

// tally counts what callers did.
type tally struct{ gets, puts atomic.Uint64 }

// expected reports whether a caller may get err.
func expected(err error) bool {
	_, panicked := errors.AsType[*cachedata.PanicError](err)
	return err == nil || panicked || errors.Is(err, errFault) || errors.Is(err, context.DeadlineExceeded)
}

// Whatever the origin does, every call is answered with what may be, nothing
// is wedged or left behind, and the counters add up.
func TestCountersAddUpUnderFaults(t *testing.T) {
	t.Parallel()
	const keys, clients = 40, 64
	var (
		o      faulty
		did    tally
		rec    observe.Recorder
		rounds = soaktest.Rounds(2000)
	)
	b := newBatch(t, o.load, cachedata.Config{Observer: &rec, MaxBatch: 3})
	operate := func(ctx context.Context, r *rand.Rand) {
		defer func() {
			if v := recover(); v != nil {
				if err, ok := v.(error); !ok || !expected(err) {
					t.Errorf("a caller panicked with %v", v)
				}
			}
		}()
		k := r.IntN(keys)
		var err error
		switch n := r.IntN(16); {
		case n < 6:
			did.gets.Add(1)
			var v int
			if v, err = b.Get(ctx, k); err == nil && v != k {
				t.Errorf("key %d has %d", k, v)
			}
		case n < 11:
			many := []int{k, (k + 1) % keys, (k + 2) % keys, (k + 3) % keys, k}
			did.gets.Add(4)
			var m map[int]int
			m, err = b.GetMany(ctx, many)
			for k, v := range m {
				if v != k {
					t.Errorf("key %d has %d", k, v)
				}
			}
			if failed, ok := errors.AsType[*cachedata.BatchError[int]](err); len(m) != 4 && (!ok || len(m)+len(failed.Failed) != 4) {
				t.Errorf("%d results, and %v", len(m), err)
			}
		case n < 12:
			_, err = b.Refresh(ctx, k)
		case n < 14:
			did.puts.Add(1)
			err = b.Put(ctx, k, k)
		default:
			err = b.Delete(ctx, k)
		}
		if !expected(err) {
			t.Errorf("a caller got %v", err)
		}
	}
	var wg sync.WaitGroup
	for client := range clients {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(soaktest.Seed(), uint64(client)))
			for range rounds / 2 {
				ctx, cancel := context.WithTimeout(t.Context(), time.Duration(r.IntN(1000))*time.Microsecond)
				operate(ctx, r)
				cancel()
				operate(t.Context(), r)
			}
		})
	}
	wg.Wait()
	if err := b.Close(t.Context()); err != nil { // waits for abandoned loads
		t.Fatal(err)
	}

	s := b.Stats()
	if got := s.Hits + s.Misses; got != did.gets.Load() {
		t.Errorf("%d hits and misses for %d keys asked for", got, did.gets.Load())
	}
	if s.Loads != o.loads.Load() || s.LoadErrors != o.failures.Load() {
		t.Errorf("%d loads, %d errors; the origin counts %d and %d", s.Loads, s.LoadErrors, o.loads.Load(), o.failures.Load())
	}
	stored := s.Loads - s.LoadErrors - s.Refused + did.puts.Load()
	e := s.Evictions
	if gone := e.Size + e.Expired + e.Replaced + e.Deleted + e.Cleared; gone != stored {
		t.Errorf("%d results were stored, %d have left: %+v", stored, gone, s)
	}
	if s.InFlight != 0 || s.Waiters != 0 || s.Entries != 0 {
		t.Errorf("something is left: %+v", s)
	}
	loads, refused, evicted := observe.Of[observe.CacheLoad](&rec), observe.Of[observe.CacheRefused](&rec), observe.Of[observe.CacheEvict](&rec)
	if uint64(len(loads)) != s.Loads || uint64(len(refused)) != s.Refused || uint64(len(evicted)) != e.Size+e.Expired+e.Replaced+e.Deleted {
		t.Errorf("%d, %d and %d events do not tell of %+v", len(loads), len(refused), len(evicted), s)
	}
	for what, n := range map[string]uint64{"hit": s.Hits, "failed load": s.LoadErrors, "refused result": s.Refused, "replaced result": e.Replaced, "deleted result": e.Deleted} {
		if n == 0 {
			t.Errorf("there was no %s", what)
		}
	}
}
