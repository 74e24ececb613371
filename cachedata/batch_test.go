package cachedata_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/reecho-go/reecho/cachedata"
	"github.com/reecho-go/reecho/internal/heaptest"
	"github.com/reecho-go/reecho/internal/soaktest"
	"github.com/reecho-go/reecho/observe"
)

// table is an origin that is asked for several keys at a time. Keys of 100 and
// more are not in it, negative ones are in error.
type table struct {
	mu      sync.Mutex
	version int
	took    time.Duration
	fail    func()
	loads   [][]int
}

var errNegative = errors.New("negative")

func (o *table) load(_ context.Context, keys []int) (map[int]string, error) {
	slices.Sort(keys)
	o.mu.Lock()
	version, fail := o.version, o.fail
	o.loads = append(o.loads, slices.Clone(keys))
	o.mu.Unlock()
	time.Sleep(o.took)
	if fail != nil {
		fail()
	}
	m, err := make(map[int]string), error(nil)
	for _, k := range keys {
		if k < 0 {
			err = errNegative
		} else if k < 100 {
			m[k] = fmt.Sprintf("%d v%d", k, version)
		}
	}
	clear(keys)
	return m, err
}

// update makes a new version of everything.
func (o *table) update() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.version++
}

// asked returns what the loads were asked for, and forgets it.
func (o *table) asked() [][]int {
	o.mu.Lock()
	defer o.mu.Unlock()
	loads := o.loads
	o.loads = nil
	slices.SortFunc(loads, slices.Compare)
	return loads
}

func newBatch[K comparable, V any](tb testing.TB, load func(context.Context, []K) (map[K]V, error), cfg cachedata.Config, funcs ...cachedata.Funcs[K, V]) *cachedata.Batch[K, V] {
	tb.Helper()
	if cfg.Group == nil {
		cfg.Group = newGroup(tb, cachedata.GroupConfig{})
	}
	b, err := cachedata.NewBatch("test", load, cfg, funcs...)
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

// wantMany checks what GetMany returns for keys that do not fail.
func wantMany[K comparable, V any](t *testing.T, b *cachedata.Batch[K, V], keys []K, want map[K]V) {
	t.Helper()
	got, err := b.GetMany(t.Context(), keys)
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("GetMany(%v): %v, (-want +got)\n%s", keys, err, diff)
	}
}

func wantAsked(t *testing.T, o *table, want ...[]int) {
	t.Helper()
	if got := o.asked(); !slices.EqualFunc(got, want, slices.Equal) {
		t.Errorf("loads of %v, want %v", got, want)
	}
}

func TestGetManyLoadsWhatIsMissing(t *testing.T) {
	t.Parallel()
	o := &table{}
	b := newBatch(t, o.load, cachedata.Config{})
	wantMany(t, b, nil, map[int]string{})
	wantAsked(t, o)
	want(t, b.Cache, 2, "2 v0")
	wantAsked(t, o, []int{2})
	keys := []int{3, 2, 3, 1, 100, 2}
	wantMany(t, b, keys, map[int]string{1: "1 v0", 2: "2 v0", 3: "3 v0"})
	wantAsked(t, o, []int{1, 3, 100})
	if !slices.Equal(keys, []int{3, 2, 3, 1, 100, 2}) {
		t.Errorf("the loader reached the caller's keys: %v", keys)
	}
	wantMany(t, b, keys, map[int]string{1: "1 v0", 2: "2 v0", 3: "3 v0"})
	wantAsked(t, o, []int{100}) // that there is nothing is not kept
	if s := b.Stats(); s.Hits != 4 || s.Misses != 5 || s.Loads != 5 || s.Entries != 3 {
		t.Errorf("%+v", s)
	}

	if _, err := b.Get(t.Context(), 100); !errors.Is(err, cachedata.ErrNotFound) {
		t.Errorf("Get of what is not there: %v", err)
	}
	if err := b.Put(t.Context(), 100, "put"); err != nil {
		t.Error(err)
	}
	o.update()
	if v, err := b.Refresh(t.Context(), 1); v != "1 v1" || err != nil {
		t.Errorf("Refresh: %q, %v", v, err)
	}
	wantMany(t, b, []int{1, 2, 100}, map[int]string{1: "1 v1", 2: "2 v0", 100: "put"})
}

func TestGetManyJoinsWhatIsInFlight(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := &table{took: time.Second}
		b := newBatch(t, o.load, cachedata.Config{})
		var wg sync.WaitGroup
		start := time.Now()
		for range 3 {
			wg.Go(func() { want(t, b.Cache, 5, "5 v0") })
		}
		synctest.Wait()
		for n := range 10 {
			keys := []int{1, 2, 3, 4, 5}
			slices.Reverse(keys[n%5:])
			wg.Go(func() {
				wantMany(t, b, keys, map[int]string{1: "1 v0", 2: "2 v0", 3: "3 v0", 4: "4 v0", 5: "5 v0"})
			})
			wg.Go(func() { want(t, b.Cache, 1+n%4, fmt.Sprint(1+n%4, " v0")) })
		}
		wg.Wait()
		if took := time.Since(start); took != time.Second {
			t.Errorf("all took %v", took)
		}
		var all []int
		for _, keys := range o.asked() {
			all = append(all, keys...)
		}
		slices.Sort(all)
		if want := []int{1, 2, 3, 4, 5}; !slices.Equal(all, want) {
			t.Errorf("loaded %v", all)
		}
	})
}

func TestMaxBatchSplits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := &table{took: time.Second}
		b := newBatch(t, o.load, cachedata.Config{MaxBatch: 2})
		start := time.Now()
		wantMany(t, b, []int{1, 2, 3, 4, 5}, map[int]string{1: "1 v0", 2: "2 v0", 3: "3 v0", 4: "4 v0", 5: "5 v0"})
		wantAsked(t, o, []int{1, 2}, []int{3, 4}, []int{5})
		if took := time.Since(start); took != time.Second {
			t.Errorf("the loads took %v one after the other", took)
		}
	})
}

func TestNewBatchReportsAll(t *testing.T) {
	t.Parallel()
	g := newGroup(t, cachedata.GroupConfig{})
	_, err := cachedata.NewBatch[int, string]("", nil, cachedata.Config{Group: g, MaxBatch: -1})
	for _, want := range []string{`NewBatch("")`, "the name is empty", "load function is nil", "MaxBatch is -1"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("the error does not say %q: %v", want, err)
		}
	}
	_, err = cachedata.New("single", counter[int](), cachedata.Config{Group: g, MaxBatch: 5})
	if err == nil || !strings.Contains(err.Error(), "MaxBatch is 5") {
		t.Errorf("New with MaxBatch: %v", err)
	}
	newBatch(t, (&table{}).load, cachedata.Config{Group: g})
	if _, err = cachedata.NewBatch("test", (&table{}).load, cachedata.Config{Group: g}); !errors.Is(err, cachedata.ErrDuplicate) {
		t.Errorf("a second of its name: %v", err)
	}
}

// Mutating what one caller got is invisible to the others and to the loader.
func TestGetManyGivesOwnCopies(t *testing.T) {
	t.Parallel()
	origin := map[int][]int{1: {1}, 2: {2}}
	b := newBatch(t, func(context.Context, []int) (map[int][]int, error) { return origin, nil }, cachedata.Config{})
	for range 3 {
		m, err := b.GetMany(t.Context(), []int{1, 2})
		if diff := cmp.Diff(map[int][]int{1: {1}, 2: {2}}, m); diff != "" || err != nil {
			t.Fatalf("%v\n%s", err, diff)
		}
		m[1][0], m[2] = 99, nil
		if origin[1][0] != 1 {
			t.Fatal("the caller reached the loader's value")
		}
		origin = map[int][]int{1: {1}, 2: {2}}
	}
}

// The keys of the loader's map need not be those that it was given.
func TestAnswersAreMatchedAsData(t *testing.T) {
	t.Parallel()
	type key struct{ ID *int }
	b := newBatch(t, func(_ context.Context, keys []key) (map[key]int, error) {
		m := make(map[key]int)
		for _, k := range keys {
			if *k.ID == 3 {
				m[k] = 30 // the very pointer
				continue
			}
			m[key{new(*k.ID)}] = *k.ID * 10
		}
		m[key{new(1000)}] = 1 // nobody asked
		return m, nil
	}, cachedata.Config{})
	one, same, three := key{new(1)}, key{new(1)}, key{new(3)}
	wantMany(t, b, []key{one, same, three}, map[key]int{one: 10, same: 10, three: 30})
	if s := b.Stats(); s.Entries != 2 || s.Loads != 2 {
		t.Errorf("%+v", s)
	}

	times := newBatch(t, func(_ context.Context, keys []time.Time) (map[time.Time]int, error) {
		m := make(map[time.Time]int)
		for _, k := range keys {
			m[k.Round(0)] = k.Year()
		}
		return m, nil
	}, cachedata.Config{})
	now := time.Now() // with a monotonic reading, which is no data
	wantMany(t, times, []time.Time{now}, map[time.Time]int{now: now.Year()})

	floats := newBatch(t, func(_ context.Context, keys []float64) (map[float64]int, error) {
		m := make(map[float64]int)
		for i, k := range keys {
			m[k] = i
		}
		return m, nil
	}, cachedata.Config{})
	if m, err := floats.GetMany(t.Context(), []float64{math.NaN()}); err != nil || len(m) != 1 || slices.Collect(maps.Values(m))[0] != 0 {
		t.Errorf("NaN: %v, %v", m, err)
	}
}

func TestGetManyReturnsWhatItHasAndSaysWhatFailed(t *testing.T) {
	t.Parallel()
	o := &table{}
	b := newBatch(t, o.load, cachedata.Config{})
	want(t, b.Cache, 1, "1 v0")
	m, err := b.GetMany(t.Context(), []int{1, -5, 2, 100, -6, 1, -5})
	if diff := cmp.Diff(map[int]string{1: "1 v0", 2: "2 v0"}, m); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	// Beside an error, what is missing has failed with it.
	failed, ok := errors.AsType[*cachedata.BatchError[int]](err)
	if !ok || !errors.Is(err, errNegative) || failed.Cache != "test" || failed.Asked != 5 {
		t.Fatalf("got %#v", err)
	}
	if want := map[int]error{-5: errNegative, -6: errNegative, 100: errNegative}; !maps.Equal(failed.Failed, want) {
		t.Errorf("failed: %v", failed.Failed)
	}
	if want := "cachedata: test: 3 of 5 keys failed, the first with: negative"; err.Error() != want {
		t.Errorf("got %q, want %q", err.Error(), want)
	}
	wantAsked(t, o, []int{-6, -5, 2, 100}, []int{1})
	wantMany(t, b, []int{2, 1}, map[int]string{1: "1 v0", 2: "2 v0"}) // kept
	wantAsked(t, o)
	if s := b.Stats(); s.Hits != 3 || s.Misses != 5 || s.Loads != 5 || s.LoadErrors != 3 {
		t.Errorf("%+v", s)
	}
	if _, err := b.Get(t.Context(), -7); !errors.Is(err, errNegative) {
		t.Errorf("Get: %v", err)
	}
}

func TestKeysThatIdentifyNothingFailAlone(t *testing.T) {
	t.Parallel()
	b := newBatch(t, func(_ context.Context, keys []any) (map[any]int, error) {
		m := make(map[any]int)
		for _, k := range keys {
			m[k] = k.(int)
		}
		return m, nil
	}, cachedata.Config{})
	ch := any(make(chan int))
	m, err := b.GetMany(t.Context(), []any{1, ch, 2, ch})
	failed, _ := errors.AsType[*cachedata.BatchError[any]](err)
	if failed == nil || len(failed.Failed) != 1 || failed.Asked != 3 || !maps.Equal(m, map[any]int{1: 1, 2: 2}) {
		t.Fatalf("got %v, %v", m, err)
	}
	if _, ok := errors.AsType[*cachedata.KeyError](failed.Failed[ch]); !ok {
		t.Errorf("the channel: %v", failed.Failed[ch])
	}
}

func TestGetManyWithADoneContext(t *testing.T) {
	t.Parallel()
	o := &table{}
	b := newBatch(t, o.load, cachedata.Config{})
	want(t, b.Cache, 1, "1 v0")
	o.asked()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	m, err := b.GetMany(ctx, []int{1, 2})
	if !errors.Is(err, context.Canceled) || !maps.Equal(m, map[int]string{1: "1 v0"}) {
		t.Errorf("got %v, %v", m, err)
	}
	wantAsked(t, o)
}

func TestGetManyLeavesWithItsContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var ended atomic.Int32
		b := newBatch(t, func(ctx context.Context, keys []int) (map[int]string, error) {
			<-ctx.Done()
			if errors.Is(context.Cause(ctx), context.Canceled) {
				t.Errorf("the load's context ended with %v", context.Cause(ctx))
			}
			ended.Add(1)
			return nil, ctx.Err()
		}, cachedata.Config{MaxBatch: 2})
		if err := b.Put(t.Context(), 9, "put"); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		m, err := b.GetMany(ctx, []int{1, 2, 9, 3})
		if !errors.Is(err, context.DeadlineExceeded) || !maps.Equal(m, map[int]string{9: "put"}) || time.Since(start) != time.Second {
			t.Errorf("got %v, %v after %v", m, err, time.Since(start))
		}
		synctest.Wait()
		if n := ended.Load(); n != 2 {
			t.Errorf("%d loads have ended, want 2", n)
		}
	})
}

func TestPanicsAndGoexitOfABatchLoad(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := &table{took: time.Second, fail: func() { panic("boom") }}
		b := newBatch(t, o.load, cachedata.Config{})
		var wg sync.WaitGroup
		wg.Go(func() {
			defer func() {
				if pe, ok := recover().(*cachedata.PanicError); !ok || pe.Value != "boom" || len(pe.Stack) == 0 {
					t.Errorf("the leader panicked with %v", pe)
				}
			}()
			_, _ = b.GetMany(t.Context(), []int{1, 2})
		})
		synctest.Wait()
		wg.Go(func() {
			_, err := b.GetMany(t.Context(), []int{2})
			if pe, ok := errors.AsType[*cachedata.PanicError](err); !ok || pe.Value != "boom" {
				t.Errorf("who joined got %v", err)
			}
		})
		wg.Wait()
		o.fail = runtime.Goexit
		if _, err := b.GetMany(t.Context(), []int{1, 2}); err == nil || !strings.Contains(err.Error(), "Goexit") {
			t.Errorf("after Goexit: %v", err)
		}
		o.fail = nil
		wantMany(t, b, []int{1, 2}, map[int]string{1: "1 v0", 2: "2 v0"})
		if s := b.Stats(); s.Misses != 7 || s.Hits != 0 || s.Loads != 6 || s.LoadErrors != 4 {
			t.Errorf("%+v", s)
		}
	})
}

func TestBatchLoadThatAsksForItsOwnKeys(t *testing.T) {
	t.Parallel()
	var b *cachedata.Batch[int, string]
	b = newBatch(t, func(ctx context.Context, keys []int) (map[int]string, error) {
		if keys[0] == 3 {
			return map[int]string{3: "three"}, nil
		}
		m, err := b.GetMany(ctx, []int{1, 3})
		cycle, ok := errors.AsType[*cachedata.CycleError](err)
		if !ok || m[3] != "three" || !strings.HasSuffix(cycle.Path[0], "and 1 more") {
			t.Errorf("inside: %v, %v", m, err)
		}
		return m, err
	}, cachedata.Config{})
	_, err := b.GetMany(t.Context(), []int{1, 2})
	if _, ok := errors.AsType[*cachedata.CycleError](err); !ok {
		t.Errorf("outside: %v", err)
	}
}

func TestBatchLoadCannotSeeTheVisitor(t *testing.T) {
	t.Parallel()
	b := newBatch(t, func(ctx context.Context, keys []int) (map[int]string, error) {
		m := map[int]string{}
		for _, k := range keys {
			m[k], _ = visitor(ctx) // and hides the error
		}
		return m, nil
	}, cachedata.Config{})
	ctx := context.Context(newRequest(t.Context()))
	for range 2 {
		if m, err := b.GetMany(ctx, []int{1, 2}); !errors.Is(err, cachedata.ErrVisitorInGlobalLoad) || len(m) != 0 {
			t.Errorf("got %v, %v", m, err)
		}
	}
}

// Every way to drop a key against a batch that is loading it.
func TestClearsInTheMiddleOfABatch(t *testing.T) {
	t.Parallel()
	type batch = cachedata.Batch[int, string]
	tests := []struct {
		name   string
		middle func(ctx context.Context, b *batch, g *cachedata.Group) error
		later  map[int]string // what there is afterwards
		loads  [][]int        // of those who come afterwards
	}{
		{"nothing", func(context.Context, *batch, *cachedata.Group) error { return nil }, map[int]string{1: "1 v0", 2: "2 v0", 3: "3 v0"}, nil},
		{"Delete", func(ctx context.Context, b *batch, _ *cachedata.Group) error { return b.Delete(ctx, 2) }, map[int]string{1: "1 v0", 2: "2 v1", 3: "3 v0"}, [][]int{{2}}},
		{"Clear", func(ctx context.Context, b *batch, _ *cachedata.Group) error { return b.Clear(ctx) }, map[int]string{1: "1 v1", 2: "2 v1", 3: "3 v1"}, [][]int{{1, 2, 3}}},
		{"group Clear", func(ctx context.Context, _ *batch, g *cachedata.Group) error { return g.Clear(ctx) }, map[int]string{1: "1 v1", 2: "2 v1", 3: "3 v1"}, [][]int{{1, 2, 3}}},
		{"Put", func(ctx context.Context, b *batch, _ *cachedata.Group) error { return b.Put(ctx, 2, "put") }, map[int]string{1: "1 v0", 2: "put", 3: "3 v0"}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				o := &table{took: time.Second}
				g := newGroup(t, cachedata.GroupConfig{})
				b := newBatch(t, o.load, cachedata.Config{Group: g})
				keys := []int{1, 2, 3}
				var wg sync.WaitGroup
				for range 2 { // the leader and one who joins
					wg.Go(func() { wantMany(t, b, keys, map[int]string{1: "1 v0", 2: "2 v0", 3: "3 v0"}) })
					synctest.Wait()
				}
				time.Sleep(time.Second / 2)
				o.asked()
				o.update()
				if err := tt.middle(t.Context(), b, g); err != nil {
					t.Error(err)
				}
				wg.Go(func() { wantMany(t, b, keys, tt.later) })
				wg.Wait()
				wantMany(t, b, keys, tt.later)
				wantAsked(t, o, tt.loads...)
				refused := 3 - len(tt.later)
				for k, v := range tt.later {
					if v != fmt.Sprint(k, " v0") {
						refused++
					}
				}
				if s := b.Stats(); s.Refused != uint64(refused) {
					t.Errorf("%d refused, want %d", s.Refused, refused)
				}
			})
		})
	}
}

func TestBatchEventsAreOfKeys(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var rec observe.Recorder
		o := &table{took: time.Second}
		b := newBatch(t, o.load, cachedata.Config{Observer: &rec})
		_, _ = b.GetMany(t.Context(), []int{1, -2})
		events := observe.Of[observe.CacheLoad](&rec)
		if len(events) != 2 || events[0].Fingerprint == events[1].Fingerprint {
			t.Fatalf("events %+v", events)
		}
		for i, wantErr := range []error{nil, errNegative} {
			if e := events[i]; e.Took != time.Second || e.Waiters != 1 || e.Err != wantErr {
				t.Errorf("event %d: %+v", i, e)
			}
		}
		_, meta, err := b.GetMeta(t.Context(), 1)
		if meta.Source != cachedata.Hit || meta.LoadTook != time.Second || err != nil {
			t.Errorf("%+v, %v", meta, err)
		}
	})
}

func TestBatchErrorKeepsItsStatus(t *testing.T) {
	t.Parallel()
	b := newBatch(t, (&table{}).load, cachedata.Config{})
	if err := b.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	_, err := b.GetMany(t.Context(), []int{1, 2})
	var status interface{ StatusCode() int }
	if !errors.Is(err, cachedata.ErrClosed) || !errors.As(err, &status) || status.StatusCode() != http.StatusServiceUnavailable {
		t.Errorf("GetMany after Close: %v", err)
	}
	if _, ok := errors.AsType[*cachedata.BatchError[int]](err); !ok {
		t.Errorf("got %T", err)
	}
}

// Nothing remains of a batch's keys once their results are gone, whether they
// were found, failed, or were left by who asked for them.
func TestNothingRemainsOfABatch(t *testing.T) {
	keys := 20_000
	if soaktest.Long() {
		keys = 1_000_000
	}
	b := newBatch(t, func(ctx context.Context, keys []int) (map[int]string, error) {
		m, err := make(map[int]string), error(nil)
		for _, k := range keys {
			switch k % 5 {
			case 0:
				err = errNegative
			case 1: // there is nothing
			default:
				m[k] = "a result of some length"
			}
		}
		return m, err
	}, cachedata.Config{MaxEntries: 100, TTL: time.Hour, MaxBatch: 4})
	use := func(from, to int) {
		for k := from; k < to; k += 10 {
			ctx, cancel := context.WithCancel(t.Context())
			some := []int{k, k + 1, k + 2, k + 3, k + 4, k + 5, k + 6, k + 7, k + 8, k + 9}
			if k%20 == 0 {
				time.AfterFunc(20*time.Microsecond, cancel)
			}
			_, _ = b.GetMany(ctx, some)
			cancel()
		}
	}
	use(0, 1000)
	before := heaptest.InUse()
	use(1000, keys)
	if after := heaptest.AtMost(before + 256<<10); after > before+256<<10 {
		t.Errorf("%d bytes more after %d keys", after-before, keys)
	}
}
