package raw_test

import (
	"fmt"
	"reflect"
	"testing"
	"unsafe"

	"github.com/reecho-go/reecho/internal/raw"
)

type (
	namedSlice []string
	namedMap   map[int]int
)

type nested struct {
	a int8
	b string
	c []int
	d any
	e *int
}

// Not parallel: allocations are everybody's.
func TestMoveAndCopyAssign(t *testing.T) {
	move(t, 7)
	move(t, "text")
	move(t, struct{}{})
	move(t, [3]byte{1, 2, 3})
	move(t, []int{1, 2})
	move(t, map[string]int{"a": 1})
	move(t, new(5))
	move[any](t, "text")
	move[error](t, nil)
	move(t, nested{1, "b", []int{2}, 'd', new(3)})
	move(t, uint64(1)<<63)
	move(t, 1.5)
	move(t, [2]float32{1, 2})
	move(t, [1]*int{new(5)})
	move(t, struct{ p *int }{new(5)})
	move(t, struct {
		p *int
		_ struct{}
	}{p: new(5)})
	move(t, struct {
		a    bool
		b    *int
		c, d int32
		e    [2]any
		f    map[int]int
	}{true, new(5), 6, 7, [2]any{"a", 8}, map[int]int{9: 10}})
	move(t, [6]string{"a", "b", "c", "d", "e", "f"})
	move(t, [300]byte{299: 1})
	move(t, [40]string{39: "end"})
	move[fmt.Stringer](t, reflect.ValueOf(1))
	move[namedSlice](t, namedSlice{"a"})
	move[namedMap](t, namedMap{1: 2})
}

func move[V any](t *testing.T, v V) {
	t.Helper()
	into := new(V)
	of := raw.Of(reflect.TypeFor[V]())
	of.Move(unsafe.Pointer(into), unsafe.Pointer(&v))
	if !reflect.DeepEqual(*into, v) {
		t.Errorf("%v: %v, want %v", of, *into, v)
	}
	if made := (*V)(of.New()); !reflect.ValueOf(made).Elem().IsZero() {
		t.Errorf("%v: New() = %v, want zero", of.Type, *made)
	}
	made := (*V)(of.Copy(unsafe.Pointer(&v)))
	if !reflect.DeepEqual(*made, v) || unsafe.Sizeof(v) > 0 && made == &v {
		t.Errorf("%v: Copy() = %v, want %v", of.Type, *made, v)
	}
	if *made = *new(V); !reflect.ValueOf((*V)(of.New())).Elem().IsZero() || !reflect.DeepEqual(*into, v) {
		t.Errorf("%v: a copy shares its memory", of.Type)
	}
	if of.Clear(unsafe.Pointer(into)); !reflect.ValueOf(into).Elem().IsZero() {
		t.Errorf("%v: Clear() leaves %v", of.Type, *into)
	}
	// The variable that is read stays on the stack.
	if n := testing.AllocsPerRun(100, func() {
		own := v
		of.Move(unsafe.Pointer(into), unsafe.Pointer(&own))
	}); n != 0 {
		t.Errorf("%v: %v allocations", of, n)
	}
}

// The stack of a new goroutine is small, so that one of the depths makes it move in each
// call there is.
func TestHideFollowsAStackThatMoves(t *testing.T) {
	for depth := range 400 {
		done := make(chan bool)
		go func() { done <- hiddenAt(depth) }()
		if !<-done {
			t.Fatalf("%d calls deep, the hidden address is not that of the variable", depth)
		}
	}
}

//go:noinline
func hiddenAt(depth int) bool {
	if depth > 0 {
		return hiddenAt(depth - 1)
	}
	var v int
	p := unsafe.Pointer(&v)
	return raw.Hide(p) == p
}

// A copy on the heap must not refer to a stack, whose memory is used again.
func TestWhatACopyRefersToIsNotOnTheStack(t *testing.T) {
	t.Parallel()
	number, text := 700, []byte("short")
	for _, test := range []struct {
		name string
		copy func() [2]any
		want any
	}{
		{"a string", func() [2]any { return copies(string(text)) }, new("short")},
		{"a slice", func() [2]any { return copies([]int{1, number}) }, new([]int{1, 700})},
		{"a pointer", func() [2]any { own := number; return copies(&own) }, new(new(700))},
		{"a pointer in an array", func() [2]any { own := number; return copies([1]*int{&own}) }, new([1]*int{new(700)})},
		{"strings in a struct", func() [2]any { return copies(nested{b: string(text)}) }, &nested{b: "short"}},
		{"strings in a large array", func() [2]any { return copies([20]string{19: string(text)}) }, &[20]string{19: "short"}},
	} {
		for i, way := range []string{"Move", "Copy"} {
			got := test.copy()[i]
			if overwriteStack(i); !reflect.DeepEqual(got, test.want) {
				t.Errorf("%s: %s refers to the stack", test.name, way)
			}
		}
	}
}

// copies returns the addresses of a copy by Move and one by Copy.
//
//go:noinline
func copies[V any](v V) [2]any {
	of := raw.Of(reflect.TypeFor[V]())
	into := new(V)
	of.Move(unsafe.Pointer(into), unsafe.Pointer(&v))
	return [2]any{into, (*V)(of.Copy(unsafe.Pointer(&v)))}
}

//go:noinline
func overwriteStack(from int) int {
	var junk [1 << 10]int
	for i := range junk {
		junk[i] = from + i
	}
	return junk[from]
}
