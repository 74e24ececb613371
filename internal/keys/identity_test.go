package keys_test

import (
	"bytes"
	"errors"
	"fmt"
	htmltemplate "html/template"
	"math"
	"math/big"
	"math/rand/v2"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	texttemplate "text/template"
	"time"
	"unique"

	"github.com/reecho-go/reecho/internal/keys"
)

// bytesOf is the canonical form of v behind an interface.
func bytesOf(t testing.TB, v any) []byte {
	t.Helper()
	b, err := must[any](t, keys.Config{}).Append(nil, &v)
	if err != nil {
		t.Fatalf("Append(%T): %v", v, err)
	}
	return b
}

// keyOf is the canonical form of k as a K.
func keyOf[K any](t testing.TB, k K) []byte {
	t.Helper()
	return keyAt(t, reflect.ValueOf(&k))
}

// keyAt is the canonical form of what k points to, as the type that it points to.
func keyAt(t testing.TB, k reflect.Value) []byte {
	t.Helper()
	b, err := mustCompile(t, k.Type().Elem(), keys.Config{}).Append(nil, k.UnsafePointer())
	if err != nil {
		t.Fatalf("Append(%v): %v", k.Type().Elem(), err)
	}
	return b
}

// oneKey reports whether what a and b point to is one key, as its type and behind
// an interface. If the two ways differ, it is neither.
func oneKey(t *testing.T, a, b reflect.Value) (same, different bool) {
	t.Helper()
	typed := bytes.Equal(keyAt(t, a), keyAt(t, b))
	held := bytes.Equal(bytesOf(t, a.Elem().Interface()), bytesOf(t, b.Elem().Interface()))
	return typed && held, !typed && !held
}

// differ checks that a and b, of one static type, are different keys.
func differ[K any](name string, a, b K) func(*testing.T) (string, bool) {
	return func(t *testing.T) (string, bool) {
		_, different := oneKey(t, reflect.ValueOf(&a), reflect.ValueOf(&b))
		return name, different
	}
}

// same checks that a and b, of one static type, are one key with one fingerprint.
func same[K any](name string, a, b K) func(*testing.T) (string, bool) {
	return func(t *testing.T) (string, bool) {
		return name, sameAt(t, name, reflect.ValueOf(&a), reflect.ValueOf(&b))
	}
}

func sameAt(t *testing.T, name string, a, b reflect.Value) bool {
	t.Helper()
	plan := mustCompile(t, a.Type().Elem(), keys.Config{})
	fa, errA := plan.Fingerprint(a.UnsafePointer())
	fb, errB := plan.Fingerprint(b.UnsafePointer())
	if errA != nil || errB != nil || fa != fb {
		t.Errorf("%s: fingerprints are %x (%v) and %x (%v)", name, fa, errA, fb, errB)
	}
	same, _ := oneKey(t, a, b)
	return same
}

type pair struct{ X, Y string }

type private struct {
	a int
	b string
}

type decimal struct {
	value *big.Int
	exp   int32
}

type stamp time.Time

func TestMustDiffer(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 29, 1, 30, 0, 0, time.UTC)
	berlin := time.FixedZone("CET", 3600)
	tests := []func(*testing.T) (string, bool){
		differ("nil pointer and pointer to zero", nil, new(int)),
		differ("nil and empty slice", nil, []string{}),
		differ("nil and empty bytes", nil, []byte{}),
		differ("nil and empty map", nil, map[string]int{}),
		differ("nil and empty slice of a recursive type", nil, []any{}),
		differ("nil and empty recursive map", nil, map[string]any{}),
		differ[any]("int and uint", 1, uint(1)),
		differ[any]("int and int64", 1, int64(1)),
		differ[any]("int and float", 1, 1.0),
		differ[any]("int and string", 1, "1"),
		differ[any]("int and an eight-byte string of its bits", 1, "\x01\x00\x00\x00\x00\x00\x00\x00"),
		differ[any]("int and bool", 1, true),
		differ[any]("float and its bits", 1.0, math.Float64bits(1)),
		differ[any]("nil and zero", nil, 0),
		differ[any]("nil and typed nil", nil, (*int)(nil)),
		differ[any]("typed nils", (*string)(nil), (*int)(nil)),
		differ[any]("named and plain type", colour("a"), "a"),
		differ[any]("array and slice", [1]int{1}, []int{1}),
		differ[any]("value and pointer", 1, new(1)),
		differ[any]("structs of one shape", pair{"a", "b"}, struct{ X, Y string }{"a", "b"}),
		differ[any]("maps of different types", map[string]int{"a": 1}, map[string]uint{"a": 1}),
		differ("boundaries between lists", [][]string{{"a"}, {"b"}}, [][]string{{"a", "b"}, {}}),
		differ("boundaries between fields", pair{"a-b", "c"}, pair{"a", "b-c"}),
		differ("boundaries between strings", pair{"ab", "c"}, pair{"a", "bc"}),
		differ("boundaries between elements", []string{"a", "b"}, []string{"ab"}),
		differ("bytes in a string that look like a length", pair{"a\x01b", ""}, pair{"a", "b"}),
		differ("key and value of a map swapped", map[string]string{"a": "b"}, map[string]string{"b": "a"}),
		differ("values of a map swapped", map[string]int{"a": 1, "b": 2}, map[string]int{"a": 2, "b": 1}),
		differ("map entries that cancel in an XOR", map[string]string{"a": "a"}, map[string]string{"b": "b"}),
		differ("different instants", at, at.Add(1)),
		differ("one instant in two zones", at, at.In(berlin)),
		differ("UTC and a zone with its name and offset", at, at.In(time.FixedZone("UTC", 0))),
		differ("zones of one name", at.In(time.FixedZone("X", 60)), at.In(time.FixedZone("X", 120))),
		differ("locations", time.UTC, berlin),
		differ("locations of one name", time.FixedZone("X", 60), time.FixedZone("X", 120)),
		differ("+0 and -0", 0, math.Copysign(0, -1)),
		differ("+0 and -0 in complex", 0, complex(0, math.Copysign(0, -1))),
		differ("float32 +0 and -0", 0, float32(math.Copysign(0, -1))),
		differ("NaN and number", math.NaN(), 1),
		differ("unexported number", private{a: 1}, private{a: 2}),
		differ("unexported string", private{b: "x"}, private{b: "y"}),
		differ("addresses", netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("10.0.0.2")),
		differ("IPv4 and mapped IPv4", netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("::ffff:10.0.0.1")),
		differ("IPv6 zones", netip.MustParseAddr("fe80::1%a"), netip.MustParseAddr("fe80::1%b")),
		differ("no address and the zero address", netip.Addr{}, netip.IPv4Unspecified()),
		differ("prefix lengths", netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("10.0.0.0/9")),
		differ("ports", netip.MustParseAddrPort("10.0.0.1:1"), netip.MustParseAddrPort("10.0.0.1:2")),
		differ("big integers", big.NewInt(1), big.NewInt(2)),
		differ("signs of big integers", big.NewInt(1), big.NewInt(-1)),
		differ("fractions", big.NewRat(1, 2), big.NewRat(1, 3)),
		differ("big floats", big.NewFloat(1), big.NewFloat(1.5)),
		differ("precisions of big floats", new(big.Float).SetPrec(20), new(big.Float).SetPrec(30)),
		differ("decimals", decimal{big.NewInt(1), 2}, decimal{big.NewInt(2), 2}),
		differ("exponents of decimals", decimal{big.NewInt(1), 2}, decimal{big.NewInt(1), 3}),
		differ("type made of time.Time", stamp(at), stamp(at.Add(1))),
		differ("handles", unique.Make("a"), unique.Make("b")),
		differ("lengths of slices without data", []struct{}{{}}, []struct{}{{}, {}}),
		differ("bools", true, false),
		differ("int8", int8(1), -1),
		differ("uintptr", uintptr(1), 2),
		differ("lists of pointers", []*int{nil}, []*int{new(0)}),
		differ("repeated elements", []int{1, 1}, []int{1}),
	}
	for _, tt := range tests {
		if name, ok := tt(t); !ok {
			t.Errorf("%s: they share a key", name)
		}
	}
}

func TestMustBeEqual(t *testing.T) {
	t.Parallel()
	forward, backward := map[int]string{}, map[int]string{}
	for i := range 100 {
		forward[i] = "x"
		backward[99-i] = "x"
	}
	now := time.Now()
	var zero, computed big.Int
	computed.Sub(big.NewInt(5), big.NewInt(5))
	shared := new(1)
	wide := make([]int, 3, 10)
	fromZero := new(big.Rat).Sub(big.NewRat(1, 2), big.NewRat(1, 2))
	tests := []func(*testing.T) (string, bool){
		same("maps in any insertion order", forward, backward),
		same("with and without a monotonic reading", now, now.Round(0)),
		same("type made of time.Time, with and without a monotonic reading", stamp(now), stamp(now.Round(0))),
		same("zones of one content", now.In(time.FixedZone("X", 60)), now.In(time.FixedZone("X", 60))),
		same("NaN and NaN", math.NaN(), math.Float64frombits(0xfff8000000000001)),
		same("float32 NaNs", math.Float32frombits(0x7fc00001), math.Float32frombits(0xffc00000)),
		same("complex NaNs", complex(math.NaN(), 1), complex(math.Float64frombits(0xfff8000000000001), 1)),
		same("NaN map keys", map[float64]int{math.NaN(): 1, math.Float64frombits(0xfff8000000000001): 2}, map[float64]int{math.NaN(): 2, math.Inf(1) - math.Inf(1): 1}),
		same("pointers with equal targets", new("x"), new("x")),
		same("a shared and two equal targets", []*int{shared, shared}, []*int{new(1), new(1)}),
		same("interfaces with equal targets", any(new("x")), any(new("x"))),
		same("capacity", wide, make([]int, 3)),
		same("zero and computed zero", &zero, &computed),
		same("fractions that are zero", new(big.Rat), fromZero),
		same("decimals of equal content", decimal{&zero, 1}, decimal{&computed, 1}),
		same("handles", unique.Make("a"), unique.Make("a")),
		same("sets in any order", tagged{Set: []string{"a", "b", "c"}}, tagged{Set: []string{"c", "a", "b"}}),
		same("ignored field", tagged{Skip: 1, Dash: "x"}, tagged{Skip: 2, Dash: "y"}),
	}
	for _, tt := range tests {
		if name, ok := tt(t); !ok {
			t.Errorf("%s: they have different keys", name)
		}
	}
}

// Long and short maps, of every kind of value that is read in a way of its
// own, whose keys begin alike or end in what short ones are filled up with.
func TestMapsOfStringsInAnyOrder(t *testing.T) {
	t.Parallel()
	names := []string{"", "\x00", "\x00\x00", "a", "a\x00", "abcdefgh", "abcdefgh\x00", "abcdefgi", "abcdefghi", "abcdefghj", strings.Repeat("x", 200)}
	for i := range 30 {
		names = append(names, fmt.Sprintf("prefix-of-eight-%d", i))
	}
	for _, n := range []int{1, 5, len(names) - 30, 23, 24, 25, len(names)} {
		inAnyOrder(t, names[:n], func(i int) string { return strings.Repeat("v", i) })
		inAnyOrder(t, names[:n], func(i int) any { return i })
		inAnyOrder(t, names[:n], func(i int) []string { return make([]string, i) })
		inAnyOrder(t, names[:n], func(i int) int { return i })
		inAnyOrder(t, names[:n], func(i int) uint8 { return uint8(i) })
	}
}

// inAnyOrder checks that maps of names have one key in whatever order they are
// filled, and another if two values change places.
func inAnyOrder[V any](t *testing.T, names []string, value func(i int) V) {
	t.Helper()
	fill := func(order []int) map[string]V {
		m := map[string]V{}
		for _, i := range order {
			m[names[i]] = value(i)
		}
		return m
	}
	order := make([]int, len(names))
	for i := range order {
		order[i] = i
	}
	first := fill(order)
	want := keyOf(t, first)
	for range 20 {
		rand.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
		if got := keyOf(t, fill(order)); !bytes.Equal(got, want) {
			t.Errorf("%T of %d: the order matters", first, len(names))
		}
	}
	if len(names) < 2 {
		return
	}
	a, b := names[len(names)-1], names[len(names)-2]
	first[a], first[b] = first[b], first[a]
	if bytes.Equal(keyOf(t, first), want) {
		t.Errorf("%T of %d: changing two values does not matter", first, len(names))
	}
}

type folded string

// What a HashFunc makes of its keys is what orders a map.
func TestMapsOfFoldedKeysInAnyOrder(t *testing.T) {
	t.Parallel()
	plan, err := planFor[map[folded]string](keys.Config{HashFuncs: map[reflect.Type]func(any) (any, error){
		reflect.TypeFor[folded](): func(v any) (any, error) { return strings.ToLower(string(v.(folded))), nil },
	}})
	if err != nil {
		t.Fatal(err)
	}
	a, b := map[folded]string{"A": "1", "b": "2"}, map[folded]string{"a": "1", "B": "2"}
	ka, err1 := plan.Append(nil, &a)
	kb, err2 := plan.Append(nil, &b)
	if err := errors.Join(err1, err2); err != nil || !bytes.Equal(ka, kb) {
		t.Errorf("%q and %q (%v), want one key", ka, kb, err)
	}
}

type tagged struct {
	Set  []string `hash:"set"`
	Skip int      `hash:"ignore"`
	Dash string   `hash:"-"`
}

type ring struct {
	V    int
	Next *ring
}

// newRing makes a ring of n nodes behind a lead of the given length.
func newRing(lead, n int) *ring {
	nodes := make([]ring, lead+n)
	for i := range nodes {
		nodes[i].Next = &nodes[(i+1)%len(nodes)]
	}
	nodes[len(nodes)-1].Next = &nodes[lead]
	return &nodes[0]
}

func TestCyclesOfEqualShapeAreEqual(t *testing.T) {
	t.Parallel()
	selfAny := func() any {
		var x any
		x = &x
		return x
	}
	selfSlice := func() any {
		s := make([]any, 2)
		s[0], s[1] = s, 1
		return s
	}
	selfMap := func() any {
		m := map[string]any{"a": 1}
		m["self"] = m
		return m
	}
	type list []list
	selfList := func() any {
		l := list{nil}
		l[0] = l
		return l
	}
	type self *self
	selfPointer := func() any {
		var p self
		p = &p
		return p
	}
	shapes := []struct {
		name string
		make func() any
	}{
		{"ring of 1", func() any { return newRing(0, 1) }},
		{"ring of 2", func() any { return newRing(0, 2) }},
		{"ring of 3", func() any { return newRing(0, 3) }},
		{"ring of 2 behind a lead of 1", func() any { return newRing(1, 2) }},
		{"ring of 100", func() any { return newRing(0, 100) }},
		{"ring of 101", func() any { return newRing(0, 101) }},
		{"ring of 2 behind a lead of 40", func() any { return newRing(40, 2) }},
		{"ring of 3 behind a lead of 40", func() any { return newRing(40, 3) }},
		{"ring of 2 with a value", func() any { r := newRing(0, 2); r.Next.V = 1; return r }},
		{"list of 2", func() any { return &ring{Next: &ring{}} }},
		{"self-referential any", selfAny},
		{"slice that contains itself", selfSlice},
		{"map that contains itself", selfMap},
		{"recursive slice type", selfList},
		{"recursive pointer type", selfPointer},
	}
	for i, a := range shapes {
		for j, b := range shapes {
			va, vb := a.make(), b.make()
			if got, want := bytes.Equal(bytesOf(t, va), bytesOf(t, vb)), i == j; got != want {
				t.Errorf("%s and %s: equal keys %v, want %v", a.name, b.name, got, want)
			}
			if want := equal(va, vb); want != (i == j) {
				t.Errorf("%s and %s: the oracle says %v", a.name, b.name, want)
			}
		}
		plan := must[any](t, keys.Config{})
		fa, errA := plan.Fingerprint(a.make())
		fb, errB := plan.Fingerprint(a.make())
		if errA != nil || errB != nil || fa != fb {
			t.Errorf("%s: fingerprints %x (%v) and %x (%v)", a.name, fa, errA, fb, errB)
		}
	}
}

// Behind a long path too, meeting an object twice is no cycle.
func TestSharedTargetsAreEqualTargetsAtAnyDepth(t *testing.T) {
	t.Parallel()
	for _, lead := range []int{0, 1, 30, 31, 32, 33, 40, 100} {
		under := func(shared bool) *diamond {
			one := &diamond{L: &diamond{}}
			leaf := func() *diamond {
				if shared {
					return one
				}
				return &diamond{L: &diamond{}}
			}
			d := &diamond{L: &diamond{L: leaf(), R: leaf()}, R: &diamond{L: leaf(), R: &diamond{L: leaf(), R: &diamond{R: leaf()}}}}
			for range lead {
				d = &diamond{L: d}
			}
			return d
		}
		if !bytes.Equal(keyOf(t, under(true)), keyOf(t, under(false))) {
			t.Errorf("behind %d objects, a shared and two equal targets have different keys", lead)
		}
	}
}

// Types declared in functions may share their whole name.
func localA() any { type local struct{ X int }; return local{1} }
func localB() any { type local struct{ X int }; return local{1} }

func TestLocalTypesOfOneNameDiffer(t *testing.T) {
	t.Parallel()
	plan := must[any](t, keys.Config{})
	key := func(v any) string {
		b, err := plan.Append(nil, &v)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	a, b := localA(), localB()
	if key(a) == key(b) || key([]any{a}) == key([]any{b}) {
		t.Error("two types share their keys")
	}
	if key(a) != key(localA()) {
		t.Error("one value has two keys")
	}
}

// Two packages may have one name, and types without a name of their own may
// differ in nothing else.
func TestTypesOfPackagesOfOneNameDiffer(t *testing.T) {
	t.Parallel()
	type (
		text = *texttemplate.Template
		html = *htmltemplate.Template
	)
	for _, pair := range [][2]any{
		{[]interface{ M(text) }{}, []interface{ M(html) }{}},
		{[]interface{ M() text }{}, []interface{ M() html }{}},
		{[]interface{ M(func(text)) }{}, []interface{ M(func(html)) }{}},
		{[]interface{ M(...text) }{}, []interface{ M([]text) }{}},
		{[]interface{ M(chan text) }{}, []interface{ M(chan html) }{}},
		{[]interface{ M(chan int) }{}, []interface{ M(<-chan int) }{}},
		{[]interface{ M(interface{ N(text) }) }{}, []interface{ M(interface{ N(html) }) }{}},
		{[]interface{ M() }{}, []interface{ N() }{}},
		{[]interface{ M() }{}, []any{}},
	} {
		if reflect.TypeOf(pair[0]) == reflect.TypeOf(pair[1]) {
			t.Fatalf("%T: the test compares a type with itself", pair[0])
		}
		if bytes.Equal(bytesOf(t, pair[0]), bytesOf(t, pair[1])) {
			t.Errorf("%T and %T share a key", pair[0], pair[1])
		}
	}
}

// A canonical form is part of names in stores: it must not change by accident.
func TestCanonicalBytesAreStable(t *testing.T) {
	t.Parallel()
	type key struct {
		N    int32
		S    string
		L    []uint16
		P    *bool
		M    map[string]int8
		T    time.Time
		Any  any
		Addr netip.Addr
		Big  *big.Int
	}
	k := key{
		N: -2, S: "hé", L: []uint16{1, 2}, P: new(true), M: map[string]int8{"b": 2, "a": 1},
		T: time.Unix(1, 2).UTC(), Any: "x", Addr: netip.MustParseAddr("1.2.3.4"), Big: big.NewInt(-258),
	}
	want := "\xfe\xff\xff\xff" + "\x03h\xc3\xa9" + "\x03\x01\x00\x02\x00" + "\x01\x01" + "\x03\x01a\x01\x01b\x02" +
		"\x01\x00\x00\x00\x00\x00\x00\x00\x02\x00\x00\x00\x00" + "\x06string\x01x" + "\x04\x01\x02\x03\x04" + "\x01\x00\x02\x01\x02"
	if got := string(keyOf(t, k)); got != want {
		t.Errorf("canonical bytes are\n%q, want\n%q", got, want)
	}
}

// A slice that contains its own beginning is not one that contains itself.
func TestSlicesOfOneArrayAndOtherLengthsAreNoCycle(t *testing.T) {
	t.Parallel()
	whole, part := []any{nil, 1}, []any{nil, 1}
	whole[0] = whole
	part[0] = part[:1]
	if bytes.Equal(bytesOf(t, whole), bytesOf(t, part)) {
		t.Error("they share a key")
	}
}
