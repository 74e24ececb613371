package keys_test

import (
	"bytes"
	"errors"
	"math/big"
	"reflect"
	"strings"
	"testing"

	"github.com/reecho-go/reecho/internal/keys"
	"github.com/reecho-go/reecho/internal/soaktest"
)

type boxed struct{ Next any }

// asked is Includable and has nothing to ask about.
type asked struct{}

func (asked) HashInclude(string, any) (bool, error) { return true, nil }

// longList is a list of n nodes.
func longList(n int) *ring {
	nodes := make([]ring, n)
	for i := range n - 1 {
		nodes[i].Next = &nodes[i+1]
	}
	return &nodes[0]
}

type diamond struct{ L, R *diamond }

// dag has n objects and 2^(n-1) paths.
func dag(n int) *diamond {
	d := &diamond{}
	for range n - 1 {
		d = &diamond{d, d}
	}
	return d
}

// fork and its nestings are a DAG of 40 types without recursion.
type (
	fork[T any]   struct{ L, R *T }
	fork4[T any]  = fork[fork[fork[fork[T]]]]
	fork16[T any] = fork4[fork4[fork4[fork4[T]]]]
	fork40[T any] = fork16[fork16[fork4[fork4[T]]]]
)

// forked makes a value of t in which both sides of every fork are one object.
func forked(t reflect.Type) reflect.Value {
	v := reflect.New(t)
	if t.Kind() == reflect.Struct {
		side := forked(t.Field(0).Type.Elem())
		v.Elem().Field(0).Set(side)
		v.Elem().Field(1).Set(side)
	}
	return v
}

func TestTypesSharedByTypesDoNotExplode(t *testing.T) {
	t.Parallel()
	k := forked(reflect.TypeFor[fork40[int]]()).Interface().(*fork40[int])
	plan := must[fork40[int]](t, keys.Config{})
	if _, err := plan.Append(nil, k); !errors.Is(err, keys.ErrTooLarge) {
		t.Errorf("Append gives %v", err)
	}
	if _, err := plan.Fingerprint(*k); !errors.Is(err, keys.ErrTooLarge) {
		t.Errorf("Fingerprint gives %v", err)
	}
	if n := len(typeErrors[fork40[chan int]](t, keys.Config{})); n == 0 || n > 100 {
		t.Errorf("a type with 2^40 paths to a chan is refused with %d reasons", n)
	}
}

func TestNothingOverflowsTheStackOrHangs(t *testing.T) {
	t.Parallel()
	nested := func(n int) any {
		var v any
		for range n {
			v = boxed{v}
		}
		return v
	}
	lists := func(n int) any {
		var v any
		for range n {
			v = []any{v}
		}
		return v
	}
	// Deeper than the deepest limit, also under the race detector.
	size := func(n int) int { return max(soaktest.Size(n), 150_000) }
	list, ring := longList(size(5_000_000)), newRing(0, size(5_000_000))
	anyDAG := any(1)
	for range 41 {
		anyDAG = []any{anyDAG, anyDAG}
	}
	mapDAG := map[string]any{}
	for range 41 {
		mapDAG = map[string]any{"a": mapDAG, "b": mapDAG}
	}
	tests := []struct {
		name string
		cfg  keys.Config
		v    any
		want error
	}{
		{"list of 1000 nodes", keys.Config{}, longList(999), nil},
		{"list of 5 million nodes", keys.Config{}, list, keys.ErrTooDeep},
		{"list of 5 million nodes, deepest limit", keys.Config{MaxDepth: 100_000}, list, keys.ErrTooDeep},
		{"a million boxes", keys.Config{MaxDepth: 100_000, MaxBytes: 1 << 24}, nested(size(1_000_000)), keys.ErrTooDeep},
		{"a million lists", keys.Config{MaxDepth: 50_000, MaxBytes: 1 << 24}, lists(size(1_000_000)), keys.ErrTooDeep},
		{"41 objects with 2^40 paths", keys.Config{}, dag(41), keys.ErrTooLarge},
		{"41 lists with 2^40 paths", keys.Config{}, anyDAG, keys.ErrTooLarge},
		{"41 maps with 2^40 paths", keys.Config{}, mapDAG, keys.ErrTooLarge},
		{"ring of 5 million nodes", keys.Config{}, ring, keys.ErrTooDeep},
		{"string of 2 MiB", keys.Config{}, strings.Repeat("x", 2<<20), keys.ErrTooLarge},
		{"bytes of 2 MiB", keys.Config{}, make([]byte, 2<<20), keys.ErrTooLarge},
		{"2 MiB in many strings", keys.Config{}, []string{strings.Repeat("x", 1<<20-8), "abcdefghijkl"}, keys.ErrTooLarge},
		{"a million numbers", keys.Config{}, make([]int, 1<<20), keys.ErrTooLarge},
		{"map of many entries", keys.Config{MaxBytes: 100}, manyEntries(50), keys.ErrTooLarge},
		{"set of many elements", keys.Config{MaxBytes: 100}, tagged{Set: make([]string, 101)}, keys.ErrTooLarge},
		{"array", keys.Config{MaxBytes: 100}, &[101]byte{}, keys.ErrUnkeyable},
		{"array of numbers", keys.Config{MaxBytes: 100}, &[50]int{}, keys.ErrTooLarge},
		{"big number", keys.Config{MaxBytes: 100}, new(big.Int).Lsh(big.NewInt(1), 1000), keys.ErrTooLarge},
		{"big fraction", keys.Config{MaxBytes: 100}, new(big.Rat).SetInt(new(big.Int).Lsh(big.NewInt(1), 1000)), keys.ErrTooLarge},
		{"more elements than memory, without data", keys.Config{}, make([][1 << 20]struct{}, 1<<40), nil},
		{"a million huge lists without data", keys.Config{}, [][]struct{}{make([]struct{}, 1<<40), make([]struct{}, 1<<40)}, nil},
		{"more elements than time, without fields to ask about", keys.Config{}, &[1 << 20][1 << 20]asked{}, nil},
		{"self-referential any", keys.Config{}, func() any { var x any; x = &x; return x }(), nil},
	}
	for _, tt := range tests {
		plan := must[any](t, tt.cfg)
		if _, err := plan.Append(nil, &tt.v); !errors.Is(err, tt.want) {
			t.Errorf("%s: Append gives %v, want %v", tt.name, err, tt.want)
		} else if err != nil && len(err.Error()) > 600 {
			t.Errorf("%s: the error has %d bytes", tt.name, len(err.Error()))
		}
		if _, err := plan.Fingerprint(tt.v); !errors.Is(err, tt.want) {
			t.Errorf("%s: Fingerprint gives %v, want %v", tt.name, err, tt.want)
		}
	}
}

func manyEntries(n int) map[int]string {
	m := map[int]string{}
	for i := range n {
		m[i] = "x"
	}
	return m
}

// The limit must be exact for every way in which bytes are appended: a value
// of n bytes has a key with MaxBytes n, and none with n-1.
func TestMaxBytesIsExact(t *testing.T) {
	t.Parallel()
	check := func(name string, size func(most int) (int, error)) {
		n, err := size(0)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if _, err := size(n); err != nil {
			t.Errorf("%s: %d bytes do not fit in %d: %v", name, n, n, err)
		}
		if _, err := size(n - 1); !errors.Is(err, keys.ErrTooLarge) {
			t.Errorf("%s: %d bytes fit in %d (%v)", name, n, n-1, err)
		}
	}
	check("fields", limited(t, eightFields{Name: "alice"}))
	check("strings", limited(t, strings16()))
	check("numbers", limited(t, []int64{1, 2, 3}))
	check("map", limited(t, map[string]int{"a": 1, "b": 2}))
	check("any", limited[any](t, []any{1, "a", nil}))
	check("set", limited(t, tagged{Set: []string{"b", "a"}}))
	check("list", limited(t, longList(10)))
	check("bytes", limited(t, []byte("hello")))
}

func limited[K any](t *testing.T, k K) func(int) (int, error) {
	return func(most int) (int, error) {
		prefix := []byte("what was there")
		b, err := must[K](t, keys.Config{MaxBytes: most}).Append(prefix, &k)
		if !bytes.HasPrefix(b, prefix) || err != nil && len(b) != len(prefix) {
			t.Errorf("Append turned %q into %q", prefix, b)
		}
		return len(b) - len(prefix), err
	}
}
