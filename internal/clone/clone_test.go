package clone_test

import (
	"bytes"
	clist "container/list"
	"errors"
	"fmt"
	"io"
	"math"
	"math/big"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"reflect"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	"unique"
	"unsafe"

	"github.com/reecho-go/reecho/internal/clone"
	"github.com/reecho-go/reecho/internal/heaptest"
	"github.com/reecho-go/reecho/internal/soaktest"
)

func planOf[V any](t testing.TB, cfg clone.Config) *clone.Plan[V] {
	t.Helper()
	p, err := clone.For[V](cfg)
	if err != nil {
		t.Fatalf("For[%s]: %v", reflect.TypeFor[V](), err)
	}
	return p
}

func copyOf[V any](t testing.TB, v V) V {
	t.Helper()
	got, err := planOf[V](t, clone.Config{}).Copy(v)
	if err != nil {
		t.Fatalf("Copy of %s: %v", reflect.TypeFor[V](), err)
	}
	return got
}

// exact copies v and compares by the oracle. It returns another copy, since the oracle spoils the one it checks.
func exact[V any](t *testing.T, name string, v V) V {
	t.Helper()
	out := copyOf(t, v)
	t.Run(name, func(t *testing.T) {
		t.Helper()
		got := copyOf(t, v)
		checkCopy(t, reflect.ValueOf(&got).Elem(), reflect.ValueOf(&v).Elem())
	})
	return out
}

func TestNothingReachableIsShared(t *testing.T) {
	t.Parallel()
	n := 7
	exact(t, "slice in struct in map", map[string]struct{ tags []string }{"a": {[]string{"x"}}})
	exact(t, "map in map", map[int]map[string]int{1: {"a": 1}})
	exact(t, "map of slices of pointers", map[uint32][]*int{1: {&n, nil, &n}})
	exact(t, "array of pointers", [3]*int{&n, nil, &n})
	exact(t, "long array of slices", [20][]int{{1}, nil, {}})
	exact(t, "pointer to pointer", new(new(new(3))))
	exact(t, "interface of slice", any([]int{1, 2}))
	exact(t, "interface of pointer in struct", struct{ v any }{&n})
	exact(t, "interface with methods", []io.Reader{bytes.NewBufferString("x"), strings.NewReader("y"), nil})
	exact(t, "embedded pointer", embeds{private: &private{n: 1, s: []string{"a"}}, err: io.EOF})
	exact(t, "named types", []label{"a", "b"})
	exact(t, "slice of maps", []map[label]float64{{"a": math.NaN()}, nil, {}})
}

// The oracle must notice what it is there for.
func TestOracleSeesSharingAndChange(t *testing.T) {
	t.Parallel()
	one := 1
	orig := []*int{&one, &one}
	for name, bad := range map[string][]*int{
		"shared":     {&one, &one},
		"split":      {new(1), new(1)},
		"nil":        {nil, nil},
		"other":      {new(2), new(2)},
		"sharedpart": {new(1), &one},
	} {
		if alike := write(reflect.ValueOf(bad)).String() == write(reflect.ValueOf(orig)).String(); alike != (name == "shared") {
			t.Errorf("%s: alike is %v", name, alike)
		}
	}
	scramble(reflect.ValueOf(orig), map[[2]any]bool{})
	if one == 1 {
		t.Error("scramble changed nothing")
	}
}

func TestNilAndEmptyStayWhatTheyAre(t *testing.T) {
	t.Parallel()
	type all struct {
		NilSlice, EmptySlice    []int
		NilMap, EmptyMap        map[string]int
		NilBytes, EmptyBytes    []byte
		NilRefs, EmptyRefs      []*int
		NilPtr                  *int
		NilAny                  any
		TypedNil                any
		NilErr                  error
		NilInMap                map[string][]int
		EmptyStruct             []struct{}
		NilMapOfMaps, EmptyMap2 map[string]map[string]int
	}
	exact(t, "all", all{
		EmptySlice: []int{}, EmptyMap: map[string]int{}, EmptyBytes: []byte{}, EmptyRefs: []*int{}, TypedNil: (*int)(nil),
		NilInMap: map[string][]int{"nil": nil, "empty": {}}, EmptyStruct: make([]struct{}, 3), EmptyMap2: map[string]map[string]int{},
	})
}

func TestCapacityIsClipped(t *testing.T) {
	t.Parallel()
	v := [][]int{make([]int, 3, 100), make([]int, 0, 100), make([]int, 5)}
	refs := make([]*int, 3, 10)
	type two struct {
		A [][]int
		B []*int
		C []struct{ s []string }
		D []struct{}
	}
	got := copyOf(t, two{v, refs, make([]struct{ s []string }, 3, 9), make([]struct{}, 2, 5)})
	for _, c := range []int{cap(got.A[0]) - 3, cap(got.A[1]), cap(got.A[2]) - 5, cap(got.B) - 3, cap(got.C) - 3, cap(got.D) - 2} {
		if c != 0 {
			t.Errorf("%d elements of capacity are left over", c)
		}
	}
	if unsafe.SliceData(got.A[1]) == unsafe.SliceData(v[1]) {
		t.Error("an empty slice keeps the array of the original alive")
	}
}

func TestSharedPointersAndCyclesKeepTheirShape(t *testing.T) {
	t.Parallel()
	ring := &graph{ID: 1}
	ring.out, ring.Self = []*graph{{ID: 2, out: []*graph{ring}}, ring}, ring
	ring.in = map[*graph]bool{ring: true}
	got := exact(t, "ring", ring)
	if got == ring || got.out[1] != got || got.Self != got || got.out[0].out[0] != got || !got.in[got] {
		t.Error("the ring lost its shape")
	}
	shared := map[string]int{"a": 1}
	maps := exact(t, "shared map", []map[string]int{shared, shared})
	maps[0]["b"] = 2
	if maps[1]["b"] != 2 || len(shared) != 1 {
		t.Error("a shared map was split or not copied")
	}
	type named *int
	n := 1
	mixed := exact(t, "two types of one pointer", struct {
		A *int
		B named
	}{&n, &n})
	if mixed.A != mixed.B {
		t.Error("a named and an unnamed pointer to one variable were split")
	}
	anys := exact(t, "pointer beside interface", struct {
		P *int
		A any
	}{&n, &n})
	if anys.P != anys.A {
		t.Error("a pointer and an interface that holds it were split")
	}
	dag := exact(t, "pointer and map through interfaces", []any{&n, &n, shared, shared})
	if dag[0] != dag[1] {
		t.Error("a pointer in two interfaces was split")
	}
	self := mappy{}
	self["self"] = self
	if got := copyOf(t, self); reflect.ValueOf(got["self"]).Pointer() != reflect.ValueOf(got).Pointer() {
		t.Error("a map that holds itself lost its shape")
	}
}

// Two slices of one array are two values, also where slices are remembered.
func TestSlicesOfOneArrayKeepTheirLengths(t *testing.T) {
	t.Parallel()
	s := slicey{{}, {nil}}
	v := slicey{s[:1], s, s[:1]}
	got := copyOf(t, v)
	if len(got[0]) != 1 || len(got[1]) != 2 || len(got[1][1]) != 1 || &got[0][0] == &got[1][0] {
		t.Errorf("got %#v", got)
	}
	checkCopy(t, reflect.ValueOf(&got).Elem(), reflect.ValueOf(&v).Elem())
}

func TestFloatsTimesAndKeysSurvive(t *testing.T) {
	t.Parallel()
	neg := math.Copysign(0, -1)
	payload := math.Float64frombits(0x7ff8_0000_dead_beef)
	got := copyOf(t, []*float64{&neg, &payload})
	if math.Float64bits(*got[0]) != math.Float64bits(neg) || math.Float64bits(*got[1]) != math.Float64bits(payload) {
		t.Error("-0 or the bits of a NaN changed")
	}
	nan := copyOf(t, map[float64][]int{math.NaN(): {1}, math.NaN(): {2}, 1: {3}})
	sum := 0
	for _, v := range nan {
		sum += v[0]
	}
	if len(nan) != 3 || sum != 6 {
		t.Errorf("map with NaN keys is %v", nan)
	}
	type key struct {
		a string
		b int
	}
	exact(t, "struct keys", map[key][]int{{"a", 1}: {1}, {"b", 2}: nil})
	exact(t, "array keys", map[[2]int8]string{{1, 2}: "a"})
	one := 1
	keyed := copyOf(t, map[any]*int{&one: &one, key{"a", 1}: nil, 3: nil, [1]any{"x"}: &one, nil: nil})
	if v, ok := keyed[[1]any{"x"}]; !ok || len(keyed) != 5 || v == &one {
		t.Errorf("map with interface keys is %v", keyed)
	} else if keyed[v] != v {
		t.Error("a pointer that is a key and a value was split")
	}
	now := time.Now()
	zone := time.FixedZone("X", 3600)
	times := copyOf(t, []*time.Time{&now, new(now.In(zone))})
	if *times[0] != now || times[1].Location() != zone {
		t.Error("a monotonic reading or a zone was lost")
	}
	bits := exact(t, "sizes of keys and values", struct {
		A map[int8]int8
		B map[int32]struct{}
		C map[uint64]bool
		D map[string][2]int
		E map[string]float32
		F map[string]error
		G map[string]any
		H map[uintptr]string
		I map[bool][3]string
		J map[string]time.Time
	}{
		map[int8]int8{1: 2},
		map[int32]struct{}{5: {}},
		map[uint64]bool{1: true},
		map[string][2]int{"a": {1, 2}},
		map[string]float32{"": 1},
		map[string]error{"e": io.EOF},
		map[string]any{"a": []int{1}, "b": 2.5},
		map[uintptr]string{7: "x"},
		map[bool][3]string{true: {"a"}},
		map[string]time.Time{"now": now},
	})
	if bits.F["e"] != io.EOF || bits.C[1] != true || bits.H[7] != "x" || bits.J["now"] != now {
		t.Errorf("got %v", bits)
	}
	delete(bits.C, 1)
	bits.A[2] = 3
}

func TestDeepMapKeys(t *testing.T) {
	t.Parallel()
	type link struct{ next any }
	deep := func(n int) any {
		var k any
		for i := range n {
			k = link{[1]any{k}}
			if i == 0 {
				k = link{new(5)}
			}
		}
		return k
	}
	p := planOf[map[any]int](t, clone.Config{})
	got, err := p.Copy(map[any]int{deep(100): 1})
	if err != nil || len(got) != 1 {
		t.Fatalf("got %v, %v", got, err)
	}
	for k := range got {
		if got[k] != 1 {
			t.Error("the key was stored before it was complete")
		}
	}
	if _, err := p.Copy(map[any]int{deep(2000): 1}); !isValueError(err, "nested too deeply") {
		t.Errorf("got %v", err)
	}
	// Pointers in keys are put off, so their depth does not matter.
	l := &list{}
	for range 100_000 {
		l = &list{l}
	}
	lists, err := planOf[map[*list]int](t, clone.Config{}).Copy(map[*list]int{l: 3})
	if err != nil || len(lists) != 1 {
		t.Errorf("got %d entries, %v", len(lists), err)
	}
}

func isValueError(err error, part string) bool {
	e, ok := errors.AsType[*clone.ValueError](err)
	return ok && strings.Contains(e.Error(), part)
}

func TestImmutableTypesAndIdentitiesAreShared(t *testing.T) {
	t.Parallel()
	type identities struct {
		Loc    *time.Location
		Addr   netip.Addr
		Prefix netip.Prefix
		Port   netip.AddrPort
		Handle unique.Handle[string]
		Type   reflect.Type
		Err    error
		Any    any
		Wrap   []error
	}
	my := &privateError{[]int{1}}
	v := identities{
		time.FixedZone("Z", 1), netip.MustParseAddr("fe80::1%eth0"), netip.MustParsePrefix("10.0.0.0/8"), netip.MustParseAddrPort("[::1%lo]:80"),
		unique.Make("x"), reflect.TypeFor[identities](), io.EOF, my,
		[]error{my, fmt.Errorf("w: %w", io.ErrUnexpectedEOF)},
	}
	got := copyOf(t, v)
	if got.Loc != v.Loc || got.Addr != v.Addr || got.Prefix != v.Prefix || got.Port != v.Port || got.Handle != v.Handle || got.Type != v.Type {
		t.Error("an identity was lost")
	}
	if got.Err != io.EOF || got.Any != my || got.Wrap[0] != my || !errors.Is(got.Wrap[1], io.ErrUnexpectedEOF) {
		t.Error("an error behind an interface was copied")
	}
	if &got.Wrap[0] == &v.Wrap[0] {
		t.Error("the slice of errors is shared")
	}
	// An error whose static type is concrete is data.
	if e := copyOf(t, my); e == my || &e.codes[0] == &my.codes[0] || e.codes[0] != 1 {
		t.Error("a *privateError was not copied")
	}
	if !planOf[struct {
		A time.Time
		B netip.Addr
		C *time.Location
		D error
		E reflect.Type
	}](t, clone.Config{}).Flat() {
		t.Error("immutable types are not flat")
	}
}

func TestConfigImmutableIsShared(t *testing.T) {
	t.Parallel()
	type table struct{ rows map[string][]int }
	type page struct {
		Table *table
		Own   []int
		Ch    chan int
		R     io.Reader
	}
	p := planOf[page](t, clone.Config{Immutable: []reflect.Type{reflect.TypeFor[*table](), reflect.TypeFor[chan int](), reflect.TypeFor[io.Reader]()}})
	v := page{&table{}, []int{1}, make(chan int), &bytes.Buffer{}}
	got, err := p.Copy(v)
	if err != nil || got.Table != v.Table || got.Ch != v.Ch || got.R != v.R || &got.Own[0] == &v.Own[0] {
		t.Errorf("got %+v, %v", got, err)
	}
	any1, err := planOf[any](t, clone.Config{Immutable: []reflect.Type{reflect.TypeFor[*table]()}}).Copy(v.Table)
	if err != nil || any1 != v.Table {
		t.Errorf("behind an interface: %v, %v", any1, err)
	}
}

// The one shape that is lost; what is left of it is still a true copy of its own.
func TestAPointerIntoTheMiddleGetsATargetOfItsOwn(t *testing.T) {
	t.Parallel()
	type page struct {
		Rows   []row
		Marked *row
		Count  int
		Shown  *int
	}
	v := &page{Rows: rowsOf(3), Count: 3}
	v.Marked, v.Shown = &v.Rows[2], &v.Count
	got := copyOf(t, v)
	if !reflect.DeepEqual(got, v) {
		t.Errorf("got %+v, want %+v", got, v)
	}
	if got.Marked == v.Marked || got.Shown == v.Shown || &got.Marked.Tags[0] == &v.Marked.Tags[0] {
		t.Error("the copy points into the original")
	}
	if got.Marked == &got.Rows[2] || got.Shown == &got.Count {
		t.Error("Copy keeps the shape now: then nobody needs CopyExactly")
	}
}

func TestUnexportedFieldsAreData(t *testing.T) {
	t.Parallel()
	b := new(big.Int).Lsh(big.NewInt(3), 200)
	got := exact(t, "big.Int", b)
	got.Add(got, big.NewInt(1))
	if b.Cmp(new(big.Int).Lsh(big.NewInt(3), 200)) != 0 {
		t.Error("the original changed")
	}
	exact(t, "big.Float", big.NewFloat(1.5))
	exact(t, "big.Rat by value", *big.NewRat(1, 3))

	buf := bytes.NewBufferString("hello")
	if _, err := io.CopyN(io.Discard, buf, 1); err != nil {
		t.Fatal(err)
	}
	cp := exact(t, "bytes.Buffer", buf)
	cp.WriteString("!")
	if buf.String() != "ello" || cp.String() != "ello!" {
		t.Errorf("got %q and %q", buf, cp)
	}
	u, _ := url.Parse("https://a:b@example.com/x?y#z")
	if got := copyOf(t, u); got == u || got.User == nil || got.String() != u.String() {
		t.Errorf("got %v", got)
	}
	exact(t, "Opt[[]string]", opt[[]string]{[]string{"a"}, true})
	exact(t, "Opt[*Opt]", opt[*opt[int]]{&opt[int]{1, true}, true})

	var sb strings.Builder
	sb.WriteString("abc")
	for name, c := range map[string]*strings.Builder{"pointer": copyOf(t, &sb), "field": &copyOf(t, &struct{ b strings.Builder }{sb}).b} {
		if name == "field" {
			if c.String() != "abc" {
				t.Errorf("%s: %q", name, c)
			}
			continue
		}
		c.WriteString("d") // panics when the builder does not know its address
		if c.String() != "abcd" || sb.String() != "abc" {
			t.Errorf("%s: %q, %q", name, c, &sb)
		}
	}
}

type cloned struct {
	ch    chan int
	calls *atomic.Int32
	tag   string
}

func (c *cloned) Clone() *cloned { c.calls.Add(1); return &cloned{c.ch, c.calls, "copy of " + c.tag} }

type clonedSlice []int

func (c clonedSlice) Clone() clonedSlice { return append(clonedSlice{-1}, c...) }

type shape interface{ Clone() shape }

type square struct{ f func() }

func (s square) Clone() shape { return square{} }

type otherClone struct{ s []int }

func (o otherClone) Clone() any { return nil }

func TestCloneMethodsWin(t *testing.T) {
	t.Parallel()
	var calls atomic.Int32
	c := &cloned{make(chan int), &calls, "x"}
	type holder struct {
		a, b *cloned
		s    clonedSlice
		m    map[string]*cloned
		sh   shape
		o    otherClone
		none *cloned
		nilS clonedSlice
		nilI shape
		any  any
	}
	v := holder{a: c, b: c, s: clonedSlice{1}, m: map[string]*cloned{"c": c}, sh: square{func() {}}, o: otherClone{[]int{1}}, any: c}
	got := copyOf(t, v)
	if got.a == c || got.a.tag != "copy of x" || got.b != got.a || got.m["c"] != got.a || got.any != got.a || calls.Load() != 1 {
		t.Errorf("got %+v after %d calls", got, calls.Load())
	}
	if len(got.s) != 2 || got.s[0] != -1 || got.sh.(square).f != nil || got.none != nil || got.nilS != nil || got.nilI != nil {
		t.Errorf("got %+v", got)
	}
	if got.o.s[0] != 1 || &got.o.s[0] == &v.o.s[0] {
		t.Error("a Clone method of another result was used")
	}
	h := copyOf(t, map[string]http.Header{"a": {"K": {"v"}}})
	if h["a"].Get("K") != "v" {
		t.Errorf("got %v", h)
	}
	if d := copyOf[any](t, c); d.(*cloned).tag != "copy of x" {
		t.Error("the method of a dynamic type was not used")
	}
}

func TestRefusedTypesNameThePlaceAndTheWaysOut(t *testing.T) {
	t.Parallel()
	type inner struct {
		mu  sync.Mutex
		fns map[string][]func()
	}
	type bad struct {
		OK    []string
		Ch    chan int
		Rows  []*inner
		P     unsafe.Pointer
		Done  atomic.Bool
		Next  atomic.Pointer[int]
		Keys  map[chan int]bool
		Again *inner
		Num   uintptr
		Mark  [0]func()
		pool  *sync.Pool
	}
	_, err := clone.For[bad](clone.Config{})
	want := map[string]string{
		"clone_test.bad.Ch": "chan int", "clone_test.bad.Rows[].mu": "sync.Mutex", "clone_test.bad.Rows[].fns[][]": "func()", "clone_test.bad.P": "unsafe.Pointer",
		"clone_test.bad.Done": "atomic.Bool", "clone_test.bad.Next": "atomic.Pointer[int]", "clone_test.bad.Keys[key]": "chan int", "clone_test.bad.pool": "sync.Pool",
	}
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		t.Fatalf("got %v", err)
	}
	for _, e := range joined.Unwrap() {
		te, ok := errors.AsType[*clone.TypeError](e)
		if !ok {
			t.Fatalf("got %v", e)
		}
		if want[te.Path] != te.Type.String() || te.Reason == "" {
			t.Errorf("unexpected %v", te)
		}
		for _, way := range []string{te.Path, te.Type.String(), "Funcs.Clone", "Config.Copy.ReadOnly", "cacheresource"} {
			if !strings.Contains(te.Error(), way) {
				t.Errorf("%q does not name %q", te, way)
			}
		}
		delete(want, te.Path)
	}
	for path := range want {
		t.Errorf("%s was not refused", path)
	}
	for name, refuse := range map[string]func() error{
		"chan":   func() error { _, err := clone.For[chan int](clone.Config{}); return err },
		"func":   func() error { _, err := clone.For[func()](clone.Config{}); return err },
		"mutex":  func() error { _, err := clone.For[*sync.RWMutex](clone.Config{}); return err },
		"list":   func() error { _, err := clone.For[*clist.List](clone.Config{}); return err },
		"conn":   func() error { _, err := clone.For[*net.TCPConn](clone.Config{}); return err },
		"client": func() error { _, err := clone.For[http.Client](clone.Config{}); return err },
	} {
		if refuse() == nil {
			t.Errorf("%s was accepted", name)
		}
	}
}

func TestDynamicTypesGiveAValueError(t *testing.T) {
	t.Parallel()
	type conn struct{ mu *sync.Mutex }
	p := planOf[map[string]any](t, clone.Config{})
	for name, bad := range map[string]any{
		"chan": make(chan int), "func": func() {}, "mutex": &sync.Mutex{}, "conn": []conn{{}}, "pointer": unsafe.Pointer(nil), "time": time.NewTimer(0), "connection": &net.TCPConn{},
	} {
		v := map[string]any{"ok": []int{1}, "bad": []any{1, bad}, "more": map[string]any{"x": []any{}}}
		for range 2 { // the second one finds the type in the memo
			got, err := p.Copy(v)
			e, ok := errors.AsType[*clone.ValueError](err)
			if !ok || got != nil || e.Type != reflect.TypeOf(bad) || e.Root != reflect.TypeFor[map[string]any]() || e.Path == "" || !strings.Contains(e.Error(), "Funcs.Clone") {
				t.Errorf("%s: got %v, %v", name, got, err)
			}
		}
	}
	if got, err := p.Copy(map[string]any{"a": 1}); err != nil || got["a"] != 1 {
		t.Errorf("after an error: %v, %v", got, err)
	}
}

func TestLimitsEndInErrors(t *testing.T) {
	t.Parallel()
	l := &list{}
	for range 100 {
		l = &list{l}
	}
	for _, c := range []struct {
		name, part string
		cfg        clone.Config
	}{
		{"bytes", "MaxBytes", clone.Config{MaxBytes: 100}},
		{"nodes", "MaxNodes", clone.Config{MaxNodes: 50}},
	} {
		p := planOf[*list](t, c.cfg)
		if got, err := p.Copy(l); !isValueError(err, c.part) || got != nil {
			t.Errorf("%s: got %v, %v", c.name, got, err)
		}
		if _, err := p.Copy(&list{&list{}}); err != nil {
			t.Errorf("%s: a small value: %v", c.name, err)
		}
	}
	big := planOf[[]byte](t, clone.Config{MaxBytes: 1 << 10})
	if _, err := big.Copy(make([]byte, 1<<10)); err != nil {
		t.Error(err)
	}
	if _, err := big.Copy(make([]byte, 1<<10+1)); !isValueError(err, "MaxBytes") {
		t.Errorf("got %v", err)
	}
	// One array under many slices is many arrays in the copy: the limit holds there too.
	one := make([]byte, 1<<20)
	many := make([][]byte, 5000)
	for i := range many {
		many[i] = one
	}
	if _, err := planOf[[][]byte](t, clone.Config{MaxBytes: 8 << 20}).Copy(many); !isValueError(err, "MaxBytes") {
		t.Errorf("got %v", err)
	}
	_, err := clone.For[int](clone.Config{MaxBytes: -2, MaxNodes: -3, Immutable: []reflect.Type{nil}})
	for _, part := range []string{"MaxBytes is -2", "MaxNodes is -3", "Immutable[0]"} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("%v does not say %q", err, part)
		}
	}
}

// A stack that is limited to 4 MB shows that depth costs no stack. It is a setting of the process: not parallel.
func TestDeepAndCyclicValuesEnd(t *testing.T) {
	defer debug.SetMaxStack(debug.SetMaxStack(4 << 20))

	nodes := soaktest.Size(5_000_000)
	var l *list
	for range nodes {
		l = &list{l}
	}
	got := copyOf(t, l)
	n := 0
	for a, b := l, got; a != nil; a, b = a.next, b.next {
		if a == b || b == nil {
			t.Fatalf("node %d", n)
		}
		n++
	}
	if n != nodes {
		t.Errorf("%d nodes", n)
	}
	if size := planOf[*list](t, clone.Config{}).Size(l); size != 8+int64(nodes)*8 {
		t.Errorf("Size is %d", size)
	}

	type pair struct{ a, b *pair }
	dag := &pair{}
	for range 40 {
		dag = &pair{dag, dag}
	}
	p := planOf[*pair](t, clone.Config{MaxNodes: 41})
	d, err := p.Copy(dag)
	if err != nil {
		t.Fatal(err)
	}
	objects := map[*pair]bool{}
	for x := d; x != nil; x = x.a {
		if x.a != x.b {
			t.Fatal("a shared object was split")
		}
		objects[x] = true
	}
	if len(objects) != 41 {
		t.Errorf("%d objects", len(objects))
	}
	deepAny, deepSlice, deepMap := any(nil), slicey{}, mappy{}
	wide := slicey{}
	for range 40 {
		wide = slicey{wide, wide}
	}
	deep := 200_000
	if soaktest.Race { // each step takes more of the stack, and more time
		deep = 50_000
	}
	for range deep {
		deepAny = []any{deepAny}
		deepSlice = slicey{deepSlice}
	}
	boxed := any(nil)
	var deepPointer, deepAnyMap any
	for range deep / 2 {
		deepMap = mappy{"x": deepMap}
		boxed = struct{ x any }{[1]any{boxed}}
		deepPointer = &struct{ x any }{deepPointer}
		deepAnyMap = map[string]any{"x": deepAnyMap}
	}
	self := []any{nil, 1}
	self[0] = self
	var ptr any
	ptr = &ptr
	m := map[string]any{}
	m["m"] = []any{m}
	for name, v := range map[string]any{"slices": deepSlice, "anys": deepAny, "maps": deepMap, "boxes": boxed, "pointers": deepPointer, "maps of anys": deepAnyMap, "2^40 paths of slices": wide, "self slice": self, "self pointer": ptr, "self map": m} {
		got := copyOf(t, v)
		if reflect.TypeOf(got) != reflect.TypeOf(v) {
			t.Errorf("%s: got %T", name, got)
		}
		planOf[any](t, clone.Config{}).Size(v)
	}
	s := copyOf(t, self)
	if &s[0].([]any)[0] != &s[0] || &s[0] == &self[0] {
		t.Error("a slice that holds itself lost its shape")
	}
	q := copyOf(t, ptr).(*any)
	if *q != q || q == &ptr {
		t.Error("an interface that holds its own address lost its shape")
	}
}

// testing.AllocsPerRun wants the process for itself: not parallel.
func TestFlatTypesAllocateNothing(t *testing.T) {
	flat := func(name string, flat bool, allocs float64) {
		if !flat || allocs != 0 {
			t.Errorf("%s: flat is %v, %v allocations", name, flat, allocs)
		}
	}
	count := func(f func()) float64 { return testing.AllocsPerRun(100, f) }
	s := planOf[scalars](t, clone.Config{})
	flat("scalars", s.Flat(), count(func() { _, _ = s.Copy(scalars{}) }))
	st := planOf[threeStrings](t, clone.Config{})
	flat("strings", st.Flat(), count(func() { _, _ = st.Copy(threeStrings{}) }))
	i := planOf[int](t, clone.Config{})
	flat("int", i.Flat(), count(func() { _, _ = i.Copy(1) }))
	e := planOf[[2]error](t, clone.Config{})
	flat("errors", e.Flat(), count(func() { _, _ = e.Copy([2]error{io.EOF}) }))
	if planOf[[]int](t, clone.Config{}).Flat() || planOf[any](t, clone.Config{}).Flat() || planOf[*int](t, clone.Config{}).Flat() {
		t.Error("a reference is flat")
	}
}

func TestSharingIsRememberedOnlyWhereTheTypeCanShare(t *testing.T) {
	t.Parallel()
	type row struct{ p *int }
	for _, c := range []struct {
		name  string
		typ   reflect.Type
		links clone.Links
	}{
		{"one pointer", reflect.TypeFor[row](), clone.Tree},
		{"pointer to row", reflect.TypeFor[*row](), clone.Tree},
		{"two fields", reflect.TypeFor[struct{ a, b *int }](), clone.Shared},
		{"two fields of two types", reflect.TypeFor[struct {
			a *int
			b *uint
		}](), clone.Tree},
		{"array of one", reflect.TypeFor[[1]*int](), clone.Tree},
		{"array of two", reflect.TypeFor[[2]*int](), clone.Shared},
		{"rows", reflect.TypeFor[[]row](), clone.Shared},
		{"map values", reflect.TypeFor[map[int]row](), clone.Shared},
		{"recursive", reflect.TypeFor[list](), clone.Shared},
		{"beside an interface", reflect.TypeFor[struct {
			p *int
			a any
		}](), clone.Shared},
		{"beside an error", reflect.TypeFor[struct {
			p *int
			a error
		}](), clone.Tree},
		{"map", reflect.TypeFor[map[string]int](), clone.Tree},
		{"maps", reflect.TypeFor[[]map[string]int](), clone.Shared},
		{"slices", reflect.TypeFor[[][]int](), clone.Tree},
		{"recursive slices", reflect.TypeFor[slicey](), clone.Shared},
		{"recursive structs", reflect.TypeFor[nested](), clone.Shared},
	} {
		plan, err := clone.ForType(c.typ, clone.Config{})
		if err != nil {
			t.Fatal(err)
		}
		if got := plan.Links(); got != c.links {
			t.Errorf("%s: the links are %d, want %d", c.name, got, c.links)
		}
	}
	one := 1
	beside := copyOf(t, struct {
		p *int
		a any
	}{&one, &one})
	if beside.p != beside.a {
		t.Error("one pointer beside an interface and in it has become two")
	}
	kids := []*node{{}}
	tree := copyOf(t, &node{Kids: []*node{{Kids: kids}, {Kids: kids}}})
	if first, second := tree.Kids[0].Kids, tree.Kids[1].Kids; &first[0] == &second[0] || first[0] != second[0] {
		t.Error("a slice of a tree is remembered, or its pointers are not")
	}
}

func TestCopyOfOneValueByManyGoroutines(t *testing.T) {
	t.Parallel()
	one := 1
	g := &graph{ID: 1, in: map[*graph]bool{}}
	g.out, g.Self = []*graph{g, {}}, g
	v := map[string]any{
		"rows": rowsOf(20), "graph": g, "tree": treeOf(50), "private": &private{s: []string{"a"}, p: &private{}, any: []any{&one, &one}, arr: [2]*int{&one, &one}},
		"maps": mapOf(5), "header": http.Header{"A": {"b"}}, "big": big.NewInt(5),
	}
	p := planOf[map[string]any](t, clone.Config{})
	want := write(reflect.ValueOf(v)).String()
	var wg sync.WaitGroup
	for range 64 {
		wg.Go(func() {
			for range soaktest.Rounds(40) {
				got, err := p.Copy(v)
				if err != nil {
					t.Error(err)
					return
				}
				if s := write(reflect.ValueOf(got)).String(); s != want {
					t.Error("a copy differs")
				}
				scramble(reflect.ValueOf(got), map[[2]any]bool{})
				p.Size(v)
			}
		})
	}
	wg.Wait()
}

func TestSizeEstimates(t *testing.T) {
	t.Parallel()
	check := func(name string, got, low, high int64) {
		if got < low || got > high {
			t.Errorf("%s: Size is %d, want %d to %d", name, got, low, high)
		}
	}
	check("int", planOf[int](t, clone.Config{}).Size(1), 8, 8)
	check("string", planOf[string](t, clone.Config{}).Size("12345"), 21, 21)
	check("slice", planOf[[]int](t, clone.Config{}).Size(make([]int, 10)), 104, 104)
	check("strings", planOf[[]string](t, clone.Config{}).Size([]string{"a", "bc"}), 24+32+3, 24+32+3)
	n := 1
	check("shared", planOf[[]*int](t, clone.Config{}).Size([]*int{&n, &n}), 24+16+8, 24+16+8)
	check("map", planOf[map[int]int](t, clone.Config{}).Size(map[int]int{1: 1, 2: 2}), 40, 200)
	check("any", planOf[any](t, clone.Config{}).Size([]byte("123")), 16+24+3, 16+24+3)
	check("header", planOf[http.Header](t, clone.Config{}).Size(http.Header{"A": {strings.Repeat("x", 1000)}}), 1000, 1500)
	check("nil", planOf[*int](t, clone.Config{}).Size(nil), 8, 8)
	check("rows", planOf[[]row](t, clone.Config{}).Size(rowsOf(100)), 100*(72+48), 100*(80+48+40))
}

// The plan rests on how the toolchain represents values: a new Go version that changes it must fail here first.
func TestLayout(t *testing.T) {
	t.Parallel()
	for name, v := range map[string]any{
		"pointer": new(1), "map": map[string]int{"a": 1}, "one pointer": struct{ p *int }{new(1)}, "array of one": [1]*int{new(1)}, "nested one": struct{ a [1]struct{ m map[int]int } }{},
		"two words": struct{ a, b *int }{new(1), nil}, "pointer and nothing": struct {
			p *int
			_ struct{}
		}{new(1), struct{}{}}, "nothing and pointer": struct {
			_ struct{}
			p *int
		}{struct{}{}, new(2)}, "slice": []int{1}, "empty": struct{}{}, "interface": [1]any{new(3)}, "func free": [2]string{"a"},
	} {
		got := copyOf(t, v)
		if reflect.TypeOf(got) != reflect.TypeOf(v) {
			t.Errorf("%s: got %T", name, got)
		}
		checkCopy(t, reflect.ValueOf(&got).Elem(), reflect.ValueOf(&v).Elem())
	}
}

func ExamplePlan() {
	type Order struct {
		ID    int
		Items []string
	}
	plan, err := clone.For[[]Order](clone.Config{})
	if err != nil {
		fmt.Println(err)
		return
	}
	cached := []Order{{1, []string{"tea"}}}
	mine, _ := plan.Copy(cached)
	mine[0].Items[0] = "coffee"
	fmt.Println(cached[0].Items, mine[0].Items)

	_, err = clone.For[map[string]chan int](clone.Config{})
	te, _ := errors.AsType[*clone.TypeError](err)
	fmt.Println(te.Path, te.Type)
	// Output:
	// [tea] [coffee]
	// map[string]chan int[] chan int
}

func TestSmallSlicesInBlocksAreTheSame(t *testing.T) {
	t.Parallel()
	type line struct {
		Tags, Roles []string
		Name        string
		Nums        []int32
		Own         []struct{ a, b string }
		In          struct{ More []string }
		Ref         *int
		Empty       []string
	}
	one := 1
	v := []line{
		{Tags: []string{"a", "b"}, Roles: []string{"r"}, Nums: []int32{1, 2, 3}, Empty: []string{}, Ref: &one},
		{},
		{Tags: []string{"c"}, Nums: []int32{4}, Own: []struct{ a, b string }{{"x", "y"}}, In: struct{ More []string }{[]string{"m"}}, Ref: &one},
	}
	p := planOf[[]line](t, clone.Config{})
	got, err := p.Copy(v)
	if err != nil {
		t.Fatal(err)
	}
	if cap(got[0].Tags) != 2 || cap(got[0].Nums) != 3 || cap(got[0].Empty) != 0 {
		t.Error("appending to one slice would overwrite the next")
	}
	checkCopy(t, reflect.ValueOf(&got).Elem(), reflect.ValueOf(&v).Elem())
	if _, err := planOf[[]line](t, clone.Config{MaxBytes: 3 * int(unsafe.Sizeof(line{}))}).Copy(v); !isValueError(err, "MaxBytes") {
		t.Errorf("got %v", err)
	}
	none, err := p.Copy([]line{{}, {}})
	if err != nil || none[1].Tags != nil {
		t.Errorf("got %v, %v", none, err)
	}
}

// What a caller keeps of a copy keeps a block alive, not the slices of all rows.
// Not parallel: it looks at the whole heap.
func TestWhatIsKeptOfACopyKeepsABlockAlive(t *testing.T) {
	type line struct {
		Tags  []string
		Nums  []int64
		Bytes []byte
	}
	var v []line
	for i := range 2000 {
		v = append(v, line{
			Tags: slices.Repeat([]string{"t"}, 1+i%50), Nums: slices.Repeat([]int64{int64(i)}, i*i%90), Bytes: bytes.Repeat([]byte{1}, i%700),
		})
	}
	p := planOf[[]line](t, clone.Config{})
	got, err := p.Copy(v)
	if err != nil {
		t.Fatal(err)
	}
	checkCopy(t, reflect.ValueOf(&got).Elem(), reflect.ValueOf(&v).Elem())
	if got, err = p.Copy(v); err != nil {
		t.Fatal(err)
	}
	if longer := append(got[5].Tags, "appended"); longer[6] != "appended" || got[6].Tags[0] != "t" {
		t.Error("to append to one slice overwrites the next")
	}
	const copies = 20
	var kept [copies]line
	before := heaptest.InUse()
	for i := range copies {
		own, err := p.Copy(v)
		if err != nil {
			t.Fatal(err)
		}
		kept[i] = own[i]
	}
	if each := (heaptest.InUse() - before) / copies; each > 3*4096+8192 {
		t.Errorf("a row that is kept keeps %d bytes alive", each)
	}
	runtime.KeepAlive(&kept)
}

// Not parallel, as all that counts allocations.
func TestAllocationsAreThoseOfAHandWrittenCopy(t *testing.T) {
	sameAllocs(t, "rows", clone.Config{}, rowsOf(100), handArena, 10)
	sameAllocs(t, "maps", clone.Config{}, mapOf(20), handMap, 3)
	sameAllocs(t, "lists", clone.Config{}, listsOf(20), handLists, 3)
	sameAllocs(t, "tree", clone.Config{}, treeOf(100), handTree, 3)
	sameAllocs(t, "bytes", clone.Config{}, make([]byte, 1<<20), handBytes, 3)
}

func sameAllocs[V any](t *testing.T, name string, cfg clone.Config, v V, hand func(V) V, more float64) {
	t.Helper()
	p := planOf[V](t, cfg)
	sink, err := p.Copy(v)
	if err != nil {
		t.Fatal(err)
	}
	byPlan := testing.AllocsPerRun(50, func() { sink, _ = p.Copy(v) })
	byHand := testing.AllocsPerRun(50, func() { sink = hand(v) })
	// Under the race detector sync.Pool drops values at random, and with them a table of what was seen.
	if byPlan > byHand+more && !soaktest.Race {
		t.Errorf("%s: %v allocations, by hand %v", name, byPlan, byHand)
	}
	_ = sink
}
