package cachedata_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"unsafe"
	"weak"

	"github.com/reecho-go/reecho/cachedata"
	"github.com/reecho-go/reecho/observe"
)

func TestDifferentKeysNeverShareAResult(t *testing.T) {
	t.Parallel()
	describe := func(k any) string {
		if p, ok := k.(*int); ok && p != nil {
			return fmt.Sprint("pointer to ", *p)
		}
		return fmt.Sprintf("%T %#v", k, k)
	}
	c := newCache(t, func(_ context.Context, k any) (string, error) { return describe(k), nil }, cachedata.Config{})
	type named string
	keys := []any{
		nil, 1, uint(1), 1.0, "1", true, named("1"), int8(1),
		[1]int{1},
		[]int{1},
		[]int(nil),
		[]int{},
		map[string]int{},
		map[string]int(nil),
		[][]string{{"a"}, {"b"}},
		[][]string{{"a", "b"}, {}},
		struct{ A, B string }{"a-b", "c"},
		struct{ A, B string }{"a", "b-c"},
		time.Unix(1, 0).UTC(), time.Unix(2, 0).UTC(), (*int)(nil), new(int),
	}
	for _, k := range keys {
		want(t, c, k, describe(k))
	}
	if s := c.Stats(); s.Hits != 0 || s.Entries != len(keys) {
		t.Errorf("%d hits and %d entries, want 0 and %d", s.Hits, s.Entries, len(keys))
	}
	for _, k := range []any{map[string]int{}, time.Unix(1, 0).UTC(), new(int)} {
		want(t, c, k, describe(k))
	}
	if s := c.Stats(); s.Hits != 3 {
		t.Errorf("%d hits of equal keys, want 3", s.Hits)
	}
}

func TestKeyIsTakenBeforeTheLoad(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		type key struct {
			IDs  []int
			Tags map[string]bool
		}
		c := newCache(t, func(_ context.Context, k key) (string, error) {
			before := fmt.Sprint(k.IDs, k.Tags)
			time.Sleep(time.Second)
			if after := fmt.Sprint(k.IDs, k.Tags); after != before {
				t.Errorf("the loader's key changed from %s to %s", before, after)
			}
			k.IDs[0] = 77 // what a loader does to its key is nobody else's business
			return before, nil
		}, cachedata.Config{})
		mine := key{IDs: []int{1, 2}, Tags: map[string]bool{"a": true}}
		var wg sync.WaitGroup
		ctx, cancel := context.WithCancel(t.Context())
		wg.Go(func() { _, _ = c.Get(ctx, mine) })
		wg.Go(func() {
			time.Sleep(time.Millisecond)
			want(t, c, key{IDs: []int{1, 2}, Tags: map[string]bool{"a": true}}, "[1 2] map[a:true]")
		})
		time.Sleep(10 * time.Millisecond)
		cancel()
		synctest.Wait()
		mine.IDs[1] = 99
		mine.Tags["b"] = true
		wg.Wait()
		want(t, c, key{IDs: []int{1, 2}, Tags: map[string]bool{"a": true}}, "[1 2] map[a:true]")
		want(t, c, mine, "[1 99] map[a:true b:true]")
		if s := c.Stats(); s.Loads != 2 || s.Hits != 1 {
			t.Errorf("%d loads and %d hits, want 2 and 1", s.Loads, s.Hits)
		}
	})
}

// A string may be a view of a buffer that its owner uses again.
func TestStringKeyIsOwned(t *testing.T) {
	t.Parallel()
	buf := []byte("abc")
	c := newCache(t, func(_ context.Context, k stringKey) (string, error) { return strings.ToUpper(string(k)), nil }, cachedata.Config{})
	want(t, c, view(buf), "ABC")
	copy(buf, "xyz")
	want(t, c, "abc", "ABC")
	want(t, c, "xyz", "XYZ")
	if s := c.Stats(); s.Hits != 1 || s.Entries != 2 {
		t.Errorf("%+v", s)
	}
}

type stringKey string

type depsKey struct {
	ID   int
	Tags []string
	DB   *sql.DB       `hash:"ignore"`
	Log  func(string)  `hash:"-"`
	Cond fmt.Stringer  `hash:"ignore"`
	Dur  time.Duration `hash:"ignore"`
}

func TestIgnoredFieldsReachTheLoaderAsTheyAre(t *testing.T) {
	t.Parallel()
	db := new(sql.DB)
	var logged []string
	c := newCache(t, func(_ context.Context, k depsKey) (bool, error) {
		k.Log("loaded")
		return k.DB == db && k.Cond == fmt.Stringer(stringer), nil
	}, cachedata.Config{})
	log := func(s string) { logged = append(logged, s) }
	want(t, c, depsKey{ID: 1, Tags: []string{"a"}, DB: db, Log: log, Cond: stringer}, true)
	want(t, c, depsKey{ID: 1, Tags: []string{"a"}, Dur: 5}, true) // equal, as a key
	if len(logged) != 1 {
		t.Errorf("logged %v", logged)
	}
}

// What a key leaves out ends with the load: neither a body of a request that no
// bound counts nor a transaction stays with the result.
func TestIgnoredFieldsAreNotKept(t *testing.T) {
	t.Parallel()
	type request struct {
		Body []byte `hash:"-"`
		Note string `hash:"ignore"`
	}
	type key struct {
		ID      int
		Request *request
		More    []request
		Any     any
		Body    *[1 << 20]byte `hash:"-"`
	}
	c := newCache(t, func(_ context.Context, k key) (string, error) {
		return fmt.Sprint(len(k.Body), len(k.Request.Body), k.Request.Note, len(k.More[0].Body), len(k.Any.(request).Body)), nil
	}, cachedata.Config{})
	var held []weak.Pointer[[1 << 20]byte]
	func() {
		r := request{Body: make([]byte, 3), Note: "note"}
		for i := range 3 {
			body := new([1 << 20]byte)
			held = append(held, weak.Make(body))
			k := key{ID: i, Request: &r, More: []request{r}, Any: r, Body: body}
			want(t, c, k, "1048576 3note3 3")
			if k.Body != body || r.Body == nil || k.More[0].Body == nil {
				t.Error("the caller's own key has changed")
			}
		}
	}()
	for e := range c.Entries() {
		if k := e.Key.(key); k.Body != nil || k.Request.Body != nil || k.Request.Note != "" || k.More[0].Body != nil || k.Any.(request).Body != nil {
			t.Errorf("kept: %+v", k)
		}
	}
	for i, p := range held {
		if !freed(p) {
			t.Errorf("the body of key %d is still in memory", i)
		}
	}
	n := 0
	if err := c.ClearFunc(t.Context(), func(k key) bool {
		n++
		return k.Body == nil && k.Request.Body == nil && k.ID == 1
	}); err != nil || n != 3 || c.Stats().Entries != 2 {
		t.Errorf("ClearFunc saw %d keys, left %d: %v", n, c.Stats().Entries, err)
	}
	runtime.KeepAlive(c)
}

var stringer = &locked{}

type locked struct{ sync.Mutex }

func (*locked) String() string { return "" }

func TestUnkeyableFieldsAreRefusedInNew(t *testing.T) {
	t.Parallel()
	type inner struct {
		DB *sql.DB
		Ch chan int
	}
	type key struct {
		ID   int
		Deps inner
		Fn   func()
	}
	_, err := cachedata.New("reports", func(context.Context, key) (int, error) { return 0, nil }, cachedata.Config{Group: newGroup(t, cachedata.GroupConfig{})})
	var paths []string
	walkErrors(err, func(err error) {
		//lint:ignore errorlint each node of the tree by itself
		if ke, ok := err.(*cachedata.KeyError); ok {
			if ke.Owner != "cachedata: reports" || ke.Type == nil {
				t.Errorf("%+v", ke)
			}
			paths = append(paths, ke.Path)
		}
	})
	for _, want := range []string{"key.Deps.Ch", "key.Fn"} {
		if !slices.Contains(paths, want) {
			t.Errorf("the error names %q, not %q: %v", paths, want, err)
		}
	}
	for _, want := range []string{"reports", "chan int", `hash:"ignore"`, "HashFuncs", "closure"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("the error does not name %q: %v", want, err)
		}
	}
}

// walkErrors calls fn for all of the tree of err.
func walkErrors(err error, fn func(error)) {
	if err == nil {
		return
	}
	fn(err)
	//lint:ignore errorlint this is the walk itself
	switch err := err.(type) {
	case interface{ Unwrap() error }:
		walkErrors(err.Unwrap(), fn)
	case interface{ Unwrap() []error }:
		for _, err := range err.Unwrap() {
			walkErrors(err, fn)
		}
	}
}

func TestUnkeyableValuesAreErrors(t *testing.T) {
	t.Parallel()
	c := newCache(t, func(context.Context, any) (int, error) { return 1, nil }, cachedata.Config{})
	bad := any([]any{1, func() {}})
	var deep any
	for range 100_000 {
		deep = []any{deep}
	}
	for name, k := range map[string]any{"func": bad, "deep": deep, "large": strings.Repeat("x", 2<<20)} {
		_, err := c.Get(t.Context(), k)
		_, _, errMeta := c.GetMeta(t.Context(), k)
		_, errRefresh := c.Refresh(t.Context(), k)
		_, errPrint := c.Fingerprint(k)
		if _, ok := c.Peek(t.Context(), k); ok {
			t.Errorf("%s: Peek found something", name)
		}
		for op, err := range map[string]error{
			"Get": err, "GetMeta": errMeta, "Refresh": errRefresh, "Fingerprint": errPrint,
			"Put": c.Put(t.Context(), k, 1), "Delete": c.Delete(t.Context(), k),
		} {
			ke, ok := errors.AsType[*cachedata.KeyError](err)
			if !ok || ke.Owner != "cachedata: test" || ke.Path == "" {
				t.Errorf("%s: %s: %v", name, op, err)
			}
		}
	}
	if s := c.Stats(); s.Loads != 0 {
		t.Errorf("%d loads", s.Loads)
	}
}

func TestHashFuncsStandIn(t *testing.T) {
	t.Parallel()
	type key struct{ DB *sql.DB }
	a, b := new(sql.DB), new(sql.DB)
	names := map[*sql.DB]string{a: "a", b: "b"}
	c := newCache(t, func(_ context.Context, k key) (string, error) { return names[k.DB], nil }, cachedata.Config{
		Keys: cachedata.KeyConfig{HashFuncs: map[reflect.Type]func(any) (any, error){
			reflect.TypeFor[*sql.DB](): func(v any) (any, error) {
				if name := names[v.(*sql.DB)]; name != "" {
					return name, nil
				}
				return nil, errors.New("an unknown database")
			},
		}},
	})
	want(t, c, key{a}, "a")
	want(t, c, key{b}, "b")
	want(t, c, key{a}, "a")
	if s := c.Stats(); s.Hits != 1 || s.Entries != 2 {
		t.Errorf("%+v", s)
	}
	_, err := c.Get(t.Context(), key{new(sql.DB)})
	if ke, ok := errors.AsType[*cachedata.KeyError](err); !ok || !strings.Contains(ke.Error(), "an unknown database") {
		t.Errorf("a failing HashFunc: %v", err)
	}
}

// A caller who leaves may change the argument while the load reads it; a
// HashFunc for its type is no reason to share it.
func TestHashFuncsDoNotShareTheCallersData(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		type key struct{ Body []byte }
		c := newCache(t, func(_ context.Context, k key) (string, error) {
			time.Sleep(time.Second)
			return string(k.Body), nil
		}, cachedata.Config{
			Keys: cachedata.KeyConfig{HashFuncs: map[reflect.Type]func(any) (any, error){
				reflect.TypeFor[[]byte](): func(v any) (any, error) { return string(v.([]byte)), nil },
			}},
		})
		mine := key{[]byte("before")}
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { _, _ = c.Get(ctx, mine) })
		wg.Go(func() {
			time.Sleep(time.Millisecond)
			want(t, c, key{[]byte("before")}, "before")
		})
		time.Sleep(10 * time.Millisecond)
		cancel()
		synctest.Wait()
		copy(mine.Body, "after!")
		wg.Wait()
		want(t, c, key{[]byte("before")}, "before")
	})
}

func TestFingerprint(t *testing.T) {
	t.Parallel()
	c := newCache(t, counter[string](), cachedata.Config{})
	a, err := c.Fingerprint("a")
	if err != nil {
		t.Fatal(err)
	}
	again, _ := c.Fingerprint("a")
	b, _ := c.Fingerprint("b")
	if a != again || a == b {
		t.Errorf("fingerprints %x, %x and %x", a, again, b)
	}
}

// colliding is a key whose fingerprint is the same for all values.
type colliding struct {
	ID   int
	Tags []string
}

func (colliding) Hash() (uint64, error) { return 42, nil }

// A fingerprint is a name in logs and events, never an identity.
func TestAForcedCollisionOfFingerprintsSharesNothing(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	c := newCache(t, func(_ context.Context, k colliding) (int, error) { return k.ID, nil }, cachedata.Config{})
	for i := range 100 {
		k := colliding{ID: i, Tags: []string{"a"}}
		if fp, err := c.Fingerprint(k); err != nil || fp != 42 {
			t.Fatalf("Fingerprint = %d, %v", fp, err)
		}
		want(t, c, k, i)
	}
	if err := c.Delete(ctx, colliding{ID: 7, Tags: []string{"a"}}); err != nil {
		t.Fatal(err)
	}
	for i := range 100 {
		if v, ok := c.Peek(ctx, colliding{ID: i, Tags: []string{"a"}}); ok != (i != 7) || ok && v != i {
			t.Errorf("Peek(%d) = %d, %v", i, v, ok)
		}
	}
	if s := c.Stats(); s.Loads != 100 || s.Entries != 99 {
		t.Errorf("%d loads and %d entries", s.Loads, s.Entries)
	}
}

func TestEveryShapeOfKey(t *testing.T) {
	t.Parallel()
	shape(t, true, false)
	shape(t, int8(-1), int8(1))
	shape(t, uint64(1)<<63, uint64(1))
	shape(t, "a", "")
	shape(t, stringKey("a"), stringKey("b"))
	shape(t, 1.5, -1.5)
	shape(t, [3]byte{1, 2, 3}, [3]byte{1, 2, 4})
	shape(t, struct{ A, B int }{1, 2}, struct{ A, B int }{2, 1})
	shape(t, []string{"a", "b"}, []string{"ab"})
	shape(t, map[string]int{"a": 1}, map[string]int{"a": 2})
	shape(t, new(1), new(2))
	shape(t, struct{}{}, struct{}{})
}

// shape uses every operation on the keys a and b.
func shape[K any](t *testing.T, a, b K) {
	t.Helper()
	ctx := t.Context()
	c := newCache(t, func(_ context.Context, k K) (string, error) { return fmt.Sprint(k), nil }, cachedata.Config{TTL: time.Hour})
	same := reflect.DeepEqual(a, b)
	if v, err := c.Get(ctx, a); err != nil || v == "" {
		t.Errorf("%T: Get: %q, %v", a, v, err)
	}
	if err := c.Put(ctx, b, "put"); err != nil {
		t.Errorf("%T: Put: %v", a, err)
	}
	if v, err := c.Get(ctx, a); err != nil || (v == "put") != same {
		t.Errorf("%T: Get: %q, %v", a, v, err)
	}
	if v, ok := c.Peek(ctx, b); !ok || v != "put" {
		t.Errorf("%T: Peek: %q, %v", a, v, ok)
	}
	if err := c.Delete(ctx, b); err != nil {
		t.Errorf("%T: Delete: %v", a, err)
	}
	if v, ok := c.Peek(ctx, b); ok {
		t.Errorf("%T: Peek after Delete: %q", a, v)
	}
	if _, ok := c.Peek(ctx, a); ok == same {
		t.Errorf("%T: Peek of the other key: %v", a, ok)
	}
	if v, err := c.Refresh(ctx, b); err != nil || v == "put" {
		t.Errorf("%T: Refresh: %q, %v", a, v, err)
	}
	if err := c.Clear(ctx); err != nil {
		t.Error(err)
	}
	if s := c.Stats(); s.Entries != 0 {
		t.Errorf("%T: %d entries after Clear", a, s.Entries)
	}
}

// A Put of a key that is there makes no other copy of the key, and nothing of the caller's stays in it. Not parallel:
// allocations are everybody's.
func TestPutOfAKeyThatIsThereKeepsItsKey(t *testing.T) {
	type key struct {
		Name string
		Tags []string
		Page int
	}
	ctx := t.Context()
	c := newCache(t, func(_ context.Context, k key) (int, error) { return -1, nil }, cachedata.Config{})
	buf := []byte("gull")
	tags := []string{"a", "b"}
	put := func(v int) {
		// The name lies over a buffer, as those of fiber do.
		if err := c.Put(ctx, key{unsafe.String(&buf[0], len(buf)), tags, 7}, v); err != nil {
			t.Fatal(err)
		}
	}
	put(1)
	put(2)
	if n := testing.AllocsPerRun(100, func() { put(3) }); n > 2 && !raced {
		t.Errorf("a put takes %v allocations, want 2: the entry, and the engine's node", n)
	}
	copy(buf, "dove")
	tags[0] = "x"
	if v, err := c.Get(ctx, key{"gull", []string{"a", "b"}, 7}); v != 3 || err != nil {
		t.Errorf("got %d, %v", v, err)
	}
	put(4) // another key, of the same memory
	for want, k := range map[int]key{3: {"gull", []string{"a", "b"}, 7}, 4: {"dove", []string{"x", "b"}, 7}} {
		if v, err := c.Get(ctx, k); v != want || err != nil {
			t.Errorf("%v: got %d, %v, want %d", k, v, err, want)
		}
	}
	got := map[string]bool{}
	for e := range c.Entries() {
		got[fmt.Sprint(e.Key)] = true
	}
	if want := map[string]bool{"{gull [a b] 7}": true, "{dove [x b] 7}": true}; !maps.Equal(got, want) {
		t.Errorf("the keys are %v, want %v", got, want)
	}
	if s := c.Stats(); s.Entries != 2 || s.Evictions[observe.CauseReplaced] == 0 {
		t.Errorf("%+v", s)
	}
}

// A function of the user gets the key of the very call, also what is left out of its identity.
func TestPutOfAKeyThatIsThereGivesFunctionsItsOwnKey(t *testing.T) {
	t.Parallel()
	type key struct {
		ID   []int
		From string `hash:"ignore"`
	}
	var asked []string
	c := newCache(t, func(context.Context, key) (int, error) { return -1, nil }, cachedata.Config{}, cachedata.Funcs[key, int]{
		KeyTags: func(k key) []string {
			asked = append(asked, k.From)
			return []string{k.From}
		},
	})
	for i, from := range []string{"first", "second"} {
		if err := c.Put(t.Context(), key{[]int{1}, from}, i); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.ClearTag(t.Context(), "first"); err != nil {
		t.Fatal(err)
	}
	if v, ok := c.Peek(t.Context(), key{[]int{1}, ""}); !ok || v != 1 || fmt.Sprint(asked) != "[first second]" {
		t.Errorf("got %d, %v; asked with %v", v, ok, asked)
	}
}
