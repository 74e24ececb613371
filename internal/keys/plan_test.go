package keys_test

import (
	"fmt"
	"math/big"
	"net/netip"
	"reflect"
	"sync"
	"testing"
	"time"
	"unique"

	"github.com/reecho-go/reecho/internal/keys"
	"github.com/reecho-go/reecho/internal/soaktest"
)

type padded struct {
	A int8
	B int32
}

func shape[K any](t *testing.T) keys.Shape {
	return mustCompile(t, reflect.TypeFor[K](), keys.Config{}).Shape()
}

func TestShape(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		got  keys.Shape
		want keys.Shape
	}{
		{"int", shape[int](t), keys.Word},
		{"named int", shape[level](t), keys.Word},
		{"bool", shape[bool](t), keys.Word},
		{"nothing", shape[struct{}](t), keys.Word},
		{"two int32", shape[struct{ A, B int32 }](t), keys.Word},
		{"three bytes", shape[[3]byte](t), keys.Word},
		{"arrays of structs", shape[[2]struct{ A, B int16 }](t), keys.Word},
		{"private fields", shape[struct{ a, b int8 }](t), keys.Word},
		{"uintptr", shape[uintptr](t), keys.Word},
		{"hashable", shape[constant](t), keys.Word},
		{"nine bytes", shape[[9]byte](t), keys.Encoded},
		{"two words", shape[struct{ A, B int }](t), keys.Encoded},
		{"padding inside", shape[padded](t), keys.Encoded},
		{"padding at the end", shape[struct {
			A int32
			B int8
		}](t), keys.Encoded},
		{"blank field", shape[struct{ A, _ int32 }](t), keys.Encoded},
		{"ignored field", shape[struct {
			A int32
			B int32 `hash:"ignore"`
		}](t), keys.Encoded},
		{"float", shape[float32](t), keys.Encoded},
		{"float inside", shape[struct{ F float32 }](t), keys.Encoded},
		{"complex", shape[complex64](t), keys.Encoded},
		{"pointer", shape[*int](t), keys.Encoded},
		{"includable", shape[struct{ S shy }](t), keys.Encoded},
		{"string tag", shape[struct {
			L level2 `hash:"string"`
		}](t), keys.Encoded},
		{"interface", shape[any](t), keys.Encoded},
		{"string", shape[string](t), keys.Text},
		{"named string", shape[colour](t), keys.Text},
		{"struct of a string", shape[struct{ S string }](t), keys.Encoded},
		{"time", shape[time.Time](t), keys.Encoded},
		{"int with a HashFunc", must[int](t, identity[int]()).Shape(), keys.Encoded},
		{"string with a HashFunc", must[string](t, identity[string]()).Shape(), keys.Encoded},
		{"HashFunc inside", must[[2]int16](t, identity[int16]()).Shape(), keys.Encoded},
	}
	for _, tt := range tests {
		if tt.got != tt.want {
			t.Errorf("%s: shape is %v, want %v", tt.name, tt.got, tt.want)
		}
	}
}

type level2 int8

func (level2) String() string { return "" }

func identity[T any]() keys.Config {
	return keys.Config{HashFuncs: map[reflect.Type]func(any) (any, error){
		reflect.TypeFor[T](): func(v any) (any, error) { return v, nil },
	}}
}

func TestWordIsGoEquality(t *testing.T) {
	t.Parallel()
	type small struct {
		A int16
		B [2]uint8
		C bool
		d int8
	}
	plan := must[small](t, keys.Config{})
	values := []small{{}, {A: 1}, {A: -1}, {B: [2]uint8{0, 1}}, {B: [2]uint8{1, 0}}, {C: true}, {d: 1}, {A: 1, d: 1}}
	for _, a := range values {
		for _, b := range values {
			if got, want := plan.Word(&a) == plan.Word(&b), a == b; got != want {
				t.Errorf("Word(%v) == Word(%v) is %v, want %v", a, b, got, want)
			}
		}
	}
	three := must[[3]byte](t, keys.Config{})
	packed := [][3]byte{{1, 2, 3}, {1, 2, 3}, {1, 2, 4}} // neighbours must not leak in
	if three.Word(&packed[0]) != three.Word(&packed[1]) || three.Word(&packed[1]) == three.Word(&packed[2]) {
		t.Error("three bytes: Word is not Go's equality")
	}
	if got := must[struct{}](t, keys.Config{}).Word(&struct{}{}); got != 0 {
		t.Errorf("Word of nothing = %d", got)
	}
}

func TestTextIsTheString(t *testing.T) {
	t.Parallel()
	k := colour("red")
	if got := must[colour](t, keys.Config{}).Text(&k); got != "red" {
		t.Errorf("Text = %q", got)
	}
}

func TestWordAndTextPanicForOtherShapes(t *testing.T) {
	t.Parallel()
	panics := func(fn func()) (v any) {
		defer func() { v = recover() }()
		fn()
		return nil
	}
	s, i := "", 0
	if v := panics(func() { must[string](t, keys.Config{}).Word(&s) }); v == nil {
		t.Error("Word accepts a string")
	}
	if v := panics(func() { must[int](t, keys.Config{}).Text(&i) }); v == nil {
		t.Error("Text accepts an int")
	}
}

func isFlat[K any](t *testing.T) bool {
	return mustCompile(t, reflect.TypeFor[K](), keys.Config{}).Flat()
}

func TestFlat(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		got  bool
		want bool
	}{
		{"int", isFlat[int](t), true},
		{"strings", isFlat[sixteenStrings](t), true},
		{"times and addresses", isFlat[struct {
			T time.Time
			A netip.Prefix
			H unique.Handle[string]
		}](t), true},
		{"array", isFlat[[2]string](t), true},
		{"slice", isFlat[mixed](t), false},
		{"map", isFlat[map[int]int](t), false},
		{"interface", isFlat[struct{ A any }](t), false},
		{"pointer", isFlat[*int](t), false},
		{"big number", isFlat[big.Int](t), false},
		{"ignored pointer", isFlat[struct {
			P *int `hash:"ignore"`
		}](t), false},
		{"array of slices", isFlat[[1][]int](t), false},
		{"array of no slices", isFlat[[0][]int](t), true},
	}
	for _, tt := range tests {
		if tt.got != tt.want {
			t.Errorf("%s: Flat is %v, want %v", tt.name, tt.got, tt.want)
		}
	}
}

func TestTypeName(t *testing.T) {
	t.Parallel()
	tests := map[string]string{
		"int":        must[int](t, keys.Config{}).TypeName(),
		"named":      must[pair](t, keys.Config{}).TypeName(),
		"composite":  must[map[string][]*[2]pair](t, keys.Config{}).TypeName(),
		"struct":     must[struct{ A int }](t, keys.Config{}).TypeName(),
		"interfaces": must[fmt.Stringer](t, keys.Config{}).TypeName(),
	}
	want := map[string]string{
		"int":        "int",
		"named":      "github.com/reecho-go/reecho/internal/keys_test.pair",
		"composite":  "map[string][]*[2]keys_test.pair",
		"struct":     "struct { A int }",
		"interfaces": "fmt.Stringer",
	}
	for name, got := range tests {
		if got != want[name] {
			t.Errorf("%s: TypeName = %q, want %q", name, got, want[name])
		}
	}
}

func TestShapeFingerprint(t *testing.T) {
	t.Parallel()
	type (
		base struct {
			A int
			B string
		}
		renamed struct {
			A int
			B string
		}
		list struct {
			V    int
			Next *list
		}
	)
	same := [][2]reflect.Type{
		{reflect.TypeFor[base](), reflect.TypeFor[renamed]()},
		{reflect.TypeFor[[]base](), reflect.TypeFor[[]renamed]()},
		{reflect.TypeFor[list](), reflect.TypeFor[list]()},
	}
	for _, p := range same {
		if keys.ShapeFingerprint(p[0]) != keys.ShapeFingerprint(p[1]) {
			t.Errorf("%v and %v have different fingerprints", p[0], p[1])
		}
	}
	different := []reflect.Type{
		reflect.TypeFor[base](),
		reflect.TypeFor[struct {
			B string
			A int
		}](),
		reflect.TypeFor[struct {
			A int64
			B string
		}](),
		reflect.TypeFor[struct {
			A int
			C string
		}](),
		reflect.TypeFor[struct {
			A int
			B string `json:"b"`
		}](),
		reflect.TypeFor[struct{ A int }](),
		reflect.TypeFor[*base](), reflect.TypeFor[[]base](), reflect.TypeFor[[2]base](), reflect.TypeFor[[3]base](),
		reflect.TypeFor[map[string]base](), reflect.TypeFor[map[int]base](),
		reflect.TypeFor[list](), reflect.TypeFor[ring](), reflect.TypeFor[any](), reflect.TypeFor[func()](),
		reflect.TypeFor[time.Time](), reflect.TypeFor[netip.Addr](), reflect.TypeFor[int](), reflect.TypeFor[string](),
		reflect.TypeFor[chan int](), reflect.TypeFor[chan string](),
	}
	seen := map[uint64]reflect.Type{}
	for _, typ := range different {
		h := keys.ShapeFingerprint(typ)
		if other, ok := seen[h]; ok && (typ != reflect.TypeFor[ring]() || other != reflect.TypeFor[list]()) {
			t.Errorf("%v and %v share a fingerprint", typ, other)
		}
		seen[h] = typ
	}
	if got, want := keys.ShapeFingerprint(reflect.TypeFor[base]()), uint64(0x09ac87c73cdf6055); got != want {
		t.Errorf("the fingerprint in stores changed: %#x, want %#x", got, want)
	}
}

func allocs[K any](t *testing.T, k K) float64 {
	t.Helper()
	plan := must[K](t, keys.Config{})
	buf := make([]byte, 0, 1<<16)
	return testing.AllocsPerRun(100, func() {
		local := k // the key of a caller, which must not escape
		if _, err := plan.Append(buf, &local); err != nil {
			t.Error(err)
		}
	})
}

func TestKeysDoNotAllocate(t *testing.T) {
	if soaktest.Race {
		t.Skip("pools drop at random under the race detector")
	}
	tests := []struct {
		name string
		got  float64
		most float64
	}{
		{"int", allocs(t, 1), 0},
		{"2 fields", allocs(t, twoFields{1, "x"}), 0},
		{"8 fields", allocs(t, eightFields{Name: "x"}), 0},
		{"16 strings", allocs(t, strings16()), 0},
		{"4 KB", allocs(t, make([]byte, 4096)), 0},
		{"4 KB array", allocs(t, [4096]byte{}), 0},
		{"slices and pointers", allocs(t, mixed{"a", []string{"b"}, []int{1}, new(1)}), 0},
		{"time and address", allocs(t, struct {
			T time.Time
			A netip.Addr
		}{time.Now(), netip.IPv6Unspecified()}), 0},
		{"big number", allocs(t, big.NewInt(1<<40)), 0},
		{"any", allocs[any](t, "x"), 0},
		{"list of any", allocs(t, []any{1, "x", 1.5, nil, []any{true}}), 0},
		{"set", allocs(t, tagged{Set: []string{"b", "a"}}), 0},
		{"recursive", allocs(t, longList(50)), 0},
		{"map", allocs(t, mapOf16()), 3},
		{"map of maps", allocs(t, map[string]map[int]any{"a": {1: 2}, "b": {3: "x"}}), 3},
	}
	for _, tt := range tests {
		if tt.got > tt.most {
			t.Errorf("%s: %v allocations, want at most %v", tt.name, tt.got, tt.most)
		}
	}
}

func TestOneValueIsKeyedByManyGoroutines(t *testing.T) {
	t.Parallel()
	type key struct {
		M    map[string]any
		S    []any `hash:"set"`
		R    *ring
		B    *big.Rat
		F    *big.Float
		L    *time.Location
		T    time.Time
		P    picky
		H    colour
		Text shown `hash:"string"`
	}
	k := key{
		M: map[string]any{"a": 1, "b": []any{"x", &pair{"a", "b"}}, "c": map[string]int{"d": 1}},
		S: []any{3, "b", 1.5}, R: newRing(1, 3), B: new(big.Rat), F: big.NewFloat(1.5), L: time.Local, T: time.Now(),
		P: picky{Skip: "A", M: map[string]int{"a": 1, "b": 0}},
	}
	plan := must[key](t, identity[colour]())
	want, err := plan.Append(nil, &k)
	if err != nil {
		t.Fatal(err)
	}
	hash, err := must[key](t, identity[colour]()).Fingerprint(k)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 64 {
		wg.Go(func() {
			for range 20 {
				if got, err := plan.Append(nil, &k); err != nil || string(got) != string(want) {
					t.Errorf("Append = %q, %v, want %q", got, err, want)
				}
			}
			if got, err := plan.Fingerprint(k); err != nil || got != hash {
				t.Errorf("Fingerprint = %x, %v, want %x", got, err, hash)
			}
		})
	}
	wg.Wait()
}
