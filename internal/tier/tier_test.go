package tier_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/reecho-go/reecho/internal/leaktest"
	"github.com/reecho-go/reecho/internal/level"
	"github.com/reecho-go/reecho/internal/soaktest"
	"github.com/reecho-go/reecho/internal/tier"
	"github.com/reecho-go/reecho/observe"
	"github.com/reecho-go/reecho/store"
	"github.com/reecho-go/reecho/store/memstore"
	"github.com/reecho-go/reecho/store/storetest"
)

func TestMain(m *testing.M) { leaktest.Main(m) }

// budget is so long that no store of a test outside of a bubble takes it, however busy the machine is.
const budget = time.Minute

func memory(t testing.TB) *memstore.Store {
	s := memstore.Must(memstore.New(memstore.Config{}))
	t.Cleanup(func() { _ = s.Close(context.Background()) }) // it waits for nothing
	return s
}

// on makes a tier of a cache of ints on a store; set changes what is set.
func on(t testing.TB, s store.Store, set func(*tier.Config)) (*tier.Tier, *observe.Recorder) {
	t.Helper()
	r := new(observe.Recorder)
	cfg := tier.Config{
		Cache: level.Cache{Group: "g", Name: "c", Observer: r, Key: reflect.TypeFor[string](), Result: reflect.TypeFor[int]()},
		Store: s, Codec: tier.JSON{}, Budget: budget,
	}
	if set != nil {
		set(&cfg)
	}
	tr, err := tier.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := tr.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return tr, r
}

func key(text string) level.Key { return level.Key{Fingerprint: 7, Canonical: []byte(text)} }

func result(n int, tags ...string) level.Result {
	return level.Result{Value: &n, FreshFor: math.MaxInt64, Tags: tags}
}

// get returns what there is for a key: -1 if nothing.
func get(t testing.TB, tr *tier.Tier, k string) (int, level.Ticket) {
	t.Helper()
	results, tickets := tr.Get(context.Background(), key(k))
	if results[0] == nil {
		return -1, tickets[0]
	}
	return *results[0].Value.(*int), tickets[0]
}

// load stores a result as a load does.
func load(t testing.TB, tr *tier.Tier, k string, r level.Result) {
	t.Helper()
	_, tk := get(t, tr, k)
	tr.Store(context.Background(), tk, r)
}

func wants(t testing.TB, tr *tier.Tier, k string, want int) {
	t.Helper()
	if got, _ := get(t, tr, k); got != want {
		t.Errorf("Get(%s) = %d, want %d", k, got, want)
	}
}

func TestWhatIsStoredComesBackAsItWas(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := memory(t)
		type row struct {
			Name string
			At   time.Time
			In   []map[string]*int
		}
		seven := 7
		r := row{"Ada", time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC), []map[string]*int{{"a": &seven}, nil, {}}}
		rows := func(c *tier.Config) { c.Result = reflect.TypeFor[row]() }
		first, _ := on(t, s, rows)
		want := level.Result{
			Value: &r, FreshFor: time.Hour, Took: time.Second, Tags: []string{"a", strings.Repeat("b", 2000)}, ETag: `"x"`, Modified: time.Unix(5, 6),
		}
		load(t, first, "k", want)
		time.Sleep(time.Minute)
		again, events := on(t, s, rows)
		all, _ := again.Get(t.Context(), key("k"), key("none"))
		if all[0] == nil || all[1] != nil {
			t.Fatalf("Get: %v, %+v", all, events.Events())
		}
		want.Age, want.Revision = time.Minute, all[0].Revision
		if !reflect.DeepEqual(*all[0], want) || want.Revision.Version == 0 {
			t.Errorf("Get: %+v, want %+v", all[0], want)
		}
		time.Sleep(time.Hour - time.Minute)
		if all, _ := again.Get(t.Context(), key("k")); all[0] != nil {
			t.Error("it is there after its time")
		}
	})
}

func TestAClockThatWentBackMakesResultsOlder(t *testing.T) {
	t.Parallel()
	s := memory(t)
	copied := func(t *testing.T, from, to store.Store) {
		t.Helper()
		scan, _ := store.As[store.Scanner](from)
		for e, err := range scan.Scan(t.Context(), "") {
			if err == nil {
				err = to.Put(t.Context(), e.Key, store.Item{Value: e.Value})
			}
			if err != nil {
				t.Error(err)
			}
		}
	}
	synctest.Test(t, func(t *testing.T) {
		own := memory(t)
		time.Sleep(2 * time.Hour)
		for _, k := range []string{"old", "young"} {
			time.Sleep(90 * time.Minute)
			tr, _ := on(t, own, nil)
			r := result(1)
			r.FreshFor = 3 * time.Hour
			load(t, tr, k, r)
		}
		copied(t, own, s)
	})
	synctest.Test(t, func(t *testing.T) { // and now it is five hours earlier
		own := memory(t)
		copied(t, s, own)
		tr, events := on(t, own, nil)
		all, _ := tr.Get(t.Context(), key("old"), key("young"))
		if all[0] == nil || all[0].Age < 90*time.Minute || all[1] == nil || all[1].Age != 0 {
			t.Errorf("Get: %+v, %+v; %v", all[0], all[1], events.Events())
		}
		time.Sleep(90 * time.Minute)
		all, _ = tr.Get(t.Context(), key("old"), key("young"))
		if all[0] != nil || all[1] == nil || all[1].Age != 90*time.Minute {
			t.Errorf("90 minutes later: %+v, %+v", all[0], all[1])
		}
	})
}

func TestWhatAClockHasWrittenThatWasFarAheadIsNotBelieved(t *testing.T) {
	t.Parallel()
	var written []store.Entry
	synctest.Test(t, func(t *testing.T) {
		own := memory(t)
		time.Sleep(30 * 24 * time.Hour)
		tr, _ := on(t, own, nil)
		load(t, tr, "k", result(1))
		for e, err := range own.Scan(t.Context(), "") {
			if err != nil {
				t.Error(err)
			}
			written = append(written, e)
		}
	})
	synctest.Test(t, func(t *testing.T) { // a month before
		own := memory(t)
		for _, e := range written {
			if err := own.Put(t.Context(), e.Key, store.Item{Value: e.Value}); err != nil {
				t.Fatal(err)
			}
		}
		tr, _ := on(t, own, nil)
		wants(t, tr, "k", -1)
		load(t, tr, "k", result(2))
		wants(t, tr, "k", 2)
		time.Sleep(31 * 24 * time.Hour)
		wants(t, tr, "k", 2)
	})
}

func TestALoadThatBeganBeforeAClearStoresNothing(t *testing.T) {
	t.Parallel()
	clears := map[string]func(*tier.Tier){
		"delete": func(tr *tier.Tier) { tr.Delete(context.Background(), key("k")) },
		"tag":    func(tr *tier.Tier) { tr.ClearTag(context.Background(), "t") },
		"clear":  func(tr *tier.Tier) { tr.Clear(context.Background()) },
		"put":    func(tr *tier.Tier) { tr.Put(context.Background(), key("k"), result(2)) },
	}
	for name, clears := range clears {
		for _, there := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, with a result: %v", name, there), func(t *testing.T) {
				t.Parallel()
				s := memory(t)
				one, _ := on(t, s, nil)
				other, _ := on(t, s, nil)
				if there {
					load(t, one, "k", result(0, "t"))
					wants(t, other, "k", 0)
				}
				_, before := get(t, one, "k")
				clears(other)
				one.Store(t.Context(), before, result(1, "t"))
				want := -1
				if name == "put" {
					want = 2
				}
				wants(t, one, "k", want)
				wants(t, other, "k", want)
				load(t, one, "k", result(3, "t"))
				if name == "tag" && !there {
					load(t, one, "k", result(3, "t")) // the first with a tag that is not known yet may be lost
				}
				if name != "put" {
					wants(t, other, "k", 3)
				}
			})
		}
	}
}

// Random histories of two processes: nothing is served that was loaded before a
// clear that has returned.
func TestNothingFromBeforeAClearIsServed(t *testing.T) {
	t.Parallel()
	seed := soaktest.Seed()
	rng := rand.New(rand.NewPCG(seed, 1))
	keys, tags := []string{"a", "b", "c"}, []string{"x", "y"}
	tagsOf := map[string][]string{"a": {"x"}, "b": {"x", "y"}}
	for round := range soaktest.Rounds(500) {
		faulty := round%2 == 1
		inner := memory(t)
		s := storetest.Faulty(inner)
		one, _ := on(t, s, nil)
		tiers := []*tier.Tier{one, one}
		if !faulty { // what one could not say the other does not know
			tiers[1], _ = on(t, s, nil)
		}
		type begun struct {
			key   string
			value int
			tk    level.Ticket
			by    *tier.Tier
		}
		var loads []begun
		var log []string
		oldest := make(map[string]int) // that may be served
		hits := 0
		for now := 1; now < 200; now++ {
			tr := tiers[rng.IntN(2)]
			k := keys[rng.IntN(len(keys))]
			if faulty && rng.IntN(5) == 0 {
				s.Inject(storetest.Fault{Lost: rng.IntN(2) == 0})
			}
			switch n := rng.IntN(20); {
			case n < 10:
				got, tk := get(t, tr, k)
				log = append(log, fmt.Sprintf("%d: get %s = %d", now, k, got))
				if got >= 0 && got < oldest[k] {
					t.Fatalf("seed %d, round %d: %s of %d, which is from before %d: %v", seed, round, k, got, oldest[k], log)
				}
				if got >= 0 {
					hits++
				}
				loads = append(loads, begun{k, now, tk, tr})
			case n < 16 && len(loads) > 0:
				i := rng.IntN(len(loads))
				l := loads[i]
				loads = slices.Delete(loads, i, i+1)
				l.by.Store(t.Context(), l.tk, result(l.value, tagsOf[l.key]...))
				log = append(log, fmt.Sprintf("%d: store %s = %d", now, l.key, l.value))
			case n == 16:
				tr.Delete(t.Context(), key(k))
				oldest[k] = now
				log = append(log, fmt.Sprintf("%d: delete %s", now, k))
			case n == 17:
				tag := tags[rng.IntN(2)]
				tr.ClearTag(t.Context(), tag)
				for _, k := range keys {
					if slices.Contains(tagsOf[k], tag) {
						oldest[k] = now
					}
				}
				log = append(log, fmt.Sprintf("%d: clear tag %s", now, tag))
			case n == 18 && rng.IntN(3) == 0:
				tr.Clear(t.Context())
				for _, k := range keys {
					oldest[k] = now
				}
				log = append(log, fmt.Sprintf("%d: clear", now))
			case n == 19:
				tr.Put(t.Context(), key(k), result(now, tagsOf[k]...))
				oldest[k] = now
				log = append(log, fmt.Sprintf("%d: put %s", now, k))
			}
		}
		if hits == 0 && !faulty {
			t.Errorf("round %d: nothing was ever served: %v", round, log)
		}
	}
}

// What is not right in the store is a miss and one event, and can be stored anew.
func TestWhatIsNotRightIsAMissAndAnEvent(t *testing.T) {
	t.Parallel()
	change := func(f func(b []byte) []byte) func(t *testing.T, s store.Store, at string, it store.Item) {
		return func(t *testing.T, s store.Store, at string, it store.Item) {
			t.Helper()
			if err := s.Put(t.Context(), at, store.Item{Value: f(it.Value)}); err != nil {
				t.Fatal(err)
			}
		}
	}
	type otherCodec struct{ tier.JSON }
	tests := []struct {
		name   string
		other  func(*tier.Config) // who stores it
		result any
		spoil  func(t *testing.T, s store.Store, at string, it store.Item)
		why    string
	}{
		{name: "another type of results", other: func(c *tier.Config) { c.Result = reflect.TypeFor[string]() }, result: new("text"), why: "other types"},
		{name: "another type of keys", other: func(c *tier.Config) { c.Key = reflect.TypeFor[int]() }, why: "other types"},
		{name: "another version of the app", other: func(c *tier.Config) { c.Version = "2" }, why: "another version of the cache"},
		{name: "another codec", other: func(c *tier.Config) { c.Codec = otherCodec{} }, why: "by the codec"},
		{name: "cut off", spoil: change(func(b []byte) []byte { return b[:len(b)-1] }), why: "checksum"},
		{name: "cut off at the start", spoil: change(func(b []byte) []byte { return b[:3] }), why: "no record"},
		{name: "empty", spoil: change(func([]byte) []byte { return nil }), why: "no record"},
		{name: "longer", spoil: change(func(b []byte) []byte { return append(b, '0') }), why: "checksum"},
		{name: "written by hand", spoil: change(func([]byte) []byte { return []byte("42") }), why: "no record"},
		{name: "another format", spoil: change(func(b []byte) []byte { b[1]++; return b }), why: "format"},
		{name: "one bit", spoil: change(func(b []byte) []byte { b[len(b)-1] ^= 1; return b }), why: "checksum"},
		{name: "the record of another key", spoil: func(t *testing.T, s store.Store, at string, _ store.Item) {
			tr, _ := on(t, s, nil)
			load(t, tr, "other", result(5))
			all, ok := store.As[store.Scanner](s)
			if !ok {
				t.Fatal("cannot scan")
			}
			for e, err := range all.Scan(t.Context(), "cache/g/c/r/") {
				if err != nil {
					t.Fatal(err)
				}
				if e.Key != at {
					change(func([]byte) []byte { return e.Value })(t, s, at, store.Item{})
				}
			}
		}, why: "another key"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := memory(t)
			writer, _ := on(t, s, tt.other)
			r := result(1)
			if tt.result != nil {
				r.Value = tt.result
			}
			load(t, writer, "k", r)
			for e, err := range s.Scan(t.Context(), "cache/g/c/r/") {
				if err != nil {
					t.Fatal(err)
				}
				if tt.spoil != nil {
					tt.spoil(t, s, e.Key, e.Item)
				}
			}
			reader, events := on(t, s, nil)
			wants(t, reader, "k", -1)
			if all := events.Events(); len(all) != 1 || !strings.Contains(all[0].(observe.StoreFailure).Err.Error(), tt.why) {
				t.Errorf("events: %v, want one with %q", all, tt.why)
			}
			load(t, reader, "k", result(2))
			wants(t, reader, "k", 2)
		})
	}
}

func TestResultsThatDoNotDecodeAreAMissAndAnEvent(t *testing.T) {
	t.Parallel()
	s := memory(t)
	writer, _ := on(t, s, func(c *tier.Config) { c.Codec = &fickle{after: 1000} })
	load(t, writer, "k", result(1))
	reader, events := on(t, s, func(c *tier.Config) { c.Codec = &fickle{after: 1, err: errors.New("torn")} })
	wants(t, reader, "k", -1)
	if all := events.Events(); len(all) != 1 || !strings.Contains(fmt.Sprint(all[0].(observe.StoreFailure).Err), "torn") {
		t.Errorf("events: %v", all)
	}
	panics, events := on(t, s, func(c *tier.Config) { c.Codec = &fickle{after: 1} })
	wants(t, panics, "k", -1)
	if all := events.Events(); len(all) != 1 || !strings.Contains(fmt.Sprint(all[0].(observe.StoreFailure).Err), "panic") {
		t.Errorf("events: %v", all)
	}
}

// fickle is a codec that decodes so often and then fails, or panics.
type fickle struct {
	tier.JSON
	after int
	err   error
}

func (f *fickle) Unmarshal(b []byte, v any) error {
	if f.after--; f.after == -1 && f.err == nil {
		panic("fickle")
	} else if f.after == -1 {
		return f.err
	}
	return f.JSON.Unmarshal(b, v)
}

func TestNewRefusesWhatDoesNotComeBack(t *testing.T) {
	t.Parallel()
	type private struct {
		Name string
		note string
	}
	type foreign struct{ C chan int }
	_ = private{note: ""}
	for _, tt := range []struct {
		result reflect.Type
		codec  tier.Codec
		want   string
	}{
		{reflect.TypeFor[private](), tier.JSON{}, "not exported"},
		{reflect.TypeFor[foreign](), tier.JSON{}, "has no form in JSON"},
		{reflect.TypeFor[any](), tier.JSON{}, "interface"},
		{reflect.TypeFor[map[[2]int]int](), tier.JSON{}, "key of a map"},
		{reflect.TypeFor[struct{ A, B int }](), forgetful{}, "missing or different"},
	} {
		_, err := tier.New(tier.Config{Store: memory(t), Codec: tt.codec, Cache: level.Cache{Key: reflect.TypeFor[int](), Result: tt.result}, Budget: budget})
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%v: %v, want %q", tt.result, err, tt.want)
		}
	}
	plain := struct{ store.Store }{memory(t)}
	if _, err := tier.New(tier.Config{Store: plain, Codec: tier.JSON{}, Cache: level.Cache{Key: reflect.TypeFor[int](), Result: reflect.TypeFor[int]()}}); err == nil || !strings.Contains(err.Error(), "store.Swapper") {
		t.Errorf("a store without Swap: %v", err)
	}
}

// forgetful is a codec that loses all but the first field.
type forgetful struct{ tier.JSON }

func (forgetful) Unmarshal(b []byte, v any) error {
	err := tier.JSON{}.Unmarshal(b, v)
	reflect.ValueOf(v).Elem().Field(1).SetZero()
	return err
}

func TestValuesThatCannotBeKeptAreNotStoredAndTold(t *testing.T) {
	t.Parallel()
	s := memory(t)
	tr, events := on(t, s, func(c *tier.Config) { c.Result = reflect.TypeFor[float64]() })
	load(t, tr, "k", level.Result{Value: new(1.5), FreshFor: math.MaxInt64})
	tr.Put(t.Context(), key("k"), level.Result{Value: new(math.NaN()), FreshFor: math.MaxInt64})
	if all, _ := tr.Get(t.Context(), key("k")); all[0] != nil {
		t.Error("the old result is served after a Put that could not be stored")
	}
	if n := len(events.Events()); n != 1 {
		t.Errorf("%d events, want 1", n)
	}
}

func TestAStoreThatHangsCostsItsBudgetAndIsLeftAlone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := storetest.Faulty(memory(t))
		tr, events := on(t, s, nil)
		load(t, tr, "k", result(1))
		s.Inject(storetest.Fault{Hang: true, Times: -1})
		for i := range 20 {
			began := time.Now()
			load(t, tr, "k", result(2))
			want := budget
			if i >= 3 {
				want = 0
			}
			if took := time.Since(began); took != want {
				t.Errorf("call %d took %v, want %v", i, took, want)
			}
		}
		if all := events.Events(); len(all) != 1 || !strings.Contains(fmt.Sprint(all[0].(observe.StoreFailure).Err), "3 times in a row") {
			t.Errorf("events: %v", all)
		}
		s.Heal()
		wants(t, tr, "k", -1)
		time.Sleep(time.Second)
		wants(t, tr, "k", 1)
		if all := events.Events(); len(all) != 2 || all[1].(observe.StoreBack).Down != time.Second {
			t.Errorf("events: %v, want that it is back in the end", all)
		}
	})
}

// A store that pays no heed to contexts does not hold a call either.
func TestAStoreThatIgnoresContextsCostsItsBudget(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &deaf{Store: memory(t), release: make(chan struct{})}
		tr, _ := on(t, s, nil)
		began := time.Now()
		wants(t, tr, "k", -1)
		if took := time.Since(began); took != budget {
			t.Errorf("it took %v, want %v", took, budget)
		}
		close(s.release)
	})
}

type deaf struct {
	*memstore.Store
	release chan struct{}
}

func (d *deaf) GetMany(ctx context.Context, keys []string) (map[string]store.Item, error) {
	<-d.release
	return d.Store.GetMany(context.WithoutCancel(ctx), keys)
}

func TestClearsWaitForAStoreThatIsAway(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := storetest.Faulty(memory(t))
		tr, _ := on(t, s, nil)
		other, _ := on(t, s, nil)
		for _, k := range []string{"a", "b", "c"} {
			load(t, tr, k, result(1, "tag "+k))
			load(t, tr, k, result(1, "tag "+k))
		}
		s.Inject(storetest.Fault{Err: errors.New("away"), Times: -1})
		for range 3 {
			tr.Delete(t.Context(), key("a"))
		}
		tr.ClearTag(t.Context(), "tag b")
		s.Heal()
		wants(t, tr, "c", -1) // it is still left alone
		time.Sleep(time.Second)
		wants(t, tr, "a", -1)
		wants(t, tr, "b", -1)
		wants(t, tr, "c", 1)
		wants(t, other, "a", -1)
		wants(t, other, "b", -1)

		s.Inject(storetest.Fault{Err: errors.New("away"), Times: -1})
		for i := range 1000 {
			tr.Delete(t.Context(), key(fmt.Sprint(i)))
		}
		s.Heal()
		time.Sleep(time.Minute)
		before := len(s.Calls())
		wants(t, tr, "c", -1) // so many are one clear
		if n := len(s.Calls()) - before; n > 10 {
			t.Errorf("%d calls for it", n)
		}
	})
}

func TestAStoreThatIsFullServesWhatItHasAndTakesClears(t *testing.T) {
	t.Parallel()
	s := memstore.Must(memstore.New(memstore.Config{MaxEntries: 8, Refuse: true}))
	t.Cleanup(func() { _ = s.Close(context.Background()) }) // it waits for nothing
	tr, events := on(t, s, nil)
	for i := range 20 {
		load(t, tr, fmt.Sprint(i), result(i))
	}
	wants(t, tr, "0", 0)
	wants(t, tr, "19", -1)
	tr.Delete(t.Context(), key("0"))
	wants(t, tr, "0", -1)
	wants(t, tr, "1", 1)
	tr.Clear(t.Context())
	wants(t, tr, "1", -1)
	if n := len(events.Events()); n != 1 {
		t.Errorf("%d events, want 1: %v", n, events.Events())
	}
}

func TestCachesAndKeysAreApart(t *testing.T) {
	t.Parallel()
	s := memory(t)
	one, _ := on(t, s, nil)
	other, _ := on(t, s, func(c *tier.Config) { c.Name = "c/r" })
	third, _ := on(t, s, func(c *tier.Config) { c.Group, c.Name = "g/c", "r" })
	for i, tr := range []*tier.Tier{one, other, third} {
		load(t, tr, "k", result(i, "t"))
		load(t, tr, "k", result(i, "t"))
	}
	one.ClearTag(t.Context(), "t")
	wants(t, one, "k", -1)
	wants(t, other, "k", 1)
	other.Clear(t.Context())
	wants(t, other, "k", -1)
	wants(t, third, "k", 2)
}

// A store may forget anything at any time: that is a miss, and never an old result.
func TestWhatTheStoreForgetsIsAMiss(t *testing.T) {
	t.Parallel()
	s := memory(t)
	forget := func(prefix string) {
		for e, err := range s.Scan(t.Context(), prefix) {
			if err == nil {
				err = s.Delete(t.Context(), e.Key)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	tr, _ := on(t, s, nil)
	for _, mark := range []string{"cache/g/c/clock", "cache/g/c/t/"} {
		for range 2 {
			load(t, tr, "k", result(1, "tag"))
		}
		wants(t, tr, "k", 1)
		_, before := get(t, tr, "k")
		tr.ClearTag(t.Context(), "tag")
		forget(mark)
		wants(t, tr, "k", -1)
		tr.Store(t.Context(), before, result(1, "tag"))
		wants(t, tr, "k", -1)
	}
}

func FuzzStoredBytes(f *testing.F) {
	s := memory(f)
	tr, _ := on(f, s, nil)
	load(f, tr, "k", result(41, "tag"))
	load(f, tr, "k", result(41, "tag"))
	var at string
	for e, err := range s.Scan(f.Context(), "cache/g/c/r/") {
		if err != nil {
			f.Fatal(err)
		}
		at = e.Key
		f.Add(e.Value, 0, byte(0))
		f.Add(e.Value, 7, byte(1))
		f.Add(e.Value[:len(e.Value)/2], 3, byte(2))
		f.Add([]byte(nil), 0, byte(0))
		f.Add(binary.AppendUvarint(slices.Clone(e.Value[:7]), math.MaxUint64), 0, byte(0))
	}
	f.Fuzz(func(t *testing.T, b []byte, place int, bits byte) {
		b = slices.Clone(b)
		if len(b) > 0 {
			b[uint(place)%uint(len(b))] ^= bits
		}
		for _, value := range [][]byte{b, tier.Sealed(b)} { // and with a checksum that is right
			if err := s.Put(t.Context(), at, store.Item{Value: value}); err != nil {
				t.Fatal(err)
			}
			results, tickets := tr.Get(t.Context(), key("k"))
			if r := results[0]; r != nil && (r.Age < 0 || r.FreshFor < 0 || r.Took < 0) {
				t.Errorf("%x is %+v", value, r)
			}
			tr.Store(t.Context(), tickets[0], result(42))
			wants(t, tr, "k", 42)
		}
	})
}

// The news that something has expired would take it from memories that serve it still.
func TestWhatIsServedWhenItIsStaleStaysInTheStoreUntilThen(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := memory(t)
		tr, _ := on(t, s, nil)
		r := result(1)
		r.FreshFor, r.Age, r.StaleFor = time.Minute, time.Second, time.Hour
		load(t, tr, "k", r)
		stored := func() (n int) {
			for _, err := range s.Scan(t.Context(), "cache/g/c/r/") {
				if err != nil {
					t.Error(err)
				}
				n++
			}
			return n
		}
		time.Sleep(time.Minute)
		wants(t, tr, "k", 1)
		if stored() != 1 {
			t.Error("it is not there while it may be served stale")
		}
		time.Sleep(time.Hour)
		if stored() != 0 {
			t.Error("it is there for longer than that")
		}
	})
}

// hooked is a store of which something is done after each Swap.
type hooked struct {
	*memstore.Store
	after func(key string)
}

func (h *hooked) Swap(ctx context.Context, key string, old uint64, it store.Item) (uint64, error) {
	version, err := h.Store.Swap(ctx, key, old, it)
	if h.after != nil {
		h.after(key)
	}
	return version, err
}

// A process that is slow to note a clear of a tag does not undo those that came later.
func TestAClearOfATagThatIsLateHidesNoLaterOne(t *testing.T) {
	t.Parallel()
	s := memory(t)
	slow := &hooked{Store: s}
	late, _ := on(t, slow, nil)
	other, _ := on(t, s, nil)
	for i := range 3 { // clears in this epoch
		other.ClearTag(t.Context(), fmt.Sprint(i))
	}
	var before level.Ticket
	slow.after = func(key string) {
		slow.after = nil
		if key != "cache/g/c/clock" {
			t.Errorf("%s is written first", key)
		}
		other.Clear(t.Context())
		_, before = get(t, other, "k")
		other.ClearTag(t.Context(), "t")
	}
	late.ClearTag(t.Context(), "t")
	other.Store(t.Context(), before, result(1, "t"))
	wants(t, other, "k", -1)
	load(t, other, "k", result(2, "t"))
	wants(t, other, "k", 2)
}

func TestAStoreThatCanOnlyBeReadIsTold(t *testing.T) {
	t.Parallel()
	inner := memory(t)
	s := storetest.Faulty(inner)
	tr, events := on(t, s, nil)
	load(t, tr, "k", result(1))
	s.Inject(storetest.Fault{Op: "swap", Err: errors.New("read only"), Times: -1})
	for i := range 10 {
		load(t, tr, fmt.Sprint(i), result(i))
	}
	wants(t, tr, "k", 1)
	if all := events.Events(); len(all) != 1 || !strings.Contains(fmt.Sprint(all[0].(observe.StoreFailure).Err), "read only") {
		t.Errorf("events: %v, want one", all)
	}
	s.Heal()
	load(t, tr, "7", result(7))
	wants(t, tr, "7", 7)
}
