package raw_test

import (
	"reflect"
	"testing"
	"unsafe"

	"github.com/reecho-go/reecho/internal/raw"
)

type nested struct {
	a int8
	b string
	c []int
	d any
	e *int
}

// Not parallel: allocations are everybody's.
func TestMoveAssigns(t *testing.T) {
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
}

func move[V any](t *testing.T, v V) {
	t.Helper()
	into := new(V)
	of := raw.Of(reflect.TypeFor[V]())
	of.Move(unsafe.Pointer(into), unsafe.Pointer(&v))
	if !reflect.DeepEqual(*into, v) {
		t.Errorf("%v: %v, want %v", of, *into, v)
	}
	// The variable that is read stays on the stack.
	if n := testing.AllocsPerRun(100, func() {
		own := v
		of.Move(unsafe.Pointer(into), unsafe.Pointer(&own))
	}); n != 0 {
		t.Errorf("%v: %v allocations", of, n)
	}
}
