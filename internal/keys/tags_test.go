package keys_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/mitchellh/hashstructure/v2"

	"github.com/reecho-go/reecho/internal/keys"
)

// shown has a String method with a value receiver.
type shown struct{ A, B int }

func (s shown) String() string {
	if s.A < 0 {
		panic("negative")
	}
	return fmt.Sprint(s.A)
}

type asText struct {
	S shown        `hash:"string"`
	I fmt.Stringer `hash:"string"`
}

// picky leaves out fields and map entries that are named in it.
type picky struct {
	Skip string
	A, B int
	c    int
	M    map[string]int
	N    any
	S    shown `hash:"string"`
}

func (p picky) HashInclude(field string, v any) (bool, error) {
	if _, ok := v.(reflect.Value); !ok {
		return false, errors.New("HashInclude expects what hashstructure gives it")
	}
	if field == "S" {
		return v.(reflect.Value).String() != "0", nil
	}
	if p.Skip == "fail" {
		return false, io.ErrUnexpectedEOF
	}
	if p.Skip == "panic" {
		panic(io.ErrClosedPipe)
	}
	return field != "Skip" && field != p.Skip, nil
}

func (p picky) HashIncludeMap(field string, k, v any) (bool, error) {
	switch k {
	case "fail":
		return false, io.ErrNoProgress
	case "panic":
		panic("in HashIncludeMap")
	}
	return v != 0, nil
}

// shy is Includable through its pointer only.
type shy struct{ A, B int }

func (*shy) HashInclude(field string, _ any) (bool, error) { return field != "B", nil }

// constant collides on purpose.
type constant struct{ V int }

func (c constant) Hash() (uint64, error) {
	if c.V < 0 {
		return 0, io.ErrShortWrite
	}
	return 42, nil
}

// constantPtr collides on purpose, through its pointer only.
type constantPtr struct{ V int }

func (*constantPtr) Hash() (uint64, error) { return 43, nil }

type withSets struct {
	S  []int          `hash:"set"`
	P  *[]int         `hash:"set"`
	A  any            `hash:"set"`
	B  []byte         `hash:"set"`
	R  [2]int         `hash:"set"`
	N  [][]int        `hash:"set"`
	M  map[string]int `hash:"set"`
	An []any          `hash:"set"`
}

func TestTagsAndInterfacesShapeTheIdentity(t *testing.T) {
	t.Parallel()
	list := func(v ...int) *[]int { return &v }
	tests := []func(*testing.T) (string, bool){
		same("string tag: what String leaves out", asText{shown{1, 1}, shown{2, 1}}, asText{shown{1, 2}, shown{2, 2}}),
		differ("string tag: what String shows", asText{shown{1, 1}, shown{2, 1}}, asText{shown{2, 1}, shown{2, 1}}),
		same("string tag: the dynamic type does not count", asText{I: shown{2, 1}}, asText{I: bytes.NewBufferString("2")}),
		same("set", withSets{S: []int{1, 2, 2}}, withSets{S: []int{2, 1, 2}}),
		differ("set: repetition", withSets{S: []int{1, 2, 2}}, withSets{S: []int{1, 1, 2}}),
		differ("set: pairs do not cancel", withSets{S: []int{1, 1}}, withSets{S: []int{}}),
		differ("set: nil and empty", withSets{}, withSets{S: []int{}}),
		same("set behind a pointer", withSets{P: list(1, 2)}, withSets{P: list(2, 1)}),
		same("set behind an interface", withSets{A: []int{1, 2}}, withSets{A: []int{2, 1}}),
		same("set behind both", withSets{A: list(1, 2)}, withSets{A: list(2, 1)}),
		same("set of bytes", withSets{B: []byte("ab")}, withSets{B: []byte("ba")}),
		same("set of interfaces", withSets{An: []any{1, "a"}}, withSets{An: []any{"a", 1}}),
		differ("set: arrays are no sets", withSets{R: [2]int{1, 2}}, withSets{R: [2]int{2, 1}}),
		differ("set: only the outer slice", withSets{N: [][]int{{1, 2}}}, withSets{N: [][]int{{2, 1}}}),
		same("set of slices", withSets{N: [][]int{{1, 2}, {3}}}, withSets{N: [][]int{{3}, {1, 2}}}),
		differ("set: entries of one length", withSets{N: [][]int{{1}, {2, 3}}}, withSets{N: [][]int{{1, 2}, {3}}}),
		same("Includable", picky{Skip: "A", A: 1}, picky{Skip: "A", A: 2}),
		differ("Includable: other fields", picky{Skip: "A", B: 1}, picky{Skip: "A", B: 2}),
		differ("Includable: left out is not zero", picky{Skip: "A"}, picky{Skip: "B"}),
		differ("Includable: private fields are not asked about", picky{Skip: "c", c: 1}, picky{Skip: "c", c: 2}),
		same("Includable sees the text of a string field", picky{S: shown{0, 1}}, picky{S: shown{0, 2}}),
		same("IncludableMap", picky{M: map[string]int{"a": 1, "b": 0}}, picky{M: map[string]int{"a": 1, "c": 0}}),
		same("IncludableMap behind an interface", picky{N: map[string]int{"a": 1, "b": 0}}, picky{N: map[string]int{"a": 1}}),
		differ("IncludableMap: other entries", picky{M: map[string]int{"a": 1}}, picky{M: map[string]int{"a": 2}}),
		same("Includable by pointer", shy{1, 2}, shy{1, 3}),
		differ("Includable by pointer: other fields", shy{1, 2}, shy{2, 2}),
		same("Includable in containers", map[int][]shy{1: {{1, 2}}}, map[int][]shy{1: {{1, 3}}}),
		differ("Hashable does not shape the identity", constant{1}, constant{2}),
	}
	for _, tt := range tests {
		if name, ok := tt(t); !ok {
			t.Errorf("%s: wrong", name)
		}
	}
}

func TestErrorsAndPanicsOfUserCodeAreNamed(t *testing.T) {
	t.Parallel()
	failing := keys.Config{HashFuncs: map[reflect.Type]func(any) (any, error){
		reflect.TypeFor[colour](): func(v any) (any, error) {
			switch v {
			case colour("panic"):
				panic("in a HashFunc")
			case colour("nil"):
				return 1, (*nilError)(nil)
			}
			return nil, io.ErrUnexpectedEOF
		},
	}}
	tests := []struct {
		name string
		cfg  keys.Config
		k    any
		path string
		text string
		is   error
	}{
		{"HashFunc", failing, pairOf[colour]{Y: "x"}, "key.(keys_test.pairOf[github.com/reecho-go/reecho/internal/keys_test.colour]).X", "HashFuncs[keys_test.colour]: unexpected EOF", io.ErrUnexpectedEOF},
		{"HashFunc panics", failing, []colour{"panic"}, "key.([]keys_test.colour)[0]", "HashFuncs[keys_test.colour]: panic: in a HashFunc", nil},
		{"HashFunc returns an error that panics", failing, []colour{"nil"}, "key.([]keys_test.colour)[0]", "HashFuncs[keys_test.colour]: <nil>", nil},
		{"String panics", keys.Config{}, asText{S: shown{A: -1}, I: shown{}}, "key.(keys_test.asText).S", "String: panic: negative", nil},
		{"String on nothing", keys.Config{}, asText{}, "key.(keys_test.asText).I", "no", keys.ErrUnkeyable},
		{"HashInclude", keys.Config{}, picky{Skip: "fail"}, "key.(keys_test.picky).Skip", "HashInclude: unexpected EOF", io.ErrUnexpectedEOF},
		{"HashInclude panics", keys.Config{}, picky{Skip: "panic"}, "key.(keys_test.picky).Skip", "HashInclude: panic", io.ErrClosedPipe},
		{"HashIncludeMap", keys.Config{}, picky{M: map[string]int{"fail": 1}}, "key.(keys_test.picky).M", "HashIncludeMap: multiple Read", io.ErrNoProgress},
		{"HashIncludeMap panics", keys.Config{}, picky{M: map[string]int{"panic": 1}}, "key.(keys_test.picky).M", "HashIncludeMap: panic: in HashIncludeMap", nil},
	}
	for _, tt := range tests {
		plan := must[any](t, tt.cfg)
		_, errA := plan.Append(nil, &tt.k)
		_, errF := plan.Fingerprint(tt.k)
		for _, err := range []error{errA, errF} {
			ve, ok := errors.AsType[*keys.ValueError](err)
			if !ok || ve.Path != tt.path || !strings.Contains(ve.Reason, tt.text) || tt.is != nil && !errors.Is(err, tt.is) {
				t.Errorf("%s: error is %v\n%#v", tt.name, err, ve)
			}
		}
	}
	if _, err := must[constant](t, keys.Config{}).Fingerprint(constant{-1}); !errors.Is(err, io.ErrShortWrite) || !strings.Contains(err.Error(), "Hash: ") {
		t.Errorf("the error of Hash is %v", err)
	}
}

type pairOf[T any] struct{ X, Y T }

// nilError is an error that cannot be nil.
type nilError struct{ text string }

func (e *nilError) Error() string { return e.text }

func TestHashFuncs(t *testing.T) {
	t.Parallel()
	var calls int
	lower := func(v any) (any, error) {
		calls++
		return strings.ToLower(string(v.(colour))), nil
	}
	day := func(v any) (any, error) { return v.(time.Time).Format(time.DateOnly), nil }
	mod10 := func(v any) (any, error) { return v.(int) % 10, nil }
	cfg := keys.Config{HashFuncs: map[reflect.Type]func(any) (any, error){
		reflect.TypeFor[colour]():        lower,
		reflect.TypeFor[time.Time]():     day,
		reflect.TypeFor[int]():           mod10,
		reflect.TypeFor[func()]():        func(any) (any, error) { return "func", nil },
		reflect.TypeFor[error]():         func(v any) (any, error) { return fmt.Sprint(v), nil },
		reflect.TypeFor[map[int]int]():   func(v any) (any, error) { return v, nil },
		reflect.TypeFor[*pair]():         func(v any) (any, error) { return v.(*pair) == nil, nil },
		reflect.TypeFor[constantPtr]():   func(any) (any, error) { return func() {}, nil },
		reflect.TypeFor[unmet]():         func(any) (any, error) { calls++; return nil, nil },
		reflect.TypeFor[unsafePointer](): func(v any) (any, error) { return []any{v.(unsafePointer).V, nil}, nil },
	}}
	plan := must[any](t, cfg)
	morning := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	tests := []struct {
		name string
		a, b any
		same bool
	}{
		{"at the top", colour("Red"), colour("red"), true},
		{"exact type only", "Red", "red", false},
		{"in a struct", pairOf[colour]{"A", "B"}, pairOf[colour]{"a", "b"}, true},
		{"in a slice", []colour{"A"}, []colour{"a"}, true},
		{"in an array", [1]colour{"A"}, [1]colour{"a"}, true},
		{"behind a pointer", new(colour("A")), new(colour("a")), true},
		{"as a map key", map[colour]int8{"A": 1}, map[colour]int8{"a": 1}, true},
		{"as a map value", map[int8]colour{1: "A"}, map[int8]colour{1: "a"}, true},
		{"behind interfaces", []any{[]any{colour("A")}}, []any{[]any{colour("a")}}, true},
		{"in a private field", hidden{"A"}, hidden{"a"}, true},
		{"colliding map keys are counted", map[colour]int8{"A": 1, "a": 1}, map[colour]int8{"a": 1}, false},
		{"before a built-in", morning, morning.Add(time.Hour), true},
		{"before a built-in: other results", morning, morning.Add(24 * time.Hour), false},
		{"before a kind", 13, 23, true},
		{"before a kind: other results", 13, 24, false},
		{"on elements of a slice of numbers", []int{1, 12}, []int{11, 2}, true},
		{"on an interface type", pairOf[error]{io.EOF, nil}, pairOf[error]{errors.New("EOF"), nil}, true},
		{"not inside its own result", map[int]int{1: 1}, map[int]int{11: 11}, false},
		{"on a pointer", pairOf[*pair]{&pair{"a", ""}, nil}, pairOf[*pair]{&pair{"b", ""}, nil}, true},
		{"on a pointer: nil", pairOf[*pair]{nil, nil}, pairOf[*pair]{&pair{}, nil}, false},
		{"result of another type", unsafePointer{V: 1}, unsafePointer{V: 1, skip: 2}, true},
	}
	for _, tt := range tests {
		ka, errA := plan.Append(nil, &tt.a)
		kb, errB := plan.Append(nil, &tt.b)
		if errA != nil || errB != nil || bytes.Equal(ka, kb) != tt.same {
			t.Errorf("%s: %q (%v) and %q (%v), want equal: %v", tt.name, ka, errA, kb, errB, tt.same)
		}
		fa, errA := plan.Fingerprint(tt.a)
		fb, errB := plan.Fingerprint(tt.b)
		if errA != nil || errB != nil || tt.same && fa != fb {
			t.Errorf("%s: fingerprints %x (%v) and %x (%v)", tt.name, fa, errA, fb, errB)
		}
	}

	var unkeyable any = constantPtr{}
	if _, err := plan.Append(nil, &unkeyable); !errors.Is(err, keys.ErrUnkeyable) {
		t.Errorf("a result that is a func gives %v", err)
	}
	var k any = []any{colour("a"), pairOf[colour]{}, map[colour]colour{"x": "y"}}
	for name, use := range map[string]func() error{
		"Append":      func() error { _, err := plan.Append(nil, &k); return err },
		"Fingerprint": func() error { _, err := plan.Fingerprint(k); return err },
	} {
		calls = 0
		if err := use(); err != nil || calls != 5 {
			t.Errorf("%s called the HashFunc %d times for 5 occurrences (%v)", name, calls, err)
		}
	}

	delete(cfg.HashFuncs, reflect.TypeFor[unmet]())
	calls = 0
	var late any = unmet{} // the plan has not seen its type yet
	if _, err := plan.Append(nil, &late); err != nil || calls != 1 {
		t.Error("the plan follows changes of the map it was given")
	}
}

type hidden struct{ c colour }

type unmet struct{}

type unsafePointer struct{ V, skip int }

func TestHashableShapesOnlyTheFingerprint(t *testing.T) {
	t.Parallel()
	plan := must[any](t, keys.Config{})
	for _, v := range []any{constant{1}, constant{2}, &constant{1}, constantPtr{1}} {
		h, err := plan.Fingerprint(v)
		want := uint64(42)
		if _, ok := v.(constantPtr); ok {
			want = 43
		}
		if err != nil || h != want {
			t.Errorf("Fingerprint(%#v) = %d, %v, want %d", v, h, err, want)
		}
	}
	var one, two any = constant{1}, constant{2}
	a, errA := plan.Append(nil, &one)
	b, errB := plan.Append(nil, &two)
	if errA != nil || errB != nil || bytes.Equal(a, b) {
		t.Errorf("canonical bytes %q and %q (%v, %v), want different ones", a, b, errA, errB)
	}
}

// onePlain is everything that hashstructure hashes soundly.
type onePlain struct {
	I   int
	I8  int8
	U   uint
	U64 uint64
	B   bool
	S   string
	N   colour
	F   float64
	F32 float32
	C   complex64
	P   *int
	PP  **string
	L   []string
	LL  [][]int
	A   [2]bool
	M   map[string]int
	MM  map[int8][]string
	By  []byte
	T   time.Time
	Any any
	In  struct{ X, Y any }
	pr  int
	Set []int  `hash:"set"`
	Str shown  `hash:"string"`
	Ign string `hash:"ignore"`
	Pk  picky
	Sub *onePlain
	_   int
	End []struct {
		A float32
		_ int
		B string
	}
}

// Where hashstructure's hash is sound, the fingerprint is that very hash,
// whether the plan could hand over the whole value or had to fold parts.
func TestFingerprintIsTheHashOfHashstructure(t *testing.T) {
	t.Parallel()
	k := onePlain{
		I: -1, I8: 2, U: 3, U64: 4, B: true, S: "s", N: "n", F: 1.5, F32: 2.5, C: complex(1, 2),
		P: new(7), PP: new(new("x")), L: []string{"a", "b"}, LL: [][]int{{1}, nil, {2, 3}}, A: [2]bool{true, false},
		M: map[string]int{"a": 1, "b": 2}, MM: map[int8][]string{1: {"x"}, 2: nil}, By: []byte("bytes"),
		T: time.Date(2026, 1, 2, 3, 4, 5, 6, time.FixedZone("X", 3600)), Any: []any{1, "a", nil, map[string]any{"k": 1.5}},
		pr: 5, Set: []int{3, 1, 2}, Str: shown{4, 5}, Ign: "ignored",
		Pk: picky{Skip: "A", A: 1, B: 2, M: map[string]int{"a": 1, "b": 0}, N: map[string]int{"c": 0}, S: shown{1, 2}},
	}
	k.In.X = &k.I
	k.Sub = &onePlain{S: "inner", Any: shown{1, 2}, Str: shown{1, 1}}
	k.End = append(k.End, struct {
		A float32
		_ int
		B string
	}{A: 1, B: "b"})
	checkHash(t, k)
	checkHash(t, onePlain{})
	checkHash(t, &k)
	checkHash[any](t, k)
	checkHash(t, []onePlain{k, {}})
	checkHash(t, map[string]onePlain{"a": k, "b": {}})
	checkHash(t, twoFields{1, "x"})
	checkHash(t, 42)
	checkHash(t, "text")
	checkHash(t, uint8(3))
	checkHash(t, struct{}{})
	checkHash(t, [3]byte{1, 2, 3})
	checkHash(t, k.T)
	checkHash(t, mapOf16())
	checkHash(t, withSets{S: []int{1, 2}, P: new([]int{2, 1}), A: []int{5, 4}, N: [][]int{{1}, {2}}, B: []byte("ba")})
	checkHash(t, constant{1})
	checkHash(t, []constant{{1}})
}

// A zone may be further from UTC than hashstructure can write down.
func TestTimesOfImpossibleZonesHaveFingerprints(t *testing.T) {
	t.Parallel()
	type query struct {
		Any  any
		From time.Time
	}
	at := time.Unix(1, 1).In(time.FixedZone("far", 1<<30))
	plan := must[query](t, keys.Config{})
	a, errA := plan.Fingerprint(query{at, at})
	b, errB := plan.Fingerprint(query{at, at.Add(1)})
	if errA != nil || errB != nil || a == b {
		t.Errorf("fingerprints %x (%v), %x (%v)", a, errA, b, errB)
	}
	checkHash(t, query{1, time.Unix(1, 1).In(time.FixedZone("near", -3601))})
	checkHash(t, stamp(at))
	checkHash(t, struct{ F [0]func() }{})
}

func checkHash[K any](t *testing.T, k K) {
	t.Helper()
	checkHashAt(t, reflect.ValueOf(&k))
}

func checkHashAt(t *testing.T, k reflect.Value) {
	t.Helper()
	typ := k.Type().Elem()
	want, err := hashstructure.Hash(k.Elem().Interface(), hashstructure.FormatV2, nil)
	if err != nil {
		t.Fatal(err)
	}
	got, err := mustCompile(t, typ, keys.Config{}).Fingerprint(k.UnsafePointer())
	if err != nil || got != want {
		t.Errorf("Fingerprint(%v) = %x, %v, want %x", typ, got, err, want)
	}
	// A plan that must look behind every string folds everything itself.
	folding := keys.Config{HashFuncs: map[reflect.Type]func(any) (any, error){
		reflect.TypeFor[string](): func(v any) (any, error) { return v, nil },
		reflect.TypeFor[int]():    func(v any) (any, error) { return v, nil },
	}}
	if got, err := mustCompile(t, typ, folding).Fingerprint(k.UnsafePointer()); err != nil || got != want {
		t.Errorf("folded, Fingerprint(%v) = %x, %v, want %x", typ, got, err, want)
	}
}

func TestLongBytesAreHashedByDigest(t *testing.T) {
	plan := must[[]byte](t, keys.Config{})
	long := bytes.Repeat([]byte("x"), 1<<19)
	a, errA := plan.Fingerprint(long)
	long[len(long)-1]++
	b, errB := plan.Fingerprint(long)
	if errA != nil || errB != nil || a == b {
		t.Errorf("fingerprints %x (%v), %x (%v)", a, errA, b, errB)
	}
	if n := testing.AllocsPerRun(3, func() { _, _ = plan.Fingerprint(long) }); n > 1000 {
		t.Errorf("a fingerprint of 512 KB takes %v allocations", n)
	}
	array := must[[64]byte](t, keys.Config{})
	if a, _ := array.Fingerprint([64]byte{1}); a == 0 {
		t.Error("an array of bytes has no fingerprint")
	} else if b, _ := array.Fingerprint([64]byte{2}); a == b {
		t.Error("arrays of bytes share a fingerprint")
	}
}
