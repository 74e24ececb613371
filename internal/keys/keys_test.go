package keys_test

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"testing"
	"unsafe"

	"github.com/google/go-cmp/cmp"

	"github.com/reecho-go/reecho/internal/clone"
	"github.com/reecho-go/reecho/internal/keys"
)

func mustFor[K any](t *testing.T, cfg keys.Config) typedKeys[K] {
	t.Helper()
	k, err := keysFor[K]("test: keys", cfg)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

type client struct{ calls chan int }

type query struct {
	IDs    []int
	Tags   map[string][]string
	Where  any
	Client *client    `hash:"-"`
	Log    func()     `hash:"ignore"`
	Hits   *[]int     `hash:"-"` // its type stands nowhere else
	Mu     sync.Mutex `hash:"-"`
}

func newQuery() *query {
	return &query{
		IDs: []int{1, 2}, Tags: map[string][]string{"a": {"b"}}, Where: []string{"c"},
		Client: &client{make(chan int)}, Log: func() {}, Hits: new([]int{1}),
	}
}

func TestSnapshotSharesNothingThatIdentifies(t *testing.T) {
	t.Parallel()
	ids := mustFor[*query](t, keys.Config{})
	key := newQuery()
	want, err := ids.ID(&key)
	if err != nil {
		t.Fatal(err)
	}
	own, err := ids.Snapshot(key)
	if err != nil {
		t.Fatal(err)
	}
	if own.Client != key.Client || own.Log == nil || own.Hits != key.Hits {
		t.Error("what is left out of the identity was not handed on as it is")
	}
	key.IDs[0], key.Tags["a"][0] = 99, "changed"
	key.Tags["new"] = nil
	key.Where.([]string)[0] = "changed"
	got, err := ids.ID(&own)
	if err != nil {
		t.Fatal(err)
	}
	if got != want {
		t.Error("the snapshot changed with the caller's key")
	}
	if changed, _ := ids.ID(&key); changed == want {
		t.Error("the key did not change: the test tests nothing")
	}
}

// A type that identifies in one place is copied in all.
func TestSnapshotCopiesWhatIdentifiesElsewhere(t *testing.T) {
	t.Parallel()
	type both struct {
		IDs   *[]int
		Notes *[]int `hash:"-"`
	}
	ids := mustFor[both](t, keys.Config{})
	key := both{new([]int{1}), new([]int{2})}
	own, err := ids.Snapshot(key)
	if err != nil {
		t.Fatal(err)
	}
	(*key.IDs)[0] = 99
	if (*own.IDs)[0] != 1 {
		t.Error("the snapshot changed with the caller's key")
	}
}

func TestSnapshotSharesWhatHashFuncsStandInFor(t *testing.T) {
	t.Parallel()
	type request struct {
		IDs    []int
		Client *client
	}
	ids := mustFor[request](t, keys.Config{HashFuncs: map[reflect.Type]func(any) (any, error){
		reflect.TypeFor[*client](): func(any) (any, error) { return "the client", nil },
	}})
	key := request{[]int{1}, &client{make(chan int)}}
	own, err := ids.Snapshot(key)
	if err != nil {
		t.Fatal(err)
	}
	key.IDs[0] = 2
	if own.Client != key.Client || own.IDs[0] != 1 {
		t.Errorf("snapshot = %+v, want the client shared and the ids copied", own)
	}
}

// What a HashFunc stands in for is data all the same, unless it is a reference
// with an identity: the caller may change it while the loader still reads it.
func TestSnapshotCopiesDataThatHashFuncsStandInFor(t *testing.T) {
	t.Parallel()
	type part struct{ Tags []string }
	type request struct {
		Body  []byte
		Part  part
		Index map[string]int
		Any   any
		Wake  struct {
			ch    chan int
			names []string
		}
	}
	constant := func(any) (any, error) { return 1, nil }
	var key request
	ids := mustFor[request](t, keys.Config{HashFuncs: map[reflect.Type]func(any) (any, error){
		reflect.TypeFor[[]byte](): constant, reflect.TypeFor[part](): constant, reflect.TypeFor[map[string]int](): constant,
		reflect.TypeOf(key.Wake): constant,
	}})
	key.Body, key.Part, key.Index, key.Any = []byte("a"), part{[]string{"a"}}, map[string]int{"a": 1}, []byte("a")
	key.Wake.names = []string{"a"}
	own, err := ids.Snapshot(key)
	if err != nil {
		t.Fatal(err)
	}
	key.Body[0], key.Part.Tags[0], key.Index["a"], key.Any.([]byte)[0] = 'b', "b", 2, 'b'
	if string(own.Body) != "a" || own.Part.Tags[0] != "a" || own.Index["a"] != 1 || string(own.Any.([]byte)) != "a" {
		t.Errorf("the snapshot changed with the caller's key: %+v", own.Body)
	}
	if &own.Wake.names[0] != &key.Wake.names[0] {
		t.Error("what cannot be copied is half copied")
	}
}

// Fields that are left out are handed on, also when their type is part of the
// key elsewhere.
func TestSnapshotSharesEveryFieldThatIsLeftOut(t *testing.T) {
	t.Parallel()
	type deps struct{ wake chan int }
	type request struct {
		Filter any
		Log    any   `hash:"ignore"`
		Note   []int `hash:"-"`
		IDs    []int
	}
	ids := mustFor[request](t, keys.Config{})
	key := request{Filter: []int{1}, Log: &deps{make(chan int)}, Note: []int{1}, IDs: []int{1}}
	own, err := ids.Snapshot(key)
	if err != nil {
		t.Fatal(err)
	}
	key.IDs[0], key.Filter.([]int)[0] = 2, 2
	if own.Log != key.Log || &own.Note[0] != &key.Note[0] || own.IDs[0] != 1 || own.Filter.([]int)[0] != 1 {
		t.Errorf("snapshot = %+v", own)
	}
}

type conn struct {
	name string
	wake chan int
}

func (c *conn) String() string { return c.name }

// What is beyond copying is shared, and nothing else with it.
func TestSnapshotSharesOnlyWhatCannotBeCopied(t *testing.T) {
	t.Parallel()
	type request struct {
		IDs  []int
		Conn *conn        `hash:"string"`
		Any  fmt.Stringer `hash:"string"`
	}
	ids := mustFor[request](t, keys.Config{})
	key := request{[]int{1}, &conn{"a", make(chan int)}, &conn{"b", make(chan int)}}
	own, err := ids.Snapshot(key)
	if err != nil {
		t.Fatal(err)
	}
	key.IDs[0] = 2
	if own.IDs[0] != 1 || own.Conn != key.Conn || own.Any != key.Any {
		t.Errorf("snapshot = %+v, want the ids copied and the connection shared", own)
	}
}

type name string

func TestOwnOwnsItsText(t *testing.T) {
	t.Parallel()
	ids := mustFor[name](t, keys.Config{})
	buf := []byte("before")
	key := name(unsafe.String(&buf[0], len(buf)))
	own, err := ids.Own(key)
	if err != nil {
		t.Fatal(err)
	}
	id, err := ids.ID(&key)
	if err != nil {
		t.Fatal(err)
	}
	copy(buf, "after!")
	if own != "before" || id != "before" {
		t.Errorf("own key %q and id %q share the caller's memory", own, id)
	}
}

// The strings of a key may lie over a buffer that its caller uses again, such
// as those that an HTTP framework takes from the request's bytes.
func TestOwnOwnsTheTextsInsideOfAKey(t *testing.T) {
	t.Parallel()
	type inner struct{ Name name }
	type key struct {
		Path   string
		Nested inner
		Array  [2]name
		List   []string
		Rows   []inner
		Map    map[string]string
		Names  map[name]int
		Ptr    *string
		Any    any
		Named  any
		Held   any
		Left   string `hash:"-"`
	}
	ids := mustFor[key](t, keys.Config{})
	buf := []byte("before")
	of := func() string { return unsafe.String(&buf[0], len(buf)) }
	s := of()
	own, err := ids.Own(key{
		Path: s, Nested: inner{name(s)}, Array: [2]name{name(s), "x"}, List: []string{s}, Rows: []inner{{name(s)}},
		Map: map[string]string{s: s}, Names: map[name]int{name(s): 1}, Ptr: &s, Any: s, Named: name(s), Held: []any{s, inner{name(s)}}, Left: s,
	})
	if err != nil {
		t.Fatal(err)
	}
	copy(buf, "after!")
	p := "before"
	want := key{
		Path: p, Nested: inner{name(p)}, Array: [2]name{name(p), "x"}, List: []string{p}, Rows: []inner{{name(p)}},
		Map: map[string]string{p: p}, Names: map[name]int{name(p): 1}, Ptr: &p, Any: p, Named: name(p), Held: []any{p, inner{name(p)}}, Left: p,
	}
	if !reflect.DeepEqual(own, want) {
		t.Errorf("own key is %+v, want %+v", own, want)
	}
}

func TestTextsHaveALimitToo(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name      string
		limit     int
		fits, not int
	}{{"default", 0, 1 << 20, 1<<20 + 1}, {"set", 10, 10, 11}, {"raised", 2 << 20, 2 << 20, 2<<20 + 1}} {
		ids := mustFor[name](t, keys.Config{MaxBytes: tt.limit})
		fits, not := name(strings.Repeat("x", tt.fits)), name(strings.Repeat("x", tt.not))
		_, err1 := ids.ID(&fits)
		_, err2 := ids.AppendID(nil, &fits)
		if err1 != nil || err2 != nil {
			t.Errorf("%s: %v, %v", tt.name, err1, err2)
		}
		_, err1 = ids.ID(&not)
		_, err2 = ids.AppendID(nil, &not)
		for _, err := range []error{err1, err2} {
			var e *keys.Error
			if !errors.As(err, &e) || !errors.Is(err, keys.ErrTooLarge) || !strings.Contains(err.Error(), "HashFuncs") || !strings.Contains(err.Error(), "Keys.MaxBytes") {
				t.Errorf("%s: %v, want an error with the ways out", tt.name, err)
			}
		}
	}
}

func TestIDTellsKeysApart(t *testing.T) {
	t.Parallel()
	check := func(shape, got keys.Shape, same bool, ids ...string) {
		t.Helper()
		if got != shape {
			t.Errorf("shape = %v, want %v: the case tests another one", got, shape)
		}
		if (ids[0] == ids[1]) != same {
			t.Errorf("%v: ids %q, want them the same: %v", shape, ids, same)
		}
	}
	id := func(s string, err error) string {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	words := mustFor[int](t, keys.Config{})
	check(keys.Word, words.Shape(), true, id(words.ID(new(7))), id(words.ID(new(7))))
	check(keys.Word, words.Shape(), false, id(words.ID(new(7))), id(words.ID(new(7<<32))))
	texts := mustFor[string](t, keys.Config{})
	check(keys.Text, texts.Shape(), true, id(texts.ID(new("a"))), id(texts.ID(new("a"))))
	check(keys.Text, texts.Shape(), false, id(texts.ID(new("a"))), id(texts.ID(new("b"))))
	lists := mustFor[[]string](t, keys.Config{})
	check(keys.Encoded, lists.Shape(), true, id(lists.ID(new([]string{"a", "b"}))), id(lists.ID(new([]string{"a", "b"}))))
	check(keys.Encoded, lists.Shape(), false, id(lists.ID(new([]string{"ab"}))), id(lists.ID(new([]string{"a", "b"}))))
}

func TestErrorsNameOwnerPlaceAndType(t *testing.T) {
	t.Parallel()
	type bad struct {
		A chan int
		B struct{ F func() }
	}
	_, err := keysFor[bad]("cache: users", keys.Config{})
	var paths []string
	var walk func(error)
	walk = func(err error) {
		if joined, ok := err.(interface{ Unwrap() []error }); ok {
			for _, err := range joined.Unwrap() {
				walk(err)
			}
			return
		}
		e, ok := errors.AsType[*keys.Error](err)
		if !ok {
			t.Errorf("%T in the error, want *keys.Error", err)
			return
		}
		paths = append(paths, fmt.Sprintf("%s %v", e.Path[strings.IndexByte(e.Path, '.'):], e.Type.Kind()))
		if e.Owner != "cache: users" || !strings.HasPrefix(e.Error(), "cache: users: key: ") {
			t.Errorf("%v does not begin with its owner", e)
		}
		if _, ok := errors.AsType[*keys.TypeError](e); !ok {
			t.Errorf("%v does not unwrap to its cause", e)
		}
	}
	walk(err)
	if diff := cmp.Diff([]string{".A chan", ".B.F func"}, paths); diff != "" {
		t.Errorf("places (-want +got):\n%s", diff)
	}

	ids := mustFor[any](t, keys.Config{})
	key := any(make(chan int))
	_, idErr := ids.ID(&key)
	_, appendErr := ids.Append(nil, &key)
	_, copyErr := ids.Snapshot(key)
	for _, err := range []error{idErr, appendErr, copyErr} {
		if e, ok := errors.AsType[*keys.Error](err); !ok || e.Type == nil || e.Owner != "test: keys" {
			t.Errorf("a channel as key: %#v, want an *keys.Error that names the type", err)
		}
	}
}

func TestBuffersAreReusedButNotLargeOnes(t *testing.T) {
	t.Parallel()
	buf := keys.Borrow()
	if len(*buf) != 0 {
		t.Fatalf("a borrowed buffer has %d bytes in it", len(*buf))
	}
	used := append(*buf, strings.Repeat("x", 100)...)
	keys.Return(buf, used)
	if len(*buf) != 0 || cap(*buf) < 100 {
		t.Errorf("after Return: length %d, capacity %d; want what was used, emptied", len(*buf), cap(*buf))
	}
	large := keys.Borrow()
	before := cap(*large)
	keys.Return(large, make([]byte, 1<<20))
	if cap(*large) != before {
		t.Error("a large buffer was kept")
	}
	keys.Return(keys.Borrow(), nil) // after an Append that failed
}

// asking says by a field that is left out whether another one counts.
type asking struct {
	ID    int
	Extra []string
	Rule  *string `hash:"-"`
}

func (a asking) HashInclude(field string, _ any) (bool, error) {
	return field != "Extra" || *a.Rule == "all", nil
}

func TestStoreKeepsWhatMethodsOfTheKeyLookAt(t *testing.T) {
	t.Parallel()
	ids := mustFor[asking](t, keys.Config{})
	key := asking{ID: 1, Extra: []string{"a"}, Rule: new("all")}
	var kept asking
	if err := ids.Store(unsafe.Pointer(&kept), unsafe.Pointer(&key)); err != nil {
		t.Fatal(err)
	}
	want, err1 := ids.Fingerprint(key)
	got, err2 := ids.Fingerprint(kept)
	if err1 != nil || err2 != nil || got != want {
		t.Errorf("the fingerprint of what is kept is %x, %v; want %x, %v", got, err2, want, err1)
	}
}

// The texts of a key are in its identity already: an own key takes them from there.
func TestOwnTakesItsTextsFromTheIdentity(t *testing.T) {
	t.Parallel()
	type key struct {
		State   string
		Species []string
		Page    int
		Sort    *name
		Filter  map[string]string
	}
	by := name("size")
	k := key{"Texas", []string{"gull", "dove"}, 7, &by, map[string]string{"colour": "grey"}}
	plain := mustFor[key](t, keys.Config{}).Keys
	id, err := plain.ID(unsafe.Pointer(&k))
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{id, "a prefix" + id} {
		own, err := plain.Own(unsafe.Pointer(&k), id)
		if err != nil {
			t.Fatal(err)
		}
		got := (*key)(own)
		if !reflect.DeepEqual(*got, k) {
			t.Errorf("own key is %+v, want %+v", *got, k)
		}
		base := uintptr(unsafe.Pointer(unsafe.StringData(id)))
		for _, s := range []string{got.State, got.Species[0], got.Species[1], string(*got.Sort), got.Filter["colour"]} {
			if at := uintptr(unsafe.Pointer(unsafe.StringData(s))); at < base || at >= base+uintptr(len(id)) {
				t.Errorf("%q is not a part of the identity", s)
			}
		}
		texts := clone.Allocated(5) + 2*clone.Allocated(4) + clone.Allocated(4) + clone.Allocated(6) + clone.Allocated(4)
		if with, without := plain.Size(own, id), plain.Size(own, ""); without-with != texts {
			t.Errorf("the key counts %d bytes beside its identity and %d without, want %d less", with, without, texts)
		}
	}
}
